package agent_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/servicetest"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

const (
	fabRealm = "*.fabrikam.test"
	sentAnn  = ex1 + " ann@contoso.test swordfish-4711"
)

// unproven keeps Ann's profile as if it had been typed in.
func unproven(t *testing.T, more ...func(*servicetest.World)) func(*servicetest.World) {
	return func(w *servicetest.World) {
		p := servicetest.Ann(ex1)
		p.Proven = false
		w.Keep(t, p)
		for _, f := range more {
			f(w)
		}
	}
}

func TestAWrongPasswordIsSentOnceAndTheRightOneIsStoredOnlyAfterItWorked(t *testing.T) {
	inHouse(t, unproven(t, func(w *servicetest.World) { w.Password(ex1, "right") }), nil, func(t *testing.T, h *house) {
		h.wantTrace(`
			0s starting -> connecting: found
			0s logon ex1.contoso.test
			0s connecting -> needs you: unauthorized`)
		want := &agent.Need{
			Kind: agent.NeedSignIn, Host: ex1, Realm: "*.contoso.test", User: "ann@contoso.test",
			Why: "Connect at ex1.contoso.test:443: ex1.contoso.test has refused the sign-in of ann@contoso.test; it is not sent again until it changes",
		}
		if diff := cmp.Diff(want, h.box().Needs); diff != "" {
			t.Errorf("needs (-want +got):\n%s", diff)
		}

		h.pass(24 * time.Hour) // a look each hour
		if n := len(h.Calls("logon ")); n != 25 {
			t.Errorf("%d logons in a day, want 25", n)
		}
		h.wantSent(sentAnn)

		h.do(agent.Command{Op: agent.SignIn, Profile: servicetest.AnnID, Realm: "*.contoso.test", User: `CONTOSO\ann`, Secret: trust.NewSecret("wrong again")})
		h.wantState(agent.NeedsYou)
		if diff := cmp.Diff(servicetest.Ann(ex1).Logins, h.stored(servicetest.AnnID).Logins); diff != "" {
			t.Errorf("a sign-in that did not work is stored (-want +got):\n%s", diff)
		}

		h.do(agent.Command{Op: agent.SignIn, Profile: servicetest.AnnID, Realm: "*.contoso.test", User: `CONTOSO\ann`, Secret: trust.NewSecret("right")})
		h.wantState(agent.Online)
		if needs := h.box().Needs; needs != nil {
			t.Errorf("online and still needs %+v", needs)
		}
		h.wantSent(sentAnn, ex1+` CONTOSO\ann wrong again`, ex1+` CONTOSO\ann right`)
		wantLogins := []profile.LoginRef{{Realm: "*.contoso.test", User: `CONTOSO\ann`, Weakest: "basic", Secret: "keyring:00000000000000a1/*.contoso.test"}}
		if diff := cmp.Diff(wantLogins, h.stored(servicetest.AnnID).Logins); diff != "" {
			t.Errorf("stored logins (-want +got):\n%s", diff)
		}
	})
}

func TestARefusalWhereTheSignInHadWorkedAllowsOneDiscoveryThatDoesNotSendItAgain(t *testing.T) {
	inHouse(t, ann(t, func(w *servicetest.World) { w.Password(ex1, "another") }), nil, func(t *testing.T, h *house) {
		h.wantTrace(`
			0s starting -> connecting: found
			0s logon ex1.contoso.test
			0s connecting -> discovering: unauthorized
			0s discover ann at autodiscover.contoso.test
			0s discovering -> needs you: unauthorized`)
		h.wantSent(sentAnn)
		if needs := h.box().Needs; needs == nil || needs.Kind != agent.NeedSignIn || needs.Realm != "*.contoso.test" {
			t.Errorf("needs %+v, want a sign-in for *.contoso.test", needs)
		}
	})
}

func TestARefusalWhereTheSignInHadWorkedIsHealedByAnotherRealm(t *testing.T) {
	inHouse(t, func(w *servicetest.World) {
		p := servicetest.Ann(ex1)
		p.Endpoint.Autodiscover = fabIssuer
		p.Logins = append(p.Logins, profile.LoginRef{Realm: fabRealm, User: "ann@fabrikam.test", Secret: "keyring:fab"})
		w.Keep(t, p)
		w.SetSecret("keyring:fab", "marlin-0815")
		w.Trusted = []string{fabRealm}
		w.Password(ex1, "another")
		w.Autodiscover(servicetest.Names(fab, fabDN, fabIssuer))
	}, nil, func(t *testing.T, h *house) {
		h.wantTrace(`
			0s starting -> connecting: found
			0s logon ex1.contoso.test
			0s connecting -> discovering: unauthorized
			0s discover ann at autodiscover.fabrikam.test
			0s discovering -> connecting: found
			0s logon mail.fabrikam.test as /o=Fabrikam/ou=Second/cn=Recipients/cn=ann
			0s save 2: mail.fabrikam.test
			0s connecting -> online: logged on`)
		h.wantSent(sentAnn, "autodiscover.fabrikam.test ann@fabrikam.test marlin-0815", fab+" ann@fabrikam.test marlin-0815")
	})
}

func TestAnUntrustedHostReceivesNothingUntilSomebodyAllowsIt(t *testing.T) {
	inHouse(t, ann(t, func(w *servicetest.World) {
		w.At(ex1, unknown)
		w.Autodiscover(servicetest.Names(fab, fabDN, servicetest.Issuer))
	}), nil, func(t *testing.T, h *house) {
		h.wantTrace(`
			0s starting -> connecting: found
			0s logon ex1.contoso.test
			0s connecting -> discovering: unknown here
			0s discover ann at autodiscover.contoso.test
			0s discovering -> connecting: found
			0s logon mail.fabrikam.test as /o=Fabrikam/ou=Second/cn=Recipients/cn=ann
			0s connecting -> needs you: untrusted`)
		want := trust.Hop{MailDomain: "contoso.test", From: "autodiscover.contoso.test:443", To: "mail.fabrikam.test:443", How: trust.FromSettings}
		if needs := h.box().Needs; needs == nil || needs.Kind != agent.NeedTrust || needs.Hop != want || needs.Why == "" {
			t.Errorf("needs %+v, want trust in %+v, and why", needs, want)
		}
		sent := []string{sentAnn, "autodiscover.contoso.test ann@contoso.test swordfish-4711"}
		h.wantSent(sent...)

		h.do(agent.Command{Op: agent.Trust, Profile: servicetest.AnnID, Host: "MAIL.fabrikam.test"})
		h.wantState(agent.Online)
		h.wantSent(append(append(sent, sent...), fab+" ann@contoso.test swordfish-4711")...)
		if got := h.stored(servicetest.AnnID).Place(); got != fab {
			t.Errorf("the profile points at %s, want %s", got, fab)
		}
	})
}

func TestAConsentThatIsTakenBackCountsAtOnce(t *testing.T) {
	inHouse(t, unproven(t), nil, func(t *testing.T, h *house) {
		const host = "mail.fabrikam.test"
		h.do(agent.Command{Op: agent.Trust, MailDomain: "contoso.test", Host: host})
		h.do(agent.Command{Op: agent.Distrust, MailDomain: "contoso.test", Host: host})
		h.At(ex1, unknown)
		h.Autodiscover(servicetest.Names(fab, fabDN, servicetest.Issuer))
		h.do(agent.Command{Op: agent.CheckNow})
		h.wantState(agent.NeedsYou)
	})
	t.Run("without host or domain it is no consent", func(t *testing.T) {
		inHouse(t, ann(t), nil, func(t *testing.T, h *house) {
			for _, c := range []agent.Command{{Op: agent.Trust, Host: fab}, {Op: agent.Trust, Profile: servicetest.AnnID}} {
				if _, err := h.Do(t.Context(), c); err == nil {
					t.Errorf("Do(%+v) succeeds", c)
				}
			}
		})
	})
}

func TestWithoutTheRightToTheMailboxAnAdministratorIsNeeded(t *testing.T) {
	inHouse(t, ann(t, func(w *servicetest.World) {
		w.At(ex1, servicetest.Refusal(logonclient.Denied, "ecLoginPerm"), nil)
	}), nil, func(t *testing.T, h *house) {
		h.wantState(agent.NeedsYou)
		if needs := h.box().Needs; needs == nil || needs.Kind != agent.NeedAccess {
			t.Errorf("needs %+v, want access", needs)
		}
		h.pass(time.Hour) // looked again without anybody's help
		h.wantState(agent.Online)
		h.wantCalls("discover ")
	})
}

func TestTheQuestionSaysWhoSendsUsThere(t *testing.T) {
	redirect := servicetest.Refusal(logonclient.Redirected, "")
	redirect.HTTPStatus, redirect.URL = 302, "https://mail.fabrikam.test/mapi/emsmdb/"
	for _, tt := range []struct {
		answer error
		how    trust.How
	}{
		{servicetest.Moved("FAB"), trust.FromServerName},
		{redirect, trust.FromHTTPRedirect},
	} {
		inHouse(t, ann(t, func(w *servicetest.World) {
			w.Resolved = func(string) (string, error) { return fab, nil }
			w.At(ex1, tt.answer)
		}), nil, func(t *testing.T, h *house) {
			h.wantState(agent.NeedsYou)
			want := trust.Hop{MailDomain: "contoso.test", From: "ex1.contoso.test:443", To: "mail.fabrikam.test:443", How: tt.how}
			if needs := h.box().Needs; needs == nil || needs.Hop != want {
				t.Errorf("needs %+v, want trust in %+v", needs, want)
			}
			h.wantSent(sentAnn)
		})
	}
}
