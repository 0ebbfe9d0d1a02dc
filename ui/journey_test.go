package ui

import (
	"fmt"
	"image/color"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"
)

// journey opens the journey of a mailbox.
func (d *desk) journey(j Journey) *journeyView {
	b := atHome()
	b.Journey = j
	d.see(one(b))
	d.Window.show(1)
	d.settle()
	return d.tabs[1].view.(*journeyView)
}

// drawn is the picture from top to bottom.
func (d *desk) drawn() []string {
	var lines []string
	d.walk(func(o fyne.CanvasObject) {
		switch o := o.(type) {
		case *station:
			lines = append(lines, o.host.Text+": "+o.word.Text)
		case *hop:
			sign := ""
			if o.arrow.failed {
				sign += "x"
			}
			if o.arrow.leads {
				sign += ">"
			}
			lines = append(lines, strings.TrimSpace(sign+" "+o.reason.Text))
		}
	})
	return lines
}

// filled are the colours of the stations.
func (d *desk) filled() []color.Color {
	var fills []color.Color
	d.walk(func(o fyne.CanvasObject) {
		if s, ok := o.(*station); ok {
			fills = append(fills, test.WidgetRenderer(s).Objects()[0].(*canvas.Rectangle).FillColor)
		}
	})
	return fills
}

func TestJourneyView(t *testing.T) {
	t.Run("is drawn from top to bottom", func(t *testing.T) {
		d := open(t, Config{})
		d.journey(journey())
		want := []string{
			"ex1.contoso.test: Did not lead on", "x> does not know the mailbox (12 ms), dead end",
			"autodiscover.contoso.test: Asked where the mailbox is", "> names another server (230 ms)",
			"ex2.contoso.test: Home: the mailbox is here now", "signed in (45 ms)",
		}
		if got := d.drawn(); !slices.Equal(got, want) {
			t.Errorf("drawn:\n%q, want\n%q", got, want)
		}
		d.reads("Began 2026-03-04 09:12:30, took 3.2 s")
	})
	t.Run("meets a server twice", func(t *testing.T) {
		d := open(t, Config{})
		d.journey(twelve())
		if got := d.drawn(); len(got) != 24 || !strings.HasPrefix(got[0], "ex0.contoso.test: Did") || !strings.HasPrefix(got[10], "ex0.contoso.test: Server") {
			t.Errorf("drawn: %q", got)
		}
	})
	t.Run("grows where it is", func(t *testing.T) {
		d := open(t, Config{})
		j := journey()
		j.Took, j.Stops, j.Hops = "", j.Stops[:1], j.Hops[:1]
		v := d.journey(j)
		first := v.stops[0]
		d.reads("and goes on")
		d.journey(journey())
		if v.stops[0] != first || len(d.drawn()) != 6 {
			t.Error("it was drawn anew")
		}
		d.journey(j)
		if len(d.drawn()) != 2 {
			t.Errorf("drawn: %q", d.drawn())
		}
	})
	t.Run("follows the colours of the desktop", func(t *testing.T) {
		d := open(t, Config{})
		test.ApplyTheme(t, variant{of: theme.VariantLight})
		d.journey(journey())
		for _, of := range []fyne.ThemeVariant{theme.VariantDark, theme.VariantLight} {
			th := variant{of: of}
			test.ApplyTheme(t, th)
			want := []color.Color{
				th.Color(theme.ColorNameBackground, of), th.Color(theme.ColorNameInputBackground, of), th.Color(theme.ColorNameInputBackground, of),
			}
			if got := d.filled(); !slices.Equal(got, want) {
				t.Errorf("variant %d: filled with %v, want %v", of, got, want)
			}
		}
	})
	t.Run("without one says what will stand there", func(t *testing.T) {
		d := open(t, Config{})
		d.journey(Journey{})
		d.reads("When the mailbox moves")
		d.misses("Began")
		d.journey(journey())
		d.misses("When the mailbox moves")
	})
}

func TestWire(t *testing.T) {
	t.Run("a click opens what was said", func(t *testing.T) {
		d := open(t, Config{})
		v := d.journey(journey())
		d.misses("ecUnknownUser")
		d.tapHop(0)
		d.reads("Said at ex1.contoso.test", "X-ResponseCode: 0\necUnknownUser (0x000003EB)")
		if !v.said.Selectable || !v.said.TextStyle.Monospace {
			t.Error("it cannot be selected, or not be read")
		}
		d.tapHop(1)
		d.reads("Said at autodiscover.contoso.test", "200 OK")
		d.misses("ecUnknownUser")
		d.tap("Close")
		d.misses("200 OK")
	})
	t.Run("nothing recorded is said", func(t *testing.T) {
		d := open(t, Config{})
		j := journey()
		j.Hops[0].Wire = nil
		d.journey(j)
		d.tapHop(0)
		d.reads("Nothing was recorded here.")
	})
	t.Run("stays open and where it is while the journey goes on", func(t *testing.T) {
		d := open(t, Config{})
		j := journey()
		for i := range 100 {
			j.Hops[0].Wire = append(j.Hops[0].Wire, fmt.Sprint("line ", i))
		}
		v := d.journey(j)
		d.tapHop(0)
		v.lines.ScrollToOffset(fyne.NewPos(0, 300))
		grown := j
		grown.Took = "4 s"
		d.journey(grown)
		d.reads("line 99")
		if v.lines.Offset.Y != 300 {
			t.Errorf("it was scrolled to %v", v.lines.Offset.Y)
		}
	})
	t.Run("of another journey is closed", func(t *testing.T) {
		d := open(t, Config{})
		d.journey(journey())
		d.tapHop(0)
		next := journey()
		next.Began = next.Began.Add(time.Minute)
		d.journey(next)
		d.misses("Said at")
	})
	t.Run("of another mailbox is closed", func(t *testing.T) {
		d := open(t, Config{})
		d.journey(journey())
		d.tapHop(0)
		b := ben()
		b.Journey = journey()
		d.see(one(b))
		d.misses("Said at")
	})
	t.Run("of a hop that is gone is closed", func(t *testing.T) {
		d := open(t, Config{})
		d.journey(journey())
		d.tapHop(2)
		j := journey()
		j.Stops, j.Hops = j.Stops[:2], j.Hops[:2]
		d.journey(j)
		d.misses("Said at")
	})
}

// A journey of twelve hops is drawn once; what does not change costs nothing.
func TestTwelveHops(t *testing.T) {
	d := open(t, Config{})
	d.journey(twelve())
	b := *d.mailbox()
	still := testing.AllocsPerRun(20, func() { d.Render(one(b)) })
	i := 0
	grows := testing.AllocsPerRun(20, func() {
		i++
		b.Journey.Hops = slices.Clone(b.Journey.Hops)
		b.Journey.Hops[11].Took = fmt.Sprint(i, " ms")
		d.Render(one(b))
	})
	t.Logf("%v allocations where nothing changes, %v where one hop does", still, grows)
	if still > 100 {
		t.Errorf("%v allocations where nothing changes", still)
	}
	if grows > 1500 {
		t.Errorf("%v allocations where one hop changes", grows)
	}
	if v := d.tabs[1].view.(*journeyView); len(v.stops) != 12 || len(v.hops) != 12 {
		t.Errorf("%d stations and %d hops were built", len(v.stops), len(v.hops))
	}
}
