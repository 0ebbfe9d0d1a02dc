package profile

import (
	"errors"
	"fmt"

	"github.com/homing-mail/homing/internal/mailaddr"
)

var (
	// ErrNotFound says that there is no such profile or generation.
	ErrNotFound = errors.New("no such profile or generation")
	// ErrConflict says that the profile has been saved by somebody else.
	ErrConflict = errors.New("the profile has changed meanwhile; load it and decide again")
)

// AddressError says why a text is not a usable mail address.
type AddressError = mailaddr.AddressError

// InvalidError says which field of a profile cannot be used, and why.
// Validate joins one for each field.
type InvalidError struct {
	Field string // as Diff names it, or "id"
	Err   error  // why; an *AddressError for an address
}

func (e *InvalidError) Error() string { return fmt.Sprintf("%s: %v", e.Field, e.Err) }

func (e *InvalidError) Unwrap() error { return e.Err }

// CorruptError says that a file of the store cannot be understood. Each
// generation is a file of its own, so the others are most likely whole.
type CorruptError struct {
	ID   ID
	Path string
	Err  error // what is wrong with it
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is damaged (%v); go back to an earlier generation with: homing profile rollback %s", e.Path, e.Err, e.ID)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// NewerError says that a newer homing has written a file. It is left alone.
type NewerError struct {
	Path    string
	Version int // what the file says; this package reads up to Version
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s was written by a newer homing (version %d, this one reads up to %d); run that one", e.Path, e.Version, Version)
}

// What a SecretError may wrap. One that waited in vain wraps
// context.DeadlineExceeded, one for a backend that cannot be written to wraps
// errors.ErrUnsupported.
var (
	// ErrSecretNotFound says that the backend works and holds no such secret.
	ErrSecretNotFound = errors.New("there is no such secret")
	// ErrSecretLocked says that a person has to unlock the keyring first.
	ErrSecretLocked = errors.New("the keyring is locked; unlock it and try again")
	// ErrNoBackend says that the backend is not there, not allowed, or does not
	// answer: a keyring that waited in vain wraps context.DeadlineExceeded too.
	ErrNoBackend = errors.New("this kind of secret is not available here")
)

// SecretError says that a secret could not be read, stored or deleted. It
// holds neither the secret nor what a program printed.
type SecretError struct {
	Ref     string // the reference; empty if it names no backend, for then it may be the secret itself
	Backend string // keyring, systemd, command, file or memory; empty likewise
	Op      string // get, set, delete
	Err     error
}

func (e *SecretError) Error() string {
	if e.Backend == "" {
		return fmt.Sprintf("%s secret: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("%s secret %s: %v", e.Op, e.Ref, e.Err)
}

func (e *SecretError) Unwrap() error { return e.Err }
