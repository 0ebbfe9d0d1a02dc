package trust

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
)

// How says by which way the host of a Hop became known.
type How string

const (
	// FromProfile: the profile has logged on there before.
	FromProfile How = "profile"
	// FromUnproven: a profile names it, but nobody has logged on there since it
	// was imported or rolled back; a file can name any host.
	FromUnproven How = "unproven profile"
	// FromConfiguration: an administrator or the command line named it.
	FromConfiguration How = "configuration"
	// FromDomain: autodiscover.<mail domain> or <mail domain> itself
	// ([MS-OXDISCO] 3.1.5.2).
	FromDomain How = "mail domain"
	// FromHTTPRedirect: a 30x answer of an Autodiscover endpoint.
	FromHTTPRedirect How = "http redirect"
	// FromRedirectURL: a RedirectUrl in an Autodiscover answer
	// ([MS-OXDSCLI] 3.1.5.3).
	FromRedirectURL How = "RedirectUrl"
	// FromRedirectAddr: derived from the domain of a RedirectAddr
	// ([MS-OXDSCLI] 3.1.5.3).
	FromRedirectAddr How = "RedirectAddr"
	// FromSettings: the settings that an Autodiscover endpoint answered.
	FromSettings How = "settings"
	// FromServerName: the ServerName of an ecWrongServer answer
	// ([MS-OXCSTOR] 2.2.1.1.2).
	FromServerName How = "server name"
	// FromDirectory: a service connection point of a directory that has proved,
	// over a sealed connection, a name that the configuration or the domain of the
	// machine vouches for ([MS-OXDISCO] 3.1.5.1).
	FromDirectory How = "directory"
	// FromUnsealedDirectory: a service connection point of a directory that anybody
	// on the way may have spoken for.
	FromUnsealedDirectory How = "unsealed directory"
	// FromSRV: the target of a DNS SRV record ([MS-OXDISCO] 3.1.5.3).
	FromSRV How = "SRV record"
	// FromClearRedirect: where a GET in the clear was sent on to
	// ([MS-OXDISCO] 3.1.5.4).
	FromClearRedirect How = "clear-text redirect"
	// FromMicrosoft365: an endpoint of Microsoft 365, asked because policy says so.
	FromMicrosoft365 How = "Microsoft 365"
)

// clear reports whether anybody on the way could have made the host known.
func (h How) clear() bool {
	return h == FromUnsealedDirectory || h == FromSRV || h == FromClearRedirect
}

// Hop is one step from host to host that would carry credentials.
type Hop struct {
	MailDomain string `json:"mail_domain"`    // domain of the mail address, lower case
	From       string `json:"from,omitempty"` // host:port that sent us; empty for a first step
	To         string `json:"to"`             // host:port that would receive credentials
	How        How    `json:"how"`
	Cert       string `json:"cert,omitempty"` // subject and issuer that To presented, once known
}

// Step returns the hop from from (host:port, may be empty) to the host of
// rawURL. It refuses with an *UntrustedError what no rule could ever allow: a
// URL that is not https, has userinfo, names no host, or names one in other than
// the ASCII letters of a host name, which a person could take for another.
func Step(mailDomain, from, rawURL string, how How) (Hop, error) {
	h := Hop{MailDomain: strings.ToLower(mailDomain), From: from, How: how}
	refuse := func(why string) (Hop, error) {
		return h, &UntrustedError{Hop: h, Verdict: Refuse, Why: why}
	}
	u, err := url.Parse(rawURL)
	if err != nil || len(rawURL) > 2048 {
		return refuse("the address is not a usable URL")
	}
	h.To = HostPort(u)
	switch {
	case u.Hostname() == "" || u.Opaque != "":
		return refuse("the address names no host")
	case h.To == "":
		return refuse("its host name is not written in ASCII, where an international name begins with xn--")
	case u.User != nil:
		return refuse("the address contains a user name")
	case u.Scheme != "https":
		return refuse("credentials travel over https only, not " + u.Scheme)
	case !isIP(host(h.To)) && !isHostName(host(h.To)):
		return refuse("the address names no host in the letters of a host name")
	case strings.ContainsFunc(rawURL, func(r rune) bool { return r <= ' ' || r > '~' }):
		return refuse("the address has other characters than printable ASCII")
	}
	return h, nil
}

// HostPort returns the canonical host:port of u: lower case, no trailing dot,
// the port of the scheme where none is written. It is empty for a URL without a
// host and for a name that is not ASCII: some letters become others when their
// case is folded, and what is judged has to be what is dialled.
func HostPort(u *url.URL) string {
	if u.Host == "" || !isASCII(u.Hostname()) {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = "443"
		if u.Scheme == "http" {
			port = "80"
		}
	}
	return net.JoinHostPort(strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), port)
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// host returns the host part of host:port.
func host(hostport string) string {
	h, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return hostport
	}
	return h
}

// isHostName reports whether name consists of labels of 1 to 63 lower-case
// letters, digits, hyphens and underscores (RFC 1123 2.1, and what is in use).
func isHostName(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return len(name) <= 253
}

// isIP reports whether host is an IP address, or what some resolvers read as one:
// 127.1, 0x7f.0x1 and 2130706433. No top-level domain begins with a digit.
func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	top := host[strings.LastIndexByte(host, '.')+1:]
	return err == nil || top != "" && '0' <= top[0] && top[0] <= '9'
}

func (h Hop) String() string {
	if h.From == "" {
		return fmt.Sprintf("%s (%s)", h.To, h.How)
	}
	return fmt.Sprintf("%s -> %s (%s)", h.From, h.To, h.How)
}
