package logonclient

import (
	"context"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// disconnectLimit is short: whoever disconnects has lost interest.
const disconnectLimit = 5 * time.Second

// disconnect ends the Session Context ([MS-OXCMAPIHTTP] 3.1.5.4), and with it
// the logon and the registration.
func (s *Session) disconnect(ctx context.Context) *Error {
	var m mapi.DisconnectRequest
	return s.do(ctx, request{kind: "Disconnect", op: "Disconnect", body: m.Append(nil), limit: disconnectLimit, read: s.readDisconnect})
}

func (s *Session) readDisconnect(body []byte, x *Exchange) *Error {
	var m mapi.DisconnectResponse
	if err := m.Parse(body); err != nil {
		return malformed(err)
	}
	return s.codes(m.StatusCode, m.ErrorCode, x)
}
