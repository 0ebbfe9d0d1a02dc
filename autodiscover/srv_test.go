package autodiscover

import (
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/internal/trust"
)

func record(target string, port, priority, weight uint16) *net.SRV {
	return &net.SRV{Target: target, Port: port, Priority: priority, Weight: weight}
}

func TestOffers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		records []*net.SRV
		want    []string
		passed  string
	}{
		{"no record", nil, nil, ""},
		{"one record", []*net.SRV{record("mx.contoso.test", 443, 0, 0)}, []string{at("mx.contoso.test")}, ""},
		{"a trailing dot", []*net.SRV{record("mx.contoso.test.", 443, 0, 0)}, []string{at("mx.contoso.test")}, ""},
		{"port 80 is never asked", []*net.SRV{record("mx.contoso.test.", 80, 0, 0)}, nil, "mx.contoso.test:80 is passed over: only port 443 is asked"},
		{"another port is not asked", []*net.SRV{record("mx.contoso.test.", 8443, 0, 0), record("b.contoso.test.", 443, 9, 0)},
			[]string{at("b.contoso.test")}, "mx.contoso.test:8443 is passed over: only port 443 is asked"},
		{"a target of the root offers nothing", []*net.SRV{record(".", 443, 0, 0)}, nil, "the service is not offered"},
		{"an empty target offers nothing", []*net.SRV{record("", 443, 0, 0)}, nil, "the service is not offered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, passed := offers(tt.records)
			var got []string
			for _, c := range found {
				if got = append(got, c.URL); c.How != trust.FromSRV {
					t.Errorf("%s is known by %s", c.URL, c.How)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || passed != tt.passed {
				t.Errorf("passed over %q (-want +got):\n%s", passed, diff)
			}
		})
	}
}

// The lowest number is the best priority, whatever the weights and the order of
// the answer are.
func TestInOrderHeedsThePriority(t *testing.T) {
	records := []*net.SRV{record("c", 443, 20, 65535), record("a", 443, 0, 0), record("d", 443, 65535, 1), record("b", 443, 10, 0)}
	for seed := range uint64(100) {
		var got strings.Builder
		for _, r := range inOrder(records, rand.New(rand.NewPCG(seed, 0))) {
			got.WriteString(r.Target)
		}
		if got.String() != "abcd" {
			t.Fatalf("seed %d: %s", seed, got.String())
		}
	}
	if records[0].Target != "c" {
		t.Error("the answer itself is reordered")
	}
}

// Among equals each comes first as often as its weight says: of 1, 3 and 6 in 10.
// A weight of 0 has a very small chance beside others (RFC 2782).
func TestInOrderHeedsTheWeight(t *testing.T) {
	records := []*net.SRV{record("one", 443, 0, 100), record("three", 443, 0, 300), record("none", 443, 0, 0), record("six", 443, 0, 600)}
	const n = 20_000
	first := make(map[string]int)
	random := rand.New(rand.NewPCG(1, 2))
	for range n {
		out := inOrder(records, random)
		if len(out) != 4 {
			t.Fatalf("%d of 4", len(out))
		}
		first[out[0].Target]++
	}
	for target, share := range map[string]float64{"one": 0.1, "three": 0.3, "six": 0.6, "none": 0.001} {
		if got := float64(first[target]) / n; got < share-0.02 || got > share+0.02 || got == 0 {
			t.Errorf("%s comes first in %.3f, want %.3f", target, got, share)
		}
	}
}

// Where nobody has a weight, each comes first as often as the others, whatever the
// order of the answer is.
func TestInOrderDrawsAmongEqualsWithoutWeight(t *testing.T) {
	records := []*net.SRV{record("a", 443, 0, 0), record("b", 443, 0, 0), record("c", 443, 0, 0), record("last", 443, 1, 0)}
	const n = 20_000
	first := make(map[string]int)
	random := rand.New(rand.NewPCG(1, 2))
	for range n {
		first[inOrder(records, random)[0].Target]++
	}
	for target, share := range map[string]float64{"a": 1. / 3, "b": 1. / 3, "c": 1. / 3, "last": 0} {
		if got := float64(first[target]) / n; got < share-0.02 || got > share+0.02 {
			t.Errorf("%s comes first in %.3f, want %.3f", target, got, share)
		}
	}
}

func TestInOrderIsRepeatable(t *testing.T) {
	var records []*net.SRV
	for i := range 200 {
		records = append(records, record(strings.Repeat("x", i+1), 443, uint16(i%3), uint16(i)))
	}
	order := func(seed uint64) []*net.SRV { return inOrder(records, rand.New(rand.NewPCG(seed, 0))) }
	if !cmp.Equal(order(7), order(7)) {
		t.Error("the same seed gives another order")
	}
	if cmp.Equal(order(7), order(8)) {
		t.Error("another seed gives the same order")
	}
}
