package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

func (a *app) discoverCommand() *cobra.Command {
	var s signIn
	var legacyDN string
	var noAuth, asOutlook bool
	var policy []string
	cmd := &cobra.Command{
		Use:   "discover ADDRESS",
		Short: "Explain where Autodiscover says the mailbox is",
		Long: `Discover asks as the agent would, and prints each question with its answer, how
long it took and whether credentials were sent; then a table of all of them. It
changes nothing. The sign-in is that of the profile for this address, or the one
that the flags name.

With --no-auth a directory is asked anonymously, too. With --as-outlook each source
is probed by itself, without the credentials of a mailbox (a directory is asked as
discovery.bind says), and the step is predicted that Outlook would take under the
given policy values.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if asOutlook {
				return a.discoverAsOutlook(cmd.Context(), args[0], policy)
			}
			if policy != nil {
				return usage(errors.New("--outlook-policy goes with --as-outlook"))
			}
			return a.discover(cmd.Context(), args[0], legacyDN, noAuth, &s)
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&legacyDN, "legacy-dn", "", "ask by this distinguished `name`, the address only after it; that of the profile if not given")
	cmd.Flags().BoolVar(&noAuth, "no-auth", false, "send no credentials to anybody")
	cmd.Flags().BoolVar(&asOutlook, "as-outlook", false, "predict what Outlook would do; nobody signs in to a mailbox")
	cmd.Flags().StringSliceVar(&policy, "outlook-policy", nil, "policy `KEY=VALUE,...` of Outlook's, such as ExcludeScpLookup=1")
	return cmd
}

func (a *app) discover(ctx context.Context, address, legacyDN string, noAuth bool, s *signIn) error {
	if err := checkLegacyDN(legacyDN); err != nil {
		return usage(err)
	}
	p, err := a.open()
	if err != nil {
		return err
	}
	q, draft, err := question(ctx, p, address)
	if err != nil {
		return err
	}
	if legacyDN != "" {
		q.LegacyDN = legacyDN
	}
	if noAuth { // nor to the directory
		p.Config.Discovery.Bind = "anonymous"
	} else {
		if q.Logins, err = a.logins(ctx, p, draft, s); err != nil {
			return err
		}
	}
	if !a.json {
		q.Seen = func(step autodiscover.Step) { a.printStep(step) }
	}
	result, err := p.Discover(ctx, q)
	if a.json {
		return a.discoverJSON(result, err)
	}
	if err != nil {
		a.printTable(steps(err))
		return err
	}
	a.printTable(result.Steps)
	mapi, _ := result.Settings.MAPI()
	a.printf("\nmail store     %s\naddress book   %s\nlegacy dn      %s\nissued by      %s\nfound by       %s\n",
		mapi.MailStore, mapi.AddressBook, result.Settings.LegacyDN, result.URL, result.By)
	return nil
}

// question is what the agent would ask for an address, without the sign-in, and
// the profile that it is asked for: a new one if there is none.
func question(ctx context.Context, p *program.Program, address string) (q autodiscover.Query, of profile.Profile, err error) {
	if of, err = profile.New(address, ""); err != nil {
		return q, of, usage(err)
	}
	q.Address = of.Address
	if q.Rules, err = p.Consents.Rules(ctx); err != nil {
		return q, of, err
	}
	all, _ := loadAll(ctx, p)
	if old, ok := byAddress(all, of.Address); ok {
		of = old
		if mapi := of.Endpoint.MAPI; mapi != nil {
			q.LegacyDN = mapi.LegacyDN
		}
		if issuer := of.Endpoint.Autodiscover; issuer != "" {
			q.First = []autodiscover.Candidate{{URL: issuer, How: of.Known(), Source: autodiscover.SourceProfile}}
		}
	}
	return q, of, nil
}

// discoverAsOutlook probes each source and predicts by them.
func (a *app) discoverAsOutlook(ctx context.Context, address string, pairs []string) error {
	policy, err := parseOutlookPolicy(pairs)
	if err != nil {
		return usage(err)
	}
	p, err := a.open()
	if err != nil {
		return err
	}
	q, _, err := question(ctx, p, address)
	if err != nil {
		return err
	}
	q.First = nil // the URL that Outlook remembers is another
	if !a.json {
		q.Seen = func(step autodiscover.Step) { a.printStep(step) }
	}
	probes := probeAll(ctx, p, q)
	if err := ctx.Err(); err != nil {
		return err
	}
	predicted := predictOutlook(probes, policy)
	if a.json {
		return a.printJSON(struct {
			Note       string     `json:"note"`
			Prediction prediction `json:"prediction"`
			Probes     []probe    `json:"probes"`
		}{"a prediction from probes without credentials; Outlook itself has not been asked", predicted, probes})
	}
	a.printTable(stepsOf(probes))
	a.printPrediction(predicted)
	return nil
}

func (a *app) printStep(s autodiscover.Step) {
	switch {
	case s.By == "" && s.Skipped:
		return // a source that is not asked; the table has it
	case s.By == "":
		a.printf("%s\n  looked up, %d ms\n  %s\n", cmp.Or(s.URL, string(s.Source)), s.Elapsed.Milliseconds(), answered(s))
		return
	}
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
		return agent.Logins(of, p.Secrets, p.Refusals), nil
	}
	user := s.user
	if user == "" {
		user = of.Address
	}
	if ref == "" {
		secret, err := a.askSecret(ctx, fmt.Sprintf("password of %s: ", user))
		if err != nil {
			return nil, usage(fmt.Errorf("%w; name a sign-in with --password-file, or send none with --no-auth", err))
		}
		p.Secrets.Enabled = []string{"memory"}
		ref = "memory:typed"
		if err := p.Secrets.Set(ctx, ref, secret); err != nil {
			return nil, err
		}
	}
	given := []profile.LoginRef{{User: user, Weakest: string(trust.Basic), Bearer: s.bearer, Secret: ref}}
	for _, saved := range of.Logins { // where something stronger was let in, nothing weaker goes
		given = append(given, profile.LoginRef{Realm: saved.Realm, User: user, Weakest: string(saved.AtLeast()), Bearer: s.bearer, Secret: ref})
	}
	of.Logins = given
	return agent.Logins(of, p.Secrets, nil), nil
}

// checkLegacyDN refuses what no mailbox can be called. An empty one is not given.
func checkLegacyDN(dn string) error {
	const most = 1024 // bytes, as in a profile
	switch {
	case len(dn) > most:
		return fmt.Errorf("--legacy-dn is longer than %d bytes", most)
	case strings.ContainsFunc(dn, func(r rune) bool { return r < ' ' || r > '~' }):
		return errors.New("--legacy-dn takes printable ASCII only, as /o=Contoso/ou=Exchange/cn=Recipients/cn=ann")
	}
	return nil
}
