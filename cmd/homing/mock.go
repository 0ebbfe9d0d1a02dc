package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/mockserver"
)

func (a *app) mockCommand() *cobra.Command {
	var world, listen, admin, caOut string
	cmd := &cobra.Command{
		Use:   "mock",
		Short: "A mock world of Exchange forests as a server, with its admin API",
		Long: `Mock serves a world on loopback until it is stopped, and prints how to point any
client at it. Its admin API moves mailboxes, breaks things and shows every
request; mockserver/README.md tells how.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.mock(cmd.Context(), world, listen, admin, caOut)
		},
	}
	f := cmd.Flags()
	f.StringVar(&world, "world", "acquisition", "`name` of a bundled world ("+strings.Join(mockserver.WorldNames(), ", ")+") or a TOML file")
	f.StringVar(&listen, "listen", "127.0.0.1:0", "loopback `address` of the hosts of the world")
	f.StringVar(&admin, "admin", "127.0.0.1:0", "loopback `address` of the admin API")
	f.StringVar(&caOut, "ca-out", "", "`file` for the certificate of the world's authority; a temporary one if not given")
	return cmd
}

func (a *app) mock(ctx context.Context, world, listen, admin, caOut string) (err error) {
	w, err := openWorld(world)
	if err != nil {
		return usage(err)
	}
	srv, err := mockserver.New(w)
	if err != nil {
		return usage(err)
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	if err := errors.Join(srv.Listen(listen), srv.ListenAdmin(admin)); err != nil {
		return usage(err)
	}
	if caOut == "" {
		dir, err := os.MkdirTemp("", "homing-mock-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		caOut = filepath.Join(dir, "ca.pem")
	}
	if err := os.WriteFile(caOut, srv.CertificatePEM(), 0o644); err != nil {
		return usage(err)
	}
	if a.json {
		if err := a.printJSON(struct {
			CAFile    string   `json:"ca_file"`
			ConnectTo []string `json:"connect_to"`
			Admin     string   `json:"admin"`
		}{caOut, srv.ConnectTo(), "http://" + srv.AdminAddr()}); err != nil {
			return err
		}
	} else {
		a.describe(w, srv, caOut)
	}
	<-ctx.Done()
	return nil
}

// describe prints how to point a client at the world.
func (a *app) describe(w mockserver.World, srv *mockserver.Server, ca string) {
	a.printf("world     %s\n", worldLine(w))
	for i, m := range w.Mailboxes {
		if i == 8 {
			a.printf("          and %d more mailboxes\n", len(w.Mailboxes)-i)
			break
		}
		a.printf("mailbox   %s on %s\n", m.User, m.Server)
	}
	password := w.Password
	if password == "" {
		password = demoPassword
	}
	a.printf("password  %s (of every account that names no other)\n", password)
	a.printf("ca        %s\nadmin     http://%s\n\n", ca, srv.AdminAddr())
	flags := []string{"--ca-file " + ca}
	for _, line := range srv.ConnectTo() {
		flags = append(flags, "--connect-to "+line)
	}
	a.printf("for homing:\n  %s\n", strings.Join(flags, " \\\n  "))
	a.printf("\nfor curl:\n  %s\n", strings.Join(slices.Concat([]string{"--cacert " + ca}, flags[1:]), " \\\n  "))
	if user, to := exampleMove(w); to != "" {
		a.printf("\nto move a mailbox:\n  curl -X POST http://%s/mailboxes/%s/move -d '{\"to\":\"%s\"}'\n", srv.AdminAddr(), user, to)
	}
}

// exampleMove returns a mailbox of the world and another place for it, in
// another forest if there is one; empty where there is no such thing.
func exampleMove(w mockserver.World) (user, to string) {
	at := ""
	switch {
	case len(w.Mailboxes) > 0:
		user, at = w.Mailboxes[0].User, w.Mailboxes[0].Server
	case len(w.Populations) > 0 && w.Populations[0].Count > 0:
		user, at = "u000001", w.Populations[0].Server
	}
	for _, f := range slices.Backward(w.Forests) {
		for _, s := range slices.Backward(f.Servers) {
			if user != "" && s.Name != at {
				return user, s.Name
			}
		}
	}
	return "", ""
}

// openWorld opens a bundled world by name, or a file.
func openWorld(name string) (mockserver.World, error) {
	if slices.Contains(mockserver.WorldNames(), name) {
		return mockserver.OpenWorld(name)
	}
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return mockserver.World{}, fmt.Errorf("%q is neither a bundled world (%s) nor a file: %w", clip(name), strings.Join(mockserver.WorldNames(), ", "), cause(err))
	}
	defer f.Close()
	w, err := mockserver.ReadWorld(f)
	if err != nil {
		return w, fmt.Errorf("%s: %w", name, err)
	}
	return w, nil
}
