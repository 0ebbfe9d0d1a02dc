package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/profile"
)

func document(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// described reports whether a row of a table of doc is about name.
func described(doc, name string) bool { return strings.Contains(doc, "\n| `"+name+"` | ") }

func TestEveryKeyOfTheConfigurationIsDescribed(t *testing.T) {
	doc := document(t, "configuration.md")
	e, err := program.LoadConfig(program.Paths{})
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{"secrets.commands"} // absent without an entry
	for _, v := range e.Values() {
		keys = append(keys, v.Key)
	}
	for _, key := range keys {
		if !described(doc, key) {
			t.Errorf("docs/configuration.md has no row for %s", key)
		}
	}
	if rows := len(regexp.MustCompile("(?m)^\\| `[a-z0-9_.]+` \\| (text|time|two|list|table|boolean)").FindAllString(doc, -1)); rows != len(keys) {
		t.Errorf("docs/configuration.md describes %d keys, and there are %d", rows, len(keys))
	}
	if described(doc, "trust.host") {
		t.Error("docs/configuration.md has a row for a key that does not exist")
	}
}

// Every source has a row, in the order of rank.
func TestEverySourceIsDescribed(t *testing.T) {
	doc := document(t, "configuration.md")
	var want, got []string
	for _, s := range autodiscover.Sources() {
		want = append(want, string(s))
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| (?:`Exclude[A-Za-z0-9]+`)? ?\\| ").FindAllStringSubmatch(doc, -1) {
		got = append(got, row[1])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The example names every key, and is taken as it stands.
func TestTheExampleOfAConfigurationIsOne(t *testing.T) {
	_, example, _ := strings.Cut(document(t, "configuration.md"), "```toml\n")
	example, _, found := strings.Cut(example, "```")
	if !found {
		t.Fatal("docs/configuration.md has no example")
	}
	path := filepath.Join(t.TempDir(), "policy.toml") // which takes all of them
	if err := os.WriteFile(path, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := program.LoadConfig(program.Paths{Policy: path})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range e.Values() {
		if v.Origin != "policy "+path {
			t.Errorf("%s is not in the example", v.Key)
		}
	}
}

// The defaults that the table shows are those that are in force.
func TestTheDefaultsAreAsDescribed(t *testing.T) {
	doc := document(t, "configuration.md")
	path := filepath.Join(t.TempDir(), "policy.toml")
	inForce, err := program.LoadConfig(program.Paths{})
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z0-9_.]+)` \\| [^|]+ \\| `([^`]+)` \\| ").FindAllStringSubmatch(doc, -1)
	if len(rows) != len(inForce.Values()) {
		t.Errorf("%d rows have a default, and %d keys", len(rows), len(inForce.Values()))
	}
	for _, row := range rows {
		if err := os.WriteFile(path, []byte(row[1]+" = "+row[2]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		said, err := program.LoadConfig(program.Paths{Policy: path})
		if err != nil {
			t.Error(err)
			continue
		}
		for i, v := range inForce.Values() {
			if got := said.Values()[i]; !reflect.DeepEqual(got.Value, v.Value) {
				t.Errorf("%s: docs/configuration.md says %v, and %v is in force", v.Key, got.Value, v.Value)
			}
		}
	}
}

// fields are the names of the JSON form of of, with dots below objects.
func fields(of reflect.Type, prefix string) []string {
	var names []string
	for f := range of.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, prefix+name)
		below := f.Type
		for below.Kind() == reflect.Pointer || below.Kind() == reflect.Slice {
			below = below.Elem()
		}
		if below.Kind() == reflect.Struct && below.PkgPath() == of.PkgPath() {
			names = append(names, fields(below, prefix+name+".")...)
		}
	}
	return names
}

func TestEveryFieldOfAProfileIsDescribed(t *testing.T) {
	doc := document(t, "profile.md")
	names := fields(reflect.TypeFor[profile.Profile](), "")
	for _, name := range names {
		if !described(doc, name) {
			t.Errorf("docs/profile.md has no row for %s", name)
		}
	}
	if !strings.Contains(strings.Join(names, " "), " endpoint.mapi.legacy_dn ") {
		t.Errorf("the fields are %v", names)
	}
}

func TestEveryFieldOfAStatusIsDescribed(t *testing.T) {
	doc := document(t, "status.md")
	names := fields(reflect.TypeFor[agent.Status](), "")
	for _, name := range names {
		if !described(doc, name) {
			t.Errorf("docs/status.md has no row for %s", name)
		}
	}
	if rows := strings.Count(doc, "\n| `"); rows != len(names) {
		t.Errorf("docs/status.md describes %d fields, and there are %d", rows, len(names))
	}
	if !strings.Contains(strings.Join(names, " "), " mailboxes.journey.wire ") {
		t.Errorf("the fields are %v", names)
	}
}

func TestEveryLineOfTheEnvironmentIsDescribed(t *testing.T) {
	doc := document(t, "profile.md")
	var out bytes.Buffer
	if err := inDirectory(t.TempDir(), nil, &out, &out).profileShow(profile.Profile{}, true); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, line := range lines {
		if name, _, _ := strings.Cut(line, "="); !described(doc, name) {
			t.Errorf("docs/profile.md has no row for %s", name)
		}
	}
	if rows := strings.Count(doc, "\n| `HOMING_"); rows != len(lines) {
		t.Errorf("docs/profile.md describes %d lines, and there are %d", rows, len(lines))
	}
}
