package program

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

// ErrOtherAgent says that another agent holds this user's profiles and does not
// answer on its socket.
var ErrOtherAgent = errors.New("another homing works with these profiles; wait for it to end, or if it is an agent, ask it with: homing status")

// Program is everything that a command needs, made from the configuration.
type Program struct {
	Paths    Paths
	Config   *Effective
	Log      *slog.Logger // nil discards
	Store    *profile.Files
	Secrets  *profile.SecretStore
	Consents agent.Consents
	Refusals agent.Refusals
	Raise    func(context.Context) error // brings the window of this program to the front; nil: it has none

	LogonClient    *logonclient.Client
	DiscoverClient *autodiscover.Client
}

// Open makes a Program. It reads files and opens no connection.
func Open(p Paths, c *Effective, log *slog.Logger) (*Program, error) {
	network, err := c.network()
	if err != nil {
		return nil, err
	}
	challenges := new(logonclient.Challenges)
	program := &Program{
		Paths:    p,
		Config:   c,
		Log:      log,
		Store:    &profile.Files{Dir: p.State},
		Secrets:  &profile.SecretStore{Commands: c.Secrets.Commands},
		Consents: &consents{path: p.consents(), trusted: c.Trust.Hosts, microsoft365: c.Trust.Microsoft365, basic: c.Trust.Basic},
		Refusals: &refusals{path: p.refused(), log: log},
		LogonClient: &logonclient.Client{
			Network: network, Challenges: challenges, Log: log,
		},
		DiscoverClient: &autodiscover.Client{
			Network: network, Challenges: challenges, Log: log,
		},
	}
	if _, ok := c.directories(network, log); ok {
		program.DiscoverClient.SCP = program.announced
	}
	return program, nil
}

func (e *Effective) level() (slog.Level, error) {
	var l slog.Level
	err := l.UnmarshalText([]byte(e.Log.Level))
	return l, err
}

// Level is the level of the log.
func (e *Effective) Level() slog.Level {
	l, _ := e.level() // checked when it was loaded
	return l
}

// AgentConfig is the configuration of an agent over this program's ports.
func (p *Program) AgentConfig() agent.Config {
	c := p.Config
	return agent.Config{
		Store:    p.Store,
		Secrets:  ownSecrets{p.Secrets, p.Config.Secrets.Directory},
		Consents: p.Consents,
		Logon: func(ctx context.Context, t logonclient.Target) (agent.Session, error) {
			s, err := p.LogonClient.Logon(ctx, t)
			if err != nil {
				return nil, err // a nil *Session would not be a nil agent.Session
			}
			return s, nil
		},
		Resolve:   p.LogonClient.Resolve,
		Discover:  p.Discover,
		Refusals:  p.Refusals,
		SecretRef: p.SecretRef,
		Changed:   p.changed(),
		Pace: agent.Pace{
			Move: c.Pace.Move.agent(), Server: c.Pace.Server.agent(), News: c.Pace.News.agent(),
			Network: c.Pace.Network.agent(), You: c.Pace.You.agent(),
			Turn: time.Duration(c.Pace.Turn), Probe: time.Duration(c.Pace.Probe),
		},
		Seed: uint64(time.Now().UnixNano()),
		Log:  p.Log,
	}
}

// SecretRef is where a secret that is typed is kept, as the configuration says.
func (p *Program) SecretRef(id profile.ID, realm string) string {
	name := fmt.Sprintf("%s %s", id, realm)
	if p.Config.Secrets.Backend == "file" {
		file := strings.NewReplacer("*", "any", " ", "-").Replace(name)
		return "file:" + filepath.Join(p.Config.Secrets.Directory, file)
	}
	return "keyring:" + name
}

// ownSecrets makes the directory that SecretRef names, and deletes only below it:
// a file that a person named is that person's, and another profile may need it.
type ownSecrets struct {
	profile.Secrets
	directory string // of the backend file
}

// owns reports whether ref is a file in the directory, and whether it is one elsewhere.
func (s ownSecrets) owns(ref string) (own, other bool) {
	file, ok := strings.CutPrefix(ref, "file:")
	own = ok && filepath.Dir(file) == filepath.Clean(s.directory)
	return own, ok && !own
}

func (s ownSecrets) Set(ctx context.Context, ref string, secret trust.Secret) error {
	if own, _ := s.owns(ref); own {
		if err := os.MkdirAll(s.directory, 0o700); err != nil {
			return fmt.Errorf("making secrets.directory: %w", err)
		}
	}
	return s.Secrets.Set(ctx, ref, secret)
}

func (s ownSecrets) Delete(ctx context.Context, ref string) error {
	if _, other := s.owns(ref); other {
		return nil
	}
	return s.Secrets.Delete(ctx, ref)
}

// Target is the place that a profile remembers, as the agent would try it.
func (p *Program) Target(ctx context.Context, from profile.Profile) (logonclient.Target, error) {
	if from.Endpoint.MAPI == nil {
		return logonclient.Target{}, fmt.Errorf("profile %s points nowhere yet; find its place with: homing check %s", from, from.ID)
	}
	rules, err := p.Consents.Rules(ctx)
	if err != nil {
		return logonclient.Target{}, err
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	hop, err := trust.Step(domain, "", from.Endpoint.MAPI.MailStore, from.Known())
	return logonclient.Target{
		MailStore: from.Endpoint.MAPI.MailStore, AddressBook: from.Endpoint.MAPI.AddressBook, LegacyDN: from.Endpoint.MAPI.LegacyDN,
		Access: trust.Access{Rules: rules, Hop: hop, Logins: agent.Logins(from, p.Secrets, p.Refusals)},
	}, err
}

// patience is how long a command waits for another one to end.
const patience = 3 * time.Second

// lock takes agent.lock, which an agent holds for its life. It returns
// ErrOtherAgent where another process still has it after wait.
func (p *Program) lock(ctx context.Context, wait time.Duration) (release func() error, err error) {
	if err := os.MkdirAll(p.Paths.State, 0o700); err != nil {
		return nil, fmt.Errorf("making the state directory: %w", err)
	}
	lock := flock.New(p.Paths.lock(), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if !ok && err == nil && wait > 0 {
		limited, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		if ok, err = lock.TryLockContext(limited, 50*time.Millisecond); ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			err = nil
		}
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("locking %s: %w", p.Paths.lock(), err)
	case !ok:
		return nil, ErrOtherAgent
	}
	return lock.Unlock, nil
}

// Running is an agent that serves a command.
type Running struct {
	agent.Service
	Attached bool // it runs in another process
	close    func() error
}

// Close ends an agent that runs in this process, and waits for it.
func (r *Running) Close() error { return r.close() }

// Service returns the agent that runs for this user, or else one in this
// process that ends each mailbox's work with its first cycle. configure may
// change the configuration of the latter.
func (p *Program) Service(ctx context.Context, configure func(*agent.Config)) (*Running, error) {
	client, err := control.Dial(p.Paths.Socket)
	if err == nil {
		return &Running{Service: client, Attached: true, close: func() error { return nil }}, nil
	}
	if !errors.Is(err, control.ErrNotRunning) {
		return nil, err
	}
	return p.Alone(ctx, configure)
}

// Alone returns an agent in this process, whether or not another one runs; it
// holds agent.lock unless configure gives it a store of its own.
func (p *Program) Alone(ctx context.Context, configure func(*agent.Config)) (*Running, error) {
	config := p.AgentConfig()
	config.Once = true
	if configure != nil {
		configure(&config)
	}
	release := func() error { return nil }
	if config.Store == profile.Store(p.Store) {
		var err error
		if release, err = p.lock(ctx, patience); err != nil {
			return nil, err
		}
	}
	a := agent.New(config)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	return &Running{Service: a, close: func() error {
		cancel()
		err := <-done
		if errors.Is(err, context.Canceled) { // before it had begun
			err = nil
		}
		return errors.Join(err, release())
	}}, nil
}

// Run is the headless agent: it holds agent.lock, keeps every profile reachable
// and answers on the control socket until ctx ends.
func (p *Program) Run(ctx context.Context) error {
	release, err := p.lock(ctx, 0)
	if err != nil {
		return err
	}
	defer release()
	listener, err := control.Listen(p.Paths.Socket)
	if err != nil {
		return err
	}
	config := p.AgentConfig()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wake := wakes(ctx, watchClock)
	config.Wake = wake
	a := agent.New(config)
	served := make(chan error, 1)
	go func() {
		defer cancel()
		served <- (&control.Server{Service: a, Raise: p.Raise, Log: p.Log}).Serve(ctx, listener)
	}()
	err = a.Run(ctx)
	cancel()
	for range wake { // ends with ctx
	}
	return errors.Join(err, <-served)
}
