package program

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/scp"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

func TestTheConfigurationIsLaidOverAQuestion(t *testing.T) {
	issuer := autodiscover.Candidate{URL: "https://ex1.contoso.test/autodiscover/autodiscover.xml", How: trust.FromProfile}
	configured := autodiscover.Candidate{
		URL: "https://ex2.contoso.test/autodiscover/autodiscover.xml", How: trust.FromConfiguration, Source: autodiscover.SourceConfigured,
	}
	for _, tt := range []struct {
		name string
		d    Discovery
		q    autodiscover.Query
		want autodiscover.Query
	}{
		{"nothing said changes nothing", Discovery{}, autodiscover.Query{First: []autodiscover.Candidate{issuer}}, autodiscover.Query{First: []autodiscover.Candidate{issuer}}},
		{"a service is asked after the one that has issued the settings", Discovery{URL: configured.URL},
			autodiscover.Query{First: []autodiscover.Candidate{issuer}}, autodiscover.Query{First: []autodiscover.Candidate{issuer, configured}}},
		{"or first", Discovery{URL: configured.URL}, autodiscover.Query{}, autodiscover.Query{First: []autodiscover.Candidate{configured}}},
		{"sources are switched off", Discovery{Exclude: []autodiscover.Source{autodiscover.SourceRoot, autodiscover.SourceSRV}},
			autodiscover.Query{}, autodiscover.Query{Exclude: []autodiscover.Source{autodiscover.SourceRoot, autodiscover.SourceSRV}}},
		{"besides those that the question switches off", Discovery{Exclude: []autodiscover.Source{autodiscover.SourceRoot}},
			autodiscover.Query{Exclude: []autodiscover.Source{autodiscover.SourceHTTP}}, autodiscover.Query{Exclude: []autodiscover.Source{autodiscover.SourceHTTP, autodiscover.SourceRoot}}},
		{"Microsoft 365 is asked", Discovery{Microsoft365: true}, autodiscover.Query{}, autodiscover.Query{Microsoft365: true}},
		{"or by the question alone", Discovery{}, autodiscover.Query{Microsoft365: true}, autodiscover.Query{Microsoft365: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := slices.Clone(tt.q.First)
			got := tt.d.lay(tt.q)
			if diff := cmp.Diff(tt.want.First, got.First); diff != "" {
				t.Errorf("first (-want +got):\n%s", diff)
			}
			if !slices.Equal(got.Exclude, tt.want.Exclude) || got.Microsoft365 != tt.want.Microsoft365 {
				t.Errorf("switched off %v, Microsoft 365 %v; want %v, %v", got.Exclude, got.Microsoft365, tt.want.Exclude, tt.want.Microsoft365)
			}
			if diff := cmp.Diff(before, tt.q.First); diff != "" {
				t.Errorf("the question itself has changed:\n%s", diff)
			}
		})
	}
}

// What an agent asks, and what a command asks, is what the configuration says.
func TestTheConfigurationReachesADiscovery(t *testing.T) {
	const all = "[discovery]\nexclude = ['last-known-good-url', 'scp-lookup', 'https-autodiscover-domain', 'https-root-domain', 'http-redirect', 'srv-record']\n"
	for _, tt := range []struct {
		name, config string
		want         []string // host:port dialled, each once, sorted
	}{
		{"with every source but the configured one switched off", all + "url = 'https://ex2.contoso.test/autodiscover/autodiscover.xml'\n", []string{"ex2.contoso.test:443"}},
		{"with all of them switched off", "[discovery]\nexclude = ['configured-url', 'last-known-good-url', 'scp-lookup', 'https-autodiscover-domain', 'https-root-domain', 'http-redirect', 'srv-record']\nurl = 'https://ex2.contoso.test/autodiscover/autodiscover.xml'\n", nil},
		{"with Microsoft 365", all + "microsoft365 = true\n", []string{"autodiscover-s.outlook.com:443", "outlook.office365.com:443"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := open(t, tt.config)
			for name, discover := range map[string]func(context.Context, autodiscover.Query) (*autodiscover.Result, error){
				"a command": p.Discover,
				"an agent":  p.AgentConfig().Discover,
			} {
				var mu sync.Mutex
				var dialled []string
				p.DiscoverClient.Network.Proxy = nil
				p.DiscoverClient.Network.Dial = func(_ context.Context, _, addr string) (net.Conn, error) {
					mu.Lock()
					defer mu.Unlock()
					dialled = append(dialled, addr)
					return nil, errors.New("nobody is there")
				}
				if _, err := discover(t.Context(), autodiscover.Query{Address: "ann@contoso.test"}); err == nil {
					t.Fatalf("%s finds something", name)
				}
				slices.Sort(dialled)
				if diff := cmp.Diff(tt.want, slices.Compact(dialled)); diff != "" {
					t.Errorf("%s dials (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

func TestWhatADirectoryAnnouncesIsTrustedAsFarAsItWasSealed(t *testing.T) {
	got := candidates(scp.Report{Entries: []scp.Entry{
		{URL: "https://ex1.contoso.test/autodiscover/autodiscover.xml", Sealed: true},
		{URL: "https://ex2.contoso.test/autodiscover/autodiscover.xml"},
	}})
	want := []autodiscover.Candidate{
		{URL: "https://ex1.contoso.test/autodiscover/autodiscover.xml", How: trust.FromDirectory, Source: autodiscover.SourceSCP},
		{URL: "https://ex2.contoso.test/autodiscover/autodiscover.xml", How: trust.FromUnsealedDirectory, Source: autodiscover.SourceSCP},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What the configuration says of directories is what is asked: by DNS, or at the
// places that it names.
func TestTheConfigurationReachesTheDirectories(t *testing.T) {
	t.Setenv("KRB5_CONFIG", filepath.Join(t.TempDir(), "none")) // a machine of no domain
	t.Setenv("USERDNSDOMAIN", "")
	t.Setenv("KRB5CCNAME", filepath.Join(t.TempDir(), "none"))
	for _, tt := range []struct {
		name, discovery string
		want            []string // host:port dialled and names looked up; nil: there is no directory
	}{
		{"nothing said", "", nil},
		{"a site alone is no directory", "site = 'Berlin'", nil},
		{"a directory", "directories = ['ldaps://dc1.contoso.test']\nbind = 'anonymous'", []string{"dc1.contoso.test:636"}},
		{"two directories of which none answers", "directories = ['ldap://dc1.contoso.test', 'ldaps://dc2.contoso.test:3269']\nbind = 'anonymous'", []string{"dc1.contoso.test:389", "dc2.contoso.test:3269"}},
		{"a domain", "domain = 'ad.contoso.test'\nbind = 'anonymous'", []string{"_ldap._tcp.dc._msdcs.ad.contoso.test"}},
		{"a domain and a site", "domain = 'ad.contoso.test'\nsite = 'Berlin'\nbind = 'anonymous'",
			[]string{"_ldap._tcp.berlin._sites.dc._msdcs.ad.contoso.test", "_ldap._tcp.dc._msdcs.ad.contoso.test"}},
		{"directories go before a domain", "directories = ['ldaps://dc1.contoso.test']\ndomain = 'ad.contoso.test'\nbind = 'anonymous'", []string{"dc1.contoso.test:636"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := open(t, "[discovery]\n"+tt.discovery)
			if got := p.DiscoverClient.SCP != nil; got != (tt.want != nil) {
				t.Fatalf("a directory to ask: %v", got)
			}
			if tt.want == nil {
				return
			}
			var asked []string
			p.DiscoverClient.Network.Proxy = nil
			p.DiscoverClient.Network.Dial = func(_ context.Context, _, addr string) (net.Conn, error) {
				asked = append(asked, addr)
				return nil, errors.New("nobody is there")
			}
			p.DiscoverClient.Network.LookupSRV = func(_ context.Context, service, proto, name string) ([]*net.SRV, error) {
				asked = append(asked, strings.ToLower("_"+service+"._"+proto+"."+name))
				return nil, nil
			}
			p.DiscoverClient.SCP(t.Context(), "contoso.test")
			slices.Sort(asked)
			if diff := cmp.Diff(tt.want, asked); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A sign-in for the directories that cannot be had ends the look-up before
// anybody is asked.
func TestWithoutItsSecretNoDirectoryIsAsked(t *testing.T) {
	p := open(t, "[discovery]\ndirectories = ['ldaps://dc1.contoso.test']\nbind = 'simple'\nbind_name = 'homing@contoso.test'\nbind_secret = 'memory:directory'")
	p.Secrets.Enabled = []string{"memory"}
	dialled := 0
	p.DiscoverClient.Network.Proxy = nil
	p.DiscoverClient.Network.Dial = func(context.Context, string, string) (net.Conn, error) {
		dialled++
		return nil, errors.New("nobody is there")
	}
	if _, err := p.Directories(t.Context(), "contoso.test"); !errors.Is(err, profile.ErrSecretNotFound) || dialled > 0 {
		t.Errorf("%v after %d dials; want ErrSecretNotFound after none", err, dialled)
	}
	if err := p.Secrets.Set(t.Context(), "memory:directory", trust.NewSecret("s")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Directories(t.Context(), "contoso.test"); err == nil || dialled != 1 {
		t.Errorf("with it: %v after %d dials, want 1", err, dialled)
	}
}
