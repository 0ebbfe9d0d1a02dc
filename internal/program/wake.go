package program

import (
	"context"
	"time"
)

// wakes tells when the machine has slept: Go's timers stand still in suspend,
// so afterwards they are late and connections dead. The channel is closed when
// nothing watches any more, at the latest when ctx has ended. watch is watchClock.
func wakes(ctx context.Context, watch func(ctx context.Context, slept func())) <-chan struct{} {
	out := make(chan struct{})
	go func() {
		defer close(out)
		watch(ctx, func() {
			select {
			case out <- struct{}{}:
			case <-ctx.Done():
			}
		})
	}()
	return out
}

// gone returns how much time has gone by between two times by the wall clock and
// by the monotonic one, which stands still while the machine sleeps.
func gone(last, now time.Time) (wall, mono time.Duration) {
	return now.Round(0).Sub(last.Round(0)), now.Sub(last)
}

// overslept reports whether the wall clock has run ahead by more than a time
// service sets it.
func overslept(wall, mono time.Duration) bool { return wall-mono > 10*time.Second }
