package mockserver

import (
	"net"
	"net/http"
	"strconv"
	"time"
)

// answer is what goes back to a client: composed by a handler, then sent.
type answer struct {
	status int
	said   string      // for the record
	header http.Header // of the head, spelled as on the wire; that of the ResponseWriter
	stream bool        // the body is a stream of MAPI: PROCESSING, DONE and extra stand before it
	extra  []byte      // additional headers behind DONE, each ended by CRLF
	body   []byte
	split  bool          // of a stream: the body begins a chunk
	sized  bool          // has a Content-Length, is never chunked
	slow   time.Duration // of a stream: what it takes, with PENDING
	drip   time.Duration // before each byte of the body
	stray  []byte        // goes out behind the body, and Content-Length does not count it; then the connection ends

	part   part   // of a stream that takes time
	tail   []byte // what stands in the place of DONE, extra and the empty line; nil: these
	length int    // what Content-Length says too much; 0: it is right
	lost   bool   // nothing of it goes out
}

// part says how much of an answer is there.
type part uint8

const (
	partWhole part = iota
	partHead       // of a stream; the rest is not known yet
	partEnd        // of that stream: DONE and what follows
)

// answer begins an answer.
func (x *exchange) answer(status int, said string, body []byte) answer {
	return answer{status: status, said: said, header: x.w.Header(), body: body}
}

// refuse answers with a bare status, as IIS and proxies do.
func (x *exchange) refuse(status int, said string) { x.send(x.answer(status, said, nil)) }

// send records the exchange, then sends the answer: whoever has the answer
// finds the record.
func (x *exchange) send(a answer) {
	if x.renamed {
		rename(a.header)
	}
	x.afflict(&a)
	x.Status, x.Said = a.status, a.said
	x.Seq = x.s.record.add(x.Request)
	x.deliver(a)
}

// The meta-tags of a stream ([MS-OXCMAPIHTTP] 2.2.7).
const (
	tagProcessing = "PROCESSING\r\n"
	tagPending    = "PENDING\r\n"
	tagDone       = "DONE\r\n"
)

// deliver writes an answer that is complete.
func (x *exchange) deliver(a answer) {
	if a.lost {
		x.sever()
	}
	pending := x.upset(&a)
	if a.slow > 0 {
		x.deliverSlow(a)
		return
	}
	body := a.body
	if a.stream {
		if a.header["Content-Length"] == nil {
			a.header["Transfer-Encoding"] = chunked // even when all is ready at once
		}
		body = append(make([]byte, 0, 192+len(a.body)), tagProcessing...)
		for range pending {
			body = append(body, tagPending...)
		}
		body = append(a.appendDone(body), a.body...)
	}
	switch {
	case len(a.stray) > 0:
		x.deliverRaw(a, body)
		return
	case a.sized || a.header["Content-Length"] != nil || a.length > 0:
		delete(a.header, "Transfer-Encoding")
		a.header["Content-Length"] = []string{strconv.Itoa(len(body) + a.length)}
	}
	x.w.WriteHeader(a.status)
	if a.split && a.stream {
		n := len(body) - len(a.body)
		x.write(body[:n])
		x.flush()
		body = body[n:]
	}
	if a.drip > 0 {
		x.drip(body, a.drip)
		return
	}
	x.write(body)
	x.end()
}

// chunked is shared by all answers: net/http only reads it.
var chunked = []string{"chunked"}

// open records the exchange and sends the head of a stream and PROCESSING; its
// end takes time.
func (x *exchange) open(a answer) {
	a.part = partHead
	if x.renamed {
		rename(a.header)
	}
	x.afflict(&a)
	x.Status, x.Said = a.status, a.said
	x.Seq = x.s.record.add(x.Request)
	if a.lost {
		x.sever()
	}
	x.upset(&a)
	a.header["Transfer-Encoding"] = chunked
	x.w.WriteHeader(a.status)
	x.tag(tagProcessing)
}

// tag sends a meta-tag at once.
func (x *exchange) tag(text string) {
	x.write([]byte(text))
	x.flush()
}

// finish ends a stream that was opened.
func (x *exchange) finish(a answer) {
	x.write(append(a.appendDone(nil), a.body...))
	x.end()
}

// ending lets a rule act on the end of a stream; the record is to be amended.
func (x *exchange) ending(a answer) answer {
	a.part = partEnd
	x.afflict(&a)
	x.Said = a.said
	return a
}

// appendDone adds DONE and the additional headers to b.
func (a *answer) appendDone(b []byte) []byte {
	if a.tail != nil {
		return append(b, a.tail...)
	}
	b = append(b, tagDone...)
	b = append(b, a.extra...)
	return append(b, "\r\n"...)
}

func appendHeader(b []byte, name string, value int64) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = strconv.AppendInt(b, value, 10)
	return append(b, "\r\n"...)
}

// cutting is where an answer breaks off.
type cutting struct {
	left  int  // bytes of the body that go out still
	reset bool // by a reset, else the connection just ends
}

// write sends bytes of a body, in the pieces that hostility makes of them.
func (x *exchange) write(b []byte) {
	for len(b) > 0 {
		n := x.pieces.next(len(b))
		if x.cut != nil {
			n = min(n, x.cut.left)
			x.cut.left -= n
			if n == 0 {
				x.end()
			}
		}
		x.w.Write(b[:n])
		if b = b[n:]; len(b) > 0 || x.cut != nil {
			x.flush()
		}
	}
}

func (x *exchange) flush() { http.NewResponseController(x.w).Flush() }

// end is what happens behind the last byte: something only if the answer is cut.
func (x *exchange) end() {
	if x.cut != nil {
		x.flush()
		x.sever()
	}
}

// sever ends the connection, and the handler with it.
func (x *exchange) sever() {
	if x.cut != nil && x.cut.reset {
		if conn, _, err := http.NewResponseController(x.w).Hijack(); err == nil {
			reset(raw(conn))
		}
	}
	panic(http.ErrAbortHandler)
}

// reset closes a connection so that the other end gets ECONNRESET.
func reset(c net.Conn) {
	switch c := c.(type) {
	case *net.TCPConn:
		c.SetLinger(0)
		c.Close()
	case *end:
		c.reset()
	default:
		c.Close()
	}
}

// deliverRaw writes an answer with stray bytes: net/http would not let them out.
func (x *exchange) deliverRaw(a answer, body []byte) {
	x.s.open.Add(1) // net/http counts the connection no longer, and Close waits for us
	defer x.s.open.Done()
	conn, out, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	delete(a.header, "Transfer-Encoding")
	a.header["Content-Length"] = []string{strconv.Itoa(len(body))}
	out.WriteString("HTTP/1.1 " + strconv.Itoa(a.status) + " " + http.StatusText(a.status) + "\r\n")
	a.header.Write(out)
	out.WriteString("\r\n")
	body = append(body, a.stray...)
	if x.cut != nil {
		body = body[:min(len(body), x.cut.left)]
	}
	out.Write(body)
	out.Flush()
	if x.cut != nil && x.cut.reset {
		reset(raw(conn))
	}
}
