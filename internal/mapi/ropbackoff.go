package mapi

import (
	"encoding/binary"
	"fmt"
)

// BackoffResponse asks the client to hold back a logon, or some ROPs of it
// ([MS-OXCROPS] 2.2.15.2.1). It may stand anywhere in the list of an answer;
// the server has run nothing of what the client asked for behind its place.
//
//	RopId                1   F9
//	LogonId              1
//	Duration             4
//	BackoffRopCount      1
//	BackoffRopData       5 * n   RopId 1, Duration 4
//	AdditionalDataSize   2
//	AdditionalData       n
type BackoffResponse struct {
	LogonID        uint8
	Duration       uint32 // milliseconds for the whole logon
	Rops           []BackoffRop
	AdditionalData []byte // opaque
}

// BackoffRop is one ROP to hold back.
type BackoffRop struct {
	ID       RopID
	Duration uint32 // milliseconds
}

// Append adds the response to b. It panics when there are over 255 Rops or over
// 65535 bytes of AdditionalData.
func (m *BackoffResponse) Append(b []byte) []byte {
	if len(m.Rops) > 0xFF || len(m.AdditionalData) > 0xFFFF {
		panic(fmt.Sprintf("mapi: backoff of %d rops with %d bytes of data", len(m.Rops), len(m.AdditionalData)))
	}
	b = append(b, uint8(RopBackoff), m.LogonID)
	b = binary.LittleEndian.AppendUint32(b, m.Duration)
	b = append(b, uint8(len(m.Rops)))
	for _, rop := range m.Rops {
		b = append(b, uint8(rop.ID))
		b = binary.LittleEndian.AppendUint32(b, rop.Duration)
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(m.AdditionalData)))
	return append(b, m.AdditionalData...)
}

// Parse reads the response that b starts with and returns what follows it.
func (m *BackoffResponse) Parse(b []byte) (rest []byte, err error) {
	r := reader{message: "backoff response", b: b}
	r.ropID(RopBackoff)
	t := BackoffResponse{LogonID: r.u8("LogonId"), Duration: r.u32("Duration")}
	for range r.u8("BackoffRopCount") {
		t.Rops = append(t.Rops, BackoffRop{ID: RopID(r.u8("RopId")), Duration: r.u32("Duration")})
	}
	t.AdditionalData = r.take("AdditionalData", int(r.u16("AdditionalDataSize")))
	if rest, err = r.rest(); err == nil {
		*m = t
	}
	return rest, err
}
