package ui

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
)

// script is an agent whose Watch does one thing after another, and then nothing.
type script struct {
	agent.Service
	mu    sync.Mutex
	turns []func(ctx context.Context, yield func(agent.Status, error) bool)
}

func (s *script) Watch(ctx context.Context) iter.Seq2[agent.Status, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	turn := func(ctx context.Context, _ func(agent.Status, error) bool) { <-ctx.Done() }
	if len(s.turns) > 0 {
		turn, s.turns = s.turns[0], s.turns[1:]
	}
	return func(yield func(agent.Status, error) bool) { turn(ctx, yield) }
}

// says yields statuses, a while after one another, and then stays silent for a while
// and ends with err.
func says(stays time.Duration, err error, seqs ...uint64) func(context.Context, func(agent.Status, error) bool) {
	return func(ctx context.Context, yield func(agent.Status, error) bool) {
		for _, seq := range seqs {
			if !yield(agent.Status{Seq: seq}, nil) {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(stays):
		}
		if err != nil {
			yield(agent.Status{}, err)
		}
	}
}

func TestFollow(t *testing.T) {
	lost := errors.New("the agent hung up")
	none := func(agent.Status, time.Time) bool { return false }
	for _, row := range []struct {
		name   string
		turns  []func(context.Context, func(agent.Status, error) bool)
		counts func(agent.Status, time.Time) bool
		poke   time.Duration // when a countdown may have come into view; 0: never
		runs   time.Duration
		want   []string // when, the status, why it is lost
	}{
		{"each status is shown", []func(context.Context, func(agent.Status, error) bool){says(time.Hour, nil, 1, 2)}, none, 0, time.Minute,
			[]string{"0s 1", "0s 2"}},
		{"who is not there is said at once, and looked for again", []func(context.Context, func(agent.Status, error) bool){says(0, control.ErrNotRunning), says(0, control.ErrNotRunning), says(time.Hour, nil, 7)}, none, 0, time.Minute,
			[]string{"0s 0 no agent is running", "2s 0 no agent is running", "4s 7"}},
		{"another version is said at once", []func(context.Context, func(agent.Status, error) bool){says(time.Minute, nil, 3), says(0, control.ErrVersion)}, none, 0, 61 * time.Second,
			[]string{"0s 3", "1m0.2s 3 the running agent is of another version; restart it"}},
		{"one agent takes over from another without a word", []func(context.Context, func(agent.Status, error) bool){says(time.Minute, lost, 3), says(time.Hour, nil, 4)}, none, 0, 2 * time.Minute,
			[]string{"0s 3", "1m0.2s 4"}},
		{"an agent that ends is lost if nobody follows", []func(context.Context, func(agent.Status, error) bool){says(time.Minute, nil, 3), says(0, control.ErrNotRunning), says(time.Hour, nil, 1)}, none, 0, 2 * time.Minute,
			[]string{"0s 3", "1m0.2s 3 no agent is running", "1m2.2s 1"}},
		{"one that hangs up again and again is not asked in a frenzy", []func(context.Context, func(agent.Status, error) bool){says(0, lost, 1), says(0, lost, 2), says(time.Hour, nil, 3)}, none, 0, time.Minute,
			[]string{"0s 1", "0s 1 the agent hung up", "2s 2", "2s 2 the agent hung up", "4s 3"}},
		{"one that ends again and again neither", []func(context.Context, func(agent.Status, error) bool){says(0, nil, 1), says(time.Hour, nil, 3)}, none, 0, time.Minute,
			[]string{"0s 1", "0s 1 the agent has ended", "2s 3"}},
		{"a countdown ticks until it ends", []func(context.Context, func(agent.Status, error) bool){says(time.Hour, nil, 1)}, countsFor(2500 * time.Millisecond), 0, time.Minute,
			[]string{"0s 1", "1s 1", "2s 1", "3s 1"}},
		{"it ticks from when it comes into view", []func(context.Context, func(agent.Status, error) bool){says(time.Hour, nil, 1)}, countsFrom(30*time.Second, 32*time.Second), 30 * time.Second, time.Minute,
			[]string{"0s 1", "30s 1", "31s 1", "32s 1"}},
		{"nothing is shown before there is something", nil, none, time.Second, time.Minute, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var got []string
				changed := make(chan struct{}, 1)
				if row.poke > 0 {
					time.AfterFunc(row.poke, func() { changed <- struct{}{} })
				}
				ctx, cancel := context.WithTimeout(t.Context(), row.runs)
				defer cancel()
				counts := func(s agent.Status, now time.Time) bool {
					return row.counts(s, now.Add(-time.Duration(began.UnixNano())))
				}
				follow(ctx, &script{turns: row.turns}, changed, counts, func(s agent.Status, lost error) {
					line := fmt.Sprint(time.Since(began), " ", s.Seq)
					if lost != nil {
						line += " " + lost.Error()
					}
					got = append(got, line)
				})
				if time.Since(began) != row.runs {
					t.Errorf("it ended after %v", time.Since(began))
				}
				if !slices.Equal(got, row.want) {
					t.Errorf("shown:\n%q, want\n%q", got, row.want)
				}
			})
		})
	}
}

// countsFor counts for a while from the beginning.
func countsFor(d time.Duration) func(agent.Status, time.Time) bool { return countsFrom(0, d) }

func countsFrom(from, to time.Duration) func(agent.Status, time.Time) bool {
	return func(_ agent.Status, now time.Time) bool {
		since := time.Duration(now.UnixNano())
		return since >= from && since < to
	}
}

// A countdown ticks only while it can be seen.
func TestCounts(t *testing.T) {
	now := time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)
	s := agent.Status{Mailboxes: []agent.Mailbox{{ID: "ann", Next: now.Add(time.Minute)}, {ID: "ben"}, {ID: "carl", Next: now.Add(-time.Minute)}}}
	m := one(moving(), ben())
	for _, row := range []struct {
		name string
		do   func(d *desk)
		want bool
	}{
		{"the mailbox that is shown waits", func(*desk) {}, true},
		{"another one is shown", func(d *desk) { d.chooser.SetSelectedIndex(1) }, false},
		{"another view is shown", func(d *desk) { d.Window.show(1) }, false},
		{"the view is shown again", func(d *desk) { d.Window.show(1); d.Window.show(0) }, true},
		{"the wizard is shown", func(d *desk) { d.showWizard() }, false},
		{"its time has come", func(d *desk) { carl := ben(); carl.ID = "carl"; d.see(one(carl)) }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := open(t, Config{})
			d.see(m)
			<-d.changed
			row.do(d)
			d.settle()
			if got := d.counts(s, now); got != row.want {
				t.Errorf("it counts: %v, want %v", got, row.want)
			}
			if !row.want && len(d.changed) != 1 {
				t.Error("nobody is told that it has changed")
			}
		})
	}
}

// A window in which nothing can be rendered for a while shows the latest and no more.
func TestModelsAreMerged(t *testing.T) {
	d := open(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	d.Service = &script{turns: []func(context.Context, func(agent.Status, error) bool){func(_ context.Context, yield func(agent.Status, error) bool) {
		for _, label := range []string{"first", "second", "third"} {
			yield(agent.Status{Mailboxes: []agent.Mailbox{{ID: "ann", Label: label, State: agent.Online}}}, nil)
		}
		cancel()
	}}}
	var handed []func()
	d.do = func(f func()) { handed = append(handed, f) }
	d.Follow(ctx)
	if len(handed) != 1 {
		t.Fatalf("%d models wait", len(handed))
	}
	handed[0]()
	if got := d.mailbox(); got == nil || got.Label != "third" {
		t.Errorf("%+v was rendered, want the third", got)
	}
}
