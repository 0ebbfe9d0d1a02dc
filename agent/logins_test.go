package agent

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// drawer is a store of secrets.
type drawer map[string]string

func (d drawer) Get(_ context.Context, ref string) (trust.Secret, error) {
	if v, ok := d[ref]; ok {
		return trust.NewSecret(v), nil
	}
	return trust.Secret{}, profile.ErrSecretNotFound
}
func (d drawer) Set(_ context.Context, ref string, s trust.Secret) error {
	d[ref] = s.Reveal()
	return nil
}
func (d drawer) Delete(_ context.Context, ref string) error { delete(d, ref); return nil }

func newLogins(refs ...profile.LoginRef) (*logins, drawer) {
	d := drawer{"keyring:a": "alpha", "keyring:b": "beta", "keyring:c": "gamma"}
	l := &logins{secrets: d, refusals: new(forgetful)}
	l.begin(profile.Profile{Logins: refs})
	return l, d
}

func TestTheNarrowestRealmIsChosen(t *testing.T) {
	wide := profile.LoginRef{Realm: "*.contoso.test", User: "wide", Secret: "keyring:a"}
	narrow := profile.LoginRef{Realm: "*.eu.contoso.test", User: "narrow", Secret: "keyring:b"}
	exact := profile.LoginRef{Realm: "ex1.eu.contoso.test", User: "exact", Secret: "keyring:c"}
	for _, tt := range []struct {
		name, host, user, realm string
		refs                    []profile.LoginRef
	}{
		{"a host of the only realm", "ex1.contoso.test", "wide", "*.contoso.test", []profile.LoginRef{wide}},
		{"a host of two realms, the wide one first", "ex2.eu.contoso.test", "narrow", "*.eu.contoso.test", []profile.LoginRef{wide, narrow}},
		{"a host of two realms, the narrow one first", "ex2.eu.contoso.test", "narrow", "*.eu.contoso.test", []profile.LoginRef{narrow, wide}},
		{"a host with a sign-in of its own", "ex1.eu.contoso.test", "exact", "ex1.eu.contoso.test", []profile.LoginRef{wide, exact, narrow}},
		{"a host of no realm: the first sign-in, for the realm of the host", "mail.fabrikam.test", "narrow", "*.fabrikam.test", []profile.LoginRef{narrow, wide}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, _ := newLogins(tt.refs...)
			got, err := l.Login(t.Context(), tt.host)
			if err != nil || got.User != tt.user || got.Realm != tt.realm {
				t.Errorf("Login = %s in %s, %v; want %s in %s", got.User, got.Realm, err, tt.user, tt.realm)
			}
		})
	}
}

func TestARealmThatHasTakenATokenNeverGetsLess(t *testing.T) {
	token := profile.LoginRef{Realm: "*.contoso.test", User: "ann", Secret: "keyring:a", Weakest: "basic", Bearer: true}
	password := profile.LoginRef{Realm: "*.contoso.test", User: "ann", Secret: "keyring:b", Weakest: "basic"}
	narrow, other, strict := password, password, password
	narrow.Realm, other.Realm, strict.Weakest = "ex1.contoso.test", "*.fabrikam.test", "negotiate"
	for _, tt := range []struct {
		name  string
		saved profile.LoginRef
		added profile.LoginRef
		host  string
		want  trust.Scheme
	}{
		{"a password after a token", token, password, "ex1.contoso.test", trust.Bearer},
		{"a password for one host of the realm", token, narrow, "ex1.contoso.test", trust.Bearer},
		{"a password for another realm", token, other, "mx1.fabrikam.test", trust.Basic},
		{"a password after one that had to go by negotiate", strict, password, "ex1.contoso.test", trust.Negotiate},
		{"a password after a password", password, password, "ex1.contoso.test", trust.Basic},
		{"a token after a password", password, token, "ex1.contoso.test", trust.Bearer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, _ := newLogins(tt.saved)
			l.add(tt.added)
			got, err := l.Login(t.Context(), tt.host)
			if err != nil || got.Weakest != tt.want || got.Bearer != tt.added.Bearer {
				t.Errorf("Login goes by %q at least, %v; want %q", got.Weakest, err, tt.want)
			}
		})
	}
}

func TestWithoutASignInTheRealmIsNamed(t *testing.T) {
	l, d := newLogins()
	want := &trust.NoLoginError{Host: "ex1.contoso.test", Realm: "*.contoso.test"}
	if _, err := l.Login(t.Context(), "ex1.contoso.test"); !cmp.Equal(err, error(want)) {
		t.Errorf("Login = %#v, want %#v", err, want)
	}
	l.add(profile.LoginRef{Realm: "*.contoso.test", User: "ann", Secret: "keyring:lost"})
	_, err := l.Login(t.Context(), "ex1.contoso.test")
	if e, ok := errors.AsType[*trust.NoLoginError](err); !ok || e.User != "ann" || !errors.Is(err, profile.ErrSecretNotFound) {
		t.Errorf("with a secret that is lost: %v, want a NoLoginError for ann that wraps ErrSecretNotFound", err)
	}
	d["keyring:lost"] = "found"
	if _, err := l.Login(t.Context(), "ex1.contoso.test"); err != nil {
		t.Errorf("with the secret found again: %v", err)
	}
}

func TestARefusedSecretIsNotSentAgainUntilItChanges(t *testing.T) {
	p := profile.Profile{Logins: []profile.LoginRef{{Realm: "*.contoso.test", User: "ann", Secret: "keyring:a"}}}
	l, d := newLogins(p.Logins...)
	login, err := l.Login(t.Context(), "ex1.contoso.test")
	if err != nil {
		t.Fatal(err)
	}
	l.Refused("ex1.contoso.test", login)
	for cycle := range 3 {
		for _, host := range []string{"ex1.contoso.test", "ex2.contoso.test"} {
			_, err := l.Login(t.Context(), host)
			if e, ok := errors.AsType[*trust.NoLoginError](err); !ok || !e.Refused {
				t.Errorf("cycle %d, %s: %v, want a refused sign-in", cycle, host, err)
			}
		}
		l.begin(p)
	}
	d["keyring:a"] = "changed"
	if _, err := l.Login(t.Context(), "ex1.contoso.test"); err != nil {
		t.Errorf("after a change: %v", err)
	}
}

func TestAfterTwoRefusalsACycleSendsNothingMore(t *testing.T) {
	p := profile.Profile{Logins: []profile.LoginRef{
		{Realm: "*.contoso.test", User: "ann", Secret: "keyring:a"},
		{Realm: "*.fabrikam.test", User: "ann", Secret: "keyring:b"},
		{Realm: "*.tailspin.test", User: "ann", Secret: "keyring:c"},
	}}
	l, _ := newLogins(p.Logins...)
	for _, host := range []string{"ex.contoso.test", "ex.fabrikam.test"} {
		login, err := l.Login(t.Context(), host)
		if err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		l.Refused(host, login)
	}
	if _, err := l.Login(t.Context(), "ex.tailspin.test"); err == nil {
		t.Error("a third realm is tried in the same cycle")
	}
	l.begin(p)
	if _, err := l.Login(t.Context(), "ex.tailspin.test"); err != nil {
		t.Errorf("in the next cycle: %v", err)
	}
}

func TestASignInReplacesTheOneOfItsRealmAndStaysUntilItIsSaved(t *testing.T) {
	old := profile.LoginRef{Realm: "*.contoso.test", User: "old", Secret: "keyring:a"}
	other := profile.LoginRef{Realm: "*.fabrikam.test", User: "other", Secret: "keyring:b"}
	first := profile.LoginRef{Realm: "*.contoso.test", User: "first", Secret: "keyring:c"}
	second := profile.LoginRef{Realm: "*.contoso.test", User: "second", Secret: "keyring:c"}
	l, _ := newLogins(old, other)
	if l.pending() {
		t.Error("pending before anybody signed in")
	}
	l.add(first)
	l.add(second)
	l.begin(profile.Profile{Logins: []profile.LoginRef{old, other}}) // a cycle that did not save
	want := []profile.LoginRef{second, other}
	if diff := cmp.Diff(want, l.all()); diff != "" || !l.pending() {
		t.Errorf("pending %v; logins (-want +got):\n%s", l.pending(), diff)
	}
	l.saved(profile.Profile{Logins: want})
	if diff := cmp.Diff(want, l.all()); diff != "" || l.pending() {
		t.Errorf("after the save: pending %v; logins (-want +got):\n%s", l.pending(), diff)
	}
}

func TestASignInIsNotProvenByAnotherRealmThatRefusedIt(t *testing.T) {
	old := profile.LoginRef{Realm: "*.contoso.test", User: "old", Secret: "keyring:a"}
	other := profile.LoginRef{Realm: "*.fabrikam.test", User: "other", Secret: "keyring:b"}
	added := profile.LoginRef{Realm: "*.contoso.test", User: "new", Secret: "keyring:c"}
	for _, tt := range []struct {
		name   string
		refuse bool
		want   []profile.LoginRef
	}{
		{"let in", false, []profile.LoginRef{added, other}},
		{"refused", true, []profile.LoginRef{old, other}},
	} {
		l, _ := newLogins(old, other)
		l.add(added)
		login, err := l.Login(t.Context(), "mail.tailspin.test") // no realm of its own: the first sign-in
		if err != nil || login.User != "new" {
			t.Fatalf("%s: Login = %s, %v; want the new one", tt.name, login.User, err)
		}
		if tt.refuse {
			l.Refused("mail.tailspin.test", login)
		}
		if diff := cmp.Diff(tt.want, l.proven()); diff != "" {
			t.Errorf("%s: to be saved (-want +got):\n%s", tt.name, diff)
		}
	}
}
