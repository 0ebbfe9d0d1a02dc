package logonclient

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/homing-mail/homing/internal/trust"
)

// Resolve turns the ServerName of an ecWrongServer answer that from gave into
// the Target to try next. Both URLs follow, and Access.Hop says who sent us.
// The error is an *Error of kind Unsupported where the name leads nowhere.
//
// ServerName is the distinguished name of a server ([MS-OXCSTOR] 2.2.1.1.2). Its
// last element is, from Exchange 2013 on, the MailboxId of the right URL, and
// before that the name of a host.
func (c *Client) Resolve(_ context.Context, from Target, serverName string) (Target, error) {
	return resolve(from, serverName)
}

// resolve does it without asking anybody. A bare host name is looked for beside
// the present host: a guess, which the rules, the certificate and the logon
// have to prove; GetMailboxUrl ([MS-OXCMAPIHTTP] 2.2.5.18) will come before it.
func resolve(from Target, serverName string) (Target, error) {
	serverName, _, _ = strings.Cut(serverName, "\x00")
	nowhere := func(why string) (Target, error) {
		return Target{}, &Error{Kind: Unsupported, Op: "Resolve", Host: from.Access.Hop.To, ResponseCode: -1,
			ServerName: printable(serverName, 1024), Said: fmt.Sprintf("server name %q %s", printable(serverName, maxSaid), why)}
	}
	store, err := url.Parse(from.MailStore)
	if err != nil {
		return nowhere("has no URL to start from")
	}
	name := lastName(serverName)
	to := from
	switch {
	case name == "":
		return nowhere("names no server")
	case strings.Contains(name, "@"):
		id, domain, _ := strings.Cut(name, "@")
		if !isHostName(id) || !isHostName(domain) {
			return nowhere("ends in no mailbox id")
		}
		var ok bool
		if to.MailStore, ok = withMailboxID(from.MailStore, name); !ok {
			return nowhere("names a mailbox, but the present URL has none to replace")
		}
		if other, ok := withMailboxID(from.AddressBook, name); ok {
			to.AddressBook = other
		}
	default:
		host := strings.ToLower(name)
		if !strings.Contains(host, ".") {
			_, domain, ok := strings.Cut(store.Hostname(), ".")
			if !ok || net.ParseIP(store.Hostname()) != nil {
				return nowhere("names a host without a domain")
			}
			host += "." + domain
		}
		if !isHostName(host) {
			return nowhere("ends in no host name")
		}
		to.MailStore = withHost(from.MailStore, host)
		to.AddressBook = withHost(from.AddressBook, host)
	}
	if strings.EqualFold(to.MailStore, from.MailStore) {
		return nowhere("is where we are")
	}
	hop := from.Access.Hop
	if to.Access.Hop, err = trust.Step(hop.MailDomain, hop.To, to.MailStore, trust.FromServerName); err != nil {
		return nowhere("leads to no usable URL")
	}
	return to, nil
}

// lastName returns the value of the last element of the distinguished name of a
// server; "" if that is no cn. The database that may follow it
// ([MS-OXABREF] 3.1.4.2) is not the server's.
func lastName(dn string) string {
	parts := strings.Split(dn, "/")
	last := parts[len(parts)-1]
	if len(parts) > 1 && (strings.EqualFold(last, "cn=Microsoft Private MDB") || strings.EqualFold(last, "cn=Microsoft Public MDB")) {
		last = parts[len(parts)-2]
	}
	if len(last) < 3 || !strings.EqualFold(last[:3], "cn=") {
		return ""
	}
	return last[3:]
}

// withMailboxID returns rawURL with another MailboxId, all else verbatim, and
// whether it had one.
func withMailboxID(rawURL, id string) (string, bool) {
	base, query, _ := strings.Cut(rawURL, "?")
	query, fragment, hasFragment := strings.Cut(query, "#")
	params := strings.Split(query, "&")
	found := false
	for i, param := range params {
		if name, _, _ := strings.Cut(param, "="); strings.EqualFold(name, "MailboxId") {
			params[i] = name + "=" + id
			found = true
		}
	}
	if hasFragment {
		fragment = "#" + fragment
	}
	return base + "?" + strings.Join(params, "&") + fragment, found
}

// withHost returns rawURL at another host, port and all else verbatim; "" stays
// "".
func withHost(rawURL, host string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return ""
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	return strings.Replace(rawURL, "//"+u.Host, "//"+host, 1)
}

// isHostName reports whether s is made of labels of letters, digits and hyphens
// (RFC 1123 2.1).
func isHostName(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if c != '-' && !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
				return false
			}
		}
	}
	return len(s) <= 253
}
