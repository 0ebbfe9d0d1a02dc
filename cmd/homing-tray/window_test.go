//go:build tray

package main

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/homing-mail/homing/agent/control"
)

// opened is a window on a stage, and what it tells of its ends.
func opened(t *testing.T) (*window, *stage, <-chan error) {
	s := newStage(t)
	ended := make(chan error, 8)
	w := newWindow(func() *exec.Cmd { return s.command() }, io.Discard, func(err error) { ended <- err })
	t.Cleanup(w.Close)
	return w, s, ended
}

// raise begins to raise w, and returns how that ends.
func raise(ctx context.Context, w *window) <-chan error {
	done := make(chan error, 1)
	go func() { done <- w.Raise(ctx) }()
	return done
}

func TestTheWindowIsOneProcess(t *testing.T) {
	ctx := withDeadline(t)
	w, s, ended := opened(t)
	first := raise(ctx, w)
	a := s.next()
	a.hears("in raise")
	select {
	case err := <-first:
		t.Fatalf("Raise returns %v before the window is there", err)
	default:
	}
	a.direct(map[string]any{"Out": raisedLine})
	if err := receive(t, first); err != nil {
		t.Fatal(err)
	}
	if !w.Open() {
		t.Error("it is not open")
	}
	again := raise(ctx, w)
	a.shows()
	if err := receive(t, again); err != nil {
		t.Fatal(err)
	}
	s.none()

	a.exits(0, "")
	if err := receive(t, ended); err != nil {
		t.Errorf("a window that is closed ends with %v", err)
	}
	later := raise(ctx, w)
	b := s.next()
	b.shows()
	if err := receive(t, later); err != nil {
		t.Error(err)
	}
	b.exits(0, "")
	receive(t, ended)
}

func TestAWindowThatIsClosedWhileItIsRaisedOpensAnew(t *testing.T) {
	ctx := withDeadline(t)
	w, s, ended := opened(t)
	first := raise(ctx, w)
	a := s.next()
	a.shows()
	receive(t, first)

	second := raise(ctx, w)
	a.hears("in raise")
	a.exits(0, "")
	receive(t, ended)
	b := s.next()
	b.shows()
	if err := receive(t, second); err != nil {
		t.Error(err)
	}
	b.exits(0, "")
	receive(t, ended)
}

func TestAWindowThatDiesSaysWhy(t *testing.T) {
	ctx := withDeadline(t)
	w, s, ended := opened(t)
	first := raise(ctx, w)
	a := s.next()
	a.hears("in raise")
	a.exits(2, "much\nhoming-tray: no display\n")
	err := receive(t, ended)
	if err == nil || !strings.HasSuffix(err.Error(), ": homing-tray: no display") {
		t.Errorf("it ended with %v, want its last words", err)
	}
	if got := receive(t, first); got == nil || got.Error() != err.Error() {
		t.Errorf("Raise = %v, want the same", got)
	}
	second := raise(ctx, w) // which does not keep it from another try
	b := s.next()
	b.shows()
	if err := receive(t, second); err != nil {
		t.Error(err)
	}
	b.exits(0, "")
	receive(t, ended)
}

func TestAWindowThatNeverOpensIsNotTriedForEver(t *testing.T) {
	ctx := withDeadline(t)
	w, s, ended := opened(t)
	first := raise(ctx, w)
	a := s.next()
	a.hears("in raise")
	a.exits(0, "")
	if err := receive(t, ended); err != nil {
		t.Error(err)
	}
	if err := receive(t, first); err == nil {
		t.Error("Raise is content with a window that was never there")
	}
	s.none()
}

func TestAWindowThatDoesNotAnswerKeepsNobodyWaiting(t *testing.T) {
	w, s, ended := opened(t)
	ctx, cancel := context.WithCancel(withDeadline(t))
	first := raise(ctx, w)
	a := s.next()
	a.hears("in raise")
	waiting := raise(ctx, w) // for its turn
	cancel()
	for _, done := range []<-chan error{first, waiting} {
		if err := receive(t, done); !errors.Is(err, context.Canceled) {
			t.Errorf("Raise = %v, want the end of its context", err)
		}
	}
	a.direct(map[string]any{"Out": raisedLine}) // too late
	second := raise(withDeadline(t), w)
	a.shows()
	if err := receive(t, second); err != nil {
		t.Error(err)
	}
	a.exits(0, "")
	receive(t, ended)
}

func TestAWindowThatCannotStart(t *testing.T) {
	w := newWindow(func() *exec.Cmd { return exec.Command("/nowhere/homing-tray") }, io.Discard, func(err error) { t.Errorf("ended: %v", err) })
	if err := w.Raise(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "starting the window: ") {
		t.Errorf("Raise = %v", err)
	}
}

func TestCloseEndsTheWindow(t *testing.T) {
	for _, tc := range []struct {
		name  string
		close func(a *actor)
		wait  time.Duration
	}{
		{"that ends when its input does", (*actor).ends, long},
		{"that does not listen", func(a *actor) { a.hears("eof") }, time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, s, ended := opened(t)
			w.patience = tc.wait
			first := raise(withDeadline(t), w)
			a := s.next()
			a.shows()
			receive(t, first)
			closed := make(chan bool, 1)
			go func() { w.Close(); closed <- true }()
			tc.close(a)
			receive(t, closed)
			if w.Open() {
				t.Error("it is open")
			}
			if err := w.Raise(t.Context()); !errors.Is(err, control.ErrNotRunning) {
				t.Errorf("Raise after Close = %v, want one after which to look for another program", err)
			}
			select {
			case err := <-ended:
				t.Errorf("its end is told (%v), though we have ended it", err)
			default:
			}
		})
	}
}
