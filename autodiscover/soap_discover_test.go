package autodiscover

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/internal/trust"
)

// atPaths answers by path; anything else is 404.
func atPaths(handlers map[string]http.HandlerFunc) http.HandlerFunc {
	return func(res http.ResponseWriter, req *http.Request) {
		if h := handlers[strings.ToLower(req.URL.Path)]; h != nil {
			h(res, req)
			return
		}
		fails(404)(res, req)
	}
}

// soapOnly has SOAP Autodiscover, and answers this status for the other form.
func soapOnly(status int, document string) http.HandlerFunc {
	return atPaths(map[string]http.HandlerFunc{path: fails(status), soapPath: secured(serves(document))})
}

// toFabrikam is an answer of SOAP that refers to Fabrikam.
func toFabrikam(t *testing.T) string { return string(file(t, "soap-redirecturl.xml")) }

// asks are the requests for one form or the other, with how they came.
func (m *memory) asks() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, s := range m.seen {
		how := "bare"
		switch {
		case s.Auth != "":
			how = "signed"
		case s.Body != "":
			how = "unsigned"
		}
		if strings.Contains(s.Body, "<LegacyDN>") {
			how += " by LegacyDN"
		}
		out = append(out, s.Host+s.Path[strings.LastIndexByte(s.Path, '.'):]+" "+how)
	}
	return out
}

var contosoAndFabrikam = Rules{Trusted: []string{"*.fabrikam.test"}}

// The settings of Fabrikam are found by a referral of SOAP where there is no
// other form to ask, and SOAP is asked for nothing where there is.
func TestSOAPIsAskedWhereThereIsNoOtherForm(t *testing.T) {
	const target = "autodiscover.fabrikam.test"
	fabrikam := secured(serves(string(file(t, "settings-fabrikam.xml"))))
	for _, tt := range []struct {
		name  string
		hosts map[string]http.HandlerFunc
		query Query
		want  []string
		url   string
		kind  Kind // of the error, if there is no URL
	}{
		{
			name:  "404",
			hosts: map[string]http.HandlerFunc{auto: soapOnly(404, toFabrikam(t)), target: fabrikam},
			want:  []string{auto + ".xml bare", auto + ".svc bare", auto + ".svc signed", target + ".xml bare", target + ".xml signed"}, url: at(target),
		},
		{
			name:  "405",
			hosts: map[string]http.HandlerFunc{auto: soapOnly(405, toFabrikam(t)), target: fabrikam},
			want:  []string{auto + ".xml bare", auto + ".svc bare", auto + ".svc signed", target + ".xml bare", target + ".xml signed"}, url: at(target),
		},
		{
			name:  "501, and the place that it leads to is asked by the LegacyDN",
			hosts: map[string]http.HandlerFunc{auto: soapOnly(501, toFabrikam(t)), target: fabrikam},
			query: Query{LegacyDN: "/o=Contoso/cn=ann"},
			want:  []string{auto + ".xml bare", auto + ".svc bare", auto + ".svc signed", target + ".xml bare", target + ".xml signed by LegacyDN"}, url: at(target),
		},
		{
			name: "404 after a sign-in, which is known by then",
			hosts: map[string]http.HandlerFunc{target: fabrikam,
				auto: secured(atPaths(map[string]http.HandlerFunc{soapPath: serves(toFabrikam(t))}))},
			want: []string{auto + ".xml bare", auto + ".xml signed", auto + ".svc signed", target + ".xml bare", target + ".xml signed"}, url: at(target),
		},
		{
			name:  "403 is another matter",
			hosts: map[string]http.HandlerFunc{auto: soapOnly(403, toFabrikam(t)), target: fabrikam},
			want:  []string{auto + ".xml bare"}, kind: Malformed,
		},
		{
			name:  "and so is 500",
			hosts: map[string]http.HandlerFunc{auto: soapOnly(500, toFabrikam(t)), target: fabrikam},
			want:  []string{auto + ".xml bare"}, kind: Unreachable,
		},
		{
			name:  "there is no SOAP either",
			hosts: map[string]http.HandlerFunc{auto: fails(404)},
			want:  []string{auto + ".xml bare", auto + ".svc bare"}, kind: Malformed,
		},
		{
			name:  "a better place without the form waits for a worse one with it",
			hosts: map[string]http.HandlerFunc{auto: soapOnly(404, toFabrikam(t)), root: home(), target: fabrikam},
			want:  []string{auto + ".xml bare", root + ".xml bare", root + ".xml signed"}, url: at(root),
		},
		{
			name:  "once for two places of a host",
			hosts: map[string]http.HandlerFunc{auto: soapOnly(404, string(file(t, "soap-invaliduser.xml")))},
			query: Query{First: []Candidate{{URL: "https://" + auto + "/autodiscover/ann/autodiscover.xml", How: trust.FromProfile}}},
			want:  []string{auto + ".xml bare", auto + ".xml bare", auto + ".svc bare", auto + ".svc signed"}, kind: NotFound,
		},
		{
			name:  "settings of SOAP are an explanation and no success",
			hosts: map[string]http.HandlerFunc{auto: soapOnly(404, string(file(t, "soap-settings.xml")))},
			want:  []string{auto + ".xml bare", auto + ".svc bare", auto + ".svc signed"}, kind: NoUsableProtocol,
		},
		{
			name: "the place that it leads to has SOAP alone, too",
			hosts: map[string]http.HandlerFunc{auto: soapOnly(404, toFabrikam(t)),
				target: soapOnly(404, strings.ReplaceAll(toFabrikam(t), target, "mx.fabrikam.test")), "mx.fabrikam.test": fabrikam},
			want: []string{auto + ".xml bare", auto + ".svc bare", auto + ".svc signed", target + ".xml bare", target + ".svc bare", target + ".svc signed",
				"mx.fabrikam.test.xml bare", "mx.fabrikam.test.xml signed"}, url: at("mx.fabrikam.test"),
		},
		{
			name:  "an HTTP redirect to another SOAP is followed at the plain-old XML there",
			hosts: map[string]http.HandlerFunc{auto: atPaths(map[string]http.HandlerFunc{path: fails(404), soapPath: secured(sends(302, "https://"+target+soapPath))}), target: fabrikam},
			want:  []string{auto + ".xml bare", auto + ".svc bare", auto + ".svc signed", target + ".xml bare", target + ".xml signed"}, url: at(target),
		},
		{
			name:  "a circle",
			hosts: map[string]http.HandlerFunc{auto: soapOnly(404, strings.ReplaceAll(toFabrikam(t), target, auto))},
			want:  []string{auto + ".xml bare", auto + ".svc bare", auto + ".svc signed"}, kind: Loop,
		},
		{
			name: "a referral to another address begins anew",
			hosts: map[string]http.HandlerFunc{auto: soapOnly(404, string(file(t, "soap-redirectaddress.xml"))),
				"autodiscover.mail.fabrikam.test": fabrikam},
			want: []string{auto + ".xml bare", auto + ".svc bare", auto + ".svc signed",
				"autodiscover.mail.fabrikam.test.xml bare", "autodiscover.mail.fabrikam.test.xml signed"}, url: at("autodiscover.mail.fabrikam.test"),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inMemory(t, tt.hosts, func(t *testing.T, m *memory) {
				tt.query.Rules = contosoAndFabrikam
				tt.query.Exclude = []Source{SourceHTTP, SourceSRV}
				result, err, _ := m.discover(t, m.client(), tt.query)
				if diff := cmp.Diff(tt.want, m.asks()); diff != "" {
					t.Errorf("asked (-want +got):\n%s", diff)
				}
				switch {
				case tt.url == "" && (err == nil || err.Kind != tt.kind):
					t.Errorf("%v, want %v", err, tt.kind)
				case tt.url != "" && (err != nil || result.URL != tt.url):
					t.Errorf("%v, %v, want %s", result, err, tt.url)
				}
			})
		})
	}
}

// A referral of SOAP to a stranger ends as every referral does, and the stranger
// sees nothing.
func TestSOAPLeadsNobodysCredentialsAstray(t *testing.T) {
	for _, tt := range []struct {
		name, target string
		signed       []string
	}{
		{"a stranger", "https://evil.test/autodiscover/autodiscover.svc", []string{auto + ".svc signed"}},
		{"a look-alike", "https://autodiscover.contoso.test.evil.test/autodiscover/autodiscover.svc", []string{auto + ".svc signed"}},
		{"http", "http://autodiscover.contoso.test/autodiscover/autodiscover.svc", []string{auto + ".svc signed"}},
		{"an address", "https://192.0.2.1/autodiscover/autodiscover.svc", []string{auto + ".svc signed"}},
		{"a user name", "https://ann@mx.contoso.test/autodiscover/autodiscover.svc", []string{auto + ".svc signed"}},
		{"the twin: a host of the mail domain", "https://mx.contoso.test/autodiscover/autodiscover.svc", []string{auto + ".svc signed", "mx.contoso.test.xml signed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			document := strings.ReplaceAll(toFabrikam(t), "https://autodiscover.fabrikam.test/autodiscover/autodiscover.svc", tt.target)
			hosts := map[string]http.HandlerFunc{auto: soapOnly(404, document), "http://" + auto: home()}
			for _, name := range []string{"evil.test", "autodiscover.contoso.test.evil.test", "192.0.2.1", "mx.contoso.test"} {
				hosts[name] = home()
			}
			inMemory(t, hosts, func(t *testing.T, m *memory) {
				_, err, _ := m.discover(t, m.client(), Query{Exclude: []Source{SourceHTTP, SourceSRV}})
				var signed []string
				for _, s := range m.asks() {
					if strings.HasSuffix(s, "signed") {
						signed = append(signed, s)
					}
				}
				if diff := cmp.Diff(tt.signed, signed); diff != "" {
					t.Errorf("signed (-want +got):\n%s", diff)
				}
				if twin := len(tt.signed) == 2; twin != (err == nil) || !twin && err.Kind != Untrusted {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// SOAP is no way around a judgement: where the other form may not be signed in
// to, it may not.
func TestSOAPOfAStrangerIsNotAsked(t *testing.T) {
	records := srv("evil.test.")
	for _, tt := range []struct {
		name  string
		rules Rules
		want  []string
	}{
		{"a stranger", Rules{}, []string{"evil.test.xml bare"}},
		{"the twin: one that is allowed", Rules{Trusted: []string{"evil.test"}}, []string{"evil.test.xml bare", "evil.test.svc bare", "evil.test.svc signed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inMemory(t, map[string]http.HandlerFunc{"evil.test": soapOnly(404, string(file(t, "soap-invaliduser.xml")))}, func(t *testing.T, m *memory) {
				m.records = records
				_, err, _ := m.discover(t, m.client(), Query{Rules: tt.rules, Exclude: []Source{SourceHTTP}})
				if diff := cmp.Diff(tt.want, m.asks()); diff != "" || err == nil {
					t.Errorf("%v (-want +got):\n%s", err, diff)
				}
			})
		})
	}
}

// The policy keeps that by itself, whatever the I/O reports of whom it has only met.
func TestWhatFollowsALackOfTheOtherForm(t *testing.T) {
	lacking := answer{failure: &Error{Kind: Malformed, Err: errors.New("HTTP 404")}, noPOX: true}
	for _, tt := range []struct {
		name   string
		rules  Rules
		answer answer
		then   func(c *chase)
		want   bool // SOAP is asked
	}{
		{"one that was asked", Rules{Trusted: []string{stranger}}, lacking, nil, true},
		{"one that was only met", Rules{}, lacking, nil, false},
		{"one that failed in another way", Rules{Trusted: []string{stranger}}, answer{failure: lacking.failure}, nil, false},
		{"one that was asked for an address that has changed since", Rules{Trusted: []string{stranger}}, lacking,
			func(c *chase) {
				c.redirectAddr(ask{url: at(auto), hop: Hop{To: auto + ":443"}}, "ann@fabrikam.test", false)
			}, false},
		{"after the end", Rules{Trusted: []string{stranger}}, lacking, func(c *chase) { c.ended = true }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := newChase(Query{Address: "ann@contoso.test", Rules: tt.rules})
			if err != nil {
				t.Fatal(err)
			}
			c.take(c.offer(c.admit(Candidate{URL: at(stranger), How: trust.FromSRV, Source: SourceSRV})), tt.answer)
			if tt.then != nil {
				tt.then(c)
			}
			if got := c.further(); got != tt.want {
				t.Fatalf("SOAP is asked: %v", got)
			}
			if !tt.want {
				return
			}
			a, ok := c.next()
			if want := "https://" + stranger + "/autodiscover/autodiscover.svc"; !ok || a.url != want || !a.soap || a.deed != post || a.how != trust.FromSRV {
				t.Fatalf("%+v, want %s", a, want)
			}
			c.take(a, lacking)
			if c.further() {
				t.Error("it is asked again and again")
			}
		})
	}
}

func TestMicrosoft365GivesAHint(t *testing.T) {
	const pox = "https://autodiscover.contoso.test/autodiscover/ann/autodiscover.xml"
	says := func(h http.HandlerFunc) map[string]http.HandlerFunc {
		return map[string]http.HandlerFunc{
			v2Host: atPaths(map[string]http.HandlerFunc{v2Path: h}),
			auto:   atPaths(map[string]http.HandlerFunc{"/autodiscover/ann/autodiscover.xml": home()}),
		}
	}
	hint := says(serves(v2Says(pox)))
	asked := func(m *memory) bool {
		return slices.ContainsFunc(m.asks(), func(s string) bool { return strings.HasPrefix(s, v2Host+".json") })
	}
	for _, tt := range []struct {
		name  string
		hosts map[string]http.HandlerFunc
		query Query
		asked bool
		found bool
		said  string // of the step
	}{
		{"it names the place", hint, Query{Microsoft365: true}, true, true, "V2: AutodiscoverV1 at " + pox + "; " + pox},
		{"no policy asks for it", hint, Query{}, false, false, ""},
		{"it is switched off", hint, Query{Microsoft365: true, Exclude: []Source{SourceMicrosoft365}}, false, false, ""},
		{"it refuses", says(serves(`{"ErrorCode":"ProtocolNotSupported","ErrorMessage":"no"}`)), Query{Microsoft365: true}, true, false, "V2: ErrorCode ProtocolNotSupported: no"},
		{"it leaves HTTP, and says nothing for ever", says(fails(101, "Connection", "Upgrade", "Upgrade", "x")), Query{Microsoft365: true}, true, false, ""},
		{"a stranger that it names sees nothing", map[string]http.HandlerFunc{v2Host: atPaths(map[string]http.HandlerFunc{v2Path: serves(v2Says(at("evil.test")))}), "evil.test": home()},
			Query{Microsoft365: true, Rules: Rules{Microsoft365: true}}, true, false, "V2: AutodiscoverV1 at " + at("evil.test") + "; " + at("evil.test")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inMemory(t, tt.hosts, func(t *testing.T, m *memory) {
				tt.query.Exclude = append(tt.query.Exclude, SourceHTTP, SourceSRV)
				result, err, _ := m.discover(t, m.client(), tt.query)
				if asked(m) != tt.asked || (err == nil) != tt.found {
					t.Errorf("asked %v, want %v; %v, %v", m.asks(), tt.asked, result, err)
				}
				var steps []Step
				if err != nil {
					steps = err.Steps
				} else {
					steps = result.Steps
				}
				if s := stepOf(t, steps, SourceMicrosoft365); tt.asked && (s.Said != tt.said || s.URL != "https://"+v2Host+v2Path || s.Signed) {
					t.Errorf("step %+v, want %q", s, tt.said)
				}
				for _, s := range m.asks() {
					if strings.HasPrefix(s, "evil.test") && s != "evil.test.xml bare" || strings.HasPrefix(s, v2Host+".json") && !strings.HasSuffix(s, "bare") {
						t.Errorf("asked %s", s)
					}
				}
			})
		})
	}
}

// The address that a redirectAddr names is told to nobody for a hint, and the step
// does not say that anything was asked.
func TestNoHintIsAskedForAnotherAddress(t *testing.T) {
	hosts := map[string]http.HandlerFunc{
		auto:   secured(serves(string(file(t, "redirectaddr.xml")))),
		v2Host: atPaths(map[string]http.HandlerFunc{v2Path: serves(v2Says(at("mx.fabrikam.test"))), path: fails(404), soapPath: fails(404)}),
	}
	inMemory(t, hosts, func(t *testing.T, m *memory) {
		q := Query{Microsoft365: true, Rules: Rules{Trusted: []string{"*.fabrikam.test"}}, Exclude: []Source{SourceHTTP, SourceSRV}}
		_, err, _ := m.discover(t, m.client(), q)
		if err == nil {
			t.Fatal("found")
		}
		steps := slices.DeleteFunc(err.Steps, func(s Step) bool { return s.Source != SourceMicrosoft365 || s.By != "" })
		if s := steps[len(steps)-1]; !s.Skipped || s.Said != "" || !strings.Contains(s.Err, "the address has changed") {
			t.Errorf("step %+v", s)
		}
		if slices.ContainsFunc(m.asks(), func(s string) bool { return strings.Contains(s, ".json") }) {
			t.Errorf("asked %v", m.asks())
		}
		// The twin: without a redirectAddr it is asked.
		delete(m.hosts, auto)
		_, err, _ = m.discover(t, m.client(), q)
		if s := stepOf(t, err.Steps, SourceMicrosoft365); s.Skipped || !strings.HasPrefix(s.Said, "V2: ") {
			t.Errorf("step %+v", s)
		}
	})
}
