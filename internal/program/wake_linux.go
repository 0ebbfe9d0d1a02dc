package program

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watchClock calls slept when the wall clock has been set, which the kernel also
// does on resume. It waits in a read that no clock ends (timerfd_create(2),
// TFD_TIMER_CANCEL_ON_SET), since a timer that looks every minute would cost a
// resting machine some sixty wake-ups each time: the kernel lets a long wait end
// a thousandth late, and Go's scheduler polls until it does.
func watchClock(ctx context.Context, slept func()) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return // without it a sleep is noticed when the next timer ends
	}
	clock := os.NewFile(uintptr(fd), "timerfd")
	defer clock.Close()
	never := &unix.ItimerSpec{Value: unix.Timespec{Sec: 1 << 33}}
	if err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, never, nil); err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { clock.Close() })
	defer stop()
	var expirations [8]byte
	last := time.Now()
	for {
		_, err := clock.Read(expirations[:])
		if !errors.Is(err, unix.ECANCELED) {
			return // closed
		}
		now := time.Now()
		if overslept(gone(last, now)) { // and not only set by a time service
			slept()
		}
		last = now
	}
}
