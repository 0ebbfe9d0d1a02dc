package ui

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/profile"
)

// Config is what a Window is made of.
type Config struct {
	Service agent.Service
	Desk    Desk
	Demo    []Move       // buttons that move the demo's mailbox; nil: no demo
	Say     Say          // nil: the texts of Fyne, to which Load gives those of this package
	Log     *slog.Logger // nil discards
}

// Window is the one window of Homing. Follow may run in any goroutine and Close
// where Fyne does not run any more; everything else is for the goroutine of Fyne.
type Window struct {
	Config
	app fyne.App
	win fyne.Window
	do  func(func()) // hands over to the goroutine of Fyne
	now func() time.Time

	sleep func(context.Context, time.Duration) // returns early where the context ends

	ctx  context.Context // of what the window has begun
	stop context.CancelFunc
	work sync.WaitGroup

	model     Model
	known     bool       // a Model was rendered
	shown     profile.ID // the mailbox that is shown
	place     int        // where it was among the others
	listeners []*func(Model)
	dialogs   []*question
	guide     *wizard                    // the latest
	refused   map[account]int            // passwords, since one was let in
	counted   atomic.Pointer[profile.ID] // the mailbox whose countdown can be seen
	changed   chan struct{}              // counted changed
	waiting   atomic.Pointer[Model]      // has been handed over and not been rendered

	banner  *boxed
	lost    *widget.Label
	chooser *choice
	chosen  []string // what the chooser offers
	tabs    []*tab
	setUp   *fyne.Container   // the wizard, instead of the tabs
	usual   *container.Scroll // scrolls where head and foot leave too little for a view
	current int
}

// view is what stands behind a tab.
type view interface {
	object() fyne.CanvasObject
	render(m Model, b *Mailbox) // b is the mailbox that is shown; nil: none
	scroll() *container.Scroll  // what the keyboard scrolls
	open()                      // it has become visible
	escape() bool               // Esc was pressed; false: nothing to close
}

// New returns a window that is not shown yet, in the theme of Homing.
func New(app fyne.App, cfg Config) *Window {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Say == nil {
		cfg.Say = func(key string, data any) string { return lang.X(key, key, data) }
	}
	app.Settings().SetTheme(Theme{})
	w := &Window{Config: cfg, app: app, do: fyne.Do, now: time.Now, sleep: sleep, changed: make(chan struct{}, 1)}
	w.ctx, w.stop = context.WithCancel(context.Background())
	w.win = app.NewWindow(w.say("view.title"))
	w.win.SetIcon(AppIcon())
	w.build()
	w.win.Resize(fyne.NewSize(760, 640))
	return w
}

// Show shows the window.
func (w *Window) Show() { w.win.Show() }

// Raise shows the window and brings it to the front.
func (w *Window) Raise() {
	w.win.Show()
	w.win.RequestFocus()
}

// Close ends what the window has begun and waits for it.
func (w *Window) Close() {
	w.stop()
	w.work.Wait()
}

// Render shows m.
func (w *Window) Render(m Model) {
	w.model, w.known = m, true
	w.lost.SetText(m.Lost)
	shown(w.banner, m.Lost != "")
	w.choose()
	if len(m.Mailboxes) == 0 && m.Lost == "" && w.setUp.Hidden {
		w.showWizard()
	}
	w.renderView()
	for _, d := range slices.Clone(w.dialogs) {
		if d.about != "" && !slices.ContainsFunc(m.Mailboxes, func(b Mailbox) bool { return b.ID == d.about }) {
			d.close()
		}
	}
	for _, f := range slices.Clone(w.listeners) {
		(*f)(m)
	}
	w.Log.Debug("the window shows", "icon", m.Icon.String(), "sentence", m.Sentence, "lost", m.Lost)
}

// listen has f called with each Model after it was rendered, until stop.
func (w *Window) listen(f func(Model)) (stop func()) {
	at := &f
	w.listeners = append(w.listeners, at)
	return func() { w.listeners = slices.DeleteFunc(w.listeners, func(l *func(Model)) bool { return l == at }) }
}

// mailbox is the one that is shown, or nil.
func (w *Window) mailbox() *Mailbox {
	for i := range w.model.Mailboxes {
		if b := &w.model.Mailboxes[i]; b.ID == w.shown {
			return b
		}
	}
	return nil
}

// choose keeps to the mailbox that is shown as long as it is there, and then goes
// to the one that has taken its place.
func (w *Window) choose() {
	all := w.model.Mailboxes
	i := slices.IndexFunc(all, func(b Mailbox) bool { return b.ID == w.shown })
	switch {
	case i < 0 && w.shown == "":
		i = slices.IndexFunc(all, func(b Mailbox) bool { return b.Icon == w.model.Icon })
	case i < 0:
		i = min(w.place, len(all)-1)
	}
	if w.shown, w.place = "", i; i >= 0 {
		w.shown = all[i].ID
	}
	var options []string
	for i, b := range all {
		name := b.Label
		if name != b.Address {
			name += " (" + b.Address + ")"
		}
		if slices.ContainsFunc(all[:i], func(o Mailbox) bool { return o.Label == b.Label && o.Address == b.Address }) {
			name = fmt.Sprintf("%d. %s", i+1, name) // the choice goes by its words
		}
		options = append(options, w.say("view.choice", "Mailbox", name, "State", w.say(b.Icon.String())))
	}
	shown(w.chooser, len(all) > 1)
	if len(all) > 1 && (!slices.Equal(options, w.chosen) || w.chooser.SelectedIndex() != i) {
		w.chosen = options
		w.chooser.set(options, i)
	}
}

// renderView renders the view that can be seen, and no other.
func (w *Window) renderView() {
	counted := w.shown
	if w.current != 0 || !w.setUp.Hidden {
		counted = ""
	}
	if old := w.counted.Swap(&counted); old == nil || *old != counted {
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
	if w.known {
		w.tabs[w.current].render(w.model, w.mailbox())
	}
}

// show goes to a tab.
func (w *Window) show(i int) {
	if !w.setUp.Hidden || i >= len(w.tabs) {
		return
	}
	w.current = i
	for j, t := range w.tabs {
		t.line.fill = ""
		if j == i {
			t.line.fill = theme.ColorNamePrimary
		}
		t.line.Refresh()
		shown(t.object(), j == i)
	}
	w.renderView()
	w.tabs[i].open()
	w.Log.Debug("the window opens", "view", w.tabs[i].button.Text)
}

// showWizard shows the wizard instead of the tabs until endWizard.
func (w *Window) showWizard() {
	w.setUp.Objects = []fyne.CanvasObject{w.wizard()}
	w.usual.Hide()
	w.setUp.Show()
	w.setUp.Refresh()
	w.focus(w.guide.page.focus())
	w.renderView()
}

// endWizard goes back to the tabs, at the mailbox id.
func (w *Window) endWizard(id profile.ID) {
	if id != "" {
		w.shown = id
	}
	w.setUp.Hide()
	w.setUp.Objects = nil
	w.usual.Show()
	w.choose()
	w.show(0)
}

// tab is a view and the button that leads to it.
type tab struct {
	view
	button *button
	line   *boxed // under the button of the view that is shown
}

func (w *Window) build() {
	w.lost = text("")
	warning := newBox(beside(widget.NewIcon(theme.WarningIcon()), w.lost), theme.ColorNameHeaderBackground, theme.ColorNameWarning, 2, 0)
	w.banner = newBox(warning, "", "", 0, theme.Padding())
	w.banner.Hide()
	w.chooser = w.choice(func(i int) {
		if i >= 0 && i < len(w.model.Mailboxes) {
			w.shown, w.place = w.model.Mailboxes[i].ID, i
			w.renderView()
		}
	})
	w.chooser.short = true
	w.chooser.Hide()

	bar, views := newFlow(), container.NewStack()
	for i, t := range []struct {
		key  string
		icon fyne.Resource
		view view
	}{
		{"view.now", AtHome.Resource(), newNow(w)},
		{"view.journey", Moving.Resource(), newJourney(w)},
		{"view.history", theme.HistoryIcon(), newHistory(w)},
		{"view.settings", theme.SettingsIcon(), newSettings(w)},
	} {
		b := w.button(w.say(t.key), t.icon, func() { w.show(i) })
		b.Importance = widget.LowImportance
		line := newBox(canvas.NewRectangle(colour("")), "", "", 0, 1.5)
		w.tabs = append(w.tabs, &tab{t.view, b, line})
		bar.Add(container.NewBorder(nil, line, nil, nil, b))
		views.Add(t.view.object())
	}
	top := container.New(column{}, w.banner, w.chooser, bar, widget.NewSeparator())
	w.usual = container.NewVScroll(container.New(frame{}, top, views, w.foot()))
	w.setUp = container.NewStack()
	w.setUp.Hide()
	w.win.SetContent(container.NewStack(w.usual, w.setUp))

	c := w.win.Canvas()
	c.SetOnTypedKey(w.key)
	for i, k := range []fyne.KeyName{fyne.Key1, fyne.Key2, fyne.Key3, fyne.Key4} {
		c.AddShortcut(&desktop.CustomShortcut{KeyName: k, Modifier: fyne.KeyModifierControl}, func(fyne.Shortcut) {
			if c.Overlays().Top() == nil {
				w.show(i)
			}
		})
	}
	w.show(0)
}

// foot is the demo's buttons, and what closing the window does.
func (w *Window) foot() fyne.CanvasObject {
	foot := container.New(column{})
	if w.Demo != nil {
		moves := newFlow()
		for _, m := range w.Demo {
			var b *button
			b = w.button(m.Label, theme.MailForwardIcon(), func() { w.begin(b, m.Do) })
			moves.Add(b)
		}
		foot.Add(widget.NewSeparator())
		foot.Add(beside(widget.NewIcon(theme.ComputerIcon()), quiet(w.say("view.demo"))))
		foot.Add(moves)
	}
	if w.Desk.Closing != "" {
		foot.Add(widget.NewSeparator())
		foot.Add(quiet(w.Desk.Closing))
	}
	return foot
}

// key is what a key does that nothing on the way has used.
func (w *Window) key(ev *fyne.KeyEvent) {
	if n := len(w.dialogs); n > 0 {
		if ev.Name == fyne.KeyEscape {
			w.dialogs[n-1].close()
			return
		}
	} else if ev.Name == fyne.KeyEscape {
		if w.setUp.Hidden {
			w.tabs[w.current].escape()
		} else {
			w.guide.escape()
		}
		return
	}
	for _, s := range w.scrolls() {
		to := s.Offset
		switch ev.Name {
		case fyne.KeyUp:
			to.Y -= 3 * theme.TextSize()
		case fyne.KeyDown:
			to.Y += 3 * theme.TextSize()
		case fyne.KeyPageUp:
			to.Y -= s.Size().Height
		case fyne.KeyPageDown:
			to.Y += s.Size().Height
		case fyne.KeyHome:
			to.Y = 0
		case fyne.KeyEnd:
			to.Y = s.Content.Size().Height
		default:
			return
		}
		if old := s.Offset; old != to {
			s.ScrollToOffset(to)
			if s.Offset != old {
				return
			}
		}
	}
}

// scrolls is what the keyboard scrolls at the moment, the innermost first.
func (w *Window) scrolls() []*container.Scroll {
	switch n := len(w.dialogs); {
	case n > 0:
		return []*container.Scroll{w.dialogs[n-1].scroll}
	case !w.setUp.Hidden:
		return []*container.Scroll{w.guide.scroll}
	}
	return []*container.Scroll{w.tabs[w.current].scroll(), w.usual}
}

// say is a text, with fields by name.
func (w *Window) say(key string, fields ...string) string {
	data := make(map[string]string, len(fields)/2)
	for i := 0; i+1 < len(fields); i += 2 {
		data[fields[i]] = fields[i+1]
	}
	return w.Say(key, data)
}

// shown shows or hides an object where that is news.
func shown(o fyne.CanvasObject, yes bool) {
	switch {
	case yes && !o.Visible():
		o.Show()
	case !yes && o.Visible():
		o.Hide()
	}
}

// able lets a control be used or not where that is news.
func able(c fyne.Disableable, yes bool) {
	switch {
	case yes && c.Disabled():
		c.Enable()
	case !yes && !c.Disabled():
		c.Disable()
	}
}

// same reports whether two parts of a Model say the same.
func same(a, b any) bool { return reflect.DeepEqual(a, b) }
