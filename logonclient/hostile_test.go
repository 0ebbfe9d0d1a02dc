package logonclient_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
)

const (
	pendingRop = "\x6e\x01\x00"                                             // RopPending of session 1 ([MS-OXCROPS] 2.2.14.3.1)
	notifyRop  = "\x2a\x2b\x00\x00\x00\x00\x04\x00anything"                 // RopNotify (2.2.14.2.1), of a length that its flags imply
	backoffRop = "\xf9\x00\x88\x13\x00\x00\x00\x00\x00"                     // RopBackoff of logon 0, 5000 ms (2.2.15.2.1)
	another    = "\xf9\x05\x88\x13\x00\x00\x00\x00\x00"                     // of logon 5
	otherRop   = "\xf9\x00\x00\x00\x00\x00\x01\x29\x10\x27\x00\x00\x00\x00" // of RopRegisterNotification, 10000 ms
	tooSmall   = "\xff\x00\x80\xfe\x00"                                     // RopBufferTooSmall, 0x8000 bytes (2.2.15.1.1)
)

// packed wraps ROP buffers in the form that the client has forbidden.
func packed(flags mapi.PayloadFlags, list ...mapi.RopBuffer) *mapi.ExecuteResponse {
	return &mapi.ExecuteResponse{RopBuffer: mapi.AppendRopBuffers(nil, list, flags)}
}

func buffer(rops ...interface{ Append([]byte) []byte }) mapi.RopBuffer {
	b := mapi.RopBuffer{Handles: []uint32{logonHandle}}
	for _, rop := range rops {
		b.Rops = rop.Append(b.Rops)
	}
	return b
}

func TestWhatNobodyAskedForDoesNotHideTheAnswer(t *testing.T) {
	handles := []uint32{logonHandle}
	for _, row := range []struct {
		name   string
		answer *mapi.ExecuteResponse
	}{
		{"RopPending in front", executed(handles, raw(pendingRop), logonOK())},
		{"RopPending in front, twice, and behind", executed(handles, raw(pendingRop+pendingRop), logonOK(), raw(pendingRop))},
		{"RopNotify behind", executed(handles, logonOK(), raw(notifyRop))},
		{"RopBackoff behind: the logon had been run", executed(handles, logonOK(), raw(backoffRop))},
		{"RopBackoff of another logon in front", executed(handles, raw(another), logonOK())},
		{"RopBackoff of another ROP in front", executed(handles, raw(otherRop), logonOK())},
		{"RopBufferTooSmall behind", executed(handles, logonOK(), raw(tooSmall))},
		{"several buffers, the answer in the first", packed(0, buffer(logonOK()), buffer(raw(pendingRop)), buffer())},
		{"several buffers, the answer in the last", packed(0, buffer(), buffer(raw(pendingRop)), buffer(logonOK()))},
		{"compressed", packed(mapi.PayloadCompressed, buffer(logonOK()))},
		{"obfuscated", packed(mapi.PayloadXorMagic, buffer(logonOK()))},
		{"compressed and obfuscated, in several buffers", packed(mapi.PayloadCompressed|mapi.PayloadXorMagic, buffer(raw(pendingRop)), buffer(logonOK()))},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := start(t, mailbox(map[string]string{"RopLogon": done("", row.answer)}))
			session := mustLogon(t, &logonclient.Client{Network: s.network()})
			if got := session.Facts().MailboxGUID; got != "11111111-1111-4111-8111-111111111111" {
				t.Errorf("mailbox %s", got)
			}
			if err := session.Probe(t.Context()); err != nil {
				t.Error(err)
			}
			session.Close(t.Context())
			if got := s.requests()[3].body; got[len(got)-12] != logonHandle { // handle table, MaxRopOut, no auxiliary buffer
				t.Errorf("the handle was not taken over: %q", got)
			}
		})
	}
}

// Nobody knows what became of a RopLogon whose answer cannot be found: once more
// in a new context, as with an answer that was lost on the way.
func TestRopNotifyInFrontOfTheAnswerIsALostSession(t *testing.T) {
	for _, row := range []struct {
		name  string
		times int
		types []string
	}{
		{"once: logged on in a new context", 1, []string{"-", "Connect", "Execute", "Connect", "Execute"}},
		{"twice: given up", 2, []string{"-", "Connect", "Execute", "Connect", "Execute"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			good, times := mailbox(nil), 0
			s := start(t, basic(func(w io.Writer, g got) bool {
				if g.requestType() == "Execute" {
					if times++; times <= row.times {
						io.WriteString(w, done("", executed([]uint32{logonHandle}, raw(notifyRop), logonOK())))
						return true
					}
				}
				return good(w, g)
			}))
			session, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
			if diff := cmp.Diff(row.types, s.types()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if row.times == 1 {
				if err != nil {
					t.Fatal(err)
				}
				session.Close(t.Context())
			} else if e, ok := errors.AsType[*logonclient.Error](err); !ok || e.Kind != logonclient.SessionLost || e.Said != "RopNotify in front of the answer to RopLogon" {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestRopBufferTooSmallSaysWhatWasGranted(t *testing.T) {
	s := start(t, mailbox(map[string]string{"RopLogon": done("", executed(nil, raw(tooSmall)))}))
	_, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
	e, ok := errors.AsType[*logonclient.Error](err)
	if want := "Execute RopLogon at ex1.contoso.test:443: RopBufferTooSmall: the answer to RopLogon would take 32768 bytes, of the 65544 that were granted"; !ok || e.Kind != logonclient.Malformed || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// Gromox 3.10 numbers its X-ResponseCodes in its own way; the words are the
// specification's. Both numbers are shown, and so are the words.
func TestGromoxNumbersItsRefusalsInItsOwnWay(t *testing.T) {
	const signs = "sid=1 sequence=2"
	for _, row := range []struct {
		number int
		name   string // [MS-OXCMAPIHTTP] 2.2.3.3.3
		want   logonclient.Kind
	}{
		{1, "Invalid Verb (2)", logonclient.Malformed},
		{2, "Invalid Context Cookie (6)", logonclient.SessionLost},
		{3, "Missing Header (7)", logonclient.Malformed},
		{4, "No Privilege (11)", logonclient.Denied},
		{5, "Invalid Request Body (12)", logonclient.Malformed},
		{6, "Missing Cookie (13)", logonclient.SessionLost},
		{7, "Invalid Sequence (15)", logonclient.SessionLost},
		{8, "Invalid Request Type (5)", logonclient.Malformed},
		{9, "Unknown Failure (1)", logonclient.Busy},
		{10, "Unknown Failure (1)", logonclient.Busy}, // no number of Gromox
	} {
		head := fmt.Sprintf("X-ResponseCode: %d\r\n", row.number)
		for sign, at := range map[string]struct {
			answers map[string]string
			words   string
		}{
			"by the title of its page": {map[string]string{"Connect": page("200 OK", head, "<title>MAPI OVER HTTP ERROR</title><p>It is so.</p>")}, `: "MAPI OVER HTTP ERROR: It is so."`},
			"by its cookies": {map[string]string{
				"Connect": done(cookie(strings.Fields(signs)...), connectOK()), "RopLogon": page("200 OK", head, "")}, ""},
			"by its version, behind DONE": {map[string]string{
				"Connect": strings.Replace(stream("", "PROCESSING\r\nDONE\r\n"+head+"\r\n<p>late</p>"), "Exchange/15.02.2562.045", "Exchange/15.00.0847.4040", 1)}, `: "late"`},
		} {
			s := start(t, mailbox(at.answers))
			_, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
			e, ok := errors.AsType[*logonclient.Error](err)
			said := fmt.Sprintf("X-ResponseCode %d of Gromox: %s%s", row.number, row.name, at.words)
			if !ok || e.Kind != row.want || e.ResponseCode != row.number || e.Said != said {
				t.Errorf("%d %s: error %v, want kind %v, said %s", row.number, sign, err, row.want, said)
			}
		}
		// The twin: one cookie of that name makes no Gromox.
		s := start(t, mailbox(map[string]string{"Connect": page("200 OK", head+cookie("sid=1"), "")}))
		_, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
		if err == nil || strings.Contains(err.Error(), "Gromox") {
			t.Errorf("%d: %v", row.number, err)
		}
	}
}

// A 401 to a host that has let us in: signed in anew and sent once more, with
// the same cookies and the same id ([MS-OXCMAPIHTTP] 3.1.7: it was not carried
// out).
func TestA401InMidSessionIsAnsweredOnce(t *testing.T) {
	const unauthorized = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"contoso\"\r\nContent-Length: 0\r\n\r\n"
	for _, row := range []struct {
		name    string
		rop     string
		times   int
		want    logonclient.Kind
		ok      bool
		refused int
		types   []string
	}{
		{"at the probe, once: nothing is lost", "RopGetReceiveFolder", 1, 0, true, 0, []string{"-", "Connect", "Execute", "Execute", "Execute", "Disconnect"}},
		{"at the probe, twice: refused", "RopGetReceiveFolder", 2, logonclient.Unauthorized, false, 1, []string{"-", "Connect", "Execute", "Execute", "Execute"}},
		{"at RopLogon, once: logged on", "RopLogon", 1, 0, true, 0, []string{"-", "Connect", "Execute", "Execute", "Execute", "Disconnect"}},
		{"at RopLogon, twice: refused", "RopLogon", 2, logonclient.Unauthorized, false, 1, []string{"-", "Connect", "Execute", "Execute"}},
		{"at Connect, before anybody was let in: refused at once", "Connect", 1, logonclient.Unauthorized, false, 1, []string{"-", "Connect"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			good, times := mailbox(nil), 0
			s := start(t, basic(func(w io.Writer, g got) bool {
				kind := g.requestType()
				if kind == "Execute" {
					kind = ropOf(g.body)
				}
				if kind == row.rop {
					if times++; times <= row.times {
						io.WriteString(w, unauthorized)
						return true
					}
				}
				return good(w, g)
			}))
			target := ann()
			session, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), target)
			if err == nil {
				err = session.Probe(t.Context())
				session.Close(t.Context())
			}
			e, _ := errors.AsType[*logonclient.Error](err)
			if row.ok && err != nil || !row.ok && (e == nil || e.Kind != row.want || e.User != "ann") {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(row.types, s.types()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if n := len(target.Access.Logins.(*logins).refused); n != row.refused {
				t.Errorf("%d refusals", n)
			}
			var first *got
			for _, g := range s.requests() {
				if g.requestType() != "Execute" || ropOf(g.body) != row.rop {
					continue
				}
				if first == nil {
					first = &g
					continue
				}
				if g.Header.Get("Cookie") != first.Header.Get("Cookie") || g.Header.Get("X-RequestId") != first.Header.Get("X-RequestId") || string(g.body) != string(first.body) {
					t.Errorf("the same request went out as another: %v, %v", g.Header, first.Header)
				}
			}
		})
	}
}

func TestATokenThatHasRunOutIsFetchedAnew(t *testing.T) {
	good, expired := mailbox(nil), false
	s := start(t, func(w io.Writer, g got) bool {
		token := strings.TrimPrefix(g.Header.Get("Authorization"), "Bearer ")
		if token == "" || token == "one" && expired {
			io.WriteString(w, page("401 Unauthorized", "WWW-Authenticate: Bearer\r\n", ""))
			return true
		}
		expired = g.requestType() == "Execute" || expired
		g.Request.SetBasicAuth("ann", annPassword) // what the healthy server asks for
		return good(w, g)
	})
	target := ann()
	all := target.Access.Logins.(*logins)
	all.login = trust.Login{User: "ann", Secret: trust.NewSecret("one"), Bearer: true}
	session, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	all.login.Secret = trust.NewSecret("two")
	if err := session.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	session.Close(t.Context())
	if len(all.refused) > 0 {
		t.Errorf("refused %v", all.refused)
	}
	if diff := cmp.Diff([]string{"-", "Connect", "Execute", "Execute", "Execute", "Disconnect"}, s.types()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// The forms of a gateway have timed out, and with them its cookies: once more
// without any, then it is the sign-in.
func TestA440InMidSessionIsALostSession(t *testing.T) {
	for _, row := range []struct {
		name    string
		connect bool // the second Connect meets it too
		want    logonclient.Kind
		types   []string
	}{
		{"once: a new context, without the old cookies", false, 0, []string{"-", "Connect", "Execute", "Connect", "Execute"}},
		{"again at Connect: the sign-in", true, logonclient.Unauthorized, []string{"-", "Connect", "Execute", "Connect"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			good, n := mailbox(nil), 0
			s := start(t, basic(func(w io.Writer, g got) bool {
				if n++; n == 2 || n == 3 && row.connect {
					io.WriteString(w, page("440 Login Timeout", "", ""))
					return true
				}
				return good(w, g)
			}))
			session, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
			if diff := cmp.Diff(row.types, s.types()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if c := s.requests()[3].Header.Get("Cookie"); c != "" {
				t.Errorf("the second Connect carried %q", c)
			}
			if session != nil {
				session.Close(t.Context())
			}
			if e, _ := errors.AsType[*logonclient.Error](err); (e == nil) != (row.want == 0) || e != nil && e.Kind != row.want {
				t.Errorf("error %v", err)
			}
		})
	}
}

// What a server does to its cookies is its own affair: the newest of each name
// goes back.
func TestCookiesLostRenamedAndRotated(t *testing.T) {
	good := mailbox(nil)
	answers := map[string]string{
		"Connect":             done(cookie("MapiContext=c1", "MapiSequence=s1"), connectOK()),
		"RopLogon":            done("", executed([]uint32{logonHandle}, logonOK())),
		"RopGetReceiveFolder": done(cookie("Renamed=c9", "MapiSequence=s2", "MapiSequence=s3"), executed([]uint32{logonHandle}, &mapi.GetReceiveFolderResponse{MessageClass: "IPM"})),
	}
	s := start(t, basic(func(w io.Writer, g got) bool {
		kind := g.requestType()
		if kind == "Execute" {
			kind = ropOf(g.body)
		}
		if answer, ok := answers[kind]; ok {
			io.WriteString(w, answer)
			return true
		}
		return good(w, g)
	}))
	session := mustLogon(t, &logonclient.Client{Network: s.network()})
	session.Probe(t.Context())
	session.Close(t.Context())
	var sent []string
	for _, g := range s.requests()[2:] {
		sent = append(sent, g.requestType()+" "+g.Header.Get("Cookie"))
	}
	want := []string{
		"Execute MapiContext=c1; MapiSequence=s1",
		"Execute MapiContext=c1; MapiSequence=s1",                // none came: those of before
		"Disconnect MapiContext=c1; MapiSequence=s3; Renamed=c9", // of two of one name the last
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("cookies (-want +got):\n%s", diff)
	}
}
