package ui

import (
	"context"
	"io"
	"time"
)

// Desk is what a window needs of its desktop besides the agent. A nil field hides
// what it is for. None of its functions blocks for long; all may be called from
// any goroutine.
type Desk struct {
	// Consents are the hosts that people have allowed, and Hosts those of the
	// configuration, which the window cannot take back.
	Consents func(ctx context.Context) ([]Consent, error)
	// Autostart is whether Homing starts at login.
	Autostart Switch
	// Notices is whether the desktop notifies.
	Notices Switch
	// Interval is how often a session is looked after.
	Interval Interval
	// Secrets says in which store a password goes, or why none can be kept.
	Secrets func(ctx context.Context) (Secrets, error)
	// Report writes the report for the help desk, without secrets.
	Report func(ctx context.Context, w io.Writer) error
	// Closing says what closing the window does, where that is not to hide it:
	// without a tray it ends the program.
	Closing string
	// Version is of the program.
	Version string
}

// Consent is a host that may receive a sign-in.
type Consent struct {
	MailDomain string
	Host       string
	Given      time.Time
	Expires    time.Time // zero: never
	Fixed      string    // who says so where that is not this person: the configuration, the policy
}

// Switch is something that is on or off.
type Switch interface {
	On() (bool, error)
	Set(on bool) error
}

// Interval is a choice of how often.
type Interval interface {
	Get() (d time.Duration, fixed string) // fixed: who says so where that is not this person
	Set(d time.Duration) error
}

// Secrets is where a password that is typed would go.
type Secrets struct {
	Where string // "the keyring of this desktop", "files in …"
	Wrong string // why it cannot be kept now, and what to do; empty: it can be
}

// Move is something that an administrator of the demo's world does.
type Move struct {
	Label string
	Do    func(ctx context.Context) error
}
