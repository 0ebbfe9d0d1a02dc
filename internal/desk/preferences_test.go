package desk

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/homing-mail/homing/internal/program"
)

// desktop is a user's preferences beside a configuration.
func desktop(t *testing.T, config string) (program.Paths, *program.Effective) {
	t.Helper()
	dir := t.TempDir()
	p := program.Paths{Config: filepath.Join(dir, "config.toml"), State: filepath.Join(dir, "state")}
	write(t, p.Config, config)
	e, err := program.LoadConfig(p)
	if err != nil {
		t.Fatal(err)
	}
	return p, e
}

func TestNotificationsAreSwitched(t *testing.T) {
	p, _ := desktop(t, "")
	for i, on := range []bool{true, false, false, true} {
		if i > 0 {
			if err := (Notices{p.Preferences()}).Set(on); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := (Notices{p.Preferences()}).On(); err != nil || got != on {
			t.Errorf("%d: %v, %v, want %v", i, got, err, on)
		}
	}
	write(t, filepath.Join(p.State, "preferences.json"), "{")
	if _, err := (Notices{p.Preferences()}).On(); err == nil {
		t.Error("a damaged file says something")
	}
}

func TestHowOftenIsChosenWhereNobodyElseSays(t *testing.T) {
	p, e := desktop(t, "[pace]\nturn = '2m'")
	choice := Interval{p.Preferences(), e}
	if d, fixed := choice.Get(); d != time.Minute || fixed != "" {
		t.Errorf("at first: %v, %q", d, fixed)
	}
	if err := choice.Set(5 * time.Minute); err != nil {
		t.Fatal(err)
	}
	if d, fixed := choice.Get(); d != 5*time.Minute || fixed != "" {
		t.Errorf("chosen: %v, %q", d, fixed)
	}
	if err := choice.Set(time.Millisecond); err == nil {
		t.Error("a pace that hammers is taken")
	}

	// What was chosen before the process began can be chosen anew.
	again, err := program.LoadConfig(p)
	if err != nil {
		t.Fatal(err)
	}
	choice = Interval{p.Preferences(), again}
	if err := choice.Set(2 * time.Minute); err != nil {
		t.Fatal(err)
	}
	if d, fixed := choice.Get(); d != 2*time.Minute || fixed != "" {
		t.Errorf("chosen anew: %v, %q", d, fixed)
	}
}

func TestHowOftenIsNotChosenWhereTheConfigurationSays(t *testing.T) {
	p, e := desktop(t, "[pace]\nprobe = '3m'")
	choice := Interval{p.Preferences(), e}
	if d, fixed := choice.Get(); d != 3*time.Minute || fixed != p.Config {
		t.Errorf("%v, %q", d, fixed)
	}
	if err := choice.Set(time.Minute); err == nil || !strings.Contains(err.Error(), p.Config) {
		t.Errorf("Set: %v, want an error that names the file", err)
	}
	if chosen, err := p.Preferences().Load(); err != nil || chosen.Probe != 0 {
		t.Errorf("kept: %+v, %v", chosen, err)
	}
}
