package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/homing-mail/homing/mockserver"
)

// binary measures the program itself: its size, what it needs at rest after a
// repair, and how soon it asks its first question.
func binary(rest time.Duration) (_ []figure, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	w, err := mockserver.OpenWorld("acquisition")
	if err != nil {
		return nil, err
	}
	world, err := mockserver.New(w)
	if err != nil {
		return nil, err
	}
	defer world.Close()
	if err := world.Listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "homing-figures-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	h, err := build(ctx, dir, world)
	if err != nil {
		return nil, err
	}
	size, err := os.Stat(h.binary)
	if err != nil {
		return nil, err
	}
	figures := []figure{{"stripped static binary", float64(size.Size()) / 1e6, "MB", 15}}
	if err := h.homing(ctx, "setup", "ann@contoso.test", "--password-file", h.path("password")).Run(); err != nil {
		return nil, fmt.Errorf("homing setup: %w", err)
	}
	start, err := h.start(ctx, world)
	if err != nil {
		return nil, err
	}
	resting, err := h.atRest(ctx, world, rest)
	if err != nil {
		return nil, err
	}
	return append(append(figures, start...), resting...), nil
}

// house is a built program with its configuration.
type house struct {
	dir    string
	binary string
	plain  string // a program that makes one TLS post
}

func (h house) path(name string) string { return filepath.Join(h.dir, name) }

func (h house) homing(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, h.binary, append([]string{"--config", h.path("config.toml"), "--state", h.path("state")}, args...)...)
}

func build(ctx context.Context, dir string, world *mockserver.Server) (house, error) {
	h := house{dir: dir, binary: filepath.Join(dir, "homing"), plain: filepath.Join(dir, "plain")}
	config := fmt.Sprintf("[network]\nca_file = %q\nconnect_to = [%q]\n[trust]\nhosts = [\"*.fabrikam.test\"]\n",
		h.path("ca.pem"), strings.Join(world.ConnectTo(), `", "`))
	config = strings.ReplaceAll(config, `\"`, `"`)
	files := map[string]string{
		"config.toml": config, "ca.pem": string(world.CertificatePEM()), "password": "spring-rain-42\n",
		"plain.go": strings.NewReplacer("CAFILE", strconv.Quote(h.path("ca.pem")), "ADDR", strconv.Quote(world.Addr())).Replace(plain),
	}
	for name, content := range files {
		if err := os.WriteFile(h.path(name), []byte(content), 0o600); err != nil {
			return h, err
		}
	}
	for _, args := range [][]string{
		{"build", "-trimpath", "-ldflags=-s -w", "-o", h.binary, "./cmd/homing"},
		{"build", "-trimpath", "-ldflags=-s -w", "-o", h.plain, h.path("plain.go")},
	} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return h, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return h, errors.Join(install(h.binary), install(h.plain))
}

// install writes a program anew, in one go, as whoever installs it does. A file as
// the linker leaves it lies in smaller pieces in the page cache and starts slower.
func install(name string) error {
	program, err := os.ReadFile(name)
	if err == nil {
		err = os.Remove(name)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(name, program, 0o700)
}

// plain is what start is compared with: the least that asks a server anything.
const plain = `package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
)

func main() {
	pem, err := os.ReadFile(CAFILE)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, ADDR)
		},
	}}
	res, err := client.Post("https://ex1.contoso.test/", "text/plain", bytes.NewReader(make([]byte, 150)))
	if err != nil {
		panic(err)
	}
	res.Body.Close()
}
`

// start compares the time from exec to the first request.
func (h house) start(ctx context.Context, world *mockserver.Server) ([]figure, error) {
	first := func(cmd *exec.Cmd) (time.Duration, error) {
		world.Forget()
		began := time.Now()
		if err := cmd.Run(); err != nil {
			return 0, fmt.Errorf("%s: %w", cmd, err)
		}
		requests := world.Requests()
		if len(requests) == 0 {
			return 0, fmt.Errorf("%s made no request", cmd)
		}
		return requests[0].Time.Sub(began), nil
	}
	const rounds = 41
	var ratios []float64
	for i := range rounds {
		ours, err1 := first(h.homing(ctx, "check"))
		least, err2 := first(exec.CommandContext(ctx, h.plain))
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		if i > 0 {
			ratios = append(ratios, ours.Seconds()/least.Seconds())
		}
	}
	slices.Sort(ratios)
	return []figure{{fmt.Sprintf("start to first request over one plain TLS post (median of %d)", len(ratios)), ratios[len(ratios)/2], "ratio", 1.5}}, nil
}

// atRest runs the agent through one repair and watches it rest.
func (h house) atRest(ctx context.Context, world *mockserver.Server, rest time.Duration) (_ []figure, err error) {
	world.Forget()
	ctx, cancel := context.WithTimeout(ctx, rest+time.Minute)
	defer cancel()
	cmd := h.homing(ctx, "run")
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		cmd.Process.Signal(os.Interrupt)
		err = errors.Join(err, cmd.Wait())
	}()
	held := func(host string) error {
		_, err := world.Await(ctx, func(r mockserver.Request) bool { return r.Host == host && r.RequestType == "NotificationWait" })
		return err
	}
	if err := held("ex1.contoso.test"); err != nil {
		return nil, fmt.Errorf("waiting for the agent: %w", err)
	}
	if _, err := world.Do("move ann mx1"); err != nil {
		return nil, err
	}
	if err := held("mx1.fabrikam.test"); err != nil {
		return nil, fmt.Errorf("waiting for the repair: %w", err)
	}
	before, err := switches(cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(rest):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	after, err := switches(cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	rss, err1 := field(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid), "VmRSS:")
	anon, err2 := field(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid), "RssAnon:")
	return []figure{
		{"RssAnon of homing run, online after one repair", anon / 1024, "MiB", 9},
		{"VmRSS", rss / 1024, "MiB", 18},
		{fmt.Sprintf("voluntary context switches a minute, watched for %s", rest), (after - before) / rest.Minutes(), "switches", 30},
	}, errors.Join(err1, err2)
}

// switches counts the voluntary context switches of all threads of a process.
func switches(pid int) (float64, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(tasks) == 0 {
		return 0, errors.Join(err, errors.New("/proc tells nothing of the process: this needs Linux"))
	}
	var sum float64
	for _, task := range tasks {
		n, err := field(task, "voluntary_ctxt_switches:")
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// field reads one number of a file of /proc.
func field(path, name string) (float64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, name); ok {
			return strconv.ParseFloat(strings.Fields(value)[0], 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}
