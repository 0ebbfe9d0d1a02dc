package mapi

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// GUID is a GUID as it lies on the wire: the first three fields little-endian,
// the last eight bytes as written ([MS-DTYP] 2.3.4.2).
type GUID [16]byte

// guidOrder is the place on the wire of each byte as written.
var guidOrder = [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}

// String returns the usual text form, 8-4-4-4-12 digits in lower case.
func (g GUID) String() string {
	var t [16]byte
	for i, at := range guidOrder {
		t[i] = g[at]
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", t[:4], t[4:6], t[6:8], t[8:10], t[10:])
}

// ParseGUID reads the text form that String writes; upper case and a pair of
// braces are accepted.
func ParseGUID(s string) (GUID, error) {
	t := s
	if strings.HasPrefix(t, "{") && strings.HasSuffix(t, "}") {
		t = t[1 : len(t)-1]
	}
	var g GUID
	if len(t) != 36 || t[8] != '-' || t[13] != '-' || t[18] != '-' || t[23] != '-' {
		return g, fmt.Errorf("malformed guid %q: want 8-4-4-4-12 hexadecimal digits", s)
	}
	raw, err := hex.DecodeString(t[:8] + t[9:13] + t[14:18] + t[19:23] + t[24:])
	if err != nil {
		return g, fmt.Errorf("malformed guid %q: want 8-4-4-4-12 hexadecimal digits", s)
	}
	for i, at := range guidOrder {
		g[at] = raw[i]
	}
	return g, nil
}
