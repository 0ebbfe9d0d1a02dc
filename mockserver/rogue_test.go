package mockserver

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// rogueWorld has a rogue of each kind.
const rogueWorld = good + `
[[rogue]]
host = "challenge.evil.test"
[[rogue]]
host = "settings.evil.test"
serves = "settings"
[[rogue]]
host = "redirect.evil.test"
serves = "redirect"
to = "https://challenge.evil.test/autodiscover/autodiscover.xml"
[[rogue]]
host = "moved.evil.test"
serves = "redirect"
status = 308
[[rogue]]
host = "refer.evil.test"
serves = "refer"
to = "https://challenge.evil.test/autodiscover/autodiscover.xml"
[[rogue]]
host = "address.evil.test"
serves = "refer"
to = "ann@evil.test"
[[rogue]]
host = "sink.evil.test"
serves = "sink"
`

func TestARogueIsAfterPasswords(t *testing.T) {
	const there = "https://challenge.evil.test/autodiscover/autodiscover.xml"
	tests := []struct {
		host     string
		unsigned string // what it says to somebody without credentials
		signed   string // and to anybody with some
	}{
		{"challenge.evil.test", "401 Basic", "settings challenge.evil.test"},
		{"settings.evil.test", "settings settings.evil.test", "settings settings.evil.test"},
		{"redirect.evil.test", "302 " + there, "302 " + there},
		{"moved.evil.test", "308", "308"},
		{"refer.evil.test", "redirectUrl " + there, "redirectUrl " + there},
		{"address.evil.test", "redirectAddr ann@evil.test", "redirectAddr ann@evil.test"},
		{"sink.evil.test", "200", "200"},
	}
	for _, tt := range tests {
		t.Run(tt.host, func(t *testing.T) {
			s := Start(t, rogueWorld)
			for _, user := range []string{"", "anybody"} {
				c := newClient(t, s, user)
				c.password = "anything"
				d := c.ask("https://"+tt.host+autodiscoverPath, "EMailAddress", "ann@contoso.test")
				want := tt.unsigned
				if user != "" {
					want = tt.signed
				}
				if got := rogueSaid(d); got != want {
					t.Errorf("as %q: %s, want %s", user, got, want)
				}
			}
			list := s.Requests()
			if len(list) != 2 || list[0].Signed || !list[1].Signed || list[1].User != "anybody" || list[0].Asked != "ann@contoso.test" {
				t.Errorf("%+v", list)
			}
			if got, err := s.Witness(tt.host); got != (Witness{Requests: 2, Signed: 1}) || err != nil {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func rogueSaid(d *pox) string {
	switch {
	case d.Status == 401:
		return "401 " + strings.Fields(strings.Join(d.Head.Values("WWW-Authenticate"), "; "))[0]
	case d.Status != 200 || d.Action == "":
		return strings.TrimSpace(strconv.Itoa(d.Status) + " " + d.Head.Get("Location"))
	case d.Action == "settings":
		host, _, _ := strings.Cut(strings.TrimPrefix(d.store(), "https://"), "/")
		return "settings " + host
	}
	return d.Action + " " + d.URL + d.Addr
}

func TestARogueChallengesWhereItsSettingsLead(t *testing.T) {
	s := Start(t, rogueWorld)
	c := newClient(t, s, "")
	d := c.ask("https://settings.evil.test"+autodiscoverPath, "EMailAddress", "ann@contoso.test")
	if got := rogueSaid(c.post(d.store(), "", nil)); got != "401 Basic" {
		t.Errorf("%s: %s", d.store(), got)
	}
}

func TestAHostIsHijacked(t *testing.T) {
	const host = "autodiscover.contoso.test"
	s := Start(t, good)
	ask := func() string {
		return rogueSaid(newClient(t, s, "ann@contoso.test").ask("https://"+host+autodiscoverPath, "EMailAddress", "ann@contoso.test"))
	}
	if got := ask(); got != "settings ex1.contoso.test" {
		t.Errorf("before: %s", got)
	}
	do(t, s, "rogue "+host+" settings")
	if got := ask(); got != "settings "+host {
		t.Errorf("hijacked: %s", got)
	}
	do(t, s, "rogue "+host+" redirect https://x.test/")
	if got := ask(); got != "302 https://x.test/" {
		t.Errorf("hijacked again: %s", got)
	}
	do(t, s, "rogue "+host+" redirect https://x.test/ 307")
	if got := ask(); got != "307 https://x.test/" {
		t.Errorf("hijacked by another status: %s", got)
	}
	do(t, s, "dns contoso.test contoso.test", "rogue autodiscover.new.test sink")
	if got := ask(); got != "settings ex1.contoso.test" {
		t.Errorf("after: %s", got)
	}
	if got := reaches(t, s, "autodiscover.new.test:443"); got != "ok" {
		t.Errorf("a host that is new: %s", got)
	}
}

func TestAMiddleboxAnswersInTheNameOfAHost(t *testing.T) {
	tests := []struct {
		how    string
		status int
		header string // that tells it
		value  string
		text   string
	}{
		{"proxy", 407, "Proxy-Authenticate", `Basic realm="proxy"`, "The proxy wants to know who you are."},
		{"blocked", 403, "Via", "1.1 proxy", "This site is not allowed here."},
		{"portal", 302, "Location", "http://login.portal.test/?blocked=1", ""},
	}
	for _, tt := range tests {
		for _, host := range []string{"autodiscover.contoso.test", "www.contoso.test"} {
			t.Run(tt.how+" at "+host, func(t *testing.T) {
				s := Start(t, good+"[[hoster]]\nhost = \"www.contoso.test\"\n")
				c := newClient(t, s, "ann@contoso.test")
				ask := func() *pox { return c.post("https://"+host+autodiscoverPath, "", nil) }
				do(t, s, "answer "+host+" "+tt.how)
				if d := ask(); d.Status != tt.status || d.Head.Get(tt.header) != tt.value || !strings.Contains(d.Text, tt.text) {
					t.Errorf("%d %v %s", d.Status, d.Head, d.Text)
				}
				do(t, s, "answer "+host+" normal")
				if d := ask(); d.Status != 200 || d.Head.Get(tt.header) != "" {
					t.Errorf("normal again: %d %v", d.Status, d.Head)
				}
			})
		}
	}
}

func TestABlackHole(t *testing.T) {
	const world = good + `
[[hole]]
host = "dropped.test"
[[hole]]
host = "silent.test"
accepts = true
[[directory]]
host = "dc1.contoso.test"
[[clear]]
host = "ex1.contoso.test"
serves = "page"
`
	tests := []struct {
		name, script, addr, want string
	}{
		{"that drops", "", "dropped.test:443", "nothing"},
		{"that drops, at any port", "", "dropped.test:80", "nothing"},
		{"that accepts", "", "silent.test:443", "ok"},
		{"that accepts, at any port", "", "silent.test:389", "ok"},
		{"a server that drops", "hole ex1 drops", "ex1.contoso.test:443", "nothing"},
		{"a server that drops, in clear text", "hole ex1 drops", "ex1.contoso.test:80", "nothing"},
		{"a server that no longer drops", "hole ex1 drops\nhole ex1 off", "ex1.contoso.test:443", "ok"},
		{"a directory that drops", "hole dc1.contoso.test drops", "dc1.contoso.test:636", "nothing"},
		{"a host that is new drops", "hole new.test drops", "new.test:443", "nothing"},
		{"a host that is new accepts", "hole new.test accepts", "new.test:443", "ok"},
		{"a host that is new no longer drops", "hole new.test drops\nhole new.test off", "new.test:443", "refused"},
		{"a hole that is switched off refuses", "off dropped.test", "dropped.test:443", "refused"},
		{"another server", "hole ex1 drops", "ex2.contoso.test:443", "ok"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := Start(t, world)
				do(t, s, lines(tt.script)...)
				start := time.Now()
				got := reaches(t, s, tt.addr)
				if took := time.Since(start); got != tt.want || (took == time.Second) != (tt.want == "nothing") {
					t.Errorf("%s after %v, want %s", got, took, tt.want)
				}
			})
		})
	}
}

func TestWhatAcceptsAndNeverAnswersEndsWithEitherSide(t *testing.T) {
	dials := map[string]func(*Server) (net.Conn, error){
		"in memory": func(s *Server) (net.Conn, error) { return s.Dial(t.Context(), "tcp", "ex1.contoso.test:443") },
		"over loopback": func(s *Server) (net.Conn, error) {
			if err := s.Listen("127.0.0.1:0"); err != nil {
				return nil, err
			}
			return net.Dial("tcp", s.Addr())
		},
	}
	ends := map[string]func(*Server, net.Conn){
		"the client": func(_ *Server, c net.Conn) { c.Close() },
		"the server": func(s *Server, _ net.Conn) { s.Close() },
		"the script": func(s *Server, _ net.Conn) { s.Do("hole ex1 off") },
	}
	for where, dial := range dials {
		for who, end := range ends {
			t.Run(where+", by "+who, func(t *testing.T) {
				s := Start(t, good)
				do(t, s, "hole ex1 accepts")
				c, err := dial(s)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				done := make(chan error, 1)
				go func() {
					done <- tls.Client(c, &tls.Config{RootCAs: s.RootCAs(), ServerName: "ex1.contoso.test"}).HandshakeContext(t.Context())
				}()
				for heard := false; !heard; runtime.Gosched() { // until the server has the connection
					s.mu.Lock()
					heard = len(s.conns) > 0
					s.mu.Unlock()
				}
				end(s, c)
				if err := <-done; err == nil {
					t.Error("it shook hands")
				}
				// TestMain looks for goroutines that are left.
			})
		}
	}
}

func TestAHoleInClearTextOverLoopbackNeverAnswers(t *testing.T) {
	for script, want := range map[string]bool{"hole ex1 accepts": false, "": true} {
		s := Start(t, good+"[[clear]]\nhost = \"ex1.contoso.test\"\nserves = \"page\"\n")
		do(t, s, script)
		if err := s.ListenClear("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", s.ClearAddr())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: ex1.contoso.test\r\nConnection: close\r\n\r\n")
		if !want {
			r, err := s.Await(t.Context(), func(Request) bool { return true })
			if err != nil || r.Said != "swallowed" || !r.Clear {
				t.Errorf("%+v, %v", r, err)
			}
			s.Close()
		}
		b, _ := io.ReadAll(c)
		if c.Close(); strings.HasPrefix(string(b), "HTTP/1.1 200") != want {
			t.Errorf("%q: %q", script, b)
		}
	}
}
