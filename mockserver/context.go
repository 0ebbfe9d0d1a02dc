package mockserver

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// The cookies of a Session Context, by the names that Exchange gives them.
const (
	cookieContext  = "MapiContext"
	cookieSequence = "MapiSequence"
	cookieBackEnd  = "X-BackEndCookie"
	cookieRouting  = "MapiRouting"
)

// contexts are the living Session Contexts ([MS-OXCMAPIHTTP] 3.2.1). The mutex
// of the server guards them.
type contexts struct {
	byID  map[string]*sessionContext
	of    map[*mailbox]map[*sessionContext]bool // those in which somebody has opened it
	swept time.Time
}

// sessionContext is what Connect makes and Disconnect ends, or Bind and Unbind.
type sessionContext struct {
	all      *contexts
	id       string
	server   *server
	endpoint string   // EndpointMAPI, EndpointNSPI
	frontEnd int      // over which it was made
	who      *mailbox // who signed in
	url      mapi.GUID
	sequence int
	expires  time.Time
	objects  map[uint32]*storeObject // by handle
	handle   uint32                  // the last one given out
	opened   []*mailbox              // whose all.of has it
	waiting  bool                    // a NotificationWait runs
	pending  chan struct{}           // of capacity 1: an event for a registration
	gone     chan struct{}           // closed when the context is
}

// storeObject is what a handle stands for: a logon, or a registration on it.
type storeObject struct {
	logonID      uint8
	mailbox      *mailbox
	registration bool
	lost         mapi.Code // not EcNone: invalidated, and what the next ROP is told
}

// add makes a context for a call. s.mu is held.
func (c *contexts) add(by *call) *sessionContext {
	now := time.Now()
	if now.Sub(c.swept) > time.Minute {
		c.swept = now
		for _, ctx := range c.byID {
			if now.After(ctx.expires) && !ctx.waiting {
				c.end(ctx)
			}
		}
	}
	ctx := &sessionContext{
		all: c, id: newContextID(by.exchange), server: by.server, endpoint: by.endpoint, frontEnd: by.frontEnd(), who: by.who, url: by.urlGUID,
		expires: now.Add(by.server.flavour.connected),
		objects: map[uint32]*storeObject{},
		pending: make(chan struct{}, 1), gone: make(chan struct{}),
	}
	if by.gromox() {
		ctx.handle = mapi.NoHandle // so that the first one is 0
	}
	c.byID[ctx.id] = ctx
	return ctx
}

// end forgets ctx; a NotificationWait on it is told.
func (c *contexts) end(ctx *sessionContext) {
	if c.byID[ctx.id] == ctx {
		delete(c.byID, ctx.id)
		for _, m := range ctx.opened {
			if delete(c.of[m], ctx); len(c.of[m]) == 0 {
				delete(c.of, m)
			}
		}
		close(ctx.gone)
	}
}

// endOn ends all contexts on a server.
func (c *contexts) endOn(s *server) {
	for _, ctx := range c.byID {
		if ctx.server == s {
			c.end(ctx)
		}
	}
}

// invalidate takes the store objects of m from every context that has some.
func (c *contexts) invalidate(m *mailbox, how string) {
	lost := mapi.EcInvalidObject
	if how == InvalidateNull {
		lost = mapi.EcNullObject
	}
	for ctx := range c.of[m] {
		if !ctx.holds(m) {
			continue
		}
		if how == InvalidateContext {
			c.end(ctx)
			continue
		}
		for _, o := range ctx.objects {
			if o.mailbox == m {
				o.lost = lost
			}
		}
		ctx.tell(m)
	}
}

// notify completes what waits for events of m.
func (c *contexts) notify(m *mailbox) (told int) {
	for ctx := range c.of[m] {
		if ctx.tell(m) {
			told++
		}
	}
	return told
}

func (ctx *sessionContext) holds(m *mailbox) bool {
	for _, o := range ctx.objects {
		if o.mailbox == m {
			return true
		}
	}
	return false
}

// tell makes an event pending if somebody registered for m.
func (ctx *sessionContext) tell(m *mailbox) bool {
	for _, o := range ctx.objects {
		if o.registration && o.mailbox == m {
			select {
			case ctx.pending <- struct{}{}:
			default: // there is one already
			}
			return true
		}
	}
	return false
}

// find returns the context that the cookies of a call name, or the response code
// that says why not ([MS-OXCMAPIHTTP] 3.2.5.1). The sequence is not looked at.
func (c *contexts) find(by *call) (*sessionContext, mapi.ResponseCode) {
	if by.gromox() {
		return c.findGromox(by)
	}
	id, ok := cookie(by.r, cookieContext)
	if !ok {
		return nil, mapi.ResponseMissingCookie
	}
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != 16 {
		return nil, mapi.ResponseInvalidContextCookie
	}
	ctx := c.living(id)
	if ctx == nil || ctx.server != by.server || ctx.endpoint != by.endpoint || ctx.who != by.who || ctx.url != by.urlGUID || !ctx.reached(by) {
		return nil, mapi.ResponseContextNotFound
	}
	return ctx, mapi.ResponseSuccess
}

// living returns the context with that id, unless it has expired.
func (c *contexts) living(id string) *sessionContext {
	ctx := c.byID[id]
	if ctx != nil && time.Now().After(ctx.expires) && !ctx.waiting {
		c.end(ctx)
		return nil
	}
	return ctx
}

// enter returns the context of a request that takes its turn in it.
func (c *contexts) enter(by *call) (*sessionContext, mapi.ResponseCode) {
	ctx, code := c.find(by)
	if code == mapi.ResponseSuccess && !by.gromox() { // which has looked at it
		code = ctx.inSequence(by.r)
	}
	return ctx, code
}

// inSequence checks the sequence cookie. A second request in parallel carries
// the cookie of the first and fails too.
func (ctx *sessionContext) inSequence(r *http.Request) mapi.ResponseCode {
	got, ok := cookie(r, cookieSequence)
	switch {
	case !ok:
		return mapi.ResponseMissingCookie
	case got != ctx.sequenceCookie():
		return mapi.ResponseInvalidSequence
	}
	return mapi.ResponseSuccess
}

func (ctx *sessionContext) sequenceCookie() string {
	return strconv.Itoa(ctx.sequence) + "-" + ctx.id[:8]
}

// next rotates the cookies and keeps the context alive.
func (ctx *sessionContext) next(alive time.Duration) {
	ctx.sequence++
	ctx.expires = time.Now().Add(alive)
}

// turn rotates the cookies and keeps the context alive, as a request does that
// takes its turn. Gromox rotates none at the end of a context.
func (ctx *sessionContext) turn(c *call) {
	if c.gromox() && (c.kind == "Disconnect" || c.kind == "Unbind") {
		return
	}
	ctx.next(c.server.flavour.used)
}

// setCookies hands out the cookies of ctx, under the paths that Exchange uses.
func (ctx *sessionContext) setCookies(c *call, h http.Header) {
	if c.gromox() {
		ctx.setGromoxCookies(c, h)
		return
	}
	lines := make([]string, 0, 4)
	if ctx.server.flavour.traces {
		lines = append(lines, cookieRouting+"="+ctx.id[:12]+"; path=/mapi/; secure; HttpOnly")
	}
	sequence := ctx.sequenceCookie()
	h["Set-Cookie"] = append(lines,
		cookieContext+"="+ctx.id+"; path=/mapi/; secure; HttpOnly",
		cookieSequence+"="+sequence+"; path="+endpointPath(ctx.endpoint)+"; secure; HttpOnly",
		cookieBackEnd+"="+sequence+"~"+ctx.server.Name+"; expires="+time.Now().Add(10*24*time.Hour).UTC().Format(http.TimeFormat)+"; path=/mapi; secure; HttpOnly")
}

// cookie returns the last value of a cookie, which is the newest one of a client
// that sends two.
func cookie(r *http.Request, name string) (value string, ok bool) {
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			if key, v, _ := strings.Cut(strings.TrimSpace(pair), "="); key == name {
				value, ok = strings.Trim(v, ` "`), true
			}
		}
	}
	return value, ok
}

// attach gives o a handle.
func (ctx *sessionContext) attach(o *storeObject) uint32 {
	ctx.handle++
	ctx.objects[ctx.handle] = o
	if m := o.mailbox; m != nil && !ctx.all.of[m][ctx] {
		if ctx.all.of[m] == nil {
			ctx.all.of[m] = map[*sessionContext]bool{}
		}
		ctx.all.of[m][ctx] = true
		ctx.opened = append(ctx.opened, m)
	}
	return ctx.handle
}

// object returns what a handle of a ROP stands for, or the code for a handle
// that is of no use ([MS-OXCROPS] 3.2.5.1).
func (ctx *sessionContext) object(handle uint32, logonID uint8) (*storeObject, mapi.Code) {
	o := ctx.objects[handle]
	switch {
	case o == nil && handle != 0 && handle <= ctx.handle:
		return nil, mapi.EcInvalidObject // released
	case o == nil:
		return nil, mapi.EcNullObject
	case o.lost != mapi.EcNone:
		return nil, o.lost
	case o.logonID != logonID:
		return nil, mapi.EcAccessDenied
	}
	return o, mapi.EcNone
}
