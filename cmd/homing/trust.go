package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/agent"
)

func (a *app) trustCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "trust", Short: "Hosts that may receive credentials"}
	var domain string
	var days int
	list := &cobra.Command{
		Use: "list", Short: "Who may receive credentials, and by whose word", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.trustList(cmd.Context()) },
	}
	add := &cobra.Command{
		Use: "add HOST", Short: "Allow a host for a mail domain", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := agent.Command{Op: agent.Trust, Host: args[0], MailDomain: domain}
			if days > 0 {
				c.Expires = time.Now().UTC().AddDate(0, 0, days).Truncate(time.Second)
			}
			return a.consent(cmd.Context(), c)
		},
	}
	add.Flags().StringVar(&domain, "domain", "", "mail `domain` that it is allowed for; the one of the only profile if not given")
	add.Flags().IntVar(&days, "days", 0, "for so many `days`; without end if not given")
	remove := &cobra.Command{
		Use: "remove HOST", Short: "Take that back", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.consent(cmd.Context(), agent.Command{Op: agent.Distrust, Host: args[0], MailDomain: domain})
		},
	}
	remove.Flags().StringVar(&domain, "domain", "", "mail `domain` that it was allowed for")
	cmd.AddCommand(list, add, remove)
	return cmd
}

func (a *app) consent(ctx context.Context, c agent.Command) (err error) {
	p, err := a.open()
	if err != nil {
		return err
	}
	if c.MailDomain == "" {
		all, _ := loadAll(ctx, p)
		one, err := pick(all, nil)
		if err != nil {
			return usage(errors.New("name the mail domain with --domain"))
		}
		_, c.MailDomain, _ = strings.Cut(one.Address, "@")
	}
	svc, err := p.Service(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.Close()) }()
	_, err = svc.Do(ctx, c)
	return err
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
			Hosts    []string `json:"hosts"`
			Consents any      `json:"consents"`
		}{rules.Trusted, rules.Consents})
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
