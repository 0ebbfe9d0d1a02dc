package logonclient_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // net/http writes there what a broken server sends unasked
	goleak.VerifyTestMain(m)
}

func mustLogon(t testing.TB, c *logonclient.Client) *logonclient.Session {
	t.Helper()
	session, err := c.Logon(t.Context(), ann())
	if err != nil {
		t.Fatal(err)
	}
	return session
}

func TestLogonAndCloseTakeFourRequestsAndThenThreeEachOnOneConnection(t *testing.T) {
	s := start(t, mailbox(nil))
	c := &logonclient.Client{Network: s.network(), Challenges: new(logonclient.Challenges)}
	for i, want := range [][]string{
		{"-", "Connect", "Execute", "Disconnect"},
		{"Connect", "Execute", "Disconnect"},
	} {
		before := len(s.requests())
		if err := mustLogon(t, c).Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, s.types()[before:]); diff != "" {
			t.Errorf("logon %d: requests (-want +got):\n%s", i+1, diff)
		}
		if s.dials() != i+1 {
			t.Errorf("after logon %d there were %d connections", i+1, s.dials())
		}
	}
}

func TestLogonTellsWhatItLearned(t *testing.T) {
	s := start(t, mailbox(nil))
	session := mustLogon(t, &logonclient.Client{Network: s.network()})
	defer session.Close(t.Context())
	want := logonclient.Facts{
		DisplayName:   "Ann",
		MailboxGUID:   "11111111-1111-4111-8111-111111111111",
		ReplGUID:      "01020304-0506-0708-090a-0b0c0d0e0f10",
		RootFolder:    "0100000000000001",
		ServerVersion: "Exchange/15.02.2562.045",
		IdleLimit:     15 * time.Minute,
	}
	if diff := cmp.Diff(want, session.Facts()); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	if got := session.Target().MailStore; got != annURL {
		t.Errorf("target is %s", got)
	}
}

func TestRequestsCarryTheHeadersOfTheSpecification(t *testing.T) {
	s := start(t, mailbox(nil))
	c := &logonclient.Client{Network: s.network()}
	for range 2 {
		mustLogon(t, c).Close(t.Context())
	}
	guid := `\{[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}\}`
	var ids, infos []string
	for _, g := range s.requests() {
		if g.requestType() == "" {
			continue
		}
		for name, form := range map[string]string{
			"Content-Type":        `application/mapi-http`,
			"X-RequestId":         guid + `:[123]`,
			"X-ClientInfo":        guid + `:[12]`,
			"X-ClientApplication": `Outlook/15\.\d\d\.\d{4}\.\d{4}`,
		} {
			if v := g.Header.Get(name); !regexp.MustCompile("^" + form + "$").MatchString(v) {
				t.Errorf("%s: %s is %q", g.requestType(), name, v)
			}
		}
		if g.Method != "POST" || g.ContentLength != int64(len(g.body)) || len(g.TransferEncoding) > 0 || g.Header.Get("Expect") != "" {
			t.Errorf("%s: %s, Content-Length %d for %d bytes, %v, Expect %q", g.requestType(), g.Method, g.ContentLength, len(g.body), g.TransferEncoding, g.Header.Get("Expect"))
		}
		if g.RequestURI != strings.TrimPrefix(annURL, "https://ex1.contoso.test") {
			t.Errorf("%s: the URL came as %s", g.requestType(), g.RequestURI)
		}
		ids, infos = append(ids, g.Header.Get("X-RequestId")), append(infos, g.Header.Get("X-ClientInfo"))
	}
	first, second := ids[0][:38], ids[3][:38]
	if first == second {
		t.Error("two contexts share the GUID of X-RequestId")
	}
	want := []string{first + ":1", first + ":2", first + ":3", second + ":1", second + ":2", second + ":3"}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("X-RequestId (-want +got):\n%s", diff)
	}
	client := infos[0][:38]
	want = []string{client + ":1", client + ":1", client + ":1", client + ":2", client + ":2", client + ":2"}
	if diff := cmp.Diff(want, infos); diff != "" {
		t.Errorf("X-ClientInfo (-want +got):\n%s", diff)
	}
}

func TestBodiesAreThoseOfTheSpecification(t *testing.T) {
	s := start(t, mailbox(nil))
	session := mustLogon(t, &logonclient.Client{Network: s.network()})
	session.Wait(t.Context())
	session.Probe(t.Context())
	session.Close(t.Context())
	// [MS-OXCMAPIHTTP] 2.2.4.1.1, 2.2.4.2.1, 2.2.4.4.1, 2.2.4.3.1; [MS-OXCROPS] 2.2.3.1.1, 2.2.14.1.1, 2.2.3.2.1
	dn := annDN + "\x00" // 65 bytes
	n := byte(len(dn))
	want := []string{
		dn + "\x00\x00\x00\x00\xe4\x04\x00\x00\x09\x04\x00\x00\x09\x04\x00\x00\x00\x00\x00\x00",
		"\x03\x00\x00\x00" + string([]byte{n + 28, 0, 0, 0}) + "\x00\x00\x04\x00" + string([]byte{n + 20, 0, n + 20, 0, n + 16, 0}) +
			"\xfe\x00\x00\x01\x0c\x04\x00\x01\x00\x00\x00\x00" + string([]byte{n, 0}) + dn + "\xff\xff\xff\xff" + "\x08\x00\x01\x00\x00\x00\x00\x00",
		"\x03\x00\x00\x00\x19\x00\x00\x00\x00\x00\x04\x00\x11\x00\x11\x00\x09\x00\x29\x00\x00\x01\xfc\x03\x01\x2a\x00\x00\x00\xff\xff\xff\xff\x08\x00\x01\x00\x00\x00\x00\x00",
		"\x00\x00\x00\x00\x00\x00\x00\x00",
		"\x03\x00\x00\x00\x15\x00\x00\x00\x00\x00\x04\x00\x0d\x00\x0d\x00\x09\x00\x27\x00\x00IPM\x00\x2a\x00\x00\x00\x08\x00\x01\x00\x00\x00\x00\x00",
		"\x00\x00\x00\x00",
	}
	var bodies []string
	for _, g := range s.requests()[1:] {
		bodies = append(bodies, string(g.body))
	}
	if diff := cmp.Diff(want, bodies); diff != "" {
		t.Errorf("bodies (-want +got):\n%s", diff)
	}
}

func TestCookiesRotateAndStayInTheirSession(t *testing.T) {
	contexts := 0
	s := start(t, basic(func(w io.Writer, g got) bool {
		answer := map[string]string{
			"Execute":    done(cookie(fmt.Sprintf("MapiSequence=s%d.2", contexts), "X-BackEndCookie=be==; expires=Sat, 21-Nov-2026 00:00:00 GMT"), executed([]uint32{logonHandle}, logonOK())),
			"Disconnect": done("", &mapi.DisconnectResponse{}),
		}[g.requestType()]
		if g.requestType() == "Connect" {
			contexts++
			answer = done(cookie(fmt.Sprintf("MapiContext=c%d", contexts), fmt.Sprintf("MapiSequence=s%d.1", contexts)), connectOK())
		}
		io.WriteString(w, answer)
		return true
	}))
	c := &logonclient.Client{Network: s.network(), Challenges: new(logonclient.Challenges)}
	one, two := mustLogon(t, c), mustLogon(t, c)
	one.Close(t.Context())
	two.Close(t.Context())
	var sent []string
	for _, g := range s.requests() {
		sent = append(sent, g.requestType()+" "+g.Header.Get("Cookie"))
	}
	want := []string{
		" ",
		"Connect ", "Execute MapiContext=c1; MapiSequence=s1.1",
		"Connect ", "Execute MapiContext=c2; MapiSequence=s2.1",
		"Disconnect MapiContext=c1; MapiSequence=s1.2; X-BackEndCookie=be==",
		"Disconnect MapiContext=c2; MapiSequence=s2.2; X-BackEndCookie=be==",
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("cookies (-want +got):\n%s", diff)
	}
}

func TestNoCredentialBeforeTheChallenge(t *testing.T) {
	s := start(t, mailbox(nil))
	mustLogon(t, &logonclient.Client{Network: s.network()}).Close(t.Context())
	signed := 0
	for i, g := range s.requests() {
		if i == 0 && (g.Header.Get("Authorization") != "" || len(g.body) > 0 || g.Header.Get("X-RequestType") != "" || g.Header.Get("Content-Length") != "0") {
			t.Errorf("the first request tells too much: %v", g.Header)
		}
		if g.Header.Get("Authorization") != "" {
			signed++
		}
	}
	if signed != 3 { // the twin: those after it are signed
		t.Errorf("%d requests were signed", signed)
	}
}

func TestARefusedSignInIsNotRepeated(t *testing.T) {
	s := start(t, basic(nil))
	target := ann()
	all := target.Access.Logins.(*logins)
	all.login.Secret = trust.NewSecret("wrong")
	c := &logonclient.Client{Network: s.network(), Challenges: new(logonclient.Challenges)}
	for range 2 {
		_, err := c.Logon(t.Context(), target)
		if e, ok := errors.AsType[*logonclient.Error](err); !ok || e.Kind != logonclient.Unauthorized || e.User != "ann" || e.Realm != "*.contoso.test" {
			t.Errorf("error %#v", err)
		}
	}
	if diff := cmp.Diff([]string{"-", "Connect"}, s.types()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ex1.contoso.test"}, all.refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}
