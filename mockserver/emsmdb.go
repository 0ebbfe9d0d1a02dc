package mockserver

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// The headers of a request, as net/http spells them. Answers spell them as the
// specification does, which also saves net/http from spelling them anew.
const (
	headRequestType       = "X-Requesttype"
	headRequestID         = "X-Requestid"
	headClientInfo        = "X-Clientinfo"
	headClientApplication = "X-Clientapplication"
)

// maxBody is the length in bytes of the longest request body.
const maxBody = 1 << 20

// call is a request at an endpoint, after sign-in.
type call struct {
	*exchange
	forest  *forest
	who     *mailbox // who signed in
	url     *mailbox // whom the MailboxId of the URL means
	urlGUID mapi.GUID
}

// reply is the answer to a call: a code other than ResponseSuccess, or a body.
type reply struct {
	code    mapi.ResponseCode
	body    []byte
	context *sessionContext // whose cookies go out; nil: none
	expires time.Duration   // X-ExpirationInfo
	status  mapi.Code       // the StatusCode in body
	ec      mapi.Code       // for the record
	said    string          // for the record; "": made from code or ec
}

func failed(code mapi.ResponseCode) reply { return reply{code: code} }

// mapi is an endpoint of MAPI over HTTP, /mapi/emsmdb/ or /mapi/nspi/
// ([MS-OXCMAPIHTTP] 3.2.5.2).
func (s *Server) mapi(x *exchange, at *site) {
	c := &call{exchange: x}
	x.started = time.Now()
	x.RequestType, x.RequestID = cut(x.r.Header.Get(headRequestType), 64), cut(x.r.Header.Get(headRequestID), 80)

	s.mu.Lock()
	c.forest = at.server.forest
	c.who = s.signIn(x, c.forest)
	if c.who != nil {
		c.url, c.urlGUID = s.mailboxID(c)
	}
	down := c.url != nil && s.backEndDown(c)
	s.mu.Unlock()

	switch {
	case c.who == nil:
		x.challenge(c.forest)
		return
	case c.url == nil && c.gromox(): // the path is another's to answer
		x.refuse(http.StatusNotFound, "no MailboxId")
		return
	case c.url == nil:
		x.refuse(http.StatusBadRequest, "no usable MailboxId")
		return
	case down:
		x.refuse(http.StatusServiceUnavailable, "the server with the mailbox is off")
		return
	case x.r.ContentLength < 0:
		x.refuse(http.StatusLengthRequired, "no Content-Length")
		return
	}
	if code := c.checkHead(); code != mapi.ResponseSuccess {
		c.reply(failed(code))
		return
	}
	if x.r.ContentLength > maxBody {
		c.reply(failed(mapi.ResponseTooLarge))
		return
	}
	c.body = make([]byte, x.r.ContentLength)
	if _, err := io.ReadFull(x.r.Body, c.body); err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
	if code := c.forced(); code != mapi.ResponseSuccess {
		c.reply(failed(code))
		return
	}
	switch {
	case c.endpoint == EndpointNSPI:
		c.reply(s.addressBook(c))
	case c.kind == "NotificationWait": // its answer takes time
		s.notificationWait(c)
	default:
		c.reply(s.mailbox(c))
	}
}

// mailbox answers a request at the mailbox endpoint.
func (s *Server) mailbox(c *call) reply {
	switch c.kind {
	case "Connect":
		return s.connect(c)
	case "Execute":
		return s.execute(c)
	case "Disconnect":
		return s.disconnect(c)
	case "PING":
		return s.ping(c)
	}
	return s.unknownRequest(c)
}

// inTurn answers a request that takes its turn in a Session Context: q reads its
// body, and answer is called with s.mu held.
func (s *Server) inTurn(c *call, q interface{ Parse([]byte) error }, answer func(*sessionContext) reply) reply {
	if err := q.Parse(c.body); err != nil {
		return failed(mapi.ResponseInvalidRequestBody)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, code := s.contexts.enter(c)
	if code != mapi.ResponseSuccess {
		return failed(code)
	}
	ctx.turn(c)
	return answer(ctx)
}

// unknownRequest refuses a request type that is not known. Gromox looks at the
// cookies first.
func (s *Server) unknownRequest(c *call) reply {
	if c.gromox() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, code := s.contexts.find(c); code != mapi.ResponseSuccess {
			return failed(code)
		}
	}
	return failed(mapi.ResponseInvalidRequestType)
}

// mailboxID reads the MailboxId of the URL, GUID@domain. nil: it leads to no
// mailbox that this forest has or had. s.mu is held.
func (s *Server) mailboxID(c *call) (*mailbox, mapi.GUID) {
	if c.gromox() { // it wants the parameter and does not look at the value
		if len(c.r.URL.RawQuery) < 10 || !strings.EqualFold(c.r.URL.RawQuery[:10], "MailboxId=") {
			return nil, mapi.GUID{}
		}
		return c.who, mapi.GUID{}
	}
	value, plain := strings.CutPrefix(c.r.URL.RawQuery, "MailboxId=")
	if !plain || strings.ContainsAny(value, "&;%+") {
		value = ""
		for key, values := range c.r.URL.Query() {
			if strings.EqualFold(key, "MailboxId") && len(values) > 0 {
				value = values[0]
			}
		}
	}
	text, domain, _ := strings.Cut(value, "@")
	guid, err := mapi.ParseGUID(text)
	if err != nil || !strings.EqualFold(domain, c.forest.Name) {
		return nil, guid
	}
	return s.dir.guids[guid], guid
}

// backEndDown reports whether a front end would have to ask a server that is
// switched off. s.mu is held.
func (s *Server) backEndDown(c *call) bool {
	if c.server.names != NameGUID || c.url.forest() != c.forest {
		return false
	}
	at := s.dir.sites[c.url.home.server.Host]
	return at.off && c.url.home.server != c.server
}

// checkHead looks at the headers that each request needs ([MS-OXCMAPIHTTP]
// 2.2.2.1). Microsoft's own connectivity tester sends application/octet-stream.
func (c *call) checkHead() mapi.ResponseCode {
	if c.Method != http.MethodPost {
		return mapi.ResponseInvalidVerb
	}
	if c.gromox() {
		return c.gromoxHead()
	}
	for _, name := range []string{headRequestType, headRequestID, headClientInfo, headClientApplication} {
		if c.r.Header.Get(name) == "" {
			return mapi.ResponseMissingHeader
		}
	}
	switch kind, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";"); {
	case kind == "" && c.r.ContentLength > 0:
		return mapi.ResponseMissingHeader
	case kind != "" && kind != "application/mapi-http" && kind != "application/octet-stream":
		return mapi.ResponseInvalidHeader
	}
	return mapi.ResponseSuccess
}

// reply answers a call that is done.
func (c *call) reply(r reply) {
	c.send(c.compose(r))
}

// contentMAPI is shared by all answers: nobody writes to it.
var contentMAPI = []string{"application/mapi-http"}

// compose writes the headers that each answer has, and what follows them. It
// notes for the record what the answer says.
func (c *call) compose(r reply) answer {
	c.note(r)
	a := c.answer(http.StatusOK, c.Said, r.body)
	if c.gromox() {
		c.composeGromox(&a, r)
		return a
	}
	h := a.header
	for _, echo := range [][2]string{{headRequestType, "X-RequestType"}, {headRequestID, "X-RequestId"}, {headClientInfo, "X-ClientInfo"}} {
		if v := c.r.Header[echo[0]]; len(v) > 0 {
			h[echo[1]] = v[:1]
		}
	}
	h["X-ResponseCode"] = []string{strconv.Itoa(int(r.code))}
	h["X-ServerApplication"] = c.server.product
	c.trace(h)
	if r.code != mapi.ResponseSuccess {
		h["Content-Type"] = []string{"text/html"}
		a.body = refusal(r.code)
		return a
	}
	h["Content-Type"] = contentMAPI
	h["X-PendingPeriod"] = c.server.period
	if r.expires > 0 {
		h["X-ExpirationInfo"] = []string{strconv.FormatInt(r.expires.Milliseconds(), 10)}
	}
	if r.context != nil {
		c.s.mu.Lock()
		r.context.setCookies(c, h)
		c.s.mu.Unlock()
	}
	a.stream, a.extra = true, c.extra(nil)
	return a
}

// late is the end of a stream whose head has gone out already. A code other than
// success stands behind DONE ([MS-OXCMAPIHTTP] 3.2.5.2).
func (c *call) late(r reply) answer {
	c.note(r)
	a := answer{said: c.Said, stream: true, body: r.body}
	if r.code != mapi.ResponseSuccess {
		a.extra = fmt.Appendf(nil, "X-ResponseCode: %d\r\nContent-Type: text/html\r\n", int(r.code))
		a.body = refusal(r.code)
	}
	a.extra = c.extra(a.extra)
	c.endLate(&a)
	return a
}

// endLate makes the end of a stream one of an answer that took time.
func (x *exchange) endLate(a *answer) {
	if x.gromox() { // PROCESSING once more
		a.tail = append([]byte(tagProcessing), a.appendDone(nil)...)
	}
}

// extra adds the additional headers that each stream ends with.
func (x *exchange) extra(b []byte) []byte {
	if x.gromox() {
		return x.gromoxExtra(b)
	}
	b = appendHeader(b, "X-ElapsedTime", time.Since(x.started).Milliseconds())
	b = append(b, "X-StartTime: "...)
	b = x.started.UTC().AppendFormat(b, http.TimeFormat)
	return append(b, "\r\n"...)
}

// note puts what the answer says into the record.
func (c *call) note(r reply) {
	c.Status, c.ResponseCode, c.Code, c.Said = http.StatusOK, int(r.code), uint32(r.ec), r.said
	if c.gromox() {
		c.ResponseCode = gromoxCode(r.code)
	}
	switch {
	case c.Said != "":
	case r.code != mapi.ResponseSuccess:
		c.Said = r.code.String()
	default:
		c.Said = r.ec.Name()
	}
}

// refusal is the page that explains a response code to people.
func refusal(code mapi.ResponseCode) []byte {
	return fmt.Appendf(nil, "<html><head><title>MAPI over HTTP</title></head><body><p>%s</p></body></html>\r\n", html.EscapeString(code.String()))
}
