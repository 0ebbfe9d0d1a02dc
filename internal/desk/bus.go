package desk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/godbus/dbus/v5"
)

// ErrNoBus says that there is no session bus, so neither a tray nor notifications.
var ErrNoBus = errors.New("there is no session bus (DBUS_SESSION_BUS_ADDRESS is not set)")

// noBus is an address that the D-Bus library does not take for its wish to start a
// bus, and nobody for a bus.
const noBus = "autolaunch:scope=none"

// busAddress is where the session bus listens. The D-Bus library, left to itself,
// would run dbus-launch where it finds none, whose daemons stay behind.
func busAddress() (string, error) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return "", fmt.Errorf("the session bus: %w", errors.ErrUnsupported)
	}
	if address := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" {
		if strings.HasPrefix(address, "autolaunch:") {
			return "", ErrNoBus
		}
		return address, nil
	}
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(dir) {
		return "", ErrNoBus
	}
	path := filepath.Join(dir, "bus")
	if _, err := os.Stat(path); err != nil {
		return "", ErrNoBus
	}
	return "unix:path=" + dbus.EscapeBusAddressValue(path), nil
}

// JoinBus has the libraries of this process, the toolkit among them, use the session
// bus that this package uses, and none where there is none. It changes the
// environment, so it is called before anything else is.
func JoinBus() {
	address, err := busAddress()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return
	case err != nil:
		address = noBus
	}
	os.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
}

// connect opens a connection of our own to the session bus, which outlives ctx.
func connect(ctx context.Context) (*dbus.Conn, error) {
	address, err := busAddress()
	if err != nil {
		return nil, err
	}
	conn, err := dbus.Dial(address)
	if err == nil {
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		if err = conn.Auth(nil); err == nil {
			err = conn.Hello()
		}
		if !stop() && err == nil {
			err = ctx.Err()
		}
		if err != nil {
			conn.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("connecting to the session bus: %w", err)
	}
	return conn, nil
}
