package agent

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

const (
	annID      profile.ID = "00000000000000a1"
	annAddress            = "ann@contoso.test"
	annDN                 = "/o=Contoso/ou=First/cn=Recipients/cn=ann"
	ownIssuer             = "autodiscover.contoso.test"
	strange               = "mail.tailspin.test"
)

// question is what a stage has to answer next.
type question uint8

const (
	nothing    question = iota // the session lives on
	atLogon                    // what a server says
	atDiscover                 // what Autodiscover says
	atSave                     // what the store says
	atOnline                   // what becomes of the session
	atWait                     // what comes while the machine waits
	atNeed                     // what comes while it needs a person
)

// script is the index of a start and then one of a choice for each question.
type script []byte

// stage is a world in which a script is played to one machine. Everything on it
// happens in the goroutine of the machine, as the answer to a call or to a
// transition, so that a script has one course. What the script does not answer
// is answered drearily: servers are gone, nobody knows the mailbox.
type stage struct {
	watch
	script script
	heard  int             // answers given
	cut    bool            // where the script ends, the context ends
	vary   func(n int) int // chooses among n plays of a choice; nil: the first of each
	config func(*Config)   // changes what the agent works with; nil: nothing

	agent *Agent
	m     *machine
	end   context.CancelFunc
	over  bool // nothing counts any more
	lines []string

	store    profile.Memory
	secrets  map[string]trust.Secret
	consents []trust.Consent
	keyring  error // in place of a secret
	damaged  bool  // the next reading of the profile fails
	fate     fate
	given    int // secrets
	places   int // that were named
	database int
	tried    []logonclient.Target // of this cycle

	asked question // the first one that the script does not answer
	key   string   // of the moment of that question
	left  State    // the settled state in which the script leaves the machine
	meets map[State]map[Outcome]bool
	first []Outcome // outcomes in their order
}

// start is how a script begins.
type start struct {
	name  string
	known profile.Profile // ID empty: a person adds the address
}

func starts() []start {
	home := profile.Profile{
		ID: annID, Label: "Ann", Address: annAddress, Proven: true,
		Endpoint: profile.Endpoint{MAPI: &profile.MAPI{MailStore: mailStore("c0.contoso.test"), LegacyDN: annDN}, Autodiscover: issuerURL(ownIssuer)},
		Logins:   []profile.LoginRef{{Realm: "*.contoso.test", User: annAddress, Weakest: "basic", Secret: "keyring:ann"}},
		Identity: profile.Identity{MailboxGUID: "a1", ReplGUID: "db0"},
	}
	two := home
	two.Logins = append(two.Logins[:1:1], profile.LoginRef{Realm: "*.fabrikam.test", User: annAddress, Weakest: "basic", Secret: "keyring:fab"})
	unproven := home
	unproven.Proven, unproven.Endpoint.Autodiscover = false, issuerURL("autodiscover.tailspin.test")
	elsewhere := unproven
	elsewhere.Endpoint.MAPI = &profile.MAPI{MailStore: mailStore(strange), LegacyDN: annDN}
	return []start{
		{"at home", home},
		{"at home, with sign-ins for two realms", two},
		{"imported, issued by a stranger", unproven},
		{"imported, at a stranger's", elsewhere},
		{"added by its address", profile.Profile{}},
	}
}

func mailStore(host string) string { return "https://" + host + "/mapi/emsmdb/" }
func issuerURL(host string) string { return "https://" + host + "/autodiscover/autodiscover.xml" }
func bare(hostport string) string  { return strings.TrimSuffix(hostport, ":443") }

func hostIn(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func newStage(s script) *stage {
	return &stage{script: s[1:], meets: make(map[State]map[Outcome]bool), secrets: map[string]trust.Secret{
		"keyring:ann": trust.NewSecret("secret of ann"), "keyring:fab": trust.NewSecret("secret of fab"),
	}}
}

// play runs the script to its end and waits for the agent's.
func (s *stage) play(from start) error {
	config := Config{
		Store: stageStore{&s.store, s}, Secrets: (*stageSecrets)(s), Consents: (*stageConsents)(s),
		Logon: s.logon, Resolve: s.resolve, Discover: s.discover, Trace: s.trace,
		SecretRef: func(id profile.ID, realm string) string { return "keyring:" + string(id) + "/" + realm },
		Pace:      Pace{Jitter: -1, Turn: time.Millisecond},
	}
	if s.config != nil {
		s.config(&config)
	}
	s.agent = New(config)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.end = cancel
	if from.known.ID != "" {
		if _, err := s.store.Save(ctx, from.known, 0, profile.Reason{Text: "by hand"}); err != nil {
			return err
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- s.agent.Run(ctx) }()
	if from.known.ID == "" {
		add := Command{Op: Add, Address: annAddress, User: annAddress, Secret: trust.NewSecret("secret of ann")}
		if _, err := s.agent.Do(ctx, add); err != nil {
			return err
		}
	}
	err := <-ended
	if err == nil && s.m.view.State != Stopped {
		err = fmt.Errorf("the machine ends as %s", s.m.view.State)
	}
	if err == nil && s.m.session != nil {
		err = errors.New("a session is left behind")
	}
	return errors.Join(s.broken, err)
}

// see notes an act, as long as acts count.
func (s *stage) see(a act) {
	if s.over {
		return
	}
	a.at = time.Now()
	s.watch.see(a)
}

func (s *stage) say(format string, args ...any) {
	if !s.over {
		s.lines = append(s.lines, fmt.Sprintf(format, args...))
	}
}

// answer returns the index of the next answer, of n, and whether the script has
// one. The first time that it has none, the moment is noted.
func (s *stage) answer(q question, n int) (int, bool) {
	if s.heard < len(s.script) {
		i := int(s.script[s.heard])
		s.heard++
		return i % n, true
	}
	if s.asked == nothing && !s.over {
		s.asked, s.key = q, s.moment(q)
		if s.cut {
			s.finish()
		}
	}
	return 0, false
}

// unsaved reports whether a session stands whose profile could not be saved.
func (s *stage) unsaved() bool { return s.m.view.State == Online && !s.m.saveAt.IsZero() }

// finish ends the context: the script has been played.
func (s *stage) finish() {
	s.over = true
	s.end()
}

// pick returns one play of c.
func pick[F any](s *stage, c choice[F]) F {
	if s.vary == nil {
		return c.plays[0]
	}
	return c.plays[s.vary(len(c.plays))]
}

// place names a new host of a domain; of the strangers there is one.
func (s *stage) place(domain string) string {
	s.places++
	switch domain {
	case "tailspin.test":
		return strange
	case "":
		return fmt.Sprintf("192.0.2.%d", s.places)
	}
	return fmt.Sprintf("%c%d.%s", domain[0], s.places, domain)
}

func (s *stage) logon(ctx context.Context, t logonclient.Target) (Session, error) {
	host := bare(t.Access.Hop.To)
	how := t.Access.Hop.How
	s.see(act{deed: logsOn, host: host, place: t.MailStore + " " + t.LegacyDN, hop: how == trust.FromServerName || how == trust.FromHTTPRedirect})
	s.tried = append(s.tried, t)
	i, told := s.answer(atLogon, len(logonChoices))
	if !told {
		i = goneChoice
	}
	if ctx.Err() != nil {
		return nil, &logonclient.Error{Kind: logonclient.Unreachable, Op: "Connect", Host: t.Access.Hop.To, Err: ctx.Err()}
	}
	c := logonChoices[i]
	s.say("logon at %s: %s", host, c.name)
	s.database++
	if err := pick(s, c)(s, ctx, t); err != nil {
		return nil, err
	}
	s.see(act{deed: isIn, host: host, place: t.MailStore + " " + t.LegacyDN})
	return &stageSession{s: s}, nil
}

// present earns a grant and sends its secret, which the host may refuse.
func (s *stage) present(ctx context.Context, a trust.Access, refuse bool) error {
	grant, err := a.Grant(ctx, []string{"Basic"})
	if err != nil {
		return err
	}
	host, secret := bare(grant.To()), grant.Login().Secret.Reveal()
	s.see(act{deed: presents, host: host, secret: secret})
	if !refuse {
		return nil
	}
	grant.Refused()
	s.see(act{deed: isRefused, host: host, secret: secret})
	return &trust.NoLoginError{Host: host, Realm: grant.Login().Realm, User: grant.Login().User, Refused: true}
}

func (s *stage) resolve(_ context.Context, from logonclient.Target, name string) (logonclient.Target, error) {
	hop, err := trust.Step(from.Access.Hop.MailDomain, from.Access.Hop.To, mailStore(name), trust.FromServerName)
	if err != nil || mailStore(name) == from.MailStore {
		return logonclient.Target{}, &logonclient.Error{Kind: logonclient.Unsupported, Op: "Resolve", ServerName: name, Said: "leads nowhere"}
	}
	to := from
	to.MailStore, to.Access.Hop = mailStore(name), hop
	return to, nil
}

func (s *stage) discover(ctx context.Context, q autodiscover.Query) (*autodiscover.Result, error) {
	first := trust.Hop{MailDomain: "contoso.test", To: ownIssuer + ":443", How: trust.FromDomain}
	if len(q.First) > 0 {
		first.To, first.How = hostIn(q.First[0].URL)+":443", q.First[0].How
	}
	s.see(act{deed: discovers, host: bare(first.To)})
	i, told := s.answer(atDiscover, len(discoverChoices))
	if !told {
		i = nobodyChoice
	}
	if ctx.Err() != nil {
		return nil, &autodiscover.Error{Kind: autodiscover.Unreachable, Err: ctx.Err()}
	}
	c := discoverChoices[i]
	s.say("discovery at %s: %s", bare(first.To), c.name)
	result, err := pick(s, c)(&inquiry{s, ctx, q, first})
	if _, typed := errors.AsType[*autodiscover.Error](err); err != nil && !typed {
		e := &autodiscover.Error{Kind: autodiscover.Unauthorized, Err: err}
		if u, ok := trust.IsUntrusted(err); ok {
			e.Kind, e.Untrusted, e.Err = autodiscover.Untrusted, u, nil
		}
		return nil, e
	}
	return result, err
}

// inquiry is one discovery that is being answered.
type inquiry struct {
	*stage
	ctx   context.Context
	q     autodiscover.Query
	first trust.Hop
}

// ask goes to the service at host by way of the first one, and signs in there.
func (i *inquiry) ask(host string, refuse bool) error {
	hop := i.first
	if host != bare(hop.To) {
		hop = trust.Hop{MailDomain: hop.MailDomain, From: hop.To, To: host + ":443", How: trust.FromRedirectURL}
	}
	return i.present(i.ctx, trust.Access{Rules: i.q.Rules, Hop: hop, Logins: i.q.Logins}, refuse)
}

// names answers that the mailbox is behind mailStore, as issuer says.
func (i *inquiry) names(mailStore, issuer string) (*autodiscover.Result, error) {
	if err := i.ask(bare(i.first.To), false); err != nil {
		return nil, err
	}
	if issuer != bare(i.first.To) {
		if err := i.ask(issuer, false); err != nil {
			return nil, err
		}
	}
	return i.result(mailStore, issuer), nil
}

func (i *inquiry) result(mailStore, issuer string) *autodiscover.Result {
	return &autodiscover.Result{URL: issuerURL(issuer), Address: i.q.Address, By: autodiscover.ByLegacyDN, Settings: autodiscover.Settings{
		LegacyDN:  annDN,
		Protocols: []autodiscover.Protocol{{Type: "mapiHttp", Version: 1, MAPI: &autodiscover.MAPI{MailStore: mailStore}}, {Type: "WEB"}}, // without a timer
	}}
}

// trace sees every transition, and answers what comes in a settled state.
func (s *stage) trace(t Transition) {
	s.see(act{deed: moves, from: t.From, to: t.To, next: s.m.view.Next})
	if !s.over || s.cut {
		s.note(t)
	}
	s.say("%s -> %s: %s", t.From, t.To, t.Outcome)
	if s.over || !t.To.Settled() {
		return
	}
	s.left = t.To
	q, choices := atWait, waitChoices
	switch t.To {
	case Online:
		q, choices = atOnline, onlineChoices
	case NeedsYou:
		q, choices = atNeed, needChoices
	}
	i, told := s.answer(q, len(choices))
	switch {
	case s.over:
	case !told && (t.To != Online || !s.unsaved()): // a settled end
		s.finish()
	default:
		c := choices[i]
		s.say("  %s", c.name)
		pick(s, c)(s)
	}
}

// note remembers which outcome the policy was asked about, and in which state.
func (s *stage) note(t Transition) {
	at := t.From
	if t.Outcome == Found && at != Discovering || t.Outcome == Unreadable || t.Outcome == NothingBetter && at != Discovering {
		at = Starting // a cycle begins, whatever was before
	}
	if s.meets[at] == nil {
		s.meets[at] = make(map[Outcome]bool)
	}
	s.meets[at][t.Outcome] = true
	s.first = append(s.first, t.Outcome)
}

// do carries out a command of a person.
func (s *stage) do(c Command) {
	c.Profile = s.m.id
	if _, err := s.agent.Do(context.Background(), c); err != nil {
		s.breaks("%s: %v", c.Op, err)
	}
}
