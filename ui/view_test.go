package ui

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// The masters are read by people: each is what the scene of its name should show.
// HOMING_PICTURES names a directory for pictures of them, by day, by night, and at
// 200 %.
func TestViews(t *testing.T) {
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			d := open(t, s.cfg)
			test.ApplyTheme(t, variant{of: theme.VariantLight})
			s.show(d)
			test.AssertRendersToMarkup(t, s.name+".xml", d.win.Canvas())
			for _, f := range d.faults() {
				t.Error(f)
			}
			if dir := os.Getenv("HOMING_PICTURES"); dir != "" {
				for name, th := range map[string]fyne.Theme{"light": variant{of: theme.VariantLight}, "dark": variant{of: theme.VariantDark}, "large": variant{Theme{Scale: 2}, theme.VariantLight}} {
					test.ApplyTheme(t, th)
					d.size(760, 560)
					if name == "large" {
						d.size(800, 600)
					}
					keep(t, filepath.Join(dir, s.name+"_"+name+".png"), d.win.Canvas().Capture())
				}
			}
		})
	}
}

func keep(t *testing.T, name string, i image.Image) {
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, i); err != nil {
		t.Fatal(err)
	}
}

// faults are the places of a canvas where something is clipped or overlaps.
func (d *desk) faults() []string {
	var found []string
	size := d.win.Canvas().Size()
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	stack := reflect.TypeOf(container.NewStack().Layout)
	var down func(o fyne.CanvasObject, at fyne.Position, owner fyne.CanvasObject)
	down = func(o fyne.CanvasObject, at fyne.Position, owner fyne.CanvasObject) {
		if !o.Visible() {
			return
		}
		name := fmt.Sprintf("%T %.40q at %v of %v", o, textOf(o), at, o.Size())
		if at.X < -0.5 || at.X+o.Size().Width > size.Width+0.5 {
			say("%s leaves the window", name)
		}
		switch o := o.(type) {
		case *canvas.Text:
			if o.MinSize().Width > owner.Size().Width+0.5 {
				say("the text %.40q is wider than what it stands in: %v > %v", o.Text, o.MinSize().Width, owner.Size().Width)
			}
		case fyne.Widget:
			owner = o
			if _, line := o.(*widget.Separator); line {
				return // a list keeps one that it does not use
			}
			if least := o.MinSize(); least.Width > o.Size().Width+0.5 || least.Height > o.Size().Height+0.5 {
				say("%s needs %v", name, least)
			}
		case *fyne.Container:
			owner = o
			for i, a := range o.Objects {
				if !a.Visible() {
					continue
				}
				if p, s := a.Position(), a.Size(); p.X < -0.5 || p.Y < -0.5 || p.X+s.Width > o.Size().Width+0.5 || p.Y+s.Height > o.Size().Height+0.5 {
					say("%T %.40q at %v of %v leaves its container of %v", a, textOf(a), p, s, o.Size())
				}
				for _, b := range o.Objects[i+1:] {
					if b.Visible() && reflect.TypeOf(o.Layout) != stack && overlap(a, b) {
						say("%T %.40q and %T %.40q overlap", a, textOf(a), b, textOf(b))
					}
				}
			}
		}
		for _, b := range below(o) {
			down(b, at.Add(b.Position()), owner)
		}
	}
	for _, tree := range d.trees() {
		down(tree, tree.Position(), tree)
	}
	return found
}

func overlap(a, b fyne.CanvasObject) bool {
	p, q, s, r := a.Position(), b.Position(), a.Size(), b.Size()
	return min(p.X+s.Width, q.X+r.Width)-max(p.X, q.X) > 0.5 && min(p.Y+s.Height, q.Y+r.Height)-max(p.Y, q.Y) > 0.5
}

// German needs more room than English. As it opens, TestViews looks at it.
func TestNothingIsClippedAndNothingOverlapsAt200Percent(t *testing.T) {
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			s.cfg.Say = inEnglishFind(words(t, "de"), words(t, "en"))
			d := open(t, s.cfg)
			test.ApplyTheme(t, Theme{Scale: 2})
			d.size(800, 600)
			s.show(d)
			if got := d.win.Canvas().Size(); got != fyne.NewSize(800, 600) {
				t.Errorf("the window needs %v", got)
			}
			for _, f := range d.faults() {
				t.Error(f)
			}
		})
	}
}

// inEnglishFind keeps in English the buttons that scenes look for.
func inEnglishFind(say, english Say) Say {
	return func(key string, data any) string {
		if key == "view.check_now" || key == "view.go_back" || key == "view.save_report" {
			return english(key, data)
		}
		return say(key, data)
	}
}

// The search finds what it looks for.
func TestFaultsAreFound(t *testing.T) {
	far := canvas.NewRectangle(color.Black)
	far.Resize(fyne.NewSize(40, 40))
	far.Move(fyne.NewPos(780, 0))
	long := widget.NewLabel(strings.Repeat("wide ", 80))
	long.Resize(fyne.NewSize(90, 40))
	for _, row := range []struct {
		name    string
		content fyne.CanvasObject
		want    string
	}{
		{"something outside of the window", container.NewWithoutLayout(far), "leaves the window"},
		{"text that does not wrap", container.NewWithoutLayout(long), "is wider than what it stands in"},
		{"two labels in one place", container.NewWithoutLayout(widget.NewIcon(theme.HomeIcon()), widget.NewIcon(theme.InfoIcon())), "overlap"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := open(t, Config{})
			for _, o := range row.content.(*fyne.Container).Objects {
				if o.Size().IsZero() {
					o.Resize(o.MinSize())
				}
			}
			d.win.SetContent(row.content)
			d.win.Resize(fyne.NewSize(760, 560))
			if got := strings.Join(d.faults(), "\n"); !strings.Contains(got, row.want) {
				t.Errorf("found %q, want something that %q", got, row.want)
			}
		})
	}
}

func TestStatesAreToldApartWithoutColour(t *testing.T) {
	pictures, named := map[string]Icon{}, map[string]Icon{}
	for i, b := range []Mailbox{atHome(), resting(), looking(), moving(), offline(), needsSignIn()} {
		if b.Icon != Icon(i) {
			t.Fatalf("the state %d has the icon %d", i, b.Icon)
		}
		d := open(t, Config{})
		d.see(one(b))
		markup := test.RenderToMarkup(d.win.Canvas())
		picture, word := b.Icon.Resource().Name(), words(t, "en")(b.Icon.String(), nil)
		if old, ok := pictures[picture]; ok {
			t.Errorf("%v and %v have the picture %s", old, b.Icon, picture)
		}
		if old, ok := named[word]; ok {
			t.Errorf("%v and %v have the word %q", old, b.Icon, word)
		}
		pictures[picture], named[word] = b.Icon, b.Icon
		if !strings.Contains(markup, word) {
			t.Errorf("%q is not shown", word)
		}
		if got := d.tabs[0].view.(*nowView).icon.Resource.Name(); got != picture {
			t.Errorf("%s is shown for %s", got, picture)
		}
	}
	signs := map[string]bool{}
	for _, m := range []Mark{UnderWay, Done, Passed, Failed} {
		signs[m.Resource().Name()] = true
	}
	if len(signs) != 4 {
		t.Errorf("the marks have the signs %v", signs)
	}
}

// A way that a person cannot see the colours of is told by words and signs.
func TestStationsAreToldApartWithoutColour(t *testing.T) {
	d := open(t, Config{})
	seen := map[string]bool{}
	for _, s := range []Stop{{Host: "h"}, {Host: "h", Home: true}, {Host: "h", Failed: true}, {Host: "h", Directory: true}, {Host: "h", Directory: true, Failed: true}} {
		st := newStation(d.Window)
		st.set(s)
		seen[st.icon.Resource.Name()+" "+st.word.Text] = true
	}
	if len(seen) != 5 {
		t.Errorf("five kinds of stations look like %v", seen)
	}
}

// focusables are those that can be seen on top and be used.
func (d *desk) focusables() []fyne.Focusable {
	var all []fyne.Focusable
	d.walk(func(o fyne.CanvasObject) {
		if f, ok := o.(fyne.Focusable); ok {
			if dis, ok := o.(fyne.Disableable); !ok || !dis.Disabled() {
				all = append(all, f)
			}
		}
	})
	return all
}

func TestTabReachesEveryControl(t *testing.T) {
	want := map[string]int{ // four tabs, and:
		"now_at_home": 4 + 1, "now_resting": 4 + 1, "now_looking": 4, "now_moving": 4 + 1, "now_offline": 4 + 1,
		"now_needs_sign_in": 4 + 2, "now_needs_consent": 4 + 2,
		"now_several_lost_demo": 4 + 1 + 4,     // the chooser and the moves; nothing can be asked of a lost agent
		"journey":               4 + 3,         // hops
		"journey_empty":         4,             //
		"journey_consent":       4 + 3,         //
		"journey_wire":          4 + 3 + 1 + 1, // close, and the text that can be selected
		"history":               4 + 1,         // the list; the newest one is in use
		"history_empty":         4,             //
		"history_confirm":       2,             // no, go back
		"settings":              4 + 1 + 2 + 1 + 2 + 1 + 2 + 1,
		"settings_bare":         4 + 1 + 1, // forget, add
		"report":                1 + 2,     // where to, cancel, save
		"error":                 1,
	}
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			d := open(t, s.cfg)
			s.show(d)
			all := d.focusables()
			if len(all) != want[s.name] {
				t.Errorf("%d controls, want %d: %T", len(all), want[s.name], all)
			}
			var reached []fyne.Focusable
			d.win.Canvas().Unfocus()
			for range all {
				d.win.Canvas().FocusNext()
				if f := d.win.Canvas().Focused(); !slices.Contains(reached, f) {
					reached = append(reached, f)
				}
			}
			for _, f := range all {
				if !slices.Contains(reached, f) {
					t.Errorf("%T %q is not reached", f, textOf(f.(fyne.CanvasObject)))
				}
			}
		})
	}
}

func TestWhatHasTheFocusIsScrolledIntoView(t *testing.T) {
	d := open(t, Config{Desk: full()})
	test.ApplyTheme(t, Theme{Scale: 2})
	d.size(800, 600)
	d.see(one(atHome(), ben()))
	d.Window.show(3)
	d.settle()
	s := d.tabs[3].scroll()
	if s.Content.Size().Height <= s.Size().Height {
		t.Fatal("there is nothing to scroll")
	}
	for range d.focusables() {
		d.win.Canvas().FocusNext()
		o, ok := d.win.Canvas().Focused().(fyne.CanvasObject)
		if !ok || !within(s.Content, o) {
			continue
		}
		at := d.app.Driver().AbsolutePositionForObject(o).Y - d.app.Driver().AbsolutePositionForObject(s).Y
		if at < 0 || at+o.Size().Height > s.Size().Height+0.5 {
			t.Errorf("%T %q at %v is out of sight", o, textOf(o), at)
		}
	}
	if s.Offset.Y == 0 {
		t.Error("it never scrolled")
	}
}

func TestKeys(t *testing.T) {
	ctrl := func(d *desk, k fyne.KeyName) {
		d.win.Canvas().(interface{ TypedShortcut(fyne.Shortcut) }).TypedShortcut(&desktop.CustomShortcut{KeyName: k, Modifier: fyne.KeyModifierControl})
		d.settle()
	}
	t.Run("control and a figure change the view", func(t *testing.T) {
		d := open(t, Config{})
		d.see(one(atHome()))
		for i, k := range []fyne.KeyName{fyne.Key1, fyne.Key2, fyne.Key3, fyne.Key4} {
			ctrl(d, k)
			if d.current != i || !d.tabs[i].object().Visible() {
				t.Errorf("ctrl+%s shows the view %d", k, d.current)
			}
		}
	})
	t.Run("not below a question", func(t *testing.T) {
		d := open(t, Config{})
		d.see(one(atHome()))
		d.Window.show(3)
		d.settle()
		d.tap("Forget…")
		ctrl(d, fyne.Key1)
		if d.current != 3 {
			t.Error("the view behind a question was changed")
		}
	})
	for _, key := range []fyne.KeyName{fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace} {
		t.Run(string(key)+" presses a button and opens a hop", func(t *testing.T) {
			d := open(t, Config{})
			d.see(one(atHome()))
			d.win.Canvas().Focus(d.find("Check now"))
			d.press(key)
			d.commanded("check now ann")
			d.Window.show(1)
			d.settle()
			d.win.Canvas().Focus(d.tabs[1].view.(*journeyView).hops[1])
			d.press(key)
			d.reads("Said at autodiscover.contoso.test", "200 OK")
		})
	}
	t.Run("escape closes what was said and gives the focus back", func(t *testing.T) {
		d := open(t, Config{})
		d.see(one(atHome()))
		d.Window.show(1)
		d.settle()
		d.tapHop(1)
		d.press(fyne.KeyEscape)
		d.misses("Said at")
		if d.win.Canvas().Focused() != d.tabs[1].view.(*journeyView).hops[1] {
			t.Error("the focus is lost")
		}
	})
	t.Run("page down scrolls", func(t *testing.T) {
		d := open(t, Config{})
		d.see(one(needsConsent()))
		d.press(fyne.KeyPageDown)
		if d.tabs[0].scroll().Offset.Y == 0 {
			t.Error("nothing was scrolled")
		}
		d.press(fyne.KeyHome)
		if d.tabs[0].scroll().Offset.Y != 0 {
			t.Error("it is not at its top again")
		}
	})
}

func TestColoursCanBeTold(t *testing.T) {
	for _, v := range []fyne.ThemeVariant{theme.VariantDark, theme.VariantLight} {
		c := func(name fyne.ThemeColorName) color.Color { return Theme{}.Color(name, v) }
		for _, row := range []struct {
			on, of fyne.ThemeColorName
			least  float64
		}{
			{theme.ColorNameForeground, theme.ColorNameBackground, 7},
			{theme.ColorNameForeground, theme.ColorNameButton, 4.5},
			{theme.ColorNameForeground, theme.ColorNameInputBackground, 7},
			{theme.ColorNameDisabled, theme.ColorNameBackground, 4.5},
			{theme.ColorNameDisabled, theme.ColorNameInputBackground, 4.5},
			{theme.ColorNameDisabled, theme.ColorNameDisabledButton, 4.5},
			{theme.ColorNameForegroundOnPrimary, theme.ColorNamePrimary, 4.5},
			{theme.ColorNamePrimary, theme.ColorNameBackground, 3},
			{theme.ColorNameInputBorder, theme.ColorNameBackground, 3},
			{theme.ColorNameInputBorder, theme.ColorNameInputBackground, 3},
		} {
			if got := contrast(c(row.on), c(row.of)); got < row.least {
				t.Errorf("variant %d: %s on %s has a contrast of %.1f, want %.1f", v, row.on, row.of, got, row.least)
			}
		}
	}
	if got := contrast(color.White, color.Black); math.Abs(got-21) > 0.01 {
		t.Errorf("white on black has a contrast of %v, want 21", got)
	}
}

// contrast is the ratio of WCAG 2.2, "contrast ratio".
func contrast(a, b color.Color) float64 {
	luminance := func(c color.Color) float64 {
		r, g, b, _ := c.RGBA()
		lin := func(v uint32) float64 {
			s := float64(v) / 0xffff
			if s <= 0.04045 {
				return s / 12.92
			}
			return math.Pow((s+0.055)/1.055, 2.4)
		}
		return 0.2126*lin(r) + 0.7152*lin(g) + 0.0722*lin(b)
	}
	x, y := luminance(a)+0.05, luminance(b)+0.05
	return max(x, y) / min(x, y)
}
