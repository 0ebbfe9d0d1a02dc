//go:build integration

package desk

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"go.uber.org/goleak"
)

// newBus starts a session bus of its own, on which no service starts by itself, and
// makes it that of this process. It returns what ends it.
func newBus(t *testing.T) (end func()) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "bus.conf")
	write(t, config, fmt.Sprintf(`<busconfig><type>session</type><listen>unix:path=%s</listen><policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`, filepath.Join(dir, "bus")))
	daemon := exec.Command("dbus-daemon", "--nofork", "--print-address=1", "--config-file="+config)
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end = func() {
		if !ended {
			ended = true
			daemon.Process.Kill()
			daemon.Wait() // says that it was killed
		}
	}
	t.Cleanup(end)
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", strings.TrimSpace(address))
	return end
}

// own has a connection own a name.
func own(t *testing.T, name string) *dbus.Conn {
	t.Helper()
	conn, err := connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if reply, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("owning %s: %v, %v", name, reply, err)
	}
	return conn
}

func TestATrayIsSeenToComeAndGo(t *testing.T) {
	defer goleak.VerifyNone(t)
	end := newBus(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if there, err := TrayHost(ctx); there || err != nil {
		t.Errorf("on an empty bus: %v, %v", there, err)
	}
	var seen []bool
	var host *dbus.Conn
	for there := range WatchTrayHost(ctx) {
		seen = append(seen, there)
		switch len(seen) {
		case 1, 3:
			host = own(t, trayWatcher)
		case 2:
			if there, err := TrayHost(ctx); !there || err != nil {
				t.Errorf("with a tray: %v, %v", there, err)
			}
			host.Close()
		case 4:
			host.Close()
		case 5:
			end() // the bus
		}
	}
	if want := []bool{false, true, false, true, false}; !slices.Equal(seen, want) {
		t.Errorf("seen %v, want %v", seen, want)
	}
	if ctx.Err() != nil {
		t.Error("it did not end with the bus")
	}
	if _, err := TrayHost(ctx); err == nil {
		t.Error("a bus that has gone has a tray")
	}
}

func TestWatchingATrayEndsWithItsContext(t *testing.T) {
	defer goleak.VerifyNone(t)
	newBus(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for range WatchTrayHost(ctx) {
		n++
		cancel()
	}
	if n != 1 {
		t.Errorf("%d were seen", n)
	}
}

// shown is one notification, as a desktop gets it.
type shown struct {
	App, Icon, Title, Body string
	Replaces               uint32
	Entry                  string
	Sender                 string
}

type notifications struct {
	got  chan shown
	last uint32
}

func (n *notifications) Notify(app string, replaces uint32, icon, title, body string, actions []string, hints map[string]dbus.Variant, expire int32, sender dbus.Sender) (uint32, *dbus.Error) {
	entry, _ := hints["desktop-entry"].Value().(string)
	n.got <- shown{app, icon, title, body, replaces, entry, string(sender)}
	n.last++
	return n.last + 40, nil
}

func TestNotificationsTakeThePlaceOfThoseOfTheirMailbox(t *testing.T) {
	defer goleak.VerifyNone(t)
	newBus(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	n := Notifier{Icon: "homing"}
	defer n.Close()
	if err := n.Notify(ctx, "a", "t", "b"); err == nil {
		t.Error("shown by nobody")
	}
	desktop := &notifications{got: make(chan shown, 8)}
	conn := own(t, "org.freedesktop.Notifications")
	defer conn.Close()
	if err := conn.Export(desktop, "/org/freedesktop/Notifications", "org.freedesktop.Notifications"); err != nil {
		t.Fatal(err)
	}
	var senders []string
	for i, step := range []struct {
		key, title, body string
		want             shown
	}{
		{"ann", "Moved", "ex1 -> <b>ex2</b>", shown{App: "Homing", Icon: "homing", Title: "Moved", Body: "ex1 -&gt; &lt;b&gt;ex2&lt;/b&gt;", Entry: "homing"}},
		{"ben", "Moved", "ex2", shown{App: "Homing", Icon: "homing", Title: "Moved", Body: "ex2", Entry: "homing"}},
		{"ann", "Back", "ex2", shown{App: "Homing", Icon: "homing", Title: "Back", Body: "ex2", Replaces: 41, Entry: "homing"}},
		{"ann", "Back", "ex3", shown{App: "Homing", Icon: "homing", Title: "Back", Body: "ex3", Replaces: 43, Entry: "homing"}},
		{"", "Trouble", "one", shown{App: "Homing", Icon: "homing", Title: "Trouble", Body: "one", Entry: "homing"}},
		{"", "Trouble", "two", shown{App: "Homing", Icon: "homing", Title: "Trouble", Body: "two", Entry: "homing"}},
	} {
		if err := n.Notify(ctx, step.key, step.title, step.body); err != nil {
			t.Fatal(err)
		}
		got := <-desktop.got
		senders = append(senders, got.Sender)
		if got.Sender = ""; got != step.want {
			t.Errorf("%d: %+v, want %+v", i, got, step.want)
		}
	}
	if len(slices.Compact(senders)) != 1 {
		t.Errorf("they came from %v: a desktop takes back what a connection showed that has gone", senders)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if err := n.Notify(ctx, "ann", "Moved", "ex1"); err != nil {
		t.Errorf("after Close: %v", err)
	}
	if got := <-desktop.got; got.Replaces != 0 {
		t.Errorf("after Close it takes the place of %d", got.Replaces)
	}
}
