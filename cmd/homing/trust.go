package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
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
	var domain, expires string
	var dryRun bool
	list := &cobra.Command{
		Use: "list", Short: "Who may receive credentials, and by whose word", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.trustList(cmd.Context()) },
	}
	add := &cobra.Command{
		Use: "add HOST[:PORT]", Short: "Allow a host for a mail domain", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var end time.Time
			if cmd.Flags().Changed("expires") {
				var err error
				if end, err = expiry(expires, time.Now()); err != nil {
					return usage(err)
				}
			}
			return a.trustAdd(cmd.Context(), args[0], domain, end, dryRun)
		},
	}
	add.Flags().StringVar(&domain, "domain", "", "mail `domain` that it is allowed for; the one of the only profile if not given")
	add.Flags().StringVar(&expires, "expires", "", "`when` it ends, as the end of a migration: 30d from now, or a date as 2026-09-30, whose day is the last; without end if not given")
	add.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be allowed, and write nothing")
	remove := &cobra.Command{
		Use: "remove HOST[:PORT]", Short: "Take that back", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.trustRemove(cmd.Context(), args[0], domain, dryRun)
		},
	}
	remove.Flags().StringVar(&domain, "domain", "", "mail `domain` that it was allowed for; the one of the only profile if not given")
	remove.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be taken back, and write nothing")
	cmd.AddCommand(list, add, remove)
	return cmd
}

// expiry reads the end of a consent: so many days from now, or the end of a day
// here.
func expiry(when string, now time.Time) (time.Time, error) {
	bad := fmt.Errorf("--expires %q: it takes days from now, 1d to %dd, or a date to come as %s; without it there is no end",
		clip(when), maxDays, now.AddDate(0, 1, 0).Format(time.DateOnly))
	if digits, ok := strings.CutSuffix(when, "d"); ok {
		days, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || days < 1 || days > maxDays {
			return time.Time{}, bad
		}
		return now.UTC().AddDate(0, 0, int(days)).Truncate(time.Second), nil
	}
	day, err := time.ParseInLocation(time.DateOnly, when, now.Location())
	end := day.AddDate(0, 0, 1).Add(-time.Second)
	if err != nil || !end.After(now) || end.After(now.AddDate(0, 0, maxDays)) {
		return time.Time{}, bad
	}
	return end.UTC(), nil
}

// consented is what trust add and trust remove print as JSON.
type consented struct {
	Host       string       `json:"host"`
	MailDomain string       `json:"mail_domain"`
	Expires    time.Time    `json:"expires,omitzero"`
	StillUsed  []profile.ID `json:"still_used_by,omitempty"` // profiles that go on logging on there
	DryRun     bool         `json:"dry_run"`
}

func (a *app) trustAdd(ctx context.Context, host, domain string, expires time.Time, dryRun bool) error {
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
	done := consented{Host: host, MailDomain: domain, Expires: expires, DryRun: dryRun}
	until := "without end"
	if !expires.IsZero() {
		until = "until " + expires.Local().Format(time.DateOnly)
	}
	if dryRun {
		_, err = p.Consents.Rules(ctx) // what could not be changed is said now
	} else {
		err = carryOut(ctx, p, agent.Command{Op: agent.Trust, Host: host, MailDomain: domain, Expires: expires})
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
	host = trust.Place(host) // whatever was allowed once can be taken back
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
		return c.For(domain, host)
	}) {
		return fmt.Errorf("%s was not allowed for %s; see: homing trust list", clip(host), domain)
	}
	if !dryRun {
		if err := carryOut(ctx, p, agent.Command{Op: agent.Distrust, Host: host, MailDomain: domain}); err != nil {
			return err
		}
	}
	all, unreadable := loadAll(ctx, p)
	still := stillUsing(all, trust.Rules{Trusted: rules.Trusted, Microsoft365: rules.Microsoft365}, host, domain)
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

// consentHost returns the place that somebody may allow: the name of a host in
// lower case, with its port where that is not 443.
func consentHost(name string) (string, error) {
	host, port := strings.ToLower(name), "443"
	var err error
	if strings.Count(name, ":") == 1 { // an IPv6 address has more
		host, port, err = trust.SplitPlace(host)
	}
	host = strings.TrimSuffix(host, ".")
	switch {
	case strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }):
		return "", fmt.Errorf("%q is not written in ASCII; an international name begins with xn-- there", clip(name))
	case strings.Contains(name, "*"):
		return "", fmt.Errorf("%q is a pattern, and a person allows one host: patterns belong into the configuration, as trust.hosts", clip(name))
	case strings.ContainsAny(name, "/@"):
		return "", fmt.Errorf("%q is no host name: write it alone, as mx1.fabrikam.test", clip(name))
	case err != nil:
		return "", fmt.Errorf("%q: %w; the host alone means port 443", clip(name), err)
	}
	if verdict, why := (trust.Rules{}).Judge(trust.Hop{To: net.JoinHostPort(host, port)}); verdict == trust.Refuse {
		return "", fmt.Errorf("%s can never be trusted: %s", cmp.Or(clip(host), `""`), why)
	}
	if _, err := trust.Step("", "", "https://"+host, trust.FromConfiguration); err != nil {
		return "", fmt.Errorf("%q is no host name: it takes labels of at most 63 letters a-z, digits and hyphens, 253 in all", clip(name))
	}
	return trust.Place(net.JoinHostPort(host, port)), nil
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
			return trust.Place(hop.To) == host && verdict == trust.Allow
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
		return a.printJSON(trusted(rules))
	}
	a.printf("every host of the mail domain itself\n")
	for _, h := range rules.Trusted {
		a.printf("%-30s for every mail domain, by the configuration\n", h)
	}
	if rules.Microsoft365 {
		for _, h := range trust.Microsoft365() {
			a.printf("%-30s for every mail domain, by the configuration (trust.microsoft365)\n", h)
		}
	}
	for _, c := range rules.Consents {
		until := ""
		switch end := c.Expires.Local().Format(time.DateOnly); {
		case c.Expired(rules.Now):
			until = ", expired " + end
		case !c.Expires.IsZero():
			until = ", until " + end
		}
		a.printf("%-30s for %s, allowed %s%s\n", c.Host, c.MailDomain, c.Given.Local().Format(time.DateOnly), until)
	}
	return nil
}

// listed is what trust list prints as JSON.
type listed struct {
	Hosts        []string        `json:"hosts"`
	Microsoft365 bool            `json:"microsoft365"`
	Consents     []listedConsent `json:"consents"`
}

type listedConsent struct {
	trust.Consent
	Expired bool `json:"expired"` // it does not count
}

func trusted(rules trust.Rules) listed {
	out := listed{append([]string{}, rules.Trusted...), rules.Microsoft365, []listedConsent{}}
	for _, c := range rules.Consents {
		out.Consents = append(out.Consents, listedConsent{c, c.Expired(rules.Now)})
	}
	return out
}
