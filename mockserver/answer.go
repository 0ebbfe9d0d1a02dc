package mockserver

import (
	"net/http"
	"strconv"
)

// answer is what goes back to a client: composed by a handler, then sent.
type answer struct {
	status int
	said   string      // for the record
	header http.Header // of the head, spelled as on the wire; that of the ResponseWriter
	stream bool        // the body is a stream of MAPI: PROCESSING, DONE and extra stand before it
	extra  []byte      // additional headers behind DONE, each ended by CRLF
	body   []byte
}

// answer begins an answer.
func (x *exchange) answer(status int, said string, body []byte) answer {
	return answer{status: status, said: said, header: x.w.Header(), body: body}
}

// refuse answers with a bare status, as IIS and proxies do.
func (x *exchange) refuse(status int, said string) { x.send(x.answer(status, said, nil)) }

// send records the exchange, then sends the answer: whoever has the answer
// finds the record.
func (x *exchange) send(a answer) {
	x.Status, x.Said = a.status, a.said
	x.s.record.add(x.Request)
	x.deliver(a)
}

// deliver writes an answer that is complete.
func (x *exchange) deliver(a answer) {
	body := a.body
	if a.stream {
		a.header["Transfer-Encoding"] = []string{"chunked"} // even when all is ready at once
		body = append(make([]byte, 0, 128+len(a.body)), tagProcessing...)
		body = append(a.appendDone(body), a.body...)
	}
	x.w.WriteHeader(a.status)
	x.w.Write(body)
}

// The meta-tags of a stream ([MS-OXCMAPIHTTP] 2.2.7).
const (
	tagProcessing = "PROCESSING\r\n"
	tagPending    = "PENDING\r\n"
	tagDone       = "DONE\r\n"
)

// open records the exchange and sends the head of a stream and PROCESSING; its
// end takes time.
func (x *exchange) open(a answer) {
	x.Status, x.Said = a.status, a.said
	x.Seq = x.s.record.add(x.Request)
	a.header["Transfer-Encoding"] = []string{"chunked"}
	x.w.WriteHeader(a.status)
	x.tag(tagProcessing)
}

// tag sends a meta-tag at once.
func (x *exchange) tag(text string) {
	x.w.Write([]byte(text))
	http.NewResponseController(x.w).Flush()
}

// finish ends a stream that was opened.
func (x *exchange) finish(a answer) {
	x.w.Write(append(a.appendDone(nil), a.body...))
}

// appendDone adds DONE and the additional headers to b.
func (a *answer) appendDone(b []byte) []byte {
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
