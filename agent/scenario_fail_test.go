package agent_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homing-mail/homing/profile"
)

// TestScenarioWantCanFail shows that each keyword is looked at: the same facts
// with one line of want made wrong.
func TestScenarioWantCanFail(t *testing.T) {
	s := readScenario(t, "../testdata/scenario/another-password-in-the-new-forest.txtar")
	synctest.Test(t, func(t *testing.T) {
		p := newPlayer(t, s.world)
		if err := p.play(s.script); err != nil {
			t.Fatal(err)
		}
		facts := p.facts()
		p.close()
		if wrong := judge(s.want, facts); wrong != nil {
			t.Fatalf("the right want: %v", wrong)
		}
		right := regexp.MustCompile(` +`).ReplaceAllString(s.want, " ")
		seen := make(map[string]bool)
		for _, tt := range []struct{ name, old, new, keyword string }{
			{"another server", "server mx1.fabrikam.test", "server ex1.contoso.test", "server"},
			{"another generation", "generation 2", "generation 3", "generation"},
			{"another state", "state online", "state waiting", "state"},
			{"no state", "state online", "", "state"},
			{"a need that nobody has", "", "need sign-in *.fabrikam.test", "need"},
			{"a problem that nobody has", "", "problem unauthorized", "problem"},
			{"a request more", "requests mx1.fabrikam.test 5", "requests mx1.fabrikam.test 6", "requests"},
			{"a host that was not asked", "", "requests ex2.contoso.test 1", "requests"},
			{"a host that was asked is not named", "requests mx1.fabrikam.test 5", "", "requests"},
			{"a host that saw credentials is not named", "signed autodiscover.contoso.test ", "signed ", "signed"},
			{"no host saw credentials", "signed ", "#", "signed"},
			{"a refusal more", "refusals 1", "refusals 2", "refusals"},
			{"a refusal is not named", "refusals 1", "", "refusals"},
			{"a challenge that there was not", "", "challenged mx1.fabrikam.test 2", "challenged"},
			{"an unproven save that there was not", "", "unproven mx1.fabrikam.test said nothing", "unproven"},
			{"a disagreement that there was not", "", "disagreement", "disagreement"},
			{"another number of connections", "connections mx1.fabrikam.test 1", "connections mx1.fabrikam.test 2", "connections"},
			{"asked by something else", "asked autodiscover.contoso.test by LegacyDN", "asked autodiscover.contoso.test by EMailAddress", "asked"},
			{"asked less often", "asked autodiscover.contoso.test by LegacyDN\n", "", "asked"},
			{"a field more", "changes server, ", "changes server, label, ", "changes"},
			{"a login more", "", "login *.tailspin.test", "login"},
			{"a save more", "saves 1", "saves 2", "saves"},
			{"nothing saved", "saves 1", "saves nothing", "saves"},
		} {
			want := strings.Replace(right, tt.old, tt.new, 1)
			if tt.old == "" {
				want = right + tt.new + "\n"
			}
			if want == right {
				t.Errorf("%s: the want says no %q", tt.name, tt.old)
			}
			wrong := judge(strings.ReplaceAll(want, "#", "\n"), facts)
			if len(wrong) == 0 || !strings.HasPrefix(wrong[0], tt.keyword+" ") {
				t.Errorf("%s: wrong about %q, but judged: %q", tt.name, tt.keyword, wrong)
			}
			seen[tt.keyword] = true
		}
		for _, k := range keywords {
			if !seen[k.word] {
				t.Errorf("no wrong want for keyword %q", k.word)
			}
		}
		if wrong := judge(s.want+"sever mx1.fabrikam.test\n", facts); len(wrong) != 1 {
			t.Errorf("a keyword that there is not was judged: %q", wrong)
		}
	})
}

// TestScenarioScriptCanFail shows that a line that is not carried out, or a
// state that never comes, fails the scenario.
func TestScenarioScriptCanFail(t *testing.T) {
	const begin = "start\nsetup ann@contoso.test\nawait online generation 1\n"
	for _, tt := range []struct{ name, line string }{
		{"a state that never comes", "await waiting"},
		{"a generation that never comes", "await online generation 11"},
		{"a need that nobody has", "await online generation 1 need sign-in *.contoso.test"},
		{"a problem that nobody has", "await online problem gone"},
		{"a mailbox that is not there", "await ben@contoso.test online"},
		{"a word that there is not", "dance"},
		{"a word with too little", "signin *.contoso.test"},
		{"no duration", "sleep long"},
		{"nothing for the world to do", "world fly ann"},
		{"a second start", "start"},
		{"a command without an agent", "stop\ncheck now"},
		{"an address that is none", "setup ann"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := readScenario(t, "../testdata/scenario/other-database.txtar")
			synctest.Test(t, func(t *testing.T) {
				p := newPlayer(t, s.world)
				p.patience = time.Hour
				if err := p.play(begin); err != nil {
					t.Fatal(err)
				}
				if err := p.play(tt.line); err == nil {
					t.Errorf("%q was carried out", tt.line)
				}
				p.close()
			})
		})
	}
}

// TestScenarioSeesUnprovenSaves saves behind the agent's back where nobody has
// logged on.
func TestScenarioSeesUnprovenSaves(t *testing.T) {
	s := readScenario(t, "../testdata/scenario/other-database.txtar")
	synctest.Test(t, func(t *testing.T) {
		p := newPlayer(t, s.world)
		if err := p.play(s.script); err != nil {
			t.Fatal(err)
		}
		ctx, id := context.Background(), p.status().Mailboxes[0].ID
		saved, err := p.store.Load(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		saved.Endpoint.MAPI.MailStore = strings.Replace(saved.Endpoint.MAPI.MailStore, "ex1", "ex2", 1)
		if _, err := p.store.Save(ctx, saved, saved.Generation, profile.Reason{Text: "a bad day"}); err != nil {
			t.Fatal(err)
		}
		facts := p.facts()
		p.close()
		for _, want := range []string{
			"unproven ex2.contoso.test said nothing",
			"disagreement ex2.contoso.test generation 3 shown as ex1.contoso.test generation 2",
		} {
			if !slices.Contains(facts, want) {
				t.Errorf("no %q among the facts: %q", want, facts)
			}
		}
	})
}
