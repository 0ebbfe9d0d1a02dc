package httpauth

import (
	"net/http"
	"strings"
)

// leastHidden is how many characters of a credential are worth hiding: a quote
// may have cut the rest.
const leastHidden = 12

// Credentials returns what the Authorization header of req carries, as sent and
// as meant, for Hide.
func Credentials(req *http.Request) []string {
	var out []string
	_, sent, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	_, password, _ := req.BasicAuth()
	for _, c := range []string{sent, password} {
		if c != "" {
			out = append(out, c)
		}
	}
	return out
}

// Hide returns s, which a host said, without what it repeats of the credentials:
// each run of leastHidden characters or more that one of them has too.
func Hide(s string, credentials []string) string {
	for _, c := range credentials {
		s = hide(s, c)
	}
	return s
}

func hide(s, credential string) string {
	least := min(leastHidden, len(credential))
	var b strings.Builder
	for s != "" {
		n := 0
		for m := least; m <= len(s) && strings.Contains(credential, s[:m]); m++ {
			n = m
		}
		if n > 0 {
			b.WriteString("[redacted]")
		} else {
			n = 1
			b.WriteByte(s[0])
		}
		s = s[n:]
	}
	return b.String()
}
