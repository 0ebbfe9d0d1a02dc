package program

import "testing"

// The policy is the machine's: no variable of a user moves it.
func TestNoVariableMovesThePolicy(t *testing.T) {
	before, err := policyFile()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ProgramData", "ALLUSERSPROFILE", "SystemDrive"} {
		t.Setenv(name, t.TempDir())
	}
	if after, err := policyFile(); err != nil || after != before {
		t.Errorf("with other variables: %s, %v; want %s", after, err, before)
	}
}
