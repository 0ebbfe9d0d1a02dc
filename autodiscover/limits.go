package autodiscover

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// The times of a discovery, each from the start of what it limits.
const (
	headStart      = 300 * time.Millisecond // of a candidate before the next in rank
	hold           = 2 * time.Second        // of a question before the race goes on beside it: a healthy place answers in a part of it, and one that hangs costs no more
	lookupLimit    = 3 * time.Second        // a name in DNS
	connectLimit   = 4 * time.Second        // a TCP connection; to the addresses of a name one after the other, what both limits together leave
	tlsLimit       = 5 * time.Second        // a TLS handshake
	headerLimit    = 15 * time.Second       // from the request to the head of the answer
	directoryLimit = 10 * time.Second       // the whole search for service connection points
	candidateLimit = 25 * time.Second       // one candidate: first contact and question together
	discoveryLimit = 90 * time.Second       // everything
	stashLimit     = 2 * time.Second        // a connection that nothing has been said on yet
)

// The budgets of a discovery.
const (
	maxRequests       = 32 // over HTTP, probes and clear text included
	maxProbes         = 20 // of them: what is left is for questions
	maxAnnounced      = 8  // candidates of one look-up
	maxRedirects      = 10 // of all kinds together, as Outlook's
	maxAddressChanges = 3
	maxRefusals       = 2 // realms that may refuse a sign-in
)

var errRequests = fmt.Errorf("more than %d requests", maxRequests)

// counted lets maxRequests pass and no more. It is safe for concurrent use.
type counted struct {
	base http.RoundTripper
	mu   sync.Mutex
	n    int
}

func (c *counted) RoundTrip(req *http.Request) (*http.Response, error) {
	c.mu.Lock()
	spent := c.n == maxRequests
	if !spent {
		c.n++
	}
	c.mu.Unlock()
	if spent {
		return nil, errRequests
	}
	return c.base.RoundTrip(req)
}

// late is the cause of a context that has ended by a limit.
func late(limit time.Duration) error {
	return fmt.Errorf("no answer within %v: %w", limit, context.DeadlineExceeded)
}

// errEnded is the cause of what a discovery no longer waits for.
var errEnded = errors.New("not waited for")

// errPutOff is in the cause of a question that has made room for another.
var errPutOff = errors.New("put off")
