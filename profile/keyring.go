package profile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zalando/go-keyring"
)

const keyringService = "homing"

// keyringCalls are what a keyring can do, each nil in the zero value. One is called
// at a time. Where they can heed the context, they do.
type keyringCalls struct {
	get    func(ctx context.Context, p *prompt, name string) (string, error)
	set    func(ctx context.Context, p *prompt, name, secret string) error
	delete func(ctx context.Context, p *prompt, name string) error
}

func (c keyringCalls) orDesktop() keyringCalls {
	if c.get != nil {
		return c
	}
	return desktopKeyring()
}

// libraryError says what an error of go-keyring means.
func libraryError(err error) error {
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return ErrSecretNotFound
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return errors.New("the secret is too big for this keyring (Windows takes 2560 bytes, macOS about 3000)")
	case errors.Is(err, keyring.ErrUnsupportedPlatform):
		return fmt.Errorf("%w: there is no keyring for this system; keep the secret elsewhere", ErrNoBackend)
	case err != nil && strings.Contains(err.Error(), "failed to unlock"): // it has no type for this one
		return ErrSecretLocked
	}
	return err
}

// prompt is the dialog by which a locked keyring asks a person to unlock it.
type prompt struct {
	allowed bool
	shown   atomic.Bool
}

// keyringSecrets is the keyring backend.
type keyringSecrets struct {
	calls  keyringCalls
	asking *slot
	limit  time.Duration
	person bool // somebody may be there to answer a prompt
}

func (k keyringSecrets) get(ctx context.Context, name string) (string, error) {
	return k.ask(ctx, false, func(ctx context.Context, p *prompt) (string, error) { return k.calls.get(ctx, p, name) })
}

func (k keyringSecrets) set(ctx context.Context, name, secret string) error {
	_, err := k.ask(ctx, true, func(ctx context.Context, p *prompt) (string, error) { return "", k.calls.set(ctx, p, name, secret) })
	return err
}

func (k keyringSecrets) delete(ctx context.Context, name string) error {
	_, err := k.ask(ctx, true, func(ctx context.Context, p *prompt) (string, error) { return "", k.calls.delete(ctx, p, name) })
	if errors.Is(err, ErrSecretNotFound) {
		return nil
	}
	return err
}

// ask runs call within the limit. The keyring of some systems cannot be
// interrupted while it waits for a person: its goroutine stays until it answers,
// and until then nobody else asks, so that there is never more than one.
//
// An agent reads secrets again and again: a prompt that was not answered is not
// shown once more until the keyring has been unlocked, unless a person wants it
// (insist).
func (k keyringSecrets) ask(ctx context.Context, insist bool, call func(context.Context, *prompt) (string, error)) (string, error) {
	silent := fmt.Errorf("%w: the keyring has not answered within %v; unlock it, answer what it asks or keep the secret elsewhere: %w", ErrNoBackend, k.limit, context.DeadlineExceeded)
	ctx, cancel := context.WithTimeoutCause(ctx, k.limit, silent)
	defer cancel()
	if !k.asking.take(ctx) {
		return "", context.Cause(ctx)
	}
	p := &prompt{allowed: k.person && (insist || !k.asking.unanswered)}
	why := func(err error) error {
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err == silent && p.shown.Load() {
			return fmt.Errorf("%w (its prompt was not answered within %v)", ErrSecretLocked, k.limit)
		}
		return err
	}
	type answer struct {
		secret string
		err    error
	}
	answers := make(chan answer, 1)
	go func() {
		defer k.asking.free()
		secret, err := call(ctx, p)
		err = why(err)
		k.asking.unanswered = errors.Is(err, ErrSecretLocked) && (p.shown.Load() || k.asking.unanswered)
		answers <- answer{secret, err}
	}()
	select {
	case a := <-answers:
		return a.secret, a.err
	case <-ctx.Done():
		return "", why(ctx.Err())
	}
}

// slot is a lock that one can stop waiting for. The zero slot is free.
type slot struct {
	once       sync.Once
	held       chan struct{}
	unanswered bool // the last prompt, and the keyring is locked since; for the holder
}

func (s *slot) take(ctx context.Context) bool {
	s.once.Do(func() { s.held = make(chan struct{}, 1) })
	select {
	case s.held <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *slot) free() { <-s.held }
