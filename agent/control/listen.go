package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"
)

// maxPath is the longest path of a socket, in bytes: sun_path holds 104 on
// macOS and 108 on Linux and Windows, with the NUL at its end.
const maxPath = 103

// connectTimeout bounds a connect, which waits only where the backlog is full.
const connectTimeout = 5 * time.Second

// Listen opens the socket at path, which is absolute. It makes the directory
// (0700) where there is none, refuses one that is open to others, and makes the
// socket 0600. It replaces a socket on which nobody answers; where somebody
// does, the error is ErrRunning. Nothing but a socket is ever replaced. Closing
// the listener removes the socket.
func Listen(path string) (net.Listener, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of the control socket: %w", err)
	}
	if err := checkPrivate(dir); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("opening the control socket: %w", err)
	}
	if err := makePrivate(path); err != nil {
		l.Close()
		return nil, fmt.Errorf("restricting the control socket: %w", err)
	}
	return l, nil
}

func checkPath(path string) error {
	switch {
	case !filepath.IsAbs(path):
		return fmt.Errorf("the path of the control socket has to be absolute: %q", path)
	case len(path) > maxPath:
		return fmt.Errorf("the path of the control socket has %d bytes, and the system allows %d: choose a shorter state directory: %s", len(path), maxPath, path)
	}
	return nil
}

// removeStale removes what an agent left that ended without a goodbye.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("looking at the control socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is in the way of the control socket, and is none: move it away", path)
	}
	conn, err := connect(context.Background(), path)
	switch {
	case err == nil:
		conn.Close()
		return fmt.Errorf("%w: it answers at %s", ErrRunning, path)
	case !errors.Is(err, ErrNotRunning):
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing a stale control socket: %w", err)
	}
	return nil
}

// connect opens a connection to whoever listens at path.
func connect(ctx context.Context, path string) (net.Conn, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: connectTimeout}
	conn, err := d.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errRefused):
		return nil, fmt.Errorf("%w: nobody answers at %s", ErrNotRunning, path)
	}
	return nil, fmt.Errorf("connecting to the running agent: %w", err)
}
