//go:build tray

// Command homing-tray is Homing at the desk: an icon in the tray, and a window.
//
// It is two processes of one program. The one that is started stays: it has an
// agent run, its own or the one of another process, shows the icon and notifies.
// It never touches GL, so it rests almost for free. The other one, homing-tray
// --window, is its child and shows the window; it sees the agent through its
// socket, like every other program, and ends when the window is closed.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/internal/desk"
	"github.com/homing-mail/homing/internal/program"
)

func main() {
	log.SetOutput(io.Discard) // net/http writes there what a broken server sends unasked, the tray what a desktop lacks
	desk.JoinBus()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, paths: program.DefaultPaths, system: thisSystem()}
	os.Exit(a.main(ctx, os.Args[1:]))
}

// app is what both processes share.
type app struct {
	in       io.Reader
	out, err io.Writer
	paths    func() (program.Paths, error) // without the flags
	system   system

	config, state string // flags
	caFile        string
	connectTo     []string
	verbose       bool
	background    bool
	demo          bool
	window        bool
	admin         string
}

// main runs the program and returns its exit code. It has to be called by the
// goroutine of main: a tray and a window belong to the first thread.
func (a *app) main(ctx context.Context, args []string) int {
	entered := false
	root := &cobra.Command{
		Use:   "homing-tray",
		Short: "Homing at the desk: an icon in the tray, and a window",
		Long: `Homing-tray shows where your mailboxes are as an icon in the tray, and opens its
window. It shows the agent that runs (homing run), or runs one itself. A second
homing-tray brings the window of the first one to the front.`,
		Args:          cobra.NoArgs,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			entered = true
			if a.window {
				return a.show(cmd.Context())
			}
			return a.stay(cmd.Context())
		},
	}
	root.SetVersionTemplate("homing-tray {{.Version}}\n")
	f := root.Flags()
	f.StringVar(&a.config, "config", "", "configuration `file` instead of the user's")
	f.StringVar(&a.state, "state", "", "state `directory` instead of the user's")
	f.StringVar(&a.caFile, "ca-file", "", "certificate authorities in PEM `file` instead of the system's")
	f.StringArrayVar(&a.connectTo, "connect-to", nil, "`HOST:PORT:ADDR:PORT`: connect to ADDR:PORT where HOST:PORT is meant, as curl does")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "log to standard error whatever log.level leaves out")
	f.BoolVar(&a.background, "background", false, "show the icon only; the window too where no tray shows it, or no mailbox is set up yet")
	f.BoolVar(&a.demo, "demo", false, "show a mock world in this process, whose mailbox you move with buttons")
	f.BoolVar(&a.window, "window", false, "be the process of the window: commands come from standard input")
	f.StringVar(&a.admin, "admin", "", "`URL` of the admin API of the demo's world")
	for _, internal := range []string{"window", "admin"} {
		f.MarkHidden(internal)
	}
	root.MarkFlagsMutuallyExclusive("background", "demo")
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if err != nil && !entered {
		err = &codeError{exitUsage, "see: homing-tray --help", err}
	}
	return a.exit(err)
}

// forWindow are the arguments of the process of the window: the same flags.
func (a *app) forWindow() []string {
	args := []string{"--window"}
	for _, f := range []struct{ name, value string }{
		{"config", a.config}, {"state", a.state}, {"ca-file", a.caFile}, {"admin", a.admin},
	} {
		if f.value != "" {
			args = append(args, "--"+f.name+"="+f.value)
		}
	}
	for _, c := range a.connectTo {
		args = append(args, "--connect-to="+c)
	}
	if a.verbose {
		args = append(args, "--verbose")
	}
	return args
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

// program is what the configuration describes, and logs to w.
func (a *app) program(paths program.Paths, c *program.Effective, w io.Writer) (*program.Program, error) {
	level := c.Level()
	if a.verbose {
		level = slog.LevelDebug
	}
	p, err := program.Open(paths, c, slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})))
	if err != nil {
		return nil, usage(err)
	}
	p.Secrets.KeyringTimeout = 2 * time.Minute // a person may be typing
	return p, nil
}

// version is what the build has recorded of itself.
func version() string {
	v, revision := "(devel)", "unknown revision"
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	return fmt.Sprintf("%s (%s)", v, revision)
}
