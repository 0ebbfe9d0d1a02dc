package profile

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// commandSecrets is the command backend: the first line that a program prints.
type commandSecrets struct {
	commands map[string][]string
	limit    time.Duration
}

func (c commandSecrets) get(ctx context.Context, name string) (string, error) {
	argv := c.commands[name]
	if len(argv) == 0 {
		return "", fmt.Errorf("%w: no such command is configured", ErrNoBackend)
	}
	slow := fmt.Errorf("%s has not finished within %v: %w", argv[0], c.limit, context.DeadlineExceeded)
	ctx, cancel := context.WithTimeoutCause(ctx, c.limit, slow)
	defer cancel()
	var out head
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout = &out
	cmd.WaitDelay = time.Second // a child that it leaves behind may keep stdout open
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) { // its arguments and what it printed stay out of this
		return "", fmt.Errorf("%s: %w", argv[0], err)
	}
	return firstLine(out.kept), nil
}

func (commandSecrets) set(context.Context, string, string) error {
	return fmt.Errorf("%w: a command only reads secrets; store it with the program's own tools", errors.ErrUnsupported)
}

func (commandSecrets) delete(context.Context, string) error {
	return fmt.Errorf("%w: a command only reads secrets; delete it with the program's own tools", errors.ErrUnsupported)
}

// head keeps what can be a secret and its line break, and drops the rest.
type head struct{ kept []byte }

func (h *head) Write(p []byte) (int, error) {
	room := maxSecret + len("\r\n") - len(h.kept)
	h.kept = append(h.kept, p[:min(len(p), room)]...)
	return len(p), nil
}
