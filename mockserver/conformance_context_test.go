package mockserver

import (
	"context"
	"encoding/binary"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/homing-mail/homing/internal/mapi"
)

func TestOfRequestsAtOnceOneIsServed(t *testing.T) {
	_, s, d := connected(t)
	s.logon(d.LegacyDN)
	body := s.executeBody(&mapi.GetReceiveFolderRequest{MessageClass: "IPM"})
	const n = 8
	codes := make([]int, n)
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		one := *s
		all.Go(func() {
			<-begin
			r, err := one.try("Execute", body, nil)
			if err != nil {
				t.Error(err)
			}
			codes[i] = r.code
		})
	}
	close(begin)
	all.Wait()
	slices.Sort(codes)
	if want := append([]int{0}, slices.Repeat([]int{15}, n-1)...); !slices.Equal(codes, want) {
		t.Errorf("X-ResponseCodes %v, want %v", codes, want)
	}
}

func TestReconnectIgnoresTheSequence(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(now, before []*http.Cookie) []*http.Cookie
	}{
		{"the newest one", func(now, _ []*http.Cookie) []*http.Cookie { return now }},
		{"the one before", func(_, before []*http.Cookie) []*http.Cookie { return before }},
		{"none", func(now, _ []*http.Cookie) []*http.Cookie {
			return slices.DeleteFunc(slices.Clone(now), func(k *http.Cookie) bool { return k.Name == "MapiSequence" })
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, s, d := connected(t)
			before := slices.Clone(s.cookies)
			s.logon(d.LegacyDN)
			old := slices.Clone(s.cookies)
			s.cookies = tt.change(s.cookies, before)
			s.connect(d.LegacyDN)
			value := func(all []*http.Cookie) string {
				return all[slices.IndexFunc(all, func(k *http.Cookie) bool { return k.Name == "MapiContext" })].Value
			}
			if value(s.cookies) == value(old) {
				t.Error("the context cookie stayed")
			}
			if r := s.send("Execute", s.executeBody(), nil); r.code != 0 {
				t.Errorf("the new context: X-ResponseCode %d", r.code)
			}
			s.cookies = old
			if r := s.send("Execute", s.executeBody(), nil); r.code != 10 {
				t.Errorf("the old context: X-ResponseCode %d, want 10", r.code)
			}
		})
	}
}

func TestObjectsDoNotOutliveTheirContext(t *testing.T) {
	_, s, d := connected(t)
	s.logon(d.LegacyDN)
	handle := s.handle
	if code := s.probe(); code != mapi.EcNone { // the twin
		t.Fatalf("before: %v", code)
	}
	s.connect(d.LegacyDN) // with the old cookies
	s.handle = handle
	if code := s.probe(); code == mapi.EcNone {
		t.Error("the logon of the old context lives")
	}
	s.handle = 0
	if l := s.logon(d.LegacyDN); l.ReturnValue != mapi.EcNone { // with the same LogonId
		t.Errorf("logged on again: %v", l.ReturnValue)
	}
	if code := s.probe(); code != mapi.EcNone {
		t.Errorf("after: %v", code)
	}
}

// After Connect a context lives for five idle minutes, as seen from Exchange SE.
func TestIdleTimeDoesNotRunWhileARequestIsPending(t *testing.T) {
	for _, tt := range []struct {
		name string
		wait bool // from the third to the eighth minute, by NotificationWait
		then time.Duration
		want int
	}{
		{"while it is pending", true, 7 * time.Minute, 0},
		{"when it has ended", true, 9 * time.Minute, 0},
		{"twin: nothing was pending", false, 7 * time.Minute, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, s, _ := connected(t)
				beside := *s
				time.AfterFunc(3*time.Minute, func() {
					if !tt.wait {
						return
					}
					if r, err := beside.try("NotificationWait", make([]byte, 8), nil); err != nil || r.code != 0 || r.err != nil {
						t.Errorf("NotificationWait: X-ResponseCode %d, %v, %v", r.code, r.err, err)
					}
				})
				<-time.After(tt.then)
				if r := s.send("Execute", s.executeBody(), nil); r.code != tt.want {
					t.Errorf("X-ResponseCode %d, want %d", r.code, tt.want)
				}
				<-time.After(2 * time.Minute) // the NotificationWait is over
			})
		})
	}
}

func TestSignsOfLifeComeInTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, _ := connected(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		q, err := http.NewRequestWithContext(ctx, "POST", s.url, strings.NewReader(string(make([]byte, 8))))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range requestHead {
			q.Header.Set(name, value)
		}
		q.Header.Set("X-RequestType", "NotificationWait")
		q.Header.Set("X-RequestId", "{E2EA6C1C-E61B-49E9-9CFB-38184F907552}:2")
		q.SetBasicAuth(s.user, s.password)
		for _, k := range s.cookies {
			q.AddCookie(k)
		}
		start := time.Now()
		a, err := s.http.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		if took := time.Since(start); took != 0 || a.Header.Get("X-PendingPeriod") != "30000" || a.Header.Get("X-ResponseCode") != "0" {
			t.Errorf("the head came after %v: X-PendingPeriod %q, X-ResponseCode %q", took, a.Header.Get("X-PendingPeriod"), a.Header.Get("X-ResponseCode"))
		}
		type sign struct {
			Tag   string
			After time.Duration
		}
		var signs []sign
		extra, _, err := mapi.ReadStream(a.Body, func(tag string) { signs = append(signs, sign{tag, time.Since(start)}) })
		if err != nil {
			t.Fatal(err)
		}
		want := []sign{{"PROCESSING", 0}}
		for after := 30 * time.Second; after < 5*time.Minute; after += 30 * time.Second {
			want = append(want, sign{"PENDING", after})
		}
		want = append(want, sign{"DONE", 5 * time.Minute})
		if diff := cmp.Diff(want, signs); diff != "" {
			t.Errorf("signs of life (-want +got):\n%s", diff)
		}
		if got := extra.Get("X-ElapsedTime"); got != "300000" {
			t.Errorf("X-ElapsedTime %q, want 300000", got)
		}
		if _, err := time.Parse(http.TimeFormat, extra.Get("X-StartTime")); err != nil {
			t.Error(err)
		}
	})
}

// Every X-ResponseCode ([MS-OXCMAPIHTTP] 2.2.3.3.3) can be had of the mock, in
// the head and behind DONE; those that it says unasked have tests of their own.
func TestAnyXResponseCodeCanBeDemanded(t *testing.T) {
	for _, tt := range []struct{ name, code string }{
		{"unknown failure", "1"},
		{"invalid verb", "2"},
		{"invalid path", "3"},
		{"invalid header", "4"},
		{"invalid request type", "5"},
		{"invalid context cookie", "6"},
		{"missing header", "7"},
		{"anonymous not allowed", "8"},
		{"too large", "9"},
		{"context not found", "10"},
		{"no privilege", "11"},
		{"invalid request body", "12"},
		{"missing cookie", "13"},
		{"invalid sequence", "15"},
		{"endpoint disabled", "16"},
		{"invalid response", "17"},
		{"endpoint shutting down", "18"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, session, _ := connected(t)
			do(t, s, "fault refuse="+tt.code+" type=Execute")
			r := session.send("Execute", session.executeBody(), nil)
			if got := r.head.Get("X-ResponseCode"); r.status != 200 || got != tt.code || r.head.Get("Content-Type") != "text/html" {
				t.Errorf("in the head: status %d, X-ResponseCode %s, Content-Type %s", r.status, got, r.head.Get("Content-Type"))
			}
			s, session, _ = connected(t)
			do(t, s, "fault late="+tt.code+" type=Execute")
			r = session.send("Execute", session.executeBody(), nil)
			if head, late := r.head.Get("X-ResponseCode"), r.extra.Get("X-ResponseCode"); r.status != 200 || head != "0" || late != tt.code || r.err != nil {
				t.Errorf("behind DONE: status %d, X-ResponseCode %s, then %q, %v", r.status, head, late, r.err)
			}
		})
	}
}

// The return values of [MS-OXCSTOR] 3.2.5.1.3 by their numbers, as demanded.
func TestAnyReturnValueOfALogonCanBeDemanded(t *testing.T) {
	for _, tt := range []struct{ name, wire string }{
		{"ecLoginFailure", "\x11\x01\x04\x80"},
		{"ecUnknownUser", "\xeb\x03\x00\x00"},
		{"ecUnknownCodePage", "\xef\x03\x00\x00"},
		{"ecMailboxDisabled", "\x6c\x09\x00\x00"},
		{"ecMailboxInTransit", "\x0c\x05\x00\x00"},
		{"ecProfileNotConfigured", "\x1c\x01\x00\x00"},
		{"ecAccessDenied", "\x05\x00\x07\x80"},
		{"ecLoginPerm", "\xf2\x03\x00\x00"},
		{"ecServerPaused", "\x7f\x04\x00\x00"},
		{"ecInvalidParam", "\x57\x00\x07\x80"}, // ecInvalidParameter in the table of 3.2.5.1.3
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, session, d := connected(t)
			do(t, s, "fault code="+tt.name+" in=return type=Execute")
			a := session.run([]uint32{mapi.NoHandle}, logonRequest(d.LegacyDN))
			if want := "\xfe\x00" + tt.wire; string(a.rops) != want {
				t.Errorf("% x, want % x", a.rops, want)
			}
		})
	}
}

func TestTheFailureBodyOfConnectHasTheLayoutOfTheSpecification(t *testing.T) {
	for _, tt := range []struct {
		name, world, script string
		status              uint32
	}{
		{"as Exchange 2013 refuses", twoForests(`flavour = "exchange-2013"`), "move ann mx1", 0x3EB},
		{"as demanded", "acquisition", "fault code=0x6BB in=status type=Connect", 0x6BB},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, c, d := home(t, tt.world, "ann", "contoso.test")
			do(t, s, tt.script)
			r := c.session(d.store()).send("Connect", (&mapi.ConnectRequest{UserDN: d.LegacyDN}).Append(nil), nil)
			if r.status != 200 || r.code != 0 || r.err != nil {
				t.Fatalf("status %d, X-ResponseCode %d, %v", r.status, r.code, r.err)
			}
			w := &octets{t, r.body}
			if status := w.u32(); status != tt.status {
				t.Errorf("StatusCode 0x%X, want 0x%X", status, tt.status)
			}
			w.take(int(w.u32())) // AuxiliaryBuffer
			w.end()
		})
	}
}

// The address book by hand ([MS-OXCMAPIHTTP] 2.2.5.1, 2.2.5.18, 2.2.5.19).
func TestTheAnswersOfTheAddressBookHaveTheLayoutOfTheSpecification(t *testing.T) {
	utf16z := func(text string) string {
		var b []byte
		for _, u := range utf16.Encode([]rune(text + "\x00")) {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		return string(b)
	}
	const zero = "\x00\x00\x00\x00"
	s, c, d := home(t, "acquisition", "ann", "contoso.test")
	session := c.session(strings.Replace(d.store(), "/mapi/emsmdb/", "/mapi/nspi/", 1))
	stat := strings.Repeat(zero, 6) + "\xe4\x04\x00\x00\x09\x04\x00\x00\x09\x04\x00\x00"
	bound := session.send("Bind", []byte(zero+"\x01"+stat+zero), nil)
	w := &octets{t, bound.body}
	if status, code := w.u32(), w.u32(); bound.code != 0 || status != 0 || code != 0 {
		t.Fatalf("Bind: X-ResponseCode %d, StatusCode 0x%X, ErrorCode 0x%X", bound.code, status, code)
	}
	w.take(16) // ServerGuid
	w.take(int(w.u32()))
	w.end()
	mailbox := strings.TrimPrefix(d.store(), "https://ex1.contoso.test/mapi/emsmdb/")
	for _, tt := range []struct{ name, kind, flags, dn, want string }{
		{"GetMailboxUrl", "GetMailboxUrl", zero, contosoServer + "ex2", "https://ex2.contoso.test/mapi/emsmdb/" + mailbox},
		{"GetMailboxUrl of the database", "GetMailboxUrl", zero, contosoServer + "ex2/cn=Microsoft Private MDB", "https://ex2.contoso.test/mapi/emsmdb/" + mailbox},
		{"GetMailboxUrl with Flags, which mean nothing", "GetMailboxUrl", "\xff\xff\xff\xff", contosoServer + "ex1", "https://ex1.contoso.test/mapi/emsmdb/" + mailbox},
		{"GetMailboxUrl of nobody", "GetMailboxUrl", zero, contosoServer + "ex9", ""},
		{"GetAddressBookUrl", "GetAddressBookUrl", zero, d.LegacyDN, "https://ex1.contoso.test/mapi/nspi/" + mailbox},
		{"GetAddressBookUrl of nobody", "GetAddressBookUrl", zero, "/o=Contoso/cn=nobody", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := session.send(tt.kind, []byte(tt.flags+utf16z(tt.dn)+zero), nil)
			if r.code != 0 || r.err != nil {
				t.Fatalf("X-ResponseCode %d, %v", r.code, r.err)
			}
			w := &octets{t, r.body}
			status := w.u32()
			if status == 0 != (tt.want != "") {
				t.Errorf("StatusCode 0x%X", status)
			}
			if status == 0 {
				if code := w.u32(); code != 0 {
					t.Errorf("ErrorCode 0x%X", code)
				}
				if url := w.unicode(); url != tt.want {
					t.Errorf("ServerUrl %s, want %s", url, tt.want)
				}
			}
			w.take(int(w.u32())) // AuxiliaryBuffer
			w.end()
		})
	}
	if all := s.Requests(); all[len(all)-1].RequestType != "GetAddressBookUrl" { // none was answered by something else
		t.Errorf("the last request was %+v", all[len(all)-1])
	}
}

func TestAServerThatWantsTime(t *testing.T) {
	for _, tt := range []struct {
		name, fault, wire string // the list of the answer
		status            uint32
	}{
		{"by RopBackoff: F9, LogonId, 5000 ms, no ROP, no data", "backoff=5s", "\xf9\x00\x88\x13\x00\x00\x00\x00\x00", 0},
		{"by StatusCode 0x6BB", "code=0x6BB in=status", "", 0x6BB},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, session, d := connected(t)
			do(t, s, "fault "+tt.fault+" type=Execute")
			a := session.run([]uint32{mapi.NoHandle}, logonRequest(d.LegacyDN))
			if a.status != tt.status || string(a.rops) != tt.wire {
				t.Errorf("StatusCode 0x%X, list % x; want 0x%X, % x", a.status, a.rops, tt.status, tt.wire)
			}
		})
	}
}
