package autodiscover

import (
	"slices"
	"time"
)

// race says which candidate is tried when, without any I/O: next says what to do
// now, and found, live, out and resume hear what happened. Times are measured
// from its beginning.
//
// In the order of rank, each entrant's turn comes when all before it are out, or
// a head start after the turn of the last one before it that is still in. So a
// silent better one costs its head start and no more, and one that fails at once
// costs nothing. The first that lives is handed over at once: the head starts
// were the advantage of its betters. While one is asked, nobody else is started.
type race struct {
	entrants []*entrant // in the order of rank
	asking   bool
}

// state of an entrant.
type state uint8

const (
	in     state = iota // waiting for its turn, or under way
	lives               // it has answered
	handed              // it is being asked
	gone                // nothing is to be had from it
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

	contact contact // the I/O's
}

// move is what to do now: at most one field is set; none: wait for what happens.
type move struct {
	start *entrant      // begin its look-up or its probe
	hand  *entrant      // ask it
	until time.Duration // wait until then, or for what happens
	over  bool          // nobody is left
}

func (r *race) next(now time.Duration) move {
	for _, e := range r.entrants {
		if e.early && !e.begun {
			e.begun = true
			return move{start: e}
		}
	}
	if r.asking {
		return move{}
	}
	for _, e := range r.entrants {
		if e.state == lives {
			e.state, r.asking = handed, true
			return move{hand: e}
		}
	}
	alone, due := true, time.Duration(0)
	for _, e := range r.entrants {
		if e.state == gone {
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
	return move{over: alone}
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

// resume hears that e was asked in vain.
func (r *race) resume(e *entrant) { e.state, r.asking = gone, false }
