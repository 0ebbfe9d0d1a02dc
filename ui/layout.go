package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// column stacks objects at the width that it has. Text wraps to that width before
// its height counts, which the boxes of Fyne do not do.
type column struct{}

func (column) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	y := float32(0)
	for _, o := range objects {
		if o.Visible() {
			o.Move(fyne.NewPos(0, y))
			y += fit(o, size.Width) + theme.Padding()
		}
	}
}

func (column) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var least fyne.Size
	for i, o := range unhidden(objects) {
		if i > 0 {
			least.Height += theme.Padding()
		}
		least.Width = max(least.Width, o.MinSize().Width)
		least.Height += o.MinSize().Height
	}
	return least
}

// sheet is a column with a margin.
type sheet struct{}

func (sheet) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	margin := theme.InnerPadding()
	column{}.Layout(objects, size.SubtractWidthHeight(2*margin, 2*margin))
	for _, o := range objects {
		o.Move(o.Position().AddXY(margin, margin))
	}
}

func (sheet) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return column{}.MinSize(objects).AddWidthHeight(2*theme.InnerPadding(), 2*theme.InnerPadding())
}

// aside puts a small icon beside the first line of something that wraps.
type aside struct{}

func (aside) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	icon, pad := theme.IconInlineSize(), theme.InnerPadding()
	line := fyne.MeasureText("M", theme.TextSize(), fyne.TextStyle{}).Height + 2*pad
	objects[0].Resize(fyne.NewSquareSize(icon))
	objects[0].Move(fyne.NewPos(pad, (line-icon)/2))
	objects[1].Resize(fyne.NewSize(size.Width-icon-pad, size.Height))
	objects[1].Move(fyne.NewPos(icon+pad, 0))
}

func (aside) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return objects[1].MinSize().AddWidthHeight(theme.IconInlineSize()+theme.InnerPadding(), 0)
}

// frame is a head, a body and a foot. The body gets what is left, and never so
// little that nothing can be read in it.
type frame struct{}

func (frame) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	head, foot := fit(objects[0], size.Width), fit(objects[2], size.Width)
	objects[0].Move(fyne.Position{})
	objects[1].Move(fyne.NewPos(0, head))
	objects[1].Resize(fyne.NewSize(size.Width, max(size.Height-head-foot, 10*theme.TextSize())))
	objects[2].Move(fyne.NewPos(0, head+objects[1].Size().Height))
}

func (frame) MinSize(objects []fyne.CanvasObject) fyne.Size {
	head, foot := objects[0].MinSize(), objects[2].MinSize()
	return fyne.NewSize(max(head.Width, foot.Width), head.Height+10*theme.TextSize()+foot.Height)
}

// narrow is a column in the middle that is no wider than a line one likes to read.
type narrow struct{}

func (narrow) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	width := min(size.Width, 36*theme.TextSize())
	column{}.Layout(objects, fyne.NewSize(width, size.Height))
	for _, o := range objects {
		o.Move(o.Position().AddXY((size.Width-width)/2, 0))
	}
}

func (narrow) MinSize(objects []fyne.CanvasObject) fyne.Size { return column{}.MinSize(objects) }

// flow puts objects side by side, and in further rows where there is no room.
type flow struct{ width *float32 }

func newFlow(objects ...fyne.CanvasObject) *fyne.Container {
	return &fyne.Container{Layout: flow{new(float32)}, Objects: objects}
}

func (f flow) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	*f.width = size.Width
	f.place(objects, func(o fyne.CanvasObject, at fyne.Position) {
		o.Resize(o.MinSize().Min(fyne.NewSize(size.Width, o.MinSize().Height)))
		o.Move(at)
	})
}

func (f flow) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return f.place(objects, func(fyne.CanvasObject, fyne.Position) {})
}

func (f flow) place(objects []fyne.CanvasObject, put func(fyne.CanvasObject, fyne.Position)) fyne.Size {
	var at fyne.Position
	var row, widest float32
	for _, o := range unhidden(objects) {
		need := o.MinSize()
		if at.X > 0 && at.X+need.Width > *f.width {
			at = fyne.NewPos(0, at.Y+row+theme.Padding())
			row = 0
		}
		put(o, at)
		at.X += need.Width + theme.Padding()
		row, widest = max(row, need.Height), max(widest, need.Width)
	}
	return fyne.NewSize(widest, at.Y+row)
}

// pairs lays names and values out in two columns. The names take what they need,
// up to two fifths.
type pairs struct{}

func (pairs) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	names := float32(0)
	for i := 0; i+1 < len(objects); i += 2 {
		o, ok := objects[i].(*widget.Label)
		if !ok {
			continue
		}
		text := fyne.MeasureText(o.Text, theme.TextSize(), o.TextStyle)
		names = max(names, text.Width+2*theme.InnerPadding()+1)
	}
	names = min(names, size.Width*2/5)
	y := float32(0)
	for i := 0; i+1 < len(objects); i += 2 {
		name, value := objects[i], objects[i+1]
		height := max(fit(name, names), fit(value, size.Width-names))
		name.Move(fyne.NewPos(0, y))
		value.Move(fyne.NewPos(names, y))
		y += height
	}
}

func (pairs) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var least fyne.Size
	for i := 0; i+1 < len(objects); i += 2 {
		name, value := objects[i].MinSize(), objects[i+1].MinSize()
		least.Width = max(least.Width, name.Width+value.Width)
		least.Height += max(name.Height, value.Height)
	}
	return least
}

// fit gives an object a width and the height that it needs there.
func fit(o fyne.CanvasObject, width float32) float32 {
	o.Resize(fyne.NewSize(width, o.MinSize().Height))
	height := o.MinSize().Height
	o.Resize(fyne.NewSize(width, height))
	return height
}

func unhidden(objects []fyne.CanvasObject) []fyne.CanvasObject {
	for _, o := range objects {
		if !o.Visible() {
			var shown []fyne.CanvasObject
			for _, o := range objects {
				if o.Visible() {
					shown = append(shown, o)
				}
			}
			return shown
		}
	}
	return objects
}

// box is a rounded frame around its content, in colours of the theme.
type boxed struct {
	widget.BaseWidget
	content      fyne.CanvasObject
	fill, stroke fyne.ThemeColorName // empty: none
	thick, pad   float32
}

func newBox(content fyne.CanvasObject, fill, stroke fyne.ThemeColorName, thick, pad float32) *boxed {
	b := &boxed{content: content, fill: fill, stroke: stroke, thick: thick, pad: pad}
	b.ExtendBaseWidget(b)
	return b
}

func (b *boxed) CreateRenderer() fyne.WidgetRenderer {
	r := &boxRenderer{boxed: b, frame: &canvas.Rectangle{}}
	r.Refresh()
	return r
}

type boxRenderer struct {
	*boxed
	frame *canvas.Rectangle
}

func (r *boxRenderer) Layout(size fyne.Size) {
	r.frame.Resize(size)
	r.content.Move(fyne.NewSquareOffsetPos(r.pad))
	r.content.Resize(size.SubtractWidthHeight(2*r.pad, 2*r.pad))
}

func (r *boxRenderer) MinSize() fyne.Size {
	return r.content.MinSize().AddWidthHeight(2*r.pad, 2*r.pad)
}

func (r *boxRenderer) Refresh() {
	r.frame.FillColor, r.frame.StrokeColor = colour(r.fill), colour(r.stroke)
	r.frame.StrokeWidth, r.frame.CornerRadius = r.thick, theme.Size(theme.SizeNameInputRadius)
	r.Layout(r.Size())
	r.frame.Refresh()
	r.content.Refresh()
}

func (r *boxRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.frame, r.content} }
func (r *boxRenderer) Destroy()                     {}
