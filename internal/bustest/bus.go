// Package bustest is a session bus of its own with what a desktop has on it: a
// tray, and somebody who shows notifications. It needs dbus-daemon.
package bustest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Bus is a private session bus. Nothing of the user's session is on it, and it
// starts no service.
type Bus struct {
	Addr string // for DBUS_SESSION_BUS_ADDRESS

	daemon *exec.Cmd
	dir    string
}

// config lets everybody own and send everything, and names no directory of
// services.
const config = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir=%s</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`

// Start starts a bus, which lasts until Close or the end of ctx.
func Start(ctx context.Context) (b *Bus, err error) {
	dir, err := os.MkdirTemp("", "bus") // the path of a socket is short
	if err != nil {
		return nil, err
	}
	b = &Bus{dir: dir}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	file := dir + "/bus.conf"
	if err := os.WriteFile(file, fmt.Appendf(nil, config, dir), 0o600); err != nil {
		return nil, err
	}
	b.daemon = exec.CommandContext(ctx, "dbus-daemon", "--nofork", "--print-address=1", "--config-file="+file)
	out, err := b.daemon.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := b.daemon.Start(); err != nil {
		return nil, fmt.Errorf("starting a bus: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("dbus-daemon says no address: %w", errors.Join(err, b.daemon.Wait()))
	}
	b.Addr = strings.TrimSpace(line)
	return b, nil
}

// Close ends the bus, and every connection to it.
func (b *Bus) Close() error {
	b.daemon.Process.Kill()
	b.daemon.Wait() // says that it was killed
	return os.RemoveAll(b.dir)
}

// own opens a connection that has a well-known name.
func (b *Bus) own(name string, object any, path dbus.ObjectPath) (*dbus.Conn, error) {
	conn, err := dbus.Connect(b.Addr)
	if err != nil {
		return nil, err
	}
	if err := conn.Export(object, path, name); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	reply, err := conn.RequestName(name, dbus.NameFlagDoNotQueue)
	if err == nil && reply != dbus.RequestNameReplyPrimaryOwner {
		err = errors.New("somebody else has it")
	}
	if err != nil {
		return nil, fmt.Errorf("owning %s: %w", name, errors.Join(err, conn.Close()))
	}
	return conn, nil
}
