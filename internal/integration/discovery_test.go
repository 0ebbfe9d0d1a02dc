//go:build integration

package integration

import (
	"context"
	"slices"
	"testing"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/mockserver"
)

type ann struct{}

func (ann) Login(context.Context, string) (trust.Login, error) {
	return trust.Login{User: "ann@contoso.test", Secret: trust.NewSecret(mockserver.DefaultPassword)}, nil
}
func (ann) Refused(string, trust.Login) {}

// A discovery to its end: the directory and the DNS are real, the Exchange that
// they announce is played. Nothing else than the source of the row is asked.
func TestADiscoveryByWhatIsAnnounced(t *testing.T) {
	tests := []struct {
		source autodiscover.Source
		peer   *peer
		log    string
	}{
		{autodiscover.SourceSCP, contoso.peer, bindInTLS},
		{autodiscover.SourceSRV, dnsmasq, "query[SRV] _autodiscover._tcp.contoso.test"},
	}
	for _, tt := range tests {
		t.Run(string(tt.source), func(t *testing.T) {
			exchange := mockserver.Start(t, "acquisition")
			directories := member()
			client := autodiscover.Client{
				Network: autodiscover.Network{Dial: exchange.Dial, RootCAs: exchange.RootCAs(), LookupSRV: directories.LookupSRV},
				SCP: func(ctx context.Context, mailDomain string) ([]autodiscover.Candidate, error) {
					report, err := directories.Lookup(ctx, mailDomain)
					var found []autodiscover.Candidate
					for _, e := range report.Entries {
						found = append(found, autodiscover.Candidate{URL: e.URL, How: trust.FromDirectory})
					}
					return found, err
				},
			}
			others := slices.DeleteFunc(autodiscover.Sources(), func(s autodiscover.Source) bool { return s == tt.source })
			tt.peer.saw(t, func() {
				result, err := client.Discover(t.Context(), autodiscover.Query{Address: "ann@contoso.test", Logins: ann{}, Exclude: others})
				if err != nil {
					t.Fatal(err)
				}
				if result.URL != paris {
					t.Errorf("the settings are of %s, want %s", result.URL, paris)
				}
			}, tt.log)
			for _, r := range exchange.Requests() {
				if r.Signed && r.Host != "ex1.contoso.test" {
					t.Errorf("%s saw credentials", r.Host)
				}
			}
		})
	}
}
