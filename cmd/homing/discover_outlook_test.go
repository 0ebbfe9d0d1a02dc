package main

import (
	"strings"
	"testing"

	"github.com/homing-mail/homing/autodiscover"
)

// Steps as a probe without credentials leaves them.
func signInAsked(source autodiscover.Source, url string) autodiscover.Step {
	return autodiscover.Step{Source: source, URL: url, By: autodiscover.ByAddress, HTTPStatus: 401, Verdict: "allow", Why: "it belongs to the mail domain", Err: "no sign-in"}
}

func silent(source autodiscover.Source, url string) autodiscover.Step {
	return autodiscover.Step{Source: source, URL: url, By: autodiscover.ByAddress, Verdict: "allow", Err: "connection refused"}
}

func probed(source autodiscover.Source, steps ...autodiscover.Step) probe {
	return probe{Source: source, Steps: steps}
}

const (
	autodURL = "https://autodiscover.contoso.test/autodiscover/autodiscover.xml"
	rootURL  = "https://contoso.test/autodiscover/autodiscover.xml"
)

func TestOutlookTakesTheFirstOfItsStepsThatIsAnswered(t *testing.T) {
	autod := probed(autodiscover.SourceAutodiscover, signInAsked(autodiscover.SourceAutodiscover, autodURL))
	root := probed(autodiscover.SourceRoot, signInAsked(autodiscover.SourceRoot, rootURL))
	noRoot := probed(autodiscover.SourceRoot, silent(autodiscover.SourceRoot, rootURL))
	web := probed(autodiscover.SourceRoot, autodiscover.Step{Source: autodiscover.SourceRoot, URL: rootURL, By: autodiscover.ByAddress, HTTPStatus: 200, Err: "an HTML page"})
	hoster := probed(autodiscover.SourceRoot, autodiscover.Step{Source: autodiscover.SourceRoot, URL: rootURL, By: autodiscover.ByAddress, HTTPStatus: 200, Said: "settings"})
	wrongName := probed(autodiscover.SourceRoot, autodiscover.Step{Source: autodiscover.SourceRoot, URL: rootURL, By: autodiscover.ByAddress,
		Err: "tls: failed to verify certificate: x509: certificate is valid for www.hoster.test, not contoso.test"})
	noDirectory := probed(autodiscover.SourceSCP, autodiscover.Step{Source: autodiscover.SourceSCP, Skipped: true, Err: "this machine has no directory"})
	directory := probed(autodiscover.SourceSCP,
		autodiscover.Step{Source: autodiscover.SourceSCP, Said: "https://ex1.contoso.test/autodiscover/autodiscover.xml"},
		signInAsked(autodiscover.SourceSCP, "https://ex1.contoso.test/autodiscover/autodiscover.xml"))
	srv := probed(autodiscover.SourceSRV,
		autodiscover.Step{Source: autodiscover.SourceSRV, Said: "https://mail.contoso.test/autodiscover/autodiscover.xml"},
		autodiscover.Step{Source: autodiscover.SourceSRV, URL: "https://mail.contoso.test/autodiscover/autodiscover.xml", By: autodiscover.ByAddress, HTTPStatus: 404, Verdict: "ask", Err: "nobody allowed it"})
	office := probed(autodiscover.SourceMicrosoft365, signInAsked(autodiscover.SourceMicrosoft365, "https://outlook.office365.com/autodiscover/autodiscover.xml"))
	led := autodiscover.Step{Source: autodiscover.SourceRoot, URL: rootURL, By: autodiscover.ByAddress, HTTPStatus: 302, Said: "HTTP 302 to " + autodURL}
	for _, tt := range []struct {
		name   string
		probes []probe
		policy string
		step   int    // the one predicted; 0: none
		state  string // of Outlook's step 6, the mail domain itself
	}{
		{"the mail domain comes before autodiscover.<mail domain>", []probe{noDirectory, autod, root}, "", 6, "answers"},
		{"what the directory announces comes before both", []probe{directory, autod, root}, "", 5, "answers"},
		{"unless it is switched off", []probe{directory, autod, root}, "ExcludeScpLookup=1", 6, "answers"},
		{"a value of 0 switches nothing off", []probe{directory, autod, root}, "ExcludeScpLookup=0", 5, "answers"},
		{"the case of a value's name does not matter", []probe{directory, autod, root}, "excludescplookup=1", 6, "answers"},
		{"a mail domain that is silent is passed over", []probe{noDirectory, noRoot, autod}, "", 7, "fails"},
		{"a web page is passed over", []probe{web, autod}, "", 7, "fails"},
		{"settings of a web hoster are taken", []probe{hoster, autod}, "", 6, "answers"},
		{"unless the mail domain is switched off", []probe{hoster, autod}, "ExcludeHttpsRootDomain=1", 7, "off"},
		{"a redirect that leads to a service is followed", []probe{probed(autodiscover.SourceRoot, led, signInAsked("", autodURL)), autod}, "", 6, "answers"},
		{"one that leads nowhere is passed over", []probe{probed(autodiscover.SourceRoot, led, silent("", autodURL)), autod}, "", 7, "fails"},
		{"a wrong certificate is warned of", []probe{wrongName, autod}, "", 7, "warns"},
		{"SRV comes last", []probe{noDirectory, noRoot, srv}, "", 10, "fails"},
		{"though a person would have to allow it here", []probe{srv}, "", 10, "unseen"},
		{"SRV can be switched off", []probe{noRoot, srv}, "ExcludeSrvRecord=1", 0, "fails"},
		{"by that name only", []probe{noRoot, srv}, "ExcludeSrvLookup=1", 10, "fails"},
		{"a local file that is preferred is all there is", []probe{directory, autod, root}, "PreferLocalXML=1", 2, "answers"},
		{"that Microsoft 365 asks everybody for a sign-in makes no account its own", []probe{noRoot, autod, office}, "", 7, "fails"},
		{"it is the fail-safe", []probe{noRoot, office}, "", 11, "fails"},
		{"unless it is switched off", []probe{noRoot, office}, "ExcludeExplicitO365Endpoint=1", 0, "fails"},
		{"where nothing answers, nothing is predicted", []probe{noRoot}, "", 0, "fails"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var pairs []string
			if tt.policy != "" {
				pairs = strings.Split(tt.policy, ",")
			}
			policy, err := parseOutlookPolicy(pairs)
			if err != nil {
				t.Fatal(err)
			}
			got := predictOutlook(tt.probes, policy)
			if got.Step != tt.step {
				t.Errorf("predicts step %d, want %d: %+v", got.Step, tt.step, got.Steps)
			}
			if state := got.Steps[5].State; state != tt.state {
				t.Errorf("the mail domain itself: %s, want %s", state, tt.state)
			}
			for _, s := range got.Steps {
				if s.Why == "" {
					t.Errorf("step %d does not say why", s.Number)
				}
			}
		})
	}
}

func TestOutlookPolicyTakesOutlooksValuesOnly(t *testing.T) {
	for _, tt := range []struct {
		pair string
		want string // a part of the error; empty: none
	}{
		{"ExcludeLastKnownGoodURL=1", ""},
		{"ExcludeExplicitO365Endpoint=0", ""},
		{"ExcludeSomething=1", "is no value of Outlook's"},
		{"ExcludeScpLookup", "takes 0 or 1"},
		{"ExcludeScpLookup=yes", "takes 0 or 1"},
	} {
		t.Run(tt.pair, func(t *testing.T) {
			_, err := parseOutlookPolicy([]string{tt.pair})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func TestATableSaysWhoWouldReceiveCredentials(t *testing.T) {
	for _, tt := range []struct {
		name string
		step autodiscover.Step
		want string
	}{
		{"a look-up", autodiscover.Step{Source: autodiscover.SourceSRV}, "a look-up carries none"},
		{"a look-up in the directory", autodiscover.Step{Source: autodiscover.SourceSCP}, "none of the mailbox; what the directory gets is said by discovery.bind"},
		{"they were sent", autodiscover.Step{By: autodiscover.ByAddress, Signed: true, Verdict: "allow", Why: "it belongs to the mail domain"}, "sent: it belongs to the mail domain"},
		{"they would be", autodiscover.Step{By: autodiscover.ByAddress, Verdict: "allow", Why: "it belongs to the mail domain"}, "yes: it belongs to the mail domain"},
		{"a person has to allow it", autodiscover.Step{By: autodiscover.ByAddress, Verdict: "ask", Why: "no policy names it"}, "after a yes: no policy names it"},
		{"never", autodiscover.Step{By: autodiscover.ByAddress, Verdict: "refuse", Why: "an IP address"}, "never: an IP address"},
		{"a place that is no place", autodiscover.Step{By: autodiscover.ByAddress}, "never: it could not be judged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := credentials(tt.step); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
