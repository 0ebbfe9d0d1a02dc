package main

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/program"
)

// probe is what became of one source, asked as if there were no other.
type probe struct {
	Source autodiscover.Source  `json:"source"`
	Steps  []autodiscover.Step  `json:"steps"`
	Result *autodiscover.Result `json:"-"`
	Err    error                `json:"-"` // an *autodiscover.Error where there is no Result
}

// probeSource asks what q does of one source alone. The other sources are not
// among its steps.
func probeSource(ctx context.Context, p *program.Program, q autodiscover.Query, source autodiscover.Source) probe {
	fresh := *p
	client := *p.DiscoverClient
	client.Challenges = nil // each source meets its hosts anew, so that its steps tell of them
	fresh.DiscoverClient = &client
	q.Exclude = slices.DeleteFunc(autodiscover.Sources(), func(s autodiscover.Source) bool { return s == source })
	seen := q.Seen
	if seen != nil {
		q.Seen = func(s autodiscover.Step) {
			if s.Source == "" || s.Source == source {
				seen(s)
			}
		}
	}
	one := probe{Source: source}
	var all []autodiscover.Step
	if one.Result, one.Err = fresh.Discover(ctx, q); one.Err == nil {
		all = one.Result.Steps
	} else if e, ok := errors.AsType[*autodiscover.Error](one.Err); ok {
		all = e.Steps
	}
	for _, s := range all {
		if s.Source == "" || s.Source == source {
			one.Steps = append(one.Steps, s)
		}
	}
	return one
}

// probeAll asks each source by itself, side by side and without credentials, in
// the order of rank.
func probeAll(ctx context.Context, p *program.Program, q autodiscover.Query) []probe {
	q.Logins = nil
	if seen := q.Seen; seen != nil {
		var mu sync.Mutex
		q.Seen = func(s autodiscover.Step) {
			mu.Lock()
			defer mu.Unlock()
			seen(s)
		}
	}
	sources := autodiscover.Sources()
	out := make([]probe, len(sources))
	var wg sync.WaitGroup
	for i, source := range sources {
		wg.Go(func() { out[i] = probeSource(ctx, p, q, source) })
	}
	wg.Wait()
	return out
}

// stepsOf are the steps of all probes.
func stepsOf(probes []probe) []autodiscover.Step {
	var out []autodiscover.Step
	for _, p := range probes {
		out = append(out, p.Steps...)
	}
	return out
}
