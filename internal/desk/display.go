package desk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Display says why no window can be shown, and what does without one: it fails on
// Linux and its like where no display is named, and where the one that is named does
// not answer. The toolkit would end the program in a panic instead.
func Display() error {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return nil
	}
	return display(os.Getenv, "/tmp/.X11-unix")
}

const headless = "; without a display there is: homing run"

func display(env func(string) string, sockets string) error {
	x, wayland := env("DISPLAY"), env("WAYLAND_DISPLAY")
	switch {
	case x == "" && wayland == "":
		return errors.New("there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)" + headless)
	case wayland != "" && speaksWayland:
		return nil
	case x == "":
		return errors.New("there is no X display (DISPLAY is not set), which the window needs on Wayland too: start Xwayland" + headless)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	networks, addresses, err := xAddress(x, sockets)
	if err != nil {
		return fmt.Errorf("DISPLAY=%s names no display: %w%s", x, err, headless)
	}
	for i, network := range networks {
		var conn net.Conn
		conn, err = new(net.Dialer).DialContext(ctx, network, addresses[i])
		if err == nil {
			return conn.Close()
		}
	}
	return fmt.Errorf("the display %s does not answer: %w%s", x, err, headless)
}

// xAddress is where an X display listens ([host]:number[.screen], X(7)): one of
// this machine at a socket, which on Linux has a twin that is no file.
func xAddress(name, sockets string) (networks, addresses []string, err error) {
	i := strings.LastIndexByte(name, ':')
	if i < 0 {
		return nil, nil, errors.New("it has no number")
	}
	host, number := name[:i], name[i+1:]
	number, _, _ = strings.Cut(number, ".")
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n > 65535-6000 {
		return nil, nil, errors.New("its number is none")
	}
	if host == "" || host == "unix" {
		path := filepath.Join(sockets, "X"+strconv.FormatUint(n, 10))
		return []string{"unix", "unix"}, []string{"@" + path, path}, nil
	}
	return []string{"tcp"}, []string{net.JoinHostPort(strings.Trim(host, "[]"), strconv.FormatUint(6000+n, 10))}, nil
}
