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

// AppendRopBuffer adds to b a RopBuffer with the ROPs in rops, already encoded
// one behind the other, and the handle table ([MS-OXCROPS] 2.2.1), behind a
// plain header. It panics when the whole is longer than [MaxPayload].
//
//	RPC_HEADER_EXT            8
//	RopSize                   2      counts itself and RopsList
//	RopsList                  RopSize - 2
//	ServerObjectHandleTable   4 * n  all the rest
func AppendRopBuffer(b, rops []byte, handles []uint32) []byte {
	size := 2 + len(rops)
	total := size + 4*len(handles)
	if total > MaxPayload {
		panic(fmt.Sprintf("mapi: rop buffer of %d bytes", total))
	}
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint16(b, flagLast)
	b = binary.LittleEndian.AppendUint16(b, uint16(total))
	b = binary.LittleEndian.AppendUint16(b, uint16(total))
	b = binary.LittleEndian.AppendUint16(b, uint16(size))
	b = append(b, rops...)
	for _, h := range handles {
		b = binary.LittleEndian.AppendUint32(b, h)
	}
	return b
}

// ParseRopBuffer reads the RopBuffer b and returns its list of ROPs, for
// [ParseRequests] or [ParseResponses], and its handle table, of at most 256
// slots. It reads one payload: a server sends several only to a client that
// sets [ExecuteChain].
func ParseRopBuffer(b []byte) (rops []byte, handles []uint32, err error) {
	payload, err := readOnly("rop buffer", b)
	if err != nil {
		return nil, nil, err
	}
	r := reader{message: "rop buffer", b: payload}
	size := int(r.u16("RopSize"))
	if r.err == nil && size < 2 {
		r.failAt(0, "RopSize", fmt.Sprintf("%d does not count itself", size))
	}
	rops = r.take("RopsList", max(size-2, 0))
	if left := len(payload) - r.off; r.err == nil && (left%4 != 0 || left > 4*maxHandles) {
		r.failAt(r.off, "ServerObjectHandleTable", fmt.Sprintf("%d bytes are not a table of at most %d handles", left, maxHandles))
	}
	if r.err != nil {
		return nil, nil, r.err
	}
	for r.off < len(payload) {
		handles = append(handles, r.u32("ServerObjectHandleTable"))
	}
	return rops, handles, nil
}
