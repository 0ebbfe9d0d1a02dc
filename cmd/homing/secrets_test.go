package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// testPassword changes under every encoding that is searched for.
const testPassword = "Tide pool/71 + ä"

// exempt names the files that hold the password because the test gave it to
// them: what --password-file names, what is typed, and the directory of
// secrets.backend = "file".
var exempt = []string{"password", "typed", "typed-again", "secrets"}

// searchSecret fails t where a file below one of dirs contains the password, in
// any encoding. It first plants one in each to show that it would be found.
func searchSecret(t testing.TB, password string, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		plant := filepath.Join(dir, "planted")
		line := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("ann@contoso.test:"+password)) + "\n"
		if err := os.WriteFile(plant, []byte(line), 0o600); err != nil {
			t.Errorf("planting a secret: %v", err)
		}
		if found := leaks(t, password, dir); !slices.Contains(found, plant) {
			t.Errorf("the planted secret in %s was not found", dir)
		}
		os.Remove(plant)
		for _, path := range leaks(t, password, dir) {
			t.Errorf("%s contains the password", path)
		}
	}
}

// leaks returns the files below dir that contain the password.
func leaks(t testing.TB, password, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != dir && slices.Contains(exempt, d.Name()):
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if leaked(data, password) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Errorf("searching for secrets: %v", err)
	}
	return found
}

// leaked reports whether data contains the password in any encoding.
func leaked(data []byte, password string) bool {
	var wide []byte
	for _, u := range utf16.Encode([]rune(password)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	forms := [][]byte{
		[]byte(password), wide,
		[]byte(url.QueryEscape(password)), []byte(url.PathEscape(password)),
	}
	lower := bytes.ToLower(data)
	if bytes.Contains(lower, []byte(hex.EncodeToString([]byte(password)))) {
		return true
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 { // where the password begins within a group of three bytes
			text := encoding.EncodeToString([]byte(strings.Repeat("x", before) + password))
			bits := 8 * (before + len(password))
			forms = append(forms, []byte(text[(8*before+5)/6:bits/6]))
		}
	}
	return slices.ContainsFunc(forms, func(form []byte) bool { return bytes.Contains(data, form) })
}

// named is a line of the log, of a level above debug, that has a person in it: the
// local part of an address, or the last name of a LegacyDN.
var named = regexp.MustCompile(`(?m)^time=\S+ level=(?:INFO|WARN|ERROR) .*?(?:[\w.-]+@[\w.-]+\.test|(?i:/cn=recipients/cn=)[^*/\s]).*$`)

// searchNames fails t where a log below dir names a person. It first plants a line
// to show that it would be found.
func searchNames(t testing.TB, dir string) {
	t.Helper()
	found := func() (lines []string) {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			lines = append(lines, named.FindAllString(mailboxIDs.ReplaceAllString(string(data), ""), -1)...)
			return err
		})
		if err != nil {
			t.Errorf("searching for names: %v", err)
		}
		return lines
	}
	plant, line := filepath.Join(dir, "planted"), `time=2026-05-04T10:00:00Z level=INFO msg=autodiscover said="RedirectAddr ann@mail.fabrikam.test"`
	if err := os.WriteFile(plant, []byte("more\n"+line+"\n"), 0o600); err != nil {
		t.Errorf("planting a name: %v", err)
	}
	if !slices.Contains(found(), line) {
		t.Error("the planted name was not found")
	}
	os.Remove(plant)
	for _, line := range found() {
		t.Errorf("a person is named in the log: %s", line)
	}
}

// mailboxIDs are the identities of mailboxes in their URLs, which look like addresses.
var mailboxIDs = regexp.MustCompile(`(?i)MailboxId=[0-9a-f-]{36}@`)

func TestSearchForSecretsFindsEveryEncoding(t *testing.T) {
	wide := []byte{'T', 0, 'i', 0, 'd', 0, 'e', 0, ' ', 0, 'p', 0, 'o', 0, 'o', 0, 'l', 0, '/', 0, '7', 0, '1', 0, ' ', 0, '+', 0, ' ', 0, 0xe4, 0}
	for _, tc := range []struct {
		name string
		data string
		want bool
	}{
		{"plain", "level=INFO password=\"Tide pool/71 + ä\"", true},
		{"base64 of user:password", base64.StdEncoding.EncodeToString([]byte("ann@contoso.test:" + testPassword)), true},
		{"base64 of a user one byte longer", base64.StdEncoding.EncodeToString([]byte("anna@contoso.test:" + testPassword)), true},
		{"base64 of a user two bytes longer", base64.StdEncoding.EncodeToString([]byte("annie@contoso.test:" + testPassword)), true},
		{"base64 for URLs", base64.URLEncoding.EncodeToString([]byte(testPassword)), true},
		{"percent-encoded as a query", "p=Tide+pool%2F71+%2B+%C3%A4", true},
		{"percent-encoded as a path", "/Tide%20pool%2F71%20+%20%C3%A4", true},
		{"hex", "5469646520706f6f6c2f3731202b20c3a4", true},
		{"hex in capitals", "5469646520706F6F6C2F3731202B20C3A4", true},
		{"in a line of the wire", `"wire": ["  you sent Basic ` + base64.StdEncoding.EncodeToString([]byte("ann:"+testPassword)) + `"]`, true},
		{"UTF-16LE", "x" + string(wide), true},
		{"another password", "Tide pool/71 - ä", false},
		{"nothing", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := leaked([]byte(tc.data), testPassword); got != tc.want {
				t.Errorf("leaked(%q) = %v, want %v", tc.data, got, tc.want)
			}
		})
	}
}

func TestSearchForSecretsLeavesOutOnlyWhatTheTestWrote(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"password", "secrets/0123456789abcdef-any.contoso.test", "state/log", "state/profiles/x/current.json"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(testPassword), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{filepath.Join(dir, "state", "log"), filepath.Join(dir, "state", "profiles", "x", "current.json")}
	if got := leaks(t, testPassword, dir); !slices.Equal(got, want) {
		t.Errorf("leaks = %q, want %q", got, want)
	}
}
