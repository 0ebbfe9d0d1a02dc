package mockserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestDial(t *testing.T) {
	tests := []struct {
		name, script, addr, want string
	}{
		{"a server", "", "ex1.contoso.test:443", "ok"},
		{"an Autodiscover", "", "autodiscover.contoso.test:443", "ok"},
		{"another port", "", "ex1.contoso.test:80", "refused"},
		{"a name that is not in the world", "", "ex9.contoso.test:443", "no such host"},
		{"a mail domain", "", "contoso.test:443", "no such host"},
		{"a mail domain that was pointed somewhere", "dns contoso.test fabrikam.test", "contoso.test:443", "ok"},
		{"switched off by name", "off ex1", "ex1.contoso.test:443", "refused"},
		{"switched off by host", "off ex1.contoso.test", "ex1.contoso.test:443", "refused"},
		{"on again", "off ex1\non ex1", "ex1.contoso.test:443", "ok"},
		{"another one switched off", "off ex2", "ex1.contoso.test:443", "ok"},
		{"vanished", "vanish ex1.contoso.test", "ex1.contoso.test:443", "no such host"},
		{"vanished and off", "vanish ex1.contoso.test\noff ex1", "ex1.contoso.test:443", "no such host"},
		{"appeared again", "vanish ex1.contoso.test\nappear ex1.contoso.test", "ex1.contoso.test:443", "ok"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, "acquisition")
			do(t, s, lines(tt.script)...)
			c, err := s.Dial(t.Context(), "tcp", tt.addr)
			var dns *net.DNSError
			got := "ok"
			switch {
			case errors.As(err, &dns) && dns.IsNotFound:
				got = "no such host"
			case errors.Is(err, syscall.ECONNREFUSED):
				got = "refused"
			case err != nil:
				got = err.Error()
			default:
				c.Close()
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestSwitchingOffBreaksOpenConnections(t *testing.T) {
	for _, tt := range []struct {
		line string
		ok   bool
	}{{"off ex2", true}, {"off ex1", false}} {
		s, c, d := home(t, "acquisition", "ann", "contoso.test")
		session := c.session(d.store())
		session.connect(d.LegacyDN)
		do(t, s, tt.line)
		if _, err := session.try("PING", nil, nil); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.line, err)
		}
	}
}

func TestCertificates(t *testing.T) {
	tests := []struct {
		kind string
		want func(error) bool
	}{
		{"valid", func(err error) bool { return err == nil }},
		{"expired", func(err error) bool {
			var e x509.CertificateInvalidError
			return errors.As(err, &e) && e.Reason == x509.Expired
		}},
		{"wrong-name", func(err error) bool { var e x509.HostnameError; return errors.As(err, &e) }},
		{"unknown-issuer", func(err error) bool { var e x509.UnknownAuthorityError; return errors.As(err, &e) }},
	}
	shake := func(t *testing.T, s *Server, host string) error {
		c, err := s.Dial(t.Context(), "tcp", host+":443")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return tls.Client(c, &tls.Config{RootCAs: s.RootCAs(), ServerName: host}).HandshakeContext(t.Context())
	}
	for _, tt := range tests {
		world := strings.Replace(twoForests(""), `name = "ex2"`, "name = \"ex2\"\ncertificate = \""+tt.kind+"\"", 1)
		t.Run(tt.kind+" by script", func(t *testing.T) {
			s := Start(t, "acquisition")
			do(t, s, "cert ex2.contoso.test "+tt.kind)
			if err := shake(t, s, "ex2.contoso.test"); !tt.want(err) {
				t.Error(err)
			}
		})
		t.Run(tt.kind+" by world", func(t *testing.T) {
			s := Start(t, world)
			if err := shake(t, s, "ex2.contoso.test"); !tt.want(err) {
				t.Error(err)
			}
			if err := shake(t, s, "ex1.contoso.test"); err != nil {
				t.Errorf("another host: %v", err)
			}
		})
		t.Run(tt.kind+" in a bubble", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := Start(t, world)
				<-time.After(9 * 365 * 24 * time.Hour)
				if err := shake(t, s, "ex2.contoso.test"); !tt.want(err) {
					t.Error(err)
				}
			})
		})
	}
}

func TestListenServesAllHostsOnLoopback(t *testing.T) {
	s := Start(t, "acquisition")
	if s.Addr() != "" || s.ConnectTo() != nil {
		t.Errorf("before Listen: %q %q", s.Addr(), s.ConnectTo())
	}
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := s.Listen("127.0.0.1:0"); err == nil {
		t.Error("a second Listen was accepted")
	}
	c := connectTo(t, s)
	d := c.settings("autodiscover.contoso.test", "ann@contoso.test")
	do(t, s, "move ann mx1")
	d = c.ask("https://autodiscover.fabrikam.test"+autodiscoverPath, "LegacyDN", d.LegacyDN)
	if _, how := c.enter(d.store(), d.LegacyDN); how != "ok" {
		t.Errorf("over loopback: %s", how)
	}
	do(t, s, "off mx1")
	if _, err := c.session(d.store()).try("PING", nil, nil); err == nil {
		t.Error("a server that is off answered")
	}
}

// connectTo is a client that goes by the present ConnectTo, as curl does, and
// asks no DNS for anything else.
func connectTo(t *testing.T, s *Server) *client {
	t.Helper()
	to := map[string]string{}
	for _, line := range s.ConnectTo() {
		host, addr, _ := strings.Cut(line, ":443:")
		to[host+":443"] = addr
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.CertificatePEM())
	c := newClient(t, s, "ann@contoso.test")
	c.http.Transport = &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool},
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if to[addr] == "" {
				return nil, errors.New("asks a real DNS for " + addr)
			}
			return (&net.Dialer{}).DialContext(ctx, network, to[addr])
		},
	}
	return c
}

func TestConnectToHasEveryNameThatAClientMayAskFor(t *testing.T) {
	const world = `
[[forest]]
name = "contoso.test"
[[forest.server]]
name = "ex1"
[[forest.autodiscover]]
host = "mail.contoso.test"
[[mailbox]]
user = "ann"
address = "ann@brand.test"
server = "ex1"
`
	tests := []struct {
		name, world, script string
		want                []string
	}{
		{"hosts and mail domains", "acquisition", "",
			[]string{"autodiscover.contoso.test", "autodiscover.fabrikam.test", "contoso.test", "ex1.contoso.test", "ex2.contoso.test", "fabrikam.test", "mx1.fabrikam.test"}},
		{"also those that have vanished or are off", "acquisition", "vanish ex1\noff ex2",
			[]string{"autodiscover.contoso.test", "autodiscover.fabrikam.test", "contoso.test", "ex1.contoso.test", "ex2.contoso.test", "fabrikam.test", "mx1.fabrikam.test"}},
		{"also domains that no forest is named by", world, "",
			[]string{"autodiscover.brand.test", "autodiscover.contoso.test", "brand.test", "contoso.test", "ex1.contoso.test", "mail.contoso.test"}},
		{"also domains of the script", world, "dns other.test contoso.test",
			[]string{"autodiscover.brand.test", "autodiscover.contoso.test", "autodiscover.other.test", "brand.test", "contoso.test", "ex1.contoso.test", "mail.contoso.test", "other.test"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, tt.world)
			if err := s.Listen("127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			do(t, s, lines(tt.script)...)
			var want []string
			for _, host := range tt.want {
				want = append(want, host+":443:"+s.Addr())
			}
			if got := s.ConnectTo(); !slices.Equal(got, want) {
				t.Errorf("have %q\nwant %q", got, want)
			}
		})
	}
}

func TestAMailDomainIsSilentUntilDNSPointsItSomewhere(t *testing.T) {
	s := Start(t, "acquisition")
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	c := connectTo(t, s)
	const url = "https://contoso.test" + autodiscoverPath
	if _, err := c.http.Get(url); err == nil || strings.Contains(err.Error(), "real DNS") {
		t.Errorf("before: %v, want a handshake that breaks off", err)
	}
	do(t, s, "dns contoso.test fabrikam.test")
	if d := c.ask(url, "EMailAddress", "nobody@fabrikam.test"); d.ErrorCode != 500 {
		t.Errorf("after, by the same list: status %d, %s", d.Status, d.Text)
	}
}

func TestListenRefusesOtherAddresses(t *testing.T) {
	s := Start(t, "acquisition")
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0", "127.0.0.1", ""} {
		if err := s.Listen(addr); err == nil {
			t.Errorf("Listen(%q) was accepted", addr)
		}
		if err := s.ListenAdmin(addr); err == nil {
			t.Errorf("ListenAdmin(%q) was accepted", addr)
		}
	}
}

func TestCloseEndsEverything(t *testing.T) {
	w, err := OpenWorld("acquisition")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(w)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Listen("127.0.0.1:0"), s.ListenAdmin("127.0.0.1:0")); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, s, "ann@contoso.test")
	c.settings("autodiscover.contoso.test", "ann@contoso.test")
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if _, err := s.Dial(t.Context(), "tcp", "ex1.contoso.test:443"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Dial after Close: %v", err)
	}
	if err := s.Listen("127.0.0.1:0"); err == nil {
		t.Error("Listen after Close was accepted")
	}
	// TestMain looks for goroutines that are left.
}

func TestHandlerAnswersByHost(t *testing.T) {
	s := Start(t, "acquisition")
	for host, want := range map[string]int{"ex1.contoso.test": 404, "EX1.contoso.test:443": 404, "ex9.contoso.test": 421, "": 421} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: status %d, want %d", host, w.Code, want)
		}
	}
}

func TestPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe(address("a:1"), address("b:2"))
		if a.RemoteAddr().String() != "b:2" || b.RemoteAddr().String() != "a:1" {
			t.Errorf("addresses %v %v", a.RemoteAddr(), b.RemoteAddr())
		}
		if n, err := a.Write([]byte("hello")); n != 5 || err != nil { // nobody reads yet
			t.Fatal(n, err)
		}
		buf := make([]byte, 3)
		if n, err := b.Read(buf); string(buf[:n]) != "hel" || err != nil {
			t.Errorf("%q %v", buf[:n], err)
		}
		b.SetReadDeadline(time.Now().Add(time.Minute))
		b.Read(buf)
		start := time.Now()
		if _, err := b.Read(buf); err == nil || time.Since(start) != time.Minute {
			t.Errorf("read at the deadline: %v after %v", err, time.Since(start))
		}
		b.SetReadDeadline(time.Time{})

		a.SetWriteDeadline(time.Now().Add(time.Minute))
		n, err := a.Write(make([]byte, maxUnread+1))
		if n != maxUnread || err == nil {
			t.Errorf("a full pipe took %d bytes, %v", n, err)
		}
		a.Close()
		if all, err := io.ReadAll(b); len(all) != maxUnread || err != nil {
			t.Errorf("after Close: %d bytes, %v", len(all), err)
		}
		if _, err := b.Write([]byte("x")); err == nil {
			t.Error("a write to a closed end succeeded")
		}
		if _, err := a.Read(buf); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a read on a closed end: %v", err)
		}
	})
}
