package mapi

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Generators of what every message can carry unchanged.
var (
	genDN      = genASCII(1024)
	genClass   = genASCII(255)
	genServer  = genASCII(254)
	genDisplay = rapid.StringOfN(rapid.RuneFrom([]rune("ann Zoë 😀\uFFFD\u0001")), 0, 512, -1)
	genURL     = genASCII(4096)
	genFailure = rapid.SampledFrom(Codes()[1:])
	genFolder  = rapid.Custom(func(t *rapid.T) FolderID { return FolderID(gen8(t)) })
	genGUID    = rapid.Custom(func(t *rapid.T) GUID { return GUID(append(gen8(t), gen8(t)...)) })
	genTime    = rapid.Custom(func(t *rapid.T) time.Time {
		// From the year 1 to the year 65535, the last that two bytes hold.
		last := time.Date(65535, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
		first := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
		return time.Unix(rapid.Int64Range(first, last).Draw(t, "time"), 0).UTC()
	})
)

func genASCII(n int) *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(rapid.ByteRange(' ', '~'), 0, n), func(b []byte) string { return string(b) })
}

func gen8(t *rapid.T) []byte { return rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "eight") }

// genBytes gives up to n bytes; nothing is nil.
func genBytes(n int) *rapid.Generator[[]byte] {
	return rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, n), func(b []byte) []byte {
		if len(b) == 0 {
			return nil
		}
		return b
	})
}

// status draws a StatusCode, most often EcNone.
func status(t *rapid.T) Code {
	if rapid.IntRange(0, 3).Draw(t, "failure") == 0 {
		return genFailure.Draw(t, "StatusCode")
	}
	return EcNone
}

var genRopBuffer = rapid.Custom(func(t *rapid.T) RopBuffer {
	var handles []uint32
	for range rapid.IntRange(0, 256).Draw(t, "handles") {
		handles = append(handles, u32(t, "handle"))
	}
	return RopBuffer{Rops: genBytes(256).Draw(t, "rops"), Handles: handles}
})

func u8(t *rapid.T, name string) uint8   { return rapid.Uint8().Draw(t, name) }
func u16(t *rapid.T, name string) uint16 { return rapid.Uint16().Draw(t, name) }
func u32(t *rapid.T, name string) uint32 { return rapid.Uint32().Draw(t, name) }

// generators draws a message of each type.
var generators = map[string]func(t *rapid.T) any{
	"connect request": func(t *rapid.T) any {
		return ConnectRequest{
			UserDN: genDN.Draw(t, "UserDn"), Flags: u32(t, "Flags"), CodePage: u32(t, "DefaultCodePage"),
			LCIDSort: u32(t, "LcidSort"), LCIDString: u32(t, "LcidString"), Aux: genBytes(64).Draw(t, "Aux"),
		}
	},
	"connect response": func(t *rapid.T) any {
		m := ConnectResponse{StatusCode: status(t), Aux: genBytes(64).Draw(t, "Aux")}
		if m.StatusCode == EcNone {
			m.ErrorCode, m.PollsMax, m.RetryCount, m.RetryDelay = Code(u32(t, "ErrorCode")), u32(t, "PollsMax"), u32(t, "RetryCount"), u32(t, "RetryDelay")
			m.DNPrefix, m.DisplayName = genDN.Draw(t, "DnPrefix"), genDisplay.Draw(t, "DisplayName")
		}
		return m
	},
	"execute request": func(t *rapid.T) any {
		return ExecuteRequest{
			Flags: u32(t, "Flags"), RopBuffer: genBytes(256).Draw(t, "RopBuffer"),
			MaxRopOut: u32(t, "MaxRopOut"), Aux: genBytes(64).Draw(t, "Aux"),
		}
	},
	"execute response": func(t *rapid.T) any {
		m := ExecuteResponse{StatusCode: status(t), Aux: genBytes(64).Draw(t, "Aux")}
		if m.StatusCode == EcNone {
			m.ErrorCode, m.Flags, m.RopBuffer = Code(u32(t, "ErrorCode")), u32(t, "Flags"), genBytes(256).Draw(t, "RopBuffer")
		}
		return m
	},
	"disconnect request": func(t *rapid.T) any { return DisconnectRequest{Aux: genBytes(64).Draw(t, "Aux")} },
	"disconnect response": func(t *rapid.T) any {
		m := DisconnectResponse{StatusCode: status(t), Aux: genBytes(64).Draw(t, "Aux")}
		if m.StatusCode == EcNone {
			m.ErrorCode = Code(u32(t, "ErrorCode"))
		}
		return m
	},
	"notification wait request": func(t *rapid.T) any {
		return NotificationWaitRequest{Flags: u32(t, "Flags"), Aux: genBytes(64).Draw(t, "Aux")}
	},
	"notification wait response": func(t *rapid.T) any {
		m := NotificationWaitResponse{StatusCode: status(t), Aux: genBytes(64).Draw(t, "Aux")}
		if m.StatusCode == EcNone {
			m.ErrorCode, m.EventPending = Code(u32(t, "ErrorCode")), rapid.Bool().Draw(t, "EventPending")
		}
		return m
	},
	"bind request": func(t *rapid.T) any {
		m := BindRequest{Flags: u32(t, "Flags"), Aux: genBytes(64).Draw(t, "Aux")}
		if rapid.Bool().Draw(t, "HasState") {
			m.State = &Stat{
				SortType: u32(t, "SortType"), ContainerID: u32(t, "ContainerID"), CurrentRec: u32(t, "CurrentRec"),
				Delta: rapid.Int32().Draw(t, "Delta"), NumPos: u32(t, "NumPos"), TotalRecs: u32(t, "TotalRecs"),
				CodePage: u32(t, "CodePage"), TemplateLocale: u32(t, "TemplateLocale"), SortLocale: u32(t, "SortLocale"),
			}
		}
		return m
	},
	"bind response": func(t *rapid.T) any {
		m := BindResponse{StatusCode: status(t), Aux: genBytes(64).Draw(t, "Aux")}
		if m.StatusCode == EcNone {
			m.ErrorCode, m.ServerGUID = Code(u32(t, "ErrorCode")), genGUID.Draw(t, "ServerGuid")
		}
		return m
	},
	"unbind request": func(t *rapid.T) any {
		return UnbindRequest{Reserved: u32(t, "Reserved"), Aux: genBytes(64).Draw(t, "Aux")}
	},
	"unbind response": func(t *rapid.T) any {
		m := UnbindResponse{StatusCode: status(t), Aux: genBytes(64).Draw(t, "Aux")}
		if m.StatusCode == EcNone {
			m.ErrorCode = Code(u32(t, "ErrorCode"))
		}
		return m
	},
	"get mailbox url request": func(t *rapid.T) any {
		return GetMailboxURLRequest{Flags: u32(t, "Flags"), ServerDN: genDisplay.Draw(t, "ServerDn"), Aux: genBytes(64).Draw(t, "Aux")}
	},
	"get mailbox url response": func(t *rapid.T) any {
		m := GetMailboxURLResponse{StatusCode: status(t), Aux: genBytes(64).Draw(t, "Aux")}
		if m.StatusCode == EcNone {
			m.ErrorCode, m.ServerURL = Code(u32(t, "ErrorCode")), genURL.Draw(t, "ServerUrl")
		}
		return m
	},
	"get address book url request": func(t *rapid.T) any {
		return GetAddressBookURLRequest{Flags: u32(t, "Flags"), UserDN: genDisplay.Draw(t, "UserDn"), Aux: genBytes(64).Draw(t, "Aux")}
	},
	"get address book url response": func(t *rapid.T) any {
		m := GetAddressBookURLResponse{StatusCode: status(t), Aux: genBytes(64).Draw(t, "Aux")}
		if m.StatusCode == EcNone {
			m.ErrorCode, m.ServerURL = Code(u32(t, "ErrorCode")), genURL.Draw(t, "ServerUrl")
		}
		return m
	},
	"logon request": func(t *rapid.T) any {
		return LogonRequest{
			LogonID: u8(t, "LogonId"), OutputHandleIndex: u8(t, "OutputHandleIndex"), LogonFlags: u8(t, "LogonFlags"),
			OpenFlags: u32(t, "OpenFlags"), StoreState: u32(t, "StoreState"), Essdn: genDN.Draw(t, "Essdn"),
		}
	},
	"logon response": func(t *rapid.T) any {
		m := LogonResponse{OutputHandleIndex: u8(t, "OutputHandleIndex"), ReturnValue: status(t)}
		if rapid.IntRange(0, 3).Draw(t, "redirect") == 0 {
			m.ReturnValue = EcWrongServer
		}
		switch m.ReturnValue {
		case EcWrongServer:
			m.LogonFlags, m.ServerName = u8(t, "LogonFlags"), genServer.Draw(t, "ServerName")
		case EcNone:
			m.LogonFlags, m.ReplID, m.ReplGUID = u8(t, "LogonFlags"), u16(t, "ReplId"), genGUID.Draw(t, "ReplGuid")
			for i := range m.FolderIDs {
				m.FolderIDs[i] = genFolder.Draw(t, "FolderId")
			}
			m.FolderIDs[FolderRoot][7] |= 1
			if m.LogonFlags&LogonPrivate == 0 {
				m.PerUserGUID = genGUID.Draw(t, "PerUserGuid")
				break
			}
			m.ResponseFlags, m.MailboxGUID, m.LogonTime = u8(t, "ResponseFlags"), genGUID.Draw(t, "MailboxGuid"), genTime.Draw(t, "LogonTime")
			m.GwartTime, m.StoreState = rapid.Uint64().Draw(t, "GwartTime"), u32(t, "StoreState")
		}
		return m
	},
	"register notification request": func(t *rapid.T) any {
		m := RegisterNotificationRequest{
			LogonID: u8(t, "LogonId"), InputHandleIndex: u8(t, "InputHandleIndex"), OutputHandleIndex: u8(t, "OutputHandleIndex"),
			NotificationTypes: u16(t, "NotificationTypes"), WantWholeStore: rapid.Bool().Draw(t, "WantWholeStore"),
		}
		if !m.WantWholeStore {
			m.FolderID, m.MessageID = genFolder.Draw(t, "FolderId"), MessageID(gen8(t))
		}
		return m
	},
	"register notification response": func(t *rapid.T) any {
		return RegisterNotificationResponse{OutputHandleIndex: u8(t, "OutputHandleIndex"), ReturnValue: Code(u32(t, "ReturnValue"))}
	},
	"get receive folder request": func(t *rapid.T) any {
		return GetReceiveFolderRequest{LogonID: u8(t, "LogonId"), InputHandleIndex: u8(t, "InputHandleIndex"), MessageClass: genClass.Draw(t, "MessageClass")}
	},
	"get receive folder response": func(t *rapid.T) any {
		m := GetReceiveFolderResponse{InputHandleIndex: u8(t, "InputHandleIndex"), ReturnValue: status(t)}
		if m.ReturnValue == EcNone {
			m.FolderID, m.MessageClass = genFolder.Draw(t, "FolderId"), genClass.Draw(t, "ExplicitMessageClass")
		}
		return m
	},
	"release request": func(t *rapid.T) any {
		return ReleaseRequest{LogonID: u8(t, "LogonId"), InputHandleIndex: u8(t, "InputHandleIndex")}
	},
	"backoff response": func(t *rapid.T) any {
		m := BackoffResponse{LogonID: u8(t, "LogonId"), Duration: u32(t, "Duration"), AdditionalData: genBytes(64).Draw(t, "AdditionalData")}
		for range rapid.SampledFrom([]int{0, 1, 3, 255}).Draw(t, "BackoffRopCount") {
			m.Rops = append(m.Rops, BackoffRop{ID: RopID(u8(t, "RopId")), Duration: u32(t, "Duration")})
		}
		return m
	},
	"pending response": func(t *rapid.T) any { return PendingResponse{SessionIndex: u16(t, "SessionIndex")} },
	"buffer too small response": func(t *rapid.T) any {
		return BufferTooSmallResponse{SizeNeeded: u16(t, "SizeNeeded"), RequestBuffers: genBytes(64).Draw(t, "RequestBuffers")}
	},
	"payload": func(t *rapid.T) any {
		rest := rapid.SliceOfN(rapid.Byte(), 0, 16).Draw(t, "rest")
		return payload{Payload: genBytes(256).Draw(t, "payload"), Rest: append([]byte{}, rest...), Last: true}
	},
	"rop buffer": func(t *rapid.T) any { return ropBuffer(genRopBuffer.Draw(t, "buffer")) },
	"rop buffers": func(t *rapid.T) any {
		return rapid.SliceOfN(genRopBuffer, 1, 4).Draw(t, "buffers")
	},
	"auxiliary buffer": func(t *rapid.T) any {
		var list []AuxBlock
		for range rapid.IntRange(0, 4).Draw(t, "blocks") {
			list = append(list, AuxBlock{Version: u8(t, "Version"), Type: u8(t, "Type"), Data: genBytes(64).Draw(t, "Data")})
		}
		return list
	},
}

// lists are made of the ROPs above.
func init() {
	pick := func(t *rapid.T, names ...string) any {
		return generators[rapid.SampledFrom(names).Draw(t, "rop")](t)
	}
	generators["rop list request"] = func(t *rapid.T) any {
		var list []RopRequest
		for range rapid.IntRange(0, 5).Draw(t, "rops") {
			switch m := pick(t, "logon request", "register notification request", "get receive folder request", "release request").(type) {
			case LogonRequest:
				list = append(list, &m)
			case RegisterNotificationRequest:
				list = append(list, &m)
			case GetReceiveFolderRequest:
				list = append(list, &m)
			case ReleaseRequest:
				list = append(list, &m)
			}
		}
		return list
	}
	generators["rop list response"] = func(t *rapid.T) any {
		var v responseList
		for range rapid.IntRange(0, 5).Draw(t, "rops") {
			switch m := pick(t, "logon response", "register notification response", "get receive folder response", "backoff response", "pending response").(type) {
			case LogonResponse:
				v.List = append(v.List, &m)
			case RegisterNotificationResponse:
				v.List = append(v.List, &m)
			case GetReceiveFolderResponse:
				v.List = append(v.List, &m)
			case BackoffResponse:
				v.List = append(v.List, &m)
			case PendingResponse:
				v.List = append(v.List, &m)
			}
		}
		switch rapid.IntRange(0, 2).Draw(t, "last") {
		case 1:
			m := pick(t, "buffer too small response").(BufferTooSmallResponse)
			v.List = append(v.List, &m)
		case 2:
			v.Rest = append([]byte{uint8(RopNotify)}, genBytes(16).Draw(t, "notification")...)
		}
		return v
	}
}

func TestRoundTrips(t *testing.T) {
	for name, m := range messages {
		gen, ok := generators[name]
		if !ok {
			t.Errorf("%s: no generator", name)
			continue
		}
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			want := gen(t)
			got, err := m.decode(m.encode(want))
			if err != nil {
				t.Fatalf("%+v does not come back: %v", want, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("-want +got:\n%s", diff)
			}
		}))
	}
}

func TestAppendKeepsWhatWasThere(t *testing.T) {
	for _, v := range vectors(t) {
		rop, ok := v.want.(LogonResponse)
		if !ok || v.decodeOnly {
			continue
		}
		if got := string(rop.Append([]byte("before"))); got != "before"+string(v.b) {
			t.Errorf("%s: got %q", v.name, got)
		}
	}
	for name, m := range map[string]interface{ Append([]byte) []byte }{
		"connect request":            &ConnectRequest{UserDN: userDN},
		"connect response":           &ConnectResponse{DisplayName: "ann"},
		"execute request":            &ExecuteRequest{RopBuffer: []byte{1}},
		"execute response":           &ExecuteResponse{},
		"disconnect request":         &DisconnectRequest{},
		"disconnect response":        &DisconnectResponse{},
		"notification wait request":  &NotificationWaitRequest{},
		"notification wait response": &NotificationWaitResponse{},
		"bind request":               &BindRequest{State: &Stat{CodePage: 1252}},
		"bind response":              &BindResponse{},
		"unbind request":             &UnbindRequest{},
		"unbind response":            &UnbindResponse{},
		"mailbox url request":        &GetMailboxURLRequest{ServerDN: serverDN},
		"mailbox url response":       &GetMailboxURLResponse{ServerURL: "https://x.test/"},
		"address book url request":   &GetAddressBookURLRequest{UserDN: userDN},
		"address book url response":  &GetAddressBookURLResponse{ServerURL: "https://x.test/"},
		"backoff":                    &BackoffResponse{Rops: []BackoffRop{{ID: RopLogon}}},
		"pending":                    &PendingResponse{},
		"buffer too small":           &BufferTooSmallResponse{RequestBuffers: []byte{1}},
		"logon request":              &alLogon,
		"release request":            &ReleaseRequest{},
		"auxiliary block":            &AuxBlock{Type: 1},
	} {
		if got, want := string(m.Append([]byte("before"))), "before"+string(m.Append(nil)); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
