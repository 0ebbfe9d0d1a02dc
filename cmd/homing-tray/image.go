//go:build tray && !windows

package main

import "github.com/homing-mail/homing/ui"

// image is a picture as the tray of this system takes it.
func image(i ui.Icon) []byte { return i.PNG() }
