//go:build integration

package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	service = "org.freedesktop.secrets"
	root    = dbus.ObjectPath("/org/freedesktop/secrets")
	api     = "org.freedesktop.Secret."
	master  = "correct horse" // the password of the keyring
)

// process is a program of somebody else, run by the tests.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed after its end
}

// run starts a program with its output in the file log, in a group of its own: its children go with it.
func run(log, stdin, program string, args ...string) (*process, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, fmt.Errorf("%w: make integration installs it", err)
	}
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd, make(chan struct{})}
	go func() { cmd.Wait(); close(p.ended) }()
	return p, nil
}

func (p *process) signal(s syscall.Signal) { syscall.Kill(-p.cmd.Process.Pid, s) }

func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// end lets it put in order what it has.
func (p *process) end() error {
	p.signal(syscall.SIGTERM)
	return until("its end", func() bool {
		select {
		case <-p.ended:
			return true
		default:
			return false
		}
	})
}

// until waits for something that another program does.
func until(what string, done func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if done() {
			return nil
		}
		<-tick.C
	}
	return fmt.Errorf("%s: not after 20 s", what)
}

// bus is one of a session that nobody else has.
type bus struct {
	*process
	address string
}

// newBus starts a bus in dir. services is a directory of what it may start; none
// where that is empty.
func newBus(dir, services string) (*bus, error) {
	if services != "" {
		services = "<servicedir>" + services + "</servicedir>"
	}
	socket, config := filepath.Join(dir, "bus"), filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(config, []byte(`<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=`+socket+`</listen><auth>EXTERNAL</auth>`+services+`
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`), 0o600); err != nil {
		return nil, err
	}
	p, err := run(filepath.Join(dir, "bus.log"), "", "dbus-daemon", "--nofork", "--config-file="+config)
	if err != nil {
		return nil, err
	}
	b := &bus{p, "unix:path=" + socket}
	return b, until("the bus", func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// peer is a keyring of somebody else with its bus, and a second client of it.
type peer struct {
	*bus
	name, version string
	collection    dbus.ObjectPath
	launch        func() (*process, error) // unlocked
	unlock        func() error             // what a person does at a prompt
	file          string                   // where it keeps what it has, some time after its answer; "" where it has written it by then
	silent        func(*testing.T)         // prompts are shown from now on to the end of the test, and nobody comes

	daemon, monitor *process
	dir, log        string // the log is that of the bus
	other           *dbus.Conn
	session         dbus.ObjectPath // of other
}

// newPeer starts a bus below dir, and a second client and a watcher of it.
func newPeer(dir, name, collection string) (p *peer, err error) {
	dir = filepath.Join(dir, name)
	p = &peer{dir: dir, name: name, collection: root + "/collection/" + dbus.ObjectPath(collection), log: filepath.Join(dir, "monitor.log")}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return p, err
	}
	if p.bus, err = newBus(dir, ""); err != nil {
		return p, err
	}
	if p.other, err = dbus.Connect(p.address); err != nil {
		return p, err
	}
	if p.monitor, err = run(p.log, "", "dbus-monitor", "--profile", "--address", p.address); err != nil {
		return p, err
	}
	return p, p.watched()
}

// gnomeKeyring is its daemon.
func gnomeKeyring(dir string) (*peer, error) {
	p, err := newPeer(dir, "gnome-keyring", "login")
	if err != nil {
		return p, err
	}
	p.launch = func() (*process, error) {
		return p.run(master, "gnome-keyring-daemon", "--unlock", "--foreground", "--components=secrets")
	}
	p.unlock = func() error {
		return p.call(root, "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface.UnlockWithMasterPassword", p.collection, p.secret(master)).Err
	}
	p.silent = func(t *testing.T) { p.prompter(t) }
	out, err := exec.Command("gnome-keyring-daemon", "--version").Output()
	if err != nil {
		return p, err
	}
	p.version, _, _ = strings.Cut(string(out), "\n")
	return p, p.start()
}

// keePassXC has a database whose root group other programs may see, on a screen
// that nobody sees.
func keePassXC(dir string) (*peer, error) {
	p, err := newPeer(dir, "keepassxc", "db")
	if err != nil {
		return p, err
	}
	file := func(name string) string { return filepath.Join(p.dir, name) }
	p.launch = func() (*process, error) {
		return p.run(master+"\n", "keepassxc", "--config", file("keepassxc.ini"), "--localconfig", file("local.ini"), "--pw-stdin", file("db.kdbx"))
	}
	p.unlock = func() error { // its dialog has no other way in
		return errors.Join(p.daemon.end(), p.start())
	}
	p.silent = func(*testing.T) {}
	p.file = file("db.kdbx")
	if err := errors.Join(
		os.WriteFile(file("keepassxc.ini"), []byte("[General]\nConfigVersion=2\nUpdateCheckMessageShown=true\n[GUI]\nCheckForUpdates=false\n"+
			"[FdoSecrets]\nEnabled=true\nShowNotification=false\nConfirmAccessItem=false\nConfirmDeleteItem=false\nUnlockBeforeSearch=false\n"), 0o600),
		os.WriteFile(file("db.xml"), []byte(`<?xml version="1.0" encoding="UTF-8"?><KeePassFile><Meta><Generator>KeePassXC</Generator>
<CustomData><Item><Key>FDO_SECRETS_EXPOSED_GROUP</Key><Value>{00112233-4455-6677-8899-aabbccddeeff}</Value></Item></CustomData></Meta>
<Root><Group><UUID>ABEiM0RVZneImaq7zN3u/w==</UUID><Name>Root</Name></Group></Root></KeePassFile>`), 0o600),
	); err != nil {
		return p, err
	}
	cmd := exec.Command("keepassxc-cli", "import", "-p", file("db.xml"), file("db.kdbx"))
	cmd.Stdin = strings.NewReader(master + "\n" + master + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return p, fmt.Errorf("keepassxc-cli: %w\n%s", err, out)
	}
	out, err := exec.Command("keepassxc-cli", "--version").Output()
	if err != nil {
		return p, err
	}
	p.version = "KeePassXC: " + strings.TrimSpace(string(out))
	return p, p.start()
}

// run starts a program on the bus of the peer.
func (p *peer) run(stdin, program string, args ...string) (*process, error) {
	os.Setenv("DBUS_SESSION_BUS_ADDRESS", p.address)
	return run(filepath.Join(p.dir, "daemon.log"), stdin, program, args...)
}

// start starts the daemon, unlocked.
func (p *peer) start() (err error) {
	if p.daemon, err = p.launch(); err != nil {
		return err
	}
	return until("an unlocked "+p.name, func() bool {
		locked, err := p.locked()
		return err == nil && !locked && p.open() == nil
	})
}

// written does what changes a secret, and waits until that is in the file.
func (p *peer) written(t *testing.T, change func()) {
	t.Helper()
	before, _ := os.ReadFile(p.file)
	change()
	must(t, until("a file that is written", func() bool {
		after, _ := os.ReadFile(p.file)
		return p.file == "" || len(after) > 0 && !bytes.Equal(before, after)
	}))
}

func (p *peer) stop() {
	if p.other != nil {
		p.other.Close()
	}
	for _, process := range []*process{p.daemon, p.monitor} {
		if process != nil {
			process.kill()
		}
	}
	if p.bus != nil {
		p.bus.kill()
	}
}

// call is one of the second client.
func (p *peer) call(path dbus.ObjectPath, method string, args ...any) *dbus.Call {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return p.other.Object(service, path).CallWithContext(ctx, method, 0, args...)
}

func (p *peer) open() error {
	var output dbus.Variant
	return p.call(root, api+"Service.OpenSession", "plain", dbus.MakeVariant("")).Store(&output, &p.session)
}

func (p *peer) locked() (locked bool, err error) {
	var v dbus.Variant
	if err := p.call(p.collection, "org.freedesktop.DBus.Properties.Get", api+"Collection", "Locked").Store(&v); err != nil {
		return false, err
	}
	return locked, v.Store(&locked)
}

func (p *peer) lock() error {
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	if err := p.call(root, api+"Service.Lock", []dbus.ObjectPath{p.collection}).Store(&locked, &prompt); err != nil {
		return err
	}
	if prompt != "/" { // KeePassXC has one, and answers it by itself
		if err := p.call(prompt, api+"Prompt.Prompt", "").Err; err != nil {
			return err
		}
	}
	return until("a locked "+p.name, func() bool { locked, err := p.locked(); return err == nil && locked })
}

type value struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

func (p *peer) secret(text string) value {
	return value{p.session, []byte{}, []byte(text), "text/plain"}
}

// items are those with the attributes by which other programs know ours.
func (p *peer) items(name string) (items []dbus.ObjectPath, err error) {
	err = p.call(p.collection, api+"Collection.SearchItems", map[string]string{"service": "homing", "username": name}).Store(&items)
	return items, err
}

// look reads a secret as another program does.
func (p *peer) look(name string) (string, error) {
	items, err := p.items(name)
	if err != nil || len(items) != 1 {
		return "", fmt.Errorf("%d items for %s: %w", len(items), name, err)
	}
	var v value
	err = p.call(items[0], api+"Item.GetSecret", p.session).Store(&v)
	return string(v.Value), err
}

// replace puts another secret in the place of one, as another program does.
func (p *peer) replace(name, secret string) error {
	items, err := p.items(name)
	if err != nil || len(items) != 1 {
		return fmt.Errorf("%d items for %s: %w", len(items), name, err)
	}
	return p.call(items[0], api+"Item.SetSecret", p.secret(secret)).Err
}

// remove deletes a secret that is there, as another program does.
func (p *peer) remove(name string) error {
	items, err := p.items(name)
	if err != nil {
		return err
	}
	for _, item := range items {
		var prompt dbus.ObjectPath
		if err := p.call(item, api+"Item.Delete").Store(&prompt); err != nil {
			return err
		}
		if prompt != "/" { // as in lock
			if err := p.call(prompt, api+"Prompt.Prompt", "").Err; err != nil {
				return err
			}
		}
	}
	return until("nothing kept", func() bool { items, err := p.items(name); return err == nil && len(items) == 0 })
}

// calls returns the methods of the service that others than the second client
// have called, one for each call. A line of the log of the bus is
//
//	type time serial sender destination path interface member
func (p *peer) calls() ([]string, error) {
	if err := p.watched(); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(p.log)
	if err != nil {
		return nil, err
	}
	var calls []string
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) == 8 && f[0] == "mc" && strings.HasPrefix(f[6], api) && f[3] != p.other.Names()[0] {
			calls = append(calls, strings.TrimPrefix(f[6], api)+"."+f[7])
		}
	}
	return calls, nil
}

// watched waits until the log has a call that is made now.
func (p *peer) watched() error {
	marks := func() int { b, _ := os.ReadFile(p.log); return strings.Count(string(b), "\tGetId\n") }
	before := marks()
	return until("the log of the bus", func() bool {
		p.other.BusObject().Call("org.freedesktop.DBus.GetId", 0)
		return marks() > before
	})
}

// tell prints the version of the daemon, and how often it was asked for what. A
// kind that is not there at all is an error: then something else has answered.
func (p *peer) tell() error {
	calls, err := p.calls()
	if err != nil {
		return err
	}
	var counts, none []string
	for _, kind := range []string{"Service.OpenSession", "Collection.SearchItems", "Collection.CreateItem", "Item.GetSecret", "Item.Delete", "Service.Unlock", "Prompt.Prompt"} {
		n := len(slices.DeleteFunc(slices.Clone(calls), func(c string) bool { return c != kind }))
		if n == 0 {
			none = append(none, kind)
		}
		counts = append(counts, fmt.Sprintf("%d %s", n, kind))
	}
	fmt.Printf("%s; its bus has seen %s\n", p.version, strings.Join(counts, ", "))
	if len(none) > 0 {
		return fmt.Errorf("%s was asked for no %s", p.version, strings.Join(none, " and no "))
	}
	return nil
}
