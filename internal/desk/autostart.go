package desk

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
)

// Autostart is whether Homing starts at login.
type Autostart interface {
	// On reports what will happen at the next login, as far as what is written down
	// tells.
	On() (bool, error)
	// Set changes it, from the next login on. What is on already stays as it is,
	// whoever has written it, and what cannot be understood is not written over.
	Set(on bool) error
}

// background are the arguments of a program that starts at login.
const background = "--background"

// NewAutostart returns the autostart of this desktop: an entry of XDG autostart, a
// value of the Run key on Windows, a launch agent on macOS. It starts executable,
// which is an absolute path, with --background.
func NewAutostart(executable string) (Autostart, error) {
	if !filepath.IsAbs(executable) || strings.ContainsFunc(executable, unicode.IsControl) {
		return nil, fmt.Errorf("%q is no path that can be started at login", executable)
	}
	return newAutostart(executable)
}
