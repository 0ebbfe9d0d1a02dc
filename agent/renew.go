package agent

import (
	"context"
	"time"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/mailaddr"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

// renewal is what came of asking Autodiscover anew for settings that had run out.
type renewal struct {
	announcement
	rules   trust.Rules
	session Session // a logon at the place, where that is another one; nil: it is where we are
	legs    []Leg
	err     error // nothing came of it
}

// renew waits until the settings of the profile have run out ([MS-OXDSCLI]
// 2.2.4.1.1.2.6, TTL) and asks for them anew, beside the session and until ctx
// ends; m.renewed yields what came of it.
func (m *machine) renew(ctx context.Context) {
	m.renewed = nil
	p := m.p
	if p.Endpoint.TTL == 0 || p.Endpoint.Autodiscover == "" || !m.saveAt.IsZero() {
		return
	}
	last, now := p.Endpoint.Issued, time.Now().Round(0) // timers stop in suspend, the wall clock does not
	if m.inquired.After(last) {
		last = m.inquired
	}
	timer := time.NewTimer(m.agent.cfg.Pace.renewal(last, now, time.Duration(p.Endpoint.TTL)*time.Hour, m.random))
	renewed := make(chan renewal)
	m.renewed = renewed
	m.renewing.Go(func() {
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		r := m.ask(ctx, p)
		select {
		case renewed <- r:
		case <-ctx.Done():
			if r.session != nil {
				r.session.Close(ctx)
			}
		}
	})
}

// ask asks where the mailbox of p is now and, where that is another place, logs
// on there. It touches nothing of the machine's, and a sign-in that is refused
// here stays one for the session and what comes after it.
func (m *machine) ask(ctx context.Context, p profile.Profile) (r renewal) {
	cfg := m.agent.cfg
	if r.rules, r.err = cfg.Consents.Rules(ctx); r.err != nil {
		return r
	}
	logins := Logins(p, cfg.Secrets, m.aside)
	q := query(p, r.rules, logins)
	q.Seen = func(s autodiscover.Step) {
		if s.By != "" {
			r.legs = append(r.legs, asked(s))
		}
	}
	result, err := cfg.Discover(ctx, q)
	if err != nil {
		r.err = err
		return r
	}
	if r.announcement, r.err = named(p, result); r.err != nil {
		return r
	}
	there, here := r.place.MAPI, p.Endpoint.MAPI
	if targetKey(there.MailStore, there.LegacyDN) == targetKey(here.MailStore, here.LegacyDN) {
		return r
	}
	hop, err := trust.Step(mailDomain(p.Address), r.issuer, there.MailStore, trust.FromSettings)
	if err != nil {
		r.err = err
		return r
	}
	began := time.Now()
	var heard wire
	r.session, r.err = cfg.Logon(logonclient.WithSeen(ctx, heard.exchange), logonclient.Target{
		MailStore: there.MailStore, AddressBook: there.AddressBook, LegacyDN: there.LegacyDN,
		Access: trust.Access{Rules: r.rules, Hop: hop, Logins: logins},
	})
	r.legs = append(r.legs, Leg{Time: began, Elapsed: time.Since(began), Step: "logon", Outcome: LoggedOn, Host: hostName(hop.To), Said: "logged on", Wire: heard})
	return r
}

// keep takes note of a renewal that leaves the session where it is. One that
// failed changes nothing: the settings that work are kept, and it is tried again
// when they have run out once more.
func (m *machine) keep(r renewal) {
	m.inquired = time.Now().Round(0)
	if r.err != nil {
		m.log.Info("the settings have run out and are kept", "err", mailaddr.Logged(r.err))
		return
	}
	m.p.Endpoint.Issued, m.p.Endpoint.TTL = r.place.Issued, r.place.TTL // saved with the next generation
	m.log.Debug("the settings have run out and hold again", "said", r.why)
}

// move goes to the session of a renewal.
func (m *machine) move(ctx context.Context, r renewal) stateFn {
	if ctx.Err() != nil {
		r.session.Close(ctx)
		return m.next(Online, Cancelled, "stopped", ctx.Err())
	}
	m.inquired = time.Now().Round(0)
	m.rules, m.hops, m.issued = r.rules, nil, true
	if err := m.aim(r.place, r.issuer, trust.FromSettings, r.why); err != nil { // no: ask has gone there
		r.session.Close(ctx)
		return m.next(Online, outcome(err), err.Error(), err)
	}
	for _, leg := range r.legs {
		m.leg(leg)
	}
	return m.enter(ctx, Online, r.session)
}

// aside knows what has been refused, and keeps to itself what is refused to a
// renewal: it must not take the sign-in from a session that works, and does not
// send it again either.
type aside struct {
	Refusals
	own forgetful
}

func (a *aside) Refused(id profile.ID, realm string, s trust.Secret) bool {
	return a.own.Refused(id, realm, s) || a.Refusals.Refused(id, realm, s)
}

func (a *aside) Refuse(id profile.ID, realm string, s trust.Secret) { a.own.Refuse(id, realm, s) }
