package mockserver

import "github.com/homing-mail/homing/internal/mapi"

// disconnect ends a Session Context. The last cookies go out with the answer.
func (s *Server) disconnect(c *call) reply {
	var q mapi.DisconnectRequest
	if err := q.Parse(c.body); err != nil {
		return failed(mapi.ResponseInvalidRequestBody)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, code := s.contexts.enter(c)
	if code != mapi.ResponseSuccess {
		return failed(code)
	}
	ctx.turn(c)
	s.contexts.end(ctx)
	var answer mapi.DisconnectResponse
	return reply{body: answer.Append(nil), context: ctx, expires: c.server.flavour.used, said: "disconnected"}
}
