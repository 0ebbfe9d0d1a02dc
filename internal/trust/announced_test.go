package trust

import (
	"strings"
	"testing"
	"time"
)

// announced are the ways of [MS-OXDISCO] 3.1.5 by which a network announces a
// host.
var announced = []How{FromDirectory, FromUnsealedDirectory, FromSRV, FromClearRedirect, FromMicrosoft365}

// One row a situation, one column a way: the table of who may receive credentials.
func TestJudgeOfWhatANetworkAnnounces(t *testing.T) {
	day := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	consent := func(domain string, expires time.Time) Rules {
		return Rules{Consents: []Consent{{MailDomain: domain, Host: "mx.fabrikam.test", Given: day.Add(-time.Hour), Expires: expires}}, Now: day}
	}
	const (
		a = Allow
		q = Ask
		r = Refuse
	)
	for _, tt := range []struct {
		name  string
		rules Rules
		from  string
		to    string
		// sealed directory, unsealed directory, SRV, clear-text redirect, Microsoft 365
		want [5]Verdict
		why  string // a part of the reason of all but the sealed directory
	}{
		{"a host of the mail domain", Rules{}, "", "mx.contoso.test:443", [5]Verdict{a, a, a, a, a}, "belongs to the mail domain"},
		{"the mail domain itself", Rules{}, "", "contoso.test:443", [5]Verdict{a, a, a, a, a}, "belongs to the mail domain"},
		{"another port of the mail domain", Rules{}, "", "mx.contoso.test:8443", [5]Verdict{a, q, q, q, q}, "port 8443"},
		{"the port of http", Rules{}, "", "mx.contoso.test:80", [5]Verdict{a, q, q, q, q}, "port 80"},
		{"another organisation", Rules{}, "", "mx.fabrikam.test:443", [5]Verdict{a, q, q, q, q}, "outside the mail domain contoso.test"},
		{"the host that sent us, which was learned in the clear", Rules{}, "mx.fabrikam.test:443", "mx.fabrikam.test:443", [5]Verdict{a, q, q, q, a}, ""},

		{"a host that policy names", Rules{Trusted: []string{"mx.fabrikam.test"}}, "", "mx.fabrikam.test:443", [5]Verdict{a, a, a, a, a}, "policy (mx.fabrikam.test)"},
		{"a host below a domain that policy names", Rules{Trusted: []string{"*.fabrikam.test"}}, "", "mx.fabrikam.test:443", [5]Verdict{a, a, a, a, a}, "policy (*.fabrikam.test)"},
		{"a look-alike of what policy names", Rules{Trusted: []string{"*.fabrikam.test"}}, "", "evilfabrikam.test:443", [5]Verdict{a, q, q, q, q}, "outside"},
		{"a host that a person has allowed", consent("contoso.test", time.Time{}), "", "mx.fabrikam.test:443", [5]Verdict{a, a, a, a, a}, "allowed on 2026-03-01"},
		{"another port of a host that policy names", Rules{Trusted: []string{"*.fabrikam.test"}}, "", "mx.fabrikam.test:8443", [5]Verdict{a, q, q, q, q}, "port 8443"},
		{"a port that policy names", Rules{Trusted: []string{"*.fabrikam.test:8443"}}, "", "mx.fabrikam.test:8443", [5]Verdict{a, a, a, a, a}, "policy (*.fabrikam.test:8443)"},
		{"another port of a host that a person has allowed", consent("contoso.test", time.Time{}), "", "mx.fabrikam.test:8443", [5]Verdict{a, q, q, q, q}, "port 8443"},
		{"a consent that holds until a second from now", consent("contoso.test", day.Add(time.Second)), "", "mx.fabrikam.test:443", [5]Verdict{a, a, a, a, a}, "allowed on"},
		{"a consent that expires now", consent("contoso.test", day), "", "mx.fabrikam.test:443", [5]Verdict{a, q, q, q, q}, "outside"},
		{"a consent for another mail domain", consent("tailspin.test", time.Time{}), "", "mx.fabrikam.test:443", [5]Verdict{a, q, q, q, q}, "outside"},

		{"a host of Microsoft 365 without a policy", Rules{}, "", "autodiscover-s.outlook.com:443", [5]Verdict{a, q, q, q, q}, "no policy trusts (trust.microsoft365)"},
		{"a host of Microsoft 365 by policy", Rules{Microsoft365: true}, "", "autodiscover-s.outlook.com:443", [5]Verdict{a, a, a, a, a}, "which the policy trusts"},
		{"the mailboxes of Microsoft 365 by policy", Rules{Microsoft365: true}, "", "outlook.office365.com:443", [5]Verdict{a, a, a, a, a}, "which the policy trusts"},
		{"another port of Microsoft 365", Rules{Microsoft365: true}, "", "outlook.office365.com:8443", [5]Verdict{a, q, q, q, q}, "port 8443"},
		{"a host below one of Microsoft 365", Rules{Microsoft365: true}, "", "evil.outlook.office365.com:443", [5]Verdict{a, q, q, q, q}, "outside"},
		{"another host of Microsoft's domain", Rules{Microsoft365: true}, "", "evil.outlook.com:443", [5]Verdict{a, q, q, q, q}, "outside"},
		{"a name that ends like Microsoft 365's", Rules{Microsoft365: true}, "", "evil-outlook.office365.com:443", [5]Verdict{a, q, q, q, q}, "outside"},
		{"a name that begins like Microsoft 365's", Rules{Microsoft365: true}, "", "outlook.office365.com.evil.test:443", [5]Verdict{a, q, q, q, q}, "outside"},
		{"the policy for Microsoft 365 is none for others", Rules{Microsoft365: true}, "", "mx.fabrikam.test:443", [5]Verdict{a, q, q, q, q}, "outside"},

		{"a name that only ends like the mail domain", Rules{}, "", "evil-contoso.test:443", [5]Verdict{a, q, q, q, q}, "outside"},
		{"a name that only begins like the mail domain", Rules{}, "", "contoso.test.evil.test:443", [5]Verdict{a, q, q, q, q}, "outside"},
		{"a letter less than the mail domain", Rules{}, "", "autodiscover.contso.test:443", [5]Verdict{a, q, q, q, q}, "outside"},
		{"an international name that looks like the mail domain", Rules{}, "", "mx.xn--cntoso-pbg.test:443", [5]Verdict{a, q, q, q, q}, "outside"},

		{"autodiscover of a top-level domain", Rules{}, "", "autodiscover.test:443", [5]Verdict{r, r, r, r, r}, "whoever registered it"},
		{"autodiscover of a public suffix, though policy names it", Rules{Trusted: []string{"autodiscover.co.uk"}}, "", "autodiscover.co.uk:443", [5]Verdict{r, r, r, r, r}, "whoever registered it"},
		{"a public suffix", Rules{}, "", "co.uk:443", [5]Verdict{r, r, r, r, r}, "public suffix"},
		{"an IPv4 address", Rules{}, "", "192.0.2.1:443", [5]Verdict{r, r, r, r, r}, "IP address"},
		{"an IPv6 address", Rules{}, "", "[2001:db8::1]:443", [5]Verdict{r, r, r, r, r}, "IP address"},
		{"a single label", Rules{}, "", "exchange:443", [5]Verdict{r, r, r, r, r}, "single label"},
		{"no host, as the target of an SRV record that is the root", Rules{}, "", ":443", [5]Verdict{r, r, r, r, r}, "no host"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i, how := range announced {
				hop := Hop{MailDomain: "contoso.test", From: tt.from, To: tt.to, How: how}
				got, why := tt.rules.Judge(hop)
				if got != tt.want[i] || why == "" || how != FromDirectory && !strings.Contains(why, tt.why) {
					t.Errorf("Judge(%v) = %v, %q; want %v because of %q", hop, got, why, tt.want[i], tt.why)
				}
			}
		})
	}
}

func TestEveryHostOfMicrosoft365IsAllowedByPolicyAlone(t *testing.T) {
	if len(Microsoft365()) == 0 {
		t.Fatal("there is none")
	}
	for _, name := range Microsoft365() {
		for _, how := range []How{FromMicrosoft365, FromClearRedirect, FromHTTPRedirect, FromRedirectURL, FromRedirectAddr, FromSettings, FromSRV} {
			hop := Hop{MailDomain: "contoso.test", To: name + ":443", How: how}
			if got, why := (Rules{Microsoft365: true}).Judge(hop); got != Allow {
				t.Errorf("%v with the policy: %v, %s", hop, got, why)
			}
			if got, why := (Rules{}).Judge(hop); got != Ask || !strings.Contains(why, "trust.microsoft365") {
				t.Errorf("%v without it: %v, %s", hop, got, why)
			}
		}
	}
	Microsoft365()[0] = "evil.test"
	if verdict, _ := (Rules{Microsoft365: true}).Judge(Hop{MailDomain: "contoso.test", To: "evil.test:443", How: FromMicrosoft365}); verdict != Ask {
		t.Error("the list can be changed from outside")
	}
}

// What no rule could allow is refused whichever way it was learned.
func TestStepRefusesWhateverTheWay(t *testing.T) {
	for _, how := range append([]How{FromProfile, FromUnproven, FromConfiguration, FromDomain, FromHTTPRedirect, FromRedirectURL, FromRedirectAddr, FromSettings, FromServerName}, announced...) {
		for _, tt := range []struct{ name, url, why string }{
			{"http", "http://mx.contoso.test/autodiscover/autodiscover.xml", "https only, not http"},
			{"ldap, as of a pointer", "ldap://dc1.contoso.test", "https only, not ldap"},
			{"a user name", "https://mx.contoso.test@evil.test/", "a user name"},
			{"a user name and a password", "https://ann:pw@mx.contoso.test/", "a user name"},
			{"no host", "https:///autodiscover/autodiscover.xml", "names no host"},
			{"a relative address", "/autodiscover/autodiscover.xml", "names no host"},
			{"nothing", "", "names no host"},
			{"letters of another alphabet", "https://mx.c\u043entoso.test/", "not written in ASCII"},
			{"a wildcard", "https://*.contoso.test/", "host name"},
			{"an empty label", "https://mx..contoso.test/", "host name"},
		} {
			_, err := Step("contoso.test", "", tt.url, how)
			if e, ok := IsUntrusted(err); !ok || e.Verdict != Refuse || e.Hop.How != how || !strings.Contains(e.Why, tt.why) {
				t.Errorf("%s by %s: %v, want a refusal about %q", tt.name, how, err, tt.why)
			}
		}
		// The twin.
		want := Hop{MailDomain: "contoso.test", To: "xn--mx-fka.contoso.test:8443", How: how}
		if hop, err := Step("contoso.test", "", "https://XN--mx-fka.Contoso.test.:8443/autodiscover/autodiscover.xml", how); err != nil || hop != want {
			t.Errorf("by %s: %+v, %v; want %+v", how, hop, err, want)
		}
	}
}

// Whatever is asked for ends with the command that allows it.
func TestWhatIsAskedForNamesItsCommand(t *testing.T) {
	for _, how := range announced[1:] {
		err := Access{Hop: Hop{MailDomain: "contoso.test", To: "mx.fabrikam.test:443", How: how}}.Judge()
		e, ok := IsUntrusted(err)
		if !ok || e.Verdict != Ask || !strings.HasSuffix(err.Error(), "allow it with: homing trust add mx.fabrikam.test --domain contoso.test") || !strings.Contains(err.Error(), string(how)) {
			t.Errorf("by %s: %v", how, err)
		}
		err = Access{Hop: Hop{MailDomain: "contoso.test", To: "mx.contoso.test:8443", How: how}}.Judge()
		if err == nil || !strings.HasSuffix(err.Error(), "allow it with: homing trust add mx.contoso.test:8443 --domain contoso.test") {
			t.Errorf("another port by %s: %v", how, err)
		}
	}
}

func TestReceivers(t *testing.T) {
	hop := func(host string, how How) Hop { return Hop{MailDomain: "contoso.test", To: host, How: how} }
	rules := Rules{
		Trusted:      []string{"*.tailspin.test"},
		Microsoft365: true,
		Consents:     []Consent{{MailDomain: "contoso.test", Host: "a.fabrikam.test"}},
	}
	three := []Hop{hop("a.fabrikam.test:443", FromSRV), hop("b.fabrikam.test:443", FromProfile), hop("c.fabrikam.test:443", FromDirectory)}
	for _, tt := range []struct {
		name  string
		rules Rules
		hop   Hop // after three
		want  bool
	}{
		{"a fourth host has had its day", rules, hop("d.fabrikam.test:443", FromSRV), false},
		{"however it was learned", rules, hop("d.fabrikam.test:443", FromProfile), false},
		{"each host counts once", rules, hop("a.fabrikam.test:443", FromRedirectURL), true},
		{"in any case", rules, hop("A.Fabrikam.test:443", FromRedirectURL), true},
		{"at any port", rules, hop("a.fabrikam.test:8443", FromRedirectURL), true},
		{"the mail domain does not count", rules, hop("mx.contoso.test:443", FromRedirectURL), true},
		{"nor does what policy names", rules, hop("mx.tailspin.test:443", FromSRV), true},
		{"nor does Microsoft 365 by policy", rules, hop("outlook.office365.com:443", FromMicrosoft365), true},
		{"nor does what the configuration names", rules, hop("d.fabrikam.test:443", FromConfiguration), true},
		{"another port of what policy names does", rules, hop("mx.tailspin.test:8443", FromProfile), false},
		{"without the policy what it named counts", Rules{}, hop("mx.tailspin.test:443", FromSRV), false},
		{"and so does Microsoft 365", Rules{}, hop("outlook.office365.com:443", FromMicrosoft365), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var receivers Receivers
			for range 2 {
				for _, h := range three {
					if !receivers.Admit(tt.rules, h) {
						t.Fatalf("%v is one too many", h)
					}
				}
			}
			if got := receivers.Admit(tt.rules, tt.hop); got != tt.want {
				t.Errorf("Admit(%v) = %v, want %v", tt.hop, got, tt.want)
			}
			for _, h := range three {
				if !receivers.Admit(tt.rules, h) {
					t.Errorf("%v is not known any more", h)
				}
			}
		})
	}
}

// Hosts that are not counted take nobody's place.
func TestReceiversOfTheMailDomainTakeNoPlace(t *testing.T) {
	var receivers Receivers
	for _, host := range []string{"a.contoso.test:443", "b.contoso.test:443", "c.contoso.test:443", "d.contoso.test:443"} {
		if !receivers.Admit(Rules{}, Hop{MailDomain: "contoso.test", To: host, How: FromDomain}) {
			t.Errorf("%s is one too many", host)
		}
	}
	for i, host := range []string{"a.fabrikam.test:443", "b.fabrikam.test:443", "c.fabrikam.test:443", "d.fabrikam.test:443"} {
		if got := receivers.Admit(Rules{}, Hop{MailDomain: "contoso.test", To: host, How: FromSRV}); got != (i < 3) {
			t.Errorf("Admit(%s) = %v", host, got)
		}
	}
}

func TestConsentExpires(t *testing.T) {
	day := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name    string
		expires time.Time
		now     time.Time
		want    bool
	}{
		{"one without an end never does", time.Time{}, day, false},
		{"one holds until its end", day, day.Add(-1), false},
		{"it is over at its end", day, day, true},
		{"and after it", day, day.Add(time.Hour), true},
	} {
		if got := (Consent{Expires: tt.expires}).Expired(tt.now); got != tt.want {
			t.Errorf("%s: Expired = %v", tt.name, got)
		}
	}
}
