package program

import "context"

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
