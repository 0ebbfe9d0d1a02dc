package mailaddr

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// maxLegacyDN is the length in bytes of the longest LegacyDN that is read.
const maxLegacyDN = 1024

const imceaEX = "IMCEAEX-"

// IsIMCEAEX reports whether s begins as an address that ParseIMCEAEX reads.
func IsIMCEAEX(s string) bool {
	return len(s) >= len(imceaEX) && strings.EqualFold(s[:len(imceaEX)], imceaEX)
}

// ParseIMCEAEX returns the LegacyDN that stands in an address such as
// IMCEAEX-_o=Contoso_cn=Recipients_cn=ann@contoso.test: the form of a name of the
// address book where only a mail address fits, as in the report of a message that
// bounced ([MS-OXCMAIL] 2.1.3.1.8, address type EX). The mailbox receives such mail
// where "X500:" and the LegacyDN is one of its proxy addresses. Space and angle
// brackets around it are dropped; the domain, which is only that of the server that
// wrote it, may be missing. Every error is an *AddressError.
func ParseIMCEAEX(s string) (legacyDN string, err error) {
	s = strings.TrimSpace(s)
	if bare, ok := strings.CutPrefix(s, "<"); ok {
		s = strings.TrimSuffix(bare, ">")
	}
	legacyDN, why := parseIMCEAEX(s)
	if why != "" {
		return "", &AddressError{Address: clip(s), Why: why}
	}
	return legacyDN, nil
}

func parseIMCEAEX(s string) (legacyDN, why string) {
	if !IsIMCEAEX(s) {
		return "", "it does not begin with " + imceaEX
	}
	encoded, domain, hasDomain := strings.Cut(s[len(imceaEX):], "@")
	if hasDomain {
		if _, _, why := parse("x@" + domain); why != "" {
			return "", why
		}
	}
	var b strings.Builder
	for i := 0; i < len(encoded); i++ {
		switch c := encoded[i]; {
		case c == '_':
			b.WriteByte('/')
		case c == '+':
			octet, err := hex.DecodeString(encoded[i+1 : min(i+3, len(encoded))])
			if err != nil || len(octet) != 1 {
				return "", "two hexadecimal digits have to follow each +"
			}
			if octet[0] < ' ' || octet[0] > '~' {
				return "", "the name has other characters than printable ASCII"
			}
			b.WriteByte(octet[0])
			i += 2
		case '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', c == '-', c == '=':
			b.WriteByte(c)
		default:
			return "", "it has other characters than letters, digits and -=_+ before the @; copy it whole, in one line"
		}
		if b.Len() > maxLegacyDN {
			return "", fmt.Sprintf("the name has more than %d bytes", maxLegacyDN)
		}
	}
	if legacyDN = b.String(); !strings.HasPrefix(legacyDN, "/") || !strings.Contains(legacyDN, "=") {
		return "", "no distinguished name such as _o=Contoso_cn=ann stands in it"
	}
	return legacyDN, ""
}
