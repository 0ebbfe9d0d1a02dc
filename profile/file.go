package profile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// fileSecrets is the file backend: the first line of a file.
type fileSecrets struct{}

func (fileSecrets) get(_ context.Context, path string) (string, error) {
	if err := checkPath(path); err != nil {
		return "", err
	}
	secret, mode, err := readSecret(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%w: %s is not there", ErrSecretNotFound, path)
	}
	// Windows has access lists, of which a mode shows nothing.
	if err == nil && mode.Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return "", fmt.Errorf("others may read or change %s; forbid it with: chmod 600 %q", path, path)
	}
	return secret, err
}

func (fileSecrets) set(_ context.Context, path, secret string) error {
	if err := checkPath(path); err != nil {
		return err
	}
	_, err := writeFile(osFiles{}, path, []byte(secret+"\n"))
	return err
}

func (fileSecrets) delete(_ context.Context, path string) error {
	if err := checkPath(path); err != nil {
		return err
	}
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func checkPath(path string) error {
	if !filepath.IsAbs(path) {
		return errors.New("the path of a secret begins at the root")
	}
	return nil
}

// readSecret reads the first line of a regular file; of a line that is too long
// to be a secret, enough to see that.
func readSecret(path string) (secret string, mode os.FileMode, err error) {
	info, err := os.Stat(path) // first: to open a pipe would wait for its writer
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() {
		return "", 0, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil { // of what is open now
		return "", 0, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+2))
	return firstLine(data), info.Mode(), err
}
