package program

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// Paths are the places that Homing reads and writes.
type Paths struct {
	Config string // config.toml: written by people only
	Policy string // policy.toml of the whole machine: above the configuration
	State  string // directory: written by the program only
	Socket string // of a running agent
	Window string // socket of the program that has the window; beside Socket
}

// DefaultPaths follow the XDG base directories on Linux and the native ones on
// Windows and macOS.
func DefaultPaths() (Paths, error) {
	config, err := os.UserConfigDir()
	if err != nil {
		return Paths{}, err
	}
	policy, err := policyFile()
	if err != nil {
		return Paths{}, err
	}
	p := Paths{Config: filepath.Join(config, "homing", "config.toml"), Policy: policy}
	switch runtime.GOOS {
	case "windows":
		local := os.Getenv("LocalAppData")
		if local == "" {
			return Paths{}, errors.New("%LocalAppData% is not set")
		}
		p.State = filepath.Join(local, "homing")
	case "darwin":
		p.State = filepath.Join(config, "homing", "state")
	default:
		p.State = os.Getenv("XDG_STATE_HOME")
		if !filepath.IsAbs(p.State) { // the XDG specification: a relative one is to be ignored
			home, err := os.UserHomeDir()
			if err != nil {
				return Paths{}, err
			}
			p.State = filepath.Join(home, ".local", "state")
		}
		p.State = filepath.Join(p.State, "homing")
	}
	p.Socket = p.socket()
	p.Window = p.window()
	return p, nil
}

// In returns the paths of a program whose state lies in dir.
func (p Paths) In(dir string) Paths {
	p.State = dir
	p.Socket = filepath.Join(dir, "agent.sock")
	p.Window = p.window()
	return p
}

// socket is in the run-time directory of the session where there is one: it
// vanishes with the session, and its path is short.
func (p Paths) socket() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "homing", "agent.sock")
	}
	return filepath.Join(p.State, "agent.sock")
}

func (p Paths) window() string   { return filepath.Join(filepath.Dir(p.Socket), "window.sock") }
func (p Paths) lock() string     { return filepath.Join(p.State, "agent.lock") }
func (p Paths) refused() string  { return filepath.Join(p.State, "refused.json") }
func (p Paths) consents() string { return filepath.Join(p.State, "consents.json") }
