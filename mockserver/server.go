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
)

// Server plays the forests of a world. [New] and [Start] make one; its methods
// may be called by many goroutines at once.
type Server struct {
	record    record
	authority authority
	network   *network
	done      chan struct{} // closed by Close

	mu        sync.Mutex // guards what follows
	dir       *directory
	contexts  contexts
	conns     map[net.Conn]string // host that each connection asked for
	connSeq   int
	closed    bool
	listener  net.Listener // of Listen
	admin     *http.Server // of ListenAdmin
	adminAddr string

	http    *http.Server
	serving sync.WaitGroup // goroutines in http.Server.Serve
	open    sync.WaitGroup // connections
}

// TB is what [Start] needs of a *testing.T.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Start makes a server for a test, which ends with the test. world is the name
// of a world that comes with the package, or the text of a world file. The
// server answers to [Server.Dial] and on no socket.
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
	return s
}

// New makes a server for w. It opens no socket; [Server.Dial] works at once. The
// error is a *[WorldError].
func New(w World) (*Server, error) {
	dir, err := build(w)
	if err != nil {
		return nil, &WorldError{Why: err.Error()}
	}
	s := &Server{
		dir:      dir,
		contexts: contexts{byID: map[string]*sessionContext{}},
		conns:    map[net.Conn]string{},
		done:     make(chan struct{}),
		network:  newNetwork(),
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

// number gives a new connection its number.
func (s *Server) number(ctx context.Context, _ net.Conn) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connSeq++
	return context.WithValue(ctx, connKey{}, s.connSeq)
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
// connection and the missing name.
func (s *Server) hello(h *tls.ClientHelloInfo) (*tls.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.dir.sites[h.ServerName]
	if at == nil || at.off || at.vanished {
		h.Conn.Close()
		return nil, fmt.Errorf("nothing answers for %q", h.ServerName)
	}
	s.conns[h.Conn] = at.host
	return nil, nil
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
	x.Conn, _ = r.Context().Value(connKey{}).(int)
	x.noteCredentials()

	s.mu.Lock()
	at := s.dir.sites[x.Host]
	var off, mapi bool
	if at != nil {
		off, mapi = at.off, at.server != nil
	}
	s.mu.Unlock()
	switch path := strings.ToLower(r.URL.Path); {
	case at == nil:
		x.refuse(http.StatusMisdirectedRequest, "no such host")
	case off: // the connection is being closed
		panic(http.ErrAbortHandler)
	case path == "/autodiscover/autodiscover.xml":
		s.autodiscover(x, at)
	case mapi && (path == "/mapi/emsmdb/" || path == "/mapi/emsmdb"):
		s.emsmdb(x, at)
	default:
		x.refuse(http.StatusNotFound, "no such path")
	}
}

// exchange is one request and what is to be recorded of it.
type exchange struct {
	Request
	s *Server
	w http.ResponseWriter
	r *http.Request
}

// cut shortens what a client sent to what a record may hold.
func cut(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
