package autodiscover

import (
	"slices"
	"time"
)

// race says which candidate is tried when, without any I/O: next says what to do
// now, and found, live, out, sent, resume and again hear what happened. Times are
// measured from its beginning.
//
// In the order of rank, each entrant's turn comes when all before it are out, or
// a head start after the turn of the last one before it that is still in. So a
// silent better one costs its head start and no more, and one that fails at once
// costs nothing. The first that lives is handed over at once: the head starts
// were the advantage of its betters.
//
// While one is asked, nobody else is started for the time of its hold, and nobody
// else is asked. Then the race goes on beside the question, and as soon as another
// lives, the question is put off: once, until nobody else is left to ask.
type race struct {
	entrants []*entrant    // in the order of rank
	asked    *entrant      // nil: nobody
	held     time.Duration // until when its hold lasts; 0: nothing has been sent to it yet
}

// state of an entrant.
type state uint8

const (
	in       state = iota // waiting for its turn, or under way
	lives                 // it has answered
	handed                // it is being asked
	deferred              // its question was put off
	gone                  // nothing is to be had from it
)

// entrant is a candidate, or the look-up of some.
type entrant struct {
	Candidate        // of a look-up only the Source
	lookup    lookup // nil: a candidate
	early     bool   // begins before its turn

	state  state
	turned bool          // its turn has come
	turn   time.Duration // when
	begun  bool
	putOff bool // it has been, which happens once

	contact contact // the I/O's
}

// move is what to do now: at most one field is set; none: wait for what happens.
type move struct {
	start  *entrant      // begin its look-up or its probe
	hand   *entrant      // ask it
	putOff *entrant      // end its question, and say by again, or by resume, how it ended
	until  time.Duration // wait until then, or for what happens
	over   bool          // nobody is left
}

func (r *race) next(now time.Duration) move {
	for _, e := range r.entrants {
		if e.early && !e.begun {
			e.begun = true
			return move{start: e}
		}
	}
	if r.asked != nil && (r.held == 0 || now < r.held) {
		return move{until: r.held}
	}
	for _, e := range r.entrants {
		switch {
		case e.state != lives:
		case r.asked == nil:
			return r.hand(e)
		case !r.asked.putOff:
			r.asked.putOff = true
			return move{putOff: r.asked}
		}
	}
	alone, due := true, time.Duration(0)
	for _, e := range r.entrants {
		if e.state == gone || e.state == deferred {
			continue
		}
		if !e.turned {
			if !alone && now < due {
				return move{until: due}
			}
			e.turned, e.turn = true, now
		}
		if !e.begun {
			e.begun = true
			return move{start: e}
		}
		alone, due = false, e.turn+headStart
	}
	if !alone {
		return move{}
	}
	for _, e := range r.entrants {
		if e.state == deferred {
			return r.hand(e)
		}
	}
	return move{over: true}
}

func (r *race) hand(e *entrant) move {
	e.state, r.asked, r.held = handed, e, 0
	return move{hand: e}
}

// enter adds an entrant at the end.
func (r *race) enter(e *entrant) { r.entrants = append(r.entrants, e) }

// found puts what a look-up has found in its place. The first takes over its
// turn, so that a look-up and what it finds have one head start together.
func (r *race) found(l *entrant, candidates []*entrant) {
	l.state = gone
	if len(candidates) > 0 {
		candidates[0].turned, candidates[0].turn = l.turned, l.turn
	}
	r.entrants = slices.Insert(r.entrants, slices.Index(r.entrants, l)+1, candidates...)
}

// live hears that e has answered.
func (r *race) live(e *entrant) { e.state = lives }

// out hears that nothing is to be had from e.
func (r *race) out(e *entrant) { e.state = gone }

// sent hears that the question is on its way, from when its hold counts: what a
// keyring takes, or who unlocks it, is not the place's fault.
func (r *race) sent(now time.Duration) {
	if r.held == 0 {
		r.held = now + hold
	}
}

// resume hears that e was asked in vain.
func (r *race) resume(e *entrant) { e.state, r.asked = gone, nil }

// again hears that the question of e has ended because it was put off.
func (r *race) again(e *entrant) { e.state, r.asked = deferred, nil }
