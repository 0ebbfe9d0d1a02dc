//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/homing-mail/homing/mockserver"
)

// TestScripts runs testdata/script. Besides the commands of testscript, a
// script has these:
//
//	mock WORLD [FILE]       starts a world, a bundled one or a file NAME.toml, and writes
//	                        $CONFIG: FILE, with its variables expanded, and how to
//	                        reach the world
//	world WORD...           a line of the world's own script
//	requests                prints what the world was asked, a line each
//	await TEXT              waits until a line of that record contains TEXT
//	exits CODE PROGRAM...   runs a program that has to end with CODE
//	hint                    runs the command that the standard error of the last exits suggests
//	terminate               sends SIGTERM to what was started last in the background
//
// $WORK/password holds the password of every account of the world. Neither that
// nor the one of the demo may stand in anything else that is printed or written; nor may a log
// line name a person.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		RequireUniqueNames: true,
		Setup:              setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mock": mockWorld, "world": world, "requests": requests, "await": awaitRequest,
			"exits": exits, "hint": hint, "terminate": terminate,
		},
	})
}

// fixture is what the commands of one script share.
type fixture struct {
	server *mockserver.Server
	stderr string // of the last exits
}

type fixtureKey struct{}

func fixtureOf(ts *testscript.TestScript) *fixture { return ts.Value(fixtureKey{}).(*fixture) }

func setUp(e *testscript.Env) error {
	t := e.T().(testing.TB)
	e.Values[fixtureKey{}] = new(fixture)
	transcripts, err := os.MkdirTemp("", "homing-transcript-")
	if err != nil {
		return err
	}
	sockets, err := os.MkdirTemp("", "homing-socket-") // mode 0700, and a short path
	if err != nil {
		return err
	}
	e.Setenv(configVariable, filepath.Join(e.WorkDir, "config.toml"))
	e.Setenv(policyVariable, filepath.Join(e.WorkDir, "policy.toml"))
	e.Setenv(stateVariable, filepath.Join(e.WorkDir, "state"))
	e.Setenv(socketVariable, filepath.Join(sockets, "agent.sock"))
	e.Setenv(transcriptVariable, filepath.Join(transcripts, "transcript"))
	if os.Getenv("GORACE") == "" {
		e.Setenv("GORACE", "atexit_sleep_ms=10") // the race detector's pause at the end of each homing
	}
	e.Defer(func() {
		for _, password := range []string{testPassword, demoPassword} {
			searchSecret(t, password, e.WorkDir, transcripts)
		}
		searchNames(t, transcripts)
		os.RemoveAll(transcripts)
		os.RemoveAll(sockets)
	})
	return os.WriteFile(filepath.Join(e.WorkDir, "password"), []byte(testPassword+"\n"), 0o600)
}

func mockWorld(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: mock WORLD [FILE]")
	}
	w, err := mockserver.OpenWorld(args[0])
	if strings.HasSuffix(args[0], ".toml") {
		w, err = mockserver.ReadWorld(strings.NewReader(ts.ReadFile(args[0])))
	}
	ts.Check(err)
	w.Password = testPassword
	s, err := mockserver.New(w)
	ts.Check(err)
	ts.Defer(func() { s.Close() })
	ts.Check(s.Listen("127.0.0.1:0"))
	fixtureOf(ts).server = s

	ca := ts.MkAbs("ca.pem")
	ts.Check(os.WriteFile(ca, s.CertificatePEM(), 0o600))
	var network struct {
		CAFile    string   `toml:"ca_file"`
		ConnectTo []string `toml:"connect_to"`
		DNS       string   `toml:"dns,omitempty"`
	}
	network.CAFile = ca
	if len(w.SRV) > 0 {
		ts.Check(s.ListenDNS("127.0.0.1:0"))
		network.DNS = s.DNSAddr()
	}
	if len(w.Clear) > 0 {
		ts.Check(s.ListenClear("127.0.0.1:0"))
		network.ConnectTo = append(network.ConnectTo, ":80:"+s.ClearAddr())
	}
	for _, d := range w.Directories {
		ts.Check(s.ListenLDAP(d.Host, "127.0.0.1:0"))
	}
	network.ConnectTo = append(network.ConnectTo, s.ConnectTo()...)
	network.ConnectTo = append(network.ConnectTo, "::"+s.Addr()) // no other host is reached, and no resolver
	pace := map[string]string{"turn": "1ms"}                     // nobody else is in the queue
	text, err := toml.Marshal(map[string]any{"network": network, "pace": pace})
	ts.Check(err)
	if len(args) == 2 {
		text = slices.Concat([]byte(os.Expand(ts.ReadFile(args[1]), ts.Getenv)), []byte("\n"), text)
	}
	ts.Check(os.WriteFile(ts.Getenv(configVariable), text, 0o600))
}

func server(ts *testscript.TestScript) *mockserver.Server {
	s := fixtureOf(ts).server
	if s == nil {
		ts.Fatalf("no world runs: start one with mock")
	}
	return s
}

func world(ts *testscript.TestScript, neg bool, args []string) {
	said, err := server(ts).Do(strings.Join(args, " "))
	if neg != (err != nil) {
		ts.Fatalf("%s: %v", said, err)
	}
}

// line is a request of the record, as the scripts match it.
func line(r mockserver.Request) string {
	signed := "unsigned"
	if r.Signed {
		signed = "signed by " + r.User
	}
	return strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s %s: %d %s", r.Host, r.Path, r.RequestType, r.Identity, signed, r.Status, r.Said)), " ")
}

func requests(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: requests")
	}
	out := ts.Stdout() // empty from now on
	for _, r := range server(ts).Requests() {
		fmt.Fprintln(out, line(r))
	}
}

func awaitRequest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await TEXT")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := server(ts).Await(ctx, func(r mockserver.Request) bool { return strings.Contains(line(r), args[0]) })
	ts.Check(err)
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		failed, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = failed.ExitCode()
	}
	fixtureOf(ts).stderr = ts.ReadFile("stderr")
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

var suggestion = regexp.MustCompile(`(?m)(?:with|see|it): (homing .*)$`)

func hint(ts *testscript.TestScript, neg bool, args []string) {
	found := suggestion.FindAllStringSubmatch(fixtureOf(ts).stderr, -1)
	if neg || len(args) > 0 || len(found) == 0 {
		ts.Fatalf("standard error suggests no command")
	}
	words := strings.Fields(found[len(found)-1][1])
	ts.Logf("[hint] %s", strings.Join(words, " "))
	ts.Check(ts.Exec(words[0], words[1:]...))
}

func terminate(ts *testscript.TestScript, neg bool, args []string) {
	running := ts.BackgroundCmds()
	if neg || len(args) > 0 || len(running) == 0 {
		ts.Fatalf("nothing runs in the background")
	}
	ts.Check(running[len(running)-1].Process.Signal(syscall.SIGTERM))
}
