package trust

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Scheme is an HTTP authentication scheme, in lower case.
type Scheme string

// The schemes in order of strength. NTLM and Negotiate have their places kept.
const (
	Basic     Scheme = "basic"     // RFC 7617
	NTLM      Scheme = "ntlm"      // [MS-NTHT]
	Negotiate Scheme = "negotiate" // RFC 4559
	Bearer    Scheme = "bearer"    // RFC 6750
)

var strength = []Scheme{Basic, NTLM, Negotiate, Bearer}

// rank is the place of s among the schemes. One that we do not know stands above
// all: whoever wants that gets nothing less.
func (s Scheme) rank() int {
	if s == "" {
		s = Basic
	}
	if i := slices.Index(strength, s); i >= 0 {
		return i
	}
	return len(strength)
}

// Stronger returns the stronger of two schemes; empty is Basic.
func Stronger(a, b Scheme) Scheme {
	if b.rank() > a.rank() {
		return b
	}
	return a
}

// served are the schemes that can be presented today.
var served = []Scheme{Bearer, Basic}

// Login is what a profile presents in one realm.
type Login struct {
	Realm   string // host pattern, see Match; empty: any host that is granted
	User    string
	Weakest Scheme // weakest acceptable scheme; empty: Basic
	Secret  Secret
	Bearer  bool // Secret is a token for Bearer, not a password
}

// Logins finds the login for a host. Implementations look into a profile and
// its secret store; they may block, and honour ctx.
type Logins interface {
	// Login returns the login for host, or a *NoLoginError.
	Login(ctx context.Context, host string) (Login, error)
	// Refused says that host has refused l. From then on Login returns a
	// *NoLoginError for its realm until the secret changes.
	Refused(host string, l Login)
}

// Access is what a client needs to earn a Grant for the hosts that it talks to:
// the rules, how it came to the host, and the logins it may present there.
type Access struct {
	Rules  Rules
	Hop    Hop
	Logins Logins
}

// Grant makes the grant for a.Hop, whose host has offered the given schemes.
func (a Access) Grant(ctx context.Context, offered []string) (Grant, error) {
	return a.Rules.Grant(ctx, a.Hop, offered, a.Logins)
}

// Judge is Rules.Judge as an error: nil for Allow, an *UntrustedError otherwise.
func (a Access) Judge() error {
	verdict, why := a.Rules.Judge(a.Hop)
	if verdict == Allow {
		return nil
	}
	return &UntrustedError{Hop: a.Hop, Verdict: verdict, Why: why}
}

// Grant is the permission to present one login to one host, by one scheme.
// Only Rules make one.
type Grant struct {
	to     string
	scheme Scheme
	login  Login
	logins Logins
}

func (g Grant) To() string     { return g.to } // host:port
func (g Grant) Scheme() Scheme { return g.scheme }
func (g Grant) Login() Login   { return g.login }
func (g Grant) IsZero() bool   { return g.to == "" }

// Refused tells the logins that the host has refused this one.
func (g Grant) Refused() {
	if g.logins != nil {
		g.logins.Refused(host(g.to), g.login)
	}
}

// Grant judges h and, if it is allowed, chooses the login and the strongest
// scheme that the host offers, that we can serve, that the login accepts and, for
// Basic, that r.Basic allows.
// offered are the schemes of its WWW-Authenticate headers, in any case. It
// returns an *UntrustedError, a *NoLoginError or a *SchemeError.
func (r Rules) Grant(ctx context.Context, h Hop, offered []string, l Logins) (Grant, error) {
	if verdict, why := r.Judge(h); verdict != Allow {
		return Grant{}, &UntrustedError{Hop: h, Verdict: verdict, Why: why}
	}
	if l == nil {
		return Grant{}, &NoLoginError{Host: host(h.To), Realm: Realm(host(h.To))}
	}
	login, err := l.Login(ctx, host(h.To))
	if err != nil {
		return Grant{}, err
	}
	noBasic := false
	for _, scheme := range served {
		usable := (scheme == Bearer) == login.Bearer
		strong := scheme.rank() >= login.Weakest.rank()
		if usable && strong && slices.ContainsFunc(offered, func(s string) bool { return strings.EqualFold(s, string(scheme)) }) {
			if scheme == Basic && !r.basic(h.To) {
				noBasic = true
				continue
			}
			return Grant{to: h.To, scheme: scheme, login: login, logins: l}, nil
		}
	}
	if login.Bearer { // a token takes nothing less, whatever the login says
		login.Weakest = Stronger(login.Weakest, Bearer)
	}
	return Grant{}, &SchemeError{Host: host(h.To), Offered: offered, Weakest: login.Weakest, NoBasic: noBasic}
}

// UntrustedError says that a host may not receive credentials (yet).
type UntrustedError struct {
	Hop     Hop     `json:"hop"`
	Verdict Verdict `json:"verdict"`
	Why     string  `json:"why"`
}

func (e *UntrustedError) Error() string {
	if e.Verdict == Ask {
		return fmt.Sprintf("%s may not receive credentials yet: %s; allow it with: homing trust add %s --domain %s", e.Hop, e.Why, Place(e.Hop.To), e.Hop.MailDomain)
	}
	return fmt.Sprintf("refused to send credentials to %s: %s", e.Hop, e.Why)
}

// NoLoginError says that there is nothing to present to a host: no login fits
// it, its secret is missing, or the host has refused it before.
type NoLoginError struct {
	Host    string
	Realm   string // the realm that needs a sign-in
	User    string // the user that was tried; empty if none is known
	Refused bool   // the secret was refused and has not changed since
	Err     error  // why the secret could not be had; nil if there is none
}

func (e *NoLoginError) Error() string {
	switch {
	case e.Refused:
		return fmt.Sprintf("%s has refused the sign-in of %s; it is not sent again until it changes", e.Host, e.User)
	case e.Err != nil:
		return fmt.Sprintf("no sign-in for %s (realm %s): %v", e.Host, e.Realm, e.Err)
	}
	return fmt.Sprintf("no sign-in for %s (realm %s)", e.Host, e.Realm)
}

func (e *NoLoginError) Unwrap() error { return e.Err }

// SchemeError says that a host offers no scheme that the login accepts, or none
// that the rules allow for it.
type SchemeError struct {
	Host    string
	Offered []string
	Weakest Scheme // that the login accepts; empty: Basic
	NoBasic bool   // the login accepts Basic, which Rules.Basic does not allow for the host
}

// Downgrade reports whether the host offers schemes that we know, all of them
// weaker than what the login has to go by.
func (e *SchemeError) Downgrade() bool {
	known := slices.DeleteFunc(slices.Clone(e.Offered), func(s string) bool {
		return !slices.Contains(strength, Scheme(strings.ToLower(s)))
	})
	return len(known) > 0 && !slices.ContainsFunc(known, func(s string) bool {
		return Scheme(strings.ToLower(s)).rank() >= e.Weakest.rank()
	})
}

func (e *SchemeError) Error() string {
	offered := strings.Join(e.Offered, ", ")
	if offered == "" {
		offered = "nothing"
	}
	if e.Downgrade() {
		return fmt.Sprintf("authentication downgrade: %s offers %s, and the sign-in for it goes by %s or stronger; ask its administrator, "+
			"and if the weaker way is meant, set the profile up anew", e.Host, offered, e.Weakest)
	}
	if e.NoBasic {
		return fmt.Sprintf("%s offers %s, and no password goes there by basic: trust.basic does not name it", e.Host, offered)
	}
	return fmt.Sprintf("%s offers %s, which the sign-in for it does not accept", e.Host, offered)
}

// IsUntrusted returns the *UntrustedError in err's tree, if there is one.
func IsUntrusted(err error) (*UntrustedError, bool) {
	return errors.AsType[*UntrustedError](err)
}
