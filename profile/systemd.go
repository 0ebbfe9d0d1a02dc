package profile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// systemdSecrets is the systemd backend: files that systemd decrypts for one
// service (LoadCredential= and LoadCredentialEncrypted= of systemd.exec(5)).
type systemdSecrets struct{}

func (systemdSecrets) get(_ context.Context, name string) (string, error) {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	switch {
	case strings.ContainsAny(name, `/\:`) || name == "." || name == "..":
		return "", errors.New("the name of a credential has no slashes or colons")
	case dir == "":
		return "", fmt.Errorf("%w: this is not a service with credentials ($CREDENTIALS_DIRECTORY is not set)", ErrNoBackend)
	}
	secret, _, err := readSecret(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: add LoadCredentialEncrypted=%s to the unit", ErrSecretNotFound, name)
	}
	return secret, err
}

func (systemdSecrets) set(context.Context, string, string) error {
	return fmt.Errorf("%w: credentials are made with systemd-creds encrypt", errors.ErrUnsupported)
}

func (systemdSecrets) delete(context.Context, string) error {
	return fmt.Errorf("%w: remove the credential from the unit", errors.ErrUnsupported)
}
