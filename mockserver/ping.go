package mockserver

import (
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// ping keeps a Session Context alive. As seen from Exchange SE it succeeds
// without one too, so it proves nothing.
func (s *Server) ping(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx, code := s.contexts.find(c.r, c.server, c.who, c.urlGUID); code == mapi.ResponseSuccess {
		ctx.expires = time.Now().Add(expireUsed)
	}
	return reply{said: "alive"}
}
