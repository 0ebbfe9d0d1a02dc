package agent_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/servicetest"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

func TestAFailedSaveStaysOnlineAndIsTriedAgain(t *testing.T) {
	full := errors.New("no space left")
	for _, tt := range []struct {
		name   string
		answer error
	}{
		{"while nothing happens in the mailbox", nil},
		{"while mail arrives all the time", servicetest.Answer{Event: 7 * time.Second}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inHouse(t, ann(t, func(w *servicetest.World) {
				w.At(ex1, servicetest.Moved("EX2"))
				w.At(ex2, tt.answer)
				w.FailSaves(full, full)
			}), nil, func(t *testing.T, h *house) {
				box := h.box()
				if box.State != agent.Online || box.Problem == nil || !strings.Contains(box.Problem.Text, "no space left") {
					t.Errorf("%s with problem %+v, want online with the reason of the save", box.State, box.Problem)
				}
				if got := h.stored(servicetest.AnnID).Generation; got != 1 {
					t.Errorf("generation %d is stored, want 1", got)
				}
				h.pass(10 * time.Minute)
				h.wantCalls("save", "save fails", "save fails", "save 2: ex2.contoso.test")
				h.wantCalls("logon ", "logon ex1.contoso.test", "logon ex2.contoso.test")
				box = h.box()
				if box.Problem != nil || box.Generation != 2 {
					t.Errorf("after the save: problem %+v, generation %d; want none, 2", box.Problem, box.Generation)
				}
				if n := len(box.Journey); n == 0 || box.Journey[0].Host != ex1 || box.Journey[n-1].Step != "saved" {
					t.Errorf("journey %+v, want the whole of it, from the logon at ex1 to the save", box.Journey)
				}
				h.Session().Lose() // a journey that leads nowhere else does not replace it
				h.pass(0)
				if diff := cmp.Diff(box.Journey, h.box().Journey); diff != "" {
					t.Errorf("the journey after a lost session (-before +after):\n%s", diff)
				}
			})
		})
	}
}

func TestASaveThatSucceedsInALaterCycleIsNotRepeated(t *testing.T) {
	broken := errors.New("the hook is broken")
	inHouse(t, ann(t, func(w *servicetest.World) {
		w.At(ex1, servicetest.Moved("EX2"))
		w.FailSaves(errors.New("no space left"))
	}), hook(func() error { return broken }), func(t *testing.T, h *house) {
		h.pass(30 * time.Second)
		h.Session().Lose()
		h.pass(time.Hour)
		h.wantCalls("save", "save fails", "save 2: ex2.contoso.test")
		if box := h.box(); box.Problem == nil || box.Problem.Text != broken.Error() {
			t.Errorf("problem %+v, want that of the hook", box.Problem)
		}
	})
}

func TestAProfileChangedUnderneathBeginsACycleFromWhatItSaysNow(t *testing.T) {
	inHouse(t, ann(t, func(w *servicetest.World) { w.At(ex1, servicetest.Moved("EX2")) }), func(c *agent.Config) {
		resolve, store := c.Resolve, c.Store
		c.Resolve = func(ctx ctx, from logonclient.Target, name string) (logonclient.Target, error) {
			p := servicetest.Ann(ex3) // somebody else saves while the machine is on its way
			if _, err := store.Save(ctx, p, 1, profile.Reason{Text: "by hand"}); err != nil {
				t.Error(err)
			}
			return resolve(ctx, from, name)
		}
	}, func(t *testing.T, h *house) {
		h.wantTrace(`
			0s starting -> connecting: found
			0s logon ex1.contoso.test
			0s save 2: ex3.contoso.test
			0s resolve EX2
			0s connecting -> connecting: wrong server
			0s logon ex2.contoso.test
			0s save fails
			0s close ex2.contoso.test
			0s connecting -> connecting: found
			0s logon ex3.contoso.test
			0s connecting -> online: logged on`)
	})
}

func TestChangedRunsOnceAfterEachCommit(t *testing.T) {
	var seen []string
	inHouse(t, ann(t, func(w *servicetest.World) { w.At(ex1, nil, servicetest.Moved("EX2")) }), func(c *agent.Config) {
		store := c.Store
		c.Changed = func(ctx ctx, old, new profile.Profile) error {
			now, err := store.Load(ctx, new.ID)
			if err != nil {
				t.Error(err)
			}
			seen = append(seen, old.Place()+" -> "+new.Place()+", stored: "+now.Place())
			return nil
		}
	}, func(t *testing.T, h *house) {
		h.pass(time.Hour)
		if len(seen) != 0 {
			t.Errorf("Changed was called without a commit: %q", seen)
		}
		for range 2 {
			h.Session().Lose()
			h.pass(time.Hour)
		}
		if want := []string{"ex1.contoso.test -> ex2.contoso.test, stored: ex2.contoso.test"}; !cmp.Equal(want, seen) {
			t.Errorf("Changed saw %q, want %q", seen, want)
		}
	})
}

func TestAHookThatFailsIsShownAndRevertsNothing(t *testing.T) {
	inHouse(t, ann(t, func(w *servicetest.World) { w.At(ex1, servicetest.Moved("EX2")) }),
		hook(func() error { return errors.New("the hook is broken") }),
		func(t *testing.T, h *house) {
			box := h.box()
			if box.State != agent.Online || box.Generation != 2 || box.Problem == nil || box.Problem.Text != "the hook is broken" {
				t.Errorf("%s at generation %d with problem %+v, want online at 2 with that of the hook", box.State, box.Generation, box.Problem)
			}
			if got := h.stored(servicetest.AnnID).Place(); got != ex2 {
				t.Errorf("the profile points at %s, want %s", got, ex2)
			}
		})
}
