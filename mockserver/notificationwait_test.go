package mockserver

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

func TestNotificationWait(t *testing.T) {
	tests := []struct {
		name       string
		register   bool
		script     string // one minute and ten seconds after the start
		wantAfter  time.Duration
		wantTags   int // PENDING
		wantCode   int // X-ResponseCode
		wantEvent  bool
		wantRecord string
	}{
		{"nothing happens", true, "", 5 * time.Minute, 9, 0, false, "no event"},
		{"new mail", true, "notify ann", 70 * time.Second, 2, 0, true, "event pending"},
		{"new mail, and nobody registered", false, "notify ann", 5 * time.Minute, 9, 0, false, "no event"},
		{"new mail for somebody else", true, "notify ben", 5 * time.Minute, 9, 0, false, "no event"},
		{"a move", true, "move ann ex2", 70 * time.Second, 2, 0, true, "event pending"},
		{"a move that kills the context", true, "move ann ex2 invalidate=context", 70 * time.Second, 2, 10, false, "Context Not Found (10)"},
		{"a move that is not locked yet", true, "start ann ex2", 5 * time.Minute, 9, 0, false, "no event"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, c, d := home(t, "acquisition", "ann", "contoso.test")
				session, _ := c.enter(d.store(), d.LegacyDN)
				if tt.register {
					session.register()
				}
				start := time.Now()
				if tt.script != "" {
					time.AfterFunc(70*time.Second, func() { do(t, s, tt.script) })
				}
				q := mapi.NotificationWaitRequest{}
				r := session.send("NotificationWait", q.Append(nil), nil)
				if r.err != nil {
					t.Fatal(r.err)
				}
				if got := time.Since(start); got != tt.wantAfter {
					t.Errorf("answered after %v, want %v", got, tt.wantAfter)
				}
				want := append([]string{"PROCESSING"}, slices.Repeat([]string{"PENDING"}, tt.wantTags)...)
				if want = append(want, "DONE"); !slices.Equal(r.tags, want) {
					t.Errorf("tags %q", r.tags)
				}
				if r.code != tt.wantCode {
					t.Errorf("X-ResponseCode %d, want %d", r.code, tt.wantCode)
				}
				all := s.Requests()
				if last := all[len(all)-1]; last.Said != tt.wantRecord || last.ResponseCode != tt.wantCode {
					t.Errorf("record %+v", last)
				}
				if r.code != 0 {
					return
				}
				var a mapi.NotificationWaitResponse
				if err := a.Parse(r.body); err != nil {
					t.Fatal(err)
				}
				if a.EventPending != tt.wantEvent {
					t.Errorf("EventPending %t, want %t", a.EventPending, tt.wantEvent)
				}
			})
		})
	}
}

func TestOneRequestMayRunBesideANotificationWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, d := home(t, "acquisition", "ann", "contoso.test")
		session, _ := c.enter(d.store(), d.LegacyDN)
		session.register()
		beside := *session
		done := make(chan said)
		go func() {
			r, err := beside.try("NotificationWait", (&mapi.NotificationWaitRequest{}).Append(nil), nil)
			if err != nil {
				t.Error(err)
			}
			done <- r
		}()
		if _, err := s.Await(t.Context(), func(r Request) bool { return r.Said == "waiting" }); err != nil {
			t.Fatal(err)
		}
		if code := session.probe(); code != mapi.EcNone {
			t.Errorf("Execute beside it: %v", code)
		}
		if r := session.send("NotificationWait", (&mapi.NotificationWaitRequest{}).Append(nil), nil); r.code != 15 {
			t.Errorf("a second NotificationWait: code %d, want 15", r.code)
		}
		do(t, s, "notify ann")
		if r := <-done; r.code != 0 || r.err != nil {
			t.Errorf("code %d, %v", r.code, r.err)
		}
	})
}

func TestASwitchedOffServerDropsItsSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, d := home(t, "acquisition", "ann", "contoso.test")
		session, _ := c.enter(d.store(), d.LegacyDN)
		session.register()
		time.AfterFunc(time.Minute, func() { do(t, s, "off ex1") })
		r := session.send("NotificationWait", (&mapi.NotificationWaitRequest{}).Append(nil), nil)
		if r.err == nil {
			t.Error("the stream ended as if nothing had happened")
		}
		if _, err := session.try("PING", nil, nil); err == nil {
			t.Error("a PING to a server that is off was answered")
		}
		do(t, s, "on ex1")
		if r := session.send("Execute", session.executeBody(), nil); r.code != 10 {
			t.Errorf("after the start: code %d, want 10", r.code)
		}
	})
}

func TestAClientThatGoesAwayEndsItsNotificationWait(t *testing.T) {
	s, c, d := home(t, "acquisition", "ann", "contoso.test")
	session, _ := c.enter(d.store(), d.LegacyDN)
	go session.try("NotificationWait", (&mapi.NotificationWaitRequest{}).Append(nil), nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := s.Await(ctx, func(r Request) bool { return r.Said == "waiting" }); err != nil {
		t.Fatal(err)
	}
	// Close ends the connection; it returns only when the handler has.
	s.Close()
	all := s.Requests()
	if last := all[len(all)-1]; last.Said != hungUp {
		t.Errorf("record %+v", last)
	}
}

func TestNotificationWaitNeedsAContext(t *testing.T) {
	_, c, d := home(t, "acquisition", "ann", "contoso.test")
	body := (&mapi.NotificationWaitRequest{}).Append(nil)
	if r := c.session(d.store()).send("NotificationWait", body, nil); r.code != 13 {
		t.Errorf("without cookies: code %d, want 13", r.code)
	}
	session, _ := c.enter(d.store(), d.LegacyDN)
	if r := session.send("NotificationWait", body[:3], nil); r.code != 12 {
		t.Errorf("half a body: code %d, want 12", r.code)
	}
	session.cookies = slices.DeleteFunc(session.cookies, func(k *http.Cookie) bool { return k.Name == "MapiSequence" })
	if r := session.send("NotificationWait", body, nil); r.code != 13 {
		t.Errorf("without a sequence: code %d, want 13", r.code)
	}
}
