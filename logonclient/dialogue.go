package logonclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/internal/trust"
)

// dialogue is a Session Context ([MS-OXCMAPIHTTP] 3.1.1) with one endpoint: that
// of a mailbox, which Connect begins, or that of an address book, which Bind
// begins. It has one request under way at a time.
type dialogue struct {
	client *Client
	url    string // of the endpoint
	host   string // host:port of url, as it was judged
	line   *line

	id         string // GUID of X-RequestId
	clientInfo string
	requests   int // counter of X-RequestId
	cookies    cookies

	pending       time.Duration // X-PendingPeriod
	idleLimit     time.Duration // X-ExpirationInfo; 0: not said
	serverVersion string        // X-ServerApplication
	retryDelay    time.Duration // of the Connect answer

	live bool // logged on
	over bool // nothing but the goodbye makes sense any more
	gone bool // nothing is left to say goodbye to, or no way to say so
}

// begin starts a Session Context with nothing of the one before: its cookies
// are not to be mixed with the new ones.
func (d *dialogue) begin() {
	*d = dialogue{client: d.client, url: d.url, host: d.host, line: d.line,
		id: newGUID(), clientInfo: d.client.clientInfo(), pending: defaultPending}
}

// request is one request type, what for, and how its answer is read.
type request struct {
	kind  string // X-RequestType
	op    string // for people: "Execute RopLogon"
	body  []byte
	limit time.Duration // 0: the Client's; below 0: the watchdog of NotificationWait
	read  func(body []byte, x *Exchange) *Error
}

// begins reports whether a request type begins a Session Context.
func begins(kind string) bool { return kind == "Connect" || kind == "Bind" }

// do makes one exchange: it sends r, reads the answer layer by layer, and tells
// whoever looks.
func (d *dialogue) do(ctx context.Context, r request) *Error {
	d.requests++
	x := Exchange{Time: time.Now(), RequestType: r.kind, Op: r.op, Host: d.host,
		RequestID: fmt.Sprintf("%s:%d", d.id, d.requests), ResponseCode: -1}
	err := d.ask(ctx, r, &x)
	x.Elapsed = time.Since(x.Time)
	if err != nil {
		err.Op, err.Host, err.RequestID, err.HTTPStatus, err.ResponseCode = x.Op, x.Host, x.RequestID, x.HTTPStatus, x.ResponseCode
		d.judge(ctx, err, x)
		d.redact(err)
		x.ServerName, x.Err = err.ServerName, err.Error()
	}
	d.seen(ctx, x)
	return err
}

// judge says what err means for the dialogue.
func (d *dialogue) judge(ctx context.Context, err *Error, x Exchange) {
	switch {
	case ctx.Err() != nil && err.Kind == Unreachable:
		d.over = true // the connection went with it
	case d.live && (err.Kind == Unreachable || err.Kind == Malformed && x.ResponseCode > 0):
		// The logon has proven the form of our requests. A server that
		// calls them wrong now has lost the context.
		err.Kind = SessionLost
	case x.HTTPStatus == 440 && !begins(x.RequestType):
		err.Kind = SessionLost // the cookies of a gateway have run out: once more without them
	}
	switch err.Kind {
	case SessionLost, Unauthorized, Untrusted, BadCertificate:
		d.gone = true
	case Unreachable:
		d.gone = !d.live // else it was cancelled, and the goodbye may still be said
	case Malformed:
		// Where a body is cut short, what comes next on this connection may
		// be the rest of it.
		d.gone = d.gone || x.ResponseCode == 0 && x.Layers == 2
	}
}

// ask sends r and reads the answer into x: HTTP status, X-ResponseCode in the
// header, X-ResponseCode behind DONE, then the layers of r.read.
func (d *dialogue) ask(caller context.Context, r request, x *Exchange) *Error {
	ctx, alive, stop := d.limit(caller, r.limit)
	defer stop()
	broken := func(err error) *Error {
		if caller.Err() != nil {
			return &Error{Kind: Unreachable, Err: context.Cause(caller)}
		}
		late := ctx.Err() != nil
		if late {
			err = context.Cause(ctx)
		}
		e := d.transportError(err)
		if e.Kind == Unreachable && d.line.sent && !begins(r.kind) && !late {
			e.Kind = SessionLost // nobody knows whether it was carried out
		}
		return e
	}
	res, err := d.line.post(ctx, d.url, d.header(r.kind, x.RequestID), r.body)
	if err != nil {
		return broken(err)
	}
	defer res.Body.Close()
	d.note(res.Header)
	alive(d.pending)
	x.HTTPStatus, x.Layers = res.StatusCode, 1
	if res.StatusCode != http.StatusOK {
		return d.statusError(res, page(res.Body))
	}
	if err := d.responseCode(res.Header.Get("X-ResponseCode"), func() string { return page(res.Body) }, x); err != nil {
		return err
	}
	var head head
	extra, body, err := mapi.ReadStream(io.TeeReader(res.Body, &head), func(string) { alive(d.pending) })
	if syntax, ok := errors.AsType[*mapi.SyntaxError](err); ok {
		return &Error{Kind: Malformed, Said: quote("no MAPI answer", d.words(head.String())), Err: syntax}
	}
	if err != nil {
		return broken(err)
	}
	if inner := extra.Get("X-ResponseCode"); inner != "" {
		if err := d.responseCode(inner, func() string { return string(body) }, x); err != nil {
			return err
		}
	}
	if len(body) == 0 {
		// As much as Unknown Failure. Gromox 3.10 has been seen to write its
		// failure behind the Content-Length: what comes next on this
		// connection may be the rest of it.
		d.gone = true
		d.line.close()
		return &Error{Kind: Busy, Said: "success without a body", After: d.retryDelay}
	}
	return r.read(body, x)
}

// header returns the headers of a request, spelled as in the specification
// ([MS-OXCMAPIHTTP] 2.2.3), which http.Header.Set would not.
func (d *dialogue) header(kind, requestID string) http.Header {
	h := http.Header{
		"Content-Type":        {"application/mapi-http"},
		"Accept":              {"application/mapi-http"},
		"User-Agent":          {"Homing"},
		"X-RequestType":       {kind},
		"X-RequestId":         {requestID},
		"X-ClientInfo":        {d.clientInfo},
		"X-ClientApplication": {clientApplication},
	}
	if all := d.cookies.header(); all != "" {
		h["Cookie"] = []string{all}
	}
	return h
}

// limit returns a context that ends when the exchange has taken too long. alive
// says that the server has been heard and how long the next sign of life may
// be in coming.
func (d *dialogue) limit(ctx context.Context, limit time.Duration) (_ context.Context, alive func(pending time.Duration), stop func()) {
	switch {
	case limit < 0:
		return watchdog(ctx, firstByte, 0, longestWait)
	case limit == 0: // a server that works says so by PENDING
		silent := d.client.timeout()
		return watchdog(ctx, silent, silent, 5*silent)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, silence(limit))
	return ctx, func(time.Duration) {}, cancel
}

// responseCode reads an X-ResponseCode and judges it. said returns the page
// that comes with a refusal.
func (d *dialogue) responseCode(value string, said func() string, x *Exchange) *Error {
	n, err := strconv.ParseUint(value, 10, 16)
	switch {
	case value == "":
		return d.noResponseCode(said())
	case err != nil:
		return &Error{Kind: Malformed, Said: fmt.Sprintf("X-ResponseCode %q", printable(value, 40))}
	}
	x.ResponseCode, x.Layers = int(n), 2
	if n == 0 {
		return nil
	}
	code, page := mapi.ResponseCode(n), said()
	name := code.String()
	if d.gromox(page) {
		code = mapi.GromoxResponseCode(int(n))
		name = fmt.Sprintf("X-ResponseCode %d of Gromox: %v", n, code)
	}
	e := &Error{Kind: responseKind(code), Said: quote(name, d.words(page))}
	d.whose(e)
	return e
}

// gromox reports whether the server is Gromox, by the signs that Gromox 3.10
// was seen to give: its cookies, its version, the title of its pages. Its
// X-ResponseCode and its reading of a ServerName are its own.
func (d *dialogue) gromox(page string) bool {
	return d.cookies.has("sid") && d.cookies.has("sequence") || d.serverVersion == "Exchange/15.00.0847.4040" ||
		element(page, "title") == "MAPI OVER HTTP ERROR"
}

// Limits on what a server may tell about time.
const (
	defaultPending = 30 * time.Second // [MS-OXCMAPIHTTP] 2.2.3.3.5
	minPending     = time.Second
	maxPending     = 5 * time.Minute
	maxIdleLimit   = 24 * time.Hour
	maxAfter       = time.Hour
)

// note keeps what the headers of an answer tell.
func (d *dialogue) note(h http.Header) {
	d.cookies.keep(h)
	if p, ok := milliseconds(h.Get("X-PendingPeriod")); ok {
		d.pending = min(max(p, minPending), maxPending)
	}
	if idle, ok := milliseconds(h.Get("X-ExpirationInfo")); ok {
		d.idleLimit = min(idle, maxIdleLimit)
	}
	if v := h.Get("X-ServerApplication"); v != "" {
		d.serverVersion = d.hidden(printable(v, 64))
	}
}

// seen tells the log and the caller of an exchange.
func (d *dialogue) seen(ctx context.Context, x Exchange) {
	if log := d.client.Log; log != nil {
		log.LogAttrs(ctx, slog.LevelDebug, "exchange", slog.String("component", "logonclient"),
			slog.String("server", x.Host), slog.String("op", x.Op), slog.String("request_id", x.RequestID),
			slog.Int("status", x.HTTPStatus), slog.Int("response_code", x.ResponseCode),
			slog.Uint64("code", uint64(max(x.StatusCode, x.ErrorCode, x.ReturnValue))),
			slog.Duration("elapsed", x.Elapsed), slog.String("err", x.Err))
	}
	if d.client.Seen != nil {
		d.client.Seen(x)
	}
	if seen := ContextSeen(ctx); seen != nil {
		seen(x)
	}
}

// realm is where the sign-in of the host belongs.
func (d *dialogue) realm() string {
	host, _, _ := net.SplitHostPort(d.host)
	return trust.Realm(host)
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
