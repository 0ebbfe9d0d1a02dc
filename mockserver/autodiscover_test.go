package mockserver

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestAutodiscoverByIdentity(t *testing.T) {
	s, c, d := home(t, "acquisition", "ann", "contoso.test")
	do(t, s, "move ben mx1")
	ben, _ := s.Where("ben")
	const fabrikam = "https://autodiscover.fabrikam.test" + autodiscoverPath
	const contoso = "https://autodiscover.contoso.test" + autodiscoverPath
	tests := []struct {
		name, url, body string // of Request, without the schema
		want            string
	}{
		{"an address", contoso, "<EMailAddress>ann@contoso.test</EMailAddress>", "settings"},
		{"an address in capitals", contoso, "<EMailAddress>ANN@Contoso.Test</EMailAddress>", "settings"},
		{"a LegacyDN", contoso, "<LegacyDN>" + d.LegacyDN + "</LegacyDN>", "settings"},
		{"a LegacyDN in capitals", contoso, "<LegacyDN>" + strings.ToUpper(d.LegacyDN) + "</LegacyDN>", "settings"},
		{"an X500 alias", fabrikam, "<LegacyDN>" + ben.Objects[1].X500[0] + "</LegacyDN>", "settings"},
		{"both: the LegacyDN wins", contoso, "<EMailAddress>nobody@contoso.test</EMailAddress><LegacyDN>" + d.LegacyDN + "</LegacyDN>", "settings"},
		{"both: the LegacyDN loses", contoso, "<EMailAddress>ann@contoso.test</EMailAddress><LegacyDN>/o=Contoso/cn=nobody</LegacyDN>", "error 500"},
		{"somebody else", contoso, "<EMailAddress>ben@contoso.test</EMailAddress>", "redirectUrl"},
		{"the former address, where the mailbox is", fabrikam, "<EMailAddress>ben@contoso.test</EMailAddress>", "settings"},
		{"the new address", fabrikam, "<EMailAddress>ben@fabrikam.test</EMailAddress>", "settings"},
		{"an address of nobody", contoso, "<EMailAddress>nobody@contoso.test</EMailAddress>", "error 500"},
		{"an address that is none", contoso, "<EMailAddress>ann</EMailAddress>", "error 500"},
		{"somebody whom the other forest does not know", fabrikam, "<EMailAddress>ann@contoso.test</EMailAddress>", "error 500"},
		{"nobody", contoso, "", "error 600"},
		{"an empty address", contoso, "<EMailAddress> </EMailAddress>", "error 600"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := fmt.Sprintf(`<Autodiscover xmlns=%q><Request>%s<AcceptableResponseSchema>%s</AcceptableResponseSchema></Request></Autodiscover>`,
				requestSchema, tt.body, responseSchema)
			d := c.post(tt.url, body, nil)
			got := d.Action
			if d.ErrorCode != 0 {
				got = fmt.Sprintf("error %d", d.ErrorCode)
			}
			if d.Status != 200 || got != tt.want {
				t.Errorf("status %d, %s, want 200, %s", d.Status, got, tt.want)
			}
		})
	}
}

func TestAutodiscoverRefusesWhatItCannotRead(t *testing.T) {
	_, c, _ := home(t, "acquisition", "ann", "contoso.test")
	const url = "https://autodiscover.contoso.test" + autodiscoverPath
	const request = `<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request><EMailAddress>ann@contoso.test</EMailAddress>`
	const end = `</Request></Autodiscover>`
	const schema = `<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>`
	tests := []struct {
		name, body   string
		status, code int
	}{
		{"a good request", request + schema + end, 200, 0},
		{"with a declaration", `<?xml version="1.0" encoding="utf-8"?>` + request + schema + end, 200, 0},
		{"nothing", "", 200, 600},
		{"no XML", "hello", 200, 600},
		{"XML that does not end", request, 200, 600},
		{"a namespace that starts with https", strings.Replace(request, "http:", "https:", 1) + schema + end, 200, 600},
		{"another root", strings.ReplaceAll(request+schema+end, "Autodiscover", "Discover"), 200, 600},
		{"no schema", request + end, 200, 601},
		{"the schema of a phone", request + strings.Replace(schema, "outlook", "mobilesync", 1) + end, 200, 601},
		{"more than 64 KiB", request + schema + strings.Repeat(" ", maxAsk) + end, 413, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := c.post(url, tt.body, nil)
			if d.Status != tt.status || d.ErrorCode != tt.code {
				t.Errorf("status %d, error %d, want %d, %d", d.Status, d.ErrorCode, tt.status, tt.code)
			}
		})
	}
}

func TestAutodiscoverMethods(t *testing.T) {
	s := Start(t, "acquisition")
	tests := []struct {
		name, method, user string
		status             int
		want               string
	}{
		{"GET without credentials", "GET", "", 401, ""},
		{"GET with credentials", "GET", "ann@contoso.test", 200, "<ErrorCode>600</ErrorCode>"},
		{"POST without credentials", "POST", "", 401, ""},
		{"POST of nothing", "POST", "ann@contoso.test", 200, "<ErrorCode>600</ErrorCode>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, s, tt.user)
			q, _ := http.NewRequest(tt.method, "https://autodiscover.contoso.test/Autodiscover/AutoDiscover.xml", nil)
			if tt.user != "" {
				q.SetBasicAuth(tt.user, DefaultPassword)
			}
			a, err := c.http.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Body.Close()
			body := readAll(t, a)
			if a.StatusCode != tt.status || !strings.Contains(body, tt.want) || (tt.want == "" && body != "") {
				t.Errorf("status %d %q, want %d %q", a.StatusCode, body, tt.status, tt.want)
			}
			if challenge := a.Header.Get("WWW-Authenticate"); (tt.status == 401) != (challenge == `Basic realm="autodiscover.contoso.test"`) {
				t.Errorf("challenge %q", challenge)
			}
		})
	}
}

func TestCapabilityDecidesTheProtocols(t *testing.T) {
	s, c, _ := home(t, "acquisition", "ann", "contoso.test")
	body := fmt.Sprintf(`<Autodiscover xmlns=%q><Request><EMailAddress>ann@contoso.test</EMailAddress><AcceptableResponseSchema>%s</AcceptableResponseSchema></Request></Autodiscover>`, requestSchema, responseSchema)
	const rpc, mapi = "EXCH EXPR WEB", "mapiHttp WEB"
	tests := []struct {
		name, header, script, want string
	}{
		{"1", "1", "", mapi},
		{"more than the server knows", "2", "", mapi},
		{"none", "", "", rpc},
		{"zero", "0", "", rpc},
		{"no number", "yes", "", rpc},
		{"switched off for the user", "1", "protocol ann contoso.test none", rpc},
		{"and on again", "1", "protocol ann contoso.test mapi", mapi},
		{"off in another forest", "1", "protocol ann fabrikam.test none", mapi},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			do(t, s, tt.script)
			d := c.post("https://autodiscover.contoso.test"+autodiscoverPath, body, map[string]string{"X-MapiHttpCapability": tt.header})
			if got := d.types(); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestSettingsNameBothURLsAndTheAddressBook(t *testing.T) {
	s, _, d := home(t, "acquisition", "ann", "contoso.test")
	w, _ := s.Where("ann")
	p := d.Protocols[0]
	want := "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=" + w.GUID + "@contoso.test"
	if p.Store != want || p.Internal != want || p.Book != strings.Replace(want, "emsmdb", "nspi", 1) {
		t.Errorf("%+v", p)
	}
	if d.LegacyDN != w.Objects[0].LegacyDN || d.Address != "ann@contoso.test" {
		t.Errorf("%s %s", d.LegacyDN, d.Address)
	}
}

func TestSettingsSayHowLongTheyHold(t *testing.T) {
	for _, tt := range []struct {
		name, keys, want string // want: of each block that is not mapiHttp
	}{
		{"nothing said", ``, ""},
		{"a day", `ttl = 24`, "<TTL>24</TTL>"},
		{"until something fails", `ttl = 0`, "<TTL>0</TTL>"},
		{"for longer than any client believes", `ttl = 65535`, "<TTL>65535</TTL>"},
	} {
		for _, flavour := range []struct {
			name, keys string
			blocks     int
		}{{FlavourExchangeSE, "", 1}, {FlavourExchange2010, `mapi = "never"`, 3}, {FlavourGromox, "", 3}} {
			t.Run(tt.name+" by "+flavour.name, func(t *testing.T) {
				s := Start(t, strings.Replace(flavoured(flavour.name), `org = "Contoso"`, "org = \"Contoso\"\n"+tt.keys+"\n"+flavour.keys, 1))
				d := newClient(t, s, "ann@contoso.test").settings("autodiscover.contoso.test", "ann@contoso.test")
				want := flavour.blocks
				if tt.want == "" {
					want = 0
				}
				if got := strings.Count(d.Text, "<TTL>"); got != want || strings.Count(d.Text, tt.want) < want {
					t.Errorf("%d blocks say how long they hold, want %d with %q:\n%s", got, want, tt.want, d.Text)
				}
			})
		}
	}
}

func TestServerVersion(t *testing.T) {
	for version, want := range map[string]string{ // worked by hand from the bit fields
		"15.02.2562.045": "73C28A02",
		"15.00.0847.040": "73C0834F",
		"14.01.0218.000": "738180DA",
		"8.0.647.0":      "72008287",
	} {
		if got := serverVersion(version); got != want {
			t.Errorf("%s: %s, want %s", version, got, want)
		}
	}
}

func TestAReferralBeforeAnybodySignsIn(t *testing.T) {
	s := Start(t, twoForests(`referral = "http302-anonymous"`))
	c := newClient(t, s, "ann@contoso.test")
	nobody := &client{t: t, http: c.http}
	const url = "https://autodiscover.contoso.test" + autodiscoverPath
	home := c.settings("autodiscover.contoso.test", "ann@contoso.test")
	if got := nobody.trace(url, home.LegacyDN); got != "status 401" {
		t.Errorf("at home: %s", got)
	}
	if d := nobody.post(url, "", nil); d.Status != 401 {
		t.Errorf("nothing asked, nobody gone: %d", d.Status)
	}
	do(t, s, "move ann mx1")
	if got := nobody.trace(url, home.LegacyDN); got != "302 autodiscover.fabrikam.test" {
		t.Errorf("moved: %s", got)
	}
	if d := nobody.post(url, "", nil); d.Status != 302 {
		t.Errorf("nothing asked, somebody gone: %d", d.Status)
	}
	if d := nobody.ask(url, "EMailAddress", "ben@contoso.test"); d.Status != 401 {
		t.Errorf("somebody who is still there: %d", d.Status)
	}
}

func TestLiesOfAutodiscover(t *testing.T) {
	tests := []struct {
		name, script, want string
	}{
		{"refers to a URL", "refer ann contoso.test https://elsewhere.test/autodiscover/autodiscover.xml", "redirectUrl elsewhere.test"},
		{"refers to itself", "refer ann contoso.test https://autodiscover.contoso.test/autodiscover/autodiscover.xml", "redirectUrl autodiscover.contoso.test"},
		{"refers to an address", "refer ann contoso.test ann@tailspin.test", "redirectAddr ann@tailspin.test"},
		{"tells the truth again", "refer ann contoso.test ann@tailspin.test;unrefer ann contoso.test", "settings at ex1.contoso.test"},
		{"refers although the mailbox has gone elsewhere", "move ann mx1;refer ann contoso.test https://old.test/autodiscover/autodiscover.xml", "redirectUrl old.test"},
		{"is a web site", "answer autodiscover.contoso.test 200 html", "status as told"},
		{"is down", "answer autodiscover.contoso.test 503", "status 503"},
		{"is normal again", "answer autodiscover.contoso.test 503;answer autodiscover.contoso.test normal", "settings at ex1.contoso.test"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c, d := home(t, "acquisition", "ann", "contoso.test")
			do(t, s, strings.Split(tt.script, ";")...)
			const url = "https://autodiscover.contoso.test" + autodiscoverPath
			if tt.want == "status as told" {
				d := c.ask(url, "LegacyDN", d.LegacyDN)
				if d.Status != 200 || !strings.HasPrefix(d.Head.Get("Content-Type"), "text/html") || !strings.Contains(d.Text, "<title>") {
					t.Errorf("%d %v %q", d.Status, d.Head, d.Text)
				}
				return
			}
			if got := c.trace(url, d.LegacyDN); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestACannedAnswerMayBeEmptyOrText(t *testing.T) {
	s, c, _ := home(t, "acquisition", "ann", "contoso.test")
	for line, want := range map[string]string{
		"answer autodiscover.contoso.test 200 empty":               "",
		"answer autodiscover.contoso.test 200 two words":           "two words",
		"answer autodiscover.contoso.test 500   three  words here": "three  words here",
	} {
		do(t, s, line)
		if d := c.post("https://autodiscover.contoso.test"+autodiscoverPath, "", nil); d.Text != want {
			t.Errorf("%s: %q", line, d.Text)
		}
	}
}

func TestAMailDomainIsRepointed(t *testing.T) {
	s, c, d := home(t, "acquisition", "ann", "contoso.test")
	const url = "https://autodiscover.contoso.test" + autodiscoverPath
	do(t, s, "move ann mx1", "dns contoso.test fabrikam.test")
	if got := c.trace(url, d.LegacyDN); got != "settings at mx1.fabrikam.test" {
		t.Errorf("autodiscover.contoso.test: %s", got)
	}
	if got := c.trace("https://contoso.test"+autodiscoverPath, d.LegacyDN); got != "settings at mx1.fabrikam.test" {
		t.Errorf("contoso.test: %s", got)
	}
	do(t, s, "dns contoso.test contoso.test")
	if got := c.trace(url, d.LegacyDN); got != "redirectUrl autodiscover.fabrikam.test" {
		t.Errorf("pointed back: %s", got)
	}
}

func TestALyingServer(t *testing.T) {
	s, c, d := home(t, "acquisition", "ann", "contoso.test")
	do(t, s, "claim ann ex1 ex2", "claim ann ex2 ex1")
	second := strings.Replace(d.store(), "ex1", "ex2", 1)
	for i, url := range []string{d.store(), second, d.store()} {
		want := "logon ecWrongServer " + contosoServer + []string{"ex2", "ex1", "ex2"}[i]
		if _, how := c.enter(url, d.LegacyDN); how != want {
			t.Errorf("hop %d: %s", i, how)
		}
	}
	do(t, s, "unclaim ann ex1", "claim ann ex2 any text")
	if _, how := c.enter(d.store(), d.LegacyDN); how != "ok" {
		t.Errorf("ex1 tells the truth: %s", how)
	}
	if _, how := c.enter(second, d.LegacyDN); how != "logon ecWrongServer any text" {
		t.Errorf("ex2: %s", how)
	}
	do(t, s, "move ann mx1")
	if _, how := c.enter(second, d.LegacyDN); how != "logon ecWrongServer any text" {
		t.Errorf("ex2, the mailbox gone: %s", how)
	}
}
