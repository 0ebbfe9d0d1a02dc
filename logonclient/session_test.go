package logonclient_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/logonclient"
)

func probed(c mapi.Code) string {
	return done("", executed([]uint32{logonHandle}, &mapi.GetReceiveFolderResponse{ReturnValue: c}))
}

func TestProbeTellsALostSession(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer string
		want   logonclient.Kind
		ok     bool
		bye    bool // Close says Disconnect
	}{
		{name: "alive", answer: probed(0), ok: true, bye: true},
		{name: "alive, with a RopNotify behind the answer", ok: true, bye: true, answer: done("",
			executed([]uint32{logonHandle}, &mapi.GetReceiveFolderResponse{MessageClass: "IPM"}, raw("\x2a\x2b\x00\x00\x00\x00\x04\x00anything")))},
		{name: "the object was invalidated", answer: probed(mapi.EcInvalidObject), want: logonclient.SessionLost},
		{name: "the handle is unknown", answer: probed(mapi.EcNullObject), want: logonclient.SessionLost},
		{name: "the logon is unknown", answer: probed(mapi.EcNoSuchLogon), want: logonclient.SessionLost},
		{name: "the call finds no session", answer: code(mapi.RPCInvalidSession), want: logonclient.SessionLost},
		{name: "the context is unknown", answer: page("200 OK", "X-ResponseCode: 10\r\n", ""), want: logonclient.SessionLost},
		{name: "the context is unknown, as noticed late", answer: stream("", "PROCESSING\r\nDONE\r\nX-ResponseCode: 10\r\n\r\n"), want: logonclient.SessionLost},
		{name: "a number of Gromox for a dead cookie", answer: page("200 OK", "X-ResponseCode: 2\r\n", ""), want: logonclient.SessionLost},
		{name: "the connection drops", answer: "HTTP/1.1 200 OK\r\nX-ResponseCode: 0\r\nContent-Length: 400\r\n\r\nPROCESSING\r\n", want: logonclient.SessionLost},
		{name: "the mailbox is in transit", answer: probed(mapi.EcMailboxInTransit), want: logonclient.InTransit, bye: true},
		{name: "the server is busy", answer: page("503 Service Unavailable", "", ""), want: logonclient.Busy, bye: true},
		{name: "the sign-in is refused", answer: page("401 Unauthorized", "WWW-Authenticate: Basic\r\n", ""), want: logonclient.Unauthorized},
		{name: "an answer to nothing", answer: done("", executed([]uint32{logonHandle}, logonOK())), want: logonclient.Malformed, bye: true},
		{name: "an empty list", answer: done("", executed([]uint32{logonHandle})), want: logonclient.Malformed, bye: true},
		{name: "no body: the rest may come behind it, so that nothing more is sent", answer: done("", raw("")), want: logonclient.Busy},
		{name: "half a body", answer: done("", raw("\x00\x00\x00\x00\x00")), want: logonclient.Malformed},
	} {
		t.Run(row.name, func(t *testing.T) {
			good := mailbox(map[string]string{"RopGetReceiveFolder": row.answer})
			s := start(t, func(w io.Writer, g got) bool {
				return good(w, g) && !(row.name == "the connection drops" && g.requestType() == "Execute" && ropOf(g.body) == "RopGetReceiveFolder")
			})
			session := mustLogon(t, &logonclient.Client{Network: s.network()})
			err := session.Probe(t.Context())
			e, _ := errors.AsType[*logonclient.Error](err)
			switch {
			case row.ok && err != nil, !row.ok && (e == nil || e.Kind != row.want):
				t.Errorf("error %v, want kind %v", err, row.want)
			case !row.ok && e.Op != "Execute RopGetReceiveFolder":
				t.Errorf("error %v", err)
			}
			if row.want == logonclient.SessionLost {
				before := len(s.requests())
				for _, err := range []error{session.Probe(t.Context()), second(session.Wait(t.Context()))} {
					if e, ok := errors.AsType[*logonclient.Error](err); !ok || e.Kind != logonclient.SessionLost {
						t.Errorf("a lost session answers %v", err)
					}
				}
				if len(s.requests()) != before {
					t.Error("a lost session sends requests")
				}
			}
			session.Close(t.Context())
			if bye := slices.Contains(s.types(), "Disconnect"); bye != row.bye {
				t.Errorf("Disconnect sent: %v", bye)
			}
			if want := 1; s.dials() != want {
				t.Errorf("%d connections", s.dials())
			}
		})
	}
}

func second(_ bool, err error) error { return err }

func TestWaitRegistersOnce(t *testing.T) {
	pending := true
	good := mailbox(nil)
	s := start(t, basic(func(w io.Writer, g got) bool {
		if g.requestType() == "NotificationWait" {
			io.WriteString(w, done("", &mapi.NotificationWaitResponse{EventPending: pending}))
			pending = false
			return true
		}
		return good(w, g)
	}))
	session := mustLogon(t, &logonclient.Client{Network: s.network()})
	for _, want := range []bool{true, false} {
		if event, err := session.Wait(t.Context()); event != want || err != nil {
			t.Errorf("event %v, error %v", event, err)
		}
	}
	session.Close(t.Context())
	want := []string{"-", "Connect", "Execute", "Execute", "NotificationWait", "NotificationWait", "Disconnect"}
	if diff := cmp.Diff(want, s.types()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestWaitIsRefused(t *testing.T) {
	for _, row := range []struct {
		name    string
		answers map[string]string
		want    logonclient.Kind
	}{
		{"the registration meets an invalidated logon", map[string]string{"RopRegisterNotification": done("",
			executed([]uint32{logonHandle}, &mapi.RegisterNotificationResponse{ReturnValue: mapi.EcInvalidObject}))}, logonclient.SessionLost},
		{"the wait fails", map[string]string{"NotificationWait": done("", &mapi.NotificationWaitResponse{StatusCode: mapi.EcExiting})}, logonclient.Busy},
		{"the wait is refused", map[string]string{"NotificationWait": done("", &mapi.NotificationWaitResponse{ErrorCode: mapi.EcNullObject, EventPending: true})}, logonclient.SessionLost},
		{"the wait has no body", map[string]string{"NotificationWait": done("", raw(""))}, logonclient.Busy},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := start(t, mailbox(row.answers))
			session := mustLogon(t, &logonclient.Client{Network: s.network()})
			event, err := session.Wait(t.Context())
			if e, ok := errors.AsType[*logonclient.Error](err); event || !ok || e.Kind != row.want {
				t.Errorf("event %v, error %v", event, err)
			}
			session.Close(t.Context())
		})
	}
}

// waiting runs Wait against a server that writes pieces, each after a pause,
// and then keeps silent.
func waiting(t *testing.T, ctx context.Context, pieces []piece) (took time.Duration, event bool, err error, s *server, session *logonclient.Session) {
	good := mailbox(nil)
	release := make(chan struct{})
	s = start(t, basic(func(w io.Writer, g got) bool {
		if g.requestType() != "NotificationWait" {
			return good(w, g)
		}
		for _, p := range pieces {
			<-time.After(p.after)
			io.WriteString(w, p.text)
			if p.end {
				return true
			}
		}
		<-release
		return false
	}))
	t.Cleanup(func() { close(release) })
	// The exchanges before and after keep to this; Wait has its own watch.
	session = mustLogon(t, &logonclient.Client{Network: s.network(), Timeout: 10 * time.Second})
	began := time.Now()
	event, err = session.Wait(ctx)
	return time.Since(began), event, err, s, session
}

type piece struct {
	after time.Duration
	text  string
	end   bool // of the answer
}

// openHead starts an answer to NotificationWait of unknown length.
func openHead(period string) string {
	return "HTTP/1.1 200 OK\r\nX-ResponseCode: 0\r\n" + period + "Transfer-Encoding: chunked\r\n\r\n"
}

func TestWaitIsWatched(t *testing.T) {
	const fifteen = "X-PendingPeriod: 15000\r\n"
	const processing, pendingTag = "c\r\nPROCESSING\r\n\r\n", "7\r\nPENDING\r\n"
	answer := "18\r\nDONE\r\n\r\n" + string((&mapi.NotificationWaitResponse{EventPending: true}).Append(nil)) + "\r\n0\r\n\r\n"
	for _, row := range []struct {
		name   string
		pieces []piece
		took   time.Duration
		event  bool
		said   string
	}{
		{"no first byte for a minute", nil, time.Minute, false, "no answer within 1m0s"},
		{"half a head for a minute", []piece{{after: time.Second, text: "HTTP/1.1 200"}}, time.Minute, false, "no answer within 1m0s"},
		{"silence for three periods after the head", []piece{{after: 50 * time.Second, text: openHead(fifteen)}}, 95 * time.Second, false, "no answer within 45s"},
		{"silence for three periods after PENDING", []piece{{text: openHead(fifteen) + processing}, {after: 40 * time.Second, text: pendingTag}}, 85 * time.Second, false, "no answer within 45s"},
		{"no period given: that of the answers before", []piece{{text: openHead("") + processing}}, 45 * time.Second, false, "no answer within 45s"},
		{"a period of a millisecond counts as a second", []piece{{text: openHead("X-PendingPeriod: 1\r\n") + processing}}, 3 * time.Second, false, "no answer within 3s"},
		{"a period of a day counts as five minutes", []piece{{text: openHead("X-PendingPeriod: 86400000\r\n") + processing}}, 15 * time.Minute, false, "no answer within 15m0s"},
		{"a period that is no number changes nothing", []piece{{text: openHead("X-PendingPeriod: soon\r\n") + processing}}, 45 * time.Second, false, "no answer within 45s"},
		{"tags in time, for longer than any timeout", []piece{{after: 59 * time.Second, text: openHead(fifteen)}, {after: 44 * time.Second, text: processing},
			{after: 44 * time.Second, text: pendingTag}, {after: 44 * time.Second, text: pendingTag}, {after: 44 * time.Second, text: answer, end: true}}, 235 * time.Second, true, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				took, event, err, s, session := waiting(t, t.Context(), row.pieces)
				if took != row.took || event != row.event {
					t.Errorf("took %v, want %v; event %v", took, row.took, event)
				}
				if row.said == "" {
					if err != nil {
						t.Error(err)
					}
				} else if e, ok := errors.AsType[*logonclient.Error](err); !ok || e.Kind != logonclient.SessionLost ||
					err.Error() != "NotificationWait at ex1.contoso.test:443: "+row.said || errors.Is(err, context.Canceled) {
					t.Errorf("error %v", err)
				}
				before := len(s.requests())
				session.Close(t.Context())
				if bye := len(s.requests()) > before; bye != row.event {
					t.Errorf("Disconnect sent: %v", bye)
				}
			})
		})
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		took, event, err, s, session := waiting(t, ctx, []piece{{text: openHead("") + "c\r\nPROCESSING\r\n\r\n"}})
		if event || err != context.DeadlineExceeded || took != 20*time.Second {
			t.Errorf("event %v, error %v after %v", event, err, took)
		}
		before := len(s.requests())
		if e, ok := errors.AsType[*logonclient.Error](session.Probe(t.Context())); !ok || e.Kind != logonclient.SessionLost || len(s.requests()) != before {
			t.Errorf("Probe after it: %v", e)
		}
		if err := session.Close(ctx); err != nil { // although ctx has ended
			t.Error(err)
		}
		want := []string{"-", "Connect", "Execute", "Execute", "NotificationWait", "Disconnect"}
		if diff := cmp.Diff(want, s.types()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		last := s.requests()[len(want)-1]
		if c := last.Header.Get("Cookie"); c != "MapiContext=c1; MapiSequence=s4" || last.conn != 2 {
			t.Errorf("Disconnect on connection %d with %q", last.conn, c)
		}
	})
}

func TestCloseTakesFiveSecondsAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		good := mailbox(nil)
		s := start(t, basic(func(w io.Writer, g got) bool {
			if g.requestType() == "Disconnect" {
				<-release
			}
			return good(w, g)
		}))
		defer close(release)
		session := mustLogon(t, &logonclient.Client{Network: s.network()})
		began := time.Now()
		err := session.Close(t.Context())
		if took := time.Since(began); took != 5*time.Second || err == nil {
			t.Errorf("took %v, error %v", took, err)
		}
		if err := session.Close(t.Context()); err != nil {
			t.Errorf("a second Close: %v", err)
		}
		if n := len(s.requests()); n != 4 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestConnectionsAreClosed(t *testing.T) {
	for _, row := range []struct {
		name    string
		answers map[string]string
		conns   int
	}{
		{"after Close", nil, 1},
		{"after a refusal", map[string]string{"RopLogon": returned(mapi.EcUnknownUser)}, 1},
		{"after a refused Connect", map[string]string{"Connect": page("302 Found", "Location: https://elsewhere.test/\r\n", "")}, 1},
		{"after a page too long to drain", map[string]string{"Connect": page("403 Forbidden", "", string(make([]byte, 200<<10)))}, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, mailbox(row.answers))
				session, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
				if err == nil {
					synctest.Wait()
					if s.closed != 0 { // the twin: open until then
						t.Errorf("%d connections closed before Close", s.closed)
					}
					session.Close(t.Context())
				}
				synctest.Wait()
				if s.closed != row.conns || s.dials() != row.conns {
					t.Errorf("%d of %d connections closed, want %d", s.closed, s.dials(), row.conns)
				}
			})
		})
	}
}
