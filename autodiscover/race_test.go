package autodiscover

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A script of a race is words: a number of milliseconds that pass, or a name with
// what happens to it: "a fails", "a lives", "a sent", "a resumes", "a again",
// "s finds x,y". What the race decides is written after each: "start a", "hand a",
// "put off a", "until 300", "over", "wait".
func runRace(t *testing.T, line string, script ...string) []string {
	t.Helper()
	r := new(race)
	named := make(map[string]*entrant)
	add := func(name string) *entrant {
		e := &entrant{Candidate: Candidate{URL: name}}
		if strings.HasSuffix(name, "!") { // an early look-up
			e.early = true
		}
		named[name] = e
		return e
	}
	for name := range strings.FieldsSeq(line) {
		r.enter(add(name))
	}
	var (
		now time.Duration
		out []string
	)
	decide := func() {
		for {
			m := r.next(now)
			switch {
			case m.start != nil:
				out = append(out, "start "+m.start.URL)
				continue
			case m.hand != nil:
				out = append(out, "hand "+m.hand.URL)
				continue
			case m.putOff != nil:
				out = append(out, "put off "+m.putOff.URL)
				continue
			case m.over:
				out = append(out, "over")
			case m.until > 0:
				out = append(out, fmt.Sprintf("until %d", m.until.Milliseconds()))
			default:
				out = append(out, "wait")
			}
			return
		}
	}
	decide()
	for _, word := range script {
		var ms int
		if _, err := fmt.Sscanf(word, "at %d", &ms); err == nil {
			now = time.Duration(ms) * time.Millisecond
			decide()
			continue
		}
		parts := strings.Fields(word)
		e := named[parts[0]]
		switch parts[1] {
		case "fails":
			r.out(e)
		case "lives":
			r.live(e)
		case "sent":
			r.sent(now)
		case "resumes":
			r.resume(e)
		case "again":
			r.again(e)
		case "finds":
			var found []*entrant
			if len(parts) > 2 {
				for name := range strings.SplitSeq(parts[2], ",") {
					found = append(found, add(name))
				}
			}
			r.found(e, found)
		default:
			t.Fatalf("%q?", word)
		}
		decide()
	}
	return out
}

func TestRace(t *testing.T) {
	for _, tt := range []struct {
		name   string
		line   string // in the order of rank; s! is an early look-up
		script []string
		want   string
	}{
		{"the first that answers in its head start is the only one", "a b c", []string{"at 200", "a lives"},
			"start a, until 300, until 300, hand a, wait"},
		{"a silent one costs its head start", "a b", []string{"at 300", "at 350", "b lives"},
			"start a, until 300, start b, wait, wait, hand b, wait"},
		{"one that fails at once costs nothing", "a b", []string{"at 10", "a fails", "b lives"},
			"start a, until 300, until 300, start b, wait, hand b, wait"},
		{"one that fails is not waited for beside a silent one", "a b c", []string{"at 300", "b fails"},
			"start a, until 300, start b, until 600, start c, wait"},
		{"each has a head start before the next", "a b c", []string{"at 300", "at 600", "a fails", "b fails", "c fails"},
			"start a, until 300, start b, until 600, start c, wait, wait, wait, over"},
		{"a slow better one that lives meanwhile is handed over first", "a b", []string{"at 300", "a lives"},
			"start a, until 300, start b, wait, hand a, wait"},
		{"of two that wait the better one is asked first", "a b c",
			[]string{"at 300", "at 600", "c lives", "b lives", "a lives", "c resumes", "a resumes", "b resumes"},
			"start a, until 300, start b, until 600, start c, wait, hand c, wait, wait, wait, hand a, wait, hand b, wait, over"},
		{"nobody is started while one is asked", "a b", []string{"at 100", "a lives", "at 5000", "a resumes"},
			"start a, until 300, until 300, hand a, wait, wait, start b, wait"},
		{"in the hold of a question nobody is started, and then the race goes on", "a b c",
			[]string{"at 100", "a lives", "a sent", "at 2099", "at 2100", "at 2400", "b fails", "c fails", "at 9000", "a resumes"},
			"start a, until 300, until 300, hand a, wait, until 2100, until 2100, start b, until 2400, start c, wait, wait, wait, wait, over"},
		{"the hold counts from when the question is sent", "a b", []string{"at 100", "a lives", "at 9000", "a sent", "at 10999", "at 11000"},
			"start a, until 300, until 300, hand a, wait, wait, until 11000, until 11000, start b, wait"},
		{"and not again from what follows, as a sign-in", "a b", []string{"at 100", "a lives", "a sent", "at 2000", "a sent", "at 2100"},
			"start a, until 300, until 300, hand a, wait, until 2100, until 2100, until 2100, start b, wait"},
		{"a question is put off for one that lives after its hold", "a b", []string{"at 100", "a lives", "a sent", "at 2100", "at 2250", "b lives", "a again"},
			"start a, until 300, until 300, hand a, wait, until 2100, start b, wait, wait, put off a, wait, hand b, wait"},
		{"a question is put off at the end of its hold for one that lives by then", "a b",
			[]string{"at 300", "a lives", "a sent", "at 1000", "b lives", "at 2299", "at 2300", "a again"},
			"start a, until 300, start b, wait, hand a, wait, until 2300, until 2300, until 2300, until 2300, put off a, wait, hand b, wait"},
		{"nobody is asked before the question that is put off has ended", "a b", []string{"at 300", "a lives", "a sent", "b lives", "at 2300", "at 2400", "a again"},
			"start a, until 300, start b, wait, hand a, wait, until 2300, until 2300, put off a, wait, wait, hand b, wait"},
		{"one that is put off and has answered all the same is not asked again", "a b", []string{"at 300", "a lives", "a sent", "b lives", "at 2300", "a resumes", "b resumes"},
			"start a, until 300, start b, wait, hand a, wait, until 2300, until 2300, put off a, wait, hand b, wait, over"},
		{"one that was put off is asked again when nobody else is left, and keeps its time", "a b c",
			[]string{"at 300", "a lives", "a sent", "b lives", "at 2300", "a again", "b sent", "b resumes", "c fails", "a sent", "at 9000", "a resumes"},
			"start a, until 300, start b, until 600, hand a, wait, until 2300, until 2300, put off a, start c, wait, hand b, wait, until 4300, wait, hand a, wait, until 4300, wait, over"},
		{"nobody is put off for one that was put off", "a b", []string{"at 300", "a lives", "a sent", "b lives", "at 2300", "a again", "b sent", "at 4300", "at 9000", "b resumes", "a resumes"},
			"start a, until 300, start b, wait, hand a, wait, until 2300, until 2300, put off a, wait, hand b, wait, until 4300, wait, wait, hand a, wait, over"},
		{"of two that were put off the better one is asked again first", "a b c",
			[]string{"at 300", "at 600", "b lives", "b sent", "a lives", "at 2600", "b again", "a sent", "c lives", "at 4600", "a again", "c resumes", "a resumes", "b resumes"},
			"start a, until 300, start b, until 600, start c, wait, hand b, wait, until 2600, until 2600, put off b, wait, hand a, wait, until 4600, until 4600, put off a, wait, hand c, wait, hand a, wait, hand b, wait, over"},
		{"nobody at all", "", nil, "over"},
		{"an early look-up begins with the race and has its turn later", "a s! b", []string{"at 300", "at 600"},
			"start s!, start a, until 300, until 600, start b, wait"},
		{"an early look-up that finds nothing costs nothing", "a s! b", []string{"at 40", "s! finds", "at 300"},
			"start s!, start a, until 300, until 300, until 300, start b, wait"},
		{"what a look-up finds before its turn waits for it", "a s! b", []string{"at 40", "s! finds x,y", "at 300", "at 600", "at 900"},
			"start s!, start a, until 300, until 300, until 300, start x, until 600, start y, until 900, start b, wait"},
		{"what a look-up finds after its turn shares its head start", "a s b", []string{"at 300", "at 350", "s finds x", "at 600"},
			"start a, until 300, start s, until 600, until 600, start x, until 600, start b, wait"},
		{"what a look-up finds very late is started at once", "a s! b", []string{"at 300", "at 600", "at 5000", "s! finds x,y"},
			"start s!, start a, until 300, until 600, start b, wait, wait, start x, start y, wait"},
		{"a look-up that fails ends the race with the others", "a s!", []string{"a fails", "s! fails"},
			"start s!, start a, until 300, wait, over"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(strings.Split(tt.want, ", "), runRace(t, tt.line, tt.script...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever happens in whatever order: everybody is started once; one is asked at a
// time, for the length of its hold at least, and once more only if it was put off
// for another and nobody else is left; the k-th in line that stood there from the
// beginning starts no later than k head starts and the holds so far; and the race
// ends.
func TestRaceHoldsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := new(race)
		for i := range rapid.IntRange(1, 6).Draw(t, "entrants") {
			r.enter(&entrant{Candidate: Candidate{URL: fmt.Sprint(i)}, early: rapid.IntRange(0, 3).Draw(t, "early") == 0})
		}
		var (
			now     time.Duration
			running []*entrant
			asked   *entrant
			since   time.Duration // asked was handed over then
			free    time.Duration // its hold ends then; 0: its question is not sent yet
			putOff  = make(map[*entrant]bool)
			started = make(map[*entrant]bool)
			handed  = make(map[*entrant]bool)
			holds   time.Duration // of those that are not asked any more
			line    = len(r.entrants)
		)
		held := func() time.Duration { // spent on holds so far
			switch {
			case asked == nil:
				return holds
			case free == 0:
				return holds + now - since
			}
			return holds + min(now, free) - since
		}
		someone := func(s state) int { return slices.IndexFunc(r.entrants, func(e *entrant) bool { return e.state == s }) }
		for step := 0; ; step++ {
			if step > 1000 {
				t.Fatal("the race does not end")
			}
			m := r.next(now)
			holding := asked != nil && (free == 0 || now < free)
			switch {
			case m.start != nil:
				if started[m.start] || holding && !m.start.early {
					t.Fatalf("%s is started, as it was %v, in the hold of %v", m.start.URL, started[m.start], asked)
				}
				started[m.start] = true
				if k := slices.Index(r.entrants, m.start); !strings.HasSuffix(m.start.URL, "+") && now > time.Duration(k)*headStart+held() {
					t.Fatalf("the %d-th of the line starts at %v only", k, now)
				}
				running = append(running, m.start)
				continue
			case m.hand != nil:
				if asked != nil || handed[m.hand] && !putOff[m.hand] {
					t.Fatalf("%s is handed over, as it was %v, while %v is asked", m.hand.URL, handed[m.hand], asked)
				}
				if handed[m.hand] && (len(running) > 0 || len(started) != line || someone(lives) >= 0) {
					t.Fatalf("%s is handed over again, with %d under way, %d of %d started", m.hand.URL, len(running), len(started), line)
				}
				if i := someone(lives); i >= 0 && i < slices.Index(r.entrants, m.hand) {
					t.Fatalf("%s is handed over before %s", m.hand.URL, r.entrants[i].URL)
				}
				if handed[m.hand] {
					delete(putOff, m.hand) // a third time there is not
				}
				handed[m.hand], asked, since, free = true, m.hand, now, 0
				continue
			case m.putOff != nil:
				if m.putOff != asked || putOff[asked] || holding || someone(lives) < 0 {
					t.Fatalf("%s is put off, as it was %v, while %v is asked, in its hold %v", m.putOff.URL, putOff[m.putOff], asked, holding)
				}
				putOff[asked] = true
				continue
			case m.over:
				if len(started) != line || len(running) > 0 || asked != nil || someone(deferred) >= 0 {
					t.Fatalf("over, with %d of %d started, %d under way", len(started), line, len(running))
				}
				return
			}
			if someone(lives) >= 0 && !holding && (asked == nil || !putOff[asked]) {
				t.Fatalf("%s lives and waits for %v", r.entrants[someone(lives)].URL, asked)
			}
			// Something happens, or time passes up to the next turn.
			if m.until > 0 && rapid.Bool().Draw(t, "turn") {
				now = m.until
				continue
			}
			if len(running) == 0 && asked == nil {
				t.Fatalf("nothing is under way, and nothing is decided: %+v", m)
			}
			most := 2 * hold
			if m.until > 0 {
				most = m.until - now
			}
			now += time.Duration(rapid.IntRange(0, int(most)).Draw(t, "passes"))
			if asked != nil && (len(running) == 0 || rapid.Bool().Draw(t, "of the question")) {
				if free == 0 && rapid.Bool().Draw(t, "sent") {
					r.sent(now)
					free = now + hold
					continue
				}
				ended := asked
				holds, asked = held(), nil
				if putOff[ended] && rapid.Bool().Draw(t, "put off") {
					r.again(ended)
				} else {
					delete(putOff, ended)
					r.resume(ended)
				}
				continue
			}
			i := rapid.IntRange(0, len(running)-1).Draw(t, "who")
			e := running[i]
			running = slices.Delete(running, i, i+1)
			switch {
			case e.early: // a look-up
				var found []*entrant
				for range rapid.IntRange(0, 2).Draw(t, "found") {
					found = append(found, &entrant{Candidate: Candidate{URL: e.URL + "+"}})
				}
				r.found(e, found)
				line += len(found)
			case rapid.Bool().Draw(t, "lives"):
				r.live(e)
			default:
				r.out(e)
			}
		}
	})
}
