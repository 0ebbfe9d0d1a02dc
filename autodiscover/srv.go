package autodiscover

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"

	"github.com/homing-mail/homing/internal/trust"
)

// records looks up _autodiscover._tcp.<domain> ([MS-OXDISCO] 3.1.5.3). Where
// [MS-OXPROTO] 2.5.1.5 lets an empty answer go on to the next step, so does a name
// that is not there; any other failure of DNS is told, and the rest goes on too.
func (d *discovery) records(ctx context.Context, s search, step *Step) ([]Candidate, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookupLimit, late(lookupLimit))
	defer cancel()
	found, err := d.Network.SRV(ctx, "autodiscover", "tcp", s.domain)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("the SRV records of %s cannot be looked up: %w", s.domain, err)
	}
	candidates, passed := offers(inOrder(found, rand.New(rand.NewPCG(d.seed(), 0))))
	step.Said = passed
	return candidates, nil
}

func (d *discovery) seed() uint64 {
	if d.Seed != 0 {
		return d.Seed
	}
	return rand.Uint64()
}

// offers makes candidates of records in their order, and says what was passed
// over. Only port 443 is Autodiscover's, and a target of "." offers nothing
// (RFC 2782).
func offers(records []*net.SRV) (candidates []Candidate, passed string) {
	var notes []string
	for _, r := range records {
		target := strings.TrimSuffix(r.Target, ".")
		switch {
		case target == "":
			notes = append(notes, "the service is not offered")
		case r.Port != 443:
			notes = append(notes, fmt.Sprintf("%s:%d is passed over: only port 443 is asked", target, r.Port))
		default:
			candidates = append(candidates, Candidate{URL: "https://" + target + path, How: trust.FromSRV})
		}
	}
	return candidates, printable(strings.Join(notes, "; "))
}

// inOrder returns records in the order of RFC 2782: the lowest priority first,
// among equals at random by weight.
func inOrder(records []*net.SRV, random *rand.Rand) []*net.SRV {
	rest := slices.Clone(records)
	random.Shuffle(len(rest), func(i, k int) { rest[i], rest[k] = rest[k], rest[i] }) // for those of weight 0, which no draw tells apart
	slices.SortStableFunc(rest, func(a, b *net.SRV) int {
		if a.Priority != b.Priority {
			return int(a.Priority) - int(b.Priority)
		}
		return int(a.Weight) - int(b.Weight) // those of weight 0 first
	})
	out := make([]*net.SRV, 0, len(rest))
	for len(rest) > 0 {
		equals, sum := 0, 0
		for equals < len(rest) && rest[equals].Priority == rest[0].Priority {
			sum += int(rest[equals].Weight)
			equals++
		}
		chosen, running, drawn := 0, 0, random.IntN(sum+1)
		for i := range equals {
			if running += int(rest[i].Weight); running >= drawn {
				chosen = i
				break
			}
		}
		out = append(out, rest[chosen])
		rest = slices.Delete(rest, chosen, chosen+1)
	}
	return out
}
