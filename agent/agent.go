package agent

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

// Session is a logon that lives, as logonclient's does.
type Session interface {
	Facts() logonclient.Facts
	Probe(ctx context.Context) error
	Wait(ctx context.Context) (bool, error)
	Close(ctx context.Context) error
}

// Consents are the rules in force and the answers that people gave.
type Consents interface {
	Rules(ctx context.Context) (trust.Rules, error)
	Allow(ctx context.Context, c trust.Consent) error
	Revoke(ctx context.Context, mailDomain, host string) error
}

// Config is what an Agent works with. Store, Secrets, Consents, Logon, Resolve
// and Discover are needed; the zero value of the rest works. What Logon, Resolve and
// a Session tell logonclient.ContextSeen before they return stands in the journey.
type Config struct {
	Store    profile.Store
	Secrets  profile.Secrets
	Consents Consents
	Logon    func(context.Context, logonclient.Target) (Session, error)
	Resolve  func(ctx context.Context, from logonclient.Target, serverName string) (logonclient.Target, error)
	Discover func(context.Context, autodiscover.Query) (*autodiscover.Result, error)

	// Refusals outlive a process where a program keeps them. Nil: they do not.
	Refusals Refusals
	// SecretRef names the place of a new secret. Nil: commands have to name it.
	SecretRef func(id profile.ID, realm string) string
	// Changed runs after each commit; its error is shown and reverts nothing.
	Changed func(ctx context.Context, old, new profile.Profile) error
	// Wake tells that the machine woke up or the network came back. Nil: never;
	// closed: not any more.
	Wake <-chan struct{}
	Pace Pace
	Seed uint64 // of the jitter
	// Once lets nothing happen by itself: CheckNow and Add run one cycle each,
	// then nothing is held and nothing is waited for.
	Once  bool
	Trace func(Transition) // sees every transition; nil: nobody looks
	Log   *slog.Logger     // nil discards
}

// Agent runs the machines. It is a Service.
type Agent struct {
	cfg Config
	hub hub

	started chan struct{}
	adding  sync.Mutex
	mu      sync.Mutex // guards the rest
	ctx     context.Context
	ended   bool // no machine is started any more
	running sync.WaitGroup
	machine map[profile.ID]*machine
}

var _ Service = (*Agent)(nil)

// New makes an agent. Run sets it going.
func New(cfg Config) *Agent {
	cfg.Pace = cfg.Pace.withDefaults()
	if cfg.Refusals == nil {
		cfg.Refusals = new(forgetful)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Agent{cfg: cfg, hub: newHub(), started: make(chan struct{}), machine: make(map[profile.ID]*machine)}
}

// Run keeps every profile of the store reachable until ctx ends, and returns
// when everything that it started has ended. It is called once.
func (a *Agent) Run(ctx context.Context) error {
	ids, err := a.cfg.Store.List(ctx)
	if err != nil {
		a.end()
		close(a.started)
		if ctx.Err() != nil { // told to stop before it had begun
			return nil
		}
		return fmt.Errorf("listing the profiles: %w", err)
	}
	a.mu.Lock()
	a.ctx = ctx
	a.mu.Unlock()
	for _, id := range ids {
		p, err := a.cfg.Store.Load(ctx, id)
		if err != nil { // the machine says so
			p = profile.Profile{ID: id}
		}
		a.start(newMachine(a, p))
	}
	close(a.started)
	wake := a.cfg.Wake
	for {
		select {
		case _, open := <-wake:
			if !open {
				wake = nil
				continue
			}
			a.each(func(m *machine) { m.poke() })
		case <-ctx.Done():
			a.end()
			return nil
		}
	}
}

// end starts no machine any more, waits for those that run, and ends every
// watch.
func (a *Agent) end() {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	a.running.Wait()
	a.hub.close()
}

// start sets a machine going, unless the agent has ended.
func (a *Agent) start(m *machine) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return
	}
	a.machine[m.id] = m
	ctx, cancel := context.WithCancel(a.ctx)
	m.cancel = cancel
	first := m.first()
	a.running.Go(func() {
		defer close(m.ended)
		defer cancel()
		m.run(ctx, first)
	})
}

func (a *Agent) hasEnded() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ended
}

func (a *Agent) each(f func(*machine)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.machine {
		f(m)
	}
}

// find returns the machine of id.
func (a *Agent) find(id profile.ID) (*machine, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if m, ok := a.machine[id]; ok {
		return m, nil
	}
	return nil, fmt.Errorf("profile %s: %w", id, profile.ErrNotFound)
}

// Watch implements Service.
func (a *Agent) Watch(ctx context.Context) iter.Seq2[Status, error] {
	return func(yield func(Status, error) bool) {
		select {
		case <-a.started:
		case <-ctx.Done():
			return
		}
		a.hub.watch(ctx, yield)
	}
}

// History implements Service.
func (a *Agent) History(ctx context.Context, id profile.ID) ([]profile.Generation, error) {
	return a.cfg.Store.History(ctx, id)
}

// Do implements Service.
func (a *Agent) Do(ctx context.Context, c Command) (profile.ID, error) {
	select {
	case <-a.started:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if a.hasEnded() {
		return "", errors.New("the agent has ended")
	}
	switch c.Op {
	case Add:
		return a.add(ctx, c)
	case Import:
		return a.imported(ctx, c)
	case Trust, Distrust:
		return c.Profile, a.consent(ctx, c)
	case CheckNow:
		if c.Profile == "" {
			a.each(func(m *machine) { m.poke() })
			return "", nil
		}
	}
	m, err := a.find(c.Profile)
	if err != nil {
		return "", err
	}
	switch c.Op {
	case CheckNow:
		m.poke()
	case Pause:
		m.pause(true)
	case Resume:
		m.pause(false)
	case SignIn:
		if err := a.signIn(ctx, m, c); err != nil {
			return "", err
		}
		a.look(m)
	case Rollback:
		why := profile.Reason{Text: fmt.Sprintf("rolled back to generation %d", c.Generation)}
		if _, err := a.cfg.Store.Restore(ctx, c.Profile, c.Generation, why); err != nil {
			return "", err
		}
		a.look(m)
	case Forget:
		return c.Profile, a.forget(ctx, m)
	default:
		return "", fmt.Errorf("unknown command %q", c.Op)
	}
	return c.Profile, nil
}

// add starts a machine for an address that has none yet. The profile is written
// when a logon has succeeded, not before.
func (a *Agent) add(ctx context.Context, c Command) (profile.ID, error) {
	a.adding.Lock() // one address, one machine
	defer a.adding.Unlock()
	draft, err := profile.New(c.Address, c.Label)
	if err != nil {
		return "", err
	}
	m := a.at(draft.Address)
	known := m != nil
	if !known {
		m = newMachine(a, draft)
	}
	if c.User != "" || !c.Secret.IsZero() || c.SecretRef != "" {
		c.Realm = trust.Realm(mailDomain(draft.Address))
		if err := a.signIn(ctx, m, c); err != nil {
			return "", err
		}
	}
	if known { // somebody tries again
		m.poke()
	} else {
		a.start(m)
	}
	return m.id, nil
}

// at returns the machine of address, nil if there is none.
func (a *Agent) at(address string) (found *machine) {
	a.each(func(m *machine) {
		if strings.EqualFold(m.address(), address) {
			found = m
		}
	})
	return found
}

// imported writes a draft that nobody has logged on with yet. Its sign-ins are
// not taken over: a file from elsewhere must not choose which secret of this
// machine goes where.
func (a *Agent) imported(ctx context.Context, c Command) (profile.ID, error) {
	if c.Draft == nil {
		return "", errors.New("import needs a profile")
	}
	p := *c.Draft
	p.Proven, p.Generation, p.Logins = false, 0, nil
	p, err := a.cfg.Store.Save(ctx, p, 0, profile.Reason{Text: "imported"})
	if err != nil {
		return "", err
	}
	a.start(newMachine(a, p))
	return p.ID, nil
}

// signIn stores a secret and gives its login to the machine. It reaches the
// profile with the first logon that it makes possible.
func (a *Agent) signIn(ctx context.Context, m *machine, c Command) error {
	ref := profile.LoginRef{Realm: c.Realm, User: c.User, Weakest: string(trust.Basic), Bearer: c.Bearer, Secret: c.SecretRef}
	if ref.Realm == "" {
		return errors.New("a sign-in needs the realm that it is for")
	}
	if ref.User == "" {
		ref.User = m.address()
	}
	if ref.Secret == "" {
		if a.cfg.SecretRef == nil {
			return errors.New("no place is configured where secrets are kept")
		}
		ref.Secret = a.cfg.SecretRef(m.id, ref.Realm)
	}
	if err := ref.Validate(); err != nil {
		return err
	}
	if !c.Secret.IsZero() {
		if err := a.cfg.Secrets.Set(ctx, ref.Secret, c.Secret); err != nil {
			return fmt.Errorf("storing the sign-in for %s: %w", ref.Realm, err)
		}
	}
	m.logins.add(ref)
	return nil
}

func (a *Agent) consent(ctx context.Context, c Command) error {
	domain := strings.ToLower(c.MailDomain)
	if c.Profile != "" {
		m, err := a.find(c.Profile)
		if err != nil {
			return err
		}
		domain = mailDomain(m.address())
	}
	if domain == "" || c.Host == "" {
		return errors.New("trust is given to one host for one mail domain: name both")
	}
	if !trust.Match(c.Host, c.Host) || strings.HasPrefix(c.Host, "*.") {
		return fmt.Errorf("%q is no host name in ASCII", c.Host)
	}
	var err error
	if c.Op == Trust {
		err = a.cfg.Consents.Allow(ctx, trust.Consent{MailDomain: domain, Host: strings.ToLower(c.Host), Expires: c.Expires})
	} else {
		err = a.cfg.Consents.Revoke(ctx, domain, c.Host)
	}
	if err != nil {
		return err
	}
	a.each(func(m *machine) {
		if mailDomain(m.address()) == domain {
			a.look(m)
		}
	})
	return nil
}

// look pokes m because of what a command has changed.
func (a *Agent) look(m *machine) {
	if !a.cfg.Once {
		m.poke()
	}
}

// forget stops the machine and removes the profile and its secrets.
func (a *Agent) forget(ctx context.Context, m *machine) error {
	m.cancel()
	select {
	case <-m.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	var errs []error
	for _, ref := range m.logins.all() {
		a.cfg.Refusals.Forget(m.id, ref.Realm)
		err := a.cfg.Secrets.Delete(ctx, ref.Secret)
		if err != nil && !errors.Is(err, errors.ErrUnsupported) { // some backends only read
			errs = append(errs, err)
		}
	}
	if err := a.cfg.Store.Delete(ctx, m.id); err != nil && !errors.Is(err, profile.ErrNotFound) {
		return errors.Join(append(errs, err)...) // stopped, and there to be forgotten once more
	}
	a.mu.Lock()
	delete(a.machine, m.id)
	a.mu.Unlock()
	a.hub.remove(m.id)
	return errors.Join(errs...)
}

func mailDomain(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}
