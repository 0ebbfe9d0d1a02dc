package trust

import (
	"strings"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	day := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	consent := func(domain, host string, expires time.Time) Rules {
		return Rules{Consents: []Consent{{MailDomain: domain, Host: host, Given: day.Add(-time.Hour), Expires: expires}}, Now: day}
	}
	trusted := func(patterns ...string) Rules { return Rules{Trusted: patterns} }
	tests := []struct {
		name  string
		rules Rules
		hop   Hop
		want  Verdict
		why   string // a part of the reason
	}{
		{"the mail domain itself is allowed", Rules{}, Hop{To: "contoso.test:443", How: FromDomain}, Allow, "belongs to the mail domain"},
		{"a host below the mail domain is allowed", Rules{}, Hop{To: "autodiscover.contoso.test:443", How: FromDomain}, Allow, "belongs to the mail domain"},
		{"a RedirectUrl within the mail domain is allowed", Rules{}, Hop{From: "a.contoso.test:443", To: "b.contoso.test:443", How: FromRedirectURL}, Allow, "belongs"},
		{"another organisation is asked for", Rules{}, Hop{From: "a.contoso.test:443", To: "a.fabrikam.test:443", How: FromRedirectURL}, Ask, "outside the mail domain contoso.test"},
		{"settings that name another organisation are asked for", Rules{}, Hop{From: "a.contoso.test:443", To: "mx.fabrikam.test:443", How: FromSettings}, Ask, "outside"},
		{"a server name in another organisation is asked for", Rules{}, Hop{From: "a.contoso.test:443", To: "mx.fabrikam.test:443", How: FromServerName}, Ask, "outside"},
		{"a domain that a RedirectAddr named is asked for", Rules{}, Hop{To: "autodiscover.fabrikam.test:443", How: FromRedirectAddr}, Ask, "outside"},
		{"a name that only ends like the mail domain is a stranger", Rules{}, Hop{To: "evil-contoso.test:443", How: FromRedirectURL}, Ask, "outside"},
		{"a name that only begins like the mail domain is a stranger", Rules{}, Hop{To: "contoso.test.evil.test:443", How: FromRedirectURL}, Ask, "outside"},

		{"a host of a sibling under a public suffix is a stranger", Rules{}, Hop{MailDomain: "contoso.co.uk", To: "fabrikam.co.uk:443", How: FromRedirectURL}, Ask, "outside"},
		{"a host of one's own name under a public suffix is allowed", Rules{}, Hop{MailDomain: "contoso.co.uk", To: "mx.contoso.co.uk:443", How: FromRedirectURL}, Allow, "belongs"},
		{"two customers of a hoster with a private suffix are strangers", Rules{}, Hop{MailDomain: "contoso.github.io", To: "fabrikam.github.io:443", How: FromRedirectURL}, Ask, "outside"},
		{"a customer of a hoster with a private suffix knows its own hosts", Rules{}, Hop{MailDomain: "contoso.github.io", To: "mx.contoso.github.io:443", How: FromRedirectURL}, Allow, "belongs"},

		{"an IPv4 address is refused", Rules{}, Hop{To: "192.0.2.1:443", How: FromRedirectURL}, Refuse, "IP address"},
		{"an IPv6 address is refused", Rules{}, Hop{To: "[2001:db8::1]:443", How: FromRedirectURL}, Refuse, "IP address"},
		{"an IP address is refused even where policy names it", trusted("192.0.2.1"), Hop{To: "192.0.2.1:443", How: FromConfiguration}, Refuse, "IP address"},
		{"no host is refused", Rules{}, Hop{To: ":443", How: FromProfile}, Refuse, "names no host"},
		{"no port is refused", Rules{}, Hop{To: "contoso.test", How: FromProfile}, Refuse, "no host and port"},
		{"nothing is refused", Rules{}, Hop{How: FromProfile}, Refuse, "no host and port"},
		{"a single label is refused", Rules{}, Hop{To: "exchange:443", How: FromProfile}, Refuse, "single label"},
		{"a single label is refused even where policy names it", trusted("exchange"), Hop{To: "exchange:443", How: FromProfile}, Refuse, "single label"},
		{"a public suffix is refused", Rules{}, Hop{To: "co.uk:443", How: FromRedirectURL}, Refuse, "public suffix"},
		{"autodiscover of a top-level domain is refused", Rules{}, Hop{To: "autodiscover.test:443", How: FromRedirectURL}, Refuse, "whoever registered it"},
		{"autodiscover of a public suffix is refused", Rules{}, Hop{To: "autodiscover.co.uk:443", How: FromRedirectURL}, Refuse, "whoever registered it"},
		{"autodiscover of a public suffix is refused in any case", Rules{}, Hop{To: "Autodiscover.CO.UK:443", How: FromRedirectURL}, Refuse, "whoever registered it"},
		{"autodiscover of a public suffix is refused to its own mail domain", Rules{}, Hop{MailDomain: "autodiscover.co.uk", To: "autodiscover.co.uk:443", How: FromDomain}, Refuse, "whoever registered it"},

		{"another port is asked for", Rules{}, Hop{To: "mx.contoso.test:8443", How: FromRedirectURL}, Ask, "port 8443"},
		{"another port of the host that sent us is asked for", Rules{}, Hop{From: "mx.contoso.test:443", To: "mx.contoso.test:8443", How: FromRedirectURL}, Ask, "port 8443"},
		{"another port is asked for on a host that policy names", trusted("mx.contoso.test"), Hop{To: "mx.contoso.test:8443", How: FromRedirectURL}, Ask, "port 8443"},
		{"another port is allowed where policy names it", trusted("mx.contoso.test:8443"), Hop{To: "mx.contoso.test:8443", How: FromRedirectURL}, Allow, "policy (mx.contoso.test:8443)"},
		{"another port of a domain is allowed where policy names it", trusted("*.fabrikam.test:8443"), Hop{To: "mx.fabrikam.test:8443", How: FromSettings}, Allow, "policy (*.fabrikam.test:8443)"},
		{"a policy for a domain is one for the https port", trusted("*.fabrikam.test"), Hop{To: "mx.fabrikam.test:8443", How: FromSettings}, Ask, "port 8443"},
		{"a policy for another port is none for the https port", trusted("mx.fabrikam.test:8443"), Hop{To: "mx.fabrikam.test:443", How: FromSettings}, Ask, "outside"},
		{"a policy for a port that is none names nothing", trusted("mx.fabrikam.test:0443"), Hop{To: "mx.fabrikam.test:443", How: FromSettings}, Ask, "outside"},
		{"a policy may write the https port", trusted("mx.fabrikam.test:443"), Hop{To: "mx.fabrikam.test:443", How: FromSettings}, Allow, "policy (mx.fabrikam.test:443)"},
		{"another port in the clear is asked for, though policy names its host", trusted("mx.fabrikam.test"), Hop{To: "mx.fabrikam.test:8443", How: FromClearRedirect}, Ask, "port 8443"},
		{"a host that only an unproven profile names is asked for", Rules{}, Hop{MailDomain: "contoso.test", To: "mx.fabrikam.test:443", How: FromUnproven}, Ask, "outside the mail domain"},
		{"an unproven profile may point into the mail domain", Rules{}, Hop{MailDomain: "contoso.test", To: "mx.contoso.test:443", How: FromUnproven}, Allow, "belongs to the mail domain"},
		{"another port is allowed where the profile logs on", Rules{}, Hop{To: "mx.contoso.test:8443", How: FromProfile}, Allow, "logged on there before"},
		{"another port is allowed where the configuration names it", Rules{}, Hop{To: "mx.fabrikam.test:8443", How: FromConfiguration}, Allow, "configuration"},
		{"the very host and port that sent us is allowed", Rules{}, Hop{From: "mx.fabrikam.test:8443", To: "mx.fabrikam.test:8443", How: FromServerName}, Allow, "host that sent us"},
		{"the host that sent us is allowed outside the mail domain", Rules{}, Hop{From: "mx.fabrikam.test:443", To: "mx.fabrikam.test:443", How: FromHTTPRedirect}, Allow, "host that sent us"},

		{"a host that policy names is allowed", trusted("mx.fabrikam.test"), Hop{To: "mx.fabrikam.test:443", How: FromSettings}, Allow, "policy (mx.fabrikam.test)"},
		{"a policy for a host is none for its neighbour", trusted("mx.fabrikam.test"), Hop{To: "mx2.fabrikam.test:443", How: FromSettings}, Ask, "outside"},
		{"a policy for a domain names all hosts below it", trusted("*.fabrikam.test"), Hop{To: "a.b.fabrikam.test:443", How: FromSettings}, Allow, "policy"},
		{"a policy for a domain is none for a look-alike", trusted("*.fabrikam.test"), Hop{To: "evilfabrikam.test:443", How: FromSettings}, Ask, "outside"},

		{"a consent allows its host", consent("contoso.test", "mx.fabrikam.test", time.Time{}), Hop{To: "mx.fabrikam.test:443", How: FromSettings}, Allow, "allowed on 2026-03-01"},
		{"a consent is for the https port", consent("contoso.test", "mx.fabrikam.test", time.Time{}), Hop{To: "mx.fabrikam.test:8443", How: FromClearRedirect}, Ask, "port 8443"},
		{"a consent may name another port", consent("contoso.test", "MX.fabrikam.test:8443", time.Time{}), Hop{To: "mx.fabrikam.test:8443", How: FromClearRedirect}, Allow, "allowed on 2026-03-01"},
		{"a consent for another port is none for the https port", consent("contoso.test", "mx.fabrikam.test:8443", time.Time{}), Hop{To: "mx.fabrikam.test:443", How: FromClearRedirect}, Ask, "outside"},
		{"a consent for another port is none for a third", consent("contoso.test", "mx.fabrikam.test:8443", time.Time{}), Hop{To: "mx.fabrikam.test:9443", How: FromClearRedirect}, Ask, "port 9443"},
		{"a consent may write the https port", consent("contoso.test", "mx.fabrikam.test:443", time.Time{}), Hop{To: "mx.fabrikam.test:443", How: FromSettings}, Allow, "allowed on"},
		{"a consent is for one host", consent("contoso.test", "mx.fabrikam.test", time.Time{}), Hop{To: "mx2.fabrikam.test:443", How: FromSettings}, Ask, "outside"},
		{"a consent is no pattern", consent("contoso.test", "*.fabrikam.test", time.Time{}), Hop{To: "mx.fabrikam.test:443", How: FromSettings}, Ask, "outside"},
		{"a consent is for one mail domain", consent("tailspin.test", "mx.fabrikam.test", time.Time{}), Hop{To: "mx.fabrikam.test:443", How: FromSettings}, Ask, "outside"},
		{"a consent holds until it expires", consent("contoso.test", "mx.fabrikam.test", day.Add(time.Second)), Hop{To: "mx.fabrikam.test:443", How: FromSettings}, Allow, "allowed on"},
		{"a consent has expired at its time", consent("contoso.test", "mx.fabrikam.test", day), Hop{To: "mx.fabrikam.test:443", How: FromSettings}, Ask, "outside"},
		{"a consent does not make an IP address good", consent("contoso.test", "192.0.2.1", time.Time{}), Hop{To: "192.0.2.1:443", How: FromSettings}, Refuse, "IP address"},

		{"nothing belongs to a mail domain that is not known", Rules{}, Hop{MailDomain: "-", To: "contoso.test:443", How: FromDomain}, Ask, "outside"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			switch tt.hop.MailDomain {
			case "":
				tt.hop.MailDomain = "contoso.test"
			case "-":
				tt.hop.MailDomain = ""
			}
			got, why := tt.rules.Judge(tt.hop)
			if got != tt.want || !strings.Contains(why, tt.why) {
				t.Errorf("Judge(%v) = %v, %q; want %v because of %q", tt.hop, got, why, tt.want, tt.why)
			}
		})
	}
}

func TestAPlaceIsAHostAndAPort(t *testing.T) {
	for _, tt := range []struct {
		place, host, port string
		want              string // host:port as Place writes it
	}{
		{"mx.fabrikam.test", "mx.fabrikam.test", "443", "mx.fabrikam.test"},
		{"mx.fabrikam.test:443", "mx.fabrikam.test", "443", "mx.fabrikam.test"},
		{"mx.fabrikam.test:8443", "mx.fabrikam.test", "8443", "mx.fabrikam.test:8443"},
		{"*.fabrikam.test:65535", "*.fabrikam.test", "65535", "*.fabrikam.test:65535"},
		{"MX.Fabrikam.test:1443", "MX.Fabrikam.test", "1443", "mx.fabrikam.test:1443"},
	} {
		host, port, err := SplitPlace(tt.place)
		if err != nil || host != tt.host || port != tt.port || Place(host+":"+port) != tt.want {
			t.Errorf("SplitPlace(%q) = %q, %q, %v; want %q, %q, which is %q", tt.place, host, port, err, tt.host, tt.port, tt.want)
		}
	}
	for _, place := range []string{"mx.fabrikam.test:", "mx.fabrikam.test:0", "mx.fabrikam.test:0443", "mx.fabrikam.test:+443", "mx.fabrikam.test:65536", "mx.fabrikam.test:https", "mx.fabrikam.test:443:8443"} {
		if host, port, err := SplitPlace(place); err == nil || host != "" || port != "" {
			t.Errorf("SplitPlace(%q) = %q, %q, %v; want an error", place, host, port, err)
		}
	}
}

func TestZeroVerdictRefuses(t *testing.T) {
	var v Verdict
	if v != Refuse || v.String() != "refuse" || Ask.String() != "ask" || Allow.String() != "allow" {
		t.Errorf("verdicts print %v, %v, %v", v, Ask, Allow)
	}
}

func TestStep(t *testing.T) {
	tests := []struct {
		name, url string
		to        string
		refused   string // a part of the reason; empty: not refused
	}{
		{"https on the usual port", "https://mx.contoso.test/a", "mx.contoso.test:443", ""},
		{"the port is written", "https://mx.contoso.test:443/a", "mx.contoso.test:443", ""},
		{"another port", "https://mx.contoso.test:8443/a", "mx.contoso.test:8443", ""},
		{"the scheme's case does not matter", "HTTPS://mx.contoso.test/a", "mx.contoso.test:443", ""},
		{"the host's case does not matter", "https://MX.Contoso.TEST/a", "mx.contoso.test:443", ""},
		{"a trailing dot does not matter", "https://mx.contoso.test./a", "mx.contoso.test:443", ""},
		{"an international name in its ASCII form", "https://xn--bcher-kva.test/a", "xn--bcher-kva.test:443", ""},
		{"an IPv6 address is left to Judge", "https://[2001:db8::1]/a", "[2001:db8::1]:443", ""},
		{"http", "http://mx.contoso.test/a", "mx.contoso.test:80", "https only, not http"},
		{"ftp", "ftp://mx.contoso.test/a", "mx.contoso.test:443", "https only, not ftp"},
		{"no scheme", "mx.contoso.test/a", "", "names no host"},
		{"a path alone", "/autodiscover/autodiscover.xml", "", "names no host"},
		{"an opaque URL", "https:mx.contoso.test", "", "names no host"},
		{"a port without a host", "https://:443/a", ":443", "names no host"},
		{"a user name", "https://ann@mx.contoso.test/a", "mx.contoso.test:443", "a user name"},
		{"a user name that looks like a host", "https://mx.contoso.test@evil.test/a", "evil.test:443", "a user name"},
		{"a host in other letters, which would be shown to a person", "https://mx.c\u043entoso.test/a", "", "not written in ASCII"},
		{"a host with full-width letters", "https://\uff4dx.contoso.test/a", "", "not written in ASCII"},
		{"a letter that becomes an ASCII one in lower case, and is dialled as another name", "https://mx.fabr\u0130kam.test/a", "", "not written in ASCII"},
		{"the same, percent-encoded", "https://mx.fabr%C4%B0kam.test/a", "", "not written in ASCII"},
		{"two trailing dots", "https://autodiscover.com../a", "autodiscover.com.:443", "host name"},
		{"an empty label", "https://mx..contoso.test/a", "mx..contoso.test:443", "host name"},
		{"punctuation in the host", "https://contoso.test;evil.test/a", "contoso.test;evil.test:443", "host name"},
		{"a label of 63 letters", "https://" + strings.Repeat("a", 63) + ".test/", strings.Repeat("a", 63) + ".test:443", ""},
		{"a label of 64 letters", "https://" + strings.Repeat("a", 64) + ".test/", strings.Repeat("a", 64) + ".test:443", "host name"},
		{"2048 bytes", "https://mx.contoso.test/" + strings.Repeat("a", 2048-24), "mx.contoso.test:443", ""},
		{"2049 bytes", "https://mx.contoso.test/" + strings.Repeat("a", 2049-24), "", "usable URL"},
		{"no URL at all", "https://mx.contoso.test:port/", "", "usable URL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Step("Contoso.TEST", "a.contoso.test:443", tt.url, FromRedirectURL)
			want := Hop{MailDomain: "contoso.test", From: "a.contoso.test:443", To: tt.to, How: FromRedirectURL}
			if got != want {
				t.Errorf("Step = %+v, want %+v", got, want)
			}
			untrusted, refused := IsUntrusted(err)
			if refused != (tt.refused != "") || err != nil && (untrusted.Verdict != Refuse || !strings.Contains(untrusted.Why, tt.refused)) {
				t.Errorf("error = %v, want one about %q", err, tt.refused)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern, host string
		want          bool
	}{
		{"mx.contoso.test", "mx.contoso.test", true},
		{"MX.contoso.test", "mx.Contoso.test", true},
		{"mx.contoso.test", "a.mx.contoso.test", false},
		{"*.contoso.test", "contoso.test", true},
		{"*.contoso.test", "a.b.contoso.test", true},
		{"*.contoso.test", "evilcontoso.test", false},
		{"*.contoso.test", "contoso.test.evil.test", false},
		{"*contoso.test", "evilcontoso.test", false},
		{"mx.*", "mx.contoso.test", false},
		{"*", "contoso.test", false},
		{"*.", "contoso.test", false},
		{"*.", "contoso.test.", false},
		{"", "", false},
	}
	for _, tt := range tests {
		if got := Match(tt.pattern, tt.host); got != tt.want {
			t.Errorf("Match(%q, %q) = %v, want %v", tt.pattern, tt.host, got, tt.want)
		}
	}
}

func TestRealm(t *testing.T) {
	for host, want := range map[string]string{
		"mx.contoso.test":      "*.contoso.test",
		"contoso.test":         "*.contoso.test",
		"A.B.Contoso.test":     "*.contoso.test",
		"mx.contoso.co.uk":     "*.contoso.co.uk",
		"mx.contoso.github.io": "*.contoso.github.io",
		"co.uk":                "co.uk",
		"Exchange":             "exchange",
	} {
		if got := Realm(host); got != want {
			t.Errorf("Realm(%q) = %q, want %q", host, got, want)
		}
	}
}
