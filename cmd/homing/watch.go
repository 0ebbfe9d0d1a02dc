package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/profile"
)

// story prints the legs of journeys as they are made, one line each.
type story struct {
	app   *app
	since time.Time                // earlier legs are old news
	told  map[profile.ID]time.Time // the latest leg that was printed
	many  bool                     // several mailboxes: say which
	dry   bool                     // what is saved is not kept
}

func (a *app) story() *story {
	return &story{app: a, since: time.Now(), told: make(map[profile.ID]time.Time)}
}

// tell prints the legs of m that have not been printed.
func (s *story) tell(m agent.Mailbox) {
	for _, leg := range m.Journey {
		if leg.Time.Before(s.since) || !leg.Time.After(s.told[m.ID]) {
			continue
		}
		s.told[m.ID] = leg.Time
		if s.dry && leg.Step == "saved" { // in memory only
			continue
		}
		if leg.Step == "wait" {
			s.line("wait", "", fmt.Sprintf("%s, for %s", leg.Said, leg.Elapsed.Round(time.Second)), 0)
			continue
		}
		who := leg.Host
		if s.many {
			who = name(m) + " " + who
		}
		s.line(leg.Step, who, leg.Said, leg.Elapsed)
	}
}

// line prints one line: what was done, where, what came of it, how long it took.
func (s *story) line(step, where, said string, took time.Duration) {
	text := fmt.Sprintf("%-9s %-27s %s", step, where, shorten(said))
	if took > 0 {
		text = fmt.Sprintf("%-100s %6.1f ms", text, float64(took.Microseconds())/1000)
	}
	s.app.printf("%s\n", strings.TrimRight(text, " "))
}

// shorten leaves out the middle of a distinguished name: the organisation and
// the last two parts tell it apart.
func shorten(said string) string {
	start := strings.Index(said, "/o=")
	if start < 0 {
		return said
	}
	parts := strings.Split(said[start+1:], "/")
	if len(parts) < 5 {
		return said
	}
	return said[:start] + "/" + parts[0] + "/…/" + strings.Join(parts[len(parts)-2:], "/")
}

// settled waits until every mailbox that wanted names has ended a cycle that
// began after since, and returns them as they stand then. No names: all.
func settled(ctx context.Context, svc agent.Service, since time.Time, wanted []profile.ID, tell func(agent.Mailbox)) ([]agent.Mailbox, error) {
	for status, err := range svc.Watch(ctx) {
		if err != nil {
			return nil, err
		}
		var boxes []agent.Mailbox
		open := 0
		for _, m := range status.Mailboxes {
			if len(wanted) > 0 && !slices.Contains(wanted, m.ID) {
				continue
			}
			if tell != nil && !m.Looked.Before(since) {
				tell(m)
			}
			still := m.State == agent.Paused || m.State == agent.Stopped // it does not look
			if !still && (!m.State.Settled() || m.Looked.Before(since)) {
				open++
			}
			boxes = append(boxes, m)
		}
		if open == 0 && len(boxes) >= len(wanted) {
			return boxes, nil
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, errors.New("the agent has ended")
}

// verdict is how a mailbox that has settled ends a command.
func verdict(m agent.Mailbox) error {
	switch {
	case m.State == agent.Online && m.Problem != nil: // not saved, or on_change failed
		return errors.New(name(m) + ": " + m.Problem.Text)
	case m.State == agent.Online || m.State == agent.Paused:
		return nil
	case m.Problem == nil:
		return fmt.Errorf("%s: %s", name(m), m.State)
	}
	e := endings[m.Problem.Outcome]
	hint := strings.NewReplacer("ADDRESS", m.Address, "PROFILE", string(m.ID)).Replace(e.hint)
	if m.Needs != nil && m.Needs.Kind == agent.NeedTrust {
		hint = allow(m.Needs.Hop)
	}
	return &codeError{e.code, hint, errors.New(name(m) + ": " + m.Problem.Text)}
}

// name is what a mailbox is called; one whose profile cannot be read has no label.
func name(m agent.Mailbox) string { return cmp.Or(m.Label, string(m.ID)) }

// sentence says how a mailbox stands, in words for people.
func sentence(m agent.Mailbox, now time.Time) string {
	text := m.State.String()
	switch m.State {
	case agent.Online:
		text = "online at " + m.Server
		if m.Version != "" {
			text += " (" + m.Version + ")"
		}
	case agent.NeedsYou:
		if m.Needs != nil {
			text = fmt.Sprintf("needs you (%s): %s", m.Needs.Kind, m.Needs.Why)
		}
	}
	if m.Problem != nil && m.State != agent.NeedsYou {
		text += ": " + m.Problem.Text
	}
	if !m.Next.IsZero() && m.Next.After(now) {
		text += fmt.Sprintf("; looks again in %s", m.Next.Sub(now).Round(time.Second))
	}
	return text
}

// steps are the steps of a discovery that failed.
func steps(err error) []autodiscover.Step {
	if e, ok := errors.AsType[*autodiscover.Error](err); ok {
		return e.Steps
	}
	return nil
}
