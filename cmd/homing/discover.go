package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

func (a *app) discoverCommand() *cobra.Command {
	var s signIn
	var legacyDN string
	var noAuth bool
	cmd := &cobra.Command{
		Use:   "discover ADDRESS",
		Short: "Explain where Autodiscover says the mailbox is",
		Long: `Discover asks as the agent would, and prints each question with its answer, how
long it took and whether credentials were sent. It changes nothing. The sign-in
is that of the profile for this address, or the one that the flags name.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.discover(cmd.Context(), args[0], legacyDN, noAuth, &s)
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&legacyDN, "legacy-dn", "", "ask by this distinguished `name`, the address only after it; that of the profile if not given")
	cmd.Flags().BoolVar(&noAuth, "no-auth", false, "send no credentials to anybody")
	return cmd
}

func (a *app) discover(ctx context.Context, address, legacyDN string, noAuth bool, s *signIn) error {
	p, err := a.open()
	if err != nil {
		return err
	}
	draft, err := profile.New(address, "")
	if err != nil {
		return usage(err)
	}
	q := autodiscover.Query{Address: draft.Address, LegacyDN: legacyDN}
	if q.Rules, err = p.Consents.Rules(ctx); err != nil {
		return err
	}
	if old, ok := a.byAddress(ctx, p, draft.Address); ok {
		draft = old
		if mapi := draft.Endpoint.MAPI; mapi != nil && legacyDN == "" {
			q.LegacyDN = mapi.LegacyDN
		}
		if issuer := draft.Endpoint.Autodiscover; issuer != "" {
			q.First = []autodiscover.Candidate{{URL: issuer, How: draft.Known()}}
		}
	}
	if !noAuth {
		if q.Logins, err = a.logins(ctx, p, draft, s); err != nil {
			return err
		}
	}
	if !a.json {
		q.Seen = func(step autodiscover.Step) { a.printStep(step) }
	}
	result, err := p.DiscoverClient.Discover(ctx, q)
	if a.json {
		return a.discoverJSON(result, err)
	}
	if err != nil {
		return err
	}
	mapi, _ := result.Settings.MAPI()
	a.printf("\nmail store     %s\naddress book   %s\nlegacy dn      %s\nissued by      %s\nfound by       %s\n",
		mapi.MailStore, mapi.AddressBook, result.Settings.LegacyDN, result.URL, result.By)
	return nil
}

func (a *app) printStep(s autodiscover.Step) {
	said := s.Said
	if s.Err != "" {
		said = s.Err
	}
	credentials := "no credentials"
	if s.Signed {
		credentials = "credentials sent"
	}
	a.printf("%s\n  by %s, learned by %s, %s, %d ms\n  %s\n", s.URL, s.By, s.How, credentials, s.Elapsed.Milliseconds(), said)
	if s.Cert != "" {
		a.printf("  certificate: %s\n", s.Cert)
	}
}

func (a *app) discoverJSON(result *autodiscover.Result, failed error) error {
	out := struct {
		URL       string              `json:"url,omitempty"`
		By        string              `json:"by,omitempty"`
		MailStore string              `json:"mail_store,omitempty"`
		LegacyDN  string              `json:"legacy_dn,omitempty"`
		Steps     []autodiscover.Step `json:"steps"`
		Err       string              `json:"err,omitempty"`
	}{}
	if result != nil {
		mapi, _ := result.Settings.MAPI()
		out.URL, out.By, out.MailStore, out.LegacyDN, out.Steps = result.URL, string(result.By), mapi.MailStore, result.Settings.LegacyDN, result.Steps
	} else {
		out.Err = failed.Error()
		out.Steps = steps(failed)
	}
	if err := a.printJSON(out); err != nil {
		return err
	}
	return failed
}

// logins are the sign-ins of a profile, or the one that the flags name, or the
// one that a person types.
func (a *app) logins(ctx context.Context, p *program.Program, of profile.Profile, s *signIn) (trust.Logins, error) {
	ref, err := s.ref()
	if err != nil {
		return nil, usage(err)
	}
	if ref == "" && len(of.Logins) > 0 {
		return agent.Logins(of, p.Secrets), nil
	}
	user := s.user
	if user == "" {
		user = of.Address
	}
	if ref == "" {
		secret, err := a.askSecret(fmt.Sprintf("password of %s: ", user))
		if err != nil {
			return nil, usage(fmt.Errorf("%w; name a sign-in with --password-file, or send none with --no-auth", err))
		}
		p.Secrets.Enabled = []string{"memory"}
		ref = "memory:typed"
		if err := p.Secrets.Set(ctx, ref, secret); err != nil {
			return nil, err
		}
	}
	of.Logins = []profile.LoginRef{{User: user, Weakest: string(trust.Basic), Bearer: s.bearer, Secret: ref}}
	return agent.Logins(of, p.Secrets), nil
}

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
	all, _ := loadAll(ctx, p)
	if one, err := pick(all, []string{place}); err == nil {
		t, err := p.Target(ctx, one)
		if err == nil {
			t.Access.Logins, err = a.logins(ctx, p, one, s)
		}
		return t, err
	}
	hop, err := trust.Step("", "", place, trust.FromConfiguration)
	if err != nil {
		return logonclient.Target{}, usage(fmt.Errorf("neither a profile nor the URL of a mailbox endpoint: %w", err)) // it may hold a password
	}
	if legacyDN == "" || s.user == "" {
		return logonclient.Target{}, usage(fmt.Errorf("a URL needs --legacy-dn and --user"))
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
