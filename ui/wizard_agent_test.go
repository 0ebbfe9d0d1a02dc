package ui

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/servicetest"
)

// until does what is handed over until something can be read.
func (d *desk) until(want string) {
	d.Helper()
	late := time.After(10 * time.Second)
	for tick := time.Tick(time.Millisecond); !strings.Contains(d.read(), want); {
		select {
		case <-tick:
			d.flush()
		case <-late:
			d.Fatalf("%q was not to be read in time, but:\n%s", want, d.read())
		}
	}
}

// attended is a window at an agent that runs in world.
func attended(t *testing.T, world *servicetest.World) (*desk, *agent.Agent) {
	a := agent.New(world.Config())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	d := open(t, Config{Service: a})
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		d.Follow(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-followed
		<-ended
	})
	return d, a
}

// The whole way with an agent that runs: a consent, a wrong password, the right one.
func TestWizardWithAnAgent(t *testing.T) {
	const host = "mx1.fabrikam.test"
	world := new(servicetest.World)
	world.Autodiscover(servicetest.Names(host, servicetest.AnnDN, servicetest.Issuer))
	world.Password(host, right)
	d, _ := attended(t, world)

	toHost := func() int {
		n := 0
		for _, sent := range world.Sent() {
			if strings.HasPrefix(sent, host+" ") {
				n++
			}
		}
		return n
	}
	d.until("Where is your mailbox?")
	d.fill(0, " <"+servicetest.AnnAddress+">")
	d.tap("Next")
	d.until("This server asks for it:")
	d.reads("autodiscover.contoso.test")
	d.fill(1, wrong1)
	d.tap("Sign in")
	d.until("May this server have your password?")
	d.reads(host)
	d.tap("Not now")
	d.until("Answer the question…")
	d.tap("Answer the question…")
	if n := toHost(); n != 0 {
		t.Errorf("%d passwords went to the server before it was allowed", n)
	}
	d.tap("Allow")
	d.until("This server asks for it:")
	d.reads(host)
	d.fill(1, right)
	d.tap("Sign in")
	d.until("Your mailbox is at home on " + host + ".")
	d.tap("Done")
	d.until("Last looked")
	if toHost() == 0 {
		t.Error("nothing went to the server, though it was allowed")
	}
}

// What is given up leaves nothing behind.
func TestWizardWithAnAgentGivesUp(t *testing.T) {
	world := new(servicetest.World)
	world.Autodiscover(servicetest.Names("ex1.contoso.test", servicetest.AnnDN, servicetest.Issuer))
	world.Password("ex1.contoso.test", right)
	d, a := attended(t, world)

	d.until("Where is your mailbox?")
	d.fill(0, servicetest.AnnAddress)
	d.tap("Next")
	d.until("This server asks for it:")
	d.fill(1, wrong1)
	d.tap("Sign in")
	d.until("That was one try")
	d.tap("Back")
	for s, err := range a.Watch(t.Context()) {
		if err != nil || len(s.Mailboxes) != 0 {
			t.Errorf("there is %+v, %v", s.Mailboxes, err)
		}
		break
	}
	if d.tap("Next"); t.Failed() {
		return
	}
	d.until("This server asks for it:")
	d.fill(1, right)
	d.tap("Sign in")
	d.until("Your mailbox is at home on ex1.contoso.test.")
}
