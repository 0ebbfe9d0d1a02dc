package scp

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// What marks a service connection point of Autodiscover among its keywords
// ([MS-OXDISCO] 3.1.5.1).
const (
	guidURL     = "77378F46-2C66-4aa9-A6A6-3E7A48B19596"
	guidPointer = "67661d7F-8FC4-4fa7-BFAC-E1D7794C1F68"
)

// Rank is how near an endpoint is to this machine; the lowest is tried first.
type Rank int

const (
	OwnSite   Rank = iota + 1 // registered for the site of this machine
	AnySite                   // registered for no site, or the machine does not know its own
	OtherSite                 // registered for other sites only
)

// object is a service connection point as the directory holds it.
type object struct {
	dn       string
	keywords []string
	bindings []string // serviceBindingInformation
}

// ordering is what the objects of one directory mean for one mail domain.
type ordering struct {
	scoped   []place // pointers for the mail domain: these come instead of the endpoints
	entries  []Entry
	fallback []place // pointers for everybody: only where there is no endpoint
	notes    []Note
}

// order reads the objects of one directory, for a mailbox of mailDomain on a
// machine of site (empty: unknown), as [MS-OXDISCO] 3.1.5.1 says. Where that leaves
// a choice it is as Microsoft's own clients do it: a pointer with
// Domain=<mailDomain> is followed in place of everything else, one without any
// further keyword only where there is no endpoint at all. Endpoints of one rank
// keep the order of the directory.
func order(objects []object, mailDomain, site string) ordering {
	var o ordering
	for _, obj := range objects {
		switch {
		case has(obj.keywords, guidPointer):
			o.pointer(obj, mailDomain)
		case has(obj.keywords, guidURL):
			o.endpoint(obj, site)
		default:
			o.note(obj, "it has the keyword of neither an endpoint nor a pointer")
		}
	}
	slices.SortStableFunc(o.entries, func(a, b Entry) int { return cmp.Compare(a.Rank, b.Rank) })
	known := map[string]bool{}
	o.entries = slices.DeleteFunc(o.entries, func(e Entry) bool {
		key := strings.ToLower(e.URL)
		defer func() { known[key] = true }()
		return known[key]
	})
	return o
}

func (o *ordering) pointer(obj object, mailDomain string) {
	domains := values(obj.keywords, "Domain")
	mine := slices.ContainsFunc(domains, func(d string) bool {
		return mailDomain != "" && strings.EqualFold(strings.TrimSuffix(d, "."), mailDomain)
	})
	if !mine && len(obj.keywords) > 1 {
		o.note(obj, fmt.Sprintf("the pointer is not for %s", mailDomain))
		return
	}
	for _, value := range obj.bindings {
		p, err := parsePlace(value)
		switch {
		case err != nil:
			o.note(obj, err.Error())
		case mine:
			o.scoped = append(o.scoped, p)
		default:
			o.fallback = append(o.fallback, p)
		}
	}
}

func (o *ordering) endpoint(obj object, site string) {
	sites := values(obj.keywords, "Site")
	rank := OtherSite
	switch {
	case site == "" || len(sites) == 0:
		rank = AnySite
	case has(sites, site):
		rank = OwnSite
	}
	for _, value := range obj.bindings {
		value = strings.TrimSpace(value)
		u, err := url.Parse(value)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
			o.note(obj, fmt.Sprintf("%q is no address of an endpoint", clip(value)))
			continue
		}
		o.entries = append(o.entries, Entry{URL: value, Sites: sites, Rank: rank})
	}
}

func (o *ordering) note(obj object, what string) {
	o.notes = append(o.notes, Note{Object: clip(obj.dn), What: what})
}

// has reports whether one of keywords is the wanted one; case and surrounding
// spaces do not count.
func has(keywords []string, wanted string) bool {
	return slices.ContainsFunc(keywords, func(k string) bool {
		return strings.EqualFold(strings.TrimSpace(k), strings.TrimSpace(wanted))
	})
}

// values returns what the keywords of the form name=value hold.
func values(keywords []string, name string) []string {
	var found []string
	for _, k := range keywords {
		key, value, ok := strings.Cut(k, "=")
		if value = clip(strings.TrimSpace(value)); ok && value != "" && strings.EqualFold(strings.TrimSpace(key), name) {
			found = append(found, value)
		}
	}
	return found
}

// place is where a directory listens.
type place struct {
	tls  bool // from the first byte on, not by StartTLS
	host string
	port string // empty: 389, or 636 with tls
}

var errNoDirectory = errors.New("it names no directory: ldaps://HOST[:PORT] or ldap://HOST[:PORT]")

// parsePlace reads ldap://host[:port] or ldaps://host[:port], as pointers,
// referrals and the configuration have it. A distinguished name behind it is
// ignored: the search begins at the rootDSE. Ports 636 and 3269 speak TLS whatever
// the scheme says.
func parsePlace(s string) (place, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Scheme != "ldap" && u.Scheme != "ldaps" || u.Hostname() == "" || u.User != nil {
		return place{}, fmt.Errorf("%q: %w", clip(s), errNoDirectory)
	}
	p := place{host: strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), port: u.Port()}
	p.tls = u.Scheme == "ldaps" || p.port == "636" || p.port == "3269"
	return p, nil
}

func (p place) address() string {
	port := p.port
	if port == "" {
		port = "389"
		if p.tls {
			port = "636"
		}
	}
	return net.JoinHostPort(p.host, port)
}

func (p place) String() string {
	if p.tls {
		return "ldaps://" + p.address()
	}
	return "ldap://" + p.address()
}

// clip shortens what somebody else wrote, for a message.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return printable(s)
}

// printable replaces what would make a terminal do something else than print.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
