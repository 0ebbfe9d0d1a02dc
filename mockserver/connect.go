package mockserver

import (
	"math/rand/v2"

	"github.com/homing-mail/homing/internal/mapi"
)

// connect makes a Session Context, also when it refuses the mailbox: real
// servers hand out cookies even then.
func (s *Server) connect(c *call) reply {
	var q mapi.ConnectRequest
	if err := q.Parse(c.body); err != nil {
		return failed(mapi.ResponseInvalidRequestBody)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// A Connect with old cookies replaces the old context ([MS-OXCMAPIHTTP] 3.2.5.6).
	if _, ok := cookie(c.r, cookieContext); ok {
		old, code := s.contexts.find(c.r, c.server, c.who, c.urlGUID)
		if code != mapi.ResponseSuccess {
			return failed(code)
		}
		s.contexts.end(old)
	}
	ctx := s.contexts.add(c.server, c.who, c.urlGUID)
	ctx.next(expireConnected)
	answer := mapi.ConnectResponse{ErrorCode: s.decideConnect(c, &q)}
	if answer.ErrorCode == mapi.EcNone {
		answer.PollsMax, answer.RetryCount, answer.RetryDelay = 60000, 6, 13000+rand.Uint32N(1000)
		answer.DNPrefix, answer.DisplayName = c.forest.group()+"/cn=Recipients/cn=", c.url.displayName()
		answer.Aux = serverAux(c.server, auxConnected)
	} else {
		// The success layout, all empty, as seen from Exchange SE.
		answer.Aux = serverAux(c.server, auxRefused)
	}
	r := reply{body: answer.Append(nil), context: ctx, expires: expireConnected, ec: answer.ErrorCode}
	if r.ec == mapi.EcNone {
		r.said = "connected"
	}
	return r
}

// decideConnect is the ErrorCode of Connect.
func (s *Server) decideConnect(c *call, q *mapi.ConnectRequest) mapi.Code {
	user := s.dir.byLegacyDN(c.forest, q.UserDN)
	switch {
	case q.UserDN == "":
		return mapi.EcAccessDenied
	case q.Flags&1 != 0: // administrator: nobody here is one
		return mapi.EcLoginPerm
	case user != nil && !user.mayOpen(c.who):
		return mapi.EcLoginPerm
	case c.forest.RefuseAt == RefuseConnect && (user == nil || !c.url.served(c.server)):
		return c.forest.unknown
	}
	return mapi.EcNone
}

// served reports whether the mailbox is one that s has something to say about:
// its forest holds it, a move to the forest is in its last part, or a script
// told s what to say.
func (m *mailbox) served(s *server) bool {
	if m.object(s.forest).kind == objectMailbox {
		return true
	}
	return m.inTransit(s) || m.claim(s) != ""
}

// inTransit reports whether s refuses every logon to m because of a move.
func (m *mailbox) inTransit(s *server) bool {
	if m.move == nil || !m.move.locked {
		return false
	}
	for _, p := range []place{m.home, m.move.to} {
		if p.server == s || p.server.forest == s.forest && s.forest.ServerName == NameGUID {
			return true
		}
	}
	return false
}

func (m *mailbox) claim(s *server) string {
	if m.past == nil {
		return ""
	}
	return m.past.claims[s]
}

// The length in bytes of the auxiliary buffer of Connect, as seen from Exchange
// SE 15.02.2562.045.
const (
	auxConnected = 269
	auxRefused   = 1438
)

// serverAux is an auxiliary buffer of size bytes: capabilities, the server's
// name, and a block that no client knows, to be skipped by its size.
func serverAux(s *server, size int) []byte {
	name := append([]byte(s.Name), 0)
	blocks := []mapi.AuxBlock{
		{Version: 1, Type: mapi.AuxExOrgInfo, Data: []byte{2, 0, 0, 0}},
		{Version: 1, Type: mapi.AuxServerCapabilities, Data: []byte{10, 0, 0, 0}},
		{Version: 1, Type: mapi.AuxEndpointCapabilities, Data: []byte{1, 0, 0, 0}},
		{Version: 1, Type: mapi.AuxServerSessionInfo, Data: append([]byte{6, 0}, name...)},
	}
	var payload []byte
	for _, b := range blocks {
		payload = b.Append(payload)
	}
	const header, block = 8, 4
	filler := mapi.AuxBlock{Version: 1, Type: 0x7F, Data: make([]byte, max(size-header-block-len(payload), 0))}
	return mapi.AppendPayload(nil, filler.Append(payload))
}
