package scp

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/homing-mail/homing/internal/mailaddr"
	"github.com/homing-mail/homing/internal/trust"
)

// Limits on one look-up.
const (
	maxTime        = 10 * time.Second // in all
	connectTimeout = 4 * time.Second  // name look-up and TCP connect
	tlsTimeout     = 5 * time.Second
	dnsTimeout     = 3 * time.Second
	maxDirectories = 10       // asked in all; Microsoft's clients allow as many hops
	maxControllers = 3        // tried of those that DNS names for one domain
	maxObjects     = 200      // service connection points of one directory
	maxValue       = 64 << 10 // bytes of one value
	maxBytes       = 16 << 20 // read from one connection
	maxMessage     = 64 << 10 // bytes of an answer of a KDC
)

// Client looks endpoints up in directories. The zero value knows none, and
// announces nothing.
type Client struct {
	// Directories are tried until one answers: ldaps://HOST[:PORT], or
	// ldap://HOST[:PORT], which begins with StartTLS. None: the domain controllers
	// that DNS names for Domain.
	Directories []string
	// Domain is the Active Directory domain of this machine, a DNS name. Empty: it
	// is a member of none.
	Domain string
	// Site is the Active Directory site of this machine. Empty: the first directory
	// is asked for it.
	Site string
	// Bind is how to sign in to the directories of the configuration and of
	// Domain. Elsewhere it counts only if it is Kerberos.
	Bind Bind
	// Elsewhere is how to sign in to hosts that a pointer or a referral leads to, by
	// host name in lower case; to others anonymously.
	Elsewhere map[string]Bind
	// RootCAs verify certificates; nil: those of the system.
	RootCAs *x509.CertPool
	// Dial replaces the dialer; nil dials the system's network.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// LookupSRV replaces the resolver for _service._proto.name; nil asks that of
	// the system.
	LookupSRV func(ctx context.Context, service, proto, name string) ([]*net.SRV, error)
	// Logger takes what happens, without secrets; nil discards it.
	Logger *slog.Logger
}

// Bind is how to sign in to a directory. The zero value does not: the bind is
// anonymous. A Bind is never sent in the clear.
type Bind struct {
	// Name and Password bind simply (RFC 4513 5.1.3): a distinguished name or, in
	// Active Directory, user@domain. An empty Name: no simple bind.
	Name     string
	Password trust.Secret
	// Kerberos binds by GSSAPI (RFC 4752); nil: not. It comes before Name.
	Kerberos *Kerberos
}

func (b Bind) anonymous() bool { return b.Kerberos == nil && b.Name == "" }

func (b Bind) String() string {
	switch {
	case b.Kerberos != nil:
		return "GSSAPI"
	case b.Name != "":
		return "simple"
	}
	return "anonymous"
}

// Lookup returns what the directories announce for a mail domain, within 10 s. It
// fails with an *Error if there should be a directory and none answered; the
// report tells in any case what was asked.
func (c Client) Lookup(ctx context.Context, mailDomain string) (Report, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, maxTime, fmt.Errorf("the directories did not answer within %v", maxTime))
	defer cancel()
	w := &walk{Client: c, domain: strings.TrimSuffix(strings.ToLower(mailDomain), "."), asked: map[string]bool{}}
	w.report.Site = strings.TrimSpace(c.Site)
	if w.Logger == nil {
		w.Logger = slog.New(slog.DiscardHandler)
	}
	entries, err := w.start(ctx)
	w.report.Entries = entries
	return w.report, err
}

// walk is one look-up: from the first directory along pointers and referrals.
type walk struct {
	Client
	domain string
	asked  map[string]bool // addresses
	report Report
}

// start asks the first directories, one after another, until one answers.
func (w *walk) start(ctx context.Context) ([]Entry, error) {
	places, via := []place(nil), ViaConfiguration
	for _, d := range w.Directories {
		p, err := parsePlace(d)
		if err != nil {
			return nil, &Error{Op: "read the configuration", Directory: clip(d), Err: errNoDirectory}
		}
		places = append(places, p)
	}
	if len(places) == 0 && w.Domain != "" {
		var err error
		if places, err = w.controllers(ctx, w.Domain); err != nil {
			return nil, err
		}
		via = ViaDNS
	}
	var failed error
	for _, p := range places {
		entries, err := w.ask(ctx, p, step{via: via, sealed: true, bind: w.Bind})
		if err == nil {
			return entries, nil
		}
		failed = also(failed, err)
	}
	return nil, failed
}

// step is how the walk came to a directory.
type step struct {
	via    Via
	scoped bool // a pointer for the mail domain is on the way
	sealed bool // each directory before it proved its name
	bind   Bind
}

// ask reads one directory and goes on to where it points. An error says that the
// directory did not answer, not that it has nothing.
func (w *walk) ask(ctx context.Context, p place, s step) ([]Entry, error) {
	switch {
	case w.asked[p.address()]:
		w.note(Note{Directory: p.String(), What: fmt.Sprintf("a %s leads back to it", s.via)})
		return nil, nil
	case len(w.asked) == maxDirectories:
		w.note(Note{Directory: p.String(), What: fmt.Sprintf("not asked, after %d others", maxDirectories)})
		return nil, nil
	}
	w.asked[p.address()] = true

	began := time.Now()
	d := Directory{URL: p.String(), Via: s.via}
	found, err := w.read(ctx, p, s, &d)
	d.Took = time.Since(began)
	if err != nil {
		d.Err, d.Failure = err, err.Error()
	}
	w.report.Directories = append(w.report.Directories, d)
	w.Logger.Info("directory asked", "url", d.URL, "via", string(d.Via), "sealed", d.Sealed, "bind", d.Bind, "objects", d.Objects, "err", mailaddr.Logged(err))
	if err != nil {
		return nil, err
	}

	next := s
	next.sealed = s.sealed && d.Sealed
	if len(found.referrals) > 0 {
		next.via = ViaReferral
		entries, err := w.follow(ctx, found.referrals, next)
		if err != nil {
			err = &Error{Op: "follow its referral", Directory: d.URL, Err: err}
		}
		return entries, err
	}
	o := order(found.objects, w.domain, w.report.Site)
	for _, n := range slices.Concat(found.notes, o.notes) {
		n.Directory = d.URL
		w.note(n)
	}
	if len(o.scoped) > 0 {
		next.via, next.scoped = ViaScopedPointer, true
		// What cannot be followed is in the report; the endpoints that stand here are
		// better than none.
		if entries, _ := w.follow(ctx, o.scoped, next); len(entries) > 0 {
			return entries, nil
		}
		next.scoped = s.scoped
	}
	if len(o.entries) == 0 && len(o.fallback) > 0 {
		next.via = ViaPointer
		entries, _ := w.follow(ctx, o.fallback, next)
		return entries, nil
	}
	for i := range o.entries {
		e := &o.entries[i]
		e.Directory, e.Scoped, e.Sealed = d.URL, s.scoped, next.sealed
	}
	return o.entries, nil
}

// follow asks the places one after another until one has entries. A name
// without a port may be that of a domain, which its controllers answer for.
func (w *walk) follow(ctx context.Context, places []place, s step) ([]Entry, error) {
	var failed error
	answered := false
	for _, p := range places {
		hosts := []place{p}
		if _, err := netip.ParseAddr(p.host); err != nil && p.port == "" && !p.tls {
			if found, err := w.controllers(ctx, p.host); err == nil && len(found) > 0 {
				hosts = found
			}
		}
		for _, h := range hosts {
			s.bind = w.bindAt(h.host)
			entries, err := w.ask(ctx, h, s)
			if err != nil {
				failed = also(failed, err)
				continue
			}
			if len(entries) > 0 {
				return entries, nil
			}
			answered = true
			break // its siblings hold the same
		}
	}
	if answered {
		return nil, nil
	}
	return nil, failed
}

// bindAt returns how to sign in at a host that somebody else named.
func (w *walk) bindAt(host string) Bind {
	if b, ok := w.Elsewhere[host]; ok {
		return b
	}
	own := slices.ContainsFunc(w.Directories, func(d string) bool {
		p, err := parsePlace(d)
		return err == nil && p.host == host
	})
	if own || w.Bind.Kerberos != nil || w.Domain != "" && within(host, w.Domain) {
		return w.Bind
	}
	return Bind{}
}

// controllers returns the domain controllers that DNS names for a domain
// ([MS-ADTS] 6.3.2.3), those of the configured site first, and by priority and weight. It names
// only hosts of the domain: what else the records say is noted. A domain without
// records has none, which is no error.
func (w *walk) controllers(ctx context.Context, domain string) ([]place, error) {
	domain = strings.TrimSuffix(strings.ToLower(domain), ".")
	names := []string{"dc._msdcs." + domain}
	if site := strings.ToLower(w.Site); isLabel(site) && strings.EqualFold(domain, strings.TrimSuffix(w.Domain, ".")) {
		names = slices.Insert(names, 0, site+"._sites."+names[0])
	}
	var places []place
	for _, name := range names {
		records, err := w.srv(ctx, "ldap", name)
		if err != nil {
			return nil, &Error{Op: "look up", Directory: "_ldap._tcp." + name, Err: err, Next: "name the directories in the configuration"}
		}
		for _, r := range records {
			host := strings.TrimSuffix(strings.ToLower(r.Target), ".")
			p := place{host: host, port: fmt.Sprint(r.Port)}
			switch {
			case r.Port == 0 || !within(host, domain):
				w.note(Note{Directory: "_ldap._tcp." + name, What: fmt.Sprintf("its target %s:%d is not of the domain", clip(host), r.Port)})
			case !slices.Contains(places, p) && len(places) < maxControllers:
				places = append(places, p)
			}
		}
	}
	return places, nil
}

// srv returns the records of _service._tcp.name, the lowest priority first and
// the greatest weight first among equals; none if there is no such name. Servers
// rotate the rest, and a look-up is rare: no further dice are thrown.
func (w *walk) srv(ctx context.Context, service, name string) ([]*net.SRV, error) {
	ctx, cancel := context.WithTimeout(ctx, dnsTimeout)
	defer cancel()
	lookup := w.LookupSRV
	if lookup == nil {
		lookup = func(ctx context.Context, service, proto, name string) ([]*net.SRV, error) {
			// With a dot at its end: no search domain is appended.
			_, records, err := net.DefaultResolver.LookupSRV(ctx, service, proto, name+".")
			return records, err
		}
	}
	records, err := lookup(ctx, service, "tcp", name)
	if gone, ok := errors.AsType[*net.DNSError](err); ok && gone.IsNotFound || len(records) > 0 {
		err = nil // of several records some may be unusable
	}
	records = slices.Clone(records)
	slices.SortStableFunc(records, func(a, b *net.SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.Weight, a.Weight))
	})
	return records, err
}

func (w *walk) note(n Note) { w.report.Notes = append(w.report.Notes, n) }

// within reports whether host is domain or below it.
func within(host, domain string) bool {
	domain = strings.TrimSuffix(strings.ToLower(domain), ".")
	return host == domain || strings.HasSuffix(host, "."+domain)
}

// isLabel reports whether s can stand in a DNS name.
func isLabel(s string) bool {
	return s != "" && len(s) <= 63 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
