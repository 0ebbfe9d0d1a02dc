package program

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

// open returns a program over an empty directory.
func open(t *testing.T, config string) *Program {
	t.Helper()
	p := files(t, config, "")
	p.Socket = filepath.Join(p.State, "agent.sock")
	e, err := LoadConfig(p)
	if err != nil {
		t.Fatal(err)
	}
	program, err := Open(p, e, nil)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func TestOneAgentHoldsTheProfiles(t *testing.T) {
	first := open(t, "")
	release, err := first.lock(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.lock(t.Context(), 0); !errors.Is(err, ErrOtherAgent) {
		t.Errorf("a second lock: %v, want ErrOtherAgent", err)
	}
	if _, err := first.Alone(t.Context(), nil); !errors.Is(err, ErrOtherAgent) {
		t.Errorf("an agent beside the lock: %v, want ErrOtherAgent", err)
	}
	if err := first.Run(t.Context()); !errors.Is(err, ErrOtherAgent) {
		t.Errorf("a headless agent beside the lock: %v, want ErrOtherAgent", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if release, err = first.lock(t.Context(), 0); err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

func TestAnAgentWithAStoreOfItsOwnNeedsNoLock(t *testing.T) {
	defer goleak.VerifyNone(t)
	p := open(t, "")
	release, err := p.lock(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	running, err := p.Alone(t.Context(), func(c *agent.Config) { c.Store = new(profile.Memory) })
	if err != nil {
		t.Fatal(err)
	}
	if err := running.Close(); err != nil {
		t.Error(err)
	}
}

func TestTheEndOfACommandReleasesTheLock(t *testing.T) {
	defer goleak.VerifyNone(t)
	p := open(t, "")
	for range 2 {
		running, err := p.Service(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if running.Attached {
			t.Error("attached to an agent that does not run")
		}
		if err := running.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWhereATypedSecretIsKept(t *testing.T) {
	const id = profile.ID("0123456789abcdef")
	directory := t.TempDir()
	for _, tc := range []struct {
		name, config, realm, want string
	}{
		{"in the keyring, by profile and realm", "", "*.contoso.test", "keyring:0123456789abcdef *.contoso.test"},
		{"in a file of the directory, with a name that every system takes", "[secrets]\nbackend = 'file'\ndirectory = '" + directory + "'", "*.contoso.test",
			"file:" + filepath.Join(directory, "0123456789abcdef-any.contoso.test")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := open(t, tc.config).SecretRef(id, tc.realm); got != tc.want {
				t.Errorf("SecretRef = %s, want %s", got, tc.want)
			}
		})
	}
}

func TestOnlyOwnSecretsAreDeleted(t *testing.T) {
	own, theirs := t.TempDir(), t.TempDir()
	secrets := open(t, "[secrets]\nbackend = 'file'\ndirectory = '"+own+"'").AgentConfig().Secrets
	for _, tc := range []struct {
		name, path string
		want       bool // it is gone
	}{
		{"in the directory of the configuration", filepath.Join(own, "0123456789abcdef-any.contoso.test"), true},
		{"that a person named", filepath.Join(theirs, "password"), false},
		{"that a person named, below the directory", filepath.Join(own, "mine", "password"), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := os.MkdirAll(filepath.Dir(tc.path), 0o700); err != nil {
				t.Fatal(err)
			}
			ref := "file:" + tc.path
			if err := secrets.Set(t.Context(), ref, trust.NewSecret("s")); err != nil {
				t.Fatal(err)
			}
			if err := secrets.Delete(t.Context(), ref); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(tc.path); os.IsNotExist(err) != tc.want {
				t.Errorf("gone: %v, want %v", os.IsNotExist(err), tc.want)
			}
		})
	}
}

func TestTargetOfAProfile(t *testing.T) {
	p := open(t, "[trust]\nhosts = ['*.fabrikam.test']")
	of, err := profile.New("ann@contoso.test", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Target(t.Context(), of); err == nil || !strings.HasSuffix(err.Error(), "homing check "+string(of.ID)) {
		t.Errorf("of one that points nowhere: %v, want the command that helps", err)
	}

	of.Proven = true
	of.Endpoint.MAPI = &profile.MAPI{
		MailStore:   "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=1",
		AddressBook: "https://ex1.contoso.test/mapi/nspi/?MailboxId=1",
		LegacyDN:    "/o=Contoso/cn=ann",
	}
	got, err := p.Target(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	if got.Access.Logins == nil {
		t.Error("without its sign-ins")
	}
	if diff := cmp.Diff([]string{"*.fabrikam.test"}, got.Access.Rules.Trusted); diff != "" {
		t.Error(diff)
	}
	got.Access.Logins, got.Access.Rules = nil, trust.Rules{}
	want := logonclient.Target{
		MailStore: of.Endpoint.MAPI.MailStore, AddressBook: of.Endpoint.MAPI.AddressBook, LegacyDN: of.Endpoint.MAPI.LegacyDN,
		Access: trust.Access{Hop: trust.Hop{MailDomain: "contoso.test", To: "ex1.contoso.test:443", How: trust.FromProfile}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
