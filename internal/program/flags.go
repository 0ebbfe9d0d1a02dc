package program

import (
	"fmt"
	"os"
	"path/filepath"
)

// Flags are what both commands let be said on the command line. Empty: it was not.
type Flags struct {
	Config    string   // file instead of the user's
	State     string   // directory instead of the user's
	CAFile    string   // network.ca_file
	ConnectTo []string // network.connect_to
}

// Load loads the configuration from p, or where the flags say instead, and lays
// them over it. What the policy says no flag changes: that is an error which names
// the policy's file.
func (f Flags) Load(p Paths) (Paths, *Effective, error) {
	if f.Config != "" {
		if _, err := os.Stat(f.Config); err != nil {
			return p, nil, fmt.Errorf("reading the configuration: %w", err)
		}
		p.Config = f.Config
	}
	if f.State != "" {
		dir, err := filepath.Abs(f.State)
		if err != nil {
			return p, nil, err
		}
		p = p.In(dir)
	}
	c, err := LoadConfig(p)
	if err == nil && f.CAFile != "" {
		err = c.Set("network.ca_file", "--ca-file", func(c *Config) { c.Network.CAFile = f.CAFile })
	}
	if err == nil && f.ConnectTo != nil {
		err = c.Set("network.connect_to", "--connect-to", func(c *Config) { c.Network.ConnectTo = f.ConnectTo })
	}
	if err != nil {
		return p, nil, err
	}
	return p, c, nil
}
