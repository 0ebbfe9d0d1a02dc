package agent

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// logins finds the sign-in for a host among those of a profile. A secret that a
// realm has refused is never sent to it again until it changes, and after
// maxRefusals refusals a cycle sends none to any realm: passwords are not
// sprayed, accounts are not locked.
type logins struct {
	id       profile.ID
	secrets  profile.Secrets
	refusals Refusals

	mu      sync.Mutex
	refs    []profile.LoginRef // of the profile, replaced each cycle
	added   []profile.LoginRef // by SignIn, not yet proven and saved
	used    map[string]bool    // realms of added that were presented in this cycle, and not refused
	refused int                // in this cycle
}

// Refusals remembers which secret a realm has refused, so that it is not sent
// there again until it changes or a person signs in anew. Implementations are
// safe for concurrent use and keep no secret that could be read back.
type Refusals interface {
	Refused(id profile.ID, realm string, s trust.Secret) bool
	Refuse(id profile.ID, realm string, s trust.Secret)
	Forget(id profile.ID, realm string)
}

// forgetful remembers refusals for the life of a process.
type forgetful struct {
	mu      sync.Mutex
	refused map[string]trust.Secret // by profile and realm
}

func (f *forgetful) Refused(id profile.ID, realm string, s trust.Secret) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	old, ok := f.refused[string(id)+" "+realm]
	return ok && old.Equal(s)
}

func (f *forgetful) Refuse(id profile.ID, realm string, s trust.Secret) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refused == nil {
		f.refused = make(map[string]trust.Secret)
	}
	f.refused[string(id)+" "+realm] = s
}

func (f *forgetful) Forget(id profile.ID, realm string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.refused, string(id)+" "+realm)
}

var _ trust.Logins = (*logins)(nil)

// begin starts a cycle with the sign-ins of p.
func (l *logins) begin(p profile.Profile) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refs = p.Logins
	l.refused = 0
	l.used = make(map[string]bool)
}

// add takes a sign-in that a person gave. It replaces the one for its realm, and
// is sent even if it was refused before: a person has looked at it.
func (l *logins) add(ref profile.LoginRef) {
	l.refusals.Forget(l.id, ref.Realm)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.added = append(without(l.added, ref.Realm), ref)
}

// all returns the sign-ins of the profile and those that a person gave.
func (l *logins) all() []profile.LoginRef { return l.with(func(profile.LoginRef) bool { return true }) }

// proven returns the sign-ins as they are to be saved after a logon: those that
// were added only if somebody has let them in.
func (l *logins) proven() []profile.LoginRef {
	return l.with(func(r profile.LoginRef) bool { return l.used[r.Realm] })
}

// with returns the sign-ins of the profile and the added ones that fit.
func (l *logins) with(fits func(profile.LoginRef) bool) []profile.LoginRef {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.Clone(l.refs)
	for _, ref := range l.added {
		if !fits(ref) {
			continue
		}
		if i := slices.IndexFunc(out, func(r profile.LoginRef) bool { return r.Realm == ref.Realm }); i >= 0 {
			out[i] = ref
		} else {
			out = append(out, ref)
		}
	}
	return out
}

// saved forgets what stands in the profile now.
func (l *logins) saved(p profile.Profile) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refs = p.Logins
	l.added = slices.DeleteFunc(l.added, func(r profile.LoginRef) bool { return slices.Contains(p.Logins, r) })
}

// pending reports whether a sign-in waits for its first success.
func (l *logins) pending() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.added) > 0
}

// choose returns the sign-in for host and its realm: the narrowest pattern that
// names the host, else the first sign-in of the profile, since a mailbox that
// moves usually keeps its owner's password. The rules have judged the host
// before anybody asks here.
func (l *logins) choose(host string) (ref profile.LoginRef, realm string, ok bool) {
	all := l.all()
	best := -1
	for i, r := range all {
		if trust.Match(r.Realm, host) && (best < 0 || narrower(r.Realm, all[best].Realm)) {
			best = i
		}
	}
	switch {
	case best >= 0:
		return all[best], all[best].Realm, true
	case len(all) > 0:
		return all[0], trust.Realm(host), true
	}
	return profile.LoginRef{}, trust.Realm(host), false
}

// narrower compares two patterns that name the same host: the host itself, or
// the longer domain.
func narrower(a, b string) bool {
	wildA, wildB := strings.HasPrefix(a, "*."), strings.HasPrefix(b, "*.")
	if wildA != wildB {
		return wildB
	}
	return len(a) > len(b)
}

// Login implements trust.Logins.
func (l *logins) Login(ctx context.Context, host string) (trust.Login, error) {
	ref, realm, ok := l.choose(host)
	if !ok {
		return trust.Login{}, &trust.NoLoginError{Host: host, Realm: realm}
	}
	secret, err := l.secrets.Get(ctx, ref.Secret)
	if err != nil {
		return trust.Login{}, &trust.NoLoginError{Host: host, Realm: realm, User: ref.User, Err: err}
	}
	l.mu.Lock()
	tooMany := l.refused >= maxRefusals
	l.mu.Unlock()
	if tooMany || l.refusals.Refused(l.id, realm, secret) {
		return trust.Login{}, &trust.NoLoginError{Host: host, Realm: realm, User: ref.User, Refused: true}
	}
	l.mu.Lock()
	l.used[ref.Realm] = true
	l.mu.Unlock()
	return trust.Login{
		Realm: realm, User: ref.User, Secret: secret,
		Weakest: l.atLeast(ref, host), Bearer: ref.Bearer,
	}, nil
}

// atLeast returns the weakest scheme that ref may go by at host. What has been
// let in there before, and so stands in the profile, is never followed by less:
// an offer of only weaker schemes is a downgrade.
func (l *logins) atLeast(ref profile.LoginRef, host string) trust.Scheme {
	l.mu.Lock()
	defer l.mu.Unlock()
	weakest := ref.AtLeast()
	for _, saved := range l.refs {
		if trust.Match(saved.Realm, host) {
			weakest = trust.Stronger(weakest, saved.AtLeast())
		}
	}
	return weakest
}

// Refused implements trust.Logins.
func (l *logins) Refused(host string, login trust.Login) {
	l.refusals.Refuse(l.id, login.Realm, login.Secret)
	ref, _, _ := l.choose(host) // login.Realm is that of the host
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.used, ref.Realm)
	l.refused++
}

func without(refs []profile.LoginRef, realm string) []profile.LoginRef {
	return slices.DeleteFunc(refs, func(r profile.LoginRef) bool { return r.Realm == realm })
}

// Logins returns the sign-ins of p for use outside of an agent, by the same
// rules: a secret that was refused is not sent again. Nil refusals are those of
// this call alone.
func Logins(p profile.Profile, secrets profile.Secrets, refusals Refusals) trust.Logins {
	if refusals == nil {
		refusals = new(forgetful)
	}
	l := &logins{id: p.ID, secrets: secrets, refusals: refusals}
	l.begin(p)
	return l
}
