package program

import (
	"context"
	"testing"

	"go.uber.org/goleak"
)

// That the kernel tells of a clock that was set, as on resume, cannot be had in
// a test: only the end of the watch can.
func TestWatchOfTheClockEndsWithItsContext(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	woken := wakes(ctx, watchClock)
	cancel()
	for range woken {
		t.Error("woken, and nobody has set the clock")
	}
}

func TestEachSleepIsToldOnce(t *testing.T) {
	defer goleak.VerifyNone(t)
	woken := wakes(t.Context(), func(_ context.Context, slept func()) {
		for range 3 {
			slept()
		}
	})
	got := 0
	for range woken {
		got++
	}
	if got != 3 {
		t.Errorf("woken %d times, want 3", got)
	}
}

func TestASleepThatNobodyTakesKeepsNothingAlive(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	asleep := make(chan struct{})
	woken := wakes(ctx, func(_ context.Context, slept func()) {
		close(asleep)
		slept()
	})
	<-asleep
	cancel()
	for range woken { // one may have come before the end was seen
	}
}
