package autodiscover

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homing-mail/homing/internal/trust"
)

// tells is a directory that takes d to name places by how.
func tells(d time.Duration, how How, hosts ...string) func(context.Context, string) ([]Candidate, error) {
	return func(ctx context.Context, _ string) (found []Candidate, err error) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		for _, host := range hosts {
			found = append(found, Candidate{URL: at(host), How: how})
		}
		return found, nil
	}
}

// What DNS said first does not count against what the directory says of the same
// place, whichever of them is quicker.
func TestTheBestAnnouncementOfAPlaceCounts(t *testing.T) {
	for _, took := range []time.Duration{0, 200 * time.Millisecond, 2 * time.Second} {
		for how, trusted := range map[How]bool{trust.FromDirectory: true, trust.FromUnsealedDirectory: false} {
			inMemory(t, map[string]http.HandlerFunc{"ex1.corp.test": home()}, func(t *testing.T, m *memory) {
				m.records = srv("ex1.corp.test")
				client := m.client()
				client.SCP = tells(took, how, "ex1.corp.test")
				result, err, _ := m.discover(t, client, Query{})
				if trusted != (err == nil && result.URL == at("ex1.corp.test")) || !trusted && (err == nil || err.Kind != Untrusted) {
					t.Errorf("%s after %v: %v, %v", how, took, result, err)
				}
			})
		}
	}
}

// A place that was a stranger's by one announcement and asked by another is none
// in the end. The twin: without the better announcement it is.
func TestAStrangerWhoIsVouchedForLaterIsNone(t *testing.T) {
	for how, kind := range map[How]Kind{trust.FromDirectory: NotFound, trust.FromUnsealedDirectory: Untrusted} {
		inMemory(t, map[string]http.HandlerFunc{"ex1.corp.test": secured(serves(answeredError))}, func(t *testing.T, m *memory) {
			m.records = srv("ex1.corp.test")
			client := m.client()
			client.SCP = tells(2*time.Second, how, "ex1.corp.test")
			if _, err, _ := m.discover(t, client, Query{}); err == nil || err.Kind != kind {
				t.Errorf("%v: %v, want %v", how, err, kind)
			}
		})
	}
}

// The stranger who is named is the best in rank, whoever answers first.
func TestTheBestStrangerIsNamed(t *testing.T) {
	for _, slow := range []string{"mx1.tailspin.test", "mx2.tailspin.test"} {
		hosts := map[string]http.HandlerFunc{"mx1.tailspin.test": home(), "mx2.tailspin.test": home()}
		hosts[slow] = slowly(time.Second, home())
		inMemory(t, hosts, func(t *testing.T, m *memory) {
			m.records = srv("mx1.tailspin.test", "mx2.tailspin.test")
			if _, err, _ := m.discover(t, m.client(), Query{}); err == nil || err.Kind != Untrusted || err.Untrusted.Hop.To != "mx1.tailspin.test:443" {
				t.Errorf("%s is slow: %v", slow, err)
			}
		})
	}
}

// A look-up that was answered while somebody was asked says what it found, and of
// what it found each says that it was not needed; so does each source, once.
func TestWhatWasNotNeededSaysSoOnce(t *testing.T) {
	for _, took := range []time.Duration{0, 170 * time.Millisecond} {
		inMemory(t, map[string]http.HandlerFunc{auto: home()}, func(t *testing.T, m *memory) {
			client := m.client()
			client.SCP = tells(took, trust.FromDirectory, "ex1.contoso.test", "ex2.contoso.test")
			result, err, _ := m.discover(t, client, Query{Microsoft365: true, First: []Candidate{{URL: at(auto), How: trust.FromProfile}}})
			if err != nil {
				t.Fatal(err)
			}
			if s := stepOf(t, result.Steps, SourceSCP); s.Skipped || s.Said != at("ex1.contoso.test")+"; "+at("ex2.contoso.test") {
				t.Errorf("after %v: step %+v", took, s)
			}
			said := make(map[string]bool)
			for _, s := range result.Steps {
				if key := string(s.Source) + " " + s.URL; said[key] {
					t.Errorf("after %v, twice: %+v", took, s)
				} else {
					said[key] = true
				}
			}
		})
	}
}

// A discovery that ends early says what it did not ask.
func TestADiscoveryThatEndsEarlySaysWhatItDidNotAsk(t *testing.T) {
	inMemory(t, map[string]http.HandlerFunc{auto: secured(sends(302, at(stranger))), stranger: home()}, func(t *testing.T, m *memory) {
		_, err, _ := m.discover(t, m.client(), Query{})
		if err == nil || err.Kind != Untrusted {
			t.Fatalf("%v", err)
		}
		for _, source := range []Source{SourceRoot, SourceHTTP} {
			if !slices.ContainsFunc(err.Steps, func(s Step) bool {
				return s.Source == source && s.Skipped && strings.Contains(s.Err, "ended before its turn")
			}) {
				t.Errorf("nothing is said of %s", source)
			}
		}
	})
}

// What the change of the address has left unasked says so, and so does what the
// other domain has besides.
func TestAChangeOfTheAddressSaysWhatItLeft(t *testing.T) {
	const rest = "mail.fabrikam.test"
	inMemory(t, map[string]http.HandlerFunc{auto: secured(serves(string(file(t, "redirectaddr.xml")))), "autodiscover." + rest: home()}, func(t *testing.T, m *memory) {
		result, err, _ := m.discover(t, m.client(), Query{Rules: Rules{Trusted: []string{"*.fabrikam.test"}}})
		if err != nil {
			t.Fatal(err)
		}
		if s := stepOf(t, result.Steps, SourceRoot); !s.Skipped || s.Err != "not needed: the address had changed before its turn" || s.URL != "" {
			t.Errorf("of the first domain: %+v", s)
		}
		last := ofHost(result.Steps, rest)
		if len(last) != 1 || !last[0].Skipped || last[0].Err != "not needed: the settings were found before its turn" || last[0].Verdict != "allow" {
			t.Errorf("of the other domain: %+v", last)
		}
	})
}
