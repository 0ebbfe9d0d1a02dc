package mockserver

import (
	"cmp"
	"context"
	"net"
	"os"
	"slices"
	"strings"
)

// SRV is one record that announces Autodiscover: that of
// _autodiscover._tcp.<Domain> ([MS-OXDISCO] 3.1.5.3, RFC 2782).
type SRV struct {
	Domain   string `toml:"domain" json:"domain"`     // mail domain
	Target   string `toml:"target" json:"target"`     // host, which nobody has to answer for; ".": the service is not offered
	Port     uint16 `toml:"port" json:"port"`         // 0: 443
	Priority uint16 `toml:"priority" json:"priority"` // the lowest is to be tried first
	Weight   uint16 `toml:"weight" json:"weight"`     // share among records of one priority
}

// CNAME is an alias in the DNS. Connections to Name reach Target, whose
// certificate does not have Name.
type CNAME struct {
	Name   string `toml:"name" json:"name"`
	Target string `toml:"target" json:"target"` // a host of the world, or another alias
}

// Resolver says how the DNS answers for a name.
type Resolver struct {
	Name    string `toml:"name"`    // such as _autodiscover._tcp.contoso.test; "all": all that nothing else is said of
	Answers string `toml:"answers"` // one of the Resolver constants
}

// How the DNS of the world answers for a name.
const (
	ResolverNormal   = "normal"
	ResolverSilent   = "silent"   // no answer ever comes
	ResolverFails    = "servfail" // RCODE 2
	ResolverNXDomain = "nxdomain" // RCODE 3: there is no such name
	ResolverEmpty    = "empty"    // the name is there and has nothing of what was asked for
)

var resolvers = []string{ResolverNormal, ResolverSilent, ResolverFails, ResolverNXDomain, ResolverEmpty}

// everyName is the name for which [Server.SetResolver] means the whole DNS.
const everyName = "all"

const autodiscoverService = "_autodiscover._tcp."

// maxLookups is how many different lookups are counted.
const maxLookups = 10_000

// zone is the DNS of a world beside the addresses of its sites.
type zone struct {
	srv       []SRV             // in the order in which they are answered
	cnames    map[string]string // target by alias
	resolvers map[string]string // by name, or everyName; absent: ResolverNormal
	lookups   map[string]int    // how often a type and name were asked for
}

// resolution is what the DNS says of a name.
type resolution struct {
	how     string   // ResolverNormal, or what is wrong instead
	exists  bool     // the name, or one below it
	aliases []string // canonical names, in the order of the chain
	srv     []*net.SRV
	site    *site // what has an address under the name; nil: nothing
}

// resolve looks up a name, in lower case and without a dot at its end.
func (d *directory) resolve(name string) resolution {
	r := resolution{how: cmp.Or(d.dns.resolvers[name], d.dns.resolvers[everyName], ResolverNormal)}
	for d.dns.cnames[name] != "" {
		name = d.dns.cnames[name]
		r.aliases = append(r.aliases, name)
	}
	if at := d.sites[name]; at != nil && !at.vanished {
		r.site = at
	}
	if domain, ok := strings.CutPrefix(name, autodiscoverService); ok {
		for _, s := range d.dns.srv {
			if s.Domain == domain {
				r.srv = append(r.srv, &net.SRV{Target: strings.TrimSuffix(s.Target, ".") + ".", Port: s.Port, Priority: s.Priority, Weight: s.Weight})
			}
		}
	}
	for _, prefix := range []string{"_ldap._tcp.dc._msdcs.", "_ldap._tcp."} {
		if domain, ok := strings.CutPrefix(name, prefix); ok {
			r.srv = append(r.srv, d.controllers(domain)...)
		}
	}
	r.exists = r.site != nil || len(r.srv) > 0 || len(r.aliases) > 0 || d.hasBelow(name)
	return r
}

// controllers are the records with which a domain announces its directories.
func (d *directory) controllers(domain string) (list []*net.SRV) {
	for _, l := range d.directories {
		if l.Domain == domain {
			list = append(list, &net.SRV{Target: l.Host + ".", Port: portLDAP, Weight: 100})
		}
	}
	return list
}

// hasBelow reports whether the DNS has a name that ends in name (RFC 8020).
func (d *directory) hasBelow(name string) bool {
	below := func(other string) bool { return strings.HasSuffix(other, "."+name) }
	for host, at := range d.sites {
		if !at.vanished && below(host) {
			return true
		}
	}
	for alias := range d.dns.cnames {
		if below(alias) {
			return true
		}
	}
	return slices.ContainsFunc(d.dns.srv, func(s SRV) bool { return below(autodiscoverService + s.Domain) }) ||
		slices.ContainsFunc(d.directories, func(l *ldapSite) bool { return below("_ldap._tcp.dc._msdcs." + l.Domain) })
}

// siteAt is the site that connections to a name reach, through aliases; nil:
// none. It may have vanished.
func (d *directory) siteAt(name string) *site {
	for d.dns.cnames[name] != "" {
		name = d.dns.cnames[name]
	}
	return d.sites[name]
}

// count notes a lookup.
func (z *zone) count(qtype, name string) {
	key := qtype + " " + cut(name, 256)
	if _, ok := z.lookups[key]; ok || len(z.lookups) < maxLookups {
		z.lookups[key]++
	}
}

// LookupSRV returns the records of _service._proto.name as the DNS has them, in
// the order of the world and not in that of RFC 2782; with service and proto ""
// those of name. Beside Autodiscover there are the directories, as
// _ldap._tcp.dc._msdcs.DOMAIN and _ldap._tcp.DOMAIN. Targets end in a dot. A name
// without such records is a *net.DNSError with IsNotFound, a silent DNS one with
// IsTimeout when ctx ends.
func (s *Server) LookupSRV(ctx context.Context, service, proto, name string) ([]*net.SRV, error) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if service != "" || proto != "" {
		name = "_" + strings.ToLower(service) + "._" + strings.ToLower(proto) + "." + name
	}
	s.mu.Lock()
	s.dir.dns.count("SRV", name)
	r := s.dir.resolve(name)
	s.mu.Unlock()
	if err := s.dnsError(ctx, name, r); err != nil {
		return nil, err
	}
	if r.how == ResolverEmpty || len(r.srv) == 0 {
		return nil, notFound(name)
	}
	return r.srv, nil
}

// dnsError is what a resolver of the system makes of an answer without records;
// nil: the answer has them, or the name at least is there. A silent DNS is waited
// for.
func (s *Server) dnsError(ctx context.Context, name string, r resolution) error {
	switch {
	case ctx.Err() != nil, r.how == ResolverSilent:
		select {
		case <-ctx.Done():
			timeout := ctx.Err() == context.DeadlineExceeded
			return &net.DNSError{UnwrapErr: ctx.Err(), Err: ctx.Err().Error(), Name: name, IsTimeout: timeout, IsTemporary: timeout}
		case <-s.done:
			return &net.DNSError{UnwrapErr: os.ErrDeadlineExceeded, Err: "the mock server is closed", Name: name, IsTimeout: true, IsTemporary: true}
		}
	case r.how == ResolverFails:
		return &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	case r.how == ResolverNXDomain, !r.exists:
		return notFound(name)
	}
	return nil
}

func notFound(name string) error {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// AddSRV announces Autodiscover for a mail domain with one more record, behind
// those that are there.
func (s *Server) AddSRV(record SRV) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dir.addSRV(record)
}

// RemoveSRV takes every record of a mail domain out of the DNS.
func (s *Server) RemoveSRV(domain string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.dir.dns.srv)
	s.dir.dns.srv = slices.DeleteFunc(s.dir.dns.srv, func(r SRV) bool { return r.Domain == domain })
	if len(s.dir.dns.srv) == n {
		return absent("no SRV record of the domain %q", cut(domain, 80))
	}
	return nil
}

// Alias makes a name an alias of a host, or of another alias.
func (s *Server) Alias(alias CNAME) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.dir.addCNAME(alias); err != nil {
		return err
	}
	return s.dir.checkCNAME(alias)
}

// Unalias takes an alias out of the DNS.
func (s *Server) Unalias(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir.dns.cnames[name] == "" {
		return absent("no alias %q", cut(name, 80))
	}
	delete(s.dir.dns.cnames, name)
	return nil
}

// SetResolver says how the DNS answers for a name, such as "contoso.test" or
// "_autodiscover._tcp.contoso.test", or for "all" that nothing else was said of;
// how is one of the Resolver constants.
func (s *Server) SetResolver(name, how string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := (Resolver{name, how}).check(); err != nil {
		return err
	}
	if how == ResolverNormal && name == everyName {
		clear(s.dir.dns.resolvers)
		return nil
	}
	s.dir.dns.resolvers[name] = how
	return nil
}

func (r Resolver) check() error {
	if !slices.Contains(resolvers, r.Answers) {
		return refused("answers", r.Answers, "resolver %q: want one of %s", cut(r.Answers, 40), strings.Join(resolvers, ", "))
	}
	if r.Name != everyName && !isHost(strings.ReplaceAll(r.Name, "_", "")) {
		return refused("name", r.Name, "name %q: want a DNS name in lower case, or %s", cut(r.Name, 80), everyName)
	}
	return nil
}

func (d *directory) addResolver(r Resolver) error {
	if err := r.check(); err != nil {
		return err
	}
	if d.dns.resolvers[r.Name] != "" {
		return refused("name", r.Name, "resolver %s is there twice", r.Name)
	}
	d.dns.resolvers[r.Name] = r.Answers
	return nil
}

// Lookups tells how often the DNS of the world was asked, by type and name, such
// as "SRV _autodiscover._tcp.contoso.test", since the start or the last
// [Server.Forget]. The look-up that is a part of [Server.Dial] is not counted. At
// most 10000 different ones are.
func (s *Server) Lookups() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[string]int, len(s.dir.dns.lookups))
	for key, n := range s.dir.dns.lookups {
		counts[key] = n
	}
	return counts
}

func (d *directory) addSRV(r SRV) error {
	if !isHost(r.Domain) {
		return refused("domain", r.Domain, "srv: domain %q: want a DNS name in lower case", r.Domain)
	}
	if r.Target != "." && !isHost(strings.TrimSuffix(r.Target, ".")) {
		return refused("target", r.Target, "srv of %s: target %q: want a DNS name in lower case, or . where the service is not offered", r.Domain, r.Target)
	}
	if r.Target != "." {
		r.Target = strings.TrimSuffix(r.Target, ".")
	}
	r.Port = cmp.Or(r.Port, 443)
	for _, other := range d.dns.srv {
		switch {
		case other.Domain != r.Domain:
		case other.Target == r.Target && other.Port == r.Port:
			return refused("target", r.Target, "srv of %s: %s port %d is there twice", r.Domain, r.Target, r.Port)
		case other.Target == "." || r.Target == ".":
			return refused("target", r.Target, "srv of %s: the target . says that the service is not offered: it stands alone (RFC 2782)", r.Domain)
		}
	}
	d.dns.srv = append(d.dns.srv, r)
	return nil
}

// addCNAME adds an alias; checkCNAME looks at it when all are there.
func (d *directory) addCNAME(c CNAME) error {
	if !isHost(c.Name) {
		return refused("name", c.Name, "cname %q: want a DNS name in lower case", c.Name)
	}
	if d.sites[c.Name] != nil || d.dns.cnames[c.Name] != "" {
		return refused("name", c.Name, "cname %s is there twice: a name with an alias has nothing else (RFC 1034 3.6.2)", c.Name)
	}
	d.dns.cnames[c.Name] = c.Target
	return nil
}

func (d *directory) checkCNAME(c CNAME) error {
	last := c.Target
	for n := 0; d.dns.cnames[last] != "" && n <= len(d.dns.cnames); n++ {
		last = d.dns.cnames[last]
	}
	if d.sites[last] == nil {
		delete(d.dns.cnames, c.Name)
		return refused("target", c.Target, "cname %s: target %q is no host of the world, and leads to none", c.Name, c.Target)
	}
	return nil
}
