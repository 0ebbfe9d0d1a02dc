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
