package logonclient

import (
	"context"
	"fmt"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// maxRopOut is the longest answer that an Execute asks for: 64 KiB and the
// header, which every server grants ([MS-OXCRPC] 3.1.4.2).
const maxRopOut = 0x10008

// rop is one remote operation and how its answer is read.
type rop struct {
	id      mapi.RopID
	name    string // "RopLogon"
	request mapi.RopRequest
	handles []uint32
	read    func(answer mapi.RopResponse, handles []uint32, x *Exchange) *Error
}

// execute runs one ROP alone in an Execute ([MS-OXCMAPIHTTP] 2.2.4.2).
func (s *Session) execute(ctx context.Context, r rop) *Error {
	m := mapi.ExecuteRequest{
		Flags:     mapi.ExecuteNoCompression | mapi.ExecuteNoXorMagic,
		RopBuffer: mapi.AppendRopBuffer(nil, r.request.Append(nil), r.handles),
		MaxRopOut: maxRopOut,
	}
	return s.do(ctx, request{kind: "Execute", op: "Execute " + r.name, body: m.Append(nil), read: func(body []byte, x *Exchange) *Error {
		var m mapi.ExecuteResponse
		if err := m.Parse(body); err != nil {
			return malformed(err)
		}
		if err := s.codes(m.StatusCode, m.ErrorCode, x); err != nil {
			return err
		}
		list, err := mapi.ParseRopBuffers(m.RopBuffer)
		if err != nil {
			return malformed(err)
		}
		answer, handles, refused := answerTo(r, list)
		if refused != nil {
			return refused
		}
		return r.read(answer, handles, x)
	}})
}

// answerTo finds the answer to r, with its handle table, among what a server
// may also say that nobody asked for, in several buffers although nobody set the
// flag Chain. What stands behind the answer does not count.
//
// RopPending in front of it is news for another session of a client, and is
// passed over ([MS-OXCROPS] 2.2.14.3). A RopBackoff that means r is busy:
// nothing behind it was run (2.2.15.2). A RopNotify hides what follows, since
// nothing but its event tells its length (2.2.14.2): nobody knows what became of
// r, so the session is lost.
func answerTo(r rop, buffers []mapi.RopBuffer) (mapi.RopResponse, []uint32, *Error) {
	fail := func(e *Error) (mapi.RopResponse, []uint32, *Error) { return nil, nil, e }
	backoff := false
	for _, buffer := range buffers {
		list, rest, err := mapi.ParseResponses(buffer.Rops)
		if err != nil {
			return fail(malformed(err))
		}
		for _, answer := range list {
			switch m := answer.(type) {
			case *mapi.PendingResponse:
			case *mapi.BackoffResponse:
				if after, ok := heldBack(m, r.id); ok {
					return fail(&Error{Kind: Busy, Said: "RopBackoff", After: after})
				}
				backoff = true
			case *mapi.BufferTooSmallResponse:
				return fail(malformed(fmt.Errorf("RopBufferTooSmall: the answer to %s would take %d bytes, of the %d that were granted", r.name, m.SizeNeeded, maxRopOut)))
			default:
				return answer, buffer.Handles, nil
			}
		}
		switch {
		case len(rest) == 0:
		case mapi.RopID(rest[0]) == mapi.RopNotify:
			return fail(&Error{Kind: SessionLost, Said: "RopNotify in front of the answer to " + r.name})
		default:
			return fail(malformed(fmt.Errorf("%v in the place of the answer to %s", mapi.RopID(rest[0]), r.name)))
		}
	}
	if backoff {
		return fail(&Error{Kind: Busy, Said: "RopBackoff in the place of the answer to " + r.name})
	}
	return fail(malformed(fmt.Errorf("no answer to %s", r.name)))
}

// heldBack reports whether a RopBackoff means id on our logon, and for how long:
// the whole logon where it names no ROPs.
func heldBack(m *mapi.BackoffResponse, id mapi.RopID) (time.Duration, bool) {
	if m.LogonID != logonID {
		return 0, false
	}
	after, ok := m.Duration, len(m.Rops) == 0
	for _, rop := range m.Rops {
		if rop.ID == id {
			after, ok = max(after, rop.Duration), true
		}
	}
	return min(time.Duration(after)*time.Millisecond, maxAfter), ok
}

// stray is the error of an answer to something else.
func stray(answer mapi.RopResponse) *Error {
	return malformed(fmt.Errorf("an answer that was not asked for: %T", answer))
}
