//go:build tray && !windows && !darwin

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// seat has the tray take the icon if it has not. The library tries once and then
// watches for a tray: it overlooks the one that appears in between.
func seat(ctx context.Context) error {
	conn, err := dbus.SessionBus() // the one that the library has opened
	if err != nil {
		return err
	}
	const watcher = "org.kde.StatusNotifierWatcher"
	tray := conn.Object(watcher, "/StatusNotifierWatcher")
	var all dbus.Variant
	var items []string
	if err := tray.CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, watcher, "RegisteredStatusNotifierItems").Store(&all); err != nil {
		return err
	}
	if err := all.Store(&items); err != nil {
		return err
	}
	ours := append(conn.Names(), fmt.Sprintf("org.kde.StatusNotifierItem-%d-1", os.Getpid()))
	for _, item := range items {
		name, _, _ := strings.Cut(strings.ReplaceAll(item, "@", "/"), "/") // ":1.7/StatusNotifierItem", by some trays ":1.7@/…"
		if slices.Contains(ours, name) {
			return nil
		}
	}
	return tray.CallWithContext(ctx, watcher+".RegisterStatusNotifierItem", 0, "/StatusNotifierItem").Err
}
