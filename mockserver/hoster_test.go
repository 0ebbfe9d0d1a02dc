package mockserver

import (
	"strings"
	"testing"
)

func TestAWebHosterAnswersWhateverIsAsked(t *testing.T) {
	const world = good + `
[[hoster]]
host = "contoso.test"
[[hoster]]
host = "fabrikam.test"
serves = "html"
[[hoster]]
host = "shop.contoso.test"
certificate = "wrong-name"
`
	s := Start(t, world)
	c := newClient(t, s, "")
	if d := c.ask("https://contoso.test"+autodiscoverPath, "EMailAddress", "ann@contoso.test"); d.Action != "settings" || d.types() != "IMAP POP3 SMTP" {
		t.Errorf("imap: %s", d.Text)
	}
	for _, host := range []string{"fabrikam.test" + autodiscoverPath, "contoso.test/", "contoso.test/mapi/emsmdb/"} {
		if d := c.post("https://"+host, "", nil); d.Status != 200 || !strings.Contains(d.Text, "This is a web site.") {
			t.Errorf("%s: HTTP %d %s", host, d.Status, d.Text)
		}
	}
	if _, err := c.http.Get("https://shop.contoso.test/"); err == nil || !strings.Contains(err.Error(), "wrong-name.invalid") {
		t.Errorf("certificate: %v", err)
	}
	// Another page, and a host that gets one.
	do(t, s, "hoster contoso.test html", "hoster brand.test imap")
	c = newClient(t, s, "")
	if d := c.ask("https://contoso.test"+autodiscoverPath, "EMailAddress", "ann@contoso.test"); d.Status != 200 || d.Action != "" {
		t.Errorf("html: HTTP %d %s", d.Status, d.Text)
	}
	if d := c.ask("https://brand.test"+autodiscoverPath, "EMailAddress", "ann@brand.test"); d.types() != "IMAP POP3 SMTP" {
		t.Errorf("a new one: %s", d.Text)
	}
	// The administrator takes the domain away from the hoster.
	do(t, s, "dns contoso.test contoso.test")
	if d := newClient(t, s, "ann@contoso.test").ask("https://contoso.test"+autodiscoverPath, "EMailAddress", "ann@contoso.test"); d.types() != "mapiHttp WEB" {
		t.Errorf("after dns: %s", d.Text)
	}
}
