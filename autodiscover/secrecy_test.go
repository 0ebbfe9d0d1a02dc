package autodiscover

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/homing-mail/homing/internal/trust"
)

func TestWhatAHostRepeatsOfACredentialIsNotShown(t *testing.T) {
	credential := base64.StdEncoding.EncodeToString([]byte("ann:" + password))
	refusal := func(text string) string {
		return `<Autodiscover><Response><Error><ErrorCode>500</ErrorCode><Message>` + text + `</Message></Error></Response></Autodiscover>`
	}
	referral := func(action, element, text string) string {
		return `<Autodiscover><Response><Account><Action>` + action + `</Action><` + element + `>` + text + `</` + element + `></Account></Response></Autodiscover>`
	}
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		shown   string // what is left of it
	}{
		{"the Authorization in a Message", serves(refusal("you sent Basic " + credential)), "you sent Basic [redacted]"},
		{"the password in a Message", serves(refusal("wrong: " + password)), "wrong: [redacted]"},
		{"in a Message that is cut", serves(refusal(strings.Repeat("x", 180) + credential)), "x[redacted]"},
		{"in an Action", serves(referral(credential, "RedirectUrl", "")), "unknown Action"},
		{"in a RedirectUrl", serves(referral("redirectUrl", "RedirectUrl", "https://autodiscover.contoso.test/autodiscover/"+credential)), "a referral that repeats the credentials"},
		{"in a RedirectAddr", serves(referral("redirectAddr", "RedirectAddr", password+"@contoso.test")), "a referral that repeats the credentials"},
		{"in a Location", sends(302, "https://autodiscover.contoso.test/autodiscover/"+credential), "a referral that repeats the credentials"},
		{"nothing, in a Message", serves(refusal("nobody is called ann")), "nobody is called ann"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			w := newWorld(t, map[string]http.HandlerFunc{auto: secured(tt.handler)})
			client := Client{Network: w.network(), Log: slog.New(slog.NewTextHandler(&log, nil))}
			_, err := client.Discover(t.Context(), Query{
				Address: "ann@contoso.test", Logins: ann(), Exclude: []Source{SourceHTTP},
				First: []Candidate{{URL: at(auto), How: trust.FromProfile}},
			})
			text := fmt.Sprintf("%v %+v %s", err, err, log.String())
			if err == nil || len(w.requests(auto)) < 2 {
				t.Fatalf("%v after %q; want a refusal of what was signed", err, w.lines())
			}
			if part := credential[6:24]; strings.Contains(text, part) || strings.Contains(text, password) {
				t.Errorf("the credential is shown in %s", text)
			}
			if !strings.Contains(text, tt.shown) {
				t.Errorf("%q is not in %s", tt.shown, text)
			}
		})
	}
}
