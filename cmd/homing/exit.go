package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

// The exit codes, as README.md lists them.
const (
	exitOK            = 0
	exitFailure       = 1
	exitUsage         = 2
	exitNeedsSignIn   = 3
	exitNeedsTrust    = 4
	exitNotDiscovered = 5
	exitLogonRefused  = 6
	exitInTransit     = 7
	exitUnreadable    = 8
	exitOtherAgent    = 9
)

// ending is how a mailbox's outcome ends a command, and what to do about it.
type ending struct {
	code int
	hint string
}

// endings is the one table from outcome to exit code and hint.
var endings = map[agent.Outcome]ending{
	agent.LoggedOn:      {exitOK, ""},
	agent.Found:         {exitOK, ""},
	agent.WrongServer:   {exitLogonRefused, "the servers refer to each other; Homing looks again later"},
	agent.Circle:        {exitLogonRefused, "the servers refer to each other; Homing looks again later"},
	agent.UnknownHere:   {exitLogonRefused, "look where the mailbox is with: homing discover ADDRESS"},
	agent.Gone:          {exitLogonRefused, "see whether the network is up and the server's certificate is good: homing logon PROFILE"},
	agent.InTransit:     {exitInTransit, "the mailbox is being moved; nothing has to be done"},
	agent.Busy:          {exitLogonRefused, "the server asks to come back later"},
	agent.SessionLost:   {exitLogonRefused, "look again with: homing check"},
	agent.Unauthorized:  {exitNeedsSignIn, "sign in with: homing setup ADDRESS"},
	agent.NoSecret:      {exitNeedsSignIn, "unlock the keyring, or mend the place of the secret that this names: homing profile show"},
	agent.Denied:        {exitLogonRefused, "ask an administrator for the right to the mailbox"},
	agent.Untrusted:     {exitNeedsTrust, "if you know the host, allow it with: homing trust add HOST"},
	agent.NeverTrusted:  {exitNeedsTrust, "this host can never be trusted; tell an administrator who sends you there"},
	agent.NothingBetter: {exitNotDiscovered, "see what each place answers with: homing discover ADDRESS"},
	agent.NoDirectory:   {exitNotDiscovered, "no Autodiscover service answers; see: homing discover ADDRESS"},
	agent.Unreadable:    {exitUnreadable, "do with that file what the text says; nothing was written over it"},
	agent.Cancelled:     {exitFailure, ""},
}

// codeError is an error that knows its exit code and its hint.
type codeError struct {
	code int
	hint string
	err  error
}

func (e *codeError) Error() string { return e.err.Error() }
func (e *codeError) Unwrap() error { return e.err }

func usage(err error) error { return &codeError{exitUsage, "", err} }

// allow is the hint for a hop that a person may allow.
func allow(h trust.Hop) string {
	return fmt.Sprintf("if you know the host, allow it with: homing trust add %s --domain %s", trust.Place(h.To), h.MailDomain)
}

// exit prints what went wrong and what to do, and returns the exit code.
func (a *app) exit(err error) int {
	if err == nil {
		return exitOK
	}
	code, hint := classify(err)
	fmt.Fprintf(a.err, "homing: %v\n", err)
	if hint != "" {
		fmt.Fprintf(a.err, "homing: hint: %s\n", hint)
	}
	return code
}

func classify(err error) (int, string) {
	if e, ok := errors.AsType[*codeError](err); ok {
		return e.code, e.hint
	}
	switch {
	case errors.Is(err, program.ErrOtherAgent):
		return exitOtherAgent, ""
	case errors.Is(err, control.ErrNotRunning):
		return exitFailure, "start it with: homing run"
	case errors.Is(err, profile.ErrConflict):
		return exitFailure, "the profile was changed meanwhile; try again"
	case errors.Is(err, context.Canceled):
		return exitFailure, ""
	}
	if _, ok := errors.AsType[*profile.CorruptError](err); ok {
		return exitUnreadable, ""
	}
	if _, ok := errors.AsType[*profile.NewerError](err); ok {
		return exitUnreadable, ""
	}
	if e, ok := trust.IsUntrusted(err); ok {
		if e.Verdict == trust.Ask {
			return exitNeedsTrust, allow(e.Hop)
		}
		return exitNeedsTrust, endings[agent.NeverTrusted].hint
	}
	if e, ok := errors.AsType[*autodiscover.Error](err); ok {
		return endings[agent.OutcomeOf(e)].code, ""
	}
	if e, ok := errors.AsType[*logonclient.Error](err); ok {
		return endings[agent.OutcomeOf(e)].code, ""
	}
	return exitFailure, ""
}
