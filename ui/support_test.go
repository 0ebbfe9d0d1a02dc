package ui

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/profile"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // times of day stand in the masters
	os.Exit(m.Run())
}

// words are the texts of a language.
func words(t testing.TB, language string) Say {
	t.Helper()
	raw, err := os.ReadFile("texts/" + language + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]string
	if err := json.Unmarshal(raw, &texts); err != nil {
		t.Fatal(err)
	}
	parsed := map[string]*template.Template{}
	for key, text := range texts {
		parsed[key] = template.Must(template.New(key).Option("missingkey=error").Parse(text))
	}
	return func(key string, data any) string {
		if parsed[key] == nil {
			t.Errorf("there is no text for %q in %s", key, language)
			return key
		}
		var b strings.Builder
		if err := parsed[key].Execute(&b, data); err != nil {
			t.Error(err)
		}
		return b.String()
	}
}

// fake is an agent that records its commands.
type fake struct {
	mu          sync.Mutex
	commands    []agent.Command
	fails       error                // of every command
	generations []profile.Generation // of every profile
	asked       int                  // how often History was
	wrong       error                // of History
	gate        chan struct{}        // commands wait for it, if it is there
	watch       iter.Seq2[agent.Status, error]
}

func (f *fake) Watch(context.Context) iter.Seq2[agent.Status, error] { return f.watch }

func (f *fake) Do(ctx context.Context, c agent.Command) (profile.ID, error) {
	if f.gate != nil {
		select {
		case <-f.gate:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commands = append(f.commands, c)
	return c.Profile, f.fails
}

func (f *fake) History(context.Context, profile.ID) ([]profile.Generation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return f.generations, f.wrong
}

// got returns the commands so far, each as one line.
func (f *fake) got() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, c := range f.commands {
		line := string(c.Op) + " " + string(c.Profile)
		if c.Generation != 0 {
			line += " to " + string(rune('0'+c.Generation))
		}
		if c.Host != "" {
			line += " " + c.Host + " for " + c.MailDomain
		}
		lines = append(lines, line)
	}
	return lines
}

// desk is a window at which a test sits. What the window hands over to the
// goroutine of Fyne is done when the test settles.
type desk struct {
	testing.TB
	*Window
	*fake
	mu     sync.Mutex
	handed []func()
	slept  chan time.Duration // by asleep, which goes on when it is taken
}

func open(t testing.TB, cfg Config) *desk {
	t.Helper()
	d := &desk{TB: t, fake: &fake{}, slept: make(chan time.Duration)}
	app := test.NewTempApp(t)
	if cfg.Service == nil {
		cfg.Service = d.fake
	}
	if cfg.Say == nil {
		cfg.Say = words(t, "en")
	}
	d.Window = New(app, cfg)
	d.Window.now = func() time.Time { return time.Date(2026, 3, 1, 9, 2, 0, 0, time.UTC) }
	d.Window.do = func(f func()) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.handed = append(d.handed, f)
	}
	d.Window.sleep = func(context.Context, time.Duration) {}
	t.Cleanup(d.Window.Close)
	d.Window.Show()
	d.size(760, 560)
	return d
}

// asleep is a sleep that lasts until the test wakes who sleeps.
func (d *desk) asleep(ctx context.Context, long time.Duration) {
	select {
	case d.slept <- long:
	case <-ctx.Done():
	}
}

// wake wakes who sleeps, which has to be for as long as that.
func (d *desk) wake(long time.Duration) {
	d.Helper()
	if got := <-d.slept; got != long {
		d.Errorf("it sleeps for %v, want %v", got, long)
	}
	d.settle()
}

func (d *desk) size(width, height float32) {
	d.win.Resize(fyne.NewSize(width, height))
	d.layout()
}

// see renders a model and what comes of it.
func (d *desk) see(m Model) {
	d.Helper()
	d.Render(m)
	d.settle()
}

// settle waits for what the window has begun, does what it has handed over, and
// lays everything out.
func (d *desk) settle() {
	d.work.Wait()
	for {
		d.mu.Lock()
		handed := d.handed
		d.handed = nil
		d.mu.Unlock()
		if len(handed) == 0 {
			break
		}
		for _, f := range handed {
			f()
		}
		d.work.Wait()
	}
	d.layout()
}

// layout does what a driver does before each frame: where the least size of
// something has changed, what is around it is laid out anew.
func (d *desk) layout() {
	for range 3 {
		for _, tree := range d.trees() {
			relayout(tree)
		}
	}
}

func relayout(o fyne.CanvasObject) {
	if !o.Visible() {
		return
	}
	for _, b := range below(o) {
		relayout(b)
	}
	switch o := o.(type) {
	case *fyne.Container:
		if o.Layout != nil {
			o.Layout.Layout(o.Objects, o.Size())
		}
	case fyne.Widget:
		test.WidgetRenderer(o).Layout(o.Size())
	}
}

func below(o fyne.CanvasObject) []fyne.CanvasObject {
	switch o := o.(type) {
	case *fyne.Container:
		return o.Objects
	case fyne.Widget:
		return test.WidgetRenderer(o).Objects()
	}
	return nil
}

func (d *desk) trees() []fyne.CanvasObject {
	return append([]fyne.CanvasObject{d.win.Canvas().Content()}, d.win.Canvas().Overlays().List()...)
}

// walk visits all that can be seen on top, parents first.
func (d *desk) walk(visit func(o fyne.CanvasObject)) {
	trees := d.trees()
	var down func(o fyne.CanvasObject)
	down = func(o fyne.CanvasObject) {
		if !o.Visible() {
			return
		}
		visit(o)
		for _, b := range below(o) {
			down(b)
		}
	}
	down(trees[len(trees)-1])
}

// find returns the button with a label on what is on top.
func (d *desk) find(label string) *button {
	d.Helper()
	var found *button
	d.walk(func(o fyne.CanvasObject) {
		if b, ok := o.(*button); ok && b.Text == label {
			found = b
		}
	})
	if found == nil {
		d.Fatalf("there is no button %q among %q", label, d.buttons())
	}
	return found
}

func (d *desk) buttons() []string {
	var labels []string
	d.walk(func(o fyne.CanvasObject) {
		if b, ok := o.(*button); ok {
			labels = append(labels, b.Text)
		}
	})
	return labels
}

func (d *desk) tap(label string) {
	d.Helper()
	test.Tap(d.find(label))
	d.settle()
}

// press presses a key where a keyboard would: at what has the focus.
func (d *desk) press(name fyne.KeyName) {
	ev := &fyne.KeyEvent{Name: name}
	if f := d.win.Canvas().Focused(); f != nil {
		f.TypedKey(ev)
	} else if on := d.win.Canvas().OnTypedKey(); on != nil {
		on(ev)
	}
	d.settle()
}

// read returns all words that can be seen on top.
func (d *desk) read() string {
	var all []string
	d.walk(func(o fyne.CanvasObject) {
		if t, ok := o.(interface{ text() string }); ok {
			all = append(all, t.text())
		}
		if s := textOf(o); s != "" {
			all = append(all, s)
		}
	})
	return strings.Join(all, "\n")
}

func (d *desk) reads(want ...string) {
	d.Helper()
	got := d.read()
	for _, w := range want {
		if !strings.Contains(got, w) {
			d.Errorf("%q cannot be read in:\n%s", w, got)
		}
	}
}

func (d *desk) misses(unwanted ...string) {
	d.Helper()
	got := d.read()
	for _, w := range unwanted {
		if strings.Contains(got, w) {
			d.Errorf("%q stands in:\n%s", w, got)
		}
	}
}

func (d *desk) commanded(want ...string) {
	d.Helper()
	if got := d.got(); !slices.Equal(got, want) {
		d.Errorf("the agent got %q, want %q", got, want)
	}
}

var errNoSuch = errors.New("logging on to ex2.contoso.test: the password was refused; sign in again")

// tapHop clicks on a hop of the journey.
func (d *desk) tapHop(i int) {
	d.Helper()
	var hops []*hop
	d.walk(func(o fyne.CanvasObject) {
		if h, ok := o.(*hop); ok {
			hops = append(hops, h)
		}
	})
	if i >= len(hops) {
		d.Fatalf("there are %d hops", len(hops))
	}
	test.Tap(hops[i])
	d.settle()
}

// pick selects a row of the history.
func (d *desk) pick(i int) {
	d.walk(func(o fyne.CanvasObject) {
		if l, ok := o.(*generations); ok {
			l.Select(i)
		}
	})
	d.settle()
}
