package autodiscover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/homing-mail/homing/internal/httpauth"
	"github.com/homing-mail/homing/internal/mailaddr"
	"github.com/homing-mail/homing/internal/trust"
)

// maxAfter is the longest wait that a server may ask for.
const maxAfter = 24 * time.Hour

// discovery is the I/O of one Discover.
type discovery struct {
	Client
	query  Query
	conns  conns
	base   *http.Transport
	wire   *counted
	probes int // made so far
	steps  []Step
	untold []func() // refusals of a web site: see ask.site
}

// discovery begins the I/O for q.
func (c *Client) discovery(q Query) *discovery {
	d := &discovery{Client: *c, query: q, base: c.Network.Transport()}
	d.conns.dial = d.base.DialContext
	d.conns.ctx, d.conns.cancel = context.WithCancel(context.Background())
	d.base.DialContext = d.conns.DialContext
	d.base.TLSHandshakeTimeout, d.base.ResponseHeaderTimeout = tlsLimit, headerLimit
	d.wire = &counted{base: d.base}
	if d.Challenges == nil {
		d.Challenges = new(Challenges)
	}
	if d.Timeout == 0 {
		d.Timeout = candidateLimit
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return d
}

func (d *discovery) close() {
	d.base.CloseIdleConnections()
	d.conns.close()
}

// run asks until the policy has found something, or nothing is left to ask.
func (d *discovery) run(ctx context.Context, policy *chase) {
	ctx, cancel := context.WithTimeoutCause(ctx, discoveryLimit, late(discoveryLimit))
	defer cancel()
	contest := d.contest(ctx, policy)
	defer func() { contest.end() }()
	for ctx.Err() == nil {
		if a, ok := policy.next(); ok {
			d.follow(ctx, policy, a)
			continue
		}
		if policy.search.changes != contest.search.changes {
			contest.end()
			contest = d.contest(ctx, policy)
		}
		if contest.ask() {
			continue
		}
		contest.end() // what came to nothing is known then
		if !policy.further() {
			break
		}
	}
	if ctx.Err() != nil {
		policy.remember(ask{}, &Error{Kind: Limit, Err: context.Cause(ctx)})
	}
}

// follow puts the question that a referral asks for.
func (d *discovery) follow(ctx context.Context, policy *chase, a ask) {
	step := a.step(time.Now())
	if a.deed != skip {
		policy.take(a, d.question(ctx, a, d.Timeout, nil, &step))
	}
	if a.why != nil {
		step.Err, step.Kind = a.why.Error(), a.kind
	}
	step.Elapsed = time.Since(step.Time)
	d.record(ctx, step)
}

// record tells step.
func (d *discovery) record(ctx context.Context, step Step) {
	d.steps = append(d.steps, step)
	d.Log.InfoContext(ctx, "autodiscover", "source", string(step.Source), "endpoint", mailaddr.Logged(step.URL), "hop", string(step.How),
		"by", string(step.By), "status", step.HTTPStatus, "said", mailaddr.Logged(step.Said), "err", mailaddr.Logged(step.Err))
	if d.query.Seen != nil {
		d.query.Seen(step)
	}
}

// question makes the exchange of a within limit and notes in step how it went. As
// each of its requests goes out it calls sent; nil: nobody wants to know.
func (d *discovery) question(ctx context.Context, a ask, limit time.Duration, sent func(), step *Step) answer {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, late(d.Timeout))
	defer cancel()
	if a.deed == meet {
		return d.meet(ctx, a, step)
	}
	w := &witness{base: d.wire, logins: d.query.Logins, sent: sent}
	if a.site { // whose 401 is a hoster's: others of the realm are heard first
		w.later = &d.untold
	}
	ans := w.mind(d.post(ctx, a, w, d.transport(a, w), step), step)
	w.note(step)
	ans.signed = w.signed
	step.hear(ans)
	return ans
}

// hear notes what an answer is.
func (s *Step) hear(ans answer) {
	switch {
	case ans.failure != nil:
		s.Err, s.Kind = ans.failure.cause(), ans.failure.Kind
		if errors.Is(ans.failure, errEnded) {
			s.Answer = Unasked
		}
	case ans.location != "" || ans.redirectURL != "" || ans.redirectAddr != "":
		s.Answer = ReferralAnswer
	case ans.refusal != nil:
		s.Kind = ans.refusal.kind()
	case ans.settings != nil:
		if _, ok := ans.settings.MAPI(); ok {
			s.Answer = SettingsAnswer
		} else {
			s.Kind = NoUsableProtocol
		}
	}
}

// contact makes the first contact of a, unless its host is known by now. Nothing
// is answered where it is to be asked.
func (d *discovery) contact(ctx context.Context, a ask, step *Step) answer {
	req, err := a.request(ctx)
	if err != nil {
		return answer{failure: &Error{Kind: Malformed, Err: err}}
	}
	w := &witness{base: d.wire}
	res, err := d.transport(a, w).Meet(req)
	w.note(step)
	switch {
	case err != nil:
		return answer{failure: unanswered(ctx, a, err)}
	case res == nil:
		return answer{}
	}
	defer res.Body.Close()
	return understand(ctx, a, res, w, step)
}

// transport signs for the host of a alone.
func (d *discovery) transport(a ask, w *witness) *httpauth.Transport {
	access := trust.Access{Rules: d.query.Rules, Hop: a.hop}
	if w.logins != nil {
		access.Logins = w
	}
	return &httpauth.Transport{Base: w, Access: access, Challenges: d.Challenges}
}

// meet contacts a host that may not receive anything yet. Whatever it answers,
// only its certificate counts. What it has offered before does not matter, so
// it is met again.
func (d *discovery) meet(ctx context.Context, a ask, step *Step) answer {
	req, err := a.request(ctx)
	if err != nil {
		return answer{failure: &Error{Kind: Malformed, Err: err}}
	}
	w := &witness{base: d.wire}
	t := &httpauth.Transport{Base: w, Access: trust.Access{Rules: d.query.Rules, Hop: a.hop}}
	res, err := t.RoundTrip(req)
	w.note(step)
	if err == nil {
		res.Body.Close()
	}
	ans := answer{cert: t.Access.Hop.Cert}
	if w.status == 0 {
		ans.failure = unanswered(ctx, a, err)
	}
	return ans
}

// post sends the request of a and reads the answer.
func (d *discovery) post(ctx context.Context, a ask, w *witness, t *httpauth.Transport, step *Step) answer {
	req, err := a.request(ctx)
	if err != nil {
		return answer{failure: &Error{Kind: Malformed, Err: err}}
	}
	res, err := t.RoundTrip(req)
	if err != nil {
		return answer{failure: unanswered(ctx, a, err)}
	}
	defer res.Body.Close()
	return understand(ctx, a, res, w, step)
}

// understand reads what a host has answered.
func understand(ctx context.Context, a ask, res *http.Response, w *witness, step *Step) answer {
	switch {
	case a.soap && isSOAP(res.StatusCode):
		return readSOAP(ctx, res, step)
	case res.StatusCode == http.StatusOK:
		return read(ctx, res.Body, step)
	case isRedirect(res.StatusCode):
		return led(a, res, step)
	case res.StatusCode == http.StatusUnauthorized:
		err := errors.New("HTTP 401 without a way to sign in")
		switch {
		case w.refused:
			err = fmt.Errorf("HTTP 401, the sign-in of %s was refused", w.user)
		case w.signed:
			err = errors.New("HTTP 401, other schemes are offered than before")
		}
		return answer{refused: w.refused, failure: &Error{Kind: Unauthorized, Realm: trust.Realm(hostname(a.url)), User: w.user, Err: err}}
	}
	failure := &Error{Kind: Malformed, Err: fmt.Errorf("HTTP %d", res.StatusCode)}
	after := res.Header.Get("Retry-After")
	switch {
	case res.StatusCode == http.StatusServiceUnavailable || res.StatusCode == http.StatusTooManyRequests || after != "":
		failure.Kind, failure.After = Busy, retryAfter(after, time.Now())
	case res.StatusCode >= 500:
		failure.Kind = Unreachable
	}
	return answer{failure: failure, noPOX: lacksPOX(res.StatusCode)}
}

// unanswered says why a request got no answer.
func unanswered(ctx context.Context, a ask, err error) *Error {
	if noLogin, ok := errors.AsType[*NoLoginError](err); ok {
		return &Error{Kind: Unauthorized, Realm: noLogin.Realm, User: noLogin.User, Err: err}
	}
	if _, ok := errors.AsType[*trust.SchemeError](err); ok {
		return &Error{Kind: Unauthorized, Realm: trust.Realm(hostname(a.url)), Err: err}
	}
	if untrusted, ok := trust.IsUntrusted(err); ok {
		return &Error{Kind: Untrusted, Untrusted: untrusted}
	}
	if errors.Is(err, errRequests) {
		return &Error{Kind: Limit, Err: err}
	}
	return &Error{Kind: Unreachable, Err: broken(ctx, err)}
}

// broken returns the reason of an exchange that did not come to its end.
func broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return &brokenError{err}
}

// brokenError keeps what the network said to a line: net/http quotes a broken
// header whole, 64 KiB of a server's bytes.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return printable(e.err.Error()) }
func (e *brokenError) Unwrap() error { return e.err }

// read reads an answer with HTTP status 200.
func read(ctx context.Context, body io.Reader, step *Step) answer {
	b, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err != nil {
		return answer{failure: &Error{Kind: Unreachable, Err: fmt.Errorf("the answer broke off: %w", broken(ctx, err))}}
	}
	doc, err := parse(b)
	if err != nil {
		return answer{failure: &Error{Kind: Malformed, Err: err}}
	}
	step.Said = doc.String()
	return answer{document: doc}
}

// led reads where an HTTP 30x leads. The method and the body stay, whatever
// its status ([MS-OXDSCLI] 3.1.5.2); so it has to be Autodiscover that it leads
// to, and not the start page or the login form of a web site.
func led(a ask, res *http.Response, step *Step) answer {
	bad := func(why string) answer {
		return answer{failure: &Error{Kind: Malformed, Err: fmt.Errorf("HTTP %d %s", res.StatusCode, why)}}
	}
	location := res.Header.Get("Location")
	if location == "" || len(location) > maxURL {
		return bad("without a usable Location")
	}
	base, err := url.Parse(a.url)
	if err != nil {
		return bad("from an unusable URL")
	}
	target, err := base.Parse(location)
	if err != nil {
		return bad("without a usable Location")
	}
	if !strings.Contains(strings.ToLower(target.Path), "/autodiscover/") {
		return bad("to a place that is not Autodiscover's")
	}
	step.Said = fmt.Sprintf("HTTP %d to %s", res.StatusCode, shown(target.String()))
	if a.soap { // it leads to another SOAP Autodiscover
		return answer{location: poxURL(target.String())}
	}
	return answer{location: target.String()}
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// retryAfter reads a Retry-After (RFC 9110 10.2.3): seconds or a date. 0: none.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxAfter)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxAfter)
	}
	return 0
}

func hostname(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// witness sees what one ask presents: it stands between the sign-in and the
// network, and between the sign-in and the logins.
type witness struct {
	base    http.RoundTripper
	logins  Logins
	sent    func()    // called as a request goes out; nil: nobody wants to know
	signed  bool      // credentials were sent
	refused bool      // and refused
	user    string    // whose they were
	later   *[]func() // refusals that are told when the discovery has found nothing; nil: at once
	status  int
	cert    string

	credentials []string // that were sent, to keep them out of what we show
}

// note writes what w has seen into step.
func (w *witness) note(step *Step) {
	step.Signed = step.Signed || w.signed
	if w.status != 0 {
		step.HTTPStatus, step.Cert = w.status, w.cert
	}
}

// mind takes out of an answer, and of what step says of it, what repeats the
// credentials. A referral that does leads nowhere: its URL would be shown.
func (w *witness) mind(ans answer, step *Step) answer {
	hidden := func(s string) string { return httpauth.Hide(s, w.credentials) }
	step.Said = hidden(step.Said)
	for _, to := range []string{ans.location, ans.redirectURL, ans.redirectAddr} {
		if hidden(to) != to {
			return answer{failure: &Error{Kind: Malformed, Err: errors.New("a referral that repeats the credentials")}}
		}
	}
	if ans.refusal != nil {
		ans.refusal.message = hidden(ans.refusal.message)
	}
	if f := ans.failure; f != nil && f.Err != nil && hidden(f.Err.Error()) != f.Err.Error() { // nothing of the chain is kept
		f.Err = errors.New(hidden(f.Err.Error()))
	}
	return ans
}

func (w *witness) RoundTrip(req *http.Request) (*http.Response, error) {
	if w.sent != nil {
		w.sent()
	}
	if req.Header.Get("Authorization") != "" { // sent once there is a connection
		trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { w.signed = true }}
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), trace))
	}
	w.credentials = append(w.credentials, httpauth.Credentials(req)...)
	res, err := w.base.RoundTrip(req)
	if err == nil {
		w.status, w.cert = res.StatusCode, httpauth.Certificate(res)
	}
	return res, err
}

func (w *witness) Login(ctx context.Context, host string) (trust.Login, error) {
	l, err := w.logins.Login(ctx, host)
	if err == nil {
		w.user = l.User
	}
	return l, err
}

func (w *witness) Refused(host string, l trust.Login) {
	w.refused = true
	told := func() { w.logins.Refused(host, l) }
	if w.later != nil {
		*w.later = append(*w.later, told)
		return
	}
	told()
}
