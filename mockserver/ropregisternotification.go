package mockserver

import "github.com/homing-mail/homing/internal/mapi"

// registerNotification runs a RopRegisterNotification. What is registered for is
// not looked at: every event of the mailbox completes a NotificationWait.
func (r *rops) registerNotification(q *mapi.RegisterNotificationRequest) {
	a := mapi.RegisterNotificationResponse{OutputHandleIndex: q.OutputHandleIndex}
	on, code := r.ctx.object(r.handles[q.InputHandleIndex], q.LogonID)
	if a.ReturnValue = code; code == mapi.EcNone {
		r.handles[q.OutputHandleIndex] = r.ctx.attach(&storeObject{logonID: q.LogonID, mailbox: on.mailbox, registration: true})
		r.note(mapi.EcNone, "registered")
	} else {
		r.note(code, code.Name())
	}
	r.out = a.Append(r.out)
}
