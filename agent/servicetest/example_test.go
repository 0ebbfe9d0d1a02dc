package servicetest_test

import (
	"context"
	"fmt"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/servicetest"
	"github.com/homing-mail/homing/profile"
)

// Ann's mailbox has moved to ex2: her server says so, and the agent follows.
func Example() {
	var w servicetest.World
	w.SetSecret(servicetest.AnnRef, servicetest.AnnSecret)
	w.At("ex1.contoso.test", servicetest.Moved("ex2"))

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := w.Store.Save(ctx, servicetest.Ann("ex1.contoso.test"), 0, profile.Reason{Text: "for the example"}); err != nil {
		fmt.Println(err)
		return
	}
	a := agent.New(w.Config())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	for status := range a.Watch(ctx) {
		if m := status.Mailboxes[0]; m.State == agent.Online {
			fmt.Println(m.State, "at", m.Server)
			break
		}
	}
	cancel()
	<-ended
	// Output: online at ex2.contoso.test
}
