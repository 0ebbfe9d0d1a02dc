package scp

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/internal/trust"
)

const (
	dc1 = "ldaps://dc1.contoso.test:636"
	dc2 = "ldaps://dc2.fabrikam.test:636"
)

// world is two directories within TLS, and a client of the first one.
type world struct {
	Client
	*authority
	network network
	one     *directory // dc1.contoso.test
	two     *directory // dc2.fabrikam.test
}

// noRecords is a DNS without any record.
func noRecords(_ context.Context, service, proto, name string) ([]*net.SRV, error) {
	return nil, &net.DNSError{Err: "no such host", Name: "_" + service + "._" + proto + "." + name, IsNotFound: true}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	a := newAuthority(t)
	one := &directory{tls: a.certificate(t, "dc1.contoso.test")}
	two := &directory{tls: a.certificate(t, "dc2.fabrikam.test"), context: "CN=Configuration,DC=fabrikam,DC=test"}
	n := network{
		"dc1.contoso.test:636": one, "dc1.contoso.test:389": one,
		"dc2.fabrikam.test:636": two, "dc2.fabrikam.test:389": two,
	}
	return &world{
		Client:    Client{Directories: []string{dc1}, RootCAs: a.roots, Dial: n.dial, LookupSRV: noRecords},
		authority: a, network: n, one: one, two: two,
	}
}

// lookup looks contoso.test up, and fails the test if no directory answers.
func (w *world) lookup(t *testing.T) Report {
	t.Helper()
	r, err := w.Lookup(t.Context(), "contoso.test")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// brief is a report in a few words: its entries, its directories, its notes.
func brief(r Report) (lines []string) {
	for _, e := range r.Entries {
		words := []string{e.URL, "of", e.Directory}
		if e.Scoped {
			words = append(words, "scoped")
		}
		if e.Sealed {
			words = append(words, "sealed")
		}
		lines = append(lines, strings.Join(words, " "))
	}
	for _, d := range r.Directories {
		line := fmt.Sprintf("%s by %s: %d", d.URL, d.Via, d.Objects)
		if d.Err != nil {
			line = fmt.Sprintf("%s by %s failed", d.URL, d.Via)
		}
		lines = append(lines, line)
	}
	for _, n := range r.Notes {
		lines = append(lines, "note of "+n.Directory+": "+n.What)
	}
	return lines
}

func TestLookup(t *testing.T) {
	tests := []struct {
		name string
		with func(*world)
		want []string
	}{
		{"the endpoints of the directory", func(w *world) {
			w.one.objects = []object{endpoint(ex1, "Site=Rome"), endpoint(ex2, "Site=Paris")}
			w.Site = "Paris"
		}, []string{ex2 + " of " + dc1 + " sealed", ex1 + " of " + dc1 + " sealed", dc1 + " by configuration: 2"}},
		{"a directory without any", func(*world) {}, []string{dc1 + " by configuration: 0"}},
		{"a pointer for the mail domain leads away", func(w *world) {
			w.one.objects = []object{endpoint(ex1), pointer("ldaps://dc2.fabrikam.test", "Domain=contoso.test")}
			w.two.objects = []object{endpoint(ex2)}
		}, []string{ex2 + " of " + dc2 + " scoped sealed", dc1 + " by configuration: 2", dc2 + " by pointer for the mail domain: 1"}},
		{"a pointer for another mail domain does not", func(w *world) {
			w.one.objects = []object{endpoint(ex1), pointer("ldaps://dc2.fabrikam.test", "Domain=fabrikam.test")}
			w.two.objects = []object{endpoint(ex2)}
		}, []string{ex1 + " of " + dc1 + " sealed", dc1 + " by configuration: 2", "note of " + dc1 + ": the pointer is not for contoso.test"}},
		{"a pointer for all is left alone where there is an endpoint", func(w *world) {
			w.one.objects = []object{pointer("ldaps://dc2.fabrikam.test"), endpoint(ex1)}
			w.two.objects = []object{endpoint(ex2)}
		}, []string{ex1 + " of " + dc1 + " sealed", dc1 + " by configuration: 2"}},
		{"a pointer for all is followed where there is none", func(w *world) {
			w.one.objects = []object{pointer("ldaps://dc2.fabrikam.test")}
			w.two.objects = []object{endpoint(ex2)}
		}, []string{ex2 + " of " + dc2 + " sealed", dc1 + " by configuration: 1", dc2 + " by pointer: 1"}},
		{"a directory that points at itself", func(w *world) {
			w.one.objects = []object{pointer(dc1, "Domain=contoso.test"), endpoint(ex1)}
		}, []string{ex1 + " of " + dc1 + " sealed", dc1 + " by configuration: 2", "note of " + dc1 + ": a pointer for the mail domain leads back to it"}},
		{"two directories that point at each other", func(w *world) {
			w.one.objects = []object{pointer(dc2, "Domain=contoso.test"), endpoint(ex1)}
			w.two.objects = []object{pointer(dc1, "Domain=contoso.test"), endpoint(ex2)}
		}, []string{ex2 + " of " + dc2 + " scoped sealed", dc1 + " by configuration: 2", dc2 + " by pointer for the mail domain: 2", "note of " + dc1 + ": a pointer for the mail domain leads back to it"}},
		{"a pointer that leads nowhere leaves what stands here", func(w *world) {
			w.one.objects = []object{pointer("ldaps://gone.fabrikam.test", "Domain=contoso.test"), endpoint(ex1)}
		}, []string{ex1 + " of " + dc1 + " sealed", dc1 + " by configuration: 2", "ldaps://gone.fabrikam.test:636 by pointer for the mail domain failed"}},
		{"a referral is followed", func(w *world) {
			w.one.referral = "ldaps://dc2.fabrikam.test/CN=Configuration,DC=fabrikam,DC=test"
			w.two.objects = []object{endpoint(ex2)}
		}, []string{ex2 + " of " + dc2 + " sealed", dc1 + " by configuration: 0", dc2 + " by referral: 1"}},
		{"StartTLS seals as well", func(w *world) {
			w.Directories = []string{"ldap://dc1.contoso.test"}
			w.one.objects = []object{endpoint(ex1)}
		}, []string{ex1 + " of ldap://dc1.contoso.test:389 sealed", "ldap://dc1.contoso.test:389 by configuration: 1"}},
		{"a directory without TLS is heard, and marked", func(w *world) {
			w.Directories, w.one.tls = []string{"ldap://dc1.contoso.test"}, nil
			w.one.objects = []object{endpoint(ex1)}
		}, []string{ex1 + " of ldap://dc1.contoso.test:389", "ldap://dc1.contoso.test:389 by configuration: 1"}},
		{"who points in the clear seals nothing that lies behind", func(w *world) {
			w.Directories, w.one.tls = []string{"ldap://dc1.contoso.test"}, nil
			w.one.objects = []object{pointer(dc2, "Domain=contoso.test")}
			w.two.objects = []object{endpoint(ex2)}
		}, []string{ex2 + " of " + dc2 + " scoped", "ldap://dc1.contoso.test:389 by configuration: 1", dc2 + " by pointer for the mail domain: 1"}},
		{"a directory that is down is followed by the next", func(w *world) {
			w.Directories = []string{"ldaps://gone.contoso.test", dc1}
			w.one.objects = []object{endpoint(ex1)}
		}, []string{ex1 + " of " + dc1 + " sealed", "ldaps://gone.contoso.test:636 by configuration failed", dc1 + " by configuration: 1"}},
		{"one that answers is not followed by another", func(w *world) {
			w.Directories = []string{dc1, dc2}
			w.two.objects = []object{endpoint(ex2)}
		}, []string{dc1 + " by configuration: 0"}},
		{"no directory and no domain announce nothing", func(w *world) { w.Directories = nil }, nil},
		{"a long naming context", func(w *world) {
			w.one.context = "CN=Configuration," + strings.Repeat("DC=contoso,", 30) + "DC=test"
			w.one.objects = []object{endpoint(ex1)}
		}, []string{ex1 + " of " + dc1 + " sealed", dc1 + " by configuration: 1"}},
		{"a value that nobody would write is left out", func(w *world) {
			w.one.objects = []object{endpoint("https://ex1.contoso.test/" + strings.Repeat("a", 64<<10)), endpoint(ex2)}
			w.one.objects[0].dn = "CN=a"
		}, []string{ex2 + " of " + dc1 + " sealed", dc1 + " by configuration: 2", "note of " + dc1 + ": a value of 65561 bytes is left out"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				tt.with(w)
				if diff := cmp.Diff(tt.want, brief(w.lookup(t))); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestTenDirectoriesAreAsked(t *testing.T) {
	for _, length := range []int{10, 11} {
		t.Run(fmt.Sprintf("a chain of %d", length), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.RootCAs = newAuthority(t).roots
				for i := 1; i <= length; i++ {
					d := &directory{objects: []object{pointer(fmt.Sprintf("ldap://d%d.contoso.test:389", i+1), "Domain=contoso.test")}}
					if i == length {
						d.objects = []object{endpoint(ex1)}
					}
					w.network[fmt.Sprintf("d%d.contoso.test:389", i)] = d
				}
				w.Directories = []string{"ldap://d1.contoso.test:389"}
				r := w.lookup(t)
				if len(r.Directories) != 10 {
					t.Errorf("%d directories were asked, want 10", len(r.Directories))
				}
				if found, want := len(r.Entries) == 1, length == 10; found != want {
					t.Errorf("the end of the chain was reached: %v, want %v", found, want)
				}
				told := slices.ContainsFunc(r.Notes, func(n Note) bool { return n.What == "not asked, after 10 others" })
				if want := length == 11; told != want {
					t.Errorf("the limit is told: %v, want %v; notes: %v", told, want, r.Notes)
				}
			})
		})
	}
}

func TestWhoSignsInWhere(t *testing.T) {
	bind := Bind{Name: "ann@contoso.test", Password: trust.NewSecret("secret")}
	const within = "ann@contoso.test secret within TLS"
	tests := []struct {
		name     string
		with     func(*world)
		one, two []string
		fails    string
	}{
		{"the password goes to the directory of the configuration, within TLS", func(*world) {}, []string{within}, nil, ""},
		{"within StartTLS too", func(w *world) { w.Directories = []string{"ldap://dc1.contoso.test"} }, []string{within}, nil, ""},
		{"never in the clear", func(w *world) {
			w.Directories, w.one.tls = []string{"ldap://dc1.contoso.test"}, nil
		}, nil, nil, "nobody signs in to a directory in the clear"},
		{"not under another name", func(w *world) { w.one.tls = w.two.tls }, nil, nil, "certificate is valid for dc2.fabrikam.test, not dc1.contoso.test"},
		{"not under an unknown authority, by StartTLS either", func(w *world) {
			w.Directories, w.RootCAs = []string{"ldap://dc1.contoso.test"}, newAuthority(t).roots
		}, nil, nil, "certificate signed by unknown authority"},
		{"not to where a pointer leads", func(w *world) {
			w.one.objects = []object{pointer(dc2, "Domain=contoso.test")}
		}, []string{within}, nil, ""},
		{"not to where a referral leads", func(w *world) { w.one.referral = dc2 }, []string{within}, nil, ""},
		{"unless the configuration says so", func(w *world) {
			w.one.objects = []object{pointer(dc2, "Domain=contoso.test")}
			w.Elsewhere = map[string]Bind{"dc2.fabrikam.test": {Name: "ann@fabrikam.test", Password: trust.NewSecret("secret")}}
		}, []string{within}, []string{"ann@fabrikam.test secret within TLS"}, ""},
		{"to where a pointer leads within the domain", func(w *world) {
			w.Domain = "fabrikam.test"
			w.one.objects = []object{pointer(dc2, "Domain=contoso.test")}
		}, []string{within}, []string{within}, ""},
		{"a wrong password is told, and nothing weaker tried", func(w *world) {
			w.Bind.Password = trust.NewSecret("wrong")
		}, []string{"ann@contoso.test wrong within TLS"}, nil, "Invalid Credentials"},
		{"no password is no bind", func(w *world) { w.Bind.Password = trust.Secret{} }, nil, nil, "empty password"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.Bind = bind
				tt.with(w)
				_, err := w.Lookup(t.Context(), "contoso.test")
				if tt.fails == "" && err != nil || tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)) {
					t.Errorf("error %v, want %q", err, tt.fails)
				}
				if err != nil && strings.Contains(err.Error(), "secret") {
					t.Errorf("the password stands in %q", err)
				}
				if _, binds := w.one.told(); !slices.Equal(binds, tt.one) {
					t.Errorf("the first directory saw %q, want %q", binds, tt.one)
				}
				if _, binds := w.two.told(); !slices.Equal(binds, tt.two) {
					t.Errorf("the second directory saw %q, want %q", binds, tt.two)
				}
			})
		})
	}
}

func TestControllers(t *testing.T) {
	record := func(target string, port, priority, weight uint16) *net.SRV {
		return &net.SRV{Target: target, Port: port, Priority: priority, Weight: weight}
	}
	const all, paris = "_ldap._tcp.dc._msdcs.contoso.test", "_ldap._tcp.paris._sites.dc._msdcs.contoso.test"
	tests := []struct {
		name    string
		site    string
		records map[string][]*net.SRV
		want    []string
		notes   []Note
	}{
		{"a domain without records has none", "", nil, nil, nil},
		{"the lowest priority first, then the greatest weight", "", map[string][]*net.SRV{all: {
			record("dc3.contoso.test.", 389, 10, 0), record("dc2.contoso.test.", 389, 0, 10), record("DC1.contoso.test.", 389, 0, 100)}},
			[]string{"ldap://dc1.contoso.test:389", "ldap://dc2.contoso.test:389", "ldap://dc3.contoso.test:389"}, nil},
		{"those of the own site before the others, none twice", "Paris", map[string][]*net.SRV{
			all:   {record("dc1.contoso.test.", 389, 0, 100), record("dc2.contoso.test.", 389, 0, 100)},
			paris: {record("dc2.contoso.test.", 389, 0, 100)}},
			[]string{"ldap://dc2.contoso.test:389", "ldap://dc1.contoso.test:389"}, nil},
		{"a site that no DNS name can hold is not looked up", "Saint Denis", map[string][]*net.SRV{all: {record("dc1.contoso.test.", 389, 0, 100)}},
			[]string{"ldap://dc1.contoso.test:389"}, nil},
		{"a target of another domain is not believed", "", map[string][]*net.SRV{all: {
			record("dc1.evilcontoso.test.", 389, 0, 100), record("contoso.test.evil.test.", 389, 0, 100), record(".", 389, 0, 0), record("dc1.contoso.test.", 0, 0, 0)}},
			nil, []Note{
				{Directory: all, What: "its target dc1.evilcontoso.test:389 is not of the domain"},
				{Directory: all, What: "its target contoso.test.evil.test:389 is not of the domain"},
				{Directory: all, What: "its target :389 is not of the domain"},
				{Directory: all, What: "its target dc1.contoso.test:0 is not of the domain"}}},
		{"three of many", "", map[string][]*net.SRV{all: {
			record("dc1.contoso.test.", 389, 0, 100), record("dc2.contoso.test.", 389, 1, 100), record("dc3.contoso.test.", 389, 2, 100), record("dc4.contoso.test.", 389, 3, 100)}},
			[]string{"ldap://dc1.contoso.test:389", "ldap://dc2.contoso.test:389", "ldap://dc3.contoso.test:389"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &walk{Client: Client{Domain: "Contoso.test.", Site: tt.site, LookupSRV: func(ctx context.Context, service, proto, name string) ([]*net.SRV, error) {
				if records, ok := tt.records["_"+service+"._"+proto+"."+name]; ok {
					return records, nil
				}
				return noRecords(ctx, service, proto, name)
			}}}
			places, err := w.controllers(t.Context(), "Contoso.test.")
			if err != nil {
				t.Fatal(err)
			}
			if got := written(places); !slices.Equal(got, tt.want) {
				t.Errorf("controllers %q, want %q", got, tt.want)
			}
			if diff := cmp.Diff(tt.notes, w.report.Notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

// A pointer may name a domain: DNS knows its controllers, and their certificates
// hold their own names.
func TestAPointerToADomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.LookupSRV = func(ctx context.Context, service, proto, name string) ([]*net.SRV, error) {
			if name == "dc._msdcs.fabrikam.test" {
				return []*net.SRV{{Target: "dc2.fabrikam.test.", Port: 389}}, nil
			}
			return noRecords(ctx, service, proto, name)
		}
		w.one.objects = []object{pointer("LDAP://fabrikam.test", "Domain=contoso.test")}
		w.two.objects = []object{endpoint(ex2)}
		want := []string{ex2 + " of ldap://dc2.fabrikam.test:389 scoped sealed", dc1 + " by configuration: 1", "ldap://dc2.fabrikam.test:389 by pointer for the mail domain: 1"}
		if diff := cmp.Diff(want, brief(w.lookup(t))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestSite(t *testing.T) {
	for _, tt := range []struct{ name, site, netlogon, want string }{
		{"of the configuration", "Rome", netlogon, "Rome"},
		{"of the domain controller", "", netlogon, "Paris"},
		{"of nobody, where that cannot tell", "", "", ""},
		{"of nobody, where that talks nonsense", "", "1700", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.Site, w.one.netlogon = tt.site, tt.netlogon
				if r := w.lookup(t); r.Site != tt.want {
					t.Errorf("site %q, want %q", r.Site, tt.want)
				}
			})
		})
	}
}
