package program

import (
	"context"
	"testing"
	"time"

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

func TestOverslept(t *testing.T) {
	for _, tt := range []struct {
		name       string
		wall, mono time.Duration
		want       bool
	}{
		{"both clocks have gone on by a minute", time.Minute, time.Minute, false},
		{"a time service has put the clock forward", 69 * time.Second, time.Minute, false},
		{"somebody has put the clock back by a day", -24 * time.Hour, time.Minute, false},
		{"a night", 9*time.Hour + time.Minute, time.Minute, true},
		{"a nap", 72 * time.Second, time.Minute, true},
	} {
		if got := overslept(tt.wall, tt.mono); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	last := time.Now()
	if wall, mono := gone(last, last.Add(time.Hour)); wall != time.Hour || mono != time.Hour {
		t.Errorf("%v and %v have gone by, want an hour", wall, mono)
	}
}
