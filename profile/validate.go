package profile

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/homing-mail/homing/internal/mailaddr"
	"github.com/homing-mail/homing/internal/trust"
)

const (
	maxURL  = 2048 // bytes
	maxDN   = 1024 // bytes; a LegacyDN travels as the UserDn of Connect ([MS-OXCMAPIHTTP] 2.2.4.1.1)
	maxTTL  = 24   // hours
	maxText = 1024 // bytes of a label, a user name, a realm or a secret reference
)

var schemes = []string{"", "basic", "ntlm", "negotiate", "bearer"}

// ParseAddress splits a mail address into its local part and its domain, which
// is a host name in ASCII and lower case. Every error is an *AddressError.
func ParseAddress(s string) (local, domain string, err error) { return mailaddr.ParseAddress(s) }

// Validate says what of p cannot be used: an *InvalidError for each field,
// joined. A profile without an endpoint or logins is valid: it waits for them.
// No error shows a secret reference, in whose place somebody may have put the
// secret.
func (p Profile) Validate() error {
	var found []error
	check := func(field string, err error) {
		if err != nil {
			found = append(found, &InvalidError{Field: field, Err: err})
		}
	}
	_, err := ParseID(string(p.ID))
	check("id", err)
	check("label", checkText(p.Label))
	check("address", checkAddress(p.Address))
	if m := p.Endpoint.MAPI; m != nil {
		check("mailbox url", checkURL(m.MailStore))
		if m.AddressBook != "" {
			check("address book", checkURL(m.AddressBook))
		}
		check("legacy dn", checkDN(m.LegacyDN))
	}
	if p.Endpoint.Autodiscover != "" {
		check("autodiscover", checkURL(p.Endpoint.Autodiscover))
	}
	if p.Endpoint.TTL < 0 || p.Endpoint.TTL > maxTTL {
		check("ttl", fmt.Errorf("%d is not within 0 and %d hours", p.Endpoint.TTL, maxTTL))
	}
	if p.Endpoint.Routing != "" {
		check("routing", checkAddress(p.Endpoint.Routing))
	}
	for _, l := range p.Logins {
		check("login", l.check())
	}
	return errors.Join(found...)
}

// Validate reports what is wrong with l, as an *InvalidError.
func (l LoginRef) Validate() error { return l.check() }

func (l LoginRef) check() error {
	if !slices.Contains(schemes, l.Weakest) {
		return fmt.Errorf("%q is not a scheme; it is one of basic, ntlm, negotiate, bearer", clip(l.Weakest))
	}
	if l.User == "" && !l.Bearer {
		return errors.New("it names no user")
	}
	if l.Secret != "" {
		if _, _, err := parseRef(l.Secret); err != nil {
			return err
		}
	}
	if strings.ContainsAny(l.Realm, `/\\:@ `) {
		return fmt.Errorf("%q is no pattern of hosts", clip(l.Realm))
	}
	return cmp.Or(checkText(l.Realm), checkText(l.User))
}

func checkAddress(s string) error {
	_, _, err := mailaddr.ParseAddress(s)
	return err
}

// checkURL accepts what trust.Step could allow.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case len(s) > maxURL:
		return fmt.Errorf("it is longer than %d bytes", maxURL)
	case err != nil:
		return errors.New("it is not a URL")
	case u.User != nil:
		return errors.New("it contains a user name")
	case u.Scheme != "https":
		return errors.New("it does not begin with https://")
	case u.Hostname() == "":
		return errors.New("it names no host")
	case trust.HostPort(u) == "":
		return errors.New("its host is not written in ASCII; an international name begins with xn-- there")
	}
	return nil
}

func checkDN(dn string) error {
	switch {
	case dn == "":
		return errors.New("it is empty")
	case len(dn) > maxDN:
		return fmt.Errorf("it is longer than %d bytes", maxDN)
	case strings.ContainsFunc(dn, func(r rune) bool { return r < ' ' || r > '~' }):
		return errors.New("it contains something else than printable ASCII")
	}
	return nil
}

func checkText(s string) error {
	switch {
	case len(s) > maxText:
		return fmt.Errorf("it is longer than %d bytes", maxText)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return errors.New("it contains a control character")
	}
	return nil
}
