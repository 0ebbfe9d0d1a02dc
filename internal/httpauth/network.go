package httpauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Network is how the outside is reached. The zero value is the system's: its
// resolver, its dialer, its certificate authorities, no proxy.
type Network struct {
	// Dial replaces the dialer; nil dials the system's network.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// RootCAs replaces the system's certificate authorities; nil keeps them.
	// There is no switch that turns verification off.
	RootCAs *x509.CertPool
	// Proxy chooses a proxy for a request; nil means none.
	Proxy func(*http.Request) (*url.URL, error)
}

// Limits on reaching a host.
const (
	connectTimeout = 7 * time.Second // name look-up and TCP connect
	tlsTimeout     = 5 * time.Second
	maxHeader      = 64 << 10
)

// Transport returns a transport with one connection, HTTP/1.1 and no
// compression. Every session owns one and closes its idle connection at the
// end. It follows nothing: use it through RoundTrip or with a Client whose
// CheckRedirect returns http.ErrUseLastResponse.
func (n Network) Transport() *http.Transport {
	dial := n.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: connectTimeout}).DialContext
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{RootCAs: n.RootCAs, MinVersion: tls.VersionTLS12},
		Proxy:                  n.Proxy,
		Protocols:              protocols,
		MaxConnsPerHost:        1,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        0, // the owner closes it
		TLSHandshakeTimeout:    tlsTimeout,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
	}
}
