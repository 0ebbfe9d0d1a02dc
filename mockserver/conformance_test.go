package mockserver

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"

	"github.com/homing-mail/homing/internal/mapi"
)

// These tests stand in docs/conformance.md beside the requirements that no
// other test of the mock covers. They read its answers by the layouts of the
// specification, written out here: a mistake of the codec, which writes them,
// does not cancel itself out.

// octets reads an answer from its front.
type octets struct {
	t testing.TB
	b []byte
}

func (w *octets) take(n int) []byte {
	w.t.Helper()
	if n > len(w.b) {
		w.t.Fatalf("%d bytes are left, want %d", len(w.b), n)
	}
	p := w.b[:n]
	w.b = w.b[n:]
	return p
}

func (w *octets) u8() uint8   { w.t.Helper(); return w.take(1)[0] }
func (w *octets) u16() uint16 { w.t.Helper(); return binary.LittleEndian.Uint16(w.take(2)) }
func (w *octets) u32() uint32 { w.t.Helper(); return binary.LittleEndian.Uint32(w.take(4)) }

// ascii reads to a NUL.
func (w *octets) ascii() string {
	w.t.Helper()
	for n, c := range w.b {
		if c == 0 {
			return string(w.take(n + 1)[:n])
		}
	}
	w.t.Fatal("no NUL")
	return ""
}

// unicode reads UTF-16 to a NUL.
func (w *octets) unicode() string {
	w.t.Helper()
	var units []uint16
	for {
		u := w.u16()
		if u == 0 {
			return string(utf16.Decode(units))
		}
		units = append(units, u)
	}
}

// end wants nothing to be left.
func (w *octets) end() {
	w.t.Helper()
	if len(w.b) > 0 {
		w.t.Errorf("% x is left", w.b)
	}
}

// ran is what the answer to an Execute holds.
type ran struct {
	status, code uint32
	flags        uint16 // of RPC_HEADER_EXT
	rops         []byte
	handles      []uint32
}

// executeAnswer reads the body of an answer to Execute ([MS-OXCMAPIHTTP] 2.2.4.2.2)
// with its one payload, which has to be plain, or its failure (2.2.4.2.3).
func executeAnswer(t testing.TB, r said) (a ran) {
	t.Helper()
	if r.status != 200 || r.code != 0 || r.err != nil {
		t.Fatalf("status %d, X-ResponseCode %d, %v", r.status, r.code, r.err)
	}
	w := octets{t, r.body}
	if a.status = w.u32(); a.status != 0 {
		w.take(int(w.u32())) // AuxiliaryBuffer
		w.end()
		return a
	}
	a.code = w.u32()
	if flags := w.u32(); flags != 0 {
		t.Errorf("Flags %d, want 0", flags)
	}
	buffer := octets{t, w.take(int(w.u32()))}
	w.take(int(w.u32())) // AuxiliaryBuffer
	w.end()
	if a.code != 0 {
		buffer.end()
		return a
	}
	version, flags, size, actual := buffer.u16(), buffer.u16(), buffer.u16(), buffer.u16()
	if version != 0 || flags&4 == 0 || size != actual || int(size) != len(buffer.b) {
		t.Fatalf("RPC_HEADER_EXT: Version %d, Flags %d, Size %d, SizeActual %d of %d bytes", version, flags, size, actual, len(buffer.b))
	}
	a.flags = flags
	a.rops = buffer.take(int(buffer.u16()) - 2)
	for len(buffer.b) > 0 {
		a.handles = append(a.handles, buffer.u32())
	}
	return a
}

// run sends ROPs with a handle table and reads the answer.
func (c *session) run(handles []uint32, rops ...mapi.RopRequest) ran {
	c.t.Helper()
	return executeAnswer(c.t, c.send("Execute", listBody(handles, rops...), nil))
}

func listBody(handles []uint32, rops ...mapi.RopRequest) []byte {
	var list []byte
	for _, rop := range rops {
		list = rop.Append(list)
	}
	q := mapi.ExecuteRequest{Flags: 3, RopBuffer: mapi.AppendRopBuffer(nil, list, handles), MaxRopOut: 0x10008}
	return q.Append(nil)
}

// connected starts a world, and returns Ann's session after Connect.
func connected(t testing.TB) (*Server, *session, *pox) {
	t.Helper()
	s, c, d := home(t, "acquisition", "ann", "contoso.test")
	session := c.session(d.store())
	session.connect(d.LegacyDN)
	return s, session, d
}

func TestEveryAnswerCarriesItsHeaders(t *testing.T) {
	tests := []struct {
		name, kind string
		body       func(dn string) []byte
		head       map[string]string
		cookies    bool // of a context
		want       int
		read       func(w *octets) // the body of a success
	}{
		{"to Connect", "Connect", func(dn string) []byte { return (&mapi.ConnectRequest{UserDN: dn}).Append(nil) }, nil, false, 0, func(w *octets) {
			w.take(5 * 4)
			w.ascii()
			w.unicode()
			w.take(int(w.u32()))
		}},
		{"to Execute", "Execute", func(string) []byte { return listBody([]uint32{7}, &mapi.ReleaseRequest{}) }, nil, true, 0, func(w *octets) {
			w.take(3 * 4)
			w.take(int(w.u32()))
			w.take(int(w.u32()))
		}},
		{"to PING", "PING", func(string) []byte { return nil }, nil, true, 0, func(*octets) {}},
		{"to Disconnect", "Disconnect", func(string) []byte { return []byte{0, 0, 0, 0} }, nil, true, 0, func(w *octets) {
			w.take(2 * 4)
			w.take(int(w.u32()))
		}},
		{"to NotificationWait", "NotificationWait", func(string) []byte { return make([]byte, 8) }, nil, true, 0, func(w *octets) {
			w.take(3 * 4)
			w.take(int(w.u32()))
		}},
		{"to a request type that is none", "Bogus", func(string) []byte { return nil }, nil, true, 5, nil},
		{"to an Execute of nobody", "Execute", func(string) []byte { return listBody(nil) }, nil, false, 13, nil},
		{"to half a Connect", "Connect", func(dn string) []byte { return []byte(dn) }, nil, false, 12, nil},
		{"to a Content-Type that is none", "Connect", func(string) []byte { return nil }, map[string]string{"Content-Type": "text/xml"}, false, 4, nil},
		{"to a missing X-ClientApplication", "PING", func(string) []byte { return nil }, map[string]string{"X-ClientApplication": ""}, true, 7, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, c, d := home(t, "acquisition", "ann", "contoso.test")
				s := c.session(d.store())
				if tt.cookies {
					s.connect(d.LegacyDN)
				}
				head := map[string]string{"X-RequestId": "{F3D2D4A8-0F8D-4B1C-9C83-8D3A7A6B2E11}:42"}
				for name, value := range tt.head {
					head[name] = value
				}
				r := s.send(tt.kind, tt.body(d.LegacyDN), head)
				if r.status != 200 || r.code != tt.want || r.err != nil {
					t.Fatalf("status %d, X-ResponseCode %d, %v; want 200, %d", r.status, r.code, r.err, tt.want)
				}
				wantType := "application/mapi-http"
				if tt.want != 0 {
					wantType = "text/html"
				}
				for name, want := range map[string]string{
					"X-RequestType": tt.kind, "X-RequestId": head["X-RequestId"],
					"X-ClientInfo": requestHead["X-ClientInfo"], "Content-Type": wantType,
				} {
					if got := r.head.Get(name); got != want {
						t.Errorf("%s: %q, want %q", name, got, want)
					}
				}
				if tt.want == 0 {
					w := &octets{t, r.body}
					tt.read(w)
					w.end()
				} else if page := string(r.body); !strings.Contains(page, "<html>") || !strings.Contains(page, mapi.ResponseCode(tt.want).String()) {
					t.Errorf("the page says %q", page)
				}
			})
		})
	}
}

func TestAnotherVerbThanPostIsCode2(t *testing.T) {
	_, s, _ := connected(t)
	for verb, want := range map[string]string{"GET": "2", "PUT": "2", "POST": "0"} {
		q, err := http.NewRequest(verb, s.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range requestHead {
			q.Header.Set(name, value)
		}
		q.Header.Set("X-RequestType", "PING")
		q.Header.Set("X-RequestId", "{E2EA6C1C-E61B-49E9-9CFB-38184F907552}:1")
		q.SetBasicAuth(s.user, s.password)
		a, err := s.http.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		readAll(t, a)
		a.Body.Close()
		if got := a.Header.Get("X-ResponseCode"); a.StatusCode != 200 || got != want {
			t.Errorf("%s: status %d, X-ResponseCode %q, want 200, %s", verb, a.StatusCode, got, want)
		}
	}
}

func TestNothingIsAnsweredOutsideOfTLSAndHTTP1(t *testing.T) {
	s := Start(t, "acquisition")
	dial := func(text string) string {
		conn, err := s.Dial(t.Context(), "tcp", "ex1.contoso.test:443")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(conn)
		return string(answer)
	}
	if got := dial("POST /mapi/emsmdb/ HTTP/1.1\r\nHost: ex1.contoso.test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"); strings.Contains(got, "WWW-Authenticate") {
		t.Errorf("in the clear: %q", got)
	}
	for offered, accepted := range map[string]bool{"h2": false, "http/1.1": true} {
		raw, err := s.Dial(t.Context(), "tcp", "ex1.contoso.test:443")
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		conn := tls.Client(raw, &tls.Config{ServerName: "ex1.contoso.test", RootCAs: s.RootCAs(), NextProtos: []string{offered}})
		if err := conn.HandshakeContext(t.Context()); accepted != (err == nil) {
			t.Errorf("a handshake for %s: %v", offered, err)
		}
	}
}

func TestTheBodyOfConnectHasTheLayoutOfTheSpecification(t *testing.T) {
	_, c, d := home(t, "acquisition", "ann", "contoso.test")
	r := c.session(d.store()).send("Connect", (&mapi.ConnectRequest{UserDN: d.LegacyDN}).Append(nil), nil)
	w := &octets{t, r.body}
	for _, f := range []struct {
		name           string
		got            uint32
		atLeast, below uint32
	}{
		{"StatusCode", w.u32(), 0, 1},
		{"ErrorCode", w.u32(), 0, 1},
		{"PollsMax", w.u32(), 60000, 60001},   // as seen from Exchange SE
		{"RetryCount", w.u32(), 6, 7},         // as seen from Exchange SE
		{"RetryDelay", w.u32(), 13000, 14000}, // as seen from Exchange SE
	} {
		if f.got < f.atLeast || f.got >= f.below {
			t.Errorf("%s is %d", f.name, f.got)
		}
	}
	if got, want := w.ascii(), contosoGroup+"/cn=Recipients/cn="; got != want {
		t.Errorf("DnPrefix %q, want %q", got, want)
	}
	if got := w.unicode(); got != "Ann" {
		t.Errorf("DisplayName %q", got)
	}
	w.take(int(w.u32()))
	w.end()
}

// The four layouts of an answer to RopLogon ([MS-OXCROPS] 2.2.3.1.2 to 2.2.3.1.5)
// that a mailbox can meet. A bubble begins on Saturday, 1 January 2000.
func TestTheAnswerToRopLogonHasTheLayoutOfTheSpecification(t *testing.T) {
	t.Run("success", func(t *testing.T) {
		for _, at := range []struct {
			after time.Duration
			want  []byte // Seconds, Minutes, Hour, DayOfWeek, Day, Month, Year
		}{
			{0, []byte{0, 0, 0, 6, 1, 1, 0xD0, 0x07}},
			{24*time.Hour + 61*time.Second, []byte{1, 1, 0, 0, 2, 1, 0xD0, 0x07}},
			{366 * 24 * time.Hour, []byte{0, 0, 0, 1, 1, 1, 0xD1, 0x07}},
		} {
			synctest.Test(t, func(t *testing.T) {
				<-time.After(at.after)
				s, session, d := connected(t)
				where, err := s.Where("ann")
				if err != nil {
					t.Fatal(err)
				}
				guid, err := mapi.ParseGUID(where.GUID)
				if err != nil {
					t.Fatal(err)
				}
				a := session.run([]uint32{mapi.NoHandle}, logonRequest(d.LegacyDN))
				if len(a.rops) != 166 {
					t.Fatalf("%d bytes, want 166", len(a.rops))
				}
				w := &octets{t, a.rops}
				if id, slot, value, flags := w.u8(), w.u8(), w.u32(), w.u8(); id != 0xFE || slot != 0 || value != 0 || flags != 1 {
					t.Errorf("RopId 0x%02X, OutputHandleIndex %d, ReturnValue %d, LogonFlags %d", id, slot, value, flags)
				}
				folders := map[string]bool{}
				for range 13 {
					folders[string(w.take(8))] = true
				}
				if len(folders) != 13 {
					t.Errorf("%d different folders, want 13", len(folders))
				}
				if flags := w.u8(); flags != 0x07 { // always set, owner, may send
					t.Errorf("ResponseFlags 0x%02X, want 0x07", flags)
				}
				if got := w.take(16); string(got) != string(guid[:]) {
					t.Errorf("MailboxGuid % x, want %s", got, where.GUID)
				}
				if id := w.u16(); id == 0 {
					t.Error("ReplId 0")
				}
				if repl := w.take(16); string(repl) == string(make([]byte, 16)) {
					t.Error("no ReplGuid")
				}
				if got := w.take(8); !slices.Equal(got, at.want) {
					t.Errorf("LogonTime % x, want % x", got, at.want)
				}
				w.take(8 + 4) // GwartTime, StoreState
				w.end()
			})
		}
	})
	t.Run("redirect", func(t *testing.T) {
		s, session, d := connected(t)
		do(t, s, "move ann ex2")
		a := session.run([]uint32{mapi.NoHandle}, logonRequest(d.LegacyDN))
		w := &octets{t, a.rops}
		if id, slot, value, flags := w.u8(), w.u8(), w.u32(), w.u8(); id != 0xFE || slot != 0 || value != 0x478 || flags != 1 {
			t.Errorf("RopId 0x%02X, OutputHandleIndex %d, ReturnValue 0x%X, LogonFlags %d", id, slot, value, flags)
		}
		const want = contosoServer + "ex2"
		if size := w.u8(); int(size) != len(want)+1 {
			t.Errorf("ServerNameSize %d, want %d", size, len(want)+1)
		}
		if name := w.ascii(); name != want {
			t.Errorf("ServerName %q, want %q", name, want)
		}
		w.end()
	})
	t.Run("failure", func(t *testing.T) {
		s, session, d := connected(t)
		do(t, s, "start ann ex2", "lock ann")
		a := session.run([]uint32{mapi.NoHandle}, logonRequest(d.LegacyDN))
		if want := "\xfe\x00\x0c\x05\x00\x00"; string(a.rops) != want {
			t.Errorf("% x, want % x", a.rops, want)
		}
	})
}
