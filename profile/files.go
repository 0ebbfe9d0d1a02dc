package profile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Files is the Store on disk: see the package comment for its layout. Several
// processes may use one directory at once. Directories that it makes are
// readable by their owner only, and so are the files.
//
// A Save that fails leaves the generation that was there. One that fails in its
// very last step, making the new current.json durable, returns an error with
// the new generation in place: what Load says counts.
type Files struct {
	Dir string // holds profiles; made when the first profile is saved

	fsys fileSystem // nil: the machine's
}

var _ Store = (*Files)(nil)

// List implements Store. It leaves out what is not a profile, among it one
// whose first Save never finished.
func (f *Files) List(ctx context.Context) ([]ID, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	names, err := f.disk().list(f.profiles())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list profiles: %w", err)
	}
	var ids []ID
	for _, name := range names {
		id, err := ParseID(name)
		if err != nil {
			continue
		}
		if _, err := f.readCurrent(id); !errors.Is(err, ErrNotFound) {
			ids = append(ids, id) // Load says what is wrong with it
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// Load implements Store.
func (f *Files) Load(ctx context.Context, id ID) (Profile, error) {
	if err := checkCall(ctx, id); err != nil {
		return Profile{}, err
	}
	return f.current(id)
}

// Save implements Store.
func (f *Files) Save(ctx context.Context, p Profile, base uint64, why Reason) (Profile, error) {
	if err := checkCall(ctx, p.ID); err != nil {
		return Profile{}, err
	}
	saved, err := f.save(ctx, p, base, why)
	if err != nil {
		return Profile{}, fmt.Errorf("save profile %s: %w", p.ID, err)
	}
	return saved, nil
}

func (f *Files) save(ctx context.Context, p Profile, base uint64, why Reason) (Profile, error) {
	if base == 0 {
		if err := f.makeDirs(p.ID); err != nil {
			return Profile{}, err
		}
	}
	unlock, err := f.disk().lock(ctx, f.lockPath(p.ID))
	if base > 0 && errors.Is(err, fs.ErrNotExist) { // no directory, no profile
		return Profile{}, checkBase(0, base)
	}
	if err != nil {
		return Profile{}, err
	}
	defer unlock()

	old, err := f.current(p.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Profile{}, err
	}
	if err := checkBase(old.Generation, base); err != nil {
		return Profile{}, err
	}
	return f.commit(p, old, base, why)
}

// Restore implements Store. A damaged current.json is replaced; the new
// generation then follows the highest number on disk.
func (f *Files) Restore(ctx context.Context, id ID, n uint64, why Reason) (Profile, error) {
	if err := checkCall(ctx, id); err != nil {
		return Profile{}, err
	}
	unlock, err := f.disk().lock(ctx, f.lockPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNotFound
	}
	if err != nil {
		return Profile{}, fmt.Errorf("restore profile %s: %w", id, err)
	}
	defer unlock()

	wanted, err := f.generation(id, n)
	if err != nil {
		return Profile{}, err
	}
	old, last, err := f.newest(id)
	if err != nil {
		return Profile{}, err
	}
	p, err := f.commit(restored(old, wanted.Profile), old, last, why)
	if err != nil {
		return Profile{}, fmt.Errorf("restore profile %s: %w", id, err)
	}
	return p, nil
}

// newest returns the current profile and its generation. If current.json is
// damaged it is the newest generation that can be read, and the highest number
// in use.
func (f *Files) newest(id ID) (p Profile, last uint64, err error) {
	p, err = f.current(id)
	if _, corrupt := errors.AsType[*CorruptError](err); !corrupt {
		return p, p.Generation, err
	}
	numbers, listing := f.numbers(id)
	for _, n := range slices.Backward(numbers) {
		if g, err := f.readGeneration(id, n); err == nil {
			return g.Profile, numbers[len(numbers)-1], nil
		}
	}
	return Profile{}, 0, cmp.Or(listing, err)
}

// commit writes p as the generation after number. The lock is held. The rename
// of current.json is the moment at which the profile changes.
func (f *Files) commit(p, old Profile, number uint64, why Reason) (Profile, error) {
	g, data, err := next(p, old, number, why)
	if err != nil {
		return Profile{}, err
	}
	current, err := encode(g.Profile)
	if err != nil {
		return Profile{}, err
	}
	if err := f.prepare(p.ID); err != nil {
		return Profile{}, err
	}
	fsys, path := f.disk(), f.generationPath(p.ID, g.Profile.Generation)
	if _, err := writeFile(fsys, path, data); err != nil {
		fsys.remove(path)
		return Profile{}, err
	}
	renamed, err := writeFile(fsys, f.currentPath(p.ID), current)
	if err != nil && !renamed {
		fsys.remove(path)
	}
	if err != nil {
		return Profile{}, err
	}
	return g.Profile, nil
}

// prepare makes the directory of the generations and removes what a crash may
// have left of earlier saves.
func (f *Files) prepare(id ID) error {
	missing, err := f.missing(f.generations(id))
	if missing {
		err = f.makeDir(f.generations(id))
	}
	if err != nil {
		return err
	}
	for _, dir := range []string{f.dir(id), f.generations(id)} {
		names, err := f.disk().list(dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			if strings.HasPrefix(name, tempPrefix) {
				f.disk().remove(filepath.Join(dir, name)) // if not now, the next time
			}
		}
	}
	return nil
}

// Generation returns generation n. ErrNotFound: there is none; *CorruptError
// or *NewerError: it cannot be read.
func (f *Files) Generation(ctx context.Context, id ID, n uint64) (Generation, error) {
	if err := checkCall(ctx, id); err != nil {
		return Generation{}, err
	}
	return f.generation(id, n)
}

func (f *Files) generation(id ID, n uint64) (Generation, error) {
	last, err := f.last(id)
	if err == nil && n > last {
		err = fmt.Errorf("profile %s, generation %d: %w", id, n, ErrNotFound)
	}
	if err != nil {
		return Generation{}, err
	}
	return f.readGeneration(id, n)
}

// last returns the number of the last generation that was committed: no limit
// where current.json is there and cannot be understood.
func (f *Files) last(id ID) (uint64, error) {
	p, err := f.current(id)
	_, corrupt := errors.AsType[*CorruptError](err)
	_, newer := errors.AsType[*NewerError](err)
	if corrupt || newer {
		return math.MaxUint64, nil
	}
	return p.Generation, err
}

func (f *Files) readGeneration(id ID, n uint64) (Generation, error) {
	path := f.generationPath(id, n)
	data, err := f.disk().read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Generation{}, fmt.Errorf("profile %s, generation %d: %w", id, n, ErrNotFound)
	}
	var g Generation
	if err == nil {
		g, err = decodeGeneration(data)
	} else if !errors.Is(err, errTooLarge) {
		return Generation{}, err
	}
	if err == nil && (g.Profile.ID != id || g.Profile.Generation != n) {
		err = fmt.Errorf("it holds generation %d of profile %s", g.Profile.Generation, g.Profile.ID)
	}
	if err != nil {
		return Generation{}, unreadable(id, path, err)
	}
	return g, nil
}

// History implements Store. A generation that cannot be read is missing from
// the slice and has its *CorruptError or *NewerError in the joined error; the
// others are returned along with it. If current.json cannot be read, every
// generation on disk is returned.
func (f *Files) History(ctx context.Context, id ID) ([]Generation, error) {
	if err := checkCall(ctx, id); err != nil {
		return nil, err
	}
	last, err := f.last(id)
	if err != nil {
		return nil, err
	}
	numbers, err := f.numbers(id)
	if err != nil {
		return nil, err
	}
	all := []Generation{}
	var bad []error
	for _, n := range numbers {
		if n > last {
			break
		}
		g, err := f.readGeneration(id, n)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		all = append(all, g)
	}
	return all, errors.Join(bad...)
}

// Delete implements Store. The profile is gone in one step, also if the
// removal of its files is interrupted.
func (f *Files) Delete(ctx context.Context, id ID) error {
	if err := checkCall(ctx, id); err != nil {
		return err
	}
	fsys, trash := f.disk(), f.dir(id)+".deleted"
	if err := fsys.removeAll(trash); err != nil { // left by an interrupted one
		return err
	}
	if _, err := f.last(id); err != nil {
		return err
	}
	unlock, err := fsys.lock(ctx, f.lockPath(id))
	if errors.Is(err, fs.ErrNotExist) { // somebody was faster
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete profile %s: %w", id, err)
	}
	if runtime.GOOS == "windows" {
		unlock() // a directory with an open file cannot be renamed there
		unlock = func() {}
	}
	err = fsys.rename(f.dir(id), trash)
	unlock()
	if err != nil {
		return err
	}
	if err := fsys.syncDir(f.profiles()); err != nil {
		return err
	}
	return fsys.removeAll(trash)
}

// current reads current.json.
func (f *Files) current(id ID) (Profile, error) {
	path := f.currentPath(id)
	data, err := f.readCurrent(id)
	var p Profile
	if err == nil {
		p, err = decode(data)
	} else if !errors.Is(err, errTooLarge) {
		return Profile{}, err
	}
	if err == nil && p.ID != id {
		err = fmt.Errorf("it holds profile %s", p.ID)
	}
	if err != nil {
		return Profile{}, unreadable(id, path, err)
	}
	return p, nil
}

// readCurrent returns what current.json holds, ErrNotFound where there is no
// profile.
func (f *Files) readCurrent(id ID) ([]byte, error) {
	path := f.currentPath(id)
	data, err := f.disk().read(path)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("profile %s: %w", id, ErrNotFound)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	// current.json is the last file of a first Save: with a second generation
	// beside it, it has been there and was lost.
	numbers, failed := f.numbers(id)
	if failed != nil {
		return nil, failed
	}
	if len(numbers) < 2 {
		return nil, fmt.Errorf("profile %s: %w", id, ErrNotFound)
	}
	if data, err = f.disk().read(path); errors.Is(err, fs.ErrNotExist) { // still
		err = &CorruptError{ID: id, Path: path, Err: errors.New("it is missing")}
	}
	return data, err
}

// unreadable says of which file and profile err is.
func unreadable(id ID, path string, err error) error {
	if newer, ok := errors.AsType[*NewerError](err); ok {
		return &NewerError{Path: path, Version: newer.Version}
	}
	return &CorruptError{ID: id, Path: path, Err: err}
}

// numbers returns the generations that are on disk, the oldest first.
func (f *Files) numbers(id ID) ([]uint64, error) {
	names, err := f.disk().list(f.generations(id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var numbers []uint64
	for _, name := range names {
		n, err := strconv.ParseUint(strings.TrimSuffix(name, ".json"), 10, 64)
		if err == nil && n > 0 && name == generationName(n) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// makeDirs makes the directory of a new profile, and what is missing above it.
func (f *Files) makeDirs(id ID) error {
	dirs := []string{f.profiles(), f.dir(id)}
	above := filepath.Clean(f.Dir)
	missing, err := f.missing(above)
	for ; missing; missing, err = f.missing(above) {
		dirs = slices.Insert(dirs, 0, above)
		above = filepath.Dir(above)
	}
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := f.makeDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// makeDir makes dir durable, whoever has made it.
func (f *Files) makeDir(dir string) error {
	if err := f.disk().makeDir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	err := f.disk().syncDir(filepath.Dir(dir))
	if err != nil {
		f.disk().remove(dir) // fails if somebody uses it
	}
	return err
}

func (f *Files) missing(dir string) (bool, error) {
	_, err := f.disk().list(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return false, err
}

func checkCall(ctx context.Context, id ID) error {
	_, err := ParseID(string(id))
	return cmp.Or(ctx.Err(), err)
}

const currentName = "current.json"

func generationName(n uint64) string { return fmt.Sprintf("%06d.json", n) }

func (f *Files) profiles() string         { return filepath.Join(f.Dir, "profiles") }
func (f *Files) dir(id ID) string         { return filepath.Join(f.profiles(), string(id)) }
func (f *Files) generations(id ID) string { return filepath.Join(f.dir(id), "generations") }
func (f *Files) currentPath(id ID) string { return filepath.Join(f.dir(id), currentName) }
func (f *Files) lockPath(id ID) string    { return filepath.Join(f.dir(id), "lock") }
func (f *Files) generationPath(id ID, n uint64) string {
	return filepath.Join(f.generations(id), generationName(n))
}

func (f *Files) disk() fileSystem {
	if f.fsys != nil {
		return f.fsys
	}
	return osFiles{}
}
