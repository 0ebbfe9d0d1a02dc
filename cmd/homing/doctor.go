package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/internal/mailaddr"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

func (a *app) doctorCommand() *cobra.Command {
	var s signIn
	var noAuth bool
	cmd := &cobra.Command{
		Use:   "doctor [ADDRESS]",
		Short: "Why it does not work, and what to do",
		Long: `Doctor goes through what is known to go wrong: it probes every source by itself,
looks at certificates, names, clocks and secrets, asks the services that may
receive credentials, logs on where the profile points, and says for each check
what it has found and what would help. It changes nothing. What a workstation
cannot see is listed as not checked.

Given the address of a message that bounced, which begins with IMCEAEX-, it says
which proxy address is missing there, and asks nobody.

Without an address it looks at the only profile. The sign-in is that of the
profile, or the one that the flags name; without any, nobody is signed in to.
It ends with exit code 1 if anything is wrong.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.doctor(cmd.Context(), args, noAuth, &s)
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&noAuth, "no-auth", false, "send no credentials to anybody")
	return cmd
}

func (a *app) doctor(ctx context.Context, args []string, noAuth bool, s *signIn) error {
	if len(args) == 1 {
		if bounced := strings.Trim(args[0], " <>\t\r\n"); mailaddr.IsIMCEAEX(bounced) {
			if _, err := mailaddr.ParseIMCEAEX(bounced); err != nil {
				return usage(err)
			}
			return a.tellFindings(bounced, examineBounce(bounced), 1)
		}
	}
	p, err := a.open()
	if err != nil {
		return err
	}
	var address string
	if len(args) == 1 {
		address = args[0]
	} else {
		all, err := loadAll(ctx, p)
		if len(all) == 0 && err != nil {
			return err
		}
		of, err := pick(all, nil)
		if err != nil {
			return err
		}
		address = of.Address
	}
	q, of, err := question(ctx, p, address)
	if err != nil {
		return err
	}
	logins, silent, err := a.doctorLogins(ctx, p, of, noAuth, s)
	if err != nil {
		return err
	}
	anonymous := noAuth && p.Config.Discovery.Bind != "anonymous"
	if anonymous { // the directory gets no credentials either
		p.Config.Discovery.Bind = "anonymous"
	}
	seen := gather(ctx, p, q, of, logins, silent)
	seen.Anonymous = anonymous
	found := examine(seen)
	if err := ctx.Err(); err != nil {
		return err
	}
	return a.tellFindings(q.Address, found, len(checks))
}

// tellFindings prints what the checks of an address have found; its error says that
// something is wrong.
func (a *app) tellFindings(address string, found []finding, of int) error {
	if !a.json {
		a.printFindings(found)
	} else if err := a.printJSON(struct {
		Address  string    `json:"address"`
		Findings []finding `json:"findings"`
	}{address, found}); err != nil {
		return err
	}
	if wrong := count(found, "wrong"); wrong > 0 {
		return &codeError{exitFailure, "", fmt.Errorf("%d of %d checks found something wrong", wrong, of)}
	}
	return nil
}

// doctorLogins are the sign-ins to ask with, or why nobody is asked: a doctor does
// not prompt.
func (a *app) doctorLogins(ctx context.Context, p *program.Program, of profile.Profile, noAuth bool, s *signIn) (logins trust.Logins, silent string, err error) {
	ref, err := s.ref()
	switch {
	case err != nil:
		return nil, "", usage(err)
	case noAuth:
		return nil, "--no-auth says that nobody receives credentials", nil
	case ref == "" && len(of.Logins) == 0:
		return nil, "there is no sign-in; name one with --password-file", nil
	}
	if err := s.usable(ctx, p); err != nil {
		return nil, "", usage(err)
	}
	logins, err = a.logins(ctx, p, of, s)
	return logins, "", err
}

// printFindings prints what is wrong, then what is fine, then what was not looked at.
func (a *app) printFindings(found []finding) {
	for _, state := range []string{"wrong", "fine", "not checked"} {
		for _, f := range found {
			if f.State != state {
				continue
			}
			a.printf("%-11s  %-16s  %s\n", f.State, f.Check, f.Title)
			for _, line := range f.Evidence {
				a.printf("             %s\n", line)
			}
			if f.Remedy != "" {
				a.printf("             what to do: %s\n", f.Remedy)
			}
		}
	}
	a.printf("\n%d wrong, %d fine, %d not checked\n", count(found, "wrong"), count(found, "fine"), count(found, "not checked"))
}

func count(found []finding, state string) int {
	return len(slices.DeleteFunc(slices.Clone(found), func(f finding) bool { return f.State != state }))
}
