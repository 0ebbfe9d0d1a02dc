package mapi

import (
	"encoding/hex"
	"strings"
	"time"
)

const (
	userDN     = "/o=Lab/ou=EAG/cn=Recipients/cn=al"
	serverDN   = "/o=Lab/ou=EAG/cn=Configuration/cn=Servers/cn=0a0b@x.test"
	gromoxName = "/o=Gromox default/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// folders returns the folder ids 1-1, 1-2 and so on in the order of counters.
func folders(counters ...byte) (ids [13]FolderID) {
	for i, c := range counters {
		if c != 0 {
			ids[i] = FolderID{0: 1, 7: c}
		}
	}
	return ids
}

func guid(s string) GUID {
	g, err := ParseGUID(s)
	if err != nil {
		panic(err)
	}
	return g
}

// The answer of Gromox 3.10 to a logon of alice, in captures 40, 52 and c0b.
var aliceLogon = LogonResponse{
	LogonFlags:    LogonPrivate,
	FolderIDs:     folders(1, 2, 3, 9, 13, 12, 10, 11, 7, 8, 5, 6, 4),
	ResponseFlags: ResponseFlagReserved | ResponseFlagOwnerRight | ResponseFlagSendAsRight,
	MailboxGUID:   guid("bf00703e-d43d-4e18-bae1-c4583e9ea2f2"),
	ReplID:        5,
	ReplGUID:      guid("5dd864da-8248-4e69-8c81-679215cd19f9"),
	LogonTime:     time.Date(2026, time.November, 20, 23, 4, 12, 0, time.UTC),
	GwartTime:     0x01dd79_4374c7be_00,
}

var publicLogon = LogonResponse{
	FolderIDs: folders(1, 2, 3, 4),
	ReplID:    5,
	ReplGUID:  guid("b7407ad4-dfd9-4f1b-a2a0-2e005923713d"),
}

var alLogon = LogonRequest{LogonFlags: LogonPrivate, OpenFlags: 0x0100040C, Essdn: userDN}

// wants says what each vector of testdata/mapi decodes to.
var wants = map[string]any{
	"connect-request": ConnectRequest{UserDN: userDN, CodePage: 1252, LCIDSort: 0x0409, LCIDString: 0x0409},
	"connect-request-two-locales": ConnectRequest{
		UserDN: "/o=Lab", Flags: 1, CodePage: 437, LCIDSort: 0x0407, LCIDString: 0x0809, Aux: []byte{0xFF},
	},
	"connect-response": ConnectResponse{
		PollsMax: 60000, RetryCount: 6, RetryDelay: 10000,
		DNPrefix: "/o=Lab/ou=EAG/cn=Recipients/cn=", DisplayName: "Al",
	},
	"connect-response-refused": ConnectResponse{ErrorCode: EcUnknownUser},
	"connect-response-failure": ConnectResponse{StatusCode: RPCSServerTooBusy},
	"connect-response-cut":     ConnectResponse{StatusCode: RPCSServerTooBusy},
	"connect-response-auxiliary": ConnectResponse{
		ErrorCode: EcRPCFailed,
		Aux:       unhex("0000 0400 1c00 1c00 0800 0117 03000000 0c00 010a 0c000000 00840c24 0800 0148 01000000"),
	},
	"auxiliary-buffer": []AuxBlock{
		{Version: 1, Type: AuxExOrgInfo, Data: []byte{3, 0, 0, 0}},
		{Version: 1, Type: AuxClientControl, Data: unhex("0c000000 00840c24")},
		{Version: 1, Type: AuxEndpointCapabilities, Data: []byte{1, 0, 0, 0}},
	},

	"execute-request": ExecuteRequest{
		Flags: ExecuteNoCompression | ExecuteNoXorMagic,
		RopBuffer: unhex("0000 0400 3600 3600 3200 fe000001 0c040001 00000000 2200" +
			"2f6f3d4c61622f6f753d4541472f636e3d526563697069656e74732f636e3d616c00 ffffffff"),
		MaxRopOut: 0x10008,
	},
	"execute-response": ExecuteResponse{
		RopBuffer: unhex("0000 0400 4700 4700 4300 fe00 78040000 01 39" +
			"2f6f3d4c61622f6f753d4541472f636e3d436f6e66696775726174696f6e2f636e3d536572766572732f636e3d3061306240782e7465737400 ffffffff"),
	},
	"execute-response-in-transit": ExecuteResponse{RopBuffer: unhex("0000 0400 0c00 0c00 0800 fe00 0c050000 ffffffff")},
	"execute-response-refused":    ExecuteResponse{ErrorCode: EcRPCFormat},
	"execute-response-failure":    ExecuteResponse{StatusCode: EcBufferTooSmall},

	"disconnect-request":          DisconnectRequest{},
	"disconnect-response":         DisconnectResponse{},
	"disconnect-response-failure": DisconnectResponse{StatusCode: EcNullObject, Aux: []byte{0x0a, 0x0b, 0x0c, 0x0d}},

	"notification-wait-request":           NotificationWaitRequest{},
	"notification-wait-request-auxiliary": NotificationWaitRequest{Flags: 7, Aux: []byte{0x0a, 0x0b}},
	"notification-wait-response":          NotificationWaitResponse{EventPending: true},
	"notification-wait-response-quiet":    NotificationWaitResponse{},
	"notification-wait-response-failure":  NotificationWaitResponse{StatusCode: EcExiting},

	"bind-request": BindRequest{State: &Stat{CodePage: 1252, TemplateLocale: 0x0409, SortLocale: 0x0409}},
	"bind-request-fields": BindRequest{
		Flags: 0x20,
		State: &Stat{
			SortType: 1, ContainerID: 2, CurrentRec: 3, Delta: -4, NumPos: 5, TotalRecs: 6,
			CodePage: 7, TemplateLocale: 8, SortLocale: 9,
		},
		Aux: []byte{0x0a},
	},
	"bind-request-stateless": BindRequest{},
	"bind-response":          BindResponse{ServerGUID: guid("00010203-0405-0607-0809-0a0b0c0d0e0f")},
	"bind-response-refused":  BindResponse{ErrorCode: MAPIEUnknownCPID},
	"bind-response-failure":  BindResponse{StatusCode: RPCSServerTooBusy},

	"unbind-request":          UnbindRequest{},
	"unbind-request-fields":   UnbindRequest{Reserved: 7, Aux: []byte{0x0a, 0x0b}},
	"unbind-response":         UnbindResponse{ErrorCode: UnbindSuccess},
	"unbind-response-failure": UnbindResponse{StatusCode: EcNullObject},

	"get-mailbox-url-request":          GetMailboxURLRequest{ServerDN: "/o=L/cn=S"},
	"get-mailbox-url-request-fields":   GetMailboxURLRequest{Flags: 1, ServerDN: "é", Aux: []byte{0x0a}},
	"get-mailbox-url-response":         GetMailboxURLResponse{ServerURL: "https://x.test/"},
	"get-mailbox-url-response-refused": GetMailboxURLResponse{ErrorCode: EcNotFound, Aux: []byte{0x0a}},
	"get-mailbox-url-response-failure": GetMailboxURLResponse{StatusCode: EcNullObject},

	"get-address-book-url-request":          GetAddressBookURLRequest{UserDN: "/o=L/cn=al"},
	"get-address-book-url-response":         GetAddressBookURLResponse{ServerURL: "https://x.test/n"},
	"get-address-book-url-response-failure": GetAddressBookURLResponse{StatusCode: EcExiting, Aux: []byte{0x0a, 0x0b}},

	"logon-request":        alLogon,
	"logon-request-public": LogonRequest{OpenFlags: OpenPublic | OpenUsePerMDBReplIDMapping},
	"logon-request-fields": LogonRequest{LogonID: 1, OutputHandleIndex: 2, LogonFlags: 3, OpenFlags: 4, StoreState: 5},
	"logon-response-private": LogonResponse{
		LogonFlags:    LogonPrivate,
		FolderIDs:     folders(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13),
		ResponseFlags: 7,
		MailboxGUID:   guid("13121110-1514-1716-1819-1a1b1c1d1e1f"),
		ReplID:        1,
		ReplGUID:      guid("23222120-2524-2726-2829-2a2b2c2d2e2f"),
		LogonTime:     time.Date(2026, time.January, 2, 9, 15, 30, 0, time.UTC),
		GwartTime:     0x01dc0000_00000000,
	},
	"logon-response-private-gromox": aliceLogon,
	"logon-response-public":         publicLogon,
	"logon-response-redirect":       LogonResponse{ReturnValue: EcWrongServer, LogonFlags: LogonPrivate, ServerName: serverDN},
	"logon-response-redirect-gromox": LogonResponse{
		ReturnValue: EcWrongServer, LogonFlags: LogonPrivate,
		ServerName: gromoxName + "/cn=Configuration/cn=Servers/cn=616c6963-6540-7065-6572-2e7401000000@peer.test",
	},
	"logon-response-redirect-nameless":  LogonResponse{ReturnValue: EcWrongServer, LogonFlags: LogonPrivate},
	"logon-response-redirect-no-nul":    LogonResponse{ReturnValue: EcWrongServer, LogonFlags: LogonPrivate, ServerName: "/o=Lab"},
	"logon-response-redirect-after-nul": LogonResponse{ReturnValue: EcWrongServer, LogonFlags: LogonPrivate, ServerName: "/o=Lab"},
	"logon-response-failure":            LogonResponse{ReturnValue: EcMailboxInTransit},

	"release-request":                     ReleaseRequest{LogonID: 2, InputHandleIndex: 3},
	"get-receive-folder-request":          GetReceiveFolderRequest{MessageClass: "IPM"},
	"get-receive-folder-request-fields":   GetReceiveFolderRequest{LogonID: 1, InputHandleIndex: 2},
	"get-receive-folder-response":         GetReceiveFolderResponse{FolderID: FolderID{0: 1, 7: 13}, MessageClass: "IPM"},
	"get-receive-folder-response-failure": GetReceiveFolderResponse{InputHandleIndex: 1, ReturnValue: EcInvalidObject},
	"register-notification-request":       RegisterNotificationRequest{OutputHandleIndex: 1, NotificationTypes: 0x03FC, WantWholeStore: true},
	"register-notification-request-folder": RegisterNotificationRequest{
		LogonID: 1, InputHandleIndex: 2, OutputHandleIndex: 3,
		NotificationTypes: NotifyNewMail, FolderID: FolderID{0: 1, 7: 13},
	},
	"register-notification-response": RegisterNotificationResponse{OutputHandleIndex: 1},

	"backoff-response":     BackoffResponse{Duration: 5000},
	"backoff-response-rop": BackoffResponse{Rops: []BackoffRop{{ID: RopLogon, Duration: 10000}}},
	"backoff-response-fields": BackoffResponse{
		LogonID: 1, Duration: 2,
		Rops:           []BackoffRop{{ID: RopGetReceiveFolder, Duration: 3}, {ID: 0xF7, Duration: 1 << 31}},
		AdditionalData: []byte{0xF9, 0, 0xFF},
	},
	"pending-response":          PendingResponse{SessionIndex: 0x0201},
	"buffer-too-small-response": BufferTooSmallResponse{SizeNeeded: 0x9000, RequestBuffers: []byte{1, 0, 2}},

	"rop-list-request": []RopRequest{&alLogon, &GetReceiveFolderRequest{MessageClass: "IPM"}, &ReleaseRequest{}},
	"rop-list-response": responseList{
		List: []RopResponse{
			&LogonResponse{ReturnValue: EcMailboxInTransit},
			&GetReceiveFolderResponse{FolderID: FolderID{0: 1, 7: 13}, MessageClass: "IPM"},
			&RegisterNotificationResponse{OutputHandleIndex: 1},
		},
		Rest: unhex("2a2a000000000000"),
	},
	"rop-list-response-backoff": responseList{List: []RopResponse{&BackoffResponse{Duration: 5000}}},
	"rop-list-response-strangers": responseList{
		List: []RopResponse{
			&PendingResponse{},
			&LogonResponse{ReturnValue: EcMailboxInTransit},
			&BackoffResponse{Duration: 5000},
			&BufferTooSmallResponse{SizeNeeded: 16, RequestBuffers: []byte{1, 0, 0}},
		},
	},
	"rop-buffer": ropBuffer{
		Rops: unhex("fe000001 0c040001 00000000 2200" +
			"2f6f3d4c61622f6f753d4541472f636e3d526563697069656e74732f636e3d616c00"),
		Handles: []uint32{NoHandle},
	},
	"rop-buffer-redirect": ropBuffer{
		Rops: unhex("fe00 78040000 01 39" +
			"2f6f3d4c61622f6f753d4541472f636e3d436f6e66696775726174696f6e2f636e3d536572766572732f636e3d3061306240782e7465737400"),
		Handles: []uint32{NoHandle},
	},
	"rop-buffer-release": ropBuffer{Rops: []byte{1, 0, 0}, Handles: []uint32{42}},
	"rop-buffer-empty":   ropBuffer{Handles: []uint32{42}},
	"rop-buffers": []RopBuffer{
		{Rops: unhex("fe00 0c050000"), Handles: []uint32{NoHandle}},
		{Handles: []uint32{42}},
	},
	"rop-buffers-packed": []RopBuffer{
		{Handles: []uint32{42}},
		{Handles: []uint32{NoHandle, NoHandle}},
	},

	"payload-plain":          payload{Payload: []byte("hello"), Rest: []byte{}, Last: true},
	"payload-xor":            payload{Payload: unhex("08000101 0100a300"), Rest: []byte{}, Last: true},
	"payload-xor-empty":      payload{Rest: []byte{}, Last: true},
	"payload-compressed":     payload{Payload: []byte(strings.Repeat("A", 100)), Rest: []byte{}, Last: true},
	"payload-compressed-xor": payload{Payload: []byte(strings.Repeat("A", 100)), Rest: []byte{}, Last: true},
	"payload-first-of-two":   payload{Payload: []byte("hi"), Rest: []byte{}},

	"lz77-mixed":               "ABCABCDEF",
	"lz77-run":                 strings.Repeat("A", 100),
	"lz77-run-of-three":        strings.Repeat("abc", 100),
	"lz77-literals":            "abcdefghijklmnopqrstuvwxyz",
	"lz77-shared-half-bytes":   strings.Repeat("A", 13) + strings.Repeat("B", 16),
	"lz77-half-bytes-of-three": strings.Repeat("A", 1+12+15+13),
	"lz77-length-24":           strings.Repeat("A", 1+24),
	"lz77-length-25":           strings.Repeat("A", 1+25),
	"lz77-length-279":          strings.Repeat("A", 1+279),
	"lz77-length-280":          strings.Repeat("A", 1+280),
	"lz77-empty-mask":          "abcdefghijklmnopqrstuvwxyz012345",
}
