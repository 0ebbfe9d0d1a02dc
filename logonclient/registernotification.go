package logonclient

import (
	"context"

	"github.com/homing-mail/homing/internal/mapi"
)

// notificationTypes asks for every event of the store except new mail, which
// arrives as a created object too: what Gromox 3.10 was seen to accept.
const notificationTypes = 0x03FC

// register registers the logon for notifications, once: without a registration
// NotificationWait has nothing to wait for ([MS-OXCROPS] 2.2.14.1).
func (s *Session) register(ctx context.Context) *Error {
	if s.registered {
		return nil
	}
	err := s.execute(ctx, rop{
		id: mapi.RopRegisterNotification, name: "RopRegisterNotification",
		request: &mapi.RegisterNotificationRequest{LogonID: logonID, InputHandleIndex: 0, OutputHandleIndex: 1,
			NotificationTypes: notificationTypes, WantWholeStore: true},
		handles: []uint32{s.handle, mapi.NoHandle},
		read: func(answer mapi.RopResponse, _ []uint32, x *Exchange) *Error {
			m, ok := answer.(*mapi.RegisterNotificationResponse)
			if !ok {
				return stray(answer)
			}
			return s.returned(m.ReturnValue, x)
		},
	})
	s.registered = err == nil
	return err
}
