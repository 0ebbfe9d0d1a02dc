package autodiscover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/homing-mail/homing/internal/httpauth"
	"github.com/homing-mail/homing/internal/trust"
)

// maxAfter is the longest wait that a server may ask for.
const maxAfter = 24 * time.Hour

// discovery is the I/O of one Discover.
type discovery struct {
	Client
	query Query
	base  *http.Transport
	steps []Step
}

// record finishes step and tells it.
func (d *discovery) record(ctx context.Context, step Step, a ask) {
	if a.why != nil {
		step.Err = a.why.Error()
	}
	step.Elapsed = time.Since(step.Time)
	d.steps = append(d.steps, step)
	d.Log.InfoContext(ctx, "autodiscover", "endpoint", step.URL, "hop", string(step.How), "by", string(step.By),
		"status", step.HTTPStatus, "said", step.Said, "err", step.Err)
	if d.query.Seen != nil {
		d.query.Seen(step)
	}
}

// ask makes the exchange of a within d.Timeout and notes in step how it went.
func (d *discovery) ask(ctx context.Context, a ask, step *Step) answer {
	ctx, cancel := context.WithTimeoutCause(ctx, d.Timeout, fmt.Errorf("no answer within %v: %w", d.Timeout, context.DeadlineExceeded))
	defer cancel()
	if a.deed == meet {
		return d.meet(ctx, a, step)
	}
	w := &witness{base: d.base, logins: d.query.Logins}
	access := trust.Access{Rules: d.query.Rules, Hop: a.hop}
	if w.logins != nil {
		access.Logins = w
	}
	ans := d.post(ctx, a, w, &httpauth.Transport{Base: w, Access: access, Challenges: d.Challenges}, step)
	step.HTTPStatus, step.Signed, step.Cert = w.status, w.signed, w.cert
	if ans.failure != nil {
		step.Err = ans.failure.cause()
	}
	return ans
}

// meet contacts a host that may not receive anything yet. Whatever it answers,
// only its certificate counts. What it has offered before does not matter, so
// it is met again.
func (d *discovery) meet(ctx context.Context, a ask, step *Step) answer {
	w := &witness{base: d.base}
	t := &httpauth.Transport{Base: w, Access: trust.Access{Rules: d.query.Rules, Hop: a.hop}}
	if req, err := a.request(ctx); err == nil {
		if res, err := t.RoundTrip(req); err == nil {
			res.Body.Close()
		}
	}
	step.HTTPStatus, step.Signed, step.Cert = w.status, w.signed, t.Access.Hop.Cert
	return answer{cert: t.Access.Hop.Cert}
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
	switch {
	case res.StatusCode == http.StatusOK:
		return read(ctx, res.Body, step)
	case isRedirect(res.StatusCode):
		return follow(a, res, step)
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
	return answer{failure: failure}
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

// follow reads where an HTTP 30x leads. The method and the body stay, whatever
// its status ([MS-OXDSCLI] 3.1.5.2); so it has to be Autodiscover that it leads
// to, and not the start page or the login form of a web site.
func follow(a ask, res *http.Response, step *Step) answer {
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
	signed  bool   // credentials were sent
	refused bool   // and refused
	user    string // whose they were
	status  int
	cert    string
}

func (w *witness) RoundTrip(req *http.Request) (*http.Response, error) {
	w.signed = w.signed || req.Header.Get("Authorization") != ""
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
	w.logins.Refused(host, l)
}
