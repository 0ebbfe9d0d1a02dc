package autodiscover

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A name, and each of its addresses, has a time of its own; what one leaves over
// is not the next one's.
func TestANameAndAConnectionHaveTheirOwnTimes(t *testing.T) {
	const none, forever = -1, time.Hour
	for _, tt := range []struct {
		name    string
		lookup  time.Duration // none: there is no name
		connect []time.Duration
		took    time.Duration
		why     string // empty: there is a connection
	}{
		{"both in time", 2900 * time.Millisecond, []time.Duration{3900 * time.Millisecond}, 6800 * time.Millisecond, ""},
		{"the name is not answered", forever, nil, 3 * time.Second, "no answer within 3s"},
		{"the name is quick, and the connection has no more for it", 100 * time.Millisecond, []time.Duration{forever}, 4100 * time.Millisecond, "no answer within 4s"},
		{"the name is slow, and the connection has no less for it", 2500 * time.Millisecond, []time.Duration{forever}, 6500 * time.Millisecond, "no answer within 4s"},
		{"an address that is no name", none, []time.Duration{forever}, 4 * time.Second, "no answer within 4s"},
		{"the second of two addresses", 100 * time.Millisecond, []time.Duration{-3 * time.Second, 2 * time.Second}, 5100 * time.Millisecond, ""},
		{"all together have 7 s", 100 * time.Millisecond, []time.Duration{-3 * time.Second, -3 * time.Second, 2 * time.Second}, 7 * time.Second, "no answer within 7s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := conns{dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
					trace := httptrace.ContextClientTrace(ctx)
					pass := func(d time.Duration) error {
						select {
						case <-time.After(d):
							return nil
						case <-ctx.Done():
							return ctx.Err()
						}
					}
					if tt.lookup != none {
						trace.DNSStart(httptrace.DNSStartInfo{})
						err := pass(tt.lookup)
						trace.DNSDone(httptrace.DNSDoneInfo{Err: err})
						if err != nil {
							return nil, err
						}
					}
					for _, d := range tt.connect { // a negative one fails
						trace.ConnectStart("tcp", "")
						if err := pass(max(d, -d)); err != nil {
							return nil, err
						}
						if d > 0 {
							break
						}
					}
					client, server := net.Pipe()
					return client, server.Close()
				}}
				c.ctx, c.cancel = context.WithCancel(t.Context())
				defer c.close()
				began := time.Now()
				_, err := c.fresh(t.Context(), "tcp", "mx.contoso.test:443")
				if took := time.Since(began); took != tt.took || (err == nil) != (tt.why == "") {
					t.Fatalf("%v after %v", err, took)
				}
				if err != nil && (!errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), tt.why)) {
					t.Errorf("%v, want %s", err, tt.why)
				}
			})
		})
	}
}

// The dialer of the system says when it looks up a name.
func TestTheDialerSaysWhenItLooksUpAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		c := conns{dial: (&net.Dialer{Timeout: time.Minute, Resolver: silent}).DialContext}
		c.ctx, c.cancel = context.WithCancel(t.Context())
		defer c.close()
		began := time.Now()
		_, err := c.fresh(t.Context(), "tcp", "mx.contoso.test.:443")
		if took := time.Since(began); err == nil || took != 3*time.Second || !strings.HasPrefix(err.Error(), "no answer within 3s") {
			t.Errorf("%v after %v", err, took)
		}
	})
}
