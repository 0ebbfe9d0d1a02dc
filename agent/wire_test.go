package agent

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/logonclient"
)

func TestEveryAnswerOfAPlaceHasAnOutcome(t *testing.T) {
	refusals := map[autodiscover.Kind]Outcome{
		autodiscover.NotFound:         UnknownHere,
		autodiscover.NoUsableProtocol: NothingBetter,
		autodiscover.Unreachable:      Gone,
		autodiscover.Untrusted:        Untrusted,
		autodiscover.Unauthorized:     Unauthorized,
		autodiscover.Loop:             Circle,
		autodiscover.Limit:            Circle,
		autodiscover.Malformed:        Gone,
		autodiscover.Busy:             Busy,
		autodiscover.BadAddress:       NothingBetter,
	}
	for _, kind := range autodiscover.Kinds() {
		want, ok := refusals[kind]
		if got := placeOutcome(autodiscover.Step{Kind: kind}); !ok || got != want {
			t.Errorf("%s is %s, want %s (a row: %v)", kind, got, want, ok)
		}
		if _, listed := placeOutcomes[kind]; !listed {
			t.Errorf("%s has its outcome by accident: it is not in the table", kind)
		}
	}
	for _, tt := range []struct {
		name string
		step autodiscover.Step
		want Outcome
	}{
		{"settings", autodiscover.Step{Answer: autodiscover.SettingsAnswer}, Found},
		{"a referral", autodiscover.Step{Answer: autodiscover.ReferralAnswer}, WrongServer},
		{"the discovery ended first", autodiscover.Step{Answer: autodiscover.Unasked}, Cancelled},
		{"a stranger whom a person may allow", autodiscover.Step{Kind: autodiscover.Untrusted, Verdict: "ask"}, Untrusted},
		{"a stranger whom nobody may allow", autodiscover.Step{Kind: autodiscover.Untrusted, Verdict: "refuse"}, NeverTrusted},
	} {
		if got := placeOutcome(tt.step); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestTheWireIsBounded(t *testing.T) {
	var w wire
	for i := range 100 {
		w.say(fmt.Sprint("line ", i))
	}
	if len(w) != 32 || w[0] != "line 0" || w[15] != "line 15" || w[16] != "line 84" || w[31] != "line 99" {
		t.Errorf("of 100 lines %d stay: %q", len(w), w)
	}
	for _, tt := range []struct{ name, line, want string }{
		{"a line of 200 characters stays as it is", strings.Repeat("ä", 200), strings.Repeat("ä", 200)},
		{"a longer one ends in an ellipsis", strings.Repeat("ä", 201), strings.Repeat("ä", 199) + "…"},
		{"what cannot be printed is a space", "a\nb\x1b[2J\u202ec", "a b [2J c"},
	} {
		var w wire
		if w.say(tt.line); !cmp.Equal(wire{tt.want}, w) {
			t.Errorf("%s: %q, want %q", tt.name, w, tt.want)
		}
	}
}

func TestNoURLOnTheWireHasAUserOrAQuery(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"POST https://a.contoso.test/autodiscover/autodiscover.xml by LegacyDN", "POST https://a.contoso.test/autodiscover/autodiscover.xml by LegacyDN"},
		{"HTTP 302 to https://a.contoso.test:8443/x?token=swordfish", "HTTP 302 to https://a.contoso.test:8443/x"},
		{"RedirectUrl https://ann:swordfish@a.contoso.test/x#swordfish, and more", "RedirectUrl https://a.contoso.test/x and more"},
		{`Post "HTTPS://a.contoso.test/?swordfish": refused`, `Post "https://a.contoso.test/": refused`},
		{"to https://ann:sword%zz@a.contoso.test/", "to https://…"},
		{"https://a.test/?swordfish and http://b.test/?swordfish", "https://a.test/ and http://b.test/"},
		{"no URL: a?b=c", "no URL: a?b=c"},
	} {
		var w wire
		if w.say(tt.line); !cmp.Equal(wire{tt.want}, w) {
			t.Errorf("%q becomes %q, want %q", tt.line, w, tt.want)
		}
	}
}

func TestTheWireOfADiscoveryTellsEachPlace(t *testing.T) {
	const issuer = "https://autodiscover.contoso.test/autodiscover/autodiscover.xml"
	for _, tt := range []struct {
		name string
		step autodiscover.Step
		want wire
	}{
		{"a referral", autodiscover.Step{
			URL: issuer, By: autodiscover.ByLegacyDN, HTTPStatus: 200, Said: "RedirectUrl https://autodiscover.fabrikam.test/autodiscover/autodiscover.xml?a=b",
			Signed: true, Elapsed: 12400 * time.Microsecond, Cert: "CN=autodiscover.contoso.test", Verdict: "allow", Why: "it belongs to the mail domain",
		}, wire{
			"POST https://autodiscover.contoso.test/autodiscover/autodiscover.xml by LegacyDN, with credentials, 12 ms",
			"  HTTP 200",
			"  RedirectUrl https://autodiscover.fabrikam.test/autodiscover/autodiscover.xml",
			"  certificate CN=autodiscover.contoso.test",
			"  allow: it belongs to the mail domain",
		}},
		{"no answer", autodiscover.Step{URL: issuer, By: autodiscover.ByAddress, Err: "connection refused"}, wire{
			"POST https://autodiscover.contoso.test/autodiscover/autodiscover.xml by EMailAddress, without credentials, 0 ms",
			"  connection refused",
		}},
		{"a place that is not asked", autodiscover.Step{URL: "https://192.0.2.1/autodiscover/autodiscover.xml", By: autodiscover.ByLegacyDN,
			Skipped: true, Err: "it is an address", Verdict: "refuse", Why: "it is an address"}, wire{
			"not asked: https://192.0.2.1/autodiscover/autodiscover.xml",
			"  it is an address",
			"  refuse: it is an address",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, wire(stepWire(tt.step))); diff != "" {
				t.Errorf("wire (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOfASessionOnlyWhatFailedIsKept(t *testing.T) {
	var w wire
	w.failed(logonclient.Exchange{Op: "NotificationWait", Host: "ex1.contoso.test:443", HTTPStatus: 200, Layers: 1})
	if len(w) > 0 {
		t.Errorf("kept %q of an exchange that went well", w)
	}
	w.failed(logonclient.Exchange{Op: "NotificationWait", Host: "ex1.contoso.test:443", RequestID: "{A1}:7", HTTPStatus: 200, ResponseCode: 10, Layers: 2,
		Err: "NotificationWait at ex1.contoso.test:443: Context Not Found (10)"})
	want := wire{"NotificationWait at ex1.contoso.test, X-RequestId {A1}:7, 0 ms", "  HTTP 200, X-ResponseCode 10", "  Context Not Found (10)"}
	if diff := cmp.Diff(want, w); diff != "" {
		t.Errorf("wire (-want +got):\n%s", diff)
	}
}
