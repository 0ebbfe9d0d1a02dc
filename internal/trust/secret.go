package trust

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a password or a token that refuses to be printed: fmt, slog and
// encoding/json all see [redacted]. The zero Secret is empty. Two of them are
// compared by Equal, not by ==.
type Secret struct {
	value *string // a pointer, because fmt calls no method of a field that is not exported: it prints an address
}

// NewSecret wraps a password or a token.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{&value}
}

// Reveal returns the value. Only the code that puts it on the wire, hands it
// to a running agent or writes it to a secret store calls this.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.value == nil }

// Equal reports whether both hold the same value.
func (s Secret) Equal(t Secret) bool { return s.Reveal() == t.Reveal() }

func (s Secret) String() string               { return redacted }
func (s Secret) GoString() string             { return redacted }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// Format answers every verb alike: a %x of a secret would be as good as the
// secret itself.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }
