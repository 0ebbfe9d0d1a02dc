package logonclient

import "context"

// Session is a logon that lives. One goroutine uses it at a time.
type Session struct {
	dialogue
	target     Target
	facts      Facts
	handle     uint32 // of the logon
	registered bool   // for notifications
	closed     bool
}

// Facts returns what the logon told about the mailbox and its server.
func (s *Session) Facts() Facts {
	f := s.facts
	f.ServerVersion, f.IdleLimit = s.serverVersion, s.idleLimit
	return f
}

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
	return &Error{Kind: SessionLost, Op: op, Host: s.host, ResponseCode: -1, Said: "the session is over: log on again"}
}

// asError keeps a nil *Error from becoming an error that is not nil.
func asError(err *Error) error {
	if err == nil {
		return nil
	}
	return err
}
