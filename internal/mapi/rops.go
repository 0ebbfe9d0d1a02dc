package mapi

import "fmt"

// RopID is the number that a ROP starts with ([MS-OXCROPS] 2.2.2).
type RopID uint8

// The ROPs that this package reads and writes, and RopNotify, which may stand in
// an answer unasked.
const (
	RopRelease              RopID = 0x01 // RopRelease
	RopGetReceiveFolder     RopID = 0x27 // RopGetReceiveFolder
	RopRegisterNotification RopID = 0x29 // RopRegisterNotification
	RopNotify               RopID = 0x2A // RopNotify
	RopPending              RopID = 0x6E // RopPending
	RopBackoff              RopID = 0xF9 // RopBackoff
	RopLogon                RopID = 0xFE // RopLogon
	RopBufferTooSmall       RopID = 0xFF // RopBufferTooSmall
)

// String returns the name and the number, such as "RopLogon (0xFE)".
func (id RopID) String() string {
	name := "unknown rop"
	switch id {
	case RopRelease:
		name = "RopRelease"
	case RopGetReceiveFolder:
		name = "RopGetReceiveFolder"
	case RopRegisterNotification:
		name = "RopRegisterNotification"
	case RopNotify:
		name = "RopNotify"
	case RopPending:
		name = "RopPending"
	case RopBackoff:
		name = "RopBackoff"
	case RopLogon:
		name = "RopLogon"
	case RopBufferTooSmall:
		name = "RopBufferTooSmall"
	}
	return fmt.Sprintf("%s (0x%02X)", name, uint8(id))
}

// RopRequest is a ROP that a client sends: *[LogonRequest],
// *[RegisterNotificationRequest], *[GetReceiveFolderRequest] or
// *[ReleaseRequest].
type RopRequest interface {
	Append(b []byte) []byte
	Parse(b []byte) (rest []byte, err error)
	request()
}

// RopResponse is the answer to a ROP: *[LogonResponse],
// *[RegisterNotificationResponse] or *[GetReceiveFolderResponse]; or what a
// server says unasked: *[BackoffResponse], *[PendingResponse] or
// *[BufferTooSmallResponse].
type RopResponse interface {
	Append(b []byte) []byte
	Parse(b []byte) (rest []byte, err error)
	response()
}

func (*LogonRequest) request()                  {}
func (*RegisterNotificationRequest) request()   {}
func (*GetReceiveFolderRequest) request()       {}
func (*ReleaseRequest) request()                {}
func (*LogonResponse) response()                {}
func (*RegisterNotificationResponse) response() {}
func (*GetReceiveFolderResponse) response()     {}
func (*BackoffResponse) response()              {}
func (*PendingResponse) response()              {}
func (*BufferTooSmallResponse) response()       {}

// ParseRequests reads the list of ROPs of a request. It refuses a RopId that it
// does not know, as a server must: nothing tells where the next one starts.
func ParseRequests(rops []byte) ([]RopRequest, error) {
	var list []RopRequest
	for rest := rops; len(rest) > 0; {
		var rop RopRequest
		switch id := RopID(rest[0]); id {
		case RopLogon:
			rop = new(LogonRequest)
		case RopRegisterNotification:
			rop = new(RegisterNotificationRequest)
		case RopGetReceiveFolder:
			rop = new(GetReceiveFolderRequest)
		case RopRelease:
			rop = new(ReleaseRequest)
		default:
			return nil, &SyntaxError{Message: "rop list", Field: "RopId", Offset: len(rops) - len(rest), Why: id.String()}
		}
		var err error
		if rest, err = rop.Parse(rest); err != nil {
			return nil, err
		}
		list = append(list, rop)
	}
	return list, nil
}

// ParseResponses reads the list of ROPs of an answer up to the first RopId that
// it does not know, such as RopNotify, which stands behind the answers asked
// for. rest starts with that id, RopID(rest[0]), and is empty when all of rops
// was read. A list may be shorter than that of the request, since RopRelease has
// no answer ([MS-OXCROPS] 3.2.5.3), and longer: what a server says unasked may
// stand before an answer too.
func ParseResponses(rops []byte) (list []RopResponse, rest []byte, err error) {
	for rest = rops; len(rest) > 0; {
		var rop RopResponse
		switch RopID(rest[0]) {
		case RopLogon:
			rop = new(LogonResponse)
		case RopRegisterNotification:
			rop = new(RegisterNotificationResponse)
		case RopGetReceiveFolder:
			rop = new(GetReceiveFolderResponse)
		case RopBackoff:
			rop = new(BackoffResponse)
		case RopPending:
			rop = new(PendingResponse)
		case RopBufferTooSmall:
			rop = new(BufferTooSmallResponse)
		default:
			return list, rest, nil
		}
		if rest, err = rop.Parse(rest); err != nil {
			return nil, nil, err
		}
		list = append(list, rop)
	}
	return list, nil, nil
}
