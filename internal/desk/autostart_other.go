//go:build !windows

package desk

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

func newAutostart(executable string) (Autostart, error) {
	if runtime.GOOS == "darwin" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		return launchAgent{filepath.Join(home, "Library", "LaunchAgents", agentLabel+".plist"), executable}, nil
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return nil, err
	}
	all := os.Getenv("XDG_CONFIG_DIRS")
	if all == "" {
		all = "/etc/xdg"
	}
	x := xdgAutostart{user: filepath.Join(config, "autostart", entryName), executable: executable}
	for _, dir := range strings.Split(all, ":") {
		if filepath.IsAbs(dir) { // the XDG specification: a relative one is to be ignored
			x.system = append(x.system, filepath.Join(dir, "autostart", entryName))
		}
	}
	return x, nil
}
