package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
)

const noProfile = "no profile yet; make one with: homing setup ADDRESS"

func (a *app) statusCommand() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "What the running agent knows",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.status(cmd.Context(), watch)
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "go on until stopped, with a line for each change")
	return cmd
}

func (a *app) status(ctx context.Context, watch bool) error {
	p, err := a.open()
	if err != nil {
		return err
	}
	svc, err := control.Dial(p.Paths.Socket)
	if err != nil {
		return err
	}
	said := make(map[string]string)
	for status, err := range svc.Watch(ctx) {
		switch {
		case err != nil:
			return err
		case a.json:
			if err := a.printJSON(status); err != nil {
				return err
			}
		default:
			a.tell(status, said)
		}
		if !watch {
			return nil
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return errors.New("the agent has ended")
}

// tell prints the line of each mailbox whose line has changed.
func (a *app) tell(status agent.Status, said map[string]string) {
	if len(status.Mailboxes) == 0 {
		a.printf("%s\n", noProfile)
	}
	for _, m := range status.Mailboxes {
		line := name(m) + ": " + sentence(m, time.Now())
		if said[string(m.ID)] != line {
			a.printf("%s\n", line)
			said[string(m.ID)] = line
		}
	}
}
