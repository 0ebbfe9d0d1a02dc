package mockserver

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/homing-mail/homing/internal/mapi"
)

func TestAReplyIsAsPlainAsTheRequestDemands(t *testing.T) {
	_, session, d := connected(t)
	// NoCompression and NoXorMagic are set; only Last may be.
	if a := session.run([]uint32{mapi.NoHandle}, logonRequest(d.LegacyDN)); a.flags != 4 {
		t.Errorf("flags of RPC_HEADER_EXT 0x%04X, want 0x0004", a.flags)
	}
}

func TestHandlesGoWhereTheRequestSays(t *testing.T) {
	const none = mapi.NoHandle
	logon := func(dn string, id, slot uint8) *mapi.LogonRequest {
		q := logonRequest(dn)
		q.LogonID, q.OutputHandleIndex = id, slot
		return q
	}
	register := func(id, in, out uint8) mapi.RopRequest {
		return &mapi.RegisterNotificationRequest{LogonID: id, InputHandleIndex: in, OutputHandleIndex: out, NotificationTypes: 2, WantWholeStore: true}
	}
	t.Run("into the slot that the request names, the others stay", func(t *testing.T) {
		_, s, d := connected(t)
		a := s.run([]uint32{0x77, none, 0x99}, logon(d.LegacyDN, 0, 1))
		if len(a.handles) < 2 || a.handles[0] != 0x77 || a.handles[1] == none {
			t.Errorf("handles %x", a.handles)
		}
		if len(a.rops) < 2 || a.rops[1] != 1 {
			t.Errorf("OutputHandleIndex of the answer: % x", a.rops[:2])
		}
	})
	t.Run("each object has its own, and none is 0xFFFFFFFF", func(t *testing.T) {
		_, s, d := connected(t)
		a := s.run([]uint32{none, none, none, none}, logon(d.LegacyDN, 0, 0), logon(d.LegacyDN, 9, 1), register(0, 0, 2), register(9, 1, 3))
		seen := map[uint32]bool{none: true}
		for _, h := range a.handles {
			if seen[h] {
				t.Errorf("handles %x", a.handles)
			}
			seen[h] = true
		}
		if len(a.handles) != 4 {
			t.Errorf("%d handles, want 4", len(a.handles))
		}
	})
	t.Run("answers stand in the order of the requests", func(t *testing.T) {
		_, s, d := connected(t)
		a := s.run([]uint32{none, none, none}, logon(d.LegacyDN, 3, 2), logon(d.LegacyDN, 4, 0), register(3, 2, 1))
		w := &octets{t, a.rops}
		var order []uint8
		for _, size := range []int{166, 166, 6} {
			rop := w.take(size)
			order = append(order, rop[0], rop[1])
		}
		w.end()
		if want := []uint8{0xFE, 2, 0xFE, 0, 0x29, 1}; !slices.Equal(order, want) {
			t.Errorf("RopIds and slots %x, want %x", order, want)
		}
	})
	t.Run("a use before the logon of the same list fails", func(t *testing.T) {
		_, s, d := connected(t)
		a := s.run([]uint32{none}, &mapi.GetReceiveFolderRequest{MessageClass: "IPM"}, logon(d.LegacyDN, 0, 0))
		w := &octets{t, a.rops}
		if id, _, value := w.u8(), w.u8(), w.u32(); id != 0x27 || value == 0 {
			t.Errorf("RopId 0x%02X, ReturnValue %d: want a failure of 0x27", id, value)
		}
		if rest := w.take(166); rest[0] != 0xFE || binary.LittleEndian.Uint32(rest[2:]) != 0 {
			t.Errorf("the logon behind it: % x", rest[:6])
		}
	})
	t.Run("the table reaches the highest slot of the answers", func(t *testing.T) {
		_, s, d := connected(t)
		a := s.run([]uint32{none, none, none, none, none}, logon(d.LegacyDN, 0, 3))
		if len(a.handles) < 4 || a.handles[3] == none {
			t.Errorf("handles %x", a.handles)
		}
	})
}

func TestLogonIDs(t *testing.T) {
	probe := func(s *session, id uint8, handle uint32) uint32 {
		t.Helper()
		a := s.run([]uint32{handle}, &mapi.GetReceiveFolderRequest{LogonID: id, MessageClass: "IPM"})
		w := &octets{t, a.rops}
		w.take(2)
		return w.u32()
	}
	logon := func(s *session, dn string, id uint8) uint32 {
		t.Helper()
		q := logonRequest(dn)
		q.LogonID = id
		return s.run([]uint32{mapi.NoHandle}, q).handles[0]
	}
	t.Run("any is good", func(t *testing.T) {
		_, s, d := connected(t)
		for _, id := range []uint8{0, 1, 0x0C, 0xFF} {
			if code := probe(s, id, logon(s, d.LegacyDN, id)); code != 0 {
				t.Errorf("LogonId %d: 0x%X", id, code)
			}
		}
	})
	t.Run("one in use passes to the new logon, and the old one is freed", func(t *testing.T) {
		_, s, d := connected(t)
		first, other := logon(s, d.LegacyDN, 5), logon(s, d.LegacyDN, 6)
		second := logon(s, d.LegacyDN, 5)
		if code := probe(s, 5, first); code == 0 {
			t.Error("the old logon lives")
		}
		if code := probe(s, 5, second); code != 0 {
			t.Errorf("the new logon: 0x%X", code)
		}
		if code := probe(s, 6, other); code != 0 {
			t.Errorf("the logon with another id: 0x%X", code)
		}
	})
	t.Run("one that was never logged on is refused", func(t *testing.T) {
		_, s, d := connected(t)
		if code := probe(s, 8, logon(s, d.LegacyDN, 7)); code == 0 {
			t.Error("LogonId 8 on the handle of LogonId 7")
		}
	})
}

func TestRopReleaseIsNeverAnswered(t *testing.T) {
	for _, tt := range []struct {
		name string
		rops func(logon uint32) ([]uint32, []mapi.RopRequest)
	}{
		{"the logon", func(logon uint32) ([]uint32, []mapi.RopRequest) {
			return []uint32{logon}, []mapi.RopRequest{&mapi.ReleaseRequest{}}
		}},
		{"the logon twice", func(logon uint32) ([]uint32, []mapi.RopRequest) {
			return []uint32{logon}, []mapi.RopRequest{&mapi.ReleaseRequest{}, &mapi.ReleaseRequest{}}
		}},
		{"a handle that never was", func(uint32) ([]uint32, []mapi.RopRequest) {
			return []uint32{0x1234}, []mapi.RopRequest{&mapi.ReleaseRequest{}}
		}},
		{"a slot that is not there", func(logon uint32) ([]uint32, []mapi.RopRequest) {
			return []uint32{logon}, []mapi.RopRequest{&mapi.ReleaseRequest{InputHandleIndex: 9}}
		}},
		{"with the LogonId of nobody", func(logon uint32) ([]uint32, []mapi.RopRequest) {
			return []uint32{logon}, []mapi.RopRequest{&mapi.ReleaseRequest{LogonID: 77}}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, s, d := connected(t)
			s.logon(d.LegacyDN)
			handles, rops := tt.rops(s.handle)
			if a := s.run(handles, rops...); a.status != 0 || a.code != 0 || len(a.rops) != 0 {
				t.Errorf("StatusCode 0x%X, ErrorCode 0x%X, answers % x", a.status, a.code, a.rops)
			}
		})
	}
	t.Run("with the logon goes what was opened on it", func(t *testing.T) {
		s, session, d := connected(t)
		session.logon(d.LegacyDN)
		logon := session.handle
		session.register()
		if told, _ := s.Notify("ann"); told != 1 { // the twin
			t.Errorf("before: %d told, want 1", told)
		}
		session.run([]uint32{logon}, &mapi.ReleaseRequest{})
		if told, _ := s.Notify("ann"); told != 0 {
			t.Errorf("after: %d told, want 0", told)
		}
		session.handle = logon
		if code := session.probe(); code == mapi.EcNone {
			t.Error("the logon lives")
		}
	})
}

func TestASlotThatIsNotThereFailsItsRop(t *testing.T) {
	for _, tt := range []struct {
		name string
		rop  mapi.RopRequest
		want string
	}{
		{"of the logon", &mapi.LogonRequest{LogonFlags: 1, OpenFlags: mapi.OpenFlagsDefault, OutputHandleIndex: 9}, "\xfe\x09\xb9\x04\x00\x00"},
		{"that is read", &mapi.GetReceiveFolderRequest{InputHandleIndex: 9, MessageClass: "IPM"}, "\x27\x09\xb9\x04\x00\x00"},
		{"that is written", &mapi.RegisterNotificationRequest{OutputHandleIndex: 9, WantWholeStore: true}, "\x29\x09\xb9\x04\x00\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, s, d := connected(t)
			s.logon(d.LegacyDN)
			if a := s.run([]uint32{s.handle}, tt.rop); a.code != 0 || string(a.rops) != tt.want {
				t.Errorf("ErrorCode 0x%X, list % x; want % x", a.code, a.rops, tt.want)
			}
		})
	}
}
