package mockserver

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/homing-mail/homing/internal/mapi"
)

// directory is the live state of a world: who is where now. Its owner guards it.
type directory struct {
	name     string
	password string
	forests  []*forest
	servers  []*server
	sites    map[string]*site // by host
	users    map[string]*mailbox
	guids    map[mapi.GUID]*mailbox // present and former mailbox GUIDs
	names    map[string]*mailbox    // addresses and account names that a world file gives
}

type forest struct {
	Forest
	servers []*server
	host    string  // of its Autodiscover, for those that it is referred to by
	latest  *forest // where the latest mailbox that left went
	unknown mapi.Code
	tokens  bool // some account has a Bearer token here
}

type server struct {
	ServerSite
	forest *forest
}

// site is a host name and what answers there.
type site struct {
	host        string
	forest      *forest // whose Autodiscover answers
	server      *server // nil: Autodiscover only
	certificate string
	off         bool    // connection refused
	vanished    bool    // no such host
	answer      *canned // what its Autodiscover answers instead; nil: the truth
}

type canned struct {
	status      int
	contentType string
	body        []byte
}

// mailbox is a person and the person's mailbox. Most mailboxes of a large world
// are never touched, so everything that a script may change is behind a pointer.
type mailbox struct {
	user string
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
	claims   map[*server]string // ServerName that a server answers instead of the truth
	referred map[*forest]string // URL or address that a forest refers to instead
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
func (m *mailbox) mailboxID(f *forest) string { return m.guid.String() + "@" + f.Name }

// mayOpen reports whether who may open the mailbox m.
func (m *mailbox) mayOpen(who *mailbox) bool {
	return who == m || m.spec != nil && slices.Contains(m.spec.Delegates, who.user)
}

// legacyDN is the legacyExchangeDN of user in f. It ends in a hash and the user,
// so that a DN leads back to its user without an index.
func (f *forest) legacyDN(user string) string {
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
func (f *forest) serverName(name string) string {
	if f.ServerName == NameMDB {
		return f.serverDN(name) + "/cn=Microsoft Private MDB"
	}
	return f.serverDN(name)
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
	for _, of := range append([]*forest{f}, o.aliases...) {
		if strings.EqualFold(of.legacyDN(m.user), dn) {
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

// mailDomains are the forests and the domains of the addresses that a world file
// gives, some of them twice.
func (d *directory) mailDomains() []string {
	var domains []string
	for _, f := range d.forests {
		domains = append(domains, f.Name)
	}
	for name := range d.names {
		if _, domain, _ := strings.Cut(name, "@"); isHost(domain) {
			domains = append(domains, domain)
		}
	}
	return domains
}

// named finds the person whom name, in lower case, means in f: an address or
// account name of the world file, or user@f.
func (d *directory) named(f *forest, name string) *mailbox {
	if m := d.names[name]; m != nil {
		return m
	}
	user, ok := strings.CutSuffix(name, "@"+f.Name)
	if !ok {
		return nil
	}
	return d.users[user]
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
