package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/agent/servicetest"
	"github.com/homing-mail/homing/profile"
)

func TestServiceOverASocket(t *testing.T) {
	servicetest.Run(t, func(t *testing.T, cfg agent.Config) agent.Service {
		a := agent.New(cfg)
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		t.Cleanup(func() {
			stop()
			if err := <-ended; err != nil {
				t.Errorf("Run = %v", err)
			}
		})
		path, _ := serve(t, &control.Server{Service: a})
		client, err := control.Dial(path)
		if err != nil {
			t.Fatal(err)
		}
		return client
	})
}

// echo answers what the protocol tests ask for.
func echo() *fake {
	f := &fake{statuses: make(chan agent.Status, 2)}
	f.statuses <- agent.Status{Version: 1, Seq: 7, Mailboxes: []agent.Mailbox{}}
	f.statuses <- agent.Status{Version: 1, Seq: 8, Mailboxes: []agent.Mailbox{}}
	close(f.statuses)
	f.do = func(_ context.Context, c agent.Command) (profile.ID, error) {
		if c.Profile == "" {
			return "", fmt.Errorf("profile %q: %w", c.Profile, profile.ErrNotFound)
		}
		return c.Profile + profile.ID(c.Secret.Reveal()), nil
	}
	f.history = func(id profile.ID) ([]profile.Generation, error) {
		if id == "" {
			return nil, profile.ErrConflict
		}
		return []profile.Generation{}, nil
	}
	return f
}

func TestProtocol(t *testing.T) {
	const refused = `{"error":{"code":"request","text":"the request is not one that this protocol knows"}}` + "\n"
	for _, tt := range []struct {
		name, request, want string
	}{
		{"watch", `{"version":1,"op":"watch"}` + "\n",
			`{"status":{"version":1,"seq":7,"mailboxes":[]}}` + "\n" + `{"status":{"version":1,"seq":8,"mailboxes":[]}}` + "\n" + `{"ok":true}` + "\n"},
		{"do", `{"version":1,"op":"do","command":{"op":"sign in","profile":"a1","secret":"-s"}}` + "\n", `{"ok":true,"id":"a1-s"}` + "\n"},
		{"do that fails", `{"version":1,"op":"do","command":{"op":"pause"}}` + "\n",
			`{"error":{"code":"not-found","text":"profile \"\": no such profile or generation"}}` + "\n"},
		{"history", `{"version":1,"op":"history","profile":"a1"}` + "\n", `{"generations":[]}` + "\n"},
		{"history that fails", `{"version":1,"op":"history"}` + "\n",
			`{"error":{"code":"conflict","text":"the profile has changed meanwhile; load it and decide again"}}` + "\n"},
		{"raise without a window", `{"version":1,"op":"raise"}` + "\n", `{"error":{"code":"unsupported","text":"unsupported operation"}}` + "\n"},
		{"what follows the line is not read", `{"version":1,"op":"history","profile":"a1"}` + "\n" + `{"version":1,"op":"history"}` + "\n", `{"generations":[]}` + "\n"},
		{"another version", `{"version":2,"op":"watch","novelty":true}` + "\n",
			`{"error":{"code":"version","text":"the running agent speaks version 1 of the protocol and was asked in version 2; restart it"}}` + "\n"},
		{"no version", `{"op":"watch"}` + "\n",
			`{"error":{"code":"version","text":"the running agent speaks version 1 of the protocol and was asked in version 0; restart it"}}` + "\n"},
		{"an unknown request", `{"version":1,"op":"dance"}` + "\n", `{"error":{"code":"request","text":"unknown request \"dance\""}}` + "\n"},
		{"a field that nobody knows", `{"version":1,"op":"do","command":{"op":"pause","profile":"a1","gently":true}}` + "\n", refused},
		{"do without a command", `{"version":1,"op":"do"}` + "\n", refused},
		{"two requests in a line", `{"version":1,"op":"watch"} {"version":1,"op":"watch"}` + "\n", refused},
		{"garbage", "\x16\x03\x01GET / HTTP/1.1\n", refused},
		{"an empty line", "\n", refused},
		{"no object", "[1]\n", refused},
		{"nothing of a secret comes back", `{"version":1,"op":"do","command":{"op":"sign in","secret":hunter2}}` + "\n", refused},
		{"more than a mebibyte", `{"version":1,"op":"` + strings.Repeat("x", 1<<20) + `"}` + "\n", `{"error":{"code":"request","text":"the request is longer than 1048576 bytes"}}` + "\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, _ := serve(t, &control.Server{Service: echo()})
			r := dialRaw(t, path)
			go io.WriteString(r.Conn, tt.request) // the server may close before it has read it all
			if got := r.answer(); got != tt.want {
				t.Errorf("answer %q, want %q", got, tt.want)
			}
		})
	}
}

// answer is rest, but for the reset of a connection that was not read to its
// end.
func (r *raw) answer() string {
	all, _ := io.ReadAll(r.lines)
	return string(all)
}

func TestClientsThatLeaveAreSurvived(t *testing.T) {
	f := echo()
	path, _ := serve(t, &control.Server{Service: f})
	for _, part := range []string{"", "{", `{"version":1,"op":"history","profile":"a1"}`} {
		r := dialRaw(t, path)
		r.send(part)
		r.Close()
	}
	r := dialRaw(t, path)
	r.send(`{"version":1,"op":"history","profile":"a1"}` + "\n")
	if got := r.rest(); got != `{"generations":[]}`+"\n" {
		t.Errorf("answer %q after others have left", got)
	}
}

func TestAClientThatLeavesEndsItsWatch(t *testing.T) {
	f := &fake{statuses: make(chan agent.Status), watching: make(chan bool, 8)}
	path, _ := serve(t, &control.Server{Service: f})
	r := dialRaw(t, path)
	r.send(`{"version":1,"op":"watch"}` + "\n")
	if !receive(t, f.watching) {
		t.Fatal("the watch has not begun")
	}
	f.statuses <- agent.Status{Seq: 1}
	r.Close()
	if receive(t, f.watching) {
		t.Fatal("another watch has begun")
	}
}

func TestAClientThatLeavesCancelsItsCommand(t *testing.T) {
	begun, ended := make(chan bool), make(chan error, 1)
	f := &fake{do: func(ctx context.Context, _ agent.Command) (profile.ID, error) {
		begun <- true
		<-ctx.Done()
		ended <- ctx.Err()
		return "", ctx.Err()
	}}
	path, _ := serve(t, &control.Server{Service: f})
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan error, 1)
	go func() {
		_, err := (&control.Client{Path: path}).Do(ctx, agent.Command{Op: agent.Forget})
		answered <- err
	}()
	receive(t, begun)
	cancel()
	if err := receive(t, answered); !errors.Is(err, context.Canceled) {
		t.Errorf("Do = %v, want context.Canceled", err)
	}
	if err := receive(t, ended); !errors.Is(err, context.Canceled) {
		t.Errorf("the command ended with %v", err)
	}
}

func TestTooManyConnectionsAreToldSo(t *testing.T) {
	f := &fake{statuses: make(chan agent.Status), watching: make(chan bool, 8)}
	path, _ := serve(t, &control.Server{Service: f, Limit: 2})
	var held []*raw
	for range 2 {
		r := dialRaw(t, path)
		r.send(`{"version":1,"op":"watch"}` + "\n")
		<-f.watching
		held = append(held, r)
	}
	client := &control.Client{Path: path}
	_, err := client.Do(t.Context(), agent.Command{Op: agent.CheckNow})
	if e, ok := errors.AsType[*control.Error](err); !ok || e.Code != control.TooMany {
		t.Errorf("the third connection: %v, want code %s", err, control.TooMany)
	}
	held[0].Close()
	<-f.watching
	for { // the place is free a moment after the watch has ended
		r := dialRaw(t, path)
		r.send(`{"version":1,"op":"dance"}` + "\n")
		if got := r.answer(); strings.Contains(got, "unknown request") {
			return
		} else if !strings.Contains(got, "too-many") {
			t.Fatalf("answer %q", got)
		}
	}
}

// pipes is a listener in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

func TestDeadlines(t *testing.T) {
	for _, tt := range []struct {
		name    string
		request string
	}{
		{"a client that asks nothing is left after ten seconds", ""},
		{"a client that asks half a question is left after ten seconds", `{"version":1,`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newPipes()
				stop := serveOn(t, &control.Server{Service: echo()}, l)
				conn := l.dial()
				began := time.Now()
				if _, err := io.WriteString(conn, tt.request); err != nil {
					t.Fatal(err)
				}
				if answer, err := io.ReadAll(conn); err != nil || len(answer) != 0 {
					t.Errorf("answer %q, %v; want none", answer, err)
				}
				if got := time.Since(began); got != 10*time.Second {
					t.Errorf("closed after %v, want 10s", got)
				}
				stop()
			})
		})
	}
	t.Run("a watcher that does not read is left after ten seconds, one that does may stay for hours", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newPipes()
			f := &fake{statuses: make(chan agent.Status), watching: make(chan bool, 4)}
			stop := serveOn(t, &control.Server{Service: f}, l)
			conn := l.dial()
			io.WriteString(conn, `{"version":1,"op":"watch"}`+"\n")
			buf := make([]byte, 1024)
			for range 3 {
				<-time.After(time.Hour)
				f.statuses <- agent.Status{}
				if _, err := conn.Read(buf); err != nil {
					t.Fatal(err)
				}
			}
			if began := <-f.watching; !began {
				t.Fatal("the watch has not begun")
			}
			began := time.Now()
			f.statuses <- agent.Status{}
			<-f.watching
			if got := time.Since(began); got != 10*time.Second {
				t.Errorf("left after %v, want 10s", got)
			}
			conn.Close()
			stop()
		})
	})
}

func TestTheEndOfTheServerEndsEverything(t *testing.T) {
	f := &fake{statuses: make(chan agent.Status), watching: make(chan bool, 2)}
	path, stop := serve(t, &control.Server{Service: f})
	dialRaw(t, path) // asks nothing
	watched := make(chan error, 1)
	go func() {
		for _, err := range (&control.Client{Path: path}).Watch(context.Background()) {
			watched <- err
		}
		close(watched)
	}()
	<-f.watching
	stop()
	if err, ok := <-watched; ok {
		t.Errorf("the watch yields %v, want a quiet end", err)
	}
	if _, err := control.Dial(path); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("Dial = %v, want ErrNotRunning", err)
	}
}

func TestServeReturnsTheErrorOfAListenerThatIsClosed(t *testing.T) {
	l, err := control.Listen(socketPath(t))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := (&control.Server{}).Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve = %v, want net.ErrClosed", err)
	}
}

func TestSecretsTravelAndAreNotLogged(t *testing.T) {
	const secret = "swordfish-4711"
	var log bytes.Buffer
	f := echo()
	path, stop := serve(t, &control.Server{Service: f, Log: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	for _, request := range []string{
		`{"version":1,"op":"do","command":{"op":"sign in","profile":"a1","realm":"*.contoso.test","secret":"` + secret + `"}}`,
		`{"version":1,"op":"do","command":{"op":"sign in","secret":"` + secret + `","gently":true}}`,
		`{"version":1,"op":"do","command":{"op":"sign in","secret":"` + secret,
		`{"version":7,"op":"do","command":{"secret":"` + secret + `"}}`,
		`{"version":1,"op":"do","command":{"op":"sign in","expires":"` + secret + `"}}`,
	} {
		r := dialRaw(t, path)
		r.send(request + "\n")
		got := r.rest()
		if arrived := strings.Contains(got, "a1"+secret); arrived != strings.Contains(request, "realm") {
			t.Errorf("answer %q: the first request, and no other, brings the secret to the service", got)
		}
		if strings.Contains(got, "error") && strings.Contains(got, secret) {
			t.Errorf("the error %q holds the secret", got)
		}
	}
	stop()
	if !strings.Contains(log.String(), "sign in") {
		t.Errorf("the log does not tell of the command: %s", &log)
	}
	if strings.Contains(log.String(), secret) {
		t.Errorf("the log holds the secret: %s", &log)
	}
}

func TestRaise(t *testing.T) {
	raised := 0
	path, _ := serve(t, &control.Server{Service: echo(), Raise: func(context.Context) error { raised++; return nil }})
	if err := (&control.Client{Path: path}).Raise(t.Context()); err != nil || raised != 1 {
		t.Errorf("Raise = %v, raised %d times; want nil, once", err, raised)
	}
	path, _ = serve(t, &control.Server{Service: echo()})
	if err := (&control.Client{Path: path}).Raise(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("without a window: %v, want ErrUnsupported", err)
	}
}

// What the package comment says of Command must not fall behind its type.
func TestEveryFieldOfACommandTravels(t *testing.T) {
	want := agent.Command{
		Op: agent.Trust, Profile: "a1", Address: "ann@contoso.test", Label: "Ann", Realm: "*.contoso.test", User: "ann",
		SecretRef: "keyring:x", Bearer: true, Host: "h", MailDomain: "contoso.test",
		Expires: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Generation: 3, Draft: &profile.Profile{ID: "a1"},
	}
	var got agent.Command
	f := &fake{do: func(_ context.Context, c agent.Command) (profile.ID, error) { got = c; return "", nil }}
	path, _ := serve(t, &control.Server{Service: f})
	if _, err := (&control.Client{Path: path}).Do(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(got)
	if !bytes.Equal(a, b) || !bytes.Contains(a, []byte(`"expires"`)) {
		t.Errorf("sent %s, arrived %s", a, b)
	}
}
