package agent

import (
	"fmt"
	"slices"
	"testing"
)

// The policy alone, explored whole: every outcome, whether it can be met there
// or not, in every state with every budget that a cycle can come to. Their
// number is finite, so what holds here holds for scripts of every length.

// policy is decide, or one that is broken on purpose.
type policy func(State, Outcome, Budget) (Verdict, Budget)

// tally counts what a cycle really did, apart from the Budget that decides.
type tally struct{ hops, discoveries, fresh int }

// standing is a node of the graph.
type standing struct {
	State
	Budget
	tally
}

// What a cycle may do, by the table of ARCHITECTURE.md: starting, 3 hops, 1
// repeated logon, 1 discovery and the place that it names make 6 logons; with
// the decision after the reading of the profile and the one after the
// discovery, 8 decisions.
const (
	mostHops        = 3
	mostDiscoveries = 1
	mostFresh       = 1
	mostRefusals    = 2
	mostLogons      = 6
	mostDecisions   = 8
)

// met are the outcomes that a machine can put to the policy, by state. The
// exploration of the machine shows that it is these and no others; it leaves out
// Paused, which no outcome leads to, and renewals, which go on beside a session:
// those put LoggedOn to it in Online (renew_test.go).
var met = map[State][]Outcome{
	Starting: {Found, NothingBetter, Unreadable},
	Connecting: {LoggedOn, WrongServer, Circle, UnknownHere, Gone, InTransit, Busy, SessionLost,
		Unauthorized, NoSecret, Denied, Untrusted, NeverTrusted, Cancelled},
	Discovering: {Busy, Unauthorized, NoSecret, Untrusted, NeverTrusted, Found, NothingBetter, NoDirectory, Cancelled},
	Online:      {LoggedOn, SessionLost, Cancelled},
	Waiting:     {Cancelled},
	NeedsYou:    {Cancelled},
}

// leads says where each outcome that can be met may lead, with some budget. An
// outcome that is not listed for its state goes by elsewhere.
var leads = map[State]map[Outcome][]State{
	Starting: {Found: {Connecting}, NothingBetter: {Discovering}, Unreadable: {Waiting}},
	Connecting: {
		LoggedOn:     {Online},
		WrongServer:  {Connecting, Discovering, Waiting, NeedsYou},
		Circle:       {Discovering, Waiting, NeedsYou},
		UnknownHere:  {Discovering, Waiting, NeedsYou},
		Gone:         {Discovering, Waiting, NeedsYou},
		NeverTrusted: {Discovering, Waiting, NeedsYou},
		SessionLost:  {Connecting, Discovering, Waiting},
		Unauthorized: {Discovering, NeedsYou},
		InTransit:    {Waiting}, Busy: {Discovering, Waiting},
		Denied: {NeedsYou}, Untrusted: {NeedsYou}, NoSecret: {NeedsYou},
		Cancelled: {Stopped},
	},
	Discovering: {
		Found:         {Connecting},
		NothingBetter: {Waiting, NeedsYou}, NoDirectory: {Waiting, NeedsYou}, NeverTrusted: {Waiting, NeedsYou},
		Busy: {Waiting}, Unauthorized: {NeedsYou}, Untrusted: {NeedsYou}, NoSecret: {NeedsYou},
		Cancelled: {Stopped},
	},
	Online:   {LoggedOn: {Online}, SessionLost: {Waiting}, Cancelled: {Stopped}},
	Waiting:  {Cancelled: {Stopped}},
	NeedsYou: {Cancelled: {Stopped}},
}

// graph is what was found.
type graph struct {
	nodes   map[standing]bool
	edges   int
	longest int // decisions from a cycle's start to a settled state
	led     map[State]map[Outcome][]State
	broken  map[string]error // by claim, the first case
}

func (g *graph) breaks(claim, format string, args ...any) {
	if g.broken[claim] == nil {
		g.broken[claim] = fmt.Errorf(format, args...)
	}
}

// chart explores p from a fresh cycle and from every settled state.
func chart(p policy) *graph {
	g := &graph{nodes: make(map[standing]bool), led: make(map[State]map[Outcome][]State), broken: make(map[string]error)}
	todo := []standing{{State: Starting}}
	next := make(map[standing][]standing) // unsettled to unsettled
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		if g.nodes[at] {
			continue
		}
		g.nodes[at] = true
		for _, asked := range given(at.Budget) {
			for _, o := range walk[Outcome]() {
				verdict, budget := p(at.State, o, asked)
				g.edges++
				to := standing{verdict.Next, budget, at.tally}
				g.judge(at, o, &to, verdict)
				switch {
				case to.hops > mostHops, to.discoveries > mostDiscoveries, to.fresh > mostFresh: // seen; no need to follow it for ever
					continue
				case to.Settled():
					to = standing{State: to.State} // a cycle begins with nothing used
				case at.Settled():
				default:
					next[at] = append(next[at], to)
				}
				todo = append(todo, to)
				if to.State == Waiting || to.State == NeedsYou || to.State == Online {
					todo = append(todo, standing{State: Starting}) // time passes, or somebody asks
				}
			}
		}
	}
	depth, under := make(map[standing]int), make(map[standing]bool)
	var measure func(standing) int
	measure = func(at standing) int {
		if under[at] {
			g.breaks("settles", "a cycle comes back to %s with %+v", at.State, at.Budget)
			return 0
		}
		if d, ok := depth[at]; ok {
			return d
		}
		under[at] = true
		d := 1
		for _, to := range next[at] {
			d = max(d, 1+measure(to))
		}
		under[at] = false
		depth[at] = d
		return d
	}
	for at := range g.nodes {
		if !at.Settled() {
			g.longest = max(g.longest, measure(at))
		}
	}
	if g.longest > mostDecisions {
		g.breaks("settles", "a cycle takes %d decisions, more than %d", g.longest, mostDecisions)
	}
	return g
}

// given are the budgets that the machine may hand to decide where it stands with
// b: it alone says whether a sign-in had worked and a session died young.
func given(b Budget) []Budget {
	var all []Budget
	for _, worked := range []bool{false, true} {
		for _, brief := range []bool{false, true} {
			for _, tired := range []bool{false, true} {
				b.Worked, b.Brief, b.Tired = worked, brief, tired
				all = append(all, b)
			}
		}
	}
	return all
}

// judge holds one decision against the claims, and counts in to.
func (g *graph) judge(at standing, o Outcome, to *standing, v Verdict) {
	if g.led[at.State] == nil {
		g.led[at.State] = make(map[Outcome][]State)
	}
	if !slices.Contains(g.led[at.State][o], to.State) {
		g.led[at.State][o] = append(g.led[at.State][o], to.State)
	}
	named := func() string { return fmt.Sprintf("%s in %s with %+v leads to %s", o, at.State, at.Budget, to.State) }
	waits := to.State == Waiting || to.State == NeedsYou
	switch {
	case waits != (v.Wait != NoWait):
		g.breaks("a wait has a pace", "%s %q", named(), v.Wait)
	case o == Cancelled && to.State != Stopped, o != Cancelled && to.State == Stopped:
		g.breaks("stops when told, and only then", "%s", named())
	case at.Settled() && !to.Settled():
		g.breaks("settled until time passes or somebody asks", "%s", named())
	case to.State == Starting, to.State == Paused, to.State == Online && (at.State != Connecting && at.State != Online || o != LoggedOn):
		g.breaks("online by a logon alone", "%s", named())
	}
	switch {
	case to.State == Discovering:
		to.discoveries++
	case to.State == Connecting && at.State == Connecting && o == WrongServer:
		to.hops++
	case to.State == Connecting && at.State == Connecting && o == SessionLost:
		to.fresh++
	case to.State == Connecting && o != Found:
		g.breaks("a logon has a reason", "%s", named())
	case to.State == Connecting && at.State == Connecting:
		g.breaks("a logon has a reason", "%s", named())
	}
	if to.hops > mostHops || to.discoveries > mostDiscoveries || to.fresh > mostFresh {
		g.breaks("budgets", "%s after %+v", named(), to.tally)
	}
	if b := to.Budget; b.Hops > mostHops || b.Discoveries > mostDiscoveries || b.Fresh > mostFresh {
		g.breaks("budgets", "%s with %+v", named(), b)
	}
}

func TestEveryScriptOfOutcomesSettlesWithinItsBudgets(t *testing.T) {
	g := chart(decide)
	for claim, err := range g.broken {
		t.Errorf("%s: %v", claim, err)
	}
	if g.longest != mostDecisions {
		t.Errorf("the longest cycle takes %d decisions, want %d", g.longest, mostDecisions)
	}
	t.Logf("%d standings, %d decisions, none longer than %d from a settled state to the next", len(g.nodes), g.edges, g.longest)
}

// Each outcome that can be met goes where the table says, with some budget to
// each of the places and with none elsewhere.
func TestEveryOutcomeIsAnsweredInEveryState(t *testing.T) {
	g := chart(decide)
	for _, s := range walk[State]() {
		for _, o := range met[s] {
			want, listed := leads[s][o]
			if !listed {
				t.Errorf("%s in %s can be met and nobody says where it leads", o, s)
			}
			got := slices.Sorted(slices.Values(g.led[s][o]))
			if want = slices.Sorted(slices.Values(want)); !slices.Equal(got, want) {
				t.Errorf("%s in %s leads to %v, want %v", o, s, got, want)
			}
		}
		for o := range leads[s] {
			if !slices.Contains(met[s], o) {
				t.Errorf("%s in %s leads somewhere and cannot be met", o, s)
			}
		}
	}
}

// The claims above see what they are there to see.
func TestABrokenPolicyIsSeen(t *testing.T) {
	for _, tt := range []struct {
		name, claim string
		policy      policy
	}{
		{"redirects are not counted", "budgets", func(s State, o Outcome, b Budget) (Verdict, Budget) {
			b.Hops = 0
			return decide(s, o, b)
		}},
		{"discoveries are not counted", "budgets", func(s State, o Outcome, b Budget) (Verdict, Budget) {
			b.Discoveries = 0
			return decide(s, o, b)
		}},
		{"repeated logons are not counted", "budgets", func(s State, o Outcome, b Budget) (Verdict, Budget) {
			b.Fresh = 0
			return decide(s, o, b)
		}},
		{"a profile that cannot be read is read again at once", "settles", func(s State, o Outcome, b Budget) (Verdict, Budget) {
			if s == Starting && o == Unreadable {
				return Verdict{Next: Starting}, b
			}
			return decide(s, o, b)
		}},
		{"a logon that was refused is tried again", "a logon has a reason", func(s State, o Outcome, b Budget) (Verdict, Budget) {
			if s == Connecting && o == Busy {
				return Verdict{Next: Connecting}, b
			}
			return decide(s, o, b)
		}},
		{"a wait without a length", "a wait has a pace", func(s State, o Outcome, b Budget) (Verdict, Budget) {
			v, b := decide(s, o, b)
			v.Wait = NoWait
			return v, b
		}},
		{"online without a logon", "online by a logon alone", func(s State, o Outcome, b Budget) (Verdict, Budget) {
			if s == Discovering && o == Found {
				return Verdict{Next: Online}, b
			}
			return decide(s, o, b)
		}},
		{"a context that ends is waited for", "stops when told, and only then", func(s State, o Outcome, b Budget) (Verdict, Budget) {
			if o == Cancelled {
				return Verdict{Waiting, ForNews}, b
			}
			return decide(s, o, b)
		}},
		{"what has settled goes on by itself", "settled until time passes or somebody asks", func(s State, o Outcome, b Budget) (Verdict, Budget) {
			if s == NeedsYou && o == Found {
				return Verdict{Next: Connecting}, b
			}
			return decide(s, o, b)
		}},
		{"a lost session is replaced at once", "settled until time passes or somebody asks", func(s State, o Outcome, b Budget) (Verdict, Budget) {
			if s == Online && o == SessionLost {
				return Verdict{Next: Connecting}, Budget{}
			}
			return decide(s, o, b)
		}},
	} {
		if chart(tt.policy).broken[tt.claim] == nil {
			t.Errorf("%s: nobody notices", tt.name)
		}
	}
}
