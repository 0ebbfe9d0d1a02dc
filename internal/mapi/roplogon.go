package mapi

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// LogonFlags of a RopLogon request, repeated in its answer ([MS-OXCROPS]
// 2.2.3.1.1, [MS-OXCSTOR] 2.2.1.1.1).
const (
	LogonPrivate        uint8 = 0x01 // Private: a mailbox; clear: public folders
	LogonUndercover     uint8 = 0x02 // Undercover
	LogonGhosted        uint8 = 0x04 // Ghosted
	LogonSpoolerProcess uint8 = 0x08 // SpoolerProcess
)

// OpenFlags of a RopLogon request ([MS-OXCSTOR] 2.2.1.1.1).
const (
	OpenUseAdminPrivilege      uint32 = 0x00000001 // USE_ADMIN_PRIVILEGE
	OpenPublic                 uint32 = 0x00000002 // PUBLIC
	OpenHomeLogon              uint32 = 0x00000004 // HOME_LOGON
	OpenTakeOwnership          uint32 = 0x00000008 // TAKE_OWNERSHIP
	OpenAlternateServer        uint32 = 0x00000100 // ALTERNATE_SERVER
	OpenIgnoreHomeMDB          uint32 = 0x00000200 // IGNORE_HOME_MDB
	OpenNoMail                 uint32 = 0x00000400 // NO_MAIL
	OpenUsePerMDBReplIDMapping uint32 = 0x01000000 // USE_PER_MDB_REPLID_MAPPING
	OpenSupportProgress        uint32 = 0x20000000 // SUPPORT_PROGRESS

	// OpenFlagsDefault is what Outlook sends for a mailbox. Without
	// USE_PER_MDB_REPLID_MAPPING Exchange 2013 and later refuse the call.
	OpenFlagsDefault = OpenHomeLogon | OpenTakeOwnership | OpenNoMail | OpenUsePerMDBReplIDMapping
)

// LogonRequest is a RopLogon request ([MS-OXCROPS] 2.2.3.1.1).
//
//	RopId               1   FE
//	LogonId             1
//	OutputHandleIndex   1
//	LogonFlags          1
//	OpenFlags           4
//	StoreState          4
//	EssdnSize           2   with NUL; 0: no Essdn
//	Essdn               n   NUL-terminated ASCII
type LogonRequest struct {
	LogonID           uint8  // chosen by the client for all ROPs of this logon
	OutputHandleIndex uint8  // slot for the logon handle
	LogonFlags        uint8  // LogonPrivate and so on
	OpenFlags         uint32 // OpenFlagsDefault and so on
	StoreState        uint32 // 0, ignored
	Essdn             string // legacy DN of the mailbox, see [CheckDN]; empty: none
}

// Append adds the request to b.
func (m *LogonRequest) Append(b []byte) []byte {
	essdn := cutASCII(m.Essdn, MaxDN)
	b = grow(b, 14+len(essdn)+1)
	b = append(b, uint8(RopLogon), m.LogonID, m.OutputHandleIndex, m.LogonFlags)
	b = binary.LittleEndian.AppendUint32(b, m.OpenFlags)
	b = binary.LittleEndian.AppendUint32(b, m.StoreState)
	if essdn == "" {
		return binary.LittleEndian.AppendUint16(b, 0)
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(essdn)+1))
	return append(append(b, essdn...), 0)
}

// Parse reads the request that b starts with and returns what follows it.
func (m *LogonRequest) Parse(b []byte) (rest []byte, err error) {
	r := reader{message: "logon request", b: b}
	r.ropID(RopLogon)
	t := LogonRequest{
		LogonID:           r.u8("LogonId"),
		OutputHandleIndex: r.u8("OutputHandleIndex"),
		LogonFlags:        r.u8("LogonFlags"),
		OpenFlags:         r.u32("OpenFlags"),
		StoreState:        r.u32("StoreState"),
	}
	size := int(r.u16("EssdnSize"))
	if at := r.off; size > 0 {
		t.Essdn = r.ascii("Essdn", MaxDN)
		if r.err == nil && r.off-at != size {
			r.failAt(at, "Essdn", fmt.Sprintf("%d bytes with NUL, EssdnSize says %d", r.off-at, size))
		}
	}
	if rest, err = r.rest(); err == nil {
		*m = t
	}
	return rest, err
}

// The folders in LogonResponse.FolderIDs of a mailbox, by their place
// ([MS-OXCSTOR] 2.2.1.1.3).
const (
	FolderRoot = iota
	FolderDeferredAction
	FolderSpoolerQueue
	FolderIPMSubtree
	FolderInbox
	FolderOutbox
	FolderSentItems
	FolderDeletedItems
	FolderCommonViews
	FolderSchedule
	FolderSearch
	FolderViews
	FolderShortcuts
)

// FolderID names a folder, as it lies on the wire: two bytes of REPLID, little-
// endian, and a counter of six bytes, big-endian ([MS-OXCDATA] 2.2.1.1).
type FolderID [8]byte

// String returns the bytes as 16 hexadecimal digits in lower case.
func (id FolderID) String() string { return hex.EncodeToString(id[:]) }

// ResponseFlags of a logon to a mailbox ([MS-OXCSTOR] 2.2.1.1.3).
const (
	ResponseFlagReserved    uint8 = 0x01 // Reserved, always set
	ResponseFlagOwnerRight  uint8 = 0x02 // OwnerRight
	ResponseFlagSendAsRight uint8 = 0x04 // SendAsRight
	ResponseFlagOOF         uint8 = 0x10 // OOF
)

// LogonResponse is the answer to RopLogon. Which fields it has depends on
// ReturnValue and, when that is EcNone, on the bit LogonPrivate of LogonFlags:
//
//	mailbox, 166 bytes ([MS-OXCROPS] 2.2.3.1.2)
//	RopId               1   FE
//	OutputHandleIndex   1
//	ReturnValue         4   0
//	LogonFlags          1
//	FolderIds         104
//	ResponseFlags       1
//	MailboxGuid        16
//	ReplId              2
//	ReplGuid           16
//	LogonTime           8   Seconds, Minutes, Hour, DayOfWeek, Day, Month, Year (2)
//	GwartTime           8
//	StoreState          4
//
//	public folders, 145 bytes (2.2.3.1.3)
//	RopId to FolderIds      as above
//	ReplId              2
//	ReplGuid           16
//	PerUserGuid        16
//
//	redirect, 8 + n bytes (2.2.3.1.4)
//	RopId to LogonFlags     as above, ReturnValue ecWrongServer
//	ServerNameSize      1   with NUL
//	ServerName          n   NUL-terminated ASCII
//
//	failure, 6 bytes (2.2.3.1.5)
//	RopId to ReturnValue    as above
type LogonResponse struct {
	OutputHandleIndex uint8
	ReturnValue       Code
	LogonFlags        uint8        // those of the request; not in a failure
	FolderIDs         [13]FolderID // FolderRoot and so on; another order for public folders
	ResponseFlags     uint8        // ResponseFlagOwnerRight and so on; mailbox
	MailboxGUID       GUID         // mailbox
	ReplID            uint16       // mailbox and public folders
	ReplGUID          GUID         // mailbox and public folders: what a client compares after a reconnect
	LogonTime         time.Time    // mailbox: the server's clock, in UTC, whole seconds
	GwartTime         uint64       // mailbox: opaque
	StoreState        uint32       // mailbox: 0
	PerUserGUID       GUID         // public folders
	ServerName        string       // redirect: a distinguished name, not a host; may be empty; at most 254 bytes
}

const (
	privateLogonSize = 166
	publicLogonSize  = 145
)

// Append adds the response to b.
func (m *LogonResponse) Append(b []byte) []byte {
	b = grow(b, m.size())
	b = append(b, uint8(RopLogon), m.OutputHandleIndex)
	b = binary.LittleEndian.AppendUint32(b, uint32(m.ReturnValue))
	switch m.ReturnValue {
	default:
		return b
	case EcWrongServer:
		name := cutASCII(m.ServerName, maxServerName)
		b = append(b, m.LogonFlags, uint8(len(name)+1))
		return append(append(b, name...), 0)
	case EcNone:
	}
	b = append(b, m.LogonFlags)
	for _, id := range m.FolderIDs {
		b = append(b, id[:]...)
	}
	if m.LogonFlags&LogonPrivate == 0 {
		b = binary.LittleEndian.AppendUint16(b, m.ReplID)
		b = append(b, m.ReplGUID[:]...)
		return append(b, m.PerUserGUID[:]...)
	}
	b = append(b, m.ResponseFlags)
	b = append(b, m.MailboxGUID[:]...)
	b = binary.LittleEndian.AppendUint16(b, m.ReplID)
	b = append(b, m.ReplGUID[:]...)
	b = appendLogonTime(b, m.LogonTime)
	b = binary.LittleEndian.AppendUint64(b, m.GwartTime)
	return binary.LittleEndian.AppendUint32(b, m.StoreState)
}

// size returns at least the length of the response in bytes.
func (m *LogonResponse) size() int {
	switch {
	case m.ReturnValue != EcNone:
		return 8 + min(len(m.ServerName), maxServerName) + 1
	case m.LogonFlags&LogonPrivate == 0:
		return publicLogonSize
	}
	return privateLogonSize
}

// Parse reads the response that b starts with and returns what follows it.
//
// Gromox 3.10 answers ALTERNATE_SERVER with ReturnValue 0 and the name of a
// server where the fields of a success should be. So a logon to a mailbox is
// refused when its LogonTime is not a date: zeros are none, and text is none,
// since any letter is too large for an hour. A success without a root folder is
// refused too. A server therefore fills in LogonTime and FolderRoot.
//
// The ServerName of a redirect is cut at its first NUL and may lack it;
// ServerNameSize 0 gives an empty name.
func (m *LogonResponse) Parse(b []byte) (rest []byte, err error) {
	r := reader{message: "logon response", b: b}
	r.ropID(RopLogon)
	t := LogonResponse{
		OutputHandleIndex: r.u8("OutputHandleIndex"),
		ReturnValue:       r.code("ReturnValue"),
	}
	switch t.ReturnValue {
	case EcNone:
		r.logon(&t)
	case EcWrongServer:
		t.LogonFlags = r.u8("LogonFlags")
		t.ServerName = r.serverName()
	}
	if rest, err = r.rest(); err == nil {
		*m = t
	}
	return rest, err
}

// logon reads what follows ReturnValue in a success.
func (r *reader) logon(t *LogonResponse) {
	t.LogonFlags = r.u8("LogonFlags")
	folders := r.off
	for i := range t.FolderIDs {
		t.FolderIDs[i] = r.folderID("FolderIds")
	}
	if r.err == nil && t.FolderIDs[FolderRoot] == (FolderID{}) {
		r.failAt(folders, "FolderIds", "a success without a root folder")
	}
	if t.LogonFlags&LogonPrivate == 0 {
		t.ReplID = r.u16("ReplId")
		t.ReplGUID = r.guid("ReplGuid")
		t.PerUserGUID = r.guid("PerUserGuid")
		return
	}
	t.ResponseFlags = r.u8("ResponseFlags")
	t.MailboxGUID = r.guid("MailboxGuid")
	t.ReplID = r.u16("ReplId")
	t.ReplGUID = r.guid("ReplGuid")
	t.LogonTime = r.logonTime()
	t.GwartTime = r.u64("GwartTime")
	t.StoreState = r.u32("StoreState")
}

func (r *reader) serverName() string {
	size := int(r.u8("ServerNameSize"))
	at := r.off
	p := r.take("ServerName", size)
	if end := bytes.IndexByte(p, 0); end >= 0 {
		p = p[:end]
	}
	if why := checkASCII(p); why != "" {
		r.failAt(at, "ServerName", why)
	}
	if len(p) > maxServerName {
		r.failAt(at, "ServerName", "no final NUL within 255 bytes")
	}
	if r.err != nil {
		return ""
	}
	return string(p)
}

// logonTime reads a LogonTime ([MS-OXCROPS] 2.2.3.1.2.1). DayOfWeek follows
// from the rest and is not looked at.
func (r *reader) logonTime() time.Time {
	at := r.off
	p := r.take("LogonTime", 8)
	if p == nil {
		return time.Time{}
	}
	year := int(binary.LittleEndian.Uint16(p[6:]))
	t := time.Date(year, time.Month(p[5]), int(p[4]), int(p[2]), int(p[1]), int(p[0]), 0, time.UTC)
	// time.Date carries what is out of range into the next field, so that it
	// comes back as something else.
	var again [8]byte
	appendLogonTime(again[:0], t)
	again[3] = p[3]
	if !bytes.Equal(again[:], p) {
		r.failAt(at, "LogonTime", fmt.Sprintf("% x is not a date: a success that holds no logon", p))
	}
	return t
}

func appendLogonTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	b = append(b, uint8(t.Second()), uint8(t.Minute()), uint8(t.Hour()), uint8(t.Weekday()), uint8(t.Day()), uint8(t.Month()))
	return binary.LittleEndian.AppendUint16(b, uint16(t.Year()))
}
