//go:build tray && integration

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/internal/bustest"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/mockserver"
	"github.com/homing-mail/homing/profile"
	"github.com/homing-mail/homing/ui"
)

// session is a desktop of its own: a bus, a display that is always there, windows
// that a stage directs, and a mock world.
type session struct {
	t     *testing.T
	bus   *bustest.Bus
	stage *stage
	world *mockserver.Server
	paths program.Paths
	flags []string
	said  *record
}

func newSession(t *testing.T) *session {
	t.Helper()
	s := &session{t: t, stage: newStage(t), said: new(record)}
	var err error
	if s.bus, err = bustest.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.bus.Close() })
	w, err := mockserver.OpenWorld("acquisition")
	if err != nil {
		t.Fatal(err)
	}
	if s.world, err = mockserver.New(w); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.world.Close() })
	if err := s.world.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	dir := shortDir(t)
	s.paths = program.Paths{}.In(filepath.Join(dir, "s"))
	config, ca := filepath.Join(dir, "config.toml"), filepath.Join(dir, "ca.pem")
	for file, content := range map[string][]byte{
		ca:     s.world.CertificatePEM(),
		config: []byte("[secrets]\nbackend = 'file'\ndirectory = '" + filepath.Join(dir, "secrets") + "'\n[trust]\nhosts = ['*.fabrikam.test']\n[pace]\nturn = '1ms'\n"),
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.flags = []string{"--state=" + s.paths.State, "--config=" + config, "--ca-file=" + ca}
	for _, c := range s.world.ConnectTo() {
		s.flags = append(s.flags, "--connect-to="+c)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.said)
		}
	})
	return s
}

// start starts the program; its end is an error or nil.
func (s *session) start(args ...string) <-chan error {
	s.t.Helper()
	cmd := exec.CommandContext(withDeadline(s.t), os.Args[0], append(slices.Clone(s.flags), args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	cmd.Env = []string{
		playProgram + "=with a display", playWindow + "=" + s.stage.path, "DBUS_SESSION_BUS_ADDRESS=" + s.bus.Addr,
		"HOME=" + filepath.Dir(s.paths.State), "PATH=" + os.Getenv("PATH"), "LANG=en_US.UTF-8", hurry,
	}
	cmd.Stdout, cmd.Stderr = s.said, s.said
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return ended
}

func (s *session) tray() *bustest.Tray {
	s.t.Helper()
	tray, err := s.bus.Tray()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { tray.Close() })
	return tray
}

// item is the icon that registers next.
func (s *session) item(tray *bustest.Tray) *bustest.Item {
	s.t.Helper()
	item := receive(s.t, tray.Items)
	s.t.Cleanup(func() { item.Close() })
	return item
}

// signedIn gives the agent that runs Ann's mailbox, and waits until it is at home.
func (s *session) signedIn() *control.Client {
	s.t.Helper()
	client := &control.Client{Path: s.paths.Socket}
	ctx := withDeadline(s.t)
	c := agent.Command{Op: agent.Add, Address: "ann@contoso.test", Secret: trust.NewSecret(mockserver.DefaultPassword)}
	_, err := client.Do(ctx, c)
	for errors.Is(err, control.ErrNotRunning) && pause(ctx, time.Millisecond) {
		_, err = client.Do(ctx, c)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.await(client, func(m agent.Mailbox) bool { return m.State == agent.Online })
	return client
}

func (s *session) await(client *control.Client, fits func(agent.Mailbox) bool) agent.Mailbox {
	s.t.Helper()
	for status, err := range client.Watch(withDeadline(s.t)) {
		if err != nil {
			s.t.Fatal(err)
		}
		if len(status.Mailboxes) == 1 && fits(status.Mailboxes[0]) {
			return status.Mailboxes[0]
		}
	}
	s.t.Fatal("what was awaited has not come")
	return agent.Mailbox{}
}

// shows waits until the icon shows what of the item has to be so.
func (s *session) shows(item *bustest.Item, what string, so func() (bool, error)) {
	s.t.Helper()
	ctx := withDeadline(s.t)
	for {
		ok, err := so()
		if err != nil {
			s.t.Fatal(err)
		}
		if ok {
			return
		}
		if !pause(ctx, 5*time.Millisecond) {
			s.t.Fatalf("the icon does not show %s", what)
		}
	}
}

func english(t *testing.T) ui.Say {
	say, err := ui.In("en")
	if err != nil {
		t.Fatal(err)
	}
	return say
}

func TestTheIconInTheTray(t *testing.T) {
	s := newSession(t)
	say := english(t)
	tray := s.tray()
	notifications, err := s.bus.Notifications()
	if err != nil {
		t.Fatal(err)
	}
	defer notifications.Close()
	ended := s.start() // there is no profile yet, and it is started by hand
	window := s.stage.next()
	window.shows()
	item := s.item(tray)
	client := s.signedIn()
	if id, err := item.Property("Id"); id != "Homing" {
		t.Errorf("the desktop remembers it as %q, %v", id, err)
	}

	shown := func(m agent.Mailbox) ui.Model {
		return ui.Present(agent.Status{Version: agent.StatusVersion, Mailboxes: []agent.Mailbox{m}}, nil, time.Now(), say)
	}
	tells := func(m agent.Mailbox) func() (bool, error) {
		return func() (bool, error) {
			got, err := item.Tooltip()
			return got == shown(m).Sentence, err
		}
	}
	at := s.await(client, func(m agent.Mailbox) bool { return m.State == agent.Online })
	s.shows(item, shown(at).Sentence, tells(at))

	menu := func() (labels []string) {
		entries, err := item.Menu()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			label := e.Label
			if !e.Enabled {
				label = "(" + label + ")"
			}
			labels = append(labels, label)
		}
		return labels
	}
	want := []string{"(" + shown(at).Sentence + ")", "", say("view.check_now", nil), say("tray.open", nil), say("tray.pause", nil), "", say("tray.quit", nil)}
	if diff := cmp.Diff(want, menu()); diff != "" {
		t.Error(diff)
	}
	click := func(key string) {
		t.Helper()
		if err := item.Click(say(key, nil)); err != nil {
			t.Fatal(err)
		}
	}

	looked := at.Looked
	click("view.check_now")
	again := s.await(client, func(m agent.Mailbox) bool { return m.Looked.After(looked) && m.State == agent.Online })
	s.shows(item, "the mailbox at home", tells(again))

	click("tray.open")
	window.shows()
	if err := item.Tap(); err != nil {
		t.Error(err)
	}
	window.shows()

	_, _, home, err := item.Picture()
	if err != nil {
		t.Fatal(err)
	}
	click("tray.pause")
	resting := s.await(client, func(m agent.Mailbox) bool { return m.State == agent.Paused })
	s.shows(item, "the pause", tells(resting))
	if _, _, picture, err := item.Picture(); err != nil || slices.Equal(picture, home) {
		t.Errorf("the icon of a pause is that of a mailbox at home (%v)", err)
	}
	s.shows(item, "resume", func() (bool, error) { return slices.Contains(menu(), say("view.resume", nil)), nil })
	click("view.resume")
	back := s.await(client, func(m agent.Mailbox) bool { return m.State == agent.Online })
	s.shows(item, "the mailbox at home", tells(back))

	if _, err := s.world.Do("move ann mx1"); err != nil {
		t.Fatal(err)
	}
	moved := s.await(client, func(m agent.Mailbox) bool { return m.State == agent.Online && m.Server == "mx1.fabrikam.test" })
	s.shows(item, "the move", tells(moved))
	if n := receive(t, notifications.Received); !strings.Contains(n.Title+n.Body, "mx1.fabrikam.test") {
		t.Errorf("told: %+v", n)
	}

	// Closing the window leaves the icon; a second start opens it again.
	window.exits(0, "")
	if _, open := <-window.news; open {
		t.Error("the window hears something at its end")
	}
	second := s.start()
	window = s.stage.next()
	window.shows()
	if err := receive(t, second); err != nil {
		t.Errorf("the second one: %v", err)
	}
	click("tray.quit")
	window.ends()
	if err := receive(t, ended); err != nil {
		t.Errorf("it ends with %v", err)
	}
	if n := len(notifications.Received); n > 0 {
		t.Errorf("%d notifications more", n)
	}
	if _, err := control.Dial(s.paths.Socket); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("the agent: %v", err)
	}
}

func TestATrayThatComesLaterGetsTheIcon(t *testing.T) {
	s := newSession(t)
	ended := s.start()
	window := s.stage.next()
	window.shows()
	tray := s.tray()
	item := s.item(tray)
	if err := item.Tap(); err != nil {
		t.Error(err)
	}
	window.shows()
	// It goes, as when a desktop restarts its panel, and comes again.
	tray.Close()
	tray = s.tray()
	item = s.item(tray)

	window.exits(0, "")
	if _, open := <-window.news; open {
		t.Error("the window hears something at its end")
	}
	if err := item.Tap(); err != nil { // it is there although the window is not
		t.Fatal(err)
	}
	window = s.stage.next()
	window.shows()
	if err := item.Click(english(t)("tray.quit", nil)); err != nil {
		t.Error(err)
	}
	window.ends()
	if err := receive(t, ended); err != nil {
		t.Error(err)
	}
}

// The library would wait for the next one.
func TestATrayThatOverlooksTheIconIsAskedAgain(t *testing.T) {
	s := newSession(t)
	tray, err := s.bus.DeafTray()
	if err != nil {
		t.Fatal(err)
	}
	defer tray.Close()
	ended := s.start()
	window := s.stage.next()
	window.shows()
	if err := s.item(tray).Click(english(t)("tray.quit", nil)); err != nil {
		t.Error(err)
	}
	window.ends()
	if err := receive(t, ended); err != nil {
		t.Error(err)
	}
}

func TestWithoutATrayTheProgramEndsWithItsWindow(t *testing.T) {
	s := newSession(t)
	ended := s.start()
	window := s.stage.next()
	window.shows()
	window.exits(0, "")
	if err := receive(t, ended); err != nil {
		t.Error(err)
	}
}

func TestStartedWithTheSession(t *testing.T) {
	t.Run("a profile needs no window", func(t *testing.T) {
		s := newSession(t)
		p, err := profile.New("ann@contoso.test", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (&profile.Files{Dir: s.paths.State}).Save(t.Context(), p, 0, profile.Reason{Text: "for the test"}); err != nil {
			t.Fatal(err)
		}
		tray := s.tray()
		ended := s.start("--background")
		item := s.item(tray)
		if err := item.Click(english(t)("tray.quit", nil)); err != nil {
			t.Error(err)
		}
		if err := receive(t, ended); err != nil {
			t.Error(err)
		}
		s.stage.none()
	})
	t.Run("no profile needs one", func(t *testing.T) {
		s := newSession(t)
		tray := s.tray()
		ended := s.start("--background")
		window := s.stage.next()
		window.shows()
		if err := s.item(tray).Click(english(t)("tray.quit", nil)); err != nil {
			t.Error(err)
		}
		window.ends()
		if err := receive(t, ended); err != nil {
			t.Error(err)
		}
	})
}

// An agent of another process is shown, and taken over when it ends.
func TestTheIconOfAnAgentElsewhere(t *testing.T) {
	s := newSession(t)
	tray := s.tray()
	c, err := program.LoadConfig(s.paths)
	if err != nil {
		t.Fatal(err)
	}
	p, err := program.Open(s.paths, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(withDeadline(t))
	defer end()
	other := make(chan error, 1)
	go func() { other <- p.Run(ctx) }()
	client := &control.Client{Path: s.paths.Socket}
	raises := func() error {
		err := client.Raise(withDeadline(t))
		for errors.Is(err, control.ErrNotRunning) && pause(ctx, time.Millisecond) {
			err = client.Raise(withDeadline(t))
		}
		return err
	}
	if err := raises(); !errors.Is(err, errors.ErrUnsupported) {
		t.Fatal(err)
	}
	ended := s.start()
	window := s.stage.next()
	window.shows()
	item := s.item(tray)
	if err := raises(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("the agent has changed: %v", err)
	}
	end()
	if err := receive(t, other); err != nil {
		t.Error(err)
	}
	raised := make(chan error, 1)
	go func() {
		for {
			if err := client.Raise(withDeadline(t)); !errors.Is(err, control.ErrNotRunning) {
				raised <- err
				return
			}
		}
	}()
	window.shows()
	if err := receive(t, raised); err != nil {
		t.Errorf("ours: %v", err)
	}
	if err := item.Click(english(t)("tray.quit", nil)); err != nil {
		t.Error(err)
	}
	window.ends()
	if err := receive(t, ended); err != nil {
		t.Error(err)
	}
}
