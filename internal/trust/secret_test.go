package trust

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const password = "hunter2-Tr0ub4dor"

// leaks reports whether text contains the password in any of its spellings.
func leaks(text string) bool {
	for _, spelling := range []string{
		password,
		fmt.Sprintf("%q", password),
		hex.EncodeToString([]byte(password)),
		base64.StdEncoding.EncodeToString([]byte(password)),
		fmt.Sprint([]byte(password)),
	} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(spelling)) {
			return true
		}
	}
	return false
}

// printed is every way by which a value comes to be seen.
func printed(t *testing.T, v any) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "% x", "%d", "%p", "%20v", "%!"} {
		out["fmt "+verb] = fmt.Sprintf(verb, v)
		out["fmt pointer "+verb] = fmt.Sprintf(verb, &v)
	}
	out["print"] = fmt.Sprint(v)
	out["error"] = fmt.Errorf("with %v", v).Error()
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("with", "v", v, "slice", []any{v})
	out["slog text"] = b.String()
	b.Reset()
	slog.New(slog.NewJSONHandler(&b, nil)).Info("with", "v", v, "slice", []any{v})
	out["slog json"] = b.String()
	for name, marshal := range map[string]func(any) ([]byte, error){
		"json": json.Marshal,
		"xml":  xml.Marshal,
	} {
		text, err := marshal(v)
		if err != nil {
			text = []byte(err.Error())
		}
		out[name] = string(text)
	}
	return out
}

type holder struct{ S any }    // exported field
type keeper struct{ s Secret } // unexported field: fmt cannot call its methods

func TestSecretNeverPrints(t *testing.T) {
	secret := NewSecret(password)
	grant := Grant{to: "mx.contoso.test:443", scheme: Basic, login: Login{User: "ann", Secret: secret}}
	for name, v := range map[string]any{
		"a secret":                   secret,
		"a pointer to it":            &secret,
		"a slice of it":              []Secret{secret},
		"a map to it":                map[string]Secret{"a": secret},
		"a struct that shows it":     holder{secret},
		"a struct that hides it":     keeper{secret},
		"a pointer to such a struct": &keeper{secret},
		"a login":                    Login{User: "ann", Secret: secret},
		"a grant":                    grant,
	} {
		for way, text := range printed(t, v) {
			if leaks(text) {
				t.Errorf("%s by %s shows the password: %s", name, way, text)
			}
		}
	}
}

// The twin: what is no Secret is found by the same search.
func TestPlainStringPrints(t *testing.T) {
	shown := 0
	for way, text := range printed(t, password) {
		if leaks(text) {
			shown++
		} else if way == "fmt %v" || way == "fmt %x" || way == "fmt %q" || way == "slog text" || way == "slog json" || way == "json" {
			t.Errorf("%s does not show a plain string: %s", way, text)
		}
	}
	if shown == 0 {
		t.Error("the search finds nothing")
	}
}

func TestSecretSaysRedacted(t *testing.T) {
	for _, got := range []string{
		fmt.Sprint(NewSecret(password)),
		fmt.Sprintf("%#v", NewSecret(password)),
		NewSecret(password).String(),
		NewSecret(password).GoString(),
		NewSecret(password).LogValue().String(),
	} {
		if got != "[redacted]" {
			t.Errorf("a secret prints %q", got)
		}
	}
	if got, _ := json.Marshal(NewSecret(password)); string(got) != `"[redacted]"` {
		t.Errorf("a secret marshals as %s", got)
	}
}

func TestSecretHolds(t *testing.T) {
	if got := NewSecret(password).Reveal(); got != password {
		t.Errorf("Reveal = %q", got)
	}
	if (Secret{}).Reveal() != "" || !(Secret{}).IsZero() || !NewSecret("").IsZero() || NewSecret("x").IsZero() {
		t.Error("the zero secret is not the empty one")
	}
	a, b, c := NewSecret("x"), NewSecret("x"), NewSecret("y")
	if !a.Equal(b) || a.Equal(c) || a.Equal(Secret{}) || !(Secret{}).Equal(NewSecret("")) {
		t.Error("Equal does not compare the values")
	}
}
