package trust

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

// Verdict is what Rules say of a Hop. The zero Verdict refuses.
type Verdict uint8

const (
	Refuse Verdict = iota // nobody may allow it
	Ask                   // a person or a policy has to allow it
	Allow
)

func (v Verdict) String() string {
	switch v {
	case Allow:
		return "allow"
	case Ask:
		return "ask"
	}
	return "refuse"
}

// Consent is a person's yes to one host for one mail domain.
type Consent struct {
	MailDomain string    `json:"mail_domain"`
	Host       string    `json:"host"` // exact host name, with ":port" where that is not 443
	Given      time.Time `json:"given"`
	Expires    time.Time `json:"expires,omitzero"` // zero: does not expire
}

// For reports whether the consent is the one for a mail domain and a host, with
// its port where that is not 443.
func (c Consent) For(mailDomain, host string) bool {
	return strings.EqualFold(c.MailDomain, mailDomain) && Place(c.Host) == Place(host)
}

// Expired reports whether the consent is over at now.
func (c Consent) Expired(now time.Time) bool {
	return !c.Expires.IsZero() && !now.Before(c.Expires)
}

// Rules say who may receive credentials. The zero value trusts the hosts of
// the mail domain and asks for every other.
type Rules struct {
	// Trusted are host patterns that policy or configuration allows for every
	// mail domain: "mx1.fabrikam.test" is that host, "*.fabrikam.test" each
	// host below fabrikam.test and fabrikam.test itself. They mean port 443;
	// "mx1.fabrikam.test:8443" is another.
	Trusted []string
	// Microsoft365 allows the hosts of Microsoft 365, each by its exact name, for
	// every mail domain.
	Microsoft365 bool
	// Basic are patterns, as in Trusted, of the hosts that a password may go to by
	// Basic, if they may receive it; "*" is every host. Nil is "*" too, but a list
	// without any is no host.
	Basic []string
	// Consents are the answers that people gave.
	Consents []Consent
	// Now is compared with the expiry of consents. Zero: none has expired.
	Now time.Time
}

// Judge says whether the host of h may receive credentials, and why. The first
// row that fits decides:
//
//	IP literal, no host, a single label, [autodiscover.]<public suffix> Refuse
//	a host and port that the policy or a consent names                  Allow
//	the profile has logged on there, or the configuration names it      Allow
//	a directory that proved its name tells it over a sealed connection  Allow
//	the same host and port as the one that sent us, learned over TLS    Allow
//	a port other than 443                                               Ask
//	a host of the registrable domain of the mail domain                 Allow
//	a host of Microsoft 365, where the policy trusts those              Allow
//	anything else                                                       Ask
//
// What was learned in the clear, by SRV, by a redirect of a clear-text GET or by
// an unsealed directory, was not learned over TLS from whomever it names.
func (r Rules) Judge(h Hop) (Verdict, string) {
	name, port, err := net.SplitHostPort(h.To)
	if err != nil || name == "" {
		return Refuse, "it names no host and port"
	}
	name = strings.ToLower(name)
	named := r.named(h.MailDomain, name, port)
	switch {
	case isIP(name):
		return Refuse, "an IP address has no name that a certificate or a person could vouch for"
	case strings.HasPrefix(name, "autodiscover.") && isPublicSuffix(strings.TrimPrefix(name, "autodiscover.")):
		return Refuse, fmt.Sprintf("%s belongs to whoever registered it, not to a mail domain", name)
	case !strings.Contains(name, "."):
		return Refuse, "a single label names a different host on every network"
	case isPublicSuffix(name):
		return Refuse, fmt.Sprintf("%s is a public suffix", name)
	case named != "":
		return Allow, named
	case h.How == FromProfile:
		return Allow, "the profile has logged on there before"
	case h.How == FromConfiguration:
		return Allow, "it was named by the configuration"
	case h.How == FromDirectory:
		return Allow, "the directory names it, over a sealed connection"
	case h.From != "" && h.From == h.To && !h.How.clear():
		return Allow, "it is the host that sent us"
	case port != "443":
		return Ask, fmt.Sprintf("port %s is not the https port", port)
	case sameOrganisation(name, h.MailDomain):
		return Allow, "it belongs to the mail domain"
	case slices.Contains(microsoft365, name) && r.Microsoft365:
		return Allow, "it belongs to Microsoft 365, which the policy trusts"
	case slices.Contains(microsoft365, name):
		return Ask, fmt.Sprintf("%s belongs to Microsoft 365, which no policy trusts (trust.microsoft365)", name)
	}
	return Ask, fmt.Sprintf("%s is outside the mail domain %s and no policy names it", name, h.MailDomain)
}

// named says which rule names host and port for mailDomain, or "".
func (r Rules) named(mailDomain, host, port string) string {
	if i := r.policy(host, port); i >= 0 {
		return "trusted by policy (" + r.Trusted[i] + ")"
	}
	i := slices.IndexFunc(r.Consents, func(c Consent) bool {
		return c.For(mailDomain, net.JoinHostPort(host, port)) && !c.Expired(r.Now)
	})
	if i < 0 {
		return ""
	}
	return "allowed on " + r.Consents[i].Given.Format(time.DateOnly)
}

// policy returns which of Trusted names host and port, or -1.
func (r Rules) policy(host, port string) int { return match(r.Trusted, host, port) }

// basic reports whether a password may go by Basic to hostport.
func (r Rules) basic(hostport string) bool {
	host, port, err := net.SplitHostPort(hostport)
	return r.Basic == nil || slices.Contains(r.Basic, "*") || err == nil && match(r.Basic, host, port) >= 0
}

// match returns which of the places names host and port, or -1.
func match(places []string, host, port string) int {
	return slices.IndexFunc(places, func(place string) bool {
		pattern, at, err := SplitPlace(place)
		return err == nil && at == port && Match(pattern, host)
	})
}

// Place returns hostport as consents and Rules.Trusted name it: in lower case,
// without port 443.
func Place(hostport string) string {
	return strings.TrimSuffix(strings.ToLower(hostport), ":443")
}

// SplitPlace splits what a consent or one of Rules.Trusted names into host, or
// pattern, and port, which is 443 if none is written. The error says that what
// is written is no port from 1 to 65535.
func SplitPlace(place string) (host, port string, err error) {
	host, port, written := strings.Cut(place, ":")
	if !written {
		return host, "443", nil
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || port != strconv.FormatUint(n, 10) || n == 0 {
		return "", "", fmt.Errorf("%q is no port from 1 to 65535", port)
	}
	return host, port, nil
}

// Match reports whether host is named by pattern: a host name, or "*." and a
// domain, which names the domain and everything below it. Case is ignored; a
// pattern is never a part of a label, and names only ASCII, as DNS does.
func Match(pattern, host string) bool {
	if !isASCII(pattern) || !isASCII(host) {
		return false
	}
	pattern, host = strings.ToLower(pattern), strings.ToLower(host)
	if domain, ok := strings.CutPrefix(pattern, "*."); ok {
		return domain != "" && (host == domain || strings.HasSuffix(host, "."+domain))
	}
	return pattern != "" && host == pattern
}

// sameOrganisation reports whether both names have the same registrable
// domain; private suffixes count, so two customers of one hoster are strangers.
func sameOrganisation(host, mailDomain string) bool {
	a, errA := publicsuffix.EffectiveTLDPlusOne(host)
	b, errB := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(mailDomain))
	return errA == nil && errB == nil && a == b
}

func isPublicSuffix(name string) bool {
	suffix, _ := publicsuffix.PublicSuffix(name)
	return suffix == name
}

// Realm returns the pattern under which a login for host is kept: every host
// of its registrable domain.
func Realm(host string) string {
	domain, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(host))
	if err != nil {
		return strings.ToLower(host)
	}
	return "*." + domain
}
