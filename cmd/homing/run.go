package main

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/profile"
)

func (a *app) runCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Keep every profile reachable until stopped",
		Long: `Run is the headless agent. It logs its transitions to standard error, one line
each, and answers other commands on a socket that only this user can open.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if once {
				return a.check(cmd.Context(), nil)
			}
			return a.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "look at every profile once, then end")
	return cmd
}

func (a *app) run(ctx context.Context) error {
	paths, c, err := a.effective()
	if err != nil {
		return err
	}
	// A resting agent should be small: it allocates little, so collecting more
	// often costs nothing that anybody would notice.
	debug.SetGCPercent(25)
	log := slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: c.Level()}))
	p, err := program.Open(paths, c, log)
	if err != nil {
		return usage(err)
	}
	return p.Run(ctx)
}

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [PROFILE]",
		Short: "Look now, at one profile or at all",
		Args:  cobra.MaximumNArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return a.check(cmd.Context(), args) },
	}
}

func (a *app) check(ctx context.Context, args []string) (err error) {
	p, err := a.open()
	if err != nil {
		return err
	}
	var wanted []profile.ID // none: all
	if len(args) > 0 {
		id, err := a.anyID(ctx, p, args)
		if err != nil {
			return err
		}
		wanted = []profile.ID{id}
	}
	svc, err := p.Service(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.Close()) }()

	story := a.story()
	if list, err := p.Store.List(ctx); err == nil {
		story.many = len(wanted) == 0 && len(list) > 1
	}
	tell := story.tell
	if a.json {
		tell = nil
	}
	look := agent.Command{Op: agent.CheckNow}
	if len(wanted) > 0 {
		look.Profile = wanted[0]
	}
	began := time.Now()
	if _, err := svc.Do(ctx, look); err != nil {
		return err
	}
	boxes, err := settled(ctx, svc, began, wanted, tell)
	if err != nil {
		return err
	}
	if len(boxes) == 0 {
		return errors.New("there is no profile yet; make one with: homing setup ADDRESS")
	}
	if a.json {
		if err := a.printJSON(boxes); err != nil {
			return err
		}
	}
	var errs []error
	for _, m := range boxes {
		if !a.json {
			a.printf("%s: %s\n", name(m), sentence(m, time.Now()))
		}
		errs = append(errs, verdict(m))
	}
	return errors.Join(errs...)
}
