package ui

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// helpful is an agent that notes what it is told, and answers as a test says.
type helpful struct {
	mu       sync.Mutex
	commands []agent.Command
	status   agent.Status // that Watch shows
	fails    []error      // of the next commands
	gate     chan struct{}
	reached  chan struct{} // one for each command that has reached the gate
}

const annID profile.ID = "00000000000000a1"

func (h *helpful) Watch(context.Context) iter.Seq2[agent.Status, error] {
	return func(yield func(agent.Status, error) bool) {
		h.mu.Lock()
		s := h.status
		h.mu.Unlock()
		yield(s, nil)
	}
}

func (h *helpful) Do(ctx context.Context, c agent.Command) (profile.ID, error) {
	if h.gate != nil {
		h.reached <- struct{}{}
		select {
		case <-h.gate:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commands = append(h.commands, c)
	var err error
	if len(h.fails) > 0 {
		err, h.fails = h.fails[0], h.fails[1:]
	}
	if c.Op == agent.Add && err == nil {
		c.Profile = annID
	}
	return c.Profile, err
}

func (h *helpful) History(context.Context, profile.ID) ([]profile.Generation, error) { return nil, nil }

// told returns the commands so far, each as one line, and forgets them.
func (h *helpful) told() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var lines []string
	for _, c := range h.commands {
		words := []string{string(c.Op)}
		for _, word := range []string{string(c.Profile), c.Address, c.Realm, c.User, c.Secret.Reveal(), c.Host, c.MailDomain} {
			if word != "" {
				words = append(words, word)
			}
		}
		lines = append(lines, strings.Join(words, " "))
	}
	h.commands = nil
	return lines
}

func (h *helpful) wantTold(t testing.TB, want ...string) {
	t.Helper()
	if got := h.told(); !slices.Equal(got, want) {
		t.Errorf("the agent was told %q, want %q", got, want)
	}
}

// shut makes commands wait until the returned function is called.
func (h *helpful) shut() (release func()) {
	h.gate, h.reached = make(chan struct{}), make(chan struct{}, 16)
	return sync.OnceFunc(func() { close(h.gate) })
}

// counter is where a person and the agent meet.
func counter(t testing.TB, cfg Config) (*desk, *helpful) {
	h := &helpful{}
	cfg.Service = h
	return open(t, cfg), h
}

// flush does what has been handed over, without waiting for what goes on.
func (d *desk) flush() {
	d.mu.Lock()
	handed := d.handed
	d.handed = nil
	d.mu.Unlock()
	for _, f := range handed {
		f()
	}
	d.layout()
}

// fields returns what can be typed in, on what is on top.
func (d *desk) fields() []*input {
	var found []*input
	d.walk(func(o fyne.CanvasObject) {
		if f, ok := o.(*input); ok {
			found = append(found, f)
		}
	})
	return found
}

// field returns the i-th of them.
func (d *desk) field(i int) *input {
	d.Helper()
	all := d.fields()
	if i >= len(all) {
		d.Fatalf("there are %d fields in:\n%s", len(all), d.read())
	}
	return all[i]
}

// fill types s where a person would, in the place of what stands there.
func (d *desk) fill(i int, s string) {
	d.Helper()
	f := d.field(i)
	f.SetText("")
	test.Type(f, s)
}

// password returns the field for it.
func (d *desk) password() *input { d.Helper(); return d.field(1) }

func (d *desk) wantFocus(label string) {
	d.Helper()
	switch f := d.win.Canvas().Focused().(type) {
	case *button:
		if f.Text != label {
			d.Errorf("the focus is on %q, want %q", f.Text, label)
		}
	case *input:
		i := slices.Index(d.fields(), f)
		if want := map[string]int{"account": 0, "password": 1, "address": 0}; i < 0 || label == "" || want[label] != i {
			d.Errorf("the focus is on field %d, want %q", i, label)
		}
	default:
		if label != "" {
			d.Errorf("the focus is on %T, want %q", f, label)
		}
	}
}

// master compares what can be seen with testdata/ask/name.xml, once it was painted.
func (d *desk) master(t *testing.T, name string) {
	d.Helper()
	d.win.Canvas().Capture()
	test.AssertRendersToMarkup(t, "ask/"+name+".xml", d.win.Canvas())
}

// wantWhole checks that each line of text on top stands inside of everything
// around it, where it can be scrolled to.
func (d *desk) wantWhole() {
	d.Helper()
	trees := d.trees()
	top := trees[len(trees)-1]
	var down func(o fyne.CanvasObject, at fyne.Position, room fyne.Size, from fyne.Position)
	down = func(o fyne.CanvasObject, at fyne.Position, room fyne.Size, from fyne.Position) {
		if !o.Visible() {
			return
		}
		if text, ok := o.(*canvas.Text); ok && text.Text != "" {
			size := fyne.MeasureText(text.Text, text.TextSize, text.TextStyle)
			in := at.Subtract(from)
			if in.X < 0 || in.Y < 0 || in.X+size.Width > room.Width+1 || in.Y+size.Height > room.Height+1 {
				d.Errorf("%q of %v at %v does not fit into %v", text.Text, size, in, room)
			}
		}
		if s, ok := o.(*container.Scroll); ok {
			if s.Size().Height < 2*s.Content.Position().Y || s.Size().Height < 20 {
				d.Errorf("only %v are left to scroll in", s.Size())
			}
			down(s.Content, fyne.NewPos(0, 0), s.Content.Size(), fyne.NewPos(0, 0))
			if s.Content.Size().Width > s.Size().Width+1 {
				d.Errorf("%v stand in a scroll of %v", s.Content.Size(), s.Size())
			}
			return
		}
		if _, ok := o.(*input); ok {
			return // it scrolls by itself
		}
		for _, b := range below(o) {
			down(b, at.Add(b.Position()), room, from)
		}
	}
	down(top, fyne.NewPos(0, 0), d.win.Canvas().Size(), fyne.NewPos(0, 0))
}

// lines returns the lines of text as they are laid out, from top to bottom.
func lines(o fyne.CanvasObject) []string {
	var all []string
	if t, ok := o.(*canvas.Text); ok {
		all = append(all, t.Text)
	}
	for _, b := range below(o) {
		all = append(all, lines(b)...)
	}
	return all
}

// after is a mailbox after the n-th look at it.
func after(n int, change ...func(*Mailbox)) Mailbox {
	b := Mailbox{
		ID: annID, Label: "ann@contoso.test", Address: "ann@contoso.test", Icon: NeedsYou, Sentence: "Homing cannot go on without you.",
		Settled: true, Looked: time.Date(2026, 3, 1, 12, 0, n, 0, time.UTC),
	}
	for _, c := range change {
		c(&b)
	}
	return b
}

// What a mailbox may need, and how else it may stand.
func secret(b *Mailbox) {
	b.Need = &Need{Kind: NeedsSignIn, Host: "ex1.contoso.test", Realm: "*.contoso.test", User: "ann@contoso.test", Why: "There is no password for ex1.contoso.test yet."}
	b.Actions = []Action{SignIn, CheckNow}
}

func locked(b *Mailbox) {
	secret(b)
	b.Need.Locked = true
}

func consentTo(hop trust.Hop) func(*Mailbox) {
	return func(b *Mailbox) {
		b.Need = &Need{
			Kind: NeedsConsent, Host: Host(hop.To), Hop: hop, Why: "The server does not belong to contoso.test, and nobody has said yet that your password may go there.",
			Facts: []Fact{
				{"Mail address", "ann@contoso.test"}, {"Who sends us", Host(hop.From)}, {"Where your password would go", Host(hop.To)},
				{"How we learned it", "the server before says to ask there"}, {"Certificate", "CN=mx1.fabrikam.test, issued by Fabrikam CA"},
			},
		}
		b.Actions = []Action{Allow, CheckNow}
	}
}

var abroad = trust.Hop{MailDomain: "contoso.test", From: "autodiscover.contoso.test:443", To: "mx1.fabrikam.test:443", How: trust.FromRedirectURL, Cert: "CN=mx1.fabrikam.test, issued by Fabrikam CA"}

func consent(b *Mailbox) { consentTo(abroad)(b) }

func access(b *Mailbox) {
	b.Actions = []Action{Tell, CheckNow}
	b.Need = &Need{Kind: NeedsAdministrator, Host: "ex1.contoso.test", Why: "ex1.contoso.test knows your mailbox and your sign-in, but your sign-in has no right to the mailbox. Only an administrator can change that."}
}

func seeking(b *Mailbox) {
	b.Icon, b.Settled, b.Need, b.Sentence = Looking, false, nil, "Asking where your mailbox is."
	b.Live = []Look{
		{Failed, "autodiscover.contoso.test", "cannot be reached"},
		{Passed, "contoso.test", "knows nothing of it"},
		{UnderWay, "mx1.fabrikam.test", "signing in …"},
	}
}

func home(b *Mailbox) {
	b.Icon, b.Need, b.Sentence, b.Generation = AtHome, nil, "Your mailbox is at home on ex1.contoso.test.", 1
}

func nowhere(b *Mailbox) {
	b.Icon, b.Need, b.Sentence, b.Doing = Offline, nil, "Nobody could say where the mailbox of ann@contoso.test is.", "Looks again in 28 seconds."
	b.Journey = Journey{
		Stops: []Stop{{Host: "autodiscover.contoso.test", Directory: true, Failed: true}, {Host: "mx1.fabrikam.test", Failed: true}, {Host: "ex3.contoso.test"}},
		Hops:  []Hop{{Reason: "does not answer", Failed: true}, {Reason: "does not know the mailbox", Failed: true}, {Reason: "asks for patience"}},
	}
}
