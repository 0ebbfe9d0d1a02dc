package agent_test

import (
	"context"
	"fmt"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/servicetest"
	"github.com/homing-mail/homing/profile"
)

// A mailbox has moved from ex1 to ex2. In a real program Store, Secrets, Logon,
// Resolve and Discover are those of the packages profile, logonclient and
// autodiscover; here they belong to a World of fakes.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	world := new(servicetest.World)
	world.SetSecret(servicetest.AnnRef, servicetest.AnnSecret)
	if _, err := world.Store.Save(ctx, servicetest.Ann("ex1.contoso.test"), 0, profile.Reason{Text: "first logon"}); err != nil {
		fmt.Println(err)
	}
	world.At("ex1.contoso.test", servicetest.Moved("EX2"))

	a := agent.New(world.Config())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	for status := range a.Watch(ctx) {
		box := status.Mailboxes[0]
		if box.State.Settled() {
			fmt.Printf("%s: %s at %s, generation %d\n", box.Label, box.State, box.Server, box.Generation)
			for _, leg := range box.Journey {
				fmt.Println(leg.Step, leg.Host, "-", leg.Said)
			}
			break
		}
	}
	stop()
	fmt.Println(<-ended)
	// Output:
	// Ann: online at ex2.contoso.test, generation 2
	// logon ex1.contoso.test - ecWrongServer -> EX2
	// resolve ex2.contoso.test - EX2
	// logon ex2.contoso.test - logged on
	// saved  - generation 2: server ex1.contoso.test -> ex2.contoso.test
	// <nil>
}
