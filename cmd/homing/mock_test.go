package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/mockserver"
)

// playing is a homing mock that runs in this process.
type playing struct {
	out    *bufio.Reader
	cancel context.CancelFunc
	ended  chan int
}

func play(t *testing.T, args ...string) *playing {
	t.Helper()
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	p := &playing{out: bufio.NewReader(r), cancel: cancel, ended: make(chan int, 1)}
	go func() {
		code := inDirectory(t.TempDir(), nil, w, io.Discard).main(ctx, append([]string{"mock"}, args...))
		w.Close()
		p.ended <- code
	}()
	return p
}

// stop is a SIGTERM.
func (p *playing) stop(t *testing.T) {
	t.Helper()
	p.cancel()
	io.Copy(io.Discard, p.out)
	if code := <-p.ended; code != exitOK {
		t.Errorf("it ended with %d", code)
	}
}

// until reads up to a line that contains text.
func (p *playing) until(t *testing.T, text string) string {
	t.Helper()
	var read strings.Builder
	for {
		line, err := p.out.ReadString('\n')
		read.WriteString(line)
		if err != nil {
			t.Fatalf("%v before %q in:\n%s", err, text, read.String())
		}
		if strings.Contains(line, text) {
			return read.String()
		}
	}
}

func do(t *testing.T, url, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if said, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s", url, res.Status, said)
	}
}

func TestTheMockSaysHowToReachIt(t *testing.T) {
	defer goleak.VerifyNone(t)
	mock := play(t)
	defer mock.stop(t)
	said := mock.until(t, "/mailboxes/ann/move")
	for _, want := range []string{
		"world     forest contoso.test: ex1 ex2 · forest fabrikam.test: mx1\n",
		"mailbox   ann on ex1\n",
		"password  " + demoPassword,
		"\nfor curl:\n  --cacert ",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}

	// The flags that it prints are all that homing needs.
	_, flags, _ := strings.Cut(said, "for homing:\n")
	flags, _, _ = strings.Cut(flags, "\n\n")
	args := strings.Fields(strings.ReplaceAll(flags, "\\\n", " "))
	dir := t.TempDir()
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(demoPassword), 0o600); err != nil {
		t.Fatal(err)
	}
	homing := func(want int, words ...string) string {
		t.Helper()
		var out, errOut bytes.Buffer
		if got := inDirectory(dir, nil, &out, &errOut).main(t.Context(), append(words, args...)); got != want {
			t.Fatalf("homing %s: exit code %d, want %d\n%s%s", strings.Join(words, " "), got, want, out.String(), errOut.String())
		}
		return out.String()
	}
	homing(exitOK, "setup", "ann@contoso.test", "--password-file", password)

	// The command that it prints for a move works as well.
	move := regexp.MustCompile(`curl -X POST (\S+) -d '(.*)'`).FindStringSubmatch(said)
	if move == nil {
		t.Fatalf("no command for a move:\n%s", said)
	}
	do(t, move[1], move[2])
	homing(exitNeedsTrust, "check")
	do(t, move[1], `{"to":"ex2"}`)
	if said := homing(exitOK, "check"); !strings.Contains(said, "online at ex2.contoso.test") {
		t.Errorf("after a move to ex2: %s", said)
	}
}

func TestTheMockSaysItAsJSON(t *testing.T) {
	defer goleak.VerifyNone(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	mock := play(t, "--json", "--world", "three-forests", "--ca-out", ca)
	defer mock.stop(t)
	var got struct {
		CAFile     string   `json:"ca_file"`
		ConfigFile string   `json:"config_file"`
		ConnectTo  []string `json:"connect_to"`
		DNS        string   `json:"dns"`
		Admin      string   `json:"admin"`
	}
	if err := json.NewDecoder(mock.out).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.CAFile != ca || len(got.ConnectTo) == 0 {
		t.Errorf("it says %+v", got)
	}
	e, err := program.LoadConfig(program.Paths{Config: got.ConfigFile})
	if err != nil {
		t.Fatal(err)
	}
	if e.Network.CAFile != ca || e.Network.DNS != got.DNS || got.DNS == "" {
		t.Errorf("%s has %+v", got.ConfigFile, e.Network)
	}
	if pem, err := os.ReadFile(ca); err != nil || !bytes.HasPrefix(pem, []byte("-----BEGIN CERTIFICATE-----")) {
		t.Errorf("the certificate is %q (%v)", pem, err)
	}
	do(t, got.Admin+"/do", "where cat")
}

// Each world has other mailboxes and servers.
func TestTheMoveThatIsPrintedIsOneOfTheWorld(t *testing.T) {
	for _, world := range mockserver.WorldNames() {
		t.Run(world, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			mock := play(t, "--world", world)
			defer mock.stop(t)
			move := regexp.MustCompile(`curl -X POST (\S+) -d '(.*)'`).FindStringSubmatch(mock.until(t, "curl -X POST"))
			if move == nil {
				t.Fatal("no command for a move")
			}
			do(t, move[1], move[2])
		})
	}
}

func TestExampleMove(t *testing.T) {
	one := mockserver.Forest{Name: "contoso.test", Servers: []mockserver.ServerSite{{Name: "ex1"}}}
	two := mockserver.Forest{Name: "fabrikam.test", Servers: []mockserver.ServerSite{{Name: "mx1"}, {Name: "mx2"}}}
	cat := []mockserver.Mailbox{{User: "cat", Server: "mx2"}}
	for _, tt := range []struct {
		name     string
		world    mockserver.World
		user, to string
	}{
		{"the last server", mockserver.World{Forests: []mockserver.Forest{two, one}, Mailboxes: cat}, "cat", "ex1"},
		{"the last one where the mailbox is not", mockserver.World{Forests: []mockserver.Forest{one, two}, Mailboxes: cat}, "cat", "mx1"},
		{"the first of a population", mockserver.World{Forests: []mockserver.Forest{two}, Populations: []mockserver.Population{{Count: 9, Server: "mx2"}}}, "u000001", "mx1"},
		{"nowhere to go", mockserver.World{Forests: []mockserver.Forest{one}, Mailboxes: []mockserver.Mailbox{{User: "ann", Server: "ex1"}}}, "", ""},
		{"nobody to move", mockserver.World{Forests: []mockserver.Forest{one, two}}, "", ""},
	} {
		if user, to := exampleMove(tt.world); user != tt.user || to != tt.to {
			t.Errorf("%s: %s to %s, want %s to %s", tt.name, user, to, tt.user, tt.to)
		}
	}
}

func TestTheMockTakesAWorldOfAFile(t *testing.T) {
	defer goleak.VerifyNone(t)
	file := filepath.Join(t.TempDir(), "mine.toml")
	world := `
password = "mine"
[[forest]]
name = "tailspin.test"
[[forest.server]]
name = "ts1"
[[mailbox]]
user = "cat"
server = "ts1"
[[hoster]]
host = "shop.tailspin.test"
`
	if err := os.WriteFile(file, []byte(world), 0o600); err != nil {
		t.Fatal(err)
	}
	mock := play(t, "--world", file)
	defer mock.stop(t)
	said := mock.until(t, "password")
	for _, want := range []string{"forest tailspin.test: ts1 · web hoster shop.tailspin.test\n", "mailbox   cat on ts1", "password  mine"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
}

func TestTheMockIsRefused(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.toml")
	if err := os.WriteFile(broken, []byte("[[forest]]\nnome = 'contoso.test'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"every address of the machine", []string{"--listen", "0.0.0.0:0"}, "loopback"},
		{"an address of the network", []string{"--listen", "192.0.2.1:0"}, "loopback"},
		{"no address", []string{"--listen", "here"}, "want an address and a port"},
		{"an admin API for everybody", []string{"--admin", "0.0.0.0:0"}, "loopback"},
		{"an unknown world", []string{"--world", "nowhere"}, `"nowhere" is neither a bundled world (acquisition, announced, three-forests`},
		{"a directory for the certificate", []string{"--ca-out", dir}, "is a directory"},
		{"a directory for the configuration", []string{"--config-out", dir}, "is a directory"},
		{"a world with a slip of the pen", []string{"--world", broken}, "broken.toml: world: line 2, column 1: unknown key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			var out, errOut bytes.Buffer
			code := inDirectory(dir, nil, &out, &errOut).main(t.Context(), append([]string{"mock"}, tc.args...))
			if code != exitUsage || !strings.Contains(errOut.String(), tc.want) || out.Len() > 0 {
				t.Errorf("exit code %d, said %q and %q, want %d and %q", code, out.String(), errOut.String(), exitUsage, tc.want)
			}
		})
	}
}
