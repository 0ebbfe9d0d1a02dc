package ui

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/trust"
)

const (
	ex1  = "ex1.contoso.test"
	ex2  = "ex2.contoso.test"
	auto = "autodiscover.contoso.test"
)

// box is ann's mailbox on ex1 in a state, changed by change.
func box(state agent.State, change ...func(*agent.Mailbox)) agent.Mailbox {
	b := agent.Mailbox{
		ID: "00000000000000a1", Label: "ann@contoso.test", Address: "ann@contoso.test", State: state,
		Since: noon.Add(-time.Hour), Looked: noon.Add(-time.Minute), Server: ex1, Generation: 1,
	}
	for _, c := range change {
		c(&b)
	}
	return b
}

func problem(o agent.Outcome) func(*agent.Mailbox) {
	return func(b *agent.Mailbox) {
		b.Problem = &agent.Problem{Outcome: o, Text: "what was said", First: noon.Add(-time.Hour), Last: noon, Count: 3}
	}
}

func on(server string) func(*agent.Mailbox) { return func(b *agent.Mailbox) { b.Server = server } }

func needing(n agent.Need) func(*agent.Mailbox) { return func(b *agent.Mailbox) { b.Needs = &n } }

func next(d time.Duration) func(*agent.Mailbox) {
	return func(b *agent.Mailbox) { b.Next = noon.Add(d) }
}

// by makes the journey of a mailbox, in the present cycle.
func by(legs ...agent.Leg) func(*agent.Mailbox) {
	return func(b *agent.Mailbox) { b.Journey, b.Looked = legs, legs[0].Time }
}

// leg is a leg that began a time after noon and took 10 ms.
func leg(after time.Duration, step, host string, o agent.Outcome) agent.Leg {
	failed := o != agent.LoggedOn && o != agent.Found && !(step == "discover" && o == agent.WrongServer)
	return agent.Leg{Time: noon.Add(after), Elapsed: 10 * time.Millisecond, Step: step, Host: host, Outcome: o, Said: "said " + o.String(), Failed: failed}
}

var fabrikam = agent.Need{Kind: agent.NeedTrust, Why: "raw", Hop: trust.Hop{
	MailDomain: "contoso.test", From: auto + ":443", To: "mx1.fabrikam.test:443", How: trust.FromRedirectURL, Cert: "CN=mx1.fabrikam.test, issued by CN=B\u00e4r",
}}

func TestSentences(t *testing.T) {
	signIn := agent.Need{Kind: agent.NeedSignIn, Host: ex1, Realm: "*.contoso.test", Why: "raw"}
	for _, tt := range []struct {
		name     string
		box      agent.Mailbox
		icon     Icon
		sentence string
		doing    string
		actions  []Action
	}{
		{"reads the profile", box(agent.Starting), Looking, "Looking for your mailbox.", "", nil},
		{"asks around", box(agent.Discovering), Looking, "Asking where your mailbox is.", "", nil},
		{"logs on", box(agent.Connecting), Looking, "Connecting to your mailbox.", "", nil},
		{"follows the server's word", box(agent.Connecting, by(leg(0, "logon", ex1, agent.WrongServer))),
			Moving, "Your mailbox has moved. Homing follows it.", "", nil},
		{"follows Autodiscover's word", box(agent.Connecting, by(leg(0, "logon", ex1, agent.UnknownHere), leg(1, "discover", auto, agent.Found))),
			Moving, "Your mailbox has moved. Homing follows it.", "", nil},
		{"finds it for the first time, which is no move", box(agent.Connecting, func(b *agent.Mailbox) { b.Generation = 0 }, by(leg(0, "discover", auto, agent.Found))),
			Looking, "Connecting to your mailbox.", "", nil},
		{"followed in the cycle before", box(agent.Connecting, by(leg(0, "logon", ex1, agent.WrongServer)), func(b *agent.Mailbox) { b.Looked = noon.Add(time.Second) }),
			Looking, "Connecting to your mailbox.", "", nil},
		{"is online", box(agent.Online), AtHome, "Your mailbox is at home on ex1.contoso.test.", "", nil},
		{"is online on another port", box(agent.Online, func(b *agent.Mailbox) { b.Server = ex1 + ":8443" }), AtHome, "Your mailbox is at home on ex1.contoso.test:8443.", "", nil},
		{"is online, and the profile cannot be saved", box(agent.Online, problem(agent.LoggedOn), by(leg(0, "logon", ex1, agent.WrongServer), leg(1, "logon", ex2, agent.LoggedOn))),
			AtHome, "Your mailbox is at home on ex2.contoso.test.", "Mail works, but where it is now could not be written down or told to other programs.", []Action{CheckNow}},
		{"is online, and the first profile cannot be saved", box(agent.Online, problem(agent.LoggedOn), func(b *agent.Mailbox) { b.Server, b.Generation = "nowhere", 0 }),
			AtHome, "Your mailbox is at home.", "", []Action{CheckNow}},
		{"is being moved", box(agent.Waiting, problem(agent.InTransit), next(28*time.Second)),
			Moving, "Your mailbox is being moved. Mail will be back by itself.", "Looks again in 28 seconds.", []Action{CheckNow}},
		{"is being moved, and is looked for again", box(agent.Connecting, problem(agent.InTransit)),
			Moving, "Your mailbox is being moved. Mail will be back by itself.", "Looking again now.", nil},
		{"was being moved, and has been", box(agent.Connecting, problem(agent.InTransit), by(leg(0, "logon", ex1, agent.WrongServer))),
			Moving, "Your mailbox has moved. Homing follows it.", "Looking again now.", nil},
		{"is on a busy server", box(agent.Waiting, problem(agent.Busy), next(time.Minute)),
			Offline, "ex1.contoso.test is busy and asks for patience.", "Mail will be back by itself. Looks again in 1 minute.", []Action{CheckNow}},
		{"was sent to a busy server", box(agent.Waiting, problem(agent.Busy), by(leg(0, "logon", ex1, agent.WrongServer), leg(1, "logon", ex2, agent.Busy))),
			Offline, "ex2.contoso.test is busy and asks for patience.", "Mail will be back by itself.", []Action{CheckNow}},
		{"has lost its session, and waits for its turn", box(agent.Waiting, problem(agent.SessionLost), next(12*time.Second)),
			Looking, "ex1.contoso.test ended the connection.", "Mail will be back by itself. Looks again in 12 seconds.", []Action{CheckNow}},
		{"has a server that is gone, and no directory answers", box(agent.Waiting, problem(agent.NoDirectory), by(leg(0, "logon", ex1, agent.Gone), leg(1, "discover", auto, agent.Gone))),
			Offline, "ex1.contoso.test cannot be reached.", "Mail will be back by itself.", []Action{CheckNow}},
		{"has a server that is gone, and the directory names the same", box(agent.Waiting, problem(agent.NothingBetter), by(leg(0, "logon", ex1, agent.Gone), leg(1, "discover", auto, agent.Found))),
			Offline, "ex1.contoso.test cannot be reached.", "Mail will be back by itself.", []Action{CheckNow}},
		{"is known nowhere", box(agent.Waiting, problem(agent.NothingBetter), by(leg(0, "logon", ex1, agent.UnknownHere), leg(1, "discover", auto, agent.NothingBetter))),
			Looking, "Nobody could say where the mailbox of ann@contoso.test is.", "", []Action{CheckNow}},
		{"is not found at setup", box(agent.Waiting, problem(agent.NoDirectory), func(b *agent.Mailbox) { b.Server, b.Generation = "nowhere", 0 }),
			Offline, "Nobody answers who could say where your mailbox is.", "", []Action{CheckNow}},
		{"has no server whose name is known", box(agent.Waiting, problem(agent.Gone), func(b *agent.Mailbox) { b.Server = "nowhere" }),
			Offline, "The server cannot be reached.", "Mail will be back by itself.", []Action{CheckNow}},
		{"has a profile that cannot be read", box(agent.Waiting, problem(agent.Unreadable)),
			NeedsYou, "The settings of this mailbox cannot be read.", "Go back to an earlier state under History.", []Action{CheckNow}},
		{"needs a sign-in", box(agent.NeedsYou, problem(agent.Unauthorized), needing(signIn), next(time.Hour)),
			NeedsYou, "ex1.contoso.test wants your password.", "Mail comes again as soon as you have signed in. Looks again in 1 hour.", []Action{SignIn, CheckNow}},
		{"is being signed in", box(agent.Connecting, problem(agent.Unauthorized)), Looking, "Connecting to your mailbox.", "Looking again now.", nil},
		{"needs a sign-in that the directory did not replace", box(agent.NeedsYou, problem(agent.NothingBetter), needing(signIn)),
			NeedsYou, "ex1.contoso.test wants your password.", "Mail comes again as soon as you have signed in.", []Action{SignIn, CheckNow}},
		{"has a locked keyring", box(agent.NeedsYou, problem(agent.NoSecret), needing(signIn)),
			NeedsYou, "Your password cannot be read at the moment.", "Unlock your keyring, or sign in again.", []Action{SignIn, CheckNow}},
		{"needs a yes", box(agent.NeedsYou, problem(agent.Untrusted), needing(fabrikam)),
			NeedsYou, "Homing was sent to a server that it does not know yet.", "mx1.fabrikam.test gets no password unless you allow it.", []Action{Allow, CheckNow}},
		{"needs a right", box(agent.NeedsYou, problem(agent.Denied), needing(agent.Need{Kind: agent.NeedAccess}), by(leg(0, "logon", ex2, agent.Denied))),
			NeedsYou, "ex2.contoso.test does not let you into this mailbox.", "Only an administrator can change that.", []Action{Tell, CheckNow}},
		{"needs what this version does not know", box(agent.NeedsYou, needing(agent.Need{Kind: "dance"})),
			NeedsYou, "Homing cannot go on without you.", "", []Action{CheckNow}},
		{"is paused", box(agent.Paused), Resting, "Homing pauses for this mailbox.", "If it is moved meanwhile, mail stops until you resume.", []Action{Resume}},
		{"has an agent that ended", box(agent.Stopped), Offline, "Homing has ended.", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := Present(agent.Status{Mailboxes: []agent.Mailbox{tt.box}}, nil, noon, in(t, "en"))
			got := m.Mailboxes[0]
			if got.Icon != tt.icon || got.Sentence != tt.sentence || got.Doing != tt.doing {
				t.Errorf("icon %d, %q, %q; want %d, %q, %q", got.Icon, got.Sentence, got.Doing, tt.icon, tt.sentence, tt.doing)
			}
			if diff := cmp.Diff(tt.actions, got.Actions); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			if m.Icon != got.Icon || m.Sentence != got.Sentence || m.Lost != "" {
				t.Errorf("the model says icon %d, %q, lost %q", m.Icon, m.Sentence, m.Lost)
			}
		})
	}
}

func TestTheMostUrgentMailboxSpeaks(t *testing.T) {
	home, moving, offline := box(agent.Online), box(agent.Waiting, problem(agent.InTransit)), box(agent.Waiting, problem(agent.Gone))
	paused, looking, asking := box(agent.Paused), box(agent.Connecting), box(agent.NeedsYou, needing(fabrikam))
	asking.Label = "Ann's\u202emailbox"
	for _, tt := range []struct {
		name     string
		boxes    []agent.Mailbox
		icon     Icon
		sentence string
		paused   bool
	}{
		{"none", nil, Resting, "No mailbox is set up yet.", false},
		{"all at home", []agent.Mailbox{home, home, home}, AtHome, "All 3 mailboxes are at home.", false},
		{"one rests", []agent.Mailbox{home, paused}, Resting, "ann@contoso.test: Homing pauses for this mailbox.", false},
		{"all rest", []agent.Mailbox{paused, paused}, Resting, "All 2 mailboxes are paused.", true},
		{"the only one rests", []agent.Mailbox{paused}, Resting, "Homing pauses for this mailbox.", true},
		{"one looks", []agent.Mailbox{paused, looking, home}, Looking, "ann@contoso.test: Connecting to your mailbox.", false},
		{"one is moved", []agent.Mailbox{looking, moving}, Moving, "ann@contoso.test: Your mailbox is being moved. Mail will be back by itself.", false},
		{"one is offline", []agent.Mailbox{offline, moving}, Offline, "ann@contoso.test: ex1.contoso.test cannot be reached.", false},
		{"one asks", []agent.Mailbox{offline, asking, moving}, NeedsYou, `Ann's\u202emailbox: Homing was sent to a server that it does not know yet.`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := Present(agent.Status{Mailboxes: tt.boxes}, nil, noon, in(t, "en"))
			if m.Icon != tt.icon || m.Sentence != tt.sentence || m.AllPaused != tt.paused || len(m.Mailboxes) != len(tt.boxes) {
				t.Errorf("icon %d, %q, all paused %v; want %d, %q, %v", m.Icon, m.Sentence, m.AllPaused, tt.icon, tt.sentence, tt.paused)
			}
		})
	}
}

func TestAnAgentThatIsLost(t *testing.T) {
	s := agent.Status{Mailboxes: []agent.Mailbox{box(agent.NeedsYou, needing(fabrikam))}}
	m := Present(s, errors.New("no agent is running"), noon, in(t, "en"))
	if m.Icon != Offline || m.Sentence != "Homing's agent cannot be reached." || m.Lost != "The connection to Homing's agent is lost: no agent is running" {
		t.Errorf("icon %d, %q, lost %q", m.Icon, m.Sentence, m.Lost)
	}
	if len(m.Mailboxes) != 1 || m.Mailboxes[0].Actions != nil || m.Mailboxes[0].Icon != NeedsYou {
		t.Errorf("mailboxes %+v", m.Mailboxes)
	}
	if !m.Tray().Idle {
		t.Error("the tray offers what cannot be done")
	}
}

func TestFacts(t *testing.T) {
	b := box(agent.Waiting, problem(agent.Gone), func(b *agent.Mailbox) { b.Version = "Exchange/15.02\u202e"; b.Since = noon.AddDate(0, 0, -3) })
	want := []Fact{
		{"Mail address", "ann@contoso.test"}, {"Server", ex1}, {"Server version", `Exchange/15.02\u202e`},
		{"Since", "27 Feb 2026, 12:00"}, {"Last looked", "today at 11:59"},
		{"What was said", "what was said"}, {"How often", "3 times, first today at 11:00"},
	}
	if diff := cmp.Diff(want, Present(agent.Status{Mailboxes: []agent.Mailbox{b}}, nil, noon, in(t, "en")).Mailboxes[0].Facts); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

func TestPresentSaysSinceWhenItLooks(t *testing.T) {
	b := box(agent.Online)
	if got := Present(agent.Status{Mailboxes: []agent.Mailbox{b}}, nil, noon, in(t, "en")).Mailboxes[0].Looked; !got.Equal(noon.Add(-time.Minute)) {
		t.Errorf("it looked at %v", got)
	}
}

func TestNeeds(t *testing.T) {
	port, long := fabrikam, fabrikam
	port.Hop.To = "mx1.fabrikam.test:8443"
	long.Hop.From, long.Hop.To, long.Hop.Cert = "", strings.Repeat("a.", 143)+"fabri\u202ekam.test:443", ""
	consent := func(from, to, cert string) []Fact {
		return []Fact{{"Mail address", "ann@contoso.test"}, {"Who sends us", from}, {"Where your password would go", to},
			{"How we learned it", "the server before says to ask there"}, {"Certificate", cert}}
	}
	whole := strings.Repeat("a.", 143) + `fabri\u202ekam.test`
	const cert = `CN=mx1.fabrikam.test, issued by CN=B\u00e4r`
	for _, tt := range []struct {
		name string
		of   agent.Need
		o    agent.Outcome
		want Need
	}{
		{"a first sign-in", agent.Need{Kind: agent.NeedSignIn, Host: ex1, Realm: "*.contoso.test", Why: "raw"}, agent.Unauthorized,
			Need{Kind: NeedsSignIn, Host: ex1, Realm: "*.contoso.test", User: "ann@contoso.test", Why: "There is no password for ex1.contoso.test yet."}},
		{"a refused sign-in", agent.Need{Kind: agent.NeedSignIn, Host: ex1, Realm: "*.contoso.test", User: `CONTOSO\ann`}, agent.Unauthorized,
			Need{Kind: NeedsSignIn, Host: ex1, Realm: "*.contoso.test", User: `CONTOSO\ann`, Why: `ex1.contoso.test has not accepted a password of CONTOSO\ann.`}},
		{"a locked keyring", agent.Need{Kind: agent.NeedSignIn, Host: ex1, Realm: "*.contoso.test", User: "ann"}, agent.NoSecret,
			Need{Kind: NeedsSignIn, Host: ex1, Realm: "*.contoso.test", User: "ann", Locked: true, Why: "Your password is kept, but it cannot be read at the moment. The keyring may be locked."}},
		{"a consent", fabrikam, agent.Untrusted,
			Need{Kind: NeedsConsent, Host: "mx1.fabrikam.test", Hop: fabrikam.Hop, Facts: consent(auto, "mx1.fabrikam.test", cert),
				Why: "mx1.fabrikam.test does not belong to contoso.test, and nobody has said yet that your password may go there."}},
		{"a consent to a port", port, agent.Untrusted,
			Need{Kind: NeedsConsent, Host: "mx1.fabrikam.test:8443", Hop: port.Hop, Facts: consent(auto, "mx1.fabrikam.test:8443", cert),
				Why: "mx1.fabrikam.test:8443 listens on a port that is not the usual one."}},
		{"a consent to a host of 300 characters that turns the direction", long, agent.Untrusted,
			Need{Kind: NeedsConsent, Host: whole, Hop: long.Hop, Facts: consent("nobody; it was tried first", whole, "not seen yet"),
				Why: whole + " does not belong to contoso.test, and nobody has said yet that your password may go there."}},
		{"a right", agent.Need{Kind: agent.NeedAccess, Why: "raw"}, agent.Denied,
			Need{Kind: NeedsAdministrator, Host: ex1, Why: "ex1.contoso.test knows your mailbox and your sign-in, but your sign-in has no right to the mailbox. Only an administrator can change that."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := box(agent.NeedsYou, problem(tt.o), needing(tt.of))
			got := Present(agent.Status{Mailboxes: []agent.Mailbox{b}}, nil, noon, in(t, "en")).Mailboxes[0].Need
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("need (-want +got):\n%s", diff)
			}
		})
	}
	if got := Present(agent.Status{Mailboxes: []agent.Mailbox{box(agent.Online, needing(fabrikam))}}, nil, noon, in(t, "en")).Mailboxes[0].Need; got != nil {
		t.Errorf("a mailbox that is online asks %+v", got)
	}
}

// outcomes are all that there are: each has a name.
func outcomes(t *testing.T) []agent.Outcome {
	var all []agent.Outcome
	for o := agent.Outcome(0); named(o); o++ {
		all = append(all, o)
	}
	if n := len(all); n != len(problems) {
		t.Errorf("%d outcomes have %d rows as problems", n, len(problems))
	} else if n != len(signs) {
		t.Errorf("%d outcomes have %d signs", n, len(signs))
	}
	return all
}

func allStates(t *testing.T) []agent.State {
	var all []agent.State
	for s := agent.State(0); named(s); s++ {
		all = append(all, s)
	}
	if len(all) != len(states) {
		t.Errorf("%d states have %d rows", len(all), len(states))
	}
	return all
}

func named(v fmt.Stringer) (ok bool) {
	defer func() { ok = recover() == nil }()
	return v.String() != ""
}

// hows are the constants of trust.How.
func hows(t *testing.T) []trust.How {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../internal/trust/hop.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []trust.How
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 && strings.HasPrefix(v.Names[0].Name, "From") {
			text, _ := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			all = append(all, trust.How(text))
		}
		return true
	})
	if len(all) != len(learned) {
		t.Errorf("%d ways to learn of a host, words for %d", len(all), len(learned))
	}
	return all
}

// unfinished is what a text looks like that lacks a key, its data or its words.
var unfinished = regexp.MustCompile(`%!|<no value>|\{\{|^$|^ | $|  |^\.|^(address|fact|history|journey|need|notice|now|problem|when)\.[a-z0-9_]+$|\b(journey|need|now|problem)\.[a-z_]+`)

// Whatever an agent may show, in every language, is whole sentences.
func TestNoTextIsUnfinished(t *testing.T) {
	var boxes []agent.Mailbox
	for _, state := range allStates(t) {
		for _, o := range outcomes(t) {
			for _, server := range []string{ex1, "nowhere", ""} {
				boxes = append(boxes, box(state, on(server)), box(state, on(server), problem(o), next(time.Minute)))
			}
			for kind := range needs {
				boxes = append(boxes, box(state, problem(o), needing(agent.Need{Kind: kind, User: "ann"})), box(state, on("nowhere"), problem(o), needing(agent.Need{Kind: kind})))
			}
		}
		for _, how := range hows(t) {
			n := fabrikam
			n.Hop.How = how
			boxes = append(boxes, box(state, needing(n)))
		}
	}
	for _, o := range outcomes(t) {
		for _, step := range []string{"logon", "discover", "resolve", "session", "wait", "saved"} {
			for _, host := range []string{ex2, ""} {
				boxes = append(boxes, box(agent.Connecting, by(leg(0, "logon", ex1, agent.WrongServer), leg(1, step, host, o))))
			}
		}
	}
	for _, language := range Languages() {
		say := in(t, language)
		for _, b := range boxes {
			m := Present(agent.Status{Mailboxes: []agent.Mailbox{b}}, nil, noon, say)
			got := m.Mailboxes[0]
			texts := []string{m.Sentence, got.Sentence, got.Label}
			if got.Doing != "" {
				texts = append(texts, got.Doing)
			}
			for _, f := range got.Facts {
				texts = append(texts, f.Name, f.Value)
			}
			if n := got.Need; n != nil {
				texts = append(texts, n.Why, n.Host)
				for _, f := range n.Facts {
					texts = append(texts, f.Name, f.Value)
				}
			}
			for _, l := range got.Live {
				texts = append(texts, l.Said)
			}
			for i, h := range got.Journey.Hops {
				texts = append(texts, h.Reason, got.Journey.Stops[i].Host)
			}
			for _, text := range texts {
				if unfinished.MatchString(text) {
					t.Fatalf("%s, %v with %+v: %q", language, b.State, b, text)
				}
			}
			if len(got.Journey.Hops) != len(got.Journey.Stops) {
				t.Fatalf("%d hops, %d stops", len(got.Journey.Hops), len(got.Journey.Stops))
			}
		}
	}
	for _, bad := range []string{"", "now.none", "on <no value>.", "%!d(string=x)", " Homing", ". It"} {
		if !unfinished.MatchString(bad) {
			t.Errorf("%q passes", bad)
		}
	}
}

// No secret can be in a Model: nothing in it is one, and nothing of a Status is.
func TestNoSecretFitsIntoAModel(t *testing.T) {
	var holds func(reflect.Type, map[reflect.Type]bool) bool
	holds = func(of reflect.Type, seen map[reflect.Type]bool) bool {
		if of == reflect.TypeFor[trust.Secret]() {
			return true
		}
		if seen[of] {
			return false
		}
		seen[of] = true
		switch of.Kind() {
		case reflect.Slice, reflect.Pointer, reflect.Map:
			return holds(of.Elem(), seen)
		case reflect.Struct:
			for i := range of.NumField() {
				if holds(of.Field(i).Type, seen) {
					return true
				}
			}
		}
		return false
	}
	if holds(reflect.TypeFor[Model](), map[reflect.Type]bool{}) {
		t.Error("a Model holds a secret")
	}
	if !holds(reflect.TypeFor[[]agent.Command](), map[reflect.Type]bool{}) {
		t.Error("the search does not find the secret of a Command")
	}
}
