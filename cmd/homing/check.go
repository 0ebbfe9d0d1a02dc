package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/profile"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [PROFILE]",
		Short: "Look now, at one profile or at all",
		Args:  cobra.MaximumNArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return a.check(cmd.Context(), args) },
	}
}

func (a *app) check(ctx context.Context, args []string) (err error) {
	p, err := a.open()
	if err != nil {
		return err
	}
	var wanted []profile.ID // none: all
	if len(args) > 0 {
		id, err := a.anyID(ctx, p, args)
		if err != nil {
			return err
		}
		wanted = []profile.ID{id}
	}
	svc, err := p.Service(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.Close()) }()

	story := a.story()
	if list, err := p.Store.List(ctx); err == nil {
		story.many = len(wanted) == 0 && len(list) > 1
	}
	tell := story.tell
	if a.json {
		tell = nil
	}
	look := agent.Command{Op: agent.CheckNow}
	if len(wanted) > 0 {
		look.Profile = wanted[0]
	}
	began := time.Now()
	if _, err := svc.Do(ctx, look); err != nil {
		return err
	}
	boxes, err := settled(ctx, svc, began, wanted, tell)
	if err != nil {
		return err
	}
	if len(boxes) == 0 {
		return errors.New("there is no profile yet; make one with: homing setup ADDRESS")
	}
	if a.json {
		if err := a.printJSON(boxes); err != nil {
			return err
		}
	}
	var errs []error
	for _, m := range boxes {
		if !a.json {
			a.printf("%s: %s\n", name(m), sentence(m, time.Now()))
		}
		errs = append(errs, verdict(m))
	}
	return errors.Join(errs...)
}
