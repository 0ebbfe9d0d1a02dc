package autodiscover

import "slices"

// path is where a host serves plain-old-XML Autodiscover ([MS-OXDSCLI] 3.2.5).
const path = "/autodiscover/autodiscover.xml"

// candidates returns the places to ask, in order: first, then the two hosts of
// the mail domain ([MS-OXDISCO] 3.1.5.2), which become known by how. This is the
// one table of the order; a further source (a directory, DNS SRV) is a line in
// it. autodiscover.<domain> stands before <domain>, which is mostly a web site
// whose firewall costs a connect time-out.
func candidates(first []Candidate, domain string, how How) []Candidate {
	return slices.Concat(
		first,
		[]Candidate{
			{URL: "https://autodiscover." + domain + path, How: how},
			{URL: "https://" + domain + path, How: how},
		},
	)
}
