package agent_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// rate is what a server is given: in any window of length w it is asked at most
// burst + perSecond*w times. The zero value admits nothing.
type rate struct {
	burst     int
	perSecond float64
}

// broken returns the worst window in which more requests came than r admits, ""
// if there is none. at are the times of the requests, in order; a window does
// not contain its end.
func (r rate) broken(at []time.Duration, window time.Duration) string {
	from, n := busiest(at, window)
	if limit := float64(r.burst) + r.perSecond*window.Seconds(); float64(n) > limit {
		return fmt.Sprintf("%d requests in the %v from %v, more than %.0f", n, window, from, limit)
	}
	return ""
}

// busiest returns where the window with the most requests begins, and how many
// there are in it.
func busiest(at []time.Duration, window time.Duration) (from time.Duration, n int) {
	first := 0
	for i, t := range at {
		for t-at[first] >= window {
			first++
		}
		if i-first+1 > n {
			from, n = at[first], i-first+1
		}
	}
	return from, n
}

func TestARateIsBrokenByAnyWindow(t *testing.T) {
	const second = time.Second
	every := func(step time.Duration, n int) (at []time.Duration) {
		for i := range n {
			at = append(at, time.Duration(i)*step)
		}
		return at
	}
	for _, row := range []struct {
		name   string
		rate   rate
		at     []time.Duration
		window time.Duration
		want   string
	}{
		{"nobody comes", rate{}, nil, second, ""},
		{"nothing is admitted and one comes", rate{}, every(second, 1), second, "1 requests in the 1s from 0s, more than 0"},
		{"an even pace is kept", rate{0, 10}, every(second/10, 100), second, ""},
		{"an even pace is kept over ten seconds", rate{0, 10}, every(second/10, 1000), 10 * second, ""},
		{"one too many in a second", rate{0, 9}, every(second/10, 100), second, "10 requests in the 1s from 0s, more than 9"},
		{"a burst is admitted", rate{4, 1}, []time.Duration{0, 0, 0, 0, 0}, second, ""},
		{"a burst of one more", rate{4, 1}, []time.Duration{0, 0, 0, 0, 0, 0}, second, "6 requests in the 1s from 0s, more than 5"},
		{"the burst is across a full second", rate{0, 3}, []time.Duration{900 * time.Millisecond, 950 * time.Millisecond, 1100 * time.Millisecond, 1800 * time.Millisecond},
			second, "4 requests in the 1s from 900ms, more than 3"},
		{"the end of a window is not in it", rate{0, 1}, every(second, 5), second, ""},
		{"bursts that a second admits and ten do not", rate{5, 1}, slices.Concat(make([]time.Duration, 6), slices.Repeat([]time.Duration{5 * second}, 6), slices.Repeat([]time.Duration{9 * second}, 6)),
			10 * second, "18 requests in the 10s from 0s, more than 15"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := row.rate.broken(row.at, row.window); got != row.want {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}
