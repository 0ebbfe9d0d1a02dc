package scp

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func endpoint(url string, keywords ...string) object {
	return object{dn: "CN=" + url, keywords: append([]string{guidURL}, keywords...), bindings: []string{url}}
}

func pointer(url string, keywords ...string) object {
	return object{dn: "CN=" + url, keywords: append([]string{guidPointer}, keywords...), bindings: []string{url}}
}

const (
	ex1 = "https://ex1.contoso.test/autodiscover/autodiscover.xml"
	ex2 = "https://ex2.contoso.test/autodiscover/autodiscover.xml"
	ex3 = "https://ex3.contoso.test/autodiscover/autodiscover.xml"
)

func TestOrder(t *testing.T) {
	entry := func(url string, rank Rank, sites ...string) Entry { return Entry{URL: url, Rank: rank, Sites: sites} }
	tests := []struct {
		name     string
		site     string
		objects  []object
		entries  []Entry
		scoped   []string
		fallback []string
		notes    []Note
	}{
		{name: "an empty directory announces nothing"},
		{name: "the own site comes first, then no site, then another", site: "Paris",
			objects: []object{endpoint(ex1, "Site=Rome"), endpoint(ex2), endpoint(ex3, "Site=Paris")},
			entries: []Entry{entry(ex3, OwnSite, "Paris"), entry(ex2, AnySite), entry(ex1, OtherSite, "Rome")}},
		{name: "one of several sites is enough", site: "Paris",
			objects: []object{endpoint(ex1, "Site=Rome", "Site=Lyon"), endpoint(ex2, "Site=Rome", "Site=Paris")},
			entries: []Entry{entry(ex2, OwnSite, "Rome", "Paris"), entry(ex1, OtherSite, "Rome", "Lyon")}},
		{name: "case and spaces in the name of a site do not count", site: "saint denis",
			objects: []object{endpoint(ex1), endpoint(ex2, " site = Saint Denis ")},
			entries: []Entry{entry(ex2, OwnSite, "Saint Denis"), entry(ex1, AnySite)}},
		{name: "a site that begins alike is another", site: "Paris",
			objects: []object{endpoint(ex1, "Site=Paris-2")},
			entries: []Entry{entry(ex1, OtherSite, "Paris-2")}},
		{name: "whoever does not know its site prefers nothing", site: "",
			objects: []object{endpoint(ex1, "Site=Rome"), endpoint(ex2), endpoint(ex3, "Site=Paris")},
			entries: []Entry{entry(ex1, AnySite, "Rome"), entry(ex2, AnySite), entry(ex3, AnySite, "Paris")}},
		{name: "an endpoint that is registered twice keeps its best rank", site: "Paris",
			objects: []object{endpoint("HTTPS://EX1.contoso.test/autodiscover/autodiscover.xml", "Site=Rome"), endpoint(ex2), endpoint(ex1, "Site=Paris")},
			entries: []Entry{entry(ex1, OwnSite, "Paris"), entry(ex2, AnySite)}},
		{name: "the identifiers are read in any case",
			objects: []object{{dn: "CN=a", keywords: []string{"77378f46-2c66-4AA9-a6a6-3e7a48b19596"}, bindings: []string{ex1}},
				{dn: "CN=b", keywords: []string{"67661D7F-8fc4-4FA7-bfac-e1d7794c1f68"}, bindings: []string{"ldap://dc1.fabrikam.test"}}},
			entries: []Entry{entry(ex1, AnySite)}, fallback: []string{"ldap://dc1.fabrikam.test:389"}},
		{name: "what is no address of an endpoint is told and left out",
			objects: []object{endpoint("mail"), endpoint("ftp://ex1.contoso.test/"), endpoint("https:///autodiscover.xml"), endpoint("https://ex 1/"), endpoint(" " + ex1 + " ")},
			entries: []Entry{entry(ex1, AnySite)},
			notes: []Note{{Object: "CN=mail", What: `"mail" is no address of an endpoint`},
				{Object: "CN=ftp://ex1.contoso.test/", What: `"ftp://ex1.contoso.test/" is no address of an endpoint`},
				{Object: "CN=https:///autodiscover.xml", What: `"https:///autodiscover.xml" is no address of an endpoint`},
				{Object: "CN=https://ex 1/", What: `"https://ex 1/" is no address of an endpoint`}}},
		{name: "what would move a cursor is not printed",
			objects: []object{{dn: "CN=\x1b[2J", keywords: []string{guidURL, "Site=\x07"}, bindings: []string{"mail\x1b[2J", ex1}}},
			entries: []Entry{entry(ex1, AnySite, "\ufffd")},
			notes:   []Note{{Object: "CN=\ufffd[2J", What: "\"mail\ufffd[2J\" is no address of an endpoint"}}},
		{name: "an address in the clear is passed on, for the rules to refuse",
			objects: []object{endpoint("http://ex1.contoso.test/autodiscover/autodiscover.xml")},
			entries: []Entry{entry("http://ex1.contoso.test/autodiscover/autodiscover.xml", AnySite)}},
		{name: "an object without a value announces nothing",
			objects: []object{{dn: "CN=a", keywords: []string{guidURL}}, {dn: "CN=b", keywords: []string{guidPointer}}}},
		{name: "an object without an identifier is told",
			objects: []object{{dn: "CN=a", keywords: []string{"Site=Paris"}, bindings: []string{ex1}}},
			notes:   []Note{{Object: "CN=a", What: "it has the keyword of neither an endpoint nor a pointer"}}},
		{name: "a pointer for the mail domain is scoped",
			objects: []object{endpoint(ex1), pointer("LDAP://dc1.fabrikam.test", " domain = Contoso.Test. ")},
			entries: []Entry{entry(ex1, AnySite)}, scoped: []string{"ldap://dc1.fabrikam.test:389"}},
		{name: "a pointer for several domains is scoped for each",
			objects: []object{pointer("LDAP://dc1.fabrikam.test", "Domain=tailspin.test", "Domain=contoso.test")},
			scoped:  []string{"ldap://dc1.fabrikam.test:389"}},
		{name: "a pointer for another domain is not for us",
			objects: []object{pointer("LDAP://dc1.fabrikam.test", "Domain=fabrikam.test"), pointer("LDAP://dc1.fabrikam.test", "Domain=sub.contoso.test")},
			notes: []Note{{Object: "CN=LDAP://dc1.fabrikam.test", What: "the pointer is not for contoso.test"},
				{Object: "CN=LDAP://dc1.fabrikam.test", What: "the pointer is not for contoso.test"}}},
		{name: "a pointer without a further keyword is for the case that there is nothing else",
			objects:  []object{pointer("LDAP://dc1.fabrikam.test:3268")},
			fallback: []string{"ldap://dc1.fabrikam.test:3268"}},
		{name: "a pointer with a keyword that is no domain is no fallback",
			objects: []object{pointer("LDAP://dc1.fabrikam.test", "Site=Paris")},
			notes:   []Note{{Object: "CN=LDAP://dc1.fabrikam.test", What: "the pointer is not for contoso.test"}}},
		{name: "a pointer to no directory is told",
			objects: []object{pointer("LDAP:///CN=Configuration,DC=fabrikam,DC=test"), pointer("https://dc1.fabrikam.test", "Domain=contoso.test")},
			notes: []Note{{Object: "CN=LDAP:///CN=Configuration,DC=fabrikam,DC=test", What: `"LDAP:///CN=Configuration,DC=fabrikam,DC=test": it names no directory: ldaps://HOST[:PORT] or ldap://HOST[:PORT]`},
				{Object: "CN=https://dc1.fabrikam.test", What: `"https://dc1.fabrikam.test": it names no directory: ldaps://HOST[:PORT] or ldap://HOST[:PORT]`}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := order(tt.objects, "contoso.test", tt.site)
			if diff := cmp.Diff(tt.entries, o.entries); diff != "" {
				t.Errorf("endpoints (-want +got):\n%s", diff)
			}
			if got := written(o.scoped); !slices.Equal(got, tt.scoped) {
				t.Errorf("scoped pointers %q, want %q", got, tt.scoped)
			}
			if got := written(o.fallback); !slices.Equal(got, tt.fallback) {
				t.Errorf("pointers for all %q, want %q", got, tt.fallback)
			}
			if diff := cmp.Diff(tt.notes, o.notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

func written(places []place) []string {
	var all []string
	for _, p := range places {
		all = append(all, p.String())
	}
	return all
}

func TestParsePlace(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"a directory as Exchange writes it", "LDAP://dc1.fabrikam.test", "ldap://dc1.fabrikam.test:389"},
		{"capitals and a trailing dot", "LDAP://DC1.Fabrikam.test.", "ldap://dc1.fabrikam.test:389"},
		{"a distinguished name behind it", "ldap://dc1.fabrikam.test/CN=Configuration,DC=fabrikam,DC=test??sub", "ldap://dc1.fabrikam.test:389"},
		{"TLS from the first byte on", "ldaps://dc1.fabrikam.test", "ldaps://dc1.fabrikam.test:636"},
		{"a port that speaks TLS", "LDAP://dc1.fabrikam.test:636", "ldaps://dc1.fabrikam.test:636"},
		{"the global catalogue", "LDAP://dc1.fabrikam.test:3268", "ldap://dc1.fabrikam.test:3268"},
		{"the global catalogue within TLS", "LDAP://dc1.fabrikam.test:3269", "ldaps://dc1.fabrikam.test:3269"},
		{"surrounding spaces", " ldap://dc1.fabrikam.test ", "ldap://dc1.fabrikam.test:389"},
		{"an address of the sixth version", "ldaps://[fd00::1]", "ldaps://[fd00::1]:636"},
		{"no host", "LDAP:///DC=fabrikam", ""},
		{"no scheme", "dc1.fabrikam.test", ""},
		{"another scheme", "https://dc1.fabrikam.test", ""},
		{"a user", "ldap://ann@dc1.fabrikam.test", ""},
		{"a port that is none", "ldap://dc1.fabrikam.test:ldap", ""},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := parsePlace(tt.in)
			if tt.want == "" {
				if !errors.Is(err, errNoDirectory) {
					t.Fatalf("%v, %v; want that it names no directory", p, err)
				}
			} else if err != nil || p.String() != tt.want {
				t.Errorf("%v, %v; want %s", p, err, tt.want)
			}
		})
	}
}

// An order is a permutation of what it was given, best ranks first.
func FuzzOrder(f *testing.F) {
	f.Add(guidURL, "Site=Paris", ex1, "Paris")
	f.Add(guidPointer, "Domain=contoso.test", "LDAP://dc1.fabrikam.test", "")
	f.Fuzz(func(t *testing.T, guid, keyword, binding, site string) {
		o := order([]object{{"CN=a", []string{guid, keyword}, []string{binding}}, endpoint(ex1, keyword), endpoint(ex2, "Site="+site)}, "contoso.test", site)
		if !slices.IsSortedFunc(o.entries, func(a, b Entry) int { return int(a.Rank) - int(b.Rank) }) {
			t.Errorf("endpoints out of order: %v", o.entries)
		}
		for _, url := range []string{ex1, ex2} {
			n := 0
			for _, e := range o.entries {
				if e.URL == url {
					n++
				}
			}
			if n > 1 {
				t.Errorf("%s stands %d times", url, n)
			}
		}
		for _, p := range slices.Concat(o.scoped, o.fallback) {
			if q, err := parsePlace(p.String()); err != nil || q.address() != p.address() || q.tls != p.tls {
				t.Errorf("%v is read back as %v, %v", p, q, err)
			}
		}
	})
}
