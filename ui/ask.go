package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// page is something that a person is asked, in a dialog or in the wizard.
type page struct {
	title   string
	body    fyne.CanvasObject
	buttons []*button
	focus   func() fyne.Focusable // what has the focus when it is shown; nil: nothing
	leave   func()                // what Esc does; nil: nothing
	render  func(b Mailbox)       // follows the mailbox; nil: it stays as it is
	sudden  func()                // it comes by itself, under a finger that meant something else; nil: that does no harm
	open    func() bool           // an answer was given, and nobody knows yet what came of it; nil: no
	visible bool                  // it is what is shown
}

func (p *page) follow(b Mailbox) {
	if p.render != nil {
		p.render(b)
	}
}

// surprise says that nobody has opened p.
func (p *page) surprise() {
	if p != nil && p.sudden != nil {
		p.sudden()
	}
}

func (p *page) isOpen() bool { return p.open != nil && p.open() }

// needPage is the page that asks for b.Need.
func (w *Window) needPage(b Mailbox, later string, leave, taken func()) *page {
	switch b.Need.Kind {
	case NeedsSignIn:
		return w.signInPage(b, later, leave, taken)
	case NeedsConsent:
		return w.consentPage(b, leave, taken)
	}
	return w.administratorPage(b, later, leave)
}

// same reports whether both ask for the same. An answer to one is none to the other
// if they do not.
func (n Need) same(o Need) bool {
	switch {
	case n.Kind != o.Kind || n.Host != o.Host:
		return false
	case n.Kind == NeedsSignIn:
		return n.Realm == o.Realm
	case n.Kind == NeedsConsent:
		return n.Hop == o.Hop && slices.Equal(n.Facts, o.Facts)
	}
	return n.Why == o.Why
}

// askNeed asks over the window for what b needs, as long as it needs that. A
// question that has changed meanwhile is asked anew: nobody answers what was not
// shown, nor at once what is. After a yes the next question on the same way comes
// by itself. It returns the page, nil if b needs nothing.
func (w *Window) askNeed(b Mailbox) *page {
	if b.Need == nil {
		return nil
	}
	var d *question
	leave := func() { d.close() }
	var follow func(m Model)
	allowed := false
	p := w.needPage(b, w.say("ask.later"), leave, func() {
		if b.Need.Kind == NeedsConsent {
			allowed = true
			leave()
		}
		follow(w.model) // which may have what came of the answer already
	})
	d = w.ask(b.ID, p.title, p.body, p.buttons...)
	d.closed = func() { p.visible = false }
	p.visible = true
	w.focus(p.focus())
	var stop func()
	follow = func(m Model) {
		i := slices.IndexFunc(m.Mailboxes, func(o Mailbox) bool { return o.ID == b.ID })
		if i < 0 {
			stop()
			return
		}
		now := m.Mailboxes[i]
		p.follow(now)
		changed := now.Need != nil && !now.Need.same(*b.Need)
		switch {
		case allowed && changed:
			stop()
			w.askNeed(now).surprise()
		case allowed:
			if now.Settled && (now.Need == nil || now.Looked != b.Looked) {
				stop()
			}
		case !p.visible:
			if !p.isOpen() {
				stop()
			}
		case now.Need != nil && !changed, now.Need == nil && (!now.Settled || p.isOpen()):
		default:
			stop()
			leave()
			w.askNeed(now).surprise()
		}
	}
	stop = w.listen(follow)
	return p
}

func (w *Window) focus(o fyne.Focusable) {
	if w.win.Canvas().Focused() != o {
		w.win.Canvas().Focus(o)
	}
}

// input is a line to type in that leaves the keys that it does not use to the
// window.
type input struct {
	widget.Entry
	w *Window
}

func (w *Window) input() *input {
	f := &input{w: w}
	f.ExtendBaseWidget(f)
	return f
}

func (f *input) TypedKey(ev *fyne.KeyEvent) {
	switch ev.Name {
	case fyne.KeyEscape, fyne.KeyPageUp, fyne.KeyPageDown:
		f.w.key(ev)
	default:
		f.Entry.TypedKey(ev)
	}
}

func (f *input) FocusGained() {
	f.Entry.FocusGained()
	f.w.reveal(f)
}

// notice is a line with a sign, hidden while it says nothing.
type notice struct {
	row   *fyne.Container
	icon  *widget.Icon
	label *widget.Label
}

func newNotice() *notice {
	n := &notice{icon: widget.NewIcon(nil), label: text("")}
	n.row = beside(n.icon, n.label)
	n.row.Hide()
	return n
}

func (n *notice) show(icon fyne.Resource, s string) {
	if n.label.Text != s {
		n.icon.SetResource(icon)
		n.label.SetText(s)
	}
	shown(n.row, s != "")
}

// hostBox shows what Host has returned, whole, in a frame and a type that no text
// from elsewhere has.
func (w *Window) hostBox(host string) fyne.CanvasObject {
	l := mono(host)
	l.Wrapping = fyne.TextWrapBreak
	return newBox(container.New(column{}, l), theme.ColorNameInputBackground, theme.ColorNamePrimary, 2, theme.Padding())
}

// pageLayout is a title, a body that scrolls where it has no room, and a row of
// buttons, no wider than one likes to read.
type pageLayout struct{}

func (pageLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return objects[1].MinSize().AddWidthHeight(4*theme.Padding(), objects[2].MinSize().Height)
}

func (pageLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	pad := 2 * theme.Padding()
	width := min(size.Width-2*pad, 40*theme.TextSize())
	x := (size.Width - width) / 2
	title, row := fit(objects[0], width), fit(objects[2], width)
	objects[0].Move(fyne.NewPos(x, pad))
	objects[1].Move(fyne.NewPos(x, pad+title))
	objects[1].Resize(fyne.NewSize(width, size.Height-title-row-3*pad))
	objects[2].Move(fyne.NewPos(x, size.Height-row-pad))
}

// inset keeps a body clear of the edge and the bar of its scroll.
type inset struct{}

func (inset) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return objects[0].MinSize().AddWidthHeight(3*theme.Padding(), theme.Padding())
}

func (inset) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	width := size.Width - 3*theme.Padding()
	fit(objects[0], width)
	objects[0].Move(fyne.NewPos(theme.Padding(), 0))
}
