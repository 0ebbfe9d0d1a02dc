//go:build tray

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/ui"
)

// long ends a test that waits for what never comes.
const long = 20 * time.Second

// The test binary is the program, or the process of a window, where these say so.
const (
	playProgram = "HOMING_TRAY_PLAYS_PROGRAM"
	playWindow  = "HOMING_TRAY_PLAYS_WINDOW" // the socket of the stage that directs it
)

func TestMain(m *testing.M) {
	if stage := os.Getenv(playWindow); stage != "" && len(os.Args) > 1 && os.Args[1] == "--window" {
		os.Exit(beWindow(stage))
	}
	switch os.Getenv(playProgram) {
	case "":
	case "with a display":
		s := thisSystem()
		s.display = func() error { return nil }
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		os.Exit((&app{in: os.Stdin, out: os.Stdout, err: os.Stderr, paths: program.DefaultPaths, system: s}).main(ctx, os.Args[1:]))
	default:
		main()
	}
	goleak.VerifyTestMain(m)
}

// hurry keeps a process that the race detector watches from waiting at its end.
const hurry = "GORACE=atexit_sleep_ms=0"

// beWindow does what the stage says, and tells it what is heard.
func beWindow(stage string) int {
	conn, err := net.Dial("unix", stage)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	to := json.NewEncoder(conn)
	to.Encode(append([]string{"args"}, os.Args[1:]...))
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			to.Encode([]string{"in", lines.Text()})
		}
		to.Encode([]string{"eof"})
	}()
	for from := json.NewDecoder(conn); ; {
		var said struct {
			Out, Err string
			Exit     *int
		}
		if err := from.Decode(&said); err != nil {
			return 98 // the test has ended
		}
		io.WriteString(os.Stdout, said.Out)
		io.WriteString(os.Stderr, said.Err)
		if said.Exit != nil {
			return *said.Exit
		}
	}
}

// stage directs the processes that play windows.
type stage struct {
	t       testing.TB
	path    string
	arrived chan *actor
}

// actor is one of them.
type actor struct {
	t    testing.TB
	args []string
	conn net.Conn
	news chan []string // closed when it has ended
}

func newStage(t testing.TB) *stage {
	t.Helper()
	s := &stage{t: t, path: filepath.Join(shortDir(t), "stage"), arrived: make(chan *actor, 8)}
	l, err := net.Listen("unix", s.path)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				a := &actor{t: t, conn: conn, news: make(chan []string, 64)}
				from := json.NewDecoder(conn)
				if from.Decode(&a.args) != nil {
					return
				}
				s.arrived <- a
				defer close(a.news)
				for {
					var n []string
					if from.Decode(&n) != nil {
						return
					}
					a.news <- n
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return s
}

// command starts a process that plays a window.
func (s *stage) command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append([]string{"--window"}, args...)...)
	cmd.Env = append(os.Environ(), playWindow+"="+s.path, hurry)
	return cmd
}

// next is the next process that has started.
func (s *stage) next() *actor {
	s.t.Helper()
	return receive(s.t, s.arrived)
}

// none fails where a process has started.
func (s *stage) none() {
	s.t.Helper()
	select {
	case a := <-s.arrived:
		s.t.Errorf("a window has opened: %q", a.args)
	default:
	}
}

// hears awaits one thing that the process hears: "in raise", "eof".
func (a *actor) hears(want string) {
	a.t.Helper()
	if got := strings.Join(receive(a.t, a.news), " "); got != want {
		a.t.Fatalf("the window hears %q, want %q", got, want)
	}
}

func (a *actor) direct(said map[string]any) {
	a.t.Helper()
	if err := json.NewEncoder(a.conn).Encode(said); err != nil {
		a.t.Error(err)
	}
}

// shows is what a window does that is asked to come to the front.
func (a *actor) shows() {
	a.t.Helper()
	a.hears("in raise")
	a.direct(map[string]any{"Out": raisedLine})
}

func (a *actor) exits(code int, said string) {
	a.t.Helper()
	a.direct(map[string]any{"Err": said, "Exit": code})
}

// ends is what a window does whose parent closes it.
func (a *actor) ends() {
	a.t.Helper()
	a.hears("eof")
	a.exits(0, "")
}

// shortDir is a directory whose path leaves room for that of a socket.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tray")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func testPaths(t testing.TB) program.Paths { return program.Paths{}.In(shortDir(t)) }

func receive[T any](t testing.TB, from <-chan T) (v T) {
	t.Helper()
	select {
	case v, ok := <-from:
		if !ok {
			t.Fatal("what was awaited cannot come any more")
		}
		return v
	case <-time.After(long):
		t.Fatal("what was awaited has not come")
	}
	return v
}

// log is what a program says, which a test may read at any time.
type record struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *record) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *record) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// plain are words that are easy to compare with.
func plain() words {
	return words{
		model: func(s agent.Status, lost error) ui.Model {
			m := ui.Model{Icon: ui.Looking}
			for _, b := range s.Mailboxes {
				m.Icon, m.Sentence = ui.AtHome, b.State.String()
				m.Mailboxes = append(m.Mailboxes, ui.Mailbox{ID: b.ID})
			}
			if lost != nil {
				m.Icon, m.Lost = ui.Offline, lost.Error()
				m.Sentence = m.Lost
			}
			return m
		},
		notices: func(s agent.Status) (news []ui.Notice) {
			for _, b := range s.Mailboxes {
				if b.State == agent.NeedsYou {
					news = append(news, ui.Notice{Kind: ui.Asked, Title: "asked", Body: string(b.ID)})
				}
			}
			return news
		},
		trouble: func(err error) ui.Notice { return ui.Notice{Title: "trouble", Body: err.Error()} },
	}
}

// withDeadline is a context that ends before a test hangs.
func withDeadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), long)
	t.Cleanup(cancel)
	return ctx
}
