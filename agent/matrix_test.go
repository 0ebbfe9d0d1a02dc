package agent_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/mockserver"
)

var whole = flag.Bool("matrix.whole", false, "TestMatrix plays every cell, not a sample")

// journeys are the repairs that TestMatrix disturbs. All of them begin with a
// session that is open at ex1.contoso.test.
var journeys = []struct {
	name   string
	move   string   // the line of the script that moves the mailbox
	home   string   // where it is in the end
	hosts  []string // that a fault may be at
	policy string   // whom the administrator trusts; "": a person is asked
}{
	{"same forest", "move ann ex2", "ex2.contoso.test",
		[]string{"ex1.contoso.test", "ex2.contoso.test"}, ""},
	{"other forest", "move ann mx1", "mx1.fabrikam.test",
		[]string{"ex1.contoso.test", "autodiscover.contoso.test", "autodiscover.fabrikam.test", "mx1.fabrikam.test"}, "*.fabrikam.test"},
	{"other forest, which nobody trusts yet", "move ann mx1", "mx1.fabrikam.test",
		[]string{"ex1.contoso.test", "autodiscover.contoso.test", "autodiscover.fabrikam.test", "mx1.fabrikam.test"}, ""},
}

// TestMatrix plays every fault that the mock server knows at every step of a
// repair, once and for an hour. A step is a request on which the fault can act:
// the first at a host, the second and so on, until there is none. Whatever
// happens,
//
//   - the profile points to the old place or to one where a logon has succeeded,
//   - no host sees credentials that no rule and no person has admitted,
//   - the machine comes to rest, and nothing runs on when it ends,
//   - and the mailbox is at home in the end: when the fault is over, and the
//     person has answered who is asked.
//
// Every cell is played with -matrix.whole, as make matrix does; else one of a row
// and of every ninth row.
func TestMatrix(t *testing.T) {
	var sum tally
	rows := 0
	t.Run("cells", func(t *testing.T) {
		for _, kind := range mockserver.FaultKinds() {
			samples := kind.Samples
			if len(samples) == 0 {
				samples = []string{""}
			}
			for _, with := range samples {
				for j := range journeys {
					for _, host := range journeys[j].hosts {
						for _, times := range []int{1, mockserver.Always} {
							f := mockserver.Fault{Do: kind.Name, With: with, At: host, Times: times}
							if strings.HasPrefix(host, "autodiscover.") && !slices.Contains(kind.Endpoints, mockserver.EndpointAutodiscover) {
								continue
							}
							if rows++; !*whole && rows%9 != 0 {
								continue
							}
							row := rows / 9
							t.Run(fmt.Sprintf("%s in the %s", f, journeys[j].name), func(t *testing.T) {
								t.Parallel()
								if *whole {
									playRow(t, &sum, j, f)
									return
								}
								for f.Skip = row % 4; f.Skip >= 0 && !play(t, &sum, j, f); f.Skip-- {
								}
							})
						}
					}
				}
			}
		}
	})
	t.Logf("%d cells: %d at home unaided, %d after a person had answered; %d faults and arguments, %d journeys",
		sum.cells, sum.cells-sum.asked, sum.asked, len(sum.faults), len(journeys))
	if least := map[bool]int{false: 100, true: 2500}[*whole]; sum.cells < least {
		t.Errorf("%d cells, want at least %d", sum.cells, least)
	}
}

// tally counts what the cells came to.
type tally struct {
	mu           sync.Mutex
	cells, asked int
	faults       map[string]bool
}

// playRow plays f at the first step where it can act, the second and so on.
func playRow(t *testing.T, sum *tally, j int, f mockserver.Fault) {
	for play(t, sum, j, f) && f.Times != mockserver.Always { // from the first step on is all of it
		f.Skip++
	}
}

// play plays a cell, and reports whether the fault has met its request.
func play(t *testing.T, sum *tally, j int, f mockserver.Fault) bool {
	var asked, acted bool
	synctest.Test(t, func(t *testing.T) { asked, acted = playCell(t, j, f) })
	if t.Failed() {
		t.Fatalf("at step %d", f.Skip+1)
	}
	if acted {
		sum.mu.Lock()
		defer sum.mu.Unlock()
		sum.cells++
		if asked {
			sum.asked++
		}
		if sum.faults == nil {
			sum.faults = map[string]bool{}
		}
		sum.faults[f.Do+"="+f.With] = true
	}
	return acted
}

const matrixWorld = `
forest = [
    { name = "contoso.test", server = [{ name = "ex1" }, { name = "ex2" }] },
    { name = "fabrikam.test", server = [{ name = "mx1" }] },
]
mailbox = [
    { user = "ann", server = "ex1" },
]
`

// sight is what can be seen of a cell at one moment.
type sight struct {
	place    string   // where the profile on disk points
	unproven []string // saves that no logon stands behind
	signed   []string // hosts that have seen credentials
	state    agent.State
}

// broken returns which of the claims of TestMatrix do not hold: decided are the
// ends of the names of hosts that may see credentials, home is the new place.
func (s sight) broken(home string, decided []string) []string {
	var wrong []string
	if s.place != "ex1.contoso.test" && s.place != home {
		wrong = append(wrong, "the profile points to "+s.place)
	}
	for _, save := range s.unproven {
		wrong = append(wrong, "saved without a logon: "+save)
	}
	for _, host := range s.signed {
		if !slices.ContainsFunc(decided, func(end string) bool { return strings.HasSuffix(host, end) }) {
			wrong = append(wrong, host+" has seen credentials, and nobody had said that it may")
		}
	}
	if !s.state.Settled() {
		wrong = append(wrong, "it does not come to rest: "+s.state.String())
	}
	return wrong
}

func TestMatrixSeesABrokenClaim(t *testing.T) {
	good := sight{place: "ex1.contoso.test", signed: []string{"ex1.contoso.test"}, state: agent.Waiting}
	for name, tt := range map[string]struct {
		spoil func(*sight)
		want  string
	}{
		"nothing is wrong":                   {func(s *sight) {}, ""},
		"the profile is at the proven place": {func(s *sight) { s.place = "mx1.fabrikam.test" }, ""},
		"the profile is at a third place":    {func(s *sight) { s.place = "ex2.contoso.test" }, "points to ex2.contoso.test"},
		"the profile is gone":                {func(s *sight) { s.place = "" }, "points to"},
		"a save has no logon behind it":      {func(s *sight) { s.unproven = []string{"mx1.fabrikam.test said ecUnknownUser"} }, "saved without a logon"},
		"a stranger has seen credentials":    {func(s *sight) { s.signed = append(s.signed, "mx1.fabrikam.test") }, "mx1.fabrikam.test has seen"},
		"a look-alike has seen credentials":  {func(s *sight) { s.signed = append(s.signed, "ex1.evilcontoso.test") }, "ex1.evilcontoso.test has seen"},
		"the machine goes on and on":         {func(s *sight) { s.state = agent.Connecting }, "does not come to rest: connecting"},
	} {
		t.Run(name, func(t *testing.T) {
			s := good
			tt.spoil(&s)
			got := strings.Join(s.broken("mx1.fabrikam.test", []string{".contoso.test"}), "; ")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("broken: %q, want %q", got, tt.want)
			}
		})
	}
}

// playCell plays one journey with one fault. acted reports whether the fault has
// met its request, asked whether somebody had to answer.
func playCell(t *testing.T, j int, f mockserver.Fault) (asked, acted bool) {
	journey := journeys[j]
	p := newPlayer(t, matrixWorld)
	defer p.close() // the bubble sees what is left
	must := func(err error) {
		if err != nil {
			t.Errorf("%v\n%s", err, p.trace())
		}
	}
	decided := []string{".contoso.test"}
	if journey.policy != "" {
		decided = append(decided, strings.TrimPrefix(journey.policy, "*"))
		must(p.do("policy " + journey.policy))
	}
	must(p.play("start\nsetup ann@contoso.test\nawait online generation 1\nsleep 90s"))
	name, err := p.srv.Break(f)
	if err != nil && strings.Contains(err.Error(), "has no meaning at") {
		return false, false
	}
	if err != nil {
		t.Fatal(err)
	}
	must(p.do("world " + journey.move))

	mended := f.Times != mockserver.Always
	for began := time.Now(); !t.Failed(); {
		<-time.After(5 * time.Minute)
		p.settle()
		m := p.status().Mailboxes[0]
		for range 12 { // an exchange takes five minutes at most, and a look-up has four
			if !m.State.Settled() {
				<-time.After(time.Minute)
				p.settle()
				m = p.status().Mailboxes[0]
			}
		}
		for _, wrong := range p.sight(m).broken(journey.home, decided) {
			t.Errorf("%s\n%s", wrong, p.trace())
		}
		for _, rule := range p.srv.Faults() {
			acted = acted || rule.Acted > 0
		}
		if !mended && time.Since(began) > time.Hour {
			mended = true
			must(p.srv.Mend(name))
		}
		switch {
		case m.State == agent.Online && m.Server == journey.home && mended:
			return asked, acted
		case time.Since(began) > 12*time.Hour:
			t.Errorf("it is not at home after half a day, but %s\n%s", shown(m), p.trace())
		case m.Needs == nil || !mended:
		case m.Needs.Kind == agent.NeedSignIn:
			asked = true
			must(p.do(fmt.Sprintf("signin %s %s", m.Needs.Realm, worldPassword)))
		case m.Needs.Kind == agent.NeedTrust && journey.policy == "":
			decided = append(decided, ".fabrikam.test")
			must(p.do("trust " + strings.TrimSuffix(m.Needs.Hop.To, ":443")))
		}
	}
	return asked, acted
}

// sight looks at m, on disk and on the wire.
func (p *player) sight(m agent.Mailbox) sight {
	s := sight{unproven: p.store.unproven, state: m.State}
	if saved, err := p.store.Load(context.Background(), m.ID); err == nil {
		s.place = saved.Place()
	}
	for _, r := range p.srv.Requests() {
		if r.Signed && !slices.Contains(s.signed, r.Host) {
			s.signed = append(s.signed, r.Host)
		}
	}
	return s
}
