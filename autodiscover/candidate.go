package autodiscover

import (
	"context"
	"fmt"
	"slices"

	"github.com/homing-mail/homing/internal/trust"
)

// path is where a host serves plain-old-XML Autodiscover ([MS-OXDSCLI] 3.2.5).
const path = "/autodiscover/autodiscover.xml"

// Source says who announced a candidate ([MS-OXDISCO] 3.1.5). The names are those
// of the Exclude values of Outlook's policies in small letters:
// ExcludeScpLookup, ExcludeHttpsRootDomain and so on.
type Source string

const (
	SourceProfile      Source = "last-known-good-url"       // the URL that issued the profile's settings
	SourceConfigured   Source = "configured-url"            // named by an administrator
	SourceSCP          Source = "scp-lookup"                // service connection points of a directory ([MS-OXDISCO] 3.1.5.1)
	SourceAutodiscover Source = "https-autodiscover-domain" // autodiscover.<domain> ([MS-OXDISCO] 3.1.5.2)
	SourceRoot         Source = "https-root-domain"         // <domain> ([MS-OXDISCO] 3.1.5.2)
	SourceHTTP         Source = "http-redirect"             // a GET in the clear ([MS-OXDISCO] 3.1.5.4)
	SourceSRV          Source = "srv-record"                // DNS ([MS-OXDISCO] 3.1.5.3)
	SourceMicrosoft365 Source = "explicit-o365-endpoint"    // its well-known endpoints
)

// Sources returns every source in the order of rank.
func Sources() []Source {
	var out []Source
	for _, s := range new(discovery).sources(search{}) {
		out = append(out, s.name)
	}
	return out
}

// Candidate is a place to ask.
type Candidate struct {
	URL    string
	How    How
	Source Source // empty: in Query.First, configured-url for FromConfiguration, else last-known-good-url
}

// search is what candidates are wanted for: the mail domain, or the domain of a
// redirectAddr.
type search struct {
	domain  string
	how     How         // by which the two hosts of the domain become known
	from    string      // host:port that named the domain; empty for the mail domain
	first   []Candidate // Query.First
	changes int         // of the address so far
	idle    bool        // nobody had signed in for the redirectAddr
}

// lookup finds candidates and notes in step what it met. No candidate and no
// error is nothing announced; candidates beside an error count.
type lookup func(ctx context.Context, s search, step *Step) ([]Candidate, error)

// source is one row of the table: candidates that stand, or a look-up.
type source struct {
	name   Source
	stands []Candidate
	lookup lookup
	early  bool   // the look-up starts with the race and not in its turn, as it costs no host of the domain a request
	off    string // why it is not asked; empty: it is
}

// sources is the one table of the order. autodiscover.<domain> stands before
// <domain>, which is mostly a web site whose firewall lets connections hang. What
// is learned in the clear comes after what TLS vouches for.
func (d *discovery) sources(s search) []source {
	table := []source{
		{name: SourceProfile, stands: s.firstOf(SourceProfile)},
		{name: SourceConfigured, stands: s.firstOf(SourceConfigured)},
		{name: SourceSCP, lookup: d.directory, early: true, off: unless(d.SCP != nil, "this machine has no directory")},
		{name: SourceAutodiscover, stands: []Candidate{{URL: "https://autodiscover." + s.domain + path, How: s.how}}},
		{name: SourceRoot, stands: []Candidate{{URL: "https://" + s.domain + path, How: s.how}}},
		{name: SourceHTTP, lookup: d.clearRedirect},
		{name: SourceSRV, lookup: d.records, early: true, off: unless(d.Network.HasSRV(), "this network has no DNS to ask")},
		{name: SourceMicrosoft365, lookup: d.hint, stands: microsoft365(), off: unless(d.query.Microsoft365, "no policy asks Microsoft 365")},
	}
	for i := range table {
		row := &table[i]
		for k := range row.stands {
			row.stands[k].Source = row.name
		}
		if slices.Contains(d.query.Exclude, row.name) {
			row.off = "switched off"
		}
		if row.off != "" {
			row.stands, row.lookup = nil, nil
		}
	}
	return table
}

// firstOf returns those of Query.First that belong to a source.
func (s search) firstOf(name Source) []Candidate {
	var out []Candidate
	for _, c := range s.first {
		of := c.Source
		if of == "" && c.How == trust.FromConfiguration {
			of = SourceConfigured
		}
		if (of == SourceConfigured) == (name == SourceConfigured) {
			out = append(out, c)
		}
	}
	return out
}

// microsoft365 are the endpoints that serve plain-old XML for any domain. The
// national clouds have others, which are named by configuration.
func microsoft365() []Candidate {
	return []Candidate{
		{URL: "https://autodiscover-s.outlook.com" + path, How: trust.FromMicrosoft365},
		{URL: "https://outlook.office365.com" + path, How: trust.FromMicrosoft365},
	}
}

func unless(ok bool, why string) string {
	if ok {
		return ""
	}
	return why
}

// directory looks up service connection points ([MS-OXDISCO] 3.1.5.1).
func (d *discovery) directory(ctx context.Context, s search, _ *Step) ([]Candidate, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, directoryLimit, late(directoryLimit))
	defer cancel()
	found, err := d.SCP(ctx, s.domain)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		err = fmt.Errorf("the directory cannot be asked: %w", err)
	}
	return found, err // what was found before it failed counts
}
