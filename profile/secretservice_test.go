//go:build !windows && !darwin

package profile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/homing-mail/homing/internal/trust"
)

func TestASecretServiceKeepsSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeService()
		s := f.store(t)
		wantSecret(t, s, planted)
		if err := s.Set(t.Context(), "keyring:ann", trust.NewSecret("another")); err != nil {
			t.Fatal(err)
		}
		wantSecret(t, s, "another")
		_, err := s.Get(t.Context(), "keyring:ben")
		checkError(t, err, "keyring", ErrSecretNotFound, "")
		for range 2 {
			if err := s.Delete(t.Context(), "keyring:ann"); err != nil {
				t.Error(err)
			}
		}
		_, err = s.Get(t.Context(), "keyring:ann")
		checkError(t, err, "keyring", ErrSecretNotFound, "")
		f.wantNoneLeft(t)
	})
}

func wantSecret(t *testing.T, s *SecretStore, want string) {
	t.Helper()
	if got, err := s.Get(t.Context(), "keyring:ann"); err != nil || got.Reveal() != want {
		t.Errorf("Get = %q, %v; want %q", got.Reveal(), err, want)
	}
}

// few is how many goroutines more than before are none that a question has left:
// the runtime starts and ends some of its own. What is asked twenty times and more
// and leaves one each time shows.
const few = 5

// goroutines counts those of the bubble and of others; the former have come to rest.
func goroutines() int {
	synctest.Wait()
	return runtime.NumGoroutine()
}

func TestWhereNobodyIsTheKeyringDoesNotPrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeService()
		f.locked, f.person = true, "unlocks"
		s := f.store(t)
		for range 100 {
			_, err := s.Get(t.Context(), "keyring:ann")
			checkError(t, err, "keyring", ErrSecretLocked, "unlock it")
		}
		checkError(t, s.Set(t.Context(), "keyring:ann", trust.NewSecret(planted)), "keyring", ErrSecretLocked, "unlock it")
		checkError(t, s.Delete(t.Context(), "keyring:ann"), "keyring", ErrSecretLocked, "unlock it")
		if f.count("Unlock") > 0 || f.count("Prompt") > 0 || f.reached() > 0 {
			t.Errorf("asked to unlock %d times, to prompt %d times, go-keyring %d times", f.count("Unlock"), f.count("Prompt"), f.reached())
		}
		f.lock(false)
		wantSecret(t, s, planted)
		f.wantNoneLeft(t)

		// The twin: where somebody may be it does, and the secret comes.
		f.lock(true)
		s.KeyringTimeout = 2 * time.Minute
		wantSecret(t, s, planted)
		if f.count("Prompt") != 1 {
			t.Errorf("prompted %d times, want once", f.count("Prompt"))
		}
	})
}

// An agent reads its secrets every few seconds while it waits for one.
func TestAPromptThatIsNotAnsweredIsNotShownAgain(t *testing.T) {
	for _, person := range []string{"dismisses", ""} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeService()
			f.locked, f.person = true, person
			s := f.store(t)
			s.KeyringTimeout = 2 * time.Minute
			get := func(text string, limit time.Duration) {
				t.Helper()
				start := time.Now()
				_, err := s.Get(t.Context(), "keyring:ann")
				checkError(t, err, "keyring", ErrSecretLocked, text)
				if took := time.Since(start); took != limit {
					t.Errorf("person %q: Get took %v, want %v", person, took, limit)
				}
				f.wantNoneLeft(t)
			}
			prompts := func(want int) {
				t.Helper()
				if got := f.count("Prompt"); got != want {
					t.Errorf("person %q: prompted %d times, want %d", person, got, want)
				}
			}
			text, limit := "unlock it", time.Duration(0)
			if person == "" {
				text, limit = "not answered within 2m0s", s.KeyringTimeout
			}
			get(text, limit)
			get("unlock it", 0)
			left := goroutines()
			if f.count("Dismiss") > 0 {
				t.Errorf("person %q: what would end the daemon of gnome-keyring was called", person)
			}
			for range 50 {
				get("unlock it", 0)
			}
			prompts(1)
			if n := goroutines(); n > left+few {
				t.Errorf("person %q: %d goroutines after 50 questions, %d before", person, n, left)
			}
			checkError(t, s.Set(t.Context(), "keyring:ann", trust.NewSecret(planted)), "keyring", ErrSecretLocked, text)
			prompts(2)
			get("unlock it", 0)
			prompts(2)
			f.lock(false)
			wantSecret(t, s, planted)
			f.lock(true) // it was unlocked meanwhile: this is another matter
			get(text, limit)
			prompts(3)
		})
	}
}

func TestASecretServiceThatDoesNotAnswerIsGivenUp(t *testing.T) {
	for _, member := range []string{"Hello", "Get", "ReadAlias", "SearchItems", "AddMatch"} {
		t.Run(member, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeService()
				f.hang = map[string]bool{member: true}
				s := f.store(t)
				start := time.Now()
				_, err := s.Get(t.Context(), "keyring:ann")
				checkError(t, err, "keyring", context.DeadlineExceeded, "has not answered within 5s")
				checkError(t, err, "keyring", ErrNoBackend, "")
				if took := time.Since(start); took != 5*time.Second {
					t.Errorf("Get took %v, want 5s", took)
				}
				f.wantNoneLeft(t)
				f.hang = nil
				wantSecret(t, s, planted)
			})
		})
	}
}

func TestACallerThatGivesUpIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeService()
		f.locked = true
		s := f.store(t)
		s.KeyringTimeout = 2 * time.Minute
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Get(ctx, "keyring:ann")
		checkError(t, err, "keyring", context.DeadlineExceeded, "")
		f.wantNoneLeft(t)
	})
}

func TestWhatEndsBeforeThePromptIsAnsweredEndsTheQuestion(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(*fakeService)
		text string
	}{
		{"the bus", func(f *fakeService) { f.drop = map[string]bool{"Prompt": true} }, "the bus of the desktop session has gone"},
		{"the keyring", func(f *fakeService) { f.end = map[string]bool{"Prompt": true} }, "the keyring has ended"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeService()
				f.locked = true
				tt.set(f)
				s := f.store(t)
				s.KeyringTimeout = 2 * time.Minute
				start := time.Now()
				_, err := s.Get(t.Context(), "keyring:ann")
				checkError(t, err, "keyring", ErrNoBackend, tt.text)
				if took := time.Since(start); took != 0 {
					t.Errorf("it took %v to notice", took)
				}
				f.wantNoneLeft(t)
				f.lock(false)
				wantSecret(t, s, planted)
			})
		})
	}
}

func TestWhatErrorsOfASecretServiceMean(t *testing.T) {
	const bus, api = "org.freedesktop.DBus.Error.", "org.freedesktop.Secret.Error."
	for _, tt := range []struct {
		name, err string
		want      error
		text      string
	}{
		{"no service on the bus", bus + "ServiceUnknown", ErrNoBackend, "no keyring runs"},
		{"a service that cannot be started", bus + "Spawn.ChildExited", ErrNoBackend, "no keyring runs"},
		{"a service that ends in the middle", bus + "NoReply", ErrNoBackend, "has ended"},
		{"locked in the middle", api + "IsLocked", ErrSecretLocked, "unlock it"},
		{"deleted in the middle", api + "NoSuchObject", ErrSecretNotFound, ""},
		{"another error", bus + "InvalidArgs", nil, "it says why"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeService()
				s := f.store(t)
				f.fail = map[string]string{"SearchItems": tt.err}
				_, err := s.Get(t.Context(), "keyring:ann")
				checkError(t, err, "keyring", tt.want, tt.text)
				if f.reached() > 0 {
					t.Error("go-keyring was asked after that")
				}
				f.fail = nil
				f.library.fails = map[string]error{"get": dbus.Error{Name: tt.err, Body: []any{"it says why"}}}
				_, err = s.Get(t.Context(), "keyring:ann")
				checkError(t, err, "keyring", tt.want, tt.text)
				f.wantNoneLeft(t)
			})
		})
	}
	for _, tt := range []struct {
		name string
		err  error
		want error
		text string
	}{
		{"what it did not get unlocked", errors.New("failed to unlock correct collection '/collection/1'"), ErrSecretLocked, "unlock it"},
		{"a bus that ends in the middle", dbus.ErrClosed, ErrNoBackend, "has gone"},
		{"a bus that it does not reach", &net.OpError{Op: "dial", Err: io.EOF}, ErrNoBackend, "has gone"},
	} {
		t.Run("go-keyring: "+tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeService()
				s := f.store(t)
				for _, function := range []string{"set", "delete", "get"} {
					f.library.fails = map[string]error{function: tt.err}
					err := map[string]func() error{
						"get":    func() error { _, err := s.Get(t.Context(), "keyring:ann"); return err },
						"set":    func() error { return s.Set(t.Context(), "keyring:ann", trust.NewSecret(planted)) },
						"delete": func() error { return s.Delete(t.Context(), "keyring:ann") },
					}[function]()
					checkError(t, err, "keyring", tt.want, tt.text)
				}
			})
		})
	}
	t.Run("a keyring without a collection", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeService()
			f.nothing = true
			checkError(t, f.store(t).Set(t.Context(), "keyring:ann", trust.NewSecret(planted)), "keyring", ErrNoBackend, "open or create one")
		})
	})
}

// Without a bus none is started: its daemons would stay behind.
func TestTheAddressOfTheSession(t *testing.T) {
	empty, with := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(with, "bus"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	own := fmt.Sprintf("/run/user/%d/bus", os.Getuid())
	for _, tt := range []struct{ name, address, runtimeDir, want, text string }{
		{"an address", "unix:path=/nowhere", with, "unix:path=/nowhere", ""},
		{"none, and no bus in the runtime directory", "", empty, "", "no desktop session"},
		{"one that asks for a launch", "autolaunch:", empty, "", "no desktop session"},
		{"one that asks for a launch in no place", "autolaunch:scope=none", empty, "", "no desktop session"},
		{"none, and a bus where go-keyring does not look", "", with, "", "set DBUS_SESSION_BUS_ADDRESS=unix:path=" + with + "/bus"},
	} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", tt.address)
		t.Setenv("XDG_RUNTIME_DIR", tt.runtimeDir)
		if exists(own) && tt.want == "" { // go-keyring looks there
			tt.want = "unix:path=" + own
		}
		got, err := sessionAddress()
		if got != tt.want || (err == nil) != (tt.want != "") || err != nil && !(errors.Is(err, ErrNoBackend) && strings.Contains(err.Error(), tt.text)) {
			t.Errorf("%s: %q, %v; want %q, %q", tt.name, got, err, tt.want, tt.text)
		}
	}
}

func TestABusThatIsNotThere(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "bus"))
	_, err := new(SecretStore).Get(t.Context(), "keyring:ann")
	checkError(t, err, "keyring", ErrNoBackend, "does not answer")
}

// Each prompt that was dismissed once left more behind than the one before.
func TestPromptsLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeService()
		f.locked, f.person = true, "dismisses"
		s := f.store(t)
		s.KeyringTimeout = 2 * time.Minute
		set := func() {
			checkError(t, s.Set(t.Context(), "keyring:ann", trust.NewSecret(planted)), "keyring", ErrSecretLocked, "")
		}
		set()
		before := goroutines()
		for range 50 {
			set()
		}
		if n := goroutines(); n > before+few || f.count("Prompt") != 51 || f.reached() > 0 {
			t.Errorf("%d goroutines after %d prompts, %d after the first; go-keyring was asked %d times", n, f.count("Prompt"), before, f.reached())
		}
		f.wantNoneLeft(t)
	})
}

// KeePassXC, told to confirm access, gives it to a connection.
func TestTheConnectionOfGoKeyringIsTheOneThatMayRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeService()
		f.confirms, f.person = true, "unlocks"
		s := f.store(t)
		_, err := s.Get(t.Context(), "keyring:ann")
		checkError(t, err, "keyring", ErrSecretLocked, "unlock it")
		if f.count("Prompt") > 0 || f.reached() > 0 {
			t.Errorf("where nobody is: prompted %d times, go-keyring asked %d times", f.count("Prompt"), f.reached())
		}
		s.KeyringTimeout = 2 * time.Minute
		for range 3 {
			wantSecret(t, s, planted)
		}
		s.KeyringTimeout = 0
		wantSecret(t, s, planted)
		if f.count("Prompt") != 1 {
			t.Errorf("prompted %d times, want once", f.count("Prompt"))
		}
		f.wantNoneLeft(t)
	})
}

func TestGoKeyringThatHangsIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeService()
		s := f.store(t)
		wantSecret(t, s, planted)
		f.library.hangs = make(chan struct{})
		left, reached := 0, f.reached()
		for i := range 20 {
			start := time.Now()
			_, err := s.Get(t.Context(), "keyring:ann")
			checkError(t, err, "keyring", ErrNoBackend, "has not answered within 5s")
			checkError(t, err, "keyring", context.DeadlineExceeded, "")
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("Get took %v, want 5s", took)
			}
			if n := goroutines(); i == 0 {
				left = n
			} else if n > left+few {
				t.Errorf("%d goroutines after %d questions, %d after the first", n, i+1, left)
			}
		}
		if n := f.reached() - reached; n != 1 {
			t.Errorf("go-keyring was asked %d times, want once", n)
		}
		close(f.library.hangs)
		wantSecret(t, s, planted)
		f.wantNoneLeft(t)
	})
}

// KeePassXC has a prompt of its own kind for whatever it stores or deletes, which
// go-keyring shows: also where nobody is.
func TestWhatEndsWhileGoKeyringPromptsEndsTheQuestion(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(*fakeService)
		text string
	}{
		{"the service", (*fakeService).ends, "no keyring runs"},
		{"the bus", (*fakeService).hangUp, "bus"}, // whoever notices first says how
	} {
		for _, op := range []string{"set", "delete"} {
			t.Run(tt.name+", "+op, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFakeService()
					f.library = fakeLibrary{prompts: true, dismissed: true, fails: map[string]error{"get": dbus.Error{Name: "org.freedesktop.DBus.Error.ServiceUnknown"}}}
					s := f.store(t)
					start := time.Now()
					got := make(chan error, 1)
					go func() {
						if op == "set" {
							got <- s.Set(t.Context(), "keyring:ann", trust.NewSecret("another"))
						} else {
							got <- s.Delete(t.Context(), "keyring:ann")
						}
					}()
					synctest.Wait()
					if f.count(op) != 1 {
						t.Fatalf("go-keyring was asked %d times, want once", f.count(op))
					}
					tt.end(f)
					checkError(t, <-got, "keyring", ErrNoBackend, tt.text)
					if took := time.Since(start); took != 0 {
						t.Errorf("it took %v to notice", took)
					}
					f.library = fakeLibrary{}
					wantSecret(t, s, planted)
					f.wantNoneLeft(t)
				})
			})
		}
	}
}

// go-keyring does not say that its prompt was dismissed.
func TestWhatIsNotDoneIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeService()
		f.library.dismissed = true
		s := f.store(t)
		checkError(t, s.Set(t.Context(), "keyring:ann", trust.NewSecret("another")), "keyring", ErrSecretLocked, "has not stored")
		checkError(t, s.Delete(t.Context(), "keyring:ann"), "keyring", ErrSecretLocked, "still has")
		delete(f.secrets, "ann")
		checkError(t, s.Set(t.Context(), "keyring:ann", trust.NewSecret("another")), "keyring", ErrSecretLocked, "has not stored")
	})
}
