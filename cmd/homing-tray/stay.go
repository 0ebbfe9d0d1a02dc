//go:build tray

package main

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/ui"
)

// resident is the process that stays: it has an agent run, shows its state as an
// icon, notifies, and has the window opened.
type resident struct {
	log    *slog.Logger
	agent  agent.Service               // through its socket, whoever runs it
	keep   func(context.Context) error // has one run until the context ends
	door   *door
	window *window
	tray   ui.Tray                              // nil: none
	hosts  func(context.Context) iter.Seq[bool] // whether a tray is there that shows the icon, now and later; nil: never
	seat   func(context.Context) error          // has a tray that is there take the icon; nil: it does so itself
	notify func(context.Context, ui.Notice) error

	words   words
	notices ui.Switch // whether to notify; nil: yes

	hidden bool          // the icon is enough at the start, where it is seen
	wait   time.Duration // how long a tray may take to appear then

	hosted   atomic.Bool
	appeared chan struct{}  // closed when a tray has been seen
	end      chan error     // why to end
	tell     chan ui.Notice // what to notify of
	last     atomic.Pointer[agent.Status]

	mu    sync.Mutex
	doing context.Context // of tasks; nil: nothing is done yet
	tasks sync.WaitGroup  // what the menu has begun
}

// words says for people what happens.
type words struct {
	model   func(s agent.Status, lost error) ui.Model
	notices func(agent.Status) []ui.Notice // of each status in turn: what is news
	trouble func(error) ui.Notice          // of this program
}

// prepare makes what live and the menu share.
func (r *resident) prepare() {
	r.appeared, r.end, r.tell = make(chan struct{}), make(chan error, 1), make(chan ui.Notice, 16)
}

// live returns when ctx ends or somebody quits, or with what went wrong; by then
// everything has ended: the door first, so that nobody is sent to a window that
// goes, then the window, and after it the agent that it shows.
func (r *resident) live(ctx context.Context) (err error) {
	outer, endOuter := context.WithCancel(context.WithoutCancel(ctx))
	inner, endInner := context.WithCancel(context.WithoutCancel(ctx))
	defer endOuter()
	defer endInner()
	r.mu.Lock()
	r.doing = outer
	r.mu.Unlock()

	var front, back sync.WaitGroup
	kept := make(chan error, 1)
	back.Go(func() {
		err := r.keep(inner)
		kept <- err
		r.quit(err)
	})
	front.Go(func() {
		server := &control.Server{Service: r.agent, Raise: r.window.Raise, Log: r.log}
		if err := server.Serve(outer, r.door); err != nil {
			r.quit(err)
		}
	})
	front.Go(func() { follow(outer, r.agent, r.show) })
	front.Go(func() { r.notifyAll(outer) })
	front.Go(func() { r.watchHosts(outer) })
	front.Go(func() {
		if r.shouldOpen(outer) {
			r.open(outer)
		}
	})

	select {
	case <-ctx.Done():
	case err = <-r.end:
	}
	r.mu.Lock() // so that no task begins now
	endOuter()
	r.mu.Unlock()
	front.Wait()
	r.tasks.Wait()
	r.window.Close()
	endInner()
	back.Wait()
	if failed := <-kept; err == nil {
		err = failed
	}
	return errors.Join(err, r.door.Close())
}

// quit ends the program, with an error or as it was told to.
func (r *resident) quit(err error) {
	select {
	case r.end <- err:
	default: // it ends already
	}
}

// show keeps the icon in step with what is known of the agent, and notifies.
func (r *resident) show(s agent.Status, lost error) {
	if r.tray != nil {
		r.tray.Show(r.words.model(s, lost).Tray())
	}
	if lost != nil {
		return
	}
	r.last.Store(&s)
	for _, n := range r.words.notices(s) {
		r.announce(n)
	}
}

// announce has a notice shown, unless nobody takes them any more.
func (r *resident) announce(n ui.Notice) {
	select {
	case r.tell <- n:
	default:
		r.log.Warn("too many notifications", "title", n.Title)
	}
}

func (r *resident) notifyAll(ctx context.Context) {
	for {
		select {
		case n := <-r.tell:
			r.notifyOf(n)
		case <-ctx.Done():
			for { // why it ends, for instance
				select {
				case n := <-r.tell:
					r.notifyOf(n)
				default:
					return
				}
			}
		}
	}
}

func (r *resident) notifyOf(n ui.Notice) {
	if r.notices != nil {
		on, err := r.notices.On()
		if err != nil {
			r.log.Warn("whether to notify is not known", "err", err)
		} else if !on {
			return
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.notify(ctx, n); err != nil {
		r.log.Info("nobody shows notifications", "title", n.Title, "err", err)
	}
}

// watchHosts notes whether the icon is seen.
func (r *resident) watchHosts(ctx context.Context) {
	if r.hosts == nil {
		return
	}
	seen := false
	for hosted := range r.hosts(ctx) {
		r.log.Debug("a tray", "there", hosted)
		r.hosted.Store(hosted)
		if hosted && !seen {
			seen = true
			close(r.appeared)
		}
		if hosted && r.seat != nil {
			r.task(func(ctx context.Context) {
				if pause(ctx, time.Second) { // for the usual way
					if err := r.seat(ctx); err != nil && ctx.Err() == nil {
						r.log.Warn("the tray does not take the icon", "err", err)
					}
				}
			})
		}
	}
	if ctx.Err() != nil {
		return
	}
	r.log.Warn("the session bus has gone")
	if r.hosted.Store(false); !r.window.Open() { // nothing of us is seen any more
		r.quit(errors.New("the session bus has gone"))
	}
}

// shouldOpen reports whether the window opens at the start; it waits for a tray
// where an icon would be enough.
func (r *resident) shouldOpen(ctx context.Context) bool {
	if !r.hidden {
		return true
	}
	if r.hosts == nil {
		r.log.Info("no session bus, so no tray: opening the window")
		return true
	}
	select {
	case <-r.appeared:
		return false
	case <-time.After(r.wait):
		r.log.Info("no tray on this desktop: opening the window", "waited", r.wait)
		return true
	case <-ctx.Done():
		return false
	}
}

// open opens the window, or brings it to the front.
func (r *resident) open(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err := r.window.Raise(ctx)
	if _, died := errors.AsType[*exec.ExitError](err); err == nil || died || ctx.Err() == context.Canceled {
		return // windowEnded has told
	}
	r.windowEnded(err)
}

// windowEnded is told of each end of the window's process, and of one that does
// not come up.
func (r *resident) windowEnded(err error) {
	if err != nil {
		r.log.Error("window", "err", err)
		r.announce(r.words.trouble(err))
	}
	if !r.hosted.Load() { // nothing of us is seen any more
		r.quit(err)
	}
}

// The items of the menu. They return at once.

func (r *resident) Open() { r.task(r.open) }
func (r *resident) Quit() { r.quit(nil) }

func (r *resident) CheckNow() {
	r.task(func(ctx context.Context) { r.do(ctx, agent.Command{Op: agent.CheckNow}) })
}

func (r *resident) Pause()  { r.each(agent.Pause) }
func (r *resident) Resume() { r.each(agent.Resume) }

func (r *resident) each(op agent.Op) {
	r.task(func(ctx context.Context) {
		if s := r.last.Load(); s != nil {
			for _, m := range s.Mailboxes {
				r.do(ctx, agent.Command{Op: op, Profile: m.ID})
			}
		}
	})
}

// task does f beside the menu, unless the program ends.
func (r *resident) task(f func(context.Context)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx := r.doing; ctx != nil && ctx.Err() == nil {
		r.tasks.Go(func() { f(ctx) })
	}
}

func (r *resident) do(ctx context.Context, c agent.Command) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := r.agent.Do(ctx, c); err != nil && ctx.Err() == nil {
		r.log.Error("the agent refuses", "op", c.Op, "mailbox", c.Profile, "err", err)
		r.announce(r.words.trouble(err))
	}
}
