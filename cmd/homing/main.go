// Command homing keeps mail profiles pointed at their mailboxes. Its commands
// are told by `homing help`; README.md and docs/ tell the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/homing-mail/homing/internal/program"
)

func main() {
	log.SetOutput(io.Discard) // net/http writes there what a broken server sends unasked
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, paths: program.DefaultPaths}
	os.Exit(a.main(ctx, os.Args[1:]))
}

// app is what all commands share.
type app struct {
	in        io.Reader
	out, err  io.Writer
	terminal  *term.Terminal                // of a.in, once it has been asked
	unwritten error                         // the first failure of printf
	paths     func() (program.Paths, error) // without the flags

	config, state string // flags
	caFile        string
	connectTo     []string
	json          bool
	verbose       bool
}

// main runs one command and returns its exit code.
func (a *app) main(ctx context.Context, args []string) int {
	root := a.root()
	root.InitDefaultCompletionCmd(args...)
	entered := false
	mark(root, &entered)
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		err = a.unwritten
	}
	if err != nil && !entered {
		err = &codeError{exitUsage, "see: " + cmd.CommandPath() + " --help", err}
	}
	return a.exit(err)
}

// mark lets each command below cmd note that it was entered: whatever fails
// before that is wrong usage. A command that only has others under it is never
// entered.
func mark(cmd *cobra.Command, entered *bool) {
	run := cmd.RunE
	switch {
	case run != nil:
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*entered = true
			return run(cmd, args)
		}
	case cmd.HasSubCommands():
		cmd.Args, cmd.RunE = cobra.ArbitraryArgs, whichCommand
	}
	for _, c := range cmd.Commands() {
		mark(c, entered)
	}
}

// whichCommand says that a command is missing, or unknown.
func whichCommand(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unknown command %q", args[0])
	}
	return errors.New("which command?")
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "homing",
		Short:         "Keeps a mail profile pointed at its mailbox",
		Long:          "Homing keeps a mail profile pointed at its mailbox: when an administrator moves the mailbox,\nHoming finds it again, proves that it can log on there, and only then rewrites the profile.",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.config, "config", "", "configuration `file` instead of the user's")
	flags.StringVar(&a.state, "state", "", "state `directory` instead of the user's")
	flags.StringVar(&a.caFile, "ca-file", "", "certificate authorities in PEM `file` instead of the system's")
	flags.StringArrayVar(&a.connectTo, "connect-to", nil, "`HOST:PORT:ADDR:PORT`: connect to ADDR:PORT where HOST:PORT is meant, as curl does")
	flags.BoolVar(&a.json, "json", false, "print facts as JSON")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "log to standard error")
	root.AddCommand(
		a.demoCommand(), a.setupCommand(), a.runCommand(), a.statusCommand(), a.checkCommand(),
		a.discoverCommand(), a.doctorCommand(), a.logonCommand(), a.profileCommand(), a.trustCommand(), a.configCommand(), a.reportCommand(),
		a.mockCommand(), a.versionCommand(),
	)
	return root
}

// effective returns the configuration with the flags laid over it.
func (a *app) effective() (program.Paths, *program.Effective, error) {
	paths, err := a.paths()
	if err != nil {
		return paths, nil, err
	}
	paths, c, err := program.Flags{Config: a.config, State: a.state, CAFile: a.caFile, ConnectTo: a.connectTo}.Load(paths)
	if err != nil {
		return paths, nil, usage(err)
	}
	return paths, c, nil
}

// open returns the program that the flags and the configuration describe.
func (a *app) open() (*program.Program, error) {
	paths, c, err := a.effective()
	if err != nil {
		return nil, err
	}
	p, err := program.Open(paths, c, a.log(c.Level()))
	if err != nil {
		return nil, usage(err)
	}
	return p, nil
}

// log returns the logger of a command: silent unless --verbose.
func (a *app) log(level slog.Level) *slog.Logger {
	if !a.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))
}

// printf writes a line or more to standard output. Its first failure ends the
// command with one: whoever reads half must know.
func (a *app) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(a.out, format, args...); err != nil && a.unwritten == nil {
		a.unwritten = err
	}
}
