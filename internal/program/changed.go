package program

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/homing-mail/homing/profile"
)

// changeLimit is how long on_change may run.
const changeLimit = 30 * time.Second

// changed returns the function that runs on_change after a commit, nil if none
// is configured. The program gets {"old": …, "new": …} on its standard input,
// both in the form of current.json, which holds no secret. What was written is
// told even where the agent ends meanwhile.
func (p *Program) changed() func(context.Context, profile.Profile, profile.Profile) error {
	argv := p.Config.OnChange
	if len(argv) == 0 {
		return nil
	}
	return func(ctx context.Context, old, new profile.Profile) error {
		return tell(context.WithoutCancel(ctx), argv, changeLimit, old, new)
	}
}

// tell runs argv for at most limit. Then it is killed, with all that it has
// started where the system knows groups of processes.
func tell(ctx context.Context, argv []string, limit time.Duration, old, new profile.Profile) error {
	input, err := json.Marshal(struct {
		Old profile.Profile `json:"old"`
		New profile.Profile `json:"new"`
	}{old, new})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = bytes.NewReader(input)
	cmd.WaitDelay = time.Second
	killGroup(cmd)
	if err := cmd.Run(); err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("not done within %s, and killed", limit)
		}
		return fmt.Errorf("on_change %s: %w", argv[0], err)
	}
	return nil
}
