package mockserver

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const clearURL = "http://autodiscover.brand.test" + autodiscoverPath

// clearWorld answers in clear text at one host, and at another one beside TLS.
const clearWorld = good + `
[[clear]]
host = "autodiscover.brand.test"
to = "https://autodiscover.contoso.test/autodiscover/autodiscover.xml"
[[clear]]
host = "ex1.contoso.test"
serves = "page"
`

func TestClearTextAnswers(t *testing.T) {
	const there = "https://autodiscover.contoso.test/autodiscover/autodiscover.xml"
	tests := []struct {
		name, script string
		status       int
		location     string
		said         string
	}{
		{"a redirect", "", 302, there, "302 → " + there},
		{"a redirect to clear text", "clear autodiscover.brand.test redirect http://x.test/", 302, "http://x.test/", "302 → http://x.test/"},
		{"a redirect to an address", "clear autodiscover.brand.test redirect https://192.0.2.1/autodiscover/autodiscover.xml", 302, "https://192.0.2.1/autodiscover/autodiscover.xml", "302 → https://192.0.2.1/autodiscover/autodiscover.xml"},
		{"a redirect of another status", "clear autodiscover.brand.test redirect https://x.test/ 308", 308, "https://x.test/", "308 → https://x.test/"},
		{"a redirect that is relative", "clear autodiscover.brand.test redirect /autodiscover.xml", 302, "/autodiscover.xml", "302 → /autodiscover.xml"},
		{"a redirect to nowhere", "clear autodiscover.brand.test redirect", 302, "", "302 →"},
		{"a page", "clear autodiscover.brand.test page", 200, "", "a web site"},
		{"a captive portal", "clear autodiscover.brand.test portal", 302, "http://login.portal.test/?blocked=1", "302 → http://login.portal.test/?blocked=1"},
		{"a captive portal with TLS", "clear autodiscover.brand.test portal https://portal.test/", 302, "https://portal.test/", "302 → https://portal.test/"},
		{"a fault", "fault status=503 at autodiscover.brand.test", 503, "", "503"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, clearWorld)
			do(t, s, tt.script)
			a, err := newClient(t, s, "").http.Get(clearURL)
			if err != nil {
				t.Fatal(err)
			}
			a.Body.Close()
			if a.StatusCode != tt.status || a.Header.Get("Location") != tt.location {
				t.Errorf("%d to %q, want %d to %q", a.StatusCode, a.Header.Get("Location"), tt.status, tt.location)
			}
			if _, ok := a.Header["Location"]; ok != (tt.location != "") {
				t.Errorf("Location: %v", ok)
			}
			if r := s.Requests()[0]; !r.Clear || r.Host != "autodiscover.brand.test" || !strings.HasPrefix(r.Said, tt.said) && r.Fault == "" {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestEveryStatusOfARedirectInClearText(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := Start(t, good)
		if err := s.ServeClear(ClearSite{Host: "autodiscover.brand.test", To: "https://x.test/", Status: status}); err != nil {
			t.Fatal(err)
		}
		a, err := newClient(t, s, "").http.Get(clearURL)
		if err != nil {
			t.Fatal(err)
		}
		if a.Body.Close(); a.StatusCode != status {
			t.Errorf("%d, want %d", a.StatusCode, status)
		}
	}
}

func TestWhereClearTextIsAnswered(t *testing.T) {
	tests := []struct {
		name, script, addr, want string
	}{
		{"where the world says so", "", "autodiscover.brand.test:80", "ok"},
		{"with no TLS beside it", "", "autodiscover.brand.test:443", "refused"},
		{"beside TLS", "", "ex1.contoso.test:80", "ok"},
		{"and TLS beside it", "", "ex1.contoso.test:443", "ok"},
		{"nowhere else", "", "ex2.contoso.test:80", "refused"},
		{"no longer", "clear ex1.contoso.test nothing", "ex1.contoso.test:80", "refused"},
		{"by script", "clear ex2.contoso.test page", "ex2.contoso.test:80", "ok"},
		{"by an alias", "cname www.brand.test autodiscover.brand.test", "www.brand.test:80", "ok"},
		{"not where it is switched off", "off autodiscover.brand.test", "autodiscover.brand.test:80", "refused"},
		{"not where it has vanished", "vanish autodiscover.brand.test", "autodiscover.brand.test:80", "no such host"},
		{"TLS comes with a forest", "dns brand.test contoso.test", "autodiscover.brand.test:443", "ok"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, clearWorld)
			do(t, s, tt.script)
			if got := reaches(t, s, tt.addr); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestListenClearServesAllHostsOnLoopback(t *testing.T) {
	s := Start(t, clearWorld)
	if s.ClearAddr() != "" {
		t.Error("an address before ListenClear")
	}
	if err := s.ListenClear("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := s.ListenClear("127.0.0.1:0"); err == nil {
		t.Error("a second ListenClear was accepted")
	}
	if line := "autodiscover.brand.test:80:" + s.ClearAddr(); !slices.Contains(s.ConnectTo(), line) {
		t.Errorf("%q, want also %s", s.ConnectTo(), line)
	}
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.ClearAddr())
		}},
	}
	status := func(url string) int {
		a, err := client.Get(url)
		if err != nil {
			return 0
		}
		a.Body.Close()
		return a.StatusCode
	}
	for url, want := range map[string]int{clearURL: 302, "http://ex1.contoso.test/": 200, "http://ex2.contoso.test/": 0, "http://nobody.test/": 421} {
		if got := status(url); got != want {
			t.Errorf("%s: status %d, want %d; 0 is none", url, got, want)
		}
	}
	do(t, s, "off ex1")
	if got := status("http://ex1.contoso.test/"); got != 0 {
		t.Errorf("switched off: status %d", got)
	}
}

func TestTheRecordTellsWhoSawSecrets(t *testing.T) {
	const tlsURL, both = "https://autodiscover.contoso.test" + autodiscoverPath, "autodiscover.contoso.test"
	tests := []struct {
		name, url, host  string
		password, cookie bool
		want             Witness
	}{
		{"nothing, in clear", clearURL, "autodiscover.brand.test", false, false, Witness{Requests: 1}},
		{"a password in clear", clearURL, "autodiscover.brand.test", true, false, Witness{Requests: 1, Signed: 1, Exposed: 1}},
		{"a cookie in clear", clearURL, "autodiscover.brand.test", false, true, Witness{Requests: 1, Cookies: 1, Exposed: 1}},
		{"both in clear", clearURL, "autodiscover.brand.test", true, true, Witness{Requests: 1, Signed: 1, Cookies: 1, Exposed: 1}},
		{"nothing, by TLS", tlsURL, both, false, false, Witness{Requests: 1}},
		{"a password by TLS", tlsURL, both, true, false, Witness{Requests: 1, Signed: 1}},
		{"a cookie by TLS", tlsURL, both, false, true, Witness{Requests: 1, Cookies: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, clearWorld)
			q, err := http.NewRequest("GET", tt.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.password {
				q.SetBasicAuth("ann@contoso.test", DefaultPassword)
			}
			if tt.cookie {
				q.Header.Set("Cookie", "a=b")
			}
			a, err := newClient(t, s, "").http.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			a.Body.Close()
			r := s.Requests()[0]
			if r.Signed != tt.password || r.Cookie != tt.cookie || r.Clear != strings.HasPrefix(tt.url, "http:") {
				t.Errorf("%+v", r)
			}
			s.Forget() // which the witness does not
			if got, err := s.Witness(tt.host); got != tt.want || err != nil {
				t.Errorf("%+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
	if _, err := Start(t, good).Witness("nobody.test"); err == nil {
		t.Error("a witness that is not there")
	}
}
