//go:build tray && (windows || darwin)

package main

import "context"

// seat is for desktops whose tray comes and goes.
func seat(context.Context) error { return nil }
