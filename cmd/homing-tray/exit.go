//go:build tray

package main

import (
	"errors"
	"fmt"

	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/profile"
)

// The exit codes, as README.md lists them.
const (
	exitOK         = 0
	exitFailure    = 1
	exitUsage      = 2
	exitUnreadable = 8
	exitOtherAgent = 9
)

// codeError is an error that knows its exit code and its hint.
type codeError struct {
	code int
	hint string
	err  error
}

func (e *codeError) Error() string { return e.err.Error() }
func (e *codeError) Unwrap() error { return e.err }

func usage(err error) error { return &codeError{exitUsage, "", err} }

// exit prints what went wrong and what to do, and returns the exit code.
func (a *app) exit(err error) int {
	if err == nil {
		return exitOK
	}
	code, hint := classify(err)
	fmt.Fprintf(a.err, "homing-tray: %v\n", err)
	if hint != "" {
		fmt.Fprintf(a.err, "homing-tray: hint: %s\n", hint)
	}
	return code
}

func classify(err error) (code int, hint string) {
	if e, ok := errors.AsType[*codeError](err); ok {
		return e.code, e.hint
	}
	if errors.Is(err, program.ErrOtherAgent) {
		return exitOtherAgent, ""
	}
	if _, ok := errors.AsType[*profile.CorruptError](err); ok {
		return exitUnreadable, ""
	}
	if _, ok := errors.AsType[*profile.NewerError](err); ok {
		return exitUnreadable, ""
	}
	return exitFailure, ""
}
