package servicetest

import (
	"context"
	"slices"
	"time"

	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// store notes what is saved, and fails when it should.
type store struct {
	*profile.Memory
	w *World
}

func (s store) Save(ctx context.Context, p profile.Profile, base uint64, why profile.Reason) (profile.Profile, error) {
	s.w.mu.Lock()
	var err error
	if len(s.w.saves) > 0 {
		err, s.w.saves = s.w.saves[0], s.w.saves[1:]
	}
	s.w.mu.Unlock()
	if err == nil {
		p, err = s.Memory.Save(ctx, p, base, why)
	}
	if err != nil {
		s.w.note("save fails")
		return p, err
	}
	s.w.note("save %d: %s", p.Generation, p.Place())
	return p, nil
}

type secrets World

func (s *secrets) Get(_ context.Context, ref string) (trust.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.secrets[ref]; ok {
		return v, nil
	}
	return trust.Secret{}, &profile.SecretError{Ref: ref, Backend: "memory", Op: "get", Err: profile.ErrSecretNotFound}
}

func (s *secrets) Set(_ context.Context, ref string, v trust.Secret) error {
	(*World)(s).SetSecret(ref, v.Reveal())
	return nil
}

func (s *secrets) Delete(_ context.Context, ref string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.secrets, ref)
	return nil
}

type consents World

func (c *consents) Rules(context.Context) (trust.Rules, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return trust.Rules{Trusted: c.Trusted, Consents: slices.Clone(c.consents), Now: time.Now()}, nil
}

func (c *consents) Allow(_ context.Context, consent trust.Consent) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.consents = append(c.consents, consent)
	return nil
}

func (c *consents) Revoke(_ context.Context, mailDomain, host string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.consents = slices.DeleteFunc(c.consents, func(k trust.Consent) bool { return k.MailDomain == mailDomain && k.Host == host })
	return nil
}
