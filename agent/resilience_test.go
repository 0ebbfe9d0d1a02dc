package agent_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/servicetest"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// locked is a keyring that is locked until Open.
type locked struct {
	profile.Secrets
	open chan struct{}
}

func (l locked) Get(ctx context.Context, ref string) (trust.Secret, error) {
	select {
	case <-l.open:
		return l.Secrets.Get(ctx, ref)
	default:
		return trust.Secret{}, &profile.SecretError{Ref: ref, Backend: "keyring", Op: "get", Err: profile.ErrSecretLocked}
	}
}

func TestALockedKeyringIsTriedAgainSoonAndAsksNobodyTwice(t *testing.T) {
	open := make(chan struct{})
	inHouse(t, ann(t), func(c *agent.Config) { c.Secrets = locked{c.Secrets, open} }, func(t *testing.T, h *house) {
		h.wantState(agent.NeedsYou)
		if m := h.box(); m.Needs == nil || m.Needs.Kind != agent.NeedSignIn || m.Next.Sub(m.Since) > time.Minute {
			t.Errorf("needs %+v, looks again at %v", m.Needs, m.Next)
		}
		h.wantSent()
		close(open)
		h.pass(time.Minute)
		h.wantState(agent.Online)
	})
}

// broken is a store that cannot be listed.
type broken struct{ profile.Store }

func (broken) List(context.Context) ([]profile.ID, error) {
	return nil, errors.New("input/output error")
}

func TestAStoreThatCannotBeListedEndsTheAgentAndKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := new(servicetest.World).Config()
		config.Store = broken{config.Store}
		a := agent.New(config)
		if err := a.Run(t.Context()); err == nil {
			t.Error("Run returns no error")
		}
		if _, err := a.Do(t.Context(), agent.Command{Op: agent.CheckNow}); err == nil {
			t.Error("Do returns no error")
		}
		for status, err := range a.Watch(t.Context()) {
			if len(status.Mailboxes) != 0 || err != nil {
				t.Errorf("Watch yields %+v, %v", status, err)
			}
		}
	})
}

func TestWhatAServerSaysOfItselfIsNoGeneration(t *testing.T) {
	facts := servicetest.Facts()
	facts.ServerVersion, facts.DisplayName = "15.2.9999", "Ann at another front end"
	inHouse(t, ann(t, func(w *servicetest.World) { w.At(ex1, servicetest.Answer{Facts: facts}) }), nil, func(t *testing.T, h *house) {
		h.wantState(agent.Online)
		h.wantCalls("save ")
		if got := h.box().Version; got != "15.2.9999" {
			t.Errorf("the version shown is %q", got)
		}
	})
	other := facts
	other.ReplGUID = "db2"
	t.Run("the twin: with another database it is", func(t *testing.T) {
		inHouse(t, ann(t, func(w *servicetest.World) { w.At(ex1, servicetest.Answer{Facts: other}) }), nil, func(t *testing.T, h *house) {
			if got := h.stored(servicetest.AnnID); got.Generation != 2 || got.Identity.ServerVersion != "15.2.9999" {
				t.Errorf("generation %d, version %q", got.Generation, got.Identity.ServerVersion)
			}
		})
	})
}

func TestAddTwiceIsOneMailbox(t *testing.T) {
	inHouse(t, func(w *servicetest.World) { w.Autodiscover(servicetest.Nobody, servicetest.Nobody) }, nil, func(t *testing.T, h *house) {
		first := h.do(agent.Command{Op: agent.Add, Address: "ann@contoso.test"})
		if again := h.do(agent.Command{Op: agent.Add, Address: "Ann@Contoso.Test"}); again != first {
			t.Errorf("ids %s and %s", first, again)
		}
		if id := h.box().ID; id != first {
			t.Errorf("the mailbox is %s, want %s", id, first)
		}
	})
}

func TestASignInByAPersonIsSentAlthoughItWasRefused(t *testing.T) {
	again := agent.Command{Op: agent.SignIn, Profile: servicetest.AnnID, Realm: "*.contoso.test", SecretRef: servicetest.AnnRef}
	shut := func(w *servicetest.World) { w.Password(ex1, "not yet") }
	inHouse(t, ann(t, shut), nil, func(t *testing.T, h *house) {
		h.wantState(agent.NeedsYou)
		h.pass(48 * time.Hour)
		before := len(h.Sent())
		if before != 1 {
			t.Errorf("sent %d times in two days, want once", before)
		}
		h.Password(ex1, servicetest.AnnSecret) // the account is open again
		h.do(again)
		h.wantState(agent.Online)
	})
}

func TestALogonProvesTheServerAndNotEveryHostOfAnImport(t *testing.T) {
	signIn := agent.Command{Op: agent.SignIn, Profile: servicetest.AnnID, Realm: servicetest.AnnRealm, SecretRef: servicetest.AnnRef}
	for _, tt := range []struct {
		name, issuer, book   string
		wantIssuer, wantBook string
	}{
		{"strangers are not kept", "https://autodiscover.tailspin.test/autodiscover/autodiscover.xml", "https://mx.tailspin.test/mapi/nspi/", "", ""},
		{"hosts of the mail domain are", servicetest.Issuer, "https://ex1.contoso.test/mapi/nspi/", servicetest.Issuer, "https://ex1.contoso.test/mapi/nspi/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inHouse(t, func(w *servicetest.World) { w.SetSecret(servicetest.AnnRef, servicetest.AnnSecret) }, nil, func(t *testing.T, h *house) {
				draft := servicetest.Ann(ex1)
				mapi := *draft.Endpoint.MAPI
				mapi.AddressBook = tt.book
				draft.Endpoint.MAPI, draft.Endpoint.Autodiscover = &mapi, tt.issuer
				h.do(agent.Command{Op: agent.Import, Draft: &draft})
				h.do(signIn)
				h.wantState(agent.Online)
				got := h.stored(servicetest.AnnID)
				if !got.Proven || got.Endpoint.Autodiscover != tt.wantIssuer || got.Endpoint.MAPI.AddressBook != tt.wantBook {
					t.Errorf("proven %v, issuer %q, address book %q", got.Proven, got.Endpoint.Autodiscover, got.Endpoint.MAPI.AddressBook)
				}
			})
		})
	}
}

func TestASignInThatLetNobodyInIsNotSaved(t *testing.T) {
	inHouse(t, ann(t), nil, func(t *testing.T, h *house) {
		h.do(agent.Command{Op: agent.SignIn, Profile: servicetest.AnnID, Realm: "*.fabrikam.test", User: "ann", SecretRef: "keyring:fabrikam"})
		h.wantState(agent.Online)
		h.wantCalls("save ")
		if got := h.stored(servicetest.AnnID).Logins; len(got) != 1 {
			t.Errorf("logins %+v", got)
		}
	})
}

func TestManyAddsOfOneAddressAreOneMailbox(t *testing.T) {
	inHouse(t, func(w *servicetest.World) { w.Autodiscover(servicetest.Nobody) }, nil, func(t *testing.T, h *house) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { h.Do(t.Context(), agent.Command{Op: agent.Add, Address: "new@contoso.test"}) })
		}
		all.Wait()
		synctest.Wait()
		h.box() // fails where there is another number than one
	})
}

func TestAServerCannotMakeUsProbeWithoutEnd(t *testing.T) {
	facts := servicetest.Facts()
	facts.IdleLimit = time.Millisecond
	inHouse(t, ann(t, func(w *servicetest.World) {
		w.At(ex1, servicetest.Answer{Facts: facts, Event: time.Nanosecond})
	}), nil, func(t *testing.T, h *house) {
		h.pass(time.Minute)
		if n := h.Session().Probes(); n < 4 || n > 6 {
			t.Errorf("%d probes in a minute, want one each 15 s", n)
		}
	})
}
