package logonclient_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
)

const (
	ex2DN   = "/o=Contoso/ou=Exchange Administrative Group/cn=Configuration/cn=Servers/cn=ex2"
	ex2URL  = "https://owa2.contoso.test/mapi/emsmdb/?MailboxId=22@contoso.test"
	ex2Book = "https://book2.contoso.test/mapi/nspi/?MailboxId=22@contoso.test"
	guess   = "https://ex2.contoso.test/mapi/emsmdb/?MailboxId=11111111-1111-4111-8111-111111111111@contoso.test"
)

func mailboxAt(url string) string { return done("", &mapi.GetMailboxURLResponse{ServerURL: url}) }

// book answers like a healthy address book, except where answers says otherwise.
func book(answers map[string]string) func(w io.Writer, g got) bool {
	all := map[string]string{
		"Bind":              done(cookie("NspiContext=n1", "NspiSequence=1"), &mapi.BindResponse{}),
		"GetMailboxUrl":     done(cookie("NspiSequence=2"), &mapi.GetMailboxURLResponse{ServerURL: ex2URL}),
		"GetAddressBookUrl": done(cookie("NspiSequence=3"), &mapi.GetAddressBookURLResponse{ServerURL: ex2Book}),
		"Unbind":            done("", &mapi.UnbindResponse{ErrorCode: 1}), // UnbindSuccess, [MS-OXNSPI] 3.1.4.1.2
	}
	for kind, answer := range answers {
		all[kind] = answer
	}
	return basic(func(w io.Writer, g got) bool {
		io.WriteString(w, all[g.requestType()])
		return all[g.requestType()] != ""
	})
}

func TestResolveAsksTheAddressBook(t *testing.T) {
	const derived = "https://owa2.contoso.test/mapi/nspi/?MailboxId=22@contoso.test"
	const guessBook = "https://ex2.contoso.test/mapi/nspi/?MailboxId=11111111-1111-4111-8111-111111111111@contoso.test"
	whole := []string{"-", "Bind", "GetMailboxUrl", "GetAddressBookUrl", "Unbind"}
	short := []string{"-", "Bind", "GetMailboxUrl", "Unbind"}
	for _, row := range []struct {
		name       string
		store      string // where we are; empty: annURL
		book       string // empty: annBook; "-": none
		serverName string // empty: ex2DN
		answers    map[string]string
		types      []string
		wantStore  string
		wantBook   string
		nowhere    []string // parts of the reason
	}{
		{name: "it names the mailbox at another host, and the address book for it", types: whole, wantStore: ex2URL, wantBook: ex2Book},
		{name: "it knows no address book for another host: that beside the mailbox is taken", answers: map[string]string{
			"GetAddressBookUrl": done("", &mapi.GetAddressBookURLResponse{ErrorCode: mapi.EcNotFound})}, types: whole, wantStore: ex2URL, wantBook: derived},
		{name: "it answers with a mailbox where an address book was asked for", answers: map[string]string{
			"GetAddressBookUrl": done("", &mapi.GetAddressBookURLResponse{ServerURL: ex2URL})}, types: whole, wantStore: ex2URL, wantBook: derived},
		{name: "another mailbox at the same host needs no second question", answers: map[string]string{
			"GetMailboxUrl": mailboxAt("https://ex1.contoso.test/mapi/emsmdb/?MailboxId=22@contoso.test")}, types: short,
			wantStore: "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=22@contoso.test", wantBook: "https://ex1.contoso.test/mapi/nspi/?MailboxId=22@contoso.test"},
		{name: "Unbind that says 0 is a success too, and one that fails changes nothing", answers: map[string]string{
			"Unbind": done("", &mapi.UnbindResponse{StatusCode: mapi.EcError})}, types: whole, wantStore: ex2URL, wantBook: ex2Book},

		{name: "a MailboxId is taken at the same front end without asking", serverName: strings.Replace(ex2DN, "=ex2", "=33@contoso.test", 1),
			wantStore: "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=33@contoso.test", wantBook: "https://ex1.contoso.test/mapi/nspi/?MailboxId=33@contoso.test"},
		{name: "a MailboxId, and the present URL has no place for it: asked", store: "https://ex1.contoso.test/mapi/emsmdb/",
			serverName: strings.Replace(ex2DN, "=ex2", "=33@contoso.test", 1), types: whole, wantStore: ex2URL, wantBook: ex2Book},
		{name: "the MailboxId that we are at: asked", serverName: strings.Replace(ex2DN, "=ex2", "=11111111-1111-4111-8111-111111111111@contoso.test", 1),
			types: whole, wantStore: ex2URL, wantBook: ex2Book},
		{name: "a MailboxId that is none: asked, and nobody is guessed", serverName: strings.Replace(ex2DN, "=ex2", "=33@contoso@test", 1), answers: map[string]string{
			"GetMailboxUrl": done("", &mapi.GetMailboxURLResponse{ErrorCode: mapi.EcNotFound})}, types: short,
			nowhere: []string{"ends in no mailbox id", "; asking the address book: GetMailboxUrl at ex1.contoso.test:443: ecNotFound (0x8004010F)"}},

		{name: "it does not know the server: guessed", answers: map[string]string{
			"GetMailboxUrl": done("", &mapi.GetMailboxURLResponse{StatusCode: mapi.EcNotFound})}, types: short, wantStore: guess, wantBook: guessBook},
		{name: "it does not know the server, which is no host either", serverName: strings.Replace(ex2DN, "=ex2", "=EX 2", 1), answers: map[string]string{
			"GetMailboxUrl": done("", &mapi.GetMailboxURLResponse{ErrorCode: mapi.EcNotFound})}, types: short, nowhere: []string{"ends in no host name", "ecNotFound"}},
		{name: "it answers with itself: guessed", answers: map[string]string{"GetMailboxUrl": mailboxAt(annBook)}, types: short, wantStore: guess, wantBook: guessBook},
		{name: "it answers with itself, and nothing can be guessed", serverName: strings.Replace(ex2DN, "=ex2", "=EX 2", 1),
			answers: map[string]string{"GetMailboxUrl": mailboxAt(annBook)}, types: short, nowhere: []string{"no URL of /emsmdb/", "its path has no /emsmdb/"}},
		{name: "it answers with the mailbox called Servers", serverName: strings.Replace(ex2DN, "=ex2", "=EX 2", 1),
			answers: map[string]string{"GetMailboxUrl": mailboxAt("https://ex1.contoso.test/mapi/emsmdb/?MailboxId=Servers")}, types: short, nowhere: []string{"its MailboxId names no mailbox"}},
		{name: "it answers with http", serverName: strings.Replace(ex2DN, "=ex2", "=EX 2", 1),
			answers: map[string]string{"GetMailboxUrl": mailboxAt("http://ex2.contoso.test/mapi/emsmdb/?MailboxId=22@contoso.test")}, types: short, nowhere: []string{"https only"}},
		{name: "it answers with a password in the URL", serverName: strings.Replace(ex2DN, "=ex2", "=EX 2", 1),
			answers: map[string]string{"GetMailboxUrl": mailboxAt("https://a:b@ex2.contoso.test/mapi/emsmdb/?MailboxId=22@contoso.test")}, types: short, nowhere: []string{"user name"}},
		{name: "it answers with nothing", serverName: strings.Replace(ex2DN, "=ex2", "=EX 2", 1),
			answers: map[string]string{"GetMailboxUrl": mailboxAt("")}, types: short, nowhere: []string{"its path has no /emsmdb/"}},
		{name: "it answers with where we are", serverName: strings.Replace(ex2DN, "=ex2", "=EX 2", 1),
			answers: map[string]string{"GetMailboxUrl": mailboxAt(annURL)}, types: short, nowhere: []string{"is where we are"}},

		{name: "it refuses the code page: there is nothing to end", answers: map[string]string{
			"Bind": done("", &mapi.BindResponse{ErrorCode: mapi.MAPIEUnknownCPID})}, types: []string{"-", "Bind"}, wantStore: guess, wantBook: guessBook},
		{name: "it is not there", answers: map[string]string{"Bind": page("404 Not Found", "", "")}, types: []string{"-", "Bind"}, wantStore: guess, wantBook: guessBook},
		{name: "it redirects elsewhere, which is not followed", answers: map[string]string{
			"Bind": page("302 Found", "Location: https://ex3.contoso.test/mapi/nspi/\r\n", "")}, types: []string{"-", "Bind"}, wantStore: guess, wantBook: guessBook},
		{name: "it loses the context in between, which is not made anew", answers: map[string]string{
			"GetMailboxUrl": page("200 OK", "X-ResponseCode: 10\r\n", "")}, types: []string{"-", "Bind", "GetMailboxUrl"}, wantStore: guess, wantBook: guessBook},
		{name: "it hangs up", answers: map[string]string{"GetMailboxUrl": ""}, types: []string{"-", "Bind", "GetMailboxUrl"}, wantStore: guess, wantBook: guessBook},
		{name: "it answers without a body: nothing more is sent on that connection", answers: map[string]string{
			"GetMailboxUrl": done("", raw(""))}, types: []string{"-", "Bind", "GetMailboxUrl"}, wantStore: guess, wantBook: guessBook},

		{name: "there is none", book: "-", wantStore: guess},
		{name: "it is at another host of the mail domain, judged for itself", book: "https://book.contoso.test/mapi/nspi/?MailboxId=1@contoso.test",
			types: whole, wantStore: ex2URL, wantBook: ex2Book},
		{name: "it is at a host that no rule admits: nothing is sent there", book: "https://book.fabrikam.test/mapi/nspi/?MailboxId=1@contoso.test",
			wantStore: guess, wantBook: "https://ex2.contoso.test/mapi/nspi/?MailboxId=1@contoso.test"},
		{name: "it is at another port, which no rule admits", book: "https://ex1.contoso.test:8443/mapi/nspi/",
			wantStore: guess, wantBook: "https://ex2.contoso.test:8443/mapi/nspi/"},
		{name: "it is at no https", book: "http://ex1.contoso.test/mapi/nspi/", wantStore: guess, wantBook: "http://ex2.contoso.test/mapi/nspi/"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := start(t, book(row.answers))
			from := ann()
			if row.store != "" {
				from.MailStore = row.store
			}
			if row.book != "" {
				from.AddressBook = strings.TrimPrefix(row.book, "-")
			}
			if row.serverName == "" {
				row.serverName = ex2DN
			}
			to, err := (&logonclient.Client{Network: s.network()}).Resolve(t.Context(), from, row.serverName)
			if diff := cmp.Diff(row.types, s.types()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			for _, host := range s.dialled {
				if host != annHost && host != "book.contoso.test:443" {
					t.Errorf("a connection to %s", host)
				}
			}
			if row.nowhere != nil {
				e, ok := errors.AsType[*logonclient.Error](err)
				if !ok || e.Kind != logonclient.Unsupported {
					t.Fatalf("target %v, error %v", to.MailStore, err)
				}
				for _, part := range row.nowhere {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("error %v: no %q", err, part)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if to.MailStore != row.wantStore || to.AddressBook != row.wantBook || to.LegacyDN != annDN {
				t.Errorf("target %s\nand    %s\nwant   %s\nand    %s", to.MailStore, to.AddressBook, row.wantStore, row.wantBook)
			}
			by := annHost
			if strings.Contains(from.AddressBook, "book.contoso.test") && len(row.types) > 0 && strings.Contains(row.wantStore, "owa2.") {
				by = "book.contoso.test:443" // which has named the place
			}
			if h := to.Access.Hop; h.From != by || h.How != trust.FromServerName || !strings.HasPrefix(row.wantStore, "https://"+strings.TrimSuffix(h.To, ":443")) {
				t.Errorf("hop %v", h)
			}
		})
	}
}

func TestTheAddressBookIsAskedInItsOwnContext(t *testing.T) {
	s := start(t, func(w io.Writer, g got) bool {
		if strings.HasPrefix(g.RequestURI, "/mapi/nspi/") {
			return book(nil)(w, g)
		}
		return mailbox(nil)(w, g)
	})
	var seen []string
	c := &logonclient.Client{Network: s.network(), Challenges: new(logonclient.Challenges), Seen: func(x logonclient.Exchange) { seen = append(seen, x.Op+" at "+x.Host+x.Err) }}
	session := mustLogon(t, c)
	if _, err := c.Resolve(t.Context(), ann(), ex2DN); err != nil {
		t.Fatal(err)
	}
	session.Close(t.Context())
	var sent []string
	ids, signed := map[string]bool{}, 0
	for _, g := range s.requests() {
		sent = append(sent, g.requestType()+" "+g.Header.Get("Cookie"))
		id, _, _ := strings.Cut(g.Header.Get("X-RequestId"), ":")
		ids[id] = true
		if g.Header.Get("Authorization") != "" {
			signed++
		}
	}
	want := []string{" ", "Connect ", "Execute MapiContext=c1; MapiSequence=s1",
		"Bind ", "GetMailboxUrl NspiContext=n1; NspiSequence=1", "GetAddressBookUrl NspiContext=n1; NspiSequence=2", "Unbind NspiContext=n1; NspiSequence=3",
		"Disconnect MapiContext=c1; MapiSequence=s2"}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("cookies (-want +got):\n%s", diff)
	}
	if len(ids) != 3 || signed != 7 || s.dials() != 2 { // the request for the challenge has no id
		t.Errorf("%d ids, %d signed requests, %d connections", len(ids), signed, s.dials())
	}
	wantSeen := []string{"Connect", "Execute RopLogon", "Bind", "GetMailboxUrl", "GetAddressBookUrl", "Unbind", "Disconnect"}
	for i := range wantSeen {
		wantSeen[i] += " at " + annHost
	}
	if diff := cmp.Diff(wantSeen, seen); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}
	// [MS-OXCMAPIHTTP] 2.2.5.1.1: Flags, HasState, STAT with the code page 1252 and two locales, no auxiliary buffer
	bind := strings.Repeat("\x00", 4) + "\x01" + strings.Repeat("\x00", 24) + "\xe4\x04\x00\x00\x09\x04\x00\x00\x09\x04\x00\x00" + strings.Repeat("\x00", 4)
	if got := string(s.requests()[3].body); got != bind {
		t.Errorf("Bind %q, want %q", got, bind)
	}
	if got := string(s.requests()[6].body); got != strings.Repeat("\x00", 8) { // Reserved, no auxiliary buffer
		t.Errorf("Unbind %q", got)
	}
}

// Gromox drops the last element of the name, whatever it is.
func TestTheNameOfAServerSuitsTheAddressBook(t *testing.T) {
	const private = "/cn=Microsoft Private MDB"
	bound := func(header string) string { return done(header, &mapi.BindResponse{}) }
	plain := func(header string) string {
		return strings.Replace(bound(header), "Exchange/15.02.2562.045", "Exchange/15.00.0847.4040", 1)
	}
	for _, row := range []struct{ name, bind, serverName, want string }{
		{"Exchange gets it as it is", bound(cookie("MapiContext=1")), ex2DN, ex2DN},
		{"Exchange gets it without a database", bound(cookie("sid=1")), ex2DN + "/cn=microsoft private mdb", ex2DN},
		{"Gromox, known by its cookies, gets it with a database", bound(cookie("sid=1", "sequence=2")), ex2DN, ex2DN + private},
		{"Gromox, known by its version, gets it with one database", plain(""), ex2DN + private, ex2DN + private},
		{"Gromox gets the private database instead of the public one", plain(""), ex2DN + "/cn=Microsoft Public MDB", ex2DN + private},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := start(t, book(map[string]string{"Bind": row.bind}))
			if _, err := (&logonclient.Client{Network: s.network()}).Resolve(t.Context(), ann(), row.serverName); err != nil {
				t.Fatal(err)
			}
			var want []byte // [MS-OXCMAPIHTTP] 2.2.5.18.1
			want = append(want, 0, 0, 0, 0)
			for _, c := range []byte(row.want + "\x00") {
				want = append(want, c, 0)
			}
			if got := s.requests()[2]; string(got.body) != string(append(want, 0, 0, 0, 0)) || got.requestType() != "GetMailboxUrl" {
				t.Errorf("%s %q", got.requestType(), got.body)
			}
		})
	}
}

// The answers of Gromox 3.10, byte for byte: it was asked at 127.0.0.1.
func TestCapturesOfTheAddressBook(t *testing.T) {
	s := start(t, book(map[string]string{"Bind": capture(t, "a0-nspi-bind"), "GetMailboxUrl": capture(t, "a2-nspi-getmailboxurl-mdb")}))
	to, err := (&logonclient.Client{Network: s.network()}).Resolve(t.Context(), ann(), ex2DN)
	if err != nil {
		t.Fatal(err)
	}
	if want := "https://127.0.0.1/mapi/emsmdb/?MailboxId=616c6963-6540-7065-6572-2e7401000000@peer.test"; to.MailStore != want {
		t.Errorf("mailbox %s", to.MailStore)
	}
	if c := s.requests()[2].Header.Get("Cookie"); c != "sid=alm6iczbe5k0pen0erkd4to1esgft0v9; sequence=068cca2d-7212-4b9d-bb4b-45f91305ad5d" {
		t.Errorf("cookies %s", c)
	}
	if verdict, why := to.Access.Rules.Judge(to.Access.Hop); verdict != trust.Refuse { // the twin of what is followed
		t.Errorf("%v: %s", verdict, why)
	}
}

func TestARefusalByTheAddressBook(t *testing.T) {
	for _, row := range []struct {
		name, book string
		refused    []string
	}{
		{"at the host that took the sign-in is kept from the logins", annBook, nil},
		{"at a host of its own counts", "https://book.contoso.test/mapi/nspi/?MailboxId=1@contoso.test", []string{"book.contoso.test"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := start(t, basic(func(w io.Writer, g got) bool {
				io.WriteString(w, page("401 Unauthorized", "WWW-Authenticate: Basic\r\n", ""))
				return true
			}))
			from := ann()
			from.AddressBook = row.book
			to, err := (&logonclient.Client{Network: s.network()}).Resolve(t.Context(), from, ex2DN)
			if err != nil || to.MailStore != guess {
				t.Errorf("target %s, error %v", to.MailStore, err)
			}
			if diff := cmp.Diff(row.refused, from.Access.Logins.(*logins).refused); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"-", "Bind"}, s.types()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoCredentialGoesToAnAddressBookThatNoRuleAdmits(t *testing.T) {
	for _, row := range []struct {
		name  string
		rules trust.Rules
		want  int // requests that carried the credential
	}{
		{"a stranger", trust.Rules{}, 0},
		{"the twin: a host that policy names", trust.Rules{Trusted: []string{"book.contoso.test"}}, 4},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := start(t, book(nil))
			from := ann()
			from.AddressBook = "https://book.contoso.test/mapi/nspi/?MailboxId=1@contoso.test"
			from.Access.Rules, from.Access.Hop.MailDomain = row.rules, "fabrikam.test"
			(&logonclient.Client{Network: s.network()}).Resolve(t.Context(), from, ex2DN)
			signed := 0
			pair := "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:"+annPassword))
			for _, g := range s.requests() {
				if g.Header.Get("Authorization") == pair {
					signed++
				}
			}
			if signed != row.want || row.want == 0 && s.dials() > 0 {
				t.Errorf("%d requests with the credential, %d connections", signed, s.dials())
			}
		})
	}
}

func TestResolveTakesItsTimeAndNoMore(t *testing.T) {
	for _, row := range []struct {
		name   string
		hangs  string // the request type that is never answered
		cancel time.Duration
		took   time.Duration
		want   string // the mailbox; empty: an error
	}{
		{name: "an address book that never answers costs ten seconds", hangs: "Bind", took: 10 * time.Second, want: guess},
		{name: "one that falls silent later costs ten in all", hangs: "GetMailboxUrl", took: 10 * time.Second, want: guess},
		{name: "one that never says goodbye costs five", hangs: "Unbind", took: 5 * time.Second, want: ex2URL},
		{name: "who gives up waits no longer, and nothing is guessed", hangs: "Bind", cancel: time.Second, took: time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				good := book(nil)
				s := start(t, basic(func(w io.Writer, g got) bool {
					if g.requestType() == row.hangs {
						<-release
						return false
					}
					return good(w, g)
				}))
				defer close(release)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if row.cancel > 0 {
					time.AfterFunc(row.cancel, cancel)
				}
				began := time.Now()
				to, err := (&logonclient.Client{Network: s.network(), Timeout: 10 * time.Second}).Resolve(ctx, ann(), ex2DN)
				if took := time.Since(began); took != row.took || to.MailStore != row.want {
					t.Errorf("%s after %v", to.MailStore, took)
				}
				e, _ := errors.AsType[*logonclient.Error](err)
				if (row.want == "") != (e != nil && e.Kind == logonclient.Unreachable && errors.Is(err, context.Canceled)) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// Who is asked for trust learns who named the host: the address book, which may be
// another host than that of the mailbox.
func TestTheAddressBookIsSaidToHaveNamedTheHost(t *testing.T) {
	s := start(t, book(map[string]string{"GetMailboxUrl": mailboxAt("https://mx1.fabrikam.test/mapi/emsmdb/?MailboxId=a@contoso.test")}))
	from := ann()
	from.AddressBook = "https://book.contoso.test/mapi/nspi/?MailboxId=1@contoso.test"
	to, err := (&logonclient.Client{Network: s.network()}).Resolve(t.Context(), from, ex2DN)
	if err != nil || to.Access.Hop.From != "book.contoso.test:443" || to.Access.Hop.To != "mx1.fabrikam.test:443" {
		t.Errorf("hop %v, error %v", to.Access.Hop, err)
	}
}
