package mapi

// ReleaseRequest is a RopRelease request ([MS-OXCROPS] 2.2.15.3.1). There is
// no answer to it.
//
//	RopId              1   01
//	LogonId            1
//	InputHandleIndex   1
type ReleaseRequest struct {
	LogonID          uint8
	InputHandleIndex uint8 // slot of the handle to release; that of the logon ends the logon
}

// Append adds the request to b.
func (m *ReleaseRequest) Append(b []byte) []byte {
	return append(b, uint8(RopRelease), m.LogonID, m.InputHandleIndex)
}

// Parse reads the request that b starts with and returns what follows it.
func (m *ReleaseRequest) Parse(b []byte) (rest []byte, err error) {
	r := reader{message: "release request", b: b}
	r.ropID(RopRelease)
	t := ReleaseRequest{LogonID: r.u8("LogonId"), InputHandleIndex: r.u8("InputHandleIndex")}
	if rest, err = r.rest(); err == nil {
		*m = t
	}
	return rest, err
}
