package mockserver

import (
	"errors"
	"strings"
	"testing"

	"github.com/homing-mail/homing/internal/mapi"
)

// book is the address book endpoint beside a mailbox endpoint.
func book(url string) string { return strings.Replace(url, "/emsmdb/", "/nspi/", 1) }

var stat = mapi.Stat{CodePage: 1252, TemplateLocale: 0x409, SortLocale: 0x409}

// bind binds to the address book and returns the ErrorCode.
func (c *session) bind(q mapi.BindRequest) mapi.Code {
	c.t.Helper()
	r := c.send("Bind", q.Append(nil), nil)
	var a mapi.BindResponse
	if err := errors.Join(r.err, a.Parse(r.body)); err != nil || r.code != 0 || a.StatusCode != mapi.EcNone {
		c.t.Fatalf("Bind: status %d, code %d, %v, %v", r.status, r.code, a.StatusCode, err)
	}
	if none := a.ServerGUID == (mapi.GUID{}); none != (a.ErrorCode != mapi.EcNone) {
		c.t.Errorf("ServerGuid %v with %v", a.ServerGUID, a.ErrorCode)
	}
	return a.ErrorCode
}

func TestBindLooksAtTheCodePage(t *testing.T) {
	unicode, none := stat, stat
	unicode.CodePage, none.CodePage = 1200, 0
	tests := []struct {
		name, flavour string
		q             mapi.BindRequest
		want          mapi.Code
	}{
		{"a code page", FlavourExchangeSE, mapi.BindRequest{State: &stat}, mapi.EcNone},
		{"Unicode", FlavourExchangeSE, mapi.BindRequest{State: &unicode}, mapi.MAPIEUnknownCPID},
		{"no STAT", FlavourExchangeSE, mapi.BindRequest{}, mapi.EcNone},
		{"a code page for Gromox", FlavourGromox, mapi.BindRequest{State: &stat}, mapi.EcNone},
		{"Unicode for Gromox", FlavourGromox, mapi.BindRequest{State: &unicode}, mapi.MAPIEUnknownCPID},
		{"code page 0 for Gromox", FlavourGromox, mapi.BindRequest{State: &none}, mapi.MAPIEUnknownCPID},
		{"no STAT for Gromox", FlavourGromox, mapi.BindRequest{}, mapi.MAPIEUnknownCPID},
		{"an anonymous one for Gromox", FlavourGromox, mapi.BindRequest{Flags: 0x20, State: &stat}, mapi.MAPIEFailOneProvider},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, flavoured(tt.flavour))
			url, _ := ex1Of(t, s, "ann")
			session := withToken(t, s, "ann").session(book(url))
			if got := session.bind(tt.q); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
			if bound := len(session.cookies) > 0; bound != (tt.want == mapi.EcNone) {
				t.Errorf("cookies %v", session.cookies)
			}
		})
	}
}

func TestTheAddressBookKnowsWhereMailboxesAre(t *testing.T) {
	const (
		servers = "/o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Configuration/cn=Servers/cn="
		mdb     = "/cn=Microsoft Private MDB"
		ex1     = "https://ex1.contoso.test/mapi/"
		ex2     = "https://ex2.contoso.test/mapi/"
	)
	tests := []struct {
		name, flavour string
		dn            string // GUID: of ann's mailbox, which is on ex2 now; OLD: the one that it had before
		want          string // "": ecNotFound
	}{
		{"a server", FlavourExchange2010, servers + "ex2", ex2 + "emsmdb/?MailboxId=GUID@contoso.test"},
		{"a server in capitals", FlavourExchange2010, strings.ToUpper(servers + "ex2"), ex2 + "emsmdb/?MailboxId=GUID@contoso.test"},
		{"a database", FlavourExchange2010, servers + "ex2" + mdb, ex2 + "emsmdb/?MailboxId=GUID@contoso.test"},
		{"a server that is none", FlavourExchange2010, servers + "ex9", ""},
		{"a server of another forest", FlavourExchange2010, servers + "mx1", ""},
		{"a DN of another kind", FlavourExchange2010, "/o=nope/cn=x", ""},
		{"nothing", FlavourExchange2010, "", ""},
		{"a mailbox", FlavourExchangeSE, servers + "GUID@contoso.test", ex2 + "emsmdb/?MailboxId=GUID@contoso.test"},
		{"the database of a mailbox", FlavourExchangeSE, servers + "GUID@contoso.test" + mdb, ex2 + "emsmdb/?MailboxId=GUID@contoso.test"},
		{"a mailbox that it had before", FlavourExchangeSE, servers + "OLD@contoso.test", ""},
		{"a mailbox of another domain", FlavourExchangeSE, servers + "GUID@fabrikam.test", ""},
		{"no GUID", FlavourExchangeSE, servers + "ann@contoso.test", ""},
		{"a database at Gromox", FlavourGromox, servers + "this@contoso.test" + mdb, ex1 + "emsmdb/?MailboxId=this@contoso.test"},
		{"a server at Gromox, which drops one element too many", FlavourGromox, servers + "this@contoso.test", ex1 + "emsmdb/?MailboxId=Servers"},
		{"a DN that is none at Gromox", FlavourGromox, "nonsense", ex1 + "nspi/?MailboxId=616e6e40-636f-6e74-6f73-6f2e01000000@contoso.test"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, flavoured(tt.flavour))
			before, _ := s.Where("ann")
			do(t, s, "move ann ex2")
			now, _ := s.Where("ann")
			url, _ := ex1Of(t, s, "ann")
			session := withToken(t, s, "ann").session(book(url))
			session.bind(mapi.BindRequest{State: &stat})
			guids := strings.NewReplacer("GUID", now.GUID, "OLD", before.GUID)
			q := mapi.GetMailboxURLRequest{ServerDN: guids.Replace(tt.dn)}
			r := session.send("GetMailboxUrl", q.Append(nil), nil)
			var a mapi.GetMailboxURLResponse
			if err := errors.Join(r.err, a.Parse(r.body)); err != nil || r.code != 0 {
				t.Fatalf("code %d, %v", r.code, err)
			}
			wantStatus := mapi.EcNone
			if tt.want == "" {
				wantStatus = mapi.EcNotFound
			}
			if want := guids.Replace(tt.want); a.StatusCode != wantStatus || a.ServerURL != want {
				t.Errorf("%v %q, want %v %q", a.StatusCode, a.ServerURL, wantStatus, want)
			}
		})
	}
}

func TestTheAddressBookHasContextsOfItsOwn(t *testing.T) {
	s := Start(t, flavoured(FlavourExchangeSE))
	url, dn := ex1Of(t, s, "ann")
	c := withToken(t, s, "ann")
	ask := func(session *session) said {
		return session.send("GetAddressBookUrl", (&mapi.GetAddressBookURLRequest{UserDN: dn}).Append(nil), nil)
	}
	none := c.session(book(url))
	if r := ask(none); r.code != 13 {
		t.Errorf("without a context: X-ResponseCode %d, want 13", r.code)
	}
	other := c.session(url)
	other.connect(dn)
	other.url = book(url)
	if r := ask(other); r.code != 10 {
		t.Errorf("with the context of a mailbox: X-ResponseCode %d, want 10", r.code)
	}
	session := c.session(book(url))
	session.bind(mapi.BindRequest{State: &stat})
	r := ask(session)
	var a mapi.GetAddressBookURLResponse
	if err := a.Parse(r.body); err != nil || a.ServerURL != book(url) {
		t.Errorf("%q, %v, want %q", a.ServerURL, err, book(url))
	}
	for _, k := range session.cookies {
		if k.Name == cookieSequence && k.Path != "/mapi/nspi" {
			t.Errorf("path of %s: %q", k.Name, k.Path)
		}
	}
	if r := session.send("PING", nil, nil); r.code != 0 {
		t.Errorf("PING: %d", r.code)
	}
	if r := session.send("ResolveNames", nil, nil); r.code != 5 {
		t.Errorf("what is not played: %d, want 5", r.code)
	}
	last := session.send("Unbind", (&mapi.UnbindRequest{}).Append(nil), nil)
	var end mapi.UnbindResponse
	if err := end.Parse(last.body); err != nil || end.ErrorCode != mapi.UnbindSuccess {
		t.Errorf("Unbind: %v, %v", end.ErrorCode, err)
	}
	if r := ask(session); r.code != 10 {
		t.Errorf("after Unbind: X-ResponseCode %d, want 10", r.code)
	}
}
