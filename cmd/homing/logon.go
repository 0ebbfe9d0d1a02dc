package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

func (a *app) logonCommand() *cobra.Command {
	var s signIn
	var legacyDN string
	cmd := &cobra.Command{
		Use:   "logon URL|PROFILE",
		Short: "One logon, explained layer by layer",
		Long: `Logon connects to a mailbox, logs on and off, and prints what came back at each
layer: the HTTP status, X-ResponseCode, StatusCode, ErrorCode and the ReturnValue
of the ROP. It follows nothing and changes nothing. A URL needs --legacy-dn.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.logon(cmd.Context(), args[0], legacyDN, &s)
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&legacyDN, "legacy-dn", "", "distinguished `name` of the mailbox")
	return cmd
}

func (a *app) logon(ctx context.Context, place, legacyDN string, s *signIn) error {
	if err := checkLegacyDN(legacyDN); err != nil {
		return usage(err)
	}
	p, err := a.open()
	if err != nil {
		return err
	}
	target, err := a.target(ctx, p, place, legacyDN, s)
	if err != nil {
		return err
	}
	var seen []logonclient.Exchange
	p.LogonClient.Seen = func(e logonclient.Exchange) {
		seen = append(seen, e)
		if !a.json {
			a.printExchange(e)
		}
	}
	session, err := p.LogonClient.Logon(ctx, target)
	var facts *logonclient.Facts
	if err == nil {
		f := session.Facts()
		facts = &f
		err = session.Close(ctx)
	}
	if a.json {
		out := struct {
			Exchanges []logonclient.Exchange `json:"exchanges"`
			Facts     *logonclient.Facts     `json:"facts,omitempty"`
			Err       string                 `json:"err,omitempty"`
		}{Exchanges: seen, Facts: facts}
		if err != nil {
			out.Err = err.Error()
		}
		if err := a.printJSON(out); err != nil {
			return err
		}
		return err
	}
	if facts != nil {
		a.printf("\nlogged on: %s\nmailbox guid   %s\nrepl guid      %s\nroot folder    %s\nserver         %s\n",
			facts.DisplayName, facts.MailboxGUID, facts.ReplGUID, facts.RootFolder, facts.ServerVersion)
	}
	return err
}

// target is the place that a profile or a URL names.
func (a *app) target(ctx context.Context, p *program.Program, place, legacyDN string, s *signIn) (logonclient.Target, error) {
	all, unreadable := loadAll(ctx, p)
	one, err := pick(all, []string{place})
	if err == nil {
		t, err := p.Target(ctx, one)
		if err == nil {
			t.Access.Logins, err = a.logins(ctx, p, one, s)
		}
		return t, err
	}
	if !errors.Is(err, profile.ErrNotFound) {
		return logonclient.Target{}, err
	}
	if !strings.Contains(place, "://") {
		if unreadable != nil {
			return logonclient.Target{}, errors.Join(err, unreadable)
		}
		return logonclient.Target{}, usage(fmt.Errorf("%q is neither a profile nor a URL; there is: %s", clip(place), labels(all)))
	}
	hop, err := trust.Step("", "", place, trust.FromConfiguration)
	if err != nil {
		return logonclient.Target{}, usage(fmt.Errorf("this is not the URL of a mailbox endpoint: %w", err)) // it may hold a password
	}
	if legacyDN == "" || s.user == "" {
		return logonclient.Target{}, usage(errors.New("a URL needs --legacy-dn and --user"))
	}
	rules, err := p.Consents.Rules(ctx)
	if err != nil {
		return logonclient.Target{}, err
	}
	logins, err := a.logins(ctx, p, profile.Profile{Address: s.user}, s)
	return logonclient.Target{
		MailStore: place, LegacyDN: legacyDN,
		Access: trust.Access{Rules: rules, Hop: hop, Logins: logins},
	}, err
}

// printExchange prints the layers of one exchange, down to the one that was read
// last.
func (a *app) printExchange(e logonclient.Exchange) {
	a.printf("%-24s %s  %d ms\n", e.Op, e.Host, e.Elapsed.Round(time.Millisecond).Milliseconds())
	layers := []string{
		fmt.Sprintf("HTTP status     %d", e.HTTPStatus),
		fmt.Sprintf("X-ResponseCode  %d", e.ResponseCode),
		fmt.Sprintf("StatusCode      0x%08X", e.StatusCode),
		fmt.Sprintf("ErrorCode       0x%08X", e.ErrorCode),
		fmt.Sprintf("ReturnValue     0x%08X", e.ReturnValue),
	}
	for _, l := range layers[:min(max(e.Layers, 0), len(layers))] {
		a.printf("  %s\n", l)
	}
	if e.Err != "" {
		a.printf("  %s\n", e.Err)
	}
}
