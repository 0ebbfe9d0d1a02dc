package mockserver

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// directory is the live state of a world: who is where now. Its owner guards it.
type directory struct {
	name     string
	password string
	started  time.Time
	forests  []*forest
	servers  []*server
	sites    map[string]*site // by host

	dns         zone
	directories []*ldapSite

	users  map[string]*mailbox
	opened map[string][]*mailbox  // by the user who is a delegate there
	guids  map[mapi.GUID]*mailbox // present and former mailbox GUIDs
	names  map[string]*mailbox    // addresses and account names that a world file gives
}

type forest struct {
	Forest
	told         Forest // as the world file has it
	flavour      *flavour
	servers      []*server
	autodiscover *flavour            // what answers as its Autodiscover at hosts without a server; nil: nothing
	host         string              // of its Autodiscover, for those that it is referred to by; "": it has none
	latest       *forest             // where the latest mailbox that left went
	outage       bool                // its directory is away
	tokens       map[string]*mailbox // whose Bearer token; nil: nobody has one here
}

type server struct {
	ServerSite
	forest   *forest
	flavour  *flavour
	names    string // what its ecWrongServer names: one of the Name constants
	refuseAt string
	unknown  mapi.Code
	mapi     bool   // answers MAPI over HTTP
	offline  []bool // by database

	// Values of headers, made once.
	product   []string   // X-ServerApplication
	period    []string   // X-PendingPeriod
	frontEnds [][]string // X-FEServer of each front end; none: no such header
	backEnd   []string   // X-BEServer
}

// site is a host name and what answers there.
type site struct {
	host        string
	forest      *forest    // whose Autodiscover answers; nil: nobody's
	server      *server    // nil: Autodiscover only
	hoster      *Hoster    // whose web site answers; nil: none
	rogue       *Rogue     // who answers; nil: none
	clear       *ClearSite // what answers without TLS; nil: nothing
	ldap        *ldapSite  // what answers LDAP; nil: nothing
	hole        string     // how connections are swallowed; "": they are not
	witness     Witness
	certificate string
	off         bool // connection refused
	vanished    bool // no such host
	requests    int  // that came to it
	rate        rate
	answer      *canned // what its Autodiscover answers instead; nil: the truth
}

type canned struct {
	status      int
	contentType string
	body        []byte
	header      http.Header // beside Content-Type
}

// mailbox is a person and the person's mailbox. Most mailboxes of a large world
// are never touched, so everything that a script may change is behind a pointer.
type mailbox struct {
	user string
	id   uint32   // from 1, in the order of the world: what Gromox counts users by
	spec *Mailbox // nil: one of a population
	home place
	guid mapi.GUID
	move *move  // nil: it stays where it is
	past *marks // nil: nothing ever happened to it
}

type place struct {
	server   *server
	database int
}

func (p place) String() string { return p.server.Name + "/" + p.server.Databases[p.database] }

// marks are what moves and scripts have left behind.
type marks struct {
	moves    int                 // moves that are done
	objects  map[*forest]*object // absent: none, or the mailbox in its first forest
	former   []*forest           // forests that it left, in the order of leaving, without the present one
	disabled map[*forest]bool
	password map[*forest]string
	noMAPI   map[*forest]bool
	lag      *lag                    // nil: everybody knows where it is
	claims   map[*server]string      // ServerName that a server answers instead of the truth
	referred map[*forest]string      // URL or address that a forest refers to instead
	tries    map[*server][]time.Time // the latest logons at a server that does not have it
}

// object is what the directory of a forest holds of a person.
type object struct {
	kind    objectKind
	aliases []*forest // X500: the legacy DNs of these forests name it too
	stale   place     // objectStale: where the forest believes it to be
}

type objectKind uint8

const (
	objectNone     objectKind = iota
	objectMailbox             // the mailbox is in this forest
	objectMailUser            // a mail user: the targetAddress leads to the forest with the mailbox
	objectStale               // left behind unconverted: Autodiscover still claims the mailbox
)

func (m *mailbox) marks() *marks {
	if m.past == nil {
		m.past = &marks{
			objects: map[*forest]*object{m.forest(): {kind: objectMailbox}}, disabled: map[*forest]bool{}, password: map[*forest]string{},
			noMAPI: map[*forest]bool{}, claims: map[*server]string{}, referred: map[*forest]string{},
		}
	}
	return m.past
}

func (m *mailbox) forest() *forest { return m.home.server.forest }

// object returns what f holds of m.
func (m *mailbox) object(f *forest) object {
	switch {
	case m.past == nil && f == m.forest():
		return object{kind: objectMailbox}
	case m.past == nil || m.past.objects[f] == nil:
		return object{}
	}
	return *m.past.objects[f]
}

func (m *mailbox) displayName() string {
	if m.spec != nil {
		return m.spec.DisplayName
	}
	return m.user
}

// address is the primary address of m in f.
func (m *mailbox) address(f *forest) string {
	if m.spec != nil && strings.HasSuffix(m.spec.Address, "@"+f.Name) {
		return m.spec.Address
	}
	return m.user + "@" + f.Name
}

// mailboxID is the value of MailboxId in the URLs of m in f.
func (m *mailbox) mailboxID(f *forest) string {
	if f.flavour.gromoxFrame {
		return m.gromoxMailboxID(f)
	}
	return m.guid.String() + "@" + f.Name
}

// mayOpen reports whether who may open the mailbox m.
func (m *mailbox) mayOpen(who *mailbox) bool {
	return who == m || m.spec != nil && slices.Contains(m.spec.Delegates, who.user)
}

// legacyDN is the legacyExchangeDN of m in f. It ends in a hash and the user,
// so that a DN leads back to its user without an index.
func (f *forest) legacyDN(m *mailbox) string {
	if f.flavour.gromoxFrame {
		return f.group() + "/cn=Recipients/cn=" + gromoxIDs(m) + "-" + m.user
	}
	user := m.user
	sum := sha256.Sum256([]byte("legacy dn\x00" + f.Name + "\x00" + user))
	return f.group() + "/cn=Recipients/cn=" + hex.EncodeToString(sum[:16]) + "-" + strings.ToUpper(user[:1]) + user[1:]
}

// group is the DN of the administrative group that Exchange 2007 and later have.
func (f *forest) group() string {
	return "/o=" + f.Org + "/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)"
}

// serverDN is the DN of a server, or of what stands for one.
func (f *forest) serverDN(name string) string {
	return f.group() + "/cn=Configuration/cn=Servers/cn=" + name
}

// serverName is the ServerName with which f sends somebody to its server name.
// A server of f may have names of its own: see server.serverName.
func (f *forest) serverName(name string) string {
	if f.ServerName == NameMDB {
		return f.serverDN(name) + privateMDB
	}
	return f.serverDN(name)
}

// privateMDB is what follows the DN of a server in that of its database.
const privateMDB = "/cn=Microsoft Private MDB"

// serverName is the ServerName with which s sends somebody to another server.
func (s *server) serverName(other *server) string {
	if s.names == NameMDB {
		return s.forest.serverDN(other.Name) + privateMDB
	}
	return s.forest.serverDN(other.Name)
}

// autodiscoverURL is where the Autodiscover of f answers.
func (f *forest) autodiscoverURL() string {
	return "https://" + f.host + "/autodiscover/autodiscover.xml"
}

// byLegacyDN finds who has dn in f, as the legacy DN or as an X500 alias; nil:
// nobody.
func (d *directory) byLegacyDN(f *forest, dn string) *mailbox {
	cn := dn[strings.LastIndexByte(dn, '=')+1:]
	_, user, ok := strings.Cut(cn, "-")
	if !ok {
		return nil
	}
	m := d.users[strings.ToLower(user)]
	if m == nil {
		return nil
	}
	o := m.object(f)
	if o.kind == objectNone {
		return nil
	}
	if f.flavour.gromoxFrame {
		o.aliases = nil // it reads the numbers in a DN of its own and knows no others
	}
	for _, of := range append([]*forest{f}, o.aliases...) {
		if strings.EqualFold(of.legacyDN(m), dn) {
			return m
		}
	}
	return nil
}

// byAddress finds whose address it is in f; nil: nobody's.
func (d *directory) byAddress(f *forest, address string) *mailbox {
	m := d.named(f, strings.ToLower(address))
	if m == nil || m.object(f).kind == objectNone {
		return nil
	}
	return m
}

// mailDomains are the forests and the domains of SRV records and of the addresses
// that a world file gives, some of them twice.
func (d *directory) mailDomains() []string {
	var domains []string
	for _, f := range d.forests {
		domains = append(domains, f.Name)
	}
	for _, s := range d.dns.srv {
		domains = append(domains, s.Domain)
	}
	for name := range d.names {
		if _, domain, _ := strings.Cut(name, "@"); isHost(domain) {
			domains = append(domains, domain)
		}
	}
	return domains
}

// named finds the person whom name, in lower case, means in f: an address or
// account name of the world file, or user@f. One of a population keeps the
// address of each forest that had the mailbox.
func (d *directory) named(f *forest, name string) *mailbox {
	if m := d.names[name]; m != nil {
		return m
	}
	user, domain, _ := strings.Cut(name, "@")
	m := d.users[user]
	if m == nil || domain != f.Name && !(m.spec == nil && m.wasIn(domain)) {
		return nil
	}
	return m
}

// wasIn reports whether the forest of that name has the mailbox, or had it.
func (m *mailbox) wasIn(domain string) bool {
	return m.forest().Name == domain ||
		m.past != nil && slices.ContainsFunc(m.past.former, func(f *forest) bool { return f.Name == domain })
}

// newGUID is the GUID of the generation-th mailbox of user.
func (d *directory) newGUID(user string, generation int) mapi.GUID {
	sum := sha256.Sum256(fmt.Appendf(nil, "mailbox\x00%s\x00%s\x00%d", d.name, user, generation))
	return mapi.GUID(sum[:16])
}

// replGUID changes with the database, as ReplGuid does ([MS-OXCSTOR] 2.2.1.1.3).
func (m *mailbox) replGUID() mapi.GUID {
	sum := sha256.Sum256([]byte("replid\x00" + m.forest().Name + "\x00" + m.home.String()))
	return mapi.GUID(sum[:16])
}
