package mockserver

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// places is calm with a second forest and redirects that name servers, mailboxes
// or refuse at the logon.
func places(extra string) string {
	return strings.Replace(calm, "[[forest.server]]\nname = \"ex1\"", extra+"[[forest.server]]\nname = \"ex1\"", 1)
}

// attempt is what becomes of a logon of ann with the settings that she had in
// the first place, at ex1, then, if that leads nowhere, what Autodiscover of
// contoso.test says.
func attempt(t *testing.T, s *Server, url, dn string) string {
	t.Helper()
	_, got := newClient(t, s, "ann@contoso.test").enter(url, dn)
	got = strings.ReplaceAll(got, "/o=contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Configuration/cn=Servers/cn=", "")
	return got
}

func asked(t *testing.T, s *Server, host, dn string) string {
	t.Helper()
	d := newClient(t, s, "ann@"+strings.TrimPrefix(host, "autodiscover.")).ask("https://"+host+autodiscoverPath, "LegacyDN", dn)
	return strings.TrimSpace(fmt.Sprintf("%d %s", d.Status, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", d.Action, d.URL, errorOf(d))), " ")))
}

func errorOf(d *pox) string {
	if d.ErrorCode == 0 {
		return ""
	}
	return fmt.Sprint(d.ErrorCode)
}

func TestAnOutageTakesWhatNeedsTheDirectory(t *testing.T) {
	tests := []struct {
		name, world, script string
		there, away         string // of a logon at ex1: while the directory is there, and away
	}{
		{"a mailbox at home goes on to be served", "", "", "ok", "ok"},
		{"a redirect", "", "move ann ex2", "logon ecWrongServer ex2", "logon ecLoginFailure"},
		{"an unknown user at Connect", "", "move ann mx1", "connect ecUnknownUser", "connect ecLoginFailure"},
		{"an unknown user at the logon", "refuse_at = \"logon\"\n", "move ann mx1", "logon ecUnknownUser", "logon ecLoginFailure"},
		{"a redirect by the mailbox", "server_name = \"guid\"\n", "move ann ex2",
			"logon ecWrongServer GUID@contoso.test", "logon ecLoginFailure"},
		{"a mailbox that is locked", "", "start ann ex2\nlock ann", "logon ecMailboxInTransit", "logon ecMailboxInTransit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, places(tt.world))
			v := newVictim(t, s, "connect")
			do(t, s, lines(tt.script)...)
			at, err := s.Where("ann")
			if err != nil {
				t.Fatal(err)
			}
			tt.there = strings.Replace(tt.there, "GUID", at.GUID, 1)
			if got := attempt(t, s, v.url, v.dn); got != tt.there {
				t.Errorf("the directory is there: %s, want %s", got, tt.there)
			}
			do(t, s, "outage contoso.test on")
			if got := attempt(t, s, v.url, v.dn); got != tt.away {
				t.Errorf("the directory is away: %s, want %s", got, tt.away)
			}
			if got := asked(t, s, "autodiscover.contoso.test", v.dn); got != "200 603" {
				t.Errorf("Autodiscover: %s", got)
			}
			do(t, s, "outage contoso.test off")
			if got := attempt(t, s, v.url, v.dn); got != tt.there {
				t.Errorf("afterwards: %s, want %s", got, tt.there)
			}
			if got := asked(t, s, "autodiscover.contoso.test", v.dn); !strings.HasPrefix(got, "200 settings") && !strings.HasPrefix(got, "200 redirectUrl") {
				t.Errorf("Autodiscover afterwards: %s", got)
			}
		})
	}
	t.Run("another forest has a directory of its own", func(t *testing.T) {
		s := Start(t, calm)
		v := newVictim(t, s, "connect")
		do(t, s, "move ann mx1", "outage contoso.test on")
		if got := asked(t, s, "autodiscover.fabrikam.test", v.dn); got != "200 settings" {
			t.Errorf("fabrikam: %s", got)
		}
	})
}

func TestALagLetsTheTargetDisagreeUntilItIsReplicated(t *testing.T) {
	t.Run("within a forest each names the other", func(t *testing.T) {
		s := Start(t, calm)
		v := newVictim(t, s, "connect")
		do(t, s, "move ann ex2 lag")
		at2 := strings.Replace(v.url, "ex1.", "ex2.", 1)
		if got := attempt(t, s, v.url, v.dn); got != "logon ecWrongServer ex2" {
			t.Errorf("ex1: %s", got)
		}
		if got := attempt(t, s, at2, v.dn); got != "logon ecWrongServer ex1" {
			t.Errorf("ex2: %s", got)
		}
		do(t, s, "replicate ann")
		if got := attempt(t, s, at2, v.dn); got != "ok" {
			t.Errorf("ex2 afterwards: %s", got)
		}
	})
	t.Run("in a forest that names mailboxes each names the other one", func(t *testing.T) {
		s := Start(t, places("server_name = \"guid\"\n"))
		v := newVictim(t, s, "connect")
		before, _ := s.Where("ann")
		do(t, s, "move ann ex2 lag")
		after, _ := s.Where("ann")
		fresh := strings.Replace(v.url, before.GUID, after.GUID, 1)
		if got := attempt(t, s, v.url, v.dn); got != "logon ecWrongServer "+after.GUID+"@contoso.test" {
			t.Errorf("the former mailbox: %s", got)
		}
		if got := attempt(t, s, fresh, v.dn); got != "logon ecWrongServer "+before.GUID+"@contoso.test" {
			t.Errorf("the new one: %s", got)
		}
		do(t, s, "replicate ann")
		if got := attempt(t, s, fresh, v.dn); got != "ok" {
			t.Errorf("afterwards: %s", got)
		}
	})
	t.Run("across forests the target refers back and refuses", func(t *testing.T) {
		s := Start(t, calm)
		v := newVictim(t, s, "connect")
		do(t, s, "move ann mx1 lag")
		at, _ := s.Where("ann")
		target := "https://mx1.fabrikam.test/mapi/emsmdb/?MailboxId=" + at.GUID + "@fabrikam.test"
		if !at.Lag {
			t.Errorf("nothing is told of the lag: %+v", at)
		}
		if got := asked(t, s, "autodiscover.contoso.test", v.dn); got != "200 redirectUrl https://autodiscover.fabrikam.test/autodiscover/autodiscover.xml" {
			t.Errorf("contoso: %s", got)
		}
		if got := asked(t, s, "autodiscover.fabrikam.test", v.dn); got != "200 redirectUrl https://autodiscover.contoso.test/autodiscover/autodiscover.xml" {
			t.Errorf("fabrikam: %s", got)
		}
		if _, got := newClient(t, s, "ann@fabrikam.test").enter(target, v.dn); got != "connect ecUnknownUser" {
			t.Errorf("mx1: %s", got)
		}
		do(t, s, "replicate ann")
		if got := asked(t, s, "autodiscover.fabrikam.test", v.dn); got != "200 settings" {
			t.Errorf("fabrikam afterwards: %s", got)
		}
		if _, got := newClient(t, s, "ann@fabrikam.test").enter(target, v.dn); got != "ok" {
			t.Errorf("mx1 afterwards: %s", got)
		}
	})
}

func TestARateRefusesWhatIsOverIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, calm)
		v := newVictim(t, s, "connect")
		do(t, s, "rate ex1 3")
		var got []string
		for range 5 {
			got = append(got, v.see("connect"))
		}
		<-time.After(999 * time.Millisecond)
		got = append(got, v.see("connect"))
		<-time.After(time.Millisecond)
		for range 4 {
			got = append(got, v.see("connect"))
		}
		if want := "ecNone ecNone ecNone 503 1 503 1 503 1 ecNone ecNone ecNone 503 1"; strings.Join(got, " ") != want {
			t.Errorf("have %s\nwant %s", strings.Join(got, " "), want)
		}
		if r, err := s.Rate("ex1"); err != nil || r != (Rate{Limit: 3, Refused: 4, Peak: 6}) {
			t.Errorf("%+v, %v", r, err)
		}
		if world := admin(s, "GET", "/world", "").Body.String(); !strings.Contains(strings.Join(strings.Fields(world), ""), `"ex1.contoso.test":{"limit":3,"refused":4,"peak":6}`) {
			t.Errorf("GET /world: %s", world)
		}
		do(t, s, "rate ex1 off")
		for range 10 {
			if got := v.see("connect"); got != "ecNone" {
				t.Errorf("without a limit: %s", got)
			}
		}
		if r, err := s.Rate("ex1.contoso.test"); err != nil || r != (Rate{Peak: 10}) {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestTenThousandMovesAtOnce(t *testing.T) {
	const n = 10_000
	s := Start(t, calm+"[[population]]\ncount = 10000\nserver = \"ex1\"\n")
	var moves sync.WaitGroup
	for i := range n {
		moves.Go(func() {
			user := fmt.Sprintf("u%06d", i+1)
			var err error
			switch i % 4 {
			case 0:
				_, err = s.Do("move " + user + " mx1")
			case 1:
				err = s.Move(user, "ex2", "", MoveOptions{})
			case 2:
				if w := admin(s, "POST", "/mailboxes/"+user+"/move", `{"to":"ex2/db2"}`); w.Code != 200 {
					err = fmt.Errorf("%s", w.Body)
				}
			case 3:
				if _, err = s.Do("move " + user + " ex1/db1"); err != nil && strings.Contains(err.Error(), "already") {
					err = nil // it is there
				}
			}
			if err != nil {
				t.Errorf("%s: %v", user, err)
			}
		})
	}
	moves.Wait()
	count := map[string]int{}
	for _, m := range s.dir.users {
		count[m.home.String()]++
	}
	// ann and ben stay with the quarter that does not move.
	for at, want := range map[string]int{"mx1/db1": n / 4, "ex2/db1": n / 4, "ex2/db2": n / 4, "ex1/db1": n/4 + 2} {
		if count[at] != want {
			t.Errorf("%s holds %d mailboxes, want %d", at, count[at], want)
		}
	}
}
