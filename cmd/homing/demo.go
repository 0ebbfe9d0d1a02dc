package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/mockserver"
	"github.com/homing-mail/homing/profile"
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "The whole story: two forests in this process, three moves, one profile that follows",
		Long: `Demo starts two forests of Exchange servers in this process, on loopback with
TLS, sets up a profile, and moves the mailbox three times: to another database,
to another server, to another company. The waits are shortened.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context()) },
	}
}

// act is one thing that an administrator does, in steps that each wait until
// the agent has noticed the one before.
type act struct {
	title string
	steps []actStep
}

type actStep struct {
	script string
	until  func(agent.Mailbox) bool
}

// home is reached when the mailbox is online with that generation.
func home(generation uint64) func(agent.Mailbox) bool {
	return func(m agent.Mailbox) bool { return m.State == agent.Online && m.Generation == generation }
}

func inTransit(m agent.Mailbox) bool {
	return m.State == agent.Waiting && m.Problem != nil && m.Problem.Outcome == agent.InTransit
}

var acts = []act{
	{"an administrator moves the mailbox to another database of ex1", []actStep{
		{"move ann ex1/db2", home(2)},
	}},
	{"an administrator moves the mailbox to ex2", []actStep{
		{"start ann ex2", nil},
		{"lock ann", inTransit},
		{"finish ann", home(3)},
	}},
	{"the company is sold: the mailbox moves to the forest fabrikam.test", []actStep{
		{"move ann mx1", home(4)},
	}},
}

func (a *app) demo(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("the demo did not end in two minutes"))
	defer cancel()
	world, err := mockserver.OpenWorld("acquisition")
	if err != nil {
		return err
	}
	srv, err := mockserver.New(world)
	if err != nil {
		return err
	}
	defer srv.Close()
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		return err
	}
	p, err := demoProgram(srv, a)
	if err != nil {
		return err
	}

	story := a.story()
	story.line("world", "", worldLine(world), 0)
	svc, err := p.Alone(ctx, func(c *agent.Config) {
		c.Once = false
		c.SecretRef = func(id profile.ID, realm string) string { return "memory:" + string(id) + " " + realm }
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.Close()) }()

	story.line("setup", "ann@contoso.test", "waits are shortened: 1 s instead of 30 s", 0)
	id, err := svc.Do(ctx, agent.Command{Op: agent.Add, Address: "ann@contoso.test", Secret: trust.NewSecret(demoPassword)})
	if err != nil {
		return err
	}
	if err := await(ctx, svc, story, home(1)); err != nil {
		return err
	}
	for _, act := range acts {
		a.printf("%s\n", rule(act.title))
		for _, step := range act.steps {
			if _, err := srv.Do(step.script); err != nil {
				return err
			}
			if step.until == nil {
				continue
			}
			if err := await(ctx, svc, story, step.until); err != nil {
				return err
			}
		}
	}
	a.printf("%s\n", rule("what the profile remembers"))
	generations, err := svc.History(ctx, id)
	if err != nil {
		return err
	}
	for _, g := range generations {
		a.printf("generation %d  %-18s %s\n", g.Profile.Generation, g.Profile.Place(), g.Reason.Text)
	}
	a.printf("\nkept in %s\nlook at it with: homing --state %s profile history\n", p.Paths.State, p.Paths.State)
	return nil
}

// demoPassword opens the mailboxes of the bundled worlds, and nothing else.
const demoPassword = "spring-rain-42"

// demoProgram is a program in a directory of its own that knows the world's
// certificate authority and where its hosts listen.
func demoProgram(srv *mockserver.Server, a *app) (*program.Program, error) {
	dir, err := os.MkdirTemp("", "homing-demo-")
	if err != nil {
		return nil, err
	}
	paths := program.Paths{}.In(dir)
	c, err := program.LoadConfig(paths)
	if err != nil {
		return nil, err
	}
	ca, err := os.CreateTemp(dir, "ca-*.pem")
	if err != nil {
		return nil, err
	}
	_, err = ca.Write(srv.CertificatePEM())
	if err := errors.Join(err, ca.Close()); err != nil {
		return nil, err
	}
	err = c.Set("network", "demo", func(c *program.Config) {
		c.Network.CAFile, c.Network.ConnectTo = ca.Name(), srv.ConnectTo()
		c.Trust.Hosts = []string{"*.fabrikam.test"}
		second := program.Steps{program.Duration(time.Second), program.Duration(time.Second)}
		c.Pace.Move, c.Pace.Server, c.Pace.News, c.Pace.Network = second, second, second, second
		c.Pace.Turn, c.Pace.Probe = program.Duration(time.Millisecond), program.Duration(time.Nanosecond)
	})
	if err != nil {
		return nil, err
	}
	p, err := program.Open(paths, c, a.log(c.Level()))
	if err != nil {
		return nil, err
	}
	p.Secrets.Enabled = []string{"memory"}
	return p, nil
}

// await prints the story until the mailbox is as it should be.
func await(ctx context.Context, svc agent.Service, story *story, as func(agent.Mailbox) bool) error {
	for status, err := range svc.Watch(ctx) {
		if err != nil {
			return err
		}
		for _, m := range status.Mailboxes {
			story.tell(m)
			if as(m) {
				return nil
			}
		}
	}
	return context.Cause(ctx)
}

// worldLine names the forests and their servers, and the web hosters.
func worldLine(w mockserver.World) string {
	var parts []string
	for _, f := range w.Forests {
		var servers []string
		for _, s := range f.Servers {
			servers = append(servers, s.Name)
		}
		parts = append(parts, fmt.Sprintf("forest %s: %s", f.Name, strings.Join(servers, " ")))
	}
	for _, h := range w.Hosters {
		parts = append(parts, "web hoster "+h.Host)
	}
	return strings.Join(parts, " · ")
}

// rule is a line with a title in it.
func rule(title string) string {
	return "--- " + title + " " + strings.Repeat("-", max(3, 90-len(title)))
}
