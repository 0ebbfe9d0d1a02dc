package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
)

const (
	ms  = time.Millisecond
	far = "autodiscover.fabrikam.test"
	mx1 = "mx1.fabrikam.test"
)

// drawn is a journey as lines: a stop and what happened there.
func drawn(j Journey) []string {
	var lines []string
	for i, s := range j.Stops {
		line := s.Host
		if s.Directory {
			line = "(" + line + ")"
		}
		if s.Home {
			line += " home"
		}
		if s.Failed {
			line += " greyed"
		}
		h := j.Hops[i]
		if h.Failed != s.Failed {
			line += " but the hop is not"
		}
		lines = append(lines, fmt.Sprintf("%s: %s [%s]", line, h.Reason, h.Took))
	}
	if j.Took != "" {
		lines = append(lines, "took "+j.Took)
	}
	return lines
}

func present(t *testing.T, b agent.Mailbox) Mailbox {
	t.Helper()
	return Present(agent.Status{Mailboxes: []agent.Mailbox{b}}, nil, noon.Add(time.Hour), in(t, "en")).Mailboxes[0]
}

func TestJourney(t *testing.T) {
	wait := func(after, d time.Duration, o agent.Outcome) agent.Leg {
		l := leg(after, "wait", "", o)
		l.Elapsed, l.Failed = d, false
		return l
	}
	on := func(server string) func(*agent.Mailbox) {
		return func(b *agent.Mailbox) { b.Server, b.State = server, agent.Online }
	}
	for _, tt := range []struct {
		name string
		at   func(*agent.Mailbox)
		legs []agent.Leg
		want []string
	}{
		{"the first logon", on(ex1), []agent.Leg{
			leg(0, "discover", auto, agent.Found), leg(20*ms, "logon", ex1, agent.LoggedOn), leg(30*ms, "saved", "", agent.LoggedOn),
		}, []string{"(autodiscover.contoso.test): says where the mailbox is [10 ms]", "ex1.contoso.test home: lets Homing in [20 ms]", "took 40 ms"}},
		{"a move within the forest, that took its time", on(ex2), []agent.Leg{
			leg(0, "session", ex1, agent.SessionLost), leg(10*ms, "logon", ex1, agent.InTransit), wait(20*ms, 30*time.Second, agent.InTransit),
			leg(30020*ms, "logon", ex1, agent.WrongServer), leg(30030*ms, "resolve", ex2, agent.Found),
			leg(30040*ms, "logon", ex2, agent.LoggedOn), leg(30050*ms, "saved", "", agent.LoggedOn),
		}, []string{"ex1.contoso.test: is moving the mailbox, then names another server [30.0 s]", "ex2.contoso.test home: lets Homing in [20 ms]", "took 30.1 s"}},
		{"a move to another forest, over a directory that was not needed", on(mx1), []agent.Leg{
			leg(0, "logon", ex1, agent.UnknownHere), leg(10*ms, "discover", auto, agent.WrongServer), leg(20*ms, "discover", "contoso.test", agent.Cancelled),
			leg(30*ms, "discover", far, agent.Found), leg(40*ms, "logon", mx1, agent.LoggedOn), leg(50*ms, "saved", "", agent.LoggedOn),
		}, []string{"ex1.contoso.test greyed: does not know the mailbox [10 ms]", "(autodiscover.contoso.test): sends on [10 ms]",
			"(autodiscover.fabrikam.test): says where the mailbox is [10 ms]", "mx1.fabrikam.test home: lets Homing in [20 ms]", "took 60 ms"}},
		{"a circle, and the same servers again", on(ex1), []agent.Leg{
			leg(0, "logon", ex1, agent.WrongServer), leg(10*ms, "resolve", ex2, agent.Found), leg(20*ms, "logon", ex2, agent.WrongServer),
			leg(30*ms, "resolve", ex1, agent.Found), leg(40*ms, "discover", auto, agent.NothingBetter), wait(50*ms, time.Minute, agent.NothingBetter),
			leg(20*time.Second, "logon", ex1, agent.LoggedOn), leg(20*time.Second, "saved", "", agent.LoggedOn),
		}, []string{"ex1.contoso.test: names another server [20 ms]", "ex2.contoso.test: names another server [20 ms]",
			"(autodiscover.contoso.test) greyed: knows nothing of it [20.0 s]", "ex1.contoso.test home: lets Homing in [10 ms]", "took 20.0 s"}},
		{"home is where the mailbox is now, not where it was in between", on(ex1), []agent.Leg{
			leg(0, "logon", ex1, agent.WrongServer), leg(10*ms, "logon", ex1, agent.LoggedOn), leg(20*ms, "session", ex1, agent.SessionLost),
			leg(30*ms, "logon", ex2, agent.WrongServer), leg(40*ms, "logon", ex1, agent.LoggedOn),
		}, []string{"ex1.contoso.test: lets Homing in, then dropped the connection [30 ms]", "ex2.contoso.test: names another server [10 ms]",
			"ex1.contoso.test home: lets Homing in [10 ms]", "took 50 ms"}},
		{"a directory beside the mailbox is a place of its own", on(ex1), []agent.Leg{
			leg(0, "logon", ex1, agent.Gone), leg(10*ms, "discover", ex1, agent.Found), leg(20*ms, "logon", ex1+":443", agent.LoggedOn),
		}, []string{"ex1.contoso.test greyed: cannot be reached [10 ms]", "(ex1.contoso.test): says where the mailbox is [10 ms]", "ex1.contoso.test home: lets Homing in [10 ms]", "took 30 ms"}},
		{"a server name that nobody knows", nil, []agent.Leg{leg(0, "logon", ex1, agent.WrongServer), leg(10*ms, "resolve", "", agent.Circle)},
			[]string{"ex1.contoso.test greyed: names another server, then names a server that cannot be found [20 ms]"}},
		{"it goes on: nothing is home, and nothing took its time", func(b *agent.Mailbox) { b.State = agent.Waiting }, []agent.Leg{
			leg(0, "logon", ex1, agent.Busy), wait(10*ms, 3*time.Hour, agent.Busy),
		}, []string{"ex1.contoso.test: asks for patience [1 h]"}},
		{"a host that asks first", nil, []agent.Leg{leg(0, "logon", ex1, agent.UnknownHere), leg(10*ms, "discover", auto, agent.WrongServer), leg(20*ms, "discover", far, agent.Untrusted)},
			[]string{"ex1.contoso.test greyed: does not know the mailbox [10 ms]", "(autodiscover.contoso.test): sends on [10 ms]", "(autodiscover.fabrikam.test) greyed: needs your yes first [10 ms]"}},
		{"what has lost its beginning", on(ex1), []agent.Leg{wait(0, time.Minute, agent.Gone), leg(time.Minute, "logon", ex1, agent.LoggedOn)},
			[]string{"ex1.contoso.test home: lets Homing in [10 ms]", "took 10 ms"}},
		{"no legs", nil, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := box(agent.Connecting, func(b *agent.Mailbox) { b.Journey = tt.legs })
			if tt.at != nil {
				tt.at(&b)
			}
			if diff := cmp.Diff(tt.want, drawn(present(t, b).Journey)); diff != "" {
				t.Errorf("journey (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAJourneyOfTwelveHops(t *testing.T) {
	var legs []agent.Leg
	var want []string
	for i := range 11 {
		host := fmt.Sprintf("ex%d.contoso.test", i%4)
		legs = append(legs, leg(time.Duration(2*i)*time.Second, "logon", host, agent.WrongServer), leg(time.Duration(2*i+1)*time.Second, "resolve", "", agent.Found))
		want = append(want, host+": names another server [1.0 s]")
	}
	legs = append(legs, leg(22*time.Second, "logon", "ex3.contoso.test", agent.LoggedOn))
	want = append(want, "ex3.contoso.test home: lets Homing in [10 ms]", "took 22.0 s")
	b := box(agent.Online, by(legs...), func(b *agent.Mailbox) { b.Server = "ex3.contoso.test" })
	if diff := cmp.Diff(want, drawn(present(t, b).Journey)); diff != "" {
		t.Errorf("journey (-want +got):\n%s", diff)
	}
}

func TestTheWireOfAHop(t *testing.T) {
	first := leg(0, "logon", ex1, agent.WrongServer)
	first.Said, first.Wire = "ecWrongServer -> EX2", []string{"Execute RopLogon at " + ex1, "  HTTP 200\u202e"}
	second := leg(10*ms, "resolve", ex2, agent.Found)
	second.Said = "a\nb"
	got := present(t, box(agent.Connecting, by(first, second))).Journey.Hops[0].Wire
	want := []string{"logon ex1.contoso.test: ecWrongServer -> EX2", "  Execute RopLogon at ex1.contoso.test", `    HTTP 200\u202e`, `resolve ex2.contoso.test: a\x0ab`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wire (-want +got):\n%s", diff)
	}
}

func TestLive(t *testing.T) {
	asked := []agent.Leg{leg(0, "discover", "contoso.test", agent.Gone), leg(10*ms, "discover", auto, agent.WrongServer), leg(20*ms, "discover", "www.contoso.test", agent.Cancelled), leg(30*ms, "discover", far, agent.NothingBetter)}
	for _, tt := range []struct {
		name string
		box  agent.Mailbox
		want []Look
	}{
		{"nothing is known yet", box(agent.Starting, func(b *agent.Mailbox) { b.Server = "nowhere" }), []Look{{UnderWay, "", "asking where the mailbox is …"}}},
		{"the server that the profile remembers", box(agent.Connecting), []Look{{UnderWay, ex1, "signing in …"}}},
		{"places are asked", box(agent.Discovering, by(asked...)), []Look{
			{Passed, "contoso.test", "does not answer"}, {Done, auto, "sends on"}, {Passed, far, "knows nothing of it"}, {UnderWay, "", "asking where the mailbox is …"}}},
		{"a place that needs an answer", box(agent.Discovering, by(leg(0, "discover", far, agent.Untrusted), leg(1, "discover", auto, agent.Unauthorized))), []Look{
			{Failed, far, "needs your yes first"}, {Failed, auto, "wants a password"}, {UnderWay, "", "asking where the mailbox is …"}}},
		{"a place was found", box(agent.Connecting, by(leg(0, "discover", auto, agent.Found))), []Look{{Done, auto, "says where the mailbox is"}, {UnderWay, "", "signing in …"}}},
		{"a server was named", box(agent.Connecting, by(leg(0, "logon", ex1, agent.WrongServer), leg(10*ms, "resolve", ex2, agent.Found))),
			[]Look{{Done, ex1, "names another server"}, {UnderWay, ex2, "signing in …"}}},
		{"the cycles before are over", box(agent.Discovering, by(asked...), func(b *agent.Mailbox) { b.Looked = noon.Add(30 * ms) }),
			[]Look{{Passed, far, "knows nothing of it"}, {UnderWay, "", "asking where the mailbox is …"}}},
		{"it waits", box(agent.Waiting, by(asked...)), nil},
		{"it is online", box(agent.Online, by(asked...)), nil},
		{"it needs a person", box(agent.NeedsYou, by(asked...)), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, present(t, tt.box).Live); diff != "" {
				t.Errorf("live (-want +got):\n%s", diff)
			}
		})
	}
}

// A long journey, with as much on the wire as there can be.
func BenchmarkPresent(b *testing.B) {
	say, err := In("en")
	if err != nil {
		b.Fatal(err)
	}
	var legs []agent.Leg
	for i := range 64 {
		l := leg(time.Duration(i)*time.Second, "logon", fmt.Sprintf("ex%d.contoso.test", i%12), agent.WrongServer)
		for range 32 {
			l.Wire = append(l.Wire, strings.Repeat("x", 200))
		}
		legs = append(legs, l)
	}
	s := agent.Status{Mailboxes: []agent.Mailbox{box(agent.Online, by(legs...))}}
	b.ReportAllocs()
	for b.Loop() {
		Present(s, nil, noon, say)
	}
}
