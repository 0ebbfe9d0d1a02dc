package mapi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLengthsThatLieAreRefused(t *testing.T) {
	u32 := func(n uint32) string { return string(binary.LittleEndian.AppendUint32(nil, n)) }
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	for name, tt := range map[string]struct{ message, in, field string }{
		"an auxiliary buffer that is longer than the body": {
			"disconnect request", u32(5) + "abcd", "AuxiliaryBuffer"},
		"an auxiliary buffer that is shorter than what follows": {
			"disconnect request", u32(3) + "abcd", "end"},
		"an auxiliary buffer of 4 GiB": {
			"disconnect request", u32(0xFFFFFFFF), "AuxiliaryBuffer"},
		"an auxiliary buffer over 64 KiB that is all there": {
			"disconnect request", u32(64<<10+1) + zeros(64<<10+1), "AuxiliaryBuffer"},
		"a rop buffer over 256 KiB that is all there": {
			"execute request", u32(0) + u32(0x40001) + zeros(0x40001) + u32(8) + u32(0), "RopBuffer"},
		"a rop buffer that swallows what follows": {
			"execute response", u32(0) + u32(0) + u32(0) + u32(5) + u32(0), "RopBuffer"},
		"a user dn over 1024 bytes": {
			"connect request", strings.Repeat("a", 1025) + zeros(1+20), "UserDn"},
		"a user dn that is not ascii": {
			"connect request", "/o=f\xfcr" + zeros(1+20), "UserDn"},
		"a user dn with a line end": {
			"connect request", "/o=a\r\nX: y" + zeros(1+20), "UserDn"},
		"a display name over 1024 units": {
			"connect response", zeros(20) + "\x00" + strings.Repeat("a\x00", 1025) + zeros(2+4), "DisplayName"},
		"an essdn that is longer than it says": {
			"logon request", "\xfe\x00\x00\x01" + zeros(8) + "\x03\x00" + "/o=\x00", "Essdn"},
		"an essdn with a NUL inside": {
			"logon request", "\xfe\x00\x00\x01" + zeros(8) + "\x05\x00" + "/o\x00=\x00", "Essdn"},
		"an essdn without NUL": {
			"logon request", "\xfe\x00\x00\x01" + zeros(8) + "\x03\x00" + "/o=", "Essdn"},
		"an essdn over 1024 bytes": {
			"logon request", "\xfe\x00\x00\x01" + zeros(8) + "\x02\x04" + strings.Repeat("a", 1025) + "\x00", "Essdn"},
		"a server name of 255 bytes without NUL": {
			"logon response", "\xfe\x00\x78\x04\x00\x00\x01\xff" + strings.Repeat("a", 255), "ServerName"},
		"a server name that is not ascii": {
			"logon response", "\xfe\x00\x78\x04\x00\x00\x01\x03a\xff\x00", "ServerName"},
		"a message class over 255 bytes": {
			"get receive folder request", "\x27\x00\x00" + strings.Repeat("a", 256) + "\x00", "MessageClass"},
		"a server dn over 1024 units": {
			"get mailbox url request", u32(0) + strings.Repeat("a\x00", 1025) + zeros(2+4), "ServerDn"},
		"a server url over 4096 units": {
			"get mailbox url response", zeros(8) + strings.Repeat("a\x00", 4097) + zeros(2+4), "ServerUrl"},
		"a server url of half a unit": {
			"get mailbox url response", zeros(8) + "a", "ServerUrl"},
		"a user dn over 1024 units": {
			"get address book url request", u32(0) + strings.Repeat("a\x00", 1025) + zeros(2+4), "UserDn"},
		"an address book url over 4096 units": {
			"get address book url response", zeros(8) + strings.Repeat("a\x00", 4097) + zeros(2+4), "ServerUrl"},
		"a state that is announced and not there": {
			"bind request", u32(0) + "\x01" + u32(0), "ContainerID"},
		"a state that is there and not announced": {
			"bind request", u32(0) + "\x00" + zeros(36) + u32(0), "end"},
		"a backoff with fewer rops than it counts": {
			"backoff response", "\xf9\x00" + u32(0) + "\x02\xfe" + u32(0), "RopId"},
		"a backoff with less data than it says": {
			"backoff response", "\xf9\x00" + u32(0) + "\x00\x02\x00x", "AdditionalData"},
		"another rop than expected": {
			"logon request", "\x01\x00\x00", "RopId"},
		"a header of another version": {
			"payload", "\x01\x00\x04\x00\x00\x00\x00\x00", "Version"},
		"a plain payload of two sizes": {
			"payload", "\x00\x00\x04\x00\x02\x00\x03\x00ab", "SizeActual"},
		"a payload that is longer than the buffer": {
			"payload", "\x00\x00\x04\x00\x03\x00\x03\x00ab", "payload"},
		"a compressed payload that gives more than SizeActual": {
			"payload", "\x00\x00\x05\x00\x09\x00\x63\x00\xff\xff\xff\x7fA\x07\x00\x0fJ", "match"},
		"a rop buffer without the flag Last": {
			"rop buffer", "\x00\x00\x00\x00\x02\x00\x02\x00\x02\x00", "Flags"},
		"a rop buffer with something behind the last payload": {
			"rop buffer", "\x00\x00\x04\x00\x02\x00\x02\x00\x02\x00x", "Flags"},
		"a chain that does not end": {
			"rop buffers", "\x00\x00\x00\x00\x02\x00\x02\x00\x02\x00", "Flags"},
		"a chain that goes on behind the flag Last": {
			"rop buffers", strings.Repeat("\x00\x00\x04\x00\x02\x00\x02\x00\x02\x00", 2), "Flags"},
		"a chain of 97": {
			"rop buffers", strings.Repeat("\x00\x00\x00\x00\x02\x00\x02\x00\x02\x00", 96) + "\x00\x00\x04\x00\x02\x00\x02\x00\x02\x00", "Flags"},
		"a payload over 32 KiB at the begin of a chain": {
			"rop buffers", "\x00\x00\x00\x00\x02\x80\x02\x80\x02\x80" + zeros(0x8000) + "\x00\x00\x04\x00\x02\x00\x02\x00\x02\x00", "SizeActual"},
		"a payload over 32 KiB at the end of a chain": {
			"rop buffers", "\x00\x00\x00\x00\x02\x00\x02\x00\x02\x00" + "\x00\x00\x04\x00\x02\x80\x02\x80\x02\x80" + zeros(0x8000), "SizeActual"},
		"a second payload that is no rop buffer": {
			"rop buffers", "\x00\x00\x00\x00\x02\x00\x02\x00\x02\x00" + "\x00\x00\x04\x00\x02\x00\x02\x00\x03\x00", "RopsList"},
		"a chain, where one buffer is expected": {
			"rop buffer", "\x00\x00\x00\x00\x02\x00\x02\x00\x02\x00" + "\x00\x00\x04\x00\x02\x00\x02\x00\x02\x00", "Flags"},
		"a RopSize that does not count itself": {
			"rop buffer", "\x00\x00\x04\x00\x02\x00\x02\x00\x01\x00", "RopSize"},
		"a RopSize over the payload": {
			"rop buffer", "\x00\x00\x04\x00\x02\x00\x02\x00\x03\x00", "RopsList"},
		"half a handle": {
			"rop buffer", "\x00\x00\x04\x00\x04\x00\x04\x00\x02\x00\xff\xff", "ServerObjectHandleTable"},
		"more handles than an index can reach": {
			"rop buffer", "\x00\x00\x04\x00\x06\x04\x06\x04\x02\x00" + zeros(4*257), "ServerObjectHandleTable"},
		"a rop that the server does not know": {
			"rop list request", "\x01\x00\x00\xf7\x00\x00", "RopId"},
		"an auxiliary buffer of seven bytes": {
			"auxiliary buffer", zeros(7), "SizeActual"},
		"an auxiliary block that is shorter than its header": {
			"auxiliary buffer", "\x00\x00\x04\x00\x04\x00\x04\x00\x03\x00\x01\x17", "Size"},
		"an auxiliary block that is longer than the buffer": {
			"auxiliary buffer", "\x00\x00\x04\x00\x04\x00\x04\x00\x05\x00\x01\x17", "Payload"},
		"two bytes behind the last auxiliary block": {
			"auxiliary buffer", "\x00\x00\x04\x00\x06\x00\x06\x00\x04\x00\x01\x17\x04\x00", "Version"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := messages[tt.message].decode([]byte(tt.in))
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Field != tt.field {
				t.Errorf("error %v, want a *SyntaxError for %s", err, tt.field)
			}
		})
	}
}

func TestAnUnknownRopIsNamedWithItsPlace(t *testing.T) {
	_, err := ParseRequests([]byte{1, 0, 0, 0xF7, 0, 0})
	const want = "malformed rop list: RopId at byte 3: unknown rop (0xF7)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAuxBlocksStopsWhenAsked(t *testing.T) {
	n := 0
	for block, err := range AuxBlocks(aliceWelcome.Aux) {
		if n++; err != nil || block.Type != AuxExOrgInfo {
			t.Errorf("type 0x%02x, error %v", block.Type, err)
		}
		break
	}
	if n != 1 {
		t.Errorf("%d blocks, want 1", n)
	}
}

func TestAHandleTableMayHave256Slots(t *testing.T) {
	handles := make([]uint32, 256)
	handles[255] = 7
	_, got, err := ParseRopBuffer(AppendRopBuffer(nil, nil, handles))
	if err != nil || len(got) != 256 || got[255] != 7 {
		t.Errorf("%d handles, error %v", len(got), err)
	}
}

func TestAChainMayHave96Payloads(t *testing.T) {
	list := make([]RopBuffer, 96)
	list[0].Rops = make([]byte, 0x8000-2)
	list[95].Handles = []uint32{7}
	got, err := ParseRopBuffers(AppendRopBuffers(nil, list, 0))
	if err != nil || len(got) != 96 || len(got[0].Rops) != 0x8000-2 || got[95].Handles[0] != 7 {
		t.Errorf("%d buffers, error %v", len(got), err)
	}
}

func TestAnErrorInAChainNamesThePayload(t *testing.T) {
	b := AppendRopBuffers(nil, make([]RopBuffer, 3), 0)
	_, err := ParseRopBuffers(b[:len(b)-1])
	const want = "payload 3: malformed rpc header: payload at byte 8: need 2 bytes, have 1"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAppendWritesNothingThatParseRefuses(t *testing.T) {
	long := strings.Repeat("a", 2000)
	for name, tt := range map[string]struct {
		message string
		in, out any
	}{
		"a user dn that is too long": {
			"connect request", ConnectRequest{UserDN: long}, ConnectRequest{UserDN: long[:1024]}},
		"a user dn with a NUL": {
			"connect request", ConnectRequest{UserDN: "/o=a\x00b"}, ConnectRequest{UserDN: "/o=a"}},
		"a user dn that is not ascii": {
			"connect request", ConnectRequest{UserDN: "/o=für"}, ConnectRequest{UserDN: "/o=f"}},
		"an essdn that is too long": {
			"logon request", LogonRequest{Essdn: long}, LogonRequest{Essdn: long[:1024]}},
		"an essdn that starts with a NUL": {
			"logon request", LogonRequest{Essdn: "\x00a"}, LogonRequest{}},
		"a server name that is too long": {
			"logon response",
			LogonResponse{ReturnValue: EcWrongServer, ServerName: long},
			LogonResponse{ReturnValue: EcWrongServer, ServerName: long[:254]}},
		"a display name that is too long": {
			"connect response", ConnectResponse{DisplayName: long}, ConnectResponse{DisplayName: long[:1024]}},
		"a display name whose last character needs two units": {
			"connect response", ConnectResponse{DisplayName: long[:1023] + "😀"}, ConnectResponse{DisplayName: long[:1023]}},
		"a display name with a NUL": {
			"connect response", ConnectResponse{DisplayName: "ann\x00ben"}, ConnectResponse{DisplayName: "ann"}},
		"a display name that is not utf-8": {
			"connect response", ConnectResponse{DisplayName: "a\xff"}, ConnectResponse{DisplayName: "a\uFFFD"}},
		"a failure with fields of a success": {
			"connect response", ConnectResponse{StatusCode: EcError, PollsMax: 1}, ConnectResponse{StatusCode: EcError}},
		"a refused logon with fields of a success": {
			"logon response", LogonResponse{ReturnValue: EcUnknownUser, ReplID: 5}, LogonResponse{ReturnValue: EcUnknownUser}},
		"a server dn that is too long": {
			"get mailbox url request", GetMailboxURLRequest{ServerDN: long}, GetMailboxURLRequest{ServerDN: long[:1024]}},
		"a server url that is too long": {
			"get mailbox url response",
			GetMailboxURLResponse{ServerURL: strings.Repeat("a", 4097)},
			GetMailboxURLResponse{ServerURL: strings.Repeat("a", 4096)}},
		"an address book url that is too long": {
			"get address book url response",
			GetAddressBookURLResponse{ServerURL: strings.Repeat("a", 4097)},
			GetAddressBookURLResponse{ServerURL: strings.Repeat("a", 4096)}},
		"a failed bind with a guid": {
			"bind response", BindResponse{StatusCode: EcError, ServerGUID: GUID{1}}, BindResponse{StatusCode: EcError}},
		"a message class that is too long": {
			"get receive folder request", GetReceiveFolderRequest{MessageClass: long}, GetReceiveFolderRequest{MessageClass: long[:255]}},
	} {
		t.Run(name, func(t *testing.T) {
			m := messages[tt.message]
			got, err := m.decode(m.encode(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.out, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestADisplayNameBeyondTheBasicPlane(t *testing.T) {
	m := ConnectResponse{DisplayName: "Zoë 😀"}
	b := m.Append(nil)
	if want := []byte("Z\x00o\x00\xeb\x00 \x00\x3d\xd8\x00\xde\x00\x00"); !bytes.Equal(b[21:21+len(want)], want) {
		t.Errorf("got % x, want % x", b[21:], want)
	}
	var got ConnectResponse
	if err := got.Parse(b); err != nil || got.DisplayName != m.DisplayName {
		t.Errorf("got %q, %v", got.DisplayName, err)
	}
}

func TestCheckDN(t *testing.T) {
	for name, tt := range map[string]struct{ dn, want string }{
		"an ordinary one":             {userDN, ""},
		"the longest":                 {strings.Repeat("a", 1024), ""},
		"empty":                       {"", "distinguished name is empty"},
		"too long":                    {strings.Repeat("a", 1025), "distinguished name is 1025 bytes long, over the limit of 1024"},
		"a NUL":                       {"/o=a\x00", "distinguished name: byte 0x00 at 4 is not printable ascii"},
		"an umlaut":                   {"/o=ü", "distinguished name: byte 0xc3 at 3 is not printable ascii"},
		"a line end":                  {"/o=a\n", "distinguished name: byte 0x0a at 4 is not printable ascii"},
		"the first byte beyond ascii": {"\x7f", "distinguished name: byte 0x7f at 0 is not printable ascii"},
	} {
		got := ""
		if err := CheckDN(tt.dn); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestPayloadsThatDoNotFitPanic(t *testing.T) {
	panics := func(f func()) (yes bool) {
		defer func() { yes = recover() != nil }()
		f()
		return
	}
	if panics(func() { AppendPayload(nil, make([]byte, 0xFFFF)) }) {
		t.Error("a payload of 65535 bytes panics")
	}
	if !panics(func() { AppendPayload(nil, make([]byte, 0x10000)) }) {
		t.Error("a payload of 65536 bytes is written")
	}
	if panics(func() { AppendRopBuffer(nil, make([]byte, 0xFFFF-2-4), []uint32{1}) }) {
		t.Error("a rop buffer of 65535 bytes panics")
	}
	if !panics(func() { AppendRopBuffer(nil, make([]byte, 0x10000-2-4), []uint32{1}) }) {
		t.Error("a rop buffer of 65536 bytes is written")
	}
	if panics(func() { AppendRopBuffers(nil, []RopBuffer{{Rops: make([]byte, 0xFFFF-2)}}, 0) }) {
		t.Error("a lone rop buffer of 65535 bytes panics")
	}
	if !panics(func() { AppendRopBuffers(nil, []RopBuffer{{Rops: make([]byte, 0x10000-2)}}, 0) }) {
		t.Error("a lone rop buffer of 65536 bytes is written")
	}
	if panics(func() { AppendRopBuffers(nil, []RopBuffer{{Rops: make([]byte, 0x8000-2)}, {}}, 0) }) {
		t.Error("a rop buffer of 32 KiB in a chain panics")
	}
	if !panics(func() { AppendRopBuffers(nil, []RopBuffer{{}, {Rops: make([]byte, 0x8000-1)}}, 0) }) {
		t.Error("a rop buffer over 32 KiB is written into a chain")
	}
	if panics(func() { AppendRopBuffers(nil, make([]RopBuffer, 96), 0) }) {
		t.Error("a chain of 96 panics")
	}
	if !panics(func() { AppendRopBuffers(nil, make([]RopBuffer, 97), 0) }) {
		t.Error("a chain of 97 is written")
	}
	if panics(func() { Compress(nil, make([]byte, 0xFFFF)) }) {
		t.Error("65535 bytes panic")
	}
	if !panics(func() { Compress(nil, make([]byte, 0x10000)) }) {
		t.Error("65536 bytes are compressed")
	}
	if panics(func() {
		(&BackoffResponse{Rops: make([]BackoffRop, 255), AdditionalData: make([]byte, 0xFFFF)}).Append(nil)
	}) {
		t.Error("a backoff of 255 rops panics")
	}
	if !panics(func() { (&BackoffResponse{Rops: make([]BackoffRop, 256)}).Append(nil) }) {
		t.Error("a backoff of 256 rops is written")
	}
	if !panics(func() { (&BackoffResponse{AdditionalData: make([]byte, 0x10000)}).Append(nil) }) {
		t.Error("a backoff with 65536 bytes of data is written")
	}
	if !panics(func() { (&AuxBlock{Data: make([]byte, 0x10000-4)}).Append(nil) }) {
		t.Error("an auxiliary block of 65536 bytes is written")
	}
}
