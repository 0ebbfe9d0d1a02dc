package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// button is a button that Enter presses as well, that leaves other keys to the
// window, and that is scrolled into view when it is reached by keyboard.
type button struct {
	widget.Button
	w    *Window
	busy bool // what it has begun goes on
}

func (w *Window) button(label string, icon fyne.Resource, tapped func()) *button {
	b := &button{w: w}
	b.Text, b.Icon, b.OnTapped = label, icon, tapped
	b.ExtendBaseWidget(b)
	return b
}

func (b *button) TypedKey(ev *fyne.KeyEvent) {
	switch ev.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		b.Tapped(nil)
	default:
		b.w.key(ev)
	}
}

func (b *button) FocusGained() {
	b.Button.FocusGained()
	b.w.reveal(b)
}

// check is a check box with the same manners.
type check struct {
	widget.Check
	w    *Window
	says string // beside it
}

func (w *Window) check(changed func(bool)) *check {
	c := &check{w: w}
	c.OnChanged = changed
	c.ExtendBaseWidget(c)
	return c
}

// row is the check box with a text beside it, which wraps other than its own.
func (c *check) row(says string) fyne.CanvasObject {
	c.says = says
	l := &caption{tapped: func() {
		if !c.Disabled() {
			c.SetChecked(!c.Checked)
		}
	}}
	l.Text, l.Wrapping = says, fyne.TextWrapWord
	l.ExtendBaseWidget(l)
	return container.NewBorder(nil, nil, container.NewVBox(c), nil, l)
}

// caption is a text that can be clicked on.
type caption struct {
	widget.Label
	tapped func()
}

func (c *caption) Tapped(*fyne.PointEvent) { c.tapped() }

func (c *check) TypedKey(ev *fyne.KeyEvent) {
	switch ev.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		if !c.Disabled() {
			c.SetChecked(!c.Checked)
		}
	case fyne.KeySpace: // comes as a rune
	default:
		c.w.key(ev)
	}
}

func (c *check) FocusGained() {
	c.Check.FocusGained()
	c.w.reveal(c)
}

// set shows a value without telling anybody.
func (c *check) set(on bool) {
	tell := c.OnChanged
	c.OnChanged = nil
	c.SetChecked(on)
	c.OnChanged = tell
}

// choice is a drop-down with the same manners.
type choice struct {
	widget.Select
	w     *Window
	short bool // takes the width that it gets
}

func (w *Window) choice(changed func(index int)) *choice {
	c := &choice{w: w}
	c.OnChanged = func(string) { changed(c.SelectedIndex()) }
	c.ExtendBaseWidget(c)
	return c
}

func (c *choice) TypedKey(ev *fyne.KeyEvent) {
	switch ev.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		c.Select.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	case fyne.KeyEscape, fyne.KeyPageUp, fyne.KeyPageDown:
		c.w.key(ev)
	default:
		c.Select.TypedKey(ev)
	}
}

func (c *choice) FocusGained() {
	c.Select.FocusGained()
	c.w.reveal(c)
}

// MinSize implements fyne.CanvasObject.
func (c *choice) MinSize() fyne.Size {
	least := c.Select.MinSize()
	if c.short {
		least.Width = min(least.Width, 12*theme.TextSize())
	}
	return least
}

// set shows options and the one that is chosen without telling anybody.
func (c *choice) set(options []string, chosen int) {
	tell := c.OnChanged
	c.OnChanged = nil
	c.SetOptions(options)
	if chosen < 0 {
		c.ClearSelected()
	} else {
		c.SetSelectedIndex(chosen)
	}
	c.OnChanged = tell
}

// text is a label that wraps.
func text(s string) *widget.Label {
	l := widget.NewLabel(s)
	l.Wrapping = fyne.TextWrapWord
	return l
}

func quiet(s string) *widget.Label {
	l := text(s)
	l.Importance = widget.LowImportance
	return l
}

func bold(s string) *widget.Label {
	l := text(s)
	l.TextStyle.Bold = true
	return l
}

// large is text in the size of a heading.
func large(s string) *widget.Label {
	l := text(s)
	l.SizeName = theme.SizeNameHeadingText
	return l
}

func mono(s string) *widget.Label {
	l := text(s)
	l.TextStyle.Monospace = true
	return l
}

// beside puts an icon to the left of something that wraps.
func beside(icon, content fyne.CanvasObject) *fyne.Container {
	return container.New(aside{}, icon, content)
}

// reveal scrolls to what has the focus.
func (w *Window) reveal(o fyne.CanvasObject) {
	for _, s := range w.scrolls() {
		if !within(s.Content, o) {
			continue
		}
		at := w.app.Driver().AbsolutePositionForObject(o).Y - w.app.Driver().AbsolutePositionForObject(s.Content).Y
		switch low := at + o.Size().Height - s.Size().Height; {
		case at < s.Offset.Y:
			s.ScrollToOffset(fyne.NewPos(0, at))
		case low > s.Offset.Y:
			s.ScrollToOffset(fyne.NewPos(0, low))
		}
	}
}

func within(tree, o fyne.CanvasObject) bool {
	if tree == o {
		return true
	}
	var below []fyne.CanvasObject
	switch t := tree.(type) {
	case *fyne.Container:
		below = t.Objects
	case *boxed:
		below = []fyne.CanvasObject{t.content}
	case *container.Scroll:
		below = []fyne.CanvasObject{t.Content}
	case *container.Split:
		below = []fyne.CanvasObject{t.Leading, t.Trailing}
	}
	for _, b := range below {
		if within(b, o) {
			return true
		}
	}
	return false
}
