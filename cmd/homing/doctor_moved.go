package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/mailaddr"
)

// The checks of what a move leaves behind: names that nobody knows any more, other
// mailboxes of the same address, archives under the name of the former organisation.

func checkX500(f facts) diagnosis {
	var evidence, add []string
	missing := func(dn, why string) {
		if proxy := "X500:" + dn; !slices.Contains(add, proxy) {
			add, evidence = append(add, proxy), append(evidence, why)
		}
	}
	at, atHome := loggedOn(f)
	look := func(dn string, p probe) {
		if dn == "" || p.Result == nil || p.Result.By != autodiscover.ByAddress || strings.EqualFold(p.Result.Settings.LegacyDN, dn) {
			return
		}
		if atHome && !strings.EqualFold(p.Result.Settings.LegacyDN, at.legacyDN) {
			return // of another mailbox than that of today
		}
		for _, s := range p.Steps {
			if s.By == autodiscover.ByLegacyDN && s.URL == p.Result.URL && strings.HasPrefix(s.Said, "ErrorCode ") {
				missing(dn, fmt.Sprintf("%s knows the mailbox by its address and not by %s: %s", s.URL, dn, s.Said))
				return
			}
		}
	}
	for _, p := range f.Asked {
		look(f.LegacyDN, p)
	}
	for _, former := range f.ByDN {
		look(former.DN, former.Probe)
	}
	for _, address := range bounced(f) {
		dn, err := mailaddr.ParseIMCEAEX(address)
		if err != nil || atHome && strings.EqualFold(dn, at.legacyDN) {
			continue
		}
		missing(dn, fmt.Sprintf("mail to %s is mail to the mailbox that had the name %s; it bounces where no mailbox has that name as a proxy address", address, dn))
	}
	switch {
	case len(evidence) > 0:
	case len(f.Asked) == 0 && len(f.ByDN) == 0:
		return notChecked("nobody was asked: %s", cmp.Or(f.Silent, "no service answers"))
	case f.LegacyDN == "" && len(f.ByDN) == 0:
		return notChecked("no LegacyDN is known for %s", f.Address)
	}
	return diagnosis{evidence: evidence, remedy: "an administrator adds to the mailbox of today, so that answers to old mail arrive (on Gromox it is of use to these alone, as its Autodiscover knows nobody by a LegacyDN), the proxy address " + strings.Join(add, " and the proxy address ")}
}

// bounced are the addresses of mail that bounced: the one that was given, and those
// that stand in what services have said.
func bounced(f facts) []string {
	var out []string
	if f.Bounced != "" {
		out = append(out, f.Bounced)
	}
	for _, s := range stepsOf(slices.Concat(f.Probes, f.Asked)) {
		for word := range strings.FieldsFuncSeq(s.Said, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`<>"',;`, r) }) {
			if mailaddr.IsIMCEAEX(word) && strings.Contains(word, "@") {
				out = appendNew(out, strings.TrimRight(word, ".:)"))
			}
		}
	}
	return out
}

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
