//go:build integration

package integration

import (
	"context"
	"crypto/x509"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/homing-mail/homing/internal/scp"
	"github.com/homing-mail/homing/internal/trust"
)

// The identifiers of [MS-OXDISCO] 3.1.5.1.
const (
	isURL     = "77378F46-2C66-4aa9-A6A6-3E7A48B19596"
	isPointer = "67661d7F-8FC4-4fa7-BFAC-E1D7794C1F68"
)

const (
	paris  = "https://ex1.contoso.test/autodiscover/autodiscover.xml"
	rome   = "https://ex2.contoso.test/autodiscover/autodiscover.xml"
	nosite = "https://mail.contoso.test/autodiscover/autodiscover.xml"
	moved  = "https://mail.fabrikam.test/autodiscover/autodiscover.xml"
)

// What the tests share: they only read.
var (
	contoso, fabrikam *domain
	dnsmasq           *peer
	krb5conf, keytab  string // files
	ccache, ccache2   string // of contoso.test and of fabrikam.test
)

func TestMain(m *testing.M) {
	os.Exit(func() (code int) {
		dir, err := os.MkdirTemp("", "homing-integration-")
		if err != nil {
			fmt.Println(err)
			return 1
		}
		defer os.RemoveAll(dir)
		defer func() {
			for _, p := range running {
				p.stop()
				if err := p.tell(); err != nil && !narrowed() {
					fmt.Println(err)
					code = 1
				}
			}
		}()
		if err := setUp(dir); err != nil {
			fmt.Println("setting up:", err)
			return 1
		}
		for _, p := range running {
			b, err := os.ReadFile(p.log)
			if err != nil {
				fmt.Println(err)
				return 1
			}
			p.begun = len(b)
		}
		return m.Run()
	}())
}

// narrowed reports whether only some tests were asked for: they need not ask everybody.
func narrowed() bool {
	return slices.ContainsFunc([]string{"run", "skip", "list"}, func(name string) bool {
		return flag.Lookup("test."+name).Value.String() != ""
	})
}

var running []*peer

func setUp(dir string) (err error) {
	// Signing within TLS is what Samba asks for and Windows does not.
	if contoso, err = newDomain(dir, "contoso.test", "127.77.0.1", "ldap server require strong auth=allow_sasl_over_tls"); err != nil {
		return err
	}
	running = append(running, contoso.peer)
	if fabrikam, err = newDomain(dir, "fabrikam.test", "127.77.0.2"); err != nil {
		return err
	}
	running = append(running, fabrikam.peer)
	if dnsmasq, err = newDNSMasq(dir, "10054", contoso, fabrikam); err != nil {
		return err
	}
	running = append(running, dnsmasq)

	for _, d := range []*domain{contoso, fabrikam} {
		// Samba writes the names of its services down some time after its start.
		if err := d.tool("spn", "add", "ldap/"+d.host(), "DC1$"); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{"sites", "create", "Paris"}, {"sites", "create", "Rome"},
		{"sites", "subnet", "create", "127.0.0.0/8", "Paris"},
		{"domain", "exportkeytab", filepath.Join(dir, "keytab"), "--principal=Administrator@CONTOSO.TEST"},
	} {
		if err := contoso.tool(args...); err != nil {
			return err
		}
	}
	for _, target := range []string{"ex2.contoso.test 443 20 0", "ex1.contoso.test 443 10 5", "ex3.contoso.test 80 0 0"} {
		if _, err := command(nil, "", "samba-tool", "dns", "add", contoso.ip, "contoso.test", "_autodiscover._tcp", "SRV", target,
			"--username=Administrator", "--password="+password, "--configfile="+contoso.smb); err != nil {
			return err
		}
	}
	for _, point := range [][]string{
		{"rome", rome, isURL, "Site=Rome"}, {"mail", nosite, isURL}, {"paris", paris, strings.ToLower(isURL), "site = paris"},
		{"broken", "mail", isURL},
		{"fabrikam", "LDAP://fabrikam.test", isPointer, "Domain=fabrikam.test"},
	} {
		if err := contoso.announce(point[0], point[1], point[2:]...); err != nil {
			return err
		}
	}
	if err := fabrikam.announce("mail", moved, isURL); err != nil {
		return err
	}

	keytab, ccache, ccache2 = filepath.Join(dir, "keytab"), filepath.Join(dir, "ccache"), filepath.Join(dir, "ccache2")
	krb5conf, err = write(dir, "krb5.conf", []byte("[libdefaults]\ndefault_realm = CONTOSO.TEST\nrdns = false\n[realms]\n"+
		"CONTOSO.TEST = {\n kdc = "+contoso.ip+"\n}\nFABRIKAM.TEST = {\n kdc = "+fabrikam.ip+"\n}\n"))
	if err != nil {
		return err
	}
	for file, principal := range map[string]string{ccache: "Administrator@CONTOSO.TEST", ccache2: "Administrator@FABRIKAM.TEST"} {
		if _, err := command([]string{"KRB5_CONFIG=" + krb5conf}, password+"\n", "kinit", "-c", "FILE:"+file, principal); err != nil {
			return err
		}
	}
	return nil
}

// resolver asks the DNS at addr.
func resolver(addr string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
}

func lookupSRV(r *net.Resolver) func(context.Context, string, string, string) ([]*net.SRV, error) {
	return func(ctx context.Context, service, proto, name string) ([]*net.SRV, error) {
		_, records, err := r.LookupSRV(ctx, service, proto, name)
		return records, err
	}
}

// member is a client on a member of contoso.test, whose DNS is dnsmasq.
func member() scp.Client {
	r := resolver("127.77.0.9:10054")
	return scp.Client{
		Domain:    "contoso.test",
		Bind:      simple("Administrator@contoso.test"),
		RootCAs:   bothRoots(),
		Dial:      (&net.Dialer{Resolver: r}).DialContext,
		LookupSRV: lookupSRV(r),
	}
}

func simple(name string) scp.Bind {
	return scp.Bind{Name: name, Password: trust.NewSecret(password)}
}

func bothRoots() *x509.CertPool {
	roots := x509.NewCertPool()
	for _, d := range []*domain{contoso, fabrikam} {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(d.log), "cert.pem"))
		if err != nil || !roots.AppendCertsFromPEM(b) {
			panic(fmt.Sprint("no certificate of ", d.name, err))
		}
	}
	return roots
}

func urls(r scp.Report) (all []string) {
	for _, e := range r.Entries {
		all = append(all, e.URL)
	}
	return all
}

const (
	bindInTLS   = `"authDescription": "simple bind/TLS"`
	withATicket = `"authType": "krb5"`
)

func TestServiceConnectionPoints(t *testing.T) {
	tests := []struct {
		name   string
		with   func(*scp.Client)
		urls   []string
		sealed bool
		url    string // of the directory
		log    []string
	}{
		{"the controller of DNS tells the site, and its endpoint comes first", func(*scp.Client) {},
			[]string{paris, nosite, rome}, true, "ldap://dc1.contoso.test:389", []string{bindInTLS}},
		{"a configured site and a configured directory by LDAPS", func(c *scp.Client) {
			c.Directories, c.Site = []string{"ldaps://dc1.contoso.test"}, "ROME"
		}, []string{rome, nosite, paris}, true, "ldaps://dc1.contoso.test:636", []string{bindInTLS}},
		{"the global catalogue", func(c *scp.Client) { c.Directories = []string{"ldaps://dc1.contoso.test:3269"} },
			[]string{paris, nosite, rome}, true, "ldaps://dc1.contoso.test:3269", []string{bindInTLS}},
		{"a ticket of the cache", func(c *scp.Client) {
			c.Bind = scp.Bind{Kerberos: &scp.Kerberos{CCache: ccache, Config: krb5conf}}
		}, []string{paris, nosite, rome}, true, "ldap://dc1.contoso.test:389", []string{withATicket}},
		{"a ticket by a keytab, over LDAPS", func(c *scp.Client) {
			c.Directories = []string{"ldaps://dc1.contoso.test"}
			c.Bind = scp.Bind{Kerberos: &scp.Kerberos{Keytab: keytab, Principal: "Administrator@CONTOSO.TEST", Config: krb5conf}}
		}, []string{paris, nosite, rome}, true, "ldaps://dc1.contoso.test:636", []string{withATicket}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := member()
			tt.with(&c)
			contoso.saw(t, func() {
				r, err := c.Lookup(t.Context(), "contoso.test")
				if err != nil {
					t.Fatal(err)
				}
				if got := urls(r); !slices.Equal(got, tt.urls) {
					t.Errorf("endpoints %q, want %q", got, tt.urls)
				}
				for _, e := range r.Entries {
					if e.Sealed != tt.sealed || e.Directory != tt.url || e.Scoped {
						t.Errorf("%+v, want it of %s, sealed %v", e, tt.url, tt.sealed)
					}
				}
				if !slices.ContainsFunc(r.Notes, func(n scp.Note) bool { return n.What == `"mail" is no address of an endpoint` }) {
					t.Errorf("the broken endpoint is not told: %v", r.Notes)
				}
			}, tt.log...)
		})
	}
}

// A mailbox that has moved to fabrikam.test: contoso's directory points there, by
// the name of the domain, whose controllers DNS knows.
func TestAPointerToASecondDirectory(t *testing.T) {
	c := member()
	c.Elsewhere = map[string]scp.Bind{"dc1.fabrikam.test": simple("Administrator@fabrikam.test")}
	fabrikam.saw(t, func() {
		r, err := c.Lookup(t.Context(), "fabrikam.test")
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Entries) != 1 || r.Entries[0].URL != moved || !r.Entries[0].Scoped || !r.Entries[0].Sealed || r.Entries[0].Directory != "ldap://dc1.fabrikam.test:389" {
			t.Errorf("%+v, want %s of fabrikam's directory, scoped and sealed", r.Entries, moved)
		}
	}, bindInTLS)
}

func TestWhatADomainControllerRefuses(t *testing.T) {
	tests := []struct {
		name string
		with func(*scp.Client)
		want string
	}{
		{"an anonymous search", func(c *scp.Client) { c.Bind = scp.Bind{} }, "the directory may want somebody to sign in"},
		{"a wrong password", func(c *scp.Client) { c.Bind.Password = trust.NewSecret("wrong") }, "Invalid Credentials"},
		{"a ticket without a signature in TLS, where nobody has told Samba to take it", func(c *scp.Client) {
			c.Domain, c.Directories = "fabrikam.test", []string{"ldaps://dc1.fabrikam.test"}
			c.Bind = scp.Bind{Kerberos: &scp.Kerberos{CCache: ccache2, Config: krb5conf}}
		}, "Strong Auth Required"},
		{"a ticket for a service that its realm does not know", func(c *scp.Client) {
			c.Directories = []string{"ldaps://dc1.fabrikam.test"}
			c.Bind = scp.Bind{Kerberos: &scp.Kerberos{CCache: ccache, Config: krb5conf}}
		}, "KDC_ERR_S_PRINCIPAL_UNKNOWN"},
		{"an authority that this machine does not know", func(c *scp.Client) { c.RootCAs = fabrikam.roots }, "certificate signed by unknown authority"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := member()
			tt.with(&c)
			r, err := c.Lookup(t.Context(), "contoso.test")
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(r.Entries) > 0 {
				t.Errorf("%q and %v, want %q", urls(r), err, tt.want)
			}
		})
	}
}

func TestSRVRecords(t *testing.T) {
	tests := []struct {
		name, dns, domain string
		peer              func() *peer
		log               string
		want              []string
	}{
		{"of Samba's DNS", "127.77.0.1:" + dnsPort, "contoso.test", func() *peer { return contoso.peer }, "_autodiscover._tcp.contoso.test",
			[]string{"ex3.contoso.test.:80", "ex1.contoso.test.:443", "ex2.contoso.test.:443"}},
		{"of Samba's DNS, through dnsmasq", "127.77.0.9:10054", "contoso.test", func() *peer { return dnsmasq }, "query[SRV] _autodiscover._tcp.contoso.test",
			[]string{"ex3.contoso.test.:80", "ex1.contoso.test.:443", "ex2.contoso.test.:443"}},
		{"of dnsmasq", "127.77.0.9:10054", "tailspin.test", func() *peer { return dnsmasq }, "query[SRV] _autodiscover._tcp.tailspin.test",
			[]string{"mail1.tailspin.test.:443", "mail2.tailspin.test.:443"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.peer().saw(t, func() {
				records, err := lookupSRV(resolver(tt.dns))(t.Context(), "autodiscover", "tcp", tt.domain)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, r := range records {
					got = append(got, fmt.Sprintf("%s:%d", r.Target, r.Port))
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("%q, want %q", got, tt.want)
				}
			}, tt.log)
		})
	}
}
