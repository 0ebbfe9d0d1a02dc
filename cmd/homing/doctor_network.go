package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/httpauth"
	"github.com/homing-mail/homing/internal/program"
)

// The checks of what lies below Autodiscover: certificates, ports, clock, names,
// the directory and the keyring.

// maxSkew is how far a clock may be off: more, and Kerberos refuses tickets
// (RFC 4120 1.6 recommends five minutes).
const maxSkew = 5 * time.Minute

func asDiscovery(err error) (*autodiscover.Error, bool) {
	return errors.AsType[*autodiscover.Error](err)
}

// fault of a certificate.
type certFault uint8

const (
	certGood certFault = iota
	certIssuer
	certName
	certExpired
)

// certFaultOf tells what is wrong with the certificate that err is about, and what
// was offered.
func certFaultOf(err error) (certFault, string) {
	failed, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok || len(failed.UnverifiedCertificates) == 0 {
		return certGood, ""
	}
	c := failed.UnverifiedCertificates[0]
	offered := fmt.Sprintf("%s for %s, issued by %s, in force %s to %s", httpauth.Name(c.Subject), strings.Join(namesOf(failed.UnverifiedCertificates), " "), httpauth.Name(c.Issuer),
		c.NotBefore.Format(time.DateOnly), c.NotAfter.Format(time.DateOnly))
	if _, ok := errors.AsType[x509.HostnameError](failed.Err); ok {
		return certName, offered
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](failed.Err); ok && invalid.Reason == x509.Expired {
		return certExpired, offered
	}
	return certIssuer, offered
}

// checkCertificates tells of the hosts whose certificate has a fault.
func checkCertificates(f facts, fault certFault, remedy string) diagnosis {
	var evidence []string
	met := false
	for _, h := range f.Hosts {
		got, offered := certFaultOf(h.Err)
		met = met || h.Err == nil || got != certGood
		if got == fault {
			evidence = append(evidence, fmt.Sprintf("%s (%s) offers %s", h.Host, h.Source, offered))
		}
	}
	if !met {
		return notChecked("no host has presented a certificate")
	}
	return diagnosis{evidence: evidence, remedy: remedy}
}

func checkIssuer(f facts) diagnosis {
	return checkCertificates(f, certIssuer, "if it is your organisation's, install the certificate of its authority on this machine or name it by network.ca_file; if you do not know the issuer, somebody may be in between")
}

func checkName(f facts) diagnosis {
	return checkCertificates(f, certName, "an administrator gets a certificate with the host's name, or takes the host out of DNS if it has nothing to do with mail")
}

func checkExpired(f facts) diagnosis {
	return checkCertificates(f, certExpired, "an administrator renews it; if the dates look right, the clock of this machine is wrong")
}

func checkClock(f facts) diagnosis {
	var evidence []string
	dated := 0
	for _, h := range f.Hosts {
		if !h.Dated {
			continue
		}
		dated++
		if h.Skew.Abs() > maxSkew {
			way := "ahead of"
			if h.Skew < 0 {
				way = "behind"
			}
			evidence = append(evidence, fmt.Sprintf("the clock of %s is %v %s that of this machine", h.Host, h.Skew.Abs().Round(time.Second), way))
		}
	}
	switch {
	case dated == 0:
		return notChecked("no host has told its time")
	case 2*len(evidence) <= dated: // the others agree with ours
		evidence = nil
	}
	return diagnosis{evidence: evidence, remedy: "set the clock of this machine; certificates and Kerberos depend on it"}
}

func checkClosedPort(f facts) diagnosis {
	if len(f.Hosts) == 0 {
		return notChecked("no host is announced")
	}
	var evidence []string
	for _, h := range f.Hosts {
		// <domain> itself is a guess, and need not serve anything.
		dial, ok := errors.AsType[*net.OpError](h.Err)
		if _, unnamed := errors.AsType[*net.DNSError](h.Err); h.Source == autodiscover.SourceRoot || unnamed || !ok || dial.Op != "dial" {
			continue
		}
		evidence = append(evidence, fmt.Sprintf("%s (%s): %v", h.Host, h.Source, h.Err))
	}
	return diagnosis{evidence: evidence, remedy: "the name leads somewhere and nobody listens there: an administrator starts the service, opens the firewall, or corrects the record"}
}

func checkDNS(f facts) diagnosis {
	var evidence []string
	down := func(what string, err error) bool {
		failed, ok := errors.AsType[*net.DNSError](err)
		if ok && !failed.IsNotFound {
			evidence = append(evidence, fmt.Sprintf("%s: %v", what, failed))
		}
		return ok
	}
	looked := false
	for _, h := range f.Hosts {
		looked = down(h.Host, h.Err) || looked
	}
	for _, s := range stepsOf(f.Probes) {
		if s.Source != autodiscover.SourceSRV || s.By != "" {
			continue
		}
		looked = looked || !s.Skipped
		if !s.Skipped && s.Err != "" {
			evidence = append(evidence, s.Err)
		}
	}
	if !looked {
		return notChecked("this network has no DNS to ask")
	}
	return diagnosis{evidence: evidence, remedy: "see whether the network is up and which resolver it uses (network.dns names another); the profile stays as it is meanwhile"}
}

func checkDirectory(f facts) diagnosis {
	if !f.HasDirectory {
		return notChecked("this machine has no directory: discovery.directories and discovery.domain name none, and it is no member of a domain")
	}
	var evidence []string
	if f.DirectoryErr != nil {
		evidence = append(evidence, f.DirectoryErr.Error())
	}
	for _, d := range f.Directory.Directories {
		if d.Failure != "" && (f.DirectoryErr == nil || !strings.Contains(f.DirectoryErr.Error(), d.Failure)) {
			evidence = append(evidence, d.Failure)
		}
	}
	if f.Anonymous && len(evidence) > 0 {
		return notChecked("--no-auth says that nobody receives credentials, and without any: %s", evidence[0])
	}
	return diagnosis{evidence: evidence, remedy: "discovery goes on without it; see discovery.directories and discovery.bind, or switch it off: discovery.exclude = [\"scp-lookup\"]"}
}

func checkSecrets(f facts) diagnosis {
	if f.Profile == nil {
		return notChecked("there is no profile for %s", f.Address)
	}
	var evidence []string
	remedy := "sign in anew with: homing setup " + f.Address
	for _, s := range f.Secrets {
		if s.Err == nil {
			continue
		}
		evidence = append(evidence, s.Err.Error())
		remedy = cmp.Or(program.SecretRemedy(s.Ref, s.Err), remedy)
	}
	return diagnosis{evidence: evidence, remedy: remedy}
}

func checkClearOnly(f facts) diagnosis {
	var alive []autodiscover.Source
	led := ""
	for _, p := range f.Probes {
		switch p.Source {
		case autodiscover.SourceProfile, autodiscover.SourceConfigured, autodiscover.SourceMicrosoft365:
			continue // known here, and not announced by the domain
		}
		if s, ok := living(p); ok {
			alive = append(alive, p.Source)
			if p.Source == autodiscover.SourceHTTP {
				led = s.URL
			}
		}
	}
	if len(alive) == 0 {
		return notChecked("nothing that the domain announces answers")
	}
	if !slices.Equal(alive, []autodiscover.Source{autodiscover.SourceHTTP}) {
		return diagnosis{}
	}
	return diagnosis{
		evidence: []string{fmt.Sprintf("only a clear-text GET leads to the service, to %s; anybody on the way could send it elsewhere, and some clients do not ask in clear text", led)},
		remedy:   "an administrator adds an SRV record _autodiscover._tcp of the mail domain, or a certificate for autodiscover of it",
	}
}

func checkNoService(f facts) diagnosis {
	var evidence []string
	for _, p := range f.Probes {
		if _, ok := living(p); ok {
			return diagnosis{}
		}
		for _, s := range p.Steps {
			if (s.By != "" || !s.Skipped) && s.HTTPStatus != http.StatusUnauthorized {
				evidence = append(evidence, strings.TrimSpace(fmt.Sprintf("%s %s: %s", s.Source, s.URL, answered(s))))
			}
		}
	}
	if len(evidence) == 0 {
		evidence = []string{"no source is asked"}
	}
	return diagnosis{evidence: evidence, remedy: "see whether the network is up; if it is, an administrator announces the service, by autodiscover of the mail domain or an SRV record, in every view of split DNS, and sees to redirects that lead nowhere"}
}
