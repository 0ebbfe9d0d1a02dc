package mapi

import "encoding/binary"

// BufferTooSmallResponse says that the answers do not fit into MaxRopOut
// ([MS-OXCROPS] 2.2.15.1.1). It is the last of its list.
//
//	RopId            1   FF
//	SizeNeeded       2
//	RequestBuffers   all the rest
type BufferTooSmallResponse struct {
	SizeNeeded     uint16 // bytes that the list of answers would take
	RequestBuffers []byte // the requests that were not run, for ParseRequests
}

// Append adds the response to b. Nothing can follow it.
func (m *BufferTooSmallResponse) Append(b []byte) []byte {
	b = append(b, uint8(RopBufferTooSmall))
	b = binary.LittleEndian.AppendUint16(b, m.SizeNeeded)
	return append(b, m.RequestBuffers...)
}

// Parse reads the response that b starts with and all that follows it, so that
// rest is empty.
func (m *BufferTooSmallResponse) Parse(b []byte) (rest []byte, err error) {
	r := reader{message: "buffer too small response", b: b}
	r.ropID(RopBufferTooSmall)
	t := BufferTooSmallResponse{SizeNeeded: r.u16("SizeNeeded")}
	t.RequestBuffers = r.take("RequestBuffers", len(b)-r.off)
	if rest, err = r.rest(); err == nil {
		*m = t
	}
	return rest, err
}
