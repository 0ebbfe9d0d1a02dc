//go:build tray

package main

import (
	"sync"

	"fyne.io/systray"

	"github.com/homing-mail/homing/ui"
)

// icon is the icon in the tray, of which a process has one.
type icon struct {
	say  ui.Say
	menu menu

	mu     sync.Mutex
	view   ui.TrayView // shown, or to be shown once there are items
	items  *items      // nil: not yet
	done   chan struct{}
	clicks sync.WaitGroup
}

// menu is what the items do. None of them blocks.
type menu interface {
	CheckNow()
	Open()
	Pause()
	Resume()
	Quit()
}

type items struct{ sentence, check, open, pause, quit *systray.MenuItem }

// newIcon returns an icon that shows v at first.
func newIcon(say ui.Say, m menu, v ui.TrayView) *icon {
	return &icon{say: say, menu: m, view: v, done: make(chan struct{})}
}

// run shows the icon until systray.Quit. It is called once, by the goroutine of
// main, and where there is a session bus: without one the library ends in a panic.
func (i *icon) run() {
	systray.SetTitle("Homing") // before anything else: the name by which a desktop remembers an item
	systray.SetOnTapped(i.menu.Open)
	systray.Run(i.ready, func() {
		close(i.done)
		i.clicks.Wait()
	})
}

func (i *icon) ready() {
	i.mu.Lock()
	defer i.mu.Unlock()
	m := new(items)
	m.sentence = systray.AddMenuItem("", "")
	m.sentence.Disable()
	systray.AddSeparator()
	m.check = systray.AddMenuItem(i.say("view.check_now", nil), "")
	m.open = systray.AddMenuItem(i.say("tray.open", nil), "")
	m.pause = systray.AddMenuItem("", "")
	systray.AddSeparator()
	m.quit = systray.AddMenuItem(i.say("tray.quit", nil), "")
	i.items = m
	i.apply(nil)
	i.on(m.check, i.menu.CheckNow)
	i.on(m.open, i.menu.Open)
	i.on(m.quit, i.menu.Quit)
	i.on(m.pause, func() {
		i.mu.Lock()
		paused := i.view.Paused
		i.mu.Unlock()
		if paused {
			i.menu.Resume()
		} else {
			i.menu.Pause()
		}
	})
}

func (i *icon) on(item *systray.MenuItem, do func()) {
	i.clicks.Go(func() {
		for {
			select {
			case <-item.ClickedCh:
				do()
			case <-i.done:
				return
			}
		}
	})
}

// Show implements ui.Tray.
func (i *icon) Show(v ui.TrayView) {
	i.mu.Lock()
	defer i.mu.Unlock()
	before := i.view
	i.view = v
	if i.items != nil {
		i.apply(&before)
	}
}

// apply shows what differs from before; nil: everything.
func (i *icon) apply(before *ui.TrayView) {
	v, m := i.view, i.items
	// The library may still be sending the picture before when the next one comes:
	// all have the same size, so that whoever looks gets one of both.
	if before == nil || before.Icon != v.Icon {
		systray.SetIcon(image(v.Icon))
	}
	if before == nil || before.Sentence != v.Sentence {
		systray.SetTooltip(v.Sentence)
		m.sentence.SetTitle(v.Sentence)
	}
	if before == nil || before.Paused != v.Paused {
		key := "tray.pause"
		if v.Paused {
			key = "view.resume"
		}
		m.pause.SetTitle(i.say(key, nil))
	}
	if before == nil || before.Idle != v.Idle {
		for _, item := range []*systray.MenuItem{m.check, m.pause} {
			if v.Idle {
				item.Disable()
			} else {
				item.Enable()
			}
		}
	}
}
