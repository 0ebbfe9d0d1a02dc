package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/scp"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

const (
	contosoDN  = "/o=Contoso/ou=First/cn=Recipients/cn=ann"
	fabrikamDN = "/o=Fabrikam/ou=First/cn=Recipients/cn=ann"
	scpURL     = "https://ex1.contoso.test/autodiscover/autodiscover.xml"
	fabrikam   = "https://autodiscover.fabrikam.test/autodiscover/autodiscover.xml"
)

// settledAt is a source that has led to a mailbox.
func settledAt(source autodiscover.Source, url, store, dn string, by autodiscover.Identity, steps ...autodiscover.Step) probe {
	return probe{Source: source, Steps: steps, Result: &autodiscover.Result{URL: url, By: by, Settings: autodiscover.Settings{
		LegacyDN: dn, Protocols: []autodiscover.Protocol{{Type: "mapiHttp", MAPI: &autodiscover.MAPI{MailStore: store}}},
	}}}
}

func failedProbe(source autodiscover.Source, e *autodiscover.Error) probe {
	return probe{Source: source, Steps: e.Steps, Err: e}
}

// at is ann's profile, logged on to where it points.
func at(store, dn string) facts {
	return facts{Address: "ann@contoso.test", LegacyDN: dn, HomeTried: true, Profile: &profile.Profile{
		Address: "ann@contoso.test", Endpoint: profile.Endpoint{MAPI: &profile.MAPI{MailStore: store, LegacyDN: dn}},
	}}
}

func (f facts) with(change func(*facts)) facts { change(&f); return f }

func badCertificate(err error) error {
	return fmt.Errorf("tls: %w", &tls.CertificateVerificationError{Err: err, UnverifiedCertificates: []*x509.Certificate{{
		Subject: pkix.Name{CommonName: "www.hoster.test"}, DNSNames: []string{"www.hoster.test"}, Issuer: pkix.Name{CommonName: "Some Issuer"},
	}}})
}

// The names of a certificate that did not verify are anybody's.
func TestWhatACertificateOffersCanBeShown(t *testing.T) {
	err := &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}, UnverifiedCertificates: []*x509.Certificate{{
		Subject: pkix.Name{CommonName: "a\x1b[2Kb"}, DNSNames: []string{"c\rd.test"}, Issuer: pkix.Name{CommonName: "e\u202ef"},
	}}}
	const want = "CN=a [2Kb for cd.test, issued by CN=e f, in force 0001-01-01 to 0001-01-01"
	if fault, offered := certFaultOf(err); fault != certIssuer || offered != want {
		t.Errorf("got %v, %q, want %q", fault, offered, want)
	}
}

func TestChecks(t *testing.T) {
	const mx1, ex1 = "https://mx1.fabrikam.test/mapi/emsmdb/?MailboxId=11@fabrikam.test", "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=22@contoso.test"
	moved := at(mx1, fabrikamDN)
	stranger := facts{Address: "ann@contoso.test", Silent: "there is no sign-in"}
	host := func(source autodiscover.Source, err error) facts {
		return facts{Hosts: []hostFact{{Host: "autodiscover.contoso.test:443", Source: source, Err: err}}}
	}
	clocks := func(skews ...time.Duration) facts {
		var f facts
		for _, s := range skews {
			f.Hosts = append(f.Hosts, hostFact{Host: "ex1.contoso.test:443", Dated: true, Skew: s})
		}
		return f
	}
	asked := func(f facts, probes ...probe) facts { return f.with(func(f *facts) { f.Asked = probes }) }
	seen := func(f facts, probes ...probe) facts { return f.with(func(f *facts) { f.Probes = probes }) }
	directory := func(f facts) facts { return f.with(func(f *facts) { f.HasDirectory = true }) }
	secret := func(ref string, err error) facts {
		return moved.with(func(f *facts) { f.Secrets = []secretFact{{ref, err}} })
	}
	refused := autodiscover.Step{URL: fabrikam, By: autodiscover.ByLegacyDN, Said: "ErrorCode 500: unknown"}
	autod := probed(autodiscover.SourceAutodiscover, signInAsked(autodiscover.SourceAutodiscover, autodURL))
	noAutod := probed(autodiscover.SourceAutodiscover, silent(autodiscover.SourceAutodiscover, autodURL))
	clear := probed(autodiscover.SourceHTTP, signInAsked(autodiscover.SourceHTTP, fabrikam))
	noSRV := probed(autodiscover.SourceSRV, autodiscover.Step{Source: autodiscover.SourceSRV, Said: "nothing is announced"})
	deadSCP := probed(autodiscover.SourceSCP, silent(autodiscover.SourceSCP, scpURL))
	liveSCP := probed(autodiscover.SourceSCP, signInAsked(autodiscover.SourceSCP, scpURL))
	leads := autodiscover.Step{Source: autodiscover.SourceAutodiscover, URL: autodURL, By: autodiscover.ByAddress, HTTPStatus: 302, Said: "HTTP 302 to " + fabrikam}
	refers := leads
	refers.HTTPStatus, refers.Said = 200, "RedirectUrl "+fabrikam
	gone, asks := silent("", fabrikam), signInAsked("", fabrikam)
	back := autodiscover.Step{URL: autodURL, By: autodiscover.ByAddress, Skipped: true, Err: "the referrals lead in a circle"}
	barred := func(source autodiscover.Source, how autodiscover.How, url, why string) autodiscover.Step {
		return autodiscover.Step{Source: source, URL: url, How: how, By: autodiscover.ByAddress, Skipped: true, Verdict: "refuse", Why: why, Err: "refused to send credentials: " + why}
	}
	nobody := func(source autodiscover.Source) probe {
		return failedProbe(source, &autodiscover.Error{Kind: autodiscover.NotFound, Host: "autodiscover.contoso.test:443", Err: errors.New("ErrorCode 500")})
	}
	root := func(status int, err string) probe {
		return probed(autodiscover.SourceRoot, autodiscover.Step{Source: autodiscover.SourceRoot, URL: rootURL, By: autodiscover.ByAddress, HTTPStatus: status, Err: err})
	}
	autodAnswers := func(status int) probe {
		return probed(autodiscover.SourceAutodiscover, autodiscover.Step{Source: autodiscover.SourceAutodiscover, URL: autodURL, By: autodiscover.ByAddress, HTTPStatus: status})
	}
	met := func(f facts, hosts ...hostFact) facts { return f.with(func(f *facts) { f.Hosts = hosts }) }
	site := func(status int, names ...string) hostFact {
		return hostFact{Host: "contoso.test:443", Source: autodiscover.SourceRoot, Status: status, Names: names}
	}
	locked := func(schemes ...string) hostFact { h := site(401); h.Schemes = schemes; return h }
	forbidden := locked("basic")
	forbidden.Status = 403
	leading := func(to string) hostFact { h := site(302); h.Location, _ = url.Parse(to); return h }
	misnamed := func(names ...string) hostFact {
		h := site(0, names...)
		h.Err = badCertificate(x509.HostnameError{})
		return h
	}
	autodHost := func(h hostFact) hostFact {
		h.Host, h.Source = "autodiscover.contoso.test:443", autodiscover.SourceAutodiscover
		return h
	}
	office := "https://outlook.office365.com/autodiscover/autodiscover.xml"
	online := probed(autodiscover.SourceMicrosoft365, signInAsked(autodiscover.SourceMicrosoft365, office))
	noOnline := probed(autodiscover.SourceMicrosoft365, autodiscover.Step{Source: autodiscover.SourceMicrosoft365, Skipped: true, Err: "no policy asks Microsoft 365"})
	with := func(p probe, others ...autodiscover.AlternativeMailbox) probe {
		p.Result.Settings.AlternativeMailboxes = others
		return p
	}
	ours := func() probe {
		return settledAt(autodiscover.SourceAutodiscover, fabrikam, mx1, fabrikamDN, autodiscover.ByAddress)
	}
	asksConsent := &trust.UntrustedError{Hop: trust.Hop{MailDomain: "contoso.test", To: "mx1.fabrikam.test:443"}, Verdict: trust.Ask}
	neverAsks := &trust.UntrustedError{Hop: trust.Hop{MailDomain: "contoso.test", To: "10.9.8.7:443"}, Why: "an IP address"}
	guess := &trust.UntrustedError{Hop: trust.Hop{MailDomain: "contoso.test", To: "autodiscover.co.uk:443", How: trust.FromDomain}}

	wrong := make(map[string]bool) // the checks that have a row of this state
	for _, tt := range []struct {
		check, name string
		f           facts
		state, want string // want: in the evidence or the remedy
	}{
		{"home", "a logon succeeds", moved, "fine", ""},
		{"home", "a logon fails", moved.with(func(f *facts) { f.Home = errors.New("ecUnknownUser") }), "wrong", "ecUnknownUser"},
		{"home", "no profile", stranger, "not checked", "no profile"},
		{"home", "no logon", moved.with(func(f *facts) { f.HomeTried, f.Silent = false, "nobody signs in" }), "not checked", "nobody signs in"},

		{"found", "the profile logs on", moved, "fine", ""},
		{"found", "a service answers settings", asked(facts{Address: "ann@contoso.test"}, nobody(autodiscover.SourceSCP), ours()), "fine", ""},
		{"found", "every service that answers knows nobody of the name", asked(facts{Address: "ann@contoso.test"}, nobody(autodiscover.SourceAutodiscover)), "wrong", "Get-Recipient ann@contoso.test"},
		{"found", "what they have said is shown, with who named them", asked(facts{Address: "ann@contoso.test"}, nobody(autodiscover.SourceSCP)), "wrong", "by way of scp-lookup: autodiscover at autodiscover.contoso.test:443: not found: ErrorCode 500"},
		{"found", "nobody could tell", asked(facts{Address: "ann@contoso.test"}, failedProbe(autodiscover.SourceAutodiscover, &autodiscover.Error{Kind: autodiscover.Unauthorized, User: "ann"})), "wrong", "nobody has said that the mailbox does not exist"},
		{"found", "the profile logs on no more, and nobody knows it", asked(moved.with(func(f *facts) { f.Home = errors.New("ecUnknownUser") }), nobody(autodiscover.SourceAutodiscover)), "wrong", "Get-Recipient"},
		{"found", "there is nobody to ask", facts{Address: "ann@contoso.test"}, "wrong", "no service answers"},
		{"found", "nobody was asked", stranger, "not checked", "no sign-in"},

		{"stale-scp", "no directory", seen(moved, liveSCP), "not checked", "no directory"},
		{"stale-scp", "it leads to the mailbox of today", asked(directory(seen(moved, liveSCP)), settledAt(autodiscover.SourceSCP, scpURL, mx1, fabrikamDN, autodiscover.ByAddress)), "fine", ""},
		{"stale-scp", "its server answers for a former mailbox", asked(directory(seen(moved, liveSCP)), settledAt(autodiscover.SourceSCP, scpURL, ex1, contosoDN, autodiscover.ByAddress)), "wrong", "-AutoDiscoverServiceInternalUri $null"},
		{"stale-scp", "its server is gone, and others answer", directory(seen(moved, deadSCP, autod)), "wrong", "nobody answers"},
		{"stale-scp", "its server is gone, and so are all others", directory(seen(moved, deadSCP, noAutod)), "fine", ""},

		{"still-claimed", "every service names the mailbox of today", asked(moved, settledAt(autodiscover.SourceAutodiscover, fabrikam, mx1, fabrikamDN, autodiscover.ByLegacyDN)), "fine", ""},
		{"still-claimed", "a service names a former one", asked(moved, settledAt(autodiscover.SourceAutodiscover, autodURL, ex1, contosoDN, autodiscover.ByAddress)), "wrong", "targetAddress"},
		{"still-claimed", "the profile cannot log on, and may be the one that is behind", asked(moved.with(func(f *facts) { f.Home = errors.New("no") }), settledAt(autodiscover.SourceAutodiscover, autodURL, ex1, contosoDN, autodiscover.ByAddress)), "not checked", "logon"},
		{"still-claimed", "no profile", stranger, "not checked", "no profile"},

		{"x500", "the former name is refused, the address is known", moved.with(func(f *facts) {
			f.ByDN = []former{{contosoDN, settledAt(autodiscover.SourceProfile, fabrikam, mx1, fabrikamDN, autodiscover.ByAddress, refused)}}
		}), "wrong", "X500:" + contosoDN},
		{"x500", "the former name is known", moved.with(func(f *facts) {
			f.ByDN = []former{{contosoDN, settledAt(autodiscover.SourceProfile, fabrikam, mx1, fabrikamDN, autodiscover.ByLegacyDN)}}
		}), "fine", ""},
		{"x500", "the profile is behind, and its name is refused", asked(at(ex1, contosoDN).with(func(f *facts) { f.Home = errors.New("ecUnknownUser") }),
			settledAt(autodiscover.SourceProfile, fabrikam, mx1, fabrikamDN, autodiscover.ByAddress, refused)), "wrong", "X500:" + contosoDN},
		{"x500", "Gromox refuses the very name that it answers", asked(moved, settledAt(autodiscover.SourceProfile, fabrikam, mx1, fabrikamDN, autodiscover.ByAddress, refused)), "fine", ""},
		{"x500", "a former server refuses the name of today", asked(moved, settledAt(autodiscover.SourceAutodiscover, fabrikam, ex1, contosoDN, autodiscover.ByAddress, refused)), "fine", ""},
		{"x500", "nobody was asked", stranger, "not checked", "no sign-in"},
		{"x500", "mail has bounced", facts{Bounced: "IMCEAEX-_o=Contoso_ou=First+20Group_cn=ann@contoso.test"}, "wrong", "the proxy address X500:/o=Contoso/ou=First Group/cn=ann"},
		{"x500", "mail has bounced, a service says", asked(moved, probed(autodiscover.SourceAutodiscover, autodiscover.Step{URL: fabrikam, Said: "ErrorCode 500: no recipient <IMCEAEX-_o=Contoso_cn=ann@contoso.test>."})), "wrong", "X500:/o=Contoso/cn=ann"},
		{"x500", "an address that was cut says too little", asked(moved, probed(autodiscover.SourceAutodiscover, autodiscover.Step{URL: fabrikam, Said: "ErrorCode 500: no recipient IMCEAEX-_o=Contoso_cn=a"})), "fine", ""},
		{"x500", "the profile is behind, and its name is the one that bounced", facts{Address: "ann@contoso.test", LegacyDN: "/o=Contoso", Bounced: "IMCEAEX-_o=Contoso@contoso.test"}, "wrong", "X500:/o=Contoso"},
		{"x500", "the name of today is not missing", asked(moved, probed(autodiscover.SourceAutodiscover, autodiscover.Step{URL: fabrikam, Said: "ErrorCode 500: no recipient IMCEAEX-_o=Fabrikam_ou=First_cn=Recipients_cn=ann@fabrikam.test"})), "fine", ""},

		{"loop", "the referrals lead in a circle", asked(moved, failedProbe(autodiscover.SourceAutodiscover, &autodiscover.Error{Kind: autodiscover.Loop, Steps: []autodiscover.Step{
			{URL: autodURL, By: autodiscover.ByAddress, Said: "RedirectUrl " + fabrikam}}})), "wrong", autodURL + " (by EMailAddress) said RedirectUrl " + fabrikam},
		{"loop", "they lead everybody in a circle", seen(stranger, failedProbe(autodiscover.SourceAutodiscover, &autodiscover.Error{Kind: autodiscover.Loop, Steps: []autodiscover.Step{leads}})), "wrong", "said HTTP 302 to " + fabrikam},
		{"loop", "another failure is none", asked(moved, failedProbe(autodiscover.SourceAutodiscover, &autodiscover.Error{Kind: autodiscover.NotFound})), "fine", ""},
		{"loop", "nobody was asked", stranger, "not checked", "no sign-in"},

		{"web-hoster", "the mail domain answers a page, and says who it is", seen(facts{Hosts: []hostFact{{Host: "contoso.test:443", Server: "hoster/1"}}},
			probed(autodiscover.SourceRoot, autodiscover.Step{Source: autodiscover.SourceRoot, URL: rootURL, By: autodiscover.ByAddress, HTTPStatus: 200, Err: "an HTML page"})), "wrong", "hoster/1"},
		{"web-hoster", "it answers settings for IMAP", seen(stranger, failedProbe(autodiscover.SourceRoot, &autodiscover.Error{Kind: autodiscover.NoUsableProtocol, Err: errors.New("the settings offer IMAP"), Steps: []autodiscover.Step{
			{Source: autodiscover.SourceRoot, URL: rootURL, By: autodiscover.ByAddress, HTTPStatus: 200, Said: "settings"}}})), "wrong", "offer IMAP"},
		{"web-hoster", "it has no such page", seen(stranger, root(404, "HTTP 404")), "fine", ""},
		{"web-hoster", "it has no such page, and sites of others, too", met(seen(stranger, root(404, "HTTP 404")), site(404, "contoso.test", "tailspin.test")), "fine", ""},
		{"web-hoster", "a service asks for a sign-in", met(seen(stranger, autod), autodHost(site(404))), "fine", ""},
		{"web-hoster", "all of its paths ask for a sign-in", met(seen(stranger, root(401, "")), locked("basic")), "wrong", "the site as a whole is locked"},
		{"web-hoster", "none of them but Autodiscover's does", met(seen(stranger, root(401, "")), site(404), autodHost(locked("basic"))), "fine", ""},
		{"web-hoster", "nor does one that only names a way to sign in", met(seen(stranger, root(401, "")), forbidden), "fine", ""},
		{"web-hoster", "so does a service behind a gate of its own", met(seen(stranger, root(401, "")), locked("negotiate", "basic")), "fine", ""},
		{"web-hoster", "and one that has answered settings", asked(met(seen(stranger, root(401, "")), locked("basic")), settledAt(autodiscover.SourceRoot, rootURL, ex1, contosoDN, autodiscover.ByAddress)), "fine", ""},
		{"web-hoster", "every path leads to its own site", met(seen(stranger, root(302, "HTTP 302 to a place that is not Autodiscover's")), leading("https://parked.hoster.test/?d=contoso.test")), "wrong", "on to parked.hoster.test, outside the mail domain"},
		{"web-hoster", "every path leads to the organisation's own site", met(seen(stranger, root(302, "HTTP 302 to a place that is not Autodiscover's")), leading("https://www.contoso.test/")), "fine", ""},
		{"web-hoster", "it answers 403 for autodiscover, too", met(seen(stranger, autodAnswers(403)), autodHost(site(404, "autodiscover.contoso.test", "tailspin.test"))), "wrong", "a certificate for tailspin.test besides"},
		{"web-hoster", "it answers 404 for autodiscover, too", met(seen(stranger, autodAnswers(404)), autodHost(site(404, "*.contoso.test", "*.hoster.test"))), "wrong", "ExcludeHttpsAutoDiscoverDomain=1"},
		{"web-hoster", "a 403 with the organisation's own certificate is a gate", met(seen(stranger, autodAnswers(403)), autodHost(site(403, "mail.contoso.test", "*.contoso.test"))), "fine", ""},
		{"web-hoster", "the certificate is for its own sites", met(seen(stranger, root(0, "x509")), misnamed("*.hoster.test", "hoster.test")), "wrong", "offers a certificate for *.hoster.test hoster.test"},
		{"web-hoster", "the certificate is for another host of the organisation", met(seen(stranger, root(0, "x509")), misnamed("dc1.contoso.test")), "fine", ""},
		{"web-hoster", "the certificate is for a host of the organisation and for others", met(seen(stranger, root(0, "x509")), misnamed("dc1.contoso.test", "*.hoster.test")), "fine", ""},
		{"web-hoster", "autodiscover is where the web site is", met(seen(stranger, autodAnswers(0)), misnamed("*.hoster.test"), autodHost(misnamed("*.hoster.test"))), "wrong", "(https-autodiscover-domain) offers a certificate for *.hoster.test"},
		{"web-hoster", "autodiscover is a mail hoster's, whose certificate has its own name", met(seen(stranger, autodAnswers(0)), misnamed("*.hoster.test"), autodHost(misnamed("autodiscover.tailspin.test"))), "fine", ""},

		{"untrusted-issuer", "an unknown issuer", host(autodiscover.SourceAutodiscover, badCertificate(x509.UnknownAuthorityError{})), "wrong", "issued by CN=Some Issuer"},
		{"untrusted-issuer", "a wrong name is no wrong issuer", host(autodiscover.SourceAutodiscover, badCertificate(x509.HostnameError{})), "fine", ""},
		{"wrong-name", "a wrong name", host(autodiscover.SourceAutodiscover, badCertificate(x509.HostnameError{})), "wrong", "for www.hoster.test"},
		{"expired", "out of date", host(autodiscover.SourceAutodiscover, badCertificate(x509.CertificateInvalidError{Reason: x509.Expired})), "wrong", "in force"},
		{"expired", "good", host(autodiscover.SourceAutodiscover, nil), "fine", ""},
		{"expired", "nobody has presented one", host(autodiscover.SourceAutodiscover, errors.New("refused")), "not checked", "no host"},

		{"dropped-letter", "the last letter is lost", asked(moved, probed(autodiscover.SourceAutodiscover, autodiscover.Step{URL: autodURL, Said: "RedirectAddr an@fabrikam.test"})), "wrong", "refers to an@fabrikam.test"},
		{"dropped-letter", "the whole name", asked(moved, probed(autodiscover.SourceAutodiscover, autodiscover.Step{URL: autodURL, Said: "RedirectAddr ann@fabrikam.test"})), "fine", ""},
		{"dropped-letter", "quite another name", asked(moved, probed(autodiscover.SourceAutodiscover, autodiscover.Step{URL: autodURL, Said: "RedirectAddr ab@fabrikam.test"})), "fine", ""},

		{"guid", "the same", asked(moved, settledAt(autodiscover.SourceProfile, fabrikam, mx1, fabrikamDN, autodiscover.ByLegacyDN)), "fine", ""},
		{"guid", "another GUID of the same mailbox", asked(moved, settledAt(autodiscover.SourceProfile, fabrikam, strings.Replace(mx1, "11@", "12@", 1), fabrikamDN, autodiscover.ByLegacyDN)), "wrong", "answers 12@fabrikam.test"},
		{"guid", "another domain", asked(moved, settledAt(autodiscover.SourceProfile, fabrikam, strings.Replace(mx1, "11@fabrikam", "11@tailspin", 1), fabrikamDN, autodiscover.ByLegacyDN)), "wrong", "answers 11@tailspin.test"},
		{"guid", "another mailbox is not compared", asked(moved, settledAt(autodiscover.SourceProfile, autodURL, ex1, contosoDN, autodiscover.ByAddress)), "not checked", ""},

		{"clear-only", "only in clear text", seen(stranger, noAutod, clear, noSRV), "wrong", fabrikam},
		{"clear-only", "over TLS as well", seen(stranger, autod, clear), "fine", ""},
		{"clear-only", "nowhere", seen(stranger, noAutod, noSRV), "not checked", ""},
		{"no-service", "nowhere", seen(stranger, noAutod, noSRV), "wrong", "connection refused"},
		{"no-service", "somewhere", seen(stranger, noAutod, clear), "fine", ""},
		{"clear-only", "over TLS as well, where it leads nowhere", seen(stranger, probed(autodiscover.SourceAutodiscover, leads, gone), clear), "wrong", fabrikam},
		{"clear-only", "over TLS as well, where it leads to a service", seen(stranger, probed(autodiscover.SourceAutodiscover, leads, asks), clear), "fine", ""},
		{"no-service", "a redirect that leads nowhere", seen(stranger, probed(autodiscover.SourceAutodiscover, leads, gone)), "wrong", "connection refused"},
		{"no-service", "a redirect that leads to a service", seen(stranger, probed(autodiscover.SourceAutodiscover, leads, asks)), "fine", ""},
		{"no-service", "a redirect that leads to one that leads nowhere", seen(stranger, probed(autodiscover.SourceAutodiscover, leads, leads, gone)), "wrong", "connection refused"},
		{"no-service", "a redirect to a host that a person has to allow", seen(stranger, probed(autodiscover.SourceAutodiscover, leads, autodiscover.Step{URL: fabrikam, By: autodiscover.ByAddress, HTTPStatus: 404, Verdict: "ask"})), "fine", ""},
		{"no-service", "a redirect in a circle", seen(stranger, probed(autodiscover.SourceAutodiscover, leads, back)), "wrong", "circle"},
		{"no-service", "a redirect to a place that a rule refuses", seen(stranger, probed(autodiscover.SourceAutodiscover, leads, barred("", trust.FromHTTPRedirect, "http://mx1.fabrikam.test/", "credentials travel over https only"))), "wrong", "https only"},
		{"no-service", "a RedirectUrl that leads nowhere", seen(stranger, probed(autodiscover.SourceAutodiscover, refers, gone)), "wrong", "connection refused"},
		{"no-service", "a RedirectUrl that leads to a service", seen(stranger, probed(autodiscover.SourceAutodiscover, refers, asks)), "fine", ""},

		{"closed-port", "nobody listens", host(autodiscover.SourceAutodiscover, &net.OpError{Op: "dial", Err: errors.New("refused")}), "wrong", "refused"},
		{"closed-port", "nobody listens at the web site", host(autodiscover.SourceRoot, &net.OpError{Op: "dial", Err: errors.New("refused")}), "fine", ""},
		{"closed-port", "the name does not exist", host(autodiscover.SourceAutodiscover, &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}), "fine", ""},
		{"closed-port", "no host", facts{}, "not checked", ""},

		{"two-mailboxes", "two services, two mailboxes", asked(stranger, settledAt(autodiscover.SourceSCP, scpURL, ex1, contosoDN, autodiscover.ByAddress),
			settledAt(autodiscover.SourceAutodiscover, fabrikam, mx1, fabrikamDN, autodiscover.ByAddress)), "wrong", "split"},
		{"two-mailboxes", "two services, one mailbox", asked(stranger, settledAt(autodiscover.SourceSCP, scpURL, mx1, fabrikamDN, autodiscover.ByAddress),
			settledAt(autodiscover.SourceAutodiscover, fabrikam, mx1, fabrikamDN, autodiscover.ByAddress)), "fine", ""},
		{"two-mailboxes", "nobody was asked", stranger, "not checked", "no sign-in"},

		{"stranger", "a host to be allowed", asked(moved, failedProbe(autodiscover.SourceAutodiscover, &autodiscover.Error{Kind: autodiscover.Untrusted, Untrusted: asksConsent})), "wrong", "homing trust add mx1.fabrikam.test --domain contoso.test"},
		{"stranger", "a host that can never be", asked(moved, failedProbe(autodiscover.SourceAutodiscover, &autodiscover.Error{Kind: autodiscover.Untrusted, Untrusted: neverAsks})), "wrong", "no consent helps"},
		{"stranger", "a record that names one", seen(stranger, probed(autodiscover.SourceSRV, barred(autodiscover.SourceSRV, trust.FromSRV, "https://mail/autodiscover/autodiscover.xml", "a single label names a different host on every network")), autod), "wrong", "https://mail/autodiscover/autodiscover.xml: refused to send credentials: a single label"},
		{"stranger", "a redirect in the clear", seen(stranger, probed(autodiscover.SourceAutodiscover, leads, barred("", trust.FromHTTPRedirect, "http://mx1.fabrikam.test/", "credentials travel over https only, not http"))), "wrong", "https only"},
		{"stranger", "a guess of ours that a rule refuses, which nobody has announced", seen(stranger, failedProbe(autodiscover.SourceRoot, &autodiscover.Error{Kind: autodiscover.Untrusted, Untrusted: guess, Steps: []autodiscover.Step{
			barred(autodiscover.SourceRoot, trust.FromDomain, "https://co.uk/autodiscover/autodiscover.xml", "co.uk is a public suffix")}})), "fine", ""},
		{"stranger", "all hosts are of the mail domain", seen(stranger, autod), "fine", ""},

		{"direct-connect", "it knows another mailbox", asked(seen(moved, online), settledAt(autodiscover.SourceMicrosoft365, office, ex1, contosoDN, autodiscover.ByAddress)), "wrong", "ExcludeExplicitO365Endpoint=1"},
		{"direct-connect", "it knows another than a service does", asked(seen(facts{Address: "ann@contoso.test"}, online), ours(), settledAt(autodiscover.SourceMicrosoft365, office, ex1, contosoDN, autodiscover.ByAddress)), "wrong", "elsewhere it is at mx1.fabrikam.test"},
		{"direct-connect", "the mailbox is there", asked(seen(moved, online), settledAt(autodiscover.SourceMicrosoft365, office, mx1, fabrikamDN, autodiscover.ByAddress)), "fine", ""},
		{"direct-connect", "nobody else knows it", asked(seen(facts{Address: "ann@contoso.test"}, online), settledAt(autodiscover.SourceMicrosoft365, office, ex1, contosoDN, autodiscover.ByAddress)), "fine", ""},
		{"direct-connect", "it knows nobody", asked(seen(moved, online), nobody(autodiscover.SourceMicrosoft365)), "fine", ""},
		{"direct-connect", "no policy asks it", asked(seen(moved, noOnline), ours()), "not checked", "discovery.microsoft365"},
		{"direct-connect", "no policy trusts it", asked(seen(moved, online), ours()), "not checked", "trust.microsoft365"},
		{"direct-connect", "nobody signs in", seen(stranger, online), "not checked", "no sign-in"},

		{"other-mailboxes", "the archive has its former name", asked(moved, with(ours(), autodiscover.AlternativeMailbox{Type: "Archive", DisplayName: "Old mail", LegacyDN: contosoDN, Server: "ex1.contoso.test"})), "wrong", "Archive Old mail by " + contosoDN},
		{"other-mailboxes", "the archive has the name of the organisation", asked(moved, with(ours(), autodiscover.AlternativeMailbox{Type: "Archive", LegacyDN: "/O=fabrikam/ou=First/cn=archive"})), "fine", ""},
		{"other-mailboxes", "they are named by address", asked(moved, with(ours(), autodiscover.AlternativeMailbox{Type: "Delegate", SMTPAddress: "ben@contoso.test"})), "fine", ""},
		{"other-mailboxes", "there are none", asked(moved, ours()), "fine", ""},
		{"other-mailboxes", "nobody has answered settings", asked(moved, nobody(autodiscover.SourceAutodiscover)), "not checked", "none knows the mailbox"},

		{"sign-in", "refused", asked(moved, failedProbe(autodiscover.SourceAutodiscover, &autodiscover.Error{Kind: autodiscover.Unauthorized, User: "ann"})), "wrong", "homing setup ann@contoso.test"},
		{"sign-in", "not to be had", asked(moved, failedProbe(autodiscover.SourceAutodiscover, &autodiscover.Error{Kind: autodiscover.Unauthorized, User: "ann", Err: &trust.NoLoginError{User: "ann", Err: profile.ErrSecretLocked}})), "fine", ""},
		{"sign-in", "nobody was asked", stranger, "not checked", "no sign-in"},

		{"secrets", "no keyring service", secret("keyring:ann", fmt.Errorf("%w: no keyring runs", profile.ErrNoBackend)), "wrong", "start a keyring service"},
		{"secrets", "a locked keyring", secret("keyring:ann", profile.ErrSecretLocked), "wrong", "unlock the keyring"},
		{"secrets", "a secret that is gone", secret("file:/ann", profile.ErrSecretNotFound), "wrong", "homing setup ann@contoso.test"},
		{"secrets", "all are there", secret("keyring:ann", nil), "fine", ""},
		{"secrets", "no profile", stranger, "not checked", ""},

		{"clock", "five minutes are borne", clocks(5 * time.Minute), "fine", ""},
		{"clock", "more are not", clocks(5*time.Minute + time.Second), "wrong", "ahead of"},
		{"clock", "nor the other way round", clocks(-time.Hour), "wrong", "behind"},
		{"clock", "where most agree with ours, one is wrong itself", clocks(time.Hour, 0, 0), "fine", ""},
		{"clock", "nobody tells", host(autodiscover.SourceAutodiscover, nil), "not checked", ""},

		{"dns", "the resolver fails", host(autodiscover.SourceAutodiscover, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving", Name: "autodiscover.contoso.test"}}), "wrong", "server misbehaving"},
		{"dns", "a name that does not exist is an answer", host(autodiscover.SourceAutodiscover, &net.DNSError{IsNotFound: true}), "fine", ""},
		{"dns", "the SRV records cannot be looked up", seen(stranger, probed(autodiscover.SourceSRV, autodiscover.Step{Source: autodiscover.SourceSRV, Err: "no answer within 3s"})), "wrong", "within 3s"},
		{"dns", "no SRV record is an answer", seen(stranger, noSRV), "fine", ""},
		{"dns", "nobody to ask", stranger, "not checked", ""},

		{"directory", "none", stranger, "not checked", ""},
		{"directory", "it answers", directory(stranger), "fine", ""},
		{"directory", "it does not", directory(stranger).with(func(f *facts) { f.DirectoryErr = errors.New("ldaps://dc1.contoso.test: connect: refused") }), "wrong", "dc1.contoso.test"},
		{"directory", "it does not to those who may not sign in", directory(stranger).with(func(f *facts) { f.Anonymous, f.DirectoryErr = true, errors.New("it may want somebody to sign in") }), "not checked", "it may want somebody to sign in"},
		{"directory", "one of two does not", directory(stranger).with(func(f *facts) {
			f.Directory = scp.Report{Directories: []scp.Directory{{URL: "ldaps://dc1.contoso.test"}, {URL: "ldaps://dc2.contoso.test", Failure: "dc2 is silent"}}}
		}), "wrong", "dc2 is silent"},
	} {
		wrong[tt.check] = wrong[tt.check] || tt.state == "wrong"
		t.Run(tt.check+": "+tt.name, func(t *testing.T) {
			found := examine(tt.f)
			i := slices.IndexFunc(found, func(f finding) bool { return f.Check == tt.check })
			if i < 0 {
				t.Fatal("there is no such check")
			}
			got := found[i]
			text := strings.Join(got.Evidence, "\n") + "\n" + got.Remedy
			if got.State != tt.state || !strings.Contains(text, tt.want) {
				t.Errorf("%s: %s; want %s, with %q", got.State, text, tt.state, tt.want)
			}
			if (got.State == "fine") != (len(got.Evidence) == 0) || (got.State == "wrong") != (got.Remedy != "") {
				t.Errorf("%s with evidence %q and remedy %q", got.State, got.Evidence, got.Remedy)
			}
		})
	}
	for _, c := range checks {
		if !wrong[c.name] {
			t.Errorf("no row shows that %s can be wrong", c.name)
		}
	}
}

// A redirect that leads nowhere does not live by the place that is asked after it.
func TestTheFirstPlaceThatLivesIsNotTheOneThatLeadsNowhere(t *testing.T) {
	leads := autodiscover.Step{Source: autodiscover.SourceSCP, URL: scpURL, By: autodiscover.ByAddress, HTTPStatus: 302, Said: "HTTP 302 to " + fabrikam}
	for _, tt := range []struct {
		name  string
		steps []autodiscover.Step
		want  string
	}{
		{"it leads nowhere, and the next candidate lives", []autodiscover.Step{leads, silent("", fabrikam), signInAsked(autodiscover.SourceSCP, autodURL)}, autodURL},
		{"it was not followed, and the next candidate lives", []autodiscover.Step{leads, signInAsked(autodiscover.SourceSCP, autodURL)}, autodURL},
		{"it leads to a service", []autodiscover.Step{leads, signInAsked("", fabrikam)}, scpURL},
		{"it leads nowhere, and is alone", []autodiscover.Step{leads, silent("", fabrikam)}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := living(probed(autodiscover.SourceSCP, tt.steps...))
			if got.URL != tt.want || ok != (tt.want != "") {
				t.Errorf("%q, %v; want %q", got.URL, ok, tt.want)
			}
		})
	}
}

// Without any facts nothing is called wrong but that nothing is announced and nobody
// knows the mailbox.
func TestEveryCheckHasItsNameOnceAndSaysWhatItWas(t *testing.T) {
	var names []string
	for _, f := range examine(facts{Address: "ann@contoso.test"}) {
		if f.Title == "" || f.State == "not checked" && len(f.Evidence) == 0 {
			t.Errorf("%+v does not say what it is", f)
		}
		if f.State == "wrong" && f.Check != "no-service" && f.Check != "found" {
			t.Errorf("%s is wrong without any fact: %v", f.Check, f.Evidence)
		}
		names = append(names, f.Check)
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(checks)+len(unseen) {
		t.Errorf("names are not unique: %v", names)
	}
}

// anyLogin has a sign-in for everybody.
type anyLogin struct{}

func (anyLogin) Login(context.Context, string) (trust.Login, error) {
	return trust.Login{User: "ann"}, nil
}
func (anyLogin) Refused(string, trust.Login) {}

// All questions of a doctor together have the budget of one discovery.
func TestADoctorSignsInToThreeStrangersOnly(t *testing.T) {
	b := &bounded{Logins: anyLogin{}, rules: trust.Rules{Trusted: []string{"*.fabrikam.test"}}, domain: "contoso.test"}
	for _, tt := range []struct {
		host string
		want bool
	}{
		{"a.tailspin.test", true}, {"b.tailspin.test", true}, {"c.tailspin.test", true},
		{"d.tailspin.test", false},
		{"a.tailspin.test", true},      // counted already
		{"ex1.contoso.test", true},     // of the mail domain
		{"mx1.fabrikam.test", true},    // of the policy
		{"mail.northwind.test", false}, // one more
	} {
		_, err := b.Login(t.Context(), tt.host)
		if noLogin, ok := errors.AsType[*trust.NoLoginError](err); (err == nil) != tt.want || err != nil && (!ok || noLogin.Refused) {
			t.Errorf("%s: %v, want a sign-in: %v", tt.host, err, tt.want)
		}
	}
}
