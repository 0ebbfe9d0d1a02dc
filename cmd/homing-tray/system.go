//go:build tray

package main

import (
	"context"
	"errors"
	"iter"

	"github.com/homing-mail/homing/internal/desk"
	"github.com/homing-mail/homing/ui"
)

// system is what this program needs of a desktop.
type system struct {
	display func() error // nil: windows can be shown
	// host reports whether a tray is there that shows the icon; it fails where
	// there is no session bus. hosts tells it now and after each change, until the
	// session bus or the context ends.
	host   func(context.Context) (bool, error)
	hosts  func(context.Context) iter.Seq[bool]
	notify func(context.Context, ui.Notice) error
}

func thisSystem() system {
	notifier := new(desk.Notifier)
	return system{
		display: desk.Display,
		host:    host,
		hosts:   hosts,
		notify: func(ctx context.Context, n ui.Notice) error {
			return notifier.Notify(ctx, string(n.Mailbox), n.Title, n.Body)
		},
	}
}

// host is desk.TrayHost on desktops that all have a tray, too.
func host(ctx context.Context) (bool, error) {
	hosted, err := desk.TrayHost(ctx)
	if errors.Is(err, errors.ErrUnsupported) {
		return true, nil
	}
	return hosted, err
}

func hosts(ctx context.Context) iter.Seq[bool] {
	if _, err := desk.TrayHost(ctx); !errors.Is(err, errors.ErrUnsupported) {
		return desk.WatchTrayHost(ctx)
	}
	return func(yield func(bool) bool) {
		if yield(true) {
			<-ctx.Done()
		}
	}
}
