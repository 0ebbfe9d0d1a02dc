package mapi

import (
	"errors"
	"fmt"
)

// MaxDN is the length in bytes of the longest distinguished name (UserDn,
// Essdn) that this package reads or writes, without its NUL.
const MaxDN = 1024

// CheckDN says why dn cannot travel as a UserDn or Essdn, nil if it can: it
// must not be empty, must be at most [MaxDN] bytes, and must be printable
// ASCII (so that no NUL can hide the end of it).
func CheckDN(dn string) error {
	switch why := checkASCII([]byte(dn[:min(len(dn), MaxDN)])); {
	case dn == "":
		return errors.New("distinguished name is empty")
	case len(dn) > MaxDN:
		return fmt.Errorf("distinguished name is %d bytes long, over the limit of %d", len(dn), MaxDN)
	case why != "":
		return fmt.Errorf("distinguished name: %s", why)
	}
	return nil
}

func printable(c byte) bool { return ' ' <= c && c <= '~' }

// checkASCII says what is not printable ASCII in p, "" if all of it is.
func checkASCII(p []byte) string {
	for i, c := range p {
		if !printable(c) {
			return fmt.Sprintf("byte 0x%02x at %d is not printable ascii", c, i)
		}
	}
	return ""
}
