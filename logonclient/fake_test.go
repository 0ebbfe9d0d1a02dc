package logonclient_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
)

const (
	annDN       = "/o=Contoso/ou=Exchange Administrative Group/cn=Recipients/cn=ann"
	annURL      = "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=11111111-1111-4111-8111-111111111111@contoso.test"
	annBook     = "https://ex1.contoso.test/mapi/nspi/?MailboxId=11111111-1111-4111-8111-111111111111@contoso.test"
	annHost     = "ex1.contoso.test:443"
	annPassword = "correct horse battery"
)

// got is a request as it came over the wire.
type got struct {
	*http.Request
	body []byte
	conn int // which connection, from 1
}

func (g got) requestType() string { return g.Header.Get("X-RequestType") }

// server is a host in memory: every dial makes a pipe with TLS on it, and each
// request is answered with the bytes that answer writes. answer returns false
// to close the connection.
type server struct {
	answer func(w io.Writer, g got) bool

	mu      sync.Mutex
	gots    []got
	dialled []string
	closed  int
	stopped []net.Conn
	running sync.WaitGroup
}

func (s *server) network() logonclient.Network {
	return logonclient.Network{Dial: s.dial, RootCAs: authority()}
}

func (s *server) dial(_ context.Context, _, addr string) (net.Conn, error) {
	client, far := pipe()
	s.mu.Lock()
	s.dialled = append(s.dialled, addr)
	s.stopped = append(s.stopped, far)
	n := len(s.dialled)
	s.mu.Unlock()
	s.running.Go(func() {
		s.serve(far, n)
		s.mu.Lock()
		s.closed++
		s.mu.Unlock()
	})
	return client, nil
}

func (s *server) serve(far net.Conn, n int) {
	conn := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{certificate()}, SessionTicketsDisabled: true})
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		g := got{req, body, n}
		s.mu.Lock()
		s.gots = append(s.gots, g)
		s.mu.Unlock()
		if !s.answer(conn, g) {
			return
		}
	}
}

// start gives the test a running server, which is stopped at its end.
func start(t testing.TB, answer func(w io.Writer, g got) bool) *server {
	s := &server{answer: answer}
	t.Cleanup(s.stop)
	return s
}

func (s *server) stop() {
	s.mu.Lock()
	for _, c := range s.stopped {
		c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

// requests returns what has come so far.
func (s *server) requests() []got {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]got(nil), s.gots...)
}

// types returns the request types so far, "-" for a request without one.
func (s *server) types() []string {
	var out []string
	for _, g := range s.requests() {
		kind := g.requestType()
		if kind == "" {
			kind = "-"
		}
		out = append(out, kind)
	}
	return out
}

func (s *server) dials() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.dialled)
}

// basic demands Basic before next may answer.
func basic(next func(w io.Writer, g got) bool) func(w io.Writer, g got) bool {
	return func(w io.Writer, g got) bool {
		user, password, _ := g.BasicAuth()
		if user != "ann" || password != annPassword {
			io.WriteString(w, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"contoso\"\r\nContent-Length: 0\r\n\r\n")
			return true
		}
		return next(w, g)
	}
}

// page is an HTTP answer that is no MAPI.
func page(status, header, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s", status, header, len(body), body)
}

// stream is an HTTP answer with X-ResponseCode 0 and the given stream.
func stream(header, stream string) string {
	return page("200 OK", "Content-Type: application/mapi-http\r\nX-ResponseCode: 0\r\nX-PendingPeriod: 15000\r\n"+
		"X-ExpirationInfo: 900000\r\nX-ServerApplication: Exchange/15.02.2562.045\r\n"+header, stream)
}

// done is the usual answer: everything at once.
func done(header string, body interface{ Append([]byte) []byte }) string {
	return stream(header, "PROCESSING\r\nDONE\r\nX-ElapsedTime: 3\r\nX-StartTime: Fri, 20 Nov 2026 09:00:00 GMT\r\n\r\n"+string(body.Append(nil)))
}

func cookie(pairs ...string) string {
	var s string
	for _, pair := range pairs {
		s += "Set-Cookie: " + pair + "; path=/mapi/emsmdb; secure; HttpOnly\r\n"
	}
	return s
}

const logonHandle = 0x2A

var (
	annMailbox = mapi.GUID{0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x41, 0x81, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11}
	annRepl    = mapi.GUID{0x04, 0x03, 0x02, 0x01, 0x06, 0x05, 0x08, 0x07, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10}
)

func connectOK() *mapi.ConnectResponse {
	return &mapi.ConnectResponse{PollsMax: 60000, RetryCount: 6, RetryDelay: 13000, DNPrefix: "/o=Contoso", DisplayName: "Ann"}
}

func logonOK() *mapi.LogonResponse {
	r := &mapi.LogonResponse{LogonFlags: mapi.LogonPrivate, ResponseFlags: 7, MailboxGUID: annMailbox, ReplID: 1, ReplGUID: annRepl,
		LogonTime: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
	for i := range r.FolderIDs {
		r.FolderIDs[i] = mapi.FolderID{1, 0, 0, 0, 0, 0, 0, byte(i + 1)}
	}
	return r
}

// executed wraps the answers of ROPs.
func executed(handles []uint32, rops ...interface{ Append([]byte) []byte }) *mapi.ExecuteResponse {
	var list []byte
	for _, rop := range rops {
		list = rop.Append(list)
	}
	return &mapi.ExecuteResponse{RopBuffer: mapi.AppendRopBuffer(nil, list, handles)}
}

// raw is bytes that stand for a message.
type raw string

func (r raw) Append(b []byte) []byte { return append(b, r...) }

// mailbox answers like a healthy server, except where answers says otherwise.
// Its keys are request types, and for Execute the name of the ROP.
func mailbox(answers map[string]string) func(w io.Writer, g got) bool {
	usual := map[string]string{
		"Connect":                 done(cookie("MapiContext=c1", "MapiSequence=s1"), connectOK()),
		"RopLogon":                done(cookie("MapiSequence=s2"), executed([]uint32{logonHandle}, logonOK())),
		"RopGetReceiveFolder":     done(cookie("MapiSequence=s3"), executed([]uint32{logonHandle}, &mapi.GetReceiveFolderResponse{FolderID: mapi.FolderID{1, 0, 0, 0, 0, 0, 0, 5}, MessageClass: "IPM"})),
		"RopRegisterNotification": done(cookie("MapiSequence=s4"), executed([]uint32{logonHandle, 0x2B}, &mapi.RegisterNotificationResponse{OutputHandleIndex: 1})),
		"NotificationWait":        done("", &mapi.NotificationWaitResponse{EventPending: true}),
		"Disconnect":              done("", &mapi.DisconnectResponse{}),
	}
	return basic(func(w io.Writer, g got) bool {
		key := g.requestType()
		if key == "Execute" {
			key = ropOf(g.body)
		}
		answer, ok := answers[key]
		if !ok {
			answer, ok = usual[key]
		}
		io.WriteString(w, answer)
		return ok
	})
}

// ropOf names the first ROP of the body of an Execute.
func ropOf(body []byte) string {
	var m mapi.ExecuteRequest
	if err := m.Parse(body); err != nil {
		return err.Error()
	}
	rops, _, err := mapi.ParseRopBuffer(m.RopBuffer)
	if err != nil || len(rops) == 0 {
		return "no ROP"
	}
	switch mapi.RopID(rops[0]) {
	case mapi.RopLogon:
		return "RopLogon"
	case mapi.RopGetReceiveFolder:
		return "RopGetReceiveFolder"
	case mapi.RopRegisterNotification:
		return "RopRegisterNotification"
	}
	return mapi.RopID(rops[0]).String()
}

// logins holds one login for every host and remembers refusals.
type logins struct {
	login   trust.Login
	missing bool
	mu      sync.Mutex
	refused []string
}

func (l *logins) Login(_ context.Context, host string) (trust.Login, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.missing || len(l.refused) > 0 {
		return trust.Login{}, &trust.NoLoginError{Host: host, Realm: trust.Realm(host), User: l.login.User, Refused: len(l.refused) > 0}
	}
	return l.login, nil
}

func (l *logins) Refused(host string, _ trust.Login) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = append(l.refused, host)
}

func annLogins() *logins {
	return &logins{login: trust.Login{User: "ann", Secret: trust.NewSecret(annPassword)}}
}

// ann is the target of the tests.
func ann() logonclient.Target {
	return logonclient.Target{MailStore: annURL, AddressBook: annBook, LegacyDN: annDN, Access: trust.Access{
		Hop:    trust.Hop{MailDomain: "contoso.test", To: annHost, How: trust.FromProfile},
		Logins: annLogins(),
	}}
}

// pipe is net.Pipe with room for what nobody reads yet, as TCP has. Its
// deadlines do nothing: writes do not block, and nobody sets one for reads.
func pipe() (near, far net.Conn) {
	a, b := newStretch(), newStretch()
	one, other := net.Pipe() // for the addresses and deadlines
	return &end{Conn: one, in: a, out: b}, &end{Conn: other, in: b, out: a}
}

type end struct {
	net.Conn
	in, out *stretch
}

func (e *end) Read(p []byte) (int, error)  { return e.in.read(p) }
func (e *end) Write(p []byte) (int, error) { return e.out.write(p) }
func (e *end) Close() error {
	e.in.close()
	e.out.close()
	return e.Conn.Close()
}

// stretch is one direction of a pipe.
type stretch struct {
	mu     sync.Mutex
	cond   *sync.Cond
	buf    bytes.Buffer
	closed bool
}

func newStretch() *stretch {
	s := new(stretch)
	s.cond = sync.NewCond(&s.mu)
	return s
}

func (s *stretch) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.buf.Len() == 0 && !s.closed {
		s.cond.Wait()
	}
	return s.buf.Read(p)
}

func (s *stretch) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, io.ErrClosedPipe
	}
	s.cond.Broadcast()
	return s.buf.Write(p)
}

func (s *stretch) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.cond.Broadcast()
}

// pki makes one authority and one certificate for the run.
var pki = sync.OnceValues(func() (*x509.CertPool, tls.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Contoso test"},
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		DNSNames: []string{"*.contoso.test"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return pool, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
})

func authority() *x509.CertPool    { pool, _ := pki(); return pool }
func certificate() tls.Certificate { _, cert := pki(); return cert }

// forms are the shapes in which a secret could show.
func forms(user, secret string) [][]byte {
	pair := user + ":" + secret
	return [][]byte{
		[]byte(secret), []byte(pair),
		[]byte(base64.StdEncoding.EncodeToString([]byte(pair))), []byte(base64.StdEncoding.EncodeToString([]byte(secret))),
	}
}

func containsAny(text []byte, forms [][]byte) bool {
	for _, form := range forms {
		if bytes.Contains(text, form) {
			return true
		}
	}
	return false
}
