package program

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/homing-mail/homing/agent/control"
)

func TestARunningAgentRaisesTheWindowOfItsProgram(t *testing.T) {
	stuck := errors.New("the window does not answer")
	for _, tc := range []struct {
		name  string
		raise func(context.Context) error
		want  string // in the error; empty: there is none
		is    error
	}{
		{"that has come to the front", func(context.Context) error { return nil }, "", nil},
		{"that does not come", func(context.Context) error { return stuck }, stuck.Error(), nil},
		{"that it does not have", nil, errors.ErrUnsupported.Error(), errors.ErrUnsupported},
	} {
		t.Run(tc.name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			p := open(t, "")
			dir, err := os.MkdirTemp("", "homing") // the path of a socket is short
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			p.Paths = p.Paths.In(dir)
			p.Raise = tc.raise
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			ended := make(chan error, 1)
			go func() { ended <- p.Run(ctx) }()
			defer func() {
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}()

			client := &control.Client{Path: p.Paths.Socket}
			err = client.Raise(ctx)
			for errors.Is(err, control.ErrNotRunning) && ctx.Err() == nil { // not yet
				err = client.Raise(ctx)
			}
			if got := text(err); got != tc.want || tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("Raise = %v, want %q", err, tc.want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
