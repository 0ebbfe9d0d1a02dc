package agent_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/mockserver"
	"github.com/homing-mail/homing/profile"
)

// worldPassword opens the mailboxes of a world that names no other.
const worldPassword = "spring-rain-42"

// player carries out a script: the world, an agent in it, and who sits in front.
type player struct {
	t        testing.TB
	srv      *mockserver.Server
	network  logonclient.Network
	pace     agent.Pace
	settle   func()        // returns when nothing more happens by itself
	patience time.Duration // of await

	store   *watchedStore
	secrets *profile.SecretStore
	rules   *people

	agent *agent.Agent // nil: stopped
	end   func()       // stops it
	last  agent.Status // of the agent that was stopped

	mu        sync.Mutex
	address   map[profile.ID]string
	notes     []note
	processes []int // for each start of the agent: the requests before it
	markSeq   int   // requests up to here are forgotten
	markSaves int   // and so many saves
}

// newPlayer makes a player in a bubble, on the mock's network in memory.
func newPlayer(t testing.TB, world string) *player {
	srv := mockserver.Start(t, world)
	return &player{
		t: t, srv: srv,
		network:  logonclient.Network{Dial: srv.Dial, RootCAs: srv.RootCAs()},
		settle:   synctest.Wait,
		patience: 24 * time.Hour,
		store:    &watchedStore{Store: &profile.Files{Dir: t.TempDir()}, srv: srv},
		secrets:  &profile.SecretStore{Enabled: []string{"memory"}},
		rules:    &people{},
		address:  make(map[profile.ID]string),
	}
}

// play carries out a script, line by line, each to its end.
func (p *player) play(script string) error {
	for n, line := range strings.Split(script, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		p.note("", "> "+line)
		if err := p.do(line); err != nil {
			return fmt.Errorf("script, line %d: %s: %w", n+1, line, err)
		}
		p.settle()
	}
	return nil
}

// do carries out a line:
//
//	start [once]                        the agent, as a new process; once: nothing happens by itself
//	stop                                and waits for its end
//	steady                              from its next start on no wait is lengthened at random
//	setup ADDRESS [PASSWORD [USER]]     a new mailbox; without a password that of the world
//	world LINE                          see mockserver.Server.Do
//	await [ADDRESS] STATE [generation N] [need KIND [OF]] [problem OUTCOME]
//	                                    until the mailbox is so, at most a day
//	sleep DURATION                      lets virtual time pass
//	check now                           asks every mailbox to look
//	signin REALM PASSWORD               a person's answers
//	trust HOST
//	policy PATTERN                      an administrator's: trusted hosts
//	store read-only|writable            the disk
//	mark                                what happened so far counts no more
func (p *player) do(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	args := strings.Fields(rest)
	argument := func(n int) string {
		if n < len(args) {
			return args[n]
		}
		return ""
	}
	switch {
	case p.agent == nil && slices.Contains([]string{"stop", "setup", "await", "check", "signin", "trust"}, word):
		return errors.New("the agent does not run: start it")
	case word == "start" && (rest == "" || rest == "once"):
		return p.start(rest == "once")
	case word == "stop" && rest == "":
		p.stop()
		return nil
	case line == "steady":
		p.pace.Jitter = -1
		return nil
	case word == "setup" && len(args) > 0:
		password := argument(1)
		if password == "" {
			password = worldPassword
		}
		id, err := p.command(agent.Command{Op: agent.Add, Address: args[0], User: argument(2), Secret: trust.NewSecret(password)})
		p.mu.Lock()
		defer p.mu.Unlock()
		p.address[id] = args[0]
		return err
	case word == "world" && rest != "":
		_, err := p.srv.Do(rest)
		return err
	case word == "await" && rest != "":
		return p.await(rest)
	case word == "sleep" && len(args) == 1:
		d, err := time.ParseDuration(rest)
		if err == nil {
			<-time.After(d)
		}
		return err
	case line == "check now":
		_, err := p.command(agent.Command{Op: agent.CheckNow})
		return err
	case word == "signin" && len(args) == 2:
		return p.each(agent.Command{Op: agent.SignIn, Realm: args[0], Secret: trust.NewSecret(args[1])})
	case word == "trust" && len(args) == 1:
		return p.each(agent.Command{Op: agent.Trust, Host: rest})
	case word == "policy" && len(args) == 1:
		p.rules.trust(rest)
		return nil
	case word == "store" && (rest == "read-only" || rest == "writable"):
		p.store.readOnly(rest == "read-only")
		return nil
	case line == "mark":
		p.markSeq, p.markSaves = p.lastSeq(), p.store.count()
		return nil
	}
	return errors.New("unknown line, see player.do")
}

// start sets an agent going over clients that have met nobody.
func (p *player) start(once bool) error {
	if p.agent != nil {
		return errors.New("it runs already")
	}
	challenges := new(logonclient.Challenges)
	logon := &logonclient.Client{Network: p.network, Challenges: challenges}
	discover := &autodiscover.Client{Network: p.network, Challenges: challenges}
	p.agent = agent.New(agent.Config{
		Store: p.store, Secrets: p.secrets, Consents: p.rules,
		Logon: func(ctx context.Context, t logonclient.Target) (agent.Session, error) {
			s, err := logon.Logon(ctx, t)
			if err != nil {
				return nil, err
			}
			return s, nil
		},
		Resolve:   logon.Resolve,
		Discover:  discover.Discover,
		SecretRef: func(id profile.ID, realm string) string { return fmt.Sprintf("memory:%s %s", id, realm) },
		Pace:      p.pace,
		Seed:      1,
		Once:      once,
		Trace: func(tr agent.Transition) {
			p.note(tr.Profile, fmt.Sprintf("%s -> %s: %s", tr.From, tr.To, tr.Outcome))
		},
	})
	p.processes = append(p.processes, p.lastSeq())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	running := p.agent
	go func() { ended <- running.Run(ctx) }()
	p.end = func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Errorf("the agent ended: %v", err)
		}
	}
	return nil
}

func (p *player) stop() {
	p.last = p.status()
	p.end()
	p.agent = nil
	p.settle()
}

// close ends everything.
func (p *player) close() {
	if p.agent != nil {
		p.note("", "> stop")
		p.stop()
	}
	if err := p.srv.Close(); err != nil {
		p.t.Error(err)
	}
}

// command is given as a window would, by Service.
func (p *player) command(c agent.Command) (profile.ID, error) {
	ctx, cancel := context.WithTimeout(context.Background(), p.patience)
	defer cancel()
	return p.agent.Do(ctx, c)
}

// each gives a command for each mailbox.
func (p *player) each(c agent.Command) error {
	for _, m := range p.status().Mailboxes {
		c.Profile = m.ID
		if _, err := p.command(c); err != nil {
			return err
		}
	}
	return nil
}

// status returns the latest snapshot.
func (p *player) status() agent.Status {
	if p.agent == nil {
		return p.last
	}
	for status := range p.agent.Watch(context.Background()) {
		return status
	}
	return agent.Status{}
}

// await waits until a mailbox shows what is wanted.
func (p *player) await(wanted string) error {
	address, state, ok := strings.Cut(wanted, " ")
	if !ok || !strings.Contains(address, "@") {
		address, state = "", wanted
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.patience)
	defer cancel()
	var seen []string
	for status, err := range p.agent.Watch(ctx) {
		if err != nil {
			return err
		}
		seen = nil
		for _, m := range status.Mailboxes {
			if address == "" || address == m.Address {
				seen = append(seen, shown(m))
				if shows(m, state) {
					return nil
				}
			}
		}
	}
	return fmt.Errorf("it never was, but %s", strings.Join(seen, "; "))
}

// shown writes a mailbox as await names it: the state, and what has a name in it.
func shown(m agent.Mailbox) string {
	s := fmt.Sprintf("%s generation %d", m.State, m.Generation)
	if m.Needs != nil {
		s += " need " + needed(m.Needs)
	}
	if m.Problem != nil {
		s += " problem " + m.Problem.Outcome.String()
	}
	return s
}

// shows reports whether m is as wanted, which may leave out what shown writes
// behind the state, but not the state.
func shows(m agent.Mailbox, wanted string) bool {
	rest, ok := strings.CutPrefix(wanted, m.State.String())
	all := shown(m) + " "
	for rest = strings.TrimSpace(rest); ok && rest != ""; {
		clause := rest
		for _, word := range []string{" need ", " problem "} {
			clause, _, _ = strings.Cut(clause, word)
		}
		ok = strings.Contains(all, " "+clause+" ")
		rest = strings.TrimSpace(rest[len(clause):])
	}
	return ok
}

func needed(n *agent.Need) string {
	switch n.Kind {
	case agent.NeedTrust:
		return "trust " + strings.TrimSuffix(n.Hop.To, ":443")
	case agent.NeedSignIn:
		return "sign-in " + n.Realm
	}
	return string(n.Kind)
}

// lastSeq is the number of the last request.
func (p *player) lastSeq() int {
	if all := p.srv.Requests(); len(all) > 0 {
		return all[len(all)-1].Seq
	}
	return 0
}

// since returns the requests after the mark.
func (p *player) since() []mockserver.Request {
	return slices.DeleteFunc(p.srv.Requests(), func(r mockserver.Request) bool { return r.Seq <= p.markSeq })
}

// watchedStore is a store on a disk that may become read-only. It notes each
// save that no logon at the same place stands behind.
type watchedStore struct {
	profile.Store
	srv *mockserver.Server

	mu       sync.Mutex
	refuse   bool
	saves    int
	unproven []string
}

func (s *watchedStore) readOnly(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = on
}

func (s *watchedStore) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saves
}

func (s *watchedStore) Save(ctx context.Context, p profile.Profile, base uint64, why profile.Reason) (profile.Profile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse {
		return profile.Profile{}, fmt.Errorf("save profile %s: %w", p.ID, syscall.EROFS)
	}
	said := "nothing"
	for _, r := range s.srv.Requests() {
		ours := slices.ContainsFunc(p.Logins, func(l profile.LoginRef) bool { return l.User == r.User })
		if ours && r.Host == p.Place() && r.RequestType == "Execute" && r.Said != "registered" && r.Said != "receive folder" {
			said = r.Said // to a RopLogon
		}
	}
	if !strings.HasPrefix(said, "logged on") {
		s.unproven = append(s.unproven, p.Place()+" said "+said)
	}
	saved, err := s.Store.Save(ctx, p, base, why)
	if err == nil {
		s.saves++
	}
	return saved, err
}

// people are an administrator and a person who answer: an agent.Consents.
type people struct {
	mu       sync.Mutex
	trusted  []string // policy
	consents []trust.Consent
}

func (p *people) trust(pattern string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trusted = append(p.trusted, pattern)
}

func (p *people) Rules(context.Context) (trust.Rules, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return trust.Rules{Trusted: slices.Clone(p.trusted), Consents: slices.Clone(p.consents), Now: time.Now()}, nil
}

func (p *people) Allow(_ context.Context, c trust.Consent) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.consents = append(p.consents, c)
	return nil
}

func (p *people) Revoke(context.Context, string, string) error {
	return errors.New("nobody takes anything back here")
}
