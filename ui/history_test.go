package ui

import (
	"errors"
	"slices"
	"testing"

	"fyne.io/fyne/v2"

	"github.com/homing-mail/homing/profile"
)

// history opens the history of a mailbox with n generations.
func (d *desk) history(n int) *historyView {
	d.generations = generationsOf(n)
	b := atHome()
	b.Generation = uint64(n)
	d.see(one(b))
	d.Window.show(2)
	d.settle()
	return d.tabs[2].view.(*historyView)
}

// rows are the generations that are built.
func (d *desk) rows() []*generation {
	var rows []*generation
	d.walk(func(o fyne.CanvasObject) {
		if g, ok := o.(*generation); ok {
			rows = append(rows, g)
		}
	})
	return rows
}

func TestHistory(t *testing.T) {
	t.Run("shows what changed from old to new", func(t *testing.T) {
		d := open(t, Config{})
		d.history(3)
		d.reads("Generation 3, in use now", "ex2.contoso.test said ecWrongServer", "ex2.contoso.test → ex3.contoso.test", "In use: The mailbox moved from ex2.contoso.test to ex3.contoso.test.")
		d.misses("Go back to this one") // it is there already
		d.pick(2)
		d.reads("Generation 1", "The settings were imported.", "new: ex1.contoso.test", "Go back to this one")
	})
	t.Run("is asked for once", func(t *testing.T) {
		d := open(t, Config{})
		v := d.history(3)
		for range 3 {
			b := moving()
			d.see(one(b))
		}
		if d.asked != 1 || v.upTo != 3 {
			t.Errorf("asked %d times", d.asked)
		}
	})
	t.Run("another generation comes in without a jump", func(t *testing.T) {
		d := open(t, Config{})
		v := d.history(300)
		d.pick(100) // generation 200
		v.list.ScrollToOffset(4000)
		d.settle()
		before := d.rows()[3].why.Text
		d.generations = generationsOf(302)
		b := atHome()
		b.Generation = 302
		d.see(one(b))
		d.reads("Generation 200")
		if after := d.rows()[3].why.Text; after != before {
			t.Errorf("%q jumped to %q", before, after)
		}
		if len(v.entries) != 302 {
			t.Errorf("%d entries", len(v.entries))
		}
	})
	t.Run("at its top it stays there", func(t *testing.T) {
		d := open(t, Config{})
		v := d.history(300)
		d.pick(2)
		d.generations = generationsOf(301)
		b := atHome()
		b.Generation = 301
		d.see(one(b))
		if v.list.GetScrollOffset() != 0 || v.chosen != 298 {
			t.Errorf("it is at %v and shows generation %d", v.list.GetScrollOffset(), v.chosen)
		}
		d.reads("Generation 298", "moved from ex300.contoso.test to ex301.contoso.test")
	})
	t.Run("a question keeps to the generation that it was asked about", func(t *testing.T) {
		d := open(t, Config{})
		d.history(3)
		d.pick(1)
		d.tap("Go back to this one")
		d.generations = generationsOf(4)
		b := atHome()
		b.Generation = 4
		d.see(one(b))
		d.tap("Go back")
		d.commanded("rollback ann to 2")
	})
	t.Run("of another mailbox is asked for anew", func(t *testing.T) {
		d := open(t, Config{})
		v := d.history(3)
		d.pick(2)
		d.generations = generationsOf(1)
		d.see(one(ben()))
		d.reads("Generation 1")
		if d.asked != 2 || v.asked != profile.ID("ben") {
			t.Errorf("asked %d times, at last for %s", d.asked, v.asked)
		}
	})
	t.Run("of a mailbox that is gone is empty", func(t *testing.T) {
		d := open(t, Config{})
		d.history(3)
		m := one()
		m.Lost = "no agent is running"
		d.see(m)
		d.reads("Each change of the profile will stand here")
		d.misses("Generation")
	})
	t.Run("an answer that comes too late does not count", func(t *testing.T) {
		d := open(t, Config{})
		d.generations = generationsOf(3)
		d.Render(one(atHome()))
		d.Window.show(2)
		d.work.Wait() // the answer for ann waits to be shown
		d.mu.Lock()
		late := slices.Clone(d.handed)
		d.handed = nil
		d.mu.Unlock()
		d.generations = generationsOf(1)
		d.see(one(ben()))
		for _, f := range late {
			f()
		}
		d.layout()
		d.reads("Generation 1")
		d.misses("The mailbox moved")
	})
	t.Run("what can be read is shown beside what cannot", func(t *testing.T) {
		d := open(t, Config{})
		d.wrong = errors.New("generation 2 is damaged")
		d.history(3)
		d.reads("generation 2 is damaged", "Generation 3")
	})
	t.Run("opened again it is as new as the agent's", func(t *testing.T) {
		d := open(t, Config{})
		d.history(3)
		d.Window.show(0)
		d.Window.show(2)
		d.settle()
		if d.asked != 2 {
			t.Errorf("asked %d times", d.asked)
		}
	})
	t.Run("the keyboard goes through it", func(t *testing.T) {
		d := open(t, Config{})
		v := d.history(3)
		d.win.Canvas().Focus(v.list)
		d.press(fyne.KeyDown)
		d.press(fyne.KeyReturn)
		d.reads("Generation 2")
		d.press(fyne.KeyDown)
		d.press(fyne.KeySpace)
		d.reads("Generation 1")
	})
}

// Of a thousand generations only those are built that can be seen.
func TestAThousandGenerations(t *testing.T) {
	d := open(t, Config{})
	v := d.history(1000)
	if n := len(d.rows()); n == 0 || n > 20 {
		t.Errorf("%d rows are built", n)
	}
	v.list.ScrollToBottom()
	d.settle()
	d.reads("27 Feb 2026, 09:00", "The settings were imported.")
	if n := len(d.rows()); n == 0 || n > 20 {
		t.Errorf("%d rows are built", n)
	}
	allocations := func(n int) float64 {
		few := open(t, Config{})
		v := few.history(n)
		b := *few.mailbox()
		tick := []string{"Looks again in 9 seconds.", "Looks again in 8 seconds."}
		i := 0
		entries := slices.Clone(v.entries)
		other := slices.Clone(v.entries)
		other[0].When = "a minute ago"
		return testing.AllocsPerRun(20, func() {
			i++
			b.Doing = tick[i%2]
			few.Render(one(b))
			v.show([][]Entry{entries, other}[i%2], nil)
		})
	}
	ten, thousand := allocations(10), allocations(1000)
	t.Logf("%v allocations with ten generations, %v with a thousand", ten, thousand)
	if thousand > ten+200 || thousand > 5000 {
		t.Errorf("a thousand generations need %v allocations to render, ten need %v", thousand, ten)
	}
}
