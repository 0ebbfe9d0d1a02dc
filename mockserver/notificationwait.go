package mockserver

import (
	"net/http"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// notificationWait answers PROCESSING at once, PENDING each period, and DONE
// when there is an event for a registration, when the context is gone, or after
// five minutes ([MS-OXCMAPIHTTP] 3.2.5.5). It may run beside one other request
// of the same context, so it neither checks nor rotates the sequence.
func (s *Server) notificationWait(c *call) {
	ctx, code := s.beginWait(c)
	if code != mapi.ResponseSuccess {
		c.reply(failed(code))
		return
	}
	ended := false
	defer func() { // a fault may end the handler
		if !ended {
			s.endWait(c, ctx)
		}
	}()
	r := reply{context: ctx, expires: c.server.flavour.used, said: "waiting"}
	c.open(c.compose(r))

	r = s.wait(c, ctx)
	s.endWait(c, ctx)
	ended = true
	a := c.ending(c.late(r))
	s.record.amend(c.Request)
	if r.said == hungUp {
		panic(http.ErrAbortHandler)
	}
	c.finish(a)
}

func (s *Server) beginWait(c *call) (*sessionContext, mapi.ResponseCode) {
	var q mapi.NotificationWaitRequest
	if err := q.Parse(c.body); err != nil {
		return nil, mapi.ResponseInvalidRequestBody
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, code := s.contexts.find(c)
	switch {
	case code != mapi.ResponseSuccess:
		return nil, code
	case ctx.waiting:
		return nil, mapi.ResponseInvalidSequence
	}
	if _, ok := cookie(c.r, cookieSequence); !ok && !c.gromox() {
		return nil, mapi.ResponseMissingCookie
	}
	ctx.waiting = true
	return ctx, mapi.ResponseSuccess
}

func (s *Server) endWait(c *call, ctx *sessionContext) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx.waiting, ctx.expires = false, time.Now().Add(ctx.server.flavour.used)
}

const hungUp = "hung up"

func (s *Server) wait(c *call, ctx *sessionContext) reply {
	pending := mapi.NotificationWaitResponse{EventPending: true}
	nothing := mapi.NotificationWaitResponse{}
	end := c.started.Add(c.server.flavour.maxWait)
	period, pendingTag := c.server.flavour.pending()
	for {
		left := time.Until(end)
		if left <= 0 {
			return reply{body: nothing.Append(nil), said: "no event"}
		}
		timer := time.NewTimer(min(period, left))
		select {
		case <-ctx.gone:
			timer.Stop()
			if s.isOff(c.server) {
				return reply{said: hungUp}
			}
			if c.gromox() { // has no way to say so
				return reply{body: nothing.Append(nil), said: "the context is gone"}
			}
			return failed(mapi.ResponseContextNotFound)
		case <-ctx.pending:
			timer.Stop()
			return reply{body: pending.Append(nil), said: "event pending"}
		case <-c.r.Context().Done():
			timer.Stop()
			return reply{said: hungUp}
		case <-s.done:
			timer.Stop()
			return reply{said: hungUp}
		case <-timer.C:
			if time.Now().Before(end) {
				c.tag(pendingTag)
			}
		}
	}
}

func (s *Server) isOff(at *server) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dir.sites[at.Host].off
}
