//go:build unix

package program

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The grandchild holds a pipe open, which ends when the last process that has it
// is gone.
func TestOnChangeEndsWithAllThatItHasStarted(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	old, new := generations(t)
	p := program(t, "start "+pipe)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told := make(chan error, 1)
	go func() { told <- tell(ctx, p.Config.OnChange, time.Hour, old, new) }()
	held, err := os.Open(pipe) // waits for the grandchild
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, err := io.ReadFull(held, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	cancel() // as the limit does
	if rest, err := io.ReadAll(held); err != nil || len(rest) > 0 {
		t.Errorf("read %q (%v), want the end", rest, err)
	}
	if err := <-told; err == nil {
		t.Error("it ended well")
	}
}
