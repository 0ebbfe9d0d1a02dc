package agent

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

var (
	exploreDepth = flag.Int("explore.depth", 3, "how many answers the scripts of the exploration are long")
	exploreSeed  = flag.Uint64("explore.seed", 0, "of the plays that are drawn in the exploration; 0: another one each time")
)

// The machine, explored: every script of answers up to a depth, with an agent
// that has no idea of it. What makes that feasible is that scripts which lead a
// machine to the same moment go on together: of each moment only the first
// script that came there is continued. They are played by length, so that the
// first is the shortest and has the most answers left. A moment (see moment)
// holds all that a machine can decide by and all that the claims look at; what
// it leaves out cannot matter:
//
//   - the names of hosts. A new place is one that was never named, and the
//     machine only compares places with each other; rules and sign-ins look at
//     the domain, which is kept. Of the strangers, whom a person may allow,
//     there is one.
//   - which places have been tried, but for whether there is another one than
//     the present and whether it is the stranger's: every place that was tried
//     is treated alike, and every new place is new.
//   - the lengths of the waits so far. They make the next wait longer, up to
//     an hour, and decide nothing.
//   - in a settled state, what the cycle has used: the next one begins afresh.
//
// Answers that lead to the same outcome are one choice, see TestChoices.
type exploration struct {
	depth   int
	scripts int
	moments map[string]*moment
	left    map[State]int // scripts, by the state in which they leave the machine
	grown   []int         // new moments, by depth
	meets   map[State]map[Outcome]bool
}

// moment is a state of machine and stage at a question.
type moment struct {
	script script
	asked  question
	after  []*moment // by choice; nil: nothing is asked any more
}

// choices returns how many answers a question has.
func (q question) choices() int {
	return map[question]int{
		atLogon: len(logonChoices), atDiscover: len(discoverChoices), atSave: len(saveChoices),
		atOnline: len(onlineChoices), atWait: len(waitChoices), atNeed: len(needChoices),
	}[q]
}

// perform plays scripts, each on a stage of its own, which set may change before
// and see may look at after. A bubble serves a few hundred: its clock has to stay
// within a time.Duration. Scripts that break a claim are errors, the first few.
func perform(t *testing.T, scripts []script, set func(*stage), see func(script, *stage)) {
	t.Helper()
	broken := 0
	for sc, s := range played(t, scripts, set) {
		if s.broken != nil {
			broken++
			t.Errorf("script %v, %s: %v\n\t%s", []byte(sc), starts()[sc[0]].name, s.broken, strings.Join(s.lines, "\n\t"))
		}
		if broken == 3 {
			t.FailNow()
		}
		if see != nil {
			see(sc, s)
		}
	}
}

// played yields each script with its stage.
func played(t *testing.T, scripts []script, set func(*stage)) iter.Seq2[script, *stage] {
	return func(yield func(script, *stage) bool) {
		for some := range slices.Chunk(scripts, 200) {
			stages := make([]*stage, len(some))
			synctest.Test(t, func(*testing.T) {
				for i, sc := range some {
					s := newStage(sc)
					if set != nil {
						set(s)
					}
					if err := s.play(starts()[sc[0]]); err != nil {
						s.broken = err
					}
					stages[i] = s
				}
			})
			for i, s := range stages {
				if !yield(some[i], s) {
					return
				}
			}
		}
	}
}

func explore(t *testing.T, depth int) *exploration {
	t.Helper()
	x := &exploration{
		depth: depth, moments: make(map[string]*moment), left: make(map[State]int), meets: make(map[State]map[Outcome]bool),
	}
	var next []script
	parents := []*moment{nil}
	for i := range starts() {
		next = append(next, script{byte(i)})
	}
	for level := 0; len(next) > 0; level++ {
		var todo []*moment
		known, i := len(x.moments), 0
		perform(t, next, nil, func(sc script, s *stage) {
			x.scripts++
			x.left[s.left]++
			x.meet(s)
			var m *moment
			if s.asked != nothing {
				if m = x.moments[s.key]; m == nil {
					m = &moment{script: sc, asked: s.asked}
					x.moments[s.key] = m
					todo = append(todo, m)
				}
			}
			if p := parents[min(i, len(parents)-1)]; p != nil {
				p.after = append(p.after, m)
			}
			i++
		})
		x.grown = append(x.grown, len(x.moments)-known)
		next, parents = nil, []*moment{nil}
		if level == depth {
			break
		}
		parents = parents[:0]
		for _, m := range todo {
			for c := range m.asked.choices() {
				next = append(next, append(slices.Clone(m.script), byte(c)))
				parents = append(parents, m)
			}
		}
	}
	return x
}

// stands returns how many scripts of at most depth answers x stands for.
func (x *exploration) stands() float64 {
	type at struct {
		m    *moment
		left int
	}
	known := make(map[at]float64)
	var count func(*moment, int) float64
	count = func(m *moment, left int) float64 {
		if m == nil || left == 0 {
			return 1
		}
		if n, ok := known[at{m, left}]; ok {
			return n
		}
		n := 1.0
		for _, after := range m.after {
			n += count(after, left-1)
		}
		known[at{m, left}] = n
		return n
	}
	n := 0.0
	for _, m := range x.moments {
		if len(m.script) == 1 {
			n += count(m, x.depth)
		}
	}
	return n
}

func (x *exploration) String() string {
	return fmt.Sprintf("%d scripts, standing for %.3g, %d states, depth %d: ended online %d, waiting %d, needs a person %d; new states by depth %v",
		x.scripts, x.stands(), len(x.moments), x.depth, x.left[Online], x.left[Waiting], x.left[NeedsYou], x.grown)
}

func TestNoScriptOfAnswersBreaksAClaim(t *testing.T) {
	x := explore(t, *exploreDepth)
	t.Log(x)
	if settled := x.left[Online] + x.left[Waiting] + x.left[NeedsYou]; settled != x.scripts {
		t.Errorf("%d of %d scripts do not settle", x.scripts-settled, x.scripts)
	}
	// What the machine puts to its policy is what the exploration of the policy
	// takes for granted, and nothing else.
	perform(t, everyScript(2), func(s *stage) { s.cut = true }, func(_ script, s *stage) { x.meet(s) })
	for _, state := range walk[State]() {
		for _, o := range walk[Outcome]() {
			if state == Online && o == LoggedOn { // of a renewal, which the stage has none of
				continue
			}
			if want := slices.Contains(met[state], o); x.meets[state][o] != want {
				t.Errorf("%s is met in %s: %v, want %v", o, state, x.meets[state][o], want)
			}
		}
	}
}

// meet takes over what s has met.
func (x *exploration) meet(s *stage) {
	for state, outcomes := range s.meets {
		if x.meets[state] == nil {
			x.meets[state] = make(map[Outcome]bool)
		}
		maps.Copy(x.meets[state], outcomes)
	}
}

// moment is all that the machine can decide by, and all that the claims look at.
func (s *stage) moment(q question) string {
	m := s.m
	domain := func(rawURL string) string {
		if host := hostIn(rawURL); !strings.HasPrefix(host, "192.") {
			return realmOf(host)
		}
		return "address"
	}
	var b strings.Builder
	note := func(args ...any) { fmt.Fprintln(&b, args...) }
	note(q, m.view.State, min(m.brief, maxBrief+1), m.p.Proven, m.p.Generation == 0, s.allowed[strange], s.allowed["autodiscover.tailspin.test"])
	if at := m.p.Endpoint; at.MAPI != nil {
		note(domain(at.MAPI.MailStore), domain(at.Autodiscover))
	}
	settled := q == atWait || q == atNeed || q == atOnline && !s.unsaved()
	s.noteLogins(note, settled)
	if need := m.view.Needs; q == atNeed && need != nil {
		note(need.Kind, need.Realm, bare(need.Hop.To) == strange)
	}
	if q == atOnline || m.awaits == ForTurn || !settled {
		note(min(s.cycles, mostCycles))
	}
	if !settled {
		c := s.cycle
		c.last = ""
		note(c, m.budget, m.why == "", m.issued, len(m.tried) > 1, m.tried[targetKey(mailStore(strange), annDN)])
		if m.signIn != nil {
			note(m.signIn.Realm, m.signIn.Kind)
		}
		note(domain(m.target.MailStore), domain(m.place.Autodiscover), m.target.Access.Hop.How, s.in == "", s.unsaved())
		if m.p.Endpoint.MAPI != nil {
			note(m.target.MailStore == m.p.Endpoint.MAPI.MailStore)
		}
		if q == atSave {
			note(s.fate, s.state)
		}
	}
	return b.String()
}

// noteLogins notes the sign-ins: what would be sent to each realm, what that has
// refused, and what waits for its first logon.
func (s *stage) noteLogins(note func(...any), settled bool) {
	l := s.m.logins
	l.mu.Lock()
	refused, used := l.refused, slices.Sorted(maps.Keys(l.used))
	var added []string
	for _, ref := range l.added {
		added = append(added, ref.Realm)
	}
	l.mu.Unlock()
	note(added)
	if !settled {
		note(used, refused)
	}
	for _, realm := range []string{"contoso.test", "fabrikam.test", "tailspin.test"} {
		ref, pattern, ok := l.choose("x." + realm)
		secret, there := s.secrets[ref.Secret]
		note(ref.Realm, pattern, ok, there, s.agent.cfg.Refusals.Refused(s.m.id, pattern, secret), s.watch.refused[realm+" "+secret.Reveal()])
	}
}

// everyScript returns scripts of up to depth answers.
func everyScript(depth int) []script {
	most := max(len(logonChoices), len(discoverChoices), len(saveChoices), len(onlineChoices), len(needChoices))
	var all []script
	for i := range starts() {
		all = append(all, script{byte(i)})
	}
	for from := 0; depth > 0; depth-- {
		longest := all[from:]
		from = len(all)
		for _, sc := range longest {
			for c := range most {
				all = append(all, append(slices.Clone(sc), byte(c)))
			}
		}
	}
	return all
}

// Every play of a choice leads to the outcome of the choice: they are one class.
func TestChoices(t *testing.T) {
	first := func(name string, before script, i, plays int, want Outcome) {
		for p := range plays {
			perform(t, []script{append(slices.Clone(before), byte(i))}, func(s *stage) { s.vary = func(n int) int { return p % n } }, func(_ script, s *stage) {
				if n := len(before); n >= len(s.first) || s.first[n] != want {
					t.Errorf("%s, play %d: outcomes %v, want %s after %d", name, p, s.first, want, n)
				}
			})
		}
	}
	for i, c := range logonChoices {
		first("logon: "+c.name, script{0}, i, len(c.plays), c.want)
	}
	unknown := slices.IndexFunc(logonChoices, func(c choice[logonPlay]) bool { return c.want == UnknownHere })
	for i, c := range discoverChoices {
		first("discovery: "+c.name, script{0, byte(unknown)}, i, len(c.plays), c.want)
	}
}

// Scripts that are longer than any explored one, each choice played in any of
// its ways: at random, and short patterns that repeat, which is how a machine
// would be kept from its rest.
func TestNoLongScriptBreaksAClaim(t *testing.T) {
	seed := cmp.Or(*exploreSeed, rand.Uint64())
	t.Logf("-explore.seed=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var scripts []script
	for i := range 200 {
		pattern := make([]byte, 40)
		if i%2 == 0 {
			pattern = pattern[:1+random.IntN(4)]
		}
		for i := range pattern {
			pattern[i] = byte(random.IntN(256))
		}
		sc := script{byte(random.IntN(len(starts())))}
		for len(sc) < 40 {
			sc = append(sc, pattern...)
		}
		scripts = append(scripts, sc)
	}
	perform(t, scripts, func(s *stage) { s.vary = random.IntN }, nil)
}

// told makes a script of choices.
func told(start int, choices ...byte) script { return append(script{byte(start)}, choices...) }

// the finds a choice by its name.
func the[F any](choices []choice[F], name string) byte {
	i := slices.IndexFunc(choices, func(c choice[F]) bool { return c.name == name })
	if i < 0 {
		panic("there is no choice " + name)
	}
	return byte(i)
}

// What could go round at one instant for ever lets time pass after one more try.
func TestNothingGoesRoundWithoutAPause(t *testing.T) {
	database, passes := the(logonChoices, "in, at another database"), the(waitChoices, "time passes")
	for _, tt := range []struct {
		name  string
		round []byte
		want  int // logons in a second
	}{
		{"the profile is changed underneath each save", []byte{database, the(saveChoices, "changed underneath")}, 2},
		{"each session dies at once", []byte{the(logonChoices, "in"), the(onlineChoices, "dies at once"), passes}, 2},
		{"each session dies at once, and each logon tells news that are saved", []byte{database, the(saveChoices, "saved"), the(onlineChoices, "dies at once"), passes}, 2},
		{"each session dies at once, and the mailbox has moved each time",
			[]byte{the(logonChoices, "names a new server"), the(logonChoices, "in"), the(saveChoices, "saved"), the(onlineChoices, "dies at once"), passes}, 4},
		{"each session dies at once after a save that failed", []byte{database, the(saveChoices, "fails"), the(onlineChoices, "dies at once"), passes}, 2},
		{"of sessions that live for more than a minute each is replaced in its turn, and its end takes time",
			[]byte{the(logonChoices, "in"), the(onlineChoices, "dies later"), passes}, 1},
	} {
		logons := 0
		perform(t, []script{told(0, slices.Repeat(tt.round, 8)...)}, func(s *stage) {
			s.config = func(c *Config) {
				began, logon := time.Now(), c.Logon
				c.Logon = func(ctx context.Context, target logonclient.Target) (Session, error) {
					if time.Since(began) < time.Second {
						logons++
					}
					return logon(ctx, target)
				}
			}
		}, nil)
		if logons != tt.want {
			t.Errorf("%s: %d logons within a second, want %d", tt.name, logons, tt.want)
		}
	}
}

// A machine among broken neighbours is noticed: the claims are asked of what it
// does in every script, and not only of stories.
func TestAMachineThatBreaksAClaimIsSeen(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		sc         script
		config     func(*Config)
	}{
		{"refusals are forgotten", "that its realm has refused",
			told(2, the(logonChoices, "refuses the sign-in"), the(needChoices, "time passes"), the(logonChoices, "in")),
			func(c *Config) { c.Refusals = amnesia{} }},
		{"every host is trusted", "which no rule admits",
			told(0, the(logonChoices, "names a stranger"), the(logonChoices, "in")),
			func(c *Config) { c.Consents = gullible{c.Consents} }},
		{"a session that was never there", "with a session at",
			told(0, the(logonChoices, "names a new server"), the(saveChoices, "saved")),
			func(c *Config) {
				logon := c.Logon
				c.Logon = func(ctx context.Context, t logonclient.Target) (Session, error) {
					if strings.Contains(t.MailStore, "c1.") {
						return &stageSession{s: c.Store.(stageStore).s}, nil
					}
					return logon(ctx, t)
				}
			}},
	} {
		for _, s := range played(t, []script{tt.sc}, func(s *stage) { s.config = tt.config }) {
			if s.broken == nil || !strings.Contains(s.broken.Error(), tt.want) {
				t.Errorf("%s: %v, want an error about one %s; %q", tt.name, s.broken, tt.want, s.lines)
			}
		}
	}
}

// amnesia remembers no refusal.
type amnesia struct{}

func (amnesia) Refused(profile.ID, string, trust.Secret) bool { return false }
func (amnesia) Refuse(profile.ID, string, trust.Secret)       {}
func (amnesia) Forget(profile.ID, string)                     {}

// gullible trusts the strangers.
type gullible struct{ Consents }

func (gullible) Rules(context.Context) (trust.Rules, error) {
	return trust.Rules{Trusted: []string{"*.fabrikam.test", "*.tailspin.test"}}, nil
}
