package ui

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Host returns a host name from the network, host or host:port, for people's eyes:
// in printable ASCII, lower case and whole, however long it is. The port 443 and a
// last dot are left out. An international name is shown in its ASCII form
// (xn--…, RFC 5890 2.3.2.1) if that stands for exactly this name; any other
// character that does not belong into a host name, such as one that cannot be seen
// or turns the direction of reading, is shown as \x2f, \u202e or \U000e0041. So two
// different hosts never look the same. The host of nothing is empty.
func Host(s string) string {
	name, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i > 0 && (strings.IndexByte(s, ':') == i || s[i-1] == ']') {
		name, port = s[:i], s[i:]
	}
	if port == ":443" {
		port = ""
	}
	name = lower(name)
	if len(name) > 1 {
		name = strings.TrimSuffix(name, ".")
	}
	return escape(punycode(name), inHost) + escape(port, inHost)
}

// punycode returns the ASCII form of an international name, and any other name,
// and one that is not in its normal form, as it is.
func punycode(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) {
		return name
	}
	p := idna.New(idna.ValidateLabels(true), idna.StrictDomainName(true), idna.BidiRule())
	short, err := p.ToASCII(name)
	if err != nil {
		return name
	}
	if back, err := p.ToUnicode(short); err != nil || back != name {
		return name
	}
	return short
}

// lower folds ASCII alone: some other letters become ASCII when they are folded. It
// works on bytes, so that those that are no UTF-8 stay.
func lower(s string) string {
	capital := func(c byte) bool { return 'A' <= c && c <= 'Z' }
	b := []byte(s)
	if !slices.ContainsFunc(b, capital) {
		return s
	}
	for i, c := range b {
		if capital(c) {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// inHost are the characters of host names, of ports and of IPv6 addresses.
func inHost(r rune) bool {
	return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.:[]", r)
}

// visible is a text from the network on one line, with everything in it seen: what
// cannot be printed, or turns the direction of reading, is escaped.
func visible(s string) string { return escape(s, unicode.IsPrint) }

// visibleASCII is for texts that a person judges by.
func visibleASCII(s string) string {
	return escape(s, func(r rune) bool { return ' ' <= r && r <= '~' && r != '\\' })
}

// escape writes what is not plain as an escape of Go.
func escape(s string, plain func(rune) bool) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case plain(r):
			b.WriteRune(r)
		case r <= unicode.MaxASCII:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		s = s[n:]
	}
	return b.String()
}
