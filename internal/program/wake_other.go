//go:build !linux

package program

import (
	"context"
	"time"
)

// watchClock calls slept when the wall clock has run ahead of the monotonic one,
// which stands still while the machine sleeps.
func watchClock(ctx context.Context, slept func()) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		if overslept(gone(last, now)) {
			slept()
		}
		last = now
	}
}
