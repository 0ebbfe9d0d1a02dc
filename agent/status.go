package agent

import (
	"time"

	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// StatusVersion is the version of Status's JSON form. A new field, which who does
// not know it skips, does not change it.
const StatusVersion = 1

// Status is a snapshot of everything an agent knows. It is plain data.
type Status struct {
	Version   int       `json:"version"`
	Seq       uint64    `json:"seq"` // grows with each change
	Mailboxes []Mailbox `json:"mailboxes"`
}

// Mailbox is a snapshot of one machine.
type Mailbox struct {
	ID         profile.ID `json:"id"`
	Label      string     `json:"label"`
	Address    string     `json:"address"`
	State      State      `json:"state"`
	Since      time.Time  `json:"since"`            // when it entered State
	Looked     time.Time  `json:"looked,omitzero"`  // when its latest cycle began
	Next       time.Time  `json:"next,omitzero"`    // Waiting and NeedsYou: when it looks again
	Server     string     `json:"server,omitempty"` // host of the profile's endpoint
	Version    string     `json:"server_version,omitempty"`
	Needs      *Need      `json:"needs,omitempty"`   // NeedsYou: what has to be answered
	Problem    *Problem   `json:"problem,omitempty"` // what is wrong, in any state
	Journey    []Leg      `json:"journey,omitempty"` // the present cycle, or the last one that did more than log on
	Generation uint64     `json:"generation"`        // of the profile
}

// NeedKind says which answer is needed.
type NeedKind string

const (
	NeedSignIn NeedKind = "sign-in" // command SignIn for Need.Realm
	NeedTrust  NeedKind = "trust"   // command Trust for the host of Need.Hop
	NeedAccess NeedKind = "access"  // an administrator has to give the right to the mailbox
)

// Need is a question to a person, with all that is needed to answer it.
type Need struct {
	Kind  NeedKind  `json:"kind"`
	Host  string    `json:"host,omitempty"`
	Realm string    `json:"realm,omitempty"` // NeedSignIn: the hosts that the sign-in is for
	User  string    `json:"user,omitempty"`  // NeedSignIn: who was refused
	Hop   trust.Hop `json:"hop,omitzero"`    // NeedTrust: who sends us, to whom, with which certificate
	Why   string    `json:"why"`
}

// Problem is what is wrong. The same problem again counts up.
type Problem struct {
	Outcome Outcome   `json:"outcome"`
	Text    string    `json:"text"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Count   int       `json:"count"`
}

// Leg is one step of a journey.
type Leg struct {
	Time    time.Time     `json:"time"`
	Elapsed time.Duration `json:"elapsed"`
	Step    string        `json:"step"`    // logon, resolve, discover, saved, wait, session
	Outcome Outcome       `json:"outcome"` // what it came to; of a wait: why it waits
	Host    string        `json:"host,omitempty"`
	Said    string        `json:"said"`
	Failed  bool          `json:"failed,omitempty"`
	// Wire is what was said on the wire, at most 32 lines of 200 characters, for
	// people, without secrets: no URL has a query or a user.
	Wire []string `json:"wire,omitempty"`
}

// Transition is one change of state, as Config.Trace sees it.
type Transition struct {
	Time    time.Time
	Profile profile.ID
	From    State
	To      State
	Outcome Outcome
	Said    string // what led there, in one phrase
}
