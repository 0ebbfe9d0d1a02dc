package agent_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/servicetest"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

func TestPauseClosesTheSessionAndResumeLogsOnAgain(t *testing.T) {
	inHouse(t, ann(t), nil, func(t *testing.T, h *house) {
		h.do(agent.Command{Op: agent.Pause, Profile: servicetest.AnnID})
		h.wantState(agent.Paused)
		h.do(agent.Command{Op: agent.CheckNow})
		h.pass(24 * time.Hour)
		h.wantState(agent.Paused)
		h.wantCalls("logon ", "logon ex1.contoso.test")
		if n := h.Open(); n != 0 {
			t.Errorf("%d sessions are open while paused", n)
		}
		h.do(agent.Command{Op: agent.Resume, Profile: servicetest.AnnID})
		h.wantState(agent.Online)
	})
}

func TestCheckNowMakesAFreshLogon(t *testing.T) {
	for _, tt := range []struct {
		name    string
		command agent.Command
	}{
		{"for one mailbox", agent.Command{Op: agent.CheckNow, Profile: servicetest.AnnID}},
		{"for all", agent.Command{Op: agent.CheckNow}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inHouse(t, ann(t), nil, func(t *testing.T, h *house) {
				h.pass(time.Minute)
				h.do(tt.command)
				h.wantTrace(`
					0s starting -> connecting: found
					0s logon ex1.contoso.test
					0s connecting -> online: logged on
					1m0s close ex1.contoso.test
					1m0s online -> connecting: found
					1m0s logon ex1.contoso.test
					1m0s connecting -> online: logged on`)
			})
		})
	}
}

func TestAWakeEndsAWait(t *testing.T) {
	var wake chan struct{}
	inHouse(t, ann(t, func(w *servicetest.World) {
		w.At(ex1, gone, nil)
		w.Autodiscover(servicetest.Silent)
	}), func(c *agent.Config) {
		wake = make(chan struct{}) // of the bubble
		c.Wake = wake
	}, func(t *testing.T, h *house) {
		h.pass(3 * time.Second)
		wake <- struct{}{}
		h.pass(0)
		h.wantTrace(`
			0s starting -> connecting: found
			0s logon ex1.contoso.test
			0s connecting -> discovering: gone
			0s discover ann at autodiscover.contoso.test
			0s discovering -> waiting: no directory
			3s waiting -> connecting: found
			3s logon ex1.contoso.test
			3s connecting -> online: logged on`)
	})
}

func TestForgetEndsTheMachineAndRemovesTheProfileAndItsSecrets(t *testing.T) {
	for _, tt := range []struct {
		name string
		once bool
	}{
		{"of an agent that holds the session", false},
		{"of one that has not looked yet", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inHouse(t, ann(t), func(c *agent.Config) { c.Once = tt.once }, func(t *testing.T, h *house) {
				h.do(agent.Command{Op: agent.Forget, Profile: servicetest.AnnID})
				if _, err := h.Store.Load(t.Context(), servicetest.AnnID); !errors.Is(err, profile.ErrNotFound) {
					t.Errorf("Load = %v, want ErrNotFound", err)
				}
				if got := h.Secret(servicetest.AnnRef); got != "" {
					t.Error("the secret is still there")
				}
				for status := range h.Watch(t.Context()) {
					if len(status.Mailboxes) != 0 {
						t.Errorf("Watch still shows %+v", status.Mailboxes)
					}
					break
				}
				if _, err := h.Do(t.Context(), agent.Command{Op: agent.CheckNow, Profile: servicetest.AnnID}); !errors.Is(err, profile.ErrNotFound) {
					t.Errorf("Do = %v, want ErrNotFound", err)
				}
			})
		})
	}
}

func TestForgetThatFailsCanBeRepeated(t *testing.T) {
	deny := errors.New("permission denied")
	inHouse(t, ann(t), func(c *agent.Config) { c.Store = &sticky{c.Store, &deny} }, func(t *testing.T, h *house) {
		if _, err := h.Do(t.Context(), agent.Command{Op: agent.Forget, Profile: servicetest.AnnID}); !errors.Is(err, deny) {
			t.Fatalf("Do = %v, want %v", err, deny)
		}
		h.wantState(agent.Stopped)
		deny = nil
		h.do(agent.Command{Op: agent.Forget, Profile: servicetest.AnnID})
		if _, err := h.Store.Load(t.Context(), servicetest.AnnID); !errors.Is(err, profile.ErrNotFound) {
			t.Errorf("Load = %v, want ErrNotFound", err)
		}
	})
}

// sticky is a store that does not delete while *err is set.
type sticky struct {
	profile.Store
	err *error
}

func (s *sticky) Delete(ctx context.Context, id profile.ID) error {
	if *s.err != nil {
		return *s.err
	}
	return s.Store.Delete(ctx, id)
}

func TestRollbackPointsAtTheOldPlaceAndIsProvenByALogon(t *testing.T) {
	inHouse(t, ann(t, func(w *servicetest.World) { w.At(ex1, servicetest.Moved("EX2"), nil) }), nil, func(t *testing.T, h *house) {
		h.do(agent.Command{Op: agent.Rollback, Profile: servicetest.AnnID, Generation: 1})
		h.wantState(agent.Online)
		history, err := h.History(t.Context(), servicetest.AnnID)
		if err != nil {
			t.Fatal(err)
		}
		type row struct {
			N      uint64
			Place  string
			Proven bool
		}
		var got []row
		for _, g := range history {
			got = append(got, row{g.Profile.Generation, g.Profile.Place(), g.Profile.Proven})
		}
		if diff := cmp.Diff([]row{{1, ex1, true}, {2, ex2, true}, {3, ex1, false}, {4, ex1, true}}, got); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
		if _, err := h.Do(t.Context(), agent.Command{Op: agent.Rollback, Profile: servicetest.AnnID, Generation: 9}); !errors.Is(err, profile.ErrNotFound) {
			t.Errorf("rollback to a generation that is not there: %v, want ErrNotFound", err)
		}
	})
}

func TestAddWritesTheProfileAfterTheLogon(t *testing.T) {
	inHouse(t, func(w *servicetest.World) {
		w.Password("autodiscover.contoso.test", "right")
		w.Autodiscover(servicetest.Names(ex1, servicetest.AnnDN, servicetest.Issuer))
	}, nil, func(t *testing.T, h *house) {
		id := h.do(agent.Command{Op: agent.Add, Address: "ann@contoso.test", Label: "Ann", Secret: trust.NewSecret("wrong")})
		h.wantState(agent.NeedsYou)
		if _, err := h.Store.Load(t.Context(), id); !errors.Is(err, profile.ErrNotFound) {
			t.Errorf("before the first logon: Load = %v, want ErrNotFound", err)
		}
		h.do(agent.Command{Op: agent.SignIn, Profile: id, Realm: h.box().Needs.Realm, Secret: trust.NewSecret("right")})
		h.wantTrace(`
			0s starting -> discovering: nothing better
			0s discover address at autodiscover.contoso.test
			0s discovering -> needs you: unauthorized
			0s needs you -> discovering: nothing better
			0s discover address at autodiscover.contoso.test
			0s discovering -> connecting: found
			0s logon ex1.contoso.test
			0s save 1: ex1.contoso.test
			0s connecting -> online: logged on`)
		got := h.stored(id)
		if got.Endpoint.Autodiscover != servicetest.Issuer || !got.Proven || got.Label != "Ann" {
			t.Errorf("stored %+v, want a proven profile named Ann from %s", got, servicetest.Issuer)
		}
		want := []profile.LoginRef{{Realm: "*.contoso.test", User: "ann@contoso.test", Weakest: "basic", Secret: "keyring:" + string(id) + "/*.contoso.test"}}
		if diff := cmp.Diff(want, got.Logins); diff != "" {
			t.Errorf("logins (-want +got):\n%s", diff)
		}
	})
}

func TestImportIsUnprovenUntilALogon(t *testing.T) {
	inHouse(t, func(w *servicetest.World) {
		w.SetSecret(servicetest.AnnRef, servicetest.AnnSecret)
		w.At(ex1, inTransit, nil)
	}, nil, func(t *testing.T, h *house) {
		draft := servicetest.Ann(ex1)
		h.do(agent.Command{Op: agent.Import, Draft: &draft})
		if got := h.stored(servicetest.AnnID); got.Proven || len(got.Logins) != 0 {
			t.Errorf("before any logon an import is proven (%v) or may sign in: %v", got.Proven, got.Logins)
		}
		h.pass(time.Minute)
		if got := h.stored(servicetest.AnnID); got.Proven {
			t.Error("an import has logged on with a sign-in of its own")
		}
		h.do(agent.Command{Op: agent.SignIn, Profile: servicetest.AnnID, Realm: "*.contoso.test", SecretRef: servicetest.AnnRef})
		h.pass(time.Minute)
		if got := h.stored(servicetest.AnnID); !got.Proven {
			t.Error("after the logon it is still unproven")
		}
		if _, err := h.Do(t.Context(), agent.Command{Op: agent.Import, Draft: &draft}); !errors.Is(err, profile.ErrConflict) {
			t.Errorf("the same profile again: %v, want ErrConflict", err)
		}
	})
}

func TestCommandsThatMakeNoSenseAreRefused(t *testing.T) {
	inHouse(t, ann(t), func(c *agent.Config) { c.SecretRef = nil }, func(t *testing.T, h *house) {
		before := h.Trace()
		for _, c := range []agent.Command{
			{},
			{Op: "dance", Profile: servicetest.AnnID},
			{Op: agent.Pause},
			{Op: agent.Add, Address: "nobody"},
			{Op: agent.Add, Address: "ben@contoso.test", Secret: trust.NewSecret("x")}, // no place for it
			{Op: agent.Import},
			{Op: agent.SignIn, Profile: servicetest.AnnID, Secret: trust.NewSecret("x")}, // no realm
		} {
			if _, err := h.Do(t.Context(), c); err == nil {
				t.Errorf("Do(%+v) succeeds", c)
			}
		}
		if diff := cmp.Diff(before, h.Trace()); diff != "" {
			t.Errorf("something happened (-before +after):\n%s", diff)
		}
	})
}

func TestOnceEndsWithTheFirstCycle(t *testing.T) {
	once := func(c *agent.Config) { c.Once = true }
	t.Run("online", func(t *testing.T) {
		inHouse(t, ann(t), once, func(t *testing.T, h *house) {
			h.pass(time.Hour)
			h.wantTrace("")
			h.do(agent.Command{Op: agent.CheckNow})
			h.pass(24 * time.Hour)
			h.wantTrace(`
				1h0m0s starting -> connecting: found
				1h0m0s logon ex1.contoso.test
				1h0m0s close ex1.contoso.test
				1h0m0s connecting -> online: logged on`)
		})
	})
	t.Run("waiting", func(t *testing.T) {
		inHouse(t, ann(t, func(w *servicetest.World) { w.At(ex1, inTransit) }), once, func(t *testing.T, h *house) {
			h.do(agent.Command{Op: agent.CheckNow})
			h.pass(24 * time.Hour)
			h.wantTrace(`
				0s starting -> connecting: found
				0s logon ex1.contoso.test
				0s connecting -> waiting: in transit`)
		})
	})
	t.Run("with a save that failed", func(t *testing.T) {
		inHouse(t, ann(t, func(w *servicetest.World) {
			w.At(ex1, servicetest.Moved("EX2"))
			w.FailSaves(errors.New("no space left"))
		}), once, func(t *testing.T, h *house) {
			h.do(agent.Command{Op: agent.CheckNow})
			h.pass(24 * time.Hour)
			if box := h.box(); box.State != agent.Online || box.Problem == nil {
				t.Errorf("%s with problem %+v, want online with one", box.State, box.Problem)
			}
			if n := h.Open(); n != 0 {
				t.Errorf("%d sessions are open", n)
			}
		})
	})
}

func TestOnlineIsNeverShownWithoutTheProblemOfItsSave(t *testing.T) {
	var h *house
	var seen []agent.Mailbox
	inHouse(t, ann(t, func(w *servicetest.World) {
		w.At(ex1, servicetest.Moved("EX2"))
		w.FailSaves(errors.New("no space left"))
	}), func(c *agent.Config) {
		c.Once = true
		c.Trace = func(tr agent.Transition) {
			if tr.To == agent.Online {
				seen = append(seen, h.box())
			}
		}
	}, func(t *testing.T, house *house) {
		h = house
		h.do(agent.Command{Op: agent.CheckNow})
		if len(seen) != 1 || seen[0].Problem == nil {
			t.Errorf("seen as online: %+v, want once, with a problem", seen)
		}
	})
}

func TestStoppingWhileConnectingSavesNothingAndLeavesNothing(t *testing.T) {
	var release func()
	prepare := ann(t, func(w *servicetest.World) {
		w.At(ex1, servicetest.Answer{Facts: otherFacts()})
		release = w.Hang()
	})
	t.Run("stopped", func(t *testing.T) {
		inHouse(t, prepare, nil, func(t *testing.T, h *house) {
			h.wantState(agent.Connecting)
			h.stop()
			h.wantTrace(`
				0s starting -> connecting: found
				0s logon ex1.contoso.test
				0s connecting -> stopped: cancelled`)
			if got := h.stored(servicetest.AnnID).Generation; got != 1 {
				t.Errorf("generation %d is stored, want 1", got)
			}
		})
	})
	t.Run("let go on", func(t *testing.T) { // the twin
		inHouse(t, prepare, nil, func(t *testing.T, h *house) {
			release()
			synctest.Wait()
			h.wantState(agent.Online)
			if got := h.stored(servicetest.AnnID).Generation; got != 2 {
				t.Errorf("generation %d is stored, want 2", got)
			}
		})
	})
}

func TestAnAgentThatHasEndedTakesNoCommands(t *testing.T) {
	inHouse(t, ann(t), nil, func(t *testing.T, h *house) {
		h.stop()
		before := h.Trace()
		for _, c := range []agent.Command{{Op: agent.CheckNow}, {Op: agent.Add, Address: "ben@contoso.test"}} {
			if _, err := h.Do(t.Context(), c); err == nil {
				t.Errorf("Do(%s) succeeds after the end", c.Op)
			}
		}
		synctest.Wait()
		if diff := cmp.Diff(before, h.Trace()); diff != "" {
			t.Errorf("something happened (-before +after):\n%s", diff)
		}
	})
}

func TestCommandsRightAfterTheStartKnowTheMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(servicetest.World)
		w.Keep(t, servicetest.Ann(ex1))
		cfg := w.Config()
		cfg.Once = true
		cfg.Store = slow{cfg.Store}
		a := agent.New(cfg)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.Run(ctx) }()
		for status := range a.Watch(ctx) {
			if len(status.Mailboxes) != 1 || status.Mailboxes[0].Address != "ann@contoso.test" {
				t.Errorf("the first snapshot is %+v, want ann@contoso.test", status.Mailboxes)
			}
			break
		}
		if _, err := a.Do(ctx, agent.Command{Op: agent.Trust, Profile: servicetest.AnnID, Host: fab}); err != nil {
			t.Errorf("Trust = %v", err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// slow is a store that takes its time to load.
type slow struct{ profile.Store }

func (s slow) Load(ctx context.Context, id profile.ID) (profile.Profile, error) {
	<-time.After(time.Second)
	return s.Store.Load(ctx, id)
}

func TestWatchYieldsTheLatestSnapshotAndEndsWithItsContext(t *testing.T) {
	inHouse(t, ann(t), nil, func(t *testing.T, h *house) {
		ctx, cancel := context.WithCancel(t.Context())
		var seen []agent.Status
		ended := make(chan struct{})
		hold := make(chan struct{})
		go func() {
			defer close(ended)
			for status, err := range h.Watch(ctx) {
				if err != nil {
					t.Errorf("Watch yields %v", err)
				}
				seen = append(seen, status)
				<-hold
			}
		}()
		synctest.Wait()
		h.do(agent.Command{Op: agent.CheckNow}) // many changes, while the watcher sleeps
		h.do(agent.Command{Op: agent.Pause, Profile: servicetest.AnnID})
		hold <- struct{}{}
		synctest.Wait()
		cancel()
		close(hold)
		<-ended
		var states []agent.State
		for _, status := range seen {
			states = append(states, status.Mailboxes[0].State)
		}
		if want := []agent.State{agent.Online, agent.Paused}; !slices.Equal(states, want) {
			t.Errorf("a slow watcher saw %v, want %v: the changes between are merged", states, want)
		}
		if seen[0].Seq >= seen[1].Seq || seen[0].Version != agent.StatusVersion {
			t.Errorf("seq %d, then %d, version %d", seen[0].Seq, seen[1].Seq, seen[0].Version)
		}
	})
}

func TestWatchEndsWithTheAgent(t *testing.T) {
	inHouse(t, ann(t), nil, func(t *testing.T, h *house) {
		var last agent.Status
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for status, err := range h.Watch(context.Background()) {
				if err != nil {
					t.Errorf("Watch yields %v", err)
				}
				last = status
			}
		}()
		synctest.Wait()
		h.stop()
		<-ended
		if len(last.Mailboxes) != 1 || last.Mailboxes[0].State != agent.Stopped {
			t.Errorf("the last snapshot is %+v, want ann's mailbox stopped", last)
		}
	})
}
