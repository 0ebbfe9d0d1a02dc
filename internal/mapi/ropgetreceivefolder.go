package mapi

import "encoding/binary"

// GetReceiveFolderRequest is a RopGetReceiveFolder request ([MS-OXCROPS]
// 2.2.3.2.1). It needs a living logon and little else.
//
//	RopId              1   27
//	LogonId            1
//	InputHandleIndex   1
//	MessageClass       NUL-terminated ASCII
type GetReceiveFolderRequest struct {
	LogonID          uint8
	InputHandleIndex uint8  // slot of the logon handle
	MessageClass     string // such as "IPM"; at most 255 bytes
}

// Append adds the request to b.
func (m *GetReceiveFolderRequest) Append(b []byte) []byte {
	b = append(b, uint8(RopGetReceiveFolder), m.LogonID, m.InputHandleIndex)
	return appendASCII(b, m.MessageClass, maxMessageClass)
}

// Parse reads the request that b starts with and returns what follows it.
func (m *GetReceiveFolderRequest) Parse(b []byte) (rest []byte, err error) {
	r := reader{message: "get receive folder request", b: b}
	r.ropID(RopGetReceiveFolder)
	t := GetReceiveFolderRequest{
		LogonID:          r.u8("LogonId"),
		InputHandleIndex: r.u8("InputHandleIndex"),
		MessageClass:     r.ascii("MessageClass", maxMessageClass),
	}
	if rest, err = r.rest(); err == nil {
		*m = t
	}
	return rest, err
}

// GetReceiveFolderResponse is the answer to RopGetReceiveFolder ([MS-OXCROPS]
// 2.2.3.2.2, 2.2.3.2.3). It ends after ReturnValue when that is not zero.
//
//	RopId                  1   27
//	InputHandleIndex       1
//	ReturnValue            4
//	FolderId               8
//	ExplicitMessageClass   NUL-terminated ASCII
type GetReceiveFolderResponse struct {
	InputHandleIndex uint8
	ReturnValue      Code
	FolderID         FolderID
	MessageClass     string // ExplicitMessageClass, at most 255 bytes
}

// Append adds the response to b.
func (m *GetReceiveFolderResponse) Append(b []byte) []byte {
	b = append(b, uint8(RopGetReceiveFolder), m.InputHandleIndex)
	b = binary.LittleEndian.AppendUint32(b, uint32(m.ReturnValue))
	if m.ReturnValue != EcNone {
		return b
	}
	b = append(b, m.FolderID[:]...)
	return appendASCII(b, m.MessageClass, maxMessageClass)
}

// Parse reads the response that b starts with and returns what follows it.
func (m *GetReceiveFolderResponse) Parse(b []byte) (rest []byte, err error) {
	r := reader{message: "get receive folder response", b: b}
	r.ropID(RopGetReceiveFolder)
	t := GetReceiveFolderResponse{
		InputHandleIndex: r.u8("InputHandleIndex"),
		ReturnValue:      r.code("ReturnValue"),
	}
	if t.ReturnValue == EcNone {
		t.FolderID = r.folderID("FolderId")
		t.MessageClass = r.ascii("ExplicitMessageClass", maxMessageClass)
	}
	if rest, err = r.rest(); err == nil {
		*m = t
	}
	return rest, err
}
