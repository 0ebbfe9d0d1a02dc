package logonclient

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/internal/trust"
)

// Resolve turns the ServerName of an ecWrongServer answer that from gave into
// the Target to try next. Both URLs follow, and Access.Hop says who sent us.
//
// ServerName is the distinguished name of a server ([MS-OXCSTOR] 2.2.1.1.2), not
// of a host. The ways are tried in this order:
//
//   - From Exchange 2013 on its last element is the MailboxId of the right URL at
//     the present front end; nobody is asked. Should the logon fail there, its
//     error says what next, as anywhere: the name is not resolved in another way.
//   - The address book of from is asked (GetMailboxUrl, [MS-OXCMAPIHTTP]
//     2.2.5.18), if the rules admit its host: at most a challenge, Bind,
//     GetMailboxUrl, GetAddressBookUrl where the mailbox is at another host, and
//     Unbind. Up to the last this takes Timeout at most in all.
//   - The host that the name may be is looked for beside the present one: a guess,
//     which the rules, the certificate and the logon have to prove.
//
// The error is an *Error: of kind Unsupported where the name leads nowhere, so
// that Autodiscover is to be asked, of kind Unreachable where ctx has ended.
func (c *Client) Resolve(ctx context.Context, from Target, serverName string) (Target, error) {
	serverName, _, _ = strings.Cut(serverName, "\x00")
	name := lastName(serverName)
	to, why := sameFrontEnd(from, name)
	if why == "" {
		return to, nil
	}
	var asked error
	if name != "" && from.AddressBook != "" {
		if to, asked = c.lookUp(ctx, from, withoutDatabase(serverName)); asked == nil {
			return to, nil
		}
	}
	if ctx.Err() != nil {
		return Target{}, &Error{Kind: Unreachable, Op: "Resolve", Host: from.Access.Hop.To, ResponseCode: -1, Err: ctx.Err()}
	}
	if name != "" && !strings.Contains(name, "@") {
		if to, why = besideHost(from, name); why == "" {
			return to, nil
		}
	}
	said := fmt.Sprintf("server name %q %s", printable(serverName, maxSaid), why)
	if asked != nil {
		said += "; " + printable(asked.Error(), 2*maxSaid)
	}
	return Target{}, &Error{Kind: Unsupported, Op: "Resolve", Host: from.Access.Hop.To, ResponseCode: -1,
		ServerName: printable(serverName, mapi.MaxDN), Said: said, Err: asked}
}

// sameFrontEnd is the place that a name which is a MailboxId stands for, or why
// there is none.
func sameFrontEnd(from Target, name string) (Target, string) {
	id, domain, ok := strings.Cut(name, "@")
	switch {
	case name == "":
		return Target{}, "names no server"
	case !ok:
		return Target{}, "is no mailbox id"
	case !isHostName(id) || !isHostName(domain):
		return Target{}, "ends in no mailbox id"
	}
	to := from
	if to.MailStore, ok = withMailboxID(from.MailStore, name); !ok {
		return Target{}, "names a mailbox, but the present URL has none to replace"
	}
	if other, ok := withMailboxID(from.AddressBook, name); ok {
		to.AddressBook = other
	}
	return follow(from, to, from.Access.Hop.To)
}

// besideHost is the place at the host that a name may be, or why there is none.
// A bare name gets the domain of the present host.
func besideHost(from Target, name string) (Target, string) {
	store, err := url.Parse(from.MailStore)
	if err != nil {
		return Target{}, "has no URL to start from"
	}
	host := strings.ToLower(name)
	if !strings.Contains(host, ".") {
		_, domain, ok := strings.Cut(store.Hostname(), ".")
		if !ok || net.ParseIP(store.Hostname()) != nil {
			return Target{}, "names a host without a domain"
		}
		host += "." + domain
	}
	if !isHostName(host) {
		return Target{}, "ends in no host name"
	}
	to := from
	to.MailStore = withHost(from.MailStore, host)
	to.AddressBook = withHost(from.AddressBook, host)
	return follow(from, to, from.Access.Hop.To)
}

// lookUp asks the address book of from for the mailbox endpoint of a server.
// Where the rules do not admit its host, nothing is sent there.
func (c *Client) lookUp(ctx context.Context, from Target, serverDN string) (Target, error) {
	fail := func(err error) (Target, error) { return Target{}, fmt.Errorf("asking the address book: %w", err) }
	hop := from.Access.Hop
	access := from.Access
	step, err := trust.Step(hop.MailDomain, hop.To, from.AddressBook, trust.FromSettings)
	if err != nil {
		return fail(err)
	}
	if step.To != hop.To { // a host of its own, judged for itself
		access.Hop = step
	}
	if err := access.Judge(); err != nil {
		return fail(err)
	}
	if err := mapi.CheckDN(serverDN); err != nil {
		return fail(err)
	}
	limit := c.timeout()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, silence(limit))
	defer cancel()
	book, refused := c.open(ctx, from.AddressBook, access, step.To == hop.To)
	if refused != nil {
		return fail(refused)
	}
	defer book.close(ctx)
	if book.gromox("") { // drops the last element, whatever it is
		serverDN += privateMDB
	}
	to := from
	if to.MailStore, refused = book.mailboxURL(ctx, serverDN); refused != nil {
		return fail(refused)
	}
	store, err := url.Parse(to.MailStore)
	if err != nil {
		return fail(err)
	}
	elsewhere := trust.HostPort(store) != hop.To
	if elsewhere {
		to.AddressBook = withHost(from.AddressBook, store.Hostname())
	}
	if other, ok := withMailboxID(to.AddressBook, mailboxID(to.MailStore)); ok {
		to.AddressBook = other
	}
	to, why := follow(from, to, step.To)
	if why != "" {
		return fail(fmt.Errorf("the URL in its answer %s", why))
	}
	if elsewhere {
		if other, refused := book.addressBookURL(ctx, from.LegacyDN); refused == nil {
			to.AddressBook = other
		}
	}
	return to, nil
}

// follow completes to, to which the host by has sent us when from gave a name, or
// says why it leads nowhere.
func follow(from, to Target, by string) (Target, string) {
	if strings.EqualFold(to.MailStore, from.MailStore) {
		return Target{}, "is where we are"
	}
	var err error
	if to.Access.Hop, err = trust.Step(from.Access.Hop.MailDomain, by, to.MailStore, trust.FromServerName); err != nil {
		return Target{}, "leads to no usable URL"
	}
	return to, ""
}

// The databases that may follow the name of a server ([MS-OXABREF] 3.1.4.2).
const (
	privateMDB = "/cn=Microsoft Private MDB"
	publicMDB  = "/cn=Microsoft Public MDB"
)

// withoutDatabase returns the distinguished name of a server without the
// database behind it.
func withoutDatabase(dn string) string {
	for _, mdb := range []string{privateMDB, publicMDB} {
		if n := len(dn) - len(mdb); n >= 0 && strings.EqualFold(dn[n:], mdb) {
			return dn[:n]
		}
	}
	return dn
}

// lastName returns the value of the last element of the distinguished name of a
// server; "" if that is no cn.
func lastName(dn string) string {
	dn = withoutDatabase(dn)
	last := dn[strings.LastIndexByte(dn, '/')+1:]
	if len(last) < 3 || !strings.EqualFold(last[:3], "cn=") {
		return ""
	}
	return last[3:]
}

// notEndpoint says why rawURL is not the URL of a mailbox at an endpoint whose
// path holds path, "" if it is. Gromox 3.10 answers a name that it misreads with
// the URL of another endpoint, or of a mailbox called Servers.
func notEndpoint(rawURL, path string) string {
	u, err := url.Parse(rawURL)
	switch {
	case err != nil:
		return "it cannot be read"
	case u.Fragment != "":
		return "it has a fragment"
	case !strings.Contains(strings.ToLower(u.Path), path):
		return "its path has no " + path
	}
	if id, domain, _ := strings.Cut(mailboxID(rawURL), "@"); id == "" || domain == "" {
		return "its MailboxId names no mailbox"
	}
	if _, err := trust.Step("", "", rawURL, trust.FromServerName); err != nil {
		return err.Error()
	}
	return ""
}

// mailboxID returns the MailboxId of a URL as it stands there, "" if it has
// none.
func mailboxID(rawURL string) string {
	_, query, _ := strings.Cut(rawURL, "?")
	query, _, _ = strings.Cut(query, "#")
	for param := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(param, "="); strings.EqualFold(name, "MailboxId") {
			return strings.ReplaceAll(value, "%40", "@")
		}
	}
	return ""
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
