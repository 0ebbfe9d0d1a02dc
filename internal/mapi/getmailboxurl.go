package mapi

import "encoding/binary"

// GetMailboxURLRequest is the body of a GetMailboxUrl request to the address
// book ([MS-OXCMAPIHTTP] 2.2.5.18.1): where is the mailbox endpoint of a server?
//
//	Flags             4
//	ServerDn          NUL-terminated UTF-16
//	AuxiliaryBuffer   4 + n
type GetMailboxURLRequest struct {
	Flags    uint32 // 0, reserved
	ServerDN string // distinguished name of the server; at most MaxDN UTF-16 units
	Aux      []byte // auxiliary buffer with its header; nil: none
}

// Append adds the request body to b.
func (m *GetMailboxURLRequest) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, m.Flags)
	b = appendUnicode(b, m.ServerDN, MaxDN)
	return appendSized(b, m.Aux)
}

// Parse reads the request body b.
func (m *GetMailboxURLRequest) Parse(b []byte) error {
	r := reader{message: "get mailbox url request", b: b}
	t := GetMailboxURLRequest{
		Flags:    r.u32("Flags"),
		ServerDN: r.unicode("ServerDn", MaxDN),
		Aux:      r.aux(),
	}
	if err := r.end(); err != nil {
		return err
	}
	*m = t
	return nil
}

// GetMailboxURLResponse is the body of the answer to GetMailboxUrl
// ([MS-OXCMAPIHTTP] 2.2.5.18.2, 2.2.5.18.3). When StatusCode is not zero it has
// only StatusCode and Aux.
//
//	StatusCode        4
//	ErrorCode         4
//	ServerUrl         NUL-terminated UTF-16
//	AuxiliaryBuffer   4 + n
type GetMailboxURLResponse struct {
	StatusCode Code   // not EcNone: the call failed, the failure layout
	ErrorCode  Code   // what the server found; judge it before ServerURL
	ServerURL  string // of the mailbox endpoint; at most 4096 UTF-16 units
	Aux        []byte // auxiliary buffer with its header; nil: none
}

// Append adds the response body to b, in the failure layout when StatusCode is
// not zero.
func (m *GetMailboxURLResponse) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(m.StatusCode))
	if m.StatusCode != EcNone {
		return appendSized(b, m.Aux)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(m.ErrorCode))
	b = appendUnicode(b, m.ServerURL, maxServerURL)
	return appendSized(b, m.Aux)
}

// Parse reads the response body b. A failure that is cut after StatusCode is
// accepted.
func (m *GetMailboxURLResponse) Parse(b []byte) error {
	r := reader{message: "get mailbox url response", b: b}
	t := GetMailboxURLResponse{StatusCode: r.code("StatusCode")}
	if t.StatusCode != EcNone {
		t.Aux = r.failureAux()
	} else {
		t.ErrorCode = r.code("ErrorCode")
		t.ServerURL = r.unicode("ServerUrl", maxServerURL)
		t.Aux = r.aux()
	}
	if err := r.end(); err != nil {
		return err
	}
	*m = t
	return nil
}
