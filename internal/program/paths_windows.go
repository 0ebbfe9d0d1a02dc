package program

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// policyFile is where the machine's policy lies. The system is asked for the
// folder: %ProgramData% is whatever the user has set it to.
func policyFile() (string, error) {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, windows.KF_FLAG_DEFAULT)
	if err != nil { // a policy that is not found would be none
		return "", fmt.Errorf("where this machine keeps its policy: %w", err)
	}
	return filepath.Join(dir, "homing", "policy.toml"), nil
}
