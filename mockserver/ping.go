package mockserver

import (
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// ping keeps a Session Context alive. As seen from Exchange SE it succeeds
// without one too, so it proves nothing; Gromox wants one.
func (s *Server) ping(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, code := s.contexts.find(c)
	if code == mapi.ResponseSuccess {
		ctx.expires = time.Now().Add(c.server.flavour.used)
	}
	r := reply{said: "alive"}
	if c.gromox() {
		r.code, r.context = code, ctx
	}
	return r
}
