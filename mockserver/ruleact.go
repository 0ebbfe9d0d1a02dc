package mockserver

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// Before the request is looked at.

func doStatus(x *exchange, _ *site, f *Fault) bool {
	status, _ := strconv.Atoi(f.With) // it has been checked
	if f.RetryAfter != "" {
		after, _ := retryAfter(f.RetryAfter, time.Now())
		x.w.Header()["Retry-After"] = []string{after}
	}
	x.refuse(status, f.With)
	return true
}

func doDelay(x *exchange, _ *site, f *Fault) bool {
	// Only while nothing of the body is left does net/http notice that a client goes.
	body, err := io.ReadAll(io.LimitReader(x.r.Body, maxBody+1))
	if err != nil {
		x.aborted("gone")
	}
	x.r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), x.r.Body), x.r.Body}
	d := duration(f.With)
	if !x.rest(d) {
		x.aborted("gone while it was delayed")
	}
	return false
}

func doDrop(x *exchange, _ *site, _ *Fault) bool {
	x.aborted("dropped")
	return true
}

func doUnauthorized(x *exchange, at *site, _ *Fault) bool {
	if at.forest == nil { // a web site
		x.refuse(http.StatusUnauthorized, "401")
		return true
	}
	x.challenge(at.forest)
	return true
}

const loginPage = "<!DOCTYPE html><html><head><title>Outlook</title></head><body><form action=\"/owa/auth.owa\" method=\"POST\">" +
	"<input name=\"username\"><input name=\"password\" type=\"password\"></form></body></html>\r\n"

func doLoginPage(x *exchange, _ *site, f *Fault) bool {
	if f.With == "redirect" {
		x.w.Header()["Location"] = []string{"https://" + x.Host + "/owa/auth/logon.aspx?replaceCurrent=1&url=https%3a%2f%2f" + x.Host + "%2f"}
		x.refuse(http.StatusFound, "302 to a login page")
		return true
	}
	x.w.Header()["Content-Type"] = []string{"text/html; charset=utf-8"}
	x.send(x.answer(http.StatusOK, "login page", []byte(loginPage)))
	return true
}

// When somebody has signed in.

// hasContext reports whether a request comes with a Session Context that lives.
func hasContext(x *exchange, _ *answer, _ *Fault) bool { return x.liveContext() != nil }

// liveContext finds the Session Context that some cookie of the request names,
// whatever that cookie is called. s.mu is held.
func (x *exchange) liveContext() *sessionContext {
	for _, c := range x.r.Cookies() {
		if ctx := x.s.contexts.byID[c.Value]; ctx != nil {
			return ctx
		}
	}
	return nil
}

func doKill(x *exchange) mapi.ResponseCode {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	if ctx := x.liveContext(); ctx != nil {
		x.s.contexts.end(ctx)
	}
	return mapi.ResponseSuccess // what follows finds no context
}

func refuseWith(code mapi.ResponseCode) func(*exchange) mapi.ResponseCode {
	return func(*exchange) mapi.ResponseCode { return code }
}

// On the answer.

func hasHead(_ *exchange, a *answer, _ *Fault) bool { return a.part != partEnd }

// isWholeStream reports whether an answer is a success of MAPI whose head has
// not gone out yet.
func isWholeStream(_ *exchange, a *answer, _ *Fault) bool { return a.stream && a.part == partWhole }

// isStreamEnd reports whether an answer has what stands behind DONE.
func isStreamEnd(_ *exchange, a *answer, _ *Fault) bool { return a.stream && a.part != partHead }

func doRefuse(x *exchange, a *answer, f *Fault) {
	n, _ := strconv.Atoi(f.With)
	code := mapi.ResponseCode(n)
	a.header["X-ResponseCode"], a.header["Content-Type"] = []string{f.With}, []string{"text/html"}
	for _, name := range []string{"Set-Cookie", "X-PendingPeriod", "X-ExpirationInfo"} {
		delete(a.header, name)
	}
	a.stream, a.extra, a.body, a.said = false, nil, refusal(code), code.String()
	x.ResponseCode, x.Code = n, 0
}

func doLate(x *exchange, a *answer, f *Fault) {
	n, _ := strconv.Atoi(f.With)
	code := mapi.ResponseCode(n)
	a.extra = append(fmt.Appendf(nil, "X-ResponseCode: %d\r\nContent-Type: text/html\r\n", n), a.extra...)
	a.body, a.said = refusal(code), code.String()
	x.ResponseCode, x.Code = n, 0
}

// takesCode reports whether an answer has the field that a code is for.
func takesCode(x *exchange, a *answer, f *Fault) bool {
	switch f.in(x) {
	case InStatus:
		return isStreamEnd(x, a, f) && len(a.body) >= 8
	case InError:
		return isStreamEnd(x, a, f) && len(a.body) >= 8 && binary.LittleEndian.Uint32(a.body) == 0
	}
	e, ok := executed(x, a)
	return ok && len(e.list) >= 6
}

// in is where the code goes in an answer to the request.
func (f *Fault) in(x *exchange) string {
	switch {
	case f.In != "":
		return f.In
	case x.kind == "Execute":
		return InReturn
	}
	return InError
}

func doCode(x *exchange, a *answer, f *Fault) {
	code, _ := codeOf(f.With)
	x.Code, a.said = uint32(code), code.Name()
	switch f.in(x) {
	case InStatus: // StatusCode, AuxiliaryBufferSize
		a.body = append(binary.LittleEndian.AppendUint32(nil, uint32(code)), 0, 0, 0, 0)
	case InReturn: // the failure of every ROP: RopId, handle index, ReturnValue
		e, _ := executed(x, a)
		e.list = binary.LittleEndian.AppendUint32(e.list[:2:2], uint32(code))
		for i := range e.handles {
			e.handles[i] = mapi.NoHandle
		}
		a.body = e.body()
	case InError:
		switch x.kind {
		case "Connect": // the success layout, all empty, as seen from Exchange SE
			a.body = (&mapi.ConnectResponse{ErrorCode: code}).Append(nil)
		case "Execute":
			a.body = (&mapi.ExecuteResponse{ErrorCode: code}).Append(nil)
		default:
			a.body = bytes.Clone(a.body)
			binary.LittleEndian.PutUint32(a.body[4:], uint32(code))
		}
	}
}

// execution is an answer to Execute taken apart.
type execution struct {
	list    []byte // of ROPs
	handles []uint32
}

// maxSpoilt is how long the ROPs of an answer may be that a rule acts on, so that
// what it adds has room.
const maxSpoilt = 16 << 10

// executed takes an answer to Execute apart; false: it is none that has ROPs, or
// has more than a rule can act on.
func executed(x *exchange, a *answer) (execution, bool) {
	var r mapi.ExecuteResponse
	if x.kind != "Execute" || !a.stream || r.Parse(a.body) != nil || len(r.RopBuffer) == 0 {
		return execution{}, false
	}
	list, handles, err := mapi.ParseRopBuffer(r.RopBuffer)
	return execution{list, handles}, err == nil && len(list) <= maxSpoilt
}

func isExecuted(x *exchange, a *answer, _ *Fault) bool {
	e, ok := executed(x, a)
	return ok && len(e.list) > 0
}

// body is the answer put together again.
func (e execution) body() []byte {
	return ropBody(mapi.AppendRopBuffer(nil, e.list, e.handles))
}

func ropBody(ropBuffer []byte) []byte {
	return (&mapi.ExecuteResponse{RopBuffer: ropBuffer}).Append(nil)
}

func doBackoff(x *exchange, a *answer, f *Fault) {
	d := duration(f.With)
	e, _ := executed(x, a)
	e.list = (&mapi.BackoffResponse{Duration: uint32(d.Milliseconds())}).Append(nil)
	a.body, a.said = e.body(), "RopBackoff "+f.With
}

func doBufferTooSmall(x *exchange, a *answer, _ *Fault) {
	e, _ := executed(x, a)
	var q mapi.ExecuteRequest
	asked := []byte(nil)
	if q.Parse(x.body) == nil {
		asked, _, _ = mapi.ParseRopBuffer(q.RopBuffer)
		asked = asked[:min(len(asked), maxSpoilt)]
	}
	e.list = (&mapi.BufferTooSmallResponse{SizeNeeded: uint16(len(e.list) + 2), RequestBuffers: asked}).Append(nil)
	a.body, a.said = e.body(), "RopBufferTooSmall"
}

// newMail is a RopNotify for a new message ([MS-OXCROPS] 2.2.14.2,
// [MS-OXCNOTIF] 2.2.1.4.1.2).
func newMail(handle uint32) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{byte(mapi.RopNotify)}, handle)
	b = append(b, 0)                                      // LogonId
	b = append(b, 0x02, 0x80)                             // NotificationFlags: NewMail, of a message
	b = append(b, 1, 0, 0, 0, 0, 0, 0, 5)                 // FolderId
	b = append(b, 1, 0, 0, 0, 0, 0, 0, 99)                // MessageId
	return append(append(b, 0, 0, 0, 0, 0), "IPM\x00"...) // MessageFlags, UnicodeFlag, MessageClass
}

// newMail is a RopNotify for the first handle of e.
func (e execution) newMail() []byte {
	if len(e.handles) > 0 {
		return newMail(e.handles[0])
	}
	return newMail(mapi.NoHandle)
}

func doNotifyFirst(x *exchange, a *answer, _ *Fault) {
	e, _ := executed(x, a)
	e.list = append(e.newMail(), e.list...)
	a.body = e.body()
}

func doNotifyBehind(x *exchange, a *answer, _ *Fault) {
	e, _ := executed(x, a)
	e.list = append(bytes.Clone(e.list), e.newMail()...)
	a.body = e.body()
}

// The offsets in the body of a plain answer to Execute: StatusCode, ErrorCode,
// Flags and RopBufferSize stand before the RPC_HEADER_EXT.
const (
	atRopBufferSize = 12
	atRPCHeader     = 16
	atRPCFlags      = atRPCHeader + 2
	atRPCSize       = atRPCHeader + 4
	atRPCActual     = atRPCHeader + 6
	atPayload       = atRPCHeader + 8 // RopSize
	atRops          = atPayload + 2
)

// packed writes the ROPs of an answer with flags of RPC_HEADER_EXT.
func packed(flags mapi.PayloadFlags) func(x *exchange, a *answer, f *Fault) {
	return func(_ *exchange, a *answer, _ *Fault) {
		size := int(binary.LittleEndian.Uint16(a.body[atRPCSize:]))
		a.body = ropBody(mapi.AppendPayloadAs(nil, a.body[atPayload:atPayload+size], flags|mapi.PayloadLast))
	}
}

func doChained(x *exchange, a *answer, _ *Fault) {
	e, _ := executed(x, a)
	buffer := mapi.AppendRopBuffer(nil, e.list, e.handles)
	buffer[atRPCFlags-atRPCHeader] &^= byte(mapi.PayloadLast)
	a.body = ropBody(mapi.AppendRopBuffer(buffer, nil, e.handles))
}

// Cookies.

func hasCookies(_ *exchange, a *answer, _ *Fault) bool {
	return a.part != partEnd && len(a.header["Set-Cookie"]) > 0
}

func doLoseCookies(_ *exchange, a *answer, _ *Fault) { delete(a.header, "Set-Cookie") }

// renamed stands before the names of cookies that were renamed.
const renamed = "Renamed-"

func doRenameCookies(_ *exchange, a *answer, _ *Fault) { rename(a.header) }

func rename(h http.Header) {
	for i, line := range h["Set-Cookie"] {
		if !strings.HasPrefix(line, renamed) {
			h["Set-Cookie"][i] = renamed + line
		}
	}
}

// readRenamed puts the cookies of a request that were renamed in the place of
// the others, and reports whether there are any.
func readRenamed(r *http.Request) bool {
	if !strings.Contains(strings.Join(r.Header["Cookie"], ";"), renamed) {
		return false
	}
	var kept []string
	for _, c := range r.Cookies() {
		if name, ok := strings.CutPrefix(c.Name, renamed); ok {
			kept = append(kept, name+"="+c.Value)
		}
	}
	r.Header["Cookie"] = []string{strings.Join(kept, "; ")}
	return true
}

// hasLiveCookies reports whether an answer has cookies for a context that goes
// on living. s.mu is held.
func hasLiveCookies(x *exchange, a *answer, f *Fault) bool {
	return hasCookies(x, a, f) && x.answeredContext(a) != nil
}

// answeredContext is the Session Context that the cookies of an answer name.
// s.mu is held.
func (x *exchange) answeredContext(a *answer) *sessionContext {
	for _, line := range a.header["Set-Cookie"] {
		_, value, _ := strings.Cut(line, "=")
		value, _, _ = strings.Cut(value, ";")
		if ctx := x.s.contexts.byID[value]; ctx != nil {
			return ctx
		}
	}
	return nil
}

func doRotateCookies(x *exchange, a *answer, _ *Fault) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	ctx := x.answeredContext(a)
	if ctx == nil {
		return
	}
	old := ctx.id
	delete(x.s.contexts.byID, old)
	ctx.id = newContextID(x)
	x.s.contexts.byID[ctx.id] = ctx
	for i, line := range a.header["Set-Cookie"] {
		if strings.HasPrefix(line, gromoxSequence+"=") {
			a.header["Set-Cookie"][i] = gromoxSequence + "=" + ctx.gromoxSequence()
			continue
		}
		line = strings.ReplaceAll(line, old, ctx.id)
		a.header["Set-Cookie"][i] = strings.ReplaceAll(line, old[:8], ctx.id[:8])
	}
}

// On its way.

func doTruncate(x *exchange, _ *answer, f *Fault) {
	n, _ := strconv.Atoi(f.With)
	x.cut = &cutting{left: n}
}

func doLose(_ *exchange, a *answer, _ *Fault) { a.lost, a.said = true, "lost: "+a.said }

func doReset(x *exchange, a *answer, f *Fault) {
	x.cut = &cutting{reset: true}
	x.cut.left, _ = strconv.Atoi(f.With)
	a.lost = f.With == ""
}
