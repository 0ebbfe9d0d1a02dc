package agent

// Limits of one cycle. A cycle begins at the server that the profile remembers
// and ends online, waiting or in need of a person; whatever it could not follow
// it tries again in the next one, since directories replicate.
const (
	maxHops        = 3 // redirects followed ([MS-OXCSTOR] 3.2.5.1.1: more than 5 tries in 10 s pause the client)
	maxDiscoveries = 1
	maxFresh       = 1 // logons repeated because the session died under them
	maxRefusals    = 2 // realms that may refuse a sign-in
	maxBusy        = 8 // waits for a server that does not serve, after each of which Autodiscover is asked beside it; kept across cycles
	maxBrief       = 1 // sessions in a row that may die young and be replaced in their turn; kept across cycles
)

// Budget is what a cycle has used up, and what it has learned that decide needs.
type Budget struct {
	Hops        int
	Discoveries int
	Fresh       int
	Worked      bool // the sign-in that was refused had worked there before
	SignIn      bool // the cycle went on after such a refusal
	Offline     bool // the server could not be reached
	Brief       bool // one session after the other dies young
	Tired       bool // the server has been busy for maxBusy waits in a row
}

// Verdict is what to do next. Wait says by which pace, in state Waiting.
type Verdict struct {
	Next State
	Wait Wait
}

// Wait names a pace.
type Wait uint8

const (
	NoWait     Wait = iota
	ForMove         // the move ends
	ForServer       // the server has time
	ForNews         // directories replicate, an administrator acts
	ForNetwork      // something answers again
	ForYou          // a person answers
	ForTurn         // others have gone first
)

var waitNames = [...]string{"", "for the move to end", "for the server to have time", "for news from the directories", "for the network", "for you", "for its turn"}

func (w Wait) String() string { return waitNames[w] }

// decide is the policy: from where a machine stands, what came back and what
// the cycle has used, to where it goes. It is pure.
func decide(s State, o Outcome, b Budget) (Verdict, Budget) {
	switch o {
	case Cancelled:
		return Verdict{Next: Stopped}, b
	case InTransit: // no Autodiscover, no edit: the move may be cancelled
		return Verdict{Waiting, ForMove}, b
	case Busy:
		if s == Connecting && b.Tired && b.Discoveries < maxDiscoveries {
			return discover(b) // what answers for a server that is gone may answer 503 for ever
		}
		return Verdict{Waiting, ForServer}, b
	case Untrusted, Denied:
		return you(b), b
	case NoSecret: // unlocked, it serves again, and nobody has to say so
		return Verdict{NeedsYou, ForNetwork}, b
	}
	switch s {
	case Starting:
		switch o {
		case Found:
			return Verdict{Next: Connecting}, b
		case Unreadable:
			return Verdict{Waiting, ForYou}, b
		}
		return discover(b)
	case Connecting:
		switch o {
		case LoggedOn:
			return Verdict{Next: Online}, b
		case WrongServer:
			if b.Hops < maxHops {
				b.Hops++
				return Verdict{Next: Connecting}, b
			}
		case SessionLost:
			if b.Fresh < maxFresh {
				b.Fresh++
				return Verdict{Next: Connecting}, b
			}
			if b.Tired && b.Discoveries < maxDiscoveries {
				return discover(b) // or lose one session after the other
			}
			return Verdict{Waiting, ForServer}, b
		case Unauthorized:
			if !b.Worked || b.Discoveries > 0 {
				return you(b), b
			}
			b.SignIn = true // the move may have disabled the account here
		case Gone:
			b.Offline = true
		}
		return discover(b)
	case Discovering:
		switch {
		case o == Found:
			return Verdict{Next: Connecting}, b
		case o == Unauthorized, b.SignIn:
			return you(b), b
		case b.Offline: // a server that restarts is back soon
			return Verdict{Waiting, ForNetwork}, b
		case b.Tired:
			return Verdict{Waiting, ForServer}, b
		}
		return Verdict{Waiting, ForNews}, b
	case Online: // whatever ended it, the way back begins at the server itself
		if o == LoggedOn { // the settings had run out, and where they lead now we are in
			return Verdict{Next: Online}, Budget{}
		}
		if b.Brief {
			return Verdict{Waiting, ForServer}, b
		}
		return Verdict{Waiting, ForTurn}, b // a server that loses one session loses thousands, and each wants a logon
	}
	return Verdict{Waiting, ForNews}, b
}

// you needs a person. Where Autodiscover was asked only beside a busy server,
// that one may be back before anybody answers.
func you(b Budget) Verdict {
	if b.Tired && b.Discoveries > 0 {
		return Verdict{NeedsYou, ForNetwork}
	}
	return Verdict{NeedsYou, ForYou}
}

// discover asks Autodiscover, once a cycle.
func discover(b Budget) (Verdict, Budget) {
	switch {
	case b.Discoveries < maxDiscoveries:
		b.Discoveries++
		return Verdict{Next: Discovering}, b
	case b.SignIn:
		return Verdict{NeedsYou, ForYou}, b
	case b.Offline:
		return Verdict{Waiting, ForNetwork}, b
	}
	return Verdict{Waiting, ForNews}, b
}
