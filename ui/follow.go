package ui

import (
	"context"
	"errors"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/profile"
)

const (
	// again is the pause before a lost agent is looked for again.
	again = 2 * time.Second
	// blink is how long an agent may be away without a word: one takes over from
	// another.
	blink = 200 * time.Millisecond
)

var errEnded = errors.New("the agent has ended")

// Follow shows what the agent says until ctx ends. A lost agent is looked for
// again and again; that it is lost, or of another version, is shown meanwhile.
func (w *Window) Follow(ctx context.Context) {
	follow(ctx, w.Service, w.changed, w.counts, func(s agent.Status, lost error) {
		m := Present(s, lost, w.now(), w.Say)
		if w.waiting.Swap(&m) == nil {
			w.do(func() {
				if m := w.waiting.Swap(nil); m != nil {
					w.Render(*m)
				}
			})
		}
	})
}

// counts reports whether a countdown to s's next look can be seen.
func (w *Window) counts(s agent.Status, now time.Time) bool {
	id := w.counted.Load()
	if id == nil {
		return false
	}
	for _, b := range s.Mailboxes {
		if b.ID == *id {
			return b.Next.After(now)
		}
	}
	return false
}

// follow calls show in turn with the latest status and why there is no newer one:
// whenever one of them changes, when changed says that counts may have, and each
// second while it counts.
func follow(ctx context.Context, service agent.Service, changed <-chan struct{}, counts func(agent.Status, time.Time) bool, show func(agent.Status, error)) {
	type news struct {
		status agent.Status
		lost   error
	}
	arrived, ended := make(chan news), make(chan struct{})
	go func() {
		defer close(ended)
		watch(ctx, service, func(s agent.Status, lost error) {
			select {
			case arrived <- news{s, lost}:
			case <-ctx.Done():
			}
		})
	}()
	defer func() { <-ended }()
	var now news
	known := false
	for {
		var tick <-chan time.Time
		if known && counts(now.status, time.Now()) {
			tick = time.After(time.Second)
		}
		select {
		case <-ctx.Done():
			return
		case n := <-arrived:
			if n.lost != nil {
				n.status = now.status
			}
			now, known = n, true
		case <-tick:
		case <-changed:
			if !known {
				continue
			}
		}
		show(now.status, now.lost)
	}
}

// watch tells each status, and why there is none. What answered a moment ago gets
// one more chance before it is called lost; what does not answer at all, for
// instance because it speaks another version, is told at once.
func watch(ctx context.Context, service agent.Service, tell func(agent.Status, error)) {
	for ctx.Err() == nil {
		began, seen, lost := time.Now(), false, errEnded
		for s, err := range service.Watch(ctx) {
			if err != nil {
				lost = err
				break
			}
			seen = true
			tell(s, nil)
		}
		pause := blink
		if !seen || time.Since(began) < again {
			if ctx.Err() == nil {
				tell(agent.Status{}, lost)
			}
			pause = again
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// run does work beside the goroutine of Fyne, and then calls done there unless the
// window has been closed. The window waits for it.
func (w *Window) run(work func(ctx context.Context) error, done func(error)) {
	w.work.Go(func() {
		err := work(w.ctx)
		if w.ctx.Err() == nil {
			w.do(func() { done(err) })
		}
	})
}

func sleep(ctx context.Context, long time.Duration) {
	select {
	case <-time.After(long):
	case <-ctx.Done():
	}
}

// begin runs work that a control has begun, which cannot be used meanwhile. What
// goes wrong is shown in its own words.
func (w *Window) begin(by *button, work func(ctx context.Context) error) {
	by.busy = true
	by.Disable()
	w.run(work, func(err error) {
		by.busy = false
		by.Enable()
		w.renderView()
		if err != nil {
			w.fail(err)
		}
	})
}

// command is work that has the agent do c.
func (w *Window) command(c agent.Command) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		_, err := w.Service.Do(ctx, c)
		return err
	}
}

// order has the agent carry out a command; then, if not nil, is called when it has.
func (w *Window) order(c agent.Command, then func(profile.ID)) {
	var id profile.ID
	w.run(func(ctx context.Context) (err error) {
		id, err = w.Service.Do(ctx, c)
		return err
	}, func(err error) {
		switch {
		case err != nil:
			w.fail(err)
		case then != nil:
			then(id)
		}
	})
}
