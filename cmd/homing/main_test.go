package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/homing-mail/homing/internal/program"
)

// The program of the scripts is this test binary, run as homing. It works in
// the directories that the variables below name, and writes all that it prints
// to a transcript too.
const (
	configVariable     = "CONFIG"
	policyVariable     = "POLICY"
	stateVariable      = "STATE"
	socketVariable     = "SOCKET"
	transcriptVariable = "TRANSCRIPT"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"homing": homing})
}

func homing() {
	transcript, err := os.OpenFile(os.Getenv(transcriptVariable), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{
		in:  os.Stdin,
		out: io.MultiWriter(os.Stdout, transcript),
		err: io.MultiWriter(os.Stderr, transcript),
		paths: func() (program.Paths, error) {
			return program.Paths{
				Config: os.Getenv(configVariable), Policy: os.Getenv(policyVariable),
				State: os.Getenv(stateVariable), Socket: os.Getenv(socketVariable),
			}, nil
		},
	}
	os.Exit(a.main(ctx, os.Args[1:]))
}

// inDirectory is a program for tests without a process of its own: everything
// that it reads and writes is below dir.
func inDirectory(dir string, in io.Reader, out, errOut io.Writer) *app {
	return &app{in: in, out: out, err: errOut, paths: func() (program.Paths, error) {
		return program.Paths{
			Config: filepath.Join(dir, "config.toml"), Policy: filepath.Join(dir, "policy.toml"),
			State: filepath.Join(dir, "state"), Socket: filepath.Join(dir, "agent.sock"),
		}, nil
	}}
}
