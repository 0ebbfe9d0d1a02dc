//go:build !windows && !darwin

package profile

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"
)

// fakeService is a session bus with a Secret Service behind it, and go-keyring in
// front. Their answers are scripted; what they were asked is counted.
type fakeService struct {
	fail     map[string]string // by member: the D-Bus error that it answers with
	hang     map[string]bool   // by member: it never answers
	drop     map[string]bool   // by member: the bus goes instead
	end      map[string]bool   // by member: the service goes after its answer, and the bus says so
	person   string            // what becomes of a prompt: "unlocks", "dismisses", "" nothing
	nothing  bool              // there is no collection
	confirms bool              // an item is locked for a connection until its prompt was answered on that

	library fakeLibrary

	mu      sync.Mutex
	locked  bool
	secrets map[string]string
	asked   map[string]int    // by member, and by function of go-keyring
	open    int               // connections
	pipes   map[net.Conn]bool // the service's ends of them; true where the end of the service is to be told
	common  *dbus.Conn
}

// fakeLibrary is what go-keyring does besides what it should.
type fakeLibrary struct {
	fails     map[string]error // by function
	hangs     chan struct{}    // until it is closed, if not nil
	prompts   bool             // set and delete wait for any signal, as it does for that of a prompt
	dismissed bool             // set and delete do nothing, and say nothing
}

func newFakeService() *fakeService {
	return &fakeService{secrets: map[string]string{"ann": planted}, asked: map[string]int{}, pipes: map[net.Conn]bool{}}
}

// store asks the service, and nothing else.
func (f *fakeService) store(t *testing.T) *SecretStore {
	t.Cleanup(func() {
		if f.common != nil {
			f.common.Close()
		}
	})
	dial := func(ctx context.Context) (*dbus.Conn, error) { return f.connect(dbus.WithContext(ctx)) }
	return &SecretStore{keyring: guard{dial, f.shared, f.goKeyring()}.calls()}
}

// shared is the connection that go-keyring has.
func (f *fakeService) shared() (conn *dbus.Conn, err error) {
	if f.common == nil || !f.common.Connected() {
		f.common, err = f.connect()
	}
	return f.common, err
}

// goKeyring are functions that do what those of go-keyring do.
func (f *fakeService) goKeyring() library {
	begin := func(function, service string) error {
		f.mu.Lock()
		f.asked[function]++
		f.mu.Unlock()
		if service != "homing" {
			return errors.New("another service")
		}
		if f.library.hangs != nil {
			<-f.library.hangs
		}
		return f.library.fails[function]
	}
	change := func(change func()) {
		if f.library.prompts {
			signals := make(chan *dbus.Signal, 1)
			f.common.Signal(signals)
			signal := <-signals
			_ = signal.Name
		}
		if !f.library.dismissed {
			f.mu.Lock()
			change()
			f.mu.Unlock()
		}
	}
	get := func(function, service, user string) (string, error) {
		if err := begin(function, service); err != nil {
			return "", err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		secret, ok := f.secrets[user]
		if !ok {
			return "", keyring.ErrNotFound
		}
		return secret, nil
	}
	return library{
		get: func(service, user string) (string, error) { return get("get", service, user) },
		set: func(service, user, secret string) error {
			err := begin("set", service)
			if err == nil {
				change(func() { f.secrets[user] = secret })
			}
			return err
		},
		delete: func(service, user string) error {
			_, err := get("delete", service, user)
			if err == nil {
				change(func() { delete(f.secrets, user) })
			}
			return err
		},
	}
}

func (f *fakeService) count(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[what]
}

// reached is how often go-keyring was asked.
func (f *fakeService) reached() int { return f.count("get") + f.count("set") + f.count("delete") }

func (f *fakeService) lock(locked bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.locked = locked
}

// ends is the end of the service, of which the bus tells who wants to know it.
func (f *fakeService) ends() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for pipe, told := range f.pipes {
		if told {
			send(pipe, signal("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", secretBus, ":1.1", ""))
		}
	}
}

// hangUp is the end of the bus.
func (f *fakeService) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for pipe := range f.pipes {
		pipe.Close()
	}
}

// wantNoneLeft fails where a question has left its own connection behind.
func (f *fakeService) wantNoneLeft(t *testing.T) {
	t.Helper()
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	want := 0
	if f.common != nil && f.common.Connected() {
		want = 1
	}
	if f.open != want {
		t.Errorf("%d connections to the bus are open, want %d", f.open, want)
	}
}

func (f *fakeService) connect(options ...dbus.ConnOption) (*dbus.Conn, error) {
	ours, theirs := net.Pipe()
	f.mu.Lock()
	f.open++
	f.pipes[theirs] = false
	f.mu.Unlock()
	go func() {
		f.serve(theirs)
		theirs.Close()
		f.mu.Lock()
		f.open--
		delete(f.pipes, theirs)
		f.mu.Unlock()
	}()
	conn, err := dbus.NewConn(ours, options...)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(conn.Auth(nil), conn.Hello()); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// serve is one connection: the handshake, then calls until it ends.
func (f *fakeService) serve(conn net.Conn) {
	in := bufio.NewReader(conn)
	if _, err := in.ReadByte(); err != nil { // the null byte
		return
	}
	for said := ""; said != "BEGIN"; {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		said = strings.TrimSpace(line)
		switch {
		case said == "AUTH":
			io.WriteString(conn, "REJECTED EXTERNAL\r\n")
		case strings.HasPrefix(said, "AUTH ") || strings.HasPrefix(said, "DATA"):
			io.WriteString(conn, "OK 0123456789abcdef0123456789abcdef\r\n")
		}
	}
	permitted := false
	for {
		call, err := dbus.DecodeMessage(in)
		if err != nil {
			return
		}
		member := call.Headers[dbus.FieldMember].Value().(string)
		f.mu.Lock()
		f.asked[member]++
		f.mu.Unlock()
		switch {
		case f.hang[member]:
			continue
		case f.drop[member]:
			return
		case f.end[member]:
			send(conn, reply(call, dbus.TypeMethodReply, ""))
			send(conn, signal("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", secretBus, ":1.1", ""))
			continue
		case f.fail[member] != "":
			send(conn, reply(call, dbus.TypeError, f.fail[member], "it says why"))
			continue
		}
		if member == "AddMatch" && strings.Contains(call.Body[0].(string), "NameOwnerChanged") {
			f.mu.Lock()
			f.pipes[conn] = true
			f.mu.Unlock()
		}
		body := f.answer(call, member, permitted)
		send(conn, reply(call, dbus.TypeMethodReply, "", body...))
		if member == "Prompt" && f.person != "" {
			permitted = f.person == "unlocks"
			f.lock(!permitted)
			send(conn, signal("/prompt/1", secretPrompt, "Completed", f.person == "dismisses", dbus.MakeVariant("")))
		}
	}
}

func (f *fakeService) answer(call *dbus.Message, member string, permitted bool) []any {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch member {
	case "Hello":
		return []any{":1.7"}
	case "Get":
		switch item := call.Headers[dbus.FieldPath].Value() == dbus.ObjectPath("/item/ann"); {
		case call.Body[1] == "Locked" && item && f.confirms:
			return []any{dbus.MakeVariant(!permitted)}
		case call.Body[1] == "Locked":
			return []any{dbus.MakeVariant(f.locked)}
		}
		return []any{dbus.MakeVariant([]dbus.ObjectPath{})}
	case "ReadAlias":
		if f.nothing {
			return []any{dbus.ObjectPath("/")}
		}
		return []any{dbus.ObjectPath("/collection/1")}
	case "Unlock":
		return []any{[]dbus.ObjectPath{}, dbus.ObjectPath("/prompt/1")}
	case "SearchItems":
		wanted := call.Body[0].(map[string]string)
		if _, ok := f.secrets[wanted["username"]]; !ok || wanted["service"] != "homing" {
			return []any{[]dbus.ObjectPath{}}
		}
		return []any{[]dbus.ObjectPath{"/item/ann"}}
	}
	return nil // AddMatch, RemoveMatch, Prompt
}

func send(w io.Writer, m *dbus.Message) { m.EncodeTo(w, binary.LittleEndian) }

func message(kind dbus.Type, headers map[dbus.HeaderField]dbus.Variant, body []any) *dbus.Message {
	if len(body) > 0 {
		headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	return &dbus.Message{Type: kind, Headers: headers, Body: body}
}

func reply(call *dbus.Message, kind dbus.Type, name string, body ...any) *dbus.Message {
	headers := map[dbus.HeaderField]dbus.Variant{dbus.FieldReplySerial: dbus.MakeVariant(call.Serial()), dbus.FieldSender: dbus.MakeVariant(":1.1")}
	if name != "" {
		headers[dbus.FieldErrorName] = dbus.MakeVariant(name)
	}
	return message(kind, headers, body)
}

func signal(path dbus.ObjectPath, of, member string, body ...any) *dbus.Message {
	return message(dbus.TypeSignal, map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(path), dbus.FieldInterface: dbus.MakeVariant(of), dbus.FieldMember: dbus.MakeVariant(member),
		dbus.FieldSender: dbus.MakeVariant(":1.1"),
	}, body)
}
