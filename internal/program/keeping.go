package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/homing-mail/homing/profile"
)

// Keeping says for people where a secret that is typed goes, and why it cannot be
// kept there now and what to do; wrong is empty if it can be. It asks the keyring,
// for a secret that there is not.
func (p *Program) Keeping(ctx context.Context) (where, wrong string) {
	if p.Config.Secrets.Backend == "file" {
		dir := p.Config.Secrets.Directory
		if info, err := os.Stat(dir); err == nil && !info.IsDir() {
			wrong = fmt.Sprintf("%s is no directory; name another one as secrets.directory", dir)
		}
		return "files in " + dir, wrong
	}
	const ref = "keyring:homing keeps nothing here"
	_, err := p.Secrets.Get(ctx, ref)
	if err == nil || errors.Is(err, profile.ErrSecretNotFound) {
		return "the keyring of this desktop", ""
	}
	remedy := SecretRemedy(ref, err)
	if e, ok := errors.AsType[*profile.SecretError](err); ok {
		err = e.Err
	}
	if wrong = err.Error(); remedy != "" {
		wrong += "; what to do: " + remedy
	}
	return "the keyring of this desktop", wrong
}

// SecretRemedy says what to do about a secret that cannot be had though it may well
// be there. It is empty where only another sign-in helps.
func SecretRemedy(ref string, err error) string {
	switch keyring := strings.HasPrefix(ref, "keyring:"); {
	case errors.Is(err, profile.ErrSecretLocked), keyring && errors.Is(err, context.DeadlineExceeded):
		return "unlock the keyring"
	case keyring && errors.Is(err, profile.ErrNoBackend):
		return `start a keyring service (gnome-keyring, KWallet, KeePassXC) in this session, or keep secrets in files: secrets.backend = "file"`
	}
	return ""
}
