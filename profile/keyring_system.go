//go:build windows || darwin

package profile

import (
	"context"

	"github.com/zalando/go-keyring"
)

func desktopKeyring() keyringCalls {
	return keyringCalls{
		get: func(_ context.Context, _ *prompt, name string) (string, error) {
			secret, err := keyring.Get(keyringService, name)
			return secret, libraryError(err)
		},
		set: func(_ context.Context, _ *prompt, name, secret string) error {
			return libraryError(keyring.Set(keyringService, name, secret))
		},
		delete: func(_ context.Context, _ *prompt, name string) error {
			return libraryError(keyring.Delete(keyringService, name))
		},
	}
}
