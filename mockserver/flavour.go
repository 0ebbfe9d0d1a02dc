package mockserver

import (
	"cmp"
	"strings"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// The flavours: products as which a forest or a server plays.
const (
	FlavourExchange2003   = "exchange-2003"
	FlavourExchange2007   = "exchange-2007"
	FlavourExchange2010   = "exchange-2010"
	FlavourExchange2013   = "exchange-2013"
	FlavourExchange2016   = "exchange-2016"
	FlavourExchangeSE     = "exchange-se"
	FlavourExchangeOnline = "exchange-online"
	FlavourGromox         = "gromox"
)

// What the servers that never spoke MAPI over HTTP do with it: Exchange 2003,
// 2007 and 2010.
const (
	MAPIStandIn = "stand-in" // their codes, over MAPI over HTTP in the place of RPC
	MAPINever   = "never"    // HTTP 404, and EXCH and EXPR in Autodiscover, as it was
)

// The systems whose servers can share a forest.
const (
	systemExchange = "Exchange"
	systemOnline   = "Exchange Online"
	systemGromox   = "Gromox"
)

// flavour is what one product does in its own way.
type flavour struct {
	name    string
	about   string // for people, who choose
	system  string
	version string // X-ServerApplication: Exchange/<version>

	// What the keys of a forest are where the world file is silent.
	serverName string
	refuseAt   string
	unknown    string
	referral   string

	// Sign-in.
	basic      bool   // offers Basic; Bearer is offered where the world has tokens
	bearer     string // parameters of the Bearer challenge; "": none. %s: the forest
	basicRealm string // parameters of the Basic challenge; "": the host as realm

	// MAPI over HTTP.
	rpcOnly       bool          // never spoke it: see MAPIStandIn
	traces        bool          // X-FEServer, X-BEServer, request-id and their like, and the cookie MapiRouting
	frontEnds     int           // behind each host; a Session Context is at one of them. 0: one
	failureLayout bool          // Connect refuses in the failure layout, without cookies
	pendingPeriod time.Duration // X-PendingPeriod
	pendingEvery  time.Duration // time between two PENDING; 0: pendingPeriod
	maxWait       time.Duration // that a NotificationWait lasts without an event
	connected     time.Duration // X-ExpirationInfo after Connect
	used          time.Duration // and after anything else
	gromoxFrame   bool          // headers, codes, cookies and chunks of gromox.go

	// RopLogon.
	noSuchEssdn     mapi.Code // Essdn of nobody at RopLogon; EcNone: as the key unknown
	disabled        mapi.Code // the mailbox is disabled
	disabledSoon    mapi.Code // in the first five minutes of it; EcNone: the same
	offline         mapi.Code // the database is offline
	offlineFault    bool      // as StatusCode of the call, not as ReturnValue
	inTransit       mapi.Code // a move is in its last part; EcNone: no such state
	noRights        mapi.Code // the caller may not open it; EcNone: the logon succeeds and the next ROP is refused
	noRightsConnect bool      // Connect says so
	noReplID        mapi.Code // USE_PER_MDB_REPLID_MAPPING is missing; EcNone: no matter
	noReplIDFault   bool      // the first time in a session as a fault of the whole call
	pausesAfter     int       // tries in 10 s for a mailbox elsewhere, then ecServerPaused; 0: never
	stateOptional   bool      // Bind does without a STAT

	// Autodiscover.
	noAutodiscover  bool   // knows none
	olderProtocols  bool   // EXCH and EXPR name servers by FQDN, and a mailbox on a newer version is an HTTP 302
	microsoftOnline string // MicrosoftOnline
	v2              bool   // answers /autodiscover/autodiscover.json
	nobody          int    // ErrorCode for an address of nobody
	internal        int    // ErrorCode for a fault of the server
}

// A line without a source of its own is the specification's: [MS-OXCSTOR]
// 3.2.5.1.1 with its product notes for the codes of RopLogon, [MS-OXCMAPIHTTP]
// 2.2.3.3 for the times, [MS-OXDSCLI] 2.2.4.1.1.3.2 for the error codes. The
// versions of 2003 to 2016 and of Exchange Online are examples of general
// knowledge, not measured; nothing but the logs of a client depends on them.
var flavours = []flavour{
	{
		// A forest without the key: Exchange SE that names servers as before
		// 2013, so that ecWrongServer can be met, without the headers that
		// matter to logs only.
		name: "", system: systemExchange, version: "15.02.2562.045",
		serverName: NameDN, refuseAt: RefuseConnect, unknown: "ecUnknownUser", referral: ReferURL,
		basic:         true,
		pendingPeriod: 30 * time.Second, maxWait: 5 * time.Minute, connected: 300 * time.Second, used: 900 * time.Second,
		disabled: mapi.EcUnknownUser, offline: mapi.EcLoginFailure, inTransit: mapi.EcMailboxInTransit,
		noRights: mapi.EcLoginPerm, noRightsConnect: true,
		noReplID: mapi.EcInvalidParam, noReplIDFault: true, stateOptional: true,
		microsoftOnline: "False", nobody: 500, internal: 603,
	},
	{
		name: FlavourExchange2003, about: "SP2, never spoke MAPI/HTTP: its codes stand in for RPC; no Autodiscover",
		system: systemExchange, version: "06.05.7638.001", // SP2
		serverName: NameDN, // [MS-OXABREF] 3.1.4.2: a NetBIOS name
		refuseAt:   RefuseLogon,
		unknown:    "ecLoginFailure", // product note, and [MS-OXMVMBX] note 1
		referral:   ReferAddress,     // has no Autodiscover: of no effect
		basic:      true,
		rpcOnly:    true, // MAPI over HTTP came with Exchange 2013 SP1
		// RPC has no such times: those of Exchange SE.
		pendingPeriod: 30 * time.Second, maxWait: 5 * time.Minute, connected: 300 * time.Second, used: 900 * time.Second,
		disabled:       mapi.EcMailboxDisabled, // product note
		offline:        mapi.EcLoginFailure,
		inTransit:      mapi.EcMailboxInTransit,
		noRights:       mapi.EcAccessDenied, // product note
		noReplID:       mapi.EcNone,         // [MS-OXCRPC] 3.1.4.1.3: the flag is known from 8.0.324 on
		pausesAfter:    5,
		stateOptional:  true,
		noAutodiscover: true, // which came with Exchange 2007: general knowledge
		nobody:         500, internal: 603,
	},
	{
		name: FlavourExchange2007, about: "SP3, never spoke MAPI/HTTP: its codes stand in for RPC",
		system: systemExchange, version: "08.03.0083.006", // SP3
		serverName: NameDN, refuseAt: RefuseLogon, unknown: "ecUnknownUser",
		referral:      ReferAddress, // the targetAddress of a mail user, as administrators report of hybrid deployments
		basic:         true,
		rpcOnly:       true,
		pendingPeriod: 30 * time.Second, maxWait: 5 * time.Minute, connected: 300 * time.Second, used: 900 * time.Second,
		disabled:       mapi.EcUnknownUser,
		disabledSoon:   mapi.EcLoginFailure, // product note
		offline:        mapi.EcLoginFailure, // product note
		inTransit:      mapi.EcMailboxInTransit,
		noRights:       mapi.EcAccessDenied, // product note
		noReplID:       mapi.EcNone,         // product note: succeeds
		pausesAfter:    5,
		stateOptional:  true,
		olderProtocols: true, // [MS-OXDSCLI] 2.2.4.1.1.2 Server; the 302 since SP2, as Microsoft's pages on RedirectUrl say
		nobody:         500, internal: 603, microsoftOnline: "False",
	},
	{
		name: FlavourExchange2010, about: "SP3, never spoke MAPI/HTTP: its codes stand in for RPC",
		system: systemExchange, version: "14.03.0123.004", // SP3
		serverName: NameDN, refuseAt: RefuseLogon, unknown: "ecUnknownUser",
		referral:      ReferAddress, // as 2007
		basic:         true,
		rpcOnly:       true,
		pendingPeriod: 30 * time.Second, maxWait: 5 * time.Minute, connected: 300 * time.Second, used: 900 * time.Second,
		disabled:      mapi.EcUnknownUser,
		offline:       mapi.RPCSServerUnavailable, // product note: an RPC fault
		offlineFault:  true,
		inTransit:     mapi.EcMailboxInTransit,
		noRights:      mapi.EcLoginPerm,   // product note
		noReplID:      mapi.EcWrongServer, // product note
		pausesAfter:   5,
		stateOptional: true, olderProtocols: true,
		nobody: 500, internal: 603, microsoftOnline: "False",
	},
	{
		name: FlavourExchange2013, about: "SP1, the first with MAPI/HTTP; Connect refuses in the failure layout",
		system: systemExchange, version: "15.00.0847.032", // SP1
		serverName: NameGUID, // [MS-OXABREF]; GUID@domain, seen from Exchange SE
		refuseAt:   RefuseConnect, unknown: "ecUnknownUser",
		referral:      ReferAddress, // as 2007
		basic:         true,
		traces:        true,             // seen from Exchange SE
		failureLayout: true,             // the text of [MS-OXCMAPIHTTP] 2.2.4.1.3; not measured
		pendingPeriod: 15 * time.Second, // [MS-OXCMAPIHTTP] product note: SP1
		maxWait:       5 * time.Minute, connected: 300 * time.Second, used: 900 * time.Second,
		disabled:     mapi.EcUnknownUser,
		offline:      mapi.RPCSServerUnavailable, // product note
		offlineFault: true,
		inTransit:    mapi.EcMailboxInTransit,
		noRights:     mapi.EcNone, // product note: rights are looked at later
		noReplID:     mapi.EcInvalidParam, noReplIDFault: true,
		pausesAfter: 5, stateOptional: true,
		nobody: 500, internal: 603, microsoftOnline: "False",
	},
	{
		name: FlavourExchange2016, about: "RTM, Connect refuses in the failure layout",
		system: systemExchange, version: "15.01.0225.042", // RTM
		serverName: NameGUID, refuseAt: RefuseConnect, unknown: "ecUnknownUser",
		referral:      ReferAddress, // as 2007
		basic:         true,
		traces:        true,
		failureLayout: true,             // as 2013
		pendingPeriod: 15 * time.Second, // [MS-OXCMAPIHTTP] product note: RTM
		maxWait:       5 * time.Minute, connected: 300 * time.Second, used: 900 * time.Second,
		disabled: mapi.EcUnknownUser, offline: mapi.EcLoginFailure, // product note
		inTransit: mapi.EcMailboxInTransit,
		noRights:  mapi.EcNone, // product note
		noReplID:  mapi.EcInvalidParam, noReplIDFault: true,
		pausesAfter: 5, stateOptional: true,
		nobody: 500, internal: 603, microsoftOnline: "False",
	},
	{
		name: FlavourExchangeSE, about: "15.02.2562, as seen; Connect refuses in the success layout, with cookies",
		system: systemExchange, version: "15.02.2562.045", // seen
		serverName:    NameGUID,      // seen
		refuseAt:      RefuseConnect, // seen: the success layout, all empty, with cookies
		unknown:       "ecUnknownUser",
		referral:      ReferAddress, // as 2007
		basic:         true,
		traces:        true, // seen
		pendingPeriod: 30 * time.Second, maxWait: 5 * time.Minute,
		connected: 300 * time.Second, used: 900 * time.Second, // seen
		disabled: mapi.EcUnknownUser, offline: mapi.EcLoginFailure, inTransit: mapi.EcMailboxInTransit,
		noRights: mapi.EcLoginPerm, noRightsConnect: true, // seen
		noReplID: mapi.EcInvalidParam, noReplIDFault: true,
		pausesAfter: 5, stateOptional: true,
		nobody: 500, internal: 603, microsoftOnline: "False",
	},
	{
		// Nothing was measured: as Exchange SE where no line says otherwise.
		name: FlavourExchangeOnline, about: "15.20, Bearer only, three front ends; not measured: exchange-se where nothing else is known",
		system: systemOnline, version: "15.20.8534.048",
		serverName: NameGUID, refuseAt: RefuseConnect, unknown: "ecUnknownUser",
		referral: ReferAddress, // the targetAddress, after a move to another tenant
		// The names and client_id are as reported; the values of
		// trusted_issuers and token_types are examples, and a host of the world
		// is in the place of Microsoft's.
		bearer: `client_id="00000002-0000-0ff1-ce00-000000000000", ` +
			`trusted_issuers="00000001-0000-0000-c000-000000000000@*", token_types="app_asserted_user_v1 service_asserted_app_v1", ` +
			`authorization_uri="https://login.%s/common/oauth2/authorize"`,
		traces: true, frontEnds: 3,
		pendingPeriod: 30 * time.Second, maxWait: 5 * time.Minute, connected: 300 * time.Second, used: 900 * time.Second,
		disabled: mapi.EcUnknownUser, offline: mapi.EcLoginFailure, inTransit: mapi.EcMailboxInTransit,
		noRights: mapi.EcLoginPerm, noRightsConnect: true,
		noReplID: mapi.EcInvalidParam, noReplIDFault: true,
		pausesAfter: 5, stateOptional: true,
		v2:     true, // seen from Outlook for phones
		nobody: 500, internal: 603, microsoftOnline: "True",
	},
	{
		// All seen from Gromox 3.10 or read in its source, commits 1892eb3d and
		// 00bfab55.
		name: FlavourGromox, about: "3.10, as seen; headers, codes and cookies of its own, every server has every mailbox",
		system: systemGromox, version: "15.00.0847.4040",
		serverName: NameGUID, // one system: every server has every mailbox
		refuseAt:   RefuseConnect, unknown: "ecUnknownUser",
		referral:      ReferURL, // oxdisco_redirect_url
		basic:         true,
		basicRealm:    `realm="msrpc realm", charset="utf-8"`,
		gromoxFrame:   true,
		pendingPeriod: 30 * time.Second, pendingEvery: 27 * time.Second,
		maxWait:   15 * time.Minute, // one was open for 14 minutes; where it ends is not known
		connected: 900 * time.Second, used: 900 * time.Second,
		noSuchEssdn: mapi.EcNotFound,
		disabled:    mapi.EcUnknownUser, offline: mapi.EcLoginFailure, // not known: the specification's
		inTransit: mapi.EcNone, // no such state
		noRights:  mapi.EcLoginPerm,
		noReplID:  mapi.EcInvalidParam,
		v2:        true,
		nobody:    404, internal: 503, microsoftOnline: "False",
	},
}

// pending is how often an answer that takes time says so, and how.
func (v *flavour) pending() (every time.Duration, tag string) {
	every, tag = cmp.Or(v.pendingEvery, v.pendingPeriod), tagPending
	if v.gromoxFrame {
		tag = gromoxTag
	}
	return every, tag
}

// Flavour is a product that a [Forest] can play.
type Flavour struct {
	Name  string `json:"name"`  // the value of the key flavour
	About string `json:"about"` // a phrase: the version that is played, and what is peculiar to it
}

// Flavours returns the products that a [Forest] can play, oldest first.
func Flavours() []Flavour {
	var list []Flavour
	for _, v := range flavours[1:] {
		list = append(list, Flavour{v.name, v.about})
	}
	return list
}

// flavourNames are the values of the key flavour.
func flavourNames() string {
	var names []string
	for _, v := range flavours[1:] {
		names = append(names, v.name)
	}
	return strings.Join(names, ", ")
}

// findFlavour returns the flavour of that name, or nil.
func findFlavour(name string) *flavour {
	for i := range flavours {
		if flavours[i].name == name {
			return &flavours[i]
		}
	}
	return nil
}

// newer reports whether v came out after other: the table is in that order.
func (v *flavour) newer(other *flavour) bool {
	return v.release() > other.release()
}

func (v *flavour) release() int {
	for i := range flavours {
		if v == &flavours[i] && i > 0 {
			return i
		}
	}
	se := findFlavour(FlavourExchangeSE) // what a forest without the key plays
	return se.release()
}
