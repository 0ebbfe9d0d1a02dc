package mockserver

import (
	"strings"
	"testing"
	"testing/synctest"
)

func TestAMailboxAtHomeIsFoundAndOpened(t *testing.T) {
	s := Start(t, "acquisition")
	c := newClient(t, s, "ann@contoso.test")
	d := c.settings("autodiscover.contoso.test", "ann@contoso.test")
	if !strings.HasPrefix(d.store(), "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=") || !strings.HasSuffix(d.store(), "@contoso.test") {
		t.Errorf("url %q", d.store())
	}
	if _, how := c.enter(d.store(), d.LegacyDN); how != "ok" {
		t.Errorf("logon: %s", how)
	}
}

func TestASameForestMoveIsFollowedByName(t *testing.T) {
	s := Start(t, "acquisition")
	c := newClient(t, s, "ann@contoso.test")
	d := c.settings("autodiscover.contoso.test", "ann@contoso.test")
	do(t, s, "move ann ex2")
	const want = "logon ecWrongServer /o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Configuration/cn=Servers/cn=ex2"
	if _, how := c.enter(d.store(), d.LegacyDN); how != want {
		t.Errorf("at ex1: %s\nwant %s", how, want)
	}
	moved := strings.Replace(d.store(), "ex1", "ex2", 1)
	if _, how := c.enter(moved, d.LegacyDN); how != "ok" {
		t.Errorf("at ex2: %s", how)
	}
}

func TestACrossForestMoveIsFollowedByLegacyDN(t *testing.T) {
	s := Start(t, "acquisition")
	c := newClient(t, s, "ann@contoso.test")
	home := c.settings("autodiscover.contoso.test", "ann@contoso.test")
	do(t, s, "move ann mx1")
	if _, how := c.enter(home.store(), home.LegacyDN); how != "connect ecUnknownUser" {
		t.Errorf("at ex1: %s", how)
	}
	d := c.ask("https://autodiscover.contoso.test"+autodiscoverPath, "LegacyDN", home.LegacyDN)
	if d.Action != "redirectUrl" || d.URL != "https://autodiscover.fabrikam.test/autodiscover/autodiscover.xml" {
		t.Fatalf("at contoso: %s", d.Text)
	}
	d = c.ask(d.URL, "LegacyDN", home.LegacyDN)
	if d.Action != "settings" || d.LegacyDN == home.LegacyDN || !strings.HasPrefix(d.LegacyDN, "/o=Fabrikam/") {
		t.Fatalf("at fabrikam: %s", d.Text)
	}
	if !strings.HasPrefix(d.store(), "https://mx1.fabrikam.test/") {
		t.Errorf("url %s", d.store())
	}
	if _, how := c.enter(d.store(), d.LegacyDN); how != "ok" {
		t.Errorf("at mx1: %s", how)
	}
}

func TestClientAndServerRunInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, "acquisition")
		c := newClient(t, s, "ann@contoso.test")
		d := c.settings("autodiscover.contoso.test", "ann@contoso.test")
		if _, how := c.enter(d.store(), d.LegacyDN); how != "ok" {
			t.Errorf("logon: %s", how)
		}
	})
}
