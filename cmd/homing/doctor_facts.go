package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/httpauth"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/scp"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// facts are what can be seen from this workstation, for the checks to judge.
type facts struct {
	Address  string
	Profile  *profile.Profile // nil: there is none for the address
	Former   []string         // LegacyDNs that the mailbox had before, of the profile's history
	LegacyDN string           // the one that is asked by; empty: by the address
	Bounced  string           // an IMCEAEX address that mail has bounced from; empty: none was given

	Probes []probe  // of each source, without credentials
	Asked  []probe  // of those that live, with credentials
	ByDN   []former // the service that issued the settings, asked by each of Former
	Silent string   // why nobody was asked with credentials; empty: they were

	Home      error // of a logon where the profile points; nil: it succeeded
	HomeTried bool

	Hosts   []hostFact
	Secrets []secretFact

	Anonymous    bool // the directory is asked without the sign-in that it has
	HasDirectory bool
	Directory    scp.Report
	DirectoryErr error
}

// former is how a question by a former LegacyDN went.
type former struct {
	DN    string
	Probe probe
}

// hostFact is a bare GET of a path that no host serves, without credentials.
type hostFact struct {
	Host     string // host:port
	Source   autodiscover.Source
	Status   int           // of HTTP; 0: no answer
	Schemes  []string      // by which it asks for a sign-in even there, in small letters
	Location *url.URL      // where it leads even from there; nil: nowhere
	Names    []string      // of its certificate, a valid one or not
	Server   string        // the header of that name
	Skew     time.Duration // of the host's clock against ours
	Dated    bool          // Skew is known
	Err      error         // why there was no answer
}

// secretFact is whether a secret of the profile can be had.
type secretFact struct {
	Ref string
	Err error
}

// Limits on gathering.
const (
	maxHosts  = 12
	maxFormer = 4
	maxNames  = 8 // of a certificate
	hostLimit = 10 * time.Second
	askLimit  = 2 * time.Minute // all questions with credentials, and the logon
)

// gather looks at everything. Who may receive credentials is judged as ever; in
// all questions together no more hosts outside the mail domain and the policy do
// than in one discovery.
func gather(ctx context.Context, p *program.Program, q autodiscover.Query, of profile.Profile, logins trust.Logins, silent string) facts {
	f := facts{Address: q.Address, LegacyDN: q.LegacyDN, Silent: silent}
	if of.ID != "" && of.Generation > 0 {
		f.Profile = &of
		f.Former = formerDNs(ctx, p, of)
		for _, login := range of.Logins {
			_, err := p.Secrets.Get(ctx, login.Secret)
			f.Secrets = append(f.Secrets, secretFact{login.Secret, err})
		}
	}
	f.Probes = probeAll(ctx, p, q)
	f.Hosts = meetHosts(ctx, p.DiscoverClient.Network, hostsOf(f.Probes, f.Profile))
	if f.HasDirectory = p.DiscoverClient.SCP != nil; f.HasDirectory {
		_, domain, _ := strings.Cut(q.Address, "@")
		limited, cancel := context.WithTimeout(ctx, hostLimit)
		f.Directory, f.DirectoryErr = p.Directories(limited, domain)
		cancel()
	}
	if silent == "" {
		ctx, cancel := context.WithTimeout(ctx, askLimit)
		defer cancel()
		q.Logins = &bounded{Logins: logins, rules: q.Rules, domain: q.Address[strings.LastIndexByte(q.Address, '@')+1:]}
		f.ask(ctx, p, q)
	}
	return f
}

// ask puts the questions that carry credentials, one after another: the first
// refusal of the sign-in ends them.
func (f *facts) ask(ctx context.Context, p *program.Program, q autodiscover.Query) {
	if f.Profile != nil && f.Profile.Endpoint.MAPI != nil {
		if target, err := p.Target(ctx, *f.Profile); err == nil {
			target.Access.Logins = q.Logins
			f.HomeTried = true
			session, err := p.LogonClient.Logon(ctx, target)
			if f.Home = err; err == nil {
				session.Close(ctx) // the logon is what counts
			}
		}
	}
	asked := make(map[string]bool)
	for _, one := range f.Probes {
		at, ok := living(one)
		if !ok || at.Verdict != trust.Allow.String() || asked[at.URL] {
			continue
		}
		asked[at.URL] = true
		got := probeSource(ctx, p, q, one.Source)
		f.Asked = append(f.Asked, got)
		if refusedSignIn(got.Err) {
			return
		}
	}
	if f.Profile == nil || len(q.First) == 0 {
		return
	}
	for _, dn := range f.Former {
		q.LegacyDN = dn
		f.ByDN = append(f.ByDN, former{dn, probeSource(ctx, p, q, autodiscover.SourceProfile)})
	}
}

// living returns the first step of a probe that lives.
func living(p probe) (autodiscover.Step, bool) {
	for i, s := range p.Steps {
		if s.Source != "" && lives(p.Steps[i:]) {
			return s, true
		}
	}
	return autodiscover.Step{}, false
}

// lives reports whether the first of steps was answered as Autodiscover does, asks
// for a sign-in, or refers to a place that does: the steps of its referrals follow
// it. A host that nobody has allowed is asked for nothing, so that any answer of it
// counts.
func lives(steps []autodiscover.Step) bool {
	s := steps[0]
	switch {
	case s.By == "" || s.Skipped:
		return false
	case strings.HasPrefix(s.Said, "HTTP 30") || strings.HasPrefix(s.Said, "RedirectUrl "):
		return len(steps) > 1 && steps[1].Source == "" && lives(steps[1:])
	}
	return s.HTTPStatus == http.StatusUnauthorized || s.HTTPStatus == http.StatusOK && s.Said != "" || onlyMet(s)
}

// onlyMet reports whether a step has met a host that a person has to allow first.
func onlyMet(s autodiscover.Step) bool {
	return s.Verdict == trust.Ask.String() && s.HTTPStatus != 0
}

// refusedSignIn reports whether a discovery ended because credentials were refused.
func refusedSignIn(err error) bool {
	if noLogin, ok := errors.AsType[*trust.NoLoginError](err); ok && !noLogin.Refused {
		return false // the secret could not be had
	}
	e, ok := errors.AsType[*autodiscover.Error](err)
	return ok && e.Kind == autodiscover.Unauthorized && e.User != ""
}

// formerDNs are the names that the mailbox had before, the newest first.
func formerDNs(ctx context.Context, p *program.Program, of profile.Profile) []string {
	history, err := p.Store.History(ctx, of.ID)
	if err != nil || of.Endpoint.MAPI == nil {
		return nil
	}
	known := []string{strings.ToLower(of.Endpoint.MAPI.LegacyDN)}
	var out []string
	for _, g := range slices.Backward(history) {
		mapi := g.Profile.Endpoint.MAPI
		if mapi == nil || len(out) == maxFormer || slices.Contains(known, strings.ToLower(mapi.LegacyDN)) {
			continue
		}
		known = append(known, strings.ToLower(mapi.LegacyDN))
		out = append(out, mapi.LegacyDN)
	}
	return out
}

// hostsOf are the hosts that the probes have come to, and that of the profile.
func hostsOf(probes []probe, of *profile.Profile) []hostFact {
	var out []hostFact
	add := func(source autodiscover.Source, rawURL string) {
		u, err := url.Parse(rawURL)
		if err != nil || u.Scheme != "https" || len(out) == maxHosts {
			return
		}
		at := trust.HostPort(u)
		if at != "" && !slices.ContainsFunc(out, func(h hostFact) bool { return h.Host == at }) {
			out = append(out, hostFact{Host: at, Source: source})
		}
	}
	if of != nil && of.Endpoint.MAPI != nil {
		add(autodiscover.SourceProfile, of.Endpoint.MAPI.MailStore)
	}
	for _, s := range stepsOf(probes) {
		if s.By != "" && !s.Skipped {
			add(s.Source, s.URL)
		}
	}
	return out
}

// nowhere is a path that no host serves: what is answered there is answered
// everywhere.
const nowhere = "/homing-doctor"

// meetHosts sends each host a bare GET: what it presents, what its clock says, and
// what it answers to everything.
func meetHosts(ctx context.Context, n autodiscover.Network, hosts []hostFact) []hostFact {
	var wg sync.WaitGroup
	for i := range hosts {
		wg.Go(func() { meetHost(ctx, n, &hosts[i]) })
	}
	wg.Wait()
	return hosts
}

func meetHost(ctx context.Context, n autodiscover.Network, h *hostFact) {
	ctx, cancel := context.WithTimeout(ctx, hostLimit)
	defer cancel()
	transport := n.Transport()
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+h.Host+nowhere, nil)
	if err != nil {
		h.Err = err
		return
	}
	sent := time.Now()
	res, err := transport.RoundTrip(req)
	if err != nil {
		if failed, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			h.Names = namesOf(failed.UnverifiedCertificates)
		}
		h.Err = err
		return
	}
	res.Body.Close()
	h.Status, h.Names = res.StatusCode, namesOf(res.TLS.PeerCertificates)
	if to, err := res.Location(); err == nil && res.StatusCode/100 == 3 {
		h.Location = to
	}
	for _, scheme := range httpauth.Schemes(res.Header) {
		h.Schemes = appendNew(h.Schemes, printableHeader(scheme))
	}
	h.Server = printableHeader(res.Header.Get("Server"))
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		h.Dated = true
		h.Skew = date.Sub(sent.Add(time.Since(sent) / 2))
	}
}

// namesOf are the names of the first certificate, as far as they can be shown.
func namesOf(chain []*x509.Certificate) []string {
	if len(chain) == 0 {
		return nil
	}
	var out []string
	for _, name := range chain[0].DNSNames[:min(len(chain[0].DNSNames), maxNames)] {
		out = append(out, printableHeader(name))
	}
	return out
}

// printableHeader keeps what a server says of itself to a line.
func printableHeader(s string) string {
	return clip(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s))
}

// bounded are logins for as many hosts outside the mail domain and the policy as
// one discovery may send credentials to. It is used by one goroutine at a time.
type bounded struct {
	trust.Logins
	rules     trust.Rules
	domain    string
	receivers trust.Receivers
}

func (b *bounded) Login(ctx context.Context, host string) (trust.Login, error) {
	if !b.receivers.Admit(b.rules, trust.Hop{MailDomain: b.domain, To: net.JoinHostPort(host, "443")}) {
		return trust.Login{}, &trust.NoLoginError{Host: host, Realm: trust.Realm(host), Err: errors.New("enough hosts outside the mail domain have received it")}
	}
	return b.Logins.Login(ctx, host)
}
