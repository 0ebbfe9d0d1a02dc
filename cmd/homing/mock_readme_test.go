//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell is a sh that is fed block by block.
type shell struct {
	t   *testing.T
	in  *os.File
	out *bufio.Reader
}

// until reads what is printed up to a line that contains text.
func (s *shell) until(text string) string {
	s.t.Helper()
	var read strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		read.WriteString(line)
		if err != nil {
			s.t.Fatalf("the shell ended before it said %q:\n%s", text, read.String())
		}
		if strings.Contains(line, text) {
			return read.String()
		}
	}
}

// run runs lines and returns what they print.
func (s *shell) run(lines string) string {
	s.t.Helper()
	if _, err := s.in.WriteString(lines + "\necho; echo that was all\n"); err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSuffix(s.until("that was all"), "\nthat was all\n")
}

// startShell starts a sh that stops at the first command that fails; curl fails
// on every HTTP status from 400 on, and knows no .curlrc and no proxy. All that
// it has started ends with the test.
func startShell(t *testing.T) *shell {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatalf("this test needs curl: install it, on Debian with .ci/install curl (%v)", err)
	}
	dir := t.TempDir()
	in, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	printed, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	cmd := exec.CommandContext(ctx, "sh", "-s")
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, in, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, transcriptVariable + "=" + filepath.Join(dir, "transcript"),
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	out.Close()
	t.Cleanup(func() {
		cancel()
		cmd.Wait()
		feed.Close()
		printed.Close()
	})
	s := &shell{t: t, in: feed, out: bufio.NewReader(printed)}
	s.run("set -e\ncurl() { command curl -q -sS --fail-with-body \"$@\"; }")
	return s
}

// ownAddress is a loopback address that no other process of this machine uses,
// so that the ports of README.md are free: Linux has all of 127/8.
func ownAddress() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 64+pid>>16&63, pid>>8&255, pid&255)
}

// Every block of mockserver/README.md for a shell, in its order, by sh and curl.
func TestTheShellBlocksOfTheMockRun(t *testing.T) {
	text, err := os.ReadFile("../../mockserver/README.md")
	if err != nil {
		t.Fatal(err)
	}
	// What the text around a block says of it, by something that stands in it.
	says := []struct{ block, want string }{
		{"homing mock ", "world     forest contoso.test: ex1 ex2 · forest fabrikam.test: mx1\n"},
		{"curl -K mock.curl https://autodiscover.contoso.test/", "<ErrorCode>600</ErrorCode>"},
		{"by-address.xml", "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=1d3b860d-c49b-467a-2e1c-a9aa2605693a@contoso.test"},
		{"by-legacydn.xml", "<Action>settings</Action>"},
		{"connect.bin", "X-ResponseCode: 0"},
		{"/mailboxes/ann/move", "ann is on mx1/db1 in fabrikam.test"},
	}
	met := map[string]bool{}
	s := startShell(t)
	address := ownAddress()
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		block := strings.ReplaceAll(m[1], "127.0.0.1", address)
		var said string
		if strings.HasPrefix(block, "homing mock ") {
			// It is ready when it says how to move a mailbox, and goes on.
			if _, err := s.in.WriteString(block + "mock=$!\n"); err != nil {
				t.Fatal(err)
			}
			said = s.until("/mailboxes/ann/move")
		} else {
			said = s.run(block)
		}
		for _, say := range says {
			if !strings.Contains(block, say.block) {
				continue
			}
			met[say.block] = true
			if !strings.Contains(strings.ToLower(said), strings.ToLower(say.want)) { // headers may be spelled in capitals
				t.Errorf("%s\nprints\n%s\nwant %q", block, said, say.want)
			}
		}
	}
	for _, say := range says {
		if !met[say.block] {
			t.Errorf("no block has %q", say.block)
		}
	}
	// answer.bin ends in the body: StatusCode and ErrorCode are zero.
	if said := s.run(`sed '1,/^\r*$/d' answer.bin | od -An -tx1 -N8`); strings.TrimSpace(said) != "00 00 00 00 00 00 00 00" {
		t.Errorf("StatusCode and ErrorCode are %q", said)
	}
	s.run("kill $mock; wait $mock") // with 0: it was told to end
}
