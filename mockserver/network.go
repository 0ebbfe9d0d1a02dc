package mockserver

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
)

// network is the listener behind Dial.
type network struct {
	calls chan net.Conn
	done  chan struct{}
	close sync.Once
}

func newNetwork() *network {
	return &network{calls: make(chan net.Conn), done: make(chan struct{})}
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.calls:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error {
	n.close.Do(func() { close(n.done) })
	return nil
}

func (n *network) Addr() net.Addr { return address("memory") }

// Dial connects to a host of the world without a socket; it has the form of
// http.Transport.DialContext. addr is "host:443". A host that the world does not
// have, or that has vanished, gives a *net.DNSError with IsNotFound; one that is
// switched off, a port where nothing listens, and a closed server give a
// *net.OpError with ECONNREFUSED. Port 80 is there for a [ClearSite], 389 and 636
// for an [LDAPServer].
func (s *Server) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: address(addr), Err: err}
	}
	at, err := s.reach(ctx, network, host)
	if err != nil {
		return nil, err
	}
	c, err := s.connectTo(ctx, at, addr, port)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: address(addr), Err: err}
	}
	return c, nil
}

// Listen serves every host of the world on one loopback TLS listener, told apart
// by SNI. addr is such as "127.0.0.1:0"; any address that is not loopback is
// refused: the passwords of a world are no secret. A client is pointed at it by
// [Server.ConnectTo].
func (s *Server) Listen(addr string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return fmt.Errorf("listen on %s: already listening on %s", addr, s.listener.Addr())
	}
	l, err := s.loopback(addr)
	if err != nil {
		return err
	}
	s.listener = l
	s.serve(l)
	return nil
}

// loopback listens on addr if that is a loopback address. s.mu is held.
func (s *Server) loopback(addr string) (net.Listener, error) {
	if s.closed {
		return nil, fmt.Errorf("listen on %s: the mock server is closed", addr)
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: want an address and a port, such as 127.0.0.1:0: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("listen on %s: a mock server listens on loopback only, such as 127.0.0.1:0", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		l.Close()
		return nil, fmt.Errorf("listen on %s: %s is not a loopback address", addr, tcp.IP)
	}
	return l, nil
}

// Addr is the address of the listener, "" before [Server.Listen].
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// ConnectTo returns "host:443:127.0.0.1:port" for each name that a client of the
// world may come to ask for, sorted: the argument of curl's --connect-to. These
// are the hosts, those that have vanished too, aliases, and for each mail domain
// MAILDOMAIN and autodiscover.MAILDOMAIN, so that no client asks a real DNS for
// them. A name that nothing answers to hangs up in the TLS handshake until a
// script gives it a meaning. After [Server.ListenClear] there is one for port 80
// too, and after [Server.ListenLDAP] one for 389 and one for 636 of the directory.
// It is empty before [Server.Listen] and those.
func (s *Server) ConnectTo() []string {
	addr, clearAddr := s.Addr(), s.ClearAddr()
	s.mu.Lock()
	defer s.mu.Unlock()
	names := map[string]bool{}
	for host := range s.dir.sites {
		names[host] = true
	}
	for name := range s.dir.dns.cnames {
		names[name] = true
	}
	for _, domain := range s.dir.mailDomains() {
		for _, host := range autodiscoverHosts(domain) {
			names[host] = true
		}
	}
	var lines []string
	for host := range names {
		if addr != "" {
			lines = append(lines, host+":443:"+addr)
		}
		if clearAddr != "" {
			lines = append(lines, host+":80:"+clearAddr)
		}
	}
	for _, l := range s.dir.directories {
		if l.addr != "" {
			lines = append(lines, l.Host+":389:"+l.addr, l.Host+":636:"+l.addr)
		}
	}
	slices.Sort(lines)
	return lines
}

// Hosts returns the hosts of the world that have not vanished, sorted.
func (s *Server) Hosts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var hosts []string
	for host, at := range s.dir.sites {
		if !at.vanished {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return hosts
}
