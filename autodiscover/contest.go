package autodiscover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/homing-mail/homing/internal/trust"
)

// contest runs a race: it looks up and probes beside one another, without
// credentials, and asks what lives, one at a time. It owns its goroutines until
// end; all else happens in the goroutine of the discovery.
type contest struct {
	*discovery
	policy *chase
	search search
	race   race
	known  map[string]announcement // by place, the best of each
	began  time.Time
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	heard  chan report
	putOff context.CancelCauseFunc // ends the question under way
	ended  bool
}

// announcement is who announced a place, and whether it may receive credentials
// for that.
type announcement struct {
	source  Source
	verdict trust.Verdict
}

// contact is what the I/O knows of an entrant.
type contact struct {
	ask    ask
	step   Step
	told   bool    // its step is recorded
	ready  *answer // what a probe has answered already, and is to be heard in its turn
	failed *answer // why a probe came to nothing: no answer, or a stranger's
}

// report is how a look-up, a probe or a question went, or that a question is sent.
type report struct {
	entrant *entrant
	step    Step
	found   []Candidate // of a look-up
	lives   bool        // of a probe
	answer  answer      // of a probe, empty if it lives and is to be asked; of a question
	asked   *ask        // the question
	putOff  bool        // it was, and not answered
	sent    bool        // a request of the question goes out; there is nothing else to report
}

// contest begins a race for what the policy searches.
func (d *discovery) contest(ctx context.Context, policy *chase) *contest {
	c := &contest{discovery: d, policy: policy, search: policy.search, known: make(map[string]announcement), began: time.Now()}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	for _, row := range d.sources(c.search) {
		switch {
		case row.off != "" && c.search.how == trust.FromDomain: // told once
			d.record(ctx, Step{Time: c.began, Source: row.name, Skipped: true, Err: row.off})
		case row.lookup != nil:
			c.race.enter(&entrant{Candidate: Candidate{Source: row.name}, lookup: row.lookup, early: row.early})
		}
		for _, candidate := range row.stands {
			if c.first(candidate) {
				c.race.enter(&entrant{Candidate: candidate})
			}
		}
	}
	c.heard = make(chan report, maxProbes+len(c.race.entrants)) // nobody waits to report but a question, which is always listened to
	return c
}

// first reports whether nobody has announced the place of a candidate before, or
// only by a way that is trusted less: DNS may be quicker than a directory.
func (c *contest) first(candidate Candidate) bool {
	key := place(candidate.URL)
	verdict, _ := c.policy.worth(c.search, candidate)
	if before, ok := c.known[key]; ok && before.verdict >= verdict {
		return false
	}
	c.known[key] = announcement{candidate.Source, verdict}
	return true
}

// place is the canonical form of a URL: host in lower case and port, path and
// query as they are written.
func place(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rawURL
	}
	return u.Scheme + "://" + trust.HostPort(u) + u.RequestURI()
}

// ask goes on until somebody has been asked and the policy told how it went. It
// reports false when nobody is left to ask, when the policy has heard enough or
// when the time is up; no question is under way then.
func (c *contest) ask() bool {
	for {
		if c.ctx.Err() != nil || c.policy.ended {
			if c.race.asked == nil {
				return false
			}
			if c.hear(<-c.heard) { // the question under way is the last
				return true
			}
			continue
		}
		now := time.Since(c.began)
		switch m := c.race.next(now); {
		case m.over:
			return false
		case m.start != nil:
			c.start(m.start)
		case m.hand != nil:
			if c.put(m.hand) {
				return true
			}
		case m.putOff != nil:
			c.putOff(fmt.Errorf("%w after %.0f s: another one answers", errPutOff, (now - c.race.held + hold).Seconds()))
		default:
			if c.wait(m.until) {
				return true
			}
		}
	}
}

// wait hears one report, or waits until the given time of the race; 0: for ever.
// It reports whether somebody who was asked has answered.
func (c *contest) wait(until time.Duration) bool {
	var due <-chan time.Time
	if until > 0 {
		timer := time.NewTimer(until - time.Since(c.began))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case r := <-c.heard:
		return c.hear(r)
	case <-due:
	case <-c.ctx.Done():
	}
	return false
}

// start begins the look-up or the probe of e.
func (c *contest) start(e *entrant) {
	e.contact.step = Step{Time: time.Now(), Source: e.Source}
	if e.lookup != nil {
		r := report{entrant: e, step: e.contact.step}
		c.wg.Go(func() {
			var err error
			if r.found, err = e.lookup(c.ctx, c.search, &r.step); err != nil {
				r.step.Err = printable(err.Error())
			}
			r.step.Elapsed = time.Since(r.step.Time)
			c.heard <- r
		})
		return
	}
	a := c.policy.admit(e.Candidate)
	if a.deed != skip && c.probes == maxProbes {
		a = c.policy.fail(a, Limit, fmt.Errorf("more than %d candidates", maxProbes))
	}
	e.contact.ask, e.contact.step = a, a.step(e.contact.step.Time)
	if a.deed == skip {
		c.tell(e)
		c.race.out(e)
		return
	}
	c.probes++
	r := report{entrant: e, step: e.contact.step}
	c.wg.Go(func() {
		r.answer, r.lives = c.probe(c.ctx, a, &r.step)
		r.step.Elapsed = time.Since(r.step.Time)
		c.heard <- r
	})
}

// hear takes a report, and says whether it is that somebody who was asked has
// answered.
func (c *contest) hear(r report) bool {
	e := r.entrant
	if r.sent {
		c.race.sent(time.Since(c.began))
		return false
	}
	e.contact.step = r.step
	if r.asked != nil {
		return c.answered(r)
	}
	switch {
	case e.lookup != nil:
		c.race.found(e, c.announced(e, r.found))
		c.tell(e)
	case r.lives:
		if r.answer != (answer{}) {
			e.contact.ready = &r.answer
		}
		c.race.live(e)
	default:
		if e.contact.ask.ends(r.answer) {
			c.policy.take(e.contact.ask, r.answer)
		} else {
			e.contact.failed = &r.answer
		}
		c.tell(e)
		c.race.out(e)
	}
	return false
}

// announced makes entrants of what a look-up has found, and says so in its step.
func (c *contest) announced(l *entrant, found []Candidate) []*entrant {
	step := &l.contact.step
	say := func(format string, args ...any) {
		if step.Said != "" {
			step.Said += "; "
		}
		step.Said += fmt.Sprintf(format, args...)
	}
	var out []*entrant
	for i, candidate := range found {
		if i == maxAnnounced {
			say("%d more are passed over", len(found)-i)
			break
		}
		candidate.Source = l.Source
		if !c.first(candidate) {
			say("%s, as %s", shown(candidate.URL), c.known[place(candidate.URL)].source)
			continue
		}
		say("%s", shown(candidate.URL))
		out = append(out, &entrant{Candidate: candidate})
	}
	if step.Said == "" && step.Err == "" {
		step.Said = "nothing is announced"
	}
	return out
}

// put puts the question to one that lives, and reports whether it is answered at
// once. The second question to one that was put off is a step of its own.
func (c *contest) put(e *entrant) bool {
	a := c.policy.offer(e.contact.ask)
	if e.contact.told {
		e.contact.step, e.contact.told = a.step(time.Now()), false
	}
	e.contact.step.By = a.by
	r := report{entrant: e, step: e.contact.step, asked: &a}
	switch {
	case a.deed == skip:
		e.contact.ask = a
		c.tell(e)
		c.race.resume(e)
		return true
	case e.contact.ready != nil:
		r.answer = *e.contact.ready
		return c.answered(r)
	}
	ctx, cancel := context.WithCancelCause(c.ctx)
	c.putOff = cancel
	c.wg.Go(func() {
		defer cancel(nil)
		began := time.Now()
		sent := func() { c.heard <- report{entrant: e, sent: true} }
		r.answer = c.question(ctx, a, c.Timeout-r.step.Elapsed, sent, &r.step)
		r.step.Elapsed += time.Since(began)
		if cause := context.Cause(ctx); errors.Is(cause, errPutOff) && r.answer.failure != nil && !r.answer.refused {
			r.putOff, r.step.Err, r.step.Answer = true, cause.Error(), Unasked // whatever has failed over it
		}
		c.heard <- r
	})
	return false
}

// answered tells the policy how a question went, and says whether it is answered:
// not where it was put off.
func (c *contest) answered(r report) bool {
	e := r.entrant
	if r.putOff {
		c.policy.putOff(*r.asked)
		c.tell(e)
		c.race.again(e)
		return false
	}
	c.policy.take(*r.asked, r.answer)
	c.tell(e)
	c.race.resume(e)
	return true
}

// tell records the step of e.
func (c *contest) tell(e *entrant) {
	e.contact.told = true
	step := e.contact.step
	if step.Err == "" && e.contact.ask.why != nil {
		step.Err, step.Kind = e.contact.ask.why.Error(), e.contact.ask.kind
	}
	c.record(c.ctx, step)
}

// end stops whatever is under way, waits for it, tells of those that were begun
// what they had come to and of the others why they were not, each source once, and
// the policy of those that came to nothing: the best in rank first, whichever gave
// up first. A stranger that was vouched for later is none. It may be called twice.
func (c *contest) end() {
	if c.ended {
		return
	}
	c.ended = true
	c.cancel(errEnded)
	c.wg.Wait()
	close(c.heard)
	for r := range c.heard {
		r.entrant.contact.step = r.step
		if r.entrant.lookup != nil {
			c.announced(r.entrant, r.found)
		}
	}
	told := make(map[Source]bool) // of whom something was begun, or said that nothing was
	for _, e := range c.race.entrants {
		told[e.Source] = told[e.Source] || e.begun
	}
	for _, e := range c.race.entrants {
		switch {
		case e.begun && !e.contact.told:
			if step := &e.contact.step; step.Said == "" && step.Err == "" {
				step.Said, step.Answer = "it lives, and was not asked", Unasked
			}
			c.tell(e)
		case e.begun:
		case !told[e.Source] && c.search.how == trust.FromDomain:
			told[e.Source] = true
			c.record(c.ctx, Step{Time: time.Now(), Source: e.Source, Skipped: true, Err: c.unasked()})
		case e.lookup == nil:
			verdict, why := c.policy.worth(c.search, e.Candidate)
			step := Step{Time: time.Now(), Source: e.Source, URL: shown(e.URL), How: e.How, Verdict: verdict.String(), Why: why, Skipped: true, Err: c.unasked(), Answer: Unasked}
			if verdict == trust.Refuse { // whenever its turn had come
				step.Err = "refused: " + why
			}
			c.record(c.ctx, step)
		}
		if e.contact.failed != nil && c.known[place(e.URL)].verdict <= e.contact.ask.verdict {
			c.policy.take(e.contact.ask, *e.contact.failed)
		}
	}
}

// unasked is why somebody whose turn has not come is not asked.
func (c *contest) unasked() string {
	switch {
	case c.policy.found != nil:
		return "not needed: the settings were found before its turn"
	case c.policy.search.changes > c.search.changes:
		return "not needed: the address had changed before its turn"
	}
	return "the discovery ended before its turn"
}

// step begins the step of a.
func (a ask) step(at time.Time) Step {
	s := Step{Time: at, URL: shown(a.url), How: a.how, Source: a.source, By: a.by, Why: a.reason, Skipped: a.deed == skip}
	if a.reason != "" {
		s.Verdict = a.verdict.String()
	}
	return s
}

// probe is the first contact of a candidate, which carries neither a body nor
// credentials. It lives if it asks for a sign-in, wants none, or leads elsewhere;
// whatever else it answers is its failure.
func (d *discovery) probe(ctx context.Context, a ask, step *Step) (answer, bool) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.Timeout, late(d.Timeout))
	defer cancel()
	var ans answer
	switch {
	case a.deed == meet:
		ans = d.meet(ctx, a, step)
	case d.Challenges.Met(a.hop.To):
		if err := d.reach(ctx, a); err != nil {
			ans.failure = &Error{Kind: Unreachable, Err: broken(ctx, err)}
		}
	default:
		ans = d.contact(ctx, a, step)
	}
	step.hear(ans)
	return ans, ans.failure == nil && a.deed == post
}

// reach opens the connection that a question is asked by. A host that has been
// met needs no first contact, but it may be gone by now.
func (d *discovery) reach(ctx context.Context, a ask) error {
	u, err := url.Parse(a.url)
	if err != nil {
		return err
	}
	if d.Network.Proxy != nil {
		if proxy, err := d.Network.Proxy(&http.Request{Method: http.MethodPost, URL: u}); proxy != nil || err != nil {
			return nil // the connection is the proxy's
		}
	}
	_, port, err := net.SplitHostPort(a.hop.To)
	if err != nil {
		return err
	}
	return d.conns.open(ctx, net.JoinHostPort(u.Hostname(), port))
}
