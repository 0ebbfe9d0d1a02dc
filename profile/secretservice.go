//go:build !windows && !darwin

package profile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"
)

// The names of the Secret Service API, draft 0.2.
const (
	secretBus        = "org.freedesktop.secrets"
	secretPath       = dbus.ObjectPath("/org/freedesktop/secrets")
	secretLogin      = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	secretService    = "org.freedesktop.Secret.Service"
	secretCollection = "org.freedesktop.Secret.Collection"
	secretItem       = "org.freedesktop.Secret.Item"
	secretPrompt     = "org.freedesktop.Secret.Prompt"
)

func desktopKeyring() keyringCalls {
	return guard{dialSession, dbus.SessionBus, library{keyring.Get, keyring.Set, keyring.Delete}}.calls()
}

// library are the functions of go-keyring.
type library struct {
	get    func(service, user string) (string, error)
	set    func(service, user, secret string) error
	delete func(service, user string) error
}

// guard lets go-keyring ask a Secret Service that will answer. go-keyring waits
// for the answer to a prompt without end, takes any signal for it, does not say
// that it was dismissed, and leaves behind a channel at which the signals of later
// ones pile up. So what is locked is unlocked before, or go-keyring is not asked.
// One kind of prompt is left to it: that of KeePassXC for whatever it stores or
// deletes, which it answers by itself unless it would replace what another
// connection has stored.
//
// go-keyring uses the connection to the bus that godbus shares in the process,
// perhaps with a toolkit: it is never closed here. The guard has its own for a
// question, but for items: KeePassXC, told to confirm access, lets a connection have
// them, so it is go-keyring's that must be let.
type guard struct {
	dial    func(context.Context) (*dbus.Conn, error)
	shared  func() (*dbus.Conn, error) // that of go-keyring
	library library
}

func (g guard) calls() keyringCalls {
	return keyringCalls{
		get: func(ctx context.Context, p *prompt, name string) (secret string, err error) {
			err = g.ask(ctx, p, name, func() (err error) { secret, err = g.library.get(keyringService, name); return err })
			return secret, err
		},
		set: func(ctx context.Context, p *prompt, name, secret string) error {
			return g.ask(ctx, p, name, func() error {
				if err := g.library.set(keyringService, name, secret); err != nil {
					return err
				}
				got, err := g.library.get(keyringService, name)
				if got == secret || err != nil && !errors.Is(err, keyring.ErrNotFound) {
					return err
				}
				return fmt.Errorf("%w (it has not stored the secret: its prompt was dismissed)", ErrSecretLocked)
			})
		},
		delete: func(ctx context.Context, p *prompt, name string) error {
			return g.ask(ctx, p, name, func() error {
				if err := g.library.delete(keyringService, name); err != nil {
					return err
				}
				_, err := g.library.get(keyringService, name)
				switch {
				case errors.Is(err, keyring.ErrNotFound):
					return nil
				case err != nil:
					return err
				}
				return fmt.Errorf("%w (it still has the secret: its prompt was dismissed, or there were two)", ErrSecretLocked)
			})
		},
	}
}

// ask puts the question to go-keyring once it will be answered.
func (g guard) ask(ctx context.Context, p *prompt, name string, question func() error) error {
	own, err := g.dial(ctx)
	if err != nil {
		return err
	}
	defer own.Close()
	items, err := (&secretConn{own, p}).search(ctx, name)
	if err != nil {
		return secretServiceError(err, own)
	}
	theirs, err := g.shared()
	if err != nil {
		return busError(err)
	}
	if len(items) > 0 {
		if err := (&secretConn{theirs, p}).unlock(ctx, items[0], secretItem); err != nil {
			return secretServiceError(err, theirs)
		}
	}
	// The end of the service is a signal too, so it ends go-keyring's wait for a prompt.
	if err := theirs.AddMatchSignalContext(ctx, ends()...); err != nil {
		return secretServiceError(err, theirs)
	}
	defer theirs.RemoveMatchSignal(ends()...)
	return secretServiceError(libraryError(survive(question)), theirs)
}

// ends matches the signal that the service has ended, or another has taken over.
func ends() []dbus.MatchOption {
	return []dbus.MatchOption{dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, secretBus)}
}

// survive makes an error of a panic: go-keyring has one where the bus ends while it
// waits for a prompt.
func survive(question func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: the keyring or its bus has ended in the middle of a question (%v)", ErrNoBackend, r)
		}
	}()
	return question()
}

// sessionAddress is where go-keyring's D-Bus library finds the bus of the session.
// Where that finds none it runs dbus-launch, whose daemons stay behind: so then
// nothing is asked. One that it finds in /run/user it puts into the environment.
func sessionAddress() (string, error) {
	address := os.Getenv("DBUS_SESSION_BUS_ADDRESS")
	if address != "" && !strings.HasPrefix(address, "autolaunch:") {
		return address, nil
	}
	if me, err := user.Current(); err == nil { // it ignores XDG_RUNTIME_DIR
		if bus := "/run/user/" + me.Uid + "/bus"; exists(bus) {
			return "unix:path=" + bus, nil
		}
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" && exists(dir+"/bus") {
		return "", fmt.Errorf("%w: set DBUS_SESSION_BUS_ADDRESS=unix:path=%s/bus", ErrNoBackend, dbus.EscapeBusAddressValue(dir))
	}
	return "", fmt.Errorf("%w: there is no desktop session (DBUS_SESSION_BUS_ADDRESS is not set); keep the secret in systemd:, command or file:", ErrNoBackend)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// dialSession connects to the bus of the session until ctx ends.
func dialSession(ctx context.Context) (*dbus.Conn, error) {
	address, err := sessionAddress()
	if err != nil {
		return nil, err
	}
	conn, err := dbus.Connect(address, dbus.WithContext(ctx))
	if err != nil {
		return nil, busError(err)
	}
	return conn, nil
}

func busError(err error) error {
	return fmt.Errorf("%w: the bus of the desktop session does not answer (%v); keep the secret in systemd:, command or file:", ErrNoBackend, err)
}

// lost reports whether the connection is to blame, which may notice it later.
func lost(err error) bool {
	_, socket := errors.AsType[net.Error](err)
	return socket || errors.Is(err, io.EOF) || errors.Is(err, dbus.ErrClosed)
}

// secretServiceError says what an error on a connection means.
func secretServiceError(err error, conn *dbus.Conn) error {
	if err == nil || errors.Is(err, ErrSecretLocked) || errors.Is(err, ErrSecretNotFound) || errors.Is(err, ErrNoBackend) {
		return err
	}
	if lost(err) || !conn.Connected() {
		return fmt.Errorf("%w: the bus of the desktop session has gone (%v)", ErrNoBackend, err)
	}
	if e, ok := errors.AsType[dbus.Error](err); ok {
		switch name := e.Name; {
		case name == "org.freedesktop.Secret.Error.IsLocked":
			return ErrSecretLocked
		case name == "org.freedesktop.Secret.Error.NoSuchObject": // deleted meanwhile
			return ErrSecretNotFound
		case name == "org.freedesktop.DBus.Error.ServiceUnknown", name == "org.freedesktop.DBus.Error.NameHasNoOwner",
			strings.HasPrefix(name, "org.freedesktop.DBus.Error.Spawn."):
			return fmt.Errorf("%w: no keyring runs in this session; start one (gnome-keyring, KWallet, KeePassXC) or keep the secret elsewhere", ErrNoBackend)
		case name == "org.freedesktop.DBus.Error.NoReply": // what the bus says for who ends instead of answering
			return fmt.Errorf("%w: the keyring has ended; start it again", ErrNoBackend)
		}
	}
	return err
}

// secretConn is a connection to the bus for one question.
type secretConn struct {
	conn   *dbus.Conn
	prompt *prompt
}

func (s *secretConn) call(ctx context.Context, path dbus.ObjectPath, method string, args ...any) *dbus.Call {
	return s.conn.Object(secretBus, path).CallWithContext(ctx, method, 0, args...)
}

func (s *secretConn) property(ctx context.Context, path dbus.ObjectPath, of, name string, value any) error {
	var v dbus.Variant
	if err := s.call(ctx, path, "org.freedesktop.DBus.Properties.Get", of, name).Store(&v); err != nil {
		return err
	}
	return v.Store(value)
}

// search returns the items of a secret in the collection that go-keyring looks in,
// unlocked: the one that opens when its owner logs in, or else the default one.
func (s *secretConn) search(ctx context.Context, name string) (items []dbus.ObjectPath, err error) {
	var all []dbus.ObjectPath
	if err := s.property(ctx, secretPath, secretService, "Collections", &all); err != nil {
		return nil, err
	}
	collection := secretLogin
	if !slices.Contains(all, collection) {
		if err := s.call(ctx, secretPath, secretService+".ReadAlias", "default").Store(&collection); err != nil {
			return nil, err
		}
	}
	if collection == "/" {
		return nil, fmt.Errorf("%w: the keyring has no collection to keep secrets in; open or create one", ErrNoBackend)
	}
	if err := s.unlock(ctx, collection, secretCollection); err != nil {
		return nil, err
	}
	attributes := map[string]string{"service": keyringService, "username": name} // go-keyring's
	err = s.call(ctx, collection, secretCollection+".SearchItems", attributes).Store(&items)
	return items, err
}

// unlock returns ErrSecretLocked unless the object, a kind, is unlocked afterwards.
func (s *secretConn) unlock(ctx context.Context, object dbus.ObjectPath, kind string) error {
	var locked bool
	if err := s.property(ctx, object, kind, "Locked", &locked); err != nil || !locked {
		return err
	}
	if !s.prompt.allowed {
		return ErrSecretLocked
	}
	var unlocked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	if err := s.call(ctx, secretPath, secretService+".Unlock", []dbus.ObjectPath{object}).Store(&unlocked, &prompt); err != nil {
		return err
	}
	if err := s.show(ctx, prompt); err != nil {
		return err
	}
	if err := s.property(ctx, object, kind, "Locked", &locked); err != nil || !locked {
		return err
	}
	return ErrSecretLocked
}

// show has the service show a prompt, and waits until a person has answered it. A prompt that was dismissed is ErrSecretLocked. One that was not answered in time
// may stay on the screen, since the daemon of gnome-keyring 42.1 aborts on Dismiss:
// answered late, it serves the next question.
func (s *secretConn) show(ctx context.Context, prompt dbus.ObjectPath) error {
	if prompt == "/" {
		return nil
	}
	signals := make(chan *dbus.Signal, 16)
	s.conn.Signal(signals)
	defer s.conn.RemoveSignal(signals)
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchObjectPath(prompt), dbus.WithMatchInterface(secretPrompt), dbus.WithMatchMember("Completed")},
		ends(),
	} {
		if err := s.conn.AddMatchSignalContext(ctx, match...); err != nil {
			return err
		}
		defer s.conn.RemoveMatchSignalContext(ctx, match...)
	}
	s.prompt.shown.Store(true)
	if err := s.call(ctx, prompt, secretPrompt+".Prompt", "").Err; err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case signal := <-signals:
			switch {
			case signal == nil:
				return dbus.ErrClosed
			case signal.Name == "org.freedesktop.DBus.NameOwnerChanged" && len(signal.Body) > 0 && signal.Body[0] == secretBus:
				return fmt.Errorf("%w: the keyring has ended; start it again", ErrNoBackend)
			case signal.Path == prompt && signal.Name == secretPrompt+".Completed":
				if len(signal.Body) > 0 && signal.Body[0] == true {
					return ErrSecretLocked
				}
				return nil
			}
		}
	}
}
