package profile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const testID ID = "00112233445566aa"

func testProfile(host string) Profile {
	return Profile{
		ID: testID, Label: "Work", Address: "ann@contoso.test", Proven: true,
		Endpoint: Endpoint{MAPI: &MAPI{MailStore: "https://" + host + "/mapi/emsmdb/", LegacyDN: "/o=Contoso/cn=ann"}},
	}
}

// saved returns a disk on which the profile has been saved at each host.
func saved(t *testing.T, hosts ...string) *disk {
	t.Helper()
	d := newDisk(map[string]string{"/state/": ""})
	f := &Files{Dir: "/state", fsys: d}
	for i, host := range hosts {
		if _, err := f.Save(t.Context(), testProfile(host), uint64(i), Reason{Text: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	return newDisk(d.snapshot())
}

// places is the history, one host a generation; the last is what Load gives.
func places(ctx context.Context, d *disk) (string, error) {
	f := &Files{Dir: "/state", fsys: d}
	p, err := f.Load(ctx, testID)
	if errors.Is(err, ErrNotFound) {
		if _, err := f.History(ctx, testID); !errors.Is(err, ErrNotFound) {
			return "", fmt.Errorf("Load finds nothing, History says %v", err)
		}
		return "", nil
	}
	if err != nil {
		return "", err
	}
	history, err := f.History(ctx, testID)
	if err != nil {
		return "", err
	}
	var hosts []string
	for i, g := range history {
		if g.Profile.Generation != uint64(i+1) {
			return "", fmt.Errorf("generation %d stands at place %d of the history", g.Profile.Generation, i+1)
		}
		hosts = append(hosts, g.Profile.Place())
	}
	if len(history) == 0 || history[len(history)-1].Profile.String() != p.String() || uint64(len(history)) != p.Generation || hosts[len(hosts)-1] != p.Place() {
		return "", fmt.Errorf("Load gives generation %d at %s, the history is %v", p.Generation, p.Place(), hosts)
	}
	return strings.Join(hosts, " "), nil
}

// checkRecovered fails unless the disk holds one of the allowed histories and
// the next Save works and leaves no litter.
func checkRecovered(t *testing.T, d *disk, allowed ...string) {
	t.Helper()
	got, err := places(t.Context(), d)
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	if !slices.Contains(allowed, got) {
		t.Errorf("history is %q, want one of %q", got, allowed)
		return
	}
	f := &Files{Dir: "/state", fsys: d}
	if _, err := f.Save(t.Context(), testProfile("next.contoso.test"), uint64(len(strings.Fields(got))), Reason{}); err != nil {
		t.Errorf("the next save: %v", err)
		return
	}
	want := strings.TrimSpace(got + " next.contoso.test")
	if got, err := places(t.Context(), d); err != nil || got != want {
		t.Errorf("after the next save: history is %q, %v; want %q", got, err, want)
	}
	checkTidy(t, d)
}

func checkTidy(t *testing.T, d *disk) {
	t.Helper()
	for path := range d.snapshot() {
		if strings.Contains(path, tempPrefix) {
			t.Errorf("%s was left behind", path)
		}
	}
}

// moves are the operations whose every interruption is tried.
var moves = []struct {
	name     string
	before   []string // hosts of the generations that are there
	run      func(ctx context.Context, f *Files) error
	old, new string // history before and after
	syncs    []string
}{
	{
		name:   "a save",
		before: []string{"ex1.contoso.test", "ex2.contoso.test"},
		run: func(ctx context.Context, f *Files) error {
			_, err := f.Save(ctx, testProfile("ex3.contoso.test"), 2, Reason{Text: "moved"})
			return err
		},
		old:   "ex1.contoso.test ex2.contoso.test",
		new:   "ex1.contoso.test ex2.contoso.test ex3.contoso.test",
		syncs: []string{"sync .new-generations", "syncdir generations", "sync .new-00112233445566aa", "syncdir 00112233445566aa"},
	},
	{
		name: "the first save",
		run: func(ctx context.Context, f *Files) error {
			_, err := f.Save(ctx, testProfile("ex1.contoso.test"), 0, Reason{Text: "set up"})
			return err
		},
		old: "",
		new: "ex1.contoso.test",
		syncs: []string{
			"syncdir state", "syncdir profiles", "syncdir 00112233445566aa", // a name in each
			"sync .new-generations", "syncdir generations", "sync .new-00112233445566aa", "syncdir 00112233445566aa",
		},
	},
	{
		name:   "a restore",
		before: []string{"ex1.contoso.test", "ex2.contoso.test"},
		run: func(ctx context.Context, f *Files) error {
			_, err := f.Restore(ctx, testID, 1, Reason{Text: "rolled back"})
			return err
		},
		old:   "ex1.contoso.test ex2.contoso.test",
		new:   "ex1.contoso.test ex2.contoso.test ex1.contoso.test",
		syncs: []string{"sync .new-generations", "syncdir generations", "sync .new-00112233445566aa", "syncdir 00112233445566aa"},
	},
	{
		name:   "a deletion",
		before: []string{"ex1.contoso.test", "ex2.contoso.test"},
		run:    func(ctx context.Context, f *Files) error { return f.Delete(ctx, testID) },
		old:    "ex1.contoso.test ex2.contoso.test",
		new:    "",
		syncs:  []string{"syncdir profiles"},
	},
}

// Whenever the power fails, the profile is whole: old before the commit, new
// once the call has returned.
func TestCrash(t *testing.T) {
	for _, m := range moves {
		t.Run(m.name, func(t *testing.T) {
			type state struct {
				n     int
				op    string
				files map[string]string
			}
			d := saved(t, m.before...)
			var states []state
			d.after = func(n int, op string) {
				for _, files := range d.crashes() {
					states = append(states, state{n, op, files})
				}
			}
			if err := m.run(t.Context(), &Files{Dir: "/state", fsys: d}); err != nil {
				t.Fatal(err)
			}
			end := len(d.ops)
			for i, s := range states {
				t.Run(fmt.Sprintf("after %d %s, state %d", s.n, s.op, i), func(t *testing.T) {
					checkRecovered(t, newDisk(s.files), m.old, m.new)
				})
			}
			for i, files := range d.crashes() {
				t.Run(fmt.Sprintf("after the return, state %d", i), func(t *testing.T) {
					checkRecovered(t, newDisk(files), m.new)
				})
			}
			if len(states) <= end {
				t.Errorf("%d states after %d operations: no operation left anything open", len(states), end)
			}
		})
	}
}

func TestSyncs(t *testing.T) {
	for _, m := range moves {
		t.Run(m.name, func(t *testing.T) {
			d := saved(t, m.before...)
			if err := m.run(t.Context(), &Files{Dir: "/state", fsys: d}); err != nil {
				t.Fatal(err)
			}
			syncs := slices.DeleteFunc(slices.Clone(d.ops), func(op string) bool { return !strings.HasPrefix(op, "sync") })
			if !slices.Equal(syncs, m.syncs) {
				t.Errorf("syncs are %q\nwant %q", syncs, m.syncs)
			}
		})
	}
}

// Whatever the disk refuses, the caller hears of it and nothing is lost.
func TestRefusal(t *testing.T) {
	for _, m := range moves {
		for _, refusal := range []struct {
			name string
			err  error
			once bool // the next operation works again
		}{
			{"no space left, once", syscall.ENOSPC, true},
			{"no space left from then on", syscall.ENOSPC, false},
			{"permission denied, once", syscall.EACCES, true},
			{"permission denied from then on", syscall.EACCES, false},
			{"read-only from then on", syscall.EROFS, false},
			{"a short write, or an interruption", io.ErrShortWrite, true},
		} {
			t.Run(m.name+"/"+refusal.name, func(t *testing.T) {
				for n := 0; ; n++ {
					d := saved(t, m.before...)
					refused := ""
					d.fail = func(i int, op string) error {
						if i == n || i > n && !refusal.once {
							refused = cmp.Or(refused, op)
							return refusal.err
						}
						return nil
					}
					err := m.run(t.Context(), &Files{Dir: "/state", fsys: d})
					if refused == "" {
						if err != nil {
							t.Fatalf("nothing was refused: %v", err)
						}
						if n < len(m.syncs) {
							t.Fatalf("only %d operations were tried", n)
						}
						return
					}
					if !errors.Is(err, refusal.err) {
						t.Errorf("%d %s was refused: error is %v, want %v in it", n, refused, err, refusal.err)
					}
					d.fail = nil
					got, broken := places(t.Context(), d)
					if broken != nil || got != m.old && got != m.new {
						t.Errorf("%d %s was refused (%v): history is %q, %v", n, refused, err, got, broken)
					}
					if refusal.once {
						checkTidy(t, d)
					}
					checkRecovered(t, newDisk(d.snapshot()), got)
					for _, files := range d.crashes() {
						checkRecovered(t, newDisk(files), m.old, m.new)
					}
				}
			})
		}
	}
}

// A generation that a failed Save has written is not litter that History shows.
func TestRefusedCommitLeavesNoGeneration(t *testing.T) {
	d := saved(t, "ex1.contoso.test")
	d.fail = func(_ int, op string) error {
		if op == "rename current.json" {
			return syscall.EIO
		}
		return nil
	}
	f := &Files{Dir: "/state", fsys: d}
	if _, err := f.Save(t.Context(), testProfile("ex2.contoso.test"), 1, Reason{}); !errors.Is(err, syscall.EIO) {
		t.Fatalf("Save = %v, want EIO", err)
	}
	if _, there := d.snapshot()["/state/profiles/00112233445566aa/generations/000002.json"]; there {
		t.Error("generation 2 was left on disk")
	}
	d.fail = nil
	if _, err := f.Save(t.Context(), testProfile("ex2.contoso.test"), 1, Reason{}); err != nil {
		t.Fatal(err)
	}
	if _, there := d.snapshot()["/state/profiles/00112233445566aa/generations/000002.json"]; !there {
		t.Error("generation 2 is not where this test looks for it")
	}
}

// The model itself: were it kinder than a real disk, the tests above would
// prove nothing.
func TestDiskForgets(t *testing.T) {
	d := newDisk(map[string]string{"/dir/name": "old"})
	if _, err := writeFile(unsynced{d}, "/dir/name", []byte("new!")); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, files := range d.crashes() {
		seen[files["/dir/name"]] = true
	}
	for _, want := range []string{"old", "", "ne", "\x00\x00\x00\x00", "new!"} {
		if !seen[want] {
			t.Errorf("no crash leaves %q; there are %v", want, seen)
		}
	}
}

// unsynced is a disk on which nothing is synced.
type unsynced struct{ *disk }

type unsyncedFile struct{ file }

func (u unsynced) syncDir(string) error { return nil }
func (u unsynced) createTemp(dir string) (file, error) {
	f, err := u.disk.createTemp(dir)
	return unsyncedFile{f}, err
}
func (unsyncedFile) Sync() error { return nil }
