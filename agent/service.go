package agent

import (
	"context"
	"iter"
	"time"

	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// Op is what a Command does.
type Op string

const (
	Add      Op = "add"       // a new mailbox: Address, User, Secret or SecretRef
	CheckNow Op = "check now" // look now; no Profile: all
	Pause    Op = "pause"
	Resume   Op = "resume"
	SignIn   Op = "sign in"  // Realm, User, Secret or SecretRef
	Trust    Op = "trust"    // Host, with its port if not 443, may receive credentials for the mail domain of Profile, or for MailDomain
	Distrust Op = "distrust" // takes that back
	Rollback Op = "rollback" // to Generation
	Forget   Op = "forget"   // deletes the profile and its secrets
	Import   Op = "import"   // Draft becomes a profile, unproven and without sign-ins
)

// Command is something that a person or a program wants an agent to do.
type Command struct {
	Op         Op               `json:"op"`
	Profile    profile.ID       `json:"profile,omitempty"`
	Address    string           `json:"address,omitempty"`
	Label      string           `json:"label,omitempty"`
	Realm      string           `json:"realm,omitempty"`
	User       string           `json:"user,omitempty"`
	Secret     trust.Secret     `json:"-"` // travels only where the transport of the command protects it
	SecretRef  string           `json:"secret_ref,omitempty"`
	Bearer     bool             `json:"bearer,omitempty"`
	Host       string           `json:"host,omitempty"`
	MailDomain string           `json:"mail_domain,omitempty"`
	Expires    time.Time        `json:"expires,omitzero"`
	Generation uint64           `json:"generation,omitempty"`
	Draft      *profile.Profile `json:"draft,omitempty"`
}

// Service is an agent, in this process or in another.
type Service interface {
	// Watch yields the present status and then the latest one after each
	// change; changes in quick succession may be merged. It ends with ctx, or
	// with an error when the agent cannot be watched any more.
	Watch(ctx context.Context) iter.Seq2[Status, error]
	// Do carries out a command. It returns when the command is accepted and
	// what it stores is stored; what comes of it is seen by Watch. For Add and
	// Import it returns the new profile's id.
	Do(ctx context.Context, c Command) (profile.ID, error)
	// History returns the generations of a profile, the oldest first.
	History(ctx context.Context, id profile.ID) ([]profile.Generation, error)
}
