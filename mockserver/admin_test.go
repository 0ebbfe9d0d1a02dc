package mockserver

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAdmin(t *testing.T) {
	tests := []struct {
		name, method, path, body string
		want                     int
		wantBody                 string // a part
	}{
		{"a move", "POST", "/mailboxes/ann/move", `{"to":"mx1"}`, 200, "ann is on mx1/db1 in fabrikam.test"},
		{"a move with options", "POST", "/mailboxes/ann/move", `{"to":"mx1/db2","no_x500":true,"unconverted":true,"guid":"new","invalidate":"context"}`, 200, "mx1/db2"},
		{"a start", "POST", "/mailboxes/ann/start", `{"to":"ex2"}`, 200, "moving to ex2/db1"},
		{"a prestage", "POST", "/mailboxes/ann/prestage", `{"forest":"fabrikam.test"}`, 200, "ann is on ex1"},
		{"a password", "POST", "/mailboxes/ann/password", `{"forest":"contoso.test","password":"new one"}`, 200, "ok"},
		{"a claim", "POST", "/mailboxes/ann/claim", `{"server":"ex1","name":"ex2"}`, 200, "ok"},
		{"a referral", "POST", "/mailboxes/ann/refer", `{"forest":"contoso.test","to":"https://x.test/"}`, 200, "ok"},
		{"a word without arguments", "POST", "/mailboxes/ann/where", "", 200, "ann is on ex1/db1"},
		{"a contradiction", "POST", "/mailboxes/ann/finish", "", 400, "ann is not being moved"},
		{"a word that is none", "POST", "/mailboxes/ann/teleport", "{}", 400, "unknown word"},
		{"a word that is not about mailboxes", "POST", "/mailboxes/ann/off", "{}", 400, "unknown word"},
		{"a user with a space", "POST", "/mailboxes/ann%20x/move", `{"to":"mx1"}`, 400, "no user"},
		{"a line break in an argument", "POST", "/mailboxes/ann/password", `{"forest":"contoso.test","password":"a\nb"}`, 400, "one line"},
		{"JSON that is none", "POST", "/mailboxes/ann/move", `{"to"`, 400, "move"},
		{"a key that is none", "POST", "/mailboxes/ann/move", `{"whereto":"mx1"}`, 400, "whereto"},
		{"a line", "POST", "/do", "move ann ex2\n", 200, "ann is on ex2/db1"},
		{"two lines", "POST", "/do", "move ann ex2\nmove ann ex1", 400, "one line"},
		{"a mailbox", "GET", "/mailboxes/ann", "", 200, `"server": "ex1"`},
		{"a mailbox that is none", "GET", "/mailboxes/zoe", "", 404, "no user"},
		{"the requests", "GET", "/requests", "", 200, `"said": "settings ex1.contoso.test"`},
		{"the requests since the last", "GET", "/requests?since=1", "", 200, "[]"},
		{"the requests since a word", "GET", "/requests?since=monday", "", 400, "since"},
		{"forget", "DELETE", "/requests", "", 200, "ok"},
		{"the world", "GET", "/world", "", 200, `"ex1.contoso.test"`},
		{"the authority", "GET", "/ca.pem", "", 200, "BEGIN CERTIFICATE"},
		{"anything else", "GET", "/", "", 404, ""},
		{"another method", "GET", "/do", "", 405, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _, _ := home(t, "acquisition", "ann", "contoso.test")
			w := httptest.NewRecorder()
			s.Admin().ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body)))
			if w.Code != tt.want || !strings.Contains(w.Body.String(), tt.wantBody) {
				t.Errorf("%d %s, want %d with %q", w.Code, w.Body, tt.want, tt.wantBody)
			}
			if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && !json.Valid(w.Body.Bytes()) {
				t.Errorf("no JSON: %s", w.Body)
			}
		})
	}
}

func TestAdminRefusesWebPages(t *testing.T) {
	s := Start(t, "acquisition")
	r := httptest.NewRequest("POST", "/do", strings.NewReader("off ex1"))
	r.Header.Set("Origin", "https://evil.test")
	w := httptest.NewRecorder()
	s.Admin().ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("status %d", w.Code)
	}
	do(t, s, "off ex1") // it was not
}

func TestAdminListens(t *testing.T) {
	s := Start(t, "acquisition")
	if err := s.ListenAdmin("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := s.ListenAdmin("127.0.0.1:0"); err == nil {
		t.Error("a second ListenAdmin was accepted")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	a, err := client.Post("http://"+s.AdminAddr()+"/mailboxes/ann/move", "", strings.NewReader(`{"to":"mx1"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if body, _ := io.ReadAll(a.Body); a.StatusCode != 200 {
		t.Errorf("%d %s", a.StatusCode, body)
	}
	if w, _ := s.Where("ann"); w.Server != "mx1" {
		t.Errorf("%+v", w)
	}
}
