package agent

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What a machine promises, whatever it is answered, as a watch over what it
// does. The watch knows nothing of the machine: it counts for itself, and judges
// hosts by a rule of its own.

// act is one thing that the machine does, or that is done to it.
type act struct {
	deed
	at     time.Time
	host   string // of a logon, a presentation, a consent
	place  string // URL and LegacyDN: of a logon, a save
	secret string // that is presented, refused or given
	hop    bool   // logon: the host is one that a server named
	from   State  // transition
	to     State
	next   time.Time // transition: when it looks again
}

type deed uint8

const (
	begins    deed = iota // reads the profile: a cycle
	logsOn                // calls Logon
	isIn                  // the logon succeeded
	leaves                // closes the session
	discovers             // calls Discover
	presents              // sends a secret
	isRefused             // the host refuses it
	saves                 // calls Save
	moves                 // changes its state
	isAsked               // a person wants a look
	isAllowed             // a person allows a host
	isGiven               // a person gives a secret for a realm
)

// watch holds what has to be known of the past. Its zero value has seen nothing.
type watch struct {
	cycle                   // what this cycle did
	cycles  int             // begun within an instant, with nobody acting
	since   time.Time       // its beginning
	in      string          // the place of the open session; empty: none
	state   State           // of the latest transition
	refused map[string]bool // realm and secret
	allowed map[string]bool // hosts, by a person
	broken  error           // the first claim that does not hold
}

type cycle struct {
	logons, hops, repeats, discoveries, refusals, decisions int
	last                                                    string // place of the latest logon
}

// instant is longer than any turn on the stage, and shorter than any other wait.
const instant = time.Second

// mostCycles begin within an instant with nobody asking: one, and the one that
// replaces a session that died young or met a profile that was changed
// underneath. After that a machine lets time pass.
const mostCycles = 2

func (w *watch) breaks(format string, args ...any) {
	if w.broken == nil {
		w.broken = fmt.Errorf(format, args...)
	}
}

// admitted is the rule in a few words: the mail domain, the forest that policy
// trusts, and whom a person has allowed.
func (w *watch) admitted(host string) bool {
	return strings.HasSuffix(host, ".contoso.test") || strings.HasSuffix(host, ".fabrikam.test") || w.allowed[host]
}

// realmOf is the part of a name that is registered, in the worlds of this test.
func realmOf(host string) string {
	labels := strings.Split(host, ".")
	return strings.Join(labels[max(0, len(labels)-2):], ".")
}

// see takes one act.
func (w *watch) see(a act) {
	if a.at.Sub(w.since) >= instant {
		w.since, w.cycles = a.at, 0
	}
	asks := a.deed == logsOn || a.deed == discovers || a.deed == presents
	if asks && w.state.Settled() {
		w.breaks("asks %s while it is %s", a.host, w.state)
	}
	switch a.deed {
	case begins:
		w.cycle = cycle{}
		if w.cycles++; w.cycles > mostCycles {
			w.breaks("%d cycles within %v", w.cycles, instant)
		}
		w.state = Starting
	case logsOn:
		w.in = ""
		switch w.logons++; {
		case a.place == w.last:
			w.repeats++
		case a.hop:
			w.hops++
		}
		w.last = a.place
		if w.logons > mostLogons || w.hops > mostHops || w.repeats > mostFresh {
			w.breaks("%d logons in one cycle, %d of them redirects and %d repeated", w.logons, w.hops, w.repeats)
		}
	case isIn:
		w.in = a.place
	case leaves:
		w.in = ""
	case discovers:
		if w.discoveries++; w.discoveries > mostDiscoveries {
			w.breaks("%d discoveries in one cycle", w.discoveries)
		}
	case presents:
		switch {
		case !w.admitted(a.host):
			w.breaks("a secret for %s, which no rule admits", a.host)
		case w.refused[realmOf(a.host)+" "+a.secret]:
			w.breaks("%s receives a secret that its realm has refused", a.host)
		}
	case isRefused:
		if w.refused == nil {
			w.refused = make(map[string]bool)
		}
		w.refused[realmOf(a.host)+" "+a.secret] = true
		if w.refusals++; w.refusals > mostRefusals {
			w.breaks("%d refusals in one cycle", w.refusals)
		}
	case saves:
		if w.in == "" || w.in != a.place {
			w.breaks("saves %s with a session at %q", a.place, w.in)
		}
	case moves:
		w.state = a.to
		if w.decisions++; !a.to.Settled() && w.decisions >= mostDecisions {
			w.breaks("%d decisions and not settled", w.decisions)
		}
		wait := a.next.Sub(a.at)
		if (a.to == Waiting || a.to == NeedsYou) && (a.next.IsZero() || wait <= 0 || wait > time.Hour) {
			w.breaks("%s for %v", a.to, wait)
		}
	case isAsked:
		w.cycles = 0
	case isAllowed:
		if w.allowed == nil {
			w.allowed = make(map[string]bool)
		}
		w.allowed[a.host] = true
	case isGiven: // a person has looked at it
		delete(w.refused, realmOf(a.host)+" "+a.secret)
	}
}

// Each claim has a story that breaks it, and the same story without its last
// act breaks none.
func TestTheWatchSeesWhatItIsThereToSee(t *testing.T) {
	const c1, c2, stranger = "c1.contoso.test", "c2.contoso.test", "mail.tailspin.test"
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	start := act{deed: begins}
	logon := func(host string) act { return act{deed: logsOn, host: host, place: host} }
	hop := func(host string) act { return act{deed: logsOn, host: host, place: host, hop: true} }
	move := func(from, to State) act { return act{deed: moves, from: from, to: to} }
	wait := act{deed: moves, from: Connecting, to: Waiting, next: now.Add(time.Minute)}
	sent := func(host string) act { return act{deed: presents, host: host, secret: "s1"} }
	refused := func(host string) act { return act{deed: isRefused, host: host, secret: "s1"} }
	many := func(n int, a ...act) (all []act) {
		for range n {
			all = append(all, a...)
		}
		return all
	}
	for _, tt := range []struct {
		name string
		acts []act
	}{
		{"saved before the logon", []act{start, logon(c1), {deed: saves, place: c1}}},
		{"saved after a logon elsewhere", []act{start, logon(c1), {deed: isIn, place: c1}, {deed: saves, place: c2}}},
		{"saved after the session was closed", []act{start, logon(c1), {deed: isIn, place: c1}, {deed: leaves}, {deed: saves, place: c1}}},
		{"saved after another logon was refused", []act{start, logon(c1), {deed: isIn, place: c1}, logon(c2), {deed: saves, place: c1}}},
		{"a fourth redirect", []act{start, logon(c1), hop("a"), hop("b"), hop("c"), hop("d")}},
		{"a second repeated logon", []act{start, logon(c1), logon(c1), logon(c1)}},
		{"a seventh logon", []act{start, logon("a"), logon("b"), logon("c"), logon("d"), logon("e"), logon("f"), logon("g")}},
		{"a second discovery", []act{start, {deed: discovers}, {deed: discovers}}},
		{"a third refusal", []act{start, refused("a.contoso.test"), refused("a.fabrikam.test"), refused("a.tailspin.test")}},
		{"a secret for a stranger", []act{start, sent(c1), sent(stranger)}},
		{"a secret for an address", []act{start, sent("192.0.2.1")}},
		{"a secret for a host that a person has not allowed", []act{{deed: isAllowed, host: stranger}, start, sent(stranger), sent("mail2.tailspin.test")}},
		{"a refused secret for another host of the realm", []act{start, sent(c1), refused(c1), sent("mail.fabrikam.test"), sent(c2)}},
		{"a refused secret in the next cycle", []act{start, sent(c1), refused(c1), start, sent(c1)}},
		{"a refused secret a second time after it was given anew", []act{start, refused(c1), {deed: isGiven, host: c1, secret: "s1"}, sent(c1), refused(c1), sent(c1)}},
		{"a logon while it waits", []act{start, logon(c1), wait, logon(c1)}},
		{"a discovery while it waits", []act{start, logon(c1), wait, {deed: discovers}}},
		{"a cycle that does not settle", append([]act{start}, many(8, move(Connecting, Connecting))...)},
		{"a wait without an end", []act{start, move(Connecting, Waiting)}},
		{"a wait of no length", []act{start, {deed: moves, to: NeedsYou, next: now}}},
		{"a wait of a day", []act{start, {deed: moves, to: Waiting, next: now.Add(24 * time.Hour)}}},
		{"three cycles within an instant", many(3, start)},
		{"three cycles within an instant after somebody asked", append([]act{start, {deed: isAsked}}, many(3, start)...)},
	} {
		last := len(tt.acts) - 1
		var w watch
		for i, a := range tt.acts {
			a.at = now
			if w.see(a); w.broken != nil && i < last {
				t.Errorf("%s: act %d already breaks a claim: %v", tt.name, i, w.broken)
			}
		}
		if w.broken == nil {
			t.Errorf("%s: nobody notices", tt.name)
		}
	}
}
