package mockserver

import "github.com/homing-mail/homing/internal/mapi"

// disconnect ends a Session Context. The last cookies go out with the answer.
func (s *Server) disconnect(c *call) reply {
	var q mapi.DisconnectRequest
	return s.inTurn(c, &q, func(ctx *sessionContext) reply {
		s.contexts.end(ctx)
		var answer mapi.DisconnectResponse
		return reply{body: answer.Append(nil), context: ctx, expires: c.server.flavour.used, said: "disconnected"}
	})
}
