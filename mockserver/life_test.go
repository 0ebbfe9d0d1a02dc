package mockserver

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/homing-mail/homing/internal/mapi"
)

const (
	contosoGroup  = "/o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)"
	contosoServer = contosoGroup + "/cn=Configuration/cn=Servers/cn="
)

// look is what a client that knows only its first settings finds: how the
// server of these settings answers, and what Autodiscover says to its LegacyDN.
func (c *client) look(home *pox) string {
	_, how := c.enter(home.store(), home.LegacyDN)
	host := strings.Split(home.store(), "/")[2]
	_, domain, _ := strings.Cut(host, ".")
	return how + "; " + c.trace("https://autodiscover."+domain+autodiscoverPath, home.LegacyDN)
}

// trace asks for dn and says in a phrase what came.
func (c *client) trace(url, dn string) string {
	d := c.ask(url, "LegacyDN", dn)
	switch {
	case d.ErrorCode != 0:
		return fmt.Sprintf("error %d", d.ErrorCode)
	case d.Action == "settings":
		return "settings at " + strings.Split(d.store(), "/")[2]
	case d.Head.Get("Location") != "":
		return fmt.Sprintf("%d %s", d.Status, strings.Split(d.Head.Get("Location"), "/")[2])
	case d.Status != 200:
		return fmt.Sprintf("status %d", d.Status)
	case d.URL != "":
		return d.Action + " " + strings.Split(d.URL, "/")[2]
	}
	return d.Action + " " + d.Addr
}

func TestTheLifeOfAMove(t *testing.T) {
	const own = "; settings at ex1.contoso.test"
	const gone = "connect ecUnknownUser; redirectUrl autodiscover.fabrikam.test"
	tests := []struct {
		name   string
		world  string
		script string // lines, separated by ';'
		want   string // at the first home, and from the first Autodiscover
	}{
		{"nothing happened", "acquisition", "", "ok" + own},
		{"prestaged: nothing to see at the source", "acquisition", "prestage ann fabrikam.test", "ok" + own},
		{"started in the forest: the source still serves", "acquisition", "start ann ex2", "ok" + own},
		{"started across forests: the source still serves", "acquisition", "start ann mx1", "ok" + own},
		{"locked in the forest: Connect succeeds, the logon waits", "acquisition", "start ann ex2;lock ann", "logon ecMailboxInTransit" + own},
		{"locked across forests", "acquisition", "start ann mx1;lock ann", "logon ecMailboxInTransit" + own},
		{"finished in the forest", "acquisition", "start ann ex2;lock ann;finish ann", "logon ecWrongServer " + contosoServer + "ex2; settings at ex2.contoso.test"},
		{"finished across forests", "acquisition", "start ann mx1;lock ann;finish ann", gone},
		{"finished without a lock before", "acquisition", "start ann mx1;finish ann", gone},
		{"moved at once", "acquisition", "move ann mx1", gone},
		{"cancelled after the start", "acquisition", "start ann mx1;cancel ann", "ok" + own},
		{"cancelled after the lock", "acquisition", "start ann mx1;lock ann;cancel ann", "ok" + own},
		{"another database of the same server", "acquisition", "move ann ex1/db2", "ok" + own},
		{"there and back within the forest", "acquisition", "move ann ex2;move ann ex1", "ok" + own},
		{"there and back across forests", "acquisition", "move ann mx1;move ann ex1", "ok" + own},
		{"left unconverted: the source claims it, its server refuses", "acquisition", "move ann mx1 unconverted", "connect ecUnknownUser" + own},
		{"twice in the forest: the first home names the present one", "three-forests", "move ann ex2;move ann ex1/db2;move ann ex2/db2", "logon ecWrongServer " + contosoServer + "ex2; settings at ex2.contoso.test"},
		{"twice across forests: the first home refers to the present one", "three-forests", "move ann mx1;move ann ts1", "connect ecUnknownUser; redirectUrl autodiscover.tailspin.test"},
		{"across forests and on within the second", "three-forests", "move ann mx1;move ann mx2", gone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, tt.world)
			c := newClient(t, s, "ann@contoso.test")
			home := c.settings("autodiscover.contoso.test", "ann@contoso.test")
			do(t, s, strings.Split(tt.script, ";")...)
			if got := c.look(home); got != tt.want {
				t.Errorf("have %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestHowForestsDiffer(t *testing.T) {
	tests := []struct {
		name, forest, script, want string
	}{
		{"a redirect with the database", `server_name = "mdb"`, "move ann ex2",
			"logon ecWrongServer " + contosoServer + "ex2/cn=Microsoft Private MDB; settings at ex2.contoso.test"},
		{"refused at the logon", `refuse_at = "logon"`, "move ann mx1", "logon ecUnknownUser; redirectUrl autodiscover.fabrikam.test"},
		{"with ecLoginFailure, as Exchange 2003", `unknown = "ecLoginFailure"`, "move ann mx1", "connect ecLoginFailure; redirectUrl autodiscover.fabrikam.test"},
		{"with ecLoginFailure at the logon", "unknown = \"ecLoginFailure\"\nrefuse_at = \"logon\"", "move ann mx1", "logon ecLoginFailure; redirectUrl autodiscover.fabrikam.test"},
		{"referred by address", `referral = "redirectAddr"`, "move ann mx1", "connect ecUnknownUser; redirectAddr ann@fabrikam.test"},
		{"by 301", `referral = "http301"`, "move ann mx1", "connect ecUnknownUser; 301 autodiscover.fabrikam.test"},
		{"by 302", `referral = "http302"`, "move ann mx1", "connect ecUnknownUser; 302 autodiscover.fabrikam.test"},
		{"by 303", `referral = "http303"`, "move ann mx1", "connect ecUnknownUser; 303 autodiscover.fabrikam.test"},
		{"by 307", `referral = "http307"`, "move ann mx1", "connect ecUnknownUser; 307 autodiscover.fabrikam.test"},
		{"by 308", `referral = "http308"`, "move ann mx1", "connect ecUnknownUser; 308 autodiscover.fabrikam.test"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, twoForests(tt.forest))
			c := newClient(t, s, "ann@contoso.test")
			home := c.settings("autodiscover.contoso.test", "ann@contoso.test")
			do(t, s, tt.script)
			if got := c.look(home); got != tt.want {
				t.Errorf("have %s\nwant %s", got, tt.want)
			}
		})
	}
}

// twoForests is a small world whose first forest has the keys given.
func twoForests(keys string) string {
	return `
name = "two"
[[forest]]
name = "contoso.test"
org = "Contoso"
` + keys + `
[[forest.server]]
name = "ex1"
[[forest.server]]
name = "ex2"
[[forest]]
name = "fabrikam.test"
org = "Fabrikam"
[[forest.server]]
name = "mx1"
[[mailbox]]
user = "ann"
server = "ex1"
[[mailbox]]
user = "ben"
server = "ex1"
`
}

func TestANamelessMoveInAModernForestNamesTheMailbox(t *testing.T) {
	s := Start(t, "three-forests")
	c := newClient(t, s, "cat@tailspin.test")
	home := c.settings("autodiscover.tailspin.test", "cat@tailspin.test")
	before, _ := s.Where("cat")
	do(t, s, "move cat ts2")
	after, _ := s.Where("cat")
	if before.GUID == after.GUID {
		t.Fatalf("the mailbox GUID stayed %s", after.GUID)
	}
	want := "logon ecWrongServer /o=Tailspin/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Configuration/cn=Servers/cn=" + after.GUID + "@tailspin.test"
	if _, how := c.enter(home.store(), home.LegacyDN); how != want {
		t.Errorf("have %s\nwant %s", how, want)
	}
	// The same host with the MailboxId of the redirect.
	moved := strings.Replace(home.store(), before.GUID, after.GUID, 1)
	if _, how := c.enter(moved, home.LegacyDN); how != "ok" {
		t.Errorf("with the new MailboxId: %s", how)
	}
}

func TestAModernForestMovesUnseenWhenTheGUIDStays(t *testing.T) {
	s := Start(t, "three-forests")
	c := newClient(t, s, "cat@tailspin.test")
	home := c.settings("autodiscover.tailspin.test", "cat@tailspin.test")
	do(t, s, "move cat ts2 keep-guid")
	if _, how := c.enter(home.store(), home.LegacyDN); how != "ok" {
		t.Errorf("at the old front end: %s", how)
	}
	do(t, s, "off ts2")
	if r := c.session(home.store()).send("PING", nil, nil); r.status != 503 {
		t.Errorf("the back end is off: status %d, want 503", r.status)
	}
}

func TestBothEndsAreLocked(t *testing.T) {
	s := Start(t, twoForests(`server_name = "dn"`))
	c := newClient(t, s, "ann@contoso.test")
	home := c.settings("autodiscover.contoso.test", "ann@contoso.test")
	do(t, s, "start ann mx1")
	at, _ := s.Where("ann")
	target := "https://mx1.fabrikam.test/mapi/emsmdb/?MailboxId=" + at.GUID + "@fabrikam.test"
	dn := at.Objects[1].LegacyDN
	if _, how := c.enter(target, dn); how != "connect ecUnknownUser" {
		t.Errorf("target before the lock: %s", how)
	}
	do(t, s, "lock ann")
	for _, tt := range []struct{ url, dn string }{{home.store(), home.LegacyDN}, {target, dn}} {
		if _, how := c.enter(tt.url, tt.dn); how != "logon ecMailboxInTransit" {
			t.Errorf("%s while locked: %s", tt.url, how)
		}
	}
	do(t, s, "finish ann")
	if _, how := c.enter(target, dn); how != "ok" {
		t.Errorf("target at the end: %s", how)
	}
}

func TestAPrestagedTargetLeadsBackToTheSource(t *testing.T) {
	s := Start(t, "acquisition")
	c := newClient(t, s, "ann@contoso.test")
	home := c.settings("autodiscover.contoso.test", "ann@contoso.test")
	const target = "https://autodiscover.fabrikam.test" + autodiscoverPath
	if got := c.trace(target, home.LegacyDN); got != "error 500" {
		t.Errorf("before: %s", got)
	}
	do(t, s, "prestage ann fabrikam.test")
	if got := c.trace(target, home.LegacyDN); got != "redirectUrl autodiscover.contoso.test" {
		t.Errorf("after: %s", got)
	}
}

func TestTheTargetKnowsTheFormerLegacyDNs(t *testing.T) {
	tests := []struct {
		name, script, autodiscover, want string
	}{
		{"as an alias", "move ann mx1", "fabrikam.test", "settings at mx1.fabrikam.test"},
		{"unless told not to", "move ann mx1 no-x500", "fabrikam.test", "error 500"},
		{"also after a second move", "move ann mx1;move ann ts1", "tailspin.test", "settings at ts1.tailspin.test"},
		{"also where the mailbox has been in between", "move ann mx1;move ann ts1", "fabrikam.test", "302 autodiscover.tailspin.test"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, "three-forests")
			c := newClient(t, s, "ann@contoso.test")
			home := c.settings("autodiscover.contoso.test", "ann@contoso.test")
			do(t, s, strings.Split(tt.script, ";")...)
			if got := c.trace("https://autodiscover."+tt.autodiscover+autodiscoverPath, home.LegacyDN); got != tt.want {
				t.Errorf("have %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAMoveToAnotherDatabaseChangesTheReplGUIDOnly(t *testing.T) {
	s := Start(t, "acquisition")
	c := newClient(t, s, "ann@contoso.test")
	home := c.settings("autodiscover.contoso.test", "ann@contoso.test")
	logon := func() *mapi.LogonResponse {
		session := c.session(home.store())
		session.connect(home.LegacyDN)
		return session.logon(home.LegacyDN)
	}
	before, again := logon(), logon()
	do(t, s, "move ann ex1/db2")
	after := logon()
	if before.ReturnValue != 0 || after.ReturnValue != 0 || before.MailboxGUID != after.MailboxGUID {
		t.Errorf("before %v %v, after %v %v", before.ReturnValue, before.MailboxGUID, after.ReturnValue, after.MailboxGUID)
	}
	if before.ReplGUID == after.ReplGUID {
		t.Error("ReplGuid stayed")
	}
	if before.ReplGUID != again.ReplGUID {
		t.Error("ReplGuid changed without a move")
	}
}

func TestALiveSessionNoticesTheLock(t *testing.T) {
	tests := []struct {
		name, option string
		want         mapi.Code // of the next ROP
		code         int       // or X-ResponseCode
	}{
		{"by ecInvalidObject", "", mapi.EcInvalidObject, 0},
		{"by ecInvalidObject when told so", " invalidate=object", mapi.EcInvalidObject, 0},
		{"by ecNullObject", " invalidate=null", mapi.EcNullObject, 0},
		{"by Context Not Found", " invalidate=context", 0, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, "acquisition")
			c := newClient(t, s, "ann@contoso.test")
			home := c.settings("autodiscover.contoso.test", "ann@contoso.test")
			session, how := c.enter(home.store(), home.LegacyDN)
			do(t, s, "start ann ex2"+tt.option)
			if code := session.probe(); how != "ok" || code != mapi.EcNone {
				t.Fatalf("before the lock: %s, %v", how, code)
			}
			do(t, s, "lock ann")
			q := &mapi.GetReceiveFolderRequest{MessageClass: "IPM"}
			r := session.send("Execute", session.executeBody(q), nil)
			if r.code != tt.code {
				t.Fatalf("X-ResponseCode %d, want %d", r.code, tt.code)
			}
			if tt.code != 0 {
				return
			}
			if got := session.responses(r)[0].(*mapi.GetReceiveFolderResponse).ReturnValue; got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestOthersDoNotNoticeAMove(t *testing.T) {
	s := Start(t, "acquisition")
	c := newClient(t, s, "ben@contoso.test")
	home := c.settings("autodiscover.contoso.test", "ben@contoso.test")
	session, _ := c.enter(home.store(), home.LegacyDN)
	do(t, s, "move ann ex2 invalidate=context")
	if code := session.probe(); code != mapi.EcNone {
		t.Errorf("ben's logon: %v", code)
	}
	// The twin: the same line about ben.
	do(t, s, "move ben ex2 invalidate=context")
	if r := session.send("Execute", session.executeBody(), nil); r.code != 10 {
		t.Errorf("after ben's own move: code %d", r.code)
	}
}

func TestAdminSeesWhereAMailboxIs(t *testing.T) {
	s := Start(t, "three-forests")
	do(t, s, "move ann mx1", "start ann ts2/db2")
	w, err := s.Where("ann")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{w.Forest, w.Server, w.Database, w.State, w.To}
	for _, o := range w.Objects {
		got = append(got, fmt.Sprintf("%s %s %d %s", o.Forest, o.Kind, len(o.X500), o.Refers))
	}
	want := []string{"fabrikam.test", "mx1", "db1", "moving", "ts2/db2",
		"contoso.test mail user 0 https://autodiscover.fabrikam.test/autodiscover/autodiscover.xml",
		"fabrikam.test mailbox 1 ",
		"tailspin.test mail user 2 https://autodiscover.fabrikam.test/autodiscover/autodiscover.xml",
	}
	if !slices.Equal(got, want) {
		t.Errorf("have %q\nwant %q", got, want)
	}
}
