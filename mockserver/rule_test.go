package mockserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// calm is a world without hostility.
const calm = `name = "calm"
[hostility]
off = true
[[forest]]
name = "contoso.test"
[[forest.server]]
name = "ex1"
[[forest.server]]
name = "ex2"
[[forest]]
name = "fabrikam.test"
[[forest.server]]
name = "mx1"
[[mailbox]]
user = "ann"
server = "ex1"
[[mailbox]]
user = "ben"
server = "ex1"
`

// victim sends one request at a time and says in a few words what came of it.
type victim struct {
	*session
	dn string
}

// newVictim has done what stands before a request: for "logon" and after it, a
// Connect; for "probe" and "wait", a logon.
func newVictim(t testing.TB, s *Server, step string) *victim {
	t.Helper()
	at, err := s.Where("ann")
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{newClient(t, s, "ann@contoso.test").session("https://ex1.contoso.test/mapi/emsmdb/?MailboxId=" + at.GUID + "@contoso.test"), at.Objects[0].LegacyDN}
	v.http.Timeout = 20 * time.Minute
	for _, before := range map[string][]string{"logon": {"connect"}, "probe": {"connect", "logon"}, "wait": {"connect", "logon", "register"}, "disconnect": {"connect"}}[step] {
		if got := v.see(before); got != healthy[before] {
			t.Fatalf("%s: %s", before, got)
		}
	}
	return v
}

// healthy is what comes of each request when nothing is broken.
var healthy = map[string]string{
	"ask": "settings", "connect": "ecNone", "logon": "RopLogon ecNone", "probe": "RopGetReceiveFolder ecNone",
	"register": "RopRegisterNotification ecNone", "wait": "no event", "disconnect": "ecNone", "ping": "empty",
}

func (v *victim) see(step string) string {
	v.t.Helper()
	switch step {
	case "ask":
		return v.seeAsk()
	case "connect":
		q := mapi.ConnectRequest{UserDN: v.dn, CodePage: 1252, LCIDSort: 0x409, LCIDString: 0x409}
		return v.seeCall("Connect", q.Append(nil))
	case "logon":
		return v.seeCall("Execute", v.executeBody(logonRequest(v.dn)))
	case "probe":
		return v.seeCall("Execute", v.executeBody(&mapi.GetReceiveFolderRequest{MessageClass: "IPM"}))
	case "register":
		return v.seeCall("Execute", v.executeBody(&mapi.RegisterNotificationRequest{OutputHandleIndex: 1, NotificationTypes: mapi.NotifyNewMail, WantWholeStore: true}))
	case "wait":
		return v.seeCall("NotificationWait", (&mapi.NotificationWaitRequest{}).Append(nil))
	case "disconnect":
		return v.seeCall("Disconnect", (&mapi.DisconnectRequest{}).Append(nil))
	case "ping":
		return v.seeCall("PING", nil)
	}
	v.t.Fatalf("no step %q", step)
	return ""
}

// broken names an error of the connection.
func broken(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "hung up"
	}
	return err.Error()
}

func (v *victim) seeAsk() string {
	q := v.asking("")
	a, err := v.http.Do(q)
	if err != nil {
		return broken(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	switch {
	case err != nil:
		return fmt.Sprintf("%s after %d bytes", broken(err), len(text))
	case a.StatusCode != 200:
		return status(a.StatusCode, a.Header)
	case !bytes.Contains(text, []byte("<Action>settings</Action>")):
		return "no settings: " + string(text[:min(len(text), 30)])
	}
	return "settings"
}

// asking is a request to Autodiscover; "": one for the settings of v.
func (v *victim) asking(body string) *http.Request {
	v.t.Helper()
	if body == "" {
		body = `<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request><LegacyDN>` + v.dn +
			`</LegacyDN><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`
	}
	q, err := http.NewRequest("POST", "https://autodiscover.contoso.test"+autodiscoverPath, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "text/xml")
	q.Header.Set("X-MapiHttpCapability", "1")
	q.SetBasicAuth(v.user, v.password)
	return q
}

func status(code int, h http.Header) string {
	words := []string{fmt.Sprint(code)}
	for _, name := range []string{"Retry-After", "Location", "Www-Authenticate"} {
		words = append(words, h[name]...)
	}
	return strings.Join(words, " ")
}

func (v *victim) seeCall(kind string, body []byte) string {
	a, err := v.try(kind, body, nil)
	switch {
	case err != nil:
		return broken(err)
	case a.status != 200:
		return status(a.status, a.head)
	case a.head.Get("X-ResponseCode") == "":
		return "no X-ResponseCode, " + a.head.Get("Content-Type")
	case a.err != nil:
		return broken(a.err)
	case a.code != 0:
		late := ""
		if len(a.tags) > 0 {
			late = "late "
		}
		return fmt.Sprintf("%scode %d", late, a.code)
	}
	return v.judge(kind, a)
}

func (v *victim) judge(kind string, a said) string {
	switch kind {
	case "Connect":
		var r mapi.ConnectResponse
		if err := r.Parse(a.body); err != nil {
			return syntax(err)
		}
		return codes(r.StatusCode, r.ErrorCode)
	case "NotificationWait":
		var r mapi.NotificationWaitResponse
		if err := r.Parse(a.body); err != nil {
			return syntax(err)
		}
		return map[bool]string{true: "event", false: "no event"}[r.EventPending]
	case "Disconnect":
		var r mapi.DisconnectResponse
		if err := r.Parse(a.body); err != nil {
			return syntax(err)
		}
		return codes(r.StatusCode, r.ErrorCode)
	case "Bind":
		var r mapi.BindResponse
		if err := r.Parse(a.body); err != nil {
			return syntax(err)
		}
		return codes(r.StatusCode, r.ErrorCode)
	case "PING":
		if len(a.body) == 0 {
			return "empty"
		}
	}
	var r mapi.ExecuteResponse
	if err := r.Parse(a.body); err != nil {
		return syntax(err)
	}
	if r.StatusCode != 0 || r.ErrorCode != 0 {
		return codes(r.StatusCode, r.ErrorCode)
	}
	packing := fmt.Sprint(r.RopBuffer[2])
	buffers, err := mapi.ParseRopBuffers(r.RopBuffer)
	if err != nil {
		return syntax(err)
	}
	var words []string
	if packing != "4" || len(buffers) > 1 {
		words = append(words, fmt.Sprintf("flags %s, %d buffers:", packing, len(buffers)))
	}
	list, rest, err := mapi.ParseResponses(buffers[0].Rops)
	if err != nil {
		return syntax(err)
	}
	for _, rop := range list {
		words = append(words, say(rop))
	}
	if len(rest) > 0 {
		words = append(words, "then "+mapi.RopID(rest[0]).String())
	}
	if handles := buffers[0].Handles; len(handles) > 0 && handles[0] != mapi.NoHandle {
		v.handle = handles[0]
	} else if len(handles) == 0 || len(words) == 1 && words[0] == "RopLogon ecNone" {
		words = append(words, "without a handle")
	}
	return strings.Join(words, " ")
}

func say(rop mapi.RopResponse) string {
	switch rop := rop.(type) {
	case *mapi.LogonResponse:
		if rop.OutputHandleIndex != 0 {
			return fmt.Sprintf("RopLogon at %d", rop.OutputHandleIndex)
		}
		return strings.TrimSpace("RopLogon " + rop.ReturnValue.Name() + " " + rop.ServerName)
	case *mapi.GetReceiveFolderResponse:
		return "RopGetReceiveFolder " + rop.ReturnValue.Name()
	case *mapi.RegisterNotificationResponse:
		return "RopRegisterNotification " + rop.ReturnValue.Name()
	case *mapi.BackoffResponse:
		return fmt.Sprintf("RopBackoff %d", rop.Duration)
	case *mapi.BufferTooSmallResponse:
		asked, err := mapi.ParseRequests(rop.RequestBuffers)
		return fmt.Sprintf("RopBufferTooSmall %d, %d asked, %v", rop.SizeNeeded, len(asked), err)
	}
	return fmt.Sprintf("%T", rop)
}

func codes(status, failure mapi.Code) string {
	if status != 0 {
		return "StatusCode " + status.Name()
	}
	return failure.Name()
}

func syntax(err error) string {
	var wrong *mapi.SyntaxError
	if errors.As(err, &wrong) {
		return wrong.Message + ": " + wrong.Field
	}
	return err.Error()
}

func TestAFaultBreaksOneRequestAndTheNextIsUnharmed(t *testing.T) {
	tests := []struct {
		name, step, rule, want string
	}{
		{"a status at Autodiscover", "ask", "status=500", "500"},
		{"a status with seconds to wait", "connect", "status=503 retry-after=5", "503 5"},
		{"a status with a date to wait for", "connect", "status=503 retry-after=date+90", "503 Sat, 01 Jan 2000 00:01:30 GMT"},
		{"a request that is dropped", "logon", "drop", "hung up"},
		{"an answer that is lost", "logon", "lose", "hung up"},
		{"a reset", "logon", "reset", "reset"},
		{"a reset in the middle", "logon", "reset=100", "reset"},
		{"an end before the first byte", "logon", "truncate=0", "hung up"},
		{"an end in the middle", "logon", "truncate=100", "hung up"},
		{"half a document", "ask", "truncate=100", "hung up after 100 bytes"},
		{"a 401 in mid-session", "probe", "unauthorized", `401 Basic realm="ex1.contoso.test"`},
		{"a redirect to a login page", "connect", "login-page=redirect",
			"302 https://ex1.contoso.test/owa/auth/logon.aspx?replaceCurrent=1&url=https%3a%2f%2fex1.contoso.test%2f"},
		{"a login page", "connect", "login-page=page", "no X-ResponseCode, text/html; charset=utf-8"},
		{"a context that is gone", "probe", "kill", "code 10"},
		{"a second request in parallel", "probe", "sequence", "code 15"},
		{"another identity", "probe", "identity", "code 10"},
		{"any response code", "connect", "refuse=18", "code 18"},
		{"a response code behind DONE", "connect", "late=1", "late code 1"},
		{"a response code at the end of a wait", "wait", "late=18", "late code 18"},
		{"an ErrorCode of Connect", "connect", "code=ecServerBusy", "ecServerBusy"},
		{"a StatusCode of Connect", "connect", "code=0x6BB in=status", "StatusCode RPC_S_SERVER_TOO_BUSY"},
		{"a ReturnValue of a logon", "logon", "code=ecMailboxInTransit", "RopLogon ecMailboxInTransit"},
		{"an ErrorCode of Execute", "logon", "code=0x4B6 in=error", "ecRpcFormat"},
		{"a StatusCode of Execute", "logon", "code=0x6BA in=status", "StatusCode RPC_S_SERVER_UNAVAILABLE"},
		{"a ReturnValue of a probe", "probe", "code=ecNullObject", "RopGetReceiveFolder ecNullObject"},
		{"an ErrorCode of Disconnect", "disconnect", "code=ecError", "ecError"},
		{"a server that asks for patience", "logon", "backoff=10s", "RopBackoff 10000"},
		{"an answer that does not fit", "logon", "buffer-too-small", "RopBufferTooSmall 168, 1 asked, <nil>"},
		{"a notification in front", "logon", "notify-first", "then RopNotify (0x2A)"},
		{"a notification behind", "logon", "notify-behind", "RopLogon ecNone then RopNotify (0x2A)"},
		{"an answer that is compressed", "logon", "compressed", "flags 5, 1 buffers: RopLogon ecNone"},
		{"an answer that is obfuscated", "logon", "obfuscated", "flags 6, 1 buffers: RopLogon ecNone"},
		{"an answer in two buffers", "logon", "chained", "flags 0, 2 buffers: RopLogon ecNone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := Start(t, calm)
				v := newVictim(t, s, tt.step)
				// A rule for another person stands before it and never acts.
				do(t, s, "fault drop user=ben name=other", "fault "+tt.rule+" user=ann")
				if got := v.see(tt.step); got != tt.want {
					t.Errorf("have %q, want %q", got, tt.want)
				}
				if got := s.Faults(); got[0].Matched != 0 || got[1].Matched != 1 || got[1].Acted != 1 {
					t.Errorf("rules %v", got)
				}
				last := s.Requests()[len(s.Requests())-1]
				if last.Fault != "fault1" || last.Said == "" {
					t.Errorf("recorded %+v", last)
				}
				if got := newVictim(t, s, tt.step).see(tt.step); got != healthy[tt.step] {
					t.Errorf("afterwards: %q", got)
				}
			})
		})
	}
}

func connectBody(dn string) []byte {
	q := mapi.ConnectRequest{UserDN: dn, CodePage: 1252, LCIDSort: 0x409, LCIDString: 0x409}
	return q.Append(nil)
}

func TestAResetIsOneOnASocketToo(t *testing.T) {
	s := Start(t, calm)
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ rule, want string }{{"reset", "reset"}, {"reset=100", "reset"}, {"lose", "hung up"}, {"truncate=100", "hung up"}} {
		v := newVictim(t, s, "connect")
		transport := v.http.Transport.(*http.Transport)
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.Addr())
		}
		do(t, s, "fault "+tt.rule)
		if got := v.see("connect"); got != tt.want {
			t.Errorf("%s: %s", tt.rule, got)
		}
		if got := v.see("connect"); got != healthy["connect"] {
			t.Errorf("after %s: %s", tt.rule, got)
		}
	}
}

func TestFaultsAtTheAddressBook(t *testing.T) {
	for _, tt := range []struct{ rule, want string }{
		{"status=503 endpoint=nspi", "503"}, {"refuse=18 type=Bind", "code 18"}, {"late=1 endpoint=nspi", "late code 1"},
		{"code=ecNotFound endpoint=nspi", "ecNotFound"}, {"drop endpoint=mapi", "ecNone"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			s := Start(t, calm)
			v := newVictim(t, s, "connect")
			v.url = strings.Replace(v.url, "emsmdb", "nspi", 1)
			do(t, s, "fault "+tt.rule)
			body := (&mapi.BindRequest{State: &mapi.Stat{CodePage: 1252}}).Append(nil)
			if got := v.seeCall("Bind", body); got != tt.want {
				t.Errorf("have %s, want %s", got, tt.want)
			}
			if got := v.seeCall("Bind", body); got != "ecNone" {
				t.Errorf("afterwards: %s", got)
			}
		})
	}
}

func TestFaultsSpeakAsTheFlavourDoes(t *testing.T) {
	for _, tt := range []struct{ rule, want string }{
		{"sequence", "code 7"}, // Gromox numbers: Invalid Sequence
		{"kill", "code 2"},     // Invalid Context Cookie
		{"rotate-cookies", "RopGetReceiveFolder ecNone"},
		{"rename-cookies", "RopGetReceiveFolder ecNone"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			s := Start(t, places("flavour = \"gromox\"\n"))
			v := newVictim(t, s, "probe")
			do(t, s, "fault "+tt.rule)
			if got := v.see("probe"); got != tt.want {
				t.Errorf("have %s, want %s", got, tt.want)
			}
			if strings.HasSuffix(tt.rule, "cookies") {
				if got := v.see("probe"); got != tt.want {
					t.Errorf("with the new cookies: %s", got)
				}
			}
		})
	}
}

func TestARuleReadsTheRequestTypeAsTheServerDoes(t *testing.T) {
	for _, tt := range []struct{ name, extra, rule, step, kind, want string }{
		{"Gromox takes any case, and so does type=", `flavour = "gromox"`, "drop type=Connect", "connect", "cONNECT", "hung up"},
		{"a code goes to the ReturnValue of its Execute", `flavour = "gromox"`, "code=ecError", "logon", "EXECUTE", "RopLogon ecError"},
		{"a field is found in its Execute", `flavour = "gromox"`, "malformed=execute.rop-id", "logon", "execute", "then unknown rop (0x99)"},
		{"Exchange takes none but the right one", "", "drop type=Connect", "connect", "cONNECT", "code 5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, places(tt.extra+"\n"))
			v := newVictim(t, s, tt.step)
			do(t, s, "fault "+tt.rule)
			body := connectBody(v.dn)
			if tt.step == "logon" {
				body = v.executeBody(logonRequest(v.dn))
			}
			if got := v.seeCall(tt.kind, body); got != tt.want {
				t.Errorf("have %s, want %s", got, tt.want)
			}
			if got := s.Faults()[0].Acted; (got == 1) != (tt.extra != "") {
				t.Errorf("acted %d times", got)
			}
		})
	}
}
