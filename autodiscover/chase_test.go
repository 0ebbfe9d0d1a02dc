package autodiscover

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/internal/trust"
)

const legacyDN = "/o=Contoso/cn=Recipients/cn=ann"

// at returns the usual Autodiscover URL of a host.
func at(host string) string { return "https://" + host + "/autodiscover/autodiscover.xml" }

// short turns a URL of at back into its host.
func short(rawURL string) string {
	return strings.TrimSuffix(strings.TrimPrefix(rawURL, "https://"), "/autodiscover/autodiscover.xml")
}

// The answers that scripts are made of.
var (
	found   = answer{document: document{settings: &Settings{Protocols: []Protocol{{Type: "mapiHttp", MAPI: &MAPI{MailStore: "https://mx.contoso.test/mapi/"}}}}}}
	useless = answer{document: document{settings: &Settings{Protocols: []Protocol{{Type: "EXCH"}, {Type: "EXPR"}}}}}
	silent  = answer{failure: &Error{Kind: Unreachable, Err: errors.New("no such host")}}
	html    = answer{failure: &Error{Kind: Malformed, Err: errHTML}}
	noLogin = answer{failure: &Error{Kind: Unauthorized, Realm: "*.contoso.test", Err: &NoLoginError{}}}
	denied  = answer{failure: &Error{Kind: Unauthorized, Realm: "*.contoso.test", User: "ann"}, refused: true}
	later   = answer{failure: &Error{Kind: Busy, After: time.Minute}}
)

func says(code int) answer       { return answer{document: document{refusal: &errorCode{code: code}}} }
func refers(url string) answer   { return answer{document: document{redirectURL: url}, signed: true} }
func posts(url string) answer    { return answer{document: document{redirectURL: url}} } // before anybody has signed in
func renames(addr string) answer { return answer{document: document{redirectAddr: addr}, signed: true} }
func posters(addr string) answer { return answer{document: document{redirectAddr: addr}} } // for everybody
func moves(url string) answer    { return answer{location: url, signed: true} }
func waves(url string) answer    { return answer{location: url} } // before anybody has signed in

// play runs a discovery against a script of answers by "host by identity", where
// "host" stands for either, and returns what was done.
func play(t testing.TB, q Query, script map[string]answer) (*chase, []string) {
	t.Helper()
	c, err := newChase(q)
	if err != nil {
		t.Fatal(err)
	}
	var trace []string
	put := func(a ask) {
		line := short(a.url) + " by " + string(a.by)
		switch a.deed {
		case post:
			trace = append(trace, line)
			ans, ok := script[line]
			if !ok {
				ans, ok = script[short(a.url)]
			}
			if !ok {
				ans = silent
			}
			c.take(a, ans)
		case meet:
			trace = append(trace, "meet "+line)
			ans := answer{cert: "CN=" + short(a.url)}
			if script[short(a.url)] == silent {
				ans.failure = silent.failure
			}
			c.take(a, ans)
		case skip:
			trace = append(trace, "skip "+line+": "+a.why.Error())
		}
	}
	places := standing(q, c.search)
	for range 1000 {
		change := c.search.changes
		a, ok := c.next()
		switch {
		case ok:
			put(a)
		case c.ended || len(places) == 0 && !c.further():
			return c, trace
		case len(places) == 0: // further has found something
		default:
			a, places = c.admit(places[0]), places[1:]
			if a.deed == post {
				a = c.offer(a)
			}
			put(a)
		}
		if c.search.changes != change {
			places = standing(q, c.search)
		}
	}
	t.Fatal("the discovery does not end")
	return nil, nil
}

// standing returns the candidates of q that need no look-up, each once: what a
// race would hand over if all of them lived.
func standing(q Query, s search) []Candidate {
	d := discovery{query: q}
	policy, err := newChase(q)
	if err != nil {
		panic(err)
	}
	contest := contest{discovery: &d, policy: policy, search: s, known: make(map[string]announcement)}
	var out []Candidate
	for _, row := range d.sources(s) {
		for _, candidate := range row.stands {
			if contest.first(candidate) {
				out = append(out, candidate)
			}
		}
	}
	return out
}

func TestChase(t *testing.T) {
	const (
		auto, root  = "autodiscover.contoso.test", "contoso.test"
		autoF       = "autodiscover.fabrikam.test"
		byDN, byAdr = " by LegacyDN", " by EMailAddress"
	)
	var (
		fabrikam = Rules{Trusted: []string{"*.fabrikam.test"}}
		fresh    = Query{Address: "ann@contoso.test", Rules: fabrikam}
		known    = Query{Address: "ann@contoso.test", LegacyDN: legacyDN, Rules: fabrikam}
		homeless = Query{Address: "ann@contoso.test", LegacyDN: legacyDN, Rules: fabrikam,
			First: []Candidate{{URL: at("old.contoso.test"), How: trust.FromProfile}}}
		chain = make(map[string]answer) // autodiscover -> 0 -> 1 -> … -> 12, by RedirectUrl
		mixed = make(map[string]answer) // the same by HTTP and RedirectUrl in turn
		hop   = func(i int) string { return fmt.Sprintf("h%d.contoso.test", i) }
		hops  = func(n int) (trace []string) {
			trace = append(trace, auto+byAdr)
			for i := range n {
				trace = append(trace, hop(i)+byAdr)
			}
			return trace
		}
	)
	chain[auto], mixed[auto] = refers(at(hop(0))), refers(at(hop(0)))
	for i := range 12 {
		chain[hop(i)], mixed[hop(i)] = refers(at(hop(i+1))), refers(at(hop(i+1)))
		if i%2 == 0 {
			mixed[hop(i)] = moves(at(hop(i + 1)))
		}
	}
	ten := func(last answer) map[string]answer {
		script := make(map[string]answer)
		for k, v := range chain {
			script[k] = v
		}
		script[hop(9)] = last
		return script
	}

	tests := []struct {
		name   string
		query  Query
		script map[string]answer
		want   []string
		kind   Kind
		found  string // "host by identity for address"; empty: kind counts
	}{
		// Order and identity.
		{"a new account asks autodiscover.<domain> by its address", fresh, map[string]answer{auto: found},
			[]string{auto + byAdr}, 0, auto + byAdr + " for ann@contoso.test"},
		{"the domain itself comes last", fresh, map[string]answer{root: found},
			[]string{auto + byAdr, root + byAdr}, 0, root + byAdr + " for ann@contoso.test"},
		{"the place that issued the settings comes first, by LegacyDN", homeless, map[string]answer{"old.contoso.test": found},
			[]string{"old.contoso.test" + byDN}, 0, "old.contoso.test" + byDN + " for ann@contoso.test"},
		{"a place that stands twice in the list is asked once",
			Query{Address: "ann@contoso.test", First: []Candidate{{URL: "https://AUTODISCOVER.contoso.test:443" + path, How: trust.FromProfile}, {URL: at(auto), How: trust.FromProfile}}},
			map[string]answer{root: found},
			[]string{"AUTODISCOVER.contoso.test:443" + byAdr, root + byAdr}, 0, root + byAdr + " for ann@contoso.test"},
		{"another path is another place",
			Query{Address: "ann@contoso.test", First: []Candidate{{URL: "https://" + auto + "/Autodiscover/Autodiscover.xml", How: trust.FromProfile}}},
			map[string]answer{auto: found},
			[]string{auto + "/Autodiscover/Autodiscover.xml" + byAdr, auto + byAdr}, 0, auto + byAdr + " for ann@contoso.test"},
		{"a host that is not there does not refuse the LegacyDN", homeless, map[string]answer{root: found},
			[]string{"old.contoso.test" + byDN, auto + byDN, root + byDN}, 0, root + byDN + " for ann@contoso.test"},
		{"a page of a web site does not refuse the LegacyDN", known, map[string]answer{auto: html, root: found},
			[]string{auto + byDN, root + byDN}, 0, root + byDN + " for ann@contoso.test"},
		{"a refused LegacyDN is followed by the address at the same place", known, map[string]answer{auto + byDN: says(600), auto + byAdr: found},
			[]string{auto + byDN, auto + byAdr}, 0, auto + byAdr + " for ann@contoso.test"},
		{"a LegacyDN is refused by 404 as by 600", known, map[string]answer{auto + byDN: says(404), auto + byAdr: found},
			[]string{auto + byDN, auto + byAdr}, 0, auto + byAdr + " for ann@contoso.test"},
		{"a LegacyDN is refused by 500 as by 600", known, map[string]answer{auto + byDN: says(500), auto + byAdr: found},
			[]string{auto + byDN, auto + byAdr}, 0, auto + byAdr + " for ann@contoso.test"},
		{"where the address is refused too, the rest is asked by the address only", homeless,
			map[string]answer{"old.contoso.test": says(500), auto: says(500), root: says(500)},
			[]string{"old.contoso.test" + byDN, "old.contoso.test" + byAdr, auto + byAdr, root + byAdr}, NotFound, ""},
		{"where the address gets no answer, the rest is asked by the address only", known,
			map[string]answer{auto + byDN: says(500), auto + byAdr: silent, root: found},
			[]string{auto + byDN, auto + byAdr, root + byAdr}, 0, root + byAdr + " for ann@contoso.test"},
		{"a LegacyDN is not refused for the address, which is refused alone", fresh, map[string]answer{auto: says(500), root: says(500)},
			[]string{auto + byAdr, root + byAdr}, NotFound, ""},

		// Referrals.
		{"a RedirectUrl is asked by the same LegacyDN", homeless, map[string]answer{"old.contoso.test": refers(at(autoF)), autoF: found},
			[]string{"old.contoso.test" + byDN, autoF + byDN}, 0, autoF + byDN + " for ann@contoso.test"},
		{"an HTTP redirect is asked by the same LegacyDN", homeless, map[string]answer{"old.contoso.test": moves(at(autoF)), autoF: found},
			[]string{"old.contoso.test" + byDN, autoF + byDN}, 0, autoF + byDN + " for ann@contoso.test"},
		{"a RedirectUrl in answer to the address is asked by the address", known,
			map[string]answer{auto + byDN: says(500), auto + byAdr: refers(at(autoF)), autoF: found},
			[]string{auto + byDN, auto + byAdr, autoF + byAdr}, 0, autoF + byAdr + " for ann@contoso.test"},
		{"a forest that does not know the LegacyDN is asked by the address", homeless,
			map[string]answer{"old.contoso.test": refers(at(autoF)), autoF + byDN: says(500), autoF + byAdr: found},
			[]string{"old.contoso.test" + byDN, autoF + byDN, autoF + byAdr}, 0, autoF + byAdr + " for ann@contoso.test"},
		{"a forest that knows neither leads back to the remaining candidates", homeless,
			map[string]answer{"old.contoso.test": refers(at(autoF)), autoF: says(500), auto: found},
			[]string{"old.contoso.test" + byDN, autoF + byDN, autoF + byAdr, auto + byAdr}, 0, auto + byAdr + " for ann@contoso.test"},
		{"a RedirectAddr starts again at the other domain by the other address", known,
			map[string]answer{auto: renames("ben@fabrikam.test"), "fabrikam.test": found},
			[]string{auto + byDN, autoF + byAdr, "fabrikam.test" + byAdr}, 0, "fabrikam.test" + byAdr + " for ben@fabrikam.test"},
		{"a RedirectAddr drops the candidates that were left", known,
			map[string]answer{auto: renames("ben@fabrikam.test"), root: found},
			[]string{auto + byDN, autoF + byAdr, "fabrikam.test" + byAdr}, Unreachable, ""},
		{"a RedirectAddr for everybody waits until the others have had their turn", known,
			map[string]answer{auto: posters("ben@fabrikam.test"), root: found},
			[]string{auto + byDN, root + byDN}, 0, root + byDN + " for ann@contoso.test"},
		{"a RedirectAddr for everybody is followed where the others know nobody", known,
			map[string]answer{auto: posters("ben@fabrikam.test"), root: says(500), "fabrikam.test": found},
			[]string{auto + byDN, root + byDN, root + byAdr, autoF + byAdr, "fabrikam.test" + byAdr}, 0, "fabrikam.test" + byAdr + " for ben@fabrikam.test"},
		{"each RedirectAddr for everybody is followed in its turn", fresh,
			map[string]answer{auto: posters("ann@tailspin.test"), root: posters("ben@fabrikam.test"), autoF: found},
			[]string{auto + byAdr, root + byAdr, "meet autodiscover.tailspin.test" + byAdr, "meet tailspin.test" + byAdr, autoF + byAdr}, 0, autoF + byAdr + " for ben@fabrikam.test"},
		{"a RedirectAddr after a sign-in is followed at once, and none for everybody after it", fresh,
			map[string]answer{auto: posters("ann@tailspin.test"), root: renames("ben@fabrikam.test")},
			[]string{auto + byAdr, root + byAdr, autoF + byAdr, "fabrikam.test" + byAdr}, Unreachable, ""},
		{"a place that has failed is not asked by the same identity again", fresh,
			map[string]answer{auto: says(500), root: refers(at(auto))},
			[]string{auto + byAdr, root + byAdr, "skip " + auto + byAdr + ": it has been asked by this EMailAddress before"}, NotFound, ""},
		{"but it is asked by another identity", known,
			map[string]answer{auto + byDN: html, root + byDN: says(500), root + byAdr: refers(at(auto)), auto + byAdr: found},
			[]string{auto + byDN, root + byDN, root + byAdr, auto + byAdr}, 0, auto + byAdr + " for ann@contoso.test"},

		// Loops and budgets.
		{"a place that refers to itself is a loop, and the rest is asked", fresh, map[string]answer{auto: refers("https://Autodiscover.Contoso.test:443" + path), root: says(500)},
			[]string{auto + byAdr, "skip Autodiscover.Contoso.test:443" + byAdr + ": the referrals lead in a circle, back to https://Autodiscover.Contoso.test:443" + path, root + byAdr}, Loop, ""},
		{"two places that refer to each other are a loop", known, map[string]answer{auto: refers(at(autoF)), autoF: moves(at(auto))},
			[]string{auto + byDN, autoF + byDN, "skip " + auto + byDN + ": the referrals lead in a circle, back to " + at(auto), root + byDN}, Loop, ""},
		{"a loop does not keep a later place from answering", fresh, map[string]answer{auto: refers(at(auto)), root: found},
			[]string{auto + byAdr, "skip " + auto + byAdr + ": the referrals lead in a circle, back to " + at(auto), root + byAdr}, 0, root + byAdr + " for ann@contoso.test"},
		{"an address that refers to itself is a loop", fresh, map[string]answer{auto: renames("ANN@contoso.test")},
			[]string{auto + byAdr, "skip " + auto + byAdr + ": the referrals lead in a circle, back to ANN@contoso.test", root + byAdr}, Loop, ""},
		{"two addresses that refer to each other are a loop", fresh,
			map[string]answer{auto: renames("ben@fabrikam.test"), autoF: renames("ann@contoso.test")},
			[]string{auto + byAdr, autoF + byAdr, "skip " + auto + byAdr + ": the referrals lead in a circle, back to ann@contoso.test", "fabrikam.test" + byAdr}, Loop, ""},
		{"ten redirects are followed", fresh, ten(found), hops(10), 0, hop(9) + byAdr + " for ann@contoso.test"},
		{"the eleventh is not", fresh, chain, append(hops(10), "skip "+hop(10)+byAdr+": more than 10 redirects"), Limit, ""},
		{"redirects of all kinds count together", fresh, mixed, append(hops(10), "skip "+hop(10)+byAdr+": more than 10 redirects"), Limit, ""},
		{"a RedirectAddr counts with them", fresh, ten(renames("ben@fabrikam.test")),
			append(hops(10), "skip "+autoF+byAdr+": more than 10 redirects"), Limit, ""},
		{"the same places are asked for another address of the domain", Query{Address: "a0@contoso.test"},
			map[string]answer{auto + byAdr: renames("a1@contoso.test"), root: found},
			[]string{auto + byAdr, auto + byAdr, "skip " + auto + byAdr + ": the referrals lead in a circle, back to a1@contoso.test", root + byAdr}, 0, root + byAdr + " for a1@contoso.test"},

		// Trust.
		{"a RedirectUrl out of the mail domain ends the discovery", Query{Address: "ann@contoso.test"}, map[string]answer{auto: refers(at(autoF)), root: found},
			[]string{auto + byAdr, "meet " + autoF + byAdr}, Untrusted, ""},
		{"an HTTP redirect out of the mail domain ends the discovery", Query{Address: "ann@contoso.test"}, map[string]answer{auto: moves(at(autoF)), root: found},
			[]string{auto + byAdr, "meet " + autoF + byAdr}, Untrusted, ""},
		{"an HTTP redirect out of the mail domain, for everybody, does not end it", Query{Address: "ann@contoso.test"}, map[string]answer{auto: waves(at(autoF)), root: found},
			[]string{auto + byAdr, "meet " + autoF + byAdr, root + byAdr}, 0, root + byAdr + " for ann@contoso.test"},
		{"an HTTP redirect out of the mail domain, for everybody, is what is told if there is nothing else", Query{Address: "ann@contoso.test"}, map[string]answer{auto: waves(at(autoF)), root: says(500)},
			[]string{auto + byAdr, "meet " + autoF + byAdr, root + byAdr}, Untrusted, ""},
		{"a RedirectUrl out of the mail domain, for everybody, does not end it", Query{Address: "ann@contoso.test"}, map[string]answer{auto: posts(at(autoF)), root: found},
			[]string{auto + byAdr, "meet " + autoF + byAdr, root + byAdr}, 0, root + byAdr + " for ann@contoso.test"},
		{"a RedirectUrl that nobody may follow, for everybody, does not end it", Query{Address: "ann@contoso.test"}, map[string]answer{auto: posts(at("192.0.2.1")), root: found},
			[]string{auto + byAdr, "skip 192.0.2.1" + byAdr + ": refused to send credentials to autodiscover.contoso.test:443 -> 192.0.2.1:443 (RedirectUrl): an IP address has no name that a certificate or a person could vouch for", root + byAdr}, 0, root + byAdr + " for ann@contoso.test"},
		{"a RedirectAddr out of the mail domain ends the discovery", Query{Address: "ann@contoso.test"}, map[string]answer{auto: renames("ben@fabrikam.test"), root: found},
			[]string{auto + byAdr, "meet " + autoF + byAdr}, Untrusted, ""},
		{"a RedirectUrl to http ends the discovery without a contact", fresh, map[string]answer{auto: refers("http://contoso.test/autodiscover/"), root: found},
			[]string{auto + byAdr, "skip http://contoso.test/autodiscover/" + byAdr + ": refused to send credentials to autodiscover.contoso.test:443 -> contoso.test:80 (RedirectUrl): credentials travel over https only, not http"}, Untrusted, ""},
		{"a redirect to an IP address ends the discovery without a contact", fresh, map[string]answer{auto: moves(at("192.0.2.1")), root: found},
			[]string{auto + byAdr, "skip 192.0.2.1" + byAdr + ": refused to send credentials to autodiscover.contoso.test:443 -> 192.0.2.1:443 (http redirect): an IP address has no name that a certificate or a person could vouch for"}, Untrusted, ""},
		{"a candidate that nobody may allow is left out",
			Query{Address: "ann@contoso.test", First: []Candidate{{URL: "http://contoso.test/", How: trust.FromConfiguration}, {URL: at("192.0.2.1"), How: trust.FromConfiguration}}},
			map[string]answer{auto: found},
			[]string{
				"skip http://contoso.test/" + byAdr + ": refused to send credentials to contoso.test:80 (configuration): credentials travel over https only, not http",
				"skip 192.0.2.1" + byAdr + ": refused to send credentials to 192.0.2.1:443 (configuration): an IP address has no name that a certificate or a person could vouch for",
				auto + byAdr}, 0, auto + byAdr + " for ann@contoso.test"},
		{"a candidate that nobody may allow does not say why nothing was found",
			Query{Address: "ann@contoso.test", First: []Candidate{{URL: at("192.0.2.1"), How: trust.FromConfiguration}}},
			map[string]answer{auto: says(500)},
			[]string{"skip 192.0.2.1" + byAdr + ": refused to send credentials to 192.0.2.1:443 (configuration): an IP address has no name that a certificate or a person could vouch for",
				auto + byAdr, root + byAdr}, NotFound, ""},

		// Sign-in.
		{"a missing sign-in does not keep others from answering", fresh, map[string]answer{auto: noLogin, root: found},
			[]string{auto + byAdr, root + byAdr}, 0, root + byAdr + " for ann@contoso.test"},
		{"a refused sign-in does not keep others from answering", fresh, map[string]answer{auto: denied, root: found},
			[]string{auto + byAdr, root + byAdr}, 0, root + byAdr + " for ann@contoso.test"},
		{"two hosts of a realm that refuse are one realm", homeless, map[string]answer{"old.contoso.test": denied, auto: denied, root: found},
			[]string{"old.contoso.test" + byDN, auto + byDN, root + byDN}, 0, root + byDN + " for ann@contoso.test"},
		{"two realms that refuse end the discovery",
			Query{Address: "ann@contoso.test", First: []Candidate{{URL: at("mx.fabrikam.test"), How: trust.FromProfile}}},
			map[string]answer{"mx.fabrikam.test": denied, auto: denied, root: found},
			[]string{"mx.fabrikam.test" + byAdr, auto + byAdr}, Unauthorized, ""},
		{"a realm without a sign-in is none that has refused",
			Query{Address: "ann@contoso.test", First: []Candidate{{URL: at("mx.fabrikam.test"), How: trust.FromProfile}}},
			map[string]answer{"mx.fabrikam.test": denied, auto: noLogin, root: found},
			[]string{"mx.fabrikam.test" + byAdr, auto + byAdr, root + byAdr}, 0, root + byAdr + " for ann@contoso.test"},

		// The verdict.
		{"settings without a protocol of ours do not keep others from answering", fresh, map[string]answer{auto: useless, root: found},
			[]string{auto + byAdr, root + byAdr}, 0, root + byAdr + " for ann@contoso.test"},
		{"settings without a protocol of ours do not refuse the LegacyDN", known, map[string]answer{auto: useless, root: found},
			[]string{auto + byDN, root + byDN}, 0, root + byDN + " for ann@contoso.test"},
		{"settings without a protocol of ours outrank a refusal", fresh, map[string]answer{auto: says(500), root: useless},
			[]string{auto + byAdr, root + byAdr}, NoUsableProtocol, ""},
		{"a sign-in outranks settings without a protocol of ours", fresh, map[string]answer{auto: useless, root: noLogin},
			[]string{auto + byAdr, root + byAdr}, Unauthorized, ""},
		{"a busy server outranks a refusal", fresh, map[string]answer{auto: says(500), root: later},
			[]string{auto + byAdr, root + byAdr}, Busy, ""},
		{"ErrorCode 603 is a busy server", fresh, map[string]answer{auto: says(500), root: says(603)},
			[]string{auto + byAdr, root + byAdr}, Busy, ""},
		{"a refusal outranks a page of a web site", fresh, map[string]answer{auto: html, root: says(500)},
			[]string{auto + byAdr, root + byAdr}, NotFound, ""},
		{"a page of a web site outranks silence", fresh, map[string]answer{root: html},
			[]string{auto + byAdr, root + byAdr}, Malformed, ""},
		{"where nobody answers, nobody was reached", fresh, nil,
			[]string{auto + byAdr, root + byAdr}, Unreachable, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, trace := play(t, tt.query, tt.script)
			if diff := cmp.Diff(tt.want, trace); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tt.found != "" {
				if c.found == nil {
					t.Fatalf("nothing found: %v", c.failure())
				}
				if got := short(c.found.url) + " by " + string(c.found.by) + " for " + c.address; got != tt.found {
					t.Errorf("found %q, want %q", got, tt.found)
				}
			} else if c.found != nil || c.failure().Kind != tt.kind {
				t.Errorf("failure = %v, want %v", c.failure(), tt.kind)
			}
		})
	}
}

func TestChaseFollowsThreeAddresses(t *testing.T) {
	script := func(last int) map[string]answer {
		s := make(map[string]answer)
		for i := range last {
			s[fmt.Sprintf("autodiscover.d%d.contoso.test by EMailAddress", i)] = renames(fmt.Sprintf("ann@d%d.contoso.test", i+1))
		}
		s[fmt.Sprintf("autodiscover.d%d.contoso.test", last)] = found
		return s
	}
	q := Query{Address: "ann@d0.contoso.test"}
	if c, trace := play(t, q, script(3)); c.found == nil || c.address != "ann@d3.contoso.test" {
		t.Errorf("three: %v, %v", trace, c.failure())
	}
	c, trace := play(t, q, script(4))
	if c.found != nil || c.failure().Kind != Limit || len(trace) != 5 || !strings.HasSuffix(trace[4], "more than 3 changes of the address") {
		t.Errorf("four: %q, %v", trace, c.failure())
	}
}

func TestChaseUntrusted(t *testing.T) {
	q := Query{Address: "ann@contoso.test"}
	c, _ := play(t, q, map[string]answer{"autodiscover.contoso.test": renames("ben@tailspin.test")})
	want := &UntrustedError{
		Hop: Hop{MailDomain: "contoso.test", From: "autodiscover.contoso.test:443", To: "autodiscover.tailspin.test:443",
			How: trust.FromRedirectAddr, Cert: "CN=autodiscover.tailspin.test"},
		Verdict: trust.Ask,
		Why:     "autodiscover.tailspin.test is outside the mail domain contoso.test and no policy names it",
	}
	e := c.failure()
	if diff := cmp.Diff(want, e.Untrusted); diff != "" || e.Host != "autodiscover.tailspin.test:443" {
		t.Errorf("%v (-want +got):\n%s", e, diff)
	}
	if untrusted, ok := trust.IsUntrusted(e); !ok || untrusted != e.Untrusted {
		t.Error("the error does not lead to its *UntrustedError")
	}
}

func TestChaseWithNothingButRefusedCandidates(t *testing.T) {
	q := Query{Address: "ann@contoso.test", First: []Candidate{{URL: at("192.0.2.1")}}, Exclude: []Source{SourceAutodiscover, SourceRoot}}
	c, trace := play(t, q, nil)
	if len(trace) != 1 || !strings.HasPrefix(trace[0], "skip ") || c.failure().Kind != Untrusted || c.failure().Untrusted.Hop.To != "192.0.2.1:443" {
		t.Errorf("%q, failure = %v", trace, c.failure())
	}
}

func TestChaseWithoutACandidate(t *testing.T) {
	c, trace := play(t, Query{Address: "ann@contoso.test", Exclude: []Source{SourceAutodiscover, SourceRoot}}, nil)
	if e := c.failure(); len(trace) != 0 || e.Kind != Unreachable || e.Err.Error() != "no place to ask is announced" {
		t.Errorf("%q, failure = %v", trace, e)
	}
}

func TestChaseRemembersTheFirstOfAKind(t *testing.T) {
	c, _ := play(t, Query{Address: "ann@contoso.test"}, map[string]answer{
		"autodiscover.contoso.test": says(500), "contoso.test": says(501)})
	if e := c.failure(); e.Host != "autodiscover.contoso.test:443" || e.Err.Error() != "ErrorCode 500" {
		t.Errorf("failure = %v", e)
	}
}

func TestNewChaseRefuses(t *testing.T) {
	for name, q := range map[string]Query{
		"no address":                     {},
		"no domain":                      {Address: "ann"},
		"a public suffix":                {Address: "ann@co.uk"},
		"a LegacyDN that is too long":    {Address: "ann@contoso.test", LegacyDN: "/" + strings.Repeat("x", 1024)},
		"a LegacyDN with a line end":     {Address: "ann@contoso.test", LegacyDN: "/o=Contoso\n"},
		"a LegacyDN beyond ASCII":        {Address: "ann@contoso.test", LegacyDN: "/o=Contos\u00f6"},
		"a LegacyDN with NUL at its end": {Address: "ann@contoso.test", LegacyDN: "/o=Contoso\x00"},
	} {
		if _, err := newChase(q); err == nil {
			t.Errorf("%s can be asked", name)
		}
	}
	for _, n := range []int{1, 1024} {
		if _, err := newChase(Query{Address: "ann@contoso.test", LegacyDN: strings.Repeat("/", n)}); err != nil {
			t.Errorf("a LegacyDN of %d bytes: %v", n, err)
		}
	}
}
