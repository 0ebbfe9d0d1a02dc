package mapi

import "encoding/binary"

// Flags of an Execute request ([MS-OXCRPC] 3.1.4.2): how the server may pack
// its answer.
const (
	ExecuteNoCompression uint32 = 0x1 // NoCompression
	ExecuteNoXorMagic    uint32 = 0x2 // NoXorMagic
	ExecuteChain         uint32 = 0x4 // Chain: several payloads in one answer
)

// ExecuteRequest is the body of an Execute request
// ([MS-OXCMAPIHTTP] 2.2.4.2.1).
//
//	Flags             4
//	RopBuffer         4 + n
//	MaxRopOut         4
//	AuxiliaryBuffer   4 + n
type ExecuteRequest struct {
	Flags     uint32 // ExecuteNoCompression and so on
	RopBuffer []byte // see [AppendRopBuffer]; at most 0x40000 bytes
	MaxRopOut uint32 // the longest RopBuffer that the answer may have, in bytes
	Aux       []byte // auxiliary buffer with its header; nil: none
}

// Append adds the request body to b.
func (m *ExecuteRequest) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, m.Flags)
	b = appendSized(b, m.RopBuffer)
	b = binary.LittleEndian.AppendUint32(b, m.MaxRopOut)
	return appendSized(b, m.Aux)
}

// Parse reads the request body b.
func (m *ExecuteRequest) Parse(b []byte) error {
	r := reader{message: "execute request", b: b}
	t := ExecuteRequest{
		Flags:     r.u32("Flags"),
		RopBuffer: r.sized("RopBuffer", maxRopBuffer),
		MaxRopOut: r.u32("MaxRopOut"),
		Aux:       r.aux(),
	}
	if err := r.end(); err != nil {
		return err
	}
	*m = t
	return nil
}

// ExecuteResponse is the body of the answer to Execute
// ([MS-OXCMAPIHTTP] 2.2.4.2.2, 2.2.4.2.3). When StatusCode is not zero it has
// only StatusCode and Aux; when ErrorCode is not zero no ROP has run and
// RopBuffer means nothing.
//
//	StatusCode        4
//	ErrorCode         4
//	Flags             4
//	RopBuffer         4 + n
//	AuxiliaryBuffer   4 + n
type ExecuteResponse struct {
	StatusCode Code   // not EcNone: the call failed, the failure layout
	ErrorCode  Code   // what EcDoRpcExt2 returned
	Flags      uint32 // 0, reserved
	RopBuffer  []byte // see [ParseRopBuffer] and, with ExecuteChain, [ParseRopBuffers]; at most 0x40000 bytes
	Aux        []byte // auxiliary buffer with its header; nil: none
}

// Append adds the response body to b, in the failure layout when StatusCode is
// not zero.
func (m *ExecuteResponse) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(m.StatusCode))
	if m.StatusCode != EcNone {
		return appendSized(b, m.Aux)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(m.ErrorCode))
	b = binary.LittleEndian.AppendUint32(b, m.Flags)
	b = appendSized(b, m.RopBuffer)
	return appendSized(b, m.Aux)
}

// Parse reads the response body b. A failure that is cut after StatusCode is
// accepted.
func (m *ExecuteResponse) Parse(b []byte) error {
	r := reader{message: "execute response", b: b}
	t := ExecuteResponse{StatusCode: r.code("StatusCode")}
	if t.StatusCode != EcNone {
		t.Aux = r.failureAux()
	} else {
		t.ErrorCode = r.code("ErrorCode")
		t.Flags = r.u32("Flags")
		t.RopBuffer = r.sized("RopBuffer", maxRopBuffer)
		t.Aux = r.aux()
	}
	if err := r.end(); err != nil {
		return err
	}
	*m = t
	return nil
}
