package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// maxDays is the longest consent that ends: a hundred years.
const maxDays = 36500

func (a *app) trustCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "trust", Short: "Hosts that may receive credentials"}
	var domain string
	var days int
	var dryRun bool
	list := &cobra.Command{
		Use: "list", Short: "Who may receive credentials, and by whose word", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.trustList(cmd.Context()) },
	}
	add := &cobra.Command{
		Use: "add HOST", Short: "Allow a host for a mail domain", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("days") && (days < 1 || days > maxDays) {
				return usage(fmt.Errorf("--days takes 1 to %d; without it there is no end", maxDays))
			}
			return a.trustAdd(cmd.Context(), args[0], domain, days, dryRun)
		},
	}
	add.Flags().StringVar(&domain, "domain", "", "mail `domain` that it is allowed for; the one of the only profile if not given")
	add.Flags().IntVar(&days, "days", 0, "for so many `days`; without end if not given")
	add.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be allowed, and write nothing")
	remove := &cobra.Command{
		Use: "remove HOST", Short: "Take that back", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.trustRemove(cmd.Context(), args[0], domain, dryRun)
		},
	}
	remove.Flags().StringVar(&domain, "domain", "", "mail `domain` that it was allowed for; the one of the only profile if not given")
	remove.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be taken back, and write nothing")
	cmd.AddCommand(list, add, remove)
	return cmd
}

// consented is what trust add and trust remove print as JSON.
type consented struct {
	Host       string       `json:"host"`
	MailDomain string       `json:"mail_domain"`
	Expires    time.Time    `json:"expires,omitzero"`
	StillUsed  []profile.ID `json:"still_used_by,omitempty"` // profiles that go on logging on there
	DryRun     bool         `json:"dry_run"`
}

func (a *app) trustAdd(ctx context.Context, host, domain string, days int, dryRun bool) error {
	host, err := consentHost(host)
	if err != nil {
		return usage(err)
	}
	p, err := a.open()
	if err != nil {
		return err
	}
	if domain, err = consentDomain(ctx, p, domain); err != nil {
		return usage(err)
	}
	done := consented{Host: host, MailDomain: domain, DryRun: dryRun}
	until := "without end"
	if days > 0 {
		done.Expires = time.Now().UTC().AddDate(0, 0, days).Truncate(time.Second)
		until = "until " + done.Expires.Local().Format(time.DateOnly)
	}
	if dryRun {
		_, err = p.Consents.Rules(ctx) // what could not be changed is said now
	} else {
		err = carryOut(ctx, p, agent.Command{Op: agent.Trust, Host: host, MailDomain: domain, Expires: done.Expires})
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(done)
	}
	a.printf("%s %s for %s, %s\n", did(dryRun, "allowed", "would allow"), host, domain, until)
	return nil
}

func (a *app) trustRemove(ctx context.Context, host, domain string, dryRun bool) error {
	host = strings.ToLower(host) // whatever was allowed once can be taken back
	p, err := a.open()
	if err != nil {
		return err
	}
	if domain, err = consentDomain(ctx, p, domain); err != nil {
		return usage(err)
	}
	rules, err := p.Consents.Rules(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(rules.Consents, func(c trust.Consent) bool {
		return strings.EqualFold(c.Host, host) && strings.EqualFold(c.MailDomain, domain)
	}) {
		return fmt.Errorf("%s was not allowed for %s; see: homing trust list", clip(host), domain)
	}
	if !dryRun {
		if err := carryOut(ctx, p, agent.Command{Op: agent.Distrust, Host: host, MailDomain: domain}); err != nil {
			return err
		}
	}
	all, unreadable := loadAll(ctx, p)
	still := stillUsing(all, trust.Rules{Trusted: rules.Trusted}, host, domain)
	if a.json {
		return errors.Join(a.printJSON(consented{Host: host, MailDomain: domain, StillUsed: ids(still), DryRun: dryRun}), unreadable)
	}
	a.printf("%s %s for %s\n", did(dryRun, "took back", "would take back"), host, domain)
	for _, one := range still {
		a.printf("profile %s points there and goes on logging on there; roll it back or forget it: homing profile rollback %s\n", one, one.ID)
	}
	return unreadable
}

// did says what was done, or would be.
func did(dryRun bool, done, would string) string {
	if dryRun {
		return would
	}
	return done
}

// consentHost returns the name of a host that somebody may allow, in lower case.
func consentHost(name string) (string, error) {
	host := strings.ToLower(strings.TrimSuffix(name, "."))
	switch {
	case strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }):
		return "", fmt.Errorf("%q is not written in ASCII; an international name begins with xn-- there", clip(name))
	case strings.Contains(host, "*"):
		return "", fmt.Errorf("%q is a pattern, and a person allows one host: patterns belong into the configuration, as trust.hosts", clip(name))
	case strings.ContainsAny(host, "/@"):
		return "", fmt.Errorf("%q is no host name: write it alone, as mx1.fabrikam.test", clip(name))
	case strings.Contains(host, ":") && strings.Count(host, ":") == 1:
		return "", fmt.Errorf("%q: write the host without a port: what is allowed is the host, at every port", clip(name))
	}
	if verdict, why := (trust.Rules{}).Judge(trust.Hop{To: net.JoinHostPort(host, "443")}); verdict == trust.Refuse {
		return "", fmt.Errorf("%s can never be trusted: %s", cmp.Or(clip(host), `""`), why)
	}
	if _, err := trust.Step("", "", "https://"+host, trust.FromConfiguration); err != nil {
		return "", fmt.Errorf("%q is no host name: it takes labels of at most 63 letters a-z, digits and hyphens, 253 in all", clip(name))
	}
	return host, nil
}

// consentDomain returns the mail domain that is given, or that of the only
// profile.
func consentDomain(ctx context.Context, p *program.Program, given string) (string, error) {
	if given == "" {
		all, _ := loadAll(ctx, p)
		one, err := pick(all, nil)
		if err != nil {
			return "", errors.New("name the mail domain with --domain")
		}
		_, domain, _ := strings.Cut(one.Address, "@")
		return domain, nil
	}
	_, domain, err := profile.ParseAddress("x@" + given)
	if e, ok := errors.AsType[*profile.AddressError](err); ok {
		why := e.Why
		if strings.Contains(given, "@") {
			why = "write what stands after the @"
		}
		return "", fmt.Errorf("--domain %q is no mail domain as contoso.test is: %s", clip(given), why)
	}
	return domain, err
}

// stillUsing returns the profiles of domain that point to host and log on there
// by rules.
func stillUsing(profiles []profile.Profile, rules trust.Rules, host, domain string) []profile.Profile {
	var still []profile.Profile
	for _, p := range profiles {
		if _, of, _ := strings.Cut(p.Address, "@"); !strings.EqualFold(of, domain) {
			continue
		}
		urls := []string{p.Endpoint.Autodiscover}
		if p.Endpoint.MAPI != nil {
			urls = append(urls, p.Endpoint.MAPI.MailStore)
		}
		if slices.ContainsFunc(urls, func(url string) bool {
			hop, err := trust.Step(domain, "", url, p.Known())
			if err != nil {
				return false
			}
			verdict, _ := rules.Judge(hop)
			name, _, _ := net.SplitHostPort(hop.To)
			return name == host && verdict == trust.Allow
		}) {
			still = append(still, p)
		}
	}
	return still
}

func (a *app) trustList(ctx context.Context) error {
	p, err := a.open()
	if err != nil {
		return err
	}
	rules, err := p.Consents.Rules(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(struct {
			Hosts    []string        `json:"hosts"`
			Consents []trust.Consent `json:"consents"`
		}{append([]string{}, rules.Trusted...), append([]trust.Consent{}, rules.Consents...)})
	}
	a.printf("every host of the mail domain itself\n")
	for _, h := range rules.Trusted {
		a.printf("%-30s for every mail domain, by the configuration\n", h)
	}
	for _, c := range rules.Consents {
		until := ""
		if !c.Expires.IsZero() {
			until = ", until " + c.Expires.Local().Format(time.DateOnly)
			if c.Expires.Before(rules.Now) {
				until = ", expired " + c.Expires.Local().Format(time.DateOnly)
			}
		}
		a.printf("%-30s for %s, allowed %s%s\n", c.Host, c.MailDomain, c.Given.Local().Format(time.DateOnly), until)
	}
	return nil
}
