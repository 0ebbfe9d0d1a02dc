package mockserver

import (
	"context"
	"sync"
	"time"
)

// Request is the record of one request and its answer. It never holds a
// password or a token. An operation of LDAP has the method BIND, SEARCH (with the
// base as the path) or STARTTLS and its result code as the Code.
type Request struct {
	Seq          int       `json:"seq"`  // from 1, in the order of arrival here
	Time         time.Time `json:"time"` // when it was recorded
	Conn         int       `json:"conn"` // number of the connection, from 1; 0: not over one of ours
	Host         string    `json:"host"`
	Method       string    `json:"method"`
	Path         string    `json:"path"`
	RequestType  string    `json:"request_type,omitempty"` // X-RequestType of MAPI over HTTP
	RequestID    string    `json:"request_id,omitempty"`   // X-RequestId
	Identity     string    `json:"identity,omitempty"`     // what an Autodiscover request names: "EMailAddress" or "LegacyDN", "Mailbox" in SOAP, "Email" in V2
	Asked        string    `json:"asked,omitempty"`        // and its value
	Signed       bool      `json:"signed"`                 // an Authorization header came, or a password with a bind
	Scheme       string    `json:"scheme,omitempty"`       // its scheme, in lower case
	User         string    `json:"user,omitempty"`         // the user name in it
	Cookie       bool      `json:"cookie,omitempty"`       // a cookie came
	Clear        bool      `json:"clear,omitempty"`        // it came without TLS
	Status       int       `json:"status"`                 // of HTTP
	ResponseCode int       `json:"response_code"`          // X-ResponseCode, of the head or after DONE
	Code         uint32    `json:"code"`                   // StatusCode, ErrorCode or ReturnValue that decided, or the ErrorCode of Autodiscover
	Fault        string    `json:"fault,omitempty"`        // name of the rule that acted on it
	Said         string    `json:"said"`                   // the answer in a phrase, such as "ecWrongServer → /o=…" or "settings"
}

// maxRecord is how many requests are remembered; then the oldest are forgotten.
const maxRecord = 100_000

type record struct {
	mu    sync.Mutex
	seq   int
	list  []Request // a ring once it is full; oldest at start
	start int
	news  chan struct{} // closed at the next change; nil: nobody waits
}

// add appends r and returns its number.
func (c *record) add(r Request) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	r.Seq, r.Time = c.seq, time.Now()
	if len(c.list) < maxRecord {
		c.list = append(c.list, r)
	} else {
		c.list[c.start] = r
		c.start = (c.start + 1) % maxRecord
	}
	c.tell()
	return r.Seq
}

// amend replaces the record of number r.Seq, if it is remembered still.
func (c *record) amend(r Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := r.Seq - c.seq + len(c.list) - 1; i >= 0 && i < len(c.list) {
		p := &c.list[(c.start+i)%len(c.list)]
		r.Time = p.Time
		*p = r
	}
	c.tell()
}

func (c *record) tell() {
	if c.news != nil {
		close(c.news)
		c.news = nil
	}
}

func (c *record) since(seq int) []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.after(seq)
}

func (c *record) after(seq int) []Request {
	n := min(max(c.seq-seq, 0), len(c.list))
	list := make([]Request, 0, n)
	for i := len(c.list) - n; i < len(c.list); i++ {
		list = append(list, c.list[(c.start+i)%len(c.list)])
	}
	return list
}

func (c *record) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list, c.start = nil, 0
}

// Requests returns the requests since the start or the last [Server.Forget],
// oldest first, of at most 100000. A request is there before its answer is sent;
// a NotificationWait is there, as "waiting", from its beginning.
func (s *Server) Requests() []Request { return s.record.since(0) }

// Forget empties the record, and the counts of [Server.Lookups]. Numbers go on.
func (s *Server) Forget() {
	s.record.forget()
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.dir.dns.lookups)
}

// Await returns the first request since the start or the last [Server.Forget]
// for which match reports true: one that came before the call, or else it waits
// for one. match must not call the server. The error is that of ctx.
func (s *Server) Await(ctx context.Context, match func(Request) bool) (Request, error) {
	for {
		s.record.mu.Lock()
		list := s.record.after(0)
		if s.record.news == nil {
			s.record.news = make(chan struct{})
		}
		news := s.record.news
		s.record.mu.Unlock()
		for _, r := range list {
			if match(r) {
				return r, nil
			}
		}
		select {
		case <-news:
		case <-ctx.Done():
			return Request{}, context.Cause(ctx)
		}
	}
}
