package program

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// preferences writes preferences.json, if it says something, beside a configuration
// and a policy.
func preferences(t *testing.T, text, config, policy string) Paths {
	t.Helper()
	p := files(t, config, policy)
	if text == "" {
		return p
	}
	if err := os.MkdirAll(p.State, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.State, "preferences.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhatIsChosenOutlivesTheProcess(t *testing.T) {
	p := files(t, "", "")
	first, err := p.Preferences().Load()
	if err != nil || first != (Chosen{}) {
		t.Errorf("at first: %+v, %v", first, err)
	}
	if err := p.Preferences().Change(func(c *Chosen) { c.Silent = true }); err != nil {
		t.Fatal(err)
	}
	if err := p.Preferences().Change(func(c *Chosen) { c.Probe = 5 * time.Minute }); err != nil {
		t.Fatal(err)
	}
	want := Chosen{Silent: true, Probe: 5 * time.Minute}
	if got, err := p.Preferences().Load(); err != nil || got != want {
		t.Errorf("after two choices: %+v, %v", got, err)
	}
	if err := p.Preferences().Change(func(c *Chosen) { *c = Chosen{} }); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Preferences().Load(); err != nil || got != (Chosen{}) {
		t.Errorf("after taking both back: %+v, %v", got, err)
	}
	info, err := os.Stat(filepath.Join(p.State, "preferences.json"))
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("others may read it: %v", mode)
	}
}

func TestPreferencesThatCannotBeReadStay(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"cut short", `{"version": 1, "look_every": "5m"`, "cannot be read"},
		{"empty", " ", "cannot be read"},
		{"written by a newer homing", `{"version": 2, "look_every": "5m", "theme": "dark"}`, "is of version 2, written by a newer homing"},
		{"without a version", `{"look_every": "5m"}`, "is of version 0"},
		{"with a key that there is not", `{"version": 1, "look_evry": "5m"}`, `unknown field "look_evry"`},
		{"with a number for a time", `{"version": 1, "look_every": 300}`, "cannot be read"},
		{"with a time without a unit", `{"version": 1, "look_every": "300"}`, `"300" is no time with its unit`},
		{"that hammer", `{"version": 1, "look_every": "1ms"}`, "look_every: 1ms is not within 1s and 1h"},
		{"that never look", `{"version": 1, "look_every": "2h"}`, "look_every: 2h0m0s is not within 1s and 1h"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := preferences(t, tc.text, "", "")
			path := filepath.Join(p.State, "preferences.json")
			if _, err := p.Preferences().Load(); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Load: %v, want %q and the path", err, tc.want)
			}
			if _, err := LoadConfig(p); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("LoadConfig: %v, want an error that names the file", err)
			}
			if err := p.Preferences().Change(func(c *Chosen) { c.Silent = true }); err == nil {
				t.Error("Change wrote over it")
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != tc.text {
				t.Errorf("the file is now %q (%v)", got, err)
			}
		})
	}
}

func TestAPaceThatIsNoneIsNotChosen(t *testing.T) {
	p := files(t, "", "")
	for _, d := range []time.Duration{-time.Second, time.Millisecond, 2 * time.Hour} {
		if err := p.Preferences().Change(func(c *Chosen) { c.Probe = d }); err == nil {
			t.Errorf("%v was taken", d)
		}
	}
	if _, err := os.Stat(filepath.Join(p.State, "preferences.json")); !os.IsNotExist(err) {
		t.Errorf("something was written: %v", err)
	}
}

func TestPreferencesLieBetweenTheDefaultsAndTheConfiguration(t *testing.T) {
	const five, two, three = `{"version": 1, "look_every": "5m"}`, "[pace]\nprobe = '2m'", "[pace]\nprobe = '3m'"
	for _, tc := range []struct {
		name                  string
		preferences           string
		config, policy        string
		wantValue, wantOrigin string // config and policy stand for the paths
		wantFixed             string
		wantProbeOfAnAgent    time.Duration
	}{
		{name: "nobody says anything", wantValue: "1m0s", wantOrigin: "default", wantProbeOfAnAgent: time.Minute},
		{name: "a person has chosen", preferences: five, wantValue: "5m0s", wantOrigin: "preferences", wantProbeOfAnAgent: 5 * time.Minute},
		{name: "a person has chosen something else", preferences: `{"version": 1, "notifications": false}`, wantValue: "1m0s", wantOrigin: "default", wantProbeOfAnAgent: time.Minute},
		{name: "the configuration is above what was chosen", preferences: five, config: two, wantValue: "2m0s", wantOrigin: "config", wantFixed: "config", wantProbeOfAnAgent: 2 * time.Minute},
		{name: "the policy is above what was chosen", preferences: five, policy: three, wantValue: "3m0s", wantOrigin: "policy", wantFixed: "policy", wantProbeOfAnAgent: 3 * time.Minute},
		{name: "the policy is above both", preferences: five, config: two, policy: three, wantValue: "3m0s", wantOrigin: "policy", wantFixed: "policy", wantProbeOfAnAgent: 3 * time.Minute},
		{name: "a configuration of something else fixes nothing", preferences: five, config: "[pace]\nturn = '2m'", wantValue: "5m0s", wantOrigin: "preferences", wantProbeOfAnAgent: 5 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := preferences(t, tc.preferences, tc.config, tc.policy)
			e, err := LoadConfig(p)
			if err != nil {
				t.Fatal(err)
			}
			path := map[string]string{"config": p.Config, "policy": "policy " + p.Policy, "default": "default", "preferences": "preferences"}
			if got := value(t, e, "pace.probe"); got.Value != tc.wantValue || got.Origin != path[tc.wantOrigin] {
				t.Errorf("%v from %s, want %s from %s", got.Value, got.Origin, tc.wantValue, tc.wantOrigin)
			}
			if got := e.Fixed("pace.probe"); got != path[tc.wantFixed] {
				t.Errorf("it is fixed by %q, want %q", got, tc.wantFixed)
			}
			program, err := Open(p, e, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := program.AgentConfig().Pace.Probe; got != tc.wantProbeOfAnAgent {
				t.Errorf("an agent probes every %v, want %v", got, tc.wantProbeOfAnAgent)
			}
		})
	}
}
