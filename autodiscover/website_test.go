package autodiscover

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Where the web site of the root domain leads everybody is a web site too, and so
// is its SOAP Autodiscover: what is refused there counts for the realm only when
// nobody else of the realm has taken the sign-in.
func TestTheRefusalOfWhereAWebSiteLeadsIsNotTheRealms(t *testing.T) {
	const www = "www.contoso.test"
	site := fails(http.StatusUnauthorized, "WWW-Authenticate", `Basic realm="web site"`)
	for _, tt := range []struct {
		name      string
		root, www http.HandlerFunc
		told      int // while mx.contoso.test takes the sign-in
	}{
		{"it leads everybody on", sends(301, at(www)), site, 0},
		{"it has no plain-old XML", atPaths(map[string]http.HandlerFunc{path: fails(404), soapPath: site}), nil, 0},
		{"the twin: it takes the sign-in, and leads on whoever has signed in", secured(sends(302, at(www))), site, 1},
	} {
		for _, healthy := range []bool{true, false} {
			inMemory(t, map[string]http.HandlerFunc{root: tt.root, www: tt.www, auto: slowly(time.Second, fails(503))}, func(t *testing.T, m *memory) {
				told := 1
				if healthy {
					m.hosts["mx.contoso.test"], m.records, told = slowly(2*time.Second, home()), srv("mx.contoso.test"), tt.told
				}
				logins := ann()
				result, err, _ := m.discover(t, m.client(), Query{Logins: logins})
				if got := logins.refused["*.contoso.test"]; got != told || (err == nil) != (healthy && told == 0) {
					t.Errorf("%s, elsewhere %v: %v, %v; told %d times, want %d", tt.name, healthy, result, err, got, told)
				}
			})
		}
	}
}

// A document that a web site has for everybody, such as that of a hoster, leads
// only whoever finds nothing else.
func TestADocumentForEverybodyIsNotTheLastWord(t *testing.T) {
	document := serves(strings.ReplaceAll(string(file(t, "redirecturl.xml")), "autodiscover.fabrikam.test", stranger))
	for _, tt := range []struct {
		name  string
		root  http.HandlerFunc
		found bool
	}{
		{"for everybody", document, true},
		{"the twin: for whoever has signed in", secured(document), false},
	} {
		inMemory(t, map[string]http.HandlerFunc{root: tt.root, stranger: home(), "mx.contoso.test": slowly(time.Second, home())}, func(t *testing.T, m *memory) {
			m.records = srv("mx.contoso.test")
			result, err, _ := m.discover(t, m.client(), Query{})
			if tt.found != (err == nil && result.URL == at("mx.contoso.test")) || !tt.found && (err == nil || err.Kind != Untrusted) {
				t.Errorf("%s: %v, %v", tt.name, result, err)
			}
			for _, s := range m.seen {
				if s.Host == stranger && (s.Auth != "" || s.Body != "") {
					t.Errorf("%s: the stranger was sent %+v", tt.name, s)
				}
			}
		})
	}
}
