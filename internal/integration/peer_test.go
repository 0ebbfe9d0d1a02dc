//go:build integration

package integration

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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
	counted []mark
	stop    func()
}

// mark is what an exchange is called, and how the log of the peer shows it.
type mark struct{ what, log string }

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

// lines returns the lines of the log that contain all of parts.
func (p *peer) lines(t *testing.T, parts ...string) (found []string) {
	t.Helper()
	b, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			found = append(found, line)
		}
	}
	return found
}

// saw fails the test unless f made the peer log a line with all of parts.
func (p *peer) saw(t *testing.T, f func(), parts ...string) {
	t.Helper()
	before := len(p.lines(t, parts...))
	f()
	// A server may write its log after its answer.
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 250 {
		if len(p.lines(t, parts...)) > before {
			return
		}
		<-tick.C
	}
	b, _ := os.ReadFile(p.log)
	t.Errorf("%s has logged no %q:\n%s", p.name, parts, b[max(0, len(b)-4000):])
}

// tell prints the version of the peer and the exchanges of its log.
func (p *peer) tell() {
	b, err := os.ReadFile(p.log)
	if err != nil {
		fmt.Println(p.name, err)
		return
	}
	var counts []string
	for _, m := range p.counted {
		counts = append(counts, fmt.Sprintf("%d %s", bytes.Count(b, []byte(m.log)), m.what))
	}
	fmt.Printf("%s: %s; its log has %s\n", p.name, p.version, strings.Join(counts, ", "))
}

func write(dir, name string, b []byte) (string, error) {
	file := filepath.Join(dir, name)
	return file, os.WriteFile(file, b, 0o600)
}
