package agent

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

// cycle begins a cycle: it reads the profile anew and goes to the place that it
// remembers, first, always. said tells what led here.
func (m *machine) cycle(said string) stateFn {
	return func(ctx context.Context) stateFn {
		if m.isPaused() {
			m.transit(Paused, Cancelled, "paused", func(v *Mailbox) { v.Next, v.Needs, v.Problem = time.Time{}, nil, nil })
			return m.idle
		}
		m.looked = time.Now()
		busy := m.waits[ForServer]
		m.budget = Budget{Tired: busy > 0 && busy%maxBusy == 0}
		m.hops, m.signIn, m.issued, m.tried = nil, nil, false, make(map[string]bool)
		if err := m.read(ctx); err != nil {
			return m.next(Starting, Unreadable, err.Error(), err)
		}
		m.logins.begin(m.p)
		m.publish()
		if m.p.Endpoint.MAPI == nil {
			return m.next(Starting, NothingBetter, "no place known yet", nil)
		}
		if err := m.aim(m.p.Endpoint, "", m.p.Known(), ""); err != nil {
			return m.next(Starting, outcome(err), err.Error(), err)
		}
		return m.next(Starting, Found, said, nil)
	}
}

// read loads the profile and the rules in force. A draft that has not been
// saved stays as it is.
func (m *machine) read(ctx context.Context) error {
	rules, err := m.agent.cfg.Consents.Rules(ctx)
	if err != nil {
		return err
	}
	m.rules = rules
	p, err := m.agent.cfg.Store.Load(ctx, m.id)
	switch {
	case err == nil:
		if p.Generation == m.p.Generation { // renewed, and not saved since
			p.Endpoint.Issued, p.Endpoint.TTL = m.p.Endpoint.Issued, m.p.Endpoint.TTL
		}
		m.p = p
	case errors.Is(err, profile.ErrNotFound) && m.p.Address != "" && m.p.Generation == 0:
	default:
		return err
	}
	return nil
}

// connecting logs on at the target.
func (m *machine) connecting(ctx context.Context) stateFn {
	t := m.target
	m.tried[targetKey(t.MailStore, t.LegacyDN)] = true
	began := time.Now()
	var heard wire
	session, err := m.agent.cfg.Logon(logonclient.WithSeen(ctx, heard.exchange), t)
	host := hostName(t.Access.Hop.To)
	if ctx.Err() != nil {
		if session != nil {
			session.Close(ctx)
		}
		return m.next(m.view.State, Cancelled, "stopped", ctx.Err())
	}
	o := outcome(err)
	if err != nil {
		came := o
		if astray(err) {
			came = Gone
		}
		m.leg(Leg{Time: began, Elapsed: time.Since(began), Step: "logon", Outcome: came, Host: host, Said: said(err), Failed: true, Wire: heard})
		m.cause = err
		if o == WrongServer {
			o, err = m.follow(ctx, t, err)
		}
		if ctx.Err() != nil {
			return m.next(m.view.State, Cancelled, "stopped", ctx.Err())
		}
		if o == Unauthorized {
			m.signIn = need(o, err)
			m.budget.Worked = m.why == "" && m.p.Proven && !m.logins.pending()
		}
		return m.next(Connecting, o, err.Error(), err)
	}
	m.leg(Leg{Time: began, Elapsed: time.Since(began), Step: "logon", Outcome: LoggedOn, Host: host, Said: "logged on", Wire: heard})
	return m.enter(ctx, Connecting, session)
}

// enter goes online with a session at the place that was aimed at, from state at.
// If the place is a new one, the profile is written, and only then is the mailbox
// online.
func (m *machine) enter(ctx context.Context, at State, session Session) stateFn {
	m.session, m.facts, m.trouble = session, session.Facts(), nil
	err := m.save(ctx)
	conflict := errors.Is(err, profile.ErrConflict)
	if conflict || m.agent.cfg.Once {
		session.Close(ctx)
	}
	if conflict { // changed underneath: what it says now counts
		m.session = nil
		m.brief++
		if m.budget.Brief = m.brief > maxBrief; m.budget.Brief { // somebody writes as fast as we do
			return m.next(Online, SessionLost, err.Error(), err)
		}
		return m.cycle("the profile was changed")
	}
	m.saveAt = time.Time{}
	if err != nil {
		m.unsaved(err)
	}
	m.tell(ctx)
	return m.next(at, LoggedOn, "logged on", nil)
}

// follow aims at the place that a refusal names: the server of an ecWrongServer
// answer, or the URL of an HTTP redirect. Where that place is unusable or has
// been tried in this cycle, the outcome is Circle.
func (m *machine) follow(ctx context.Context, from logonclient.Target, refusal error) (Outcome, error) {
	e, _ := errors.AsType[*logonclient.Error](refusal)
	place, by, how, why := m.place, from.Access.Hop.To, trust.FromServerName, hostName(from.Access.Hop.To)+" said ecWrongServer"
	if e.Kind == logonclient.Redirected {
		if astray(e) {
			return Gone, refusal
		}
		how, why = trust.FromHTTPRedirect, fmt.Sprintf("%s answered HTTP %d", hostName(from.Access.Hop.To), e.HTTPStatus)
		place.MAPI = &profile.MAPI{MailStore: e.URL, LegacyDN: from.LegacyDN}
	} else {
		began := time.Now()
		var heard wire
		to, err := m.agent.cfg.Resolve(logonclient.WithSeen(ctx, heard.exchange), from, e.ServerName)
		if err != nil {
			m.leg(Leg{Time: began, Elapsed: time.Since(began), Step: "resolve", Outcome: Circle, Said: said(err), Failed: true, Wire: heard})
			return Circle, err
		}
		m.leg(Leg{Time: began, Elapsed: time.Since(began), Step: "resolve", Outcome: Found, Host: hostName(to.Access.Hop.To), Said: e.ServerName, Wire: heard})
		place.MAPI = &profile.MAPI{MailStore: to.MailStore, AddressBook: to.AddressBook, LegacyDN: to.LegacyDN}
		if to.Access.Hop.From != "" {
			by = to.Access.Hop.From // the address book may be on a host of its own
		}
	}
	if m.tried[targetKey(place.MAPI.MailStore, place.MAPI.LegacyDN)] {
		return Circle, fmt.Errorf("%w, where this cycle has been already", refusal)
	}
	if err := m.aim(place, by, how, why); err != nil {
		return outcome(err), err
	}
	return WrongServer, refusal
}

// astray reports whether err is an HTTP redirect to what is no mailbox: a login
// page.
func astray(err error) bool {
	e, ok := errors.AsType[*logonclient.Error](err)
	return ok && e.Kind == logonclient.Redirected && !strings.Contains(strings.ToLower(e.URL), "/mapi/emsmdb")
}

// discovering asks Autodiscover where the mailbox is now, beginning with the
// service that issued the profile's settings.
func (m *machine) discovering(ctx context.Context) stateFn {
	m.inquired = time.Now().Round(0)
	q := query(m.p, m.rules, m.logins)
	q.Seen = func(s autodiscover.Step) {
		if s.By != "" { // what a source announced is no leg, but the places that it led to are
			m.leg(asked(s))
		}
	}
	result, err := m.agent.cfg.Discover(ctx, q)
	if ctx.Err() != nil {
		return m.next(m.view.State, Cancelled, "stopped", ctx.Err())
	}
	if err != nil {
		return m.next(Discovering, outcome(err), err.Error(), err)
	}
	a, err := named(m.p, result)
	if err != nil {
		return m.next(Discovering, NothingBetter, err.Error(), nil)
	}
	if m.tried[targetKey(a.place.MAPI.MailStore, a.place.MAPI.LegacyDN)] {
		return m.next(Discovering, NothingBetter, fmt.Sprintf("%v; Autodiscover names the same place", m.cause), nil)
	}
	if err := m.aim(a.place, a.issuer, trust.FromSettings, a.why); err != nil {
		return m.next(Discovering, outcome(err), err.Error(), err)
	}
	m.issued = true
	return m.next(Discovering, Found, a.why, nil)
}

// query asks where the mailbox of p is, first of all the service that issued its
// settings.
func query(p profile.Profile, rules trust.Rules, logins trust.Logins) autodiscover.Query {
	q := autodiscover.Query{Address: p.Address, Rules: rules, Logins: logins}
	if p.Endpoint.MAPI != nil {
		q.LegacyDN = p.Endpoint.MAPI.LegacyDN
	}
	if issuer := p.Endpoint.Autodiscover; issuer != "" {
		q.First = []autodiscover.Candidate{{URL: issuer, How: p.Known(), Source: autodiscover.SourceProfile}}
	}
	return q
}

// announcement is a place that Autodiscover has named.
type announcement struct {
	place  profile.Endpoint
	issuer string // host:port
	why    string // for the profile's history
}

// named reads the place for p from what Autodiscover said, just now. The error
// says what it lacks.
func named(p profile.Profile, result *autodiscover.Result) (announcement, error) {
	mapi, ok := result.Settings.MAPI()
	if !ok {
		return announcement{}, errors.New("Autodiscover offers no protocol that Homing speaks")
	}
	dn := result.Settings.LegacyDN
	if dn == "" && p.Endpoint.MAPI != nil {
		dn = p.Endpoint.MAPI.LegacyDN
	}
	if dn == "" {
		return announcement{}, errors.New("Autodiscover names no LegacyDN to log on with")
	}
	a := announcement{place: profile.Endpoint{
		MAPI:         &profile.MAPI{MailStore: mapi.MailStore, AddressBook: mapi.AddressBook, LegacyDN: dn},
		Autodiscover: result.URL,
		Issued:       time.Now().UTC().Truncate(time.Second),
		TTL:          int(result.Settings.TTL() / time.Hour),
	}}
	if !strings.EqualFold(result.Address, p.Address) {
		a.place.Routing = result.Address
	}
	if u, err := url.Parse(result.URL); err == nil {
		a.issuer = trust.HostPort(u)
	}
	a.why = fmt.Sprintf("Autodiscover at %s, asked by %s", hostName(a.issuer), result.By)
	return a, nil
}

// asked turns a step of a discovery into a leg.
func asked(s autodiscover.Step) Leg {
	host := s.URL
	if u, err := url.Parse(s.URL); err == nil {
		host = hostName(trust.HostPort(u))
	}
	said := s.Said
	if said == "" {
		said = s.Err
	}
	return Leg{Time: s.Time, Elapsed: s.Elapsed, Step: "discover", Outcome: placeOutcome(s), Host: host, Said: said, Failed: s.Err != "", Wire: stepWire(s)}
}

// save writes the profile if the logon has shown anything new.
func (m *machine) save(ctx context.Context) error {
	p := m.p
	p.Endpoint, p.Logins, p.Proven = m.shown(), m.logins.proven(), true
	p.Identity = profile.Identity{
		DisplayName: m.facts.DisplayName, MailboxGUID: m.facts.MailboxGUID, ReplGUID: m.facts.ReplGUID,
		RootFolder: m.facts.RootFolder, ServerVersion: m.facts.ServerVersion,
	}
	if p.Generation > 0 && !slices.ContainsFunc(profile.Diff(m.p, p), weighty) {
		return nil
	}
	why := m.why
	switch {
	case p.Generation == 0:
		why = "first logon; " + why
	case why == "":
		why = "logged on where the profile points: " + changed(m.p, p)
	}
	began, old := time.Now(), m.p
	saved, err := m.agent.cfg.Store.Save(ctx, p, p.Generation, profile.Reason{Text: why, Hops: m.hops})
	if err != nil {
		return err
	}
	m.p = saved
	m.logins.saved(saved)
	m.leg(Leg{Time: began, Elapsed: time.Since(began), Step: "saved", Outcome: LoggedOn,
		Said: fmt.Sprintf("generation %d: %s", saved.Generation, changed(old, saved))})
	m.publish()
	m.log.Info("saved", "generation", saved.Generation, "server", saved.Place(), "said", why)
	m.commit = &commit{old, saved}
	return nil
}

// shown is the place that let us in, without what only an unproven profile said:
// a logon proves the host of the mailbox, not every other that a file names.
func (m *machine) shown() profile.Endpoint {
	place := m.place
	if m.p.Proven || m.issued {
		return place
	}
	allowed := func(rawURL string) bool {
		hop, err := trust.Step(mailDomain(m.p.Address), "", rawURL, trust.FromUnproven)
		verdict, _ := m.rules.Judge(hop)
		return err == nil && verdict == trust.Allow
	}
	if !allowed(place.Autodiscover) {
		place.Autodiscover, place.Routing, place.Issued, place.TTL = "", "", time.Time{}, 0
	}
	if !allowed(place.MAPI.AddressBook) {
		mapi := *place.MAPI
		mapi.AddressBook = ""
		place.MAPI = &mapi
	}
	return place
}

// weighty reports whether a change is worth a generation. What a server says of
// itself differs from one front end to the next.
func weighty(c profile.Change) bool { return c.Field != "server version" && c.Field != "display name" }

// said is an error in one phrase: the server's words where there are any.
func said(err error) string {
	if e, ok := errors.AsType[*logonclient.Error](err); ok {
		switch {
		case e.Kind == logonclient.WrongServer && e.ServerName != "":
			return "ecWrongServer -> " + e.ServerName
		case e.Said != "":
			return e.Said
		case e.Err != nil:
			return e.Err.Error()
		}
		return e.Kind.String()
	}
	return err.Error()
}
