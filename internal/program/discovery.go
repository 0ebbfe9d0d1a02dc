package program

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/mailaddr"
	"github.com/homing-mail/homing/internal/scp"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// Discovery is where the service is looked for.
type Discovery struct {
	// URL is asked for every mail domain, after the one that has issued a
	// profile's settings and before whatever the network announces.
	URL string `toml:"url"`
	// Exclude are the sources that are switched off.
	Exclude []autodiscover.Source `toml:"exclude"`
	// Microsoft365 has the endpoints of Microsoft 365 asked. Whether they receive
	// credentials is said by trust.microsoft365.
	Microsoft365 bool `toml:"microsoft365"`
	// Directories are asked for service connection points: "ldaps://dc1.contoso.test".
	// None: those that DNS names for Domain.
	Directories []string `toml:"directories"`
	// Domain is the Active Directory domain of this machine; empty: the one that it
	// is a member of, if it is.
	Domain string `toml:"domain"`
	// Site is the Active Directory site of this machine; empty: the directory is
	// asked for it.
	Site string `toml:"site"`
	// Bind is how to sign in to the directories: kerberos, simple or anonymous.
	Bind string `toml:"bind"`
	// BindName and BindSecret are whose sign-in a simple bind is, and the reference
	// of its secret as in a profile.
	BindName   string `toml:"bind_name"`
	BindSecret string `toml:"bind_secret"`
}

// maxSite is the longest name of a site ([MS-ADA1] 2.110: rangeUpper of cn).
const maxSite = 64

// check returns the first key whose value makes no sense, and why.
func (d Discovery) check() (key, why string) {
	if d.URL != "" {
		hop, err := trust.Step("", "", d.URL, trust.FromConfiguration)
		if e, ok := trust.IsUntrusted(err); ok {
			return "discovery.url", fmt.Sprintf("%q cannot be asked: %s", d.URL, e.Why)
		}
		if verdict, why := (trust.Rules{}).Judge(hop); verdict == trust.Refuse {
			return "discovery.url", fmt.Sprintf("%q cannot be asked: %s", d.URL, why)
		}
	}
	for _, source := range d.Exclude {
		if !slices.Contains(autodiscover.Sources(), source) {
			return "discovery.exclude", fmt.Sprintf("%q is no source", source)
		}
	}
	for _, directory := range d.Directories {
		u, err := url.Parse(directory)
		switch {
		case err != nil || u.Hostname() == "" || u.Scheme != "ldap" && u.Scheme != "ldaps":
			return "discovery.directories", fmt.Sprintf("%q is no address of a directory", directory)
		case u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
			return "discovery.directories", fmt.Sprintf("%q says more than a host and a port", directory)
		}
	}
	if d.Domain != "" {
		if _, _, err := mailaddr.ParseAddress("x@" + d.Domain); err != nil {
			return "discovery.domain", fmt.Sprintf("%q is no domain", d.Domain)
		}
	}
	if len(d.Site) > maxSite || strings.ContainsFunc(d.Site, unicode.IsControl) {
		return "discovery.site", fmt.Sprintf("%q is no name of a site", d.Site)
	}
	switch {
	case d.Bind != "kerberos" && d.Bind != "simple" && d.Bind != "anonymous":
		return "discovery.bind", fmt.Sprintf("%q is no way to sign in", d.Bind)
	case d.Bind == "simple" && (d.BindName == "" || d.BindSecret == ""):
		return "discovery.bind", `"simple" needs discovery.bind_name and discovery.bind_secret`
	}
	if err := (profile.LoginRef{User: "x", Secret: d.BindSecret}).Validate(); err != nil {
		return "discovery.bind_secret", err.Error()
	}
	return "", ""
}

// Discover asks DiscoverClient, at the places and by the sources that the
// configuration names.
func (p *Program) Discover(ctx context.Context, q autodiscover.Query) (*autodiscover.Result, error) {
	return p.DiscoverClient.Discover(ctx, p.Config.Discovery.lay(q))
}

// directories returns the client of this machine's directories, without a
// sign-in, and whether it has any.
func (c Config) directories(n autodiscover.Network, log *slog.Logger) (scp.Client, bool) {
	d := c.Discovery
	client := scp.Client{
		Directories: d.Directories, Domain: cmp.Or(d.Domain, scp.MachineDomain()), Site: d.Site,
		RootCAs: n.RootCAs, Dial: n.Dial, LookupSRV: n.SRV, Logger: log,
	}
	return client, len(d.Directories) > 0 || client.Domain != "" && n.HasSRV()
}

// Directories asks the directories of this machine which endpoints they announce
// for a mail domain, signed in as the configuration says.
func (p *Program) Directories(ctx context.Context, mailDomain string) (scp.Report, error) {
	client, _ := p.Config.directories(p.DiscoverClient.Network, p.Log)
	switch d := p.Config.Discovery; d.Bind {
	case "kerberos":
		client.Bind.Kerberos = new(scp.Kerberos)
	case "simple":
		secret, err := p.Secrets.Get(ctx, d.BindSecret)
		if err != nil {
			return scp.Report{}, fmt.Errorf("the sign-in for the directories: %w", err)
		}
		client.Bind.Name, client.Bind.Password = d.BindName, secret
	}
	return client.Lookup(ctx, mailDomain)
}

// announced is Directories as an autodiscover.Client asks it.
func (p *Program) announced(ctx context.Context, mailDomain string) ([]autodiscover.Candidate, error) {
	report, err := p.Directories(ctx, mailDomain)
	return candidates(report), err
}

func candidates(r scp.Report) []autodiscover.Candidate {
	var out []autodiscover.Candidate
	for _, e := range r.Entries {
		how := trust.FromUnsealedDirectory
		if e.Sealed {
			how = trust.FromDirectory
		}
		out = append(out, autodiscover.Candidate{URL: e.URL, How: how, Source: autodiscover.SourceSCP})
	}
	return out
}

// lay returns q with what d says of it.
func (d Discovery) lay(q autodiscover.Query) autodiscover.Query {
	if d.URL != "" {
		q.First = append(slices.Clone(q.First), autodiscover.Candidate{
			URL: d.URL, How: trust.FromConfiguration, Source: autodiscover.SourceConfigured,
		})
	}
	q.Exclude = append(slices.Clone(q.Exclude), d.Exclude...)
	q.Microsoft365 = q.Microsoft365 || d.Microsoft365
	return q
}
