package program

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPathsFollowTheVariablesOfTheSystem(t *testing.T) {
	home := t.TempDir()
	join := filepath.Join
	type variables map[string]string
	var cases []struct {
		name string
		env  variables
		want Paths
	}
	add := func(name string, env variables, want Paths) {
		cases = append(cases, struct {
			name string
			env  variables
			want Paths
		}{name, env, want})
	}
	switch runtime.GOOS {
	case "windows":
		local, roaming := join(home, "Local"), join(home, "Roaming")
		state := join(local, "homing")
		policy, err := policyFile()
		if err != nil {
			t.Fatal(err)
		}
		add("of Windows", variables{"LocalAppData": local, "AppData": roaming, "ProgramData": join(home, "ProgramData"), "XDG_RUNTIME_DIR": ""},
			Paths{join(roaming, "homing", "config.toml"), policy, state, join(state, "agent.sock"), join(state, "window.sock")})
	case "darwin":
		library := join(home, "Library", "Application Support", "homing")
		state := join(library, "state")
		add("of macOS", variables{"HOME": home, "XDG_RUNTIME_DIR": ""},
			Paths{join(library, "config.toml"), "/etc/homing/policy.toml", state, join(state, "agent.sock"), join(state, "window.sock")})
	default:
		config, state, run := join(home, "c"), join(home, "s"), join(home, "r")
		usual := join(home, ".local", "state", "homing")
		add("home alone", variables{"HOME": home, "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": "", "XDG_RUNTIME_DIR": ""},
			Paths{join(home, ".config", "homing", "config.toml"), "/etc/homing/policy.toml", usual, join(usual, "agent.sock"), join(usual, "window.sock")})
		add("the XDG variables", variables{"HOME": home, "XDG_CONFIG_HOME": config, "XDG_STATE_HOME": state, "XDG_RUNTIME_DIR": run},
			Paths{join(config, "homing", "config.toml"), "/etc/homing/policy.toml", join(state, "homing"), join(run, "homing", "agent.sock"), join(run, "homing", "window.sock")})
		add("a relative state directory is to be ignored", variables{"HOME": home, "XDG_CONFIG_HOME": config, "XDG_STATE_HOME": "s", "XDG_RUNTIME_DIR": ""},
			Paths{join(config, "homing", "config.toml"), "/etc/homing/policy.toml", usual, join(usual, "agent.sock"), join(usual, "window.sock")})
		add("a relative run-time directory is to be ignored", variables{"HOME": home, "XDG_CONFIG_HOME": config, "XDG_STATE_HOME": state, "XDG_RUNTIME_DIR": "r"},
			Paths{join(config, "homing", "config.toml"), "/etc/homing/policy.toml", join(state, "homing"), join(state, "homing", "agent.sock"), join(state, "homing", "window.sock")})
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			got, err := DefaultPaths()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAStateDirectoryHoldsTheSocketToo(t *testing.T) {
	dir := t.TempDir()
	got := Paths{Config: "c", Policy: "p", State: "s", Socket: "x", Window: "y"}.In(dir)
	want := Paths{Config: "c", Policy: "p", State: dir, Socket: filepath.Join(dir, "agent.sock"), Window: filepath.Join(dir, "window.sock")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
