package mockserver

import "github.com/homing-mail/homing/internal/mapi"

// getReceiveFolder runs a RopGetReceiveFolder: everything goes to the Inbox.
func (r *rops) getReceiveFolder(q *mapi.GetReceiveFolderRequest) {
	a := mapi.GetReceiveFolderResponse{InputHandleIndex: q.InputHandleIndex}
	_, code := r.ctx.object(r.handles[q.InputHandleIndex], q.LogonID)
	if a.ReturnValue = code; code == mapi.EcNone {
		a.FolderID, a.MessageClass = r.call.folderID(mapi.FolderInbox), q.MessageClass
		r.note(mapi.EcNone, "receive folder")
	} else {
		r.note(code, code.Name())
	}
	r.out = a.Append(r.out)
}
