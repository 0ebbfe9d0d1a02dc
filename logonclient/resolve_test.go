package logonclient

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/homing-mail/homing/internal/trust"
)

const servers = "/o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Configuration/cn=Servers"

func TestResolve(t *testing.T) {
	const one = "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=1@contoso.test"
	const book = "https://ex1.contoso.test/mapi/nspi/?MailboxId=1@contoso.test"
	for _, row := range []struct {
		name              string
		store, book       string // where we are; empty: one and book
		serverName        string
		wantStore         string
		wantBook          string
		wantTo            string
		wantNowhereReason string
	}{
		{name: "a mailbox id", serverName: servers + "/cn=22@contoso.test",
			wantStore: "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=22@contoso.test", wantBook: "https://ex1.contoso.test/mapi/nspi/?MailboxId=22@contoso.test", wantTo: "ex1.contoso.test:443"},
		{name: "a mailbox id, with the database behind it", serverName: servers + "/cn=22@contoso.test/cn=Microsoft Private MDB",
			wantStore: "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=22@contoso.test", wantBook: "https://ex1.contoso.test/mapi/nspi/?MailboxId=22@contoso.test", wantTo: "ex1.contoso.test:443"},
		{name: "the rest of the query stays as it is", serverName: servers + "/CN=22@contoso.test/CN=MICROSOFT PUBLIC MDB",
			store: "https://Ex1.contoso.test:8443/mapi/emsmdb/?z=%20%2f&mailboxID=1@contoso.test&Z=1", book: "https://ex1.contoso.test:8443/mapi/nspi/?a=b",
			wantStore: "https://Ex1.contoso.test:8443/mapi/emsmdb/?z=%20%2f&mailboxID=22@contoso.test&Z=1", wantBook: "https://ex1.contoso.test:8443/mapi/nspi/?a=b", wantTo: "ex1.contoso.test:8443"},
		{name: "a host name with a dot", serverName: servers + "/cn=EX2.fabrikam.test",
			wantStore: "https://ex2.fabrikam.test/mapi/emsmdb/?MailboxId=1@contoso.test", wantBook: "https://ex2.fabrikam.test/mapi/nspi/?MailboxId=1@contoso.test", wantTo: "ex2.fabrikam.test:443"},
		{name: "a bare host name", serverName: servers + "/cn=EX2",
			wantStore: "https://ex2.contoso.test/mapi/emsmdb/?MailboxId=1@contoso.test", wantBook: "https://ex2.contoso.test/mapi/nspi/?MailboxId=1@contoso.test", wantTo: "ex2.contoso.test:443"},
		{name: "a bare host name alone", serverName: "cn=ex2", wantStore: "https://ex2.contoso.test/mapi/emsmdb/?MailboxId=1@contoso.test", wantBook: "https://ex2.contoso.test/mapi/nspi/?MailboxId=1@contoso.test", wantTo: "ex2.contoso.test:443"},
		{name: "the port stays", serverName: servers + "/cn=ex2", store: "https://ex1.contoso.test:8443/m", book: "https://book.contoso.test:8444/n?x",
			wantStore: "https://ex2.contoso.test:8443/m", wantBook: "https://ex2.contoso.test:8444/n?x", wantTo: "ex2.contoso.test:8443"},
		{name: "no address book", serverName: servers + "/cn=ex2", book: "-", wantStore: "https://ex2.contoso.test/mapi/emsmdb/?MailboxId=1@contoso.test", wantTo: "ex2.contoso.test:443"},
		{name: "what follows a NUL does not count", serverName: servers + "/cn=ex2\x00/cn=ex3",
			wantStore: "https://ex2.contoso.test/mapi/emsmdb/?MailboxId=1@contoso.test", wantBook: "https://ex2.contoso.test/mapi/nspi/?MailboxId=1@contoso.test", wantTo: "ex2.contoso.test:443"},

		{name: "nothing", serverName: "", wantNowhereReason: `"" names no server`},
		{name: "a NUL", serverName: "\x00ex2", wantNowhereReason: `"" names no server`},
		{name: "no common name", serverName: "/o=Contoso/ou=x", wantNowhereReason: "names no server"},
		{name: "an empty common name", serverName: servers + "/cn=", wantNowhereReason: "names no server"},
		{name: "a database without a server", serverName: "/cn=Microsoft Private MDB", wantNowhereReason: "names no server"},
		{name: "a name that no host has", serverName: servers + "/cn=ex 2", wantNowhereReason: "ends in no host name"},
		{name: "a name with a port", serverName: servers + "/cn=ex2.contoso.test:443", wantNowhereReason: "ends in no host name"},
		{name: "a name with a question mark", serverName: servers + "/cn=ex2?", wantNowhereReason: "ends in no host name"},
		{name: "an empty label", serverName: servers + "/cn=ex2..contoso.test", wantNowhereReason: "ends in no host name"},
		{name: "a label with a hyphen at its end", serverName: servers + "/cn=ex2-", wantNowhereReason: "ends in no host name"},
		{name: "a label too long", serverName: servers + "/cn=" + strings.Repeat("x", 64), wantNowhereReason: "ends in no host name"},
		{name: "a name too long", serverName: servers + "/cn=" + strings.Repeat("x.", 130) + "test", wantNowhereReason: "ends in no host name"},
		{name: "an id without a domain", serverName: servers + "/cn=22@", wantNowhereReason: "ends in no mailbox id"},
		{name: "an id with two signs", serverName: servers + "/cn=22@contoso.test@fabrikam.test", wantNowhereReason: "ends in no mailbox id"},
		{name: "an id with an ampersand", serverName: servers + "/cn=22&a=b@contoso.test", wantNowhereReason: "ends in no mailbox id"},
		{name: "an id, and no place for it", serverName: servers + "/cn=22@contoso.test", store: "https://ex1.contoso.test/mapi/emsmdb/", wantNowhereReason: "has none to replace"},
		{name: "a bare name, and no domain", serverName: servers + "/cn=ex2", store: "https://ex1/", wantNowhereReason: "names a host without a domain"},
		{name: "a bare name beside an address", serverName: servers + "/cn=ex2", store: "https://10.0.0.1/", wantNowhereReason: "names a host without a domain"},
		{name: "the same mailbox id", serverName: servers + "/cn=1@Contoso.test", wantNowhereReason: "is where we are"},
		{name: "the same host", serverName: servers + "/cn=EX1", wantNowhereReason: "is where we are"},
	} {
		t.Run(row.name, func(t *testing.T) {
			from := Target{MailStore: one, AddressBook: book, LegacyDN: "/cn=ann", Access: Access{
				Rules: trust.Rules{Trusted: []string{"*.contoso.test"}},
				Hop:   Hop{MailDomain: "contoso.test", From: "autodiscover.contoso.test:443", To: "ex1.contoso.test:443", How: trust.FromSettings, Cert: "x"},
			}}
			if row.store != "" {
				from.MailStore = row.store
			}
			if row.book != "" {
				from.AddressBook = strings.TrimPrefix(row.book, "-")
			}
			to, err := new(Client).Resolve(t.Context(), from, row.serverName)
			if row.wantNowhereReason != "" {
				e, ok := errors.AsType[*Error](err)
				if !ok || e.Kind != Unsupported || !strings.Contains(err.Error(), row.wantNowhereReason) || !strings.HasPrefix(err.Error(), "Resolve at ex1.contoso.test:443: server name ") {
					t.Errorf("target %v, error %v", to.MailStore, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := from
			want.MailStore, want.AddressBook = row.wantStore, row.wantBook
			want.Access.Hop = Hop{MailDomain: "contoso.test", From: "ex1.contoso.test:443", To: row.wantTo, How: trust.FromServerName}
			if diff := cmp.Diff(want, to); diff != "" {
				t.Errorf("target (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("https://ex1.contoso.test/mapi/emsmdb/?MailboxId=1@contoso.test", servers+"/cn=22@contoso.test")
	f.Add("https://[::1]:443/", servers+"/cn=ex2")
	f.Fuzz(func(t *testing.T, store, serverName string) {
		from := Target{MailStore: store, AddressBook: store, Access: Access{Hop: Hop{To: "ex1.contoso.test:443"}}}
		from.AddressBook = "" // nobody is asked
		to, err := new(Client).Resolve(t.Context(), from, serverName)
		if err == nil && (to.Access.Hop.To == "" || to.MailStore == store || to.Access.Hop.How != trust.FromServerName) {
			t.Errorf("%q from %q leads to %+v", serverName, store, to)
		}
	})
}
