package ui

import (
	"time"

	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// Model is all that the window and the tray show of an agent. It is plain data,
// in the words of one language.
type Model struct {
	Icon      Icon      // of the mailbox that is the most urgent
	Sentence  string    // of that mailbox, or of the agent; the tray shows it
	Lost      string    // why the agent cannot be seen at the moment; empty: it can be
	Mailboxes []Mailbox // as the agent orders them
	AllPaused bool      // there is a mailbox, and every one is paused
}

// Icon says at a glance how a mailbox stands. Each has a shape of its own.
type Icon uint8

// The icons, the least urgent first.
const (
	AtHome   Icon = iota // reachable
	Resting              // paused
	Looking              // asks around
	Moving               // is being moved, or follows
	Offline              // no network, no agent
	NeedsYou             // waits for a person
)

// Action is something that a person can do about a mailbox.
type Action uint8

const (
	CheckNow Action = iota
	SignIn          // the window asks for the password of Need.Realm
	Allow           // the window asks whether Need.Hop may receive it
	Resume
	Tell // the window says what an administrator has to do
)

// Mailbox is one mailbox.
type Mailbox struct {
	ID         profile.ID
	Label      string
	Address    string
	Icon       Icon
	Sentence   string    // how it stands: "Your mailbox is being moved. Mail will be back by itself."
	Doing      string    // what Homing does about it: "Looks again in 28 seconds."; empty: nothing
	Facts      []Fact    // server, version, since when: for whoever wants to know
	Actions    []Action  // in the order of their buttons; the first is the important one
	Need       *Need     // what a person is asked
	Journey    Journey   // the present way, or the last one that led somewhere else
	Live       []Look    // while it is set up or sought: what was asked, as it happens
	Settled    bool      // nothing happens by itself at this moment
	Looked     time.Time // when the latest look began
	Generation uint64
}

// Fact is a line of two columns.
type Fact struct{ Name, Value string }

// Need is a question, with all that is needed to answer it.
type Need struct {
	Kind   NeedKind
	Host   string // for people: ASCII, whole
	Realm  string // of a sign-in
	User   string // of a sign-in: who was refused, or the address
	Locked bool   // of a sign-in: nobody refused it; the secret that is kept cannot be read now
	Why    string
	Facts  []Fact    // of a consent: which address, who sends us, to whom, how we learned it, the certificate
	Hop    trust.Hop // of a consent: what a Trust command is made from
}

// NeedKind is what a person is asked for.
type NeedKind uint8

const (
	NeedsSignIn NeedKind = iota
	NeedsConsent
	NeedsAdministrator // nothing that the person can answer
)

// Look is one place that was asked where a mailbox is.
type Look struct {
	Mark Mark
	Host string
	Said string
}

// Mark is how a step went; each has a sign of its own: a tick, a dash, a cross,
// dots.
type Mark uint8

const (
	UnderWay Mark = iota
	Done
	Passed // nothing there, which is no failure
	Failed
)

// Journey is the way of a mailbox as a picture: stops, and how one came from each
// to the next.
type Journey struct {
	Began time.Time
	Took  string // "3.2 s"; empty while it goes on
	Stops []Stop
	Hops  []Hop // as many: Hops[i] is what happened at Stops[i] and led on to Stops[i+1]; the last leads nowhere
}

// Stop is a server that was met.
type Stop struct {
	Host      string
	Directory bool // it was asked where the mailbox is
	Home      bool // the mailbox is here now
	Failed    bool // the way did not lead on from here; shown greyed
}

// Hop is what happened at a stop.
type Hop struct {
	Reason string   // in a few words: "does not know the mailbox", "redirect"
	Took   string   // "12 ms"
	Failed bool     // it is a dead end
	Wire   []string // what was said, line by line, without secrets; a click shows it
}

// Entry is one generation of a profile.
type Entry struct {
	Generation uint64
	When       string
	Why        string
	Changes    []Change // against the generation before
	Wire       []string // the reason as it was written down, line by line, without secrets
	Current    bool
}

// Change is one thing that differs between two generations.
type Change struct{ What, Old, New string }

// Notice is a notification of the desktop.
type Notice struct {
	Kind    NoticeKind
	Mailbox profile.ID
	Title   string
	Body    string
}

// NoticeKind is why a person is told; there are no others.
type NoticeKind uint8

const (
	Moved NoticeKind = iota // from one server to another
	Asked                   // it needs a person
	Back                    // reachable again
)
