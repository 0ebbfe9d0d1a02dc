//go:build tray

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/ui"
)

// configured is a program with a configuration.
func configured(t *testing.T, config string) *program.Program {
	t.Helper()
	paths := testPaths(t)
	paths.Config = filepath.Join(paths.State, "config.toml")
	if err := os.WriteFile(paths.Config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := program.LoadConfig(paths)
	if err != nil {
		t.Fatal(err)
	}
	p, err := program.Open(paths, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// window is what p's window gets of a desktop without a tray.
func deskOf(t *testing.T, p *program.Program) ui.Desk {
	return (&app{system: desktopless(nil)}).desk(t.Context(), p, func(key string, _ any) string { return key })
}

func TestTheHostsThatTheWindowLists(t *testing.T) {
	p := configured(t, "[trust]\nhosts = ['*.fabrikam.test']\n")
	given := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []trust.Consent{
		{MailDomain: "contoso.test", Host: "mx1.tailspin.test", Given: given},
		{MailDomain: "contoso.test", Host: "old.tailspin.test", Given: given, Expires: given.Add(time.Hour)},
	} {
		if err := p.Consents.Allow(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	got, err := deskOf(t, p).Consents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []ui.Consent{
		{Host: "*.fabrikam.test", Fixed: p.Paths.Config},
		{MailDomain: "contoso.test", Host: "mx1.tailspin.test", Given: given},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsChosenInTheWindowIsKept(t *testing.T) {
	p := configured(t, "")
	d := deskOf(t, p)
	if d.Closing != "tray.closing_ends" {
		t.Errorf("without a tray, closing the window says %q", d.Closing)
	}
	var report strings.Builder
	if err := d.Report(t.Context(), &report); err != nil || !strings.Contains(report.String(), version()) {
		t.Errorf("the report: %q, %v", report.String(), err)
	}
	if on, err := d.Notices.On(); !on || err != nil {
		t.Errorf("at first it notifies: %v, %v", on, err)
	}
	if _, fixed := d.Interval.Get(); fixed != "" {
		t.Errorf("%q says how often it looks", fixed)
	}
	if err := d.Notices.Set(false); err != nil {
		t.Fatal(err)
	}
	if err := d.Interval.Set(7 * time.Minute); err != nil {
		t.Fatal(err)
	}
	// Another process reads it.
	again := deskOf(t, p)
	if on, err := again.Notices.On(); on || err != nil {
		t.Errorf("it notifies: %v, %v", on, err)
	}
	if every, fixed := again.Interval.Get(); every != 7*time.Minute || fixed != "" {
		t.Errorf("it looks every %s, says %q", every, fixed)
	}

	p = configured(t, "[pace]\nprobe = '9m'\n")
	if every, fixed := deskOf(t, p).Interval.Get(); every != 9*time.Minute || fixed != p.Paths.Config {
		t.Errorf("it looks every %s, says %q, want what the configuration says", every, fixed)
	}
}

// Where a password goes is said in the language of the desk.
func TestWhereAPasswordGoesIsSaid(t *testing.T) {
	for config, want := range map[string]string{
		"": "Schlüsselbund dieses Desktops",
		"[secrets]\nbackend = 'file'\ndirectory = '/kept'\n": "Dateien in /kept",
	} {
		say, err := ui.In("de")
		if err != nil {
			t.Fatal(err)
		}
		got, err := (&app{system: desktopless(nil)}).desk(t.Context(), configured(t, config), say).Secrets(t.Context())
		if err != nil || got.Where != want {
			t.Errorf("%q: %q, %v, want %q", config, got.Where, err, want)
		}
	}
}

// The words that these files use exist in every language.
func TestEveryWordIsThere(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"((?:tray|view|demo)\.[a-z_]+)"`).FindAllSubmatch(source, -1) {
			keys[string(m[1])] = true
		}
	}
	if len(keys) < 6 {
		t.Fatalf("found %d words only", len(keys))
	}
	for _, language := range ui.Languages() {
		say, err := ui.In(language)
		if err != nil {
			t.Fatal(err)
		}
		for key := range keys {
			if got := say(key, map[string]any{"Server": "ex2"}); got == key || got == "" {
				t.Errorf("%s: no %s", language, key)
			}
		}
	}
}
