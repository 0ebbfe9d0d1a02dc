package mockserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Server plays the forests of a world. [New] and [Start] make one; its methods
// may be called by many goroutines at once.
type Server struct {
	record    record
	authority authority
	hostility Hostility     // does not change
	network   *network      // of port 443
	clear     *network      // of port 80
	done      chan struct{} // closed by Close

	mu            sync.Mutex // guards what follows
	dir           *directory
	contexts      contexts
	rules         []*rule             // oldest first
	ruleSeq       int                 // of the last name that a rule was given
	conns         map[net.Conn]string // host that each connection asked for
	connSeq       int
	closed        bool
	listener      net.Listener   // of Listen
	clearListener net.Listener   // of ListenClear
	dns           net.PacketConn // of ListenDNS
	listeners     []io.Closer    // of ListenDNS and ListenLDAP
	admin         *http.Server   // of ListenAdmin
	adminAddr     string

	http    *http.Server
	serving sync.WaitGroup // goroutines in http.Server.Serve
	open    sync.WaitGroup // connections
}

// TB is what [Start] needs of a *testing.T.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Cleanup(func())
}

// Start makes a server for a test, which ends with the test. world is the name
// of a world that comes with the package, or the text of a world file. The
// server answers to [Server.Dial] and on no socket. It logs the seed of its
// hostility.
func Start(t TB, world string) *Server {
	t.Helper()
	var w World
	var err error
	if strings.ContainsAny(world, "=\n") {
		w, err = ReadWorld(strings.NewReader(world))
	} else {
		w, err = OpenWorld(world)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	s, err := New(w)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { s.Close() })
	if !s.hostility.Off {
		t.Logf("mockserver: MOCKSERVER_SEED=%d", s.Seed())
	}
	return s
}

// New makes a server for w. It opens no socket; [Server.Dial] works at once. The
// error is a *[WorldError].
func New(w World) (*Server, error) {
	dir, err := build(w)
	if err != nil {
		return nil, &WorldError{Why: err.Error()}
	}
	if err := w.Hostility.drawSeed(); err != nil {
		return nil, &WorldError{Why: err.Error()}
	}
	s := &Server{
		hostility: w.Hostility,
		dir:       dir,
		contexts:  contexts{byID: map[string]*sessionContext{}, of: map[*mailbox]map[*sessionContext]bool{}},
		conns:     map[net.Conn]string{},
		done:      make(chan struct{}),
		network:   newNetwork(),
		clear:     newNetwork(),
	}
	for _, f := range w.Faults {
		if _, err := s.Break(f); err != nil {
			return nil, &WorldError{Why: err.Error()}
		}
	}
	s.http = &http.Server{
		Handler: s.Handler(),
		TLSConfig: &tls.Config{
			GetConfigForClient: s.hello, GetCertificate: s.certificate, NextProtos: []string{"http/1.1"},
			SessionTicketsDisabled: true, // a resumed session would not see a new certificate
		},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
		ErrorLog:     log.New(io.Discard, "", 0),
		ConnContext:  s.number,
		ConnState:    s.connState,
	}
	s.serve(s.network)
	s.serveClear(s.clear)
	return s, nil
}

// serve answers on l, with TLS, until it is closed.
func (s *Server) serve(l net.Listener) {
	s.serving.Go(func() {
		s.http.ServeTLS(l, "", "") // ends with ErrServerClosed
	})
}

// Close ends every connection and listener and returns when nothing of the
// server runs any more. It may be called twice.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	admin := s.admin
	for _, l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()

	err := s.http.Close()
	if admin != nil {
		err = errors.Join(err, admin.Close())
	}
	s.serving.Wait()
	s.open.Wait()
	return err
}

type connKey struct{}

// numbers of a connection and of what came over it. Requests on a connection
// come one after the other.
type numbers struct {
	conn, requests int
	clear          bool // without TLS
}

// number gives a new connection its number.
func (s *Server) number(ctx context.Context, c net.Conn) context.Context {
	_, secure := c.(*tls.Conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connSeq++
	return context.WithValue(ctx, connKey{}, &numbers{conn: s.connSeq, clear: !secure})
}

func (s *Server) connState(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.open.Add(1)
		s.mu.Lock()
		closed := s.closed
		s.mu.Unlock()
		if closed { // accepted while Close went through the others
			c.Close()
		}
	case http.StateClosed, http.StateHijacked:
		s.mu.Lock()
		delete(s.conns, raw(c))
		s.mu.Unlock()
		s.open.Done()
	}
}

func raw(c net.Conn) net.Conn {
	if t, ok := c.(*tls.Conn); ok {
		return t.NetConn()
	}
	return c
}

// hello notes which host a connection is for, and hangs up when that host is
// switched off or unknown: on a shared loopback port this stands for the refused
// connection and the missing name. A black hole never answers.
func (s *Server) hello(h *tls.ClientHelloInfo) (*tls.Config, error) {
	s.mu.Lock()
	at := s.dir.siteAt(h.ServerName)
	nothing := at == nil || at.off || at.vanished || at.hole == "" && !at.listensTLS()
	hole := !nothing && at.hole != ""
	if !nothing {
		s.conns[h.Conn] = at.host
	}
	s.mu.Unlock()
	switch {
	case hole:
		swallow(h.Conn)
	case !nothing:
		return nil, nil
	}
	h.Conn.Close()
	return nil, fmt.Errorf("nothing answers for %q", h.ServerName)
}

// hangUp closes the connections to a host. s.mu is held.
func (s *Server) hangUp(host string) {
	for c, to := range s.conns {
		if to == host {
			c.Close()
		}
	}
}

// Handler answers as the hosts of the world, each by the Host header. It is what
// Listen and Dial serve; a test may wrap it.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.front) }

func (s *Server) front(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	x := &exchange{s: s, w: w, r: r}
	x.Host, x.Method, x.Path = strings.ToLower(host), r.Method, cut(r.URL.Path, 200)
	if n, ok := r.Context().Value(connKey{}).(*numbers); ok {
		n.requests++
		x.Conn, x.nth, x.Clear = n.conn, n.requests, n.clear
	}
	x.noteCredentials()

	s.mu.Lock()
	at := s.dir.siteAt(x.Host)
	var off, hole, mapi, taken bool
	var plays *flavour // as Autodiscover
	var hoster *Hoster
	var rogue *Rogue
	var clearText *ClearSite
	var told *canned
	if at != nil {
		if hoster, rogue, told = at.hoster, at.rogue, at.answer; at.forest != nil {
			plays = at.plays()
		}
		if clearText = at.clear; x.Clear {
			off, hole = at.vanished || !at.listensClear(), at.hole != ""
		}
		at.witness.note(&x.Request)
		off, mapi = off || at.off, at.server != nil && at.server.mapi
		x.server = at.server
		at.requests++
		x.number = at.requests
		taken = at.rate.takes(time.Now())
	}
	s.mu.Unlock()
	path := strings.ToLower(r.URL.Path)
	x.endpoint, x.kind = endpointOf(path), cut(r.Header.Get(headRequestType), 64)
	if x.gromox() {
		x.kind = gromoxKind(x.kind)
	}
	switch {
	case at == nil:
		x.refuse(http.StatusMisdirectedRequest, "no such host")
		return
	case hole:
		x.hang()
	case off: // the connection is being closed
		panic(http.ErrAbortHandler)
	case !taken:
		x.overRate()
		return
	}
	if readRenamed(r) {
		x.renamed = true
	}
	if s.early(x, at) {
		return
	}
	switch {
	case x.Clear:
		x.clearText(clearText)
	case rogue != nil:
		s.rogue(x, rogue)
	case hoster != nil:
		x.webSite(hoster, told, path == "/autodiscover/autodiscover.xml")
	case plays != nil && path == "/autodiscover/autodiscover.xml":
		s.autodiscover(x, at, plays)
	case plays != nil && plays.soap() && path == soapPath:
		s.soap(x, at, plays)
	case plays != nil && plays.v2 && isV2(path):
		s.autodiscoverV2(x, at, plays)
	case mapi && strings.TrimSuffix(path, "/") == endpointPath(x.endpoint):
		s.mapi(x, at)
	default:
		x.refuse(http.StatusNotFound, "no such path")
	}
}

// endpointOf is the endpoint that a path in lower case is for, "" for none.
func endpointOf(path string) string {
	switch {
	case strings.HasPrefix(path, "/mapi/emsmdb"):
		return EndpointMAPI
	case strings.HasPrefix(path, "/mapi/nspi"):
		return EndpointNSPI
	case strings.HasPrefix(path, "/autodiscover/"):
		return EndpointAutodiscover
	}
	return ""
}

// exchange is one request and what is to be recorded of it.
type exchange struct {
	Request
	s *Server
	w http.ResponseWriter
	r *http.Request

	endpoint string    // one of the Endpoint constants, or ""
	server   *server   // of the host; nil: it has none
	kind     string    // the request type, as the specification spells it
	started  time.Time // when the request was looked at
	body     []byte    // of the request, once it has been read
	nth      int       // of the requests of its connection, from 1
	number   int       // of the requests to its host, from 1
	renamed  bool      // its cookies came under their other names
	pieces   pieces    // that its answer goes out in
	cut      *cutting
}

// cut shortens what a client sent to what a record may hold.
func cut(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
