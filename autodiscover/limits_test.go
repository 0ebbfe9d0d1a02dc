package autodiscover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/internal/trust"
)

// The table of ARCHITECTURE.md is that of limits.go, row by row.
func TestTheTimesAreThoseOfTheArchitecture(t *testing.T) {
	rows := func(file, pattern string) (found []string) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
			unit := strings.NewReplacer("time.Millisecond", "ms", "time.Second", "s").Replace(m[3])
			found = append(found, fmt.Sprintf("%s %s %s: %s", m[1], m[2], unit, m[4]))
		}
		return found
	}
	want := rows("limits.go", `(?m)^\t(\w+) += (\d+) \* (time\.\w+) +// (.+)$`)
	got := rows("../ARCHITECTURE.md", "(?m)^\\| `(\\w+)` \\| (\\d+) (m?s) \\| (.+) \\|$")
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("%d times (-limits.go +ARCHITECTURE.md):\n%s", len(want), diff)
	}
}

// However many places are announced, no more than eight of a look-up are tried,
// and no more than 20 in all.
func TestManyAnnouncements(t *testing.T) {
	inMemory(t, map[string]http.HandlerFunc{}, func(t *testing.T, m *memory) {
		var targets []string
		for i := range 200 {
			targets = append(targets, fmt.Sprintf("mx%d.contoso.test.", i))
		}
		m.records = srv(targets...)
		_, err, _ := m.discover(t, m.client(), Query{})
		if s := stepOf(t, err.Steps, SourceSRV); !strings.HasSuffix(s.Said, at("mx7.contoso.test")+"; 192 more are passed over") {
			t.Errorf("step %+v", s)
		}
		if n := len(ofPlaces(err.Steps)); n != 11 || len(m.dialled) != 11 { // eight, two hosts, the clear text
			t.Errorf("%d steps, dialled %v", n, m.dialled)
		}
		var first []Candidate
		for i := range 30 {
			first = append(first, Candidate{URL: at(fmt.Sprintf("h%d.contoso.test", i)), How: trust.FromConfiguration})
		}
		m.dialled = nil
		_, err, _ = m.discover(t, m.client(), Query{First: first, Exclude: []Source{SourceHTTP}})
		last := err.Steps[len(err.Steps)-1]
		if len(m.dialled) != 20 || !last.Skipped || last.Err != "more than 20 candidates" || err.Kind != Limit {
			t.Errorf("dialled %d, %v, last step %+v", len(m.dialled), err, last)
		}
	})
}

// 32 requests and no more: a probe and a question are two.
func TestThirtyTwoRequests(t *testing.T) {
	inMemory(t, map[string]http.HandlerFunc{}, func(t *testing.T, m *memory) {
		refuses := secured(serves(string(file(t, "error.xml"))))
		var first []Candidate
		for i := range 17 {
			host := fmt.Sprintf("h%d.contoso.test", i)
			m.hosts[host] = refuses
			first = append(first, Candidate{URL: at(host), How: trust.FromConfiguration})
		}
		none := []Source{SourceAutodiscover, SourceRoot, SourceHTTP}
		_, err, _ := m.discover(t, m.client(), Query{First: first[:16], Exclude: none})
		if n := len(m.requests()); err == nil || err.Kind != NotFound || n != 32 {
			t.Errorf("16 hosts: %v after %d requests", err, n)
		}
		m.seen = nil
		_, err, _ = m.discover(t, m.client(), Query{First: first[:17], Exclude: none})
		if n := len(m.requests()); err == nil || err.Kind != Limit || n != 32 || !strings.Contains(err.Error(), "more than 32 requests") {
			t.Errorf("17 hosts: %v after %d requests", err, n)
		}
	})
}

// At most three hosts outside the mail domain and the policy receive credentials,
// even where people have allowed more.
func TestThreeForeignReceivers(t *testing.T) {
	inMemory(t, map[string]http.HandlerFunc{}, func(t *testing.T, m *memory) {
		var targets []string
		q := Query{}
		for i := range 5 {
			host := fmt.Sprintf("mx%d.tailspin.test", i)
			m.hosts[host] = secured(serves(string(file(t, "error.xml"))))
			targets = append(targets, host)
			q.Rules.Consents = append(q.Rules.Consents, trust.Consent{MailDomain: "contoso.test", Host: host})
		}
		m.records = srv(targets...)
		receivers := func() (hosts []string) {
			for _, s := range m.seen {
				if s.Auth != "" {
					hosts = append(hosts, s.Host)
				}
			}
			m.seen = nil
			return hosts
		}
		_, err, _ := m.discover(t, m.client(), q)
		if err == nil || err.Kind != Limit || !strings.Contains(err.Error(), "more than 3 hosts") {
			t.Errorf("%v", err)
		}
		if diff := cmp.Diff(targets[:3], receivers()); diff != "" {
			t.Errorf("received credentials (-want +got):\n%s", diff)
		}
		// The twin: hosts that the policy names are not counted.
		_, err, _ = m.discover(t, m.client(), Query{Rules: Rules{Trusted: []string{"*.tailspin.test"}}})
		if diff := cmp.Diff(targets, receivers()); diff != "" || err.Kind != NotFound {
			t.Errorf("with a policy: %v (-want +got):\n%s", err, diff)
		}
	})
}

// Ninety seconds are the end, whatever is still under way.
func TestNinetySeconds(t *testing.T) {
	endless := secured(func(res http.ResponseWriter, req *http.Request) {
		if f, ok := res.(http.Flusher); ok {
			res.WriteHeader(200)
			f.Flush()
		}
		<-req.Context().Done() // a body that never ends
	})
	inMemory(t, map[string]http.HandlerFunc{}, func(t *testing.T, m *memory) {
		var first []Candidate
		for i := range 8 {
			host := fmt.Sprintf("h%d.contoso.test", i)
			m.hosts[host] = endless
			first = append(first, Candidate{URL: at(host), How: trust.FromConfiguration})
		}
		_, err, took := m.discover(t, m.client(), Query{First: first})
		if err == nil || err.Kind != Limit || took != 90*time.Second || !strings.Contains(err.Error(), "no answer within 1m30s") {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// A host that swallows connections has 4 seconds, and 25 with whatever it may say,
// but holds nobody up by more than its head start.
func TestDiscoverGivesUpOnASilentHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			began time.Time
			mu    sync.Mutex
			asked = make(map[string]time.Duration)
		)
		client := Client{Network: Network{Dial: func(ctx context.Context, _, addr string) (net.Conn, error) {
			mu.Lock()
			asked[addr] = time.Since(began)
			mu.Unlock()
			if strings.HasPrefix(addr, "contoso.test:") {
				return nil, errors.New("connection refused")
			}
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}}}
		discover := func() (time.Duration, error) {
			began = time.Now()
			_, err := client.Discover(t.Context(), Query{Address: "ann@contoso.test", Exclude: []Source{SourceHTTP}})
			return time.Since(began), err
		}
		took, err := discover()
		e, _ := errors.AsType[*Error](err)
		if e == nil || e.Kind != Unreachable || took != 4*time.Second || e.Host != auto+":443" {
			t.Errorf("after %v: %v", took, err)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 4s") {
			t.Errorf("%v", err)
		}
		if want := map[string]time.Duration{auto + ":443": 0, "contoso.test:443": 300 * time.Millisecond}; !maps.Equal(asked, want) {
			t.Errorf("asked %v, want %v", asked, want)
		}
		if steps := ofPlaces(e.Steps); len(steps) != 2 || steps[1].URL != at(auto) || steps[1].Elapsed != took {
			t.Errorf("steps %+v", steps)
		}
		client.Timeout = time.Second
		if took, err := discover(); took != time.Second || !strings.Contains(err.Error(), "no answer within 1s") {
			t.Errorf("with a time-out of a second after %v: %v", took, err)
		}
	})
}
