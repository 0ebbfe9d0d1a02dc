//go:build integration

package desktop

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image/color"
	"image/png"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/internal/bustest"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/mockserver"
	"github.com/homing-mail/homing/ui"
)

var (
	screenshots = flag.String("screenshots", "", "`directory` for a picture of each view, in light and in dark; none if empty")
	binary      string // homing-tray
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

// run builds the program as a release has it.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "homing-desktop")
	if err != nil {
		log.Print(err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "homing-tray")
	began := time.Now()
	if out, err := exec.Command("go", "build", "-tags", "tray,gles", "-o", binary, "github.com/homing-mail/homing/cmd/homing-tray").CombinedOutput(); err != nil {
		log.Printf("building homing-tray: %v\n%s", err, out)
		return 1
	}
	fmt.Printf("homing-tray built in %s\n", time.Since(began).Round(time.Second))
	return m.Run()
}

// session is the desktop of a person: a display, a session bus with a tray,
// notifications and a keyring, a home of its own, and a world out there.
type session struct {
	*screen
	home          string
	paths         program.Paths
	world         *mockserver.Server
	tray          *bustest.Tray
	notifications *bustest.Notifications
	agent         *control.Client
	said          *record // by the program
	theme         string
	item          *bustest.Item
	pid           int             // of the program
	ended         <-chan error    // how
	primary       color.Color     // of the important button
	toWindow      []time.Duration // a transition of the agent took until it was seen
	toTray        []time.Duration
}

// config is the configuration of a person in the world: one file says how it is
// reached, and that nobody waits as long as outside.
const config = `[network]
ca_file = %q
connect_to = [":443:%s", ":80:%s"]
dns = %q
[pace]
move = ["4s", "4s"]
server = ["1s", "1s"]
news = ["1s", "1s"]
network = ["1s", "1s"]
turn = "1ms"
`

func newSession(t *testing.T, theme string) *session {
	t.Helper()
	home, err := os.MkdirTemp("", "desk") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	bus, err := bustest.Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bus.Close() })
	dirs := map[string]string{
		"HOME": home, "XDG_RUNTIME_DIR": home + "/run", "XDG_CONFIG_HOME": home + "/config", "XDG_STATE_HOME": home + "/state",
		"XDG_DATA_HOME": home + "/data", "XDG_CACHE_HOME": home + "/cache",
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "LANG=en_US.UTF-8", "TZ=UTC", "DBUS_SESSION_BUS_ADDRESS=" + bus.Addr, "FYNE_THEME=" + theme, "LIBGL_ALWAYS_SOFTWARE=1"}
	for name, dir := range dirs {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, dir) // DefaultPaths looks there as the program does
		env = append(env, name+"="+dir)
	}
	s := &session{screen: &screen{t: t}, home: home, said: new(record), theme: theme}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("homing-tray:\n%s", s.said)
		}
	})
	if s.paths, err = program.DefaultPaths(); err != nil {
		t.Fatal(err)
	}
	s.agent = &control.Client{Path: s.paths.Socket}
	if s.tray, err = bus.Tray(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.tray.Close() })
	if s.notifications, err = bus.Notifications(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.notifications.Close() })
	peer(t, env, "the password of the keyring", "gnome-keyring-daemon", "--foreground", "--components=secrets", "--unlock")
	s.openWorld()
	s.screen = openScreen(t, env)
	// Nothing moves by itself in the pictures.
	s.file("config/fyne/settings.json", `{"no_animations":true}`)
	return s
}

func (s *session) openWorld() {
	s.t.Helper()
	w, err := mockserver.OpenWorld("acquisition")
	if err != nil {
		s.t.Fatal(err)
	}
	if s.world, err = mockserver.New(w); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.world.Close() })
	if err := errors.Join(s.world.Listen("127.0.0.1:0"), s.world.ListenClear("127.0.0.1:0"), s.world.ListenDNS("127.0.0.1:0")); err != nil {
		s.t.Fatal(err)
	}
	s.file("ca.pem", string(s.world.CertificatePEM()))
	s.file("config/homing/config.toml", fmt.Sprintf(config, filepath.Join(s.home, "ca.pem"), s.world.Addr(), s.world.ClearAddr(), s.world.DNSAddr()))
}

// file writes a file below the home.
func (s *session) file(name, content string) {
	s.t.Helper()
	name = filepath.Join(s.home, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(content), 0o600)); err != nil {
		s.t.Fatal(err)
	}
}

// does has the world do a line of its script.
func (s *session) does(line string) {
	s.t.Helper()
	if _, err := s.world.Do(line); err != nil {
		s.t.Fatal(err)
	}
}

// open starts the program; its end is told.
func (s *session) open(args ...string) (pid int, ended <-chan error) {
	s.t.Helper()
	cmd := exec.Command(binary, append([]string{"-v"}, args...)...)
	cmd.Env, cmd.Stderr, cmd.WaitDelay = s.env, s.said, time.Second
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	end := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		end <- cmd.Wait()
		close(done)
	}()
	s.t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		select {
		case <-done:
		case <-time.After(long):
			cmd.Process.Kill()
			<-done
			s.t.Error("homing-tray does not end")
		}
	})
	return cmd.Process.Pid, end
}

// processes are those of the program that belong to this desktop.
func (s *session) processes() (pids []string) {
	s.t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil || len(all) == 0 {
		s.t.Fatalf("/proc tells nothing of processes: %v", err)
	}
	for _, file := range all {
		env, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		exe, err := os.Readlink(filepath.Join(filepath.Dir(file), "exe"))
		if err == nil && exe == binary && slices.Contains(strings.Split(string(env), "\x00"), "HOME="+s.home) {
			pids = append(pids, filepath.Base(filepath.Dir(file)))
		}
	}
	return pids
}

// until waits until the agent says of its one mailbox what is awaited.
func (s *session) until(what string, so func(agent.Mailbox) bool) agent.Mailbox {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	var last agent.Mailbox
	for ctx.Err() == nil {
		for status, err := range s.agent.Watch(ctx) {
			if err != nil {
				break // it starts
			}
			if len(status.Mailboxes) != 1 {
				continue
			}
			if last = status.Mailboxes[0]; so(last) {
				return last
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(look):
		}
	}
	s.t.Fatalf("%s: the agent says %v at %q", what, last.State, last.Server)
	return last
}

func (s *session) atHome(server string) agent.Mailbox {
	s.t.Helper()
	return s.until("at home on "+server, func(m agent.Mailbox) bool { return m.State == agent.Online && m.Server == server })
}

// shows waits until the tray shows an icon and a sentence.
func (s *session) shows(icon ui.Icon, sentence string) {
	s.t.Helper()
	eventually(s.t, "the tray", func() error {
		tip, err := s.item.Tooltip()
		if err != nil {
			return err
		}
		if tip != sentence {
			return fmt.Errorf("it says %q, want %q", tip, sentence)
		}
		menu, err := s.item.Menu()
		if err != nil {
			return err
		}
		if len(menu) == 0 || menu[0].Label != sentence || menu[0].Enabled {
			return fmt.Errorf("the menu is %+v", menu)
		}
		_, _, picture, err := s.item.Picture()
		if err != nil {
			return err
		}
		if got := alike(s.t, picture); got != icon {
			return fmt.Errorf("the icon is %v, want %v", got, icon)
		}
		return nil
	})
}

// alike is the icon of which a tray has the picture: alpha, red, green, blue of each
// point. What is half transparent arrives in colours that are not quite its own.
func alike(t *testing.T, picture []byte) (nearest ui.Icon) {
	t.Helper()
	least := len(picture) * 0xff
	for icon := ui.AtHome; icon <= ui.NeedsYou; icon++ {
		img, err := png.Decode(bytes.NewReader(icon.PNG()))
		if err != nil {
			t.Fatal(err)
		}
		if w := img.Bounds().Dx(); 4*w*img.Bounds().Dy() == len(picture) {
			off := 0
			for i, v := range picture {
				c := color.NRGBAModel.Convert(img.At(i/4%w, i/4/w)).(color.NRGBA)
				off += int(max(v, [...]uint8{c.A, c.R, c.G, c.B}[i%4]) - min(v, [...]uint8{c.A, c.R, c.G, c.B}[i%4]))
			}
			if off < least {
				least, nearest = off, icon
			}
		}
	}
	return nearest
}

// chooses clicks on a line of the menu of the tray.
func (s *session) chooses(label string) {
	s.t.Helper()
	eventually(s.t, "the menu", func() error { return s.item.Click(label) })
}

// told is the next notification.
func (s *session) told(title string, words ...string) {
	s.t.Helper()
	select {
	case n := <-s.notifications.Received:
		for _, w := range words {
			if n.Title != title || !strings.Contains(n.Body, w) {
				s.t.Errorf("told %q, %q; want %q with %q", n.Title, n.Body, title, words)
				return
			}
		}
	case <-time.After(long):
		s.t.Fatalf("nobody tells %q", title)
	}
}

// silent fails where there is a notification that nobody has awaited.
func (s *session) silent() {
	s.t.Helper()
	select {
	case n := <-s.notifications.Received:
		s.t.Errorf("told without need: %q, %q", n.Title, n.Body)
	default:
	}
}

func receive[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(long):
		t.Fatal("what was awaited has not come")
	}
	return v
}

// record is what a program says, line by line.
type record struct {
	mu    sync.Mutex
	lines []line
	part  []byte // of a line
	seen  int    // lines that await has gone by
}

type line struct {
	text string
	at   time.Time
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.part = append(r.part, p...)
	for {
		l, rest, whole := bytes.Cut(r.part, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		r.lines = append(r.lines, line{string(l), time.Now()})
		r.part = bytes.Clone(rest)
	}
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for _, l := range r.lines {
		b.WriteString(l.text + "\n")
	}
	return b.String()
}

// next is the first line after the one that was found before that has all words.
func (r *record) next(words ...string) (line, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := r.seen; i < len(r.lines); i++ {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(r.lines[i].text, w) }) {
			r.seen = i + 1
			return r.lines[i], true
		}
	}
	return line{}, false
}

// sees waits until the window says in its log that it shows something.
func (s *session) sees(words ...string) line {
	s.t.Helper()
	var found line
	eventually(s.t, "the window", func() error {
		var ok bool
		if found, ok = s.said.next(words...); !ok {
			return fmt.Errorf("it says nothing of %q", words)
		}
		return nil
	})
	return found
}
