//go:build !windows

package control

import (
	"fmt"
	"os"
	"syscall"
)

const errRefused = syscall.ECONNREFUSED

// checkPrivate refuses a directory that others may enter: between bind and
// chmod it is all that protects the socket.
func checkPrivate(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("looking at the directory of the control socket: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("the directory of the control socket is open to others (mode %04o): run chmod 700 %s", mode, dir)
	}
	return nil
}

func makePrivate(socket string) error { return os.Chmod(socket, 0o600) }
