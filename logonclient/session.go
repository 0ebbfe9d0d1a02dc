package logonclient

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Session is a logon that lives. One goroutine uses it at a time.
type Session struct {
	client *Client
	target Target
	line   *line

	// The Session Context ([MS-OXCMAPIHTTP] 3.1.1).
	id         string // GUID of X-RequestId
	clientInfo string
	requests   int // counter of X-RequestId
	cookies    cookies
	pending    time.Duration // X-PendingPeriod
	retryDelay time.Duration // of the Connect answer

	facts      Facts
	handle     uint32 // of the logon
	registered bool   // for notifications

	live   bool // logged on
	over   bool // nothing but Close makes sense any more
	gone   bool // nothing is left to disconnect, or no way to say so
	closed bool
}

// begin starts a Session Context with nothing of the one before: its cookies
// are not to be mixed with the new ones.
func (s *Session) begin() {
	*s = Session{client: s.client, target: s.target, line: s.line,
		id: newGUID(), clientInfo: s.client.clientInfo(), pending: defaultPending}
}

// Facts returns what the logon told about the mailbox and its server.
func (s *Session) Facts() Facts { return s.facts }

// Target returns where the session is logged on.
func (s *Session) Target() Target { return s.target }

// Probe proves that the logon lives, by an ordinary ROP on its handle
// (RopGetReceiveFolder). It also takes delivery of pending notifications, whose
// content it ignores. The error is an *Error; of kind SessionLost where the
// object was invalidated, as a move does, or the context or the connection
// died.
func (s *Session) Probe(ctx context.Context) error {
	if err := s.usable("Execute RopGetReceiveFolder"); err != nil {
		return err
	}
	return asError(s.getReceiveFolder(ctx))
}

// Wait waits for something to happen in the mailbox, by NotificationWait, for
// which it registers at its first call. It returns false when the server has
// nothing to tell, as it does after some minutes, and true when there is: then
// call Probe, or the next Wait returns at once.
//
// Timeout does not count here. A server that sends no first byte within a
// minute, or is silent for three times its X-PendingPeriod, has lost the
// request: SessionLost. Where ctx ends, Wait returns ctx's error, and the
// session is of use for Close only. Every other error is an *Error.
func (s *Session) Wait(ctx context.Context) (bool, error) {
	if err := s.usable("NotificationWait"); err != nil {
		return false, err
	}
	var event bool
	err := s.register(ctx)
	if err == nil {
		event, err = s.notificationWait(ctx)
	}
	if err != nil && ctx.Err() != nil {
		return false, ctx.Err()
	}
	return event, asError(err)
}

// Close ends the session by Disconnect, within five seconds and also when ctx
// has ended, and closes the connection. After a SessionLost it only closes the
// connection. A second Close does nothing. The error is an *Error; the
// connection is closed all the same.
func (s *Session) Close(ctx context.Context) error {
	if s.closed {
		return nil
	}
	s.closed, s.over = true, true
	defer s.line.close()
	if s.gone {
		return nil
	}
	return asError(s.disconnect(context.WithoutCancel(ctx)))
}

// usable says that the session is over, if it is.
func (s *Session) usable(op string) error {
	if !s.over && !s.gone {
		return nil
	}
	return &Error{Kind: SessionLost, Op: op, Host: s.target.Access.Hop.To, ResponseCode: -1, Said: "the session is over: log on again"}
}

// asError keeps a nil *Error from becoming an error that is not nil.
func asError(err *Error) error {
	if err == nil {
		return nil
	}
	return err
}

// Limits on what a server may tell about time.
const (
	defaultPending = 30 * time.Second // [MS-OXCMAPIHTTP] 2.2.3.3.5
	minPending     = time.Second
	maxPending     = 5 * time.Minute
	maxIdleLimit   = 24 * time.Hour
	maxAfter       = time.Hour
)

// note keeps what the headers of an answer tell.
func (s *Session) note(h http.Header) {
	s.cookies.keep(h)
	if d, ok := milliseconds(h.Get("X-PendingPeriod")); ok {
		s.pending = min(max(d, minPending), maxPending)
	}
	if d, ok := milliseconds(h.Get("X-ExpirationInfo")); ok {
		s.facts.IdleLimit = min(d, maxIdleLimit)
	}
	if v := h.Get("X-ServerApplication"); v != "" {
		s.facts.ServerVersion = printable(v, 64)
	}
}

// seen tells the log and the caller of an exchange.
func (s *Session) seen(ctx context.Context, x Exchange) {
	if log := s.client.Log; log != nil {
		log.LogAttrs(ctx, slog.LevelDebug, "exchange", slog.String("component", "logonclient"),
			slog.String("server", x.Host), slog.String("op", x.Op), slog.String("request_id", x.RequestID),
			slog.Int("status", x.HTTPStatus), slog.Int("response_code", x.ResponseCode),
			slog.Uint64("code", uint64(max(x.StatusCode, x.ErrorCode, x.ReturnValue))),
			slog.Duration("elapsed", x.Elapsed), slog.String("err", x.Err))
	}
	if s.client.Seen != nil {
		s.client.Seen(x)
	}
}
