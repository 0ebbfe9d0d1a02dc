package agent_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the trace of each scenario anew")

// TestScenario plays the scenarios on the wire: the agent with its real clients
// and its real store against a mock world, in virtual time. Each file of
// testdata/scenario tells its story in a comment and has these sections:
//
//	world.toml  the mock world
//	script      what happens, see player.do
//	want        what has to have come of it, by hand, see judge
//	trace       states and requests in order; go test ./agent -run Scenario -update
//
// A bubble that ends proves that no goroutine was left.
func TestScenario(t *testing.T) {
	files, err := filepath.Glob("../testdata/scenario/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			s := readScenario(t, file)
			synctest.Test(t, func(t *testing.T) {
				p := newPlayer(t, s.world)
				if err := p.play(s.script); err != nil {
					t.Errorf("%v\n%s", err, p.trace())
				}
				for _, wrong := range judge(s.want, p.facts()) {
					t.Error(wrong)
				}
				p.close()
				s.checkTrace(t, p.trace())
			})
		})
	}
}

// scenario is a file of testdata/scenario.
type scenario struct {
	file                       string
	world, script, want, trace string
}

func readScenario(t *testing.T, file string) scenario {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	archive := txtar.Parse(data)
	if len(archive.Comment) == 0 {
		t.Errorf("%s tells no story: it needs a comment", file)
	}
	s := scenario{file: file}
	for _, f := range archive.Files {
		part := map[string]*string{"world.toml": &s.world, "script": &s.script, "want": &s.want, "trace": &s.trace}[f.Name]
		if part == nil {
			t.Fatalf("%s: unknown section %q", file, f.Name)
		}
		*part = string(f.Data)
	}
	return s
}

// checkTrace compares the trace of the file with got, or with -update replaces
// it and nothing else.
func (s scenario) checkTrace(t *testing.T, got string) {
	t.Helper()
	if !*update {
		if diff := cmp.Diff(strings.Split(s.trace, "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("another trace than that of the file (-want +got); if it is right: go test ./agent -run Scenario -update\n%s", diff)
		}
		return
	}
	if t.Failed() { // a trace of something wrong
		return
	}
	data, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(data), "-- trace --\n")
	if err := os.WriteFile(s.file, []byte(before+"-- trace --\n"+got), 0o644); err != nil {
		t.Fatal(err)
	}
}
