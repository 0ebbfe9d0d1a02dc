package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/internal/desk"
	"github.com/homing-mail/homing/internal/program"
)

func (a *app) reportCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "report",
		Short: "A report for the help desk, without secrets and names",
		Long: `Report writes what a help desk wants to know as one text: version and system, the
effective configuration with its origins, the state of each mailbox with its way
there, the latest generations, and the last lines of the log of homing-tray. Its
head says what of it is redacted. It asks nothing of the network; what goes wrong
there is told by homing doctor.

Where the configuration cannot be read, the report says why, and the command ends
with exit code 2 after it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.report(cmd.Context(), output) },
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to `FILE`, readable by you alone, instead of standard output")
	return cmd
}

func (a *app) report(ctx context.Context, output string) error {
	v := version()
	of := fmt.Sprintf("%s (%s)", v.Version, v.Revision)
	var r *desk.Report
	paths, c, wrong := a.effective()
	var p *program.Program
	if wrong == nil {
		if p, wrong = program.Open(paths, c, a.log(c.Level())); wrong != nil {
			wrong = usage(wrong)
		}
	}
	switch {
	case wrong == nil:
		r = desk.Gather(ctx, p, &control.Client{Path: paths.Socket}, of)
	case errors.Is(wrong, fs.ErrNotExist) || paths.State == "": // --config, or nobody's home
		return wrong
	default:
		r = desk.GatherFiles(ctx, paths, of)
		r.ConfigErr = wrong
	}
	var text bytes.Buffer
	if _, err := r.WriteTo(&text); err != nil {
		return err
	}
	if output == "" {
		a.printf("%s", text.String())
		return wrong
	}
	if err := os.WriteFile(output, text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("writing the report to %s: %w", output, cause(err))
	}
	a.printf("the report is in %s\n", output)
	return wrong
}
