package mailaddr

import (
	"fmt"
	"log/slog"
	"regexp"
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

var (
	// A local part ends where a word of a sentence, a URL or a list begins.
	userinfo  = regexp.MustCompile(`//[^\s@/]+@`)
	localPart = regexp.MustCompile(`(?:"[^"@]*"|[^\s@"'<>()\[\]:;,/=?&]+)@(\pL|\pN|\[)`)
	recipient = regexp.MustCompile(`(?i)(/cn=recipients/cn=)[^/"',;\s]+`)
)

func withoutNames(s string) string {
	s = localPart.ReplaceAllString(userinfo.ReplaceAllString(s, "//***@"), "***@$1")
	return recipient.ReplaceAllString(s, "$1***")
}
