//go:build tray

package main

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/profile"
)

// watched is a service of which each watch is what the next of a list does.
type watched struct {
	agent.Service
	watches []func(ctx context.Context, yield func(agent.Status, error) bool)
	at      int
	done    []agent.Command
	refuse  error
}

func (w *watched) Watch(ctx context.Context) iter.Seq2[agent.Status, error] {
	return func(yield func(agent.Status, error) bool) {
		i := w.at
		w.at++
		if i < len(w.watches) {
			w.watches[i](ctx, yield)
			return
		}
		<-ctx.Done()
	}
}

func (w *watched) Do(_ context.Context, c agent.Command) (profile.ID, error) {
	w.done = append(w.done, c)
	return c.Profile, w.refuse
}

// says yields statuses, lasts, and ends with err or in good order.
func says(lasts time.Duration, err error, seqs ...uint64) func(context.Context, func(agent.Status, error) bool) {
	return func(ctx context.Context, yield func(agent.Status, error) bool) {
		for _, seq := range seqs {
			if !yield(agent.Status{Seq: seq}, nil) {
				return
			}
		}
		if !pause(ctx, lasts) || err == nil {
			return
		}
		yield(agent.Status{}, err)
	}
}

var quiet = slog.New(slog.DiscardHandler)

func TestAnAgentRunsAtAllTimes(t *testing.T) {
	broken := errors.New("the disk is full")
	for _, tc := range []struct {
		name    string
		other   []func(context.Context, func(agent.Status, error) bool)
		runs    []error         // of each try but the last, which lasts until the end
		started []time.Duration // each try
		lasts   bool            // an agent runs at the end
		want    error
	}{
		{"ours where there is no other", nil, nil, []time.Duration{0}, true, nil},
		{"the other one while it lasts, then ours at once",
			[]func(context.Context, func(agent.Status, error) bool){says(time.Hour, nil, 1)},
			[]error{program.ErrOtherAgent}, []time.Duration{0, time.Hour + 20*time.Millisecond}, true, nil},
		{"ours after another one that is lost",
			[]func(context.Context, func(agent.Status, error) bool){says(time.Hour, errors.New("connection reset"), 1)},
			[]error{program.ErrOtherAgent}, []time.Duration{0, time.Hour + 20*time.Millisecond}, true, nil},
		{"another one again, which was quicker",
			[]func(context.Context, func(agent.Status, error) bool){says(time.Hour, nil, 1), says(time.Minute, nil, 1)},
			[]error{program.ErrOtherAgent, control.ErrRunning}, []time.Duration{0, time.Hour + 20*time.Millisecond, time.Hour + time.Minute + 40*time.Millisecond}, true, nil},
		{"ours after a command that holds the profiles and has no socket",
			[]func(context.Context, func(agent.Status, error) bool){says(0, control.ErrNotRunning), says(0, control.ErrNotRunning)},
			[]error{program.ErrOtherAgent, program.ErrOtherAgent}, []time.Duration{0, time.Second, 2 * time.Second}, true, nil},
		{"none where ours fails", nil, []error{broken}, []time.Duration{0}, false, broken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
				defer cancel()
				began := time.Now()
				var started []time.Duration
				lasted := false
				k := &keeper{
					run: func(ctx context.Context) error {
						started = append(started, time.Since(began))
						if i := len(started) - 1; i < len(tc.runs) {
							return tc.runs[i]
						}
						<-ctx.Done()
						lasted = true
						return nil
					},
					other: &watched{watches: tc.other}, log: quiet,
				}
				if err := k.keep(ctx); !errors.Is(err, tc.want) {
					t.Errorf("keep = %v, want %v", err, tc.want)
				}
				if diff := cmp.Diff(tc.started, started); diff != "" {
					t.Error(diff)
				}
				if lasted != tc.lasts {
					t.Errorf("an agent of ours ran at the end: %v, want %v", lasted, tc.lasts)
				}
			})
		})
	}
}

func TestFollowing(t *testing.T) {
	type seen struct {
		At   time.Duration
		Seq  uint64
		Lost error
	}
	const s = time.Second
	gone := errors.New("connection reset")
	type watches = []func(context.Context, func(agent.Status, error) bool)
	for _, tc := range []struct {
		name    string
		watches watches
		lasts   time.Duration
		want    []seen
	}{
		{"shows each status", watches{says(time.Hour, nil, 1, 2)}, s, []seen{{0, 1, nil}, {0, 2, nil}}},
		{"says nothing of a gap in which another one takes over", watches{says(s, nil, 1), says(0, control.ErrNotRunning), says(time.Hour, nil, 7)}, 10 * s,
			[]seen{{0, 1, nil}, {s + 200*time.Millisecond, 7, nil}}},
		{"says that an agent is lost when that has lasted, with what was known", append(watches{says(s, gone, 1)}, slices.Repeat(watches{says(0, gone)}, 31)...), 4*s + 500*time.Millisecond,
			[]seen{{0, 1, nil}, {4 * s, 1, gone}}},
		{"says that none has come, too", slices.Repeat(watches{says(0, control.ErrNotRunning)}, 40), 4*s + 500*time.Millisecond,
			[]seen{{3 * s, 0, control.ErrNotRunning}, {4 * s, 0, control.ErrNotRunning}}},
		{"says at once that it is of another version, and goes on", watches{says(0, control.ErrVersion), says(time.Hour, nil, 3)}, 10 * s,
			[]seen{{0, 0, control.ErrVersion}, {s, 3, nil}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tc.lasts)
				defer cancel()
				began := time.Now()
				var got []seen
				follow(ctx, &watched{watches: tc.watches}, func(status agent.Status, lost error) {
					got = append(got, seen{time.Since(began), status.Seq, lost})
				})
				if diff := cmp.Diff(tc.want, got, cmp.Comparer(func(a, b error) bool { return a == b })); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// Two agents of this module, over real sockets.
func TestTheAgentOfAnotherProcessIsTakenOver(t *testing.T) {
	ctx := withDeadline(t)
	paths := testPaths(t)
	open := func() *program.Program {
		c, err := program.LoadConfig(paths)
		if err != nil {
			t.Fatal(err)
		}
		p, err := program.Open(paths, c, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	client := &control.Client{Path: paths.Socket}
	raises := func() error { // errors.ErrUnsupported by the other one; nil by ours
		err := client.Raise(ctx)
		for errors.Is(err, control.ErrNotRunning) && pause(ctx, time.Millisecond) {
			err = client.Raise(ctx)
		}
		return err
	}
	otherCtx, endOther := context.WithCancel(ctx)
	defer endOther()
	other := make(chan error, 1)
	go func() { other <- open().Run(otherCtx) }()
	if err := raises(); !errors.Is(err, errors.ErrUnsupported) {
		t.Fatalf("the other agent: %v", err)
	}

	tried := make(chan error, 8)
	ours := open()
	ours.Raise = func(context.Context) error { return nil }
	k := &keeper{other: client, log: quiet, run: func(ctx context.Context) error {
		err := ours.Run(ctx)
		tried <- err
		return err
	}}
	ourCtx, endOurs := context.WithCancel(ctx)
	defer endOurs()
	kept := make(chan error, 1)
	go func() { kept <- k.keep(ourCtx) }()
	if err := receive(t, tried); !errors.Is(err, program.ErrOtherAgent) {
		t.Errorf("beside another agent ours runs with %v", err)
	}
	if err := raises(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("the other one does not answer any more: %v", err)
	}
	endOther()
	if err := receive(t, other); err != nil {
		t.Error(err)
	}
	for raises() != nil && ctx.Err() == nil { // the last answers of the other one
	}
	endOurs()
	if err := receive(t, kept); err != nil {
		t.Error(err)
	}
}
