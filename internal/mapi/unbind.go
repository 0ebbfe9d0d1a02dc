package mapi

import "encoding/binary"

// UnbindSuccess is the ErrorCode of an Unbind that succeeded ([MS-OXNSPI]
// 3.1.4.1.2). Servers send EcNone too: both are success, of this request only,
// so that [Codes] does not list it.
const UnbindSuccess Code = 1

// UnbindRequest is the body of an Unbind request to the address book
// ([MS-OXCMAPIHTTP] 2.2.5.2.1).
//
//	Reserved          4
//	AuxiliaryBuffer   4 + n
type UnbindRequest struct {
	Reserved uint32 // 0, ignored
	Aux      []byte // auxiliary buffer with its header; nil: none
}

// Append adds the request body to b.
func (m *UnbindRequest) Append(b []byte) []byte {
	return appendSized(binary.LittleEndian.AppendUint32(b, m.Reserved), m.Aux)
}

// Parse reads the request body b.
func (m *UnbindRequest) Parse(b []byte) error {
	r := reader{message: "unbind request", b: b}
	t := UnbindRequest{Reserved: r.u32("Reserved"), Aux: r.aux()}
	if err := r.end(); err != nil {
		return err
	}
	*m = t
	return nil
}

// UnbindResponse is the body of the answer to Unbind ([MS-OXCMAPIHTTP]
// 2.2.5.2.2, 2.2.5.2.3). When StatusCode is not zero it has only StatusCode and
// Aux.
//
//	StatusCode        4
//	ErrorCode         4
//	AuxiliaryBuffer   4 + n
type UnbindResponse struct {
	StatusCode Code   // not EcNone: the call failed, the failure layout
	ErrorCode  Code   // what NspiUnbind returned: UnbindSuccess or EcNone
	Aux        []byte // auxiliary buffer with its header; nil: none
}

// Append adds the response body to b, in the failure layout when StatusCode is
// not zero.
func (m *UnbindResponse) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(m.StatusCode))
	if m.StatusCode == EcNone {
		b = binary.LittleEndian.AppendUint32(b, uint32(m.ErrorCode))
	}
	return appendSized(b, m.Aux)
}

// Parse reads the response body b. A failure that is cut after StatusCode is
// accepted.
func (m *UnbindResponse) Parse(b []byte) error {
	r := reader{message: "unbind response", b: b}
	t := UnbindResponse{StatusCode: r.code("StatusCode")}
	if t.StatusCode != EcNone {
		t.Aux = r.failureAux()
	} else {
		t.ErrorCode = r.code("ErrorCode")
		t.Aux = r.aux()
	}
	if err := r.end(); err != nil {
		return err
	}
	*m = t
	return nil
}
