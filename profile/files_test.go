package profile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/profile"
	"github.com/homing-mail/homing/profile/storetest"
)

const id profile.ID = "00112233445566aa"

func readData(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "profiles", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// storeWith returns a store in which current.json is data, and its path.
func storeWith(t *testing.T, data []byte) (*profile.Files, string) {
	t.Helper()
	f := &profile.Files{Dir: t.TempDir()}
	path := filepath.Join(f.Dir, "profiles", string(id), "current.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return f, path
}

// twice returns a store with two generations, at ex1 and at ex2.
func twice(t *testing.T) (f *profile.Files, dir string) {
	t.Helper()
	f = &profile.Files{Dir: t.TempDir()}
	p := storetest.Profile(id)
	for base, host := range []string{"ex1.contoso.test", "ex2.contoso.test"} {
		p.Endpoint.MAPI.MailStore = "https://" + host + "/mapi/emsmdb/"
		if _, err := f.Save(t.Context(), p, uint64(base), profile.Reason{Text: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	return f, filepath.Join(f.Dir, "profiles", string(id))
}

// The JSON of current.json is a contract: testdata/profiles/v1.json was written
// by hand.
func TestCurrentJSON(t *testing.T) {
	f, path := storeWith(t, readData(t, "v1.json"))
	want := storetest.Profile(id)
	want.Version, want.Generation, want.Saved = 1, 1, time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)
	got, err := f.Load(t.Context(), id)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("Load: %v (-want +got)\n%s", err, diff)
	}
	saved, err := f.Save(t.Context(), got, 1, profile.Reason{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wantText := strings.NewReplacer(`"generation": 1`, `"generation": 2`, "2026-11-20T09:30:00Z", saved.Saved.Format(time.RFC3339)).
		Replace(string(readData(t, "v1.json")))
	if diff := cmp.Diff(wantText, string(text)); diff != "" {
		t.Errorf("current.json (-want +got)\n%s", diff)
	}
}

func TestOldVersion(t *testing.T) {
	f, path := storeWith(t, readData(t, "v0.json"))
	want := profile.Profile{
		Version: 1, ID: id, Label: "ann@contoso.test", Address: "ann@contoso.test", Generation: 7,
		Endpoint: profile.Endpoint{
			MAPI: &profile.MAPI{
				MailStore: "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=0f0e0d0c@contoso.test",
				LegacyDN:  "/o=Contoso/ou=Exchange Administrative Group/cn=Recipients/cn=ann",
			},
			Autodiscover: "https://autodiscover.contoso.test/autodiscover/autodiscover.xml",
		},
		Logins: []profile.LoginRef{{Realm: "*.contoso.test", User: `CONTOSO\ann`, Weakest: "basic", Secret: "keyring:ann@contoso.test"}},
	}
	got, err := f.Load(t.Context(), id)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("Load: %v (-want +got)\n%s", err, diff)
	}
	if text, _ := os.ReadFile(path); !bytes.Equal(text, readData(t, "v0.json")) {
		t.Error("Load has written current.json")
	}
	if history, err := f.History(t.Context(), id); len(history) != 0 || err != nil {
		t.Errorf("History = %v, %v; want none, for there was none", history, err)
	}
	got.Proven = true
	saved, err := f.Save(t.Context(), got, 7, profile.Reason{})
	if err != nil || saved.Generation != 8 {
		t.Fatalf("Save = generation %d, %v; want 8", saved.Generation, err)
	}
	g, err := f.Generation(t.Context(), id, 8)
	if want := []profile.Change{{Field: "proven", Old: "no", New: "yes"}}; err != nil || !slices.Equal(g.Changes, want) {
		t.Errorf("changes of generation 8 are %v, %v; want %v", g.Changes, err, want)
	}
}

func TestNewerVersion(t *testing.T) {
	data := bytes.Replace(readData(t, "v1.json"), []byte(`"version": 1`), []byte(`"version": 2`), 1)
	f, path := storeWith(t, data)
	check := func(call string, err error) {
		t.Helper()
		newer, ok := errors.AsType[*profile.NewerError](err)
		if !ok || newer.Version != 2 || newer.Path != path || !strings.Contains(err.Error(), "newer homing") {
			t.Errorf("%s: error is %v, want a *NewerError for version 2 of %s", call, err, path)
		}
	}
	_, err := f.Load(t.Context(), id)
	check("Load", err)
	for _, base := range []uint64{0, 1} {
		_, err = f.Save(t.Context(), storetest.Profile(id), base, profile.Reason{})
		check("Save", err)
	}
	if err := os.Mkdir(filepath.Join(filepath.Dir(path), "generations"), 0o700); err != nil {
		t.Fatal(err)
	}
	generation := `{"profile": ` + string(readData(t, "v1.json")) + `}`
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "generations", "000001.json"), []byte(generation), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = f.Restore(t.Context(), id, 1, profile.Reason{})
	check("Restore", err)
	if text, _ := os.ReadFile(path); !bytes.Equal(text, data) {
		t.Error("current.json was written")
	}
	if ids, err := f.List(t.Context()); !slices.Equal(ids, []profile.ID{id}) || err != nil {
		t.Errorf("List = %q, %v; want the profile, so that Load can say what it is", ids, err)
	}
}

func TestDamage(t *testing.T) {
	whole := readData(t, "v1.json")
	replace := func(old, new string) []byte {
		out := bytes.Replace(whole, []byte(old), []byte(new), 1)
		if bytes.Equal(out, whole) {
			t.Fatalf("v1.json does not contain %q", old)
		}
		return out
	}
	for _, tt := range []struct {
		name string
		data []byte
		why  string
	}{
		{"an empty file", nil, "it is empty"},
		{"half a file", whole[:len(whole)/2], "unexpected end"},
		{"zeros", make([]byte, 512), "invalid character"},
		{"something after the end", append(slices.Clone(whole), '{'), "after top-level value"},
		{"JSON that is no profile", []byte("[1, 2]"), "cannot unmarshal array"},
		{"an object without fields", []byte("{}"), "not a profile id"},
		{"nothing, as JSON", []byte("null"), "not a profile id"},
		{"another profile", replace("00112233445566aa", "ffeeddccbbaa9988"), "it holds profile ffeeddccbbaa9988"},
		{"no generation", replace(`"generation": 1`, `"generation": 0`), "no generation"},
		{"a negative version", replace(`"version": 1`, `"version": -1`), "negative"},
		{"a version that is no number", replace(`"version": 1`, `"version": "x"`), "cannot unmarshal string"},
		{"a server without TLS", replace("https://ex1", "http://ex1"), "mailbox url: it does not begin with https://"},
		{"more than a MiB", append(slices.Clone(whole), bytes.Repeat([]byte(" "), 1<<20)...), "larger than 1048576 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, path := storeWith(t, tt.data)
			check := func(call string, err error) {
				t.Helper()
				corrupt, ok := errors.AsType[*profile.CorruptError](err)
				if !ok || corrupt.Path != path || !strings.Contains(err.Error(), tt.why) ||
					!strings.Contains(err.Error(), "homing profile rollback 00112233445566aa") {
					t.Errorf("%s: error is %v, want a *CorruptError about %q with the way back", call, err, tt.why)
				}
			}
			_, err := f.Load(t.Context(), id)
			check("Load", err)
			_, err = f.Save(t.Context(), storetest.Profile(id), 1, profile.Reason{})
			check("Save", err)
			if text, _ := os.ReadFile(path); !bytes.Equal(text, tt.data) {
				t.Error("Save has written current.json")
			}
		})
	}
}

func TestRestoreRepairs(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"a truncated current.json": func(path string) error { return os.Truncate(path, 10) },
		"a lost current.json":      os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			f, dir := twice(t)
			if err := damage(filepath.Join(dir, "current.json")); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Load(t.Context(), id); !isCorrupt(err) {
				t.Fatalf("Load = %v, want a *CorruptError", err)
			}
			history, err := f.History(t.Context(), id)
			if len(history) != 2 || err != nil {
				t.Fatalf("History = %d generations, %v; want both", len(history), err)
			}
			p, err := f.Restore(t.Context(), id, 1, profile.Reason{Text: "rolled back"})
			if err != nil || p.Generation != 3 || p.Proven || p.Place() != "ex1.contoso.test" {
				t.Fatalf("Restore = generation %d at %s, proven %v, %v; want 3, unproven, at ex1", p.Generation, p.Place(), p.Proven, err)
			}
			loaded, err := f.Load(t.Context(), id)
			if diff := cmp.Diff(p, loaded); err != nil || diff != "" {
				t.Errorf("Load: %v (-want +got)\n%s", err, diff)
			}
			if history, err := f.History(t.Context(), id); len(history) != 3 || err != nil {
				t.Errorf("History = %d generations, %v; want 3", len(history), err)
			}
		})
	}
}

func isCorrupt(err error) bool {
	_, ok := errors.AsType[*profile.CorruptError](err)
	return ok
}

func TestDamagedGeneration(t *testing.T) {
	f, dir := twice(t)
	path := filepath.Join(dir, "generations", "000001.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	history, err := f.History(t.Context(), id)
	corrupt, ok := errors.AsType[*profile.CorruptError](err)
	if !ok || corrupt.Path != path || len(history) != 1 || history[0].Profile.Generation != 2 {
		t.Errorf("History = %v, %v; want generation 2, and a *CorruptError for 1", history, err)
	}
	if _, err := f.Generation(t.Context(), id, 1); !isCorrupt(err) {
		t.Errorf("Generation 1 = %v, want a *CorruptError", err)
	}
	if _, err := f.Restore(t.Context(), id, 1, profile.Reason{}); !isCorrupt(err) {
		t.Errorf("Restore of 1 = %v, want a *CorruptError", err)
	}
	if g, err := f.Generation(t.Context(), id, 2); err != nil || g.Profile.Place() != "ex2.contoso.test" {
		t.Errorf("Generation 2 = %v, %v", g.Profile.Place(), err)
	}
	if err := os.Rename(filepath.Join(dir, "generations", "000002.json"), path); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Generation(t.Context(), id, 1); !isCorrupt(err) {
		t.Errorf("a generation under a wrong number: %v, want a *CorruptError", err)
	}
	if _, err := f.Generation(t.Context(), id, 2); !errors.Is(err, profile.ErrNotFound) {
		t.Errorf("a generation that is not there: %v, want ErrNotFound", err)
	}
}

// A generation beyond current.json is one of a Save that was interrupted.
func TestUncommittedGeneration(t *testing.T) {
	f, dir := twice(t)
	before, err := os.ReadFile(filepath.Join(dir, "current.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Save(t.Context(), storetest.Profile(id), 2, profile.Reason{}); err != nil {
		t.Fatal(err)
	}
	if history, _ := f.History(t.Context(), id); len(history) != 3 {
		t.Fatalf("History has %d generations, want 3", len(history))
	}
	if err := os.WriteFile(filepath.Join(dir, "current.json"), before, 0o600); err != nil {
		t.Fatal(err)
	}
	if history, err := f.History(t.Context(), id); len(history) != 2 || err != nil {
		t.Errorf("History = %d generations, %v; want 2", len(history), err)
	}
	if _, err := f.Generation(t.Context(), id, 3); !errors.Is(err, profile.ErrNotFound) {
		t.Errorf("Generation 3 = %v, want ErrNotFound", err)
	}
}

func TestStrangers(t *testing.T) {
	f, dir := twice(t)
	profiles := filepath.Dir(dir)
	for _, name := range []string{"README", "0011", "00112233445566AA", "00112233445566ab.deleted", "ffffffffffffffff"} {
		if err := os.Mkdir(filepath.Join(profiles, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"eeeeeeeeeeeeeeee", filepath.Join(string(id), "generations", "1.json"), filepath.Join(string(id), "generations", "000003.json.bak")} {
		if err := os.WriteFile(filepath.Join(profiles, path), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if ids, err := f.List(t.Context()); !slices.Equal(ids, []profile.ID{id}) || err != nil {
		t.Errorf("List = %q, %v; want the one profile", ids, err)
	}
	if history, err := f.History(t.Context(), id); len(history) != 2 || err != nil {
		t.Errorf("History = %d generations, %v; want 2", len(history), err)
	}
}

func TestStrayFilesAreRemoved(t *testing.T) {
	f, dir := twice(t)
	strays := []string{filepath.Join(dir, ".new-123"), filepath.Join(dir, "generations", ".new-456")}
	kept := filepath.Join(dir, "notes.txt")
	for _, path := range append(strays, kept) {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Save(t.Context(), storetest.Profile(id), 2, profile.Reason{}); err != nil {
		t.Fatal(err)
	}
	for _, path := range strays {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there", path)
		}
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("a stranger's file was removed: %v", err)
	}
}

func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // access lists there; nothing of them shows in a mode
	}
	f := &profile.Files{Dir: filepath.Join(t.TempDir(), "not", "there", "yet")}
	if _, err := f.Save(t.Context(), storetest.Profile(id), 0, profile.Reason{}); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(f.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil || files != 3 { // current.json, 000001.json, lock
		t.Errorf("%d files, %v; want 3", files, err)
	}
}

func TestPathsAreNotIDs(t *testing.T) {
	f, _ := twice(t)
	for _, bad := range []profile.ID{"", "..", "../../00112233", "00112233445566A8", "00112233445566aag", "/0112233445566aa"} {
		_, load := f.Load(t.Context(), bad)
		_, history := f.History(t.Context(), bad)
		_, restore := f.Restore(t.Context(), bad, 1, profile.Reason{})
		_, generation := f.Generation(t.Context(), bad, 1)
		for call, err := range map[string]error{"Load": load, "History": history, "Restore": restore, "Generation": generation, "Delete": f.Delete(t.Context(), bad)} {
			if err == nil || !strings.Contains(err.Error(), "not a profile id") {
				t.Errorf("%s(%q) = %v, want a refusal of the id", call, bad, err)
			}
		}
	}
}

// A lock that nobody lets go is reported, and not waited for without an end.
func TestLockHeld(t *testing.T) {
	f, dir := twice(t)
	lock := flock.New(filepath.Join(dir, "lock"))
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		_, err := f.Save(t.Context(), storetest.Profile(id), 2, profile.Reason{})
		if err == nil || !strings.Contains(err.Error(), "lock is held by another process") {
			t.Errorf("Save = %v, want that the lock is held", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.Delete(ctx, id); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Delete = %v, want DeadlineExceeded", err)
		}
	})
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Save(t.Context(), storetest.Profile(id), 2, profile.Reason{}); err != nil {
		t.Errorf("Save after the lock was let go: %v", err)
	}
}

// A lock that somebody waits for may go away with its profile; the one of a
// new profile in its place counts.
func TestDeletedWhileWaiting(t *testing.T) {
	for name, again := range map[string]bool{"deleted": false, "deleted and made again": true} {
		t.Run(name, func(t *testing.T) {
			f, dir := twice(t)
			old, other := flock.New(filepath.Join(dir, "lock")), flock.New(filepath.Join(dir, "lock"))
			if err := old.Lock(); err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				result := make(chan error, 1)
				go func() {
					_, err := f.Save(t.Context(), storetest.Profile(id), 0, profile.Reason{})
					result <- err
				}()
				synctest.Wait()
				if err := os.Rename(dir, dir+".deleted"); err != nil {
					t.Fatal(err)
				}
				want := "lock: no such file"
				if again {
					want = "lock is held by another process"
					if err := errors.Join(os.Mkdir(dir, 0o700), other.Lock()); err != nil {
						t.Fatal(err)
					}
				}
				if err := old.Unlock(); err != nil {
					t.Fatal(err)
				}
				if err := <-result; err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Save = %v, want %q", err, want)
				}
			})
			if err := other.Unlock(); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Load(t.Context(), id); !errors.Is(err, profile.ErrNotFound) {
				t.Errorf("Load = %v, want ErrNotFound", err)
			}
		})
	}
}

// What Load would refuse to read is not written.
func TestTooLarge(t *testing.T) {
	f, _ := twice(t)
	why := profile.Reason{Text: strings.Repeat("x", 1<<20)}
	_, err := f.Save(t.Context(), storetest.Profile(id), 2, why)
	if err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("Save = %v, want that it is too large", err)
	}
	if p, err := f.Load(t.Context(), id); err != nil || p.Generation != 2 {
		t.Errorf("Load = generation %d, %v; want 2", p.Generation, err)
	}
	why.Text = why.Text[:1<<19]
	if _, err := f.Save(t.Context(), storetest.Profile(id), 2, why); err != nil {
		t.Errorf("Save of half of it = %v", err)
	}
	if history, err := f.History(t.Context(), id); len(history) != 3 || err != nil {
		t.Errorf("History = %d generations, %v; want 3", len(history), err)
	}
}

func TestNoSecretOnDisk(t *testing.T) {
	p := storetest.Profile(id)
	p.Logins[0].Secret = "hunter2-planted"
	f := &profile.Files{Dir: t.TempDir()}
	_, err := f.Save(t.Context(), p, 0, profile.Reason{})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Save of a secret in the place of its reference = %v; want a refusal that does not show it", err)
	}
	encoded, err := json.Marshal(p)
	if err != nil || !strings.Contains(string(encoded), "hunter2") {
		t.Fatalf("the secret was not planted: %s, %v", encoded, err)
	}
}
