package ui

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/profile"
)

// history makes generations as a store would: each is what change makes of the one
// before.
func history(changes ...func(*profile.Generation)) []profile.Generation {
	var out []profile.Generation
	var p profile.Profile
	for i, change := range changes {
		old := p
		g := profile.Generation{Profile: p}
		g.Profile.ID, g.Profile.Generation, g.Profile.Saved = "00000000000000a1", uint64(i+1), noon.Add(time.Duration(i-len(changes))*time.Hour)
		change(&g)
		p = g.Profile
		g.Changes = profile.Diff(old, p)
		out = append(out, g)
	}
	return out
}

func at1(server string) *profile.MAPI {
	return &profile.MAPI{MailStore: "https://" + server + "/mapi/emsmdb/", LegacyDN: "/o=Contoso/cn=ann"}
}

func TestEntries(t *testing.T) {
	generations := history(
		func(g *profile.Generation) {
			g.Profile.Proven, g.Profile.Endpoint.MAPI = true, at1(ex1)
			g.Reason.Text = "first logon; Autodiscover at autodiscover.contoso.test, asked by EMailAddress"
		},
		func(g *profile.Generation) {
			g.Profile.Endpoint.MAPI = at1(ex2 + ":8443")
			g.Reason = profile.Reason{Text: "ex1.contoso.test said ecWrongServer", Hops: []profile.Hop{{Host: ex1, Step: "logon", Said: "ecWrongServer\u202e"}}}
		},
		func(g *profile.Generation) {
			g.Profile.Logins = []profile.LoginRef{{Realm: "*.contoso.test", User: "ann", Secret: "keyring:a"}}
		},
		func(g *profile.Generation) { g.Profile.Identity.MailboxGUID = "b1" },
		func(g *profile.Generation) { g.Profile.Label = "Work\n" },
		func(g *profile.Generation) { g.Profile.Endpoint.Routing = "ann@fabrikam.test" },
		func(g *profile.Generation) {
			g.Profile.Endpoint.MAPI, g.Profile.Proven = at1(ex1), false
			g.Reason.Text = "rolled back to generation 1"
		},
	)
	url := func(server string) string { return "https://" + server + "/mapi/emsmdb/" }
	want := []Entry{
		{Generation: 7, When: "1 hour ago", Why: "Somebody went back to generation 1.", Current: true, Wire: []string{"rolled back to generation 1"}, Changes: []Change{
			{"Server", ex2 + ":8443", ex1}, {"Address of the mailbox", url(ex2 + ":8443"), url(ex1)}, {"Signed in there", "yes", "no"}}},
		{Generation: 6, When: "2 hours ago", Why: "Details of the same server changed.", Changes: []Change{{"Address for questions", "", "ann@fabrikam.test"}}},
		{Generation: 5, When: "3 hours ago", Why: "The mailbox was renamed.", Changes: []Change{{"Name", "", `Work\x0a`}}},
		{Generation: 4, When: "4 hours ago", Why: "There is another mailbox at the same place.", Changes: []Change{{"Number of the mailbox", "", "b1"}}},
		{Generation: 3, When: "5 hours ago", Why: "The sign-in changed.", Changes: []Change{{"Sign-in", "", "ann at *.contoso.test (basic, keyring:a)"}}},
		{Generation: 2, When: "6 hours ago", Why: "The mailbox moved from ex1.contoso.test to ex2.contoso.test:8443.",
			Wire:    []string{"ex1.contoso.test said ecWrongServer", `logon ex1.contoso.test: ecWrongServer\u202e`},
			Changes: []Change{{"Server", ex1, ex2 + ":8443"}, {"Address of the mailbox", url(ex1), url(ex2 + ":8443")}}},
		{Generation: 1, When: "7 hours ago", Why: "The mailbox was set up.", Wire: []string{"first logon; Autodiscover at autodiscover.contoso.test, asked by EMailAddress"}, Changes: []Change{
			{"Server", "", ex1}, {"Address of the mailbox", "", url(ex1)}, {"Name in the directory", "", "/o=Contoso/cn=ann"}, {"Signed in there", "", "yes"}}},
	}
	if diff := cmp.Diff(want, Entries(generations, noon, in(t, "en"))); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if got := Entries(nil, noon, in(t, "en")); got != nil {
		t.Errorf("a profile without a history has %v", got)
	}
	imported := history(func(g *profile.Generation) { g.Reason.Text = "imported"; g.Profile.Endpoint.MAPI = at1(ex1) })
	if got := Entries(imported, noon, in(t, "de"))[0].Why; got != "Die Einstellungen wurden importiert." {
		t.Errorf("an import is %q", got)
	}
}

// Whatever a profile may change has a name in every language.
func TestEveryFieldHasAName(t *testing.T) {
	var fill func(reflect.Value)
	fill = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			v.SetString("https://x.contoso.test/")
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem())
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0))
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[time.Time]() {
				return
			}
			for i := range v.NumField() {
				fill(v.Field(i))
			}
		}
	}
	var p profile.Profile
	fill(reflect.ValueOf(&p).Elem())
	changes := profile.Diff(profile.Profile{}, p)
	for _, c := range changes {
		if fields[c.Field] == "" {
			t.Errorf("%q has no name", c.Field)
		}
	}
	if len(changes) != len(fields) {
		t.Errorf("%d fields can differ, %d have a name", len(changes), len(fields))
	}
}

func long(n int) []profile.Generation {
	changes := make([]func(*profile.Generation), n)
	for i := range changes {
		changes[i] = func(g *profile.Generation) {
			g.Profile.Proven, g.Profile.Endpoint.MAPI = true, at1(fmt.Sprintf("ex%d.contoso.test", i))
			g.Reason = profile.Reason{Text: "ex1.contoso.test said ecWrongServer", Hops: []profile.Hop{{Host: ex1, Step: "logon", Said: "ecWrongServer"}, {Host: ex2, Step: "resolve", Said: "/o=Contoso/cn=EX2"}}}
		}
	}
	return history(changes...)
}

// A history is made into words as a whole: its cost is in what it allocates.
func TestALongHistoryIsCheap(t *testing.T) {
	const most = 30 // an entry: its slices, its texts, and what the templates take for them
	say, generations := in(t, "en"), long(1000)
	if got := testing.AllocsPerRun(3, func() { Entries(generations, noon, say) }) / 1000; got > most {
		t.Errorf("%.1f allocations an entry, want at most %d", got, most)
	}
}

func BenchmarkEntries(b *testing.B) {
	say, err := In("en")
	if err != nil {
		b.Fatal(err)
	}
	generations := long(1000)
	b.ReportAllocs()
	for b.Loop() {
		Entries(generations, noon, say)
	}
}
