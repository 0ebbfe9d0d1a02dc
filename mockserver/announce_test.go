package mockserver

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// announcing has one of everything, each in lines of its own, behind the 19 lines
// of good.
const announcing = good + `[[srv]]
domain = "contoso.test"
target = "mail.contoso.test"
port = 443
priority = 10
[[cname]]
name = "www.brand.test"
target = "ex1.contoso.test"
[[directory]]
host = "dc1.contoso.test"
[[scp]]
directory = "dc1.contoso.test"
url = "https://x.test/"
site = "HQ"
[[clear]]
host = "clear.test"
to = "https://x.test/"
[[rogue]]
host = "rogue.test"
serves = "sink"
[[hole]]
host = "hole.test"
[[resolver]]
name = "_autodiscover._tcp.brand.test"
answers = "servfail"
`

func TestAnAnnouncementIsRefused(t *testing.T) {
	if _, err := ReadWorld(strings.NewReader(announcing)); err != nil {
		t.Fatal(err)
	}
	const srv, cname, scp = "[[srv]]\ndomain = \"contoso.test\"\n", "[[cname]]\n", "[[scp]]\n"
	tests := []struct {
		name, old, new string
		want           string // part of the error
	}{
		{"an SRV record of no domain", `domain = "contoso.test"`, `domain = "contoso"`, `line 21, column 10: srv: domain "contoso": want a DNS name`},
		{"an SRV record without a target", `target = "mail.contoso.test"`, ``, `srv of contoso.test: target ""`},
		{"an SRV record with a target that is none", `"mail.contoso.test"`, `"mail contoso"`, `line 22, column 10: srv of contoso.test: target "mail contoso": want a DNS name in lower case, or .`},
		{"an SRV record at port 0", `port = 443`, `port = 0`, "line 23, column 8: srv: port 0: want 1 to 65535"},
		{"an SRV record at a port that is too high", `port = 443`, `port = 65536`, "65536"},
		{"an SRV record of a priority below 0", `priority = 10`, `priority = -1`, "-1"},
		{"an SRV record twice", srv, srv + "target = \"mail.contoso.test\"\npriority = 3\n" + srv, `column 10: srv of contoso.test: mail.contoso.test port 443 is there twice`},
		{"an SRV record twice, once with a dot", srv, srv + "target = \"mail.contoso.test.\"\n" + srv, `srv of contoso.test: mail.contoso.test port 443 is there twice`},
		{"a service that is offered and is not", srv, srv + "target = \".\"\n" + srv, `line 25, column 10: srv of contoso.test: the target . says that the service is not offered: it stands alone`},
		{"an alias that is none", `name = "www.brand.test"`, `name = "www"`, `line 26, column 8: cname "www"`},
		{"an alias that is a host", `name = "www.brand.test"`, `name = "ex2.contoso.test"`, `line 26, column 8: cname ex2.contoso.test is there twice`},
		{"an alias twice", cname, cname + "name = \"www.brand.test\"\ntarget = \"ex2.contoso.test\"\n" + cname, `line 29, column 8: cname www.brand.test is there twice`},
		{"an alias of nothing", `target = "ex1.contoso.test"`, `target = "ex9.contoso.test"`, `line 27, column 10: cname www.brand.test: target "ex9.contoso.test" is no host of the world`},
		{"an alias of itself", `target = "ex1.contoso.test"`, `target = "www.brand.test"`, `line 27, column 10: cname www.brand.test: target "www.brand.test" is no host of the world, and leads to none`},
		{"aliases in a circle", cname, cname + "name = \"a.brand.test\"\ntarget = \"b.brand.test\"\n[[cname]]\nname = \"b.brand.test\"\ntarget = \"a.brand.test\"\n" + cname, `cname a.brand.test: target "b.brand.test" is no host`},
		{"a directory that is no host", `host = "dc1.contoso.test"`, `host = "DC1.contoso.test"`, `line 29, column 8: host "DC1.contoso.test"`},
		{"a directory of nobody's domain", `host = "dc1.contoso.test"`, `host = "dc1.tailspin.test"`, `line 29, column 8: directory dc1.tailspin.test: no forest of the world is tailspin.test: say whose accounts bind with forest`},
		{"a directory of no domain", `host = "dc1.contoso.test"`, "host = \"dc1.contoso.test\"\ndomain = \"corp\"", `line 30, column 10: directory dc1.contoso.test: domain "corp"`},
		{"a directory of a forest that is not there", `host = "dc1.contoso.test"`, "host = \"dc1.contoso.test\"\nforest = \"tailspin.test\"", `line 30, column 10: directory dc1.contoso.test: no forest "tailspin.test"`},
		{"a directory twice", scp, "[[directory]]\nhost = \"dc1.contoso.test\"\n" + scp, `line 31, column 8: directory dc1.contoso.test is there twice`},
		{"a directory with a certificate that is none", `host = "dc1.contoso.test"`, "host = \"dc1.contoso.test\"\ncertificate = \"rotten\"", `line 30, column 15: directory dc1.contoso.test: certificate "rotten"`},
		{"a directory that refers to none", `host = "dc1.contoso.test"`, "host = \"dc1.contoso.test\"\nrefers = \"dc9.contoso.test\"", `line 30, column 10: directory dc1.contoso.test: refers: no directory "dc9.contoso.test"`},
		{"an SCP of no directory", `directory = "dc1.contoso.test"`, `directory = "dc9.contoso.test"`, `line 31, column 13: scp: no directory "dc9.contoso.test": there are dc1.contoso.test`},
		{"an SCP with nothing in it", `url = "https://x.test/"`, ``, `line 31, column 13: scp of dc1.contoso.test: want a url or a pointer, has neither`},
		{"an SCP that is both", `url = "https://x.test/"`, "url = \"https://x.test/\"\npointer = \"dc1.contoso.test\"", `line 33, column 11: scp of dc1.contoso.test: want a url or a pointer, has both`},
		{"an SCP that points to no directory", `url = "https://x.test/"`, `pointer = "ex1.contoso.test"`, `line 32, column 11: scp of dc1.contoso.test: pointer to "ex1.contoso.test", which is no directory: there are dc1.contoso.test`},
		{"an SCP that points to no directory by a URL", `url = "https://x.test/"`, `pointer = "LDAP://dc9.contoso.test:389"`, `scp of dc1.contoso.test: pointer to "dc9.contoso.test", which is no directory`},
		{"an SCP of a URL with a domain", `site = "HQ"`, `domain = "brand.test"`, `line 33, column 10: scp of dc1.contoso.test: domain "brand.test": only a pointer has one`},
		{"clear text that is none", `host = "clear.test"`, "host = \"clear.test\"\nserves = \"ftp\"", `line 36, column 10: clear clear.test: serves "ftp": want one of redirect, page, portal, nothing`},
		{"clear text twice", "[[rogue]]\n", "[[clear]]\nhost = \"clear.test\"\n[[rogue]]\n", `line 38, column 8: clear clear.test is there twice`},
		{"clear text at a host in capitals", `host = "clear.test"`, `host = "Clear.test"`, `line 35, column 8: host "Clear.test"`},
		{"a page that leads somewhere", `host = "clear.test"`, "host = \"clear.test\"\nserves = \"page\"", `line 37, column 6: clear clear.test: page leads nowhere, so it has no to`},
		{"a redirect with a status that is none", `host = "clear.test"`, "host = \"clear.test\"\nstatus = 200", `line 36, column 10: clear clear.test: status 200: want 301, 302, 303, 307 or 308`},
		{"a redirect to a line break", `to = "https://x.test/"`, `to = "https://x.test/\r\nX: y"`, `clear clear.test: to`},
		{"a rogue at the host of a server", `host = "rogue.test"`, `host = "ex1.contoso.test"`, `line 38, column 8: host ex1.contoso.test is there twice`},
		{"a rogue that does nothing known", `serves = "sink"`, `serves = "tea"`, `line 39, column 10: rogue rogue.test: serves "tea": want one of challenge, settings, redirect, refer, sink`},
		{"a rogue that refers to nothing", `serves = "sink"`, `serves = "refer"`, `line 38, column 8: rogue rogue.test: refer needs a to`},
		{"a sink that leads somewhere", `serves = "sink"`, "serves = \"sink\"\nto = \"https://y.test/\"", `line 40, column 6: rogue rogue.test: sink leads nowhere, so it has no to`},
		{"a hole at the host of a server", `host = "hole.test"`, `host = "ex1.contoso.test"`, `line 41, column 8: host ex1.contoso.test is there twice`},
		{"a resolver that is none", `answers = "servfail"`, `answers = "slow"`, `line 44, column 11: resolver "slow": want one of normal, silent, servfail, nxdomain, empty`},
		{"a resolver that says nothing", `answers = "servfail"`, ``, `resolver "": want one of`},
		{"a resolver of no name", `name = "_autodiscover._tcp.brand.test"`, `name = "brand"`, `line 43, column 8: name "brand": want a DNS name in lower case, or all`},
		{"a resolver twice", "[[resolver]]\n", "[[resolver]]\nname = \"_autodiscover._tcp.brand.test\"\nanswers = \"silent\"\n[[resolver]]\n", `line 46, column 8: resolver _autodiscover._tcp.brand.test is there twice`},
		{"a key that is none", `priority = 10`, `prioriti = 10`, `line 24, column 1: unknown key "srv.prioriti"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(announcing, tt.old, tt.new, 1)
			if text == announcing {
				t.Fatal("nothing was replaced")
			}
			_, err := ReadWorld(strings.NewReader(text))
			var refused *WorldError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestWhatIsNoContradictionOfAnAnnouncement(t *testing.T) {
	tests := []struct{ name, old, new string }{
		{"a service that is not offered", `target = "mail.contoso.test"`, `target = "."`},
		{"an SRV record at port 80", `port = 443`, `port = 80`},
		{"two ports of one host", "[[srv]]\n", "[[srv]]\ndomain = \"contoso.test\"\ntarget = \"mail.contoso.test\"\nport = 8443\n[[srv]]\n"},
		{"one host for two domains", "[[srv]]\n", "[[srv]]\ndomain = \"brand.test\"\ntarget = \"mail.contoso.test\"\n[[srv]]\n"},
		{"an SCP that is no URL", `url = "https://x.test/"`, `url = "\\\\server\\share"`},
		{"an SCP that points to itself", `url = "https://x.test/"`, `pointer = "LDAP://dc1.contoso.test"`},
		{"a directory that refers to itself", `host = "dc1.contoso.test"`, "host = \"dc1.contoso.test\"\nrefers = \"dc1.contoso.test\""},
		{"a directory on a mail server", `host = "dc1.contoso.test"`, "host = \"dc1.contoso.test\"\n[[directory]]\nhost = \"ex1.contoso.test\""},
		{"clear text beside a rogue", `host = "clear.test"`, `host = "rogue.test"`},
		{"a name that is well where all others fail", `name = "_autodiscover._tcp.brand.test"`, "name = \"contoso.test\"\nanswers = \"normal\"\n[[resolver]]\nname = \"all\""},
		{"a redirect without a Location", `to = "https://x.test/"`, ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(announcing, tt.old, tt.new, 1)
			if _, err := ReadWorld(strings.NewReader(text)); err != nil || text == announcing {
				t.Error(err)
			}
		})
	}
}

func TestContradictionsOfAnnouncementsChangeNothing(t *testing.T) {
	tests := []struct{ name, line, want string }{
		{"an SRV record twice", "srv contoso.test mail.contoso.test", "mail.contoso.test port 443 is there twice"},
		{"an SRV record at port 0", "srv contoso.test x.test 0", `port "0": want a number to 65535`},
		{"a weight that is a word", "srv contoso.test x.test 443 0 heavy", `weight "heavy"`},
		{"a service that is offered and is not", "srv contoso.test .", "stands alone"},
		{"none and a port", "srv contoso.test none 443", "none takes nothing more"},
		{"none where there is none", "srv brand.test none", `no SRV record of the domain "brand.test"`},
		{"an alias of nothing", "cname new.test nobody.test", "no host of the world"},
		{"an alias in a circle", "cname new.test new.test", "leads to none"},
		{"an alias that is a host", "cname ex1.contoso.test ex2.contoso.test", "is there twice"},
		{"the end of no alias", "cname new.test none", `no alias "new.test"`},
		{"a resolver that is none", "resolver contoso.test slow", "want one of normal, silent, servfail, nxdomain, empty"},
		{"a resolver of no name", "resolver Contoso silent", "want a DNS name in lower case, or all"},
		{"an SCP of no directory", "scp dc9.contoso.test https://x.test/", `no directory "dc9.contoso.test"`},
		{"an SCP that points to no directory", "scp dc1.contoso.test LDAP://ex1.contoso.test", "which is no directory"},
		{"an SCP with an option that is none", "scp dc1.contoso.test https://x.test/ rank=1", `option "rank=1": want site=SITE, domain=DOMAIN`},
		{"a URL with a domain", "scp dc1.contoso.test https://x.test/ domain=x.test", "only a pointer has one"},
		{"none of no directory", "scp ex1.contoso.test none", `no directory "ex1.contoso.test"`},
		{"clear text that is none", "clear ex1.contoso.test tea", "want one of redirect, page, portal, nothing"},
		{"clear text at an alias", "clear www.brand.test page", "is an alias"},
		{"clear text at no host", "clear nobody page", `host "nobody"`},
		{"a rogue on a server", "rogue ex1.contoso.test sink", "is the host of server ex1"},
		{"a rogue at an alias", "rogue www.brand.test sink", "is an alias"},
		{"a rogue that is none", "rogue autodiscover.contoso.test tea", "want one of challenge, settings"},
		{"a rogue that refers to nothing", "rogue rogue.test refer", "refer needs a to"},
		{"a web hoster on a server", "hoster ex1.contoso.test imap", "is the host of server ex1"},
		{"a web hoster at an alias", "hoster www.brand.test html", "is an alias"},
		{"a web hoster that is none", "hoster autodiscover.contoso.test tea", "want one of imap, html"},
		{"a web hoster at no host", "hoster nobody html", `host "nobody"`},
		{"a hole that is none", "hole ex1 black", "want one of drops, accepts, off"},
		{"the end of no hole", "hole ex1 off", "is none already"},
		{"a redirect with a status that is none", "clear ex1.contoso.test redirect https://x.test/ 200", "status 200: want 301, 302, 303, 307 or 308"},
		{"a redirect with a status of 0", "clear ex1.contoso.test redirect https://x.test/ 0", `status "0": want 301`},
		{"a rogue with a status that is a word", "rogue evil.test redirect https://x.test/ found", `status "found": want 301`},
		{"a referral with a status", "rogue evil.test refer https://x.test/ 302", "status 302: want 301, 302, 303, 307 or 308, of a redirect"},
		{"the end of a hole at a new host", "hole nobody.test off", `no host or server "nobody.test"`},
		{"a hole at an alias", "hole www.brand.test drops", `no host or server "www.brand.test"`},
		{"a hole of no host", "hole ex9 drops", `no host or server "ex9"`},
		{"a middlebox with a body", "answer ex1 proxy html", "proxy takes no body"},
		{"a middlebox of no host", "answer ex9 blocked", `no host or server "ex9"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, announcing)
			world := func() string { return admin(s, "GET", "/world", "").Body.String() }
			before := world()
			if said, err := s.Do(tt.line); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%q, %v; want an error with %q", said, err, tt.want)
			}
			if diff := cmp.Diff(before, world()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAdminShowsWhatIsAnnounced(t *testing.T) {
	s := Start(t, announcing)
	for _, err := range []error{s.ListenDNS("127.0.0.1:0"), s.ListenLDAP("dc1.contoso.test", "127.0.0.1:0"), s.ListenClear("127.0.0.1:0")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if s.ListenDNS("127.0.0.1:0") == nil || s.ListenDNS("0.0.0.0:0") == nil {
		t.Error("a second ListenDNS, or one for everybody, was accepted")
	}
	do(t, s, "hole ex2 accepts", "resolver nobody.test silent", "rogue evil.test redirect https://x.test/", "hoster brand.test html")
	s.LookupSRV(t.Context(), "autodiscover", "tcp", "brand.test")
	newClient(t, s, "ann@contoso.test").post("https://rogue.test/", "", nil)
	var got struct {
		DNS         any            `json:"dns"`
		Directories any            `json:"directories"`
		Clear       any            `json:"clear"`
		Hosters     any            `json:"hosters"`
		Rogues      any            `json:"rogues"`
		Holes       any            `json:"holes"`
		Witnesses   map[string]any `json:"witnesses"`
	}
	if err := json.Unmarshal(admin(s, "GET", "/world", "").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	type object = map[string]any
	want := got
	want.DNS = object{
		"addr": s.DNSAddr(), "cname": []any{object{"name": "www.brand.test", "target": "ex1.contoso.test"}},
		"srv":       []any{object{"domain": "contoso.test", "target": "mail.contoso.test", "port": 443.0, "priority": 10.0, "weight": 0.0}},
		"resolvers": object{"nobody.test": "silent", "_autodiscover._tcp.brand.test": "servfail"}, "lookups": object{"SRV _autodiscover._tcp.brand.test": 1.0},
	}
	want.Directories = []any{object{
		"host": "dc1.contoso.test", "domain": "contoso.test", "addr": s.LDAPAddr("dc1.contoso.test"),
		"scp": []any{object{"directory": "dc1.contoso.test", "url": "https://x.test/", "site": "HQ"}},
	}}
	want.Clear = object{"clear.test": "redirect https://x.test/"}
	want.Hosters = object{"brand.test": "html"}
	want.Rogues = object{"rogue.test": "sink", "evil.test": "redirect https://x.test/"}
	want.Holes = object{"hole.test": "drops", "ex2.contoso.test": "accepts"}
	want.Witnesses = object{"rogue.test": object{"requests": 1.0, "signed": 1.0, "cookies": 0.0, "exposed": 0.0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
}
