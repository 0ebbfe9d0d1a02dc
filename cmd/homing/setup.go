package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

func (a *app) setupCommand() *cobra.Command {
	var s signIn
	var label string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "setup ADDRESS",
		Short: "Find the settings for an address, sign in, write the profile",
		Long: `Setup asks Autodiscover for the place of the mailbox, signs in, logs on, and
writes the profile when the logon has succeeded. For an address that has a
profile already it signs in anew.

Without a flag the password is asked for and kept where secrets.backend says.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.setup(cmd.Context(), args[0], label, &s, dryRun)
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&label, "label", "", "what to call the profile; the address if not given")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "find, sign in and log on, and write nothing")
	return cmd
}

func (a *app) setup(ctx context.Context, address, label string, s *signIn, dryRun bool) (err error) {
	p, err := a.open()
	if err != nil {
		return err
	}
	if _, err := profile.New(address, label); err != nil {
		return usage(err)
	}
	ref, err := s.ref()
	if err != nil {
		return usage(err)
	}
	svc, err := a.setupService(ctx, p, dryRun)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.Close()) }()

	began := time.Now()
	id, err := a.beginSetup(ctx, svc, p, agent.Command{
		Op: agent.Add, Address: address, Label: label, User: s.user, SecretRef: ref, Bearer: s.bearer,
	}, dryRun)
	if err != nil {
		return err
	}
	story := a.story()
	story.dry = dryRun
	if a.json {
		story = nil
	}
	for {
		m, err := a.settleOne(ctx, svc, began, id, story)
		if err != nil {
			return err
		}
		if m.State != agent.NeedsYou || m.Needs == nil || m.Needs.Kind == agent.NeedAccess {
			if err := verdict(m); err != nil {
				return err
			}
			return a.reportSetup(m, dryRun)
		}
		began = time.Now()
		answer, err := a.answer(m, s)
		if err != nil {
			return errors.Join(verdict(m), err)
		}
		if _, err := svc.Do(ctx, answer); err != nil {
			return err
		}
		if !svc.Attached {
			if _, err := svc.Do(ctx, agent.Command{Op: agent.CheckNow, Profile: id}); err != nil {
				return err
			}
		}
	}
}

// beginSetup adds a mailbox. For an address that has a profile it signs in anew
// instead, with the secret that add names, and looks.
func (a *app) beginSetup(ctx context.Context, svc agent.Service, p *program.Program, add agent.Command, dryRun bool) (profile.ID, error) {
	old, ok := a.byAddress(ctx, p, add.Address)
	if !ok || dryRun {
		return svc.Do(ctx, add)
	}
	if add.SecretRef != "" {
		again := agent.Command{Op: agent.SignIn, Profile: old.ID, User: add.User, SecretRef: add.SecretRef, Bearer: add.Bearer}
		if len(old.Logins) > 0 {
			again.Realm, again.User = old.Logins[0].Realm, cmp.Or(add.User, old.Logins[0].User)
		} else {
			_, domain, _ := strings.Cut(old.Address, "@")
			again.Realm = trust.Realm(domain)
		}
		if _, err := svc.Do(ctx, again); err != nil {
			return "", err
		}
	}
	return svc.Do(ctx, agent.Command{Op: agent.CheckNow, Profile: old.ID})
}

// setupService returns the agent to set up with; a dry run works in memory.
func (a *app) setupService(ctx context.Context, p *program.Program, dryRun bool) (*program.Running, error) {
	if !dryRun {
		return p.Service(ctx, nil)
	}
	p.Secrets.Enabled = []string{"keyring", "systemd", "command", "file", "memory"}
	return p.Alone(ctx, func(c *agent.Config) {
		c.Store = new(profile.Memory)
		c.SecretRef = func(id profile.ID, realm string) string { return "memory:" + string(id) + " " + realm }
		c.Changed = nil
	})
}

func (a *app) byAddress(ctx context.Context, p *program.Program, address string) (profile.Profile, bool) {
	all, _ := loadAll(ctx, p)
	for _, old := range all {
		if strings.EqualFold(old.Address, strings.TrimSpace(address)) {
			return old, true
		}
	}
	return profile.Profile{}, false
}

func (a *app) settleOne(ctx context.Context, svc agent.Service, since time.Time, id profile.ID, story *story) (agent.Mailbox, error) {
	var tell func(agent.Mailbox)
	if story != nil {
		tell = story.tell
	}
	boxes, err := settled(ctx, svc, since, []profile.ID{id}, tell)
	if err != nil {
		return agent.Mailbox{}, err
	}
	return boxes[0], nil
}

// answer asks the person at the terminal what m needs.
func (a *app) answer(m agent.Mailbox, s *signIn) (agent.Command, error) {
	n := m.Needs
	if n.Kind == agent.NeedTrust {
		host, _, err := net.SplitHostPort(n.Hop.To)
		if err != nil {
			return agent.Command{}, err
		}
		fmt.Fprintf(a.err, "%s\n  sends us to  %s\n  for          %s\n  learned by   %s\n  certificate  %s\n",
			n.Hop.From, n.Hop.To, m.Address, n.Hop.How, n.Hop.Cert)
		yes, err := a.askYes("May " + host + " receive the sign-in of this mailbox?")
		if err == nil && !yes {
			err = errors.New("not allowed")
		}
		if err != nil {
			return agent.Command{}, err
		}
		return agent.Command{Op: agent.Trust, Profile: m.ID, Host: host}, nil
	}
	user := s.user
	if user == "" {
		user = m.Address
	}
	if s.file != "" || s.command != "" || s.credential != "" {
		return agent.Command{}, errors.New("the sign-in that the flags name was refused or cannot be read")
	}
	secret, err := a.askSecret(fmt.Sprintf("password of %s for %s: ", user, n.Realm))
	if err != nil {
		return agent.Command{}, err
	}
	return agent.Command{Op: agent.SignIn, Profile: m.ID, Realm: n.Realm, User: user, Secret: secret, Bearer: s.bearer}, nil
}

func (a *app) reportSetup(m agent.Mailbox, dryRun bool) error {
	if a.json {
		return a.printJSON(m)
	}
	if dryRun {
		a.printf("%s is at %s; nothing was written\n", m.Address, m.Server)
		return nil
	}
	a.printf("%s is at %s; profile %s, generation %d\n", m.Address, m.Server, m.ID, m.Generation)
	return nil
}
