package ui

import (
	"context"
	"errors"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/profile"
)

// wizard leads from an address to a mailbox that is at home: it asks for the
// address, shows where the mailbox is looked for, and asks what the agent needs.
type wizard struct {
	w      *Window
	frame  *fyne.Container
	title  *widget.Label     // of the page that is shown
	scroll *container.Scroll // its body
	page   *page
	lost   *notice             // why the agent cannot be seen
	stop   func()              // hearing of Models
	turn   <-chan struct{}     // closed when the latest of its commands has ended
	mine   map[string]struct{} // the addresses that it has added

	address *input
	meant   *notice
	next    *button
	cancel  *button

	try      *attempt // nil: at the address
	looking  *page
	stuck    *page
	offers   [2]bool       // what stuck offers: to finish, to answer
	doing    *widget.Label // of stuck
	looks    *fyne.Container
	listed   []Look // in looks
	need     *Need  // what the agent needs
	question *page  // that asks for it; looking may be shown while the agent acts on the answer
	answered bool   // the agent has an answer to it
	declined *Need  // was answered by no
	done     bool
}

// wizard is the way to a new mailbox, from its beginning.
func (w *Window) wizard() fyne.CanvasObject {
	z := &wizard{w: w, frame: container.NewStack(), lost: newNotice(), mine: make(map[string]struct{})}
	if old := w.guide; old != nil {
		old.stop()
		z.turn, z.mine = old.turn, old.mine
	} else {
		ended := make(chan struct{})
		close(ended)
		z.turn = ended
	}
	w.guide = z
	z.stop = w.listen(z.render)
	z.askAddress("", nil)
	return z.frame
}

// show goes to a page.
func (z *wizard) show(p *page) {
	if z.page == p {
		return
	}
	if z.page != nil {
		z.page.visible = false
	}
	z.page, p.visible = p, true
	row := newFlow()
	for _, b := range p.buttons {
		row.Add(b)
	}
	z.title, z.scroll = large(p.title), container.NewVScroll(container.New(inset{}, container.New(column{}, z.lost.row, p.body)))
	z.frame.Objects = []fyne.CanvasObject{container.New(pageLayout{}, z.title, z.scroll, row)}
	z.frame.Refresh()
	z.w.Log.Debug("the window asks", "title", p.title)
	switch {
	case z.w.win.Canvas().Overlays().Top() != nil:
	case p.focus == nil: // an Enter too many does not press what has just come
		z.w.win.Canvas().Unfocus()
	default:
		z.w.focus(p.focus())
	}
}

// escape is what Esc does.
func (z *wizard) escape() {
	if z.page.leave != nil {
		z.page.leave()
	}
}

// askAddress is the first page. failed is why nothing came of the address.
func (z *wizard) askAddress(address string, failed error) {
	w := z.w
	z.question, z.need, z.declined = nil, nil, nil
	z.address, z.meant = w.input(), newNotice()
	z.address.SetText(address)
	z.address.PlaceHolder = w.say("ask.address_example")
	z.next = w.button(w.say("ask.next"), theme.NavigateNextIcon(), z.begin)
	z.next.Importance = widget.HighImportance
	z.cancel = w.button(w.say("ask.cancel"), nil, z.leave)
	title, intro := w.say("ask.add"), w.say("ask.add_text")
	if !z.canLeave() {
		title, intro = w.say("ask.welcome"), w.say("ask.welcome_text")
		z.cancel.Hide()
	}
	z.address.OnChanged = func(string) { z.check() }
	z.address.OnSubmitted = func(string) { z.begin() }
	z.show(&page{
		title: title, buttons: []*button{z.cancel, z.next}, leave: z.leave,
		body:  container.New(column{}, text(intro), bold(w.say("ask.address")), z.address, z.meant.row),
		focus: func() fyne.Focusable { return z.address },
	})
	z.check()
	if failed != nil {
		z.meant.show(theme.WarningIcon(), w.say("ask.add_failed", "Error", visible(failed.Error())))
		z.page.body.Refresh()
	}
}

// check says what is wrong with the address as it stands, or which one is meant.
func (z *wizard) check() {
	address, err := Address(z.address.Text)
	able(z.next, err == nil)
	switch {
	case z.address.Text == "":
		z.meant.show(nil, "")
	case err != nil:
		z.meant.show(theme.WarningIcon(), z.w.addressError(err))
	case address != z.address.Text:
		z.meant.show(theme.ConfirmIcon(), z.w.say("ask.address_meant", "Address", address))
	default:
		z.meant.show(nil, "")
	}
	z.page.body.Refresh()
}

func (w *Window) addressError(err error) string {
	if e, ok := errors.AsType[*AddressError](err); ok {
		return w.Say(e.Key, nil)
	}
	return err.Error()
}

// canLeave reports whether there is a mailbox that the wizard has not begun.
func (z *wizard) canLeave() bool {
	return slices.ContainsFunc(z.w.model.Mailboxes, func(b Mailbox) bool {
		_, mine := z.mine[strings.ToLower(b.Address)]
		return !mine || b.Generation > 0
	})
}

func (z *wizard) leave() {
	if z.canLeave() {
		z.end("")
	}
}

// end leaves the wizard for the mailbox id, or for the one that was shown before.
func (z *wizard) end(id profile.ID) {
	z.stop()
	z.page.visible = false
	z.w.endWizard(id)
}

// begin has the agent look for the mailbox of the address.
func (z *wizard) begin() {
	address, err := Address(z.address.Text)
	if err != nil {
		z.meant.show(theme.WarningIcon(), z.w.addressError(err))
		z.page.body.Refresh()
		return
	}
	a := &attempt{address: address, waits: true}
	for _, b := range z.w.model.Mailboxes {
		if strings.EqualFold(b.Address, address) {
			if b.Generation > 0 { // there is nothing to set up
				z.end(b.ID)
				return
			}
			_, mine := z.mine[strings.ToLower(address)]
			a.known, a.looked = !mine, b.Looked
		}
	}
	if !a.known {
		z.mine[strings.ToLower(address)] = struct{}{}
	}
	z.try, z.looking, z.stuck = a, nil, nil
	z.showLooking(nil)
	z.inTurn(func(ctx context.Context) error {
		id, err := z.w.Service.Do(ctx, agent.Command{Op: agent.Add, Address: address})
		if err != nil {
			return err
		}
		if a.arrive(id) && !a.known {
			return z.w.forgetDraft(ctx, id)
		}
		return nil
	}, func(err error) {
		switch {
		case z.try == a && err != nil:
			z.w.Log.Warn("a mailbox was not added", "error", err)
			z.try = nil
			z.askAddress(address, err)
		case z.try == a:
			z.render(z.w.model)
		case err != nil:
			z.w.fail(err)
		}
	})
}

// inTurn runs work when what was begun before has ended: an address is not added
// while it is being forgotten.
func (z *wizard) inTurn(work func(ctx context.Context) error, done func(error)) {
	before, ended := z.turn, make(chan struct{})
	z.turn = ended
	z.w.run(func(ctx context.Context) error {
		defer close(ended)
		select {
		case <-before:
			return work(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}, done)
}

// back goes back to the address, and forgets what was begun with it.
func (z *wizard) back() {
	a := z.try
	z.try = nil
	id := a.drop()
	if id != "" && !a.known {
		z.inTurn(func(ctx context.Context) error { return z.w.forgetDraft(ctx, id) }, func(err error) {
			if err != nil {
				z.w.fail(err)
			}
		})
	}
	z.askAddress(a.address, nil)
}

// render follows the mailbox that is being set up.
func (z *wizard) render(m Model) {
	a := z.try
	z.lost.show(theme.WarningIcon(), m.Lost)
	if z.done {
		return
	}
	if a == nil {
		shown(z.cancel, z.canLeave())
		return
	}
	id := a.at()
	i := slices.IndexFunc(m.Mailboxes, func(b Mailbox) bool { return b.ID == id })
	if i < 0 {
		if a.seen { // somebody else has forgotten it
			z.try = nil
			z.askAddress(a.address, nil)
		}
		return
	}
	a.seen = true
	b := m.Mailboxes[i]
	if z.question != nil {
		z.question.follow(b)
	}
	if b.Settled && !b.Looked.Equal(a.looked) {
		a.waits = false
	}
	switch {
	case z.question != nil && z.question.visible && !z.answered && (z.question.isOpen() || !b.Settled): // somebody may be typing
	case z.stuck != nil && z.stuck.visible && !a.waits && !b.Settled: // somebody may be reading
		z.list(b.Live)
	case a.waits, !b.Settled, z.question != nil && z.question.isOpen():
		z.showLooking(b.Live)
	case b.Need != nil:
		z.showNeed(b)
	case b.Icon == AtHome:
		z.showDone(b)
	default:
		z.showStuck(b)
	}
}

// showLooking shows where the mailbox is looked for, as it happens.
func (z *wizard) showLooking(live []Look) {
	if z.looking == nil || !z.looking.visible {
		z.looks, z.listed = container.New(column{}), nil
		z.looking = &page{
			title: z.w.say("ask.looking", "Address", z.try.address),
			body:  container.New(column{}, text(z.w.say("ask.looking_text")), z.looks), buttons: []*button{z.backButton()}, leave: z.back,
		}
		z.show(z.looking)
	}
	z.list(live)
}

// list shows looks, each line anew only where it differs.
func (z *wizard) list(looks []Look) {
	if len(looks) == 0 || slices.Equal(looks, z.listed) {
		return
	}
	same := 0
	for same < min(len(looks), len(z.listed)) && looks[same] == z.listed[same] {
		same++
	}
	z.looks.Objects = slices.Clone(z.looks.Objects[:same])
	for _, l := range looks[same:] {
		z.looks.Add(z.w.look(l))
	}
	z.listed = slices.Clone(looks)
	z.page.body.Refresh()
}

func (z *wizard) backButton() *button {
	return z.w.button(z.w.say("ask.back"), theme.NavigateBackIcon(), z.back)
}

// showNeed asks for what b needs.
func (z *wizard) showNeed(b Mailbox) {
	if z.declined != nil && z.declined.same(*b.Need) {
		z.showStuck(b)
		return
	}
	if z.question == nil || !z.need.same(*b.Need) {
		leave := z.back
		if b.Need.Kind == NeedsConsent {
			leave = z.decline
		}
		z.need, z.declined = b.Need, nil
		z.question = z.w.needPage(b, z.w.say("ask.back"), leave, func() {
			z.answered = true
			z.render(z.w.model)
		})
		if b.Need.Kind == NeedsAdministrator || b.Need.Locked {
			z.question.buttons = append(z.question.buttons, z.again())
		}
		z.question.surprise()
	}
	z.answered = false
	z.show(z.question)
}

// decline is no to the question.
func (z *wizard) decline() {
	z.declined, z.question = z.need, nil
	z.render(z.w.model)
}

// again is the button that has the agent look once more.
func (z *wizard) again() *button {
	return z.w.button(z.w.say("ask.again"), theme.ViewRefreshIcon(), func() {
		b := z.mailbox()
		c := agent.Command{Op: agent.CheckNow, Profile: b.ID}
		if b.Icon == Resting {
			c.Op = agent.Resume
		}
		a := z.try
		a.waits, a.looked = true, b.Looked
		z.showLooking(nil)
		z.w.run(z.w.command(c), func(err error) {
			if err != nil {
				a.waits = false
				z.w.fail(err)
				z.render(z.w.model)
			}
		})
	})
}

// mailbox is the one that is being set up.
func (z *wizard) mailbox() Mailbox {
	for _, b := range z.w.model.Mailboxes {
		if b.ID == z.try.at() {
			return b
		}
	}
	return Mailbox{}
}

// showStuck says how a mailbox stands that is not at home and asks nothing of a
// person, and who was asked.
func (z *wizard) showStuck(b Mailbox) {
	w := z.w
	if offers := [...]bool{b.Generation > 0, b.Need != nil}; z.stuck == nil || !z.stuck.visible || z.offers != offers {
		z.offers = offers
		z.doing, z.looks, z.listed = text(""), container.New(column{}), nil
		back, again := z.backButton(), z.again()
		back.SetText(w.say("ask.other_address"))
		z.stuck = &page{title: b.Sentence, leave: z.back, buttons: []*button{back, again}}
		first := again
		switch {
		case b.Generation > 0:
			back.SetText(w.say("ask.finish"))
			back.OnTapped = func() { z.end(b.ID) }
			z.stuck.leave = back.OnTapped
		case b.Need != nil:
			first = w.button(w.say("ask.answer"), theme.QuestionIcon(), func() {
				z.declined = nil
				z.render(w.model)
			})
			z.stuck.buttons[1] = first
		}
		first.Importance = widget.HighImportance
		z.stuck.focus = func() fyne.Focusable { return first }
		z.stuck.body = container.New(column{}, z.doing, bold(w.say("ask.asked")), z.looks)
		z.show(z.stuck)
	}
	z.title.SetText(b.Sentence)
	z.doing.SetText(b.Doing)
	shown(z.doing, b.Doing != "")
	asked := looked(b)
	shown(z.stuck.body.(*fyne.Container).Objects[1], len(asked) > 0)
	if len(asked) == 0 {
		z.looks.RemoveAll()
		z.listed = nil
	}
	z.list(asked)
}

// looked is what was asked where b is, when nothing goes on any more.
func looked(b Mailbox) []Look {
	var looks []Look
	for i, s := range b.Journey.Stops {
		l := Look{Mark: Done, Host: s.Host}
		if i < len(b.Journey.Hops) {
			l.Said = b.Journey.Hops[i].Reason
		}
		switch {
		case s.Failed && s.Directory:
			l.Mark = Passed
		case s.Failed:
			l.Mark = Failed
		case i == len(b.Journey.Stops)-1 && !s.Home:
			l.Mark = UnderWay
		}
		looks = append(looks, l)
	}
	return looks
}

// showDone says where the mailbox is.
func (z *wizard) showDone(b Mailbox) {
	z.done = true
	end := func() { z.end(b.ID) }
	done := z.w.button(z.w.say("ask.finish"), theme.ConfirmIcon(), end)
	done.Importance = widget.HighImportance
	z.show(&page{
		title: b.Sentence, body: beside(widget.NewIcon(b.Icon.Resource()), text(z.w.say("ask.done"))), buttons: []*button{done}, leave: end,
		focus: func() fyne.Focusable { return done },
	})
}
