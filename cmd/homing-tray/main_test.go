//go:build tray

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/internal/desk"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/ui"
)

// run runs the program in a process of its own, without a desktop unless env says
// so, and returns what it says and its exit code.
func run(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(withDeadline(t), os.Args[0], args...)
	dir := shortDir(t)
	cmd.Env = slices.Concat([]string{playProgram + "=1", "HOME=" + dir, "PATH=" + os.Getenv("PATH"), "LANG=en_US.UTF-8", hurry}, env)
	var out, err strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &err
	failed := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](failed); failed != nil && !ok {
		t.Fatal(failed)
	} else if ok {
		code = exit.ExitCode()
	}
	return out.String(), err.String(), code
}

func TestNoFlagChangesWhatThePolicySays(t *testing.T) {
	for policy, refused := range map[string]bool{"": false, "[policy]\nca_file = false\n": true} {
		paths := testPaths(t)
		paths.Policy = filepath.Join(t.TempDir(), "policy.toml")
		if err := os.WriteFile(paths.Policy, []byte(policy), 0o600); err != nil {
			t.Fatal(err)
		}
		a := &app{caFile: "mine.pem", paths: func() (program.Paths, error) { return paths, nil }}
		if _, _, err := a.effective(); (err != nil) != refused {
			t.Errorf("policy %q: %v", policy, err)
		}
	}
}

func TestTheCommandLine(t *testing.T) {
	for _, tc := range []struct {
		name           string
		env            []string
		args           []string
		code           int
		stdout, stderr string // begin and part
	}{
		{"says its version", nil, []string{"--version"}, exitOK, "homing-tray (devel) (", ""},
		{"explains itself", nil, []string{"--help"}, exitOK, "Homing-tray shows where", ""},
		{"keeps what is its own to itself", nil, []string{"--help"}, exitOK, "", ""},
		{"refuses a flag that it does not know", nil, []string{"--tray"}, exitUsage, "", "see: homing-tray --help"},
		{"refuses arguments", nil, []string{"ann@contoso.test"}, exitUsage, "", "see: homing-tray --help"},
		{"refuses the demo in the background", nil, []string{"--demo", "--background"}, exitUsage, "", "see: homing-tray --help"},
		{"says that there is no display", nil, nil, exitUsage, "", "homing run"},
		{"says that there is no display for an icon either", nil, []string{"--background"}, exitUsage, "", "homing run"},
		{"says that there is no display for the demo", nil, []string{"--demo"}, exitUsage, "", "homing run"},
		{"says that there is no display for the window", nil, []string{"--window"}, exitUsage, "", "homing run"},
		{"says that a display is dead", []string{"DISPLAY=:4711"}, nil, exitUsage, "", ":4711"},
		{"says that a display is dead to the window", []string{"DISPLAY=:4711"}, []string{"--window"}, exitUsage, "", "homing run"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stdout, stderr, code := run(t, tc.env, tc.args...)
			if code != tc.code || !strings.HasPrefix(stdout, tc.stdout) || !strings.Contains(stderr, tc.stderr) {
				t.Errorf("exit code %d, want %d\n%s\n%s", code, tc.code, stdout, stderr)
			}
			if strings.Contains(stdout, "--window") || strings.Contains(stderr, "goroutine ") {
				t.Errorf("%s\n%s", stdout, stderr)
			}
		})
	}
}

func TestTheWindowGetsTheSameFlags(t *testing.T) {
	a := &app{config: "c.toml", state: "s", caFile: "ca.pem", connectTo: []string{"a:443:b:1", "c:443:d:2"}, verbose: true, background: true, admin: "http://127.0.0.1:1"}
	want := []string{"--window", "--config=c.toml", "--state=s", "--ca-file=ca.pem", "--admin=http://127.0.0.1:1", "--connect-to=a:443:b:1", "--connect-to=c:443:d:2", "--verbose"}
	if diff := cmp.Diff(want, a.forWindow()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"--window"}, new(app).forWindow()); diff != "" {
		t.Error(diff)
	}
}

func TestAPersonHasTimeToUnlockTheKeyring(t *testing.T) {
	dir := t.TempDir()
	paths := program.Paths{Config: filepath.Join(dir, "config.toml"), Policy: filepath.Join(dir, "policy.toml")}.In(dir)
	c, err := program.LoadConfig(paths)
	if err != nil {
		t.Fatal(err)
	}
	p, err := new(app).program(paths, c, io.Discard)
	if err != nil || p.Secrets.KeyringTimeout != 2*time.Minute {
		t.Errorf("%+v, %v; want 2 minutes", p, err)
	}
}

// desktopless is a desktop with a display, and without a session bus.
func desktopless(notices chan<- ui.Notice) system {
	return system{
		display: func() error { return nil },
		host:    func(context.Context) (bool, error) { return false, errors.New("no session bus") },
		notify:  func(_ context.Context, n ui.Notice) error { notices <- n; return nil },
	}
}

func TestWithoutASessionBusTheProgramIsItsWindow(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		code int // of the window
		want int
	}{
		{"and ends with it", []string{}, 0, exitOK},
		{"also when started with the session", []string{"--background"}, 0, exitOK},
		{"and fails with it", []string{}, 2, exitFailure},
		{"also in the demo", []string{"--demo"}, 0, exitOK},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStage(t)
			t.Setenv(playWindow, s.path)
			t.Setenv("GORACE", "atexit_sleep_ms=0")
			notices := make(chan ui.Notice, 8)
			said := new(record)
			paths := testPaths(t)
			a := &app{in: strings.NewReader(""), out: said, err: said, system: desktopless(notices), paths: func() (program.Paths, error) { return paths, nil }}
			ended := make(chan int, 1)
			go func() { ended <- a.main(withDeadline(t), tc.args) }()
			t.Cleanup(func() {
				if t.Failed() {
					t.Log(said)
				}
			})
			child := s.next()
			child.shows()
			child.exits(tc.code, "it broke\n")
			if got := receive(t, ended); got != tc.want {
				t.Errorf("exit code %d, want %d\n%s", got, tc.want, said)
			}
			kept, err := desk.LastLines(desk.LogPath(paths.State), 100)
			if err != nil || !slices.Contains(tc.args, "--demo") && !slices.Contains(kept, "it broke") {
				t.Errorf("the log for the report: %q, %v", kept, err)
			}
			if told := len(notices) > 0; told != (tc.code != 0) {
				t.Errorf("told: %v", told)
			}
		})
	}
}

func TestTheDemoLeavesNothingBehind(t *testing.T) {
	a := new(app)
	end, err := a.openDemo()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{a.config, a.caFile} {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	a.paths = program.DefaultPaths
	if _, c, err := a.effective(); err != nil || c.Secrets.Backend != "file" {
		t.Errorf("the configuration of the demo: %v", err)
	}
	if err := administer(t.Context(), a.admin, "where ann"); err != nil {
		t.Error(err)
	}
	if err := administer(t.Context(), a.admin, "move nobody ex2"); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("a refusal: %v", err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(a.config); !os.IsNotExist(err) {
		t.Errorf("its directory is there: %v", err)
	}
	if err := administer(t.Context(), a.admin, "where ann"); err == nil {
		t.Error("its world is there")
	}
}

func TestTheButtonsOfTheDemo(t *testing.T) {
	say := func(key string, data any) string { return key + " " + data.(map[string]any)["Server"].(string) }
	if got := moves("", say); got != nil {
		t.Errorf("outside of the demo: %v", got)
	}
	a := new(app)
	end, err := a.openDemo()
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	var labels []string
	for _, m := range moves(a.admin, say) {
		labels = append(labels, m.Label)
	}
	if diff := cmp.Diff([]string{"demo.move ex1", "demo.move ex2", "demo.move mx1"}, labels); diff != "" {
		t.Error(diff)
	}
	if err := moves(a.admin, say)[0].Do(t.Context()); err == nil {
		t.Error("a move to where the mailbox is already is not refused")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := moves(a.admin, say)[1].Do(ctx); err == nil {
		t.Error("it moves for a window that is closed")
	}
}
