package logonclient_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/homing-mail/homing/logonclient"
)

const captures = "../testdata/captures"

// elsewhere are the captures that this client never asks for.
var elsewhere = map[string]string{
	"a0-nspi-bind":              "address book",
	"a2-nspi-getmailboxurl-mdb": "address book",
}

func capture(t testing.TB, name string) string {
	b, err := os.ReadFile(filepath.Join(captures, name+".rsp.bin"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const gromoxDN = "/o=Gromox default/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)"

// The answers of Gromox 3.10, byte for byte. Its X-ResponseCodes are numbered
// in its own way (61, 63, 67, 69, 70): the error keeps the number, the kind is
// what it means there.
func TestCaptures(t *testing.T) {
	failed := func(kind logonclient.Kind, status, response int, code uint32) logonclient.Error {
		return logonclient.Error{Kind: kind, HTTPStatus: status, ResponseCode: response, Code: code}
	}
	rows := []struct {
		capture string
		at      string // the request that it answers; the others are answered by 30, 40, c1, 80
		want    logonclient.Error
		ok      bool
	}{
		{capture: "30-connect-ok", at: "Connect", ok: true},
		{capture: "31-connect-garbage-dn", at: "Connect", want: failed(logonclient.Busy, 200, 0, 0x80040115)},
		{capture: "33-connect-other-dn", at: "Connect", want: failed(logonclient.Denied, 200, 0, 0x80070005)},
		{capture: "36-connect-noauth", at: "Connect", want: failed(logonclient.Unauthorized, 401, -1, 0)},
		{capture: "37-connect-badpw", at: "Connect", want: failed(logonclient.Unauthorized, 401, -1, 0)},
		{capture: "40-logon-ok", at: "Execute", ok: true},
		{capture: "41-logon-unknown-essdn", at: "Execute", want: failed(logonclient.UnknownMailbox, 200, 0, 0x8004010F)},
		{capture: "43-logon-other-noperm", at: "Execute", want: failed(logonclient.Denied, 200, 0, 0x3F2)},
		{capture: "46-logon-altserver-own", at: "Execute", want: failed(logonclient.Malformed, 200, 0, 0)},
		{capture: "51-logon-public", at: "Execute", want: failed(logonclient.Malformed, 200, 0, 0)},
		{capture: "52-logon-plus-release", at: "Execute", ok: true},
		{capture: "53-bad-rop-id", at: "Execute", want: failed(logonclient.Malformed, 200, 0, 0x4B6)},
		{capture: "60-ping", at: "Execute", want: failed(logonclient.Busy, 200, 0, 0)},
		{capture: "61-wrong-requesttype", at: "Connect", want: failed(logonclient.Malformed, 200, 8, 0)},
		{capture: "63-missing-requestid", at: "Connect", want: failed(logonclient.Malformed, 200, 3, 0)},
		{capture: "67-missing-cookie", at: "Execute", want: failed(logonclient.SessionLost, 200, 6, 0)},
		{capture: "69-invalid-session", at: "Execute", want: failed(logonclient.SessionLost, 200, 2, 0)},
		{capture: "69-invalid-session", at: "Probe", want: failed(logonclient.SessionLost, 200, 2, 0)},
		{capture: "70-stale-sequence", at: "Execute", want: failed(logonclient.SessionLost, 200, 7, 0)},
		{capture: "70-stale-sequence", at: "Probe", want: failed(logonclient.SessionLost, 200, 7, 0)},
		{capture: "80-disconnect-ok", at: "Disconnect", ok: true},
		{capture: "96-redirect", at: "Execute", want: logonclient.Error{Kind: logonclient.WrongServer, HTTPStatus: 200, Code: 0x478,
			ServerName: gromoxDN + "/cn=Configuration/cn=Servers/cn=616c6963-6540-7065-6572-2e7401000000@peer.test"}},
		{capture: "c0-connect-for-notificationwait", at: "Connect", ok: true},
		{capture: "c0b-logon", at: "Execute", ok: true},
		{capture: "c1-notificationwait", at: "NotificationWait", ok: true},
	}
	replayed := map[string]bool{}
	for _, row := range rows {
		replayed[row.capture] = true
		t.Run(row.capture+" as the answer to "+row.at, func(t *testing.T) {
			answers := map[string]string{
				"Connect": capture(t, "30-connect-ok"), "Execute": capture(t, "40-logon-ok"), "Disconnect": capture(t, "80-disconnect-ok"),
				"NotificationWait": capture(t, "c1-notificationwait"),
				"Probe":            done("", raw(strings.Repeat("\x00", 16)+strings.Repeat("\x00", 4))),
			}
			answers[row.at] = capture(t, row.capture)
			// RopRegisterNotification is never asked for alone in the captures.
			registered := mailbox(nil)
			s := start(t, func(w io.Writer, g got) bool {
				key := g.requestType()
				switch {
				case key == "":
					io.WriteString(w, capture(t, "36-connect-noauth"))
					return true
				case key == "Execute" && ropOf(g.body) == "RopRegisterNotification":
					return registered(w, g)
				case key == "Execute" && ropOf(g.body) == "RopGetReceiveFolder":
					key = "Probe"
				}
				io.WriteString(w, answers[key])
				return true
			})
			session, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
			if err == nil {
				want := logonclient.Facts{
					DisplayName:   "Alice Peer",
					MailboxGUID:   "bf00703e-d43d-4e18-bae1-c4583e9ea2f2",
					ReplGUID:      "5dd864da-8248-4e69-8c81-679215cd19f9",
					RootFolder:    "0100000000000001",
					ServerVersion: "Exchange/15.00.0847.4040",
					IdleLimit:     15 * time.Minute,
				}
				if diff := cmp.Diff(want, session.Facts()); diff != "" {
					t.Errorf("facts (-want +got):\n%s", diff)
				}
				switch row.at {
				case "Probe":
					err = session.Probe(t.Context())
				case "NotificationWait":
					var event bool
					if event, err = session.Wait(t.Context()); !event {
						t.Error("no event")
					}
				}
				if e := session.Close(t.Context()); err == nil {
					err = e
				}
			}
			if row.ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, ok := errors.AsType[*logonclient.Error](err)
			if !ok {
				t.Fatalf("error %v", err)
			}
			got := logonclient.Error{Kind: e.Kind, HTTPStatus: e.HTTPStatus, ResponseCode: e.ResponseCode, Code: e.Code, ServerName: e.ServerName}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
			if e.Kind == logonclient.Unauthorized && e.HTTPStatus == 401 && (e.User != "ann" || e.Realm != "*.contoso.test") {
				t.Errorf("user %q, realm %q", e.User, e.Realm)
			}
			if e.ResponseCode > 0 && !strings.Contains(err.Error(), "MAPI OVER HTTP ERROR: ") {
				t.Errorf("the server's own words are lost: %v", err)
			}
		})
	}
	files, err := filepath.Glob(captures + "/*.rsp.bin")
	if err != nil || len(files) == 0 {
		t.Fatal("no captures", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".rsp.bin")
		if autodiscover := strings.Contains(name, "-ad-"); !autodiscover && elsewhere[name] == "" && !replayed[name] {
			t.Errorf("%s is not replayed", name)
		}
	}
}
