package control_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

func TestErrorsThatCallersDecideBySurviveTheWire(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code control.Code
		is   error
	}{
		{profile.ErrNotFound, control.NotFound, profile.ErrNotFound},
		{profile.ErrConflict, control.Conflict, profile.ErrConflict},
		{profile.ErrSecretLocked, control.SecretLocked, profile.ErrSecretLocked},
		{profile.ErrNoBackend, control.NoBackend, profile.ErrNoBackend},
		{errors.ErrUnsupported, control.Unsupported, errors.ErrUnsupported},
		{context.Canceled, control.Stopping, control.ErrNotRunning},
		{errors.New("the disk burns"), control.Internal, nil},
	} {
		t.Run(string(tt.code), func(t *testing.T) {
			f := &fake{
				do: func(context.Context, agent.Command) (profile.ID, error) {
					return "", fmt.Errorf("doing it: %w", tt.err)
				},
				history: func(profile.ID) ([]profile.Generation, error) {
					return []profile.Generation{{Profile: profile.Profile{Generation: 5}}}, fmt.Errorf("doing it: %w", tt.err)
				},
				watchErr: fmt.Errorf("doing it: %w", tt.err),
			}
			path, _ := serve(t, &control.Server{Service: f})
			client := &control.Client{Path: path}
			check := func(what string, err error) {
				t.Helper()
				e, ok := errors.AsType[*control.Error](err)
				if !ok || e.Code != tt.code || !strings.HasPrefix(e.Text, "doing it: ") || tt.is != nil && !errors.Is(err, tt.is) {
					t.Errorf("%s: %#v, want code %s that is %v", what, err, tt.code, tt.is)
				}
			}
			_, err := client.Do(t.Context(), agent.Command{})
			check("Do", err)
			generations, err := client.History(t.Context(), "a1")
			check("History", err)
			if len(generations) != 1 || generations[0].Profile.Generation != 5 {
				t.Errorf("History returns %v beside its error, want generation 5", generations)
			}
			n := 0
			for _, err := range client.Watch(t.Context()) {
				n++
				check("Watch", err)
			}
			if n != 1 {
				t.Errorf("Watch yields %d times, want once", n)
			}
		})
	}
}

func TestAnAgentOfAnotherVersionIsRecognised(t *testing.T) {
	path := answering(t, `{"error":{"code":"version","text":"the running agent speaks version 2"}}`+"\n")
	if _, err := (&control.Client{Path: path}).Do(t.Context(), agent.Command{}); !errors.Is(err, control.ErrVersion) {
		t.Errorf("Do = %v, want ErrVersion", err)
	}
}

// answering is a server that reads a line and answers the same to each.
func answering(t *testing.T, answer string) (path string) {
	t.Helper()
	path = socketPath(t)
	l, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, answer)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return path
}

func TestAnswersThatMakeNoSenseAreErrors(t *testing.T) {
	for _, tt := range []struct{ name, answer string }{
		{"none", ""},
		{"half a line", `{"status":`},
		{"garbage", "HTTP/1.1 400 Bad Request\n"},
		{"a state that nobody knows", `{"status":{"mailboxes":[{"state":"asleep"}]}}` + "\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := &control.Client{Path: answering(t, tt.answer)}
			if _, err := client.Do(t.Context(), agent.Command{}); err == nil {
				t.Error("Do succeeds")
			}
			n := 0
			for _, err := range client.Watch(t.Context()) {
				if n++; err == nil {
					t.Error("Watch yields a status")
				}
			}
			if n != 1 {
				t.Errorf("Watch yields %d times, want one error", n)
			}
		})
	}
}

func TestAnAgentThatIsLostIsAnError(t *testing.T) {
	path := answering(t, `{"status":{"version":1,"seq":1,"mailboxes":[]}}`+"\n")
	var got []string
	for status, err := range (&control.Client{Path: path}).Watch(t.Context()) {
		got = append(got, fmt.Sprint(status.Seq, " ", err))
	}
	if len(got) != 2 || got[0] != "1 <nil>" || got[1] != "0 the connection to the running agent is lost: unexpected EOF" {
		t.Errorf("Watch yields %q, want a status and then the loss", got)
	}
}

func TestNobodyListens(t *testing.T) {
	path := socketPath(t)
	check := func(what string) {
		t.Helper()
		if _, err := control.Dial(path); !errors.Is(err, control.ErrNotRunning) {
			t.Errorf("%s: Dial = %v, want ErrNotRunning", what, err)
		}
		if _, err := (&control.Client{Path: path}).Do(t.Context(), agent.Command{}); !errors.Is(err, control.ErrNotRunning) {
			t.Errorf("%s: Do = %v, want ErrNotRunning", what, err)
		}
		for _, err := range (&control.Client{Path: path}).Watch(t.Context()) {
			if !errors.Is(err, control.ErrNotRunning) {
				t.Errorf("%s: Watch yields %v, want ErrNotRunning", what, err)
			}
		}
	}
	check("no directory")
	leave(t, path)
	check("a socket that nobody holds")
}

func TestWhatCannotTravelIsNotSent(t *testing.T) {
	asked := 0
	f := &fake{do: func(context.Context, agent.Command) (profile.ID, error) { asked++; return "", nil }}
	path, _ := serve(t, &control.Server{Service: f})
	client := &control.Client{Path: path}
	for _, tt := range []struct {
		name    string
		command agent.Command
		ok      bool
	}{
		{"a secret that is not text", agent.Command{Secret: trust.NewSecret("caf\xe9")}, false},
		{"more than a request may hold", agent.Command{Label: strings.Repeat("x", 1<<20)}, false},
		{"nearly as much", agent.Command{Label: strings.Repeat("x", 1<<19)}, true},
	} {
		before := asked
		if _, err := client.Do(t.Context(), tt.command); (err == nil) != tt.ok || (asked > before) != tt.ok {
			t.Errorf("%s: %v, asked %d times", tt.name, err, asked-before)
		}
	}
}

// leave makes a socket that nobody holds any more, as after a crash.
func leave(t *testing.T, path string) {
	t.Helper()
	l, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
}
