package trust

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// drawer answers one login, or err, and counts.
type drawer struct {
	login   Login
	err     error
	asked   []string
	refused []string
}

func (d *drawer) Login(_ context.Context, host string) (Login, error) {
	d.asked = append(d.asked, host)
	return d.login, d.err
}

func (d *drawer) Refused(host string, _ Login) { d.refused = append(d.refused, host) }

var (
	inside  = Hop{MailDomain: "contoso.test", To: "mx.contoso.test:443", How: FromDomain}
	outside = Hop{MailDomain: "contoso.test", To: "mx.fabrikam.test:443", How: FromRedirectURL}
	nowhere = Hop{MailDomain: "contoso.test", To: "192.0.2.1:443", How: FromRedirectURL}
)

func TestGrantChoosesAScheme(t *testing.T) {
	tests := []struct {
		name    string
		login   Login
		offered []string
		want    Scheme // empty: a *SchemeError
	}{
		{"a password goes by basic", Login{}, []string{"basic"}, Basic},
		{"the case of an offer does not matter", Login{}, []string{"BASIC"}, Basic},
		{"schemes that are not served are passed over", Login{}, []string{"negotiate", "ntlm", "basic"}, Basic},
		{"a token goes by bearer", Login{Bearer: true}, []string{"basic", "bearer"}, Bearer},
		{"a token never goes by basic", Login{Bearer: true}, []string{"basic"}, ""},
		{"a password never goes by bearer", Login{}, []string{"bearer"}, ""},
		{"nothing offered is nothing usable", Login{}, nil, ""},
		{"only schemes that are not served", Login{}, []string{"negotiate", "ntlm"}, ""},
		{"a login that accepts basic by name", Login{Weakest: Basic}, []string{"basic"}, Basic},
		{"a login that wants more than basic", Login{Weakest: NTLM}, []string{"basic"}, ""},
		{"a login that wants bearer gets it", Login{Weakest: Bearer, Bearer: true}, []string{"bearer"}, Bearer},
		{"a weakest scheme in capitals is not waved through", Login{Weakest: "NTLM"}, []string{"basic"}, ""},
		{"a weakest scheme that nobody knows is not waved through", Login{Weakest: "kerberos"}, []string{"basic"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.login.User, tt.login.Secret = "ann", NewSecret(password)
			g, err := Rules{}.Grant(t.Context(), inside, tt.offered, &drawer{login: tt.login})
			if tt.want == "" {
				if e, ok := errors.AsType[*SchemeError](err); !ok || e.Host != "mx.contoso.test" || !g.IsZero() {
					t.Fatalf("Grant = %v, %v; want a *SchemeError", g.Scheme(), err)
				}
				return
			}
			if err != nil || g.Scheme() != tt.want || g.To() != "mx.contoso.test:443" || g.Login().User != "ann" {
				t.Errorf("Grant = %s by %s for %s, %v; want %s", g.To(), g.Scheme(), g.Login().User, err, tt.want)
			}
		})
	}
}

// A password goes by Basic where the administrator says so; whoever says nothing
// allows it wherever it may be received.
func TestBasicGoesWhereThePolicySays(t *testing.T) {
	password, token := Login{}, Login{Bearer: true}
	for _, tt := range []struct {
		name    string
		basic   []string
		login   Login
		to      string
		offered []string
		want    Scheme // empty: a *SchemeError that names the key
	}{
		{"nothing is said", nil, password, "mx.contoso.test:443", []string{"basic"}, Basic},
		{"every host", []string{"*"}, password, "mx.contoso.test:443", []string{"basic"}, Basic},
		{"every host, at every port", []string{"*"}, password, "mx.contoso.test:8443", []string{"basic"}, Basic},
		{"no host", []string{}, password, "mx.contoso.test:443", []string{"basic"}, ""},
		{"the host", []string{"mx.contoso.test"}, password, "mx.contoso.test:443", []string{"ntlm", "Basic"}, Basic},
		{"a pattern", []string{"*.contoso.test"}, password, "mx.contoso.test:443", []string{"basic"}, Basic},
		{"another host", []string{"ex.contoso.test"}, password, "mx.contoso.test:443", []string{"ntlm", "Basic"}, ""},
		{"a name that ends alike", []string{"*.contoso.test"}, password, "mx.evilcontoso.test:443", []string{"basic"}, ""},
		{"another port", []string{"mx.contoso.test"}, password, "mx.contoso.test:8443", []string{"basic"}, ""},
		{"the port", []string{"mx.contoso.test:8443"}, password, "mx.contoso.test:8443", []string{"basic"}, Basic},
		{"a token is no password", []string{}, token, "mx.contoso.test:443", []string{"basic", "bearer"}, Bearer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rules := Rules{Basic: tt.basic}
			hop := Hop{MailDomain: "contoso.test", To: tt.to, How: FromConfiguration}
			g, err := rules.Grant(t.Context(), hop, tt.offered, &drawer{login: tt.login})
			if tt.want != "" {
				if err != nil || g.Scheme() != tt.want {
					t.Errorf("Grant by %q, %v; want %q", g.Scheme(), err, tt.want)
				}
				return
			}
			e, ok := errors.AsType[*SchemeError](err)
			if !ok || !g.IsZero() || !e.NoBasic || e.Downgrade() || !strings.Contains(err.Error(), "no password goes there by basic: trust.basic does not name it") {
				t.Errorf("Grant by %q, %v; want a *SchemeError", g.Scheme(), err)
			}
		})
	}
	// To allow Basic allows nobody to receive anything.
	if _, err := (Rules{Basic: []string{"mx.fabrikam.test"}}).Grant(t.Context(), outside, []string{"basic"}, &drawer{}); err == nil {
		t.Error("a stranger receives the password")
	} else if _, ok := IsUntrusted(err); !ok {
		t.Errorf("a stranger: %v", err)
	}
	// Whose login wants more is told of that, and not of the policy.
	_, err := Rules{Basic: []string{}}.Grant(t.Context(), inside, []string{"basic"}, &drawer{login: Login{Weakest: NTLM}})
	if e, ok := errors.AsType[*SchemeError](err); !ok || e.NoBasic || !e.Downgrade() {
		t.Errorf("a downgrade: %v", err)
	}
}

func TestGrantJudgesBeforeItAsksForALogin(t *testing.T) {
	for _, tt := range []struct {
		hop  Hop
		want Verdict
	}{{outside, Ask}, {nowhere, Refuse}} {
		d := &drawer{login: Login{User: "ann"}}
		g, err := Rules{}.Grant(t.Context(), tt.hop, []string{"basic"}, d)
		untrusted, ok := IsUntrusted(err)
		if !ok || untrusted.Verdict != tt.want || untrusted.Hop != tt.hop || !g.IsZero() || len(d.asked) != 0 {
			t.Errorf("%v: grant %v, error %v, logins asked for %v", tt.hop, g.To(), err, d.asked)
		}
		if access := (Access{Hop: tt.hop}).Judge(); access == nil {
			t.Errorf("%v: Access.Judge allows it", tt.hop)
		}
	}
	// The twin: a rule that names the host.
	d := &drawer{login: Login{User: "ann"}}
	access := Access{Rules: Rules{Trusted: []string{"mx.fabrikam.test"}}, Hop: outside, Logins: d}
	g, err := access.Grant(t.Context(), []string{"basic"})
	if err != nil || g.To() != "mx.fabrikam.test:443" || len(d.asked) != 1 || d.asked[0] != "mx.fabrikam.test" || access.Judge() != nil {
		t.Errorf("grant %v, error %v, logins asked for %v", g.To(), err, d.asked)
	}
}

func TestGrantWithoutALogin(t *testing.T) {
	_, err := Rules{}.Grant(t.Context(), inside, []string{"basic"}, nil)
	if e, ok := errors.AsType[*NoLoginError](err); !ok || e.Host != "mx.contoso.test" || e.Realm != "*.contoso.test" {
		t.Errorf("without logins: %v", err)
	}
	want := &NoLoginError{Host: "mx.contoso.test", Realm: "*.contoso.test"}
	_, err = Rules{}.Grant(t.Context(), inside, []string{"basic"}, &drawer{err: want})
	if err != error(want) {
		t.Errorf("the error of the logins becomes %v", err)
	}
}

func TestGrantTellsOfARefusal(t *testing.T) {
	d := &drawer{login: Login{User: "ann"}}
	g, err := Rules{}.Grant(t.Context(), inside, []string{"basic"}, d)
	if err != nil {
		t.Fatal(err)
	}
	g.Refused()
	if len(d.refused) != 1 || d.refused[0] != "mx.contoso.test" {
		t.Errorf("refusals told: %v", d.refused)
	}
}

func TestStronger(t *testing.T) {
	for _, tt := range []struct {
		name       string
		a, b, want Scheme
	}{
		{"nothing is basic", "", "", ""},
		{"NTLM is more than basic", Basic, NTLM, NTLM},
		{"negotiate is more than NTLM", NTLM, Negotiate, Negotiate},
		{"bearer is more than negotiate", Negotiate, Bearer, Bearer},
		{"anything is more than nothing", "", NTLM, NTLM},
		{"what nobody knows is more than all", Bearer, "kerberos", "kerberos"},
		{"the same is the same", NTLM, NTLM, NTLM},
	} {
		if got := Stronger(tt.a, tt.b); got != tt.want {
			t.Errorf("%s: Stronger(%q, %q) = %q", tt.name, tt.a, tt.b, got)
		}
		if got := Stronger(tt.b, tt.a); got != tt.want {
			t.Errorf("%s: Stronger(%q, %q) = %q", tt.name, tt.b, tt.a, got)
		}
	}
}

func TestDowngradeIsAnErrorOfItsOwn(t *testing.T) {
	for _, tt := range []struct {
		name    string
		login   Login
		offered []string
		want    bool
	}{
		{"a token where only basic is offered", Login{Bearer: true}, []string{"Basic"}, true},
		{"a token where NTLM and basic are offered", Login{Bearer: true, Weakest: Basic}, []string{"NTLM", "Basic"}, true},
		{"a password that has to go by NTLM, where only basic is offered", Login{Weakest: NTLM}, []string{"basic"}, true},
		{"a password that has to go by negotiate, where NTLM is offered", Login{Weakest: Negotiate}, []string{"ntlm", "basic"}, true},
		{"a scheme that nobody knows beside basic", Login{Weakest: NTLM}, []string{"digest", "basic"}, true},
		{"a password where only bearer is offered, which is no less", Login{}, []string{"bearer"}, false},
		{"a password where nothing is offered", Login{Weakest: NTLM}, nil, false},
		{"a password where only an unknown scheme is offered", Login{Weakest: NTLM}, []string{"digest"}, false},
		{"a password that has to go by NTLM, which is offered and not served", Login{Weakest: NTLM}, []string{"ntlm", "basic"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Rules{}.Grant(t.Context(), inside, tt.offered, &drawer{login: tt.login})
			e, ok := errors.AsType[*SchemeError](err)
			if !ok || e.Downgrade() != tt.want {
				t.Fatalf("%v: want a *SchemeError with Downgrade %v", err, tt.want)
			}
			if said := strings.Contains(err.Error(), "authentication downgrade: mx.contoso.test offers "); said != tt.want {
				t.Errorf("%q: downgrade %v", err, tt.want)
			}
		})
	}
}

func TestZeroGrantIsNothing(t *testing.T) {
	var g Grant
	g.Refused() // nobody to tell
	if !g.IsZero() || g.To() != "" || g.Scheme() != "" || !g.Login().Secret.IsZero() {
		t.Error("the zero grant permits something")
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	ask := &UntrustedError{Hop: Hop{From: "a.contoso.test:443", To: "mx.fabrikam.test:443", How: FromRedirectURL}, Verdict: Ask, Why: "it is outside"}
	refuse := &UntrustedError{Hop: Hop{To: "192.0.2.1:443", How: FromDomain}, Verdict: Refuse, Why: "an IP address"}
	cause := errors.New("keyring is locked")
	for _, tt := range []struct {
		err  error
		want []string
	}{
		{ask, []string{"a.contoso.test:443 -> mx.fabrikam.test:443", "RedirectUrl", "outside", "homing trust add mx.fabrikam.test"}},
		{refuse, []string{"refused", "192.0.2.1:443", "IP address"}},
		{&NoLoginError{Host: "mx.contoso.test", Realm: "*.contoso.test"}, []string{"no sign-in for mx.contoso.test", "*.contoso.test"}},
		{&NoLoginError{Host: "mx.contoso.test", Realm: "*.contoso.test", Err: cause}, []string{"keyring is locked"}},
		{&NoLoginError{Host: "mx.contoso.test", User: "ann", Refused: true}, []string{"refused the sign-in of ann", "until it changes"}},
		{&SchemeError{Host: "mx.contoso.test", Offered: []string{"ntlm", "negotiate"}}, []string{"mx.contoso.test offers ntlm, negotiate"}},
		{&SchemeError{Host: "mx.contoso.test"}, []string{"offers nothing"}},
	} {
		for _, part := range tt.want {
			if !strings.Contains(tt.err.Error(), part) {
				t.Errorf("%q does not say %q", tt.err, part)
			}
		}
	}
	if strings.Contains(refuse.Error(), "homing trust add") {
		t.Errorf("%q offers what nobody may allow", refuse)
	}
	if !errors.Is(&NoLoginError{Err: cause}, cause) {
		t.Error("the cause is lost")
	}
}
