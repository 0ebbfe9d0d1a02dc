//go:build integration

package keyring

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"go.uber.org/goleak"

	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// peers are shared: each test leaves them running and unlocked.
var peers []*peer

func TestMain(m *testing.M) {
	os.Exit(func() (code int) {
		dir, err := os.MkdirTemp("", "homing-keyring-")
		if err != nil {
			fmt.Println(err)
			return 1
		}
		defer os.RemoveAll(dir)
		if err := apart(dir); err != nil {
			fmt.Println(err)
			return 1
		}
		for _, begin := range []func(string) (*peer, error){gnomeKeyring, keePassXC} {
			p, err := begin(dir)
			defer p.stop()
			if err != nil {
				fmt.Println("setting up:", err)
				return 1
			}
			peers = append(peers, p)
		}
		code = m.Run()
		for _, p := range peers {
			if err := p.tell(); err != nil && !narrowed() {
				fmt.Println(err)
				code = 1
			}
		}
		return code
	}())
}

// apart moves this process and its children below dir, away from the session that
// it was started in.
func apart(dir string) error {
	for name, value := range map[string]string{
		"HOME": "home", "XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "config", "XDG_CACHE_HOME": "cache", "XDG_STATE_HOME": "state", "XDG_RUNTIME_DIR": "run",
	} {
		if err := errors.Join(os.Mkdir(filepath.Join(dir, value), 0o700), os.Setenv(name, filepath.Join(dir, value))); err != nil {
			return err
		}
	}
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "GNOME_KEYRING_CONTROL", "SSH_AUTH_SOCK"} {
		os.Unsetenv(name)
	}
	return os.Setenv("QT_QPA_PLATFORM", "offscreen")
}

// each runs a test against every peer.
func each(t *testing.T, test func(t *testing.T, p *peer)) {
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			on(t, p.address)
			test(t, p)
		})
	}
}

// on puts this process on a bus until the end of the test. go-keyring has a
// connection for the process, which must not stay on another one.
func on(t *testing.T, address string) {
	t.Helper()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
	conn, err := dbus.SessionBus()
	must(t, err)
	conn.Close()
	conn, err = dbus.SessionBus()
	must(t, err)
	t.Cleanup(func() { conn.Close() })
}

// narrowed reports whether only some tests were asked for: they need not ask for everything.
func narrowed() bool {
	return slices.ContainsFunc([]string{"run", "skip", "list"}, func(name string) bool {
		return flag.Lookup("test."+name).Value.String() != ""
	})
}

// waits is what waits for the end of a daemon that a test has started.
const waits = "github.com/homing-mail/homing/internal/integration/keyring.run.func1"

const (
	ref    = "keyring:ann"
	secret = "spring-rain-42"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kept returns a store with a secret in the daemon, and looks for what is left at
// the end of the test.
func kept(t *testing.T, p *peer) *profile.SecretStore {
	t.Helper()
	leak := goleak.IgnoreCurrent()
	s := new(profile.SecretStore)
	store(t, p, s)
	t.Cleanup(func() {
		goleak.VerifyNone(t, append(p.leaves(), leak, goleak.IgnoreAnyFunction(waits))...)
	})
	return s
}

// leaves is what go-keyring leaves behind: the connection that it shares, and for
// each of its prompts, of which KeePassXC has one for each secret that is stored or
// deleted, a channel at which the signals of later ones wait.
func (p *peer) leaves() []goleak.Option {
	const godbus = "github.com/godbus/dbus/v5."
	options := []goleak.Option{goleak.IgnoreAnyFunction(godbus + "(*Conn).inWorker"), goleak.IgnoreAnyFunction(godbus + "newConn.func1")}
	if p.file != "" {
		options = append(options, goleak.IgnoreAnyFunction(godbus+"(*signalChannelData).deferredDeliver"))
	}
	return options
}

// store stores the secret anew: KeePassXC asks its owner before it replaces one that
// this connection has not stored.
func store(t *testing.T, p *peer, s *profile.SecretStore) {
	t.Helper()
	must(t, p.remove("ann"))
	p.written(t, func() { must(t, s.Set(t.Context(), ref, trust.NewSecret(secret))) })
}

func wantSecret(t *testing.T, s *profile.SecretStore, want string) {
	t.Helper()
	if got, err := s.Get(t.Context(), ref); err != nil || got.Reveal() != want {
		t.Errorf("Get = %q, %v; want %q", got.Reveal(), err, want)
	}
}

// wantError fails unless Get, Set and Delete all come to want, with text.
func wantError(t *testing.T, s *profile.SecretStore, want error, text string) {
	t.Helper()
	_, err := s.Get(t.Context(), ref)
	for op, err := range map[string]error{
		"Get": err, "Set": s.Set(t.Context(), ref, trust.NewSecret("another")), "Delete": s.Delete(t.Context(), ref),
	} {
		if !errors.Is(err, want) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %v with %q", op, err, want, text)
		}
	}
}

func (p *peer) count(t *testing.T, kind string) int {
	t.Helper()
	calls, err := p.calls()
	must(t, err)
	return len(slices.DeleteFunc(calls, func(c string) bool { return c != kind }))
}

func TestASecretIsKeptWhereOthersFindIt(t *testing.T) {
	each(t, func(t *testing.T, p *peer) {
		s := kept(t, p)
		wantSecret(t, s, secret)
		if got, err := p.look("ann"); got != secret {
			t.Errorf("another program finds %q, %v", got, err)
		}
		must(t, s.Set(t.Context(), ref, trust.NewSecret("with ümlauts")))
		if got, err := p.look("ann"); got != "with ümlauts" { // and one item only
			t.Errorf("after the second Set another program finds %q, %v", got, err)
		}
		must(t, p.replace("ann", "typed elsewhere"))
		wantSecret(t, s, "typed elsewhere")
		for range 2 {
			must(t, s.Delete(t.Context(), ref))
		}
		if items, err := p.items("ann"); len(items) > 0 || err != nil {
			t.Errorf("after Delete another program finds %v, %v", items, err)
		}
		if _, err := s.Get(t.Context(), ref); !errors.Is(err, profile.ErrSecretNotFound) {
			t.Errorf("after Delete: %v", err)
		}
	})
}

func TestALockedKeyringIsNotPromptedWhereNobodyIs(t *testing.T) {
	each(t, func(t *testing.T, p *peer) {
		s := kept(t, p)
		before := p.count(t, "Service.Unlock")
		must(t, p.lock())
		for i := 0; i < 30 && !t.Failed(); i++ {
			wantError(t, s, profile.ErrSecretLocked, "unlock it")
		}
		if n := p.count(t, "Service.Unlock") - before; n > 0 {
			t.Errorf("asked to unlock %d times", n)
		}
		must(t, p.unlock())
		wantSecret(t, s, secret)
	})
}

// prompter stands in for the program that shows the prompts of gnome-keyring: it
// takes them.
type prompter struct{}

func (prompter) BeginPrompting(dbus.ObjectPath) *dbus.Error { return nil }

func (p *peer) prompter(t *testing.T) {
	const name, path, kind = "org.gnome.keyring.SystemPrompter", "/org/gnome/keyring/Prompter", "org.gnome.keyring.internal.Prompter"
	must(t, p.other.Export(prompter{}, path, kind))
	_, err := p.other.RequestName(name, 0)
	must(t, err)
	t.Cleanup(func() {
		p.other.ReleaseName(name)
		p.other.Export(nil, path, kind)
	})
}

func TestAPromptThatNobodyAnswersIsNotShownAgain(t *testing.T) {
	each(t, func(t *testing.T, p *peer) {
		s := kept(t, p)
		p.silent(t)
		s.KeyringTimeout = time.Second
		must(t, p.lock())
		before := p.count(t, "Prompt.Prompt")
		_, err := s.Get(t.Context(), ref)
		if !errors.Is(err, profile.ErrSecretLocked) || !strings.Contains(err.Error(), "not answered within 1s") {
			t.Errorf("Get: %v", err)
		}
		for i := 0; i < 30 && !t.Failed(); i++ { // an agent looks again
			if _, err := s.Get(t.Context(), ref); !errors.Is(err, profile.ErrSecretLocked) {
				t.Errorf("Get again: %v", err)
			}
		}
		if n := p.count(t, "Prompt.Prompt") - before; n != 1 {
			t.Errorf("prompted %d times, want once", n)
		}
		must(t, p.unlock())
		wantSecret(t, s, secret)
	})
}

func TestAPromptThatCannotBeShown(t *testing.T) {
	p := peers[0] // it has another program show them
	on(t, p.address)
	s := kept(t, p)
	s.KeyringTimeout = time.Minute
	must(t, p.lock())
	wantError(t, s, profile.ErrSecretLocked, "unlock it")
	must(t, p.unlock())
	wantSecret(t, s, secret)
}

func TestADaemonThatEndsAndComesBack(t *testing.T) {
	each(t, func(t *testing.T, p *peer) {
		s := kept(t, p)
		p.daemon.kill()
		wantError(t, s, profile.ErrNoBackend, "no keyring runs")
		must(t, p.start())
		wantSecret(t, s, secret)
	})
}

func TestADaemonThatEndsBeforeItsPromptIsAnswered(t *testing.T) {
	each(t, func(t *testing.T, p *peer) {
		s := kept(t, p)
		p.silent(t)
		s.KeyringTimeout = time.Minute
		must(t, p.lock())
		before := p.count(t, "Prompt.Prompt")
		ended := make(chan error, 1)
		go func() {
			err := until("the prompt", func() bool {
				calls, _ := p.calls()
				return len(slices.DeleteFunc(calls, func(c string) bool { return c != "Prompt.Prompt" })) > before
			})
			p.daemon.kill()
			ended <- err
		}()
		if _, err := s.Get(t.Context(), ref); !errors.Is(err, profile.ErrNoBackend) || !strings.Contains(err.Error(), "the keyring has ended") {
			t.Errorf("Get: %v", err)
		}
		must(t, <-ended)
		must(t, p.start())
		wantSecret(t, s, secret)
	})
}

// KeePassXC asks its owner before it replaces what another connection has stored,
// in a prompt that go-keyring shows.
func TestAQuestionToReplaceASecretIsBounded(t *testing.T) {
	p := peers[1]
	on(t, p.address)
	s := kept(t, p)
	for _, tt := range []struct {
		name  string
		limit time.Duration
		text  string
	}{
		{"nobody answers", 500 * time.Millisecond, "has not answered within 500ms"},
		{"it ends meanwhile", time.Minute, "no keyring runs"},
	} {
		on(t, p.address) // another connection
		s.KeyringTimeout = tt.limit
		before := p.count(t, "Prompt.Prompt")
		set := make(chan error, 1)
		go func() { set <- s.Set(t.Context(), ref, trust.NewSecret("another")) }()
		must(t, until("the prompt", func() bool { return p.count(t, "Prompt.Prompt") > before }))
		var err error
		if tt.limit < time.Second {
			err = <-set
			if _, err := s.Get(t.Context(), ref); !errors.Is(err, profile.ErrNoBackend) {
				t.Errorf("%s: Get meanwhile: %v", tt.name, err)
			}
			p.daemon.kill()
		} else {
			p.daemon.kill()
			err = <-set
		}
		if !errors.Is(err, profile.ErrNoBackend) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.text)
		}
		must(t, p.start())
		s.KeyringTimeout = 0
		wantSecret(t, s, secret)
	}
}

func TestADaemonThatHangs(t *testing.T) {
	each(t, func(t *testing.T, p *peer) {
		s := kept(t, p)
		s.KeyringTimeout = 500 * time.Millisecond
		p.daemon.signal(syscall.SIGSTOP)
		wantError(t, s, profile.ErrNoBackend, "has not answered within 500ms")
		p.daemon.signal(syscall.SIGCONT)
		// What it was asked while it hung it does now.
		must(t, until("its answer", func() bool { _, err := p.locked(); return err == nil }))
		s.KeyringTimeout = 0
		store(t, p, s)
		wantSecret(t, s, secret)
	})
}

func TestABusWithoutKeyring(t *testing.T) {
	each(t, func(t *testing.T, p *peer) {
		for _, tt := range []struct{ name, starts string }{
			{"that knows of none", ""},
			{"that cannot start the one it knows of", "/bin/false"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				dir := t.TempDir()
				services := ""
				if tt.starts != "" {
					services = dir
					must(t, os.WriteFile(filepath.Join(dir, service+".service"), []byte("[D-BUS Service]\nName="+service+"\nExec="+tt.starts+"\n"), 0o600))
				}
				b, err := newBus(dir, services)
				must(t, err)
				defer b.kill()
				on(t, b.address)
				s := new(profile.SecretStore)
				wantError(t, s, profile.ErrNoBackend, "no keyring runs")
				b.kill()
				wantError(t, s, profile.ErrNoBackend, "the bus of the desktop session")
				on(t, p.address)
				store(t, p, s)
				wantSecret(t, s, secret)
			})
		}
	})
}

// What would start a bus leaves a file behind.
func TestWithoutABusNoneIsStarted(t *testing.T) {
	dir, p := t.TempDir(), peers[0]
	started := filepath.Join(dir, "started")
	must(t, os.WriteFile(filepath.Join(dir, "dbus-launch"), []byte("#!/bin/sh\n: >"+started+"\n"), 0o700))
	t.Setenv("PATH", dir)
	if _, err := os.Stat(fmt.Sprintf("/run/user/%d/bus", os.Getuid())); err == nil {
		return // that of somebody's session
	}
	for _, tt := range []struct{ address, runtimeDir, text string }{
		{"", dir, "no desktop session"},
		{"autolaunch:", dir, "no desktop session"},
		{"", p.dir, "set DBUS_SESSION_BUS_ADDRESS=" + p.address},
		{"autolaunch:scope=user", dir, "no desktop session"},
	} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", tt.address)
		t.Setenv("XDG_RUNTIME_DIR", tt.runtimeDir)
		wantError(t, new(profile.SecretStore), profile.ErrNoBackend, tt.text)
		if _, err := os.Stat(started); err == nil {
			t.Error("dbus-launch was run")
		}
		if got := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); got != tt.address {
			t.Errorf("DBUS_SESSION_BUS_ADDRESS is %q now", got)
		}
	}
	on(t, p.address) // and the message is right
	s := new(profile.SecretStore)
	store(t, p, s)
	wantSecret(t, s, secret)
}
