package servicetest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

// What Ann has.
const (
	AnnID      profile.ID = "00000000000000a1"
	AnnAddress            = "ann@contoso.test"
	AnnDN                 = "/o=Contoso/ou=First/cn=Recipients/cn=ann"
	AnnRealm              = "*.contoso.test"
	AnnRef                = "keyring:ann"
	AnnSecret             = "swordfish-4711"
	Issuer                = "https://autodiscover.contoso.test/autodiscover/autodiscover.xml"
)

// World is what an agent works with. Its zero value is an empty world in which
// every server lets in whom it has no reason to refuse, and Autodiscover knows
// nobody. It judges hops and grants logins as the real clients do.
type World struct {
	Store   profile.Memory
	Trusted []string // hosts that policy trusts

	// Resolved changes the way of a server name; nil: NAME is name.contoso.test.
	Resolved func(name string) (string, error)

	mu        sync.Mutex
	began     time.Time
	secrets   map[string]trust.Secret
	consents  []trust.Consent
	servers   map[string][]error
	directory []Directory
	passwords map[string]string // by host: the one that it accepts
	saves     []error
	calls     []string
	sent      []string
	sessions  []*Session
	block     chan struct{}
}

// Directory is an answer of Autodiscover.
type Directory func(autodiscover.Query) (*autodiscover.Result, error)

// Config returns the configuration of an agent in w that waits without jitter.
func (w *World) Config() agent.Config {
	w.mu.Lock()
	w.began = time.Now()
	w.mu.Unlock()
	return agent.Config{
		Store: store{&w.Store, w}, Secrets: (*secrets)(w), Consents: (*consents)(w),
		Logon: w.logon, Resolve: w.resolve, Discover: w.discover,
		SecretRef: func(id profile.ID, realm string) string { return "keyring:" + string(id) + "/" + realm },
		Pace:      agent.Pace{Jitter: -1, Turn: -1},
		Trace: func(t agent.Transition) {
			w.note("%s -> %s: %s", t.From, t.To, t.Outcome)
		},
	}
}

// Ann returns a proven profile at host.
func Ann(host string) profile.Profile {
	return profile.Profile{
		ID: AnnID, Label: "Ann", Address: AnnAddress, Endpoint: Place(host, AnnDN), Proven: true,
		Logins:   []profile.LoginRef{{Realm: AnnRealm, User: AnnAddress, Weakest: "basic", Secret: AnnRef}},
		Identity: identity(Facts()),
	}
}

// Place returns an endpoint at host that Issuer has named.
func Place(host, dn string) profile.Endpoint {
	return profile.Endpoint{MAPI: &profile.MAPI{MailStore: mailStore(host), LegacyDN: dn}, Autodiscover: Issuer}
}

func mailStore(host string) string { return "https://" + host + "/mapi/emsmdb/" }

// Facts are what every server tells about Ann's mailbox.
func Facts() logonclient.Facts {
	return logonclient.Facts{DisplayName: "Ann", MailboxGUID: "a1", ReplGUID: "db1", RootFolder: "0100000000000001", ServerVersion: "15.2"}
}

func identity(f logonclient.Facts) profile.Identity {
	return profile.Identity{DisplayName: f.DisplayName, MailboxGUID: f.MailboxGUID, ReplGUID: f.ReplGUID, RootFolder: f.RootFolder, ServerVersion: f.ServerVersion}
}

// Keep stores p as it is, with Ann's secret.
func (w *World) Keep(t testing.TB, p profile.Profile) profile.Profile {
	t.Helper()
	p, err := w.Store.Save(context.Background(), p, p.Generation, profile.Reason{Text: "first logon"})
	if err != nil {
		t.Fatal(err)
	}
	w.SetSecret(AnnRef, AnnSecret)
	return p
}

// SetSecret puts a secret into the store of secrets.
func (w *World) SetSecret(ref, value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.secrets == nil {
		w.secrets = make(map[string]trust.Secret)
	}
	w.secrets[ref] = trust.NewSecret(value)
}

// Secret returns what is stored behind ref, "" if there is nothing.
func (w *World) Secret(ref string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.secrets[ref].Reveal()
}

// At makes host answer the next logons with answers, one after the other, and
// all that follow with the last. A nil answer lets in; a nil host answer list
// means that it always does.
func (w *World) At(host string, answers ...error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.servers == nil {
		w.servers = make(map[string][]error)
	}
	w.servers[host] = answers
}

// Autodiscover sets the next answers likewise.
func (w *World) Autodiscover(answers ...Directory) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.directory = answers
}

// Password sets the only password that host accepts.
func (w *World) Password(host, password string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.passwords == nil {
		w.passwords = make(map[string]string)
	}
	w.passwords[host] = password
}

// FailSaves makes the next saves fail, each with its error; nil lets one pass.
func (w *World) FailSaves(errs ...error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.saves = errs
}

// Hang makes logons hang until their context ends or release is called.
func (w *World) Hang() (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	block := make(chan struct{})
	w.block = block
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.block == block {
			close(block)
			w.block = nil
		}
	}
}

// Trace returns every call and every transition so far, in their order, each
// with the time since Config.
func (w *World) Trace() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

// Calls returns the notes of Trace without their times that begin with prefix.
func (w *World) Calls(prefix string) []string {
	var out []string
	for _, line := range w.Trace() {
		if _, call, _ := strings.Cut(line, " "); strings.HasPrefix(call, prefix) {
			out = append(out, call)
		}
	}
	return out
}

// Sent returns the secrets that were sent, as "host user secret".
func (w *World) Sent() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sent)
}

// Session returns the latest session, nil if there was none.
func (w *World) Session() *Session {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sessions) == 0 {
		return nil
	}
	return w.sessions[len(w.sessions)-1]
}

// Open returns how many sessions are open.
func (w *World) Open() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, s := range w.sessions {
		if !s.closed {
			n++
		}
	}
	return n
}

func (w *World) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, fmt.Sprintf("%v %s", time.Since(w.began).Round(time.Second), fmt.Sprintf(format, args...)))
}

// next takes the first of list, and leaves the last where it is.
func next[T any](list *[]T) (first T, ok bool) {
	if len(*list) == 0 {
		return first, false
	}
	first = (*list)[0]
	if len(*list) > 1 {
		*list = (*list)[1:]
	}
	return first, true
}

// Answer is a logon that succeeds with other Facts or a Session of its own.
type Answer struct {
	Facts logonclient.Facts
	Lost  error         // the session dies at once
	Event time.Duration // Wait returns that often; 0: never
}

func (Answer) Error() string { return "logged on" }

// logon answers as a Client does, and tells of one exchange.
func (w *World) logon(ctx context.Context, t logonclient.Target) (agent.Session, error) {
	s, err := w.answer(ctx, t)
	if seen := logonclient.ContextSeen(ctx); seen != nil {
		x := logonclient.Exchange{RequestType: "Execute", Op: "Execute RopLogon", Host: t.Access.Hop.To, RequestID: "{A1}:2", HTTPStatus: 200, Layers: 5}
		if e, ok := errors.AsType[*logonclient.Error](err); ok {
			x.ServerName, x.Err = e.ServerName, err.Error()
		}
		seen(x)
	}
	return s, err
}

func (w *World) answer(ctx context.Context, t logonclient.Target) (agent.Session, error) {
	host := hostOf(t.MailStore)
	as := ""
	if t.LegacyDN != AnnDN {
		as = " as " + t.LegacyDN
	}
	w.note("logon %s%s", host, as)
	w.mu.Lock()
	block := w.block
	w.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return nil, &logonclient.Error{Kind: logonclient.Unreachable, Op: "Connect", Host: host + ":443", Err: ctx.Err()}
		}
	}
	if err := w.present(ctx, host, t.Access); err != nil {
		e := &logonclient.Error{Kind: logonclient.Unauthorized, Op: "Connect", Host: host + ":443", Err: err}
		if _, ok := trust.IsUntrusted(err); ok {
			e.Kind = logonclient.Untrusted
		}
		return nil, e
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.servers[host]
	err, _ := next(&list)
	if w.servers != nil {
		w.servers[host] = list
	}
	s := &Session{w: w, host: host, facts: Facts(), lost: make(chan error, 1)}
	if a, ok := errors.AsType[Answer](err); ok {
		err = nil
		if a.Facts != (logonclient.Facts{}) {
			s.facts = a.Facts
		}
		if a.Lost != nil {
			s.lost <- a.Lost
		}
		s.event = a.Event
	}
	if err != nil {
		return nil, err
	}
	w.sessions = append(w.sessions, s)
	return s, nil
}

// present earns a grant and sends its secret.
func (w *World) present(ctx context.Context, host string, a trust.Access) error {
	grant, err := a.Grant(ctx, []string{"Basic"})
	if err != nil {
		return err
	}
	login := grant.Login()
	w.mu.Lock()
	w.sent = append(w.sent, fmt.Sprintf("%s %s %s", host, login.User, login.Secret.Reveal()))
	want, picky := w.passwords[host]
	w.mu.Unlock()
	if picky && login.Secret.Reveal() != want {
		grant.Refused()
		return &trust.NoLoginError{Host: host, Realm: login.Realm, User: login.User, Refused: true}
	}
	return nil
}

func (w *World) resolve(_ context.Context, from logonclient.Target, name string) (logonclient.Target, error) {
	host, err := strings.ToLower(name)+".contoso.test", error(nil)
	if w.Resolved != nil {
		host, err = w.Resolved(name)
	}
	w.note("resolve %s", name)
	if err != nil {
		return logonclient.Target{}, err
	}
	to := from
	to.MailStore = mailStore(host)
	to.Access.Hop.From, to.Access.Hop.To, to.Access.Hop.How = from.Access.Hop.To, host+":443", trust.FromServerName
	return to, nil
}

func (w *World) discover(ctx context.Context, q autodiscover.Query) (*autodiscover.Result, error) {
	by := q.LegacyDN
	switch by {
	case "":
		by = "address"
	case AnnDN:
		by = "ann"
	}
	host := "autodiscover.contoso.test"
	if len(q.First) > 0 {
		host = hostOf(q.First[0].URL)
	}
	w.note("discover %s at %s", by, host)
	hop := trust.Hop{MailDomain: "contoso.test", To: host + ":443", How: trust.FromDomain}
	if err := w.present(ctx, host, trust.Access{Rules: q.Rules, Hop: hop, Logins: q.Logins}); err != nil {
		return nil, &autodiscover.Error{Kind: autodiscover.Unauthorized, Host: host + ":443", Err: err}
	}
	w.mu.Lock()
	answer, ok := next(&w.directory)
	w.mu.Unlock()
	if !ok {
		return Nobody(q)
	}
	return answer(q)
}

// Nobody is the answer of an Autodiscover service that does not know the
// mailbox.
func Nobody(autodiscover.Query) (*autodiscover.Result, error) {
	return nil, &autodiscover.Error{Kind: autodiscover.NotFound, Host: "autodiscover.contoso.test:443"}
}

// Silent is the answer where no Autodiscover service can be reached.
func Silent(autodiscover.Query) (*autodiscover.Result, error) {
	return nil, &autodiscover.Error{Kind: autodiscover.Unreachable}
}

// Names answers settings: host, and dn if it is not empty. issuer is the URL
// that answered in the end. They hold until something fails.
func Names(host, dn, issuer string) Directory {
	return func(q autodiscover.Query) (*autodiscover.Result, error) {
		return &autodiscover.Result{URL: issuer, Address: q.Address, By: autodiscover.ByLegacyDN, Settings: autodiscover.Settings{
			LegacyDN:  dn,
			Protocols: []autodiscover.Protocol{{Type: "mapiHttp", Version: 1, MAPI: &autodiscover.MAPI{MailStore: mailStore(host)}}, {Type: "WEB"}},
		}}, nil
	}
}

// Holds makes the settings of d hold for ttl, whole hours.
func Holds(ttl time.Duration, d Directory) Directory {
	return func(q autodiscover.Query) (*autodiscover.Result, error) {
		result, err := d(q)
		if err == nil {
			result.Settings.Protocols = append(result.Settings.Protocols, autodiscover.Protocol{Type: "EXCH", TTL: ttl})
		}
		return result, err
	}
}

// Refusal returns an answer to a logon.
func Refusal(kind logonclient.Kind, said string) *logonclient.Error {
	return &logonclient.Error{Kind: kind, Op: "Execute RopLogon", Host: "server", Said: said}
}

// Moved returns the ecWrongServer answer that names server.
func Moved(server string) *logonclient.Error {
	e := Refusal(logonclient.WrongServer, "ecWrongServer")
	e.ServerName = server
	return e
}

// Session is a logon in a World.
type Session struct {
	w      *World
	host   string
	facts  logonclient.Facts
	event  time.Duration
	lost   chan error
	probes atomic.Int64
	closed bool // guarded by w.mu
}

// Lose makes the session die.
func (s *Session) Lose() { s.lost <- Refusal(logonclient.SessionLost, "ecInvalidObject") }

func (s *Session) Facts() logonclient.Facts { return s.facts }

func (s *Session) Probe(context.Context) error {
	s.probes.Add(1)
	return nil
}

// Probes returns how often the session was probed.
func (s *Session) Probes() int { return int(s.probes.Load()) }

func (s *Session) Wait(ctx context.Context) (bool, error) {
	var event <-chan time.Time
	if s.event > 0 {
		event = time.After(s.event)
	}
	select {
	case err := <-s.lost:
		return false, err
	case <-event:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (s *Session) Close(context.Context) error {
	s.w.note("close %s", s.host)
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.closed = true
	return nil
}

func hostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rawURL
	}
	return u.Hostname()
}
