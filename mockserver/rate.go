package mockserver

import (
	"fmt"
	"net/http"
	"time"
)

// Rate tells how often a host was asked.
type Rate struct {
	Limit   int `json:"limit"`   // requests that it takes within a second; 0: any number
	Refused int `json:"refused"` // requests over the limit, which got 503 with Retry-After
	Peak    int `json:"peak"`    // most requests that came within a second, refused ones too
}

// rate is a Rate and what it is measured by.
type rate struct {
	Rate
	came  window
	taken window
}

// LimitRate makes a server, by its name, or any host refuse more than n requests
// within a second with HTTP 503 and Retry-After; 0: no limit. Its Rate begins
// anew.
func (s *Server) LimitRate(name string, n int) error {
	return s.eachSite(name, func(at *site) error {
		if n < 0 {
			return fmt.Errorf("rate %d: want a number from 1, or 0 for no limit", n)
		}
		if n == 0 && at.rate.Limit == 0 {
			return fmt.Errorf("%s has no limit already", name)
		}
		at.rate = rate{Rate: Rate{Limit: n}}
		return nil
	})
}

// Rate tells how often a server or host was asked since the start, or since its
// limit was set.
func (s *Server) Rate(name string) (r Rate, err error) {
	err = s.eachSite(name, func(at *site) error {
		r = at.rate.Rate
		return nil
	})
	return r, err
}

// takes counts a request and reports whether it is within the limit.
func (r *rate) takes(now time.Time) bool {
	r.Peak = max(r.Peak, r.came.add(now))
	if r.Limit == 0 {
		return true
	}
	if r.taken.count(now) >= r.Limit {
		r.Refused++
		return false
	}
	r.taken.add(now)
	return true
}

// overRate answers a request over the limit.
func (x *exchange) overRate() {
	x.w.Header()["Retry-After"] = []string{"1"}
	x.refuse(http.StatusServiceUnavailable, "over the rate")
}

// window holds the times of the last second, oldest first.
type window struct {
	times []time.Time
	first int // that is not older than a second
}

// count is how many there are. A second ends before it is over: what came a
// second ago is not counted.
func (w *window) count(now time.Time) int {
	for w.first < len(w.times) && now.Sub(w.times[w.first]) >= time.Second {
		w.first++
	}
	if w.first > len(w.times)/2 {
		n := copy(w.times, w.times[w.first:])
		w.times, w.first = w.times[:n], 0
	}
	return len(w.times) - w.first
}

func (w *window) add(now time.Time) int {
	n := w.count(now)
	w.times = append(w.times, now)
	return n + 1
}
