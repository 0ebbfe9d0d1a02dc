package logonclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/homing-mail/homing/internal/httpauth"
	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/internal/trust"
)

const (
	defaultTimeout = time.Minute
	maxPage        = 64 << 10 // of an answer that is no MAPI

	// clientApplication is the X-ClientApplication of every request. Servers
	// demand it and compare it with the versions that they block; this one is
	// known to pass Exchange SE 15.02.2562.
	clientApplication = "Outlook/15.00.0847.4040"
)

// line is the one connection of a session and the sign-in on it.
type line struct {
	base      *http.Transport
	auth      *httpauth.Transport
	presented *presented // nil: there are no logins

	// Of the last request:
	sent   bool // all of it went out: the server may have acted on it
	unsent bool // it failed on its connection before that

	credential string // of the last Authorization header, to keep it out of what we show
}

func (c *Client) newLine(t Target) *line {
	l := &line{base: c.Network.Transport()}
	access := t.Access
	if access.Logins != nil {
		l.presented = &presented{Logins: access.Logins}
		access.Logins = l.presented
	}
	l.auth = &httpauth.Transport{Base: l, Access: access, Challenges: c.Challenges}
	return l
}

func (l *line) close() { l.base.CloseIdleConnections() }

// presented remembers whose login was taken, for the error that tells of its
// refusal.
type presented struct {
	trust.Logins
	user    string
	refused bool
}

func (p *presented) Login(ctx context.Context, host string) (trust.Login, error) {
	login, err := p.Logins.Login(ctx, host)
	if err == nil {
		p.user = login.User
	}
	return login, err
}

func (p *presented) Refused(host string, login trust.Login) {
	p.refused = true
	p.Logins.Refused(host, login)
}

// post sends one request and returns the head of the answer. A request that
// failed on its connection before it was sent is sent once more on a new one,
// as [MS-OXCMAPIHTTP] 3.1.7 allows: the server has not seen it. So is one that
// met a 401 which refused no sign-in: the host has changed what it offers.
func (l *line) post(ctx context.Context, url string, header http.Header, body []byte) (*http.Response, error) {
	for again := false; ; again = true {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		req.Header = header
		l.sent, l.unsent = false, false
		res, err := l.auth.RoundTrip(req)
		switch {
		case again || ctx.Err() != nil:
			return res, err
		case err != nil && l.unsent:
			l.close()
		case err == nil && res.StatusCode == http.StatusUnauthorized && l.presented != nil && l.presented.user != "" && !l.presented.refused:
			page(res.Body)
			res.Body.Close()
		default:
			return res, err
		}
	}
}

// RoundTrip serves l.auth, which asks a host without our headers first. It
// notes how far our own request came.
func (l *line) RoundTrip(req *http.Request) (*http.Response, error) {
	_, ours := req.Header["X-RequestType"]
	_, l.credential, _ = strings.Cut(req.Header.Get("Authorization"), " ")
	var connected, wrote atomic.Bool
	res, err := l.base.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { connected.Store(true) },
		WroteRequest: func(info httptrace.WroteRequestInfo) { wrote.Store(info.Err == nil) },
	})))
	l.sent = ours && wrote.Load()
	l.unsent = err != nil && connected.Load() && !l.sent
	return res, err
}

// request is one request type, what for, and how its answer is read.
type request struct {
	kind  string // X-RequestType
	op    string // for people: "Execute RopLogon"
	body  []byte
	limit time.Duration // 0: the Client's; below 0: the watchdog of NotificationWait
	read  func(body []byte, x *Exchange) *Error
}

// do makes one exchange: it sends r, reads the answer layer by layer, and tells
// whoever looks.
func (s *Session) do(ctx context.Context, r request) *Error {
	s.requests++
	x := Exchange{Time: time.Now(), RequestType: r.kind, Op: r.op, Host: s.target.Access.Hop.To,
		RequestID: fmt.Sprintf("%s:%d", s.id, s.requests), ResponseCode: -1}
	err := s.ask(ctx, r, &x)
	x.Elapsed = time.Since(x.Time)
	if err != nil {
		err.Op, err.Host, err.RequestID, err.HTTPStatus, err.ResponseCode = x.Op, x.Host, x.RequestID, x.HTTPStatus, x.ResponseCode
		s.judge(ctx, err, x)
		x.Err = err.Error()
	}
	s.seen(ctx, x)
	return err
}

// judge says what err means for the session.
func (s *Session) judge(ctx context.Context, err *Error, x Exchange) {
	switch {
	case ctx.Err() != nil && err.Kind == Unreachable:
		s.over = true // the connection went with it
	case s.live && (err.Kind == Unreachable || err.Kind == Malformed && x.ResponseCode > 0):
		// The logon has proven the form of our requests. A server that
		// calls them wrong now has lost the context: so does Gromox 3.10,
		// which numbers a dead cookie 2 and a stale sequence 7.
		err.Kind = SessionLost
	}
	switch err.Kind {
	case SessionLost, Unauthorized, Untrusted, BadCertificate:
		s.gone = true
	case Unreachable:
		s.gone = !s.live // else it was cancelled, and Close may still say goodbye
	case Malformed:
		// Without a body where one is due, what comes next on this
		// connection may be the rest of it.
		s.gone = s.gone || x.ResponseCode == 0 && x.Layers == 2
	}
}

// ask sends r and reads the answer into x: HTTP status, X-ResponseCode in the
// header, X-ResponseCode behind DONE, then the layers of r.read.
func (s *Session) ask(caller context.Context, r request, x *Exchange) *Error {
	ctx, alive, stop := s.limit(caller, r.limit)
	defer stop()
	broken := func(err error) *Error {
		if caller.Err() != nil {
			return &Error{Kind: Unreachable, Err: caller.Err()}
		}
		late := ctx.Err() != nil
		if late {
			err = context.Cause(ctx)
		}
		e := s.transportError(err)
		if e.Kind == Unreachable && s.line.sent && r.kind != "Connect" && !late {
			e.Kind = SessionLost // nobody knows whether it was carried out
		}
		return e
	}
	res, err := s.line.post(ctx, s.target.MailStore, s.header(r.kind, x.RequestID), r.body)
	if err != nil {
		return broken(err)
	}
	defer res.Body.Close()
	s.note(res.Header)
	alive(s.pending)
	x.HTTPStatus, x.Layers = res.StatusCode, 1
	if res.StatusCode != http.StatusOK {
		return s.statusError(res, page(res.Body))
	}
	if err := s.responseCode(res.Header.Get("X-ResponseCode"), func() string { return page(res.Body) }, x); err != nil {
		return err
	}
	var head head
	extra, body, err := mapi.ReadStream(io.TeeReader(res.Body, &head), func(string) { alive(s.pending) })
	if syntax, ok := errors.AsType[*mapi.SyntaxError](err); ok {
		return &Error{Kind: Malformed, Said: quote("no MAPI answer", s.words(head.String())), Err: syntax}
	}
	if err != nil {
		return broken(err)
	}
	if inner := extra.Get("X-ResponseCode"); inner != "" {
		if err := s.responseCode(inner, func() string { return string(body) }, x); err != nil {
			return err
		}
	}
	return r.read(body, x)
}

// header returns the headers of a request, spelled as in the specification
// ([MS-OXCMAPIHTTP] 2.2.3), which http.Header.Set would not.
func (s *Session) header(kind, requestID string) http.Header {
	h := http.Header{
		"Content-Type":        {"application/mapi-http"},
		"Accept":              {"application/mapi-http"},
		"User-Agent":          {"Homing"},
		"X-RequestType":       {kind},
		"X-RequestId":         {requestID},
		"X-ClientInfo":        {s.clientInfo},
		"X-ClientApplication": {clientApplication},
	}
	if all := s.cookies.header(); all != "" {
		h["Cookie"] = []string{all}
	}
	return h
}

// limit returns a context that ends when the exchange has taken too long. alive
// says that the server has been heard and how long the next sign of life may
// be in coming.
func (s *Session) limit(ctx context.Context, d time.Duration) (_ context.Context, alive func(pending time.Duration), stop func()) {
	if d < 0 {
		return watchdog(ctx)
	}
	if d == 0 {
		d = s.client.Timeout
	}
	if d <= 0 {
		d = defaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d, silence(d))
	return ctx, func(time.Duration) {}, cancel
}

// responseCode reads an X-ResponseCode and judges it. said returns the page
// that comes with a refusal.
func (s *Session) responseCode(value string, said func() string, x *Exchange) *Error {
	n, err := strconv.ParseUint(value, 10, 16)
	switch {
	case value == "":
		return &Error{Kind: Malformed, Said: quote("no X-ResponseCode", s.words(said()))}
	case err != nil:
		return &Error{Kind: Malformed, Said: fmt.Sprintf("X-ResponseCode %q", printable(value, 40))}
	}
	x.ResponseCode, x.Layers = int(n), 2
	if n == 0 {
		return nil
	}
	code := mapi.ResponseCode(n)
	e := &Error{Kind: responseKind(code), Said: quote(code.String(), s.words(said()))}
	s.whose(e)
	return e
}

// page reads an answer that is no MAPI, up to a limit.
func page(r io.Reader) string {
	b, _ := io.ReadAll(io.LimitReader(r, maxPage)) // what came says enough
	return string(b)
}

// head keeps the beginning of a stream.
type head struct{ bytes.Buffer }

func (h *head) Write(p []byte) (int, error) {
	h.Buffer.Write(p[:min(len(p), max(0, 4<<10-h.Len()))])
	return len(p), nil
}

// silence is the cause of a context that waited for an answer in vain.
type silence time.Duration

func (s silence) Error() string {
	return fmt.Sprintf("no answer within %v", time.Duration(s))
}
func (silence) Timeout() bool { return true }
