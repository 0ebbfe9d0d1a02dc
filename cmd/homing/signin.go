package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
)

// signIn is where a command takes a user and a secret from. No flag ever holds
// a secret.
type signIn struct {
	user       string
	file       string
	command    string
	credential string
	bearer     bool
}

func (s *signIn) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.user, "user", "", "`name` to sign in with; the address if not given")
	f.StringVar(&s.file, "password-file", "", "`file` whose first line is the secret, readable by you alone")
	f.StringVar(&s.command, "password-command", "", "`name` of an entry of secrets.commands in the configuration")
	f.StringVar(&s.credential, "credential", "", "`name` of a systemd credential")
	f.BoolVar(&s.bearer, "bearer", false, "the secret is a token for Bearer, not a password")
	cmd.MarkFlagsMutuallyExclusive("password-file", "password-command", "credential")
}

// ref returns the reference that the flags name, empty if they name none.
func (s *signIn) ref() (string, error) {
	switch {
	case s.file != "":
		path, err := filepath.Abs(s.file)
		return "file:" + path, err
	case s.command != "":
		return "command:" + s.command, nil
	case s.credential != "":
		return "systemd:" + s.credential, nil
	}
	return "", nil
}

// usable reports what is wrong with the place that the flags name, so far as that
// can be told without running anything.
func (s *signIn) usable(ctx context.Context, p *program.Program) error {
	if _, known := p.Config.Secrets.Commands[s.command]; s.command != "" && !known {
		return fmt.Errorf("secrets.commands in %s names no %q", p.Paths.Config, s.command)
	}
	if s.file == "" && s.credential == "" {
		return nil
	}
	ref, err := s.ref()
	if err == nil {
		_, err = p.Secrets.Get(ctx, ref)
	}
	return err
}

// errNoTerminal says that nobody is there to be asked.
var errNoTerminal = errors.New("nobody is there to be asked: standard input is no terminal")

// interactive reports whether a person can be asked.
func (a *app) interactive() bool {
	f, ok := a.in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// askSecret asks for a secret without showing it.
func (a *app) askSecret(ctx context.Context, prompt string) (trust.Secret, error) {
	line, err := a.ask(ctx, prompt, true)
	if err == nil && line == "" {
		err = errors.New("nothing was typed")
	}
	return trust.NewSecret(line), err
}

// askYes asks a question that is answered no by default.
func (a *app) askYes(ctx context.Context, question string) (bool, error) {
	line, err := a.ask(ctx, question+" [y/N] ", false)
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", err
}

// errInterrupted says that a person would not answer.
var errInterrupted = errors.New("interrupted")

// ask reads a line from the terminal, which echoes nothing of its own from
// before the prompt on. Ctrl-C and Ctrl-D end it, and so does ctx.
func (a *app) ask(ctx context.Context, prompt string, secret bool) (string, error) {
	if !a.interactive() {
		return "", errNoTerminal
	}
	tty := a.in.(*os.File)
	before, err := term.MakeRaw(int(tty.Fd()))
	if err != nil {
		return "", err
	}
	defer term.Restore(int(tty.Fd()), before)
	if a.terminal == nil { // one for all prompts: it may have read ahead
		a.terminal = term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{tty, a.err}, "")
	}
	if width, height, err := term.GetSize(int(tty.Fd())); err == nil && width > 0 {
		a.terminal.SetSize(width, height)
	} else {
		a.terminal.SetSize(1000, 24) // nobody knows: nothing is wrapped
	}
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // ends with the process where ctx ends first
		var got answer
		if secret {
			got.line, got.err = a.terminal.ReadPassword(prompt)
		} else {
			a.terminal.SetPrompt(prompt)
			got.line, got.err = a.terminal.ReadLine()
		}
		answered <- got
	}()
	select {
	case got := <-answered:
		if !errors.Is(got.err, io.EOF) {
			return got.line, got.err
		}
	case <-ctx.Done():
	}
	fmt.Fprint(a.err, "\r\n")
	return "", errInterrupted
}
