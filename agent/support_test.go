package agent_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/servicetest"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

const (
	ex1 = "ex1.contoso.test"
	ex2 = "ex2.contoso.test"
	ex3 = "ex3.contoso.test"
	fab = "mail.fabrikam.test"

	fabDN     = "/o=Fabrikam/ou=Second/cn=Recipients/cn=ann"
	fabIssuer = "https://autodiscover.fabrikam.test/autodiscover/autodiscover.xml"
)

// house is an agent in a World in virtual time.
type house struct {
	*servicetest.World
	*agent.Agent
	t    *testing.T
	stop func() // ends the agent and waits for it
}

// inHouse runs f with an agent that keeps whom w knows. configure may be nil.
func inHouse(t *testing.T, prepare func(*servicetest.World), configure func(*agent.Config), f func(t *testing.T, h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := new(servicetest.World)
		prepare(w)
		cfg := w.Config()
		if configure != nil {
			configure(&cfg)
		}
		h := &house{World: w, Agent: agent.New(cfg), t: t}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.Run(ctx) }()
		h.stop = func() {
			cancel()
			if err, ok := <-ended; ok && err != nil {
				t.Errorf("Run = %v, want nil", err)
			}
			if n := w.Open(); n != 0 {
				t.Errorf("%d sessions are open after the end", n)
			}
			close(ended)
			h.stop = func() {}
		}
		defer func() { h.stop() }()
		synctest.Wait()
		f(t, h)
	})
}

// pass lets virtual time pass.
func (h *house) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// do carries out a command that has to be accepted.
func (h *house) do(c agent.Command) profile.ID {
	h.t.Helper()
	id, err := h.Do(h.t.Context(), c)
	if err != nil {
		h.t.Fatalf("Do(%s) = %v", c.Op, err)
	}
	synctest.Wait()
	return id
}

// box returns the snapshot of Ann's mailbox, or of the only one.
func (h *house) box() agent.Mailbox {
	h.t.Helper()
	for status, err := range h.Watch(h.t.Context()) {
		if err != nil || len(status.Mailboxes) != 1 {
			h.t.Fatalf("Watch yields %+v, %v; want one mailbox", status, err)
		}
		return status.Mailboxes[0]
	}
	h.t.Fatal("Watch yields nothing")
	return agent.Mailbox{}
}

func (h *house) wantState(want agent.State) {
	h.t.Helper()
	if got := h.box().State; got != want {
		h.t.Fatalf("state %q, want %q; trace:\n%s", got, want, strings.Join(h.Trace(), "\n"))
	}
}

// wantTrace compares the whole trace with want, a line a note.
func (h *house) wantTrace(want string) {
	h.t.Helper()
	var lines []string
	for line := range strings.Lines(want) {
		if fields := strings.Fields(line); len(fields) > 0 {
			lines = append(lines, strings.Join(fields, " "))
		}
	}
	if diff := cmp.Diff(lines, h.Trace()); diff != "" {
		h.t.Errorf("trace (-want +got):\n%s", diff)
	}
}

func (h *house) wantCalls(prefix string, want ...string) {
	h.t.Helper()
	if diff := cmp.Diff(want, h.Calls(prefix)); diff != "" {
		h.t.Errorf("calls %q (-want +got):\n%s", prefix, diff)
	}
}

func (h *house) wantSent(want ...string) {
	h.t.Helper()
	if diff := cmp.Diff(want, h.Sent()); diff != "" {
		h.t.Errorf("secrets sent (-want +got):\n%s", diff)
	}
}

// stored returns the profile as the store has it.
func (h *house) stored(id profile.ID) profile.Profile {
	h.t.Helper()
	p, err := h.Store.Load(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// ann keeps Ann's profile at ex1 and lets each of more prepare the world.
func ann(t *testing.T, more ...func(*servicetest.World)) func(*servicetest.World) {
	return func(w *servicetest.World) {
		w.Keep(t, servicetest.Ann(ex1))
		for _, f := range more {
			f(w)
		}
	}
}

type ctx = context.Context

// hook sets Config.Changed.
func hook(f func() error) func(*agent.Config) {
	return func(c *agent.Config) {
		c.Changed = func(context.Context, profile.Profile, profile.Profile) error { return f() }
	}
}

func otherFacts() logonclient.Facts {
	facts := servicetest.Facts()
	facts.ReplGUID = "db2"
	return facts
}
