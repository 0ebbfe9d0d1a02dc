package agent

import "fmt"

// State is where the machine of a mailbox stands.
type State uint8

const (
	Starting    State = iota // reads the profile
	Discovering              // asks Autodiscover
	Connecting               // logs on
	Online                   // holds a session that works
	Waiting                  // tries again at Mailbox.Next
	NeedsYou                 // cannot go on without an answer: Mailbox.Needs
	Paused                   // by command
	Stopped                  // the agent has ended
)

var stateNames = [...]string{"starting", "discovering", "connecting", "online", "waiting", "needs you", "paused", "stopped"}

func (s State) String() string               { return stateNames[s] }
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s *State) UnmarshalText(b []byte) error {
	for i, name := range stateNames {
		if name == string(b) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("unknown state %q", b)
}

// Settled reports whether the machine has ended a cycle: it moves on only when
// time passes, the session is lost or somebody acts.
func (s State) Settled() bool {
	return s == Online || s == Waiting || s == NeedsYou || s == Paused || s == Stopped
}
