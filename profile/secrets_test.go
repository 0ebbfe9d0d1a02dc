package profile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/homing-mail/homing/internal/trust"
)

// planted is the secret that no error may show.
const planted = "hunter2-planted"

// TestMain runs the tests, or plays the program of the command backend.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "play" {
		play(os.Args[2])
		return
	}
	goleak.VerifyTestMain(m)
}

func play(part string) {
	switch part {
	case "one line":
		fmt.Println(planted)
	case "no line break":
		fmt.Print(planted)
	case "two lines":
		fmt.Print(planted + "\r\nlogin: ann\n")
	case "nothing":
	case "failure":
		fmt.Println(planted)
		fmt.Fprintln(os.Stderr, planted)
		os.Exit(3)
	case "endless line":
		for {
			if _, err := os.Stdout.WriteString(strings.Repeat("x", 4096)); err != nil {
				return
			}
		}
	case "long line":
		fmt.Println(strings.Repeat("x", 10*maxSecret))
	case "hang":
		<-time.After(time.Hour)
	}
}

// fakeKeyring is a keyring that answers err if that is not nil.
func fakeKeyring(kept map[string]string, err error) keyringCalls {
	return keyringCalls{
		get: func(_ context.Context, _ *prompt, name string) (string, error) {
			secret, ok := kept[name]
			if !ok && err == nil {
				return "", ErrSecretNotFound
			}
			return secret, err
		},
		set: func(_ context.Context, _ *prompt, name, secret string) error {
			if err == nil {
				kept[name] = secret
			}
			return err
		},
		delete: func(_ context.Context, _ *prompt, name string) error {
			if _, ok := kept[name]; !ok && err == nil {
				return ErrSecretNotFound
			}
			delete(kept, name)
			return err
		},
	}
}

// checkError fails unless err is a *SecretError of the backend that wraps want
// and mentions text, without the planted secret.
func checkError(t *testing.T, err error, backend string, want error, text string) {
	t.Helper()
	failed, ok := errors.AsType[*SecretError](err)
	if !ok || failed.Backend != backend || want != nil && !errors.Is(err, want) || !strings.Contains(err.Error(), text) {
		t.Errorf("error is %v, want a *SecretError of %q that wraps %v and mentions %q", err, backend, want, text)
	}
	if all := fmt.Sprintf("%v %+v %#v", err, err, failed); strings.Contains(all, planted) {
		t.Errorf("the error shows the secret: %s", all)
	}
}

// The backends that can be written to keep what they are given.
func TestSecretsAreKept(t *testing.T) {
	for backend, ref := range map[string]string{
		"keyring": "keyring:00112233445566aa/*.contoso.test",
		"file":    "file:" + filepath.Join(t.TempDir(), "secret"),
		"memory":  "memory:ann",
	} {
		t.Run(backend, func(t *testing.T) {
			s := &SecretStore{Enabled: []string{backend}, keyring: fakeKeyring(map[string]string{}, nil)}
			_, err := s.Get(t.Context(), ref)
			checkError(t, err, backend, ErrSecretNotFound, ref)
			for _, secret := range []string{planted, "another one, with ümlauts"} {
				if err := s.Set(t.Context(), ref, trust.NewSecret(secret)); err != nil {
					t.Fatal(err)
				}
				got, err := s.Get(t.Context(), ref)
				if err != nil || got.Reveal() != secret {
					t.Errorf("Get = %q, %v; want %q", got.Reveal(), err, secret)
				}
			}
			for _, bad := range []string{"", planted + "\nline 2", planted + "\x00", strings.Repeat("x", maxSecret+1)} {
				checkError(t, s.Set(t.Context(), ref, trust.NewSecret(bad)), backend, nil, "secret")
			}
			got, err := s.Get(t.Context(), ref)
			if err != nil || got.Reveal() != "another one, with ümlauts" {
				t.Errorf("after the refusals: Get = %q, %v", got.Reveal(), err)
			}
			for range 2 { // the second time it is not there
				if err := s.Delete(t.Context(), ref); err != nil {
					t.Errorf("Delete = %v", err)
				}
			}
			_, err = s.Get(t.Context(), ref)
			checkError(t, err, backend, ErrSecretNotFound, ref)

			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			checkError(t, s.Set(ctx, ref, trust.NewSecret(planted)), backend, context.Canceled, "")
			_, err = s.Get(t.Context(), ref)
			checkError(t, err, backend, ErrSecretNotFound, ref)
		})
	}
}

func TestSecretReferences(t *testing.T) {
	s := &SecretStore{keyring: fakeKeyring(nil, nil)}
	for _, ref := range []string{"", planted, planted + ":x", "KEYRING:ann", "env:PASSWORD"} {
		_, err := s.Get(t.Context(), ref)
		checkError(t, err, "", nil, "does not begin with")
		if strings.Contains(err.Error(), ref) && ref != "" {
			t.Errorf("%v: shows what may be a secret", err)
		}
	}
	for _, ref := range []string{"keyring:", "keyring", "command:", "file:", "systemd:"} {
		_, err := s.Get(t.Context(), ref)
		checkError(t, err, "", nil, "names nothing")
	}
}

// A backend that may not be used is not replaced by one that may.
func TestNoFallback(t *testing.T) {
	kept := map[string]string{"ann": planted}
	s := &SecretStore{Enabled: []string{"memory"}, keyring: fakeKeyring(kept, nil)}
	_, err := s.Get(t.Context(), "keyring:ann")
	checkError(t, err, "keyring", ErrNoBackend, "the keyring backend is not enabled")
	s.Enabled = []string{"keyring"}
	if got, err := s.Get(t.Context(), "keyring:ann"); err != nil || got.Reveal() != planted {
		t.Errorf("Get with the keyring enabled = %v", err)
	}
	s.Enabled = nil
	_, err = s.Get(t.Context(), "memory:ann")
	checkError(t, err, "memory", ErrNoBackend, "the memory backend is not enabled")
}

func TestKeyringErrors(t *testing.T) {
	for _, want := range []error{ErrSecretLocked, ErrNoBackend, errors.New("another one")} {
		s := &SecretStore{keyring: fakeKeyring(map[string]string{}, want)}
		_, err := s.Get(t.Context(), "keyring:ann")
		checkError(t, err, "keyring", want, "")
		checkError(t, s.Set(t.Context(), "keyring:ann", trust.NewSecret(planted)), "keyring", want, "")
		checkError(t, s.Delete(t.Context(), "keyring:ann"), "keyring", want, "")
	}
	s := &SecretStore{keyring: fakeKeyring(map[string]string{}, errors.New("cannot store "+planted))}
	checkError(t, s.Set(t.Context(), "keyring:ann", trust.NewSecret(planted)), "keyring", nil, "repeats the secret")
	s = &SecretStore{keyring: fakeKeyring(map[string]string{"ann": strings.Repeat("x", maxSecret+1)}, nil)}
	_, err := s.Get(t.Context(), "keyring:ann")
	checkError(t, err, "keyring", nil, "larger than")
}

// A keyring that waits for a person is given up after the limit, and is not
// asked again before it has answered.
func TestKeyringHangs(t *testing.T) {
	for limit, field := range map[time.Duration]time.Duration{5 * time.Second: 0, 2 * time.Minute: 2 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			person := make(chan struct{})
			var asked atomic.Int32
			s := &SecretStore{KeyringTimeout: field, keyring: keyringCalls{
				get: func(context.Context, *prompt, string) (string, error) {
					asked.Add(1)
					<-person
					return planted, nil
				},
			}}
			for range 2 {
				start := time.Now()
				_, err := s.Get(t.Context(), "keyring:ann")
				checkError(t, err, "keyring", context.DeadlineExceeded, "has not answered within "+limit.String())
				if took := time.Since(start); took != limit {
					t.Errorf("Get took %v, want %v", took, limit)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := s.Get(ctx, "keyring:ann")
			checkError(t, err, "keyring", context.DeadlineExceeded, "")
			if n := asked.Load(); n != 1 {
				t.Errorf("the keyring was asked %d times while it hung, want once", n)
			}
			close(person)
			if got, err := s.Get(t.Context(), "keyring:ann"); err != nil || got.Reveal() != planted || asked.Load() != 2 {
				t.Errorf("after it was unlocked: Get = %v, asked %d times", err, asked.Load())
			}
		})
	}
}

func TestSystemdCredentials(t *testing.T) {
	var s SecretStore
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	_, err := s.Get(t.Context(), "systemd:ann")
	checkError(t, err, "systemd", ErrNoBackend, "$CREDENTIALS_DIRECTORY is not set")

	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	_, err = s.Get(t.Context(), "systemd:ann")
	checkError(t, err, "systemd", ErrSecretNotFound, "LoadCredentialEncrypted=ann")
	if err := os.WriteFile(filepath.Join(dir, "ann"), []byte(planted), 0o440); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(t.Context(), "systemd:ann"); err != nil || got.Reveal() != planted {
		t.Errorf("Get = %v", err)
	}
	for _, name := range []string{"..", ".", "../ann", "a/b", `a\b`, "c:ann"} {
		_, err := s.Get(t.Context(), "systemd:"+name)
		checkError(t, err, "systemd", nil, "no slashes")
	}
	checkError(t, s.Set(t.Context(), "systemd:ann", trust.NewSecret(planted)), "systemd", errors.ErrUnsupported, "systemd-creds")
	checkError(t, s.Delete(t.Context(), "systemd:ann"), "systemd", errors.ErrUnsupported, "unit")
}

func TestCommands(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &SecretStore{Commands: map[string][]string{"": {self, "play", "one line"}, "missing": {filepath.Join(t.TempDir(), "pass")}, "empty": {}}}
	for _, part := range []string{"no line break", "two lines", "nothing", "failure", "long line"} {
		s.Commands[part] = []string{self, "play", part}
	}
	for _, ref := range []string{"command", "command:no line break", "command:two lines"} {
		if got, err := s.Get(t.Context(), ref); err != nil || got.Reveal() != planted {
			t.Errorf("%s: Get = %v", ref, err)
		}
	}
	for _, tt := range []struct {
		ref  string
		want error
		text string
	}{
		{"command:nothing", ErrSecretNotFound, "empty"},
		{"command:failure", nil, "exit status 3"},
		{"command:long line", nil, "larger than"},
		{"command:missing", os.ErrNotExist, "pass"},
		{"command:empty", ErrNoBackend, "no such command"},
		{"command:unknown", ErrNoBackend, "no such command"},
	} {
		_, err := s.Get(t.Context(), tt.ref)
		checkError(t, err, "command", tt.want, tt.text)
	}
	checkError(t, s.Set(t.Context(), "command", trust.NewSecret(planted)), "command", errors.ErrUnsupported, "only reads")
	checkError(t, s.Delete(t.Context(), "command"), "command", errors.ErrUnsupported, "only reads")
}

// Each of these programs would run for ever.
func TestCommandLimit(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"hang", "endless line"} {
		s := &SecretStore{Commands: map[string][]string{"": {self, "play", part}}, CommandTimeout: 50 * time.Millisecond}
		_, err := s.Get(t.Context(), "command")
		checkError(t, err, "command", context.DeadlineExceeded, "has not finished within 50ms")
	}
}

func TestSecretFiles(t *testing.T) {
	var s SecretStore
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	write := func(content string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	get := func() error {
		_, err := s.Get(t.Context(), "file:"+path)
		return err
	}
	for _, content := range []string{planted, planted + "\n", planted + "\r\n", planted + "\nuser: ann\n"} {
		write(content, 0o400)
		if got, err := s.Get(t.Context(), "file:"+path); err != nil || got.Reveal() != planted {
			t.Errorf("%q: Get = %q, %v", content, got.Reveal(), err)
		}
		os.Remove(path)
	}
	if runtime.GOOS != "windows" {
		for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o644} {
			write(planted, mode)
			checkError(t, get(), "file", nil, fmt.Sprintf("chmod 600 %q", path))
		}
	}
	write("\n"+planted, 0o600)
	checkError(t, get(), "file", ErrSecretNotFound, "empty")
	write(strings.Repeat("x", maxSecret+1), 0o600)
	checkError(t, get(), "file", nil, "larger than")
	write(strings.Repeat("x", maxSecret)+"\r\n", 0o600)
	if err := get(); err != nil {
		t.Errorf("a secret of the largest size: %v", err)
	}

	write(planted, 0o644)
	if err := s.Set(t.Context(), "file:"+path, trust.NewSecret(planted+"2")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("after Set: %v, %v; want mode 600", info.Mode(), err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("Set left %v", names)
	}

	_, err := s.Get(t.Context(), "file:secret")
	checkError(t, err, "file", nil, "begins at the root")
	checkError(t, s.Set(t.Context(), "file:secret", trust.NewSecret(planted)), "file", nil, "begins at the root")
	_, err = s.Get(t.Context(), "file:"+dir)
	checkError(t, err, "file", nil, "not a regular file")
	checkError(t, s.Set(t.Context(), "file:"+filepath.Join(dir, "no", "where"), trust.NewSecret(planted)), "file", os.ErrNotExist, "no")
}
