package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

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

// errNoTerminal says that nobody is there to be asked.
var errNoTerminal = errors.New("nobody is there to be asked: standard input is no terminal")

// interactive reports whether a person can be asked.
func (a *app) interactive() bool {
	f, ok := a.in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// askSecret asks for a secret without showing it.
func (a *app) askSecret(prompt string) (trust.Secret, error) {
	if !a.interactive() {
		return trust.Secret{}, errNoTerminal
	}
	fmt.Fprint(a.err, prompt)
	line, err := term.ReadPassword(int(a.in.(*os.File).Fd()))
	fmt.Fprintln(a.err)
	if err == nil && len(line) == 0 {
		err = errors.New("nothing was typed")
	}
	return trust.NewSecret(string(line)), err
}

// askYes asks a question that is answered no by default.
func (a *app) askYes(question string) (bool, error) {
	if !a.interactive() {
		return false, errNoTerminal
	}
	fmt.Fprint(a.err, question+" [y/N] ")
	line, err := bufio.NewReader(io.LimitReader(a.in, 64)).ReadString('\n')
	if err != nil && line == "" {
		return false, err
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", nil
}
