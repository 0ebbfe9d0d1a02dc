package autodiscover

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/homing-mail/homing/internal/mailaddr"
	"github.com/homing-mail/homing/internal/trust"
)

// Budgets of one discovery.
const (
	maxRedirects      = 10 // of all kinds together, as Outlook's
	maxAddressChanges = 3
	maxAsks           = 32
	maxRefusals       = 2 // realms that may refuse a sign-in
)

// rank is the order in which a discovery that found nothing says why.
var rank = [...]Kind{Untrusted, Loop, Limit, Unauthorized, NoUsableProtocol, Busy, NotFound, Malformed, Unreachable}

// chase is the whole policy of a discovery, without any I/O: next says what to
// do, take hears how it went, and found or failure is the verdict.
type chase struct {
	domain   string // mail domain of the query: what trust is measured by
	address  string // the address that is looked up now
	legacyDN string // empty once it was refused, or the address has changed
	rules    Rules

	candidates []Candidate // not asked yet
	from       string      // host that named the candidates by a redirectAddr
	pending    *ask        // what the last answer asks for; goes before the candidates
	chain      []string    // keys of the asks that led on from the present candidate
	asked      map[string]bool
	addresses  []string // in lower case, the query's first
	realms     []string // that have refused a sign-in

	asks, redirects int
	ended           bool // nothing more is asked
	found           *ask
	settings        Settings
	failures        map[Kind]*Error // the first of each kind
	refused         *UntrustedError // the first candidate that was refused
}

// ask is one thing to do.
type ask struct {
	url      string
	how      How
	from     string // host:port that sent us; empty for a first step
	by       Identity
	address  string
	legacyDN string

	deed deed
	hop  Hop
	why  error // the reason of meet and skip
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
		domain:     domain,
		address:    address,
		legacyDN:   q.LegacyDN,
		rules:      q.Rules,
		candidates: candidates(q.First, domain, trust.FromDomain),
		asked:      make(map[string]bool),
		addresses:  []string{strings.ToLower(address)},
		failures:   make(map[Kind]*Error),
	}, nil
}

// next returns what to do next, and false when the discovery is over. Only an
// ask whose deed is not skip has to be answered by take.
func (c *chase) next() (ask, bool) {
	if c.pending != nil {
		a := *c.pending
		c.pending = nil
		return c.judge(a), true
	}
	for !c.ended && len(c.candidates) > 0 {
		candidate := c.candidates[0]
		c.candidates, c.chain = c.candidates[1:], nil
		a := c.identify(ask{url: candidate.URL, how: candidate.How, from: c.from})
		if !c.asked[a.key()] {
			return c.judge(a), true
		}
	}
	return ask{}, false
}

// identify returns a with the identity that the mailbox is asked for by: the
// LegacyDN, as long as it has not been refused.
func (c *chase) identify(a ask) ask {
	a.by, a.address, a.legacyDN = ByAddress, c.address, ""
	if c.legacyDN != "" {
		a.by, a.legacyDN = ByLegacyDN, c.legacyDN
	}
	return a
}

// judge decides what is done about a before anything is sent.
func (c *chase) judge(a ask) ask {
	if a.deed == skip {
		return a
	}
	hop, err := trust.Step(c.domain, a.from, a.url, a.how)
	a.hop = hop
	if untrusted, ok := trust.IsUntrusted(err); ok {
		return c.refuse(a, untrusted)
	}
	key := a.key()
	switch {
	case slices.Contains(c.chain, key):
		return c.fail(a, Loop, fmt.Errorf("the referrals lead in a circle, back to %s", a.url))
	case c.asked[key]:
		a.deed, a.why = skip, fmt.Errorf("it has been asked by this %s before", a.by)
		return a
	case c.asks == maxAsks:
		c.ended = true
		return c.fail(a, Limit, fmt.Errorf("more than %d requests", maxAsks))
	}
	verdict, why := c.rules.Judge(hop)
	if verdict == trust.Refuse {
		return c.refuse(a, &UntrustedError{Hop: hop, Verdict: verdict, Why: why})
	}
	if verdict == trust.Ask {
		a.deed, a.why = meet, &UntrustedError{Hop: hop, Verdict: verdict, Why: why}
	}
	c.asks++
	c.asked[key] = true
	c.chain = append(c.chain, key)
	return a
}

// refuse skips a, which no rule could ever allow. A referral to such a place
// ends the discovery; a candidate is only left out.
func (c *chase) refuse(a ask, why *UntrustedError) ask {
	if a.how == trust.FromHTTPRedirect || a.how == trust.FromRedirectURL {
		c.ended = true
		c.remember(a, &Error{Kind: Untrusted, Untrusted: why})
	} else if c.refused == nil {
		c.refused = why
	}
	a.deed, a.why = skip, why
	return a
}

// fail skips a and remembers why.
func (c *chase) fail(a ask, kind Kind, why error) ask {
	c.remember(a, &Error{Kind: kind, Err: why})
	a.deed, a.why = skip, why
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

// take hears how the ask went that next has returned last.
func (c *chase) take(a ask, ans answer) {
	switch {
	case a.deed == meet: // nothing waits for a person
		untrusted, _ := trust.IsUntrusted(a.why)
		untrusted.Hop.Cert = ans.cert
		c.ended = true
		c.remember(a, &Error{Kind: Untrusted, Untrusted: untrusted})
	case ans.failure != nil:
		c.remember(a, ans.failure)
		c.ended = c.ended || ans.failure.Kind == Untrusted || ans.refused && c.refusals(a) >= maxRefusals
	case ans.location != "":
		c.redirect(a, ans.location, trust.FromHTTPRedirect)
	case ans.redirectURL != "":
		c.redirect(a, ans.redirectURL, trust.FromRedirectURL)
	case ans.redirectAddr != "":
		c.redirectAddr(a, ans.redirectAddr)
	case ans.refusal != nil:
		c.refusal(a, ans.refusal)
	case ans.settings != nil:
		c.settle(a, *ans.settings)
	}
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
	kind := NotFound
	if e.busy() {
		kind = Busy
	}
	c.remember(a, &Error{Kind: kind, Err: e})
	if a.by == ByLegacyDN && kind != Busy {
		c.legacyDN = ""
		again := c.identify(ask{url: a.url, how: a.how, from: a.from})
		c.pending = &again
	}
}

// redirect sends the same identity to another URL ([MS-OXDSCLI] 3.1.5.3).
func (c *chase) redirect(a ask, to string, how How) {
	from := a.hop.To
	a = ask{url: to, how: how, from: from, by: a.by, address: a.address, legacyDN: a.legacyDN}
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
// ([MS-OXDSCLI] 3.1.5.3). The mail domain that trust is measured by stays.
func (c *chase) redirectAddr(a ask, address string) {
	domain := address[strings.LastIndex(address, "@")+1:]
	places := candidates(nil, domain, trust.FromRedirectAddr)
	halt := ask{url: places[0].URL, how: trust.FromRedirectAddr, from: a.hop.To, by: ByAddress, address: address}
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
		c.candidates, c.from = places, a.hop.To
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
	return &Error{Kind: Unreachable}
}
