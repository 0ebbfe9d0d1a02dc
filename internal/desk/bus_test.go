package desk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/godbus/dbus/v5"
)

// Nothing is started to have a bus: a program of the name that the D-Bus library
// would run is there, and leaves a trace if it is.
func TestWithoutABusNothingIsStarted(t *testing.T) {
	dir := t.TempDir()
	trace := filepath.Join(dir, "started")
	write(t, filepath.Join(dir, "dbus-launch"), "#!/bin/sh\n: > "+trace+"\necho DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere\n")
	if err := os.Chmod(filepath.Join(dir, "dbus-launch"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for name, env := range map[string][2]string{
		"nothing is set":                       {"", ""},
		"a run-time directory without a bus":   {"", dir},
		"a run-time directory that is no path": {"", "run"},
		"an address that starts one":           {"autolaunch:", dir},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", env[0])
			t.Setenv("XDG_RUNTIME_DIR", env[1])
			if there, err := TrayHost(t.Context()); there || !errors.Is(err, ErrNoBus) {
				t.Errorf("TrayHost = %v, %v", there, err)
			}
			for there := range WatchTrayHost(t.Context()) {
				t.Errorf("WatchTrayHost yields %v", there)
			}
			var n Notifier
			if err := n.Notify(t.Context(), "", "moved", "to ex2"); !errors.Is(err, ErrNoBus) {
				t.Errorf("Notify: %v", err)
			}
			if err := n.Close(); err != nil {
				t.Error(err)
			}
			JoinBus()
			if conn, err := dbus.SessionBusPrivate(); err == nil {
				conn.Close()
				t.Error("the library finds a bus")
			}
			if _, err := TrayHost(t.Context()); !errors.Is(err, ErrNoBus) {
				t.Errorf("TrayHost after JoinBus: %v", err)
			}
		})
	}
	if _, err := os.Stat(trace); !os.IsNotExist(err) {
		t.Errorf("dbus-launch was run: %v", err)
	}
}

func TestWhereTheBusIs(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bus"), "")
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	if got, err := busAddress(); err != nil || got != "unix:path="+filepath.Join(dir, "bus") {
		t.Errorf("beside the run-time directory: %s, %v", got, err)
	}
	JoinBus()
	if got := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); got != "unix:path="+filepath.Join(dir, "bus") {
		t.Errorf("the library is told of %q", got)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/elsewhere")
	JoinBus()
	if got, err := busAddress(); err != nil || got != "unix:path=/elsewhere" {
		t.Errorf("as the environment says: %s, %v", got, err)
	}
}

func TestANotificationHasNoMarkup(t *testing.T) {
	for in, want := range map[string]string{
		"mx1.fabrikam.test":                   "mx1.fabrikam.test",
		`<a href="https://x">yes</a> & "q"`:   `&lt;a href="https://x"&gt;yes&lt;/a&gt; &amp; "q"`,
		"&lt;":                                "&amp;lt;",
		"contoso.test\u202etset.live":         "contoso.test tset.live",
		"refused\n\n  From your bank:\x1b[1m": "refused From your bank: [1m",
	} {
		if got := body(in); got != want {
			t.Errorf("body(%q) = %q, want %q", in, got, want)
		}
	}
	if got := line("moved\n\tto \x1b[1m ex2 "); got != "moved to [1m ex2" {
		t.Errorf("line = %q", got)
	}
}
