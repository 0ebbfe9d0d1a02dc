//go:build tray

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"time"

	"fyne.io/systray"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/internal/desk"
	"github.com/homing-mail/homing/ui"
)

// trayWait is how long a desktop that starts may take to show a tray.
const trayWait = 10 * time.Second

// stay is the process that stays. It has to be called by the goroutine of main.
func (a *app) stay(ctx context.Context) (err error) {
	if err := a.system.display(); err != nil {
		return usage(err)
	}
	if a.demo {
		end, err2 := a.openDemo()
		if err2 != nil {
			return err2
		}
		defer func() { err = errors.Join(err, end()) }()
	}
	paths, c, err := a.effective()
	if err != nil {
		return err
	}
	door, err := alone(ctx, paths, !a.background)
	if err != nil || door == nil {
		return err
	}
	defer door.Close()
	said := a.err
	kept, unkept := desk.OpenLog(desk.LogPath(paths.State)) // for the report
	if unkept == nil {
		defer kept.Close()
		said = io.MultiWriter(a.err, kept)
	}
	p, err := a.program(paths, c, said)
	if err != nil {
		return err
	}
	if unkept != nil {
		p.Log.Warn("the log is not kept", "err", unkept)
	}
	say, err := ui.Load()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// A resting program should be small: it allocates little, so collecting more
	// often costs nothing that anybody would notice.
	debug.SetGCPercent(25)
	var seen ui.Seen
	r := &resident{
		log:     p.Log,
		door:    door,
		agent:   &control.Client{Path: p.Paths.Socket},
		notify:  a.system.notify,
		notices: desk.Notices{Preferences: paths.Preferences()},
		words: words{
			model: func(s agent.Status, lost error) ui.Model { return ui.Present(s, lost, time.Now(), say) },
			notices: func(s agent.Status) (news []ui.Notice) {
				seen, news = ui.Notices(seen, s, time.Now(), say)
				return news
			},
			trouble: func(err error) ui.Notice {
				return ui.Notice{Kind: ui.Asked, Title: say("tray.trouble", nil), Body: err.Error()}
			},
		},
		wait: trayWait,
	}
	r.prepare()
	r.window = newWindow(func() *exec.Cmd { return exec.Command(self, a.forWindow()...) }, said, r.windowEnded)
	p.Raise = r.window.Raise
	k := &keeper{run: p.Run, other: r.agent, log: p.Log}
	r.keep = k.keep
	if a.background {
		ids, err := p.Store.List(ctx)
		r.hidden = err == nil && len(ids) > 0
	}
	if a.demo {
		r.keep = func(ctx context.Context) error {
			r.task(func(ctx context.Context) {
				if err := signInDemo(ctx, r.agent); err != nil && ctx.Err() == nil {
					r.quit(err)
				}
			})
			return k.keep(ctx)
		}
	}
	if _, err := a.hosted(ctx); err != nil {
		p.Log.Info("no tray", "err", err)
		return r.live(ctx)
	}
	r.hosts = a.system.hosts
	shown := newIcon(say, r, r.words.model(agent.Status{}, nil).Tray())
	r.tray, r.seat = shown, seat
	ended := make(chan error, 1)
	go func() {
		ended <- r.live(ctx)
		systray.Quit()
	}()
	shown.run()
	r.quit(nil)
	return <-ended
}

// hosted reports whether a tray shows the icon at this moment.
func (a *app) hosted(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return a.system.host(ctx)
}
