//go:build tray

package main

import (
	"context"
	"testing"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/agent/servicetest"
)

// What answers at the door is the agent, seen through both sockets.
func TestTheServiceAtTheDoor(t *testing.T) {
	servicetest.Run(t, func(t *testing.T, cfg agent.Config) agent.Service {
		paths := testPaths(t)
		a := agent.New(cfg)
		l, err := control.Listen(paths.Socket)
		if err != nil {
			t.Fatal(err)
		}
		d, err := alone(t.Context(), paths, true)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 3)
		go func() { ended <- a.Run(ctx) }()
		go func() { ended <- (&control.Server{Service: a}).Serve(ctx, l) }()
		go func() { ended <- (&control.Server{Service: &control.Client{Path: paths.Socket}}).Serve(ctx, d) }()
		t.Cleanup(func() {
			cancel()
			for range cap(ended) {
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
			d.Close()
		})
		return &control.Client{Path: paths.Window}
	})
}
