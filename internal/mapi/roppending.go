package mapi

import "encoding/binary"

// PendingResponse says that notifications wait for another session of this
// client ([MS-OXCROPS] 2.2.14.3.1).
//
//	RopId          1   6E
//	SessionIndex   2
type PendingResponse struct {
	SessionIndex uint16 // which session, by the index that the server gave it
}

// Append adds the response to b.
func (m *PendingResponse) Append(b []byte) []byte {
	return binary.LittleEndian.AppendUint16(append(b, uint8(RopPending)), m.SessionIndex)
}

// Parse reads the response that b starts with and returns what follows it.
func (m *PendingResponse) Parse(b []byte) (rest []byte, err error) {
	r := reader{message: "pending response", b: b}
	r.ropID(RopPending)
	t := PendingResponse{SessionIndex: r.u16("SessionIndex")}
	if rest, err = r.rest(); err == nil {
		*m = t
	}
	return rest, err
}
