package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/profile"
)

// printJSON prints v, indented.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// loadAll returns every profile that can be read, and an error that names the
// others.
func loadAll(ctx context.Context, p *program.Program) ([]profile.Profile, error) {
	list, err := p.Store.List(ctx)
	if err != nil {
		return nil, err
	}
	var out []profile.Profile
	var errs []error
	for _, id := range list {
		one, err := p.Store.Load(ctx, id)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, one)
	}
	return out, errors.Join(errs...)
}

// carryOut has the agent carry out one command, the running one or one of our own.
func carryOut(ctx context.Context, p *program.Program, c agent.Command) (err error) {
	svc, err := p.Service(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.Close()) }()
	_, err = svc.Do(ctx, c)
	return err
}

func ids(profiles []profile.Profile) []profile.ID {
	out := make([]profile.ID, len(profiles))
	for i, p := range profiles {
		out[i] = p.ID
	}
	return out
}

// pick returns the profile that args name by id, label or address; without a
// name, the only one there is.
func pick(profiles []profile.Profile, args []string) (profile.Profile, error) {
	if len(args) == 0 {
		switch len(profiles) {
		case 0:
			return profile.Profile{}, errors.New("there is no profile yet; make one with: homing setup ADDRESS")
		case 1:
			return profiles[0], nil
		}
		return profile.Profile{}, usage(fmt.Errorf("there are %d profiles; name one: %s", len(profiles), labels(profiles)))
	}
	var found []profile.Profile
	for _, p := range profiles {
		if string(p.ID) == args[0] || strings.EqualFold(p.Label, args[0]) || strings.EqualFold(p.Address, args[0]) {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return profile.Profile{}, fmt.Errorf("no profile is called %q; there is: %s: %w", clip(args[0]), labels(profiles), profile.ErrNotFound)
	}
	return profile.Profile{}, usage(fmt.Errorf("%q names %d profiles; use an id", clip(args[0]), len(found)))
}

func labels(profiles []profile.Profile) string {
	if len(profiles) == 0 {
		return "none"
	}
	var names []string
	for _, p := range profiles {
		names = append(names, fmt.Sprintf("%s (%s)", p.Label, p.ID))
	}
	return strings.Join(names, ", ")
}

// clip shortens what is quoted in an error.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// cause is what the system said of a file, without the name that it was given.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
