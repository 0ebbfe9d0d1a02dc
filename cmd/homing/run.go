package main

import (
	"context"
	"log/slog"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/internal/program"
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
