package httpauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// serve starts a TLS server for example.com that would speak HTTP/2 too, and
// returns a Network that reaches it.
func serve(t *testing.T, handler http.HandlerFunc, config *tls.Config) Network {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2, server.TLS = true, config
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return Network{RootCAs: roots, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}}
}

func get(t *testing.T, transport *http.Transport, url string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := transport.RoundTrip(req)
	if err == nil {
		drain(res)
	}
	return res, err
}

func TestNetworkSpeaksHTTP1WithoutCompressionAndFollowsNothing(t *testing.T) {
	n := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://elsewhere.test/")
		w.Header().Set("X-Encoding", r.Header.Get("Accept-Encoding"))
		w.WriteHeader(302)
	}, nil)
	transport := n.Transport()
	defer transport.CloseIdleConnections()
	res, err := get(t, transport, "https://example.com/")
	if err != nil || res.ProtoMajor != 1 || res.StatusCode != 302 || res.Header.Get("X-Encoding") != "" {
		t.Fatalf("%v, %v", res, err)
	}
	if got := Certificate(res); got == "" {
		t.Error("the certificate is not told")
	}
}

func TestNetworkKeepsOneConnection(t *testing.T) {
	n := serve(t, func(http.ResponseWriter, *http.Request) {}, nil)
	dials, dial := 0, n.Dial
	n.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials++
		return dial(ctx, network, addr)
	}
	transport := n.Transport()
	defer transport.CloseIdleConnections()
	for range 3 {
		if _, err := get(t, transport, "https://example.com/"); err != nil {
			t.Fatal(err)
		}
	}
	if dials != 1 {
		t.Errorf("%d connections", dials)
	}
}

func TestNetworkVerifies(t *testing.T) {
	handler := func(http.ResponseWriter, *http.Request) {}
	unknown := serve(t, handler, nil)
	unknown.RootCAs = x509.NewCertPool()
	for name, tt := range map[string]struct {
		network Network
		url     string
	}{
		"a certificate of nobody that we know": {unknown, "https://example.com/"},
		"a certificate for another name":       {serve(t, handler, nil), "https://mx.contoso.test/"},
		"TLS 1.1":                              {serve(t, handler, &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}), "https://example.com/"},
	} {
		if res, err := get(t, tt.network.Transport(), tt.url); err == nil {
			t.Errorf("%s is taken: %v", name, res.Status)
		}
	}
}

func TestNetworkLimitsHeaders(t *testing.T) {
	size := 0
	n := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", size))
	}, nil)
	for _, tt := range []struct {
		size int
		ok   bool
	}{{32 << 10, true}, {80 << 10, false}} {
		size = tt.size
		transport := n.Transport()
		if _, err := get(t, transport, "https://example.com/"); (err == nil) != tt.ok {
			t.Errorf("a header of %d bytes: %v", tt.size, err)
		}
		transport.CloseIdleConnections()
	}
}

func TestCertificateOfNobody(t *testing.T) {
	for _, state := range []*tls.ConnectionState{nil, {}} {
		if got := Certificate(&http.Response{TLS: state}); got != "" {
			t.Errorf("Certificate = %q", got)
		}
	}
}

func TestNetworkAsksForSRVRecords(t *testing.T) {
	one := []*net.SRV{{Target: "mx.contoso.test.", Port: 443}}
	down := &net.DNSError{Err: "server misbehaving", IsTemporary: true}
	for _, tt := range []struct {
		name    string
		records []*net.SRV
		err     error
		want    int
		wantErr error
	}{
		{"records", one, nil, 1, nil},
		{"a name without any", nil, nil, 0, nil},
		{"no such name", nil, &net.DNSError{Err: "no such host", IsNotFound: true}, 0, nil},
		{"some that are usable", one, down, 1, nil},
		{"a failure", nil, down, 0, down},
	} {
		n := Network{LookupSRV: func(_ context.Context, service, proto, name string) ([]*net.SRV, error) {
			if service != "autodiscover" || proto != "tcp" || name != "contoso.test" {
				t.Errorf("asked for _%s._%s.%s", service, proto, name)
			}
			return tt.records, tt.err
		}}
		got, err := n.SRV(t.Context(), "autodiscover", "tcp", "contoso.test")
		if len(got) != tt.want || err != tt.wantErr {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}
}

// A network of its own is not looked up in the system's DNS.
func TestNetworkKnowsWhetherThereIsDNS(t *testing.T) {
	dial := func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }
	lookup := func(context.Context, string, string, string) ([]*net.SRV, error) { return nil, nil }
	for _, tt := range []struct {
		network Network
		want    bool
	}{{Network{}, true}, {Network{Dial: dial}, false}, {Network{Dial: dial, LookupSRV: lookup}, true}, {Network{LookupSRV: lookup}, true}} {
		if got := tt.network.HasSRV(); got != tt.want {
			t.Errorf("%+v: %v", tt.network, got)
		}
	}
}
