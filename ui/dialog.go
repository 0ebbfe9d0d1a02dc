package ui

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/homing-mail/homing/profile"
)

// question is a question or a message over the window. Esc closes it, and so does
// the end of the mailbox that it is about.
type question struct {
	w      *Window
	about  profile.ID // empty: no mailbox
	pop    *widget.PopUp
	scroll *container.Scroll
	closed func() // hears that it is; nil: nobody does
}

// ask shows content with buttons below it. The first one has the focus: it is
// the safe answer.
func (w *Window) ask(about profile.ID, title string, content fyne.CanvasObject, buttons ...*button) *question {
	d := &question{w: w, about: about}
	row := newFlow()
	for _, b := range buttons {
		row.Add(b)
	}
	d.scroll = container.NewVScroll(newBox(content, "", "", 0, theme.Padding()))
	inner := container.New(dialogLayout{w.win.Canvas()}, bold(title), d.scroll, row)
	d.pop = widget.NewModalPopUp(newBox(inner, "", "", 0, theme.InnerPadding()), w.win.Canvas())
	w.dialogs = append(w.dialogs, d)
	d.pop.Show()
	w.Log.Debug("the window asks", "title", title)
	if len(buttons) > 0 {
		w.win.Canvas().Focus(buttons[0])
	}
	return d
}

func (d *question) close() {
	d.w.dialogs = slices.DeleteFunc(d.w.dialogs, func(o *question) bool { return o == d })
	d.pop.Hide()
	if d.closed != nil {
		d.closed()
	}
}

// dialogLayout is a title, a content that scrolls where it has no room, and a row
// of buttons.
type dialogLayout struct{ canvas fyne.Canvas }

func (l dialogLayout) width() float32 {
	return min(36*theme.TextSize(), l.canvas.Size().Width-6*theme.InnerPadding())
}

func (l dialogLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	width := l.width()
	content := objects[1].(*container.Scroll).Content
	need := fit(objects[0], width) + fit(content, width) + fit(objects[2], width) + 2*theme.Padding()
	return fyne.NewSize(width, min(need, l.canvas.Size().Height-6*theme.InnerPadding()))
}

func (l dialogLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	title, row := fit(objects[0], size.Width), fit(objects[2], size.Width)
	objects[0].Move(fyne.NewPos(0, 0))
	objects[1].Move(fyne.NewPos(0, title+theme.Padding()))
	objects[1].Resize(fyne.NewSize(size.Width, size.Height-title-row-2*theme.Padding()))
	objects[2].Move(fyne.NewPos(0, size.Height-row))
}

// confirm asks whether to do something. No is the default.
func (w *Window) confirm(about profile.ID, title, what, yes string, then func()) {
	var d *question
	no := w.button(w.say("view.no"), theme.CancelIcon(), func() { d.close() })
	do := w.button(yes, nil, func() {
		d.close()
		then()
	})
	d = w.ask(about, title, container.New(column{}, text(what)), no, do)
}

// fail shows an error in its own words.
func (w *Window) fail(err error) {
	w.Log.Warn("a command failed", "error", err)
	said := strings.ReplaceAll(err.Error(), "\n", "; ") // of several
	w.tell(w.say("view.failed"), beside(widget.NewIcon(theme.ErrorIcon()), text(visible(said))))
}

// tell shows a message.
func (w *Window) tell(title string, content fyne.CanvasObject) {
	var d *question
	d = w.ask("", title, container.New(column{}, content), w.button(w.say("view.close"), nil, func() { d.close() }))
}
