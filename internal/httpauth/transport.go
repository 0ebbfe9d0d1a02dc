package httpauth

import (
	"context"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/homing-mail/homing/internal/trust"
)

// Challenges remembers which schemes each host has offered, so that a process
// meets at most one unanswered challenge a host. The zero value is empty; it is
// safe for concurrent use. It holds no secret.
type Challenges struct {
	mu      sync.Mutex
	offered map[string]contact       // by host:port
	meeting map[string]chan struct{} // hosts that somebody is meeting now; closed when they are met
}

// contact is how a host met us.
type contact struct {
	schemes []string // that it offers; none: it asks for no sign-in
	cert    string   // that it presented
}

// begin returns what the host to has offered. If nobody has met it, the caller
// is to do so and then to call met; others wait meanwhile.
func (c *Challenges) begin(ctx context.Context, to string) (offered contact, met func(), err error) {
	for {
		c.mu.Lock()
		offered, known := c.offered[to]
		busy, meeting := c.meeting[to]
		if !known && !meeting {
			busy = make(chan struct{})
			if c.meeting == nil {
				c.meeting = make(map[string]chan struct{})
			}
			c.meeting[to] = busy
		}
		c.mu.Unlock()
		switch {
		case known:
			return offered, nil, nil
		case !meeting:
			return contact{}, func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				delete(c.meeting, to)
				close(busy)
			}, nil
		}
		select {
		case <-busy: // known now, unless it could not be reached
		case <-ctx.Done():
			return contact{}, nil, ctx.Err()
		}
	}
}

// Met reports whether somebody has met the host to (host:port), which then needs
// no first contact.
func (c *Challenges) Met(to string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.offered[to]
	return ok
}

func (c *Challenges) get(to string) contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offered[to]
}

func (c *Challenges) put(to string, how contact) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.offered == nil {
		c.offered = make(map[string]contact)
	}
	c.offered[to] = how
}

// forget lets the host be met anew.
func (c *Challenges) forget(to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.offered, to)
}

// Transport signs the requests of one session to one host. It is used by one
// goroutine at a time. Requests need a GetBody if they have a body, which
// http.NewRequest sets for the usual readers.
type Transport struct {
	Base       http.RoundTripper
	Access     trust.Access
	Challenges *Challenges // nil: remembers for this Transport only

	grant trust.Grant
}

// RoundTrip sends req with the sign-in that its host was granted. A host that
// has not challenged yet is first asked without credentials, headers or body;
// if it wants no sign-in, req is sent without one.
//
// It returns a *trust.UntrustedError, *trust.NoLoginError or
// *trust.SchemeError before anything secret is sent. A 401 that answers a
// sign-in is returned as it is, after the logins were told of the refusal.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if res, err := t.Meet(req); res != nil || err != nil {
		return res, err
	}
	host := t.Challenges.get(t.Access.Hop.To)
	t.Access.Hop.Cert = host.cert
	if len(host.schemes) == 0 { // the host asks for no sign-in
		if err := t.Access.Judge(); err != nil {
			return nil, err
		}
		res, err := t.exchange(req)
		if err != nil || res.StatusCode != http.StatusUnauthorized {
			return res, err
		}
		if host.schemes = Schemes(res.Header); len(host.schemes) == 0 {
			return res, nil
		}
		t.Challenges.put(t.Access.Hop.To, host) // it wants one by now
		drain(res)
	}
	if t.grant.IsZero() {
		grant, err := t.Access.Grant(req.Context(), host.schemes)
		if _, ok := errors.AsType[*trust.SchemeError](err); ok {
			t.Challenges.forget(t.Access.Hop.To) // what it offers may change
		}
		if err != nil {
			return nil, err
		}
		t.grant = grant
	}
	signed := req.Clone(req.Context())
	if err := sign(signed, t.grant); err != nil {
		return nil, err
	}
	res, err := t.exchange(signed)
	if err != nil || res.StatusCode != http.StatusUnauthorized {
		return res, err
	}
	if now := Schemes(res.Header); len(now) == 0 || slices.Contains(now, string(t.grant.Scheme())) {
		t.grant.Refused()
	} else { // no refusal: the host has changed what it offers
		t.Challenges.put(t.Access.Hop.To, contact{now, host.cert})
	}
	t.grant = trust.Grant{}
	return res, nil
}

// Meet makes the first contact with the host of req, unless it has been made: the
// method and the URL of req, without credentials, other headers or a body. It
// returns nothing where RoundTrip has something to send now, and what the host
// answered where that is no challenge. Its errors are those of RoundTrip.
func (t *Transport) Meet(req *http.Request) (*http.Response, error) {
	if err := t.check(req); err != nil {
		return nil, err
	}
	if t.Challenges == nil {
		t.Challenges = new(Challenges)
	}
	_, met, err := t.Challenges.begin(req.Context(), t.Access.Hop.To)
	if err != nil || met == nil {
		return nil, err
	}
	res, err := t.meet(req)
	met()
	if res != nil || err != nil {
		return t.judged(res, err)
	}
	return nil, nil
}

// exchange makes one leg. What follows a 101 is no HTTP any more, and no context
// would end a wait for it.
func (t *Transport) exchange(req *http.Request) (*http.Response, error) {
	res, err := t.Base.RoundTrip(req)
	if err == nil && res.StatusCode == http.StatusSwitchingProtocols {
		res.Body.Close()
		res.Body = http.NoBody
	}
	return res, err
}

// judged passes on what a host answered to the first, bare request only if the
// host is allowed: a stranger's redirect must lead nowhere, least of all to the
// stranger itself, which would then be the host that sent us.
func (t *Transport) judged(res *http.Response, err error) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	if err := t.Access.Judge(); err != nil {
		drain(res)
		return nil, err
	}
	return res, nil
}

// check refuses what no judgement could make right.
func (t *Transport) check(req *http.Request) error {
	switch verdict, why := t.Access.Rules.Judge(t.Access.Hop); {
	case req.URL.Scheme != "https":
		return fmt.Errorf("refused to sign a request over %s", req.URL.Scheme)
	case trust.HostPort(req.URL) != t.Access.Hop.To:
		return fmt.Errorf("refused to sign a request to %s: the grant is for %s", trust.HostPort(req.URL), t.Access.Hop.To)
	case verdict == trust.Refuse:
		return &trust.UntrustedError{Hop: t.Access.Hop, Verdict: verdict, Why: why}
	case req.Body != nil && req.Body != http.NoBody && req.GetBody == nil:
		return errors.New("a signed request needs a body that can be sent twice")
	}
	return nil
}

// meet asks a host for the first time. It returns nothing where req is to be
// sent now, and the host's answer where that is no challenge: a redirect, a
// failure.
func (t *Transport) meet(req *http.Request) (*http.Response, error) {
	bare, err := http.NewRequestWithContext(req.Context(), req.Method, req.URL.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	bare.Header.Set("User-Agent", req.UserAgent())
	if t.Access.Judge() != nil { // a stranger learns no mailbox from the query either
		bare.URL.RawQuery = ""
	}
	res, err := t.exchange(bare)
	if err != nil {
		return nil, err
	}
	t.Access.Hop.Cert = Certificate(res)
	how := contact{cert: t.Access.Hop.Cert}
	switch {
	case res.StatusCode == http.StatusUnauthorized:
		if how.schemes = Schemes(res.Header); len(how.schemes) == 0 { // nothing that could be answered
			return res, nil
		}
	case res.StatusCode/100 != 2:
		return res, nil
	}
	t.Challenges.put(t.Access.Hop.To, how)
	drain(res)
	return nil, nil
}

// sign puts the grant on req.
func sign(req *http.Request, g trust.Grant) error {
	if req.Body != nil && req.Body != http.NoBody {
		body, err := req.GetBody()
		if err != nil {
			return fmt.Errorf("sending the request again: %w", err)
		}
		req.Body = body
	}
	login := g.Login()
	switch g.Scheme() {
	case trust.Basic:
		pair := login.User + ":" + login.Secret.Reveal()
		req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	case trust.Bearer:
		req.Header.Set("Authorization", "Bearer "+login.Secret.Reveal())
	default:
		return fmt.Errorf("cannot sign by %s", g.Scheme())
	}
	return nil
}

// Schemes returns the schemes of the WWW-Authenticate headers, in lower case.
// Exchange sends one header a scheme; several in one are separated by commas
// that also separate parameters, so a scheme is a first word without "=". The
// parameters are not read: nothing goes to the authority of an authorization_uri.
// Whoever comes to fetch tokens has to find it in the configuration first.
func Schemes(h http.Header) []string {
	var out []string
	for _, value := range h.Values("WWW-Authenticate") {
		for part := range strings.SplitSeq(unquoted(value), ",") {
			word, _, _ := strings.Cut(strings.TrimSpace(part), " ")
			if word != "" && !strings.Contains(word, "=") {
				out = append(out, strings.ToLower(word))
			}
		}
	}
	return out
}

// unquoted returns value without its quoted strings (RFC 9110 5.6.4), whose
// commas and words are the server's prose.
func unquoted(value string) string {
	var out strings.Builder
	quoted, escaped := false, false
	for _, r := range value {
		switch {
		case escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case !quoted:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// maxName is the longest name in a certificate that is shown.
const maxName = 300

// Certificate says in one line what the host of res presented. The names are the
// host's own words.
func Certificate(res *http.Response) string {
	if res.TLS == nil || len(res.TLS.PeerCertificates) == 0 {
		return ""
	}
	c := res.TLS.PeerCertificates[0]
	return fmt.Sprintf("%s, issued by %s, until %s", Name(c.Subject), Name(c.Issuer), c.NotAfter.Format("2006-01-02"))
}

// Name returns a name of a certificate as a part of a line that can be shown.
func Name(n pkix.Name) string {
	name := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, n.String())
	if runes := []rune(name); len(runes) > maxName {
		return string(runes[:maxName-1]) + "…"
	}
	return name
}

// drain reads the rest of an answer so that its connection can be used again.
func drain(res *http.Response) {
	io.CopyN(io.Discard, res.Body, 64<<10)
	res.Body.Close()
}
