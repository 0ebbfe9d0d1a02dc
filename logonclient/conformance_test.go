package logonclient_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/logonclient"
)

// These tests stand in docs/conformance.md beside the requirements that no
// other test of the client covers. Numbers and layouts are those of the
// specification, written out: the codec is not asked what it would write.

func TestEveryRequestIsAPostOfHTTP1ToTheHostOfTheURL(t *testing.T) {
	s := start(t, mailbox(nil))
	session := mustLogon(t, &logonclient.Client{Network: s.network()})
	session.Wait(t.Context())
	session.Probe(t.Context())
	session.Close(t.Context())
	want := []string{"-", "Connect", "Execute", "Execute", "NotificationWait", "Execute", "Disconnect"}
	if diff := cmp.Diff(want, s.types()); diff != "" {
		t.Fatalf("requests (-want +got):\n%s", diff)
	}
	for i, g := range s.requests() { // that for the challenge too
		if g.Method != "POST" || g.Proto != "HTTP/1.1" || g.Host != "ex1.contoso.test" || g.Header.Get("Content-Length") == "" {
			t.Errorf("%s: %s %s to %s, Content-Length %q", want[i], g.Method, g.Proto, g.Host, g.Header.Get("Content-Length"))
		}
	}
}

func TestEveryClientIsAnInstanceOfItsOwn(t *testing.T) {
	s := start(t, mailbox(nil))
	for range 2 {
		mustLogon(t, &logonclient.Client{Network: s.network()}).Close(t.Context())
	}
	var guids []string
	for _, g := range s.requests() {
		if guid, _, ok := strings.Cut(g.Header.Get("X-ClientInfo"), ":"); ok && !slices.Contains(guids, guid) {
			guids = append(guids, guid)
		}
	}
	if len(guids) != 2 {
		t.Errorf("GUIDs of X-ClientInfo %q, want two", guids)
	}
}

// Every X-ResponseCode ([MS-OXCMAPIHTTP] 2.2.3.3.3), in both places where it
// may stand. Behind DONE it replaces the 0 of the head.
func TestXResponseCodesAreReadInTheHeadAndBehindDone(t *testing.T) {
	for _, row := range []struct {
		name string
		code int
		want logonclient.Kind
	}{
		{"unknown failure", 1, logonclient.Busy},
		{"invalid verb", 2, logonclient.Malformed},
		{"invalid path", 3, logonclient.UnknownMailbox},
		{"invalid header", 4, logonclient.Malformed},
		{"invalid request type", 5, logonclient.Malformed},
		{"invalid context cookie", 6, logonclient.SessionLost},
		{"missing header", 7, logonclient.Malformed},
		{"anonymous not allowed", 8, logonclient.Unauthorized},
		{"too large", 9, logonclient.Malformed},
		{"context not found", 10, logonclient.SessionLost},
		{"no privilege", 11, logonclient.Denied},
		{"invalid request body", 12, logonclient.Malformed},
		{"missing cookie", 13, logonclient.SessionLost},
		{"the reserved number is an unknown failure", 14, logonclient.Busy},
		{"invalid sequence", 15, logonclient.SessionLost},
		{"endpoint disabled", 16, logonclient.Unsupported},
		{"invalid response", 17, logonclient.Busy},
		{"endpoint shutting down", 18, logonclient.Busy},
	} {
		t.Run(row.name, func(t *testing.T) {
			for where, answer := range map[string]string{
				"head":                   page("200 OK", fmt.Sprintf("X-ResponseCode: %d\r\nContent-Type: text/html\r\n", row.code), "<p>no</p>"),
				"behind DONE":            stream("", fmt.Sprintf("PROCESSING\r\nDONE\r\nX-ResponseCode: %d\r\nContent-Type: text/html\r\n\r\n<p>no</p>", row.code)),
				"behind DONE, no body":   stream("", fmt.Sprintf("PROCESSING\r\nDONE\r\nX-ResponseCode: %d\r\n\r\n", row.code)),
				"behind DONE, MAPI body": stream("", fmt.Sprintf("PROCESSING\r\nDONE\r\nX-ResponseCode: %d\r\n\r\n", row.code)+string(connectOK().Append(nil))),
			} {
				s := start(t, mailbox(map[string]string{"Connect": answer}))
				_, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
				if e, ok := errors.AsType[*logonclient.Error](err); !ok || e.Kind != row.want || e.ResponseCode != row.code {
					t.Errorf("%s: error %#v, want kind %v and X-ResponseCode %d", where, err, row.want, row.code)
				}
			}
		})
	}
	// The twin: with 0 in both places the same body is a success.
	s := start(t, mailbox(map[string]string{"Connect": stream(cookie("MapiContext=c1"), "PROCESSING\r\nDONE\r\nX-ResponseCode: 0\r\n\r\n"+string(connectOK().Append(nil)))}))
	mustLogon(t, &logonclient.Client{Network: s.network()}).Close(t.Context())
}

// The LogonFlags and OpenFlags of [MS-OXCSTOR] 2.2.1.1.1.
func TestTheFlagsOfALogonHaveTheirNumbers(t *testing.T) {
	for _, row := range []struct {
		name      string
		got, want uint32
	}{
		{"Private", uint32(mapi.LogonPrivate), 0x01},
		{"Undercover", uint32(mapi.LogonUndercover), 0x02},
		{"Ghosted", uint32(mapi.LogonGhosted), 0x04},
		{"USE_ADMIN_PRIVILEGE", mapi.OpenUseAdminPrivilege, 0x00000001},
		{"HOME_LOGON", mapi.OpenHomeLogon, 0x00000004},
		{"TAKE_OWNERSHIP", mapi.OpenTakeOwnership, 0x00000008},
		{"ALTERNATE_SERVER", mapi.OpenAlternateServer, 0x00000100},
		{"IGNORE_HOME_MDB", mapi.OpenIgnoreHomeMDB, 0x00000200},
		{"NO_MAIL", mapi.OpenNoMail, 0x00000400},
		{"USE_PER_MDB_REPLID_MAPPING", mapi.OpenUsePerMDBReplIDMapping, 0x01000000},
		{"SUPPORT_PROGRESS", mapi.OpenSupportProgress, 0x20000000},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.got != row.want {
				t.Errorf("0x%X, want 0x%X", row.got, row.want)
			}
		})
	}
}

func TestALogonSetsNoFlagThatIsNotDefined(t *testing.T) {
	s := start(t, mailbox(nil))
	mustLogon(t, &logonclient.Client{Network: s.network()}).Close(t.Context())
	body := s.requests()[2].body
	// Flags 4, RopBufferSize 4, RPC_HEADER_EXT 8, RopSize 2, RopId, LogonId,
	// OutputHandleIndex: then LogonFlags and OpenFlags.
	logonFlags, openFlags := body[21], binary.LittleEndian.Uint32(body[22:])
	const logonDefined, openDefined = 0x0F, 0x2100070F
	if body[18] != 0xFE || logonFlags&^logonDefined != 0 || openFlags&^openDefined != 0 {
		t.Errorf("RopId 0x%02X, LogonFlags 0x%02X, OpenFlags 0x%08X", body[18], logonFlags, openFlags)
	}
	if logonFlags != 0x01 || openFlags&0x01000000 == 0 {
		t.Errorf("LogonFlags 0x%02X, OpenFlags 0x%08X: want Private alone, and USE_PER_MDB_REPLID_MAPPING", logonFlags, openFlags)
	}
}

// logonAnswer is the body of an Execute whose list and handle table are list,
// behind headers that are written out.
func logonAnswer(list string) string {
	le := binary.LittleEndian
	payload := le.AppendUint16(nil, uint16(2+len(list)))
	payload = append(payload, list...)
	payload = append(payload, 0x2A, 0, 0, 0) // the handle
	buffer := []byte{0, 0, 4, 0}
	buffer = le.AppendUint16(buffer, uint16(len(payload)))
	buffer = le.AppendUint16(buffer, uint16(len(payload)))
	buffer = append(buffer, payload...)
	body := make([]byte, 12)
	body = le.AppendUint32(body, uint32(len(buffer)))
	return string(append(append(body, buffer...), 0, 0, 0, 0))
}

// The return values of a logon ([MS-OXCSTOR] 3.2.5.1.3) by their numbers, and
// what each means for the way to the mailbox.
func TestReturnValuesOfALogonHaveTheirNumbers(t *testing.T) {
	for _, row := range []struct {
		name   string
		number uint32
		want   logonclient.Kind
	}{
		{"ecLoginFailure", 0x80040111, logonclient.LoginFailure},
		{"ecUnknownUser", 0x000003EB, logonclient.UnknownMailbox},
		{"ecUnknownCodePage", 0x000003EF, logonclient.Malformed},
		{"ecMailboxDisabled", 0x0000096C, logonclient.Denied},
		{"ecMailboxInTransit", 0x0000050C, logonclient.InTransit},
		{"ecProfileNotConfigured", 0x0000011C, logonclient.Denied},
		{"ecAccessDenied", 0x80070005, logonclient.Denied},
		{"ecLoginPerm", 0x000003F2, logonclient.Denied},
		{"ecServerPaused", 0x0000047F, logonclient.Busy},
		{"ecInvalidParam", 0x80070057, logonclient.Malformed}, // ecInvalidParameter in the table of 3.2.5.1.3
	} {
		t.Run(row.name, func(t *testing.T) {
			rop := string(binary.LittleEndian.AppendUint32([]byte{0xFE, 0}, row.number))
			s := start(t, mailbox(map[string]string{"RopLogon": done("", raw(logonAnswer(rop)))}))
			_, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
			e, ok := errors.AsType[*logonclient.Error](err)
			if !ok || e.Kind != row.want || e.Code != row.number || !strings.HasPrefix(e.Said, row.name+" ") {
				t.Errorf("error %#v, want %s of kind %v", err, row.name, row.want)
			}
		})
	}
	t.Run("ecWrongServer", func(t *testing.T) {
		const name = "/o=Contoso/ou=x/cn=Configuration/cn=Servers/cn=ex2\x00"
		rop := "\xfe\x00\x78\x04\x00\x00\x01" + string(rune(len(name))) + name
		s := start(t, mailbox(map[string]string{"RopLogon": done("", raw(logonAnswer(rop)))}))
		_, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
		if e, ok := errors.AsType[*logonclient.Error](err); !ok || e.Kind != logonclient.WrongServer || e.ServerName+"\x00" != name {
			t.Errorf("error %#v", err)
		}
	})
	t.Run("ecNone", func(t *testing.T) { // the layout of [MS-OXCROPS] 2.2.3.1.2
		rop := "\xfe\x00\x00\x00\x00\x00\x01"
		for i := range 13 {
			rop += "\x01\x00\x00\x00\x00\x00\x00" + string(rune('A'+i)) // FolderIds
		}
		rop += "\x07" + // ResponseFlags
			"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f" + // MailboxGuid
			"\x01\x00" + // ReplId
			"\x20\x21\x22\x23\x24\x25\x26\x27\x28\x29\x2a\x2b\x2c\x2d\x2e\x2f" + // ReplGuid
			"\x1e\x0f\x09\x00\x02\x01\xea\x07" + // LogonTime: 2026-01-02 09:15:30
			"\x00\x00\x00\x00\x00\x00\xdc\x01" + // GwartTime
			"\x00\x00\x00\x00" // StoreState
		s := start(t, mailbox(map[string]string{"RopLogon": done("", raw(logonAnswer(rop)))}))
		session := mustLogon(t, &logonclient.Client{Network: s.network()})
		defer session.Close(t.Context())
		f := session.Facts()
		got := []string{f.RootFolder, f.MailboxGUID, f.ReplGUID}
		want := []string{"0100000000000041", "13121110-1514-1716-1819-1a1b1c1d1e1f", "23222120-2524-2726-2829-2a2b2c2d2e2f"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("facts (-want +got):\n%s", diff)
		}
	})
}

func TestAnAnswerToExecuteIsReadWithWhatItMayDiffer(t *testing.T) {
	executeResponse := func(flags string) string {
		body := []byte(logonAnswer(string(logonOK().Append(nil))))
		copy(body[8:12], flags)
		return done("", raw(body))
	}
	for _, row := range []struct {
		name    string
		answers map[string]string
	}{
		{"Flags that are not 0 mean nothing", map[string]string{"RopLogon": executeResponse("\xff\xff\xff\xff")}},
		{"Flags 0", map[string]string{"RopLogon": executeResponse("\x00\x00\x00\x00")}},
		{"a handle table that is shorter than the one sent", map[string]string{"RopRegisterNotification": done("",
			executed([]uint32{logonHandle}, &mapi.RegisterNotificationResponse{OutputHandleIndex: 1}))}},
		{"a handle table that is longer than the one sent", map[string]string{"RopGetReceiveFolder": done("",
			executed([]uint32{logonHandle, mapi.NoHandle, 7}, &mapi.GetReceiveFolderResponse{MessageClass: "IPM"}))}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := start(t, mailbox(row.answers))
			session := mustLogon(t, &logonclient.Client{Network: s.network()})
			if event, err := session.Wait(t.Context()); err != nil || !event {
				t.Errorf("Wait: %v, %v", event, err)
			}
			if err := session.Probe(t.Context()); err != nil {
				t.Errorf("Probe: %v", err)
			}
			session.Close(t.Context())
		})
	}
}

func TestAfterAGapTheSessionIsTakenToLive(t *testing.T) {
	for _, row := range []struct {
		name string
		hang bool // the server hangs up after RopLogon
	}{
		{"on the same connection", false},
		{"on a new connection", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				good := mailbox(nil)
				s := start(t, func(w io.Writer, g got) bool {
					logon := g.requestType() == "Execute" && ropOf(g.body) == "RopLogon"
					return good(w, g) && !(row.hang && logon)
				})
				session := mustLogon(t, &logonclient.Client{Network: s.network()})
				<-time.After(time.Hour) // longer than the server promised to wait
				if err := session.Probe(t.Context()); err != nil {
					t.Error(err)
				}
				session.Close(t.Context())
				if diff := cmp.Diff([]string{"-", "Connect", "Execute", "Execute", "Disconnect"}, s.types()); diff != "" {
					t.Fatalf("requests (-want +got):\n%s", diff)
				}
				probe := s.requests()[3]
				if c := probe.Header.Get("Cookie"); c != "MapiContext=c1; MapiSequence=s2" {
					t.Errorf("after the gap with %q", c)
				}
				if again := probe.conn > 1; again != row.hang {
					t.Errorf("on connection %d", probe.conn)
				}
			})
		})
	}
}

func TestANewContextStartsWithNothingOfTheOldOne(t *testing.T) {
	contexts := 0
	good := mailbox(nil)
	s := start(t, basic(func(w io.Writer, g got) bool {
		switch {
		case g.requestType() == "Connect":
			contexts++
			names := []string{fmt.Sprintf("MapiContext=c%d", contexts), fmt.Sprintf("MapiSequence=s%d", contexts)}
			if contexts == 1 {
				names = append(names, "MapiRouting=r1")
			}
			io.WriteString(w, done(cookie(names...), connectOK()))
			return true
		case g.requestType() == "Execute" && contexts == 1:
			io.WriteString(w, page("200 OK", "X-ResponseCode: 10\r\n"+cookie("MapiSequence=late"), ""))
			return true
		}
		return good(w, g)
	}))
	mustLogon(t, &logonclient.Client{Network: s.network()}).Close(t.Context())
	var sent []string
	for _, g := range s.requests() {
		sent = append(sent, g.requestType()+" "+g.Header.Get("Cookie"))
	}
	want := []string{" ", "Connect ", "Execute MapiContext=c1; MapiSequence=s1; MapiRouting=r1",
		"Connect ", "Execute MapiContext=c2; MapiSequence=s2", "Disconnect MapiContext=c2; MapiSequence=s2"}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("cookies (-want +got):\n%s", diff)
	}
}

func TestCookiesOfAnyNameGoBack(t *testing.T) {
	s := start(t, mailbox(map[string]string{
		"Connect":  done(cookie("sid=a", "sequence=1", "Route.9=x"), connectOK()),
		"RopLogon": done(cookie("sequence=2"), executed([]uint32{logonHandle}, logonOK())),
	}))
	mustLogon(t, &logonclient.Client{Network: s.network()}).Close(t.Context())
	all := s.requests()
	for i, want := range []string{"", "", "sid=a; sequence=1; Route.9=x", "sid=a; sequence=2; Route.9=x"} {
		if c := all[i].Header.Get("Cookie"); c != want {
			t.Errorf("%s with %q, want %q", all[i].requestType(), c, want)
		}
	}
}

// utf16 is text as UTF-16 with its NUL; all of it is ASCII.
func utf16(text string) string {
	var b strings.Builder
	for _, c := range []byte(text + "\x00") {
		b.Write([]byte{c, 0})
	}
	return b.String()
}

// The look-up of a URL by the directory name of a redirect ([MS-OXCMAPIHTTP]
// 2.2.5.18, 2.2.5.19), byte for byte.
func TestTheAddressBookIsAskedByTheLayoutsOfTheSpecification(t *testing.T) {
	const (
		server = "/o=Contoso/ou=Exchange Administrative Group/cn=Configuration/cn=Servers/cn=ex2"
		store  = "https://ex2.contoso.test/mapi/emsmdb/?MailboxId=2@contoso.test"
		book   = "https://ex2.contoso.test/mapi/nspi/?MailboxId=2@contoso.test"
		zero   = "\x00\x00\x00\x00"
	)
	for _, row := range []struct {
		name               string
		url                string // the body of the answer to GetMailboxUrl
		wantStore, wantWay string
	}{
		{"StatusCode 0 and a URL", zero + zero + utf16(store) + zero, store, "Bind GetMailboxUrl GetAddressBookUrl Unbind"},
		{"another StatusCode: no URL", "\x05\x40\x00\x80" + zero, "https://ex2.contoso.test/mapi/emsmdb/?MailboxId=11111111-1111-4111-8111-111111111111@contoso.test", "Bind GetMailboxUrl Unbind"},
	} {
		t.Run(row.name, func(t *testing.T) {
			answers := map[string]string{
				"Bind":              zero + zero + strings.Repeat("\x11", 16) + zero,
				"GetMailboxUrl":     row.url,
				"GetAddressBookUrl": zero + zero + utf16(book) + zero,
				"Unbind":            zero + "\x01\x00\x00\x00" + zero,
			}
			s := start(t, basic(func(w io.Writer, g got) bool {
				io.WriteString(w, done(cookie("sid=1"), raw(answers[g.requestType()])))
				return true
			}))
			target, err := (&logonclient.Client{Network: s.network()}).Resolve(t.Context(), ann(), server)
			if err != nil {
				t.Fatal(err)
			}
			if target.MailStore != row.wantStore {
				t.Errorf("mailbox endpoint %s, want %s", target.MailStore, row.wantStore)
			}
			if row.wantStore == store && target.AddressBook != book {
				t.Errorf("address book endpoint %s, want %s", target.AddressBook, book)
			}
			var way []string
			for _, g := range s.requests() {
				if g.requestType() == "" {
					continue
				}
				way = append(way, g.requestType())
				want, ok := map[string]string{
					"GetMailboxUrl":     zero + utf16(server) + zero,
					"GetAddressBookUrl": zero + utf16(annDN) + zero,
				}[g.requestType()]
				if ok && string(g.body) != want {
					t.Errorf("%s: % x, want % x", g.requestType(), g.body, want)
				}
				if g.RequestURI != strings.TrimPrefix(annBook, "https://ex1.contoso.test") {
					t.Errorf("%s went to %s", g.requestType(), g.RequestURI)
				}
			}
			if got := strings.Join(way, " "); got != row.wantWay {
				t.Errorf("asked %s, want %s", got, row.wantWay)
			}
		})
	}
}

// RopBackoff ([MS-OXCROPS] 2.2.15.2, 3.1.5.1.1): F9, LogonId, milliseconds for
// the logon, and the ROPs with milliseconds of their own.
func TestARopBackoffIsHeeded(t *testing.T) {
	const (
		logon5s   = "\xf9\x00\x88\x13\x00\x00\x00\x00\x00"
		logonRop  = "\xf9\x00\x00\x00\x00\x00\x02\x27\x01\x00\x00\x00\xfe\x10\x27\x00\x00\x00\x00"
		otherRop  = "\xf9\x00\x00\x00\x00\x00\x01\x27\x10\x27\x00\x00\x00\x00"
		otherData = "\xf9\x00\x88\x13\x00\x00\x00\x05\x00\xfe\xff\xff\xff\x7f"
		pending   = "\x6e\x01\x00"
	)
	success := string(logonOK().Append(nil))
	for _, row := range []struct {
		name, list string
		after      time.Duration
		online     bool
	}{
		{"no ROP named: every ROP of the logon is held back", logon5s, 5 * time.Second, false},
		{"a ROP named: that one, for its own time", logonRop, 10 * time.Second, false},
		{"for longer than an hour: for an hour", "\xf9\x00\xff\xff\xff\xff\x00\x00\x00", time.Hour, false},
		{"additional data are no ROPs", otherData, 5 * time.Second, false},
		{"in front of an answer: that is none", logon5s + success, 5 * time.Second, false},
		{"behind something that nobody asked for", pending + logon5s, 5 * time.Second, false},
		{"of another ROP, behind the answer", success + otherRop, 0, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := start(t, mailbox(map[string]string{"RopLogon": done("", raw(logonAnswer(row.list)))}))
			session, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
			if row.online {
				if err != nil {
					t.Fatal(err)
				}
				session.Close(t.Context())
				return
			}
			if e, ok := errors.AsType[*logonclient.Error](err); !ok || e.Kind != logonclient.Busy || e.After != row.after {
				t.Errorf("error %#v, want busy for %v", err, row.after)
			}
		})
	}
	t.Run("without RopBackoff: StatusCode 0x6BB under X-ResponseCode 0", func(t *testing.T) {
		s := start(t, mailbox(map[string]string{"RopLogon": done("", raw("\xbb\x06\x00\x00\x00\x00\x00\x00"))}))
		_, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
		if e, ok := errors.AsType[*logonclient.Error](err); !ok || e.Kind != logonclient.Busy || e.Code != 0x6BB {
			t.Errorf("error %#v, want busy by 0x6BB", err)
		}
	})
}
