package logonclient

import (
	"fmt"
	"strings"
	"time"
)

// Kind says what a failed logon means for whoever wants to reach the mailbox.
type Kind uint8

const (
	Malformed      Kind = iota // the answer makes no sense
	WrongServer                // the mailbox is on another server of the forest: Error.ServerName
	UnknownMailbox             // this server knows no such mailbox: ask Autodiscover
	LoginFailure               // the general failure of RopLogon: ask Autodiscover
	InTransit                  // the mailbox is being moved: wait, same server
	Busy                       // transient: wait, same server; Error.After if the server said how long
	SessionLost                // context, handle or connection died: log on again
	Unauthorized               // no sign-in, or the host refused it
	Denied                     // signed in, but without the right to this mailbox
	Untrusted                  // the host may not receive credentials: Err holds the *UntrustedError
	Redirected                 // HTTP 30x: Error.URL
	Unreachable                // no connection, no such name, no answer in time
	BadCertificate             // the host's certificate does not stand for its name
	Unsupported                // the server speaks, but not this protocol or version
)

var kindNames = [...]string{
	Malformed: "malformed answer", WrongServer: "wrong server", UnknownMailbox: "unknown mailbox",
	LoginFailure: "login failure", InTransit: "mailbox in transit", Busy: "server busy",
	SessionLost: "session lost", Unauthorized: "unauthorized", Denied: "access denied", Untrusted: "untrusted host",
	Redirected: "redirected", Unreachable: "unreachable", BadCertificate: "bad certificate", Unsupported: "unsupported",
}

func (k Kind) String() string { return kindNames[k] }

// Kinds returns every Kind, for tests that walk them.
func Kinds() []Kind {
	out := make([]Kind, len(kindNames))
	for i := range out {
		out[i] = Kind(i)
	}
	return out
}

// Error is the one error type of this package: what was being done, to which
// host, and what came back at each layer.
type Error struct {
	Kind         Kind
	Op           string        // Connect, Execute RopLogon, NotificationWait …
	Host         string        // host:port
	RequestID    string        // X-RequestId, for the server's logs
	HTTPStatus   int           // 0: no HTTP answer
	ResponseCode int           // X-ResponseCode; -1: none
	Code         uint32        // StatusCode, ErrorCode or ReturnValue that decided; 0: none
	ServerName   string        // WrongServer: the directory name of the server to use
	URL          string        // Redirected: where to
	After        time.Duration // how long the server asked to wait; 0: it did not say
	Realm        string        // Unauthorized: the realm that needs a sign-in
	User         string        // Unauthorized: who was refused; empty: nobody was presented
	Said         string        // the server's own words, or the name of Code
	Err          error         // the cause below, if there is one
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %s: ", e.Op, e.Host)
	switch {
	case e.Said != "":
		b.WriteString(e.Said)
	case e.Err != nil:
		b.WriteString(printable(e.Err.Error(), 500))
	case e.HTTPStatus != 0 && e.HTTPStatus != 200:
		fmt.Fprintf(&b, "HTTP status %d", e.HTTPStatus)
	default:
		b.WriteString(e.Kind.String())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }
