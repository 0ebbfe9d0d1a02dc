package mockserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// admin sends a request to the admin API, as a client on this machine does.
func admin(s *Server, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:8081"
	w := httptest.NewRecorder()
	s.Admin().ServeHTTP(w, r)
	return w
}

// adminError returns what an answer of the admin API gives as the error. It wants
// nothing else to be there.
func adminError(w *httptest.ResponseRecorder) (string, error) {
	var got map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		return "", fmt.Errorf("no JSON object of strings: %w", err)
	}
	if got["error"] == "" || len(got) != 1 || w.Header().Get("Content-Type") != "application/json" {
		return "", errors.New("want one key, error")
	}
	return got["error"], nil
}

func TestAdmin(t *testing.T) {
	tests := []struct {
		name, method, path, body string
		want                     string // a part of the body
	}{
		{"a move", "POST", "/mailboxes/ann/move", `{"to":"mx1"}`, "ann is on mx1/db1 in fabrikam.test"},
		{"a move with options", "POST", "/mailboxes/ann/move", `{"to":"mx1/db2","no_x500":true,"unconverted":true,"guid":"new","invalidate":"context"}`, "mx1/db2"},
		{"an option that is false", "POST", "/mailboxes/ann/move", `{"to":"ex2","unconverted":false}`, "ann is on ex2/db1"},
		{"a start", "POST", "/mailboxes/ann/start", `{"to":"ex2"}`, "moving to ex2/db1"},
		{"a prestage", "POST", "/mailboxes/ann/prestage", `{"forest":"fabrikam.test"}`, "ann is on ex1"},
		{"a password", "POST", "/mailboxes/ann/password", `{"forest":"contoso.test","password":"new one"}`, "ok"},
		{"a claim", "POST", "/mailboxes/ann/claim", `{"server":"ex1","name":"ex2"}`, "ok"},
		{"a claim of any text", "POST", "/mailboxes/ann/claim", `{"server":"ex1","name":"any text"}`, "ok"},
		{"a referral", "POST", "/mailboxes/ann/refer", `{"forest":"contoso.test","to":"https://x.test/"}`, "ok"},
		{"a protocol", "POST", "/mailboxes/ann/protocol", `{"forest":"contoso.test","protocol":"none"}`, "ok"},
		{"a word without a body", "POST", "/mailboxes/ann/where", "", "ann is on ex1/db1"},
		{"a word with an empty object", "POST", "/mailboxes/ann/where", " {} ", "ann is on ex1/db1"},
		{"a line", "POST", "/do", "move ann ex2\n", "ann is on ex2/db1"},
		{"a mailbox", "GET", "/mailboxes/ann", "", `"server": "ex1"`},
		{"the requests", "GET", "/requests", "", `"said": "settings ex1.contoso.test"`},
		{"the requests since the last", "GET", "/requests?since=1", "", "[]"},
		{"forget", "DELETE", "/requests", "", "ok"},
		{"the authority", "GET", "/ca.pem", "", "BEGIN CERTIFICATE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _, _ := home(t, "acquisition", "ann", "contoso.test")
			w := admin(s, tt.method, tt.path, tt.body)
			if w.Code != 200 || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("%d %s, want 200 with %q", w.Code, w.Body, tt.want)
			}
			if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && !json.Valid(w.Body.Bytes()) {
				t.Errorf("no JSON: %s", w.Body)
			}
		})
	}
}

func TestAdminRefuses(t *testing.T) {
	const noObject = `the body is no JSON object: want one such as {"to":"mx1"}`
	const keys = ": want server, forest, to, name, password, protocol, no_x500, unconverted, guid, lag, invalidate"
	tests := []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"a contradiction", "POST", "/mailboxes/ann/finish", "", 400, "finish: ann is not being moved: it is on ex1/db1; start a move first"},
		{"a value that is none", "POST", "/mailboxes/ann/move", `{"to":"ex2","invalidate":"soft"}`, 400, `move: options: invalidate "soft": want one of object, null, context`},
		{"a move to nowhere", "POST", "/mailboxes/ann/move", "", 400, "want move " + moveArgs},
		{"a line break in an argument", "POST", "/mailboxes/ann/password", `{"forest":"contoso.test","password":"a\nb"}`, 400, "want one line"},
		{"two words in an argument", "POST", "/mailboxes/ann/move", `{"to":"mx1 no-x500"}`, 400, `key "to": want one word`},
		{"JSON that is cut off", "POST", "/mailboxes/ann/move", `{"to"`, 400, noObject},
		{"JSON that is no object", "POST", "/mailboxes/ann/move", `["mx1"]`, 400, noObject},
		{"JSON that is nothing", "POST", "/mailboxes/ann/move", `null`, 400, noObject},
		{"two JSON objects", "POST", "/mailboxes/ann/move", `{"to":"mx1"}{"to":"ex2"}`, 400, noObject},
		{"a form", "POST", "/mailboxes/ann/move", `to=mx1`, 400, noObject},
		{"a key that is none", "POST", "/mailboxes/ann/move", `{"whereto":"mx1"}`, 400, `unknown key "whereto"` + keys},
		{"a number for a name", "POST", "/mailboxes/ann/move", `{"to":1}`, 400, `key "to": want a string`},
		{"a truth for a name", "POST", "/mailboxes/ann/move", `{"to":true}`, 400, `key "to": want a string`},
		{"a name for a truth", "POST", "/mailboxes/ann/move", `{"to":"mx1","no_x500":"yes"}`, 400, `key "no_x500": want true or false`},
		{"no line", "POST", "/do", "", 400, "want a line of a script as the body, such as: move ann mx1"},
		{"an empty line", "POST", "/do", " \n", 400, "want a line of a script as the body, such as: move ann mx1"},
		{"two lines", "POST", "/do", "move ann ex2\nmove ann ex1", 400, "want one line"},
		{"the requests since a word", "GET", "/requests?since=monday", "", 400, `since "monday": want the seq of a request`},
		{"a line that is too long", "POST", "/do", strings.Repeat("x", 65537), 413, "the body is longer than 64 KiB"},
		{"JSON that is too long", "POST", "/mailboxes/ann/move", strings.Repeat(" ", 65537), 413, "the body is longer than 64 KiB"},
		{"a mailbox that is none", "GET", "/mailboxes/zoe", "", 404, `no user "zoe" in the world acquisition: there are ann, ben`},
		{"a move of nobody", "POST", "/mailboxes/zoe/move", `{"to":"mx1"}`, 404, `no user "zoe" in the world acquisition: there are ann, ben`},
		{"a move of a name with a space", "POST", "/mailboxes/ann%20x/move", `{"to":"mx1"}`, 404, `no user "ann x" in the world acquisition: there are ann, ben`},
		{"a move to a server that is none", "POST", "/mailboxes/ann/move", `{"to":"ex9"}`, 404, `move: no server "ex9": there are ex1, ex2, mx1`},
		{"a move to a database that is none", "POST", "/mailboxes/ann/move", `{"to":"ex2/db9"}`, 404, `move: server ex2 has no database "db9": it has db1, db2`},
		{"a forest that is none", "POST", "/mailboxes/ann/prestage", `{"forest":"x.test"}`, 404, `prestage: no forest "x.test": there are contoso.test, fabrikam.test`},
		{"a claim of a server that is none", "POST", "/mailboxes/ann/claim", `{"server":"ex9","name":"x"}`, 404, `claim: no server "ex9": there are ex1, ex2, mx1`},
		{"a line about nobody", "POST", "/do", "move zoe ex2", 404, `move: no user "zoe" in the world acquisition: there are ann, ben`},
		{"a line about a host that is none", "POST", "/do", "off ex9", 404, `off: no host or server "ex9" in the world acquisition: there are autodiscover.contoso.test, autodiscover.fabrikam.test, ex1.contoso.test (ex1), ex2.contoso.test (ex2), mx1.fabrikam.test (mx1)`},
		{"a word that is none", "POST", "/mailboxes/ann/teleport", "{}", 404, `no word "teleport" for a mailbox: GET / lists them`},
		{"a word that is not about mailboxes", "POST", "/mailboxes/ann/off", "{}", 404, `no word "off" for a mailbox: GET / lists them`},
		{"a path that is none", "GET", "/worlds", "", 404, `no path "/worlds": GET / lists them`},
		{"a path that is none, to write", "POST", "/worlds", "{}", 404, `no path "/worlds": GET / lists them`},
		{"another method", "GET", "/do", "", 405, `"/do" takes POST`},
		{"another method where there are two", "PUT", "/requests", "", 405, `"/requests" takes DELETE, GET`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, "acquisition")
			before := state(t, s)
			w := admin(s, tt.method, tt.path, tt.body)
			if got, err := adminError(w); err != nil || w.Code != tt.status || got != tt.want {
				t.Errorf("have %d %s %v\nwant %d %s", w.Code, w.Body, err, tt.status, tt.want)
			}
			if after := state(t, s); after != before {
				t.Errorf("before %s\nafter %s", before, after)
			}
		})
	}
}

func TestAdminCanBeExplored(t *testing.T) {
	s := Start(t, "acquisition")
	var root struct {
		Routes []struct{ Method, Path, Does string }
		Words  []struct{ Word, Args, Does string }
	}
	if err := json.Unmarshal(admin(s, "GET", "/", "").Body.Bytes(), &root); err != nil {
		t.Fatal(err)
	}
	var routes []string
	for _, r := range root.Routes {
		routes = append(routes, r.Method+" "+r.Path)
		if r.Does == "" {
			t.Errorf("%s %s: does what?", r.Method, r.Path)
		}
	}
	want := []string{
		"GET /", "POST /do", "GET /mailboxes?after=USER", "GET /mailboxes/USER", "POST /mailboxes/USER/WORD",
		"GET /requests?since=SEQ", "DELETE /requests", "GET /faults", "POST /faults", "DELETE /faults/NAME", "GET /world", "GET /ca.pem",
	}
	if diff := cmp.Diff(want, routes); diff != "" {
		t.Errorf("routes (-want +have):\n%s", diff)
	}
	for _, w := range root.Words {
		if w.Word == "prestage" && w.Args == "USER FOREST" && w.Does != "" {
			return
		}
	}
	t.Errorf("no prestage among the words: %+v", root.Words)
}

func TestAdminShowsTheWorld(t *testing.T) {
	s := Start(t, "acquisition")
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	do(t, s, "off ex2", "vanish mx1", "dns contoso.test fabrikam.test")
	type object = map[string]any
	var got object
	if err := json.Unmarshal(admin(s, "GET", "/world", "").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	list := func(s ...any) []any { return append([]any{}, s...) }
	to := ":443:" + s.Addr()
	server := func(name, host string, off bool) object {
		return object{"name": name, "host": host, "databases": list("db1", "db2"), "off": off}
	}
	want := object{
		"name": "acquisition",
		"forests": list(
			object{"name": "contoso.test", "org": "Contoso", "autodiscover": list(),
				"servers": list(server("ex1", "ex1.contoso.test", false), server("ex2", "ex2.contoso.test", true))},
			object{"name": "fabrikam.test", "org": "Fabrikam", "autodiscover": list("autodiscover.contoso.test", "autodiscover.fabrikam.test", "contoso.test"),
				"servers": list(server("mx1", "mx1.fabrikam.test", false))},
		),
		"count": 2.0,
		"users": list("ann", "ben"),
		"hosts": list("autodiscover.contoso.test", "autodiscover.fabrikam.test", "contoso.test", "ex1.contoso.test", "ex2.contoso.test"),
		"dns":   object{"addr": "", "srv": list(), "cname": list(), "resolvers": object{}, "lookups": object{}},
		"clear": object{}, "hosters": object{}, "rogues": object{}, "holes": object{}, "witnesses": object{}, "directories": list(),
		"rates": object{}, "seed": float64(s.Seed()),
		"connect_to": list("autodiscover.contoso.test"+to, "autodiscover.fabrikam.test"+to, "contoso.test"+to,
			"ex1.contoso.test"+to, "ex2.contoso.test"+to, "fabrikam.test"+to, "mx1.fabrikam.test"+to),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
}

func TestAdminListsUsersInParts(t *testing.T) {
	s := Start(t, twoForests("")+"[[population]]\ncount = 2000\nserver = \"mx1\"\n")
	var all []string
	for _, want := range []int{1000, 1000, 2, 0} {
		path := "/mailboxes"
		if len(all) > 0 {
			path += "?after=" + all[len(all)-1]
		}
		var got struct {
			Count int
			Users []string
		}
		w := admin(s, "GET", path, "")
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.Count != 2002 || got.Users == nil || len(got.Users) != want {
			t.Fatalf("%s: %d of %d users, want %d of 2002", path, len(got.Users), got.Count, want)
		}
		all = append(all, got.Users...)
	}
	if !slices.IsSorted(all) || all[0] != "ann" || all[2] != "u000001" || all[2001] != "u002000" {
		t.Errorf("%s, %s … %s", all[0], all[2], all[2001])
	}
}

func TestAdminRefusesWebPages(t *testing.T) {
	tests := []struct {
		name, host, origin string
		want               int
	}{
		{"by address", "127.0.0.1:8081", "", 200},
		{"by address without a port", "127.0.0.1", "", 200},
		{"by another loopback address", "127.8.8.8:8081", "", 200},
		{"by an address of IPv6", "[::1]:8081", "", 200},
		{"by an address of IPv6 without a port", "[::1]", "", 200},
		{"as localhost", "localhost:8081", "", 200},
		{"as localhost in capitals", "LOCALHOST", "", 200},
		{"from a page", "127.0.0.1:8081", "https://evil.test", 403},
		{"from a page of nowhere", "127.0.0.1:8081", "null", 403},
		{"by a name that a page has pointed here", "evil.test:8081", "", 403},
		{"by a name that begins like an address", "127.0.0.1.evil.test", "", 403},
		{"by a name that ends like localhost", "evil.localhost", "", 403},
		{"by another address", "192.0.2.1:8081", "", 403},
		{"by every address", "0.0.0.0:8081", "", 403},
		{"by no name", "", "", 403},
	}
	for _, tt := range tests {
		for _, q := range [][2]string{{"POST", "/do"}, {"GET", "/requests"}} {
			t.Run(q[0]+" "+tt.name, func(t *testing.T) {
				s := Start(t, "acquisition")
				r := httptest.NewRequest(q[0], q[1], strings.NewReader("off ex1"))
				r.Host = tt.host
				if tt.origin != "" {
					r.Header.Set("Origin", tt.origin)
				}
				w := httptest.NewRecorder()
				s.Admin().ServeHTTP(w, r)
				if w.Code != tt.want {
					t.Errorf("status %d, want %d", w.Code, tt.want)
				}
				if _, err := adminError(w); tt.want == 403 && err != nil {
					t.Errorf("%s: %v", w.Body, err)
				}
				// It was done, or it was not.
				if _, err := s.Do("off ex1"); (err != nil) != (tt.want == 200 && q[0] == "POST") {
					t.Errorf("off ex1 again: %v", err)
				}
			})
		}
	}
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

// FuzzAdmin: no body panics, every refusal is an error in JSON and has changed
// nothing.
func FuzzAdmin(f *testing.F) {
	for _, seed := range [][2]string{
		{"move", `{"to":"mx1/db2","no_x500":true,"unconverted":true,"guid":"new","invalidate":"context"}`},
		{"start", `{"to":"ex2"}`}, {"lock", ""}, {"where", "{}"}, {"finish", "null"}, {"move", `{"to":["mx1"]}`}, {"move", `{"to":"mx1","to":"ex2"}`},
		{"password", `{"forest":"contoso.test","password":"a b\u0000c"}`}, {"claim", `{"server":"ex1","name":" x "}`},
		{"refer", `{"forest":"contoso.test","to":"\ud800@x"}`}, {"protocol", `{"forest":"contoso.test","protocol":"none"}`}, {"off", "{}"}, {"move", `[[[[`},
	} {
		f.Add(seed[0], seed[1])
	}
	w, err := OpenWorld("acquisition")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, word, body string) {
		if word == "" || strings.Trim(word, ".") == "" {
			return // another path
		}
		s, err := New(w)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		before := state(t, s)
		a := admin(s, "POST", "/mailboxes/ann/"+url.PathEscape(word), body)
		switch a.Code {
		case 200:
			var said map[string]string
			if err := json.Unmarshal(a.Body.Bytes(), &said); err != nil || len(said) != 1 {
				t.Errorf("%s %q: %s", word, body, a.Body)
			}
		case 400, 404, 413:
			if why, err := adminError(a); err != nil || strings.Contains(why, "json:") {
				t.Errorf("%s %q: %s %v", word, body, a.Body, err)
			}
			if after := state(t, s); after != before {
				t.Errorf("%s %q was refused\nbefore %s\nafter %s", word, body, before, after)
			}
		default:
			t.Errorf("%s %q: status %d", word, body, a.Code)
		}
	})
}
