package mockserver

import (
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
	old, code := s.replaced(c)
	if code != mapi.ResponseSuccess {
		return failed(code)
	}
	if c.gromox() {
		return s.connectGromox(c, &q, old)
	}
	answer := mapi.ConnectResponse{ErrorCode: s.decideConnect(c, &q)}
	if answer.ErrorCode != mapi.EcNone && c.server.flavour.failureLayout {
		refused := mapi.ConnectResponse{StatusCode: answer.ErrorCode}
		return reply{body: refused.Append(nil), status: refused.StatusCode, ec: refused.StatusCode}
	}
	ctx := s.contexts.add(c)
	ctx.next(c.server.flavour.connected)
	if answer.ErrorCode == mapi.EcNone {
		answer.PollsMax, answer.RetryCount, answer.RetryDelay = 60000, 6, 13000+c.random(forReply).Uint32N(1000)
		answer.DNPrefix, answer.DisplayName = c.forest.group()+"/cn=Recipients/cn=", c.url.displayName()
		answer.Aux = serverAux(c.server, auxConnected)
	} else {
		// The success layout, all empty, as seen from Exchange SE.
		answer.Aux = serverAux(c.server, auxRefused)
	}
	r := reply{body: answer.Append(nil), context: ctx, expires: c.server.flavour.connected, ec: answer.ErrorCode}
	if r.ec == mapi.EcNone {
		r.said = "connected"
	}
	return r
}

// replaced is the context that a Connect or a Bind with cookies comes from; nil:
// it has none. Exchange ends it ([MS-OXCMAPIHTTP] 3.2.5.6), Gromox goes on with
// it.
func (s *Server) replaced(c *call) (*sessionContext, mapi.ResponseCode) {
	_, ok := cookie(c.r, cookieContext)
	if c.gromox() {
		ok = c.r.Header.Get("Cookie") != ""
	}
	if !ok {
		return nil, mapi.ResponseSuccess
	}
	old, code := s.contexts.find(c)
	if code == mapi.ResponseSuccess && !c.gromox() {
		s.contexts.end(old)
	}
	return old, code
}

// decideConnect is the ErrorCode of Connect.
func (s *Server) decideConnect(c *call, q *mapi.ConnectRequest) mapi.Code {
	user := s.dir.byLegacyDN(c.forest, q.UserDN)
	switch {
	case q.UserDN == "":
		return mapi.EcAccessDenied
	case q.Flags&1 != 0: // administrator: nobody here is one
		return mapi.EcLoginPerm
	case user != nil && !user.mayOpen(c.who) && c.server.flavour.noRightsConnect:
		return mapi.EcLoginPerm
	case c.server.refuseAt == RefuseConnect && (user == nil || !c.url.served(c.server)):
		_, code, _ := c.forest.withoutDirectory(c.server, nil, c.server.unknown, "")
		return code
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
	if m.move == nil || !m.move.locked || s.flavour.inTransit == mapi.EcNone {
		return false
	}
	for _, p := range []place{m.home, m.move.to} {
		if p.server == s || p.server.forest == s.forest && s.names == NameGUID {
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
