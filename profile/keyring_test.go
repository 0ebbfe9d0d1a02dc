package profile

import (
	"errors"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"
)

func TestErrorsOfGoKeyring(t *testing.T) {
	if err := libraryError(keyring.ErrNotFound); err != ErrSecretNotFound {
		t.Errorf("nothing there: %v", err)
	}
	if err := libraryError(keyring.ErrSetDataTooBig); err == nil || !strings.Contains(err.Error(), "2560 bytes") {
		t.Errorf("too big: %v", err)
	}
	if err := libraryError(keyring.ErrUnsupportedPlatform); !errors.Is(err, ErrNoBackend) {
		t.Errorf("another system: %v", err)
	}
	other := errors.New("another one")
	if err := libraryError(other); err != other {
		t.Errorf("another one: %v", err)
	}
	if err := libraryError(nil); err != nil {
		t.Errorf("none: %v", err)
	}
}
