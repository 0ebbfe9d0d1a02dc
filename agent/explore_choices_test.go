package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

// choice is a class of answers that the machine cannot tell apart: its plays
// lead to the same outcome. The first one stands for the others.
type choice[F any] struct {
	name  string
	want  Outcome // what the machine makes of it
	plays []F
}

type (
	logonPlay    = func(*stage, context.Context, logonclient.Target) error
	discoverPlay = func(*inquiry) (*autodiscover.Result, error)
	savePlay     = func(*stage, profile.Profile) error
	eventPlay    = func(*stage)
)

// The choices that stand for silence, where a script has ended.
const (
	goneChoice   = 0
	nobodyChoice = 0
)

// logonChoices are the answers to a logon.
var logonChoices = []choice[logonPlay]{
	{"gone", Gone, []logonPlay{
		says(logonclient.Unreachable), says(logonclient.BadCertificate), says(logonclient.Unsupported), says(logonclient.Malformed),
		sendsTo(func(*stage, logonclient.Target) string { return "https://c0.contoso.test/owa/auth/logon.aspx" }),
	}},
	{"in", LoggedOn, []logonPlay{in}},
	{"in, at another database", LoggedOn, []logonPlay{inElsewhere}},
	{"names a new server", WrongServer, names(newPlace("contoso.test"))},
	{"names a server of a trusted forest", WrongServer, names(newPlace("fabrikam.test"))},
	{"names a stranger", WrongServer, names(newPlace("tailspin.test"))},
	{"names an address", WrongServer, names(newPlace(""))},
	{"names the first server of the cycle", Circle, append(names(firstPlace), moved(samePlace), moved(noPlace))},
	{"names a server without tls", NeverTrusted, []logonPlay{
		sendsTo(func(s *stage, _ logonclient.Target) string {
			return "http://" + s.place("contoso.test") + "/mapi/emsmdb/"
		}),
		sendsTo(func(s *stage, _ logonclient.Target) string {
			return "https://ann@" + s.place("contoso.test") + "/mapi/emsmdb/"
		}),
	}},
	{"knows no such mailbox", UnknownHere, []logonPlay{signed(says(logonclient.UnknownMailbox)), signed(says(logonclient.LoginFailure))}},
	{"in transit", InTransit, []logonPlay{signed(says(logonclient.InTransit)), signed(patient(logonclient.InTransit))}},
	{"busy", Busy, []logonPlay{signed(says(logonclient.Busy)), patient(logonclient.Busy)}},
	{"loses the session", SessionLost, []logonPlay{signed(says(logonclient.SessionLost))}},
	{"denies", Denied, []logonPlay{signed(says(logonclient.Denied))}},
	{"refuses the sign-in", Unauthorized, []logonPlay{refuses}},
	{"no such secret", Unauthorized, []logonPlay{withoutSecret(profile.ErrSecretNotFound), says(logonclient.Unauthorized)}},
	{"keyring locked", NoSecret, []logonPlay{withoutSecret(profile.ErrSecretLocked), withoutSecret(profile.ErrNoBackend)}},
}

func says(kind logonclient.Kind) logonPlay {
	return func(_ *stage, _ context.Context, t logonclient.Target) error {
		return &logonclient.Error{Kind: kind, Op: "Connect", Host: t.Access.Hop.To, Realm: "*.contoso.test"}
	}
}

func patient(kind logonclient.Kind) logonPlay {
	return func(_ *stage, _ context.Context, t logonclient.Target) error {
		return &logonclient.Error{Kind: kind, Op: "Connect", Host: t.Access.Hop.To, After: 10 * time.Minute}
	}
}

// signed is a play before which the host has taken a sign-in.
func signed(play logonPlay) logonPlay {
	return func(s *stage, ctx context.Context, t logonclient.Target) error {
		if err := s.present(ctx, t.Access, false); err != nil {
			return notSigned(t, err)
		}
		return play(s, ctx, t)
	}
}

func notSigned(t logonclient.Target, err error) error {
	e := &logonclient.Error{Kind: logonclient.Unauthorized, Op: "Connect", Host: t.Access.Hop.To, Err: err}
	if _, ok := trust.IsUntrusted(err); ok {
		e.Kind = logonclient.Untrusted
	}
	return e
}

func refuses(s *stage, ctx context.Context, t logonclient.Target) error {
	return notSigned(t, s.present(ctx, t.Access, true))
}

func withoutSecret(problem error) logonPlay {
	return func(s *stage, ctx context.Context, t logonclient.Target) error {
		s.keyring = problem
		defer func() { s.keyring = nil }()
		return signed(says(logonclient.Malformed))(s, ctx, t)
	}
}

// in lets in, with what the profile knows of the mailbox.
func in(s *stage, ctx context.Context, t logonclient.Target) error {
	if n, ok := strings.CutPrefix(s.m.p.Identity.ReplGUID, "db"); ok {
		fmt.Sscan(n, &s.database)
	}
	return inElsewhere(s, ctx, t)
}

func inElsewhere(s *stage, ctx context.Context, t logonclient.Target) error {
	if err := s.present(ctx, t.Access, false); err != nil {
		return notSigned(t, err)
	}
	return nil
}

type placer func(*stage, logonclient.Target) string

func newPlace(domain string) placer {
	return func(s *stage, _ logonclient.Target) string { return s.place(domain) }
}
func firstPlace(s *stage, _ logonclient.Target) string { return hostIn(s.tried[0].MailStore) }
func samePlace(_ *stage, t logonclient.Target) string  { return hostIn(t.MailStore) }
func noPlace(*stage, logonclient.Target) string        { return "" }

// names sends to another server, by ecWrongServer or by a redirect.
func names(to placer) []logonPlay {
	return []logonPlay{moved(to), signed(sendsTo(func(s *stage, t logonclient.Target) string { return mailStore(to(s, t)) }))}
}

func moved(to placer) logonPlay {
	return signed(func(s *stage, _ context.Context, t logonclient.Target) error {
		return &logonclient.Error{Kind: logonclient.WrongServer, Op: "Execute RopLogon", Host: t.Access.Hop.To, ServerName: to(s, t)}
	})
}

func sendsTo(to placer) logonPlay {
	return func(s *stage, _ context.Context, t logonclient.Target) error {
		return &logonclient.Error{Kind: logonclient.Redirected, Op: "Connect", Host: t.Access.Hop.To, HTTPStatus: 302, URL: to(s, t)}
	}
}

// discoverChoices are the answers to a discovery.
var discoverChoices = []choice[discoverPlay]{
	{"nobody knows the mailbox", NothingBetter, []discoverPlay{
		fails(autodiscover.NotFound), fails(autodiscover.NoUsableProtocol), fails(autodiscover.Loop),
		fails(autodiscover.Limit), fails(autodiscover.BadAddress), fails(autodiscover.Malformed),
		func(i *inquiry) (*autodiscover.Result, error) { // settings without a protocol of ours
			result, err := i.names("", bare(i.first.To))
			return result, err
		},
	}},
	{"names the first server of the cycle", NothingBetter, []discoverPlay{
		func(i *inquiry) (*autodiscover.Result, error) {
			if len(i.tried) == 0 {
				return fails(autodiscover.NotFound)(i)
			}
			return i.names(i.tried[0].MailStore, bare(i.first.To))
		},
		func(i *inquiry) (*autodiscover.Result, error) {
			if len(i.tried) == 0 {
				return fails(autodiscover.NotFound)(i)
			}
			return i.names(i.tried[len(i.tried)-1].MailStore, bare(i.first.To))
		},
	}},
	{"names a new server", Found, []discoverPlay{
		func(i *inquiry) (*autodiscover.Result, error) {
			return i.names(mailStore(i.place("contoso.test")), bare(i.first.To))
		},
		func(i *inquiry) (*autodiscover.Result, error) { // the same server, the mailbox under a new name
			result, err := i.names(mailStore(i.place("contoso.test")), bare(i.first.To))
			if err == nil && len(i.tried) > 0 && strings.HasSuffix(hostIn(i.tried[0].MailStore), ".contoso.test") {
				result = i.result(i.tried[0].MailStore, bare(i.first.To))
				result.Settings.LegacyDN = fmt.Sprintf("%s%d", annDN, i.places)
			}
			return result, err
		},
	}},
	{"names a server of a trusted forest, which says so itself", Found, []discoverPlay{
		func(i *inquiry) (*autodiscover.Result, error) {
			return i.names(mailStore(i.place("fabrikam.test")), "autodiscover.fabrikam.test")
		},
	}},
	{"refuses the sign-in; a trusted forest names its server", Found, []discoverPlay{
		func(i *inquiry) (*autodiscover.Result, error) {
			if err := i.ask(bare(i.first.To), true); err != nil {
				if _, untrusted := trust.IsUntrusted(err); untrusted {
					return nil, err
				}
			}
			if err := i.ask("autodiscover.fabrikam.test", false); err != nil {
				return nil, err
			}
			return i.result(mailStore(i.place("fabrikam.test")), "autodiscover.fabrikam.test"), nil
		},
	}},
	{"names a stranger", Found, []discoverPlay{
		func(i *inquiry) (*autodiscover.Result, error) { return i.names(mailStore(strange), bare(i.first.To)) },
	}},
	{"sends to a stranger", Untrusted, []discoverPlay{
		func(i *inquiry) (*autodiscover.Result, error) {
			return i.names(mailStore(strange), "autodiscover.tailspin.test")
		},
	}},
	{"names a server without tls", NeverTrusted, []discoverPlay{
		func(i *inquiry) (*autodiscover.Result, error) {
			return i.names("http://"+i.place("contoso.test")+"/mapi/emsmdb/", bare(i.first.To))
		},
		func(i *inquiry) (*autodiscover.Result, error) {
			return i.names(mailStore(i.place("contoso.test")), "192.0.2.99")
		},
	}},
	{"cannot be reached", NoDirectory, []discoverPlay{fails(autodiscover.Unreachable)}},
	{"busy", Busy, []discoverPlay{fails(autodiscover.Busy)}},
	{"refuses the sign-in", Unauthorized, []discoverPlay{
		func(i *inquiry) (*autodiscover.Result, error) { return nil, i.ask(bare(i.first.To), true) },
		fails(autodiscover.Unauthorized),
	}},
	{"keyring locked", NoSecret, []discoverPlay{
		func(i *inquiry) (*autodiscover.Result, error) {
			i.keyring = profile.ErrSecretLocked
			defer func() { i.keyring = nil }()
			return i.names(mailStore(i.place("contoso.test")), bare(i.first.To))
		},
	}},
}

func fails(kind autodiscover.Kind) discoverPlay {
	return func(i *inquiry) (*autodiscover.Result, error) {
		return nil, &autodiscover.Error{Kind: kind, Host: i.first.To, Realm: "*.contoso.test"}
	}
}

// saveChoices are what becomes of a save. None of them changes the outcome of
// the logon.
var saveChoices = []choice[savePlay]{
	{"saved", LoggedOn, []savePlay{func(*stage, profile.Profile) error { return nil }}},
	{"fails", LoggedOn, []savePlay{func(*stage, profile.Profile) error { return errors.New("no space left") }}},
	{"changed underneath", Found, []savePlay{func(s *stage, p profile.Profile) error {
		return s.byHand(p, func(p *profile.Profile) { p.Label += "." })
	}}},
	{"moved underneath", Found, []savePlay{func(s *stage, p profile.Profile) error {
		return s.byHand(p, func(p *profile.Profile) {
			p.Proven, p.Endpoint.MAPI = false, &profile.MAPI{MailStore: mailStore(s.place("contoso.test")), LegacyDN: annDN}
		})
	}}},
}

// onlineChoices are what becomes of a session.
var onlineChoices = []choice[eventPlay]{
	{"lives on", LoggedOn, []eventPlay{func(s *stage) {
		if s.fate = livesOn; !s.unsaved() {
			s.finish()
		}
	}}},
	{"dies at once", SessionLost, []eventPlay{func(s *stage) { s.fate = diesAtOnce }, func(s *stage) { s.fate = diesProbed }}},
	{"dies later", SessionLost, []eventPlay{func(s *stage) { s.fate = diesLater }}},
	{"somebody wants a look", Found, []eventPlay{func(s *stage) { s.fate = livesOn; looks(s) }}},
}

// waitChoices are what comes while a machine waits.
var waitChoices = []choice[eventPlay]{
	{"time passes", Found, []eventPlay{func(*stage) {}, looks}},
	{"the profile is damaged", Unreadable, []eventPlay{func(s *stage) { s.damaged = true }}},
}

// needChoices are what comes while it needs a person.
var needChoices = slices.Concat(waitChoices, []choice[eventPlay]{
	{"a person answers", Found, []eventPlay{answers}},
})

func looks(s *stage) {
	s.see(act{deed: isAsked})
	s.do(Command{Op: CheckNow})
}

// answers gives what is needed: a new secret, or trust. What an administrator
// has to give is not seen here.
func answers(s *stage) {
	need := s.m.view.Needs
	switch {
	case need == nil || need.Kind == NeedAccess:
	case need.Kind == NeedTrust:
		s.see(act{deed: isAllowed, host: bare(need.Hop.To)})
		s.see(act{deed: isAsked})
		s.do(Command{Op: Trust, Host: bare(need.Hop.To)})
	default:
		s.given++
		secret := fmt.Sprintf("secret %d", s.given)
		s.see(act{deed: isGiven, host: need.Host, secret: secret})
		s.see(act{deed: isAsked})
		s.do(Command{Op: SignIn, Realm: need.Realm, User: annAddress, Secret: trust.NewSecret(secret)})
	}
}
