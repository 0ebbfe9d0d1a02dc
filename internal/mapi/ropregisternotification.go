package mapi

import "encoding/binary"

// NotificationTypes of a RopRegisterNotification request ([MS-OXCNOTIF]
// 2.2.1.2.1).
const (
	NotifyNewMail        uint16 = 0x0002 // NewMail
	NotifyObjectCreated  uint16 = 0x0004 // ObjectCreated
	NotifyObjectDeleted  uint16 = 0x0008 // ObjectDeleted
	NotifyObjectModified uint16 = 0x0010 // ObjectModified
	NotifyObjectMoved    uint16 = 0x0020 // ObjectMoved
	NotifyObjectCopied   uint16 = 0x0040 // ObjectCopied
	NotifySearchComplete uint16 = 0x0080 // SearchCompleted
)

// RegisterNotificationRequest is a RopRegisterNotification request
// ([MS-OXCROPS] 2.2.14.1.1). FolderId and MessageId are there only when
// WantWholeStore is 0.
//
//	RopId               1   29
//	LogonId             1
//	InputHandleIndex    1
//	OutputHandleIndex   1
//	NotificationTypes   2
//	WantWholeStore      1
//	FolderId            8
//	MessageId           8
type RegisterNotificationRequest struct {
	LogonID           uint8
	InputHandleIndex  uint8  // slot of the logon handle
	OutputHandleIndex uint8  // slot for the handle of the registration
	NotificationTypes uint16 // NotifyNewMail and so on
	WantWholeStore    bool
	FolderID          FolderID  // ignored when WantWholeStore
	MessageID         MessageID // ignored when WantWholeStore
}

// MessageID names a message, in the form of a [FolderID] ([MS-OXCDATA]
// 2.2.1.2).
type MessageID [8]byte

// Append adds the request to b.
func (m *RegisterNotificationRequest) Append(b []byte) []byte {
	b = append(b, uint8(RopRegisterNotification), m.LogonID, m.InputHandleIndex, m.OutputHandleIndex)
	b = binary.LittleEndian.AppendUint16(b, m.NotificationTypes)
	if m.WantWholeStore {
		return append(b, 1)
	}
	b = append(b, 0)
	b = append(b, m.FolderID[:]...)
	return append(b, m.MessageID[:]...)
}

// Parse reads the request that b starts with and returns what follows it.
func (m *RegisterNotificationRequest) Parse(b []byte) (rest []byte, err error) {
	r := reader{message: "register notification request", b: b}
	r.ropID(RopRegisterNotification)
	t := RegisterNotificationRequest{
		LogonID:           r.u8("LogonId"),
		InputHandleIndex:  r.u8("InputHandleIndex"),
		OutputHandleIndex: r.u8("OutputHandleIndex"),
		NotificationTypes: r.u16("NotificationTypes"),
		WantWholeStore:    r.u8("WantWholeStore") != 0,
	}
	if !t.WantWholeStore {
		t.FolderID = r.folderID("FolderId")
		t.MessageID = MessageID(r.folderID("MessageId"))
	}
	if rest, err = r.rest(); err == nil {
		*m = t
	}
	return rest, err
}

// RegisterNotificationResponse is the answer to RopRegisterNotification
// ([MS-OXCROPS] 2.2.14.1.2, 2.2.14.1.3).
//
//	RopId               1   29
//	OutputHandleIndex   1
//	ReturnValue         4
type RegisterNotificationResponse struct {
	OutputHandleIndex uint8
	ReturnValue       Code
}

// Append adds the response to b.
func (m *RegisterNotificationResponse) Append(b []byte) []byte {
	b = append(b, uint8(RopRegisterNotification), m.OutputHandleIndex)
	return binary.LittleEndian.AppendUint32(b, uint32(m.ReturnValue))
}

// Parse reads the response that b starts with and returns what follows it.
func (m *RegisterNotificationResponse) Parse(b []byte) (rest []byte, err error) {
	r := reader{message: "register notification response", b: b}
	r.ropID(RopRegisterNotification)
	t := RegisterNotificationResponse{
		OutputHandleIndex: r.u8("OutputHandleIndex"),
		ReturnValue:       r.code("ReturnValue"),
	}
	if rest, err = r.rest(); err == nil {
		*m = t
	}
	return rest, err
}
