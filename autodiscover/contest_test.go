package autodiscover

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/internal/trust"
)

// A healthy domain costs one credentialed request, and nobody but the first is
// started.
func TestAHealthyDomainCostsOneCredentialedRequest(t *testing.T) {
	inMemory(t, map[string]http.HandlerFunc{auto: home(), root: home(), clear: sends(302, at(root))}, func(t *testing.T, m *memory) {
		client := m.client()
		client.Challenges = new(Challenges)
		if _, err, took := m.discover(t, client, Query{}); err != nil || took != 200*time.Millisecond {
			t.Errorf("%v after %v", err, took)
		}
		want := []string{"POST " + auto + " bare", "POST " + auto + " by EMailAddress signed"}
		if diff := cmp.Diff(want, m.requests()); diff != "" {
			t.Errorf("on the wire (-want +got):\n%s", diff)
		}
		// A host that has been met is asked at once.
		if _, err, took := m.discover(t, client, Query{}); err != nil || took != 150*time.Millisecond {
			t.Errorf("again: %v after %v", err, took)
		}
		if diff := cmp.Diff(append(want, want[1]), m.requests()); diff != "" || len(m.dialled) != 2 {
			t.Errorf("on the wire, by %v (-want +got):\n%s", m.dialled, diff)
		}
	})
}

// A slow better one holds a good one up by its head start and no longer, and a
// host that was met yesterday and is gone today does not either.
func TestASlowBetterOneCostsItsHeadStart(t *testing.T) {
	for name, slow := range map[string]http.HandlerFunc{
		"it swallows connections": nil,
		"it answers in a minute":  slowly(time.Minute, home()),
		"it answers in a second":  slowly(time.Second, home()),
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, map[string]http.HandlerFunc{auto: slow, root: home()}, func(t *testing.T, m *memory) {
				result, err, took := m.discover(t, m.client(), Query{})
				if err != nil || result.URL != at(root) || took != 500*time.Millisecond {
					t.Fatalf("%v, %v after %v", result, err, took)
				}
				if s := stepOf(t, result.Steps, SourceAutodiscover); s.Err != "not waited for" || s.Answer != Unasked || s.Signed || s.Elapsed != took {
					t.Errorf("step %+v", s)
				}
				for _, line := range m.requests() {
					if strings.Contains(line, auto) && strings.Contains(line, "signed") {
						t.Errorf("on the wire: %s", line)
					}
				}
			})
		})
	}
	for name, proxy := range map[string]func(*http.Request) (*url.URL, error){
		"it was met before, and swallows connections now":                         nil,
		"it was met before, and swallows connections now, and no proxy is for it": func(*http.Request) (*url.URL, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, map[string]http.HandlerFunc{auto: home(), root: home()}, func(t *testing.T, m *memory) {
				client := m.client()
				client.Challenges, client.Network.Proxy = new(Challenges), proxy
				if _, err, _ := m.discover(t, client, Query{}); err != nil {
					t.Fatal(err)
				}
				m.hosts[auto] = nil
				result, err, took := m.discover(t, client, Query{})
				if err != nil || result.URL != at(root) || took != 500*time.Millisecond {
					t.Errorf("%v, %v after %v", result, err, took)
				}
			})
		})
	}
}

// A source whose turn never came is explained too.
func TestASourceThatWasNotNeededSaysSo(t *testing.T) {
	inMemory(t, map[string]http.HandlerFunc{auto: home(), root: home()}, func(t *testing.T, m *memory) {
		result, err, _ := m.discover(t, m.client(), Query{})
		if err != nil {
			t.Fatal(err)
		}
		for _, source := range []Source{SourceRoot, SourceHTTP} {
			if s := stepOf(t, result.Steps, source); !s.Skipped || !strings.Contains(s.Err, "not needed") {
				t.Errorf("%s: step %+v", source, s)
			}
		}
	})
}

// The better of two that live is asked first, and the other only if nothing
// comes of it.
func TestTheBetterOneIsAskedFirst(t *testing.T) {
	for _, knows := range []bool{true, false} {
		answer := home()
		if !knows {
			answer = secured(serves(string(file(t, "error.xml"))))
		}
		late := func(d time.Duration) http.HandlerFunc { // to the first contact
			return func(res http.ResponseWriter, req *http.Request) {
				if req.Header.Get("Authorization") == "" {
					pass(req, d)
				}
				answer(res, req)
			}
		}
		// autodiscover lives after 550 ms and has answered after 600, the root lives after 650, and SRV after 750.
		inMemory(t, map[string]http.HandlerFunc{auto: late(400 * time.Millisecond), root: late(200 * time.Millisecond), "mx.contoso.test": home()}, func(t *testing.T, m *memory) {
			m.records = srv("mx.contoso.test.")
			result, err, _ := m.discover(t, m.client(), Query{Exclude: []Source{SourceHTTP}})
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]string{true: at(auto), false: at("mx.contoso.test")}[knows]; result.URL != want {
				t.Errorf("found at %s, want %s", result.URL, want)
			}
			var signed []string
			for _, line := range m.requests() {
				if strings.HasSuffix(line, "signed") {
					signed = append(signed, strings.Fields(line)[1])
				}
			}
			want := []string{auto}
			if !knows {
				want = []string{auto, root, "mx.contoso.test"}
			}
			if diff := cmp.Diff(want, signed); diff != "" {
				t.Errorf("signed at (-want +got):\n%s", diff)
			}
		})
	}
}

// After a redirectAddr the sources of the other domain are raced, and those of
// the mail domain are dropped.
func TestARedirectAddrRacesTheOtherDomain(t *testing.T) {
	inMemory(t, map[string]http.HandlerFunc{
		auto:               secured(serves(string(file(t, "redirectaddr.xml")))),
		"mx.fabrikam.test": home(),
	}, func(t *testing.T, m *memory) {
		m.records = func(_ context.Context, name string) ([]*net.SRV, error) {
			return map[string][]*net.SRV{
				"_autodiscover._tcp.contoso.test":       {record("never.contoso.test", 443, 0, 0)},
				"_autodiscover._tcp.mail.fabrikam.test": {record("mx.fabrikam.test", 443, 0, 0)},
			}[name], nil
		}
		q := Query{LegacyDN: legacyDN, First: []Candidate{{URL: at("gone.contoso.test"), How: trust.FromProfile}}, Rules: Rules{Trusted: []string{"*.fabrikam.test"}}}
		result, err, _ := m.discover(t, m.client(), q)
		if err != nil || result.URL != at("mx.fabrikam.test") || result.Address != "ann@mail.fabrikam.test" || result.By != ByAddress {
			t.Fatalf("%+v, %v", result, err)
		}
		if slices.Contains(m.dialled, "never.contoso.test:443") || len(m.asked) != 2 {
			t.Errorf("dialled %v, looked up %v", m.dialled, m.asked)
		}
	})
	// The twin: without the policy every place of the other domain is a stranger.
	inMemory(t, map[string]http.HandlerFunc{
		auto:               secured(serves(string(file(t, "redirectaddr.xml")))),
		"mx.fabrikam.test": home(),
	}, func(t *testing.T, m *memory) {
		m.records = srv("mx.fabrikam.test")
		_, err, _ := m.discover(t, m.client(), Query{})
		if err == nil || err.Kind != Untrusted || err.Untrusted.Hop.To != "mx.fabrikam.test:443" || err.Untrusted.Hop.MailDomain != "contoso.test" {
			t.Errorf("%v", err)
		}
	})
}

// The root domain is mostly a web site: its refusal counts for the realm only when
// nobody else of the realm has taken the sign-in.
func TestTheRefusalOfAWebSiteIsNotTheRealms(t *testing.T) {
	site := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="web site"`)
		w.WriteHeader(http.StatusUnauthorized)
	}
	for _, row := range []struct {
		name  string
		auto  http.HandlerFunc
		found bool
		told  int
	}{
		{"Autodiscover is slow, and takes the sign-in", slowly(time.Second, home()), true, 0},
		{"there is no Autodiscover beside it", nil, false, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			inMemory(t, map[string]http.HandlerFunc{auto: row.auto, root: site}, func(t *testing.T, m *memory) {
				logins := ann()
				result, err, _ := m.discover(t, m.client(), Query{Logins: logins})
				if row.found != (err == nil && result.URL == at(auto)) || logins.refused["*.contoso.test"] != row.told {
					t.Errorf("%v, %v; told of %v", result, err, logins.refused)
				}
			})
		})
	}
}
