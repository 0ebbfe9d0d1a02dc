package mapi

import "encoding/binary"

// ConnectRequest is the body of a Connect request
// ([MS-OXCMAPIHTTP] 2.2.4.1.1).
//
//	UserDn            NUL-terminated ASCII
//	Flags             4
//	DefaultCodePage   4
//	LcidSort          4
//	LcidString        4
//	AuxiliaryBuffer   4 + n
type ConnectRequest struct {
	UserDN     string // legacy DN of the user who connects, see [CheckDN]
	Flags      uint32 // 0: an ordinary user; 1: administrator
	CodePage   uint32 // DefaultCodePage, such as 1252
	LCIDSort   uint32 // locale for sorting, such as 0x0409
	LCIDString uint32 // locale for everything else
	Aux        []byte // auxiliary buffer with its header, see [AuxBlocks]; nil: none
}

// Append adds the request body to b.
func (m *ConnectRequest) Append(b []byte) []byte {
	b = appendASCII(b, m.UserDN, MaxDN)
	b = binary.LittleEndian.AppendUint32(b, m.Flags)
	b = binary.LittleEndian.AppendUint32(b, m.CodePage)
	b = binary.LittleEndian.AppendUint32(b, m.LCIDSort)
	b = binary.LittleEndian.AppendUint32(b, m.LCIDString)
	return appendSized(b, m.Aux)
}

// Parse reads the request body b. An empty UserDn is accepted: it is for the
// server to answer ecAccessDenied.
func (m *ConnectRequest) Parse(b []byte) error {
	r := reader{message: "connect request", b: b}
	t := ConnectRequest{
		UserDN:     r.ascii("UserDn", MaxDN),
		Flags:      r.u32("Flags"),
		CodePage:   r.u32("DefaultCodePage"),
		LCIDSort:   r.u32("LcidSort"),
		LCIDString: r.u32("LcidString"),
		Aux:        r.aux(),
	}
	if err := r.end(); err != nil {
		return err
	}
	*m = t
	return nil
}

// ConnectResponse is the body of the answer to Connect
// ([MS-OXCMAPIHTTP] 2.2.4.1.2, 2.2.4.1.3). When StatusCode is not zero it has
// only StatusCode and Aux. Exchange SE refuses with StatusCode 0 and an
// ErrorCode: judge both.
//
//	StatusCode        4
//	ErrorCode         4
//	PollsMax          4
//	RetryCount        4
//	RetryDelay        4
//	DnPrefix          NUL-terminated ASCII
//	DisplayName       NUL-terminated UTF-16
//	AuxiliaryBuffer   4 + n
type ConnectResponse struct {
	StatusCode  Code   // not EcNone: the call failed, the failure layout
	ErrorCode   Code   // what EcDoConnectEx returned
	PollsMax    uint32 // milliseconds between polls
	RetryCount  uint32 // how often to try again when the server is busy
	RetryDelay  uint32 // milliseconds between these tries
	DNPrefix    string
	DisplayName string // of the mailbox that the URL leads to; at most 1024 UTF-16 units
	Aux         []byte // auxiliary buffer with its header; nil: none
}

// Append adds the response body to b, in the failure layout when StatusCode is
// not zero.
func (m *ConnectResponse) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(m.StatusCode))
	if m.StatusCode != EcNone {
		return appendSized(b, m.Aux)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(m.ErrorCode))
	b = binary.LittleEndian.AppendUint32(b, m.PollsMax)
	b = binary.LittleEndian.AppendUint32(b, m.RetryCount)
	b = binary.LittleEndian.AppendUint32(b, m.RetryDelay)
	b = appendASCII(b, m.DNPrefix, MaxDN)
	b = appendUnicode(b, m.DisplayName, maxDisplayName)
	return appendSized(b, m.Aux)
}

// Parse reads the response body b. A failure that is cut after StatusCode is
// accepted.
func (m *ConnectResponse) Parse(b []byte) error {
	r := reader{message: "connect response", b: b}
	t := ConnectResponse{StatusCode: r.code("StatusCode")}
	if t.StatusCode != EcNone {
		t.Aux = r.failureAux()
	} else {
		t.ErrorCode = r.code("ErrorCode")
		t.PollsMax = r.u32("PollsMax")
		t.RetryCount = r.u32("RetryCount")
		t.RetryDelay = r.u32("RetryDelay")
		t.DNPrefix = r.ascii("DnPrefix", MaxDN)
		t.DisplayName = r.unicode("DisplayName", maxDisplayName)
		t.Aux = r.aux()
	}
	if err := r.end(); err != nil {
		return err
	}
	*m = t
	return nil
}

// failureAux reads the auxiliary buffer of the failure layout
// ([MS-OXCMAPIHTTP] 2.2.4.1.3), which may be missing altogether (seen from
// Gromox).
func (r *reader) failureAux() []byte {
	if r.off == len(r.b) {
		return nil
	}
	return r.aux()
}
