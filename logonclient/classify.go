package logonclient

import (
	"crypto/tls"
	"errors"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/homing-mail/homing/internal/httpauth"
	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/internal/trust"
)

// codeKind says what a StatusCode, ErrorCode or ReturnValue means that is not
// ecNone: its class, but for the two that have a kind of their own.
func codeKind(c mapi.Code) Kind {
	switch {
	case c == mapi.EcMailboxInTransit:
		return InTransit
	case c == mapi.EcLoginFailure:
		return LoginFailure
	case c.Name() == "":
		return Malformed
	}
	switch c.Class() {
	case mapi.ClassRedirect:
		return WrongServer
	case mapi.ClassAutodiscover:
		return UnknownMailbox
	case mapi.ClassTransient:
		return Busy
	case mapi.ClassSessionLost:
		return SessionLost
	case mapi.ClassFatal:
		return Denied
	case mapi.ClassProtocol:
		return Unsupported
	}
	return Malformed // ClassBug: nobody else can put it right
}

// responseKind says what an X-ResponseCode means that is not Success
// ([MS-OXCMAPIHTTP] 2.2.3.3.3). The reserved 14 counts as Unknown Failure.
func responseKind(c mapi.ResponseCode) Kind {
	switch c {
	case mapi.ResponseUnknownFailure, 14, mapi.ResponseInvalidResponse, mapi.ResponseEndpointShuttingDown:
		return Busy
	case mapi.ResponseInvalidPath:
		return UnknownMailbox
	case mapi.ResponseInvalidContextCookie, mapi.ResponseContextNotFound, mapi.ResponseMissingCookie, mapi.ResponseInvalidSequence:
		return SessionLost
	case mapi.ResponseAnonymousNotAllowed:
		return Unauthorized
	case mapi.ResponseNoPrivilege:
		return Denied
	case mapi.ResponseEndpointDisabled:
		return Unsupported
	}
	return Malformed
}

// statusKind says what an HTTP status other than 200 means. empty: the answer
// had no body, which is how Exchange answers a URL without a usable MailboxId.
func statusKind(status int, empty bool) Kind {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return Redirected
	case http.StatusBadRequest:
		if empty {
			return UnknownMailbox
		}
		return Malformed
	case http.StatusUnauthorized, 440, 456: // 440: the forms of a gateway have timed out; 456: a token is wanted
		return Unauthorized
	case http.StatusForbidden:
		return Denied
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return Unsupported
	case http.StatusProxyAuthRequired:
		return Unreachable
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return Busy
	}
	if status/100 == 5 {
		return Busy
	}
	return Malformed
}

// errorKind says what the failure of a connection or of a sign-in means.
func errorKind(err error) Kind {
	if _, ok := trust.IsUntrusted(err); ok {
		return Untrusted
	}
	if _, ok := errors.AsType[*trust.NoLoginError](err); ok {
		return Unauthorized
	}
	if _, ok := errors.AsType[*trust.SchemeError](err); ok {
		return Unauthorized
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return BadCertificate
	}
	return Unreachable
}

// codes puts the codes of a body into x and judges them.
func (d *dialogue) codes(status, code mapi.Code, x *Exchange) *Error {
	x.StatusCode, x.Layers = uint32(status), 3
	if status != mapi.EcNone {
		return d.refused(status)
	}
	x.ErrorCode, x.Layers = uint32(code), 4
	if code != mapi.EcNone {
		return d.refused(code)
	}
	return nil
}

// returned puts the ReturnValue of a ROP into x and judges it.
func (d *dialogue) returned(code mapi.Code, x *Exchange) *Error {
	x.ReturnValue, x.Layers = uint32(code), 5
	if code != mapi.EcNone {
		return d.refused(code)
	}
	return nil
}

// refused is the error of a code. A server that is busy has said at Connect how
// long to leave it alone ([MS-OXCRPC] 3.2.4.4).
func (d *dialogue) refused(code mapi.Code) *Error {
	e := &Error{Kind: codeKind(code), Code: uint32(code), Said: code.String()}
	if code.Name() == "" {
		e.Said = "unknown code " + e.Said
	}
	if e.Kind == Busy {
		e.After = d.retryDelay
	}
	return e
}

// malformed is the error of an answer that cannot be read.
func malformed(err error) *Error { return &Error{Kind: Malformed, Err: err} }

// transportError is the error of a request without an answer.
func (d *dialogue) transportError(err error) *Error {
	e := &Error{Kind: errorKind(err), Err: err}
	if none, ok := errors.AsType[*trust.NoLoginError](err); ok {
		e.Realm, e.User = none.Realm, none.User
	} else if e.Kind == Unauthorized {
		e.Realm = d.realm()
	}
	return e
}

// statusError is the error of an HTTP status other than 200.
func (d *dialogue) statusError(res *http.Response, page string) *Error {
	e := &Error{Kind: statusKind(res.StatusCode, page == ""), Said: quote(fmt.Sprintf("HTTP status %d", res.StatusCode), d.words(page))}
	switch e.Kind {
	case Redirected:
		to, err := res.Location() // resolved against the URL of the request
		if err != nil || to.User != nil || len(to.String()) > maxURL {
			e.Kind, e.Said = Malformed, e.Said+" without a usable Location"
			break
		}
		e.URL = to.String()
		e.Said = fmt.Sprintf("HTTP status %d to %s", res.StatusCode, printable(e.URL, maxSaid))
	case Busy:
		e.After = retryAfter(res.Header, time.Now())
	}
	if res.StatusCode == 456 { // seen from Exchange Online and from gateways
		e.Said = quote("HTTP status 456, which asks for another factor or a token", d.words(page))
	}
	d.whose(e)
	return e
}

// whose completes an Unauthorized with its realm and the user who was refused.
func (d *dialogue) whose(e *Error) {
	if e.Kind != Unauthorized {
		return
	}
	e.Realm = d.realm()
	if d.line.presented != nil {
		e.User = d.line.presented.user
	}
}

// retryAfter reads Retry-After in either of its forms (RFC 9110 10.2.3), 0 if
// there is none. A date is measured by the server's own clock if it shows that.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxAfter)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(at.Sub(now), 0), maxAfter)
}

// milliseconds reads a header that counts them.
func milliseconds(value string) (time.Duration, bool) {
	n, err := strconv.ParseUint(value, 10, 32)
	return time.Duration(n) * time.Millisecond, err == nil && n > 0
}

// noResponseCode is the error of an answer that no MAPI endpoint gave: a proxy,
// a login page.
func (d *dialogue) noResponseCode(page string) *Error {
	e := &Error{Kind: Malformed, Said: quote("no X-ResponseCode", d.words(page))}
	if strings.Contains(page, "ProtocolDisabled") { // seen from Exchange Online: MAPI is switched off for the user
		e.Kind, e.Said = Unsupported, "no X-ResponseCode, but ProtocolDisabled"
	}
	return e
}

const (
	maxURL  = 2048
	maxSaid = 200 // characters of a page that an error quotes
)

// redact takes the credential out of what an answer that repeats it made of err,
// and makes the text of its cause one line that can be shown.
func (d *dialogue) redact(err *Error) {
	for _, s := range []*string{&err.Said, &err.ServerName, &err.URL} {
		*s = d.hidden(*s)
	}
	if err.Err != nil {
		text := err.Err.Error()
		shown := printable(d.hidden(text), maxText)
		switch {
		case d.hidden(text) != text: // nothing of the chain is kept
			err.Err = errors.New(shown)
		case printable(text, len(text)) != text:
			err.Err = &shownError{shown, err.Err}
		}
	}
}

// maxText is how many characters of a cause are shown.
const maxText = 500

// shownError is an error whose own text is not fit to be shown.
type shownError struct {
	text string
	err  error
}

func (e *shownError) Error() string { return e.text }
func (e *shownError) Unwrap() error { return e.err }

// hidden returns s without what it repeats of the credentials.
func (d *dialogue) hidden(s string) string {
	return httpauth.Hide(s, d.line.credentials)
}

// words returns what a page says, without the credential that it may repeat.
func (d *dialogue) words(page string) string {
	return words(page) // redact hides what is left of the credential
}

// words returns what a page says: its title and its first paragraph, in which
// Gromox and IIS say what is wrong.
func words(page string) string {
	title, paragraph := element(page, "title"), element(page, "p")
	if title != "" && paragraph != "" {
		title += ": "
	}
	return printable(title+paragraph, maxSaid)
}

// element returns the text of the first element of that name, without tags.
func element(page, name string) string {
	lower := strings.ToLower(page)
	if len(lower) != len(page) { // a letter that changes its length
		return ""
	}
	for from := 0; ; {
		i := strings.Index(lower[from:], "<"+name)
		if i < 0 {
			return ""
		}
		from += i + len(name) + 1
		end := strings.IndexByte(lower[from:], '>')
		if end < 0 {
			return ""
		}
		if end > 0 && !strings.ContainsRune(" \t\r\n", rune(lower[from])) {
			continue // <p> was looked for, this is <pre>
		}
		from += end + 1
		stop := strings.Index(lower[from:], "</"+name)
		if stop < 0 {
			stop = len(lower) - from
		}
		return strings.Join(strings.Fields(html.UnescapeString(untag(page[from:from+stop]))), " ")
	}
}

// untag drops what stands between < and >.
func untag(s string) string {
	var b strings.Builder
	for s != "" {
		text, rest, _ := strings.Cut(s, "<")
		b.WriteString(text + " ")
		_, s, _ = strings.Cut(rest, ">")
	}
	return b.String()
}

// quote adds what the server said to what we say.
func quote(ours, theirs string) string {
	if theirs == "" {
		return ours
	}
	return fmt.Sprintf("%s: %q", ours, theirs)
}

// printable returns the first limit characters of s, with a space for each that
// cannot be printed.
func printable(s string, limit int) string {
	var b strings.Builder
	for _, r := range s {
		if limit--; limit < 0 {
			break
		}
		if !unicode.IsPrint(r) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}
