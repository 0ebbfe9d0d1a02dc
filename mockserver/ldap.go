package mockserver

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// LDAPServer is a domain controller, which answers LDAP at port 389 and LDAPS at
// port 636 of its host. It holds the service connection points of Autodiscover
// and nothing else. The accounts of its forest bind to it, by user@forest,
// DOMAIN\user or cn=user,…, over TLS only.
type LDAPServer struct {
	Host        string `toml:"host"`        // such as dc1.contoso.test
	Domain      string `toml:"domain"`      // DNS name of the Active Directory domain; "": Host without its first label
	Forest      string `toml:"forest"`      // whose accounts bind; "": that of the name Domain, or of its longest parent
	Anonymous   bool   `toml:"anonymous"`   // a search needs no bind
	Refers      string `toml:"refers"`      // host of another one: searches are referred there, behind entries of its own if there are any
	Certificate string `toml:"certificate"` // as of ServerSite
}

// SCP is a service connection point ([MS-OXDISCO] 2.2.1): a URL of Autodiscover
// or a pointer to another directory.
type SCP struct {
	Directory string   `toml:"directory" json:"directory"`         // Host of the LDAPServer that holds it
	URL       string   `toml:"url" json:"url,omitempty"`           // serviceBindingInformation, verbatim, of a URL object
	Pointer   string   `toml:"pointer" json:"pointer,omitempty"`   // host of an LDAPServer, or LDAP://host[:port] of one
	Site      string   `toml:"site" json:"site,omitempty"`         // keyword Site=…, verbatim; "": none
	Domain    string   `toml:"domain" json:"domain,omitempty"`     // keyword Domain=…, of a pointer; "": none
	Keywords  []string `toml:"keywords" json:"keywords,omitempty"` // further keywords, verbatim
}

// The keywords that tell what an SCP is ([MS-OXDISCO] 3.1.5.1).
const (
	scpURL     = "77378F46-2C66-4aa9-A6A6-3E7A48B19596"
	scpPointer = "67661d7F-8FC4-4fa7-BFAC-E1D7794C1F68"
)

const (
	portLDAP  = 389
	portLDAPS = 636
)

// ldapSite is a directory of the world.
type ldapSite struct {
	LDAPServer
	forest *forest
	scps   []SCP
	addr   string // of ListenLDAP; "": none
}

// entry is an object of a directory: its attributes with the names as they are
// spelled.
type entry struct {
	dn         string
	attributes []attribute
}

type attribute struct {
	name   string
	values []string
}

func (e *entry) values(name string) []string {
	for _, a := range e.attributes {
		if strings.EqualFold(a.name, name) {
			return a.values
		}
	}
	return nil
}

func (d *directory) addDirectory(spec LDAPServer) error {
	of := "directory " + spec.Host
	if spec.Domain == "" {
		_, spec.Domain, _ = strings.Cut(spec.Host, ".")
	}
	if !isHost(spec.Domain) {
		return refused("domain", spec.Domain, "%s: domain %q: want a DNS name in lower case", of, spec.Domain)
	}
	if err := choose(of, "certificate", &spec.Certificate, certificates); err != nil {
		return err
	}
	l := &ldapSite{LDAPServer: spec}
	for _, f := range d.forests {
		named := spec.Forest == f.Name
		if spec.Forest == "" {
			named = f.Name == spec.Domain || strings.HasSuffix(spec.Domain, "."+f.Name)
		}
		if named && (l.forest == nil || len(l.forest.Name) < len(f.Name)) {
			l.forest = f
		}
	}
	switch at := d.sites[spec.Host]; {
	case l.forest == nil && spec.Forest == "":
		return refused("host", spec.Host, "%s: no forest of the world is %s: say whose accounts bind with forest", of, spec.Domain)
	case l.forest == nil:
		return refused("forest", spec.Forest, "%s: no forest %q", of, spec.Forest)
	case at == nil:
		if err := d.addSite(&site{host: spec.Host, certificate: spec.Certificate, ldap: l}); err != nil {
			return err
		}
	case at.ldap != nil:
		return refused("host", spec.Host, "%s is there twice", of)
	default:
		at.ldap = l
	}
	l.Forest = l.forest.Name
	d.directories = append(d.directories, l)
	return nil
}

// directoryAt finds a directory by its host; nil: none.
func (d *directory) directoryAt(host string) *ldapSite {
	if at := d.sites[host]; at != nil {
		return at.ldap
	}
	return nil
}

// checkDirectories looks at who refers to whom when all are there.
func (d *directory) checkDirectories() error {
	for _, l := range d.directories {
		if l.Refers != "" && d.directoryAt(l.Refers) == nil {
			return refused("refers", l.Refers, "directory %s: refers: no directory %q", l.Host, l.Refers)
		}
	}
	return nil
}

func (d *directory) addSCP(spec SCP) error {
	l := d.directoryAt(spec.Directory)
	of := "scp of " + spec.Directory
	switch {
	case l == nil:
		return refused("directory", spec.Directory, "scp: no directory %q: there are %s", cut(spec.Directory, 80), d.directoryNames())
	case spec.URL != "" && spec.Pointer != "":
		return refused("pointer", spec.Pointer, "%s: want a url or a pointer, has both", of)
	case spec.URL == "" && spec.Pointer == "":
		return refused("directory", spec.Directory, "%s: want a url or a pointer, has neither", of)
	case spec.Domain != "" && spec.Pointer == "":
		return refused("domain", spec.Domain, "%s: domain %q: only a pointer has one", of, cut(spec.Domain, 80))
	}
	if spec.Pointer != "" {
		host := spec.Pointer
		if u, err := url.Parse(spec.Pointer); err == nil && strings.EqualFold(u.Scheme, "ldap") {
			host = u.Hostname()
		} else {
			spec.Pointer = "LDAP://" + host
		}
		if d.directoryAt(strings.ToLower(host)) == nil {
			return refused("pointer", spec.Pointer[len(spec.Pointer)-len(host):], "%s: pointer to %q, which is no directory: there are %s", of, host, d.directoryNames())
		}
	}
	l.scps = append(l.scps, spec)
	return nil
}

func (d *directory) directoryNames() string {
	var names []string
	for _, l := range d.directories {
		names = append(names, l.Host)
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}

// AddSCP puts one more service connection point into a directory.
func (s *Server) AddSCP(scp SCP) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dir.addSCP(scp)
}

// RemoveSCPs takes all service connection points out of a directory.
func (s *Server) RemoveSCPs(directory string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.dir.directoryAt(directory)
	if l == nil {
		return absent("no directory %q: there are %s", cut(directory, 80), s.dir.directoryNames())
	}
	if len(l.scps) == 0 {
		return fmt.Errorf("%s holds none already", directory)
	}
	l.scps = nil
	return nil
}

// root is the DN of the domain: DC=contoso,DC=test.
func (l *LDAPServer) root() string { return "DC=" + strings.ReplaceAll(l.Domain, ".", ",DC=") }

func (l *LDAPServer) configuration() string { return "CN=Configuration," + l.root() }

// rootDSE is what a directory says of itself (RFC 4512 5.1).
func (l *ldapSite) rootDSE() entry {
	return entry{attributes: []attribute{
		{"configurationNamingContext", []string{l.configuration()}},
		{"defaultNamingContext", []string{l.root()}},
		{"rootDomainNamingContext", []string{l.root()}},
		{"namingContexts", []string{l.root(), l.configuration()}},
		{"dnsHostName", []string{l.Host}},
		{"supportedLDAPVersion", []string{"3"}},
		{"supportedExtension", []string{oidStartTLS}},
	}}
}

// entries are the service connection points, where Exchange writes them
// ([MS-OXDISCO] 4.2).
func (l *ldapSite) entries() (list []entry) {
	services := "CN=Services," + l.configuration()
	protocols := "CN=Protocols,CN=%s,CN=Servers,CN=Exchange Administrative Group (FYDIBOHF23SPDLT),CN=Administrative Groups,CN=" +
		l.forest.Org + ",CN=Microsoft Exchange," + services
	for i, scp := range l.scps {
		cn := fmt.Sprintf("scp%d", i+1)
		what, value, dn := scpURL, scp.URL, "CN="+cn+",CN=Autodiscover,"+fmt.Sprintf(protocols, cn)
		if scp.Pointer != "" {
			what, value, dn = scpPointer, scp.Pointer, "CN="+cn+",CN=Microsoft Exchange Autodiscover,"+services
		}
		keywords := []string{what}
		if scp.Site != "" {
			keywords = append(keywords, "Site="+scp.Site)
		}
		if scp.Domain != "" {
			keywords = append(keywords, "Domain="+scp.Domain)
		}
		list = append(list, entry{dn: dn, attributes: []attribute{
			{"objectClass", []string{"top", "leaf", "connectionPoint", "serviceConnectionPoint"}},
			{"objectCategory", []string{"CN=Service-Connection-Point,CN=Schema," + l.configuration()}},
			{"cn", []string{cn}},
			{"distinguishedName", []string{dn}},
			{"keywords", append(keywords, scp.Keywords...)},
			{"serviceBindingInformation", []string{value}},
			{"serviceClassName", []string{"ms-Exchange-AutoDiscover-Service"}},
		}})
	}
	return list
}

// The scopes of a search (RFC 4511 4.5.1.2).
const (
	scopeBase = iota
	scopeOne
	scopeSub
)

// within reports whether dn is in the scope of a search below base.
func within(dn, base string, scope int64) bool {
	dn, base = foldDN(dn), foldDN(base)
	_, parent, _ := strings.Cut(dn, ",")
	switch scope {
	case scopeBase:
		return dn == base
	case scopeOne:
		return parent == base
	}
	return dn == base || strings.HasSuffix(dn, ","+base)
}

// foldDN writes a DN so that equal ones are the same. No value here has a comma.
func foldDN(dn string) string {
	parts := strings.Split(strings.ToLower(dn), ",")
	for i, p := range parts {
		name, value, _ := strings.Cut(p, "=")
		parts[i] = strings.TrimSpace(name) + "=" + strings.TrimSpace(value)
	}
	return strings.Join(parts, ",")
}

// bindName is the account name in what somebody binds with: cn=ann,… is ann.
func bindName(l *ldapSite, name string) string {
	first, _, isDN := strings.Cut(name, ",")
	if cn, ok := strings.CutPrefix(strings.ToLower(first), "cn="); ok && isDN {
		return strings.TrimSpace(cn) + "@" + l.forest.Name
	}
	return strings.ToLower(name)
}

// selects returns the attributes of e that a search asks for: none or "*" are
// all, "1.1" is none.
func (e *entry) selects(names []string) []attribute {
	if len(names) == 0 || slices.Contains(names, "*") {
		return e.attributes
	}
	return slices.DeleteFunc(slices.Clone(e.attributes), func(a attribute) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, a.name) })
	})
}
