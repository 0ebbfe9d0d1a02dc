package logonclient

import (
	"context"

	"github.com/homing-mail/homing/internal/mapi"
)

// getReceiveFolder asks for the receive folder of ordinary mail: a cheap ROP
// that needs a living logon object ([MS-OXCROPS] 2.2.3.2).
func (s *Session) getReceiveFolder(ctx context.Context) *Error {
	return s.execute(ctx, rop{
		id: mapi.RopGetReceiveFolder, name: "RopGetReceiveFolder",
		request: &mapi.GetReceiveFolderRequest{LogonID: logonID, InputHandleIndex: 0, MessageClass: "IPM"},
		handles: []uint32{s.handle},
		read: func(answer mapi.RopResponse, _ []uint32, x *Exchange) *Error {
			m, ok := answer.(*mapi.GetReceiveFolderResponse)
			if !ok {
				return stray(answer)
			}
			return s.returned(m.ReturnValue, x)
		},
	})
}
