package autodiscover

import (
	"context"
	"log/slog"
	"time"

	"github.com/homing-mail/homing/internal/httpauth"
	"github.com/homing-mail/homing/internal/trust"
)

// The types of other packages that this one's signatures show.
type (
	Rules          = trust.Rules
	Logins         = trust.Logins
	How            = trust.How
	Hop            = trust.Hop
	UntrustedError = trust.UntrustedError
	NoLoginError   = trust.NoLoginError
	Network        = httpauth.Network
	Challenges     = httpauth.Challenges
)

// defaultTimeout is for one candidate, first contact and sign-in together.
const defaultTimeout = 25 * time.Second

// Query is one question: where is this mailbox?
type Query struct {
	Address  string      // e-mail address; always needed, it names the mail domain
	LegacyDN string      // distinguished name that the profile remembers; empty for a new account
	First    []Candidate // asked before the mail domain's own: the URL that issued the profile's settings
	Rules    Rules
	Logins   Logins
	Seen     func(Step) // called as each step is made; nil: nobody looks
}

// Candidate is a place to ask.
type Candidate struct {
	URL string
	How How
}

// Step is one exchange of a discovery, or a hop that was not made.
type Step struct {
	Time       time.Time     `json:"time"`
	Elapsed    time.Duration `json:"elapsed"`
	URL        string        `json:"url"`
	How        How           `json:"how"`
	By         Identity      `json:"by"`
	HTTPStatus int           `json:"http_status"`    // 0: no answer
	Said       string        `json:"said"`           // "settings", "RedirectUrl https://…", "ErrorCode 500: …", "HTTP 302 to …"
	Signed     bool          `json:"signed"`         // credentials were sent
	Cert       string        `json:"cert,omitempty"` // what the host presented
	Err        string        `json:"err,omitempty"`  // why there was no usable answer
}

// Identity is the element by which a mailbox is asked for.
type Identity string

const (
	ByAddress  Identity = "EMailAddress" // [MS-OXDSCLI] 2.2.3.1.1.1
	ByLegacyDN Identity = "LegacyDN"     // [MS-OXDSCLI] 2.2.3.1.1.2
)

// Result is a found mailbox.
type Result struct {
	URL      string   // the URL that issued the settings: the first to ask next time
	Address  string   // the address that it was found by; differs from the query's after a redirectAddr
	By       Identity // the element that it was found by
	Settings Settings
	Steps    []Step
}

// Client discovers. The zero value reaches the system's network.
type Client struct {
	Network    Network
	Challenges *Challenges   // what hosts have offered; nil: remembers nothing beyond a discovery
	Log        *slog.Logger  // nil discards
	Timeout    time.Duration // for one candidate; 0: 25 seconds
}

// Discover asks q.First in order, then autodiscover.<domain>, then <domain>,
// and follows referrals until one endpoint answers settings with a protocol
// that we speak. Its error is an *Error. A host outside q.Rules ends it with
// kind Untrusted: nothing waits for a person.
//
// Each place is asked by q.LegacyDN until one refuses it, from then on by the
// address. A discovery follows at most 10 referrals, 3 of them to another
// address, and makes at most 32 requests; an answer has at most 1 MiB. When ctx
// ends, the error has kind Unreachable and wraps the cause.
func (c *Client) Discover(ctx context.Context, q Query) (*Result, error) {
	policy, err := newChase(q)
	if err != nil {
		return nil, &Error{Kind: BadAddress, Err: err}
	}
	d := discovery{Client: *c, query: q, base: c.Network.Transport()}
	defer d.base.CloseIdleConnections()
	if d.Challenges == nil {
		d.Challenges = new(Challenges)
	}
	if d.Timeout == 0 {
		d.Timeout = defaultTimeout
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	for ctx.Err() == nil {
		a, ok := policy.next()
		if !ok {
			break
		}
		step := Step{Time: time.Now(), URL: shown(a.url), How: a.how, By: a.by}
		if a.deed != skip {
			policy.take(a, d.ask(ctx, a, &step))
		}
		d.record(ctx, step, a)
	}
	switch {
	case policy.found != nil:
		result := &Result{URL: policy.found.url, Address: q.Address, By: policy.found.by, Settings: policy.settings, Steps: d.steps}
		if len(policy.addresses) > 1 {
			result.Address = policy.address
		}
		return result, nil
	case ctx.Err() != nil:
		return nil, &Error{Kind: Unreachable, Err: context.Cause(ctx), Steps: d.steps}
	}
	failure := policy.failure()
	failure.Steps = d.steps
	return nil, failure
}
