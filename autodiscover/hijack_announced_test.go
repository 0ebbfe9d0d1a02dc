package autodiscover

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/homing-mail/homing/internal/trust"
)

// announces is an SRV answer of any records.
func announces(records ...*net.SRV) func(context.Context, string) ([]*net.SRV, error) {
	return func(context.Context, string) ([]*net.SRV, error) { return records, nil }
}

// noHTTP leaves the sources whose announcements these stories are not about out.
var noHTTP = []Source{SourceHTTP}

// Whoever speaks for DNS says where the service is.
func TestHijackByDNS(t *testing.T) {
	says := func(records ...*net.SRV) func(*scene) {
		return func(s *scene) {
			s.records, s.query.Exclude = announces(records...), noHTTP
			for _, host := range []string{stranger, "evil.test", "evil-contoso.test", "contoso.test.evil.test.", mx, mx + ":8443", mx + ":80", "192.0.2.1", "autodiscover.test"} {
				s.hosts[host] = home()
			}
		}
	}
	target := func(name string) func(*scene) { return says(record(name, 443, 0, 0)) }
	good := target(mx + ".")
	evil := []string{"evil.test:443", "192.0.2.1:443", "autodiscover.test:443", mx + ":80", mx + ":8443", mx + ":443"}
	var crowd []*net.SRV
	for i := range 200 {
		crowd = append(crowd, record(fmt.Sprintf("mx%d.tailspin.test.", i), 443, 0, 0))
	}
	tell(t, []story{
		{name: "a record that points elsewhere", stage: target(stranger + "."), kind: Untrusted, why: "outside the mail domain", legit: allow(stranger), there: stranger},
		{name: "a record that points to a look-alike", stage: target("evil-contoso.test."), kind: Untrusted, why: "outside the mail domain", legit: allow("evil-contoso.test"), there: "evil-contoso.test"},
		{name: "a record that points to a look-alike with two trailing dots", stage: target("contoso.test.evil.test.."), kind: Untrusted, why: "outside the mail domain", legit: allow("contoso.test.evil.test"), there: "contoso.test.evil.test."},
		{name: "a record with the mail domain before an @", stage: target("autodiscover.contoso.test@evil.test."), kind: Unreachable, why: "a user name", silent: evil, legit: good, there: mx},
		{name: "a record with a slash, which ends the host", stage: target("evil.test/.contoso.test."), kind: Untrusted, why: "outside the mail domain", legit: allow("evil.test"), there: "evil.test"},
		{name: "a record with a question mark", stage: target("evil.test?.contoso.test."), kind: Untrusted, why: "outside the mail domain", legit: allow("evil.test"), there: "evil.test"},
		{name: "a record with a number sign", stage: target("evil.test#.contoso.test."), kind: Untrusted, why: "outside the mail domain", legit: allow("evil.test"), there: "evil.test"},
		{name: "a record with a port in its target", stage: target(mx + ":8443"), kind: Untrusted, why: "port 8443", legit: allow(mx + ":8443"), there: mx + ":8443"},
		{name: "a record with a space", stage: target("evil test"), kind: Unreachable, why: "not a usable URL", silent: evil, legit: good, there: mx},
		{name: "a record of an IP address", stage: target("192.0.2.1"), kind: Unreachable, why: "IP address", silent: evil, legit: good, there: mx},
		{name: "a record of autodiscover of the top level", stage: target("autodiscover.test."), kind: Unreachable, why: "whoever registered it", silent: evil, legit: good, there: mx},
		{name: "a record of port 80", stage: says(record(mx+".", 80, 0, 0)), kind: Unreachable, why: "only port 443 is asked", silent: evil, legit: good, there: mx},
		{name: "a record of port 8443", stage: says(record(mx+".", 8443, 0, 0)), kind: Unreachable, why: "only port 443 is asked", silent: evil, legit: good, there: mx},
		{name: "a record of the target .", stage: says(record(".", 443, 0, 0)), kind: Unreachable, why: "the service is not offered", silent: evil, legit: good, there: mx},
		{name: "a stranger of a better priority", stage: says(record(stranger+".", 443, 0, 65535), record(mx+".", 443, 1, 0)), found: mx, why: "outside the mail domain", signed: []string{mx},
			legit: allow(stranger), there: stranger},
		{name: "200 strangers, of whom eight are met", stage: says(crowd...), kind: Unreachable, why: "192 more are passed over", legit: good, there: mx},
		{name: "a wrong answer for the hosts of the domain comes without their certificate", kind: Unreachable, why: "certificate is valid for evil.test",
			stage: func(s *scene) { s.hosts[auto], s.certs[auto], s.query.Exclude = home(), issuedFor("evil.test"), noHTTP },
			legit: func(s *scene) { delete(s.certs, auto) }, there: auto},
	})
}

// A directory that has not proved its name is anybody on the way.
func TestHijackByADirectory(t *testing.T) {
	says := func(url string, how How) func(*scene) {
		return func(s *scene) {
			s.scp, s.query.Exclude = []Candidate{{URL: url, How: how}}, noHTTP
			for _, host := range []string{stranger, stranger + ":8443", "192.0.2.1", "exchange", "autodiscover.test", "http://" + mx, mx} {
				s.hosts[host] = home()
			}
		}
	}
	sealed := says(at(stranger), trust.FromDirectory)
	silent := []string{"192.0.2.1:443", "exchange:443", "autodiscover.test:443", mx + ":80"}
	tell(t, []story{
		{name: "an unsealed directory names a stranger", stage: says(at(stranger), trust.FromUnsealedDirectory), kind: Untrusted, why: "outside the mail domain", legit: sealed, there: stranger},
		{name: "an unsealed directory names a stranger's other port", stage: says(at(stranger+":8443"), trust.FromUnsealedDirectory), kind: Untrusted, why: "port 8443", legit: sealed, there: stranger},
		{name: "a sealed directory names http", stage: says("http://"+mx+path, trust.FromDirectory), kind: Unreachable, why: "https only", silent: silent, legit: sealed, there: stranger},
		{name: "a sealed directory names an IP address", stage: says(at("192.0.2.1"), trust.FromDirectory), kind: Unreachable, why: "IP address", silent: silent, legit: sealed, there: stranger},
		{name: "a sealed directory names a single label", stage: says(at("exchange"), trust.FromDirectory), kind: Unreachable, why: "single label", silent: silent, legit: sealed, there: stranger},
		{name: "a sealed directory names autodiscover of the top level", stage: says(at("autodiscover.test"), trust.FromDirectory), kind: Unreachable, why: "whoever registered it", silent: silent, legit: sealed, there: stranger},
		{name: "a sealed directory names a user", stage: says(at("contoso.test@"+stranger), trust.FromDirectory), kind: Unreachable, why: "a user name", silent: []string{stranger + ":443"}, legit: sealed, there: stranger},
		{name: "what is no URL", stage: says("mail server of Contoso", trust.FromDirectory), kind: Unreachable, why: "names no host", silent: silent, legit: sealed, there: stranger},
		{name: "a directory's word for a host does not hold for whom that refers to", stage: func(s *scene) {
			sealed(s)
			s.hosts[stranger], s.hosts["evil.test"] = secured(sends(302, at("evil.test"))), home()
		}, kind: Untrusted, why: "outside the mail domain", signed: []string{stranger}, legit: allow("evil.test"), there: "evil.test"},
	})
}

// Somebody on the way answers the GET in the clear.
func TestHijackInTheClear(t *testing.T) {
	answers := func(h http.HandlerFunc) func(*scene) {
		return func(s *scene) {
			s.hosts[clear] = h
			for _, host := range []string{stranger, "evil.test", mx, mx + ":8443", "192.0.2.1", "autodiscover.test", "http://" + mx, "http://" + stranger} {
				s.hosts[host] = home()
			}
		}
	}
	to := func(location string) func(*scene) { return answers(sends(302, location)) }
	good := to(at(mx))
	silent := []string{mx + ":443", mx + ":80", stranger + ":80", stranger + ":443", "evil.test:443", "192.0.2.1:443", "autodiscover.test:443"}
	tell(t, []story{
		{name: "a 302 to the host of whoever is on the way, with a good certificate", stage: to(at(stranger)), kind: Untrusted, why: "outside the mail domain", legit: allow(stranger), there: stranger},
		{name: "a 302 to a host that redirects to itself", kind: Untrusted, why: "outside the mail domain",
			stage: func(s *scene) { to(at(stranger))(s); s.hosts[stranger] = sends(302, at(stranger)+"?x") },
			legit: func(s *scene) { allow(stranger)(s); opens(stranger)(s) }, there: stranger},
		{name: "a 302 to another port of the domain", stage: to(at(mx + ":8443")), kind: Untrusted, why: "port 8443", legit: allow(mx + ":8443"), there: mx + ":8443"},
		{name: "a 302 to another port of a host that is allowed", stage: func(s *scene) { to(at(stranger + ":8443"))(s); s.hosts[stranger+":8443"] = home(); allow(stranger)(s) },
			kind: Untrusted, why: "port 8443", legit: allow(stranger + ":8443"), there: stranger + ":8443"},
		{name: "a 302 to http", stage: to("http://" + mx + path), kind: Unreachable, why: "does not lead to https", silent: silent, legit: good, there: mx},
		{name: "a 302 to itself", stage: to(clear + path), kind: Unreachable, why: "does not lead to https", silent: silent, legit: good, there: mx},
		{name: "a relative 302", stage: to(path + "?again"), kind: Unreachable, why: "does not lead to https", silent: silent, legit: good, there: mx},
		{name: "a 302 without a scheme", stage: to("//" + stranger + path), kind: Unreachable, why: "does not lead to https", silent: silent, legit: good, there: mx},
		{name: "a 302 without Location", stage: to(""), kind: Unreachable, why: "names no Location", silent: silent, legit: good, there: mx},
		{name: "a 302 to an IP address", stage: to(at("192.0.2.1")), kind: Unreachable, why: "IP address", silent: silent, legit: good, there: mx},
		{name: "a 302 with a user name", stage: to(at("contoso.test@evil.test")), kind: Unreachable, why: "a user name", silent: silent, legit: good, there: mx},
		{name: "a 302 to autodiscover of the top level", stage: to(at("autodiscover.test")), kind: Unreachable, why: "whoever registered it", silent: silent, legit: good, there: mx},
		{name: "a captive portal", stage: to("https://" + stranger + "/login?u=http://autodiscover.contoso.test"), kind: Unreachable, why: "not Autodiscover's", silent: silent, legit: good, there: mx},
		{name: "a captive portal whose login page has Autodiscover's folder", stage: to("https://" + stranger + "/autodiscover/login"), kind: Unreachable, why: "not Autodiscover's", silent: silent, legit: good, there: mx},
		{name: "settings in the clear", stage: answers(serves(string(settingsXML))), kind: Unreachable, why: "HTTP 200, which leads nowhere", silent: silent, legit: good, there: mx},
		{name: "a challenge in the clear", stage: answers(home()), kind: Unreachable, why: "HTTP 401, which leads nowhere", silent: silent, legit: opens(auto), there: auto},
		{name: "a proxy's challenge in the clear", stage: answers(fails(407, "Proxy-Authenticate", "Basic")), kind: Unreachable, why: "HTTP 407, which leads nowhere", silent: silent, legit: opens(auto), there: auto},
		{name: "a page for everything", stage: answers(serves(`<html><a href="` + at(stranger) + `">here</a></html>`)), kind: Unreachable, why: "HTTP 200, which leads nowhere", silent: silent, legit: good, there: mx},
		{name: "a page that never ends", stage: answers(unending), kind: Unreachable, why: "HTTP 200, which leads nowhere", silent: silent, within: time.Second, legit: good, there: mx},
	})
}

// Web hosters, portals and middle boxes that answer for everybody.
func TestHijackByWhoAnswersForEverybody(t *testing.T) {
	page := serves("<html>This domain is parked</html>")
	base := func(s *scene) { s.query.Exclude = noHTTP }
	tell(t, []story{
		{name: "a web hoster's 401 at the domain itself, beside the domain's own service", found: auto, why: "settings", signed: []string{auto},
			stage: func(s *scene) { base(s); s.hosts[auto], s.hosts[root] = home(), secured(page) },
			legit: func(s *scene) { delete(s.hosts, auto) }, there: root},
		{name: "a web hoster's 401 comes with the hoster's certificate", kind: Unreachable, why: "certificate is valid for evil.test",
			stage: func(s *scene) { base(s); s.hosts[root], s.certs[root] = secured(page), issuedFor("evil.test") },
			legit: func(s *scene) { delete(s.certs, root) }, there: root},
		{name: "a web hoster's 401 without a scheme", kind: Unauthorized, why: "HTTP 401 without a way to sign in",
			stage: func(s *scene) { base(s); s.hosts[root] = fails(401) }, legit: opens(root), there: root},
		{name: "a page for everything", kind: Malformed, why: "an HTML page",
			stage: func(s *scene) { base(s); s.hosts[root], s.hosts[auto] = page, page }, legit: opens(auto), there: auto},
		{name: "a web site that leads to its login form", kind: Malformed, why: "not Autodiscover's", silent: []string{"login.contoso.test:443"},
			stage: func(s *scene) {
				base(s)
				s.hosts[root], s.hosts["login.contoso.test"] = sends(302, "https://login.contoso.test/?to=/autodiscover/"), home()
			}, legit: opens(root), there: root},
		{name: "a web site that leads to Autodiscover of its hoster", kind: Untrusted, why: "outside the mail domain",
			stage: func(s *scene) { base(s); s.hosts[root], s.hosts[stranger] = sends(301, at(stranger)), home() },
			legit: allow(stranger), there: stranger},
		{name: "a portal that takes every connection", kind: Unreachable, why: "certificate is valid for portal.test",
			stage: func(s *scene) {
				base(s)
				for _, host := range []string{root, auto, mx} {
					s.hosts[host], s.certs[host] = home(), issuedFor("portal.test")
				}
				s.records = srv(mx)
			}, legit: func(s *scene) { delete(s.certs, mx) }, there: mx},
		{name: "a proxy that wants a sign-in", kind: Unreachable, why: "Proxy Authentication Required",
			stage: func(s *scene) {
				base(s)
				s.proxy = "https://proxy.contoso.test:8080"
				refuses := fails(407, "Proxy-Authenticate", "Basic realm=proxy")
				s.hosts["proxy.contoso.test"], s.hosts[auto+":443"], s.hosts[root+":443"] = refuses, refuses, refuses
				s.hosts[auto] = home()
			}, legit: func(s *scene) { s.proxy = "" }, there: auto},
		{name: "a proxy that answers itself instead of letting through", kind: Unreachable, why: "Unauthorized",
			stage: func(s *scene) {
				base(s)
				s.proxy = "https://proxy.contoso.test:8080"
				s.hosts["proxy.contoso.test"], s.hosts[auto+":443"], s.hosts[root+":443"] = home(), home(), home()
				s.hosts[auto] = home()
			}, legit: func(s *scene) { s.proxy = "" }, there: auto},
	})
}

// issuedFor is a good certificate of another name.
func issuedFor(name string) certificate {
	return func(t *testing.T, authority *tls.Certificate) *tls.Certificate { return issue(t, name, authority) }
}

// edited is a certificate for auto with something wrong.
func edited(edit func(*x509.Certificate)) certificate {
	return func(t *testing.T, authority *tls.Certificate) *tls.Certificate {
		return issue(t, auto, authority, edit)
	}
}

func TestHijackByACertificate(t *testing.T) {
	presents := func(c certificate) func(*scene) {
		return func(s *scene) { s.hosts[auto], s.certs[auto], s.query.Exclude = home(), c, noHTTP }
	}
	var stories []story
	for _, tt := range []struct {
		name, why string
		cert      certificate
	}{
		{"the name that a CNAME leads to", "certificate is valid for hoster.test", issuedFor("hoster.test")},
		{"the mail domain without its host", "certificate is valid for contoso.test", issuedFor("contoso.test")},
		{"a wildcard of two labels", "certificate is valid for *.test", issuedFor("*.test")},
		{"one that has expired", "expired or is not yet valid", edited(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })},
		{"one that is not valid yet", "expired or is not yet valid", edited(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })},
		{"one for another purpose", "incompatible key usage", edited(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })},
		{"one that has signed itself", "certificate", func(t *testing.T, _ *tls.Certificate) *tls.Certificate { return issue(t, auto, nil) }},
		{"one of another authority", "unknown authority", func(t *testing.T, _ *tls.Certificate) *tls.Certificate {
			return issue(t, auto, issue(t, "other authority", nil))
		}},
	} {
		stories = append(stories, story{name: tt.name, stage: presents(tt.cert), kind: Unreachable, why: tt.why,
			legit: func(s *scene) { delete(s.certs, auto) }, there: auto})
	}
	tell(t, stories)
}

// Microsoft 365 is asked where policy says so, gets a sign-in where policy trusts
// it, and its hints are worth no more than others'.
func TestHijackByAHint(t *testing.T) {
	pox := "https://" + v2Host + path
	hint := func(answer http.HandlerFunc) func(*scene) {
		return func(s *scene) {
			s.hosts[v2Host] = atPaths(map[string]http.HandlerFunc{v2Path: answer, path: home()})
			s.hosts[stranger], s.hosts["evil-outlook.office365.com"], s.hosts["autodiscover.test"] = home(), home(), home()
			s.query.Exclude, s.query.Microsoft365 = noHTTP, true
		}
	}
	trusted := func(s *scene) { s.query.Rules.Microsoft365 = true }
	silent := []string{stranger + ":443", "autodiscover.test:443"}
	tell(t, []story{
		{name: "Microsoft 365 is asked, and not trusted", stage: hint(serves(v2Says(pox))), kind: Untrusted, why: "trust.microsoft365", legit: trusted, there: v2Host},
		{name: "the hint names a stranger", stage: hint(serves(v2Says(at(stranger)))), kind: Untrusted, why: "outside the mail domain", legit: allow(stranger), there: stranger},
		{name: "the hint names a look-alike of Microsoft's", kind: Untrusted, why: "evil-outlook.office365.com is outside", stage: hint(serves(v2Says(at("evil-outlook.office365.com")))),
			legit: allow("evil-outlook.office365.com"), there: "evil-outlook.office365.com"},
		{name: "the hint names autodiscover of the top level", kind: Untrusted, why: "whoever registered it", silent: silent, stage: hint(serves(v2Says(at("autodiscover.test")))), legit: trusted, there: v2Host},
		{name: "the hint names http", kind: Untrusted, why: "without a usable Url", silent: silent, stage: hint(serves(v2Says("http://" + v2Host + path))), legit: trusted, there: v2Host},
		{name: "the question for the hint is led to a stranger, who would learn the address", kind: Untrusted, why: "HTTP 302", silent: silent,
			stage: hint(sends(302, "https://"+stranger+v2Path+"?Email=ann@contoso.test")), legit: trusted, there: v2Host},
		{name: "a stranger that DNS names is not asked for hints", kind: Untrusted, why: "outside the mail domain",
			stage: func(s *scene) {
				s.records, s.query.Exclude = srv(stranger), noHTTP
				s.hosts[stranger] = secured(serves(v2Says(at("evil.test"))))
			}, legit: allow(stranger), there: stranger},
	})
}
