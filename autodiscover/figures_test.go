package autodiscover

import (
	"flag"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/homing-mail/homing/internal/trust"
)

var many = flag.Int("discoveries", 200, "simultaneous discoveries in TestManyDiscoveries")

// lone are the sources but those that Query.First stands for.
func lone() []Source { return Sources()[2:] }

// dead returns k places of higher rank that swallow connections.
func dead(hosts map[string]http.HandlerFunc, k int) []Candidate {
	var first []Candidate
	for i := range k {
		host := fmt.Sprintf("dead%d.contoso.test", i)
		hosts[host] = nil
		first = append(first, Candidate{URL: at(host), How: trust.FromConfiguration})
	}
	return first
}

// serially asks one place after the other, as clients do that have no race.
func (m *memory) serially(t testing.TB, places []Candidate) (took time.Duration, requests int) {
	t.Helper()
	began := time.Now()
	for _, place := range places {
		if _, err, _ := m.discover(t, m.client(), Query{First: []Candidate{place}, Exclude: lone()}); err == nil {
			return time.Since(began), len(m.requests())
		}
	}
	t.Fatal("nothing found")
	return 0, 0
}

// measure times a discovery with k dead places before autodiscover.<domain>, and a
// serial client in the same world, in virtual time with a round trip of 50 ms.
func measure(t *testing.T, k int) (raced, serial time.Duration) {
	t.Helper()
	inMemory(t, map[string]http.HandlerFunc{auto: home()}, func(t *testing.T, m *memory) {
		first := dead(m.hosts, k)
		result, err, took := m.discover(t, m.client(), Query{First: first})
		if err != nil || result.URL != at(auto) {
			t.Fatalf("%v, %v", result, err)
		}
		signed := 0
		for _, s := range m.seen {
			if s.Auth != "" {
				signed++
			}
		}
		if signed != 1 || len(m.seen) != 2 {
			t.Errorf("%d dead: %d requests, %d with credentials; want 2 and 1", k, len(m.seen), signed)
		}
		raced = took
		serial, _ = m.serially(t, append(first, Candidate{URL: at(auto), How: trust.FromDomain}))
	})
	return raced, serial
}

// measureHung is measure with a place of higher rank that hangs on the question.
func measureHung(t *testing.T) (raced, serial time.Duration) {
	t.Helper()
	const hung = "hung.contoso.test"
	inMemory(t, map[string]http.HandlerFunc{hung: hangs(time.Hour, home()), auto: home()}, func(t *testing.T, m *memory) {
		first := []Candidate{{URL: at(hung), How: trust.FromConfiguration}}
		result, err, took := m.discover(t, m.client(), Query{First: first})
		if err != nil || result.URL != at(auto) {
			t.Fatalf("%v, %v", result, err)
		}
		raced = took
		serial, _ = m.serially(t, append(first, Candidate{URL: at(auto), How: trust.FromDomain}))
	})
	return raced, serial
}

// Each dead place of higher rank costs a head start, and no more:
// T(k) <= 1.1·T(0) + k·headstart. One that lives and hangs on the question costs its
// first contact and the hold.
func TestDeadPlacesCostTheirHeadStarts(t *testing.T) {
	var none time.Duration
	for k := range 5 {
		raced, serial := measure(t, k)
		if k == 0 {
			none = raced
		}
		limit := none*11/10 + time.Duration(k)*headStart
		t.Logf("%d dead places: %5d ms, limit %5d ms; one after the other %6d ms", k, raced.Milliseconds(), limit.Milliseconds(), serial.Milliseconds())
		if raced > limit {
			t.Errorf("%d dead places: %v, limit %v", k, raced, limit)
		}
		if want := none + time.Duration(k)*4*time.Second; serial != want {
			t.Errorf("%d dead places: one after the other %v, want %v", k, serial, want)
		}
	}
	raced, serial := measureHung(t)
	limit := none*11/10 + hold + 150*time.Millisecond // a connection and a first contact
	t.Logf("a place that hangs on the signed question costs %.2f s, limit %.2f s; one after the other %.2f s",
		(raced - none).Seconds(), (limit - none).Seconds(), (serial - none).Seconds())
	if raced > limit {
		t.Errorf("a place that hangs: %v, limit %v", raced, limit)
	}
	if want := none + 150*time.Millisecond + headerLimit; serial != want {
		t.Errorf("a place that hangs: one after the other %v, want %v", serial, want)
	}
}

// BenchmarkDiscover is a discovery of a healthy domain, without its waits.
func BenchmarkDiscover(b *testing.B) {
	m, stop := newMemory(b, map[string]http.HandlerFunc{auto: home()})
	defer stop()
	m.roundTrip = 0
	b.ReportAllocs()
	for b.Loop() {
		if _, err, _ := m.discover(b, m.client(), Query{}); err != nil {
			b.Fatal(err)
		}
	}
}

// Many discoveries at a time, in a world where places are dead, refuse, or lead in
// circles: each makes at most 32 requests, and when the last has ended nothing is left behind, or the bubble would not end.
func TestManyDiscoveries(t *testing.T) {
	inMemory(t, map[string]http.HandlerFunc{
		auto:               secured(serves(string(file(t, "error.xml")))),
		root:               secured(sends(302, at("mx3.contoso.test"))),
		clear:              sends(302, at("mx1.contoso.test")),
		"mx1.contoso.test": nil,
		"mx2.contoso.test": nil,
		"mx3.contoso.test": home(),
	}, func(t *testing.T, m *memory) {
		m.records = srv("mx1.contoso.test", "mx2.contoso.test")
		var (
			all   sync.WaitGroup
			made  = make([]atomic.Int64, *many)
			began = time.Now()
		)
		for i := range made {
			all.Go(func() {
				client := m.client()
				client.Network.Dial = m.counting(&made[i])
				result, err := client.Discover(t.Context(), Query{
					Address: fmt.Sprintf("u%d@contoso.test", i), LegacyDN: legacyDN, Logins: ann(),
					First: []Candidate{{URL: at("mx2.contoso.test"), How: trust.FromProfile}},
				})
				if err != nil || result.URL != at("mx3.contoso.test") {
					t.Errorf("%v, %v", result, err)
				}
			})
		}
		all.Wait()
		var most, sum int64
		for i := range made {
			most, sum = max(most, made[i].Load()), sum+made[i].Load()
		}
		t.Logf("%d discoveries at a time: %d requests, at most %d each, in %v of virtual time", len(made), sum, most, time.Since(began))
		// A contact and two questions at autodiscover, a contact and a question at the root and at where it leads.
		if most > maxRequests || sum != 7*int64(len(made)) {
			t.Errorf("at most %d requests, %d in all; want 7 each", most, sum)
		}
	})
}
