package control_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/homing-mail/homing/agent/control"
)

func TestTheSocketIsForItsOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // rights are inherited there
	}
	path := socketPath(t)
	l, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, tt := range []struct {
		path string
		want os.FileMode
	}{{filepath.Dir(path), 0o700}, {path, 0o600}} {
		info, err := os.Stat(tt.path)
		if err != nil || info.Mode().Perm() != tt.want {
			t.Errorf("%s has mode %v, %v; want %v", tt.path, info.Mode().Perm(), err, tt.want)
		}
	}
	for mode, private := range map[os.FileMode]bool{0o755: false, 0o710: false, 0o701: false, 0o700: true} {
		other := socketPath(t)
		if err := os.Mkdir(filepath.Dir(other), mode); err != nil {
			t.Fatal(err)
		}
		os.Chmod(filepath.Dir(other), mode)
		l, err := control.Listen(other)
		if (err == nil) != private {
			t.Errorf("in a directory of mode %v: Listen = %v", mode, err)
		}
		if err == nil {
			l.Close()
		}
	}
}

func TestAStaleSocketIsReplacedAndALivingOneIsNot(t *testing.T) {
	path := socketPath(t)
	leave(t, path)
	l, err := control.Listen(path)
	if err != nil {
		t.Fatalf("over a stale socket: %v", err)
	}
	stop := serveOn(t, &control.Server{Service: echo()}, l)
	if _, err := control.Listen(path); !errors.Is(err, control.ErrRunning) {
		t.Errorf("over a living one: %v, want ErrRunning", err)
	}
	if _, err := control.Dial(path); err != nil {
		t.Errorf("and it does not live any more: %v", err)
	}
	stop()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after its end the socket is still there: %v", err)
	}
}

func TestOnlySocketsAreReplaced(t *testing.T) {
	path := socketPath(t)
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Listen(path); err == nil || !strings.Contains(err.Error(), "in the way") {
		t.Errorf("Listen over a file = %v", err)
	}
	if data, err := os.ReadFile(path); string(data) != "precious" {
		t.Errorf("the file holds %q, %v", data, err)
	}
}

func TestPathsThatNoSocketCanHaveAreExplained(t *testing.T) {
	dir := filepath.Dir(filepath.Dir(socketPath(t)))
	pad := func(n int) string {
		path := filepath.Join(dir, "run") + "/"
		return path + strings.Repeat("x", n-len(path))
	}
	for _, tt := range []struct {
		name, path, want string
	}{
		{"relative", "run/s", "has to be absolute"},
		{"of the abstract namespace of Linux, which has no owner", "@homing", "has to be absolute"},
		{"too long", pad(104), "has 104 bytes, and the system allows 103"},
		{"as long as can be", pad(103), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := control.Listen(tt.path)
			switch {
			case err == nil:
				defer l.Close()
				if tt.want != "" {
					t.Error("Listen succeeds")
				}
			case tt.want == "" || !strings.Contains(err.Error(), tt.want):
				t.Errorf("Listen = %v, want %q", err, tt.want)
			}
			if _, err := control.Dial(tt.path); tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Dial = %v, want %q", err, tt.want)
			}
		})
	}
}
