package mockserver_test

import (
	"context"
	"strings"
	"testing"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/mockserver"
)

// password signs in anybody everywhere.
type password string

func (p password) Login(_ context.Context, host string) (trust.Login, error) {
	return trust.Login{Realm: trust.Realm(host), User: string(p), Secret: trust.NewSecret(mockserver.DefaultPassword)}, nil
}

func (password) Refused(string, trust.Login) {}

// A forest has nothing but SOAP Autodiscover left; the client of this project
// finds the mailbox by its referral, in either manner.
func TestSOAPLeadsToAMailboxThatHasLeft(t *testing.T) {
	const want = "autodiscover.fabrikam.test /autodiscover/autodiscover.xml settings mx1.fabrikam.test"
	for _, referral := range []string{"redirectUrl", "redirectAddr"} {
		t.Run(referral, func(t *testing.T) {
			s := mockserver.Start(t, `
[[forest]]
name = "contoso.test"
referral = "`+referral+`"
[[forest.server]]
name = "ex1"
[[forest]]
name = "fabrikam.test"
[[forest.server]]
name = "mx1"
[[mailbox]]
user = "ann"
server = "ex1"
`)
			for _, line := range []string{"move ann mx1", "answer autodiscover.contoso.test 404 empty"} {
				if _, err := s.Do(line); err != nil {
					t.Fatal(err)
				}
			}
			client := autodiscover.Client{Network: autodiscover.Network{Dial: s.Dial, RootCAs: s.RootCAs()}}
			result, err := client.Discover(t.Context(), autodiscover.Query{
				Address: "ann@contoso.test", Logins: password("ann@contoso.test"),
				Rules:   autodiscover.Rules{Trusted: []string{"*.fabrikam.test"}},
				Exclude: []autodiscover.Source{autodiscover.SourceHTTP, autodiscover.SourceSRV},
			})
			if err != nil {
				t.Fatal(err)
			}
			if m, ok := result.Settings.MAPI(); !ok || !strings.HasPrefix(m.MailStore, "https://mx1.fabrikam.test/mapi/emsmdb/") {
				t.Errorf("found %+v", result.Settings)
			}
			list := s.Requests()
			last := list[len(list)-1]
			if got := last.Host + " " + last.Path + " " + last.Said; got != want {
				t.Errorf("the last request: %s, want %s", got, want)
			}
			var soap bool
			for _, r := range list {
				soap = soap || strings.HasSuffix(r.Path, ".svc") && r.Signed && r.Status == 200
			}
			if !soap {
				t.Error("SOAP was not asked")
			}
		})
	}
}
