package program

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/homing-mail/homing/logonclient"
)

// network returns how the configuration reaches the outside.
func (c Config) network() (logonclient.Network, error) {
	var n logonclient.Network
	if c.Network.Proxy == "environment" {
		n.Proxy = http.ProxyFromEnvironment
	}
	if file := c.Network.CAFile; file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return n, fmt.Errorf("reading the certificate authorities: %w", err)
		}
		n.RootCAs = x509.NewCertPool()
		if !n.RootCAs.AppendCertsFromPEM(pem) {
			return n, fmt.Errorf("%s holds no certificate in PEM form", file)
		}
	}
	dialer := &net.Dialer{Timeout: connectTimeout}
	if c.Network.DNS != "" {
		dialer.Resolver = resolver(c.Network.DNS)
		n.Dial = dialer.DialContext
		n.LookupSRV = func(ctx context.Context, service, proto, name string) ([]*net.SRV, error) {
			_, records, err := dialer.Resolver.LookupSRV(ctx, service, proto, strings.TrimSuffix(name, ".")+".")
			return records, err
		}
	}
	if len(c.Network.ConnectTo) > 0 {
		to, err := connectTo(c.Network.ConnectTo, dialer.DialContext)
		if err != nil {
			return n, err
		}
		n.Dial, n.Proxy = to, nil
	}
	return n, nil
}

// connectTimeout is for the name look-up and the TCP connect.
const connectTimeout = 7 * time.Second

// resolver returns one that asks the DNS server at addr (host:port) alone.
func resolver(addr string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// connectTo returns a dialer that takes each HOST:PORT:ADDR:PORT line as curl's
// --connect-to does: connections to the first pair go to the second. An empty
// first host or port stands for any. The name in TLS stays the first one.
func connectTo(lines []string, dial dialFunc) (dialFunc, error) {
	type rule struct{ host, port, addr string }
	rules := make([]rule, 0, len(lines))
	for _, line := range lines {
		host, rest, ok1 := strings.Cut(line, ":")
		port, addr, ok2 := strings.Cut(rest, ":")
		if _, _, err := net.SplitHostPort(addr); !ok1 || !ok2 || err != nil {
			return nil, fmt.Errorf("%q is not of the form HOST:PORT:ADDR:PORT", line)
		}
		rules = append(rules, rule{strings.ToLower(host), port, addr})
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		for _, r := range rules {
			if (r.host == "" || r.host == strings.ToLower(host)) && (r.port == "" || r.port == port) {
				addr = r.addr
				break
			}
		}
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		return dial(ctx, network, addr)
	}, nil
}
