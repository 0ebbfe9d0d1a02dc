package profile

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"strings"
)

const idDigits = 16

// NewID makes the ID of a new profile.
func NewID() ID {
	var random [idDigits / 2]byte
	rand.Read(random[:]) // never fails
	return ID(hex.EncodeToString(random[:]))
}

// ParseID accepts 16 lower-case hexadecimal digits and nothing else, so that
// an ID is always safe as the name of a directory.
func ParseID(s string) (ID, error) {
	if len(s) != idDigits || strings.Trim(s, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%q is not a profile id: it takes %d digits of 0-9 and a-f", clip(s), idDigits)
	}
	return ID(s), nil
}

// hostOf returns the host of rawURL in lower case, with its port if that is
// not the https port; "nowhere" for what names no host.
func hostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Hostname() == "" {
		return "nowhere"
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if port := u.Port(); port != "" && port != "443" {
		return net.JoinHostPort(host, port)
	}
	return host
}

// clip shortens what is quoted in an error.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
