package program

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// listen returns the address of a listener on loopback that says name to
// whoever connects.
func listen(t *testing.T, name string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, name)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func TestConnectTo(t *testing.T) {
	a, b := listen(t, "a"), listen(t, "b")
	for _, tc := range []struct {
		name  string
		lines []string
		dial  string
		want  string
	}{
		{"host and port", []string{"ex1.contoso.test:443:" + a}, "ex1.contoso.test:443", "a"},
		{"the host in other letters", []string{"EX1.contoso.test:443:" + a}, "ex1.Contoso.test:443", "a"},
		{"the first line that fits", []string{"ex1.contoso.test:443:" + a, "ex1.contoso.test:443:" + b}, "ex1.contoso.test:443", "a"},
		{"another host", []string{"ex1.contoso.test:443:" + a, "ex2.contoso.test:443:" + b}, "ex2.contoso.test:443", "b"},
		{"any host", []string{":443:" + a}, "ex9.contoso.test:443", "a"},
		{"any port", []string{"ex1.contoso.test::" + a}, "ex1.contoso.test:8443", "a"},
		{"any host and port", []string{"ex1.contoso.test:443:" + b, "::" + a}, "ex2.contoso.test:25", "a"},
		{"another port of a host that is named", []string{"ex1.contoso.test:443:" + a, "::" + b}, "ex1.contoso.test:8443", "b"},
		{"a line for nobody leaves the address as it is", []string{"ex1.contoso.test:443:" + a}, b, "b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dial, err := connectTo(tc.lines, (&net.Dialer{}).DialContext)
			if err != nil {
				t.Fatal(err)
			}
			c, err := dial(t.Context(), "tcp", tc.dial)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if got, err := io.ReadAll(c); err != nil || string(got) != tc.want {
				t.Errorf("connected to %q (%v), want %q", got, err, tc.want)
			}
		})
	}
}

func TestConnectToIsRefused(t *testing.T) {
	for _, line := range []string{"", "ex1.contoso.test", "ex1.contoso.test:443", "ex1.contoso.test:443:127.0.0.1", "ex1.contoso.test:443:127.0.0.1:1:2"} {
		if _, err := connectTo([]string{line}, nil); err == nil || !strings.Contains(err.Error(), "HOST:PORT:ADDR:PORT") {
			t.Errorf("connectTo(%q) = %v, want the form that it has to have", line, err)
		}
	}
}

func TestConnectToDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, err := connectTo([]string{"::192.0.2.1:443"}, func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done() // nobody answers
			return nil, ctx.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = dial(t.Context(), "tcp", "ex1.contoso.test:443")
		if waited := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || waited != 7*time.Second {
			t.Errorf("%v after %v, want the end of the patience after 7 s", err, waited)
		}
	})
}

func TestCertificateAuthoritiesOfAFile(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	get := func(caFile string) error {
		var c Config
		c.Network.CAFile = caFile
		n, err := c.network()
		if err != nil {
			return err
		}
		transport := n.Transport()
		defer transport.CloseIdleConnections()
		res, err := (&http.Client{Transport: transport}).Get(server.URL)
		if err == nil {
			res.Body.Close()
		}
		return err
	}
	if err := get(file); err != nil {
		t.Errorf("with the authority of the server: %v", err)
	}
	if err := get(""); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("with the authorities of the system: %v, want a refused certificate", err)
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := get(empty); err == nil || !strings.Contains(err.Error(), "holds no certificate in PEM form") {
		t.Errorf("with a file without certificates: %v", err)
	}
	if err := get(empty + ".gone"); err == nil || !strings.Contains(err.Error(), "reading the certificate authorities") {
		t.Errorf("with a file that is not there: %v", err)
	}
}

func TestProxy(t *testing.T) {
	for _, tc := range []struct {
		name      string
		proxy     string
		connectTo []string
		want      bool // a proxy is looked for
	}{
		{"the environment is asked", "environment", nil, true},
		{"none", "none", nil, false},
		{"connect_to leaves no place for one", "environment", []string{"::127.0.0.1:1"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var c Config
			c.Network.Proxy, c.Network.ConnectTo = tc.proxy, tc.connectTo
			n, err := c.network()
			if err != nil {
				t.Fatal(err)
			}
			if got := n.Proxy != nil; got != tc.want {
				t.Errorf("a proxy is looked for: %v, want %v", got, tc.want)
			}
			if n.Proxy != nil {
				if _, err := n.Proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: "localhost"}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// nameserver is a DNS server on loopback for contoso.test. It answers SRV with two
// records and A with 127.0.0.1, for every other name that there is none, and tells
// what it was asked.
func nameserver(t *testing.T) (addr string, asked func() []string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var names []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1024)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if err := m.Unpack(buf[:n]); err != nil || len(m.Questions) != 1 {
				t.Errorf("no question: %v", err)
				continue
			}
			q := m.Questions[0]
			mu.Lock()
			names = append(names, q.Type.String()+" "+q.Name.String())
			mu.Unlock()
			m.Response, m.Additionals = true, nil
			header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
			switch {
			case !strings.HasSuffix(q.Name.String(), "contoso.test."):
				m.RCode = dnsmessage.RCodeNameError
			case q.Type == dnsmessage.TypeSRV:
				for _, target := range []string{"ex1.contoso.test.", "ex2.contoso.test."} {
					m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.SRVResource{Port: 443, Target: dnsmessage.MustNewName(target)}})
				}
			case q.Type == dnsmessage.TypeA:
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}})
			}
			if answer, err := m.Pack(); err == nil {
				conn.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return conn.LocalAddr().String(), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(names)
	}
}

func TestADNSServerIsAskedInPlaceOfTheSystem(t *testing.T) {
	a := listen(t, "a")
	_, port, err := net.SplitHostPort(a)
	if err != nil {
		t.Fatal(err)
	}
	server, asked := nameserver(t)
	for _, tc := range []struct {
		name      string
		connectTo []string
	}{
		{"alone", nil},
		{"beside connect_to", []string{"ex9.contoso.test:443:127.0.0.1:1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var c Config
			c.Network.DNS, c.Network.ConnectTo = server, tc.connectTo
			n, err := c.network()
			if err != nil {
				t.Fatal(err)
			}
			if !n.HasSRV() {
				t.Fatal("there is nobody to ask for SRV records")
			}
			records, err := n.SRV(t.Context(), "autodiscover", "tcp", "contoso.test")
			if err != nil || len(records) != 2 {
				t.Errorf("%d records, %v; want 2", len(records), err)
			}
			if !slices.Contains(asked(), "TypeSRV _autodiscover._tcp.contoso.test.") {
				t.Errorf("asked for %v", asked())
			}
			if records, err := n.SRV(t.Context(), "autodiscover", "tcp", "fabrikam.test"); err != nil || len(records) > 0 {
				t.Errorf("of a name that there is not: %v, %v", records, err)
			}
			conn, err := n.Dial(t.Context(), "tcp", net.JoinHostPort("ex1.contoso.test", port))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if said, err := io.ReadAll(conn); err != nil || string(said) != "a" {
				t.Errorf("%q, %v answers in the place of ex1", said, err)
			}
		})
	}
	// The twin: without it, connect_to alone leaves nobody to ask.
	var c Config
	c.Network.ConnectTo = []string{"::" + a}
	if n, err := c.network(); err != nil || n.HasSRV() {
		t.Errorf("with connect_to alone: SRV records %v, %v", n.HasSRV(), err)
	}
}
