package main

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/homing-mail/homing/autodiscover"
)

// printTable prints a line a step: who announced the place, what it answered, and
// whether it would receive credentials. Sources that are not asked come last, with
// the reason.
func (a *app) printTable(steps []autodiscover.Step) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0) // a strings.Builder does not fail
	fmt.Fprintln(w, "SOURCE\tPLACE\tANSWER\tCERTIFICATE\tTIME\tCREDENTIALS")
	var off []autodiscover.Step
	for _, s := range steps {
		if s.URL == "" && s.Skipped {
			off = append(off, s)
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d ms\t%s\n", cmp.Or(string(s.Source), "referral"), cmp.Or(brief(s.URL), "-"), answered(s),
			cmp.Or(s.Cert, "-"), s.Elapsed.Milliseconds(), credentials(s))
	}
	w.Flush()
	a.printf("\n%s", b.String())
	for _, s := range off {
		a.printf("not asked: %s: %s\n", s.Source, s.Err)
	}
}

// brief is the host of a URL, and its scheme where that is not https.
func brief(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return rawURL
	}
	if u.Scheme != "https" {
		return u.Scheme + "://" + u.Host
	}
	return u.Host
}

// answered is what a step came to, in a line.
func answered(s autodiscover.Step) string {
	said := cmp.Or(s.Said, s.Err)
	if s.HTTPStatus != 0 && s.Said == "" && !strings.HasPrefix(said, "HTTP ") {
		said = strings.TrimSuffix(fmt.Sprintf("HTTP %d, %s", s.HTTPStatus, said), ", ")
	}
	return cmp.Or(said, "no answer")
}

// credentials says whether the place of a step would receive credentials, and why.
func credentials(s autodiscover.Step) string {
	verdict := map[string]string{"allow": "yes", "ask": "after a yes", "refuse": "never"}[s.Verdict]
	switch {
	case s.By == "" && s.Source == autodiscover.SourceSCP:
		return "none of the mailbox; what the directory gets is said by discovery.bind"
	case s.By == "":
		return "a look-up carries none"
	case verdict == "":
		return "never: it could not be judged"
	case s.Signed:
		verdict = "sent"
	}
	return verdict + ": " + s.Why
}
