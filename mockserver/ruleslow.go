package mockserver

import (
	"net/http"
	"time"
)

// Answers that take their time.

// duration reads one that has been checked.
func duration(text string) time.Duration {
	d, _ := time.ParseDuration(text)
	return d
}

// rest lets time pass; false: client or server went.
func (x *exchange) rest(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-x.r.Context().Done():
	case <-x.s.done:
	}
	return false
}

// restAmid is rest in the middle of an answer: when client or server goes it
// notes that and ends the handler.
func (x *exchange) restAmid(d time.Duration) {
	if !x.rest(d) {
		x.Said = "gone in the middle: " + x.Said
		x.s.record.amend(x.Request)
		panic(http.ErrAbortHandler)
	}
}

// isSlowable reports whether an answer is a success of MAPI that is ready, and
// not the kind that Gromox cuts.
func isSlowable(x *exchange, a *answer, f *Fault) bool {
	return isWholeStream(x, a, f) && len(a.stray) == 0
}

func doSlow(_ *exchange, a *answer, f *Fault) { a.slow = duration(f.With) }

// deliverSlow sends the head of a stream and PROCESSING at once, PENDING each
// period of the flavour, and the rest when its time is over.
func (x *exchange) deliverSlow(a answer) {
	a.header["Transfer-Encoding"] = chunked
	x.w.WriteHeader(a.status)
	x.tag(tagProcessing)
	period, tag := x.server.flavour.pending()
	left := a.slow
	for ; left > period; left -= period {
		x.restAmid(period)
		x.tag(tag)
	}
	x.restAmid(left)
	a.extra = x.extra(nil)
	x.endLate(&a)
	x.finish(a)
}

func doDrip(_ *exchange, a *answer, f *Fault) { a.drip = duration(f.With) }

// drip writes a body byte by byte, the first one d after the head.
func (x *exchange) drip(body []byte, d time.Duration) {
	x.flush()
	for i := range body {
		x.restAmid(d)
		x.write(body[i : i+1])
		x.flush()
	}
}
