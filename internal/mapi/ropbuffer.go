package mapi

import (
	"encoding/binary"
	"fmt"
)

// NoHandle is the value of a slot of the handle table that holds no server
// object; a server never assigns it ([MS-OXCROPS] 2.2.1).
const NoHandle uint32 = 0xFFFFFFFF

// maxHandles is how many slots an index of one byte can reach.
const maxHandles = 256

// Limits of a RopBuffer of several payloads ([MS-OXCRPC] 3.1.4.2.1.2.2).
const (
	maxChain        = 96
	maxChainPayload = 32 << 10
)

// RopBuffer is one of the ROP buffers that a server chains in one answer to a
// client that set [ExecuteChain].
type RopBuffer struct {
	Rops    []byte   // the list, for ParseRequests or ParseResponses
	Handles []uint32 // the handle table, at most 256 slots
}

// AppendRopBuffer adds to b a RopBuffer with the ROPs in rops, already encoded
// one behind the other, and the handle table ([MS-OXCROPS] 2.2.1), behind a
// plain header. It panics when the whole is longer than [MaxPayload].
//
//	RPC_HEADER_EXT            8
//	RopSize                   2      counts itself and RopsList
//	RopsList                  RopSize - 2
//	ServerObjectHandleTable   4 * n  all the rest
func AppendRopBuffer(b, rops []byte, handles []uint32) []byte {
	total := 2 + len(rops) + 4*len(handles)
	if total > MaxPayload {
		panic(fmt.Sprintf("mapi: rop buffer of %d bytes", total))
	}
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(PayloadLast))
	b = binary.LittleEndian.AppendUint16(b, uint16(total))
	b = binary.LittleEndian.AppendUint16(b, uint16(total))
	return appendRops(b, rops, handles)
}

func appendRops(b, rops []byte, handles []uint32) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(2+len(rops)))
	b = append(b, rops...)
	for _, h := range handles {
		b = binary.LittleEndian.AppendUint32(b, h)
	}
	return b
}

// AppendRopBuffers adds to b each buffer of list behind a header of its own, in
// the form that flags ask for (see [AppendPayloadAs]); the last one, and no
// other, has the flag Last ([MS-OXCRPC] 3.1.4.2.1.2.2). It panics when list has
// more than 96 buffers, and when one of them is longer than [MaxPayload] or, if
// there are several, than 32 KiB before compression.
func AppendRopBuffers(b []byte, list []RopBuffer, flags PayloadFlags) []byte {
	if len(list) > maxChain {
		panic(fmt.Sprintf("mapi: %d rop buffers", len(list)))
	}
	var payload []byte
	for i, one := range list {
		if total := 2 + len(one.Rops) + 4*len(one.Handles); total > MaxPayload || total > maxChainPayload && len(list) > 1 {
			panic(fmt.Sprintf("mapi: rop buffer of %d bytes, one of %d", total, len(list)))
		}
		flags &^= PayloadLast
		if i == len(list)-1 {
			flags |= PayloadLast
		}
		payload = appendRops(payload[:0], one.Rops, one.Handles)
		b = AppendPayloadAs(b, payload, flags)
	}
	return b
}

// ParseRopBuffer reads the RopBuffer b and returns its list of ROPs, for
// [ParseRequests] or [ParseResponses], and its handle table, of at most 256
// slots. It reads one payload and refuses several, which a server sends only to
// a client that sets [ExecuteChain]; for them there is [ParseRopBuffers].
func ParseRopBuffer(b []byte) (rops []byte, handles []uint32, err error) {
	payload, err := readOnly("rop buffer", b)
	if err != nil {
		return nil, nil, err
	}
	one, err := parseRops(payload)
	return one.Rops, one.Handles, err
}

// ParseRopBuffers reads the RopBuffer b, which may have up to 96 payloads, each
// a ROP buffer of its own ([MS-OXCRPC] 3.1.4.2.1.2.2); several are at most 32
// KiB each. Only the last one may have the flag Last. The error names the
// payload, counted from 1; Offset counts from where that payload starts.
func ParseRopBuffers(b []byte) ([]RopBuffer, error) {
	var list []RopBuffer
	for last := false; !last; {
		payload, rest, isLast, err := ReadPayload(b)
		if err == nil {
			err = checkChain(len(list)+1, len(payload), len(rest), isLast)
		}
		var one RopBuffer
		if err == nil {
			one, err = parseRops(payload)
		}
		if err != nil {
			return nil, fmt.Errorf("payload %d: %w", len(list)+1, err)
		}
		list = append(list, one)
		b, last = rest, isLast
	}
	return list, nil
}

// checkChain says what is wrong with payload n of a chain, of size bytes, with
// left bytes behind it.
func checkChain(n, size, left int, last bool) error {
	why, field, off := "", "Flags", 2
	switch {
	case last && left > 0:
		why = fmt.Sprintf("%d bytes behind the flag Last", left)
	case !last && left == 0:
		why = "no flag Last, and nothing follows"
	case !last && n == maxChain:
		why = fmt.Sprintf("no flag Last on payload %d", n)
	case size > maxChainPayload && (n > 1 || !last):
		why, field, off = fmt.Sprintf("%d is over the limit of %d for one of several", size, maxChainPayload), "SizeActual", 6
	default:
		return nil
	}
	return &SyntaxError{Message: "rop buffer", Field: field, Offset: off, Why: why}
}

// parseRops reads the ROP buffer that a payload is ([MS-OXCROPS] 2.2.1).
func parseRops(payload []byte) (RopBuffer, error) {
	r := reader{message: "rop buffer", b: payload}
	size := int(r.u16("RopSize"))
	if r.err == nil && size < 2 {
		r.failAt(0, "RopSize", fmt.Sprintf("%d does not count itself", size))
	}
	one := RopBuffer{Rops: r.take("RopsList", max(size-2, 0))}
	left := len(payload) - r.off
	if r.err == nil && (left%4 != 0 || left > 4*maxHandles) {
		r.failAt(r.off, "ServerObjectHandleTable", fmt.Sprintf("%d bytes are not a table of at most %d handles", left, maxHandles))
	}
	if r.err != nil {
		return RopBuffer{}, r.err
	}
	if left > 0 {
		one.Handles = make([]uint32, 0, left/4)
	}
	for r.off < len(payload) {
		one.Handles = append(one.Handles, r.u32("ServerObjectHandleTable"))
	}
	return one, nil
}
