package logonclient

import (
	"context"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// connect creates the Session Context ([MS-OXCMAPIHTTP] 3.1.5.1). A refusal has
// created none, although real servers send it in the layout of a success.
func (s *Session) connect(ctx context.Context) *Error {
	m := mapi.ConnectRequest{UserDN: s.target.LegacyDN, CodePage: 1252, LCIDSort: 0x0409, LCIDString: 0x0409}
	return s.do(ctx, request{kind: "Connect", op: "Connect", body: m.Append(nil), read: s.readConnect})
}

func (s *Session) readConnect(body []byte, x *Exchange) *Error {
	var m mapi.ConnectResponse
	if err := m.Parse(body); err != nil {
		return malformed(err)
	}
	s.retryDelay = min(time.Duration(m.RetryDelay)*time.Millisecond, maxAfter)
	s.facts.DisplayName = s.hidden(printable(m.DisplayName, 256))
	return s.codes(m.StatusCode, m.ErrorCode, x)
}
