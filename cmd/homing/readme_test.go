package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// times are the only part of the demo that differs from run to run, besides the
// directory that it names at its end.
var times = regexp.MustCompile(` +\d+\.\d ms`)

// The transcript in the README is what the demo prints today.
func TestTheReadmeShowsTheDemo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out, errOut bytes.Buffer
	if code := inDirectory(t.TempDir(), strings.NewReader(""), &out, &errOut).main(t.Context(), []string{"demo"}); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, out.String(), errOut.String())
	}
	story, _, found := strings.Cut(out.String(), "\nkept in ")
	if !found {
		t.Fatalf("the demo does not say what it kept:\n%s", out.String())
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(readme), "```\nworld ")
	shown, _, _ = strings.Cut("world "+shown, "```")
	if diff := cmp.Diff(times.ReplaceAllString(story, ""), times.ReplaceAllString(shown, "")); diff != "" {
		t.Errorf("the README shows something else (-demo +README):\n%s", diff)
	}
}
