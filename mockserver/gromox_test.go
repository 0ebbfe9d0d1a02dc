package mockserver

import (
	"strings"
	"testing"

	"github.com/homing-mail/homing/internal/mapi"
)

func TestGromoxNumbersAndCookiesAreItsOwn(t *testing.T) {
	tests := []struct {
		name    string
		kind    string
		head    map[string]string // "": removed
		cookies string            // "living": as the Connect before left them; "dead": of a session that has ended
		status  int
		want    int // X-ResponseCode
	}{
		{"all there", "Connect", nil, "", 200, 0},
		{"a request type in another case", "cONNECT", nil, "", 200, 0},
		{"no X-RequestType", "Connect", map[string]string{"X-RequestType": ""}, "", 200, 1},
		{"no X-ClientInfo", "Connect", map[string]string{"X-ClientInfo": ""}, "", 200, 3},
		{"no X-ClientApplication, which does not matter", "Connect", map[string]string{"X-ClientApplication": ""}, "", 200, 0},
		{"an unknown request type with living cookies", "Bogus", nil, "living", 200, 8},
		{"an unknown request type without cookies", "Bogus", nil, "", 200, 6},
		{"Connect with dead cookies", "Connect", nil, "dead", 200, 2},
		{"Connect with living cookies", "Connect", nil, "living", 200, 0},
		{"PING without cookies", "PING", nil, "", 200, 6},
		{"PING with dead cookies", "PING", nil, "dead", 200, 2},
		{"PING with living cookies", "PING", nil, "living", 200, 0},
		{"Execute of nothing known", "Execute", nil, "living", 200, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, flavoured(FlavourGromox))
			url, dn := ex1Of(t, s, "ann")
			session := withToken(t, s, "ann").session(url)
			if tt.cookies != "" {
				session.connect(dn)
			}
			if tt.cookies == "dead" {
				session.send("Disconnect", (&mapi.DisconnectRequest{}).Append(nil), nil)
			}
			body := (&mapi.ConnectRequest{UserDN: dn}).Append(nil)
			r := session.send(tt.kind, body, tt.head)
			if r.status != tt.status || r.code != tt.want {
				t.Errorf("HTTP %d, X-ResponseCode %d, want %d, %d", r.status, r.code, tt.status, tt.want)
			}
			if page := strings.Contains(string(r.body), "<title>MAPI OVER HTTP ERROR</title>"); page != (tt.want != 0) {
				t.Errorf("a page of refusal: %v in %q", page, r.body)
			}
			if echo := r.head.Get("X-RequestId") != ""; echo != (tt.want == 0) {
				t.Errorf("X-RequestId is echoed: %v", echo)
			}
		})
	}
}

func TestGromoxWantsAMailboxIDAndDoesNotLookAtIt(t *testing.T) {
	s := Start(t, flavoured(FlavourGromox))
	_, dn := ex1Of(t, s, "ann")
	c := withToken(t, s, "ann")
	for query, want := range map[string]string{"?MailboxId=anything": "logged on", "?mailboxid=": "logged on"} {
		if got := c.tell("https://ex1.contoso.test/mapi/emsmdb/"+query, dn, mapi.OpenFlagsDefault); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for _, query := range []string{"", "?a=b&MailboxId=anything"} {
		if r := c.session("https://ex1.contoso.test/mapi/emsmdb/"+query).send("PING", nil, nil); r.status != 404 {
			t.Errorf("%q: HTTP %d, want 404", query, r.status)
		}
	}
}
