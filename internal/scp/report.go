package scp

import (
	"fmt"
	"time"
)

// Report is what the directories said for one mail domain.
type Report struct {
	// Entries are the endpoints in the order in which to try them. None: the
	// directory announces nothing, which is no error.
	Entries []Entry `json:"entries,omitempty"`
	// Directories are those that were asked, in order.
	Directories []Directory `json:"directories,omitempty"`
	// Notes are what was met and left aside.
	Notes []Note `json:"notes,omitempty"`
	// Site is the site of this machine by which the entries are ordered; empty:
	// nobody knows it.
	Site string `json:"site,omitempty"`
}

// Entry is one endpoint that a directory announces.
type Entry struct {
	URL       string   `json:"url"`
	Sites     []string `json:"sites,omitempty"` // that it is registered for; none: for all
	Rank      Rank     `json:"rank"`
	Directory string   `json:"directory"` // URL of the directory that has it
	// Scoped: a pointer for the mail domain led to that directory.
	Scoped bool `json:"scoped,omitempty"`
	// Sealed: that directory and each that led to it proved its name by a
	// certificate, and the first one is of the configuration or of the domain of
	// this machine. Otherwise anybody on the way may have put the entry there.
	Sealed bool `json:"sealed,omitempty"`
}

// Via says how a directory became known.
type Via string

const (
	ViaConfiguration Via = "configuration"
	ViaDNS           Via = "DNS of the domain"
	ViaScopedPointer Via = "pointer for the mail domain"
	ViaPointer       Via = "pointer"
	ViaReferral      Via = "referral"
)

// Directory is one directory that was asked.
type Directory struct {
	URL    string `json:"url"`
	Via    Via    `json:"via"`
	Sealed bool   `json:"sealed,omitempty"` // it proved its name, over TLS
	Bind   string `json:"bind,omitempty"`   // "anonymous", "simple", "GSSAPI"; empty: it did not come so far
	// Context is its configurationNamingContext.
	Context string `json:"context,omitempty"`
	// Objects is the number of service connection points that it holds.
	Objects int           `json:"objects"`
	Took    time.Duration `json:"took"`
	Err     error         `json:"-"`               // why it did not answer: an *Error
	Failure string        `json:"error,omitempty"` // the text of Err
}

// Note is something that was met and left aside.
type Note struct {
	Directory string `json:"directory,omitempty"`
	Object    string `json:"object,omitempty"` // distinguished name
	What      string `json:"what"`
}

func (n Note) String() string {
	if n.Object == "" {
		return n.What
	}
	return n.Object + ": " + n.What
}

// Error says what failed at which directory, and what would help.
type Error struct {
	Op        string // what was being done: "connect", "start TLS", "bind", …
	Directory string // URL, or the name that DNS was asked for
	Err       error
	Next      string // what to do; empty: nothing that is known here
}

func (e *Error) Error() string {
	s := printable(fmt.Sprintf("%s: %s: %v", e.Directory, e.Op, e.Err))
	if e.Next != "" {
		s += "; " + e.Next
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// also adds what failed next to what has failed before, in one line.
func also(failed, next error) error {
	if failed == nil {
		return next
	}
	return fmt.Errorf("%w; %w", failed, next)
}
