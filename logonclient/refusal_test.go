package logonclient_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
)

// refusal is one layer's no, and what the client makes of it.
type refusal struct {
	name    string
	answers map[string]string
	want    logonclient.Error
	after   []string // what follows the refused request
}

func code(c mapi.Code) string { return done("", &mapi.ExecuteResponse{ErrorCode: c}) }

func returned(c mapi.Code) string {
	return done("", executed([]uint32{mapi.NoHandle}, &mapi.LogonResponse{ReturnValue: c}))
}

func refusals() []refusal {
	html := "Content-Type: text/html\r\n"
	connect := func(answer string) map[string]string { return map[string]string{"Connect": answer} }
	logon := func(answer string) map[string]string { return map[string]string{"RopLogon": answer} }
	bye := []string{"Disconnect"}
	none := -1
	return []refusal{
		// HTTP status
		{"a redirect is not followed", connect(page("302 Found", "Location: /owa/auth/logon.aspx?a=b\r\n", "")),
			logonclient.Error{Kind: logonclient.Redirected, Op: "Connect", HTTPStatus: 302, ResponseCode: none, URL: "https://ex1.contoso.test/owa/auth/logon.aspx?a=b",
				Said: "HTTP status 302 to https://ex1.contoso.test/owa/auth/logon.aspx?a=b"}, nil},
		{"a redirect to another host is not followed", connect(page("307 Temporary Redirect", "Location: https://ex2.contoso.test/mapi/emsmdb/?MailboxId=x\r\n", "")),
			logonclient.Error{Kind: logonclient.Redirected, Op: "Connect", HTTPStatus: 307, ResponseCode: none, URL: "https://ex2.contoso.test/mapi/emsmdb/?MailboxId=x",
				Said: "HTTP status 307 to https://ex2.contoso.test/mapi/emsmdb/?MailboxId=x"}, nil},
		{"a redirect with a password makes no sense", connect(page("302 Found", "Location: https://ann:topsecret@ex2.contoso.test/\r\n", "")),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Connect", HTTPStatus: 302, ResponseCode: none, Said: "HTTP status 302 without a usable Location"}, nil},
		{"a redirect to nowhere makes no sense", connect(page("302 Found", "", "")),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Connect", HTTPStatus: 302, ResponseCode: none, Said: "HTTP status 302 without a usable Location"}, nil},
		{"an empty 400 means the MailboxId of the URL", connect(page("400 Bad Request", "", "")),
			logonclient.Error{Kind: logonclient.UnknownMailbox, Op: "Connect", HTTPStatus: 400, ResponseCode: none, Said: "HTTP status 400"}, nil},
		{"a 400 with words means the request", connect(page("400 Bad Request", html, "<h2>Bad Request</h2><p>Request Too Long</p>")),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Connect", HTTPStatus: 400, ResponseCode: none, Said: `HTTP status 400: "Request Too Long"`}, nil},
		{"a 401 after the sign-in", connect(page("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", "")),
			logonclient.Error{Kind: logonclient.Unauthorized, Op: "Connect", HTTPStatus: 401, ResponseCode: none, Realm: "*.contoso.test", User: "ann", Said: "HTTP status 401"}, nil},
		{"a 401 without a challenge after the sign-in", connect(page("401 Unauthorized", "", "")),
			logonclient.Error{Kind: logonclient.Unauthorized, Op: "Connect", HTTPStatus: 401, ResponseCode: none, Realm: "*.contoso.test", User: "ann", Said: "HTTP status 401"}, nil},
		{"403 with a page", connect(page("403 Forbidden", html, "<title>Access\r\nDenied</title>")),
			logonclient.Error{Kind: logonclient.Denied, Op: "Connect", HTTPStatus: 403, ResponseCode: none, Said: `HTTP status 403: "Access Denied"`}, nil},
		{"404: no such endpoint", connect(page("404 Not Found", "", "")),
			logonclient.Error{Kind: logonclient.Unsupported, Op: "Connect", HTTPStatus: 404, ResponseCode: none, Said: "HTTP status 404"}, nil},
		{"440 from a gateway", connect(page("440 Login Timeout", "", "")),
			logonclient.Error{Kind: logonclient.Unauthorized, Op: "Connect", HTTPStatus: 440, ResponseCode: none, Realm: "*.contoso.test", User: "ann", Said: "HTTP status 440"}, nil},
		{"456 from a gateway", connect(page("456 Unavailable", "", "<title>MFA</title>")),
			logonclient.Error{Kind: logonclient.Unauthorized, Op: "Connect", HTTPStatus: 456, ResponseCode: none, Realm: "*.contoso.test", User: "ann",
				Said: `HTTP status 456, which asks for another factor or a token: "MFA"`}, nil},
		{"503 that says how long in seconds", connect(page("503 Service Unavailable", "Retry-After: 90\r\n", "")),
			logonclient.Error{Kind: logonclient.Busy, Op: "Connect", HTTPStatus: 503, ResponseCode: none, After: 90 * time.Second, Said: "HTTP status 503"}, nil},
		{"503 that says until when, by its own clock", connect(page("503 Service Unavailable", "Date: Fri, 20 Nov 2026 09:00:00 GMT\r\nRetry-After: Fri, 20 Nov 2026 09:02:00 GMT\r\n", "")),
			logonclient.Error{Kind: logonclient.Busy, Op: "Connect", HTTPStatus: 503, ResponseCode: none, After: 2 * time.Minute, Said: "HTTP status 503"}, nil},
		{"503 that asks for a year gets an hour", connect(page("503 Service Unavailable", "Retry-After: 31536000\r\n", "")),
			logonclient.Error{Kind: logonclient.Busy, Op: "Connect", HTTPStatus: 503, ResponseCode: none, After: time.Hour, Said: "HTTP status 503"}, nil},
		{"500", connect(page("500 Internal Server Error", "", "")),
			logonclient.Error{Kind: logonclient.Busy, Op: "Connect", HTTPStatus: 500, ResponseCode: none, Said: "HTTP status 500"}, nil},

		// X-ResponseCode
		{"a login page instead of MAPI", connect(page("200 OK", html, "<html><head><title>Sign in &amp; wait</title></head>"+strings.Repeat("x", 5000))),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Connect", HTTPStatus: 200, ResponseCode: none, Said: `no X-ResponseCode: "Sign in & wait"`}, nil},
		{"MAPI is switched off for the user", connect(page("200 OK", html, "ProtocolDisabled")),
			logonclient.Error{Kind: logonclient.Unsupported, Op: "Connect", HTTPStatus: 200, ResponseCode: none, Said: "no X-ResponseCode, but ProtocolDisabled"}, nil},
		{"a long title is cut at 200 characters", connect(page("200 OK", html, "<title>"+strings.Repeat("ab\x01", 100)+"</title>")),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Connect", HTTPStatus: 200, ResponseCode: none, Said: `no X-ResponseCode: "` + strings.Repeat("ab ", 66) + `ab"`}, nil},
		{"an X-ResponseCode that is no number", connect(page("200 OK", "X-ResponseCode: soon\r\n", "")),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Connect", HTTPStatus: 200, ResponseCode: none, Said: `X-ResponseCode "soon"`}, nil},
		{"an unknown X-ResponseCode", connect(page("200 OK", "X-ResponseCode: 99\r\n", "")),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Connect", HTTPStatus: 200, ResponseCode: 99, Said: "X-ResponseCode 99"}, nil},
		{"X-ResponseCode 16: switched off", connect(page("200 OK", "X-ResponseCode: 16\r\n"+html, "<p>MAPI over HTTP is disabled.</p>")),
			logonclient.Error{Kind: logonclient.Unsupported, Op: "Connect", HTTPStatus: 200, ResponseCode: 16, Said: `Endpoint Disabled (16): "MAPI over HTTP is disabled."`}, nil},
		{"X-ResponseCode behind DONE, with nothing else", logon(stream("", "PROCESSING\r\nDONE\r\nX-ResponseCode: 12\r\n\r\n")),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Execute RopLogon", HTTPStatus: 200, ResponseCode: 12, Said: "Invalid Request Body (12)"}, bye},
		{"X-ResponseCode behind DONE, with text", logon(stream("", "PROCESSING\r\nDONE\r\nContent-Type: text/plain\r\nx-responsecode: 11\r\n\r\nno privilege")),
			logonclient.Error{Kind: logonclient.Denied, Op: "Execute RopLogon", HTTPStatus: 200, ResponseCode: 11, Said: "No Privilege (11)"}, bye},
		{"X-ResponseCode behind DONE, with a MAPI body that does not count", logon(stream("", "PROCESSING\r\nDONE\r\nX-ResponseCode: 17\r\n\r\n"+string(executed([]uint32{logonHandle}, logonOK()).Append(nil)))),
			logonclient.Error{Kind: logonclient.Busy, Op: "Execute RopLogon", HTTPStatus: 200, ResponseCode: 17, Said: "Invalid Response (17)"}, bye},
		{"X-ResponseCode behind DONE", logon(stream("", "PROCESSING\r\nPENDING\r\nDONE\r\nX-ResponseCode: 18\r\nContent-Type: text/html\r\n\r\n<p>going down</p>")),
			logonclient.Error{Kind: logonclient.Busy, Op: "Execute RopLogon", HTTPStatus: 200, ResponseCode: 18, Said: `Endpoint Shutting Down (18): "going down"`}, bye},
		{"a stream that is none, under X-ResponseCode 0", connect(stream("Content-Type: text/html\r\n", "<html><title>Welcome</title>")),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Connect", HTTPStatus: 200, ResponseCode: 0, Said: `no MAPI answer: "Welcome"`}, nil},

		// StatusCode, ErrorCode
		{"Connect: StatusCode", connect(done("", &mapi.ConnectResponse{StatusCode: mapi.RPCSServerTooBusy})),
			logonclient.Error{Kind: logonclient.Busy, Op: "Connect", HTTPStatus: 200, Code: 0x6BB, Said: "RPC_S_SERVER_TOO_BUSY (0x000006BB)"}, nil},
		{"Connect: ErrorCode in the layout of a success", connect(done(cookie("MapiContext=c"), &mapi.ConnectResponse{ErrorCode: mapi.EcUnknownUser})),
			logonclient.Error{Kind: logonclient.UnknownMailbox, Op: "Connect", HTTPStatus: 200, Code: 0x3EB, Said: "ecUnknownUser (0x000003EB)"}, nil},
		{"Connect: busy, with a RetryDelay", connect(done("", &mapi.ConnectResponse{ErrorCode: mapi.EcServerBusy, RetryDelay: 2500})),
			logonclient.Error{Kind: logonclient.Busy, Op: "Connect", HTTPStatus: 200, Code: 0x480, After: 2500 * time.Millisecond, Said: "ecServerBusy (0x00000480)"}, nil},
		{"Connect: no right", connect(done("", &mapi.ConnectResponse{ErrorCode: mapi.EcLoginPerm})),
			logonclient.Error{Kind: logonclient.Denied, Op: "Connect", HTTPStatus: 200, Code: 0x3F2, Said: "ecLoginPerm (0x000003F2)"}, nil},
		{"Connect: an unknown code", connect(done("", &mapi.ConnectResponse{ErrorCode: 0xBAD})),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Connect", HTTPStatus: 200, Code: 0xBAD, Said: "unknown code 0x00000BAD"}, nil},
		{"Execute: StatusCode, with the RetryDelay of Connect", logon(done("", &mapi.ExecuteResponse{StatusCode: mapi.RPCSServerTooBusy})),
			logonclient.Error{Kind: logonclient.Busy, Op: "Execute RopLogon", HTTPStatus: 200, Code: 0x6BB, After: 13 * time.Second, Said: "RPC_S_SERVER_TOO_BUSY (0x000006BB)"}, bye},
		{"Execute: ErrorCode", logon(code(mapi.EcRPCFormat)),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Execute RopLogon", HTTPStatus: 200, Code: 0x4B6, Said: "ecRpcFormat (0x000004B6)"}, bye},
		{"Execute: an empty body", logon(done("", raw(""))),
			logonclient.Error{Kind: logonclient.Busy, Op: "Execute RopLogon", HTTPStatus: 200, After: 13 * time.Second, Said: "success without a body"}, nil},
		// as Gromox writes a failure: the status behind the end of its answer
		{"Connect: an empty body, and more bytes than were announced", connect(done("", raw("")) + "\x15\x01\x04\x80"),
			logonclient.Error{Kind: logonclient.Busy, Op: "Connect", HTTPStatus: 200, Said: "success without a body"}, nil},
		{"Execute: half a body", logon(done("", raw("\x00\x00\x00\x00\x00"))),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Execute RopLogon", HTTPStatus: 200}, nil},

		// the ROP list
		{"RopLogon: wrong server", logon(done("", executed([]uint32{mapi.NoHandle}, &mapi.LogonResponse{ReturnValue: mapi.EcWrongServer, LogonFlags: 1, ServerName: "/o=Contoso/ou=x/cn=Configuration/cn=Servers/cn=ex2"}))),
			logonclient.Error{Kind: logonclient.WrongServer, Op: "Execute RopLogon", HTTPStatus: 200, Code: 0x478, ServerName: "/o=Contoso/ou=x/cn=Configuration/cn=Servers/cn=ex2", Said: "ecWrongServer (0x00000478)"}, bye},
		{"RopLogon: unknown user", logon(returned(mapi.EcUnknownUser)),
			logonclient.Error{Kind: logonclient.UnknownMailbox, Op: "Execute RopLogon", HTTPStatus: 200, Code: 0x3EB, Said: "ecUnknownUser (0x000003EB)"}, bye},
		{"RopLogon: login failure", logon(returned(mapi.EcLoginFailure)),
			logonclient.Error{Kind: logonclient.LoginFailure, Op: "Execute RopLogon", HTTPStatus: 200, Code: 0x80040111, Said: "ecLoginFailure (0x80040111)"}, bye},
		{"RopLogon: in transit", logon(returned(mapi.EcMailboxInTransit)),
			logonclient.Error{Kind: logonclient.InTransit, Op: "Execute RopLogon", HTTPStatus: 200, Code: 0x50C, Said: "ecMailboxInTransit (0x0000050C)"}, bye},
		// f9, LogonId 0, 5000 ms, no ROP, no data ([MS-OXCROPS] 2.2.15.2)
		{"RopBackoff of the logon", logon(done("", executed(nil, raw("\xf9\x00\x88\x13\x00\x00\x00\x00\x00")))),
			logonclient.Error{Kind: logonclient.Busy, Op: "Execute RopLogon", HTTPStatus: 200, After: 5 * time.Second, Said: "RopBackoff"}, bye},
		// f9, LogonId 0, 0 ms, one ROP: fe 10000 ms, no data
		{"RopBackoff of RopLogon", logon(done("", executed(nil, raw("\xf9\x00\x00\x00\x00\x00\x01\xfe\x10\x27\x00\x00\x00\x00")))),
			logonclient.Error{Kind: logonclient.Busy, Op: "Execute RopLogon", HTTPStatus: 200, After: 10 * time.Second, Said: "RopBackoff"}, bye},
		{"RopBackoff of the logon, with data that look like a ROP", logon(done("", executed(nil, raw("\xf9\x00\x88\x13\x00\x00\x00\x05\x00\xfe\x10\x27\x00\x00")))),
			logonclient.Error{Kind: logonclient.Busy, Op: "Execute RopLogon", HTTPStatus: 200, After: 5 * time.Second, Said: "RopBackoff"}, bye},
		{"RopBackoff in front of an answer: nothing behind it was run", logon(done("", executed([]uint32{logonHandle}, raw("\xf9\x00\x88\x13\x00\x00\x00\x00\x00"), logonOK()))),
			logonclient.Error{Kind: logonclient.Busy, Op: "Execute RopLogon", HTTPStatus: 200, After: 5 * time.Second, Said: "RopBackoff"}, bye},
		{"RopBackoff of another ROP, and no answer", logon(done("", executed(nil, raw("\xf9\x00\x00\x00\x00\x00\x01\x27\x10\x27\x00\x00\x00\x00")))),
			logonclient.Error{Kind: logonclient.Busy, Op: "Execute RopLogon", HTTPStatus: 200, Said: "RopBackoff in the place of the answer to RopLogon"}, bye},
		{"RopBackoff cut short", logon(done("", executed(nil, raw("\xf9\x00\x00\x00\x00\x00\x02\x27\x10\x27\x00\x00\xfe")))),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Execute RopLogon", HTTPStatus: 200}, bye},
		{"RopLogon: no answer in the list", logon(done("", executed([]uint32{1}))),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Execute RopLogon", HTTPStatus: 200}, bye},
		{"RopLogon: the buffer was too small", logon(done("", executed(nil, raw("\xff\x00\x80\xfe")))),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Execute RopLogon", HTTPStatus: 200}, bye},
		{"RopLogon: an answer to something else", logon(done("", executed(nil, &mapi.RegisterNotificationResponse{}))),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Execute RopLogon", HTTPStatus: 200}, bye},
		{"RopLogon: success without a handle", logon(done("", executed([]uint32{mapi.NoHandle}, logonOK()))),
			logonclient.Error{Kind: logonclient.Malformed, Op: "Execute RopLogon", HTTPStatus: 200}, bye},
	}
}

// ignored are the fields that the rows do not give.
var ignored = cmpopts.IgnoreFields(logonclient.Error{}, "Err", "Host", "RequestID")

func TestEveryLayerCanRefuse(t *testing.T) {
	for _, row := range refusals() {
		t.Run(row.name, func(t *testing.T) {
			s := start(t, mailbox(row.answers))
			var last logonclient.Exchange
			c := &logonclient.Client{Network: s.network(), Seen: func(x logonclient.Exchange) {
				if x.Err != "" {
					last = x
				}
			}}
			session, err := c.Logon(t.Context(), ann())
			e, ok := errors.AsType[*logonclient.Error](err)
			if session != nil || !ok {
				t.Fatalf("session %v, error %v", session, err)
			}
			if diff := cmp.Diff(row.want, *e, ignored); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if e.Host != annHost || !regexp.MustCompile(`^\{.{36}\}:\d$`).MatchString(e.RequestID) {
				t.Errorf("host %q, request id %q", e.Host, e.RequestID)
			}
			if text := err.Error(); !strings.HasPrefix(text, e.Op+" at "+annHost+": ") || len(text) > 600 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
				t.Errorf("text: %q", text)
			}
			want := []string{"-", "Connect"}
			if row.want.Op != "Connect" {
				want = append(want, "Execute")
			}
			if diff := cmp.Diff(append(want, row.after...), s.types()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if s.dials() != 1 || s.dialled[0] != annHost {
				t.Errorf("connections to %v", s.dialled)
			}
			if last.Op != e.Op || last.Err != err.Error() || last.HTTPStatus != e.HTTPStatus || last.ResponseCode != e.ResponseCode || last.RequestID != e.RequestID {
				t.Errorf("seen %+v", last)
			}
		})
	}
}

func TestSeenTellsEachLayer(t *testing.T) {
	s := start(t, mailbox(map[string]string{"RopLogon": returned(mapi.EcMailboxInTransit)}))
	var seen []logonclient.Exchange
	c := &logonclient.Client{Network: s.network(), Seen: func(x logonclient.Exchange) { seen = append(seen, x) }}
	c.Logon(t.Context(), ann())
	want := []logonclient.Exchange{
		{RequestType: "Connect", Op: "Connect", Host: annHost, HTTPStatus: 200, Layers: 4},
		{RequestType: "Execute", Op: "Execute RopLogon", Host: annHost, HTTPStatus: 200, ReturnValue: 0x50C, Layers: 5,
			Err: "Execute RopLogon at ex1.contoso.test:443: ecMailboxInTransit (0x0000050C)"},
		{RequestType: "Disconnect", Op: "Disconnect", Host: annHost, HTTPStatus: 200, Layers: 4},
	}
	if diff := cmp.Diff(want, seen, cmpopts.IgnoreFields(logonclient.Exchange{}, "Time", "Elapsed", "RequestID")); diff != "" {
		t.Errorf("exchanges (-want +got):\n%s", diff)
	}
}

func TestWhatIsWrongBeforeOrAtTheConnection(t *testing.T) {
	healthy := func(t *testing.T) *server { return start(t, mailbox(nil)) }
	for _, row := range []struct {
		name   string
		change func(*logonclient.Client, *logonclient.Target)
		want   logonclient.Error
		types  []string
	}{
		{"the host is not allowed: it sees no credential", func(_ *logonclient.Client, target *logonclient.Target) {
			target.Access.Hop = trust.Hop{MailDomain: "fabrikam.test", From: "mx.fabrikam.test:443", To: annHost, How: trust.FromServerName}
		}, logonclient.Error{Kind: logonclient.Untrusted, Op: "Connect", ResponseCode: -1}, []string{"-"}},
		{"another host was judged than the URL names", func(_ *logonclient.Client, target *logonclient.Target) {
			target.MailStore = "https://ex2.contoso.test/mapi/emsmdb/"
		}, logonclient.Error{Kind: logonclient.Untrusted, Op: "Connect", ResponseCode: -1}, nil},
		{"http is refused", func(_ *logonclient.Client, target *logonclient.Target) {
			target.MailStore = strings.Replace(target.MailStore, "https", "http", 1)
		}, logonclient.Error{Kind: logonclient.Untrusted, Op: "Connect", ResponseCode: -1}, nil},
		{"no login", func(_ *logonclient.Client, target *logonclient.Target) {
			target.Access.Logins.(*logins).missing = true
		}, logonclient.Error{Kind: logonclient.Unauthorized, Op: "Connect", ResponseCode: -1, Realm: "*.contoso.test", User: "ann"}, []string{"-"}},
		{"no logins at all", func(_ *logonclient.Client, target *logonclient.Target) {
			target.Access.Logins = nil
		}, logonclient.Error{Kind: logonclient.Unauthorized, Op: "Connect", ResponseCode: -1, Realm: "*.contoso.test"}, []string{"-"}},
		{"no scheme that the login accepts", func(_ *logonclient.Client, target *logonclient.Target) {
			target.Access.Logins.(*logins).login.Weakest = trust.Bearer
		}, logonclient.Error{Kind: logonclient.Unauthorized, Op: "Connect", ResponseCode: -1, Realm: "*.contoso.test"}, []string{"-"}},
		{"an empty LegacyDN", func(_ *logonclient.Client, target *logonclient.Target) {
			target.LegacyDN = ""
		}, logonclient.Error{Kind: logonclient.UnknownMailbox, Op: "Connect", ResponseCode: -1}, nil},
		{"a LegacyDN with a NUL", func(_ *logonclient.Client, target *logonclient.Target) {
			target.LegacyDN = annDN + "\x00"
		}, logonclient.Error{Kind: logonclient.UnknownMailbox, Op: "Connect", ResponseCode: -1}, nil},
		{"a certificate of an authority that nobody knows", func(c *logonclient.Client, _ *logonclient.Target) {
			c.Network.RootCAs = nil
		}, logonclient.Error{Kind: logonclient.BadCertificate, Op: "Connect", ResponseCode: -1}, nil},
		{"a certificate of another name", func(_ *logonclient.Client, target *logonclient.Target) {
			target.MailStore, target.Access.Hop.To = "https://a.b.contoso.test/", "a.b.contoso.test:443"
		}, logonclient.Error{Kind: logonclient.BadCertificate, Op: "Connect", ResponseCode: -1}, nil},
		{"no such host", func(c *logonclient.Client, _ *logonclient.Target) {
			c.Network.Dial = func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "ex1.contoso.test", IsNotFound: true}}
			}
		}, logonclient.Error{Kind: logonclient.Unreachable, Op: "Connect", ResponseCode: -1}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := healthy(t)
			c, target := &logonclient.Client{Network: s.network()}, ann()
			row.change(c, &target)
			_, err := c.Logon(t.Context(), target)
			e, ok := errors.AsType[*logonclient.Error](err)
			if !ok {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, *e, ignored); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(row.types, s.types()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			for _, g := range s.requests() {
				if g.Header.Get("Authorization") != "" {
					t.Error("a credential went out")
				}
			}
		})
	}
}

func TestNoSecretIsShown(t *testing.T) {
	secrets := append(forms("ann", annPassword), []byte("c00kie-of-the-context"))
	if !containsAny([]byte("planted: "+annPassword), secrets) || !containsAny([]byte("Cookie: MapiContext=c00kie-of-the-context"), secrets) {
		t.Fatal("a planted secret is not found")
	}
	var shown bytes.Buffer
	for _, row := range refusals() {
		if row.want.Op != "Connect" {
			row.answers["Connect"] = done(cookie("MapiContext=c00kie-of-the-context"), connectOK())
		}
		s := start(t, mailbox(row.answers))
		c := &logonclient.Client{Network: s.network(), Log: slog.New(slog.NewTextHandler(&shown, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Seen: func(x logonclient.Exchange) { fmt.Fprintf(&shown, "%+v\n", x) }}
		_, err := c.Logon(t.Context(), ann())
		fmt.Fprintf(&shown, "%v\n%+v\n%#v\n", err, err, err)
		wire := false
		for _, g := range s.requests() {
			wire = wire || containsAny([]byte(g.Header.Get("Authorization")), secrets)
		}
		if !wire {
			t.Errorf("%s: the secret was not even sent", row.name)
		}
	}
	if containsAny(shown.Bytes(), secrets) {
		t.Error("a secret was shown")
	}
	if !strings.Contains(shown.String(), "level=DEBUG msg=exchange component=logonclient server=ex1.contoso.test:443") {
		t.Error("nothing was logged")
	}
}

func TestAnEchoedCredentialIsNotShown(t *testing.T) {
	for name, answer := range map[string]func(echo string) string{
		"403":                 func(echo string) string { return page("403 Forbidden", "", "<title>"+echo+"</title>") },
		"no X-ResponseCode":   func(echo string) string { return page("200 OK", "", "<title>"+echo+"</title>") },
		"X-ResponseCode 7":    func(echo string) string { return page("200 OK", "X-ResponseCode: 7\r\n", "<p>"+echo) },
		"no stream":           func(echo string) string { return stream("", "<p>"+echo) },
		"late X-ResponseCode": func(echo string) string { return stream("", "DONE\r\nX-ResponseCode: 7\r\n\r\n<p>"+echo) },
	} {
		s := start(t, basic(func(w io.Writer, g got) bool {
			io.WriteString(w, answer("you sent "+g.Header.Get("Authorization")+" to me"))
			return true
		}))
		_, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
		if err == nil || !strings.Contains(err.Error(), "you sent Basic [redacted] to me") || containsAny(fmt.Appendf(nil, "%#v", err), forms("ann", annPassword)) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestKindsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range logonclient.Kinds() {
		if k.String() == "" || seen[k.String()] {
			t.Errorf("kind %d is called %q", k, k)
		}
		seen[k.String()] = true
	}
	if len(seen) != 14 {
		t.Errorf("%d kinds", len(seen))
	}
}
