//go:build tray

package main

import (
	"bufio"
	"context"
	"io"
	"sync"

	"fyne.io/fyne/v2"
	fyneapp "fyne.io/fyne/v2/app"

	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/ui"
)

// appID names the program to a desktop.
const appID = "io.github.homing_mail.Homing"

// show is the process of the window: it ends when the window is closed, and with
// the process that has started it.
func (a *app) show(ctx context.Context) error {
	if err := a.system.display(); err != nil {
		return usage(err)
	}
	paths, c, err := a.effective()
	if err != nil {
		return err
	}
	p, err := a.program(paths, c, a.err)
	if err != nil {
		return err
	}
	say, err := ui.Load()
	if err != nil {
		return err
	}
	desktop := fyneapp.NewWithID(appID)
	w := ui.New(desktop, ui.Config{
		Service: &control.Client{Path: p.Paths.Socket},
		Desk:    a.desk(ctx, p, say),
		Demo:    moves(a.admin, say),
		Say:     say,
		Log:     p.Log,
	})
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	following.Go(func() { w.Follow(ctx) })
	go commands(a.in, a.out, func() { fyne.DoAndWait(w.Raise) }, func() { fyne.Do(desktop.Quit) })
	desktop.Run()
	cancel()
	following.Wait()
	w.Close()
	return nil
}

// commands carries out what stands on standard input, whose end is the end. No
// one waits for it: nothing but the end of that input ends it.
func commands(in io.Reader, out io.Writer, raise, quit func()) {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if lines.Text()+"\n" == raiseLine {
			raise()
			io.WriteString(out, raisedLine)
		}
	}
	quit()
}
