package mockserver

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// How long an idle Session Context lives, as seen from Exchange SE: the first
// one after Connect, the other one after everything else.
const (
	expireConnected = 300 * time.Second
	expireUsed      = 900 * time.Second
)

// The cookies of a Session Context, by the names that Exchange gives them.
const (
	cookieContext  = "MapiContext"
	cookieSequence = "MapiSequence"
	cookieBackEnd  = "X-BackEndCookie"
)

// contexts are the living Session Contexts ([MS-OXCMAPIHTTP] 3.2.1). The mutex
// of the server guards them.
type contexts struct {
	byID  map[string]*sessionContext
	swept time.Time
}

// sessionContext is what Connect makes and Disconnect ends.
type sessionContext struct {
	id       string
	server   *server
	who      *mailbox // who signed in
	url      mapi.GUID
	sequence int
	expires  time.Time
	objects  map[uint32]*storeObject // by handle
	handle   uint32                  // the last one given out
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

func (c *contexts) add(server *server, who *mailbox, url mapi.GUID) *sessionContext {
	now := time.Now()
	if now.Sub(c.swept) > time.Minute {
		c.swept = now
		for _, ctx := range c.byID {
			if now.After(ctx.expires) && !ctx.waiting {
				c.end(ctx)
			}
		}
	}
	var id [16]byte
	rand.Read(id[:])
	ctx := &sessionContext{
		id: hex.EncodeToString(id[:]), server: server, who: who, url: url,
		expires: now.Add(expireConnected),
		objects: map[uint32]*storeObject{},
		pending: make(chan struct{}, 1), gone: make(chan struct{}),
	}
	c.byID[ctx.id] = ctx
	return ctx
}

// end forgets ctx; a NotificationWait on it is told.
func (c *contexts) end(ctx *sessionContext) {
	if c.byID[ctx.id] == ctx {
		delete(c.byID, ctx.id)
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
	for _, ctx := range c.byID {
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
	for _, ctx := range c.byID {
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

// find returns the context that the cookies of r name, or the response code that
// says why not ([MS-OXCMAPIHTTP] 3.2.5.1). The sequence is not looked at.
func (c *contexts) find(r *http.Request, server *server, who *mailbox, url mapi.GUID) (*sessionContext, mapi.ResponseCode) {
	id, ok := cookie(r, cookieContext)
	if !ok {
		return nil, mapi.ResponseMissingCookie
	}
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != 16 {
		return nil, mapi.ResponseInvalidContextCookie
	}
	ctx := c.byID[id]
	if ctx != nil && time.Now().After(ctx.expires) && !ctx.waiting {
		c.end(ctx)
		ctx = nil
	}
	if ctx == nil || ctx.server != server || ctx.who != who || ctx.url != url {
		return nil, mapi.ResponseContextNotFound
	}
	return ctx, mapi.ResponseSuccess
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
	return fmt.Sprintf("%d-%s", ctx.sequence, ctx.id[:8])
}

// next rotates the cookies and keeps the context alive.
func (ctx *sessionContext) next(alive time.Duration) {
	ctx.sequence++
	ctx.expires = time.Now().Add(alive)
}

// setCookies hands out the cookies of ctx, under the paths that Exchange uses.
func (ctx *sessionContext) setCookies(h http.Header) {
	h.Add("Set-Cookie", cookieContext+"="+ctx.id+"; path=/mapi/; secure; HttpOnly")
	h.Add("Set-Cookie", cookieSequence+"="+ctx.sequenceCookie()+"; path=/mapi/emsmdb; secure; HttpOnly")
	h.Add("Set-Cookie", cookieBackEnd+"="+ctx.sequenceCookie()+"~"+ctx.server.Name+"; expires="+
		time.Now().Add(10*24*time.Hour).UTC().Format(http.TimeFormat)+"; path=/mapi; secure; HttpOnly")
}

// cookie returns the last value of a cookie, which is the newest one of a client
// that sends two.
func cookie(r *http.Request, name string) (value string, ok bool) {
	for _, c := range r.Cookies() {
		if c.Name == name {
			value, ok = strings.TrimSpace(c.Value), true
		}
	}
	return value, ok
}

// attach gives o a handle.
func (ctx *sessionContext) attach(o *storeObject) uint32 {
	ctx.handle++
	ctx.objects[ctx.handle] = o
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
