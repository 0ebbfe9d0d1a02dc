package autodiscover

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/homing-mail/homing/internal/trust"
)

const password = "hunter2-Tr0ub4dor"

// world is a network of named hosts behind one TLS server. Its dialer knows no
// other names, and no address of the machine's own network is ever dialled.
type world struct {
	roots *x509.CertPool
	hosts map[string]http.HandlerFunc // by host name; a handler sees every port
	addr  string

	mu      sync.Mutex
	dialled []string
	seen    []seen
}

// seen is one request that arrived.
type seen struct {
	Host, Method, Path string
	Auth               string
	Body               string
	Header             http.Header
	Query              string
}

// newWorld serves hosts until the test ends.
func newWorld(t *testing.T, hosts map[string]http.HandlerFunc) *world {
	t.Helper()
	w := &world{roots: x509.NewCertPool(), hosts: hosts}
	authority := issue(t, "authority", nil)
	w.roots.AddCert(authority.Leaf)
	var mu sync.Mutex
	issued := make(map[string]*tls.Certificate)
	server := httptest.NewUnstartedServer(w)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		mu.Lock()
		defer mu.Unlock()
		if issued[hello.ServerName] == nil {
			name := hello.ServerName
			if strings.HasPrefix(name, "wrong-name.") {
				name = "other.test"
			}
			issued[hello.ServerName] = issue(t, name, authority)
		}
		return issued[hello.ServerName], nil
	}}
	server.StartTLS()
	t.Cleanup(server.Close)
	w.addr = server.Listener.Addr().String()
	return w
}

// issue makes a certificate for name; without an issuer, an authority. The edits
// make it another than it should be.
func issue(t testing.TB, name string, by *tls.Certificate, edits ...func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	parent, signer := leaf, key
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey.(*ecdsa.PrivateKey)
	} else {
		leaf.IsCA, leaf.BasicConstraintsValid = true, true
	}
	for _, edit := range edits {
		edit(leaf)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (w *world) ServeHTTP(res http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	w.mu.Lock()
	w.seen = append(w.seen, seen{req.Host, req.Method, req.URL.Path, req.Header.Get("Authorization"), string(body), req.Header, req.URL.RawQuery})
	w.mu.Unlock()
	req.Body = io.NopCloser(strings.NewReader(string(body)))
	host, _, err := net.SplitHostPort(req.Host)
	if err != nil {
		host = req.Host
	}
	w.hosts[host](res, req)
}

// network reaches the hosts of w alone.
func (w *world) network() Network {
	return Network{RootCAs: w.roots, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		w.mu.Lock()
		w.dialled = append(w.dialled, addr)
		w.mu.Unlock()
		host, _, _ := net.SplitHostPort(addr)
		if w.hosts[host] == nil {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return new(net.Dialer).DialContext(ctx, network, w.addr)
	}}
}

// requests returns what arrived at host, or everywhere if that is empty.
func (w *world) requests(host string) []seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []seen
	for _, s := range w.seen {
		if host == "" || s.Host == host {
			out = append(out, s)
		}
	}
	return out
}

// lines returns what arrived as short lines: host, identity, whether signed.
func (w *world) lines() []string {
	var out []string
	for _, s := range w.requests("") {
		line := s.Method + " " + s.Host
		switch {
		case s.Body == "":
			line += " bare"
		case strings.Contains(s.Body, "<LegacyDN>") && strings.Contains(s.Body, "<EMailAddress>"):
			line += " by both"
		case strings.Contains(s.Body, "<LegacyDN>"):
			line += " by LegacyDN"
		default:
			line += " by EMailAddress"
		}
		if s.Auth != "" {
			line += " signed"
		}
		out = append(out, line)
	}
	return out
}

// secured asks for Basic and takes ann's password.
func secured(h http.HandlerFunc) http.HandlerFunc {
	return func(res http.ResponseWriter, req *http.Request) {
		if user, pass, ok := req.BasicAuth(); !ok || user != "ann" || pass != password {
			res.Header().Set("WWW-Authenticate", `Basic realm="contoso"`)
			res.WriteHeader(http.StatusUnauthorized)
			return
		}
		h(res, req)
	}
}

// serves answers a document, whatever the request is.
func serves(document string) http.HandlerFunc {
	return func(res http.ResponseWriter, _ *http.Request) {
		res.Header().Set("Content-Type", "text/xml; charset=utf-8")
		io.WriteString(res, document)
	}
}

// sends answers an HTTP redirect, with a body as web servers do.
func sends(status int, location string) http.HandlerFunc {
	return func(res http.ResponseWriter, _ *http.Request) {
		if location != "" {
			res.Header().Set("Location", location)
		}
		res.WriteHeader(status)
		io.WriteString(res, "<html>Moved</html>")
	}
}

// fails answers a status, with headers as pairs.
func fails(status int, headers ...string) http.HandlerFunc {
	return func(res http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			res.Header().Set(headers[i], headers[i+1])
		}
		res.WriteHeader(status)
	}
}

// byIdentity answers requests by LegacyDN and by address apart.
func byIdentity(dn, address http.HandlerFunc) http.HandlerFunc {
	return func(res http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		if strings.Contains(string(body), "<LegacyDN>") {
			dn(res, req)
		} else {
			address(res, req)
		}
	}
}

// purse holds ann's password for every realm until one refuses it.
type purse struct {
	mu      sync.Mutex
	pass    string
	refused map[string]int // by realm
}

func (p *purse) Login(_ context.Context, host string) (trust.Login, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	realm := trust.Realm(host)
	if p.refused[realm] > 0 {
		return trust.Login{}, &NoLoginError{Host: host, Realm: realm, User: "ann", Refused: true}
	}
	return trust.Login{Realm: realm, User: "ann", Secret: trust.NewSecret(p.pass)}, nil
}

func (p *purse) Refused(_ string, l trust.Login) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused == nil {
		p.refused = make(map[string]int)
	}
	p.refused[l.Realm]++
}

func ann() *purse { return &purse{pass: password} }

// discover asks q in w, whose sources are the profile's and the two hosts of the
// domain, and returns either the result or the error, with the steps that were
// about a place.
func discover(t *testing.T, w *world, q Query) (*Result, *Error) {
	t.Helper()
	if q.Address == "" {
		q.Address = "ann@contoso.test"
	}
	if q.Logins == nil {
		q.Logins = ann()
	}
	q.Exclude = append(q.Exclude, SourceHTTP)
	client := Client{Network: w.network()}
	result, err := client.Discover(t.Context(), q)
	if err == nil {
		result.Steps = ofPlaces(result.Steps)
		return result, nil
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || result != nil {
		t.Fatalf("Discover = %v, %v, which is no *Error", result, err)
	}
	for _, s := range e.Steps {
		if strings.Contains(s.Err+s.Said, password) {
			t.Errorf("a step shows the password: %+v", s)
		}
	}
	if strings.Contains(err.Error(), password) {
		t.Errorf("the error shows the password: %v", err)
	}
	e.Steps = ofPlaces(e.Steps)
	return nil, e
}

// ofPlaces returns the steps that are about a place, and not about a source.
func ofPlaces(steps []Step) []Step {
	var out []Step
	for _, s := range steps {
		if s.URL != "" {
			out = append(out, s)
		}
	}
	return out
}
