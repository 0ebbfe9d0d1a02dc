package autodiscover

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/homing-mail/homing/internal/trust"
)

// referral is a place to which a server that ann's sign-in belongs to refers her.
type referral struct {
	name string
	url  string
	host string // that is met without credentials, as the recorder names it; empty: nobody is
	why  string // it goes no further
}

const noURL = "without a usable Location"

var referrals = []referral{
	{name: "http, at the same host", url: "http://autodiscover.contoso.test" + path, why: "https only, not http"},
	{name: "http, at another of the domain", url: "http://mx.contoso.test" + path, why: "https only, not http"},
	{name: "ftp", url: "ftp://mx.contoso.test" + path, why: "https only, not ftp"},
	{name: "a file", url: "file:///autodiscover/autodiscover.xml", why: "names no host"},
	{name: "an IPv4 address", url: at("192.0.2.1"), why: "IP address"},
	{name: "an IPv6 address", url: at("[2001:db8::1]"), why: "IP address"},
	{name: "an IPv4 address in IPv6", url: at("[::ffff:192.0.2.1]"), why: "IP address"},
	{name: "an address of the link, with its zone", url: at("[fe80::1%25eth0]"), why: "IP address"},
	{name: "the loopback", url: at("127.0.0.1"), why: "IP address"},
	{name: "an IPv4 address as one number", url: at("3221225985"), why: "IP address"},
	{name: "an IPv4 address in hexadecimal", url: at("0xc0000201"), why: "IP address"},
	{name: "the loopback in two parts", url: at("127.1"), why: "IP address"},
	{name: "the loopback in hexadecimal parts, with a trailing dot", url: at("0x7f.0x1."), why: "IP address"},
	{name: "the mail domain as a user name", url: at("autodiscover.contoso.test@evil.test"), why: "a user name"},
	{name: "the mail domain as a user name and 443 as the password", url: at("autodiscover.contoso.test:443@evil.test"), why: "a user name"},
	{name: "an empty user name", url: at("@evil.test"), why: "a user name"},
	{name: "a backslash before the @", url: at(`autodiscover.contoso.test\@evil.test`), why: noURL},
	{name: "a backslash as a slash", url: at(`evil.test\.contoso.test`), why: noURL},
	{name: "an escaped dot", url: at("autodiscover.contoso.test%2eevil.test"), why: noURL},
	{name: "an escaped zero byte", url: at("evil.test%00.contoso.test"), why: noURL},
	{name: "a letter of another alphabet", url: at("autodiscover.contos\u043e.test"), why: "not written in ASCII"},
	{name: "autodiscover of the top level", url: at("autodiscover.test"), why: "whoever registered it"},
	{name: "autodiscover of the top level, with a trailing dot", url: at("autodiscover.test."), why: "whoever registered it"},
	{name: "autodiscover of a suffix of two labels", url: at("AUTODISCOVER.co.uk"), why: "whoever registered it"},
	{name: "a public suffix", url: at("co.uk"), why: "public suffix"},
	{name: "a single label", url: at("exchange"), why: "single label"},
	{name: "a single label with a trailing dot", url: at("localhost."), why: "single label"},
	{name: "an empty label", url: at("evil..contoso.test"), why: "host name"},

	{name: "another organisation", url: at(stranger), host: stranger, why: "outside the mail domain"},
	{name: "another port of the same host", url: at("autodiscover.contoso.test:8443"), host: "autodiscover.contoso.test:8443", why: "port 8443"},
	{name: "the port of http, by https", url: at("mx.contoso.test:8080"), host: "mx.contoso.test:8080", why: "port 8080"},
	{name: "a name that ends like the mail domain", url: at("evil-contoso.test"), host: "evil-contoso.test", why: "outside the mail domain"},
	{name: "autodiscover in front without a dot", url: at("autodiscover-contoso.test"), host: "autodiscover-contoso.test", why: "outside the mail domain"},
	{name: "a name that begins like the mail domain", url: at("contoso.test.evil.test"), host: "contoso.test.evil.test", why: "outside the mail domain"},
	{name: "a name that begins like the host, with a trailing dot", url: at("autodiscover.contoso.test.evil.test."), host: "autodiscover.contoso.test.evil.test.", why: "outside the mail domain"},
	{name: "the mail domain under another top level", url: at("autodiscover.contoso.co.uk"), host: "autodiscover.contoso.co.uk", why: "outside the mail domain"},
	{name: "a letter less", url: at("autodiscover.contso.test"), host: "autodiscover.contso.test", why: "outside the mail domain"},
	{name: "an international name that looks alike", url: at("autodiscover.xn--contos-1qf.test"), host: "autodiscover.xn--contos-1qf.test", why: "outside the mail domain"},
	{name: "the mail domain in the query", url: at("evil.test") + "?@autodiscover.contoso.test", host: "evil.test", why: "outside the mail domain"},
	{name: "the mail domain in the fragment", url: at("evil.test") + "#@autodiscover.contoso.test/", host: "evil.test", why: "outside the mail domain"},
	{name: "ann in the query", url: at("evil.test") + "?user=ann@contoso.test", host: "evil.test", why: "outside the mail domain"},
	{name: "a host that looks like Microsoft's", url: at("evil-outlook.office365.com"), host: "evil-outlook.office365.com", why: "outside the mail domain"},
	{name: "Microsoft's, which no policy trusts", url: at("outlook.office365.com"), host: "outlook.office365.com", why: "trust.microsoft365"},
}

// A server of the mail domain has been taken over or set up badly, and refers
// ann elsewhere, right after her sign-in: by HTTP, which would have others replay
// the request with its Authorization, or by a RedirectUrl.
func TestHijackByAReferral(t *testing.T) {
	ways := map[string]func(location string) http.HandlerFunc{
		"RedirectUrl": func(location string) http.HandlerFunc {
			return secured(serves(answered("<Action>redirectUrl</Action><RedirectUrl>" + location + "</RedirectUrl>")))
		},
		"bare 302": func(location string) http.HandlerFunc { return sends(302, location) }, // even the first contact is led away
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		ways[fmt.Sprintf("HTTP %d", status)] = func(location string) http.HandlerFunc { return secured(sends(status, location)) }
	}
	var stories []story
	for way, leads := range ways {
		for _, r := range referrals {
			if !slices.Contains([]string{"HTTP 302", "RedirectUrl", "bare 302"}, way) && r.name != "another organisation" {
				continue // all of them are one case in the code of a server, and one row shows it
			}
			s := story{name: way + " to " + r.name, kind: Untrusted, why: r.why}
			if way != "bare 302" {
				s.signed = []string{auto}
			}
			if r.why == noURL {
				s.kind = Malformed
			}
			if r.why == noURL && way == "RedirectUrl" {
				s.why = "without a usable RedirectUrl"
			}
			s.stage = func(s *scene) {
				for _, host := range []string{mx, "evil.test", "192.0.2.1", "127.0.0.1", "127.1", "0x7f.0x1.", "autodiscover.test", "autodiscover.co.uk", "localhost", "exchange", "http://autodiscover.contoso.test", "http://mx.contoso.test"} {
					s.hosts[host] = home()
				}
				if r.host != "" {
					name, _, _ := strings.Cut(r.host, ":") // that is dialled, at any port
					s.hosts[r.host], s.hosts[name] = home(), home()
				}
				s.hosts[auto] = leads(r.url)
				s.query.Exclude = []Source{SourceHTTP} // its host stands here for the referral
			}
			s.silent = []string{"autodiscover.contoso.test:80", "mx.contoso.test:80", "192.0.2.1:443", "127.0.0.1:443", "127.1:443", "0x7f.0x1.:443", "autodiscover.test:443", "autodiscover.co.uk:443", "localhost:443", "exchange:443"}
			if r.host != "" {
				s.legit, s.there = allow(strings.TrimSuffix(r.host, ".")), r.host
			} else {
				s.silent = append(s.silent, "evil.test:443", "mx.contoso.test:443")
				s.legit, s.there = func(s *scene) { s.hosts[auto] = leads(at(mx)) }, mx
			}
			stories = append(stories, s)
		}
	}
	slices.SortFunc(stories, func(a, b story) int { return strings.Compare(a.name, b.name) })
	tell(t, stories)
}

func TestHijackByAReferralThatLeadsNowhere(t *testing.T) {
	location := func(value string) func(*scene) {
		return func(s *scene) {
			s.hosts[auto], s.hosts["evil.test"], s.hosts[mx] = secured(sends(302, value)), home(), home()
			s.query.Exclude = []Source{SourceHTTP}
		}
	}
	redirectURL := func(value string) func(*scene) {
		return func(s *scene) {
			s.hosts[auto] = secured(serves(answered("<Action>redirectUrl</Action>" + value)))
			s.hosts["evil.test"], s.hosts[mx] = home(), home()
			s.query.Exclude = []Source{SourceHTTP}
		}
	}
	signed, silent := []string{auto}, []string{"evil.test:443"}
	tell(t, []story{
		{name: "an absent Location", stage: location(""), kind: Malformed, why: "without a usable Location", signed: signed, silent: silent, legit: location(at(mx)), there: mx},
		{name: "a Location without a scheme leads to the stranger that it names", stage: location("//evil.test" + path), kind: Untrusted, why: "outside the mail domain", signed: signed, legit: allow("evil.test"), there: "evil.test"},
		{name: "a Location that is a host without a scheme stays where it is", stage: location("evil.test" + path), kind: Limit, why: "more than 10 redirects", signed: signed, silent: silent, legit: location(at(mx)), there: mx},
		{name: "the start page of the web site", stage: location("https://evil.test/"), kind: Malformed, why: "not Autodiscover's", signed: signed, silent: silent, legit: location(at(mx)), there: mx},
		{name: "a login form with a way back", stage: location("https://evil.test/login?back=" + at(auto)), kind: Malformed, why: "not Autodiscover's", signed: signed, silent: silent, legit: location(at(mx)), there: mx},
		{name: "a Location of 3000 bytes", stage: location(at("evil.test") + "?" + strings.Repeat("x", 3000)), kind: Malformed, why: "without a usable Location", signed: signed, silent: silent, legit: location(at(mx)), there: mx},
		{name: "a script", stage: location("javascript:/autodiscover/"), kind: Untrusted, why: "names no host", signed: signed, silent: silent, legit: location(at(mx)), there: mx},
		{name: "a RedirectUrl of a path", stage: redirectURL("<RedirectUrl>" + path + "</RedirectUrl>"), kind: Malformed, why: "without a usable RedirectUrl", signed: signed, silent: silent, legit: redirectURL("<RedirectUrl>" + at(mx) + "</RedirectUrl>"), there: mx},
		{name: "no RedirectUrl", stage: redirectURL(""), kind: Malformed, why: "without a usable RedirectUrl", signed: signed, silent: silent, legit: redirectURL("<RedirectUrl>" + at(mx) + "</RedirectUrl>"), there: mx},
		{name: "a page that refreshes to elsewhere", kind: Malformed, why: "an HTML page", signed: signed, silent: silent, legit: location(at(mx)), there: mx,
			stage: func(s *scene) {
				location("")(s)
				s.hosts[auto] = secured(func(res http.ResponseWriter, req *http.Request) {
					res.Header().Set("Refresh", "0; url="+at("evil.test"))
					res.Header().Set("Content-Location", at("evil.test"))
					res.Header().Set("Alt-Svc", `h2="evil.test:443"; ma=86400; persist=1`)
					serves(`<html><meta http-equiv="refresh" content="0; url=`+at("evil.test")+`"></html>`)(res, req)
				})
			}},
		{name: "a 305 to a proxy", kind: Malformed, why: "HTTP 305", signed: signed, silent: silent, legit: location(at(mx)), there: mx,
			stage: func(s *scene) { location("")(s); s.hosts[auto] = secured(sends(305, at("evil.test"))) }},
	})
}

// Referrals of many steps: in circles, too long, by way of somebody who is
// trusted, or to other people's domains.
func TestHijackByAChain(t *testing.T) {
	names := func(address string) http.HandlerFunc {
		return secured(serves(answered("<Action>redirectAddr</Action><RedirectAddr>" + address + "</RedirectAddr>")))
	}
	fabrikam := Rules{Trusted: []string{"*.fabrikam.test"}}
	hop := func(i int) string { return fmt.Sprintf("r%d.contoso.test", i) }
	chain := func(s *scene) {
		s.hosts[auto] = secured(sends(302, at(hop(1))))
		for i := 1; i < 12; i++ {
			s.hosts[hop(i)] = secured(sends(302, at(hop(i+1))))
		}
		s.hosts[hop(11)] = home()
		s.query.Exclude = []Source{SourceHTTP}
	}
	hops := []string{auto}
	for i := 1; i <= 10; i++ {
		hops = append(hops, hop(i))
	}
	tell(t, []story{
		{name: "the eleventh redirect is not followed", stage: chain, kind: Limit, why: "more than 10 redirects", signed: hops, silent: []string{hop(11) + ":443"},
			legit: func(s *scene) { s.hosts[hop(1)] = secured(sends(302, at(hop(3)))) }, there: hop(11)},
		{name: "two forests refer to one another", kind: Loop, why: "circle", signed: []string{auto, autoF},
			stage: func(s *scene) {
				s.hosts[auto], s.hosts[autoF], s.query.Rules = secured(sends(302, at(autoF))), secured(sends(302, at(auto))), fabrikam
			}, legit: opens(autoF), there: autoF},
		{name: "two forests name one another's address", kind: Loop, why: "circle", signed: []string{auto, autoF},
			stage: func(s *scene) {
				s.hosts[auto], s.hosts[autoF], s.query.Rules = names("ann@fabrikam.test"), names("ANN@Contoso.test"), fabrikam
			}, legit: opens(autoF), there: autoF},
		{name: "a server refers to itself", kind: Loop, why: "circle", signed: []string{auto},
			stage: func(s *scene) { s.hosts[auto] = secured(sends(302, at("AUTODISCOVER.contoso.test.:443"))) }, legit: opens(auto), there: auto},
		{name: "a stranger that is met refers to itself, and is not yet the host that sent us", kind: Untrusted, why: "outside the mail domain", signed: []string{auto},
			stage: func(s *scene) {
				s.hosts[auto], s.hosts[stranger] = secured(sends(302, at(stranger))), sends(302, at(stranger)+"?again")
			},
			legit: func(s *scene) { allow(stranger)(s); opens(stranger)(s) }, there: stranger},
		{name: "a stranger that is met refers back to the domain", kind: Untrusted, why: "outside the mail domain", signed: []string{auto}, silent: []string{mx + ":443"},
			stage: func(s *scene) {
				s.hosts[auto], s.hosts[stranger], s.hosts[mx] = secured(sends(302, at(stranger))), sends(302, at(mx)), home()
			}, legit: allow(stranger), there: mx},
		{name: "whom the policy trusts refers to whom it does not", kind: Untrusted, why: "outside the mail domain", signed: []string{auto, autoF},
			stage: func(s *scene) {
				s.hosts[auto], s.hosts[autoF], s.hosts[stranger], s.query.Rules = secured(sends(302, at(autoF))), secured(sends(302, at(stranger))), home(), fabrikam
			}, legit: allow(stranger), there: stranger},
		{name: "a look-alike of whom the policy trusts", kind: Untrusted, why: "outside the mail domain", signed: []string{auto},
			stage: func(s *scene) {
				s.hosts[auto], s.hosts["mx.evilfabrikam.test"], s.query.Rules = secured(sends(302, at("mx.evilfabrikam.test"))), home(), fabrikam
			}, legit: allow("mx.evilfabrikam.test"), there: "mx.evilfabrikam.test"},
		{name: "a neighbour at the same hoster", kind: Untrusted, why: "outside the mail domain contoso.github.io", signed: []string{"autodiscover.contoso.github.io"},
			stage: func(s *scene) {
				s.query.Address = "ann@contoso.github.io"
				s.hosts["autodiscover.contoso.github.io"], s.hosts["evil.github.io"] = secured(sends(302, at("evil.github.io"))), home()
			}, legit: func(s *scene) { s.query.Rules.Trusted = []string{"evil.github.io"} }, there: "evil.github.io"},
		{name: "a consent that another mail domain has", kind: Untrusted, why: "outside the mail domain", signed: []string{auto},
			stage: func(s *scene) {
				s.hosts[auto], s.hosts[stranger] = secured(sends(302, at(stranger))), home()
				s.query.Rules.Consents = []trust.Consent{{MailDomain: "fabrikam.test", Host: stranger}}
			}, legit: allow(stranger), there: stranger},
		{name: "a consent for the https port does not hold for another", kind: Untrusted, why: "port 8443", signed: []string{auto},
			stage: func(s *scene) {
				s.hosts[auto], s.hosts[stranger], s.hosts[stranger+":8443"] = secured(sends(302, at(stranger+":8443"))), home(), home()
				allow(stranger)(s)
			}, legit: allow(stranger + ":8443"), there: stranger + ":8443"},
		{name: "a policy for the https port does not hold for another", kind: Untrusted, why: "port 8443", signed: []string{auto},
			stage: func(s *scene) {
				s.hosts[auto], s.hosts[autoF], s.hosts[autoF+":8443"], s.query.Rules = secured(sends(302, at(autoF+":8443"))), home(), home(), fabrikam
			}, legit: func(s *scene) { s.query.Rules.Trusted = []string{"*.fabrikam.test:8443"} }, there: autoF + ":8443"},
		{name: "a consent for another port does not hold for the https port", kind: Untrusted, why: "outside the mail domain", signed: []string{auto},
			stage: func(s *scene) {
				s.hosts[auto], s.hosts[stranger] = secured(sends(302, at(stranger))), home()
				allow(stranger + ":8443")(s)
			}, legit: allow(stranger), there: stranger},
		{name: "an address of a foreign domain, named to everybody, beside who knows the mailbox", found: root, why: "RedirectAddr ann@fabrikam.test", signed: []string{root}, silent: []string{autoF + ":443"},
			stage: func(s *scene) {
				s.hosts[auto], s.hosts[root], s.hosts[autoF], s.query.Rules = serves(answered("<Action>redirectAddr</Action><RedirectAddr>ann@fabrikam.test</RedirectAddr>")), home(), home(), fabrikam
			}, legit: func(s *scene) { s.hosts[auto] = names("ann@fabrikam.test") }, there: autoF},
		{name: "an address of a foreign domain", kind: Untrusted, why: "may not receive credentials yet", signed: []string{auto},
			stage: func(s *scene) {
				s.hosts[auto], s.hosts[autoF] = names("ann@fabrikam.test"), home()
			}, legit: func(s *scene) { s.query.Rules = fabrikam }, there: autoF},
		{name: "an address of a foreign domain whose sign-in ann does not have", kind: Unauthorized, why: "no sign-in for " + autoF, signed: []string{auto},
			stage: func(s *scene) {
				s.hosts[auto], s.hosts[autoF] = names("ann@fabrikam.test"), home()
				s.query.Rules, s.query.Logins = fabrikam, withPassword("*.contoso.test")
			}, legit: func(s *scene) { s.query.Logins = withPassword("*.contoso.test", "*.fabrikam.test") }, there: autoF},
		{name: "an address of the top level", kind: Malformed, why: "without a usable RedirectAddr", signed: []string{auto}, silent: []string{"autodiscover.test:443"},
			stage: func(s *scene) {
				s.hosts[auto], s.hosts["autodiscover.test"], s.hosts[autoF] = names("ann@test"), home(), home()
			},
			legit: func(s *scene) { s.hosts[auto], s.query.Rules = names("ann@fabrikam.test"), fabrikam }, there: autoF},
		{name: "an address with two @", kind: Malformed, why: "without a usable RedirectAddr", signed: []string{auto}, silent: []string{autoF + ":443"},
			stage: func(s *scene) {
				s.hosts[auto], s.hosts[autoF], s.query.Rules = names("ann@fabrikam.test@contoso.test"), home(), fabrikam
			},
			legit: func(s *scene) { s.hosts[auto] = names("ann@fabrikam.test") }, there: autoF},
		{name: "a fourth change of the address", kind: Limit, why: "more than 3 changes", silent: []string{"autodiscover.d.contoso.test:443"},
			signed: []string{auto, "autodiscover.a.contoso.test", "autodiscover.b.contoso.test", "autodiscover.c.contoso.test"},
			stage: func(s *scene) {
				s.hosts[auto] = names("ann@a.contoso.test")
				s.hosts["autodiscover.a.contoso.test"], s.hosts["autodiscover.b.contoso.test"] = names("ann@b.contoso.test"), names("ann@c.contoso.test")
				s.hosts["autodiscover.c.contoso.test"], s.hosts["autodiscover.d.contoso.test"] = names("ann@d.contoso.test"), home()
			}, legit: func(s *scene) { s.hosts[auto] = names("ann@b.contoso.test") }, there: "autodiscover.d.contoso.test"},
	})
}
