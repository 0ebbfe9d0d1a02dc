package profile_test

import (
	"testing"

	"github.com/homing-mail/homing/profile"
	"github.com/homing-mail/homing/profile/storetest"
)

func TestFiles(t *testing.T) {
	storetest.Run(t, func(t *testing.T) profile.Store { return &profile.Files{Dir: t.TempDir()} })
}

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) profile.Store { return &profile.Memory{} })
}

// Two stores on one directory are what two processes are: each call opens the
// lock anew.
func TestTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	storetest.Writers(t, &profile.Files{Dir: dir}, &profile.Files{Dir: dir})
}
