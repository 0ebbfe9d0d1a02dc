package mapi

import "encoding/binary"

// GetAddressBookURLRequest is the body of a GetAddressBookUrl request to the
// address book ([MS-OXCMAPIHTTP] 2.2.5.19.1): where is the address book endpoint
// for a user? Gromox answers for the one who asks.
//
//	Flags             4
//	UserDn            NUL-terminated UTF-16
//	AuxiliaryBuffer   4 + n
type GetAddressBookURLRequest struct {
	Flags  uint32 // 0, reserved
	UserDN string // legacy DN of the user; at most MaxDN UTF-16 units
	Aux    []byte // auxiliary buffer with its header; nil: none
}

// Append adds the request body to b.
func (m *GetAddressBookURLRequest) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, m.Flags)
	b = appendUnicode(b, m.UserDN, MaxDN)
	return appendSized(b, m.Aux)
}

// Parse reads the request body b.
func (m *GetAddressBookURLRequest) Parse(b []byte) error {
	r := reader{message: "get address book url request", b: b}
	t := GetAddressBookURLRequest{
		Flags:  r.u32("Flags"),
		UserDN: r.unicode("UserDn", MaxDN),
		Aux:    r.aux(),
	}
	if err := r.end(); err != nil {
		return err
	}
	*m = t
	return nil
}

// GetAddressBookURLResponse is the body of the answer to GetAddressBookUrl
// ([MS-OXCMAPIHTTP] 2.2.5.19.2, 2.2.5.19.3). When StatusCode is not zero it has
// only StatusCode and Aux.
//
//	StatusCode        4
//	ErrorCode         4
//	ServerUrl         NUL-terminated UTF-16
//	AuxiliaryBuffer   4 + n
type GetAddressBookURLResponse struct {
	StatusCode Code   // not EcNone: the call failed, the failure layout
	ErrorCode  Code   // what the server found; judge it before ServerURL
	ServerURL  string // of the address book endpoint; at most 4096 UTF-16 units
	Aux        []byte // auxiliary buffer with its header; nil: none
}

// Append adds the response body to b, in the failure layout when StatusCode is
// not zero.
func (m *GetAddressBookURLResponse) Append(b []byte) []byte {
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
func (m *GetAddressBookURLResponse) Parse(b []byte) error {
	r := reader{message: "get address book url response", b: b}
	t := GetAddressBookURLResponse{StatusCode: r.code("StatusCode")}
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
