//go:build !windows

package program

// policyFile is where the machine's policy lies.
func policyFile() (string, error) { return "/etc/homing/policy.toml", nil }
