package logonclient

import (
	"context"
	"encoding/binary"
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

// execute runs one ROP alone in an Execute ([MS-OXCMAPIHTTP] 2.2.4.2). What
// stands behind its answer, such as RopNotify, is skipped.
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
		rops, handles, err := mapi.ParseRopBuffer(m.RopBuffer)
		if err != nil {
			return malformed(err)
		}
		answers, rest, err := mapi.ParseResponses(rops)
		switch {
		case err != nil:
			return malformed(err)
		case len(answers) > 0:
			return r.read(answers[0], handles, x)
		case len(rest) == 0:
			return malformed(fmt.Errorf("no answer to %s", r.name))
		case mapi.RopID(rest[0]) == mapi.RopBackoff:
			return &Error{Kind: Busy, Said: "RopBackoff", After: backoff(rest, r.id)}
		}
		return malformed(fmt.Errorf("%v in the place of the answer to %s", mapi.RopID(rest[0]), r.name))
	}})
}

// stray is the error of an answer to something else.
func stray(answer mapi.RopResponse) *Error {
	return malformed(fmt.Errorf("an answer that was not asked for: %T", answer))
}

// backoff returns how long a RopBackoff asks to hold id back, 0 if it does not
// say ([MS-OXCROPS] 2.2.15.2):
//
//	RopId                  1   F9
//	LogonId                1
//	Duration               4   milliseconds, of the whole logon
//	BackoffRopCount        1
//	BackoffRopData     5 * n   RopId, Duration
//	AdditionalDataSize     2
//	AdditionalData         n
func backoff(b []byte, id mapi.RopID) time.Duration {
	if len(b) < 7 {
		return 0
	}
	after := binary.LittleEndian.Uint32(b[2:])
	for rops := b[7:]; len(rops) >= 5 && len(b)-7-len(rops) < 5*int(b[6]); rops = rops[5:] {
		if mapi.RopID(rops[0]) == id {
			after = max(after, binary.LittleEndian.Uint32(rops[1:]))
		}
	}
	return min(time.Duration(after)*time.Millisecond, maxAfter)
}
