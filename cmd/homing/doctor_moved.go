package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/homing-mail/homing/autodiscover"
)

// The checks of what a move leaves behind: other mailboxes of the
// same address, archives under the name of the former organisation.

func checkDirectConnect(f facts) diagnosis {
	if !slices.ContainsFunc(stepsOf(f.Probes), func(s autodiscover.Step) bool {
		return s.Source == autodiscover.SourceMicrosoft365 && s.By != "" && !s.Skipped
	}) {
		return notChecked("Microsoft 365 is told the address only where discovery.microsoft365 says so")
	}
	if !slices.ContainsFunc(f.Asked, func(p probe) bool { return p.Source == autodiscover.SourceMicrosoft365 }) {
		return notChecked("Microsoft 365 tells those only who sign in: %s", cmp.Or(f.Silent, "none of its endpoints answers that may receive credentials (trust.microsoft365)"))
	}
	others := slices.DeleteFunc(claims(f), func(c claim) bool { return c.source == autodiscover.SourceMicrosoft365 })
	if at, ok := loggedOn(f); ok {
		others = append([]claim{at}, others...)
	}
	var evidence []string
	for _, c := range claims(f) {
		if c.source != autodiscover.SourceMicrosoft365 || len(others) == 0 || c.same(others[0]) {
			continue
		}
		evidence = append(evidence, fmt.Sprintf("%v; elsewhere it is at %s, %s", c, others[0].store, others[0].legacyDN))
	}
	return diagnosis{evidence: evidence, remedy: "Outlook asks Microsoft 365 first and stays with the mailbox there: an administrator takes that one away or its licence, if it is not the right one; until then, for Outlook: ExcludeExplicitO365Endpoint=1"}
}

func checkOtherMailboxes(f facts) diagnosis {
	answered := false
	var evidence []string
	for _, p := range f.Asked {
		if p.Result == nil {
			continue
		}
		answered = true
		s := p.Result.Settings
		for _, m := range s.AlternativeMailboxes {
			if m.LegacyDN == "" || strings.EqualFold(organisation(m.LegacyDN), organisation(s.LegacyDN)) {
				continue
			}
			line := fmt.Sprintf("%s names %s by %s, and the mailbox itself is of %s", p.Result.URL, strings.TrimSpace(m.Type+" "+m.DisplayName), m.LegacyDN, organisation(s.LegacyDN))
			if m.Server != "" {
				line += "; its server is said to be " + m.Server
			}
			evidence = appendNew(evidence, line)
		}
	}
	if !answered {
		return notChecked("no service has answered settings: %s", cmp.Or(f.Silent, "none knows the mailbox"))
	}
	return diagnosis{evidence: evidence, remedy: "an administrator names the archive or the delegation anew, by the mailbox of today: a client goes on to open the one of the former organisation, or opens none"}
}

// organisation is the first part of a LegacyDN, such as /o=Contoso.
func organisation(dn string) string {
	if i := strings.Index(strings.TrimPrefix(dn, "/"), "/"); i >= 0 {
		return dn[:i+1]
	}
	return dn
}
