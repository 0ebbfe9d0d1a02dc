//go:build tray

package main

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"

	"github.com/homing-mail/homing/agent/control"
)

// answering serves a door until stop, and counts how often it is raised.
func answering(t *testing.T, d *door, raise func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- (&control.Server{Service: &watched{}, Raise: raise}).Serve(ctx, d) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestThereIsOneHomingTray(t *testing.T) {
	ctx, p := withDeadline(t), testPaths(t)
	first, err := alone(ctx, p, true)
	if err != nil || first == nil {
		t.Fatalf("the first: %v, %v", first, err)
	}
	raised := make(chan bool, 8)
	stop := answering(t, first, func(context.Context) error { raised <- true; return nil })

	if second, err := alone(ctx, p, true); second != nil || err != nil {
		t.Errorf("the second: %v, %v, want neither", second, err)
	}
	receive(t, raised)
	if second, err := alone(ctx, p, false); second != nil || err != nil {
		t.Errorf("a second one that starts with the session: %v, %v, want neither", second, err)
	}
	if len(raised) > 0 {
		t.Error("one that starts with the session brings the window to the front")
	}
	stop()
	next, err := alone(ctx, p, true)
	if err != nil || next == nil {
		t.Fatalf("after the first: %v, %v", next, err)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}

func TestASecondHomingTrayWaitsForOneThatStartsOrEnds(t *testing.T) {
	for _, tc := range []struct {
		name string
		then func(t *testing.T, first *door) (stop func())
		mine bool
	}{
		{"until it answers", func(t *testing.T, first *door) func() {
			return answering(t, first, func(context.Context) error { return nil })
		}, false},
		{"until it has ended, and takes its place", func(t *testing.T, first *door) func() {
			if err := first.Close(); err != nil {
				t.Error(err)
			}
			return func() {}
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, p := withDeadline(t), testPaths(t)
			first, err := alone(ctx, p, true)
			if err != nil {
				t.Fatal(err)
			}
			// Its socket is not there: nobody can be raised.
			if err := os.Rename(p.Window, p.Window+".later"); err != nil {
				t.Fatal(err)
			}
			type end struct {
				d   *door
				err error
			}
			second := make(chan end, 1)
			go func() {
				d, err := alone(ctx, p, true)
				second <- end{d, err}
			}()
			if err := os.Rename(p.Window+".later", p.Window); err != nil {
				t.Fatal(err)
			}
			stop := tc.then(t, first)
			got := receive(t, second)
			if got.err != nil || (got.d != nil) != tc.mine {
				t.Errorf("the second: %v, %v", got.d, got.err)
			}
			if got.d != nil {
				got.d.Close()
			}
			stop()
		})
	}
}

func TestAHomingTrayWhoseWindowDoesNotComeIsSaid(t *testing.T) {
	ctx, p := withDeadline(t), testPaths(t)
	first, err := alone(ctx, p, true)
	if err != nil {
		t.Fatal(err)
	}
	defer answering(t, first, func(context.Context) error { return errors.New("the window does not answer") })()
	_, err = alone(ctx, p, true)
	if code, hint := classify(err); code != exitOtherAgent || hint == "" {
		t.Errorf("%v: exit code %d, hint %q", err, code, hint)
	}
}

func TestASocketThatWasLeftBehindIsNoHomingTray(t *testing.T) {
	ctx, p := withDeadline(t), testPaths(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: p.Window})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	d, err := alone(ctx, p, true)
	if err != nil || d == nil {
		t.Fatalf("%v, %v", d, err)
	}
	d.Close()
}
