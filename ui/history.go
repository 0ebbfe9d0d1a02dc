package ui

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/profile"
)

// historyView lists the generations of a profile, the newest first, and shows one.
// It asks the agent for them when it is opened and when there is a newer one.
type historyView struct {
	w       *Window
	root    *fyne.Container
	split   *container.Split
	none    *fyne.Container // says what will stand here
	wrong   *widget.Label   // why some cannot be read
	list    *generations
	details *container.Scroll
	title   *widget.Label
	when    *widget.Label
	why     *widget.Label
	back    *button
	changes *fyne.Container

	asked   profile.ID // whose generations were asked for
	upTo    uint64     // the newest one then
	turn    int        // counts the askings: only the latest answer counts
	entries []Entry
	chosen  uint64 // the generation that is shown; 0: none
	drawn   Entry  // as it is shown
}

func newHistory(w *Window) *historyView {
	v := &historyView{w: w, wrong: text(""), title: bold(""), when: quiet(""), why: text(""), changes: container.New(column{})}
	v.list = &generations{v: v, marked: -1}
	v.list.Length = func() int { return len(v.entries) }
	v.list.CreateItem = func() fyne.CanvasObject { return newGeneration() }
	v.list.UpdateItem = func(i int, o fyne.CanvasObject) { o.(*generation).set(w, v.entries[i]) }
	v.list.OnSelected = func(i int) {
		v.list.marked = i
		if i < len(v.entries) {
			v.chosen = v.entries[i].Generation
			v.draw()
		}
	}
	v.list.ExtendBaseWidget(v.list)
	v.back = w.button(w.say("view.go_back"), theme.ContentUndoIcon(), v.askBack)
	v.details = container.NewVScroll(container.New(sheet{}, v.title, v.when, v.why, newFlow(v.back), widget.NewSeparator(), v.changes))
	v.wrong.Hide()
	v.none = container.New(sheet{}, container.New(narrow{}, beside(widget.NewIcon(theme.InfoIcon()), text(w.say("view.history_empty")))))
	v.split = container.NewVSplit(v.list, v.details)
	v.split.SetOffset(0.4)
	v.split.Hide()
	v.root = container.NewBorder(v.wrong, nil, nil, nil, container.NewStack(v.none, v.split))
	return v
}

func (v *historyView) object() fyne.CanvasObject { return v.root }
func (v *historyView) scroll() *container.Scroll { return v.details }
func (v *historyView) escape() bool              { return false }

// open asks anew: times in words have gone by.
func (v *historyView) open() {
	if b := v.w.mailbox(); b != nil && v.asked == b.ID && len(v.entries) > 0 {
		v.ask(b)
	}
}

func (v *historyView) render(m Model, b *Mailbox) {
	able(v.back, m.Lost == "" && !v.back.busy)
	switch {
	case b == nil:
		v.turn++
		v.asked, v.upTo, v.chosen = "", 0, 0
		v.show(nil, nil)
	case b.ID != v.asked:
		v.chosen = 0
		v.show(nil, nil)
		v.ask(b)
	case b.Generation != v.upTo:
		v.ask(b)
	}
}

func (v *historyView) ask(b *Mailbox) {
	v.turn++
	turn, id := v.turn, b.ID
	v.asked, v.upTo = id, b.Generation
	var entries []Entry
	v.w.run(func(ctx context.Context) error {
		all, err := v.w.Service.History(ctx, id)
		entries = Entries(all, v.w.now(), v.w.Say)
		return err
	}, func(err error) {
		if turn == v.turn {
			v.show(entries, err)
		}
	})
}

// show puts entries in the list. What one reads stays where it is: newer ones come
// in above it.
func (v *historyView) show(entries []Entry, err error) {
	shown(v.wrong, err != nil)
	if err != nil {
		v.wrong.SetText(v.w.say("view.history_wrong", "Error", err.Error()))
	}
	shown(v.none, len(entries) == 0)
	shown(v.split, len(entries) > 0)
	if same(entries, v.entries) {
		return
	}
	newer := 0
	if len(v.entries) > 0 {
		newer = max(0, slices.IndexFunc(entries, func(e Entry) bool { return e.Generation == v.entries[0].Generation }))
	}
	offset := v.list.GetScrollOffset()
	v.entries = entries
	at := slices.IndexFunc(entries, func(e Entry) bool { return e.Generation == v.chosen })
	if at < 0 && len(entries) > 0 {
		at, v.chosen = 0, entries[0].Generation
	}
	v.list.mark(at)
	v.list.Refresh()
	switch {
	case len(entries) == 0:
		v.list.ScrollToTop()
	case offset > 0 && newer > 0:
		row := newGeneration().MinSize().Height + theme.Padding()
		v.list.ScrollToOffset(offset + float32(newer)*row)
	}
	v.draw()
}

// draw shows the generation that is chosen.
func (v *historyView) draw() {
	at := slices.IndexFunc(v.entries, func(e Entry) bool { return e.Generation == v.chosen })
	if at < 0 {
		return
	}
	e := v.entries[at]
	if same(e, v.drawn) {
		return
	}
	turned := v.drawn.Generation != e.Generation
	v.drawn = e
	key := "view.generation"
	if e.Current {
		key = "view.generation_current"
	}
	v.title.SetText(v.w.say(key, "Number", fmt.Sprint(e.Generation)))
	v.when.SetText(e.When)
	v.why.SetText(e.Why)
	shown(v.back, !e.Current)
	v.changes.RemoveAll()
	for _, c := range e.Changes {
		v.changes.Add(bold(c.What))
		v.changes.Add(text(v.change(c)))
	}
	if len(e.Wire) > 0 {
		v.changes.Add(bold(v.w.say("view.written")))
		v.changes.Add(mono(strings.Join(e.Wire, "\n")))
	}
	if len(e.Changes) == 0 {
		v.changes.Add(quiet(v.w.say("view.no_changes")))
	}
	if turned {
		v.details.ScrollToTop()
	}
}

func (v *historyView) change(c Change) string {
	switch {
	case c.Old == "":
		return v.w.say("view.change_new", "New", c.New)
	case c.New == "":
		return v.w.say("view.change_gone", "Old", c.Old)
	}
	return v.w.say("view.change", "Old", c.Old, "New", c.New)
}

// askBack asks whether to go back to the generation that is shown now, whatever
// comes in meanwhile.
func (v *historyView) askBack() {
	id, e := v.asked, v.drawn
	number := fmt.Sprint(e.Generation)
	v.w.confirm(id, v.w.say("view.go_back_title", "Number", number), v.w.say("view.go_back_text", "Number", number, "When", e.When), v.w.say("view.go_back_yes"), func() {
		v.w.begin(v.back, v.w.command(agent.Command{Op: agent.Rollback, Profile: id, Generation: e.Generation}))
	})
}

// generations is the list, of which only the rows that can be seen are built.
type generations struct {
	widget.List
	v      *historyView
	marked int // the row that is selected; -1: none
}

// mark selects a row where it is not yet, without scrolling to it; none if i < 0.
func (l *generations) mark(i int) {
	if i == l.marked {
		return
	}
	offset, tell := l.GetScrollOffset(), l.OnSelected
	l.OnSelected = nil
	if i < 0 {
		l.UnselectAll()
	} else {
		l.Select(i)
	}
	l.OnSelected, l.marked = tell, i
	l.ScrollToOffset(offset)
}

func (l *generations) TypedKey(ev *fyne.KeyEvent) {
	switch ev.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		l.List.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	case fyne.KeyUp, fyne.KeyDown, fyne.KeySpace:
		l.List.TypedKey(ev)
	default:
		l.v.w.key(ev)
	}
}

// generation is a row of the list: when, and why. What has no room in it is in the
// details.
type generation struct {
	widget.BaseWidget
	icon      *widget.Icon
	when, why *widget.Label
}

func newGeneration() *generation {
	g := &generation{icon: widget.NewIcon(theme.HistoryIcon()), when: quiet(""), why: text("")}
	for _, l := range []*widget.Label{g.when, g.why} {
		l.Wrapping, l.Truncation = fyne.TextWrapOff, fyne.TextTruncateEllipsis
	}
	g.ExtendBaseWidget(g)
	return g
}

func (g *generation) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(beside(g.icon, container.New(twoFields{}, g.when, g.why)))
}

func (g *generation) set(w *Window, e Entry) {
	icon, why := theme.HistoryIcon(), e.Why
	if e.Current {
		icon, why = theme.ConfirmIcon(), w.say("view.in_use", "Why", e.Why)
	}
	if g.when.Text != e.When || g.why.Text != why || g.icon.Resource != icon {
		g.icon.SetResource(icon)
		g.when.SetText(e.When)
		g.why.SetText(why)
	}
}

// twoFields are two columns, the first as wide as a date.
type twoFields struct{}

func (twoFields) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	first := min(12*theme.TextSize(), size.Width/2)
	objects[0].Resize(fyne.NewSize(first, size.Height))
	objects[1].Resize(fyne.NewSize(size.Width-first, size.Height))
	objects[1].Move(fyne.NewPos(first, 0))
}

func (twoFields) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(objects[0].MinSize().Width+objects[1].MinSize().Width, objects[0].MinSize().Height)
}
