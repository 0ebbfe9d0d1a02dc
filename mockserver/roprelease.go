package mockserver

import "github.com/homing-mail/homing/internal/mapi"

// release runs a RopRelease: no answer, errors are swallowed. The handle of a
// logon takes all that was opened on it with it.
func (r *rops) release(q *mapi.ReleaseRequest) {
	r.note(mapi.EcNone, "released")
	if !r.has(q.InputHandleIndex) {
		return
	}
	handle := r.handles[q.InputHandleIndex]
	o := r.ctx.objects[handle]
	switch {
	case o == nil:
	case o.registration:
		delete(r.ctx.objects, handle)
	default:
		r.ctx.endLogon(o.logonID)
	}
}
