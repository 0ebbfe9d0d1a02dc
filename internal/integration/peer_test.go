//go:build integration

package integration

import (
	"context"
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
)

// peer is a server of somebody else, run by the tests.
type peer struct {
	name    string
	version string
	log     string // file
	begun   int    // bytes of the log that setting up has filled
	counted []mark
	stop    func()
}

// mark is what an exchange is called, and what the one line of the peer's log holds
// that shows it.
type mark struct {
	what  string
	parts []string
}

// need fails where a program is missing: a test that was not played proves nothing.
func need(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%w: make integration installs it", err)
	}
	return path, nil
}

// command runs a program to its end, and returns what it printed.
func command(env []string, stdin, program string, args ...string) (string, error) {
	path, err := need(program)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.Stdin = append(os.Environ(), env...), strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", program, args[0], err, out)
	}
	return string(out), nil
}

// start runs a server in the foreground until stop, and waits until it listens on
// every one of addrs (network/host:port, tcp or udp).
func start(name, log string, addrs []string, program string, args ...string) (*peer, error) {
	path, err := need(program)
	if err != nil {
		return nil, err
	}
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	// A group of its own: the children of a server go with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	p := &peer{name: name, log: log, stop: func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-ended
		}
	}}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for len(addrs) > 0 {
		select {
		case err := <-ended:
			said, _ := os.ReadFile(log)
			return nil, fmt.Errorf("%s ended: %v\n%s", name, err, said)
		case <-deadline:
			p.stop()
			return nil, fmt.Errorf("%s does not listen on %s after a minute", name, addrs[0])
		case <-tick.C:
			for len(addrs) > 0 && listening(addrs[0]) {
				addrs = addrs[1:]
			}
		}
	}
	return p, nil
}

// listening reports whether something listens at network/host:port. Over UDP it
// asks a DNS question, since nothing else would tell.
func listening(addr string) bool {
	network, addr, _ := strings.Cut(addr, "/")
	conn, err := net.DialTimeout(network, addr, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	if network == "tcp" {
		return true
	}
	conn.SetDeadline(time.Now().Add(time.Second))
	question := []byte("\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04test\x00\x00\x06\x00\x01")
	conn.Write(question)
	n, err := conn.Read(make([]byte, 512))
	return err == nil && n > 0
}

// logged counts the lines of the log, from its byte from on, that contain all of parts.
func (p *peer) logged(from int, parts ...string) (n int, err error) {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(string(b[from:]), "\n") {
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			n++
		}
	}
	return n, nil
}

// saw fails the test unless f made the peer log a line with all of parts.
func (p *peer) saw(t *testing.T, f func(), parts ...string) {
	t.Helper()
	before, err := p.logged(0, parts...)
	if err != nil {
		t.Fatal(err)
	}
	f()
	// A server may write its log after its answer.
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 250 {
		if now, err := p.logged(0, parts...); err != nil {
			t.Fatal(err)
		} else if now > before {
			return
		}
		<-tick.C
	}
	b, _ := os.ReadFile(p.log)
	t.Errorf("%s has logged no %q:\n%s", p.name, parts, b[max(0, len(b)-4000):])
}

// tell prints the version of the peer and the exchanges with the tests that its log
// shows, those of setting up left out. A kind that is not there at all is an error:
// then something else has answered.
func (p *peer) tell() error {
	var counts, none []string
	for _, m := range p.counted {
		n, err := p.logged(p.begun, m.parts...)
		if err != nil {
			return err
		}
		if n == 0 {
			none = append(none, m.what)
		}
		counts = append(counts, fmt.Sprintf("%d %s", n, m.what))
	}
	fmt.Printf("%s: %s; its log has %s\n", p.name, p.version, strings.Join(counts, ", "))
	if len(none) > 0 {
		return fmt.Errorf("%s has logged no %s", p.name, strings.Join(none, " and no "))
	}
	return nil
}

func write(dir, name string, b []byte) (string, error) {
	file := filepath.Join(dir, name)
	return file, os.WriteFile(file, b, 0o600)
}

func TestAPeerThatWasNotAskedIsAnError(t *testing.T) {
	const setUp = "query[SOA] test\n"
	for _, tt := range []struct{ name, log, want string }{
		{"one that was asked by nobody", setUp, "stand-in has logged no questions"},
		{"one that has logged something else", setUp + "cleared cache\n", "stand-in has logged no questions"},
		{"one that was asked", setUp + "query[SRV] _autodiscover._tcp.contoso.test\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file, err := write(t.TempDir(), "log", []byte(tt.log))
			if err != nil {
				t.Fatal(err)
			}
			p := &peer{name: "stand-in", version: "of the test", log: file, begun: len(setUp), counted: []mark{{"questions", []string{"query["}}}}
			got := ""
			if err := p.tell(); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("error %q, want %q", got, tt.want)
			}
		})
	}
}
