//go:build tray

package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/internal/program"
)

// keeper has an agent run for this user: another process's while there is one,
// and else one of this process.
type keeper struct {
	run   func(context.Context) error // is an agent until its context ends; program.ErrOtherAgent: there is another one
	other agent.Service               // that one
	log   *slog.Logger
}

// keep returns when ctx ends, or with the error of an agent of our own.
func (k *keeper) keep(ctx context.Context) error {
	attached := false
	for {
		err := k.run(ctx)
		if ctx.Err() != nil || !errors.Is(err, program.ErrOtherAgent) && !errors.Is(err, control.ErrRunning) {
			return err
		}
		if !attached {
			k.log.Info("another agent runs, and is shown")
			attached = true
		}
		again := time.Second // it is a command, which has no socket
		for _, err := range k.other.Watch(ctx) {
			if err == nil {
				again = 20 * time.Millisecond // its lock is gone a moment after its socket
			}
		}
		if !pause(ctx, again) {
			return nil
		}
	}
}

// grace is how long an agent may be out of sight before anybody is told: one
// that takes over needs a moment.
const grace = 3 * time.Second

// follow calls show with each status of svc, and with the last one and why there
// is none now once that has lasted. It returns when ctx ends.
func follow(ctx context.Context, svc agent.Service, show func(s agent.Status, lost error)) {
	var last agent.Status
	lost := time.Now()
	for {
		why := control.ErrNotRunning // it ended in good order
		for status, err := range svc.Watch(ctx) {
			if err != nil {
				why = err
				break
			}
			last, lost = status, time.Time{}
			show(last, nil)
		}
		if ctx.Err() != nil {
			return
		}
		if lost.IsZero() {
			lost = time.Now()
		}
		wait := 100 * time.Millisecond
		if time.Since(lost) >= grace || errors.Is(why, control.ErrVersion) {
			show(last, why)
			wait = time.Second
		}
		if !pause(ctx, wait) {
			return
		}
	}
}
