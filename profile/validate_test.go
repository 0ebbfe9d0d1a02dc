package profile

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/homing-mail/homing/internal/trust"
)

func TestValidate(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for _, tt := range []struct {
		name  string
		spoil func(p *Profile)
		field string // "" is valid
		why   string
	}{
		{"a complete profile", func(p *Profile) {}, "", ""},
		{"one that waits for a place and a login", func(p *Profile) { p.Endpoint, p.Logins = Endpoint{}, nil }, "", ""},
		{"a login without its secret yet", func(p *Profile) { p.Logins = []LoginRef{{User: "ann"}} }, "", ""},
		{"a token without a user", func(p *Profile) { p.Logins = []LoginRef{{Bearer: true, Secret: "command:token"}} }, "", ""},
		{"another port", func(p *Profile) { p.Endpoint.MAPI.MailStore = "https://ex1.contoso.test:8443/mapi/" }, "", ""},
		{"a URL of 2048 bytes", func(p *Profile) { p.Endpoint.MAPI.MailStore = ("https://ex1.contoso.test/" + long)[:2048] }, "", ""},
		{"a LegacyDN of 1024 bytes", func(p *Profile) { p.Endpoint.MAPI.LegacyDN = long[:1024] }, "", ""},

		{"an id in capitals", func(p *Profile) { p.ID = "00112233445566AA" }, "id", "not a profile id"},
		{"a label that moves the cursor", func(p *Profile) { p.Label = "\x1b[2J" }, "label", "control character"},
		{"a label that is no UTF-8", func(p *Profile) { p.Label = "\xff" }, "label", "control character"},
		{"an endless label", func(p *Profile) { p.Label = long }, "label", "1024 bytes"},
		{"an address at an IP address", func(p *Profile) { p.Address = "ann@192.0.2.1" }, "address", "IP address"},
		{"settings that hold for more than a day", func(p *Profile) { p.Endpoint.TTL = 25 }, "ttl", "25 is not within 0 and 24 hours"},
		{"settings that have never held", func(p *Profile) { p.Endpoint.TTL = -1 }, "ttl", "-1 is not within 0 and 24 hours"},
		{"a routing address without @", func(p *Profile) { p.Endpoint.Routing = "ann" }, "routing", "exactly one @"},
		{"http", func(p *Profile) { p.Endpoint.MAPI.MailStore = "http://ex1.contoso.test/" }, "mailbox url", "https://"},
		{"no URL", func(p *Profile) { p.Endpoint.MAPI.MailStore = "" }, "mailbox url", "https://"},
		{"a URL with a password", func(p *Profile) { p.Endpoint.MAPI.AddressBook = "https://ann:hunter2@ex1.contoso.test/" }, "address book", "user name"},
		{"a URL of 2049 bytes", func(p *Profile) { p.Endpoint.Autodiscover = ("https://ex1.contoso.test/" + long)[:2049] }, "autodiscover", "2048 bytes"},
		{"a URL without a host", func(p *Profile) { p.Endpoint.Autodiscover = "https:///autodiscover" }, "autodiscover", "no host"},
		{"a URL that has only a port", func(p *Profile) { p.Endpoint.Autodiscover = "https://:443/" }, "autodiscover", "no host"},
		{"a URL with a line break", func(p *Profile) { p.Endpoint.Autodiscover = "https://a.test/\r\nX: y" }, "autodiscover", "not a URL"},
		{"no LegacyDN", func(p *Profile) { p.Endpoint.MAPI.LegacyDN = "" }, "legacy dn", "empty"},
		{"a LegacyDN of 1025 bytes", func(p *Profile) { p.Endpoint.MAPI.LegacyDN = long[:1025] }, "legacy dn", "1024 bytes"},
		{"a LegacyDN with NUL", func(p *Profile) { p.Endpoint.MAPI.LegacyDN = "/o=x\x00/cn=y" }, "legacy dn", "ASCII"},
		{"a LegacyDN beyond ASCII", func(p *Profile) { p.Endpoint.MAPI.LegacyDN = "/o=Bücher" }, "legacy dn", "ASCII"},
		{"a login without a user", func(p *Profile) { p.Logins[0].User = "" }, "login", "no user"},
		{"an unknown scheme", func(p *Profile) { p.Logins[0].Weakest = "digest" }, "login", "not a scheme"},
		{"a password where its reference belongs", func(p *Profile) { p.Logins[0].Secret = "hunter2" }, "login", "does not begin"},
		{"a reference to nothing", func(p *Profile) { p.Logins[0].Secret = "keyring:" }, "login", "names nothing"},
		{"a realm with a line break", func(p *Profile) { p.Logins[0].Realm = "*.a.test\n" }, "login", "control character"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := testProfile("ex1.contoso.test")
			p.Logins = []LoginRef{{Realm: "*.contoso.test", User: "ann", Weakest: "basic", Secret: "keyring:ann"}}
			tt.spoil(&p)
			err := p.Validate()
			if tt.field == "" {
				if err != nil {
					t.Errorf("Validate = %v, want nil", err)
				}
				return
			}
			invalid, ok := errors.AsType[*InvalidError](err)
			if !ok || invalid.Field != tt.field || !strings.Contains(invalid.Error(), tt.why) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Validate = %v, want an error of %q about %q", err, tt.field, tt.why)
			}
		})
	}
}

func TestValidateSaysEverything(t *testing.T) {
	err := Profile{Endpoint: Endpoint{MAPI: &MAPI{}}}.Validate()
	for _, field := range []string{"id: ", "address: ", "mailbox url: ", "legacy dn: "} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("Validate = %v, want %q in it", err, field)
		}
	}
}

func TestWhatASignInGoesByAtLeast(t *testing.T) {
	for _, tt := range []struct {
		name string
		ref  LoginRef
		want trust.Scheme
	}{
		{"nothing said", LoginRef{}, ""},
		{"basic", LoginRef{Weakest: "basic"}, trust.Basic},
		{"more than basic", LoginRef{Weakest: "ntlm"}, trust.NTLM},
		{"a token", LoginRef{Bearer: true}, trust.Bearer},
		{"a token, whatever else is said", LoginRef{Weakest: "basic", Bearer: true}, trust.Bearer},
	} {
		if got := tt.ref.AtLeast(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNewID(t *testing.T) {
	a, b := NewID(), NewID()
	if _, err := ParseID(string(a)); err != nil || a == b {
		t.Errorf("NewID made %q and %q: %v", a, b, err)
	}
}

func TestNew(t *testing.T) {
	p, err := New(" Ann@CONTOSO.test. ", "")
	if err != nil || p.Address != "Ann@contoso.test" || p.Label != "Ann@contoso.test" || p.Validate() != nil {
		t.Errorf("New = %+v, %v", p, err)
	}
	if p, err := New("ann@contoso.test", "Work"); err != nil || p.Label != "Work" {
		t.Errorf("New with a label = %+v, %v", p, err)
	}
	if _, err := New("ann@localhost", ""); err == nil {
		t.Error("New with an address that cannot have a mailbox returned no error")
	}
}

func TestPlace(t *testing.T) {
	for url, want := range map[string]string{
		"https://EX1.contoso.test./mapi/":     "ex1.contoso.test",
		"https://ex1.contoso.test:443/mapi/":  "ex1.contoso.test",
		"https://ex1.contoso.test:8443/mapi/": "ex1.contoso.test:8443",
		"":                                    "nowhere",
		"%":                                   "nowhere",
	} {
		if got := (Profile{Endpoint: Endpoint{MAPI: &MAPI{MailStore: url}}}).Place(); got != want {
			t.Errorf("Place of %q = %q, want %q", url, got, want)
		}
	}
	if got := (Profile{}).Place(); got != "nowhere" {
		t.Errorf("Place of no endpoint = %q", got)
	}
}

// Each field of a profile that means something to its reader is in a diff.
func TestDiff(t *testing.T) {
	old := testProfile("ex1.contoso.test")
	old.Logins = []LoginRef{{Realm: "*.contoso.test", User: "ann", Secret: "keyring:ann"}}
	for _, tt := range []struct {
		name   string
		change func(p *Profile)
		want   []Change
	}{
		{"nothing", func(p *Profile) { p.Version, p.Generation = 9, 9 }, []Change{}},
		{"another server", func(p *Profile) { p.Endpoint.MAPI.MailStore = "https://ex2.contoso.test:8443/mapi/emsmdb/" }, []Change{
			{"server", "ex1.contoso.test", "ex2.contoso.test:8443"},
			{"mailbox url", "https://ex1.contoso.test/mapi/emsmdb/", "https://ex2.contoso.test:8443/mapi/emsmdb/"}}},
		{"another path", func(p *Profile) { p.Endpoint.MAPI.MailStore = "https://ex1.contoso.test/x" }, []Change{
			{"mailbox url", "https://ex1.contoso.test/mapi/emsmdb/", "https://ex1.contoso.test/x"}}},
		{"no endpoint any more", func(p *Profile) { p.Endpoint.MAPI = nil }, []Change{
			{"server", "ex1.contoso.test", ""},
			{"mailbox url", "https://ex1.contoso.test/mapi/emsmdb/", ""},
			{"legacy dn", "/o=Contoso/cn=ann", ""}}},
		{"an address book", func(p *Profile) { p.Endpoint.MAPI.AddressBook = "https://a.test" }, []Change{{"address book", "", "https://a.test"}}},
		{"a LegacyDN", func(p *Profile) { p.Endpoint.MAPI.LegacyDN = "/o=Fabrikam/cn=ann" }, []Change{{"legacy dn", "/o=Contoso/cn=ann", "/o=Fabrikam/cn=ann"}}},
		{"an Autodiscover service", func(p *Profile) { p.Endpoint.Autodiscover = "https://a.test" }, []Change{{"autodiscover", "", "https://a.test"}}},
		{"a routing address", func(p *Profile) { p.Endpoint.Routing = "ann@a.test" }, []Change{{"routing", "", "ann@a.test"}}},
		{"a label", func(p *Profile) { p.Label = "Home" }, []Change{{"label", "Work", "Home"}}},
		{"an address", func(p *Profile) { p.Address = "ben@contoso.test" }, []Change{{"address", "ann@contoso.test", "ben@contoso.test"}}},
		{"a second login", func(p *Profile) {
			p.Logins = append(slices.Clone(p.Logins), LoginRef{Bearer: true, User: "ann@fabrikam.test"})
		}, []Change{{"login", "ann at *.contoso.test (basic, keyring:ann)", "ann at *.contoso.test (basic, keyring:ann); ann@fabrikam.test at any host (bearer, no secret)"}}},
		{"an identity", func(p *Profile) { p.Identity = Identity{"Ann", "1", "2", "3", "4"} }, []Change{
			{"mailbox guid", "", "1"}, {"repl guid", "", "2"}, {"root folder", "", "3"}, {"server version", "", "4"}, {"display name", "", "Ann"}}},
		{"a proof", func(p *Profile) { p.Proven = false }, []Change{{"proven", "yes", "no"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := old
			mapi := *old.Endpoint.MAPI
			p.Endpoint.MAPI = &mapi
			tt.change(&p)
			if got := Diff(old, p); !slices.Equal(got, tt.want) {
				t.Errorf("Diff = %q\nwant %q", got, tt.want)
			}
		})
	}
	if got := Diff(Profile{}, Profile{ID: testID}); !slices.Equal(got, []Change{{"proven", "", "no"}}) {
		t.Errorf("Diff against nothing = %q", got)
	}
}

// Whatever decodes is valid, and is written so that it decodes to the same.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"version":1,"id":"00112233445566aa","address":"ann@contoso.test","generation":1,"logins":[]}`,
		`{"id":"00112233445566aa","address":"ann@contoso.test","server":"https://ex1.contoso.test/","legacy_dn":"/o=x","user":"ann"}`,
		`{"version":2}`, `null`, `[]`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decode(data)
		if err != nil {
			return
		}
		if err := p.Validate(); err != nil {
			t.Errorf("decoded what does not validate: %v", err)
		}
		first, err := encode(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decode(first)
		if err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		second, err := encode(again)
		if err != nil || string(first) != string(second) {
			t.Errorf("%v:\n%s\nbecame\n%s", err, first, second)
		}
		decodeGeneration(data)
	})
}
