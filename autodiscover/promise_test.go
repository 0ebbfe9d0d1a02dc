package autodiscover

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/homing-mail/homing/internal/trust"
)

// roam plays a script that draw makes up, and checks what holds for every
// discovery: it ends within its budgets, asks nobody twice, asks nobody who was
// not judged Allow, and contacts nobody after a host that is to be asked for.
func roam(t fataler, q Query, draw func() answer) {
	c, err := newChase(q)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(map[string]bool)
	var steps int
	var met, dnRefused, renamed bool
	places := standing(q, c.search)
	for {
		if steps++; steps > 5*(len(q.First)+8)+maxRedirects+16 {
			t.Fatal("the discovery does not end")
		}
		a, ok := c.next()
		if !ok {
			if change := c.search.changes; len(places) == 0 && c.further() {
				if c.search.changes != change {
					places, renamed = standing(q, c.search), true
				}
				continue
			}
			if c.ended || len(places) == 0 {
				break
			}
			a, places = c.admit(places[0]), places[1:]
			if a.deed == post {
				a = c.offer(a)
			}
		}
		if a.deed == skip {
			if a.why == nil {
				t.Fatal("a hop was not made, without a reason")
			}
			continue
		}
		if met {
			t.Fatalf("%s is contacted after a stranger that a referral led to", a.url)
		}
		verdict, why := q.Rules.Judge(a.hop)
		if a.deed == post && verdict != trust.Allow || a.deed == meet && verdict != trust.Ask {
			t.Fatalf("%s: %v, but %v: %s", a.url, a.deed, verdict, why)
		}
		if a.hop.MailDomain != "contoso.test" {
			t.Fatalf("%s is judged for %s", a.url, a.hop.MailDomain)
		}
		ans, change := draw(), c.search.changes
		if a.deed == meet {
			ans = answer{failure: ans.failure, cert: "CN=stranger"}
			met = a.source == "" && !a.idle || a.how == trust.FromRedirectAddr && !a.idle && ans.failure == nil
			c.take(a, ans)
			continue
		}
		if asked[a.key()] {
			t.Fatalf("%s is asked again", a.key())
		}
		asked[a.key()] = true
		if (a.by == ByLegacyDN) != (a.legacyDN != "") || a.value() == "" {
			t.Fatalf("%s is asked by %s with the LegacyDN %q", a.url, a.by, a.legacyDN)
		}
		if a.by == ByLegacyDN && (dnRefused || renamed) {
			t.Fatalf("%s is asked by a LegacyDN that counts no longer", a.url)
		}
		c.take(a, ans)
		dnRefused = dnRefused || ans.failure == nil && ans.refusal != nil && !ans.refusal.busy() && a.by == ByLegacyDN
		if renamed = len(c.addresses) > 1; c.search.changes != change {
			places = standing(q, c.search)
		}
	}
	switch {
	case c.redirects > maxRedirects, len(c.addresses) > 1+maxAddressChanges, len(c.realms) > maxRefusals:
		t.Fatalf("beyond the budgets: %d redirects, %d addresses, %d realms", c.redirects, len(c.addresses), len(c.realms))
	case c.found == nil && c.failure() == nil:
		t.Fatal("no verdict")
	case c.found != nil && !asked[c.found.key()]:
		t.Fatal("found where nobody was asked")
	}
}

// fataler is what *testing.T and *rapid.T have in common here.
type fataler interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Places and addresses that random scripts lead to.
var (
	places = []string{
		at("autodiscover.contoso.test"), at("contoso.test"), at("a.contoso.test"), at("b.contoso.test"), at("c.contoso.test"), at("d.contoso.test"),
		"https://a.contoso.test:443/Autodiscover/Autodiscover.xml", "https://A.Contoso.Test/autodiscover/x", "https://a.contoso.test:8443/autodiscover/",
		at("mx.fabrikam.test"), at("autodiscover.fabrikam.test"), at("mx.tailspin.test"), at("evil-contoso.test"), at("contoso.test.evil.test"),
		at("192.0.2.1"), at("autodiscover.test"), "http://contoso.test/autodiscover/", "https://ann@contoso.test/autodiscover/", "https://[x", "",
	}
	people = []string{"ann@contoso.test", "ANN@contoso.test", "ben@contoso.test", "ann@a.contoso.test", "ann@fabrikam.test", "ben@fabrikam.test", "ann@mail.fabrikam.test", "ann@tailspin.test"}
	hows   = []How{trust.FromProfile, trust.FromConfiguration, trust.FromDomain}
)

// answerOf makes an answer of two numbers.
func answerOf(what, which int) answer {
	switch what {
	case 0:
		return found
	case 1:
		return useless
	case 2:
		return says([]int{404, 500, 600, 603}[which%4])
	case 3, 4:
		return refers(places[which%len(places)])
	case 5, 6:
		return moves(places[which%len(places)])
	case 7:
		return renames(people[which%len(people)])
	case 8:
		return posters(people[which%len(people)])
	}
	return []answer{silent, html, noLogin, denied, later}[which%5]
}

func TestChaseHoldsItsPromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		q := Query{Address: "ann@contoso.test", Rules: Rules{Trusted: []string{"*.fabrikam.test"}}}
		if rapid.Bool().Draw(rt, "dn") {
			q.LegacyDN = legacyDN
		}
		for range rapid.SampledFrom([]int{0, 1, 2, 8, 40}).Draw(rt, "first") {
			q.First = append(q.First, Candidate{
				URL: fmt.Sprintf("https://f%d.contoso.test/autodiscover/", rapid.IntRange(0, 50).Draw(rt, "host")),
				How: rapid.SampledFrom(hows).Draw(rt, "how"),
			})
		}
		lowest := rapid.SampledFrom([]int{0, 1, 3}).Draw(rt, "lowest") // without settings the way is longer
		roam(rt, q, func() answer {
			return answerOf(rapid.IntRange(lowest, 9).Draw(rt, "answer"), rapid.IntRange(0, 63).Draw(rt, "which"))
		})
	})
}

func FuzzChase(f *testing.F) {
	f.Add([]byte{3, 2, 5, 3, 0, 0}, true)
	f.Add([]byte{7, 4, 7, 0, 2, 1}, false)
	f.Add(slices.Repeat([]byte{3, 5, 5, 4}, 20), true)
	f.Fuzz(func(t *testing.T, script []byte, dn bool) {
		q := Query{Address: "ann@contoso.test", Rules: Rules{Trusted: []string{"*.fabrikam.test"}}, First: []Candidate{{URL: at("old.contoso.test"), How: trust.FromProfile}}}
		if dn {
			q.LegacyDN = legacyDN
		}
		roam(t, q, func() answer {
			if len(script) < 2 {
				return silent
			}
			ans := answerOf(int(script[0])%10, int(script[1]))
			script = script[2:]
			return ans
		})
	})
}
