package control_test

import (
	"bufio"
	"context"
	"io"
	"iter"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/profile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// socketPath returns a path that is short enough everywhere.
func socketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "homing")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "run", "s")
}

// serve runs s on a socket until the test ends or stop is called.
func serve(t testing.TB, s *control.Server) (path string, stop func()) {
	t.Helper()
	path = socketPath(t)
	l, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, serveOn(t, s, l)
}

func serveOn(t testing.TB, s *control.Server, l net.Listener) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	stop = func() {
		cancel()
		if err, ok := <-ended; ok && err != nil {
			t.Errorf("Serve = %v, want nil", err)
		} else if ok {
			close(ended)
		}
	}
	t.Cleanup(stop)
	return stop
}

// fake is a service that does what a test says. A watch yields statuses from
// the channel until it is closed.
type fake struct {
	statuses chan agent.Status
	watching chan bool // true at the begin of a watch, false at its end; nil: nobody looks
	watchErr error
	do       func(context.Context, agent.Command) (profile.ID, error)
	history  func(profile.ID) ([]profile.Generation, error)
}

func (f *fake) Watch(ctx context.Context) iter.Seq2[agent.Status, error] {
	return func(yield func(agent.Status, error) bool) {
		if f.watching != nil {
			f.watching <- true
			defer func() { f.watching <- false }()
		}
		if f.watchErr != nil {
			yield(agent.Status{}, f.watchErr)
			return
		}
		for {
			select {
			case status, ok := <-f.statuses:
				if !ok || !yield(status, nil) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

func (f *fake) Do(ctx context.Context, c agent.Command) (profile.ID, error) { return f.do(ctx, c) }

func (f *fake) History(_ context.Context, id profile.ID) ([]profile.Generation, error) {
	return f.history(id)
}

// raw speaks to the socket without the client.
type raw struct {
	net.Conn
	t     testing.TB
	lines *bufio.Reader
}

func dialRaw(t testing.TB, path string) *raw {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &raw{conn, t, bufio.NewReader(conn)}
}

func (r *raw) send(s string) {
	r.t.Helper()
	if _, err := io.WriteString(r.Conn, s); err != nil {
		r.t.Fatal(err)
	}
}

// rest returns everything until the server closes.
func (r *raw) rest() string {
	r.t.Helper()
	all, err := io.ReadAll(r.lines)
	if err != nil {
		r.t.Fatalf("after %q: %v", all, err)
	}
	return string(all)
}

// patience ends a test that waits for what never comes.
const patience = 10 * time.Second

func receive[T any](t testing.TB, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Error("what was awaited has not come")
	}
	return v
}
