package httpauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Network is how the outside is reached. The zero value is the system's: its
// resolver, its dialer, its certificate authorities, no proxy.
type Network struct {
	// Dial replaces the dialer; nil dials the system's network.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// LookupSRV replaces the look-up of SRV records, _service._proto.name, in any
	// order; no record and no error is a name without any. nil asks the system's
	// resolver, or nobody where Dial is replaced: the names of another network are
	// not for the system to hear.
	LookupSRV func(ctx context.Context, service, proto, name string) ([]*net.SRV, error)
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

// HasSRV reports whether there is anybody to ask for SRV records.
func (n Network) HasSRV() bool { return n.LookupSRV != nil || n.Dial == nil }

// SRV returns the records of _service._proto.name as they are, in no order. A name
// that has none is no error.
func (n Network) SRV(ctx context.Context, service, proto, name string) ([]*net.SRV, error) {
	lookup := n.LookupSRV
	if lookup == nil {
		lookup = systemSRV
	}
	records, err := lookup(ctx, service, proto, name)
	if notFound, ok := errors.AsType[*net.DNSError](err); ok && notFound.IsNotFound || len(records) > 0 {
		err = nil // of several records some may be unusable
	}
	return records, err
}

// systemSRV asks the system's resolver, for the name as it is: no search domain is
// appended.
func systemSRV(ctx context.Context, service, proto, name string) ([]*net.SRV, error) {
	_, records, err := net.DefaultResolver.LookupSRV(ctx, service, proto, strings.TrimSuffix(name, ".")+".")
	return records, err
}
