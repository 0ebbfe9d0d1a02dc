package profile

import (
	"context"
	"fmt"
	"time"

	"github.com/homing-mail/homing/internal/trust"
)

// Secret is a password or token that refuses to be printed.
type Secret = trust.Secret

// Version is the version of the profile's JSON form that this package writes.
const Version = 1

// ID names a profile for its whole life: 16 random hexadecimal digits, made
// once. It is the name of its directory, the key of its secrets and its name
// on the control socket; an address may change, an ID does not.
type ID string

// Profile is where a mailbox is and who logs on there. It holds no secret.
// Its JSON form, current.json, is a contract for other programs.
type Profile struct {
	Version    int        `json:"version"`
	ID         ID         `json:"id"`
	Label      string     `json:"label"`   // what people call it; the address unless they say otherwise
	Address    string     `json:"address"` // the e-mail address; a redirectAddr does not change it
	Endpoint   Endpoint   `json:"endpoint"`
	Logins     []LoginRef `json:"logins"`
	Identity   Identity   `json:"identity"`
	Generation uint64     `json:"generation"` // counts the saves, from 1
	Proven     bool       `json:"proven"`     // a logon at Endpoint has succeeded
	Saved      time.Time  `json:"saved"`      // when this generation was written, UTC
}

// Endpoint is where a mailbox can be reached.
type Endpoint struct {
	MAPI *MAPI `json:"mapi,omitempty"`
	// Autodiscover is the URL that issued these settings: the first one to ask
	// the next time. [MS-OXMVMBX] 3.1.1 sends the question to the source.
	Autodiscover string `json:"autodiscover,omitempty"`
	// Issued is when that service issued them, UTC in whole seconds; zero: not
	// known. TTL is for how many hours they hold from then on, at most 24
	// ([MS-OXDSCLI] 2.2.4.1.1.2.6); 0: until something fails.
	Issued time.Time `json:"issued,omitzero"`
	TTL    int       `json:"ttl,omitempty"`
	// Routing is the address that the issuing Autodiscover service knows the
	// mailbox by where it differs from the profile's (after a redirectAddr).
	Routing string `json:"routing,omitempty"`
}

// MAPI is an endpoint that speaks MAPI over HTTP ([MS-OXCMAPIHTTP]).
type MAPI struct {
	MailStore   string `json:"mail_store"`             // URL of the mailbox endpoint, query included
	AddressBook string `json:"address_book,omitempty"` // URL of the address book endpoint
	LegacyDN    string `json:"legacy_dn"`              // distinguished name of the mailbox
}

// LoginRef is a login whose secret lies elsewhere.
type LoginRef struct {
	Realm   string `json:"realm"`            // host pattern: a name or *.domain
	User    string `json:"user"`             // as the server expects it: ann@contoso.test, CONTOSO\ann
	Weakest string `json:"weakest"`          // weakest acceptable scheme: basic, bearer
	Bearer  bool   `json:"bearer,omitempty"` // the secret is a token
	Secret  string `json:"secret"`           // reference, see Secrets: keyring:NAME, systemd:NAME, command, command:NAME, file:/PATH; empty: none yet
}

// AtLeast returns the weakest scheme that the sign-in may go by: Weakest, and for
// a token Bearer.
func (l LoginRef) AtLeast() trust.Scheme {
	if l.Bearer {
		return trust.Stronger(trust.Bearer, trust.Scheme(l.Weakest))
	}
	return trust.Scheme(l.Weakest)
}

// Identity is what the last logon told about the mailbox. What changed is
// recorded with each generation: clients that cache a mailbox must drop their
// caches when ReplGUID or RootFolder changes ([MS-OXCSTOR] 3.1.5.1).
type Identity struct {
	DisplayName   string `json:"display_name,omitempty"`
	MailboxGUID   string `json:"mailbox_guid,omitempty"`
	ReplGUID      string `json:"repl_guid,omitempty"`
	RootFolder    string `json:"root_folder,omitempty"`    // folder id of the mailbox root, 16 hexadecimal digits
	ServerVersion string `json:"server_version,omitempty"` // X-ServerApplication of the server
}

// Reason says why a generation was written.
type Reason struct {
	Text string `json:"text"` // one sentence part: "ex1.contoso.test said ecWrongServer"
	Hops []Hop  `json:"hops,omitempty"`
}

// Hop is one station on the way to the new place.
type Hop struct {
	Host string `json:"host"` // host, or host:port if not 443
	Step string `json:"step"` // logon, discover, resolve
	Said string `json:"said"` // what it answered: ecWrongServer, RedirectUrl …
}

// Generation is one entry of a profile's history.
type Generation struct {
	Profile Profile  `json:"profile"`
	Reason  Reason   `json:"reason"`
	Changes []Change `json:"changes"` // against the generation before; computed by Save
}

// Change is one field that differs between two generations.
type Change struct {
	Field string `json:"field"` // "server", "mailbox url", "legacy dn", "repl guid" …
	Old   string `json:"old"`
	New   string `json:"new"`
}

// Store keeps profiles. Implementations are safe for concurrent use.
type Store interface {
	// List returns the ids of all profiles, sorted.
	List(ctx context.Context) ([]ID, error)
	// Load returns the current generation: ErrNotFound, a *CorruptError or a
	// *NewerError where there is none that can be read.
	Load(ctx context.Context, id ID) (Profile, error)
	// Save writes p as the generation after base and returns it as written:
	// Version, Generation and Saved are the store's to set. base 0 makes a new
	// profile. ErrConflict: the current generation is not base; *InvalidError
	// in the tree: p does not validate.
	Save(ctx context.Context, p Profile, base uint64, why Reason) (Profile, error)
	// Restore writes the endpoint and the logins of generation n again, as the
	// newest generation and unproven: the only write that no logon stands
	// behind. It works where the current generation cannot be read.
	// ErrNotFound: there is no generation n; a *CorruptError: it cannot be
	// read itself.
	Restore(ctx context.Context, id ID, n uint64, why Reason) (Profile, error)
	// History returns every generation, the oldest first.
	History(ctx context.Context, id ID) ([]Generation, error)
	// Delete removes the profile with its history. ErrNotFound if there is none.
	Delete(ctx context.Context, id ID) error
}

// Secrets keeps secrets under references, see LoginRef.Secret.
type Secrets interface {
	// Get returns the secret behind ref: a *SecretError says which backend
	// failed and why.
	Get(ctx context.Context, ref string) (Secret, error)
	// Set stores a secret behind ref; not every backend can.
	Set(ctx context.Context, ref string, s Secret) error
	// Delete forgets it. Deleting what is not there succeeds.
	Delete(ctx context.Context, ref string) error
}

func (id ID) String() string { return string(id) }

// Place says in a few words where p points: the host of its endpoint.
func (p Profile) Place() string {
	if p.Endpoint.MAPI == nil {
		return "nowhere"
	}
	return hostOf(p.Endpoint.MAPI.MailStore)
}

// Known is how the hosts of p's endpoint are known: as places where somebody has
// logged on, or only as ones that a file names.
func (p Profile) Known() trust.How {
	if p.Proven {
		return trust.FromProfile
	}
	return trust.FromUnproven
}

// String identifies the profile in messages.
func (p Profile) String() string { return fmt.Sprintf("%s (%s)", p.Label, p.ID) }
