package agent

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/logonclient"
)

// Limits of Leg.Wire.
const (
	maxWire     = 32  // lines; of more the first and the latest stay
	maxWireLine = 200 // characters
)

// wire collects what was said, for Leg.Wire.
type wire []string

// exchange adds an exchange of a logon.
func (w *wire) exchange(x logonclient.Exchange) {
	for _, line := range x.Lines() {
		w.say(line)
	}
}

// failed adds an exchange that failed: of a session that lasts for weeks nothing
// else is kept.
func (w *wire) failed(x logonclient.Exchange) {
	if x.Err != "" {
		w.exchange(x)
	}
}

// say adds a line, made fit to be shown.
func (w *wire) say(line string) {
	line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, inText.ReplaceAllStringFunc(line, bareURL))
	if text := []rune(line); len(text) > maxWireLine {
		line = string(text[:maxWireLine-1]) + "…"
	}
	if len(*w) == maxWire {
		*w = slices.Delete(*w, maxWire/2, maxWire/2+1)
	}
	*w = append(*w, line)
}

// stepWire is what was said to one place of a discovery.
func stepWire(s autodiscover.Step) []string {
	var w wire
	credentials := "without credentials"
	if s.Signed {
		credentials = "with credentials"
	}
	if s.Skipped {
		w.say("not asked: " + s.URL)
	} else {
		w.say(fmt.Sprintf("POST %s by %s, %s, %d ms", s.URL, s.By, credentials, s.Elapsed.Round(time.Millisecond).Milliseconds()))
	}
	if s.HTTPStatus != 0 {
		w.say(fmt.Sprintf("  HTTP %d", s.HTTPStatus))
	}
	for _, line := range []struct{ what, text string }{
		{"", s.Said}, {"", s.Err}, {"certificate ", s.Cert}, {s.Verdict + ": ", s.Why},
	} {
		if line.text != "" {
			w.say("  " + line.what + line.text)
		}
	}
	return w
}

// inText finds URLs.
var inText = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://[^\s"'<>]*`)

// bareURL is a URL without user, query and fragment, which may hold secrets.
func bareURL(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		scheme, _, _ := strings.Cut(rawURL, "://")
		return scheme + "://…"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}
