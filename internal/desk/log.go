package desk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Log is a file of log lines for the report, which keeps the latest: when it has
// grown to 256 KiB it becomes name.old, in the place of the one before. One process
// writes it.
type Log struct {
	path string

	mu   sync.Mutex
	file *os.File
	size int64
}

const maxLog = 256 << 10 // bytes

// LogPath is where the log of a program with this state directory lies.
func LogPath(state string) string { return filepath.Join(state, "homing-tray.log") }

// OpenLog opens the log at path, which it makes together with its directory.
func OpenLog(path string) (*Log, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	l := &Log{path: path}
	return l, l.open()
}

func (l *Log) open() error {
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write implements io.Writer; p is one line or several.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return 0, fs.ErrClosed
	}
	if l.size > 0 && l.size+int64(len(p)) > maxLog {
		err := errors.Join(l.file.Close(), os.Rename(l.path, l.path+".old"))
		l.file = nil
		if opening := l.open(); opening != nil {
			return 0, errors.Join(err, opening)
		}
	}
	n, err := l.file.Write(p)
	l.size += int64(n)
	return n, err
}

// Close closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	return f.Close()
}

// LastLines are the last n lines of the log at path, with those of its predecessor;
// fewer where there are fewer, none where there is no log.
func LastLines(path string, n int) ([]string, error) {
	var all []string
	for _, path := range []string{path + ".old", path} {
		data, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if text := strings.TrimRight(string(data), "\n"); text != "" {
			all = append(all, strings.Split(text, "\n")...)
		}
	}
	return all[max(0, len(all)-n):], nil
}
