package agent

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/homing-mail/homing/profile"
)

// hub holds the latest snapshot of every mailbox and tells who watches.
type hub struct {
	mu      sync.Mutex
	status  Status
	changed chan struct{} // closed and replaced at each change
	closed  bool
}

func newHub() hub {
	return hub{status: Status{Version: StatusVersion}, changed: make(chan struct{})}
}

func (h *hub) put(m Mailbox) {
	h.change(func(boxes []Mailbox) []Mailbox {
		i, found := slices.BinarySearchFunc(boxes, m.ID, func(b Mailbox, id profile.ID) int { return strings.Compare(string(b.ID), string(id)) })
		if found {
			boxes[i] = m
			return boxes
		}
		return slices.Insert(boxes, i, m)
	})
}

func (h *hub) remove(id profile.ID) {
	h.change(func(boxes []Mailbox) []Mailbox {
		return slices.DeleteFunc(boxes, func(b Mailbox) bool { return b.ID == id })
	})
}

// close ends every watch after the last status.
func (h *hub) close() {
	h.change(func(boxes []Mailbox) []Mailbox { h.closed = true; return boxes })
}

func (h *hub) change(f func([]Mailbox) []Mailbox) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status.Mailboxes = f(slices.Clone(h.status.Mailboxes))
	h.status.Seq++
	close(h.changed)
	h.changed = make(chan struct{})
}

// watch yields the status and then each later one until ctx or the hub ends.
func (h *hub) watch(ctx context.Context, yield func(Status, error) bool) {
	for {
		h.mu.Lock()
		status, changed, closed := h.status, h.changed, h.closed
		h.mu.Unlock()
		if !yield(status, nil) || closed {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
