package autodiscover

import (
	"fmt"
	"time"
)

// Kind says why a discovery found nothing to log on to.
type Kind uint8

const (
	NotFound         Kind = iota // every endpoint that answered refused: nobody knows the mailbox
	NoUsableProtocol             // settings were answered, without a protocol that we speak
	Unreachable                  // no endpoint could be reached
	Untrusted                    // a host on the way may not receive credentials: Error.Untrusted
	Unauthorized                 // no sign-in for an endpoint, or it was refused: Error.Realm
	Loop                         // the referrals lead in a circle
	Limit                        // a budget of the chase is used up
	Malformed                    // answers that are not Autodiscover's
	Busy                         // a server asks to come back later: Error.After
	BadAddress                   // the query itself cannot be asked
)

var kindNames = [...]string{
	NotFound: "not found", NoUsableProtocol: "no usable protocol", Unreachable: "unreachable",
	Untrusted: "untrusted host", Unauthorized: "unauthorized", Loop: "redirect loop", Limit: "limit reached",
	Malformed: "malformed answer", Busy: "server busy", BadAddress: "bad address",
}

func (k Kind) String() string { return kindNames[k] }

// Kinds returns every Kind, for tests that walk them.
func Kinds() []Kind {
	out := make([]Kind, len(kindNames))
	for i := range out {
		out[i] = Kind(i)
	}
	return out
}

// Error is the one error type of this package. Steps is the whole way that the
// discovery went, so that it can be explained.
type Error struct {
	Kind      Kind
	Host      string          // host:port that decided; empty if none did
	Untrusted *UntrustedError // Untrusted: the hop that was not made
	Realm     string          // Unauthorized: the realm that needs a sign-in
	User      string          // Unauthorized: who was refused; empty: nobody was presented
	After     time.Duration   // Busy: how long the server asked to wait; 0: it did not say
	Steps     []Step
	Err       error // the cause below, if there is one
}

func (e *Error) Error() string {
	s := "autodiscover: " + e.Kind.String()
	if e.Host != "" {
		s = fmt.Sprintf("autodiscover at %s: %s", e.Host, e.Kind)
	}
	if err := e.Unwrap(); err != nil {
		s += ": " + err.Error()
	}
	return s
}

// cause is the text for Step.Err, which stands beside the URL.
func (e *Error) cause() string {
	if err := e.Unwrap(); err != nil {
		return err.Error()
	}
	return e.Kind.String()
}

func (e *Error) Unwrap() error {
	if e.Untrusted != nil {
		return e.Untrusted
	}
	return e.Err
}
