package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homing-mail/homing/profile"
)

func TestWhereASecretGoesAndWhatIsWrongThere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name                 string
		backend, directory   string
		wantWhere, wantWrong string // wantWrong: a part
	}{
		{"files in a directory", "file", dir, "files in " + dir, ""},
		{"files in a directory that is made for the first of them", "file", filepath.Join(dir, "secrets"), "files in " + filepath.Join(dir, "secrets"), ""},
		{"files below a file", "file", file, "files in " + file, "is no directory"},
		{"no keyring", "keyring", "", "the keyring of this desktop", "is not available here: the keyring backend is not enabled in the configuration; what to do: start a keyring service (gnome-keyring, KWallet, KeePassXC)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &Effective{Config: defaults()}
			e.Secrets.Backend, e.Secrets.Directory = tc.backend, tc.directory
			p := &Program{Config: e, Secrets: &profile.SecretStore{Enabled: []string{"file"}}}
			where, wrong := p.Keeping(t.Context())
			if where != tc.wantWhere || !strings.Contains(wrong, tc.wantWrong) || tc.wantWrong == "" && wrong != "" {
				t.Errorf("Keeping = %q, %q, want %q, %q", where, wrong, tc.wantWhere, tc.wantWrong)
			}
		})
	}
}

func TestWhatToDoAboutASecret(t *testing.T) {
	for _, tc := range []struct {
		name string
		ref  string
		err  error
		want string // the beginning
	}{
		{"no keyring service", "keyring:ann", fmt.Errorf("%w: no keyring runs", profile.ErrNoBackend), "start a keyring service"},
		{"a locked keyring", "keyring:ann", profile.ErrSecretLocked, "unlock the keyring"},
		{"a keyring that says nothing", "keyring:ann", fmt.Errorf("%w: %w", profile.ErrNoBackend, context.DeadlineExceeded), "unlock the keyring"},
		{"a program that says nothing", "command:vault", context.DeadlineExceeded, ""},
		{"another backend that is not there", "systemd:ann", profile.ErrNoBackend, ""},
		{"a secret that is gone", "keyring:ann", profile.ErrSecretNotFound, ""},
		{"anything else", "keyring:ann", errors.New("no"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := SecretRemedy(tc.ref, &profile.SecretError{Ref: tc.ref, Err: tc.err})
			if !strings.HasPrefix(got, tc.want) || tc.want == "" && got != "" {
				t.Errorf("SecretRemedy = %q, want %q", got, tc.want)
			}
		})
	}
}
