package mockserver

import (
	"encoding/hex"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// What Gromox does in its own way at its endpoints: all seen from Gromox 3.10 or
// read in its source, commits 1892eb3d and 00bfab55: the latter for the order in
// which headers, cookies and request types are looked at.

// The cookies of Gromox. They have no paths.
const (
	gromoxContext  = "sid"
	gromoxSequence = "sequence"
)

// gromoxCodes are its numbers for X-ResponseCode, and what its page says.
var gromoxCodes = map[mapi.ResponseCode]struct {
	number int
	says   string
}{
	mapi.ResponseSuccess:              {0, ""},
	mapi.ResponseInvalidVerb:          {1, "The request has an invalid verb."}, // also without X-RequestType
	mapi.ResponseInvalidContextCookie: {2, "The request has an invalid session context cookie."},
	mapi.ResponseMissingHeader:        {3, "The request has a missing required header."},
	mapi.ResponseNoPrivilege:          {4, "The client has no privileges to the Session Context."},
	mapi.ResponseInvalidRequestBody:   {5, "The request body is invalid."},
	mapi.ResponseMissingCookie:        {6, "The request is missing a required cookie."},
	mapi.ResponseInvalidSequence:      {7, "The request has violated the sequencing requirement of one request at a time per Session Context."},
	mapi.ResponseInvalidRequestType:   {8, "Invalid request type for this endpoint."},
	mapi.ResponseContextNotFound:      {2, "The request has an invalid session context cookie."}, // it has no such number
}

// gromoxCode is the number of Gromox for code; 9, out of memory, where it has
// none.
func gromoxCode(code mapi.ResponseCode) int {
	if g, ok := gromoxCodes[code]; ok {
		return g.number
	}
	return 9
}

func gromoxPage(code mapi.ResponseCode) []byte {
	says := gromoxCodes[code].says
	if says == "" {
		says = code.String()
	}
	return []byte("<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\r\n<html><head>\r\n<title>MAPI OVER HTTP ERROR</title>\r\n</head><body>\r\n" +
		"<h1>Diagnostic Information</h1>\r\n<p>" + html.EscapeString(says) + "</p>\r\n</body></html>\r\n")
}

func (x *exchange) gromox() bool { return x.server != nil && x.server.flavour.gromoxFrame }

// gromoxKinds are the request types, which it compares without case.
var gromoxKinds = []string{
	"Connect", "Execute", "Disconnect", "NotificationWait", "PING", "Bind", "Unbind", "GetMailboxUrl", "GetAddressBookUrl",
}

func gromoxKind(sent string) string {
	for _, kind := range gromoxKinds {
		if strings.EqualFold(kind, sent) {
			return kind
		}
	}
	return sent
}

// gromoxHead looks at the headers that it wants: X-ClientApplication and
// Content-Type are not among them.
func (c *call) gromoxHead() mapi.ResponseCode {
	switch {
	case c.Method != http.MethodPost, c.kind == "":
		return mapi.ResponseInvalidVerb
	case c.r.Header.Get(headRequestID) == "" || c.r.Header.Get(headClientInfo) == "":
		return mapi.ResponseMissingHeader
	}
	return mapi.ResponseSuccess
}

// findGromox finds the context of a call by its cookies and looks at the
// sequence.
func (c *contexts) findGromox(by *call) (*sessionContext, mapi.ResponseCode) {
	if by.r.Header.Get("Cookie") == "" {
		return nil, mapi.ResponseMissingCookie
	}
	id, _ := cookie(by.r, gromoxContext)
	sequence, inTurn := cookie(by.r, gromoxSequence)
	if outOfTurn := by.kind == "PING" || by.kind == "NotificationWait"; id == "" || !inTurn && !outOfTurn {
		return nil, mapi.ResponseInvalidContextCookie
	}
	ctx := c.living(id)
	switch {
	case ctx == nil, ctx.server != by.server, ctx.endpoint != by.endpoint:
		return nil, mapi.ResponseInvalidContextCookie
	case ctx.who != by.who:
		return nil, mapi.ResponseNoPrivilege
	case by.checksSequence() && sequence != ctx.gromoxSequence():
		return nil, mapi.ResponseInvalidSequence
	}
	return ctx, mapi.ResponseSuccess
}

// checksSequence reports whether a stale sequence matters.
func (c *call) checksSequence() bool {
	switch c.kind {
	case "Connect", "Bind", "Disconnect", "Unbind", "PING", "NotificationWait":
		return false
	}
	return true
}

// gromoxSequence is the value of the sequence cookie, a GUID.
func (ctx *sessionContext) gromoxSequence() string {
	raw, _ := hex.DecodeString(ctx.id) // made by contexts.add
	id := mapi.GUID(raw)
	for i := range 4 {
		id[i] ^= byte(ctx.sequence >> (8 * i))
	}
	return id.String()
}

func (ctx *sessionContext) setGromoxCookies(c *call, h http.Header) {
	h.Add("Set-Cookie", gromoxContext+"="+ctx.id)
	if c.kind != "PING" && c.kind != "NotificationWait" {
		h.Add("Set-Cookie", gromoxSequence+"="+ctx.gromoxSequence())
	}
}

// composeGromox is compose: the headers of a refusal are other ones, without the
// echoes.
func (c *call) composeGromox(a *answer, r reply) {
	h := a.header
	h["Cache-Control"] = []string{"private"}
	h["X-ResponseCode"] = []string{strconv.Itoa(gromoxCode(r.code))}
	h["X-ServerApplication"] = c.server.product
	if r.code != mapi.ResponseSuccess {
		h["Content-Type"] = []string{"text/html"}
		a.body = gromoxPage(r.code)
		return
	}
	kind := c.kind
	if c.endpoint == EndpointNSPI {
		kind = strings.ToLower(kind)
	}
	h["X-RequestType"], h["X-RequestId"], h["X-ClientInfo"] = []string{kind}, c.r.Header[headRequestID][:1], c.r.Header[headClientInfo][:1]
	h["Content-Type"] = []string{"application/mapi-http"}
	h["X-PendingPeriod"] = c.server.period
	h["X-ExpirationInfo"] = []string{strconv.FormatInt(c.server.flavour.used.Milliseconds(), 10)}
	if r.context != nil {
		c.s.mu.Lock()
		r.context.setCookies(c, h)
		c.s.mu.Unlock()
	}
	a.stream, a.extra = true, c.extra(nil)
	switch {
	case r.status != mapi.EcNone: // the length leaves out the body, which follows up to its first zero byte
		text, _, _ := strings.Cut(string(r.body), "\x00")
		a.body, a.stray = nil, []byte(text)
	case c.kind == "PING":
		a.sized = true
	default:
		a.split = true
	}
}

// gromoxExtra adds the additional headers: the time is in seconds, and first.
func (x *exchange) gromoxExtra(b []byte) []byte {
	return fmt.Appendf(b, "X-ElapsedTime: %d\r\nX-StartTime: %s\r\n", int(time.Since(x.started).Seconds()), x.started.UTC().Format(http.TimeFormat))
}

// gromoxTag is a PENDING without its line end.
const gromoxTag = "PENDING"

// The numbers of a domain and of a user are eight hexadecimal digits each, low
// byte first.
func gromoxIDs(m *mailbox) string { return "01000000" + gromoxNumber(m.id) }

func gromoxNumber(n uint32) string {
	return hex.EncodeToString([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
}

// gromoxMailboxID is the value of MailboxId: the first twelve bytes of the
// address and the number of the user, written as a GUID.
func (m *mailbox) gromoxMailboxID(f *forest) string {
	var text [12]byte
	copy(text[:], m.address(f))
	d := hex.EncodeToString(text[:]) + gromoxNumber(m.id)
	return d[:8] + "-" + d[8:12] + "-" + d[12:16] + "-" + d[16:20] + "-" + d[20:] + "@" + f.Name
}
