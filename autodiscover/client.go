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

// Query is one question: where is this mailbox?
type Query struct {
	Address  string      // e-mail address; always needed, it names the mail domain
	LegacyDN string      // distinguished name that the profile remembers; empty for a new account
	First    []Candidate // before all others: the URL that issued the profile's settings, one that an administrator named
	Rules    Rules
	Logins   Logins
	Seen     func(Step) // called as each step is made, one at a time; nil: nobody looks

	Exclude      []Source // sources that are switched off
	Microsoft365 bool     // policy: the endpoints of Microsoft 365 are asked; that they are trusted is for Rules
}

// Step is what became of one candidate, referral or look-up, or a source that was
// not asked.
type Step struct {
	Time       time.Time     `json:"time"`
	Elapsed    time.Duration `json:"elapsed"`
	Source     Source        `json:"source,omitempty"` // that announced it; empty: a referral led there
	URL        string        `json:"url"`              // empty: the step is about the source alone
	How        How           `json:"how"`
	By         Identity      `json:"by"`                // empty: a look-up
	HTTPStatus int           `json:"http_status"`       // 0: no answer
	Said       string        `json:"said"`              // "settings", "RedirectUrl https://…", "ErrorCode 500: …", "HTTP 302 to …"
	Signed     bool          `json:"signed"`            // credentials were sent
	Cert       string        `json:"cert,omitempty"`    // what the host presented
	Verdict    string        `json:"verdict,omitempty"` // may it receive credentials: "allow", "ask", "refuse"; empty: not judged
	Why        string        `json:"why,omitempty"`     // of the verdict
	Skipped    bool          `json:"skipped,omitempty"` // nothing was sent or looked up; Err says why
	Err        string        `json:"err,omitempty"`     // why there was no usable answer
	Answer     Answer        `json:"-"`                 // Said, for programs
	Kind       Kind          `json:"-"`                 // NoAnswer of a place: why
}

// Answer is what kind of answer a place gave.
type Answer uint8

const (
	NoAnswer       Answer = iota // none that leads on, or a look-up
	SettingsAnswer               // settings with a protocol that we speak
	ReferralAnswer               // another place or another address
	Unasked                      // put off, or not waited for: another one answered
)

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
	Seed       uint64        // orders SRV records of equal priority; 0: at random

	// SCP looks up the service connection points for a mail domain, best first,
	// each with the How that its directory deserves (trust.FromDirectory,
	// trust.FromUnsealedDirectory); what it returns beside an error counts. It has
	// 10 s and has to heed its context. nil: this machine has no directory.
	SCP func(ctx context.Context, mailDomain string) ([]Candidate, error)
}

// Discover asks the places that the sources announce, the best that lives first,
// and follows referrals until one endpoint answers settings with a protocol that
// we speak. Its error is an *Error. A referral to a host outside q.Rules ends it
// with kind Untrusted, as does a candidate outside them where no other has
// settings: nothing waits for a person.
//
// Probes, which carry no credentials, run side by side: each has a head start of
// 300 ms before the next, and one that fails has none. Questions, which carry
// them, are put one after the other, by q.LegacyDN until one place refuses it, from
// then on by the address; one that has no answer after 2 s makes room for another
// place that lives, and is put once more when no other is left. A discovery takes at most 90 s, follows at most 10
// referrals, 3 of them to another address, makes at most 32 requests, and sends
// credentials to at most 3 hosts outside the mail domain and the policy; an answer
// has at most 1 MiB. When ctx ends, the error has kind Unreachable and wraps the
// cause. Nothing is left behind.
func (c *Client) Discover(ctx context.Context, q Query) (*Result, error) {
	policy, err := newChase(q)
	if err != nil {
		return nil, &Error{Kind: BadAddress, Err: err}
	}
	d := c.discovery(q)
	defer d.close()
	d.run(ctx, policy)
	if policy.found == nil {
		for _, tell := range d.untold {
			tell()
		}
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
