package mockserver

import (
	"github.com/homing-mail/homing/internal/mapi"
)

// execute runs a buffer of ROPs.
func (s *Server) execute(c *call) reply {
	var q mapi.ExecuteRequest
	return s.inTurn(c, &q, func(ctx *sessionContext) reply { return s.run(c, ctx, &q) })
}

// run runs the buffer of q in ctx. s.mu is held.
func (s *Server) run(c *call, ctx *sessionContext, q *mapi.ExecuteRequest) reply {
	run := rops{s: s, call: c, ctx: ctx}
	answer := mapi.ExecuteResponse{}
	list, handles, err := mapi.ParseRopBuffer(q.RopBuffer)
	if err == nil {
		run.handles = handles
		run.list, err = mapi.ParseRequests(list)
	}
	if err != nil { // the whole call is refused ([MS-OXCROPS] 3.2.5.1)
		answer.ErrorCode, run.said = mapi.EcRPCFormat, err.Error()
	} else {
		answer.StatusCode, answer.ErrorCode = run.run()
	}
	if answer.StatusCode == mapi.EcNone && answer.ErrorCode == mapi.EcNone {
		const headers = 8 + 2 // RPC_HEADER_EXT, RopSize
		switch size := headers + len(run.out) + 4*len(run.handles); {
		case size-8 <= mapi.MaxPayload && uint64(size) <= uint64(q.MaxRopOut):
			answer.RopBuffer = mapi.AppendRopBuffer(nil, run.out, run.handles)
		default:
			answer = mapi.ExecuteResponse{StatusCode: mapi.EcBufferTooSmall}
			if c.gromox() {
				answer.StatusCode = mapi.RPCXBadStubData
			}
		}
	}
	r := reply{body: answer.Append(nil), context: ctx, expires: c.server.flavour.used, status: answer.StatusCode, ec: run.decided, said: run.said}
	for _, ec := range []mapi.Code{answer.ErrorCode, answer.StatusCode} {
		if ec != mapi.EcNone {
			r.ec = ec
		}
	}
	return r
}

// rops is one run through a list of ROPs ([MS-OXCROPS] 3.2.5.1).
type rops struct {
	s       *Server
	call    *call
	ctx     *sessionContext
	list    []mapi.RopRequest
	handles []uint32
	out     []byte
	decided mapi.Code // the first ReturnValue that is not EcNone
	said    string
}

// run runs the list; a StatusCode or an ErrorCode ends the whole call.
func (r *rops) run() (status, failure mapi.Code) {
	for _, rop := range r.list {
		switch rop := rop.(type) {
		case *mapi.LogonRequest:
			if !r.has(rop.OutputHandleIndex) {
				r.noSlot(&mapi.LogonResponse{OutputHandleIndex: rop.OutputHandleIndex, ReturnValue: mapi.EcNullObject})
				continue
			}
			if status := r.logon(rop); status != mapi.EcNone {
				return status, 0
			}
		case *mapi.ReleaseRequest:
			r.release(rop)
		case *mapi.RegisterNotificationRequest:
			if !r.has(rop.InputHandleIndex) || !r.has(rop.OutputHandleIndex) {
				r.noSlot(&mapi.RegisterNotificationResponse{OutputHandleIndex: rop.OutputHandleIndex, ReturnValue: mapi.EcNullObject})
				continue
			}
			r.registerNotification(rop)
		case *mapi.GetReceiveFolderRequest:
			if !r.has(rop.InputHandleIndex) {
				r.noSlot(&mapi.GetReceiveFolderResponse{InputHandleIndex: rop.InputHandleIndex, ReturnValue: mapi.EcNullObject})
				continue
			}
			r.getReceiveFolder(rop)
		default:
			return 0, mapi.EcRPCFormat
		}
	}
	if r.said == "" {
		r.said = "nothing to do"
	}
	return 0, 0
}

// noSlot answers a ROP that names a slot that is not there ([MS-OXCROPS] 3.2.5.1).
func (r *rops) noSlot(answer mapi.RopResponse) {
	r.note(mapi.EcNullObject, mapi.EcNullObject.Name())
	r.out = answer.Append(r.out)
}

func (r *rops) has(slot uint8) bool { return int(slot) < len(r.handles) }

// note keeps for the record what decided: the first failure, else the last ROP.
func (r *rops) note(ec mapi.Code, said string) {
	if r.decided == mapi.EcNone {
		r.decided, r.said = ec, said
	}
}
