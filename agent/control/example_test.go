package control_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/agent/servicetest"
	"github.com/homing-mail/homing/profile"
)

func Example() {
	dir, err := os.MkdirTemp("", "homing")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "run", "agent.sock")

	_, err = control.Dial(path)
	fmt.Println("before:", errors.Is(err, control.ErrNotRunning))

	// The agent, as a program runs it.
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	a := agent.New(new(servicetest.World).Config())
	l, err := control.Listen(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	ended := make(chan error, 2)
	go func() { ended <- a.Run(ctx) }()
	go func() { ended <- (&control.Server{Service: a}).Serve(ctx, l) }()

	// Another program.
	client, err := control.Dial(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.History(ctx, "00000000000000a1")
	fmt.Println("history:", errors.Is(err, profile.ErrNotFound), err)

	stop()
	fmt.Println(<-ended, <-ended)
	// Output:
	// before: true
	// history: true profile 00000000000000a1: no such profile or generation
	// <nil> <nil>
}
