package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/trust"
)

// checkHoster tells of web sites where Autodiscover is looked for. What a host
// would answer to a sign-in is not tried.
func checkHoster(f facts) diagnosis {
	var evidence, hosts, remedies []string
	for _, p := range f.Probes {
		remedy := `the web hoster answers 404 for /autodiscover/; until then: discovery.exclude = ["https-root-domain"], and for Outlook ExcludeHttpsRootDomain=1`
		switch p.Source {
		case autodiscover.SourceAutodiscover:
			remedy = `an administrator points autodiscover of the mail domain at the service, or takes it out of DNS (where a record for * may lead it to the hoster); until then: discovery.exclude = ["https-autodiscover-domain"], and for Outlook ExcludeHttpsAutoDiscoverDomain=1`
		case autodiscover.SourceRoot:
		default:
			continue
		}
		for _, s := range p.Steps {
			at, known := hostOf(f, s.URL)
			if s.By == "" || s.Signed || s.Skipped || s.Source != p.Source || slices.Contains(hosts, at.Host) {
				continue
			}
			said := hosted(f, p, s, at)
			if said == "" {
				continue
			}
			line := fmt.Sprintf("%s (%s) %s", s.URL, s.Source, said)
			if at.Server != "" {
				line += "; its Server header says " + at.Server
			}
			evidence, remedies = append(evidence, line), appendNew(remedies, remedy)
			if known {
				hosts = append(hosts, at.Host)
			}
		}
	}
	return diagnosis{evidence: evidence, remedy: strings.Join(remedies, "; ")}
}

// hosted says by what a step is known to have met a web hoster; empty: it is not.
func hosted(f facts, p probe, s autodiscover.Step, at hostFact) string {
	own, others := f.divide(at.Names)
	switch {
	case s.HTTPStatus == http.StatusOK:
		said := s.Err
		if e, ok := asDiscovery(p.Err); said == "" && ok && e.Kind == autodiscover.NoUsableProtocol {
			said = e.Err.Error()
		}
		if said == "" {
			return ""
		}
		return "answers HTTP 200 to everybody: " + said
	case s.HTTPStatus == http.StatusUnauthorized:
		// A service asks at its own path alone, and offers more where it asks everywhere.
		if at.Status != http.StatusUnauthorized || len(at.Schemes) == 0 || f.settled(s.URL) ||
			slices.ContainsFunc(at.Schemes, func(scheme string) bool { return scheme != "basic" && scheme != "digest" }) {
			return ""
		}
		return fmt.Sprintf("asks for a sign-in (%s), and so does %s, which nobody serves: the site as a whole is locked. Whether a service is behind it is not known", strings.Join(at.Schemes, ", "), nowhere)
	case s.HTTPStatus/100 == 3 && s.Said == "" && at.Location != nil && at.Status/100 == 3 && !f.belongs(at.Location.Hostname()):
		return fmt.Sprintf("answers %s, and sends every path on to %s, outside the mail domain", answered(s), printableHeader(at.Location.Hostname()))
	case (s.HTTPStatus == http.StatusForbidden || s.HTTPStatus == http.StatusNotFound) && s.Source == autodiscover.SourceAutodiscover && len(others) > 0:
		return fmt.Sprintf("answers HTTP %d, with a certificate for %s besides: it is known by that alone, as a host of others, too", s.HTTPStatus, strings.Join(others, " "))
	case s.HTTPStatus == 0 && len(others) > 0 && len(own) == 0 && (s.Source == autodiscover.SourceRoot || slices.Equal(at.Names, f.rootNames())):
		if fault, _ := certFaultOf(at.Err); fault == certName {
			return fmt.Sprintf("offers a certificate for %s, as a web hoster does for sites that it has none for. What it answers was not looked at", strings.Join(others, " "))
		}
	}
	return ""
}

// divide tells the names of the mail domain's organisation from others.
func (f facts) divide(names []string) (own, others []string) {
	for _, name := range names {
		if f.belongs(strings.TrimPrefix(name, "*.")) {
			own = append(own, name)
		} else {
			others = append(others, name)
		}
	}
	return own, others
}

// belongs reports whether a host has the registrable domain of the mail domain.
func (f facts) belongs(host string) bool {
	_, domain, _ := strings.Cut(f.Address, "@")
	return trust.Realm(host) == trust.Realm(domain)
}

// settled reports whether the host of a URL has answered settings for the mailbox.
func (f facts) settled(rawURL string) bool {
	return slices.ContainsFunc(claims(f), func(c claim) bool { return brief(c.service) == brief(rawURL) })
}

// rootNames are the names of the certificate of the mail domain itself.
func (f facts) rootNames() []string {
	for _, h := range f.Hosts {
		if h.Source == autodiscover.SourceRoot {
			return h.Names
		}
	}
	return nil
}

func hostOf(f facts, rawURL string) (hostFact, bool) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return hostFact{}, false
	}
	i := slices.IndexFunc(f.Hosts, func(h hostFact) bool { return h.Host == trust.HostPort(u) })
	if i < 0 {
		return hostFact{}, false
	}
	return f.Hosts[i], true
}
