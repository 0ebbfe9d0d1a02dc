package autodiscover

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// memory is a network without sockets, for the virtual time of a synctest bubble,
// and with everything that announces a service. A connection takes a round trip
// for TCP and one for TLS, and each request one.
type memory struct {
	roundTrip time.Duration
	hosts     map[string]http.HandlerFunc // by host name, "http://" before it for port 80; nil swallows connections
	records   func(ctx context.Context, name string) ([]*net.SRV, error)
	roots     *x509.CertPool
	authority *tls.Certificate            // that the roots trust
	issued    map[string]*tls.Certificate // by host name; one that is missing is issued when it is needed
	https     *pipeListener
	http      *pipeListener

	mu      sync.Mutex
	dialled []string // host:port
	seen    []seen   // Host begins with "http://" for port 80
	asked   []string // of SRV
}

// newMemory serves hosts until close is called, which a bubble has to do itself.
func newMemory(t testing.TB, hosts map[string]http.HandlerFunc) (m *memory, stop func()) {
	t.Helper()
	m = &memory{roundTrip: 50 * time.Millisecond, hosts: hosts, roots: x509.NewCertPool(), https: newPipeListener(), http: newPipeListener()}
	m.authority, m.issued = issue(t, "authority", nil), make(map[string]*tls.Certificate)
	m.roots.AddCert(m.authority.Leaf)
	var mu sync.Mutex
	config := &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		mu.Lock()
		defer mu.Unlock()
		name := hello.ServerName
		if m.issued[name] == nil {
			m.issued[name] = issue(t, name, m.authority)
		}
		return m.issued[name], nil
	}}
	var wg sync.WaitGroup
	discard := log.New(io.Discard, "", 0)
	secure := &http.Server{Handler: http.HandlerFunc(m.serve), ErrorLog: discard, ConnContext: tag}
	plain := &http.Server{Handler: http.HandlerFunc(m.serve), ErrorLog: discard, ConnContext: tag}
	wg.Go(func() { secure.Serve(tls.NewListener(m.https, config)) })
	wg.Go(func() { plain.Serve(m.http) })
	return m, func() {
		secure.Close()
		plain.Close()
		wg.Wait()
	}
}

func (m *memory) serve(res http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	pass(req, m.roundTrip)
	req.Context().Value(tagKey{}).(*atomic.Int64).Add(1)
	name := req.Host
	if req.TLS == nil {
		name = "http://" + name
	}
	m.mu.Lock()
	m.seen = append(m.seen, seen{name, req.Method, req.URL.Path, req.Header.Get("Authorization"), string(body), req.Header, req.URL.RawQuery})
	m.mu.Unlock()
	req.Body = io.NopCloser(strings.NewReader(string(body)))
	m.hosts[name](res, req)
}

// pass lets time pass, unless the client goes away.
func pass(req *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-req.Context().Done():
	}
}

// slowly answers after d.
func slowly(d time.Duration, h http.HandlerFunc) http.HandlerFunc {
	return func(res http.ResponseWriter, req *http.Request) {
		pass(req, d)
		h(res, req)
	}
}

// tagged is the server's end of a connection whose requests are counted.
type tagged struct {
	net.Conn
	requests *atomic.Int64
}

// buffered is the client's end of a connection. It takes what a server says in one
// piece, as a socket does, so that it can object before it has read all of it.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

type tagKey struct{}

// tag tells the handlers whose connection it is.
func tag(ctx context.Context, conn net.Conn) context.Context {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return context.WithValue(ctx, tagKey{}, conn.(tagged).requests)
}

func (m *memory) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return m.counting(new(atomic.Int64))(ctx, network, addr)
}

// counting is dial for a client whose requests are counted.
func (m *memory) counting(requests *atomic.Int64) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, _, addr string) (net.Conn, error) { return m.connect(ctx, addr, requests) }
}

func (m *memory) connect(ctx context.Context, addr string, requests *atomic.Int64) (net.Conn, error) {
	m.mu.Lock()
	m.dialled = append(m.dialled, addr)
	m.mu.Unlock()
	host, port, _ := net.SplitHostPort(addr)
	name, listener, wait := host, m.https, 2*m.roundTrip
	if port == "80" {
		name, listener, wait = "http://"+host, m.http, m.roundTrip
	}
	handler, ok := m.hosts[name]
	if ok && handler == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if !ok {
		if _, known := m.hosts[host]; known {
			return nil, syscall.ECONNREFUSED
		}
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	client, server := net.Pipe()
	select {
	case listener.calls <- tagged{server, requests}:
		return buffered{client, bufio.NewReader(client)}, nil
	case <-listener.done:
		return nil, net.ErrClosed
	}
}

func (m *memory) lookup(ctx context.Context, service, proto, name string) ([]*net.SRV, error) {
	name = "_" + service + "._" + proto + "." + name
	m.mu.Lock()
	m.asked = append(m.asked, name)
	m.mu.Unlock()
	if m.records == nil {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	select {
	case <-time.After(m.roundTrip):
		return m.records(ctx, name)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (m *memory) client() *Client {
	return &Client{Network: Network{Dial: m.dial, LookupSRV: m.lookup, RootCAs: m.roots}, Seed: 1}
}

// requests returns what arrived, as short lines: method, host, "bare" or the
// identity, whether signed.
func (m *memory) requests() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return (&world{seen: m.seen}).lines()
}

// discover asks q for ann@contoso.test and says how long it took.
func (m *memory) discover(t testing.TB, c *Client, q Query) (*Result, *Error, time.Duration) {
	t.Helper()
	if q.Address == "" {
		q.Address = "ann@contoso.test"
	}
	if q.Logins == nil {
		q.Logins = ann()
	}
	began := time.Now()
	result, err := c.Discover(t.Context(), q)
	took := time.Since(began)
	if err == nil {
		return result, nil, took
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("%v is no *Error", err)
	}
	return nil, e, took
}

// pipeListener accepts what is dialled in memory.
type pipeListener struct {
	calls chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{calls: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.calls:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }
