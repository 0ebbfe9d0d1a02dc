package agent

import (
	"math/rand/v2"
	"time"
)

// Pace says how long a machine waits. The zero value is replaced by
// DefaultPace, field by field.
type Pace struct {
	Move    Steps         // while the mailbox is in transit
	Server  Steps         // while a server is busy; its own wish is honoured
	News    Steps         // while Autodiscover knows nothing better
	Network Steps         // while the server cannot be reached
	You     Steps         // while a person has to answer: look whether it is still needed
	Turn    time.Duration // a lost session is replaced within this, at a random time; negative: at once
	Probe   time.Duration // at least this long between two probes of a session
	Save    time.Duration // until a failed save is tried again
	Jitter  float64       // each wait is lengthened by up to this share, and the life of settings by that of their TTL; negative: none
}

// Steps is a wait that doubles from First to Max; a Max below First: it stays.
type Steps struct{ First, Max time.Duration }

// defaultPace is meant for workstations: a move is noticed soon after it ends,
// and a thousand agents do not ask at once.
var defaultPace = Pace{
	Move:    Steps{30 * time.Second, 5 * time.Minute},
	Server:  Steps{5 * time.Second, 2 * time.Minute},
	News:    Steps{5 * time.Minute, time.Hour},
	Network: Steps{15 * time.Second, 5 * time.Minute},
	You:     Steps{time.Hour, time.Hour},
	Turn:    30 * time.Second,
	Probe:   time.Minute,
	Save:    time.Minute,
	Jitter:  0.25,
}

// DefaultPace returns the pace that stands for the zero value.
func DefaultPace() Pace { return defaultPace }

func (p Pace) withDefaults() Pace {
	d := defaultPace
	for _, s := range []struct{ got, want *Steps }{
		{&p.Move, &d.Move}, {&p.Server, &d.Server}, {&p.News, &d.News}, {&p.Network, &d.Network}, {&p.You, &d.You},
	} {
		if s.got.First <= 0 {
			*s.got = *s.want
		}
	}
	if p.Turn == 0 {
		p.Turn = d.Turn
	}
	if p.Probe == 0 {
		p.Probe = d.Probe
	}
	if p.Save == 0 {
		p.Save = d.Save
	}
	if p.Jitter == 0 {
		p.Jitter = d.Jitter
	}
	return p
}

// renewal returns in how long settings are asked for anew that were issued, or
// asked for, at that time and hold for ttl: not before, and not all at once. A
// time that is still to come is that of a clock that was wrong.
func (p Pace) renewal(asked, now time.Time, ttl time.Duration, random *rand.Rand) time.Duration {
	d := min(max(asked.Add(ttl).Sub(now), 0), ttl)
	return d + time.Duration(max(p.Jitter, 0)*random.Float64()*float64(ttl))
}

// steps returns the row for w.
func (p Pace) steps(w Wait) Steps {
	switch w {
	case ForMove:
		return p.Move
	case ForServer:
		return p.Server
	case ForNetwork:
		return p.Network
	case ForYou:
		return p.You
	}
	return p.News
}

// wait returns the length of the n-th wait in a row for w, from 0. asked is
// what a server wished; it is a lower bound up to one hour. random lengthens
// only, so that nobody comes sooner than asked. A turn is drawn from Turn alone.
func (p Pace) wait(w Wait, n int, asked time.Duration, random *rand.Rand) time.Duration {
	if w == ForTurn {
		return time.Duration(random.Float64() * float64(max(p.Turn, 0)))
	}
	s := p.steps(w)
	d := s.First
	for range n {
		if d *= 2; d >= s.Max {
			d = max(s.First, s.Max)
			break
		}
	}
	d = max(d, min(asked, time.Hour))
	if p.Jitter > 0 && random != nil {
		d += time.Duration(p.Jitter * random.Float64() * float64(d))
	}
	return d
}
