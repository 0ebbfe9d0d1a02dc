package profile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"
)

const keyringService = "homing"

// keyringCalls are the functions of go-keyring, each nil in the zero value.
type keyringCalls struct {
	available func() error // an error where asking would start a bus, or is in vain
	get       func(service, user string) (string, error)
	set       func(service, user, secret string) error
	delete    func(service, user string) error
}

func (c keyringCalls) orDesktop() keyringCalls {
	if c.get != nil {
		return c
	}
	return keyringCalls{sessionBus, keyring.Get, keyring.Set, keyring.Delete}
}

// keyringSecrets is the keyring backend.
type keyringSecrets struct {
	calls  keyringCalls
	asking *slot
	limit  time.Duration
}

func (k keyringSecrets) get(ctx context.Context, name string) (string, error) {
	return k.ask(ctx, func() (string, error) { return k.calls.get(keyringService, name) })
}

func (k keyringSecrets) set(ctx context.Context, name, secret string) error {
	_, err := k.ask(ctx, func() (string, error) { return "", k.calls.set(keyringService, name, secret) })
	return err
}

func (k keyringSecrets) delete(ctx context.Context, name string) error {
	_, err := k.ask(ctx, func() (string, error) { return "", k.calls.delete(keyringService, name) })
	if errors.Is(err, ErrSecretNotFound) {
		return nil
	}
	return err
}

// ask runs call within the limit. A keyring that waits for a person to unlock
// it cannot be interrupted: its goroutine stays until it answers, and until
// then nobody else asks, so that there is never more than one.
func (k keyringSecrets) ask(ctx context.Context, call func() (string, error)) (string, error) {
	if err := k.calls.available(); err != nil {
		return "", err
	}
	silent := fmt.Errorf("the keyring has not answered within %v; unlock it or keep the secret elsewhere: %w", k.limit, context.DeadlineExceeded)
	ctx, cancel := context.WithTimeoutCause(ctx, k.limit, silent)
	defer cancel()
	if !k.asking.take(ctx) {
		return "", context.Cause(ctx)
	}
	type answer struct {
		secret string
		err    error
	}
	answers := make(chan answer, 1)
	go func() {
		defer k.asking.free()
		secret, err := call()
		answers <- answer{secret, err}
	}()
	select {
	case a := <-answers:
		return a.secret, keyringError(a.err)
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// keyringError says what an error of go-keyring means. It has a type for two
// of them only.
func keyringError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, keyring.ErrNotFound) {
		return ErrSecretNotFound
	}
	if errors.Is(err, keyring.ErrSetDataTooBig) {
		return errors.New("the secret is too big for this keyring (Windows takes 2560 bytes, macOS about 3000)")
	}
	if strings.Contains(err.Error(), "failed to unlock") {
		return ErrSecretLocked
	}
	answer, isDBus := errors.AsType[dbus.Error](err)
	_, isExec := errors.AsType[*exec.Error](err)
	if isExec || errors.Is(err, keyring.ErrUnsupportedPlatform) || isDBus && answer.Name == "org.freedesktop.DBus.Error.ServiceUnknown" {
		return fmt.Errorf("%w: no keyring runs in this session; start one (gnome-keyring, KWallet, KeePassXC) or keep the secret elsewhere", ErrNoBackend)
	}
	return err
}

// sessionBus looks for the bus of the session where go-keyring's D-Bus library
// looks. Where that finds none it runs dbus-launch, whose daemons stay behind:
// so then the keyring is not asked.
func sessionBus() error {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return nil
	}
	address := os.Getenv("DBUS_SESSION_BUS_ADDRESS")
	if address != "" && !strings.HasPrefix(address, "autolaunch:") {
		return nil
	}
	// It ignores XDG_RUNTIME_DIR.
	if _, err := os.Stat(fmt.Sprintf("/run/user/%d/bus", os.Getuid())); err == nil {
		return nil
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		if _, err := os.Stat(dir + "/bus"); err == nil {
			return fmt.Errorf("%w: set DBUS_SESSION_BUS_ADDRESS=unix:path=%s/bus", ErrNoBackend, dir)
		}
	}
	return fmt.Errorf("%w: there is no desktop session (DBUS_SESSION_BUS_ADDRESS is not set); keep the secret in systemd:, command or file:", ErrNoBackend)
}

// slot is a lock that one can stop waiting for. The zero slot is free.
type slot struct {
	once sync.Once
	held chan struct{}
}

func (s *slot) take(ctx context.Context) bool {
	s.once.Do(func() { s.held = make(chan struct{}, 1) })
	select {
	case s.held <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *slot) free() { <-s.held }
