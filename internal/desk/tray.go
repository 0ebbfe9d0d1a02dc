package desk

import (
	"context"
	"fmt"
	"iter"

	"github.com/godbus/dbus/v5"
)

// trayWatcher is owned by whatever shows icons (freedesktop.org,
// StatusNotifierItem: StatusNotifierWatcher).
const trayWatcher = "org.kde.StatusNotifierWatcher"

// TrayHost reports whether something on this desktop shows the icons of a tray.
// Where there is no session bus it fails with ErrNoBus, on Windows and macOS with
// errors.ErrUnsupported: there every desktop has a tray.
func TrayHost(ctx context.Context) (bool, error) {
	conn, err := connect(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	return owned(ctx, conn)
}

func owned(ctx context.Context, conn *dbus.Conn) (yes bool, err error) {
	err = conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, trayWatcher).Store(&yes)
	if err != nil {
		err = fmt.Errorf("asking the session bus for a tray: %w", err)
	}
	return yes, err
}

// WatchTrayHost yields what TrayHost would say, now and after each change, until ctx
// or the session bus ends; where there is none it yields nothing.
func WatchTrayHost(ctx context.Context) iter.Seq[bool] {
	return func(yield func(bool) bool) { watchTrayHost(ctx, yield) }
}

func watchTrayHost(ctx context.Context, yield func(bool) bool) error {
	conn, err := connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	changes := make(chan *dbus.Signal, 16)
	conn.Signal(changes) // closed with the connection
	err = conn.AddMatchSignalContext(ctx, dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchInterface("org.freedesktop.DBus"),
		dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, trayWatcher))
	if err != nil {
		return fmt.Errorf("watching the session bus: %w", err)
	}
	there, err := owned(ctx, conn)
	if err != nil || !yield(there) {
		return err
	}
	for {
		select {
		case change, open := <-changes:
			if !open {
				return fmt.Errorf("the session bus has gone: %w", dbus.ErrClosed)
			}
			if len(change.Body) != 3 || change.Body[0] != trayWatcher {
				continue // of our own name
			}
			if now := change.Body[2] != ""; now != there {
				if there = now; !yield(there) {
					return nil
				}
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
