package mockserver

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// DefaultPassword is that of every account when the world names none. It opens
// nothing but this mock.
const DefaultPassword = "spring-rain-42"

// The limits of a world.
const (
	maxForests   = 16
	maxMailboxes = 2_000_000
)

// contradiction is a fault of a world, and the key and value that show it.
type contradiction struct{ key, value, why string }

func (c *contradiction) Error() string { return c.why }

func refused(key, value, format string, args ...any) error {
	return &contradiction{key: key, value: value, why: fmt.Sprintf(format, args...)}
}

// build checks w, fills in what it leaves out, and makes the state that it
// describes. A fault is a *contradiction.
func build(w World) (*directory, error) {
	d := &directory{
		name: w.Name, password: w.Password,
		dns:   zone{cnames: map[string]string{}, resolvers: map[string]string{}, lookups: map[string]int{}},
		sites: map[string]*site{}, names: map[string]*mailbox{}, opened: map[string][]*mailbox{}, started: time.Now(),
	}
	if d.name == "" {
		d.name = "world"
	}
	if d.password == "" {
		d.password = DefaultPassword
	}
	if n := len(w.Forests); n == 0 || n > maxForests {
		return nil, refused("", "", "%d forests: want 1 to %d", n, maxForests)
	}
	for _, f := range w.Forests {
		if err := d.addForest(f); err != nil {
			return nil, err
		}
	}
	for _, h := range w.Hosters {
		if err := d.addHoster(h); err != nil {
			return nil, err
		}
	}
	if err := d.addAnnouncements(w); err != nil {
		return nil, err
	}
	count := len(w.Mailboxes)
	for _, p := range w.Populations {
		if p.Count < 1 || p.Count > maxMailboxes-count {
			return nil, refused("", "", "population of %d: want 1 to %d mailboxes in all", p.Count, maxMailboxes)
		}
		count += p.Count
	}
	d.users = make(map[string]*mailbox, count)
	d.guids = make(map[mapi.GUID]*mailbox, count)
	for _, m := range w.Mailboxes {
		if err := d.addMailbox(m); err != nil {
			return nil, err
		}
	}
	for _, m := range w.Mailboxes {
		for _, who := range m.Delegates {
			if d.users[who] == nil {
				return nil, refused("delegates", who, "mailbox %s: no user %q to be a delegate", m.User, who)
			}
			d.opened[who] = append(d.opened[who], d.users[m.User])
		}
	}
	if err := d.checkSignIns(); err != nil {
		return nil, err
	}
	next := 1
	for _, p := range w.Populations {
		if err := d.addPopulation(p, next); err != nil {
			return nil, err
		}
		next += p.Count
	}
	if err := d.checkNames(); err != nil {
		return nil, err
	}
	return d, d.checkFaults(w.Faults)
}

// checkNames refuses a name of one person that means another one by the rule
// user@forest.
func (d *directory) checkNames() error {
	for name, m := range d.names {
		user, domain, _ := strings.Cut(name, "@")
		if other := d.users[user]; other != nil && other != m && d.forest(domain) != nil {
			return refused("address", name, "mailbox %s: %q is the name of %s", m.user, name, other.user)
		}
	}
	return nil
}

func (d *directory) addForest(spec Forest) error {
	if !isHost(spec.Name) {
		return refused("name", spec.Name, "forest %q: want a DNS name in lower case, such as contoso.test", spec.Name)
	}
	if d.forest(spec.Name) != nil {
		return refused("name", spec.Name, "forest %s is there twice", spec.Name)
	}
	f := &forest{Forest: spec, told: spec, flavour: findFlavour(spec.Flavour)}
	if f.flavour == nil {
		return refused("flavour", spec.Flavour, "forest %s: flavour %q: want one of %s", f.Name, spec.Flavour, flavourNames())
	}
	if f.Org == "" {
		f.Org, _, _ = strings.Cut(f.Name, ".")
	}
	if !isName(f.Org) {
		return refused("org", f.Org, "forest %s: org %q: want letters, digits, spaces, '-', at most 64", f.Name, f.Org)
	}
	for _, other := range d.forests {
		if strings.EqualFold(other.Org, f.Org) {
			return refused("org", f.Org, "forest %s: org %q is that of %s", f.Name, f.Org, other.Name)
		}
	}
	for _, c := range []struct {
		key      string
		value    *string
		fallback string
		allowed  []string
	}{
		{"server_name", &f.ServerName, f.flavour.serverName, []string{NameDN, NameMDB, NameGUID}},
		{"refuse_at", &f.RefuseAt, f.flavour.refuseAt, []string{RefuseConnect, RefuseLogon}},
		{"unknown", &f.Unknown, f.flavour.unknown, []string{"ecUnknownUser", "ecLoginFailure"}},
		{"referral", &f.Referral, f.flavour.referral, []string{ReferURL, ReferAddress, Refer301, Refer302, Refer303, Refer307, Refer308, ReferAnonymous}},
		{"mapi", &f.MAPI, MAPIStandIn, []string{MAPIStandIn, MAPINever}},
	} {
		*c.value = cmp.Or(*c.value, c.fallback)
		if err := choose("forest "+f.Name, c.key, c.value, c.allowed); err != nil {
			return err
		}
	}
	if f.TTL != nil && (*f.TTL < 0 || *f.TTL > math.MaxUint16) {
		return refused("ttl", strconv.Itoa(*f.TTL), "forest %s: ttl %d: want 0 to 65535 hours", f.Name, *f.TTL)
	}
	if len(f.Forest.Servers) == 0 {
		return refused("name", f.Name, "forest %s has no server", f.Name)
	}
	for _, s := range f.Forest.Servers {
		if err := d.addServer(f, s); err != nil {
			return err
		}
	}
	if err := f.settle(); err != nil {
		return err
	}
	for _, a := range f.Autodiscover {
		if err := d.addSite(&site{host: a.Host, forest: f, certificate: a.Certificate}); err != nil {
			return err
		}
	}
	d.forests = append(d.forests, f)
	return nil
}

func (d *directory) addServer(f *forest, spec ServerSite) error {
	if !isLabel(spec.Name) {
		return refused("name", spec.Name, "forest %s: server %q: want a host label in lower case, such as ex1", f.Name, spec.Name)
	}
	if d.server(spec.Name) != nil {
		return refused("name", spec.Name, "server %s is there twice: names are unique in a world", spec.Name)
	}
	if spec.Host == "" {
		spec.Host = spec.Name + "." + f.Name
	}
	s := &server{forest: f, flavour: f.flavour}
	if spec.Flavour != "" {
		s.flavour = findFlavour(spec.Flavour)
	}
	switch {
	case s.flavour == nil:
		return refused("flavour", spec.Flavour, "server %s: flavour %q: want one of %s", spec.Name, spec.Flavour, flavourNames())
	case s.flavour.system != f.flavour.system:
		return refused("flavour", spec.Flavour, "server %s: %s has no part in a forest of %s", spec.Name, s.flavour.system, f.flavour.system)
	}
	if spec.Version == "" {
		spec.Version = s.flavour.version
	}
	if strings.Trim(spec.Version, "0123456789.") != "" {
		return refused("version", spec.Version, "server %s: version %q: want digits and dots", spec.Name, spec.Version)
	}
	if len(spec.Databases) == 0 {
		spec.Databases = []string{"db1", "db2"}
	}
	for i, db := range spec.Databases {
		if !isLabel(db) || slices.Contains(spec.Databases[:i], db) {
			return refused("databases", db, "server %s: database %q: want each a different label in lower case", spec.Name, db)
		}
	}
	s.ServerSite, s.offline = spec, make([]bool, len(spec.Databases))
	for _, db := range spec.Offline {
		i := slices.Index(spec.Databases, db)
		if i < 0 {
			return refused("offline", db, "server %s: offline: no database %q: it has %s", spec.Name, db, strings.Join(spec.Databases, ", "))
		}
		s.offline[i] = true
	}
	s.settle()
	f.servers = append(f.servers, s)
	d.servers = append(d.servers, s)
	return d.addSite(&site{host: spec.Host, forest: f, server: s, certificate: spec.Certificate})
}

func (d *directory) addSite(s *site) error {
	if !isHost(s.host) {
		return refused("host", s.host, "host %q: want a DNS name in lower case", s.host)
	}
	if d.sites[s.host] != nil {
		return refused("host", s.host, "host %s is there twice", s.host)
	}
	if err := choose("host "+s.host, "certificate", &s.certificate, certificates); err != nil {
		return err
	}
	d.sites[s.host] = s
	return nil
}

func (d *directory) addMailbox(spec Mailbox) error {
	if !isUser(spec.User) {
		return refused("user", spec.User, "mailbox %q: user: want 1 to 64 of a-z, 0-9, '.', '_', '-'", spec.User)
	}
	if d.users[spec.User] != nil {
		return refused("user", spec.User, "user %s is there twice", spec.User)
	}
	home, err := d.place(spec.Server, spec.Database)
	if err != nil {
		return refused("server", spec.Server, "mailbox %s: %v", spec.User, err)
	}
	if spec.Address == "" {
		spec.Address = spec.User + "@" + home.server.forest.Name
	}
	if spec.DisplayName == "" {
		spec.DisplayName = spec.User
	}
	m := &mailbox{user: spec.User, spec: &spec, id: uint32(len(d.users) + 1), home: home, guid: d.newGUID(spec.User, 0)}
	if err := d.addName("address", spec.Address, m); err != nil {
		return err
	}
	spec.Accounts = slices.Clone(spec.Accounts)
	for i := range spec.Accounts {
		a := &spec.Accounts[i]
		f := d.forest(a.Forest)
		if f == nil {
			return refused("forest", a.Forest, "mailbox %s: account in unknown forest %q", m.user, a.Forest)
		}
		if slices.ContainsFunc(spec.Accounts[:i], func(b Account) bool { return b.Forest == a.Forest }) {
			return refused("forest", a.Forest, "mailbox %s has two accounts in %s", m.user, f.Name)
		}
		if a.User == "" {
			a.User = m.user + "@" + f.Name
		}
		if a.Password == "" {
			a.Password = d.password
		}
		if a.Token != "" {
			if f.tokens[a.Token] != nil {
				return refused("token", a.Token, "mailbox %s: its token in %s is that of %s", m.user, f.Name, f.tokens[a.Token].user)
			}
			if f.tokens == nil {
				f.tokens = map[string]*mailbox{}
			}
			f.tokens[a.Token] = m
		}
		if err := d.addName("user", a.User, m); err != nil {
			return err
		}
	}
	d.users[m.user], d.guids[m.guid] = m, m
	return nil
}

func (d *directory) addName(key, name string, m *mailbox) error {
	lower := strings.ToLower(name)
	if strings.ContainsAny(lower, ": \t\r\n\"<>") || len(lower) > 256 {
		return refused(key, name, "mailbox %s: name %q: want an address or an account name without spaces and colons", m.user, name)
	}
	if other := d.names[lower]; other != nil && other != m {
		return refused(key, name, "mailbox %s: %q is the name of %s", m.user, name, other.user)
	}
	d.names[lower] = m
	return nil
}

func (d *directory) addPopulation(p Population, next int) error {
	home, err := d.place(p.Server, "")
	if err != nil {
		return refused("server", p.Server, "population: %v", err)
	}
	if f := home.server.forest; p.Forest != "" && p.Forest != f.Name {
		return refused("forest", p.Forest, "population: server %s is in %s, not in %q", p.Server, f.Name, p.Forest)
	}
	boxes := make([]mailbox, p.Count)
	for i := range boxes {
		m := &boxes[i]
		*m = mailbox{user: fmt.Sprintf("u%06d", next+i), id: uint32(len(d.users) + 1), home: home}
		if d.users[m.user] != nil {
			return refused("user", m.user, "user %s is there twice: as a mailbox and in a population", m.user)
		}
		m.guid = d.newGUID(m.user, 0)
		d.users[m.user], d.guids[m.guid] = m, m
	}
	return nil
}

// forest returns the forest of that name, or nil.
func (d *directory) forest(name string) *forest {
	for _, f := range d.forests {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// server returns the server of that name, or nil.
func (d *directory) server(name string) *server {
	for _, s := range d.servers {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// place finds a server and one of its databases; "": the first.
func (d *directory) place(name, database string) (place, error) {
	s := d.server(name)
	if s == nil {
		return place{}, absent("no server %q: there are %s", cut(name, 40), d.serverNames())
	}
	if database == "" {
		return place{server: s}, nil
	}
	i := slices.Index(s.Databases, database)
	if i < 0 {
		return place{}, absent("server %s has no database %q: it has %s", name, cut(database, 40), strings.Join(s.Databases, ", "))
	}
	return place{s, i}, nil
}

func (d *directory) serverNames() string {
	var names []string
	for _, s := range d.servers {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

// choose checks that value is one of allowed, and makes "" the first of them.
func choose(of, key string, value *string, allowed []string) error {
	if *value == "" {
		*value = allowed[0]
	}
	if !slices.Contains(allowed, *value) {
		return refused(key, *value, "%s: %s %q: want one of %s", of, key, *value, strings.Join(allowed, ", "))
	}
	return nil
}

const lower, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"

func isHost(s string) bool {
	if len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

func isLabel(s string) bool {
	return s != "" && len(s) <= 63 && strings.Trim(s, lower+digits+"-") == "" && s[0] != '-' && s[len(s)-1] != '-'
}

func isUser(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, lower+digits+"._-") == ""
}

func isName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(strings.ToLower(s), lower+digits+" -") == ""
}
