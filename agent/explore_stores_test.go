package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

// stageStore keeps what is saved; the script says whether that succeeds.
type stageStore struct {
	*profile.Memory
	s *stage
}

// running reports whether there is a machine: the agent reads each profile once
// before.
func (s *stage) running(id profile.ID) bool {
	s.agent.mu.Lock()
	defer s.agent.mu.Unlock()
	s.m = s.agent.machine[id]
	return s.m != nil
}

func (k stageStore) Load(ctx context.Context, id profile.ID) (profile.Profile, error) {
	s := k.s
	if s.running(id) {
		s.see(act{deed: begins})
		s.tried = nil
		if s.damaged {
			s.damaged = false
			return profile.Profile{}, &profile.CorruptError{ID: id, Path: "current.json", Err: errors.New("unexpected end")}
		}
	}
	return k.Memory.Load(ctx, id)
}

func (k stageStore) Save(ctx context.Context, p profile.Profile, base uint64, why profile.Reason) (profile.Profile, error) {
	s := k.s
	s.see(act{deed: saves, place: p.Endpoint.MAPI.MailStore + " " + p.Endpoint.MAPI.LegacyDN})
	i, _ := s.answer(atSave, len(saveChoices))
	if ctx.Err() != nil {
		return p, ctx.Err()
	}
	s.say("save of %s: %s", p.Place(), saveChoices[i].name)
	err := pick(s, saveChoices[i])(s, p)
	if err == nil {
		p, err = k.Memory.Save(ctx, p, base, why)
	}
	if err == nil && s.fate == livesOn && s.state == Online && !s.over {
		s.finish()
	}
	return p, err
}

// byHand is a save by somebody else.
func (s *stage) byHand(p profile.Profile, change func(*profile.Profile)) error {
	now, err := s.store.Load(context.Background(), p.ID)
	if errors.Is(err, profile.ErrNotFound) {
		now, err = p, nil
		now.Proven = false
	}
	if err != nil {
		return err
	}
	change(&now)
	_, err = s.store.Save(context.Background(), now, now.Generation, profile.Reason{Text: "by hand"})
	return err
}

type stageSecrets stage

func (k *stageSecrets) Get(_ context.Context, ref string) (trust.Secret, error) {
	secret, ok := k.secrets[ref]
	err := k.keyring
	if err == nil && !ok {
		err = profile.ErrSecretNotFound
	}
	if err != nil {
		return trust.Secret{}, &profile.SecretError{Ref: ref, Backend: "keyring", Op: "get", Err: err}
	}
	return secret, nil
}

func (k *stageSecrets) Set(_ context.Context, ref string, secret trust.Secret) error {
	k.secrets[ref] = secret
	return nil
}

func (k *stageSecrets) Delete(context.Context, string) error { return nil }

type stageConsents stage

func (k *stageConsents) Rules(context.Context) (trust.Rules, error) {
	return trust.Rules{Trusted: []string{"*.fabrikam.test"}, Consents: k.consents, Now: time.Now()}, nil
}

func (k *stageConsents) Allow(_ context.Context, c trust.Consent) error {
	k.consents = append(k.consents, c)
	return nil
}

func (k *stageConsents) Revoke(context.Context, string, string) error { return nil }

// fate is what becomes of a session.
type fate uint8

const (
	livesOn    fate = iota
	diesAtOnce      // while it waits
	diesProbed      // at the first probe
	diesLater       // after more than a flicker, and after one more try of a save that failed
)

// stageSession is a logon; its fate is told when the machine is online.
type stageSession struct{ s *stage }

var errLost = &logonclient.Error{Kind: logonclient.SessionLost, Op: "NotificationWait", Said: "ecInvalidObject"}

func (k *stageSession) Facts() logonclient.Facts {
	return logonclient.Facts{MailboxGUID: "a1", ReplGUID: fmt.Sprintf("db%d", k.s.database)}
}

func (k *stageSession) Wait(ctx context.Context) (bool, error) {
	wait := time.Duration(-1)
	switch k.s.fate {
	case diesAtOnce:
		return false, errLost
	case diesProbed:
		return true, nil
	case diesLater:
		wait = 90 * time.Second
	}
	var dies <-chan time.Time
	if wait > 0 {
		dies = time.After(wait)
	}
	select {
	case <-dies:
		return false, errLost
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (k *stageSession) Probe(context.Context) error { return errLost }

func (k *stageSession) Close(context.Context) error {
	k.s.see(act{deed: leaves})
	return nil
}
