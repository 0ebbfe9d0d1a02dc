package profile

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// rename waits for virus scanners and readers, which keep a file from being
// replaced for a moment: 5, 10 … 160 ms.
func rename(from, to string) error {
	for wait := 5 * time.Millisecond; ; wait *= 2 {
		err := os.Rename(from, to)
		busy := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
		if !busy || wait > 160*time.Millisecond {
			return err
		}
		time.Sleep(wait)
	}
}

// syncDir does nothing: a directory cannot be flushed here, and NTFS journals
// its names.
func syncDir(string) error { return nil }
