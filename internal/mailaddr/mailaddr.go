// Package mailaddr reads mail addresses as strictly as the hosts that are
// derived from them demand: what ParseAddress returns as a domain is a host name that
// somebody can own, in the one form in which it may be compared.
package mailaddr

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Limits of an address (RFC 5321 4.5.3.1, RFC 1035 2.3.4).
const (
	maxLocal  = 64
	maxDomain = 253
	maxLabel  = 63
)

// AddressError says why a text is not an address that a mailbox can be looked up by.
type AddressError struct {
	Address string // as it was given, shortened
	Why     string
}

func (e *AddressError) Error() string {
	return fmt.Sprintf("%q is not a usable mail address: %s", e.Address, e.Why)
}

// ParseAddress splits a bare address (ann@contoso.test, no display name) into its
// local part, as written, and its domain: IDNA to ASCII, lower case, without a
// trailing dot. It refuses quoted local parts, IP literals, single labels and
// public suffixes, private ones included. Every error is an *AddressError.
func ParseAddress(s string) (local, domain string, err error) {
	local, domain, why := parse(strings.TrimSpace(s))
	if why != "" {
		return "", "", &AddressError{Address: clip(s), Why: why}
	}
	return local, domain, nil
}

func parse(s string) (local, domain, why string) {
	local, domain, _ = strings.Cut(s, "@")
	switch {
	case strings.Count(s, "@") != 1:
		return "", "", "it takes exactly one @"
	case strings.HasPrefix(local, `"`):
		return "", "", "quoted local parts are not supported"
	case local == "":
		return "", "", "nothing stands before the @"
	case len(local) > maxLocal:
		return "", "", fmt.Sprintf("more than %d bytes stand before the @", maxLocal)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unseen):
		return "", "", "it contains a control character or a space"
	case strings.ContainsAny(local, `"(),:;<>[\]`):
		return "", "", "write the address alone, without a name or brackets"
	case strings.ContainsAny(domain, "[]:"):
		return "", "", "the domain is an IP address"
	}
	// A mapped domain may have dots that were none before: check what came out.
	domain, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return "", "", "the domain is not a host name"
	}
	domain = strings.TrimSuffix(strings.ToLower(domain), ".")
	labels := strings.Split(domain, ".")
	for _, label := range labels {
		if label == "" {
			return "", "", "the domain has an empty label"
		}
		if len(label) > maxLabel {
			return "", "", fmt.Sprintf("the domain has a label of more than %d bytes", maxLabel)
		}
	}
	suffix, _ := publicsuffix.PublicSuffix(domain)
	switch top := labels[len(labels)-1]; {
	case len(domain) > maxDomain:
		return "", "", fmt.Sprintf("the domain has more than %d bytes", maxDomain)
	case '0' <= top[0] && top[0] <= '9':
		// No top-level domain begins with a digit; 127.1 and 0x7f.0x1 do.
		return "", "", "the domain is an IP address"
	case len(labels) == 1:
		return "", "", "the domain is a single label"
	case suffix == domain:
		return "", "", domain + " is a public suffix"
	}
	return local, domain, ""
}

// unseen are the characters that a reader would not see, or would see wrongly.
func unseen(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }

func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
