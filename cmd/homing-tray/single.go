//go:build tray

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/internal/program"
)

// patience is how long another process has for what takes it a moment.
const patience = 5 * time.Second

// door is the socket of the one homing-tray of this user. Beside it a lock says
// which one that is, since two that start at once would each take the other's
// socket for a stale one.
type door struct {
	net.Listener
	lock *flock.Flock
}

// alone opens the door. It returns none where another homing-tray has it; that
// one's window is brought to the front if raise is set. One that is starting or
// ending is waited for.
func alone(ctx context.Context, p program.Paths, raise bool) (*door, error) {
	if err := os.MkdirAll(p.State, 0o700); err != nil {
		return nil, fmt.Errorf("making the state directory: %w", err)
	}
	lock := flock.New(filepath.Join(p.State, "window.lock"), flock.SetPermissions(0o600))
	other := &control.Client{Path: p.Window}
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	for {
		mine, err := lock.TryLock()
		switch {
		case err != nil:
			return nil, fmt.Errorf("locking %s: %w", lock.Path(), err)
		case mine:
			l, err := control.Listen(p.Window)
			if err != nil {
				return nil, errors.Join(err, lock.Unlock())
			}
			return &door{l, lock}, nil
		case !raise:
			return nil, nil
		}
		err = other.Raise(ctx)
		if err == nil {
			return nil, nil
		}
		_, answered := errors.AsType[*control.Error](err)
		if answered && !errors.Is(err, control.ErrNotRunning) || !pause(ctx, 50*time.Millisecond) {
			return nil, &codeError{exitOtherAgent, "end it, then start this one again", fmt.Errorf("another homing-tray runs, and its window does not come to the front: %w", err)}
		}
	}
}

// Close gives the door up. The listener may be closed already.
func (d *door) Close() error {
	d.Listener.Close()
	return d.lock.Unlock()
}

// pause reports whether ctx still lasts after d.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
