package program

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

func TestRefusalsOutliveAProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "refused.json")
	ann, ben := profile.ID("0123456789abcdef"), profile.ID("fedcba9876543210")
	wrong, right := trust.NewSecret("autumn-fog-17"), trust.NewSecret("spring-rain-42")
	(&refusals{path: path}).Refuse(ann, "*.contoso.test", wrong)

	later := &refusals{path: path}
	for _, tt := range []struct {
		name   string
		id     profile.ID
		realm  string
		secret trust.Secret
		want   bool
	}{
		{"the same secret is known to be refused", ann, "*.contoso.test", wrong, true},
		{"another secret may be tried", ann, "*.contoso.test", right, false},
		{"the same secret may be tried in another realm", ann, "*.fabrikam.test", wrong, false},
		{"the same secret may be tried for another profile", ben, "*.contoso.test", wrong, false},
	} {
		if got := later.Refused(tt.id, tt.realm, tt.secret); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}

	data, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(data), wrong.Reveal()) || !strings.Contains(string(data), "*.contoso.test") {
		t.Errorf("%v, %s", err, data)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: want 0600", info.Mode(), err)
	}

	later.Refuse(ann, "*.contoso.test", right)
	if later.Refused(ann, "*.contoso.test", wrong) || !later.Refused(ann, "*.contoso.test", right) {
		t.Error("the later refusal has not taken the place of the earlier")
	}
	later.Forget(ann, "*.contoso.test")
	if (&refusals{path: path}).Refused(ann, "*.contoso.test", right) {
		t.Error("not forgotten")
	}
}

func TestADamagedListRefusesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "refused.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &refusals{path: path}
	id, s := profile.ID("0123456789abcdef"), trust.NewSecret("autumn-fog-17")
	if r.Refused(id, "*.contoso.test", s) {
		t.Error("refused by nothing")
	}
	r.Refuse(id, "*.contoso.test", s)
	if !r.Refused(id, "*.contoso.test", s) {
		t.Error("the list is not written anew")
	}
}
