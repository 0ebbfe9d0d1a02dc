package agent

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/homing-mail/homing/internal/mailaddr"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

// machine keeps one mailbox reachable. Its goroutine, in run, owns everything
// but what stands under mu.
type machine struct {
	agent  *Agent
	id     profile.ID
	log    *slog.Logger
	random *rand.Rand
	logins *logins
	poked  chan struct{} // holds one: look now
	cancel context.CancelFunc
	ended  chan struct{}

	p       profile.Profile // as stored; Generation 0: a draft
	rules   trust.Rules     // of this cycle
	looked  time.Time       // when this cycle began
	budget  Budget          // of this cycle
	target  logonclient.Target
	place   profile.Endpoint  // what is saved if target lets us in
	why     string            // how target became known; empty: the profile
	issued  bool              // place was found by Autodiscover in this cycle
	tried   map[string]bool   // targets of this cycle
	hops    []profile.Hop     // of this cycle
	waits   map[Wait]int      // waits in a row, by pace
	awaits  Wait              // what it waits for, in Waiting and NeedsYou
	signIn  *Need             // of this cycle: the sign-in that the profile's server refused
	cause   error             // of this cycle: why the latest logon failed
	facts   logonclient.Facts // of the session
	session Session           // Online
	brief   int               // sessions in a row that died young
	trouble *Problem          // of the present session: an unsaved profile, a failed Config.Changed
	saveAt  time.Time         // when a failed save is tried again; zero: nothing is unsaved
	commit  *commit           // a save that Config.Changed has not been told of
	legs    []Leg             // since the mailbox was last online
	journey []Leg             // the last one that led somewhere else
	arrived bool              // the next leg begins a new journey

	inquired time.Time      // when Autodiscover was last asked, whatever it said
	renewed  <-chan renewal // Online: what comes of settings that run out; nil: they do not
	renewing sync.WaitGroup // who asks for them
	aside    *aside         // what was refused to renewals

	mu     sync.Mutex
	paused bool
	view   Mailbox
}

// commit is a pair of generations for Config.Changed.
type commit struct{ old, new profile.Profile }

// newMachine makes the machine of p, of which only the ID has to be known.
func newMachine(a *Agent, p profile.Profile) *machine {
	return &machine{
		agent:  a,
		id:     p.ID,
		log:    a.cfg.Log.With("component", "agent", "mailbox", string(p.ID)),
		random: rand.New(rand.NewPCG(a.cfg.Seed, hash(p.ID))),
		logins: &logins{id: p.ID, secrets: a.cfg.Secrets, refusals: a.cfg.Refusals, refs: p.Logins},
		aside:  &aside{Refusals: a.cfg.Refusals},
		poked:  make(chan struct{}, 1),
		ended:  make(chan struct{}),
		p:      p,
		waits:  make(map[Wait]int),
		view:   Mailbox{ID: p.ID, Address: p.Address, Since: time.Now()},
	}
}

// hash spreads ids over the seeds of the jitter.
func hash(id profile.ID) (h uint64) {
	for _, b := range []byte(id) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

// stateFn is a state: it does its work and returns the next one.
type stateFn func(context.Context) stateFn

// first shows the profile, so that commands find what they need from the first
// moment on, and returns the state to begin with.
func (m *machine) first() stateFn {
	m.logins.begin(m.p)
	m.publish()
	if draft := m.p.Address != "" && m.p.Generation == 0; m.agent.cfg.Once && !draft {
		return m.idle
	}
	return m.cycle("the place that the profile remembers")
}

func (m *machine) run(ctx context.Context, state stateFn) {
	for state != nil {
		state = state(ctx)
	}
}

// poke asks for a look now. It never blocks.
func (m *machine) poke() {
	select {
	case m.poked <- struct{}{}:
	default:
	}
}

func (m *machine) pause(on bool) {
	m.mu.Lock()
	m.paused = on
	m.mu.Unlock()
	m.poke()
}

func (m *machine) isPaused() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.paused
}

func (m *machine) address() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.view.Address
}

// show changes the snapshot and publishes it.
func (m *machine) show(change func(*Mailbox)) {
	m.mu.Lock()
	change(&m.view)
	view := m.view
	m.mu.Unlock()
	m.agent.hub.put(view)
}

// publish shows the profile as it is.
func (m *machine) publish() {
	m.show(func(v *Mailbox) {
		v.Label, v.Address, v.Generation = m.p.Label, m.p.Address, m.p.Generation
		v.Server, v.Version = m.p.Place(), m.p.Identity.ServerVersion
	})
}

// next decides what follows from o in state at, and goes there. said is one
// phrase for the log, err what stands behind o.
func (m *machine) next(at State, o Outcome, said string, err error) stateFn {
	verdict, budget := decide(at, o, m.budget)
	m.budget = budget
	var until time.Duration
	if verdict.Wait != NoWait {
		until = m.agent.cfg.Pace.wait(verdict.Wait, m.waits[verdict.Wait], after(err), m.random)
		m.waits[verdict.Wait]++
		m.awaits = verdict.Wait
	}
	now := time.Now()
	m.transit(verdict.Next, o, said, func(v *Mailbox) {
		v.Next, v.Needs = time.Time{}, nil
		if verdict.Wait != NoWait {
			v.Next = now.Add(until)
		}
		switch verdict.Next {
		case Online:
			v.Problem, v.Version = m.trouble, m.facts.ServerVersion
		case NeedsYou:
			if v.Needs = need(o, err); v.Needs == nil {
				v.Needs = m.signIn
			}
			fallthrough
		case Waiting:
			v.Problem = again(v.Problem, o, said, now)
		}
	})
	switch verdict.Next {
	case Discovering:
		return m.discovering
	case Connecting:
		return m.connecting
	case Online:
		return m.online
	case Stopped:
		return m.stopped
	}
	return m.waiting
}

// transit changes the state: one line in the log, one call of Trace.
func (m *machine) transit(to State, o Outcome, said string, change func(*Mailbox)) {
	from, now := m.view.State, time.Now()
	m.show(func(v *Mailbox) {
		if to != from {
			v.Since = now
		}
		v.State, v.Looked = to, m.looked
		change(v)
	})
	attrs := []any{"from", from, "to", to, "outcome", o, "said", mailaddr.Logged(said), "server", m.p.Place()}
	if next := m.view.Next; !next.IsZero() {
		attrs = append(attrs, "wait", next.Sub(now).Round(time.Second))
	}
	m.log.Info("state", attrs...)
	if trace := m.agent.cfg.Trace; trace != nil {
		trace(Transition{Time: now, Profile: m.id, From: from, To: to, Outcome: o, Said: said})
	}
}

// again counts a problem up, or begins a new one.
func again(old *Problem, o Outcome, text string, now time.Time) *Problem {
	if old != nil && old.Outcome == o && old.Text == text {
		return &Problem{o, text, old.First, now, old.Count + 1}
	}
	return &Problem{o, text, now, now, 1}
}

// maxLegs bounds a journey; of a long one the first and the latest legs stay.
const maxLegs = 64

// leg adds a step to the journey. A step that repeats the one before the last
// wait takes the place of both: a long wait is one leg.
func (m *machine) leg(l Leg) {
	if m.arrived && l.Step != "saved" { // a save that failed at first belongs to the journey before
		m.legs, m.arrived = nil, false
	}
	if n := len(m.legs); n > 1 && m.legs[n-1].Step == "wait" && l.same(m.legs[n-2]) {
		m.legs = m.legs[:n-2]
	}
	if len(m.legs) == maxLegs {
		m.legs = append(m.legs[:maxLegs/4], m.legs[maxLegs/4+1:]...)
	}
	m.legs = append(m.legs, l)
	legs := slices.Clone(m.legs)
	if l.Step != "wait" && l.Step != "saved" {
		m.hops = append(m.hops, profile.Hop{Host: l.Host, Step: l.Step, Said: l.Said})
	}
	m.show(func(v *Mailbox) { v.Journey = legs })
}

func (l Leg) same(k Leg) bool { return l.Step == k.Step && l.Host == k.Host && l.Said == k.Said }

// targetKey tells targets apart within a cycle.
func targetKey(mailStore, legacyDN string) string {
	return mailStore + " " + strings.ToLower(legacyDN)
}

// hostName is a host:port as people write it.
func hostName(hostport string) string { return strings.TrimSuffix(hostport, ":443") }

// aim makes place the next target, learned from the host from by how.
func (m *machine) aim(place profile.Endpoint, from string, how trust.How, why string) error {
	hop, err := trust.Step(mailDomain(m.p.Address), from, place.MAPI.MailStore, how)
	if err != nil {
		return err
	}
	m.place, m.why = place, why
	m.target = logonclient.Target{
		MailStore: place.MAPI.MailStore, AddressBook: place.MAPI.AddressBook, LegacyDN: place.MAPI.LegacyDN,
		Access: trust.Access{Rules: m.rules, Hop: hop, Logins: m.logins},
	}
	return nil
}

// changed says which parts of a profile differ, for people.
func changed(old, new profile.Profile) string {
	if old.Generation == 0 {
		return "at " + new.Place()
	}
	var parts []string
	elsewhere := old.Place() != new.Place()
	for _, c := range profile.Diff(old, new) {
		switch {
		case c.Field == "server":
			parts = append(parts, fmt.Sprintf("server %s -> %s", c.Old, c.New))
		case elsewhere && slices.Contains([]string{"mailbox url", "address book", "autodiscover"}, c.Field): // of course
		default:
			parts = append(parts, c.Field)
		}
	}
	return strings.Join(parts, ", ")
}
