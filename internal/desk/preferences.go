package desk

import (
	"fmt"
	"time"

	"github.com/homing-mail/homing/internal/program"
)

// Notices is whether a person wants notifications; they are on until they are
// switched off.
type Notices struct{ *program.Preferences }

// On reports whether they are shown.
func (n Notices) On() (bool, error) {
	chosen, err := n.Load()
	return !chosen.Silent, err
}

// Set switches them.
func (n Notices) Set(on bool) error {
	return n.Change(func(c *program.Chosen) { c.Silent = !on })
}

// Interval is how often a session is looked after (pace.probe).
type Interval struct {
	*program.Preferences
	Config *program.Effective // of this process, as it has begun
}

const probeKey = "pace.probe"

// Get returns what is in force from the next start of an agent on, and who says so
// where no person can choose: a file or a flag.
func (i Interval) Get() (d time.Duration, fixed string) {
	if fixed := i.Config.Fixed(probeKey); fixed != "" {
		return time.Duration(i.Config.Pace.Probe), fixed
	}
	chosen, err := i.Load()
	switch {
	case err != nil:
		return time.Duration(i.Config.Pace.Probe), ""
	case chosen.Probe == 0:
		return program.DefaultProbe(), ""
	}
	return chosen.Probe, ""
}

// Set chooses, unless Get says that nobody can.
func (i Interval) Set(d time.Duration) error {
	if _, fixed := i.Get(); fixed != "" {
		return fmt.Errorf("%s says how often Homing looks", fixed)
	}
	return i.Change(func(c *program.Chosen) { c.Probe = d })
}
