package mapi

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// contents says what is inside a capture.
type contents int

const (
	otherProtocol contents = iota // Autodiscover: no MAPI/HTTP in it
	refusedByHTTP                 // a MAPI/HTTP request that HTTP refuses with 401
	refusedByCode                 // X-ResponseCode is not 0: no stream
	exchange                      // a stream around a body that this package knows
	notALogon                     // exchange, but the body is refused
)

// A capture is what stands in NAME.req.bin and NAME.rsp.bin: for an exchange,
// what its bodies decode to.
type capture struct {
	contents contents
	request  any
	response any
	requests []RopRequest  // in the RopBuffer of the request
	replies  []RopResponse // in the RopBuffer of the response
	handles  []uint32      // of the response
	code     string        // X-ResponseCode, when it is not 0
}

const recipients = gromoxName + "/cn=Recipients/cn="

var (
	aliceDN      = recipients + "0100000001000000-alice"
	aliceConnect = ConnectRequest{UserDN: aliceDN, CodePage: 1252, LCIDSort: 0x409, LCIDString: 0x409}
	aliceWelcome = ConnectResponse{
		PollsMax: 60000, RetryCount: 6, RetryDelay: 10000, DisplayName: "Alice Peer",
		Aux: unhex("0000 0400 1c00 1c00 0800 0117 03000000 0c00 010a 0c000000 00840c24 0800 0148 01000000"),
	}
	aliceRequest  = LogonRequest{LogonFlags: LogonPrivate, OpenFlags: 0x01000004, Essdn: aliceDN}
	aliceRedirect = LogonResponse{
		ReturnValue: EcWrongServer, LogonFlags: LogonPrivate,
		ServerName: gromoxName + "/cn=Configuration/cn=Servers/cn=616c6963-6540-7065-6572-2e7401000000@peer.test",
	}
)

func refusedConnect(c Code) ConnectResponse {
	return ConnectResponse{ErrorCode: c, Aux: aliceWelcome.Aux}
}

func refusedLogon(c Code) []RopResponse { return []RopResponse{&LogonResponse{ReturnValue: c}} }

func with[T any](m T, change func(*T)) *T {
	change(&m)
	return &m
}

// captures lists every file of testdata/captures.
var captures = map[string]capture{
	"01-ad-settings":           {},
	"02-ad-unknown-user":       {},
	"04-ad-legacydn-only":      {},
	"05-ad-email-and-legacydn": {},
	"06-ad-no-schema":          {},
	"08-ad-bad-xml":            {},
	"09-ad-other-user-noperm":  {},
	"11-ad-noauth":             {},
	"12-ad-badpw":              {},
	"15-ad-get-noauth":         {},
	"20-ad-v2-json":            {},
	"22-ad-redirecturl":        {},
	"23-ad-redirectaddr":       {},

	"30-connect-ok": {contents: exchange, request: aliceConnect, response: aliceWelcome},
	"31-connect-garbage-dn": {
		contents: exchange,
		request:  ConnectRequest{UserDN: "/o=nope/cn=x", CodePage: 1252, LCIDSort: 0x409, LCIDString: 0x409},
		response: refusedConnect(EcRPCFailed),
	},
	"33-connect-other-dn": {
		contents: exchange,
		request:  ConnectRequest{UserDN: recipients + "0100000002000000-bob", CodePage: 1252, LCIDSort: 0x409, LCIDString: 0x409},
		response: refusedConnect(EcAccessDenied),
	},
	"36-connect-noauth": {contents: refusedByHTTP, request: aliceConnect},
	"37-connect-badpw":  {contents: refusedByHTTP, request: aliceConnect},

	"40-logon-ok": {
		contents: exchange,
		requests: []RopRequest{&aliceRequest},
		replies:  []RopResponse{&aliceLogon},
		handles:  []uint32{0},
	},
	"41-logon-unknown-essdn": {
		contents: exchange,
		requests: []RopRequest{with(aliceRequest, func(m *LogonRequest) { m.Essdn = recipients + "0100000063000000-nobody" })},
		replies:  refusedLogon(EcNotFound),
		handles:  []uint32{NoHandle},
	},
	"43-logon-other-noperm": {
		contents: exchange,
		requests: []RopRequest{with(aliceRequest, func(m *LogonRequest) { m.Essdn = recipients + "0100000002000000-bob" })},
		replies:  refusedLogon(EcLoginPerm),
		handles:  []uint32{NoHandle},
	},
	"46-logon-altserver-own": {
		contents: notALogon,
		requests: []RopRequest{with(aliceRequest, func(m *LogonRequest) { m.OpenFlags = OpenAlternateServer | OpenUsePerMDBReplIDMapping })},
		handles:  []uint32{NoHandle},
	},
	"51-logon-public": {
		contents: exchange,
		requests: []RopRequest{&LogonRequest{OpenFlags: OpenPublic | OpenUsePerMDBReplIDMapping}},
		replies:  []RopResponse{&publicLogon},
		handles:  []uint32{3},
	},
	"52-logon-plus-release": {
		contents: exchange,
		requests: []RopRequest{&aliceRequest, &GetReceiveFolderRequest{MessageClass: "IPM"}, &ReleaseRequest{}},
		replies:  []RopResponse{&aliceLogon, &GetReceiveFolderResponse{FolderID: FolderID{0: 1, 7: 13}, MessageClass: "IPM"}},
		handles:  []uint32{4},
	},
	"53-bad-rop-id": {contents: exchange, response: ExecuteResponse{ErrorCode: EcRPCFormat}},

	"60-ping":              {contents: exchange},
	"61-wrong-requesttype": {contents: refusedByCode, code: "8"},
	"63-missing-requestid": {contents: refusedByCode, code: "3"},
	"67-missing-cookie":    {contents: refusedByCode, code: "6", requests: []RopRequest{&aliceRequest}},
	"69-invalid-session":   {contents: refusedByCode, code: "2", requests: []RopRequest{&aliceRequest}},
	"70-stale-sequence":    {contents: refusedByCode, code: "7", requests: []RopRequest{&aliceRequest}},
	"80-disconnect-ok":     {contents: exchange, request: DisconnectRequest{}, response: DisconnectResponse{}},
	"96-redirect": {
		contents: exchange,
		requests: []RopRequest{with(aliceRequest, func(m *LogonRequest) { m.OpenFlags = OpenAlternateServer | OpenUsePerMDBReplIDMapping })},
		replies:  []RopResponse{&aliceRedirect},
		handles:  []uint32{NoHandle},
	},
	"a0-nspi-bind": {
		contents: exchange,
		request:  BindRequest{State: &Stat{CodePage: 1252, TemplateLocale: 0x409, SortLocale: 0x409}},
		response: BindResponse{ServerGUID: guid("d014ab0e-e8ac-4400-94b7-cfaa41e8c904")},
	},
	"a2-nspi-getmailboxurl-mdb": {
		contents: exchange,
		request: GetMailboxURLRequest{
			ServerDN: gromoxName + "/cn=Configuration/cn=Servers/cn=616c6963-6540-7065-6572-2e7401000000@peer.test/cn=Microsoft Private MDB",
		},
		response: GetMailboxURLResponse{
			ServerURL: "https://127.0.0.1/mapi/emsmdb/?MailboxId=616c6963-6540-7065-6572-2e7401000000@peer.test",
		},
	},

	"c0-connect-for-notificationwait": {contents: exchange, request: aliceConnect, response: aliceWelcome},
	"c0b-logon": {
		contents: exchange,
		requests: []RopRequest{&aliceRequest, &RegisterNotificationRequest{OutputHandleIndex: 1, NotificationTypes: 0x03FC, WantWholeStore: true}},
		replies: []RopResponse{
			with(aliceLogon, func(m *LogonResponse) {
				m.LogonTime = time.Date(2026, time.November, 20, 23, 5, 6, 0, time.UTC)
				m.GwartTime = 0x01dd7943_94f77d00
			}),
			&RegisterNotificationResponse{OutputHandleIndex: 1},
		},
		handles: []uint32{0, 1},
	},
	"c1-notificationwait": {contents: exchange, request: NotificationWaitRequest{}, response: NotificationWaitResponse{EventPending: true}},
}

const captureDir = "../../testdata/captures"

func TestCaptures(t *testing.T) {
	entries, err := os.ReadDir(captureDir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]bool{}
	for _, e := range entries {
		if e.Name() == "README.md" {
			continue
		}
		name, ok := strings.CutSuffix(e.Name(), ".req.bin")
		if !ok {
			name, ok = strings.CutSuffix(e.Name(), ".rsp.bin")
		}
		if _, known := captures[name]; !ok || !known {
			t.Errorf("%s: nobody says what it is", e.Name())
		}
		files[e.Name()] = true
	}
	for name, c := range captures {
		if !files[name+".req.bin"] || !files[name+".rsp.bin"] {
			t.Errorf("%s: half or all of it is missing", name)
			continue
		}
		t.Run(name, func(t *testing.T) { replay(t, name, c) })
	}
}

func replay(t *testing.T, name string, c capture) {
	req, err := http.ReadRequest(bufio.NewReader(open(t, name+".req.bin")))
	if err != nil {
		t.Fatal(err)
	}
	reqBody, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(open(t, name+".rsp.bin")), req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	requestType := req.Header.Get("X-RequestType")
	code := resp.Header.Get("X-ResponseCode")

	switch c.contents {
	case otherProtocol:
		if requestType != "" || code != "" {
			t.Errorf("a request of type %q in another protocol", requestType)
		}
		return
	case refusedByHTTP:
		if resp.StatusCode != http.StatusUnauthorized || code != "" {
			t.Errorf("status %s, X-ResponseCode %q", resp.Status, code)
		}
		checkRequest(t, requestType, reqBody, c)
		return
	case refusedByCode:
		if code != c.code {
			t.Errorf("X-ResponseCode %q, want %q", code, c.code)
		}
		checkRequest(t, requestType, reqBody, c)
		if _, _, err := ReadStream(resp.Body, nil); err == nil {
			t.Error("a page of HTML is read as a stream")
		}
		return
	}
	if code != "0" {
		t.Fatalf("X-ResponseCode %q, want 0", code)
	}
	tags := 0
	header, body, err := ReadStream(resp.Body, func(string) { tags++ })
	if err != nil {
		t.Fatal(err)
	}
	wantTags, wantElapsed := 2, "0"
	if name == "c1-notificationwait" {
		wantTags, wantElapsed = 34, "852" // PROCESSING, 31 times PENDING, PROCESSING, DONE
	}
	if tags != wantTags || header.Get("X-ElapsedTime") != wantElapsed || header.Get("X-StartTime") == "" {
		t.Errorf("%d tags, want %d; headers %v", tags, wantTags, header)
	}
	checkRequest(t, requestType, reqBody, c)
	checkResponse(t, requestType, body, c)
}

func open(t *testing.T, file string) io.Reader {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(captureDir, file))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b)
}

// bodyNames are the messages of each X-RequestType.
var bodyNames = map[string][2]string{
	"Connect":          {"connect request", "connect response"},
	"Execute":          {"execute request", "execute response"},
	"Disconnect":       {"disconnect request", "disconnect response"},
	"NotificationWait": {"notification wait request", "notification wait response"},
	"Bind":             {"bind request", "bind response"},
	"GetMailboxUrl":    {"get mailbox url request", "get mailbox url response"},
}

func checkRequest(t *testing.T, requestType string, b []byte, c capture) {
	t.Helper()
	names, ok := bodyNames[requestType]
	if !ok || len(b) == 0 {
		// PING, a request type that there is not, and a request that its head condemns.
		if len(b) != 0 || c.request != nil || c.requests != nil {
			t.Errorf("%s: a body of %d bytes", requestType, len(b))
		}
		return
	}
	got := both(t, names[0], b)
	if execute, ok := got.(ExecuteRequest); ok {
		list := both(t, "rop buffer", execute.RopBuffer).(ropBuffer)
		if c.requests == nil {
			if _, err := ParseRequests(list.Rops); err == nil {
				t.Errorf("the rops % x are accepted", list.Rops)
			}
			return
		}
		same(t, "rops of the request", c.requests, both(t, "rop list request", list.Rops).([]RopRequest))
		execute.RopBuffer = nil
		same(t, "execute request", ExecuteRequest{Flags: ExecuteNoCompression | ExecuteNoXorMagic, MaxRopOut: 0x10008}, execute)
		return
	}
	same(t, names[0], c.request, got)
}

func checkResponse(t *testing.T, requestType string, b []byte, c capture) {
	t.Helper()
	names, ok := bodyNames[requestType]
	if !ok {
		if len(b) != 0 || c.response != nil {
			t.Errorf("%s: a body of %d bytes", requestType, len(b))
		}
		return
	}
	got := both(t, names[1], b)
	execute, ok := got.(ExecuteResponse)
	if !ok || execute.ErrorCode != EcNone {
		same(t, names[1], c.response, got)
		return
	}
	list := both(t, "rop buffer", execute.RopBuffer).(ropBuffer)
	same(t, "handles", c.handles, list.Handles)
	if c.contents == notALogon {
		_, _, err := ParseResponses(list.Rops)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Field != "LogonTime" {
			t.Errorf("error %v, want a *SyntaxError for LogonTime", err)
		}
		return
	}
	replies := both(t, "rop list response", list.Rops).(responseList)
	same(t, "rops of the response", c.replies, replies.List)
	if len(replies.Rest) != 0 {
		t.Errorf("% x is left of the rops", replies.Rest)
	}
}

// both decodes b, and checks that encoding gives the same bytes.
func both(t *testing.T, name string, b []byte) any {
	t.Helper()
	m := messages[name]
	got, err := m.decode(b)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if _, ok := got.(BindRequest); ok && b[4] == 0xFF {
		// HasState: any value but 0 is true, and 1 is what is written.
		b = bytes.Clone(b)
		b[4] = 1
	}
	if diff := cmp.Diff(hex.Dump(b), hex.Dump(m.encode(got))); diff != "" {
		t.Errorf("%s: -received +encoded:\n%s", name, diff)
	}
	return got
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: -want +got:\n%s", what, diff)
	}
}
