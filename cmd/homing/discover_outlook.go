package main

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/homing-mail/homing/autodiscover"
)

// outlookSteps is the order of Outlook 2016 and later, each step with the value
// below …\Outlook\AutoDiscover that switches it off. Homing's own order is another.
var outlookSteps = []struct {
	name, exclude string
	source        autodiscover.Source // by whose probe it is predicted; empty: not to be seen from here
	unseen        string
}{
	{"a payload that was saved before a restart", "", "", "Outlook keeps it in a file of its own"},
	{"a local XML file that is preferred", "", "", "taken only where PreferLocalXML=1"},
	{"the last known good URL", "ExcludeLastKnownGoodURL", "", "Outlook keeps it in its own profile"},
	{"Microsoft 365 by direct connect", "ExcludeExplicitO365Endpoint", "", "taken where Outlook itself holds the account to be Microsoft 365's, which asks everybody for a sign-in"},
	{"the directory (SCP)", "ExcludeScpLookup", autodiscover.SourceSCP, ""},
	{"https, the mail domain itself", "ExcludeHttpsRootDomain", autodiscover.SourceRoot, ""},
	{"https, autodiscover.<mail domain>", "ExcludeHttpsAutoDiscoverDomain", autodiscover.SourceAutodiscover, ""},
	{"a local XML file", "", "", "a value of the registry names it"},
	{"the redirect of a clear-text GET", "ExcludeHttpRedirect", autodiscover.SourceHTTP, ""},
	{"DNS SRV", "ExcludeSrvRecord", autodiscover.SourceSRV, ""},
	{"Microsoft 365 again, as a fail-safe", "ExcludeExplicitO365Endpoint", autodiscover.SourceMicrosoft365, ""},
}

// outlookPolicy are the values that are set to 1, in small letters.
type outlookPolicy map[string]bool

// parseOutlookPolicy reads KEY=VALUE pairs. ExcludeSrvLookup is taken, as old
// documents have it, and does nothing, as in Outlook.
func parseOutlookPolicy(pairs []string) (outlookPolicy, error) {
	known := []string{"PreferLocalXML", "ExcludeSrvLookup"}
	for _, s := range outlookSteps {
		if s.exclude != "" && !slices.Contains(known, s.exclude) {
			known = append(known, s.exclude)
		}
	}
	policy := make(outlookPolicy)
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		switch {
		case !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, key) }):
			return nil, fmt.Errorf("--outlook-policy: %q is no value of Outlook's; it takes %s", clip(key), strings.Join(known, ", "))
		case value != "0" && value != "1":
			return nil, fmt.Errorf("--outlook-policy: %s takes 0 or 1", key)
		}
		policy[strings.ToLower(key)] = value == "1"
	}
	return policy, nil
}

// outlookStep is what Outlook would meet at one of its steps.
type outlookStep struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
	State  string `json:"state"` // off, unseen, fails, warns (of the certificate), answers
	Why    string `json:"why"`
}

// prediction is which step of Outlook's would be the first to get an answer.
type prediction struct {
	Step  int           `json:"step"` // 0: none that can be seen
	Steps []outlookStep `json:"steps"`
}

// predictOutlook goes through Outlook's order under policy, by what the sources
// have answered to probes without credentials.
func predictOutlook(probes []probe, policy outlookPolicy) prediction {
	var out prediction
	for i, row := range outlookSteps {
		s := outlookStep{Number: i + 1, Name: row.name}
		switch {
		case policy[strings.ToLower(row.exclude)]:
			s.State, s.Why = "off", row.exclude+"=1"
		case i == 1 && policy["preferlocalxml"]:
			s.State, s.Why = "answers", "PreferLocalXML=1, if the file is there: nothing else is asked then"
		case row.source == "":
			s.State, s.Why = "unseen", row.unseen
		default:
			s.State, s.Why = outlookMeets(probes, row.source)
		}
		if s.State == "answers" && out.Step == 0 {
			out.Step = s.Number
		}
		out.Steps = append(out.Steps, s)
	}
	return out
}

// outlookMeets is what Outlook would meet at a source.
func outlookMeets(probes []probe, source autodiscover.Source) (state, why string) {
	i := slices.IndexFunc(probes, func(p probe) bool { return p.Source == source })
	if i < 0 || len(probes[i].Steps) == 0 {
		return "unseen", "it was not probed"
	}
	state, why = "fails", ""
	for k, s := range probes[i].Steps {
		at := cmp.Or(brief(s.URL), string(s.Source))
		switch {
		case s.URL == "" && s.Skipped:
			return "unseen", s.Err
		case s.By != "" && s.Skipped:
			return "unseen", fmt.Sprintf("%s is never asked by Homing: %s", at, s.Err)
		case s.By != "" && onlyMet(s):
			return "answers", at + " is there; whether it has the service is not known, as nobody has allowed it here"
		case lives(probes[i].Steps[k:]):
			if s.HTTPStatus == http.StatusUnauthorized {
				return "answers", at + " asks for a sign-in"
			}
			return "answers", at + ": " + s.Said
		case strings.Contains(s.Err, "x509: "):
			state, why = "warns", at+": "+s.Err
		case state != "warns":
			why = at + ": " + answered(s)
		}
	}
	return state, why
}

func (a *app) printPrediction(p prediction) {
	a.printf("\nWhat Outlook would do. This is a prediction from probes without credentials:\nOutlook itself has not been asked.\n")
	for _, s := range p.Steps {
		mark := " "
		if s.Number == p.Step {
			mark = ">"
		}
		a.printf("%s %2d  %-7s  %s: %s\n", mark, s.Number, s.State, s.Name, s.Why)
	}
	if p.Step == 0 {
		a.printf("predicted: no step that can be seen from here gets an answer\n")
		return
	}
	a.printf("predicted: step %d, %s, unless one before it that cannot be seen from here answers\n", p.Step, p.Steps[p.Step-1].Name)
}
