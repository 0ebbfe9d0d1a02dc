package ui

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/homing-mail/homing/agent"
)

const added = "add ann@contoso.test"

// guided is a window whose wizard stands at the address, with the other mailboxes.
func guided(t testing.TB, cfg Config, others ...Mailbox) (*desk, *helpful) {
	t.Helper()
	d, h := counter(t, cfg)
	d.see(one(others...))
	if len(others) > 0 {
		d.showWizard()
	}
	d.settle()
	return d, h
}

// begun has typed the address and gone on.
func (d *desk) begun(address string) {
	d.Helper()
	d.fill(0, address)
	d.tap("Next")
}

func TestWizardFromEmptyToOnline(t *testing.T) {
	d, h := guided(t, Config{Desk: Desk{Secrets: func(context.Context) (Secrets, error) { return Secrets{Where: "the keyring of this desktop"}, nil }}})
	step := func(name string) {
		t.Helper()
		d.wantWhole()
		d.master(t, "wizard_"+name)
	}
	d.reads("Where is your mailbox?")
	d.wantFocus("address")
	step("address")

	d.fill(0, "Ann <ann@contoso.test> ")
	d.reads("Homing will look for ann@contoso.test.")
	d.press(fyne.KeyReturn)
	h.wantTold(t, added) // without a secret
	d.reads("Looking for ann@contoso.test")
	d.wantFocus("")
	d.see(one(after(1, seeking)))
	d.reads("autodiscover.contoso.test: cannot be reached", "contoso.test: knows nothing of it", "mx1.fabrikam.test: signing in …")
	step("looking")

	d.see(one(after(1, secret)))
	d.reads("Sign in", "ex1.contoso.test", "The password is kept in the keyring of this desktop")
	step("signin")
	d.wantFocus("password")
	test.Type(d.password(), right)
	d.press(fyne.KeyReturn)
	h.wantTold(t, "sign in 00000000000000a1 *.contoso.test ann@contoso.test "+right)
	d.reads("Looking for ann@contoso.test")

	d.see(one(after(1, secret))) // the agent has not looked yet
	d.reads("Looking for ann@contoso.test")
	d.see(one(after(2, seeking)))
	d.see(one(after(2, consent)))
	d.reads("May this server have your password?", "mx1.fabrikam.test")
	d.wantFocus("Not now")
	step("consent")
	d.tap("Allow")
	h.wantTold(t, "trust mx1.fabrikam.test contoso.test")
	d.reads("Looking for ann@contoso.test")

	d.see(one(after(3, seeking)))
	d.see(one(after(3, home)))
	d.reads("Your mailbox is at home on ex1.contoso.test.")
	d.wantFocus("Done")
	step("done")
	if got := strings.Join(d.buttons(), ", "); got != "Done" {
		t.Errorf("there are the buttons %s", got)
	}
	d.press(fyne.KeyReturn)
	h.wantTold(t)
	if !d.setUp.Hidden || d.shown != annID || len(d.listeners) != 0 {
		t.Errorf("after the wizard %q is shown, and %d listen", d.shown, len(d.listeners))
	}
}

func TestWizardTakesAddresses(t *testing.T) {
	for _, tt := range []struct {
		typed string
		want  string // empty: it does not go on
		says  string
	}{
		{"ann@contoso.test", "ann@contoso.test", ""},
		{"Ann <ann@contoso.test> ", "ann@contoso.test", "Homing will look for ann@contoso.test."},
		{"mailto:ann@contoso.test?subject=x", "ann@contoso.test", "Homing will look for ann@contoso.test."},
		{"\u200b ann@contoso.test;", "ann@contoso.test", "Homing will look for ann@contoso.test."},
		{"", "", "Type your mail address."},
		{"ann", "", "A mail address has an @"},
		{"@contoso.test", "", "Something is missing before the @."},
		{"ann@contoso", "", "After the @ stands a whole domain"},
		{"ann@contoso.test, ben@contoso.test", "", "Type one address only."},
	} {
		t.Run(tt.typed, func(t *testing.T) {
			d, h := guided(t, Config{})
			d.fill(0, tt.typed)
			d.settle()
			if got := d.find("Next").Disabled(); got != (tt.want == "") {
				t.Errorf("Next is disabled: %v", got)
			}
			test.Tap(d.find("Next"))
			if tt.want == "" { // and not by Enter
				h.wantTold(t)
				d.focus(d.field(0))
				d.press(fyne.KeyReturn)
				h.wantTold(t)
				d.reads("Where is your mailbox?", tt.says)
				d.wantWhole()
				return
			}
			d.settle()
			h.wantTold(t, "add "+tt.want)
		})
	}
	t.Run("what is wrong stands there", func(t *testing.T) {
		d, _ := guided(t, Config{})
		d.fill(0, "ann@contoso")
		d.settle()
		d.master(t, "wizard_wrong")
	})
	t.Run("and what is meant", func(t *testing.T) {
		d, _ := guided(t, Config{})
		d.fill(0, "Ann <ann@contoso.test> ")
		d.settle()
		d.reads("Homing will look for ann@contoso.test.")
		d.fill(0, "ann@contoso.test")
		d.misses("Homing will look for")
	})
}

func TestWizardForgetsWhatItHasBegun(t *testing.T) {
	forgotten := "forget " + string(annID)
	status := func(generation uint64) agent.Status {
		return agent.Status{Mailboxes: []agent.Mailbox{{ID: annID, Address: "ann@contoso.test", Generation: generation}}}
	}
	for _, tt := range []struct {
		name   string
		others []Mailbox
		status agent.Status
		do     func(d *desk)
		want   []string
	}{
		{"while it looks", nil, status(0), func(d *desk) { d.see(one(after(1, seeking))); d.tap("Back") }, []string{added, forgotten}},
		{"before a Model has shown it", nil, status(0), func(d *desk) { d.tap("Back") }, []string{added, forgotten}},
		{"by Esc", nil, status(0), func(d *desk) { d.press(fyne.KeyEscape) }, []string{added, forgotten}},
		{"when it should sign in", nil, status(0), func(d *desk) { d.see(one(after(1, secret))); d.tap("Back") }, []string{added, forgotten}},
		{"by Esc there", nil, status(0), func(d *desk) { d.see(one(after(1, secret))); d.press(fyne.KeyEscape) }, []string{added, forgotten}},
		{"when it was asked for a consent and said no", nil, status(0), func(d *desk) {
			d.see(one(after(1, consent)))
			d.tap("Not now")
			d.tap("Another address")
		}, []string{added, forgotten}},
		{"when an administrator is needed", nil, status(0), func(d *desk) { d.see(one(after(1, access))); d.tap("Back") }, []string{added, forgotten}},
		{"when nobody knows it", nil, status(0), func(d *desk) { d.see(one(after(1, nowhere))); d.tap("Another address") }, []string{added, forgotten}},
		{"not what a profile has come of", nil, status(1), func(d *desk) { d.see(one(after(1, seeking))); d.tap("Back") }, []string{added}},
		{"not what somebody has forgotten", nil, agent.Status{}, func(d *desk) { d.see(one(after(1, seeking))); d.tap("Back") }, []string{added}},
		{"not a draft that was there before", []Mailbox{after(1, nowhere)}, status(0), func(d *desk) { d.see(one(after(2, nowhere))); d.tap("Another address") }, []string{added}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, h := guided(t, Config{}, tt.others...)
			h.status = tt.status
			d.begun("ann@contoso.test")
			tt.do(d)
			h.wantTold(t, tt.want...)
			if got := d.field(0).Text; got != "ann@contoso.test" {
				t.Errorf("the address is %q now", got)
			}
			d.wantFocus("address")
		})
	}
	t.Run("when the agent has answered at last, and nothing is added before that", func(t *testing.T) {
		d, h := guided(t, Config{})
		h.status = status(0)
		release := h.shut()
		t.Cleanup(release)
		d.fill(0, "ann@contoso.test")
		test.Tap(d.find("Next"))
		<-h.reached
		test.Tap(d.find("Back"))
		test.Tap(d.find("Next"))
		h.wantTold(t)
		release()
		d.settle()
		h.wantTold(t, added, forgotten, added)
	})
	t.Run("what cannot be forgotten is said", func(t *testing.T) {
		d, h := guided(t, Config{})
		h.status = status(0)
		h.fails = []error{nil, errors.New("permission denied")}
		d.begun("ann@contoso.test")
		d.tap("Back")
		d.reads("permission denied")
	})
}

func TestWizardCanBeLeftForAnotherMailbox(t *testing.T) {
	d, h := guided(t, Config{}, ben())
	d.reads("Add a mailbox")
	d.master(t, "wizard_add")
	d.tap("Cancel")
	if !d.setUp.Hidden || d.shown != "ben" || len(d.listeners) != 0 {
		t.Errorf("%q is shown, and %d listen", d.shown, len(d.listeners))
	}
	d.showWizard()
	d.press(fyne.KeyEscape)
	if !d.setUp.Hidden {
		t.Error("Esc does not leave it")
	}
	d.showWizard()
	d.begun("BEN@fabrikam.test") // is there already
	if !d.setUp.Hidden || d.shown != "ben" {
		t.Errorf("%q is shown", d.shown)
	}
	h.wantTold(t)
}

func TestWizardOfNobodyElseCannotBeLeft(t *testing.T) {
	d, _ := guided(t, Config{})
	d.press(fyne.KeyEscape)
	if d.setUp.Hidden {
		t.Error("Esc leaves it")
	}
	if got := strings.Join(d.buttons(), ", "); got != "Next" {
		t.Errorf("there are the buttons %s", got)
	}
	d.begun("ann@contoso.test")
	d.see(one(after(1, seeking)))
	d.tap("Back")
	if got := strings.Join(d.buttons(), ", "); got != "Next" { // its own draft is nowhere to go to
		t.Errorf("there are the buttons %s", got)
	}
	test.Type(d.field(0), "x")
	d.see(one(ben()))
	if got := strings.Join(d.buttons(), ", "); got != "Cancel, Next" {
		t.Errorf("there are the buttons %s", got)
	}
	if got := d.field(0).Text; got != "ann@contoso.testx" && got != "xann@contoso.test" {
		t.Errorf("what was typed is %q now", got)
	}
}

func TestWizardSaysWhoWasAsked(t *testing.T) {
	d, h := guided(t, Config{})
	d.begun("ann@contoso.test")
	d.see(one(after(1, nowhere)))
	d.reads("Nobody could say where the mailbox of ann@contoso.test is.", "Looks again in 28 seconds.", "Who was asked",
		"autodiscover.contoso.test: does not answer", "mx1.fabrikam.test: does not know the mailbox", "ex3.contoso.test: asks for patience")
	d.wantFocus("Try again")
	d.wantWhole()
	d.master(t, "wizard_nowhere")
	h.told()

	again := d.find("Try again")
	later := after(1, nowhere)
	later.Doing = "Looks again in 27 seconds."
	d.see(one(later))
	d.reads("27 seconds")
	d.see(one(after(2, nowhere, seeking))) // by itself
	d.see(one(after(2, nowhere)))
	if d.find("Try again") != again {
		t.Error("the button was taken from under the hand")
	}
	d.tap("Try again")
	h.wantTold(t, "check now "+string(annID))
	d.reads("Looking for ann@contoso.test")
	d.see(one(after(2, nowhere)))
	d.reads("Looking for ann@contoso.test")
	d.see(one(after(3, nowhere)))
	d.reads("Nobody could say")
	h.fails = []error{errors.New("no agent is running")}
	d.tap("Try again")
	d.reads("no agent is running")
	d.tap("Close")
	d.reads("Nobody could say")
	d.see(one(after(4, home))) // it came by itself
	d.reads("Your mailbox is at home on ex1.contoso.test.")
}

func TestWizardAsksAgainAfterANo(t *testing.T) {
	d, h := guided(t, Config{})
	d.begun("ann@contoso.test")
	d.see(one(after(1, consent)))
	d.press(fyne.KeyReturn)
	d.reads("Homing cannot go on without you.")
	d.see(one(after(2, seeking)))
	d.see(one(after(2, consent))) // the same question is no news
	d.misses("May this server have your password?", "signing in")
	d.master(t, "wizard_declined")
	d.tap("Answer the question…")
	d.reads("May this server have your password?")
	d.press(fyne.KeyEscape)
	d.misses("May this server have your password?")
	other := abroad
	other.To = "mx2.fabrikam.test:443"
	d.see(one(after(3, consentTo(other)))) // another one is
	d.reads("May this server have your password?", "mx2.fabrikam.test")
	h.wantTold(t, added)
}

func TestWizardAsksAnewWhenTheQuestionChanges(t *testing.T) {
	d, h := guided(t, Config{})
	d.begun("ann@contoso.test")
	d.see(one(after(1, consent)))
	old := d.find("Allow")
	d.focus(old)
	other := abroad
	other.To = "mx2.fabrikam.test:443"
	d.see(one(after(2, consentTo(other))))
	if d.find("Allow") == old {
		t.Error("the old answer is offered for the new question")
	}
	d.wantFocus("Not now")
	d.reads("mx2.fabrikam.test")
	d.tap("Allow")
	h.wantTold(t, added, "trust mx2.fabrikam.test contoso.test")
}

func TestWizardCountsRefusals(t *testing.T) {
	d, h := guided(t, Config{})
	d.begun("ann@contoso.test")
	d.see(one(after(1, secret)))
	d.fill(0, `CONTOSO\ann`)
	d.tried(2, wrong1, "Sign in", secret)
	d.reads("That was one try")
	d.wantFocus("password")
	if got := d.field(0).Text; got != `CONTOSO\ann` {
		t.Errorf("the account is %q", got)
	}
	d.tried(3, wrong2, "Sign in", secret)
	d.reads("has refused 2 passwords")
	d.tried(4, wrong3, "Sign in", secret)
	d.reads("Wait a quarter of an hour")
	d.wantFocus("Back")
	d.wantWhole()
	d.tried(5, right, "Sign in anyway", home)
	d.reads("Your mailbox is at home on ex1.contoso.test.")
	h.told()
}

func TestWizardKeepsWhatIsTypedWhileModelsArrive(t *testing.T) {
	d, _ := guided(t, Config{})
	for i, r := range "ann@contoso.test" {
		d.focus(d.field(0))
		d.field(0).TypedRune(r)
		d.see(Model{Sentence: fmt.Sprint(i)})
	}
	d.press(fyne.KeyReturn)
	d.see(one(after(1, secret)))
	for i, r := range right {
		d.password().TypedRune(r)
		b := after(2+i/2, secret)
		if i%2 == 0 {
			b = after(2+i/2, seeking)
		}
		d.see(one(b))
		d.wantFocus("password")
	}
	if got := d.password().Text; got != right {
		t.Errorf("there stands %q", got)
	}
}

// Everything can be reached by Tab, and read at twice the size.
func TestWizardAndQuestionsByKeyboardAndInLarge(t *testing.T) {
	for _, tt := range []struct {
		name string
		see  Mailbox
		want int // controls
	}{
		{"looking", after(1, seeking), 1},
		{"sign in", after(1, secret), 5},
		{"consent", after(1, consent), 3},
		{"administrator", after(1, access), 3},
		{"nowhere", after(1, nowhere), 2},
		{"done", after(1, home), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, _ := guided(t, Config{})
			d.app.Settings().SetTheme(Theme{Scale: 2})
			d.size(800, 600)
			d.begun("ann@contoso.test")
			d.see(one(tt.see))
			d.wantWhole()
			seen := map[fyne.Focusable]bool{}
			for range 20 {
				d.win.Canvas().FocusNext()
				seen[d.win.Canvas().Focused()] = true
			}
			if len(seen) != tt.want {
				t.Errorf("Tab reaches %d controls, want %d", len(seen), tt.want)
			}
		})
	}
}

// busy is an agent whose mailbox changes all the time.
type busy struct {
	helpful
	states []agent.Mailbox
	ended  chan struct{}
	once   sync.Once
}

func (b *busy) Watch(ctx context.Context) iter.Seq2[agent.Status, error] {
	return func(yield func(agent.Status, error) bool) {
		for i := range 400 {
			if !yield(agent.Status{Mailboxes: []agent.Mailbox{b.states[i%len(b.states)]}}, nil) {
				return
			}
		}
		b.once.Do(func() { close(b.ended) })
		<-ctx.Done()
	}
}

// A person types, goes back and forth and answers while the agent's Models arrive
// from another goroutine.
func TestWizardWhileTheAgentIsBusy(t *testing.T) {
	b := &busy{ended: make(chan struct{})}
	need := func(n agent.Need) agent.Mailbox {
		return agent.Mailbox{ID: annID, Address: "ann@contoso.test", State: agent.NeedsYou, Needs: &n}
	}
	b.states = []agent.Mailbox{
		{ID: annID, Address: "ann@contoso.test", State: agent.Discovering},
		need(agent.Need{Kind: agent.NeedSignIn, Host: "ex1.contoso.test", Realm: "*.contoso.test"}),
		{ID: annID, Address: "ann@contoso.test", State: agent.Waiting},
		need(agent.Need{Kind: agent.NeedTrust, Hop: abroad}),
	}
	for i := range b.states {
		b.states[i].Looked = after(i).Looked
	}
	d := open(t, Config{Service: b})
	d.showWizard()
	d.begun("ann@contoso.test")
	ctx, stop := context.WithCancel(t.Context())
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		d.Follow(ctx)
	}()
	for i, going := 0, true; going; i++ {
		select {
		case <-b.ended:
			going = false
		default:
		}
		d.flush()
		if n := len(d.fields()); n > 0 {
			d.fill(n-1, "ann@contoso.test") // the address, or as good a password as any
		}
		if labels := d.buttons(); len(labels) > 0 {
			test.Tap(d.find(labels[i%len(labels)]))
		}
	}
	stop()
	<-followed
	d.settle()
	told := b.told()
	if len(told) == 0 || told[0] != added {
		t.Errorf("the agent was told %q", told)
	}
	answers := []string{
		added, "forget " + string(annID), "check now " + string(annID), "trust mx1.fabrikam.test contoso.test",
		"sign in " + string(annID) + " *.contoso.test ann@contoso.test ann@contoso.test",
	}
	for _, line := range told {
		if !slices.Contains(answers, line) {
			t.Errorf("nobody has said %q", line)
		}
	}
}

// While it is asked around, what goes on has no host.
func TestWizardShowsALookWithoutAHost(t *testing.T) {
	d, _ := guided(t, Config{})
	d.begun("ann@contoso.test")
	b := after(1, seeking)
	b.Live = []Look{{UnderWay, "", "asking where the mailbox is …"}}
	d.see(one(b))
	d.reads("asking where the mailbox is …")
	d.misses(": asking")
}
