package ui

import (
	"net/url"
	"strings"
	"unicode"

	"github.com/homing-mail/homing/internal/mailaddr"
)

// AddressError says why a text is no mail address that a mailbox can be found by.
type AddressError struct {
	Key string // of its text, which takes no data: Say(Key, nil)
	Err error  // what was wrong, in English
}

func (e *AddressError) Error() string { return e.Err.Error() }
func (e *AddressError) Unwrap() error { return e.Err }

// Address returns the mail address in what somebody typed or pasted:
// ann@contoso.test out of "Ann <ann@contoso.test>, " or
// "mailto:ann@contoso.test?subject=x". Spaces and characters without a shape,
// brackets, quotes and punctuation around it are dropped. What is left has to be one
// address as strict as Homing needs it, its domain in ASCII. Every error is an
// *AddressError.
func Address(pasted string) (string, error) {
	s := bare(pasted)
	local, domain, err := mailaddr.ParseAddress(s)
	if err == nil {
		return local + "@" + domain, nil
	}
	local, domain, _ = strings.Cut(s, "@")
	key := "address.unusable"
	switch {
	case s == "":
		key = "address.empty"
	case !strings.Contains(s, "@"):
		key = "address.no_at"
	case strings.Count(s, "@") > 1:
		key = "address.several"
	case local == "":
		key = "address.no_name"
	case !strings.Contains(domain, "."):
		key = "address.no_domain"
	}
	return "", &AddressError{key, err}
}

// bare strips what stands around an address, layer by layer.
func bare(s string) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune("\u00ad\u200b\u200c\u200d\u2060\ufeff", r) { // without width
			return -1
		}
		return r
	}, s)
	for {
		before := s
		s = strings.TrimFunc(s, func(r rune) bool {
			return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune("<>()[]{}\"'`,;“”„‘’‚«»‹›", r)
		})
		s = strings.TrimRight(s, ".:!?")
		if scheme := "mailto:"; len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
			s, _, _ = strings.Cut(s[len(scheme):], "?")
			if plain, err := url.PathUnescape(s); err == nil {
				s = plain
			}
		}
		if _, after, ok := strings.Cut(s, "<"); ok && !strings.Contains(after, "<") {
			inside, rest, _ := strings.Cut(after, ">")
			if s = inside; strings.Contains(rest, "@") {
				return before // more than one address
			}
		}
		if s == before {
			return s
		}
	}
}
