package autodiscover

import (
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"
)

// mapiHTTP is the Type of the block that we speak ([MS-OXDSCLI] 2.2.4.1.1.2.6).
const mapiHTTP = "mapiHttp"

// Settings are what an Autodiscover endpoint answered with Action settings
// ([MS-OXDSCLI] 2.2.4). Only what Homing uses is kept.
type Settings struct {
	DisplayName  string
	LegacyDN     string // User/LegacyDN: the name to log on with from now on
	SMTPAddress  string // AutoDiscoverSMTPAddress; empty if absent
	DeploymentID string
	Protocols    []Protocol // in the order of the document, duplicates kept

	AlternativeMailboxes []AlternativeMailbox // that a client opens beside this one
}

// AlternativeMailbox is an archive or a mailbox of somebody else that the user may
// open ([MS-OXDSCLI] 2.2.4.1.1.2.5). It has a LegacyDN and a server or, from newer
// servers, an address. Each is a server's word: nobody is asked for it.
type AlternativeMailbox struct {
	Type        string // Archive, Delegate, TeamMailbox
	DisplayName string
	LegacyDN    string // empty if absent
	Server      string // may be GUID@domain, never to be dialled
	SMTPAddress string // empty if absent
}

// Protocol is one Protocol block. Type is in upper case as in EXCH, EXPR,
// EXHTTP, WEB, IMAP; mapiHttp stands in an attribute and keeps its spelling.
type Protocol struct {
	Type    string
	Version int
	Server  string        // EXCH and others: the server; may be GUID@domain, never to be dialled
	TTL     time.Duration // how long they hold: whole hours, 1 where the server does not say; 0: until something fails
	MAPI    *MAPI         // mapiHttp only
}

// MAPI are the URLs of a mapiHttp block ([MS-OXDSCLI] 2.2.4.1.1.2.6), the
// external one where both are given.
type MAPI struct {
	MailStore   string
	AddressBook string // may be empty
}

// MAPI returns the first usable mapiHttp block, and whether there is one.
func (s Settings) MAPI() (MAPI, bool) {
	for _, p := range s.Protocols {
		if p.MAPI != nil && p.MAPI.MailStore != "" {
			return *p.MAPI, true
		}
	}
	return MAPI{}, false
}

// The bounds of Settings.TTL.
const (
	minTTL = time.Hour
	maxTTL = 24 * time.Hour
)

// TTL is how long the settings hold: the shortest that a block states, between an
// hour and a day. 0: no block asks for a timer, and they hold until something
// fails ([MS-OXDSCLI] 2.2.4.1.1.2.6). A mapiHttp block states none.
func (s Settings) TTL() time.Duration {
	shortest, stated := time.Duration(0), false
	for _, p := range s.Protocols {
		if p.MAPI != nil {
			continue
		}
		if stated = true; p.TTL > 0 && (shortest == 0 || p.TTL < shortest) {
			shortest = p.TTL
		}
	}
	switch {
	case !stated:
		return minTTL
	case shortest == 0:
		return 0
	}
	return min(max(shortest, minTTL), maxTTL)
}

// types lists the protocols that were offered, for an error.
func (s Settings) types() string {
	var types []string
	for _, p := range s.Protocols {
		switch {
		case p.Type == "":
			types = append(types, "a protocol without a Type")
		case p.MAPI != nil:
			types = append(types, mapiHTTP+" without a usable URL")
		default:
			types = append(types, p.Type)
		}
	}
	if types == nil {
		return "no protocol"
	}
	return strings.Join(types, ", ")
}

// chooseURL returns the URL of a MailStore or AddressBook: the ExternalUrl,
// which holds wherever the client is, or the InternalUrl where that is the only
// usable one. At least one of them has to be given ([MS-OXDSCLI] 3.2.5.1).
func chooseURL(e *etree.Element) string {
	if e == nil {
		return ""
	}
	for _, name := range []string{"ExternalUrl", "InternalUrl"} {
		if s := text(e, name); usableURL(s) {
			return s
		}
	}
	return ""
}

// usableURL reports whether s could be dialled: absolute, https, without a user
// name.
func usableURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && token(s, maxURL) != "" && u.Scheme == "https" && u.Hostname() != "" && u.User == nil
}
