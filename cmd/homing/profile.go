package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/profile"
)

func (a *app) profileCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "profile", Short: "Profiles: where mailboxes are, and were"}
	var env, dryRun, yes bool
	var to uint64
	list := &cobra.Command{
		Use: "list", Short: "Every profile, a line each", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.profileList(cmd.Context()) },
	}
	show := &cobra.Command{
		Use: "show [PROFILE]", Short: "One profile, for people or programs", Args: cobra.MaximumNArgs(1),
		RunE: a.withProfile(func(_ context.Context, _ *program.Program, p profile.Profile) error { return a.profileShow(p, env) }),
	}
	show.Flags().BoolVar(&env, "env", false, "print environment lines: HOMING_SERVER=…")
	history := &cobra.Command{
		Use: "history [PROFILE]", Short: "Every generation: when, why, what changed", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.profileHistory(cmd.Context(), args) },
	}
	rollback := &cobra.Command{
		Use: "rollback [PROFILE]", Short: "Write an older generation again, as a new one", Args: cobra.MaximumNArgs(1),
		Long: `Rollback writes the place and the sign-ins of an older generation as a new one.
Nobody has logged on with it: it is marked as not proven until somebody has.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.profileRollback(cmd.Context(), args, to, dryRun)
		},
	}
	rollback.Flags().Uint64Var(&to, "to", 0, "`generation` to go back to; the one before the newest if not given")
	rollback.Flags().BoolVar(&dryRun, "dry-run", false, "say what would change, and write nothing")
	export := &cobra.Command{
		Use: "export [PROFILE]", Short: "One profile as JSON, to be imported elsewhere", Args: cobra.MaximumNArgs(1),
		RunE: a.withProfile(func(_ context.Context, _ *program.Program, p profile.Profile) error { return a.printJSON(p) }),
	}
	imported := &cobra.Command{
		Use: "import FILE|-", Short: "Make a profile from exported JSON; it is not proven until a logon", Args: cobra.ExactArgs(1),
		Long: `Import makes a profile from what export printed. Its sign-ins are not taken over:
a file must not choose which secret of this machine goes where. Sign in with
setup, which also proves the profile.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.profileImport(cmd.Context(), args[0], dryRun)
		},
	}
	imported.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be made, and write nothing")
	forget := &cobra.Command{
		Use: "forget PROFILE", Short: "Delete a profile, its history and its secrets", Args: cobra.ExactArgs(1),
		Long: `Forget deletes a profile, its history and the secrets that Homing keeps for it.
A file that was named with --password-file stays.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.profileForget(cmd.Context(), args, yes, dryRun)
		},
	}
	forget.Flags().BoolVar(&yes, "yes", false, "do not ask")
	forget.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be deleted, and delete nothing")
	cmd.AddCommand(list, show, history, rollback, export, imported, forget)
	return cmd
}

// withProfile runs f with the profile that the arguments name.
func (a *app) withProfile(f func(context.Context, *program.Program, profile.Profile) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		p, err := a.open()
		if err != nil {
			return err
		}
		all, unreadable := loadAll(cmd.Context(), p)
		one, err := pick(all, args)
		if err != nil {
			return errors.Join(err, unreadable)
		}
		return f(cmd.Context(), p, one)
	}
}

func (a *app) profileList(ctx context.Context) error {
	p, err := a.open()
	if err != nil {
		return err
	}
	all, unreadable := loadAll(ctx, p)
	if a.json {
		if all == nil {
			all = []profile.Profile{}
		}
		return errors.Join(a.printJSON(all), unreadable)
	}
	if len(all) == 0 && unreadable == nil {
		fmt.Fprintln(a.err, noProfile) // no line of the list
	}
	for _, one := range all {
		proven := ""
		if !one.Proven {
			proven = "  not proven"
		}
		a.printf("%s  %-28s %-28s generation %d, %s%s\n", one.ID, one.Label, one.Place(), one.Generation, one.Saved.Local().Format(time.DateTime), proven)
	}
	return unreadable
}

func (a *app) profileShow(p profile.Profile, env bool) error {
	if a.json {
		return a.printJSON(p)
	}
	mapi := profile.MAPI{}
	if p.Endpoint.MAPI != nil {
		mapi = *p.Endpoint.MAPI
	}
	issued, ttl := "", ""
	if at := p.Endpoint.Issued; !at.IsZero() {
		issued, ttl = at.Format(time.RFC3339), strconv.Itoa(p.Endpoint.TTL)
	}
	rows := []struct{ name, env, value string }{
		{"id", "HOMING_ID", string(p.ID)},
		{"label", "HOMING_LABEL", p.Label},
		{"address", "HOMING_ADDRESS", p.Address},
		{"server", "HOMING_SERVER", p.Place()},
		{"mail store", "HOMING_MAIL_STORE", mapi.MailStore},
		{"address book", "HOMING_ADDRESS_BOOK", mapi.AddressBook},
		{"legacy dn", "HOMING_LEGACY_DN", mapi.LegacyDN},
		{"autodiscover", "HOMING_AUTODISCOVER", p.Endpoint.Autodiscover},
		{"issued", "HOMING_ISSUED", issued},
		{"ttl", "HOMING_TTL", ttl},
		{"display name", "HOMING_DISPLAY_NAME", p.Identity.DisplayName},
		{"mailbox guid", "HOMING_MAILBOX_GUID", p.Identity.MailboxGUID},
		{"repl guid", "HOMING_REPL_GUID", p.Identity.ReplGUID},
		{"root folder", "HOMING_ROOT_FOLDER", p.Identity.RootFolder},
		{"server version", "HOMING_SERVER_VERSION", p.Identity.ServerVersion},
		{"generation", "HOMING_GENERATION", strconv.FormatUint(p.Generation, 10)},
		{"proven", "HOMING_PROVEN", strconv.FormatBool(p.Proven)},
	}
	for _, r := range rows {
		if env {
			a.printf("%s=%s\n", r.env, quoteEnv(r.value))
		} else {
			a.printf("%-15s %s\n", r.name, r.value)
		}
	}
	for _, l := range p.Logins {
		if !env {
			a.printf("%-15s %s as %s, secret in %s\n", "sign-in", l.Realm, l.User, l.Secret)
		}
	}
	return nil
}

// quoteEnv quotes a value for a POSIX shell and for systemd's EnvironmentFile.
func quoteEnv(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+,", r))
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func (a *app) profileHistory(ctx context.Context, args []string) error {
	p, err := a.open()
	if err != nil {
		return err
	}
	id, err := a.anyID(ctx, p, args)
	if err != nil {
		return err
	}
	generations, err := p.Store.History(ctx, id) // what can be read, and an error for the rest
	if a.json {
		return errors.Join(a.printJSON(generations), err)
	}
	a.printHistory(generations)
	return err
}

func (a *app) printHistory(generations []profile.Generation) {
	for _, g := range generations {
		a.printf("generation %-3d %s  %s\n", g.Profile.Generation, g.Profile.Saved.Local().Format(time.DateTime), g.Reason.Text)
		for _, h := range g.Reason.Hops {
			a.printf("    %-9s %-27s %s\n", h.Step, h.Host, h.Said)
		}
		for _, c := range g.Changes {
			a.printf("  * %-15s %s\n", c.Field, change(c))
		}
	}
}

func change(c profile.Change) string {
	if c.Old == "" {
		return c.New
	}
	return c.Old + " -> " + c.New
}

// anyID returns the id that args name, also of a profile that cannot be read.
func (a *app) anyID(ctx context.Context, p *program.Program, args []string) (profile.ID, error) {
	all, unreadable := loadAll(ctx, p)
	one, err := pick(all, args)
	if err == nil {
		return one.ID, nil
	}
	if len(args) > 0 {
		if id, bad := profile.ParseID(args[0]); bad == nil {
			return id, nil
		}
	}
	return "", errors.Join(err, unreadable)
}

func (a *app) profileRollback(ctx context.Context, args []string, to uint64, dryRun bool) error {
	p, err := a.open()
	if err != nil {
		return err
	}
	id, err := a.anyID(ctx, p, args)
	if err != nil {
		return err
	}
	now, loadErr := p.Store.Load(ctx, id)
	if to == 0 {
		if to, err = a.previous(ctx, p, id, now, loadErr); err != nil {
			return err
		}
	}
	then, err := p.Store.Generation(ctx, id, to)
	if err != nil {
		return err
	}
	next := then.Profile
	if loadErr == nil { // what the last logon told, and the names that people gave, stay
		next = now
		next.Endpoint, next.Logins = then.Profile.Endpoint, then.Profile.Logins
	}
	next.Proven = false
	changes := profile.Diff(now, next)
	if !dryRun {
		if err := carryOut(ctx, p, agent.Command{Op: agent.Rollback, Profile: id, Generation: to}); err != nil {
			return err
		}
	}
	if a.json {
		return a.printJSON(struct {
			Profile profile.ID       `json:"profile"`
			To      uint64           `json:"to"` // the generation that is written again
			Changes []profile.Change `json:"changes"`
			DryRun  bool             `json:"dry_run"`
		}{id, to, changes, dryRun})
	}
	if dryRun {
		for _, c := range changes {
			a.printf("would change %-15s %s\n", c.Field, change(c))
		}
		return nil
	}
	a.printf("went back to generation %d; it is not proven until a logon succeeds: homing check\n", to)
	return nil
}

// previous is the generation to go back to where none is named: the one before
// the current, or the newest where the current one cannot be read.
func (a *app) previous(ctx context.Context, p *program.Program, id profile.ID, now profile.Profile, loadErr error) (uint64, error) {
	generations, err := p.Store.History(ctx, id)
	for i := len(generations) - 1; i >= 0; i-- {
		if n := generations[i].Profile.Generation; loadErr != nil || n < now.Generation {
			return n, nil
		}
	}
	return 0, errors.Join(errors.New("there is no older generation to go back to"), err)
}

func (a *app) profileImport(ctx context.Context, file string, dryRun bool) error {
	p, err := a.open()
	if err != nil {
		return err
	}
	in, name := a.in, "standard input"
	if file != "-" {
		name = clip(file)
		f, err := os.Open(filepath.Clean(file))
		if err != nil {
			return usage(fmt.Errorf("opening %s: %w", clip(file), cause(err)))
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err != nil {
		return err
	}
	draft, err := profile.Decode(data)
	if err != nil {
		return &codeError{exitUnreadable, "", fmt.Errorf("%s: %w", name, err)}
	}
	if dryRun {
		if _, there := p.Store.Load(ctx, draft.ID); !errors.Is(there, profile.ErrNotFound) {
			return existsAlready(draft.ID)
		}
	} else {
		err := carryOut(ctx, p, agent.Command{Op: agent.Import, Draft: &draft})
		if errors.Is(err, profile.ErrConflict) {
			return existsAlready(draft.ID)
		}
		if err != nil {
			return err
		}
	}
	if a.json {
		return a.printJSON(struct {
			Profile profile.ID `json:"profile"`
			Address string     `json:"address"`
			Server  string     `json:"server"`
			DryRun  bool       `json:"dry_run"`
		}{draft.ID, draft.Address, draft.Place(), dryRun})
	}
	a.printf("%s profile %s for %s at %s; its sign-ins are not taken over: sign in with: homing setup %s\n",
		did(dryRun, "made", "would make"), draft.ID, draft.Address, draft.Place(), draft.Address)
	return nil
}

// existsAlready says that an import would need to write over a profile.
func existsAlready(id profile.ID) error {
	return &codeError{exitFailure, "to take the file instead, forget it first with: homing profile forget " + string(id),
		fmt.Errorf("profile %s exists already", id)}
}

func (a *app) profileForget(ctx context.Context, args []string, yes, dryRun bool) error {
	p, err := a.open()
	if err != nil {
		return err
	}
	id, err := a.anyID(ctx, p, args)
	if err != nil {
		return err
	}
	if !yes && !dryRun {
		sure, err := a.askYes(ctx, fmt.Sprintf("Delete profile %s (%s) with its history and its secrets?", clip(args[0]), id))
		if errors.Is(err, errNoTerminal) {
			return usage(fmt.Errorf("%w; give --yes", err))
		}
		if err != nil || !sure {
			return err
		}
	}
	if !dryRun {
		if err := carryOut(ctx, p, agent.Command{Op: agent.Forget, Profile: id}); err != nil {
			return err
		}
	}
	switch {
	case a.json:
		return a.printJSON(struct {
			Profile profile.ID `json:"profile"`
			DryRun  bool       `json:"dry_run"`
		}{id, dryRun})
	case dryRun:
		a.printf("would delete profile %s with its history and its secrets\n", id)
	default:
		a.printf("profile %s is gone\n", id)
	}
	return nil
}
