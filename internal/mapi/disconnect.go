package mapi

import "encoding/binary"

// DisconnectRequest is the body of a Disconnect request
// ([MS-OXCMAPIHTTP] 2.2.4.3.1): the auxiliary buffer alone.
type DisconnectRequest struct {
	Aux []byte // auxiliary buffer with its header; nil: none
}

// Append adds the request body to b.
func (m *DisconnectRequest) Append(b []byte) []byte { return appendSized(b, m.Aux) }

// Parse reads the request body b.
func (m *DisconnectRequest) Parse(b []byte) error {
	r := reader{message: "disconnect request", b: b}
	t := DisconnectRequest{Aux: r.aux()}
	if err := r.end(); err != nil {
		return err
	}
	*m = t
	return nil
}

// DisconnectResponse is the body of the answer to Disconnect
// ([MS-OXCMAPIHTTP] 2.2.4.3.2, 2.2.4.3.3). When StatusCode is not zero it has
// only StatusCode and Aux.
//
//	StatusCode        4
//	ErrorCode         4
//	AuxiliaryBuffer   4 + n
type DisconnectResponse struct {
	StatusCode Code   // not EcNone: the call failed, the failure layout
	ErrorCode  Code   // what EcDoDisconnect returned
	Aux        []byte // auxiliary buffer with its header; nil: none
}

// Append adds the response body to b, in the failure layout when StatusCode is
// not zero.
func (m *DisconnectResponse) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(m.StatusCode))
	if m.StatusCode == EcNone {
		b = binary.LittleEndian.AppendUint32(b, uint32(m.ErrorCode))
	}
	return appendSized(b, m.Aux)
}

// Parse reads the response body b. A failure that is cut after StatusCode is
// accepted.
func (m *DisconnectResponse) Parse(b []byte) error {
	r := reader{message: "disconnect response", b: b}
	t := DisconnectResponse{StatusCode: r.code("StatusCode")}
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
