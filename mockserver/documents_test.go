package mockserver

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// What a world or a client chose stands in a document as it is, whatever it is.
func TestDocumentsEscapeWhatTheyAreGiven(t *testing.T) {
	const odd = `<a b="c">&amp;'</a>`
	mapi := &settings{displayName: odd, legacyDN: odd, address: odd, deploymentID: odd, store: odd, book: odd, host: odd, mapi: true}
	rpc := &settings{displayName: odd, legacyDN: odd, address: odd, deploymentID: odd, server: odd, serverDN: odd, serverVersion: odd, host: odd}
	gromox := &settings{
		displayName: odd, legacyDN: odd, address: odd, store: odd, book: odd, host: odd, mailboxID: odd, serverDN: odd, mapi: true,
		forest: odd, delegated: []delegated{{odd, odd}},
	}
	soap := &soapResponse{RelatesTo: odd, Message: odd, Users: []soapUser{{
		Message: odd, Target: odd, Missing: []soapMissing{{odd, "InvalidSetting"}}, Settings: []soapSetting{{"UserDN", odd}},
	}}}
	for _, tt := range []struct {
		name, text string
		want       int // places
	}{
		{"settings with MAPI over HTTP", settingsXML(mapi), 4 + 4 + 2},
		{"settings without", settingsXML(rpc), 4 + 4 + 1 + 2},
		{"settings of Gromox", gromoxSettingsXML(gromox), 3 + 7 + 4 + 3 + 2 + 1 + 4 + 1 + 2 + 3 + 1},
		{"a referral", referralXML("redirectUrl", "RedirectUrl", odd), 1},
		{"a referral of Gromox", gromoxReferralXML("redirectUrl", "RedirectUrl", odd), 1},
		{"an error", errorXML("", "", "", odd), 1},
		{"an error of Gromox", gromoxErrorXML("", "", "", odd), 1},
		{"a SOAP answer", soapXML(soap), 2 + 2 + 2 + 1},
		{"a SOAP fault", faultXML("s:Client", odd), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, d := 0, xml.NewDecoder(strings.NewReader(tt.text))
			for {
				token, err := d.Token()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if text, ok := token.(xml.CharData); ok {
					got += strings.Count(string(text), odd)
				}
			}
			if got != tt.want {
				t.Errorf("it stands in %d places, want %d:\n%s", got, tt.want, tt.text)
			}
		})
	}
}
