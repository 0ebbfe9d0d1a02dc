package httpauth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homing-mail/homing/internal/trust"
)

// slowHost takes a second for each answer and challenges who is not signed in.
type slowHost struct {
	bare, signed atomic.Int32
	down         atomic.Int32 // so many first answers are lost
}

func (h *slowHost) RoundTrip(req *http.Request) (*http.Response, error) {
	select {
	case <-time.After(time.Second):
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	res := &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: req}
	if req.Header.Get("Authorization") != "" {
		h.signed.Add(1)
		return res, nil
	}
	h.bare.Add(1)
	if h.down.Add(-1) >= 0 {
		return nil, errors.New("connection reset")
	}
	res.StatusCode = 401
	res.Header.Set("WWW-Authenticate", `Basic realm="x"`)
	return res, nil
}

// ask sends one request over a new transport.
func (h *slowHost) ask(ctx context.Context, c *Challenges) error {
	t, _ := transport(nil, trust.Hop{MailDomain: "contoso.test", To: "ex1.contoso.test:443", How: trust.FromDomain})
	t.Base, t.Challenges = h, c
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://ex1.contoso.test/", strings.NewReader("body"))
	if err != nil {
		return err
	}
	_, err = t.RoundTrip(req)
	return err
}

func TestManySessionsMeetAHostOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var host slowHost
		var challenges Challenges
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := host.ask(t.Context(), &challenges); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if bare, signed := host.bare.Load(), host.signed.Load(); bare != 1 || signed != 8 {
			t.Errorf("%d bare and %d signed requests, want 1 and 8", bare, signed)
		}
	})
}

func TestAHostThatWasNotReachedIsMetByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var host slowHost
		host.down.Store(1)
		var challenges Challenges
		var all sync.WaitGroup
		var failed atomic.Int32
		for range 3 {
			all.Go(func() {
				if host.ask(t.Context(), &challenges) != nil {
					failed.Add(1)
				}
			})
		}
		all.Wait()
		if failed.Load() != 1 || host.bare.Load() != 2 || host.signed.Load() != 2 {
			t.Errorf("%d failed, %d bare, %d signed; want 1, 2, 2", failed.Load(), host.bare.Load(), host.signed.Load())
		}
	})
}

func TestWhoWaitsForAMeetingCanGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var host slowHost
		var challenges Challenges
		var all sync.WaitGroup
		all.Go(func() { host.ask(t.Context(), &challenges) })
		synctest.Wait() // the first one is meeting it
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := host.ask(ctx, &challenges); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the deadline", err)
		}
		all.Wait()
	})
}
