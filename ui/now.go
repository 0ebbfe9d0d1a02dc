package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/homing-mail/homing/agent"
)

// nowView says how the mailbox stands.
type nowView struct {
	w        *Window
	body     *container.Scroll
	icon     *canvas.Image
	word     *widget.Label
	sentence *widget.Label
	doing    *widget.Label
	live     *fyne.Container
	actions  *fyne.Container
	offered  map[Action]fyne.Focusable // the latest button of each
	facts    *fyne.Container

	rendered bool
	last     Mailbox // as it is shown
}

func newNow(w *Window) *nowView {
	v := &nowView{
		w: w, word: bold(""), sentence: large(""), doing: text(""), icon: &canvas.Image{FillMode: canvas.ImageFillContain},
		live: container.New(column{}), actions: newFlow(), offered: map[Action]fyne.Focusable{}, facts: container.New(pairs{}),
	}
	v.word.Importance = widget.LowImportance
	head := container.New(column{}, v.word, v.sentence, v.doing)
	v.body = container.NewVScroll(container.New(sheet{}, container.NewBorder(nil, nil, container.NewVBox(v.icon), nil, head), v.live, v.actions, widget.NewSeparator(), v.facts))
	return v
}

func (v *nowView) object() fyne.CanvasObject { return v.body }
func (v *nowView) scroll() *container.Scroll { return v.body }
func (v *nowView) open()                     {}
func (v *nowView) escape() bool              { return false }

func (v *nowView) render(m Model, b *Mailbox) {
	if b == nil {
		b = &Mailbox{Icon: m.Icon, Sentence: m.Sentence}
	}
	defer v.enable(m.Lost == "")
	if v.rendered && same(v.last, *b) {
		return
	}
	old := v.last
	v.rendered, v.last = true, *b

	v.icon.Resource = b.Icon.Resource()
	v.icon.SetMinSize(fyne.NewSquareSize(5 * theme.TextSize()))
	v.icon.Refresh()
	v.word.SetText(v.w.say(b.Icon.String()))
	v.sentence.SetText(b.Sentence)
	v.doing.SetText(b.Doing)
	shown(v.doing, b.Doing != "")

	if !same(old.Live, b.Live) {
		v.live.RemoveAll()
		for _, l := range b.Live {
			v.live.Add(v.w.look(l))
		}
	}
	shown(v.live, len(b.Live) > 0)

	if old.ID != b.ID || !same(old.Actions, b.Actions) {
		v.renderActions(b.Actions)
	}
	shown(v.actions, len(b.Actions) > 0)

	if !same(old.Facts, b.Facts) {
		v.renderFacts(b.Facts)
	}
}

// enable lets the actions be used while there is an agent to ask.
func (v *nowView) enable(yes bool) {
	for _, o := range v.actions.Objects {
		able(o.(*button), yes && !o.(*button).busy)
	}
}

// renderFacts keeps the labels that are there: some change each second.
func (v *nowView) renderFacts(facts []Fact) {
	if n := 2 * len(facts); n < len(v.facts.Objects) {
		v.facts.Objects = v.facts.Objects[:n]
		v.facts.Refresh()
	}
	for i, f := range facts {
		if 2*i == len(v.facts.Objects) {
			v.facts.Add(quiet(""))
			v.facts.Add(text(""))
		}
		v.facts.Objects[2*i].(*widget.Label).SetText(f.Name)
		v.facts.Objects[2*i+1].(*widget.Label).SetText(f.Value)
	}
}

// renderActions keeps the focus on what is offered still.
func (v *nowView) renderActions(actions []Action) {
	focused := v.w.win.Canvas().Focused()
	v.actions.RemoveAll()
	for i, a := range actions {
		b := v.button(a, i == 0)
		v.actions.Add(b)
		if focused != nil && v.offered[a] == focused {
			v.w.win.Canvas().Focus(b)
		}
		v.offered[a] = b
	}
}

// button is the one for an action. It acts on the mailbox as it is when tapped.
func (v *nowView) button(a Action, first bool) *button {
	var b *button
	switch w := v.w; a {
	case CheckNow:
		b = w.button(w.say("view.check_now"), theme.ViewRefreshIcon(), func() {
			w.begin(b, w.command(agent.Command{Op: agent.CheckNow, Profile: v.last.ID}))
		})
	case SignIn:
		b = w.button(w.say("view.sign_in"), theme.LoginIcon(), func() { w.askNeed(v.last) })
	case Allow:
		b = w.button(w.say("view.allow"), theme.QuestionIcon(), func() { w.askNeed(v.last) })
	case Tell:
		b = w.button(w.say("ask.admin_open"), theme.MailForwardIcon(), func() { w.askNeed(v.last) })
	case Resume:
		b = w.button(w.say("view.resume"), theme.MediaPlayIcon(), func() {
			w.begin(b, w.command(agent.Command{Op: agent.Resume, Profile: v.last.ID}))
		})
	}
	if first {
		b.Importance = widget.HighImportance
	}
	return b
}

// look is a line of where a mailbox was looked for: a sign, the host, what it said.
func (w *Window) look(l Look) fyne.CanvasObject {
	line := l.Said
	if l.Host != "" {
		line = w.say("view.look", "Host", l.Host, "Said", l.Said)
	}
	return beside(widget.NewIcon(l.Mark.Resource()), text(line))
}

// Resource is the sign of a mark.
func (m Mark) Resource() fyne.Resource {
	switch m {
	case Done:
		return theme.ConfirmIcon()
	case Passed:
		return theme.ContentRemoveIcon()
	case Failed:
		return theme.CancelIcon()
	}
	return theme.MoreHorizontalIcon()
}
