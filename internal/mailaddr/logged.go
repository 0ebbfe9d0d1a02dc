package mailaddr

import (
	"fmt"
	"log/slog"
	"regexp"
	"sync"
)

// Logged is v, a text or an error, as a log holds it above the level of debugging:
// of each address the domain without the local part (***@contoso.test), and of a
// LegacyDN everything but the recipient. What peers say is full of both.
func Logged(v any) slog.LogValuer { return logged{v} }

type logged struct{ v any }

func (l logged) LogValue() slog.Value {
	if l.v == nil {
		return slog.AnyValue(nil)
	}
	return slog.StringValue(withoutNames(fmt.Sprint(l.v)))
}

// names are what to look for. They are compiled for the first line that is logged:
// most runs of a command log none.
var names = sync.OnceValue(func() (r struct{ userinfo, localPart, recipient *regexp.Regexp }) {
	r.userinfo = regexp.MustCompile(`//[^\s@/]+@`)
	// A local part ends where a word of a sentence, a URL or a list begins.
	r.localPart = regexp.MustCompile(`(?:"[^"@]*"|[^\s@"'<>()\[\]:;,/=?&]+)@(\pL|\pN|\[)`)
	r.recipient = regexp.MustCompile(`(?i)(/cn=recipients/cn=)[^/"',;\s]+`)
	return r
})

func withoutNames(s string) string {
	n := names()
	s = n.localPart.ReplaceAllString(n.userinfo.ReplaceAllString(s, "//***@"), "***@$1")
	return n.recipient.ReplaceAllString(s, "$1***")
}
