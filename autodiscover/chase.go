package autodiscover

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/homing-mail/homing/internal/mailaddr"
	"github.com/homing-mail/homing/internal/trust"
)

// rank is the order in which a discovery that found nothing says why.
var rank = [...]Kind{Untrusted, Loop, Limit, Unauthorized, NoUsableProtocol, Busy, NotFound, Malformed, Unreachable}

// chase is what a discovery makes of the candidates that live, without any I/O:
// admit says what may be done about a candidate, offer that it is asked now, next
// which referral is followed; take hears how each went, and found or failure is
// the verdict.
type chase struct {
	domain   string // mail domain of the query: what trust is measured by
	address  string // the address that is looked up now
	legacyDN string // empty once it was refused, or the address has changed
	rules    Rules

	search     search   // what candidates are wanted for; another one after a redirectAddr
	pending    *ask     // what the last answer asks for; goes before the candidates
	withoutPOX []ask    // places that have no plain-old-XML Autodiscover; go after the candidates
	renamed    []rename // by whoever wants no sign-in; go after everybody else
	chain      []string // keys of the asks that led on from the present candidate
	asked      map[string]bool
	addresses  []string // in lower case, the query's first
	realms     []string // that have refused a sign-in
	receivers  trust.Receivers

	redirects int
	ended     bool // nothing more is asked
	found     *ask
	settings  Settings
	failures  map[Kind]*Error // the first of each kind
	refused   *UntrustedError // the first candidate that was refused
}

// ask is one thing to do.
type ask struct {
	url      string
	how      How
	source   Source // of a candidate; empty for a referral
	from     string // host:port that sent us; empty for a first step
	by       Identity
	address  string
	legacyDN string
	soap     bool // by SOAP Autodiscover, which knows addresses only
	idle     bool // a referral that nobody had signed in for, or a candidate of one: a web site's, often
	site     bool // the root domain, or where it leads everybody: a web site, mostly

	deed    deed
	hop     Hop
	verdict trust.Verdict
	reason  string // of the verdict
	why     error  // the reason of meet and skip
	kind    Kind   // of why
}

// deed is what is done about an ask.
type deed uint8

const (
	post deed = iota // ask
	meet             // learn the certificate only: neither body nor credentials
	skip             // nothing is sent
)

// value returns what a.by is.
func (a ask) value() string {
	if a.by == ByLegacyDN {
		return a.legacyDN
	}
	return a.address
}

// key tells a from every other ask: the canonical URL (scheme, host in lower
// case and port, path and query as they are written) and the identity.
func (a ask) key() string {
	u, err := url.Parse(a.url)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("https://%s%s %s=%s", trust.HostPort(u), u.RequestURI(), a.by, a.value())
}

// answer is how an ask went: a document, a location or a failure.
type answer struct {
	document
	location string // where an HTTP 30x leads; absolute
	failure  *Error // why there is nothing of use
	refused  bool   // failure is the refusal of credentials that were sent
	signed   bool   // credentials were sent
	noPOX    bool   // failure is that there is no such service
	cert     string
}

// newChase returns the discovery that q asks for, or why it cannot be asked.
func newChase(q Query) (*chase, error) {
	local, domain, err := mailaddr.ParseAddress(q.Address)
	if err != nil {
		return nil, err
	}
	if err := checkLegacyDN(q.LegacyDN); err != nil {
		return nil, fmt.Errorf("the LegacyDN cannot be sent: %w", err)
	}
	address := local + "@" + domain
	return &chase{
		domain:    domain,
		address:   address,
		legacyDN:  q.LegacyDN,
		rules:     q.Rules,
		search:    search{domain: domain, how: trust.FromDomain, first: q.First},
		asked:     make(map[string]bool),
		addresses: []string{strings.ToLower(address)},
		failures:  make(map[Kind]*Error),
	}, nil
}

// next returns the referral to follow now, and false if there is none. Only an
// ask whose deed is not skip has to be answered by take.
func (c *chase) next() (ask, bool) {
	if c.pending == nil {
		return ask{}, false
	}
	a := *c.pending
	c.pending = nil
	if a.deed == skip {
		return a, true
	}
	return c.commit(c.judge(a)), true
}

// admit says what may be done about a candidate before it is probed.
func (c *chase) admit(candidate Candidate) ask {
	a := ask{url: candidate.URL, how: candidate.How, source: candidate.Source, site: candidate.Source == SourceRoot}
	if a.how == trust.FromRedirectAddr {
		a.from, a.idle = c.search.from, c.search.idle
	}
	return c.judge(c.identify(a))
}

// worth is the verdict about a candidate of s, and why, before its turn.
func (c *chase) worth(s search, candidate Candidate) (trust.Verdict, string) {
	from := ""
	if candidate.How == trust.FromRedirectAddr {
		from = s.from
	}
	hop, err := trust.Step(c.domain, from, candidate.URL, candidate.How)
	if untrusted, ok := trust.IsUntrusted(err); ok {
		return untrusted.Verdict, untrusted.Why
	}
	return c.rules.Judge(hop)
}

// offer says whether a candidate that lives is asked, by what it is to be asked
// now. Where its deed is skip, nobody is.
func (c *chase) offer(a ask) ask {
	c.chain = nil
	return c.commit(c.identify(a))
}

// putOff hears that a, which was offered, has made room for another before it was
// answered: it may be asked again.
func (c *chase) putOff(a ask) { delete(c.asked, a.key()) }

// identify returns a with the identity that the mailbox is asked for by: the
// LegacyDN, as long as it has not been refused.
func (c *chase) identify(a ask) ask {
	a.by, a.address, a.legacyDN = ByAddress, c.address, ""
	if c.legacyDN != "" {
		a.by, a.legacyDN = ByLegacyDN, c.legacyDN
	}
	return a
}

// judge decides what may be done about a before anything is sent.
func (c *chase) judge(a ask) ask {
	hop, err := trust.Step(c.domain, a.from, a.url, a.how)
	a.hop = hop
	if untrusted, ok := trust.IsUntrusted(err); ok {
		return c.refuse(a, untrusted)
	}
	a.verdict, a.reason = c.rules.Judge(hop)
	untrusted := &UntrustedError{Hop: hop, Verdict: a.verdict, Why: a.reason}
	switch a.verdict {
	case trust.Allow:
	case trust.Ask:
		a.deed, a.why, a.kind = meet, untrusted, Untrusted
	default:
		return c.refuse(a, untrusted)
	}
	return a
}

// commit notes that a is asked now, unless it was before or may not be.
func (c *chase) commit(a ask) ask {
	key := a.key()
	switch {
	case a.deed == skip:
		return a
	case slices.Contains(c.chain, key):
		return c.fail(a, Loop, fmt.Errorf("the referrals lead in a circle, back to %s", a.url))
	case c.asked[key]:
		a.deed, a.why, a.kind = skip, fmt.Errorf("it has been asked by this %s before", a.by), Loop
		return a
	case a.deed == post && !c.receivers.Admit(c.rules, a.hop):
		return c.fail(a, Limit, fmt.Errorf("more than %d hosts outside the mail domain and the policy would receive credentials", trust.MaxReceivers))
	}
	c.asked[key] = true
	c.chain = append(c.chain, key)
	return a
}

// refuse skips a, which no rule could ever allow. A referral to such a place that
// answered a sign-in ends the discovery; one for everybody, and a candidate, are
// only left out.
func (c *chase) refuse(a ask, why *UntrustedError) ask {
	a.verdict, a.reason = why.Verdict, why.Why
	if a.source == "" {
		c.ended = c.ended || !a.idle
		c.remember(a, &Error{Kind: Untrusted, Untrusted: why})
	} else if c.refused == nil {
		c.refused = why
	}
	a.deed, a.why, a.kind = skip, why, Untrusted
	return a
}

// fail skips a and remembers why.
func (c *chase) fail(a ask, kind Kind, why error) ask {
	c.remember(a, &Error{Kind: kind, Err: why})
	a.deed, a.why, a.kind = skip, why, kind
	return a
}

// remember keeps the first failure of each kind.
func (c *chase) remember(a ask, e *Error) {
	if c.failures[e.Kind] != nil {
		return
	}
	if e.Host == "" {
		e.Host = a.hop.To
	}
	c.failures[e.Kind] = e
}

// ends reports whether the probe of candidate a that came to nothing ends the
// discovery, so that whoever is better in rank is not heard before.
func (a ask) ends(ans answer) bool {
	if ans.failure == nil { // a stranger
		return a.how == trust.FromRedirectAddr && !a.idle
	}
	return ans.failure.Kind == Limit
}

// take hears how an ask went, or the probe of a candidate that came to nothing.
func (c *chase) take(a ask, ans answer) {
	switch {
	case a.deed == meet && (a.source == "" || ans.failure == nil):
		// Nothing waits for a person. Where a referral leads to a stranger, the
		// mailbox is there; a stranger among the candidates is one of several, and
		// so is one that a web site leads everybody to.
		untrusted, _ := trust.IsUntrusted(a.why)
		untrusted.Hop.Cert = ans.cert
		c.ended = c.ended || !a.idle && (a.source == "" || a.how == trust.FromRedirectAddr)
		c.remember(a, &Error{Kind: Untrusted, Untrusted: untrusted})
	case ans.failure != nil:
		c.remember(a, ans.failure)
		if ans.noPOX && a.deed == post && !a.soap {
			c.withoutPOX = append(c.withoutPOX, a)
		}
		c.ended = c.ended || ans.failure.Kind == Untrusted || ans.failure.Kind == Limit || ans.refused && c.refusals(a) >= maxRefusals
	case ans.location != "":
		c.redirect(a, ans.location, trust.FromHTTPRedirect, !ans.signed)
	case ans.redirectURL != "":
		c.redirect(a, ans.redirectURL, trust.FromRedirectURL, !ans.signed)
	case ans.redirectAddr != "" && !ans.signed:
		c.renamed = append(c.renamed, rename{a, ans.redirectAddr})
	case ans.redirectAddr != "":
		c.renamed = nil
		c.redirectAddr(a, ans.redirectAddr, false)
	case ans.refusal != nil:
		c.refusal(a, ans.refusal)
	case ans.settings != nil:
		c.settle(a, *ans.settings)
	}
}

// rename is a redirectAddr of a document for everybody. Whoever answers without
// knowing who asks does not know the mailbox, so all others are heard first.
type rename struct {
	by      ask
	address string
}

// further goes on where all candidates have led nowhere, and returns false if
// there is nothing left: SOAP Autodiscover, once to each place that has no other,
// for the address that is looked up still; then each address that a document for
// everybody has named instead of it.
func (c *chase) further() bool {
	for !c.ended && len(c.withoutPOX) > 0 {
		pox := c.withoutPOX[0]
		c.withoutPOX = c.withoutPOX[1:]
		a := ask{url: soapURL(pox.url), how: pox.how, source: pox.source, from: pox.from, by: ByAddress, address: pox.address, soap: true, site: pox.site}
		if a.address == c.address && !c.asked[a.key()] {
			c.pending, c.chain = &a, []string{pox.key()}
			return true
		}
	}
	if !c.ended && len(c.renamed) > 0 {
		r := c.renamed[0]
		c.renamed = c.renamed[1:]
		c.redirectAddr(r.by, r.address, true)
		return true
	}
	return false
}

// settle ends the discovery if s names a place to log on to.
func (c *chase) settle(a ask, s Settings) {
	if _, ok := s.MAPI(); ok {
		c.found, c.settings, c.ended = &a, s, true
		return
	}
	c.remember(a, &Error{Kind: NoUsableProtocol, Err: fmt.Errorf("the settings offer %s", s.types())})
}

// refusal notes that nobody is known by a's identity. A refused LegacyDN is
// followed by the address, at the same place first and everywhere from then on;
// that a server has no time refuses nobody.
func (c *chase) refusal(a ask, e *errorCode) {
	kind := e.kind()
	c.remember(a, &Error{Kind: kind, Err: e})
	if a.by == ByLegacyDN && kind != Busy {
		c.legacyDN = ""
		again := c.identify(ask{url: a.url, how: a.how, source: a.source, from: a.from, site: a.site})
		c.pending = &again
	}
}

// redirect sends the same identity to another URL ([MS-OXDSCLI] 3.1.5.3). It is
// idle where nobody had signed in.
func (c *chase) redirect(a ask, to string, how How, idle bool) {
	from := a.hop.To
	if a.soap {
		a = c.identify(a) // the place that it leads to may know the LegacyDN
	}
	a = ask{url: to, how: how, from: from, by: a.by, address: a.address, legacyDN: a.legacyDN, idle: idle, site: a.site && idle}
	if c.redirects == maxRedirects {
		c.ended = true
		a.hop, _ = trust.Step(c.domain, from, to, how)
		a = c.fail(a, Limit, fmt.Errorf("more than %d redirects", maxRedirects))
	} else {
		c.redirects++
	}
	c.pending = &a
}

// redirectAddr starts again at the domain of another address, by that address
// ([MS-OXDSCLI] 3.1.5.3). The mail domain that trust is measured by stays. It is
// idle where nobody had signed in.
func (c *chase) redirectAddr(a ask, address string, idle bool) {
	domain := address[strings.LastIndex(address, "@")+1:]
	halt := ask{url: "https://autodiscover." + domain + path, how: trust.FromRedirectAddr, from: a.hop.To, by: ByAddress, address: address}
	halt.hop, _ = trust.Step(c.domain, halt.from, halt.url, halt.how)
	lower := strings.ToLower(address)
	switch {
	case slices.Contains(c.addresses, lower):
		halt = c.fail(halt, Loop, fmt.Errorf("the referrals lead in a circle, back to %s", address))
	case c.redirects == maxRedirects:
		c.ended = true
		halt = c.fail(halt, Limit, fmt.Errorf("more than %d redirects", maxRedirects))
	case len(c.addresses) > maxAddressChanges:
		c.ended = true
		halt = c.fail(halt, Limit, fmt.Errorf("more than %d changes of the address", maxAddressChanges))
	default:
		c.redirects++
		c.addresses = append(c.addresses, lower)
		c.address, c.legacyDN = address, ""
		c.search = search{domain: domain, how: trust.FromRedirectAddr, from: a.hop.To, changes: c.search.changes + 1, idle: idle}
		return
	}
	c.pending = &halt
}

// refusals returns how many realms have refused, now that a's has.
func (c *chase) refusals(a ask) int {
	host, _, _ := net.SplitHostPort(a.hop.To)
	if realm := trust.Realm(host); !slices.Contains(c.realms, realm) {
		c.realms = append(c.realms, realm)
	}
	return len(c.realms)
}

// failure returns why nothing was found.
func (c *chase) failure() *Error {
	for _, kind := range rank {
		if e := c.failures[kind]; e != nil {
			return e
		}
	}
	if c.refused != nil { // no candidate was left to ask
		return &Error{Kind: Untrusted, Host: c.refused.Hop.To, Untrusted: c.refused}
	}
	return &Error{Kind: Unreachable, Err: errors.New("no place to ask is announced")}
}
