package profile

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/homing-mail/homing/internal/trust"
)

// SecretStore keeps each secret in the backend that its reference names:
//
//	keyring:NAME    the keyring of the desktop (Secret Service, Keychain, Credential Manager), service "homing"
//	systemd:NAME    a credential that systemd gave to this service; read-only
//	command         the first line that a program of the configuration prints; read-only
//	command:NAME    the same for a program of that name
//	file:/PATH      the first line of a file that nobody else can read
//	memory:NAME     this process: for tests and demonstrations
//
// It never falls back from one to another. Secrets are single lines of up to
// 64 KiB. The zero value works; a SecretStore must not be copied after its first
// use.
type SecretStore struct {
	// Enabled names the backends that may be used. Nil: all but memory.
	Enabled []string
	// KeyringTimeout limits one question to the keyring. Where a person may have
	// to unlock it, as in a program with windows, that takes minutes: 2 will do.
	// Zero: 5 s, and a locked Secret Service is not told to show its prompt, for
	// nobody is there.
	KeyringTimeout time.Duration
	// Commands are the programs of the command backend, each with its
	// arguments; no shell reads them. "" is the one of plain "command".
	Commands map[string][]string
	// CommandTimeout limits the run of one. Zero: 10 s.
	CommandTimeout time.Duration

	keyring keyringCalls // the desktop's where nil
	asking  slot         // held while the keyring is asked

	mu     sync.Mutex
	memory map[string]Secret
}

var _ Secrets = (*SecretStore)(nil)

const maxSecret = 64 << 10 // bytes

// backend is one place where secrets are kept, under names.
type backend interface {
	get(ctx context.Context, name string) (string, error)
	set(ctx context.Context, name, secret string) error
	delete(ctx context.Context, name string) error // nil if it is not there
}

// Get implements Secrets. The errors are *SecretError and wrap
// ErrSecretNotFound, ErrSecretLocked, ErrNoBackend or context.DeadlineExceeded
// where one of them fits.
func (s *SecretStore) Get(ctx context.Context, ref string) (Secret, error) {
	var value string
	err := s.do(ctx, "get", ref, func(b backend, name string) (err error) {
		if value, err = b.get(ctx, name); err == nil {
			err = checkSecret(value)
		}
		return err
	})
	if err != nil {
		return Secret{}, err
	}
	return trust.NewSecret(value), nil
}

// Set implements Secrets. It refuses a secret that Get could not return as it
// is. A Set that ran into KeyringTimeout may still take effect later.
func (s *SecretStore) Set(ctx context.Context, ref string, secret Secret) error {
	return s.do(ctx, "set", ref, func(b backend, name string) error {
		if err := checkSecret(secret.Reveal()); err != nil {
			return err
		}
		err := b.set(ctx, name, secret.Reveal())
		if err != nil && strings.Contains(err.Error(), secret.Reveal()) {
			return errors.New("it failed with a message that repeats the secret")
		}
		return err
	})
}

// Delete implements Secrets. A read-only backend answers with
// errors.ErrUnsupported.
func (s *SecretStore) Delete(ctx context.Context, ref string) error {
	return s.do(ctx, "delete", ref, func(b backend, name string) error { return b.delete(ctx, name) })
}

func (s *SecretStore) do(ctx context.Context, op, ref string, act func(b backend, name string) error) error {
	kind, name, err := parseRef(ref)
	if err != nil {
		return &SecretError{Op: op, Err: err}
	}
	if err = ctx.Err(); err == nil {
		err = s.enabled(kind)
	}
	if err == nil {
		err = act(s.backend(kind), name)
	}
	if err != nil {
		return &SecretError{Ref: ref, Backend: kind, Op: op, Err: err}
	}
	return nil
}

func (s *SecretStore) enabled(kind string) error {
	if s.Enabled == nil && kind != "memory" || slices.Contains(s.Enabled, kind) {
		return nil
	}
	return fmt.Errorf("%w: the %s backend is not enabled in the configuration", ErrNoBackend, kind)
}

func (s *SecretStore) backend(kind string) backend {
	switch kind {
	case "keyring":
		return keyringSecrets{s.keyring.orDesktop(), &s.asking, cmp.Or(s.KeyringTimeout, 5*time.Second), s.KeyringTimeout != 0}
	case "systemd":
		return systemdSecrets{}
	case "command":
		return commandSecrets{s.Commands, cmp.Or(s.CommandTimeout, 10*time.Second)}
	case "file":
		return fileSecrets{}
	}
	return (*memorySecrets)(s)
}

// parseRef splits a reference. What it refuses may be a secret that somebody
// has put in the place of its reference: the errors do not show it.
func parseRef(ref string) (kind, name string, err error) {
	kind, name, _ = strings.Cut(ref, ":")
	switch {
	case !slices.Contains([]string{"keyring", "systemd", "command", "file", "memory"}, kind):
		return "", "", errors.New("the reference does not begin with keyring:, systemd:, command, file: or memory:")
	case name == "" && ref != "command":
		return "", "", fmt.Errorf("the reference names nothing after %s:", kind)
	}
	return kind, name, checkText(ref)
}

// firstLine returns what stands before the first line break.
func firstLine(data []byte) string {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return string(bytes.TrimSuffix(line, []byte("\r")))
}

// checkSecret accepts what every backend can keep.
func checkSecret(secret string) error {
	switch {
	case secret == "":
		return fmt.Errorf("%w: it is empty", ErrSecretNotFound)
	case len(secret) > maxSecret:
		return fmt.Errorf("the secret is larger than %d bytes", maxSecret)
	case strings.ContainsAny(secret, "\r\n\x00"):
		return errors.New("the secret has more than one line")
	}
	return nil
}

// memorySecrets is the memory backend of a SecretStore.
type memorySecrets SecretStore

func (m *memorySecrets) get(_ context.Context, name string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	secret, ok := m.memory[name]
	if !ok {
		return "", ErrSecretNotFound
	}
	return secret.Reveal(), nil
}

func (m *memorySecrets) set(_ context.Context, name, secret string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.memory == nil {
		m.memory = make(map[string]Secret)
	}
	m.memory[name] = trust.NewSecret(secret)
	return nil
}

func (m *memorySecrets) delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.memory, name)
	return nil
}
