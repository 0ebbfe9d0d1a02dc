package program

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/profile"
)

// helperVariable makes this test binary a program for on_change: its value says
// what it does.
const helperVariable = "HOMING_TEST_CHANGE"

func TestMain(m *testing.M) {
	if what := os.Getenv(helperVariable); what != "" {
		os.Exit(change(what))
	}
	os.Exit(m.Run())
}

// change is what the program does; it returns its exit code.
func change(what string) int {
	switch what, file, _ := strings.Cut(what, " "); what {
	case "keep":
		data, err := io.ReadAll(os.Stdin)
		if err == nil {
			err = os.WriteFile(file, data, 0o600)
		}
		if err != nil {
			fmt.Println(err)
			return 1
		}
	case "fail":
		fmt.Println("what it prints is nobody's affair")
		return 3
	case "ignore": // and never reads its standard input
	case "stay":
		<-time.After(time.Hour)
	case "start": // a child, and wait for it
		self, err := os.Executable()
		if err != nil {
			return 1
		}
		child := exec.Command(self)
		child.Env = append(os.Environ(), helperVariable+"=hold "+file)
		if child.Run() != nil {
			return 1
		}
	case "hold": // the pipe open
		pipe, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err != nil {
			return 1
		}
		fmt.Fprint(pipe, "x")
		<-time.After(time.Hour)
	}
	return 0
}

// program is one whose on_change is this test binary, doing what.
func program(t *testing.T, what string) *Program {
	t.Helper()
	t.Setenv(helperVariable, what)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e := &Effective{Config: defaults()}
	e.OnChange = []string{self}
	return &Program{Config: e}
}

func generations(t *testing.T) (old, new profile.Profile) {
	t.Helper()
	old, err := profile.New("ann@contoso.test", "Ann's mail")
	if err != nil {
		t.Fatal(err)
	}
	new = old
	new.Generation = 1
	new.Endpoint.MAPI = &profile.MAPI{MailStore: "https://ex1.contoso.test/mapi/emsmdb/", LegacyDN: "/o=Contoso/cn=ann"}
	new.Logins = []profile.LoginRef{{Realm: "*.contoso.test", User: "ann@contoso.test", Secret: "keyring:ann"}}
	return old, new
}

func TestOnChangeGetsBothProfiles(t *testing.T) {
	file := t.TempDir() + "/seen.json"
	old, new := generations(t)
	if err := program(t, "keep "+file).changed()(t.Context(), old, new); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Old, New profile.Profile }
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	if diff := cmp.Diff(old, got.Old); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(new, got.New); diff != "" {
		t.Error(diff)
	}
}

func TestOnChangeIsToldWhereTheAgentEndsMeanwhile(t *testing.T) {
	file := t.TempDir() + "/seen.json"
	old, new := generations(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := program(t, "keep "+file).changed()(ctx, old, new); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestOnChangeThatFails(t *testing.T) {
	old, new := generations(t)
	p := program(t, "fail")
	err := p.changed()(t.Context(), old, new)
	if want := "on_change " + p.Config.OnChange[0] + ": exit status 3"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	p.Config.OnChange = []string{"no-such-program"}
	if err := p.changed()(t.Context(), old, new); err == nil || !strings.HasPrefix(err.Error(), "on_change no-such-program: ") {
		t.Errorf("a program that is not there: %v", err)
	}
}

func TestOnChangeNeedNotReadItsInput(t *testing.T) {
	old, new := generations(t)
	new.Label = strings.Repeat("long ", 50_000) // more than a pipe holds
	if err := program(t, "ignore").changed()(t.Context(), old, new); err != nil {
		t.Error(err)
	}
}

func TestOnChangeHasToEnd(t *testing.T) {
	if changeLimit != 30*time.Second {
		t.Errorf("changeLimit is %v, and 30 s is what is promised", changeLimit)
	}
	old, new := generations(t)
	p := program(t, "stay")
	err := tell(t.Context(), p.Config.OnChange, 10*time.Millisecond, old, new)
	if want := "on_change " + p.Config.OnChange[0] + ": not done within 10ms, and killed"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
