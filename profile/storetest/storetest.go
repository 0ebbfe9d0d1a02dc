// Package storetest is the suite that every [profile.Store] passes.
package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/homing-mail/homing/profile"
)

// IDs that the suite saves profiles under.
const (
	first  profile.ID = "00112233445566aa"
	second profile.ID = "ffeeddccbbaa9988"
)

// Profile returns a complete profile for tests.
func Profile(id profile.ID) profile.Profile {
	return profile.Profile{
		ID:      id,
		Label:   "Work",
		Address: "ann@contoso.test",
		Endpoint: profile.Endpoint{
			MAPI: &profile.MAPI{
				MailStore:   "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=0f0e0d0c@contoso.test",
				AddressBook: "https://ex1.contoso.test/mapi/nspi/?MailboxId=0f0e0d0c@contoso.test",
				LegacyDN:    "/o=Contoso/ou=Exchange Administrative Group/cn=Recipients/cn=ann",
			},
			Autodiscover: "https://autodiscover.contoso.test/autodiscover/autodiscover.xml",
			Routing:      "ann@mail.contoso.test",
		},
		Logins: []profile.LoginRef{{Realm: "*.contoso.test", User: "ann@contoso.test", Weakest: "basic", Secret: "memory:" + string(id)}},
		Identity: profile.Identity{
			DisplayName:   "Ann <Sales & Support>",
			MailboxGUID:   "0c0d0e0f-1111-2222-3333-444455556666",
			ReplGUID:      "aaaaaaaa-1111-2222-3333-444455556666",
			RootFolder:    "0100000000000001",
			ServerVersion: "Exchange/15.20.0000.000",
		},
		Proven: true,
	}
}

// moved returns p at another server, with another store behind it.
func moved(p profile.Profile) profile.Profile {
	m := *p.Endpoint.MAPI
	m.MailStore = "https://ex2.contoso.test/mapi/emsmdb/?MailboxId=0f0e0d0c@contoso.test"
	p.Endpoint.MAPI = &m
	p.Identity.ReplGUID = "bbbbbbbb-1111-2222-3333-444455556666"
	return p
}

// Run runs the suite. open returns an empty store.
func Run(t *testing.T, open func(t *testing.T) profile.Store) {
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, s profile.Store)
	}{
		{"an empty store", testEmpty},
		{"a profile is saved and loaded", testSave},
		{"a save is refused unless its base is current", testConflict},
		{"what cannot be used is not saved", testInvalid},
		{"every generation is kept with its reason and its changes", testHistory},
		{"a restore is a new, unproven generation", testRestore},
		{"a deleted profile is gone", testDelete},
		{"profiles are listed in order and do not touch each other", testList},
		{"nobody shares memory with the store", testCopies},
		{"a cancelled call does nothing", testCancelled},
		{"of many writers one wins each base", testWriters},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, open(t)) })
	}
}

// save saves p and fails the test if that does not work.
func save(t *testing.T, s profile.Store, p profile.Profile, base uint64, why string) profile.Profile {
	t.Helper()
	saved, err := s.Save(t.Context(), p, base, profile.Reason{Text: why})
	if err != nil {
		t.Fatalf("Save on base %d: %v", base, err)
	}
	return saved
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error is %v, want %v", what, err, want)
	}
}

// wantLoaded fails unless Load and the end of History give want.
func wantLoaded(t *testing.T, s profile.Store, want profile.Profile) {
	t.Helper()
	got, err := s.Load(t.Context(), want.ID)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Load: %v (-want +got)\n%s", err, diff)
	}
	history, err := s.History(t.Context(), want.ID)
	if err != nil || uint64(len(history)) != want.Generation {
		t.Fatalf("History has %d generations, %v; want %d", len(history), err, want.Generation)
	}
	if diff := cmp.Diff(want, history[len(history)-1].Profile); diff != "" {
		t.Errorf("end of History (-want +got)\n%s", diff)
	}
}

func testEmpty(t *testing.T, s profile.Store) {
	ids, err := s.List(t.Context())
	if len(ids) != 0 || err != nil {
		t.Errorf("List = %q, %v; want nothing", ids, err)
	}
	_, err = s.Load(t.Context(), first)
	wantError(t, "Load", err, profile.ErrNotFound)
	_, err = s.History(t.Context(), first)
	wantError(t, "History", err, profile.ErrNotFound)
	_, err = s.Restore(t.Context(), first, 1, profile.Reason{})
	wantError(t, "Restore", err, profile.ErrNotFound)
	wantError(t, "Delete", s.Delete(t.Context(), first), profile.ErrNotFound)
}

func testSave(t *testing.T, s profile.Store) {
	before := time.Now().Add(-time.Second)
	saved := save(t, s, Profile(first), 0, "set up")
	want := Profile(first)
	want.Version, want.Generation, want.Saved = 1, 1, saved.Saved
	if diff := cmp.Diff(want, saved); diff != "" {
		t.Errorf("Save returned (-want +got)\n%s", diff)
	}
	if saved.Saved.Location() != time.UTC || saved.Saved.Before(before) || saved.Saved.After(time.Now()) {
		t.Errorf("Saved is %v, want now in UTC", saved.Saved)
	}
	wantLoaded(t, s, saved)
	wantLoaded(t, s, save(t, s, moved(saved), 1, "moved"))

	bare := profile.Profile{ID: second, Address: "ben@contoso.test"}
	wantLoaded(t, s, save(t, s, bare, 0, "set up, nothing known yet"))
}

func testConflict(t *testing.T, s profile.Store) {
	_, err := s.Save(t.Context(), Profile(first), 1, profile.Reason{})
	wantError(t, "Save on generation 1 of nothing", err, profile.ErrConflict)
	_, err = s.Load(t.Context(), first)
	wantError(t, "Load after it", err, profile.ErrNotFound)

	save(t, s, Profile(first), 0, "set up")
	current := save(t, s, moved(Profile(first)), 1, "moved")
	for _, base := range []uint64{0, 1, 3} {
		_, err := s.Save(t.Context(), Profile(first), base, profile.Reason{})
		wantError(t, "Save on a base that is not current", err, profile.ErrConflict)
	}
	wantLoaded(t, s, current)
}

func testInvalid(t *testing.T, s profile.Store) {
	current := save(t, s, Profile(first), 0, "set up")
	for _, tt := range []struct {
		name  string
		spoil func(p *profile.Profile)
	}{
		{"no id", func(p *profile.Profile) { p.ID = "" }},
		{"an id that is a path", func(p *profile.Profile) { p.ID = "../../../../etc1" }},
		{"no address", func(p *profile.Profile) { p.Address = "" }},
		{"a server without TLS", func(p *profile.Profile) {
			p.Endpoint.MAPI = &profile.MAPI{MailStore: "http://ex1.contoso.test/", LegacyDN: "/o=x"}
		}},
	} {
		p := Profile(first)
		tt.spoil(&p)
		if _, err := s.Save(t.Context(), p, 1, profile.Reason{}); err == nil {
			t.Errorf("%s: Save returned no error", tt.name)
		}
	}
	wantLoaded(t, s, current)
}

func testHistory(t *testing.T, s profile.Store) {
	why := profile.Reason{
		Text: "ex1.contoso.test said ecWrongServer",
		Hops: []profile.Hop{{Host: "ex1.contoso.test", Step: "logon", Said: "ecWrongServer"}, {Host: "ex2.contoso.test", Step: "logon", Said: "ecNone"}},
	}
	one := save(t, s, Profile(first), 0, "set up")
	two, err := s.Save(t.Context(), moved(one), 1, why)
	if err != nil {
		t.Fatal(err)
	}
	history, err := s.History(t.Context(), first)
	if err != nil || len(history) != 2 {
		t.Fatalf("History = %d generations, %v; want 2", len(history), err)
	}
	want := profile.Generation{
		Profile: two,
		Reason:  why,
		Changes: []profile.Change{
			{Field: "server", Old: "ex1.contoso.test", New: "ex2.contoso.test"},
			{Field: "mailbox url", Old: "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=0f0e0d0c@contoso.test", New: "https://ex2.contoso.test/mapi/emsmdb/?MailboxId=0f0e0d0c@contoso.test"},
			{Field: "repl guid", Old: "aaaaaaaa-1111-2222-3333-444455556666", New: "bbbbbbbb-1111-2222-3333-444455556666"},
		},
	}
	if diff := cmp.Diff(want, history[1]); diff != "" {
		t.Errorf("generation 2 (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(one, history[0].Profile); diff != "" {
		t.Errorf("generation 1 (-want +got)\n%s", diff)
	}
	if i := slices.Index(history[0].Changes, profile.Change{Field: "server", New: "ex1.contoso.test"}); i < 0 {
		t.Errorf("changes of generation 1 are %v, want its server among them", history[0].Changes)
	}
}

func testRestore(t *testing.T, s profile.Store) {
	one := save(t, s, Profile(first), 0, "set up")
	two := moved(one)
	two.Label = "Work, moved"
	two.Logins = []profile.LoginRef{{Realm: "*.fabrikam.test", User: "ann", Weakest: "bearer", Bearer: true, Secret: "memory:token"}}
	two = save(t, s, two, 1, "moved")

	_, err := s.Restore(t.Context(), first, 3, profile.Reason{})
	wantError(t, "Restore of a generation that is not there", err, profile.ErrNotFound)
	_, err = s.Restore(t.Context(), first, 0, profile.Reason{})
	wantError(t, "Restore of generation 0", err, profile.ErrNotFound)
	wantLoaded(t, s, two)

	three, err := s.Restore(t.Context(), first, 1, profile.Reason{Text: "rolled back"})
	if err != nil {
		t.Fatal(err)
	}
	want := two
	want.Endpoint, want.Logins = one.Endpoint, one.Logins
	want.Generation, want.Proven = 3, false
	if diff := cmp.Diff(want, three, cmpopts.IgnoreFields(profile.Profile{}, "Saved")); diff != "" {
		t.Errorf("Restore returned (-want +got)\n%s", diff)
	}
	wantLoaded(t, s, three)
	history, err := s.History(t.Context(), first)
	if err != nil || len(history) != 3 || history[2].Reason.Text != "rolled back" || !slices.Contains(history[2].Changes, profile.Change{Field: "proven", Old: "yes", New: "no"}) {
		t.Errorf("History = %+v, %v; want that generation 3 has its reason and is no longer proven", history, err)
	}
}

func testDelete(t *testing.T, s profile.Store) {
	save(t, s, Profile(first), 0, "set up")
	other := save(t, s, Profile(second), 0, "set up")
	save(t, s, moved(Profile(first)), 1, "moved")
	if err := s.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	_, err := s.Load(t.Context(), first)
	wantError(t, "Load", err, profile.ErrNotFound)
	_, err = s.History(t.Context(), first)
	wantError(t, "History", err, profile.ErrNotFound)
	_, err = s.Save(t.Context(), Profile(first), 2, profile.Reason{})
	wantError(t, "Save on what was deleted", err, profile.ErrConflict)
	wantError(t, "Delete again", s.Delete(t.Context(), first), profile.ErrNotFound)
	wantLoaded(t, s, other)
	wantLoaded(t, s, save(t, s, Profile(first), 0, "set up again"))
}

func testList(t *testing.T, s profile.Store) {
	two := save(t, s, Profile(second), 0, "set up")
	one := save(t, s, Profile(first), 0, "set up")
	ids, err := s.List(t.Context())
	if !slices.Equal(ids, []profile.ID{first, second}) || err != nil {
		t.Errorf("List = %q, %v; want %q, %q", ids, err, first, second)
	}
	wantLoaded(t, s, save(t, s, moved(one), 1, "moved"))
	wantLoaded(t, s, two)
}

func testCopies(t *testing.T, s profile.Store) {
	p := Profile(first)
	why := profile.Reason{Text: "set up", Hops: []profile.Hop{{Host: "ex1.contoso.test"}}}
	saved, err := s.Save(t.Context(), p, 0, why)
	if err != nil {
		t.Fatal(err)
	}
	want := Profile(first)
	want.Version, want.Generation, want.Saved = 1, 1, saved.Saved
	spoil := func(p profile.Profile) {
		p.Endpoint.MAPI.MailStore = "https://evil.test/"
		p.Logins[0].Secret = "memory:evil"
	}
	spoil(p)
	spoil(saved)
	why.Hops[0].Host = "evil.test"
	loaded, err := s.Load(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	spoil(loaded)
	history, err := s.History(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	if history[0].Reason.Hops[0].Host != "ex1.contoso.test" {
		t.Errorf("the reason became %v", history[0].Reason)
	}
	spoil(history[0].Profile)
	wantLoaded(t, s, want)
}

func testCancelled(t *testing.T, s profile.Store) {
	current := save(t, s, Profile(first), 0, "set up")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.List(ctx)
	wantError(t, "List", err, context.Canceled)
	_, err = s.Load(ctx, first)
	wantError(t, "Load", err, context.Canceled)
	_, err = s.History(ctx, first)
	wantError(t, "History", err, context.Canceled)
	_, err = s.Save(ctx, moved(current), 1, profile.Reason{})
	wantError(t, "Save", err, context.Canceled)
	_, err = s.Restore(ctx, first, 1, profile.Reason{})
	wantError(t, "Restore", err, context.Canceled)
	wantError(t, "Delete", s.Delete(ctx, first), context.Canceled)
	wantLoaded(t, s, current)
}

func testWriters(t *testing.T, s profile.Store) { Writers(t, s, s) }

// Writers lets several goroutines save the same profile through each of the
// stores, which share what they keep: of all that save on one base, one wins,
// and the others are told of the conflict.
func Writers(t *testing.T, stores ...profile.Store) {
	const writers, bases = 4, 8
	for base := range uint64(bases) {
		var mu sync.Mutex
		var won []profile.Profile
		var group sync.WaitGroup
		for _, s := range stores {
			for range writers {
				group.Go(func() {
					saved, err := s.Save(t.Context(), Profile(first), base, profile.Reason{Text: "race"})
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						won = append(won, saved)
					} else if !errors.Is(err, profile.ErrConflict) {
						t.Errorf("Save on base %d: %v", base, err)
					}
				})
			}
		}
		group.Wait()
		if len(won) != 1 {
			t.Fatalf("%d writers won base %d, want 1", len(won), base)
		}
		for _, s := range stores {
			wantLoaded(t, s, won[0])
		}
	}
}
