package ui

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/homing-mail/homing/profile"
)

// journeyView draws the way of a mailbox from top to bottom: a station for each
// stop, an arrow for each hop. What is drawn stays as it is while a journey grows.
type journeyView struct {
	w     *Window
	root  *fyne.Container
	body  *container.Scroll
	empty *fyne.Container
	when  *widget.Label
	way   *fyne.Container // stations and hops in turn

	panel *boxed // what was said at the hop that is open
	said  *widget.Label
	title *widget.Label
	lines *container.Scroll
	shut  *button

	of    profile.ID
	last  Journey
	stops []*station
	hops  []*hop
	shown int // index of the hop that is open; -1: none
}

func newJourney(w *Window) *journeyView {
	v := &journeyView{w: w, when: quiet(""), way: container.New(narrow{}), said: mono(""), title: bold(""), shown: -1}
	v.empty = container.New(narrow{}, beside(widget.NewIcon(theme.InfoIcon()), text(w.say("view.journey_empty"))))
	v.body = container.NewVScroll(container.New(sheet{}, v.empty, container.New(narrow{}, v.when), v.way))
	v.said.Selectable = true
	v.said.Wrapping = fyne.TextWrapBreak
	v.lines = container.NewVScroll(v.said)
	v.shut = w.button(w.say("view.close"), theme.CancelIcon(), func() { v.escape() })
	head := container.NewBorder(nil, nil, nil, v.shut, v.title)
	v.panel = newBox(container.NewBorder(head, nil, nil, nil, v.lines), theme.ColorNameInputBackground, theme.ColorNameSeparator, 1, theme.Padding())
	v.panel.Hide()
	v.root = container.New(halves{}, v.body, v.panel)
	v.draw(Journey{})
	return v
}

func (v *journeyView) object() fyne.CanvasObject { return v.root }
func (v *journeyView) open()                     {}

func (v *journeyView) scroll() *container.Scroll {
	if v.shown >= 0 {
		return v.lines
	}
	return v.body
}

func (v *journeyView) escape() bool {
	i := v.shown
	v.say(-1)
	if i >= 0 {
		v.w.win.Canvas().Focus(v.hops[i])
	}
	return i >= 0
}

func (v *journeyView) render(_ Model, b *Mailbox) {
	var j Journey
	var of profile.ID
	if b != nil {
		j, of = b.Journey, b.ID
	}
	if of != v.of || !j.Began.Equal(v.last.Began) || v.shown >= len(j.Hops) {
		v.say(-1) // the hop that was open was another's
	}
	if of != v.of || !same(j, v.last) {
		v.draw(j)
	}
	v.of = of
	if v.shown >= 0 {
		v.say(v.shown)
	}
}

// draw brings the picture in step with j.
func (v *journeyView) draw(j Journey) {
	shown(v.empty, len(j.Stops) == 0)
	shown(v.when, len(j.Stops) > 0)
	switch at := j.Began.Local().Format("2006-01-02 15:04:05"); {
	case j.Took == "":
		v.when.SetText(v.w.say("view.journey_going", "At", at))
	default:
		v.when.SetText(v.w.say("view.journey_took", "At", at, "Took", j.Took))
	}
	var way []fyne.CanvasObject
	for i, s := range j.Stops {
		if i == len(v.stops) {
			v.stops = append(v.stops, newStation(v.w))
		}
		v.stops[i].set(s)
		way = append(way, v.stops[i])
		if i < len(j.Hops) {
			if i == len(v.hops) {
				v.hops = append(v.hops, newHop(v.w, func() { v.say(i) }))
			}
			v.hops[i].set(j.Hops[i], i+1 < len(j.Stops))
			way = append(way, v.hops[i])
		}
	}
	v.last = j
	if !slices.Equal(way, v.way.Objects) {
		v.way.Objects = way
		v.way.Refresh()
	}
}

// say opens what was said at a hop, or closes it.
func (v *journeyView) say(i int) {
	if i >= len(v.last.Hops) || i >= len(v.last.Stops) {
		i = -1
	}
	v.shown = i
	if i >= 0 {
		v.title.SetText(v.w.say("view.wire", "Host", v.last.Stops[i].Host))
		said := strings.Join(v.last.Hops[i].Wire, "\n")
		if said == "" {
			said = v.w.say("view.wire_empty")
		}
		if said != v.said.Text {
			v.said.SetText(said)
			v.lines.ScrollToTop()
		}
	}
	if v.panel.Visible() != (i >= 0) {
		shown(v.panel, i >= 0)
		v.root.Refresh()
		if i >= 0 {
			v.w.win.Canvas().Focus(v.shut)
		}
	}
}

// halves gives the second object the lower half while it can be seen.
type halves struct{}

func (halves) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

func (halves) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	above := size.Height
	if objects[1].Visible() {
		above = size.Height / 2
		objects[1].Move(fyne.NewPos(0, above))
		objects[1].Resize(fyne.NewSize(size.Width, size.Height-above))
	}
	objects[0].Move(fyne.NewPos(0, 0))
	objects[0].Resize(fyne.NewSize(size.Width, above))
}

// station is a stop as a rounded box: its kind as an icon and a word, its host.
type station struct {
	boxed
	w    *Window
	icon *widget.Icon
	host *widget.Label
	word *widget.Label
	last Stop // as it is shown
}

func newStation(w *Window) *station {
	s := &station{w: w, icon: widget.NewIcon(nil), host: bold(""), word: quiet("")}
	s.content, s.pad = beside(s.icon, container.New(column{}, s.host, s.word)), theme.Padding()
	s.ExtendBaseWidget(s)
	return s
}

func (s *station) set(stop Stop) {
	if stop == s.last {
		return
	}
	s.last = stop
	s.host.Importance, s.fill, s.stroke, s.thick = widget.MediumImportance, theme.ColorNameInputBackground, theme.ColorNameDisabled, 1
	var icon fyne.Resource
	var key string
	switch {
	case stop.Home:
		icon, key = AtHome.Resource(), "view.stop_home"
		s.stroke, s.thick = theme.ColorNamePrimary, 3
	case stop.Failed:
		icon, key = theme.CancelIcon(), "view.stop_failed"
		s.host.Importance, s.fill = widget.LowImportance, theme.ColorNameBackground
		if stop.Directory {
			key = "view.stop_directory_failed"
		}
	case stop.Directory:
		icon, key = Looking.Resource(), "view.stop_directory"
	default:
		icon, key = theme.StorageIcon(), "view.stop_server"
	}
	s.icon.SetResource(icon)
	s.host.SetText(stop.Host)
	s.word.SetText(s.w.say(key))
	s.Refresh()
}

// hop is an arrow with its reason. A click or Enter opens what was said.
type hop struct {
	widget.BaseWidget
	w      *Window
	tapped func()
	arrow  *arrow
	reason *widget.Label
	frame  *boxed
}

func newHop(w *Window, tapped func()) *hop {
	h := &hop{w: w, tapped: tapped, arrow: newArrow(), reason: text("")}
	h.frame = newBox(container.NewBorder(nil, nil, h.arrow, widget.NewIcon(theme.InfoIcon()), h.reason), "", "", 2, 0)
	h.ExtendBaseWidget(h)
	return h
}

func (h *hop) set(j Hop, leads bool) {
	key := "view.hop"
	switch {
	case j.Failed && j.Took == "":
		key = "view.hop_failed_plain"
	case j.Failed:
		key = "view.hop_failed"
	case j.Took == "":
		key = "view.hop_plain"
	}
	if said := h.w.say(key, "Reason", j.Reason, "Took", j.Took); said != h.reason.Text {
		h.reason.SetText(said)
	}
	if h.arrow.leads != leads || h.arrow.failed != j.Failed {
		h.arrow.leads, h.arrow.failed = leads, j.Failed
		h.arrow.Refresh()
	}
}

func (h *hop) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(h.frame) }
func (h *hop) Tapped(*fyne.PointEvent)             { h.tapped() }
func (h *hop) Cursor() desktop.Cursor              { return desktop.PointerCursor }
func (h *hop) TypedRune(rune)                      {}

func (h *hop) TypedKey(ev *fyne.KeyEvent) {
	switch ev.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		h.tapped()
	default:
		h.w.key(ev)
	}
}

func (h *hop) FocusGained() {
	h.frame.stroke = theme.ColorNamePrimary
	h.frame.Refresh()
	h.w.reveal(h)
}

func (h *hop) FocusLost() {
	h.frame.stroke = ""
	h.frame.Refresh()
}

func (h *hop) MouseMoved(*desktop.MouseEvent) {}

func (h *hop) MouseIn(*desktop.MouseEvent) {
	h.frame.fill = theme.ColorNameHover
	h.frame.Refresh()
}

func (h *hop) MouseOut() {
	h.frame.fill = ""
	h.frame.Refresh()
}

// arrow points down to the next station. A cross on it says that the way itself was
// a dead end; at the last station it leads nowhere and has no head.
type arrow struct {
	widget.BaseWidget
	leads, failed bool
}

func newArrow() *arrow {
	a := &arrow{}
	a.ExtendBaseWidget(a)
	return a
}

func (a *arrow) CreateRenderer() fyne.WidgetRenderer {
	r := &arrowRenderer{arrow: a}
	for range 5 {
		r.lines = append(r.lines, &canvas.Line{})
	}
	r.Refresh()
	return r
}

type arrowRenderer struct {
	*arrow
	lines []fyne.CanvasObject // the shaft, the head, the cross
}

func (r *arrowRenderer) MinSize() fyne.Size {
	return fyne.NewSize(3*theme.TextSize(), 3*theme.TextSize())
}

func (r *arrowRenderer) Layout(size fyne.Size) {
	x, middle, end, wing := size.Width/2, size.Height*2/5, size.Height-1, theme.TextSize()/2
	if !r.leads {
		end = middle
	}
	for i, at := range [][4]float32{
		{x, 0, x, end},
		{x - wing, end - wing, x, end}, {x + wing, end - wing, x, end},
		{x - wing, middle - wing, x + wing, middle + wing}, {x - wing, middle + wing, x + wing, middle - wing},
	} {
		l := r.lines[i].(*canvas.Line)
		l.Position1, l.Position2 = fyne.NewPos(at[0], at[1]), fyne.NewPos(at[2], at[3])
		l.Hidden = i == 0 && !r.leads && !r.failed || (i == 1 || i == 2) && !r.leads || i > 2 && !r.failed
	}
}

func (r *arrowRenderer) Refresh() {
	name := theme.ColorNameForeground
	if r.failed {
		name = theme.ColorNameDisabled
	}
	r.Layout(r.Size())
	for _, l := range r.lines {
		l.(*canvas.Line).StrokeColor, l.(*canvas.Line).StrokeWidth = colour(name), 2
		l.Refresh()
	}
}

func (r *arrowRenderer) Objects() []fyne.CanvasObject { return r.lines }
func (r *arrowRenderer) Destroy()                     {}
