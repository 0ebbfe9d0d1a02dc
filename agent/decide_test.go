package agent

import (
	"fmt"
	"testing"
)

// Every state that decide is asked in with every outcome. A budget that is not
// named is fresh.
func TestDecide(t *testing.T) {
	var (
		connect  = Verdict{Next: Connecting}
		discover = Verdict{Next: Discovering}
		online   = Verdict{Next: Online}
		stop     = Verdict{Next: Stopped}
		move     = Verdict{Waiting, ForMove}
		server   = Verdict{Waiting, ForServer}
		news     = Verdict{Waiting, ForNews}
		network  = Verdict{Waiting, ForNetwork}
		you      = Verdict{NeedsYou, ForYou}
		turn     = Verdict{Waiting, ForTurn}
		reread   = Verdict{Waiting, ForYou}
	)
	fresh, asked := Budget{}, Budget{Discoveries: 1}
	type pair struct {
		State
		Outcome
	}
	decided := make(map[pair]bool)
	for _, tt := range []struct {
		name     string
		states   []State
		outcomes []Outcome
		budget   Budget
		want     Verdict
		after    Budget
	}{
		// Whatever is being done.
		{"a context that ends stops the machine", walk[State](), []Outcome{Cancelled}, asked, stop, asked},
		{"in transit waits on the same server and asks nobody", walk[State](), []Outcome{InTransit}, fresh, move, fresh},
		{"a busy server is given time and asks nobody", walk[State](), []Outcome{Busy}, fresh, server, fresh},
		{"a server that has been busy for long may be gone: Autodiscover is asked", []State{Connecting}, []Outcome{Busy}, Budget{Tired: true}, discover, Budget{Tired: true, Discoveries: 1}},
		{"a server that has been busy for long is asked again, once Autodiscover has been", []State{Connecting}, []Outcome{Busy}, Budget{Tired: true, Discoveries: 1}, server, Budget{Tired: true, Discoveries: 1}},
		{"a server that has been busy for long and nothing better: it is given time", []State{Discovering},
			[]Outcome{NothingBetter, NoDirectory, NeverTrusted, Busy}, Budget{Tired: true, Discoveries: 1}, server, Budget{Tired: true, Discoveries: 1}},
		{"a host that may not receive credentials yet needs a person", walk[State](), []Outcome{Untrusted}, fresh, you, fresh},
		{"a mailbox without the right to it needs a person", walk[State](), []Outcome{Denied}, fresh, you, fresh},

		{"a secret behind a lock is tried again soon, while a person may unlock it", walk[State](), []Outcome{NoSecret}, fresh, Verdict{NeedsYou, ForNetwork}, fresh},

		{"a profile with a place is tried there first", []State{Starting}, []Outcome{Found}, fresh, connect, fresh},
		{"a profile that cannot be read is read again later", []State{Starting}, []Outcome{Unreadable}, fresh, reread, fresh},
		{"a profile without a usable place asks Autodiscover", []State{Starting},
			[]Outcome{LoggedOn, WrongServer, Circle, UnknownHere, Gone, SessionLost, Unauthorized, NeverTrusted, NothingBetter, NoDirectory}, fresh, discover, asked},

		{"a logon is what it is all for", []State{Connecting}, []Outcome{LoggedOn}, asked, online, asked},
		{"a wrong server is followed", []State{Connecting}, []Outcome{WrongServer}, fresh, connect, Budget{Hops: 1}},
		{"a third wrong server is followed", []State{Connecting}, []Outcome{WrongServer}, Budget{Hops: 2}, connect, Budget{Hops: 3}},
		{"a fourth wrong server asks Autodiscover", []State{Connecting}, []Outcome{WrongServer}, Budget{Hops: 3}, discover, Budget{Hops: 3, Discoveries: 1}},
		{"a fourth wrong server after Autodiscover waits", []State{Connecting}, []Outcome{WrongServer}, Budget{Hops: 3, Discoveries: 1}, news, Budget{Hops: 3, Discoveries: 1}},
		{"a circle, an unknown mailbox, a host that never may: Autodiscover is asked", []State{Connecting},
			[]Outcome{Circle, UnknownHere, NeverTrusted, Found, NothingBetter, NoDirectory, Unreadable}, fresh, discover, asked},
		{"what Autodiscover has not healed waits for news", []State{Connecting},
			[]Outcome{Circle, UnknownHere, NeverTrusted, Found, NothingBetter, NoDirectory, Unreadable}, asked, news, asked},
		{"a server that is gone asks Autodiscover", []State{Connecting}, []Outcome{Gone}, fresh, discover, Budget{Discoveries: 1, Offline: true}},
		{"a server that is gone after Autodiscover waits for the network", []State{Connecting}, []Outcome{Gone}, asked, network, Budget{Discoveries: 1, Offline: true}},
		{"a session that dies under the logon is made anew", []State{Connecting}, []Outcome{SessionLost}, fresh, connect, Budget{Fresh: 1}},
		{"a session that dies under the logon again gives the server time", []State{Connecting}, []Outcome{SessionLost}, Budget{Fresh: 1}, server, Budget{Fresh: 1}},
		{"a sign-in that never worked needs a person", []State{Connecting}, []Outcome{Unauthorized}, fresh, you, fresh},
		{"a sign-in that worked before allows one discovery", []State{Connecting}, []Outcome{Unauthorized}, Budget{Worked: true}, discover, Budget{Worked: true, SignIn: true, Discoveries: 1}},
		{"a sign-in that worked before needs a person after the discovery", []State{Connecting}, []Outcome{Unauthorized}, Budget{Worked: true, Discoveries: 1}, you, Budget{Worked: true, Discoveries: 1}},
		{"a place found after a refused sign-in that is gone needs a person", []State{Connecting}, []Outcome{UnknownHere}, Budget{SignIn: true, Discoveries: 1}, you, Budget{SignIn: true, Discoveries: 1}},

		{"a better place is tried", []State{Discovering}, []Outcome{Found}, asked, connect, asked},
		{"Autodiscover that wants another sign-in needs a person", []State{Discovering}, []Outcome{Unauthorized}, asked, you, asked},
		{"Autodiscover that knows nothing better waits for news", []State{Discovering},
			[]Outcome{LoggedOn, WrongServer, Circle, UnknownHere, Gone, SessionLost, NeverTrusted, NothingBetter, NoDirectory, Unreadable}, asked, news, asked},
		{"a server that is gone and nothing better: it may be back soon", []State{Discovering},
			[]Outcome{NothingBetter, NoDirectory, NeverTrusted}, Budget{Discoveries: 1, Offline: true}, network, Budget{Discoveries: 1, Offline: true}},
		{"a refused sign-in and nothing better: a person is needed", []State{Discovering},
			[]Outcome{NothingBetter, NoDirectory, NeverTrusted}, Budget{Discoveries: 1, SignIn: true}, you, Budget{Discoveries: 1, SignIn: true}},

		{"settings that had run out lead to a place where we are in", []State{Online}, []Outcome{LoggedOn}, Budget{Hops: 3, Discoveries: 1, Brief: true}, online, fresh},
		{"whatever ends a session, the next one waits for its turn", []State{Online},
			[]Outcome{WrongServer, Circle, UnknownHere, Gone, SessionLost, Unauthorized, NeverTrusted, Found, NothingBetter, NoDirectory, Unreadable}, Budget{Hops: 3, Discoveries: 1, Fresh: 1}, turn, Budget{Hops: 3, Discoveries: 1, Fresh: 1}},
		{"sessions that die young give the server time", []State{Online}, []Outcome{SessionLost}, Budget{Brief: true}, server, Budget{Brief: true}},

		{"a machine that stands still is asked nothing, and waits", []State{Waiting, NeedsYou, Paused, Stopped},
			[]Outcome{LoggedOn, WrongServer, Circle, UnknownHere, Gone, SessionLost, Unauthorized, NeverTrusted, Found, NothingBetter, NoDirectory, Unreadable}, fresh, news, fresh},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, s := range tt.states {
				for _, o := range tt.outcomes {
					decided[pair{s, o}] = true
					got, after := decide(s, o, tt.budget)
					if got != tt.want || after != tt.after {
						t.Errorf("decide(%s, %s, %+v) = %s/%d, %+v; want %s/%d, %+v", s, o, tt.budget, got.Next, got.Wait, after, tt.want.Next, tt.want.Wait, tt.after)
					}
				}
			}
		})
	}
	for _, s := range walk[State]() {
		for _, o := range walk[Outcome]() {
			if !decided[pair{s, o}] {
				t.Errorf("no row for %s and %s", s, o)
			}
		}
	}
}

// walk returns every value of an enum that has names.
func walk[E interface {
	~uint8
	fmt.Stringer
}]() []E {
	n := len(stateNames)
	if _, ok := any(E(0)).(Outcome); ok {
		n = len(outcomeNames)
	}
	all := make([]E, n)
	for i := range all {
		all[i] = E(i)
	}
	return all
}

func TestTheWalksEndWhereTheEnumsEnd(t *testing.T) {
	if got := walk[State](); got[len(got)-1] != Stopped {
		t.Errorf("the last state is %s, want %s", got[len(got)-1], Stopped)
	}
	if got := walk[Outcome](); got[len(got)-1] != Cancelled {
		t.Errorf("the last outcome is %s, want %s", got[len(got)-1], Cancelled)
	}
}

func TestNamesSurviveTheirText(t *testing.T) {
	for _, s := range walk[State]() {
		text, _ := s.MarshalText()
		var back State
		if err := back.UnmarshalText(text); err != nil || back != s {
			t.Errorf("state %s comes back as %s, %v", s, back, err)
		}
	}
	for _, o := range walk[Outcome]() {
		text, _ := o.MarshalText()
		var back Outcome
		if err := back.UnmarshalText(text); err != nil || back != o {
			t.Errorf("outcome %s comes back as %s, %v", o, back, err)
		}
	}
	if err := new(State).UnmarshalText([]byte("asleep")); err == nil {
		t.Error("an unknown state is accepted")
	}
	if err := new(Outcome).UnmarshalText([]byte("luck")); err == nil {
		t.Error("an unknown outcome is accepted")
	}
}

func TestSettledStatesMoveOnOnlyFromOutside(t *testing.T) {
	want := map[State]bool{Online: true, Waiting: true, NeedsYou: true, Paused: true, Stopped: true}
	for _, s := range walk[State]() {
		if s.Settled() != want[s] {
			t.Errorf("%s.Settled() = %v, want %v", s, s.Settled(), want[s])
		}
	}
}
