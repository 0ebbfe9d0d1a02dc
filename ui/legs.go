package ui

import (
	"slices"
	"time"

	"github.com/homing-mail/homing/agent"
)

// stay is what happened at one place before the way went on: at a server, or at a
// directory that was asked.
type stay struct {
	host      string // as people see it
	directory bool
	legs      []agent.Leg
}

// stays groups legs by place. What names no place of its own, such as a wait,
// belongs to the place before; a resolve names where the way leads to, not where it
// was asked. A directory that was not needed in the end was no place.
func stays(legs []agent.Leg) []stay {
	var out []stay
	for _, l := range legs {
		host, directory := Host(l.Host), l.Step == "discover"
		if directory && l.Outcome == agent.Cancelled {
			continue
		}
		last := len(out) - 1
		if directory || l.Step == "logon" || l.Step == "session" {
			if last < 0 || out[last].host != host || out[last].directory != directory {
				out = append(out, stay{host: host, directory: directory})
				last++
			}
		}
		if last >= 0 {
			out[last].legs = append(out[last].legs, l)
		}
	}
	return out
}

// answers are the legs of s that say something about the way.
func (s stay) answers() []agent.Leg {
	return slices.DeleteFunc(slices.Clone(s.legs), func(l agent.Leg) bool {
		return l.Step == "wait" || l.Step == "saved" || l.Step == "resolve" && !l.Failed
	})
}

// deadEnd reports whether the way did not lead on from s.
func (s stay) deadEnd() bool {
	answers := s.answers()
	return len(answers) > 0 && signOf(answers[len(answers)-1]).deadEnd
}

// sign is how an outcome is drawn, and in which words.
type sign struct {
	key     string
	mark    Mark
	deadEnd bool
}

// signs has one row an outcome.
var signs = [...]sign{
	agent.LoggedOn:      {"journey.logged_on", Done, false},
	agent.WrongServer:   {"journey.wrong_server", Done, false},
	agent.Circle:        {"journey.circle", Failed, true},
	agent.UnknownHere:   {"journey.unknown_here", Failed, true},
	agent.Gone:          {"journey.gone", Failed, true},
	agent.InTransit:     {"journey.in_transit", UnderWay, false},
	agent.Busy:          {"journey.busy", UnderWay, false},
	agent.SessionLost:   {"journey.session_lost", Failed, false},
	agent.Unauthorized:  {"journey.unauthorized", Failed, true},
	agent.NoSecret:      {"journey.no_secret", Failed, true},
	agent.Denied:        {"journey.denied", Failed, true},
	agent.Untrusted:     {"journey.untrusted", Failed, true},
	agent.NeverTrusted:  {"journey.never_trusted", Failed, true},
	agent.Found:         {"journey.found", Done, false},
	agent.NothingBetter: {"journey.nothing_better", Passed, true},
	agent.NoDirectory:   {"journey.no_directory", Passed, true},
	agent.Unreadable:    {"journey.unreadable", Failed, true},
	agent.Cancelled:     {"journey.cancelled", Passed, false},
}

// directorySigns are of the outcomes that mean something else at a directory. That
// one does not exist, or knows nothing, is no failure.
var directorySigns = map[agent.Outcome]sign{
	agent.LoggedOn:    {"journey.found", Done, false},
	agent.WrongServer: {"journey.redirect", Done, false},
	agent.UnknownHere: {"journey.nothing_better", Passed, true},
	agent.Gone:        {"journey.no_directory", Passed, true},
	agent.Busy:        {"journey.busy", Failed, true},
}

func signOf(l agent.Leg) sign {
	switch s, ok := directorySigns[l.Outcome]; {
	case l.Step == "resolve":
		return sign{"journey.unresolved", Failed, true}
	case l.Step == "discover" && ok:
		return s
	case int(l.Outcome) >= len(signs):
		return signs[agent.Gone]
	}
	return signs[l.Outcome]
}

// journey draws the legs of b.
func (p presenter) journey(b agent.Mailbox) Journey {
	all := stays(b.Journey)
	if len(all) == 0 {
		return Journey{}
	}
	j := Journey{Began: all[0].legs[0].Time}
	for i, s := range all {
		end := p.now
		if i+1 < len(all) {
			end = all[i+1].legs[0].Time
		}
		deadEnd := s.deadEnd()
		j.Stops = append(j.Stops, Stop{Host: p.named(s.host), Directory: s.directory, Failed: deadEnd})
		j.Hops = append(j.Hops, Hop{Reason: p.reason(s), Took: took(s.took(end), p.say), Failed: deadEnd, Wire: s.wire()})
	}
	if last := all[len(all)-1]; !last.directory && !last.deadEnd() {
		if l := last.legs[len(last.legs)-1]; !l.Failed && l.Step != "wait" {
			j.Took = took(l.Time.Add(l.Elapsed).Sub(j.Began), p.say)
		}
	}
	if home := p.home(b); b.State == agent.Online && home != "" {
		for i, stop := range slices.Backward(j.Stops) {
			if !stop.Directory && stop.Host == home {
				j.Stops[i].Home = true
				break
			}
		}
	}
	return j
}

// took is the time from the first leg of s to its last; a wait that was cut short
// ends with end.
func (s stay) took(end time.Time) time.Duration {
	last := s.legs[0].Time
	for _, l := range s.legs {
		over := l.Time.Add(l.Elapsed)
		if l.Step == "wait" && over.After(end) {
			over = end
		}
		if over.After(last) {
			last = over
		}
	}
	return last.Sub(s.legs[0].Time)
}

// reason says what happened at s: the last two things that differ.
func (p presenter) reason(s stay) string {
	var keys []string
	for _, l := range s.answers() {
		if key := signOf(l).key; len(keys) == 0 || keys[len(keys)-1] != key {
			keys = append(keys, key)
		}
	}
	switch n := len(keys); n {
	case 0:
		return ""
	case 1:
		return p.say(keys[0], nil)
	default:
		return p.say("journey.then", with{"First": p.say(keys[n-2], nil), "Then": p.say(keys[n-1], nil)})
	}
}

// wire is what was said at s, a heading for each leg.
func (s stay) wire() []string {
	var lines []string
	for _, l := range s.legs {
		heading := l.Step
		if l.Host != "" {
			heading += " " + Host(l.Host)
		}
		lines = append(lines, heading+": "+visible(l.Said))
		for _, line := range l.Wire {
			lines = append(lines, "  "+visible(line))
		}
	}
	return lines
}

// live is the present cycle while it looks for b: each place that was asked, and
// what goes on now.
func (p presenter) live(b agent.Mailbox) []Look {
	if b.State != agent.Starting && b.State != agent.Discovering && b.State != agent.Connecting {
		return nil
	}
	var looks []Look
	legs := cycle(b)
	for _, s := range stays(legs) {
		if answers := s.answers(); len(answers) > 0 {
			looks = append(looks, Look{Mark: signOf(answers[len(answers)-1]).mark, Host: p.named(s.host), Said: p.reason(s)})
		}
	}
	host := at(b)
	if n := len(legs); n > 0 {
		if host = ""; legs[n-1].Step == "resolve" {
			host = Host(legs[n-1].Host)
		}
	}
	if b.State == agent.Discovering || b.State == agent.Starting && host == "" {
		return append(looks, Look{Mark: UnderWay, Said: p.say("journey.asking", nil)})
	}
	return append(looks, Look{Mark: UnderWay, Host: host, Said: p.say("journey.logging_on", nil)})
}

// cycle are the legs of the present cycle.
func cycle(b agent.Mailbox) []agent.Leg {
	for i, l := range b.Journey {
		if !l.Time.Before(b.Looked) {
			return b.Journey[i:]
		}
	}
	return nil
}
