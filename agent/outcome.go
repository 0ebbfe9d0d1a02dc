package agent

import (
	"errors"
	"fmt"
	"time"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

// Outcome is what one step of a machine came to.
type Outcome uint8

const (
	LoggedOn      Outcome = iota // RopLogon succeeded
	WrongServer                  // the server named another one
	Circle                       // the way leads to a place that this cycle has tried, or nowhere
	UnknownHere                  // the server does not know the mailbox, or fails to log on in general
	Gone                         // no server of ours at this place: unreachable, bad certificate, no MAPI
	InTransit                    // the mailbox is being moved
	Busy                         // the server asks for patience
	SessionLost                  // the session died
	Unauthorized                 // no sign-in that the host accepts
	NoSecret                     // the sign-in's secret cannot be had now: a locked keyring
	Denied                       // signed in, without the right to the mailbox
	Untrusted                    // the host may not receive credentials yet
	NeverTrusted                 // the host may never receive credentials
	Found                        // Autodiscover names a better place
	NothingBetter                // Autodiscover names the same place, or none
	NoDirectory                  // no Autodiscover endpoint could be asked
	Unreadable                   // the profile cannot be read
	Cancelled                    // the context ended
)

var outcomeNames = [...]string{
	"logged on", "wrong server", "circle", "unknown here", "gone", "in transit", "busy", "session lost",
	"unauthorized", "no secret", "denied", "untrusted", "never trusted", "found", "nothing better", "no directory", "unreadable", "cancelled",
}

func (o Outcome) String() string               { return outcomeNames[o] }
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

func (o *Outcome) UnmarshalText(b []byte) error {
	for i, name := range outcomeNames {
		if name == string(b) {
			*o = Outcome(i)
			return nil
		}
	}
	return fmt.Errorf("unknown outcome %q", b)
}

// outcome is the one place that turns errors into outcomes. It never says Cancelled: whose
// context has ended is for the machine to know.
func outcome(err error) Outcome {
	if err == nil {
		return LoggedOn
	}
	if u, ok := trust.IsUntrusted(err); ok {
		if u.Verdict == trust.Refuse {
			return NeverTrusted
		}
		return Untrusted
	}
	if e, ok := errors.AsType[*trust.NoLoginError](err); ok && e.Err != nil && !errors.Is(e.Err, profile.ErrSecretNotFound) {
		return NoSecret
	}
	if e, ok := errors.AsType[*logonclient.Error](err); ok {
		return logonOutcomes[e.Kind]
	}
	if e, ok := errors.AsType[*autodiscover.Error](err); ok {
		return discoveryOutcomes[e.Kind]
	}
	if _, ok := errors.AsType[*trust.NoLoginError](err); ok {
		return Unauthorized
	}
	return Gone
}

var logonOutcomes = map[logonclient.Kind]Outcome{
	logonclient.WrongServer:    WrongServer,
	logonclient.Redirected:     WrongServer,
	logonclient.UnknownMailbox: UnknownHere,
	logonclient.LoginFailure:   UnknownHere,
	logonclient.InTransit:      InTransit,
	logonclient.Busy:           Busy,
	logonclient.SessionLost:    SessionLost,
	logonclient.Unauthorized:   Unauthorized,
	logonclient.Denied:         Denied,
	logonclient.Untrusted:      Untrusted,
	logonclient.Unreachable:    Gone,
	logonclient.BadCertificate: Gone,
	logonclient.Unsupported:    Gone,
	logonclient.Malformed:      Gone,
}

var discoveryOutcomes = map[autodiscover.Kind]Outcome{
	autodiscover.NotFound:         NothingBetter,
	autodiscover.NoUsableProtocol: NothingBetter,
	autodiscover.Loop:             NothingBetter,
	autodiscover.Limit:            NothingBetter,
	autodiscover.BadAddress:       NothingBetter,
	autodiscover.Malformed:        NothingBetter,
	autodiscover.Unreachable:      NoDirectory,
	autodiscover.Busy:             Busy,
	autodiscover.Untrusted:        Untrusted,
	autodiscover.Unauthorized:     Unauthorized,
}

// placeOutcome is what one place of a discovery came to.
func placeOutcome(s autodiscover.Step) Outcome {
	switch {
	case s.Answer == autodiscover.SettingsAnswer:
		return Found
	case s.Answer == autodiscover.ReferralAnswer:
		return WrongServer
	case s.Answer == autodiscover.Unasked:
		return Cancelled
	case s.Kind == autodiscover.Untrusted && s.Verdict == trust.Refuse.String():
		return NeverTrusted
	}
	return placeOutcomes[s.Kind]
}

var placeOutcomes = map[autodiscover.Kind]Outcome{
	autodiscover.NotFound:         UnknownHere,
	autodiscover.NoUsableProtocol: NothingBetter,
	autodiscover.Loop:             Circle,
	autodiscover.Limit:            Circle,
	autodiscover.BadAddress:       NothingBetter,
	autodiscover.Malformed:        Gone,
	autodiscover.Unreachable:      Gone,
	autodiscover.Busy:             Busy,
	autodiscover.Untrusted:        Untrusted,
	autodiscover.Unauthorized:     Unauthorized,
}

// after returns how long the server behind err asked to wait, 0 if it did not.
func after(err error) time.Duration {
	if e, ok := errors.AsType[*logonclient.Error](err); ok {
		return e.After
	}
	if e, ok := errors.AsType[*autodiscover.Error](err); ok {
		return e.After
	}
	return 0
}

// need says what a person has to answer after o, nil if nothing.
func need(o Outcome, err error) *Need {
	switch o {
	case Untrusted:
		if u, ok := trust.IsUntrusted(err); ok {
			return &Need{Kind: NeedTrust, Hop: u.Hop, Why: u.Why}
		}
	case Denied:
		return &Need{Kind: NeedAccess, Why: err.Error()}
	case Unauthorized, NoSecret:
		n := &Need{Kind: NeedSignIn, Why: err.Error()}
		if e, ok := errors.AsType[*trust.NoLoginError](err); ok {
			n.Host, n.Realm, n.User = e.Host, e.Realm, e.User
		} else if e, ok := errors.AsType[*logonclient.Error](err); ok {
			n.Host, n.Realm, n.User = e.Host, e.Realm, e.User
		} else if e, ok := errors.AsType[*autodiscover.Error](err); ok {
			n.Host, n.Realm, n.User = e.Host, e.Realm, e.User
		}
		n.Host = hostName(n.Host)
		return n
	}
	return nil
}

// OutcomeOf says what an error of a logon or a discovery means, for programs
// that log on or discover outside of an agent.
func OutcomeOf(err error) Outcome { return outcome(err) }
