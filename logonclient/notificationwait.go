package logonclient

import (
	"context"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// firstByte is how long the head of an answer to NotificationWait may be in
// coming; a server sends it at once ([MS-OXCMAPIHTTP] 3.2.5.2).
const firstByte = time.Minute

// longestWait is how long a server may have nothing to tell and say so: whoever
// waits cannot probe. Real ones answer within some minutes.
const longestWait = 30 * time.Minute

// notificationWait waits until the server has something to tell, or no longer
// wants to be asked ([MS-OXCMAPIHTTP] 3.1.5.5).
func (s *Session) notificationWait(ctx context.Context) (event bool, err *Error) {
	var m mapi.NotificationWaitRequest
	err = s.do(ctx, request{kind: "NotificationWait", op: "NotificationWait", body: m.Append(nil), limit: -1,
		read: func(body []byte, x *Exchange) *Error {
			var m mapi.NotificationWaitResponse
			if err := m.Parse(body); err != nil {
				return malformed(err)
			}
			event = m.EventPending
			return s.codes(m.StatusCode, m.ErrorCode, x)
		}})
	return event && err == nil, err
}

// watchdog returns a context that ends when the server has been silent too
// long: for first at the beginning, then, from each time that alive is called,
// for three periods of its PENDING, or least if that is longer. It ends after
// longest, whatever the server says.
func watchdog(ctx context.Context, first, least, longest time.Duration) (_ context.Context, alive func(pending time.Duration), stop func()) {
	ctx, end := context.WithTimeoutCause(ctx, longest, silence(longest))
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(first, func() { cancel(silence(first)) })
	alive = func(pending time.Duration) {
		if !timer.Stop() {
			return // it is too late
		}
		limit := max(3*pending, least)
		timer = time.AfterFunc(limit, func() { cancel(silence(limit)) })
	}
	return ctx, alive, func() { timer.Stop(); cancel(nil); end() }
}
