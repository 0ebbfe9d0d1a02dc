package logonclient

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/homing-mail/homing/internal/httpauth"
	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/internal/trust"
)

// The types of other packages that this one's signatures show.
type (
	Access         = trust.Access
	Hop            = trust.Hop
	UntrustedError = trust.UntrustedError
	NoLoginError   = trust.NoLoginError
	Network        = httpauth.Network
	Challenges     = httpauth.Challenges
)

// Target is a mailbox at a place, with what is needed to be let in.
type Target struct {
	MailStore   string // URL of the mailbox endpoint, query included, taken verbatim
	AddressBook string // URL of the address book endpoint; may be empty
	LegacyDN    string // distinguished name of the mailbox and of who connects
	Access      Access // rules, hop and logins; Access.Hop.To is the host of MailStore
}

// Client logs on. The zero value reaches the system's network.
type Client struct {
	Network    Network
	Challenges *Challenges    // what hosts have offered; nil: remembers nothing beyond a session
	Log        *slog.Logger   // nil discards
	Seen       func(Exchange) // called after each exchange; nil: nobody looks
	// Timeout is how long a server may be silent, except in NotificationWait, and
	// how long a whole look-up may take; 0: one minute. A server that says PENDING
	// prolongs an exchange, up to five times that.
	Timeout time.Duration

	mu       sync.Mutex
	instance string                  // GUID of X-ClientInfo, drawn at the first use
	contexts int                     // counter of X-ClientInfo
	kept     map[string]trust.Secret // by host: refused by its address book, taken by its mailbox endpoint
}

// Exchange is one request and what came back, layer by layer, without secrets.
type Exchange struct {
	Time         time.Time     `json:"time"`
	Elapsed      time.Duration `json:"elapsed"`
	RequestType  string        `json:"request_type"` // Connect, Execute …
	Op           string        `json:"op"`           // with the ROPs: Execute RopLogon
	Host         string        `json:"host"`
	RequestID    string        `json:"request_id"`
	HTTPStatus   int           `json:"http_status"`   // 0: none came
	ResponseCode int           `json:"response_code"` // X-ResponseCode, the inner one if there is one; -1: none
	StatusCode   uint32        `json:"status_code"`
	ErrorCode    uint32        `json:"error_code"`
	ReturnValue  uint32        `json:"return_value"`          // of the ROP; 0 where none ran
	Layers       int           `json:"layers"`                // how many of the five codes above were read
	ServerName   string        `json:"server_name,omitempty"` // that ecWrongServer gave
	Err          string        `json:"err,omitempty"`
}

// Facts are what a logon told about the mailbox and its server.
type Facts struct {
	DisplayName   string `json:"display_name"`
	MailboxGUID   string `json:"mailbox_guid"`
	ReplGUID      string `json:"repl_guid"`
	RootFolder    string `json:"root_folder"`    // folder id, 16 hexadecimal digits
	ServerVersion string `json:"server_version"` // X-ServerApplication
	// IdleLimit is how long the server keeps a session that nobody uses
	// (X-ExpirationInfo); 0: it did not say.
	IdleLimit time.Duration `json:"idle_limit"`
}

// Logon connects to t.MailStore and logs on to the mailbox by RopLogon
// ([MS-OXCSTOR] 3.1.5.1). It dials the host of the Target and no other. What it
// opened it has closed where it returns an error, which is an *Error.
//
// A Session Context that dies between Connect and RopLogon is replaced once by
// a fresh one.
func (c *Client) Logon(ctx context.Context, t Target) (*Session, error) {
	if err := check(t); err != nil {
		return nil, err
	}
	s := &Session{target: t, dialogue: dialogue{client: c, url: t.MailStore, host: t.Access.Hop.To, line: c.newLine(t.Access)}}
	for again := false; ; again = true {
		s.begin()
		err := s.logon(ctx)
		if err == nil {
			s.live = true
			return s, nil
		}
		if again || err.Kind != SessionLost || err.Op == "Connect" {
			s.line.close()
			return nil, err
		}
	}
}

// logon runs Connect and RopLogon in a new Session Context. A server that
// refuses the second is told that the context is of no more use; one that
// refuses Connect has made none.
func (s *Session) logon(ctx context.Context) *Error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	err := s.ropLogon(ctx)
	if err != nil && !s.gone {
		s.disconnect(context.WithoutCancel(ctx)) // its failure changes nothing
	}
	return err
}

// check says why t cannot be logged on to, before anything is dialled.
func check(t Target) error {
	hop := t.Access.Hop
	step, err := trust.Step(hop.MailDomain, hop.From, t.MailStore, hop.How)
	if err == nil && step.To != hop.To {
		err = &UntrustedError{Hop: step, Why: fmt.Sprintf("it was %s that was judged", hop.To)}
	}
	if err != nil {
		return &Error{Kind: Untrusted, Op: "Connect", Host: step.To, ResponseCode: -1, Err: err}
	}
	if err := mapi.CheckDN(t.LegacyDN); err != nil { // Autodiscover knows the right one
		return &Error{Kind: UnknownMailbox, Op: "Connect", Host: step.To, ResponseCode: -1, Err: err}
	}
	return nil
}

// timeout is how long one exchange may take.
func (c *Client) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return defaultTimeout
}

// keep remembers a refusal that is kept from the logins.
func (c *Client) keep(host string, s trust.Secret) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept = make(map[string]trust.Secret)
	}
	c.kept[host] = s
}

// keeps reports whether the address book of host has refused s.
func (c *Client) keeps(host string, s trust.Secret) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, ok := c.kept[host]
	return ok && old.Equal(s)
}

// clientInfo returns the X-ClientInfo of a new Session Context: a GUID for this
// Client and a counter of contexts ([MS-OXCMAPIHTTP] 2.2.3.3.4).
func (c *Client) clientInfo() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.instance == "" {
		c.instance = newGUID()
	}
	c.contexts++
	return fmt.Sprintf("%s:%d", c.instance, c.contexts)
}

// newGUID returns a random GUID in braces.
func newGUID() string {
	var g mapi.GUID
	rand.Read(g[:])
	g[7] = g[7]&0x0f | 0x40 // version 4 (RFC 9562); the third field is little-endian
	g[8] = g[8]&0x3f | 0x80
	return "{" + strings.ToUpper(g.String()) + "}"
}
