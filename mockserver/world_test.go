package mockserver

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheEmbeddedWorldsAreGood(t *testing.T) {
	if got := WorldNames(); !slices.Equal(got, []string{"acquisition", "announced", "three-forests"}) {
		t.Errorf("names %q", got)
	}
	for _, name := range WorldNames() {
		w, err := OpenWorld(name)
		if err != nil || w.Name != name {
			t.Errorf("%s: %q, %v", name, w.Name, err)
		}
	}
	if _, err := OpenWorld("../doc.go"); err == nil || !strings.Contains(err.Error(), "there are acquisition, announced, three-forests") {
		t.Errorf("a name that is none: %v", err)
	}
}

func TestASmallWorldIsEnough(t *testing.T) {
	s := Start(t, `
[[forest]]
name = "contoso.test"
[[forest.server]]
name = "ex1"
[[mailbox]]
user = "ann"
server = "ex1"
`)
	w, err := s.Where("ann")
	if err != nil {
		t.Fatal(err)
	}
	dn := w.Objects[0].LegacyDN
	want := Whereabouts{
		User: "ann", DisplayName: "ann", Forest: "contoso.test", Server: "ex1", Database: "db1", State: "home", GUID: w.GUID,
		Objects: []Object{{Forest: "contoso.test", Kind: "mailbox", Address: "ann@contoso.test", LegacyDN: dn}},
	}
	if diff := cmp.Diff(want, w); diff != "" {
		t.Error(diff)
	}
	const head = "/o=contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn="
	if tail, ok := strings.CutPrefix(dn, head); !ok || len(tail) != 32+len("-Ann") || !strings.HasSuffix(tail, "-Ann") {
		t.Errorf("legacy DN %q", dn)
	}
	if got := s.Hosts(); !slices.Equal(got, []string{"autodiscover.contoso.test", "ex1.contoso.test"}) {
		t.Errorf("hosts %q", got)
	}
}

func TestNamesAreStable(t *testing.T) {
	a, _ := Start(t, "acquisition").Where("ann")
	b, _ := Start(t, "acquisition").Where("ann")
	if diff := cmp.Diff(a, b); diff != "" {
		t.Error(diff)
	}
}

// good is a world with a mark where a test puts something else.
const good = `name = "good"
[[forest]]
name = "contoso.test"
org = "Contoso"
[[forest.server]]
name = "ex1"
[[forest.server]]
name = "ex2"
[[forest]]
name = "fabrikam.test"
org = "Fabrikam"
[[forest.server]]
name = "mx1"
[[mailbox]]
user = "ann"
server = "ex1"
[[mailbox]]
user = "ben"
server = "ex2"
`

func TestAWorldIsRefused(t *testing.T) {
	if _, err := ReadWorld(strings.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, old, new string
		want           string // part of the error
	}{
		{"an unknown key", `name = "good"`, `nam = "good"`, `line 1, column 1: unknown key "nam"`},
		{"an unknown key below", `server = "ex2"`, `sever = "ex2"`, `line 19, column 1: unknown key "mailbox.sever"`},
		{"a value of another type", `user = "ben"`, `user = 7`, "line 18, column 8"},
		{"TOML that is none", `user = "ben"`, `user = `, "line 18"},
		{"no forest", good, ``, "0 forests"},
		{"a forest without a server", "[[forest.server]]\nname = \"mx1\"\n", "", "fabrikam.test has no server"},
		{"a forest twice", `name = "fabrikam.test"`, `name = "contoso.test"`, "line 10, column 8: forest contoso.test is there twice"},
		{"a forest that is no domain", `name = "fabrikam.test"`, `name = "fabrikam"`, "line 10, column 8: forest"},
		{"an organisation twice", `org = "Fabrikam"`, `org = "contoso"`, `line 11, column 7: forest fabrikam.test: org "contoso" is that of contoso.test`},
		{"an organisation with a slash", `org = "Fabrikam"`, `org = "Fabri/kam"`, "line 11, column 7"},
		{"a choice that is none", `org = "Fabrikam"`, `server_name = "host"`, `line 11, column 15: forest fabrikam.test: server_name "host": want one of dn, mdb, guid`},
		{"settings that hold for less than nothing", `org = "Fabrikam"`, `ttl = -1`, `line 11, column 7: forest fabrikam.test: ttl -1: want 0 to 65535 hours`},
		{"settings that hold for longer than can be said", `org = "Fabrikam"`, `ttl = 65536`, `line 11, column 7: forest fabrikam.test: ttl 65536: want 0 to 65535 hours`},
		{"a server twice", `name = "mx1"`, `name = "ex1"`, "line 13, column 8: server ex1 is there twice"},
		{"a server that is no label", `name = "mx1"`, `name = "mx 1"`, "line 13, column 8"},
		{"a host twice", `name = "mx1"`, "name = \"mx1\"\nhost = \"ex1.contoso.test\"", "line 14, column 8: host ex1.contoso.test is there twice"},
		{"a database twice", `name = "mx1"`, "name = \"mx1\"\ndatabases = [\"a\", \"a\"]", "line 14"},
		{"a certificate that is none", `name = "mx1"`, "name = \"mx1\"\ncertificate = \"rotten\"", "line 14, column 15"},
		{"a version that is none", `name = "mx1"`, "name = \"mx1\"\nversion = \"new\"", "line 14, column 11"},
		{"a user twice", `user = "ben"`, `user = "ann"`, "line 18, column 8: user ann is there twice"},
		{"a user in capitals", `user = "ben"`, `user = "Ben"`, "line 18, column 8"},
		{"a mailbox on no server", `server = "ex2"`, `server = "ex9"`, `line 19, column 10: mailbox ben: no server "ex9": there are ex1, ex2, mx1`},
		{"a mailbox in no database", `server = "ex2"`, "server = \"ex2\"\ndatabase = \"db9\"", `no database "db9"`},
		{"an address twice", `server = "ex2"`, "server = \"ex2\"\naddress = \"ann@contoso.test\"", "line 20, column 11"},
		{"an address that is another's by rule", `user = "ann"`, "user = \"ann\"\naddress = \"ben@fabrikam.test\"", "is the name of ben"},
		{"a flavour that is none", `org = "Fabrikam"`, `flavour = "exchange-2020"`, `line 11, column 11: forest fabrikam.test: flavour "exchange-2020": want one of exchange-2003, exchange-2007, exchange-2010, exchange-2013, exchange-2016, exchange-se, exchange-online, gromox`},
		{"a flavour of a server that is none", `name = "mx1"`, "name = \"mx1\"\nflavour = \"domino\"", `line 14, column 11: server mx1: flavour "domino": want one of`},
		{"a Gromox in a forest of Exchange", `name = "mx1"`, "name = \"mx1\"\nflavour = \"gromox\"", `line 14, column 11: server mx1: Gromox has no part in a forest of Exchange`},
		{"Exchange Online where nobody has a token", `org = "Fabrikam"`, `flavour = "exchange-online"`, `line 11, column 11: forest fabrikam.test: Exchange Online takes Bearer tokens only, and nobody has one here`},
		{"Autodiscover in a forest of Exchange 2003", `org = "Fabrikam"`, "flavour = \"exchange-2003\"\n[[forest.autodiscover]]\nhost = \"autodiscover.fabrikam.test\"", `line 13, column 8: forest fabrikam.test: Exchange 2003 has no Autodiscover to answer at autodiscover.fabrikam.test: add a server of a later flavour`},
		{"mapi of servers that speak it", `org = "Fabrikam"`, `mapi = "never"`, `line 11, column 8: forest fabrikam.test: mapi says what servers before 2013 do`},
		{"mapi that is none", `org = "Fabrikam"`, "flavour = \"exchange-2010\"\nmapi = \"perhaps\"", `line 12, column 8: forest fabrikam.test: mapi "perhaps": want one of stand-in, never`},
		{"an offline database that is none", `name = "mx1"`, "name = \"mx1\"\noffline = [\"db9\"]", `server mx1: offline: no database "db9": it has db1, db2`},
		{"a hoster at the host of a server", `name = "good"`, "name = \"good\"\n[[hoster]]\nhost = \"ex1.contoso.test\"", `line 3, column 8: host ex1.contoso.test is there twice`},
		{"a hoster that serves nothing known", `name = "good"`, "name = \"good\"\n[[hoster]]\nhost = \"www.contoso.test\"\nserves = \"ftp\"", `line 4, column 10: hoster www.contoso.test: serves "ftp": want one of imap, html`},
		{"a delegate who is not there", `server = "ex2"`, "server = \"ex2\"\ndelegates = [\"zoe\"]", `line 20, column 14: mailbox ben: no user "zoe"`},
		{"an account in no forest", `server = "ex2"`, "server = \"ex2\"\n[[mailbox.account]]\nforest = \"x.test\"", `line 21, column 10`},
		{"a population of none", `name = "good"`, "name = \"good\"\n[[population]]\ncount = 0\nserver = \"ex1\"", "population of 0"},
		{"a population without end", `name = "good"`, "name = \"good\"\n[[population]]\ncount = 99999999999\nserver = \"ex1\"", "1 to 2000000 mailboxes in all"},
		{"a population in the wrong forest", `name = "good"`, "name = \"good\"\n[[population]]\ncount = 1\nserver = \"ex1\"\nforest = \"fabrikam.test\"", "server ex1 is in contoso.test"},
		{"a population that meets a mailbox", `user = "ann"`, "user = \"u000001\"\nserver = \"ex1\"\n[[population]]\ncount = 1", "u000001 is there twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(good, tt.old, tt.new, 1)
			if text == good {
				t.Fatal("nothing was replaced")
			}
			_, err := ReadWorld(strings.NewReader(text))
			var refused *WorldError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestAWorldErrorHoldsNoPassword(t *testing.T) {
	for _, text := range []string{
		"password = planted-secret\n" + good,
		"password = \"planted-secret\n" + good,
		"password = [\"planted-secret\"]\n" + good,
		"pasword = \"planted-secret\"\n" + good,
	} {
		if _, err := ReadWorld(strings.NewReader(text)); err == nil || strings.Contains(err.Error(), "planted-secret") {
			t.Errorf("%v", err)
		}
	}
}

func TestAPopulation(t *testing.T) {
	s := Start(t, good+`
[[population]]
count = 3
server = "ex1"
[[population]]
count = 2
forest = "fabrikam.test"
server = "mx1"
`)
	for user, want := range map[string]string{"u000001": "ex1", "u000003": "ex1", "u000004": "mx1", "u000005": "mx1"} {
		if w, err := s.Where(user); err != nil || w.Server != want {
			t.Errorf("%s: %+v, %v", user, w, err)
		}
	}
	if _, err := s.Where("u000006"); err == nil {
		t.Error("there is one too many")
	}
	c := newClient(t, s, "u000002@contoso.test")
	d := c.settings("autodiscover.contoso.test", "u000002@contoso.test")
	if _, how := c.enter(d.store(), d.LegacyDN); how != "ok" {
		t.Errorf("logon: %s", how)
	}
	do(t, s, "move u000002 mx1")
	if got := c.look(d); got != "connect ecUnknownUser; redirectUrl autodiscover.fabrikam.test" {
		t.Errorf("moved: %s", got)
	}
}

func TestAMailboxCostsAtMostAKiB(t *testing.T) {
	if got := bytesPerMailbox(t, 20_000); got > 1024 {
		t.Errorf("%.0f bytes", got)
	}
}

// BenchmarkWorld makes a world of 100000 mailboxes.
func BenchmarkWorld(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(bytesPerMailbox(b, 100_000), "bytes/mailbox")
	}
}

func bytesPerMailbox(t testing.TB, n int) float64 {
	w, err := OpenWorld("acquisition")
	if err != nil {
		t.Fatal(err)
	}
	w.Populations = []Population{{Count: n, Server: "ex1"}}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	s, err := New(w)
	if err != nil {
		t.Fatal(err)
	}
	used := heap() - before
	s.Close()
	return float64(used) / float64(n)
}

// FuzzReadWorld: no text panics, and a world that was read can be served.
func FuzzReadWorld(f *testing.F) {
	f.Add(good)
	f.Add(accountWorld)
	for _, world := range []string{announced, directories, clearWorld, rogueWorld} {
		f.Add(world)
	}
	f.Add("[[population]]\ncount = 3\n")
	for _, name := range WorldNames() {
		text, err := worlds.ReadFile("worlds/" + name + ".toml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "count") && len(text) > 4000 {
			return
		}
		w, err := ReadWorld(strings.NewReader(text))
		if err != nil {
			return
		}
		if n := len(w.Populations); n > 0 && w.Populations[0].Count > 1000 {
			return
		}
		s, err := New(w)
		if err != nil {
			t.Fatalf("was read and is refused: %v", err)
		}
		defer s.Close()
		for user := range s.dir.users {
			at, err := s.Where(user)
			if err != nil || s.dir.byLegacyDN(s.dir.forest(at.Forest), at.Objects[0].LegacyDN) == nil {
				t.Fatalf("%s: %+v, %v", user, at, err)
			}
		}
	})
}
