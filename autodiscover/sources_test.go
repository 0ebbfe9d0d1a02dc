package autodiscover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/internal/trust"
)

const (
	root   = "contoso.test"
	clear  = "http://autodiscover.contoso.test"
	office = "autodiscover-s.outlook.com"
)

// in runs test in a bubble over a memory of hosts.
func inMemory(t *testing.T, hosts map[string]http.HandlerFunc, test func(t *testing.T, m *memory)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m, stop := newMemory(t, hosts)
		defer stop()
		test(t, m)
	})
}

// home is a service that has the mailbox.
func home() http.HandlerFunc { return secured(serves(string(settingsXML))) }

// srv answers targets on port 443, in this order.
func srv(targets ...string) func(context.Context, string) ([]*net.SRV, error) {
	return func(context.Context, string) ([]*net.SRV, error) {
		var out []*net.SRV
		for i, target := range targets {
			out = append(out, record(target, 443, uint16(i), 0))
		}
		return out, nil
	}
}

// stepOf returns the first step about a source.
func stepOf(t *testing.T, steps []Step, source Source) Step {
	t.Helper()
	i := slices.IndexFunc(steps, func(s Step) bool { return s.Source == source })
	if i < 0 {
		t.Fatalf("no step about %s in %+v", source, steps)
	}
	return steps[i]
}

func TestSourcesInOrder(t *testing.T) {
	want := []Source{"last-known-good-url", "configured-url", "scp-lookup", "https-autodiscover-domain",
		"https-root-domain", "http-redirect", "srv-record", "explicit-o365-endpoint"}
	if diff := cmp.Diff(want, Sources()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Each source leads home where it is the only one that announces anything, and
// where it is switched off, nothing does.
func TestEachSourceLeadsHome(t *testing.T) {
	microsoft := Rules{Microsoft365: true}
	for _, tt := range []struct {
		source  Source
		host    string
		query   Query
		hosts   map[string]http.HandlerFunc
		records func(context.Context, string) ([]*net.SRV, error)
		scp     []Candidate
		why     string
	}{
		{source: SourceProfile, host: "mx.fabrikam.test", query: Query{First: []Candidate{{URL: at("mx.fabrikam.test"), How: trust.FromProfile}}},
			why: "the profile has logged on there before"},
		{source: SourceConfigured, host: "mx.fabrikam.test", query: Query{First: []Candidate{{URL: at("mx.fabrikam.test"), How: trust.FromConfiguration}}},
			why: "it was named by the configuration"},
		{source: SourceSCP, host: "ex1.corp.test", scp: []Candidate{{URL: at("ex1.corp.test"), How: trust.FromDirectory}},
			why: "the directory names it, over a sealed connection"},
		{source: SourceAutodiscover, host: auto, why: "it belongs to the mail domain"},
		{source: SourceRoot, host: root, why: "it belongs to the mail domain"},
		{source: SourceHTTP, host: "mx.contoso.test", hosts: map[string]http.HandlerFunc{clear: sends(302, at("mx.contoso.test"))},
			why: "it belongs to the mail domain"},
		{source: SourceSRV, host: "mx.contoso.test", records: srv("mx.contoso.test."), why: "it belongs to the mail domain"},
		{source: SourceMicrosoft365, host: office, query: Query{Microsoft365: true, Rules: microsoft},
			why: "it belongs to Microsoft 365, which the policy trusts"},
	} {
		t.Run(string(tt.source), func(t *testing.T) {
			hosts := map[string]http.HandlerFunc{tt.host: home()}
			for name, h := range tt.hosts {
				hosts[name] = h
			}
			inMemory(t, hosts, func(t *testing.T, m *memory) {
				m.records = tt.records
				client := m.client()
				client.SCP = func(_ context.Context, domain string) ([]Candidate, error) {
					if domain != "contoso.test" {
						t.Errorf("the directory is asked for %s", domain)
					}
					return tt.scp, nil
				}
				result, err, _ := m.discover(t, client, tt.query)
				if err != nil {
					t.Fatal(err)
				}
				if result.URL != at(tt.host) {
					t.Errorf("found at %s", result.URL)
				}
				i := slices.IndexFunc(result.Steps, func(s Step) bool { return s.URL == at(tt.host) })
				if s := result.Steps[i]; s.Source != tt.source || s.Verdict != "allow" || s.Why != tt.why || !s.Signed || s.Said != "settings" ||
					s.HTTPStatus != 200 || !strings.Contains(s.Cert, "CN="+tt.host) || s.Elapsed <= 0 {
					t.Errorf("step %+v", s)
				}

				before := len(m.requests())
				off := tt.query
				off.Exclude = []Source{tt.source}
				_, err, _ = m.discover(t, client, off)
				if err == nil || err.Kind != Unreachable {
					t.Fatalf("switched off: %v", err)
				}
				if s := stepOf(t, err.Steps, tt.source); !s.Skipped || s.Err != "switched off" || s.URL != "" {
					t.Errorf("step %+v", s)
				}
				for _, line := range m.requests()[before:] {
					if strings.Contains(line, " "+tt.host+" ") || strings.Contains(line, "signed") {
						t.Errorf("switched off: %s", line)
					}
				}
				if tt.source == SourceSRV && len(m.asked) != 1 || tt.source == SourceHTTP && strings.Count(strings.Join(m.requests(), "\n"), "http://") != 1 {
					t.Errorf("switched off, and looked up: %v, %v", m.asked, m.requests())
				}
			})
		})
	}
}

// What cannot be looked up does not keep the rest from going on, and is told.
func TestLookUpsThatFail(t *testing.T) {
	broken := func(context.Context, string) ([]*net.SRV, error) {
		return nil, &net.DNSError{Err: "server misbehaving", Name: "x", IsTemporary: true}
	}
	silent := func(ctx context.Context, _ string) ([]*net.SRV, error) { <-ctx.Done(); return nil, ctx.Err() }
	directory := func(err error) func(context.Context, string) ([]Candidate, error) {
		return func(ctx context.Context, _ string) ([]Candidate, error) {
			if err == nil {
				<-ctx.Done()
				err = ctx.Err()
			}
			return nil, err
		}
	}
	for _, tt := range []struct {
		name    string
		records func(context.Context, string) ([]*net.SRV, error)
		scp     func(context.Context, string) ([]Candidate, error)
		srvErr  string
		scpErr  string
		took    time.Duration // with a mail domain whose two hosts do not exist
	}{
		{"DNS is down", broken, nil, "server misbehaving", "this machine has no directory", 200 * time.Millisecond},
		{"DNS is silent", silent, nil, "no answer within 3s", "this machine has no directory", 3050 * time.Millisecond},
		{"the directory is down", nil, directory(errors.New("connection refused")), "", "connection refused", 200 * time.Millisecond},
		{"the directory is silent", nil, directory(nil), "", "no answer within 10s", 10 * time.Second},
		{"both are down", broken, directory(errors.New("connection refused")), "server misbehaving", "connection refused", 200 * time.Millisecond},
		{"both are silent", silent, directory(nil), "no answer within 3s", "no answer within 10s", 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inMemory(t, map[string]http.HandlerFunc{}, func(t *testing.T, m *memory) {
				m.records = tt.records
				client := m.client()
				client.SCP = tt.scp
				_, err, took := m.discover(t, client, Query{Exclude: []Source{SourceHTTP}})
				if err == nil || err.Kind != Unreachable || took > tt.took+headStart {
					t.Fatalf("%v after %v", err, took)
				}
				if s := stepOf(t, err.Steps, SourceSRV); !strings.Contains(s.Err, tt.srvErr) || (tt.srvErr == "") != (s.Err == "") {
					t.Errorf("step %+v", s)
				}
				if s := stepOf(t, err.Steps, SourceSCP); !strings.Contains(s.Err, tt.scpErr) || (s.Skipped) != (tt.scp == nil) {
					t.Errorf("step %+v", s)
				}
				// The rest goes on.
				m.hosts[root] = home()
				if result, err, _ := m.discover(t, client, Query{}); err != nil || result.URL != at(root) {
					t.Errorf("%v, %v", result, err)
				}
			})
		})
	}
}

// A directory that fails half-way has announced what it had.
func TestADirectoryThatFailsHalfWay(t *testing.T) {
	inMemory(t, map[string]http.HandlerFunc{"ex1.corp.test": home()}, func(t *testing.T, m *memory) {
		client := m.client()
		client.SCP = func(context.Context, string) ([]Candidate, error) {
			return []Candidate{{URL: at("ex1.corp.test"), How: trust.FromDirectory}}, errors.New("the second directory is down")
		}
		result, err, _ := m.discover(t, client, Query{})
		if err != nil || result.URL != at("ex1.corp.test") {
			t.Fatalf("%v, %v", result, err)
		}
		if s := stepOf(t, result.Steps, SourceSCP); !strings.HasSuffix(s.Err, "the second directory is down") || s.Said != at("ex1.corp.test") {
			t.Errorf("step %+v", s)
		}
	})
}

// What is learned in the clear is a guess: a stranger is met without credentials,
// and is asked for only where nobody else has the mailbox.
func TestStrangersAmongTheCandidates(t *testing.T) {
	const rogue = "mx.tailspin.test"
	for _, source := range []Source{SourceSRV, SourceHTTP, SourceSCP, SourceMicrosoft365} {
		for _, healthy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, elsewhere %v", source, healthy), func(t *testing.T) {
				stranger := rogue
				hosts := map[string]http.HandlerFunc{rogue: home(), office: home(), "outlook.office365.com": home()}
				if healthy {
					hosts[root] = slowly(3*time.Second, home())
				}
				inMemory(t, hosts, func(t *testing.T, m *memory) {
					client, q := m.client(), Query{}
					switch source {
					case SourceSRV:
						m.records = srv(rogue)
					case SourceHTTP:
						hosts[clear] = sends(302, at(rogue))
					case SourceSCP:
						client.SCP = func(context.Context, string) ([]Candidate, error) {
							return []Candidate{{URL: at(rogue), How: trust.FromUnsealedDirectory}}, nil
						}
					case SourceMicrosoft365:
						stranger, q.Microsoft365 = office, true
					}
					result, err, _ := m.discover(t, client, q)
					if healthy && (err != nil || result.URL != at(root)) {
						t.Fatalf("%v, %v", result, err)
					}
					if !healthy {
						if err == nil || err.Kind != Untrusted || err.Untrusted.Hop.To != stranger+":443" || !strings.Contains(err.Untrusted.Hop.Cert, "CN="+stranger) {
							t.Fatalf("%v", err)
						}
						if s := err.Steps[slices.IndexFunc(err.Steps, func(s Step) bool { return s.URL == at(stranger) })]; s.Verdict != "ask" || s.Signed || s.Source != source || s.Cert == "" {
							t.Errorf("step %+v", s)
						}
					}
					for _, s := range m.seen {
						if s.Host != root && (s.Auth != "" || s.Body != "" || s.Header.Get("X-AnchorMailbox") != "" || s.Header.Get("Cookie") != "") {
							t.Errorf("%s was sent %+v", s.Host, s)
						}
					}
					if healthy {
						return
					}
					// The twin: a consent lets it be asked.
					q.Rules.Consents = []trust.Consent{{MailDomain: "contoso.test", Host: stranger}}
					if result, err, _ := m.discover(t, client, q); err != nil || result.URL != at(stranger) {
						t.Errorf("with a consent: %v, %v", result, err)
					}
				})
			})
		}
	}
}

// The clear-text GET carries nothing, and of its answers only a redirect to an
// Autodiscover document over https counts.
func TestClearText(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answer  http.HandlerFunc
		said    string // of its step
		err     string
		lookups string // that follow
	}{
		{"a redirect", sends(302, at("mx.contoso.test")), "HTTP 302 to " + at("mx.contoso.test") + "; " + at("mx.contoso.test"), "", "mx.contoso.test"},
		{"a permanent one", sends(308, at("mx.contoso.test")), "HTTP 308 to " + at("mx.contoso.test") + "; " + at("mx.contoso.test"), "", "mx.contoso.test"},
		{"to a place that stands in the list", sends(302, at(auto)), "HTTP 302 to " + at(auto) + "; " + at(auto) + ", as https-autodiscover-domain", "", ""},
		{"to clear text", sends(302, "http://mx.contoso.test"+path), "", `HTTP 302 to "http://mx.contoso.test/autodiscover/autodiscover.xml": it does not lead to https`, ""},
		{"a captive portal", sends(302, "https://portal.tailspin.test/login"), "", `HTTP 302 to "https://portal.tailspin.test/login": it leads to a place that is not Autodiscover's`, ""},
		{"a page for everything", serves("<html>Welcome</html>"), "HTTP 200, which leads nowhere", "", ""},
		{"Autodiscover itself, in the clear", serves(string(settingsXML)), "HTTP 200, which leads nowhere", "", ""},
		{"a proxy that wants a sign-in", fails(407, "Proxy-Authenticate", "Basic"), "HTTP 407, which leads nowhere", "", ""},
		{"a challenge", fails(401, "WWW-Authenticate", "Basic"), "HTTP 401, which leads nowhere", "", ""},
		{"nothing", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "", "EOF", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hosts := map[string]http.HandlerFunc{clear: func(res http.ResponseWriter, req *http.Request) {
				res.Header().Set("Set-Cookie", "portal=1")
				tt.answer(res, req)
			}}
			inMemory(t, hosts, func(t *testing.T, m *memory) {
				_, err, _ := m.discover(t, m.client(), Query{})
				if err == nil {
					t.Fatal("found")
				}
				s := stepOf(t, err.Steps, SourceHTTP)
				if s.URL != clear+path || s.Said != tt.said || s.Err != tt.err || s.Signed || s.Verdict != "" {
					t.Errorf("step %+v", s)
				}
				if len(m.seen) == 0 {
					t.Fatal("no request")
				}
				for _, s := range m.seen {
					if s.Host != clear || s.Method != "GET" || s.Body != "" || s.Auth != "" || s.Header.Get("Cookie") != "" || s.Header.Get("Referer") != "" ||
						s.Header.Get("User-Agent") != userAgent || strings.Contains(s.Path, "@") {
						t.Errorf("sent %+v", s)
					}
				}
				if asked := slices.Contains(m.dialled, "mx.contoso.test:443"); asked != (tt.lookups != "") || slices.ContainsFunc(m.dialled, func(a string) bool { return strings.Contains(a, "portal") }) {
					t.Errorf("dialled %v", m.dialled)
				}
			})
		})
	}
}
