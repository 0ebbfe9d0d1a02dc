package agent_test

import (
	"context"
	"io"
	"log"
	"testing"

	"go.uber.org/goleak"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/servicetest"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // net/http writes there what a broken server sends unasked
	goleak.VerifyTestMain(m)
}

func TestService(t *testing.T) {
	servicetest.Run(t, func(t *testing.T, cfg agent.Config) agent.Service {
		a := agent.New(cfg)
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		t.Cleanup(func() {
			stop()
			if err := <-ended; err != nil {
				t.Errorf("Run = %v", err)
			}
		})
		return a
	})
}
