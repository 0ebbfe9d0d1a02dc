package mapi

import "encoding/binary"

// NotificationWaitRequest is the body of a NotificationWait request
// ([MS-OXCMAPIHTTP] 2.2.4.4.1).
//
//	Flags             4
//	AuxiliaryBuffer   4 + n
type NotificationWaitRequest struct {
	Flags uint32 // 0, reserved
	Aux   []byte // auxiliary buffer with its header; nil: none
}

// Append adds the request body to b.
func (m *NotificationWaitRequest) Append(b []byte) []byte {
	return appendSized(binary.LittleEndian.AppendUint32(b, m.Flags), m.Aux)
}

// Parse reads the request body b.
func (m *NotificationWaitRequest) Parse(b []byte) error {
	r := reader{message: "notification wait request", b: b}
	t := NotificationWaitRequest{Flags: r.u32("Flags"), Aux: r.aux()}
	if err := r.end(); err != nil {
		return err
	}
	*m = t
	return nil
}

// NotificationWaitResponse is the body of the answer to NotificationWait
// ([MS-OXCMAPIHTTP] 2.2.4.4.2, 2.2.4.4.3). When StatusCode is not zero it has
// only StatusCode and Aux.
//
//	StatusCode        4
//	ErrorCode         4
//	EventPending      4
//	AuxiliaryBuffer   4 + n
type NotificationWaitResponse struct {
	StatusCode   Code   // not EcNone: the call failed, the failure layout
	ErrorCode    Code   // what EcDoAsyncWaitEx returned
	EventPending bool   // an Execute will fetch notifications
	Aux          []byte // auxiliary buffer with its header; nil: none
}

// Append adds the response body to b, in the failure layout when StatusCode is
// not zero.
func (m *NotificationWaitResponse) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(m.StatusCode))
	if m.StatusCode != EcNone {
		return appendSized(b, m.Aux)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(m.ErrorCode))
	pending := uint32(0)
	if m.EventPending {
		pending = 1
	}
	b = binary.LittleEndian.AppendUint32(b, pending)
	return appendSized(b, m.Aux)
}

// Parse reads the response body b. A failure that is cut after StatusCode is
// accepted.
func (m *NotificationWaitResponse) Parse(b []byte) error {
	r := reader{message: "notification wait response", b: b}
	t := NotificationWaitResponse{StatusCode: r.code("StatusCode")}
	if t.StatusCode != EcNone {
		t.Aux = r.failureAux()
	} else {
		t.ErrorCode = r.code("ErrorCode")
		t.EventPending = r.u32("EventPending") != 0
		t.Aux = r.aux()
	}
	if err := r.end(); err != nil {
		return err
	}
	*m = t
	return nil
}
