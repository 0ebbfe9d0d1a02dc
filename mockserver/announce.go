package mockserver

import (
	"context"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
)

// addAnnouncements adds what tells clients where Autodiscover is, or leads them
// astray.
func (d *directory) addAnnouncements(w World) error {
	for _, add := range []func() error{
		each(w.Rogues, d.addRogue), each(w.Holes, d.addHole), each(w.Directories, d.addDirectory), d.checkDirectories, each(w.SCPs, d.addSCP),
		each(w.Clear, func(c ClearSite) error { return d.addClear(c, false) }), each(w.SRV, d.addSRV),
		each(w.CNAMEs, d.addCNAME), each(w.CNAMEs, d.checkCNAME), each(w.Resolvers, d.addResolver),
	} {
		if err := add(); err != nil {
			return err
		}
	}
	return nil
}

func each[T any](list []T, add func(T) error) func() error {
	return func() error {
		for _, one := range list {
			if err := add(one); err != nil {
				return err
			}
		}
		return nil
	}
}

// reach finds the site behind host, as the DNS has it. The error is that of a
// dialer.
func (s *Server) reach(ctx context.Context, network, host string) (*site, error) {
	host = strings.TrimSuffix(host, ".")
	s.mu.Lock()
	r := s.dir.resolve(host)
	s.mu.Unlock()
	err := s.dnsError(ctx, host, r)
	if err == nil && (r.site == nil || r.how == ResolverEmpty) {
		err = notFound(host)
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return r.site, nil
}

// connectTo makes a connection to a port of a site.
func (s *Server) connectTo(ctx context.Context, at *site, addr, port string) (net.Conn, error) {
	s.mu.Lock()
	off, hole := at.off, at.hole
	open := map[string]bool{"443": at.listensTLS(), "80": at.listensClear(), "389": at.ldap != nil, "636": at.ldap != nil}[port]
	s.mu.Unlock()
	refused := os.NewSyscallError("connect", syscall.ECONNREFUSED)
	switch {
	case off:
		return nil, refused
	case hole == HoleDrops:
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.done:
			return nil, refused
		}
	case hole == "" && !open:
		return nil, refused
	}
	client, server := pipe(address("client:0"), address(addr))
	to := s.network
	switch {
	case hole == HoleAccepts:
		return client, s.adopt(server, at.host, func(c net.Conn) { swallow(c) })
	case port == "389" || port == "636":
		return client, s.adopt(server, at.host, func(c net.Conn) { s.serveLDAP(c, at, port == "636") })
	case port == "80":
		to = s.clear
	}
	select {
	case to.calls <- server:
		return client, nil
	case <-to.done:
		return nil, refused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// adopt serves a connection to host in a goroutine that Close waits for, and
// closes it behind that.
func (s *Server) adopt(c net.Conn, host string, serve func(net.Conn)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	s.conns[c] = host
	s.open.Go(func() {
		serve(c)
		c.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, c)
	})
	return nil
}

// accept serves the connections of a listener until it is closed. They are all
// to host; "": to none.
func (s *Server) accept(l net.Listener, host string, serve func(net.Conn)) {
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			s.adopt(c, host, serve)
		case s.isClosed():
			return
		}
	}
}

func (s *Server) isClosed() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// announcedView is what the admin API tells about what the world announces and
// what leads astray in it.
type announcedView struct {
	DNS         dnsView            `json:"dns"`
	Directories []directoryView    `json:"directories"`
	ClearText   map[string]string  `json:"clear"`     // by host: what it serves, and where that leads
	Hosters     map[string]string  `json:"hosters"`   // by host
	Rogues      map[string]string  `json:"rogues"`    // by host
	Holes       map[string]string  `json:"holes"`     // by host: drops or accepts
	Witnesses   map[string]Witness `json:"witnesses"` // by host, of those that were asked
}

type dnsView struct {
	Addr      string            `json:"addr"` // "": nothing listens
	SRV       []SRV             `json:"srv"`
	CNAMEs    []CNAME           `json:"cname"`
	Resolvers map[string]string `json:"resolvers"` // by name: what is wrong
	Lookups   map[string]int    `json:"lookups"`   // as of Lookups
}

type directoryView struct {
	Host   string `json:"host"`
	Domain string `json:"domain"`
	Addr   string `json:"addr"` // "": nothing listens
	SCPs   []SCP  `json:"scp"`
}

func (s *Server) announced() announcedView {
	v := announcedView{
		DNS:         dnsView{Addr: s.DNSAddr(), CNAMEs: []CNAME{}, Resolvers: map[string]string{}, Lookups: s.Lookups()},
		Directories: []directoryView{}, ClearText: map[string]string{}, Hosters: map[string]string{}, Rogues: map[string]string{}, Holes: map[string]string{}, Witnesses: map[string]Witness{},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v.DNS.SRV = append([]SRV{}, s.dir.dns.srv...)
	for name, target := range s.dir.dns.cnames {
		v.DNS.CNAMEs = append(v.DNS.CNAMEs, CNAME{name, target})
	}
	slices.SortFunc(v.DNS.CNAMEs, func(a, b CNAME) int { return strings.Compare(a.Name, b.Name) })
	for name, how := range s.dir.dns.resolvers {
		v.DNS.Resolvers[name] = how
	}
	for _, l := range s.dir.directories {
		v.Directories = append(v.Directories, directoryView{l.Host, l.Domain, l.addr, append([]SCP{}, l.scps...)})
	}
	for host, at := range s.dir.sites {
		if at.clear != nil {
			v.ClearText[host] = strings.TrimSpace(at.clear.Serves + " " + at.clear.To)
		}
		if at.hoster != nil {
			v.Hosters[host] = at.hoster.Serves
		}
		if at.rogue != nil {
			v.Rogues[host] = strings.TrimSpace(at.rogue.Serves + " " + at.rogue.To)
		}
		if at.hole != "" {
			v.Holes[host] = at.hole
		}
		if at.witness != (Witness{}) {
			v.Witnesses[host] = at.witness
		}
	}
	return v
}
