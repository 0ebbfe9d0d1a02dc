package ui

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/profile"
)

// attempt is one address on its way.
type attempt struct {
	address string
	known   bool // the agent had it before
	seen    bool // a Model has had it

	waits  bool // for what comes of the latest look
	looked time.Time

	mu      sync.Mutex
	id      profile.ID // empty: the agent has not answered yet
	dropped bool       // the person has gone back
}

// at is where the agent has put it, empty as long as that is not known.
func (a *attempt) at() profile.ID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.id
}

// arrive says where the agent has put it, and reports whether that is too late.
func (a *attempt) arrive(id profile.ID) (dropped bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.id = id
	return a.dropped
}

// drop says that nobody wants it any more.
func (a *attempt) drop() profile.ID {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dropped = true
	return a.id
}

// forgetDraft forgets a mailbox that no profile has come of. It asks the agent how
// that stands now: a profile that exists is not for a wizard to delete.
func (w *Window) forgetDraft(ctx context.Context, id profile.ID) error {
	for s, err := range w.Service.Watch(ctx) {
		if err != nil {
			return err
		}
		if slices.ContainsFunc(s.Mailboxes, func(b agent.Mailbox) bool { return b.ID == id && b.Generation == 0 }) {
			return w.command(agent.Command{Op: agent.Forget, Profile: id})(ctx)
		}
		break
	}
	return nil
}
