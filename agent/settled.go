package agent

import (
	"context"
	"errors"
	"time"

	"github.com/homing-mail/homing/internal/mailaddr"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

// online holds the session: it waits for the server's notifications and probes
// the logon, until the session is lost or somebody wants a fresh look.
func (m *machine) online(ctx context.Context) stateFn {
	m.arrive()
	session := m.session
	defer func() {
		if m.session == session { // and not the one that a renewal has led to
			m.session = nil
		}
	}()
	if m.agent.cfg.Once { // connecting has closed it
		return m.idle
	}
	defer session.Close(ctx)
	asking, cancel := context.WithCancel(ctx)
	defer m.renewing.Wait()
	defer cancel()
	m.renew(asking)
	began, probed := time.Now(), time.Time{}
	var heard wire
	for {
		moved, poked, err := m.hold(asking, &heard)
		if moved != nil {
			return m.move(ctx, *moved)
		}
		if rest := m.probePace() - time.Since(probed); err == nil && !poked && rest > 0 {
			poked = m.sleep(ctx, rest)
		}
		if err == nil && !poked && ctx.Err() == nil {
			probed = time.Now()
			err = m.session.Probe(logonclient.WithSeen(ctx, heard.failed))
		}
		if time.Since(began) >= m.agent.cfg.Pace.Probe { // more than a flicker
			m.brief = 0
			clear(m.waits)
		} else if err != nil {
			m.brief++
		}
		switch {
		case ctx.Err() != nil:
			return m.next(Online, Cancelled, "stopped", ctx.Err())
		case poked:
			return m.cycle("asked to look")
		case err != nil:
			m.leg(Leg{Time: time.Now(), Step: "session", Outcome: SessionLost, Host: m.p.Place(), Said: said(err), Failed: true, Wire: heard})
			m.budget.Brief = m.brief > maxBrief
			return m.next(Online, SessionLost, err.Error(), err)
		}
	}
}

// arrive ends a journey. One that led nowhere else, as after a dropped
// connection, does not replace the one that is shown.
func (m *machine) arrive() {
	m.arrived = true
	for _, leg := range m.legs {
		if leg.Step == "saved" {
			m.journey = m.legs
		}
	}
	if journey := m.journey; journey != nil {
		m.show(func(v *Mailbox) { v.Journey = journey })
	}
}

// tell hands a commit to Config.Changed; its failure is shown, and reverts
// nothing.
func (m *machine) tell(ctx context.Context) {
	c, changed := m.commit, m.agent.cfg.Changed
	m.commit = nil
	if c == nil || changed == nil {
		return
	}
	if err := changed(ctx, c.old, c.new); err != nil {
		m.log.Warn("telling of the change", "generation", c.new.Generation, "err", mailaddr.Logged(err))
		m.trouble = again(nil, LoggedOn, err.Error(), time.Now())
	}
}

// minProbe bounds how often a server can make us probe it.
const minProbe = 15 * time.Second

// probePace is how often the session is probed: as configured, and often enough
// for the server not to drop it.
func (m *machine) probePace() time.Duration {
	pace := m.agent.cfg.Pace.Probe
	if limit := m.facts.IdleLimit / 2; limit > 0 {
		pace = min(pace, max(limit, minProbe))
	}
	return pace
}

// hold waits for the server, until it says something, or until a poke, ctx or a
// renewal that has led elsewhere ends the wait. A save that failed is tried again
// meanwhile. What fails on the session's wire is added to heard.
func (m *machine) hold(ctx context.Context, heard *wire) (moved *renewal, poked bool, err error) {
	waiting, cancel := context.WithCancel(logonclient.WithSeen(ctx, heard.failed)) // not the renewal's
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := m.session.Wait(waiting)
		done <- err
	}()
	for {
		var retry <-chan time.Time
		if !m.saveAt.IsZero() {
			retry = time.After(time.Until(m.saveAt))
		}
		select {
		case err := <-done:
			return nil, false, err
		case r := <-m.renewed:
			if r.session != nil {
				cancel()
				<-done
				return &r, false, nil
			}
			m.keep(r)
			m.renew(ctx)
		case <-retry:
			if m.saveAgain(ctx); m.saveAt.IsZero() {
				m.renew(ctx)
			}
		case <-m.poked:
			cancel()
			<-done
			return nil, true, nil
		case <-ctx.Done():
			<-done
			return nil, false, ctx.Err()
		}
	}
}

// saveAgain tries a save that failed while the session stands.
func (m *machine) saveAgain(ctx context.Context) {
	err := m.save(ctx)
	switch {
	case errors.Is(err, profile.ErrConflict): // somebody else saved: start from that
		m.saveAt = time.Time{}
		m.poke()
	case err != nil:
		m.unsaved(err)
	default:
		m.saveAt, m.trouble = time.Time{}, nil
		m.arrive()
		m.tell(ctx)
		m.show(func(v *Mailbox) { v.Problem = m.trouble })
	}
}

// unsaved shows that a save failed, and sets the time of the next one.
func (m *machine) unsaved(err error) {
	m.saveAt = time.Now().Add(m.agent.cfg.Pace.Save)
	m.log.Warn("saving the profile", "server", m.place.MAPI.MailStore, "err", err)
	m.trouble = again(m.trouble, LoggedOn, "the profile cannot be saved: "+err.Error(), time.Now())
	m.show(func(v *Mailbox) { v.Problem = m.trouble })
}

// noticed is what a wait has to be longer than to be told of.
const noticed = 100 * time.Millisecond

// waiting lets time pass, in states Waiting and NeedsYou.
func (m *machine) waiting(ctx context.Context) stateFn {
	if m.agent.cfg.Once {
		return m.idle(ctx)
	}
	rest := time.Until(m.view.Next)
	if rest > noticed {
		m.leg(Leg{Time: time.Now(), Elapsed: rest, Step: "wait", Outcome: m.view.Problem.Outcome, Said: m.awaits.String()})
	}
	said := "time to look again"
	if m.sleep(ctx, rest) {
		said = "asked to look"
	}
	if ctx.Err() != nil {
		return m.next(m.view.State, Cancelled, "stopped", ctx.Err())
	}
	return m.cycle(said)
}

// idle waits for a command: paused, or when one cycle is all that is wanted.
func (m *machine) idle(ctx context.Context) stateFn {
	select {
	case <-m.poked:
		return m.cycle("asked to look")
	case <-ctx.Done():
		return m.next(m.view.State, Cancelled, "stopped", ctx.Err())
	}
}

// sleep returns after d, or earlier and true when it is poked.
func (m *machine) sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-m.poked:
		return true
	case <-ctx.Done():
	}
	return false
}

// stopped is the end.
func (m *machine) stopped(context.Context) stateFn { return nil }
