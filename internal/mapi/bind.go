package mapi

import "encoding/binary"

// BindRequest is the body of a Bind request to the address book
// ([MS-OXCMAPIHTTP] 2.2.5.1.1).
//
//	Flags             4
//	HasState          1    0: there is no State
//	State            36    see [Stat]
//	AuxiliaryBuffer   4 + n
type BindRequest struct {
	Flags uint32 // 0; 0x20 asks for an anonymous logon
	State *Stat  // nil: none, which Gromox refuses as an unknown code page
	Aux   []byte // auxiliary buffer with its header, see [AuxBlocks]; nil: none
}

// Append adds the request body to b.
func (m *BindRequest) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, m.Flags)
	if m.State == nil {
		b = append(b, 0)
	} else {
		b = appendStat(append(b, 1), m.State)
	}
	return appendSized(b, m.Aux)
}

// Parse reads the request body b. Any HasState but 0 announces a State.
func (m *BindRequest) Parse(b []byte) error {
	r := reader{message: "bind request", b: b}
	t := BindRequest{Flags: r.u32("Flags")}
	if r.u8("HasState") != 0 {
		t.State = r.stat()
	}
	t.Aux = r.aux()
	if err := r.end(); err != nil {
		return err
	}
	*m = t
	return nil
}

// BindResponse is the body of the answer to Bind ([MS-OXCMAPIHTTP] 2.2.5.1.2,
// 2.2.5.1.3). When StatusCode is not zero it has only StatusCode and Aux.
//
//	StatusCode        4
//	ErrorCode         4
//	ServerGuid       16
//	AuxiliaryBuffer   4 + n
type BindResponse struct {
	StatusCode Code // not EcNone: the call failed, the failure layout
	ErrorCode  Code // what NspiBind returned
	ServerGUID GUID
	Aux        []byte // auxiliary buffer with its header; nil: none
}

// Append adds the response body to b, in the failure layout when StatusCode is
// not zero.
func (m *BindResponse) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(m.StatusCode))
	if m.StatusCode != EcNone {
		return appendSized(b, m.Aux)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(m.ErrorCode))
	b = append(b, m.ServerGUID[:]...)
	return appendSized(b, m.Aux)
}

// Parse reads the response body b. A failure that is cut after StatusCode is
// accepted.
func (m *BindResponse) Parse(b []byte) error {
	r := reader{message: "bind response", b: b}
	t := BindResponse{StatusCode: r.code("StatusCode")}
	if t.StatusCode != EcNone {
		t.Aux = r.failureAux()
	} else {
		t.ErrorCode = r.code("ErrorCode")
		t.ServerGUID = r.guid("ServerGuid")
		t.Aux = r.aux()
	}
	if err := r.end(); err != nil {
		return err
	}
	*m = t
	return nil
}
