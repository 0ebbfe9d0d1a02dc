package control

import (
	"context"
	"errors"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// Version is the version of the protocol.
const Version = 1

const (
	maxRequest = 1 << 20  // bytes of a request, newline included
	maxAnswer  = 64 << 20 // bytes of a line of an answer
)

// The requests.
const (
	opWatch   = "watch"
	opDo      = "do"
	opHistory = "history"
	opRaise   = "raise"
)

type request struct {
	Version int        `json:"version"`
	Op      string     `json:"op"`
	Command *command   `json:"command,omitempty"` // do
	Profile profile.ID `json:"profile,omitempty"` // history
}

// command is an agent.Command with its secret: the socket protects it.
type command struct {
	agent.Command
	Secret string `json:"secret,omitempty"`
}

func fromCommand(c agent.Command) *command { return &command{c, c.Secret.Reveal()} }

func (c command) command() agent.Command {
	c.Command.Secret = trust.NewSecret(c.Secret)
	return c.Command
}

// answer is one line from the server.
type answer struct {
	OK          bool                 `json:"ok,omitempty"`
	ID          profile.ID           `json:"id,omitempty"`
	Status      *agent.Status        `json:"status,omitempty"`
	Generations []profile.Generation `json:"generations,omitzero"`
	Error       *Error               `json:"error,omitempty"`
}

// Code says what kind of failure an Error is.
type Code string

const (
	NotFound     Code = "not-found"     // profile.ErrNotFound
	Conflict     Code = "conflict"      // profile.ErrConflict
	SecretLocked Code = "secret-locked" // profile.ErrSecretLocked
	NoBackend    Code = "no-backend"    // profile.ErrNoBackend
	Unsupported  Code = "unsupported"   // errors.ErrUnsupported: raise without a window
	Stopping     Code = "stopping"      // ErrNotRunning: the agent ends
	BadVersion   Code = "version"       // ErrVersion: the server speaks another version
	BadRequest   Code = "request"       // the request is malformed or too long
	TooMany      Code = "too-many"      // too many connections
	Internal     Code = "internal"      // anything else
)

var (
	// ErrNotRunning says that nobody listens at the socket.
	ErrNotRunning = errors.New("no agent is running")
	// ErrRunning says that somebody listens at the socket already.
	ErrRunning = errors.New("an agent is running already")
	// ErrVersion says that client and server speak different versions.
	ErrVersion = errors.New("the running agent is of another version; restart it")
)

// sentinels are the errors that callers decide by: they survive the wire.
var sentinels = []struct {
	code Code
	err  error
}{
	{NotFound, profile.ErrNotFound},
	{Conflict, profile.ErrConflict},
	{SecretLocked, profile.ErrSecretLocked},
	{NoBackend, profile.ErrNoBackend},
	{Unsupported, errors.ErrUnsupported},
	{Stopping, ErrNotRunning},
	{Stopping, context.Canceled},
	{BadVersion, ErrVersion},
}

// Error is a failure as it crossed the socket. errors.Is finds the error that
// its Code stands for.
type Error struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
}

func (e *Error) Error() string { return e.Text }

func (e *Error) Unwrap() error {
	for _, s := range sentinels {
		if s.code == e.Code {
			return s.err
		}
	}
	return nil
}

// wireError gives err its code.
func wireError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			return &Error{s.code, err.Error()}
		}
	}
	return &Error{Internal, err.Error()}
}
