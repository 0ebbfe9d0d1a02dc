//go:build unix

package mockserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/homing-mail/homing/mockserver"
)

// curl is the program of that name, at work in a directory of its own, as
// somebody uses it who has nothing but the admin API and README.md.
type curl struct {
	t      *testing.T
	s      *mockserver.Server
	dir    string
	binary string
	n      int // requests of MAPI so far
}

// startCurl serves a world on loopback and has curl fetch from the admin API all
// that it needs to reach it, into the file mock.curl.
func startCurl(t *testing.T, world string, h mockserver.Hostility) *curl {
	t.Helper()
	binary, err := exec.LookPath("curl")
	if err != nil {
		t.Fatalf("this test needs curl: install it, on Debian with .ci/install curl (%v)", err)
	}
	w, err := mockserver.OpenWorld(world)
	if strings.Contains(world, "\n") {
		w, err = mockserver.ReadWorld(strings.NewReader(world))
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Hostility = h
	s, err := mockserver.New(w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := errors.Join(s.Listen("127.0.0.1:0"), s.ListenAdmin("127.0.0.1:0")); err != nil {
		t.Fatal(err)
	}
	c := &curl{t: t, s: s, dir: t.TempDir(), binary: binary}
	c.write("ca.pem", []byte(c.admin("GET", "/ca.pem", "")))
	var view struct {
		ConnectTo []string `json:"connect_to"`
	}
	if err := json.Unmarshal([]byte(c.admin("GET", "/world", "")), &view); err != nil {
		t.Fatal(err)
	}
	config := "cacert = \"ca.pem\"\nuser = \"ann@contoso.test:" + mockserver.DefaultPassword + "\"\n"
	for _, line := range view.ConnectTo {
		config += "connect-to = \"" + line + "\"\n"
	}
	c.write("mock.curl", []byte(config))
	return c
}

// on is c for a subtest.
func (c *curl) on(t *testing.T) *curl {
	other := *c
	other.t = t
	return &other
}

func (c *curl) write(name string, text []byte) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), text, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *curl) read(name string) []byte {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		c.t.Fatal(err)
	}
	return text
}

// patience is how long a curl may take that waits for nothing.
const patience = time.Minute

// command is curl with nothing of this machine: no .curlrc, no proxy.
func (c *curl) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.binary, append([]string{"-q", "-sS"}, args...)...)
	cmd.Dir, cmd.Env = c.dir, []string{"HOME=" + c.dir, "LC_ALL=C"}
	return cmd
}

// run returns what curl printed, and its exit code.
func (c *curl) run(args ...string) (out string, exit int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := c.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() <= 0 {
		c.t.Fatalf("curl %s: %v", strings.Join(args, " "), errors.Join(err, ctx.Err()))
	}
	if stderr.Len() > 0 {
		c.t.Logf("%s", bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), cmd.ProcessState.ExitCode()
}

// admin is a request to the admin API that has to succeed.
func (c *curl) admin(method, path, body string) string {
	c.t.Helper()
	args := []string{"--fail-with-body", "-X", method, "http://" + c.s.AdminAddr() + path}
	if body != "" {
		args = append(args, "-d", body)
	}
	out, exit := c.run(args...)
	if exit != 0 {
		c.t.Fatalf("%s %s: curl ended with %d: %s", method, path, exit, out)
	}
	return out
}

// await waits until so many requests are recorded: one that curl has given up
// may come later.
func (c *curl) await(requests int) {
	c.t.Helper()
	if requests == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	seen := map[int]bool{}
	if _, err := c.s.Await(ctx, func(r mockserver.Request) bool {
		seen[r.Seq] = true
		return len(seen) >= requests
	}); err != nil {
		c.t.Fatalf("%d requests, want %d: %v", len(seen), requests, err)
	}
}

// curlAnswer is what curl has written of an answer.
type curlAnswer struct {
	exit   int
	status string // as -w '%{http_code}' prints it
	lines  []string
	head   http.Header // of the last answer
	body   []byte
}

// answered runs curl with its usual files.
func (c *curl) answered(args ...string) curlAnswer {
	c.t.Helper()
	for _, name := range []string{"head", "body"} {
		c.write(name, nil)
	}
	out, exit := c.run(append([]string{"-K", "mock.curl", "-D", "head", "-o", "body", "-w", "%{http_code}"}, args...)...)
	return c.look(curlAnswer{exit: exit, status: out})
}

// look reads the files.
func (c *curl) look(a curlAnswer) curlAnswer {
	c.t.Helper()
	a.body, a.head = c.read("body"), http.Header{}
	heads := strings.Split(strings.TrimSuffix(string(c.read("head")), "\r\n\r\n"), "\r\n\r\n")
	a.lines = strings.Split(heads[len(heads)-1], "\r\n")[1:]
	for _, line := range a.lines {
		name, value, _ := strings.Cut(line, ": ")
		a.head.Add(name, value)
	}
	return a
}

const (
	autodiscoverPath   = "/autodiscover/autodiscover.xml"
	autodiscoverSchema = "http://schemas.microsoft.com/exchange/autodiscover/outlook/"
)

// discovered is what an Autodiscover answer says.
type discovered struct {
	LegacyDN string `xml:"Response>User>LegacyDN"`
	Action   string `xml:"Response>Account>Action"`
	URL      string `xml:"Response>Account>RedirectUrl"`
	Store    string `xml:"Response>Account>Protocol>MailStore>ExternalUrl"`
}

// discover asks an Autodiscover host; identity is EMailAddress or LegacyDN.
func (c *curl) discover(host, identity, value string, args ...string) (curlAnswer, discovered) {
	c.t.Helper()
	c.write("ask.xml", fmt.Appendf(nil,
		`<Autodiscover xmlns="%srequestschema/2006"><Request><%s>%s</%[2]s><AcceptableResponseSchema>%[1]sresponseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`,
		autodiscoverSchema, identity, value))
	a := c.answered(append([]string{"-H", "Content-Type: text/xml", "-H", "X-MapiHttpCapability: 1", "--data-binary", "@ask.xml",
		"https://" + host + autodiscoverPath}, args...)...)
	var d discovered
	if len(a.body) > 0 {
		if err := xml.Unmarshal(a.body, &d); err != nil {
			c.t.Fatalf("%s: %v in %q", host, err, a.body)
		}
	}
	return a, d
}

// mapiArgs are the arguments for a request of MAPI over HTTP that keeps its
// cookies in jar.
func (c *curl) mapiArgs(url, kind string, body []byte) []string {
	c.t.Helper()
	c.n++
	c.write("ask.bin", body)
	return []string{"-b", "jar", "-c", "jar", "-H", "Content-Type: application/mapi-http", "-H", "X-RequestType: " + kind,
		"-H", fmt.Sprintf("X-RequestId: {E2EA6C1C-E61B-49E9-9CFB-38184F907552}:%d", c.n), "-H", "X-ClientInfo: {2F94A2BF-A2E6-4CCC-BF98-B5F22C542226}:1",
		"-H", "X-ClientApplication: Outlook/15.00.0847.4040", "--data-binary", "@ask.bin", url}
}

// curlStream is a success of MAPI over HTTP.
type curlStream struct {
	tags  []string // PROCESSING, PENDING, DONE
	extra []string // headers behind DONE
	body  []byte
}

// mapi sends a request and takes the stream of the answer apart, which has to be
// a success.
func (c *curl) mapi(url, kind string, body []byte, args ...string) (curlAnswer, curlStream) {
	c.t.Helper()
	a := c.answered(append(c.mapiArgs(url, kind, body), args...)...)
	return a, c.stream(kind, a)
}

func (c *curl) stream(kind string, a curlAnswer) (s curlStream) {
	c.t.Helper()
	if a.exit != 0 || a.status != "200" || a.head.Get("X-ResponseCode") != "0" {
		c.t.Fatalf("%s: exit code %d, status %s, X-ResponseCode %q, want 0, 200, 0\n%q", kind, a.exit, a.status, a.head.Get("X-ResponseCode"), a.body)
	}
	head, body, ok := bytes.Cut(a.body, []byte("\r\n\r\n"))
	if !ok {
		c.t.Fatalf("%s: no empty line in %q", kind, a.body)
	}
	for line := range strings.SplitSeq(string(head), "\r\n") {
		if strings.Contains(line, ": ") {
			s.extra = append(s.extra, line)
		} else {
			s.tags = append(s.tags, line)
		}
	}
	if first, last := s.tags[0], s.tags[len(s.tags)-1]; first != "PROCESSING" || last != "DONE" {
		c.t.Fatalf("%s: tags %q", kind, s.tags)
	}
	s.body = body
	return s
}
