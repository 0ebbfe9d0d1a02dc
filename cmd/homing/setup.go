package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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

// settingUp is one run of setup.
type settingUp struct {
	app    *app
	svc    *program.Running
	signIn *signIn
	ref    string // the secret that the flags name; empty: a person is asked
	dry    bool

	id      profile.ID
	created bool           // by this run
	tried   map[string]int // answers given, by realm
}

// maxAnswers is how often a person may answer for one realm: accounts are locked
// by less.
const maxAnswers = 3

func (a *app) setup(ctx context.Context, address, label string, s *signIn, dryRun bool) (err error) {
	p, err := a.open()
	if err != nil {
		return err
	}
	draft, err := profile.New(address, label)
	if err == nil {
		err = draft.Validate()
	}
	if err != nil {
		return usage(err)
	}
	run := &settingUp{app: a, signIn: s, dry: dryRun, tried: make(map[string]int)}
	if run.ref, err = s.ref(); err != nil {
		return usage(err)
	}
	if err := s.usable(ctx, p); err != nil { // before anybody is asked anything
		return usage(err)
	}
	if run.svc, err = a.setupService(ctx, p, dryRun); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.svc.Close()) }()

	story := a.story()
	story.dry = dryRun
	if a.json {
		story = nil
	}
	began := time.Now()
	if err := run.begin(ctx, p, draft); err != nil {
		return err
	}
	m, err := run.finish(ctx, began, story)
	if err != nil {
		return errors.Join(err, run.undo(context.WithoutCancel(ctx), p))
	}
	return a.reportSetup(m, dryRun)
}

// undo forgets the mailbox that this run has added, if no profile came of it: not
// even its secret stays.
func (r *settingUp) undo(ctx context.Context, p *program.Program) error {
	if !r.created {
		return nil
	}
	if _, err := p.Store.Load(ctx, r.id); !errors.Is(err, profile.ErrNotFound) {
		return nil
	}
	_, err := r.svc.Do(ctx, agent.Command{Op: agent.Forget, Profile: r.id})
	return err
}

// begin adds a mailbox. For an address that has a profile it signs in anew with
// the secret that the flags name, if they do, and looks.
func (r *settingUp) begin(ctx context.Context, p *program.Program, draft profile.Profile) (err error) {
	add := agent.Command{
		Op: agent.Add, Address: draft.Address, Label: draft.Label, User: r.signIn.user, SecretRef: r.ref, Bearer: r.signIn.bearer,
	}
	all, unreadable := loadAll(ctx, p)
	if unreadable != nil && !r.dry { // it may be the one of this address
		return unreadable
	}
	old, known := byAddress(all, draft.Address)
	_, domain, _ := strings.Cut(draft.Address, "@")
	realm := trust.Realm(domain)
	switch {
	case !known || r.dry:
		if r.ref != "" { // it is sent to every host that asks, and to none twice
			r.tried[anyRealm] = maxAnswers
		}
		before, err := mailboxes(ctx, r.svc)
		if err != nil {
			return err
		}
		r.id, err = r.svc.Do(ctx, add)
		r.created = err == nil && !r.dry && !slices.ContainsFunc(before, func(m agent.Mailbox) bool { return m.ID == r.id })
		return err
	case r.ref != "":
		if len(old.Logins) > 0 {
			realm, add.User = old.Logins[0].Realm, cmp.Or(add.User, old.Logins[0].User)
		}
		r.tried[realm] = maxAnswers
		again := agent.Command{Op: agent.SignIn, Profile: old.ID, Realm: realm, User: add.User, SecretRef: r.ref, Bearer: add.Bearer}
		if _, err := r.svc.Do(ctx, again); err != nil {
			return err
		}
	}
	now, err := mailboxes(ctx, r.svc)
	if err != nil {
		return err
	}
	look := agent.Command{Op: agent.CheckNow, Profile: old.ID}
	if slices.ContainsFunc(now, func(m agent.Mailbox) bool { return m.ID == old.ID && m.State == agent.Paused }) {
		look.Op = agent.Resume
	}
	r.id, err = r.svc.Do(ctx, look)
	return err
}

// mailboxes are those that an agent has now.
func mailboxes(ctx context.Context, svc agent.Service) ([]agent.Mailbox, error) {
	for status, err := range svc.Watch(ctx) {
		return status.Mailboxes, err
	}
	return nil, context.Cause(ctx)
}

// anyRealm stands for every realm in settingUp.tried.
const anyRealm = ""

// finish answers what is needed until the mailbox is online, or nobody can.
func (r *settingUp) finish(ctx context.Context, began time.Time, story *story) (agent.Mailbox, error) {
	for {
		m, err := r.app.settleOne(ctx, r.svc, began, r.id, story)
		if err != nil {
			return m, err
		}
		if m.State != agent.NeedsYou || m.Needs == nil || m.Needs.Kind == agent.NeedAccess {
			return m, verdict(m)
		}
		answer, err := r.answer(ctx, m)
		if err != nil {
			return m, errors.Join(verdict(m), err)
		}
		began = time.Now()
		if _, err := r.svc.Do(ctx, answer); err != nil {
			return m, err
		}
		if !r.svc.Attached {
			if _, err := r.svc.Do(ctx, agent.Command{Op: agent.CheckNow, Profile: r.id}); err != nil {
				return m, err
			}
		}
	}
}

// answer is the command that gives m what it needs: from the flags, or from the
// person at the terminal.
func (r *settingUp) answer(ctx context.Context, m agent.Mailbox) (agent.Command, error) {
	if m.Needs.Kind == agent.NeedTrust {
		return r.consent(ctx, m)
	}
	realm := m.Needs.Realm
	again := agent.Command{
		Op: agent.SignIn, Profile: m.ID, Realm: realm, User: cmp.Or(r.signIn.user, m.Address), SecretRef: r.ref, Bearer: r.signIn.bearer,
	}
	answers := max(r.tried[realm], r.tried[anyRealm])
	if r.ref != "" {
		if answers > 0 {
			return again, fmt.Errorf("the secret in %s is not the one that %s wants", r.ref, m.Needs.Host)
		}
		r.tried[realm] = maxAnswers
		return again, nil
	}
	if answers >= maxAnswers {
		return again, fmt.Errorf("%d sign-ins were refused; no more are tried, so that the account is not locked", answers)
	}
	if answers > 0 {
		fmt.Fprintf(r.app.err, "%s has refused that password\n", m.Needs.Host)
	}
	r.tried[realm]++
	var err error
	again.Secret, err = r.app.askSecret(ctx, fmt.Sprintf("password of %s for %s: ", again.User, realm))
	return again, err
}

// consent asks whether a host may receive the sign-in.
func (r *settingUp) consent(ctx context.Context, m agent.Mailbox) (agent.Command, error) {
	hop := m.Needs.Hop
	host := trust.Place(hop.To)
	fmt.Fprintf(r.app.err, "%s\n  sends us to  %s\n  for          %s\n  learned by   %s\n  certificate  %s\n",
		sender(hop), hop.To, m.Address, hop.How, hop.Cert)
	yes, err := r.app.askYes(ctx, "May "+host+" receive the sign-in of this mailbox?")
	if err == nil && !yes {
		err = errors.New("not allowed")
	}
	return agent.Command{Op: agent.Trust, Profile: m.ID, Host: host}, err
}

// sender is who sends us to the host of h.
func sender(h trust.Hop) string {
	switch {
	case h.From != "":
		return h.From
	case h.How == trust.FromSRV:
		return "the DNS of " + h.MailDomain
	case h.How == trust.FromClearRedirect:
		return "an answer in the clear, which anybody on the way may have given,"
	case h.How == trust.FromDirectory:
		return "the directory"
	case h.How == trust.FromUnsealedDirectory:
		return "a directory that has not proved who it is"
	case h.How == trust.FromMicrosoft365:
		return "the configuration"
	}
	return "the profile"
}

// setupService returns the agent to set up with; a dry run works in memory.
func (a *app) setupService(ctx context.Context, p *program.Program, dryRun bool) (*program.Running, error) {
	if !dryRun {
		return p.Service(ctx, nil)
	}
	p.Secrets.Enabled = []string{"keyring", "systemd", "command", "file", "memory"}
	return p.Alone(ctx, func(c *agent.Config) {
		c.Store = new(profile.Memory)
		c.Consents = &dryConsents{Consents: c.Consents}
		c.Refusals = nil
		c.SecretRef = func(id profile.ID, realm string) string { return "memory:" + string(id) + " " + realm }
		c.Changed = nil
	})
}

// dryConsents are the consents in force and those of one dry run, which nobody
// keeps.
type dryConsents struct {
	agent.Consents
	mu    sync.Mutex
	given []trust.Consent
}

func (d *dryConsents) Rules(ctx context.Context) (trust.Rules, error) {
	rules, err := d.Consents.Rules(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	rules.Consents = slices.Concat(rules.Consents, d.given)
	return rules, err
}

func (d *dryConsents) Allow(_ context.Context, c trust.Consent) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.given = append(d.given, c)
	return nil
}

// byAddress returns the profile of an address.
func byAddress(all []profile.Profile, address string) (profile.Profile, bool) {
	i := slices.IndexFunc(all, func(p profile.Profile) bool { return strings.EqualFold(p.Address, address) })
	if i < 0 {
		return profile.Profile{}, false
	}
	return all[i], true
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
