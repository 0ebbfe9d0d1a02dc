package profile

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// fileSystem is what the store does to the disk. The tests put one in its
// place that records every operation and crashes between any two of them.
type fileSystem interface {
	read(path string) ([]byte, error)    // an error if it is larger than maxFile
	list(dir string) ([]string, error)   // the names in a directory
	makeDir(dir string) error            // mode 0700
	createTemp(dir string) (file, error) // mode 0600, its name begins with tempPrefix
	rename(from, to string) error        // within a directory, replacing what is there
	remove(path string) error
	removeAll(dir string) error
	syncDir(dir string) error // makes the names in a directory durable
	lock(ctx context.Context, path string) (unlock func(), err error)
}

type file interface {
	io.WriteCloser
	Name() string
	Sync() error
}

const tempPrefix = ".new-"

// errTooLarge is what read returns for a file that no Save has written.
var errTooLarge = fmt.Errorf("it is larger than %d bytes", maxFile)

// writeFile replaces the file at path in one step. After any failure or crash
// it has the old content or the new; after a nil error the new one stays.
// renamed reports that the new content is in place, though perhaps not for good.
func writeFile(fsys fileSystem, path string, data []byte) (renamed bool, err error) {
	dir := filepath.Dir(path)
	temp, err := fsys.createTemp(dir)
	if err != nil {
		return false, err
	}
	_, err = temp.Write(data)
	if err == nil {
		err = temp.Sync()
	}
	if closing := temp.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = fsys.rename(temp.Name(), path)
	}
	if err != nil {
		fsys.remove(temp.Name())
		return false, err
	}
	return true, fsys.syncDir(dir)
}

// osFiles is the fileSystem of the machine.
type osFiles struct{}

func (osFiles) read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = errTooLarge
	}
	return data, err
}

func (osFiles) list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

func (osFiles) makeDir(dir string) error            { return os.Mkdir(dir, 0o700) }
func (osFiles) createTemp(dir string) (file, error) { return os.CreateTemp(dir, tempPrefix+"*") }
func (osFiles) rename(from, to string) error        { return rename(from, to) }
func (osFiles) remove(path string) error            { return os.Remove(path) }
func (osFiles) removeAll(dir string) error          { return os.RemoveAll(dir) }
func (osFiles) syncDir(dir string) error            { return syncDir(dir) }

const (
	lockWait = 10 * time.Second // a Save holds the lock for some milliseconds
	lockPoll = 5 * time.Millisecond
)

func (osFiles) lock(ctx context.Context, path string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lockWait, fmt.Errorf("%s is held by another process", path))
	defer cancel()
	l := flock.New(path)
	if _, err := l.TryLockContext(ctx, lockPoll); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	return func() { l.Unlock() }, nil
}
