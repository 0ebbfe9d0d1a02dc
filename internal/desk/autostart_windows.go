package desk

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// Where Windows keeps what a user starts at login, and what of it was switched off
// in the Task Manager or in the Settings: a value whose first byte is odd.
const (
	runKey      = `Software\Microsoft\Windows\CurrentVersion\Run`
	approvedKey = `Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run`
	runValue    = "Homing"
)

// maxRun is the longest command line of the Run key.
const maxRun = 260

type windowsRun struct{ command string }

func newAutostart(executable string) (Autostart, error) {
	command := windows.ComposeCommandLine([]string{executable, background})
	if len(command) > maxRun {
		return nil, fmt.Errorf("the path of the program is too long for the Run key: %q", executable)
	}
	return windowsRun{command}, nil
}

// On implements Autostart.
func (windowsRun) On() (bool, error) {
	run, err := registry.OpenKey(registry.CURRENT_USER, runKey, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("opening the Run key: %w", err)
	}
	defer run.Close()
	_, _, err = run.GetStringValue(runValue)
	if errors.Is(err, registry.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the Run key: %w", err)
	}
	approved, err := registry.OpenKey(registry.CURRENT_USER, approvedKey, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("opening what the Task Manager has switched off: %w", err)
	}
	defer approved.Close()
	said, _, err := approved.GetBinaryValue(runValue)
	if errors.Is(err, registry.ErrNotExist) {
		return true, nil
	}
	return len(said) == 0 || said[0]%2 == 0, err
}

// Set implements Autostart.
func (w windowsRun) Set(on bool) error {
	if now, err := w.On(); err != nil || now && on {
		return err
	}
	run, _, err := registry.CreateKey(registry.CURRENT_USER, runKey, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("opening the Run key: %w", err)
	}
	defer run.Close()
	if on {
		err = run.SetStringValue(runValue, w.command)
	} else {
		err = gone(run.DeleteValue(runValue))
	}
	if err != nil {
		return fmt.Errorf("writing the Run key: %w", err)
	}
	approved, err := registry.OpenKey(registry.CURRENT_USER, approvedKey, registry.SET_VALUE)
	if err != nil {
		return gone(err)
	}
	defer approved.Close()
	return gone(approved.DeleteValue(runValue))
}

// gone is nil where err says that there is nothing.
func gone(err error) error {
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	return err
}
