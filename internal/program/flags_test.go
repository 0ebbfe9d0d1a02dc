package program

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFlagsAreLaidOverTheFiles(t *testing.T) {
	dir := t.TempDir()
	own := filepath.Join(dir, "own.toml")
	if err := os.WriteFile(own, []byte("on_change = ['own']\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	forbids := "[policy]\nca_file = false\nconnect_to = false\n"
	for _, tt := range []struct {
		name   string
		flags  Flags
		policy string
		fails  string // part of the error
	}{
		{"a configuration and authorities of its own", Flags{Config: own, CAFile: "mine.pem", ConnectTo: []string{":443:127.0.0.1:8443"}}, "", ""},
		{"nothing that the policy forbids", Flags{Config: own}, forbids, ""},
		{"authorities that the policy does not leave to users", Flags{Config: own, CAFile: "mine.pem"}, forbids, "policy.toml:2:1"},
		{"connections that the policy does not leave to users", Flags{Config: own, ConnectTo: []string{":443:127.0.0.1:8443"}}, forbids, "policy.toml:3:1"},
		{"a configuration that is not there", Flags{Config: filepath.Join(dir, "none.toml")}, "", "reading the configuration"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := Paths{Config: filepath.Join(dir, "config.toml"), Policy: filepath.Join(dir, "policy.toml")}
			if err := os.WriteFile(p.Policy, []byte(tt.policy), 0o600); err != nil {
				t.Fatal(err)
			}
			tt.flags.State = filepath.Join(dir, "state")
			p, c, err := tt.flags.Load(p)
			if tt.fails != "" {
				if c != nil || err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Fatalf("Load: %v, want an error with %q", err, tt.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if p.State != tt.flags.State || len(c.OnChange) != 1 || c.Network.CAFile != tt.flags.CAFile || len(c.Network.ConnectTo) != len(tt.flags.ConnectTo) {
				t.Errorf("state %s, on_change %q, ca_file %q, connect_to %q", p.State, c.OnChange, c.Network.CAFile, c.Network.ConnectTo)
			}
		})
	}
}
