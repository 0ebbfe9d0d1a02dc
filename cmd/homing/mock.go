package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/mockserver"
)

// mockFlags is what homing mock was told.
type mockFlags struct {
	world, listen, admin string
	caOut, configOut     string
	seed                 uint64
	polite               bool
}

func (a *app) mockCommand() *cobra.Command {
	var told mockFlags
	cmd := &cobra.Command{
		Use:   "mock",
		Short: "A mock world of Exchange forests as a server, with its admin API",
		Long: `Mock serves a world on loopback until it is stopped, and prints how to point any
client at it: Homing by a configuration that it writes, curl by flags. Beside the
hosts of the world it serves its DNS, what the hosts answer without TLS, and its
directories, each on a port of its own. Its admin API moves mailboxes, breaks
things and shows every request; mockserver/README.md tells how.

Its answers are as hostile as the specifications allow: cut into pieces, with
PENDING, headers spelled anyhow. All of that follows from the seed that it
prints, and --seed plays it again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("seed") && told.seed == 0 {
				return usage(errors.New("--seed 0: want a number from 1"))
			}
			return a.mock(cmd.Context(), told)
		},
	}
	f := cmd.Flags()
	f.StringVar(&told.world, "world", "acquisition", "`name` of a bundled world (see: homing mock worlds) or a TOML file")
	f.StringVar(&told.listen, "listen", "127.0.0.1:0", "loopback `address` of the hosts of the world")
	f.StringVar(&told.admin, "admin", "127.0.0.1:0", "loopback `address` of the admin API")
	f.StringVar(&told.caOut, "ca-out", "", "`file` for the certificate of the world's authority; a temporary one if not given")
	f.StringVar(&told.configOut, "config-out", "", "`file` for a configuration of homing that reaches the world and nothing else; a temporary one if not given")
	f.Uint64Var(&told.seed, "seed", 0, "the `number` that the hostility follows from; drawn if neither this nor the world gives one")
	f.BoolVar(&told.polite, "polite", false, "no hostility: every answer whole, at once, spelled as in the specifications")
	cmd.MarkFlagsMutuallyExclusive("seed", "polite")
	cmd.AddCommand(a.worldsCommand(), a.flavoursCommand(), a.faultsCommand())
	return cmd
}

func (a *app) mock(ctx context.Context, told mockFlags) (err error) {
	w, err := openWorld(told.world)
	if err != nil {
		return usage(err)
	}
	switch { // what is said here counts, not what the world says
	case told.polite:
		w.Hostility = mockserver.Hostility{Off: true}
	case told.seed != 0:
		w.Hostility.Off, w.Hostility.Seed = false, told.seed
	}
	srv, err := mockserver.New(w)
	if err != nil {
		return usage(err)
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	if err := errors.Join(srv.Listen(told.listen), srv.ListenAdmin(told.admin)); err != nil {
		return usage(err)
	}
	if err := announce(w, srv); err != nil {
		return err
	}
	if told.caOut == "" || told.configOut == "" {
		dir, err := os.MkdirTemp("", "homing-mock-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		told.caOut = cmp.Or(told.caOut, filepath.Join(dir, "ca.pem"))
		told.configOut = cmp.Or(told.configOut, filepath.Join(dir, "config.toml"))
	}
	if err := os.WriteFile(told.caOut, srv.CertificatePEM(), 0o644); err != nil {
		return usage(err)
	}
	config, err := reaching(w, srv, told.caOut)
	if err != nil {
		return err
	}
	if err := os.WriteFile(told.configOut, config, 0o644); err != nil {
		return usage(err)
	}
	if a.json {
		facts := struct {
			CAFile     string   `json:"ca_file"`
			ConfigFile string   `json:"config_file"`
			ConnectTo  []string `json:"connect_to"`
			DNS        string   `json:"dns"`
			Admin      string   `json:"admin"`
			Seed       string   `json:"seed,omitempty"` // text: more digits than a number of JSON keeps everywhere
		}{CAFile: told.caOut, ConfigFile: told.configOut, ConnectTo: srv.ConnectTo(), DNS: srv.DNSAddr(), Admin: "http://" + srv.AdminAddr()}
		if !w.Hostility.Off {
			facts.Seed = strconv.FormatUint(srv.Seed(), 10)
		}
		if err := a.printJSON(facts); err != nil {
			return err
		}
	} else {
		a.describe(w, srv, told)
	}
	<-ctx.Done()
	return nil
}

// describe prints how to point a client at the world.
func (a *app) describe(w mockserver.World, srv *mockserver.Server, told mockFlags) {
	a.printf("world     %s\n", worldLine(w))
	for i, m := range w.Mailboxes {
		if i == 8 {
			a.printf("          and %d more mailboxes\n", len(w.Mailboxes)-i)
			break
		}
		a.printf("mailbox   %s on %s\n", m.User, m.Server)
	}
	a.printf("password  %s (of every account that names no other)\n", cmp.Or(w.Password, mockserver.DefaultPassword))
	if w.Hostility.Off {
		a.printf("polite    every answer is whole and at once\n")
	} else {
		a.printf("seed      %d (the same answers again: --seed %[1]d; without hostility: --polite)\n", srv.Seed())
	}
	for _, f := range srv.Faults() {
		a.printf("fault     %s\n", f.Fault)
	}
	for _, d := range w.Directories {
		a.printf("directory %s at %s (LDAP with StartTLS, and LDAPS)\n", d.Host, srv.LDAPAddr(d.Host))
	}
	a.printf("dns       %s\nclear     %s (port 80 of every host)\n", srv.DNSAddr(), srv.ClearAddr())
	a.printf("ca        %s\nadmin     http://%s\n\n", told.caOut, srv.AdminAddr())
	a.printf("for homing:\n  --config %s\n", told.configOut)
	flags := []string{"--cacert " + told.caOut}
	for _, line := range srv.ConnectTo() {
		flags = append(flags, "--connect-to "+line)
	}
	a.printf("\nfor curl:\n  %s\n", strings.Join(flags, " \\\n  "))
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

func (a *app) worldsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "worlds",
		Short: "The bundled worlds",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			names := mockserver.WorldNames()
			if a.json {
				return a.printJSON(names)
			}
			for _, name := range names {
				w, err := mockserver.OpenWorld(name)
				if err != nil {
					return err
				}
				a.printf("%-16s %s\n", name, worldLine(w))
			}
			return nil
		},
	}
}

func (a *app) flavoursCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "flavours",
		Short: "The products that a forest of a world file can play, by its key flavour",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.printJSON(mockserver.Flavours())
			}
			for _, v := range mockserver.Flavours() {
				a.printf("%-15s  %s\n", v.Name, v.About)
			}
			return nil
		},
	}
}

func (a *app) faultsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "faults",
		Short: "What a fault can do, in a world file, a script or the admin API",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.printJSON(mockserver.FaultKinds())
			}
			for _, k := range mockserver.FaultKinds() {
				a.printf("%-27s %s (%s)\n", strings.TrimSuffix(k.Name+"="+k.With, "="), k.Does, cmp.Or(strings.Join(k.Types, ", "), strings.Join(k.Endpoints, ", ")))
			}
			return nil
		},
	}
}
