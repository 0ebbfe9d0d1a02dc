package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const diff = `The sum is off by one.
# kills: ./sum ./other/...
--- a/sum/sum.go
+++ b/sum/sum.go
@@ -1,5 +1,5 @@
 func Sum(a, b int) int {
-	return a + b
+	return a + b + 1
 }
`

const sum = `package sum

func Sum(a, b int) int {
	return a + b
}

func Difference(a, b int) int {
	return a - b
}
`

func TestParse(t *testing.T) {
	got, err := parse("off-by-one", diff)
	if err != nil {
		t.Fatal(err)
	}
	want := mutant{
		name: "off-by-one", kills: []string{"./sum", "./other/..."},
		files: []change{{"sum/sum.go", []hunk{{
			old: []string{"func Sum(a, b int) int {", "\treturn a + b", "}"},
			new: []string{"func Sum(a, b int) int {", "\treturn a + b + 1", "}"},
		}}}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mutant{}, change{}, hunk{})); diff != "" {
		t.Error(diff)
	}
	without, err := parse("", strings.Replace(diff, "# kills: ./sum ./other/...\n", "", 1))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"./sum"}, without.kills); diff != "" {
		t.Errorf("without a header: %s", diff)
	}
}

func TestParseRefusesWhatIsNoMutant(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":              "",
		"no file":              "# kills: ./sum\n",
		"a hunk of no file":    "@@ -1 +1 @@\n-a\n+b\n",
		"a change of nothing":  "+++ b/sum.go\n@@ -1 +1 @@\n a\n",
		"a line without sign":  "+++ b/sum.go\n@@ -1 +1 @@\n-a\n+b\nc\n",
		"nothing to recognise": "+++ b/sum.go\n@@ -0,0 +1 @@\n+b\n",
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := parse(name, text); err == nil {
				t.Errorf("accepted as %+v", m)
			}
		})
	}
}

func TestApply(t *testing.T) {
	m, err := parse("off-by-one", diff)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.files[0].apply("// A comment has moved everything.\n" + sum)
	if err != nil {
		t.Fatal(err)
	}
	want := "// A comment has moved everything.\n" + strings.Replace(sum, "a + b", "a + b + 1", 1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for name, text := range map[string]string{
		"does not stand": strings.Replace(sum, "a + b", "b + a", 1),
		"stands twice":   sum + sum,
	} {
		if _, err := m.files[0].apply(text); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want that it %s", err, name)
		}
	}
}

// TestHunt lets the real tool chain loose on a module of one function.
func TestHunt(t *testing.T) {
	for _, tc := range []struct {
		name string
		test string // the body of the only test
		diff string
		want string // the error; empty: the mutant is killed
	}{
		{"a test that looks kills", "if Sum(1, 2) != 3 { t.Error() }", diff, ""},
		{"one that does not look lets it live", "Sum(1, 2)", diff, "1 of 1 mutants were not killed"},
		{"one that fails anyhow proves nothing", "t.Error()", diff, "the tests fail without any mutant"},
		{"a mutant that does not fit", "if Sum(1, 2) != 3 { t.Error() }", strings.Replace(diff, "-	return a + b", "-	return b + a", 1), "1 of 1 mutants were not killed"},
		{"a mutant that does not compile is no proof", "if Sum(1, 2) != 3 { t.Error() }", strings.Replace(diff, "+	return a + b + 1", "+	return a ++ b", 1), "1 of 1 mutants were not killed"},
		{"no mutant at all", "", "", "no mutant"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			files := map[string]string{
				"go.mod":          "module contoso.test/sum\n\ngo 1.26\n",
				"sum/sum.go":      sum,
				"sum/sum_test.go": "package sum\n\nimport \"testing\"\n\nfunc TestSum(t *testing.T) { " + tc.test + " }\n",
			}
			if tc.diff != "" {
				files["testdata/mutants/off-by-one.diff"] = strings.Replace(tc.diff, " ./other/...", "", 1)
			}
			for name, text := range files {
				path := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := hunt(t.Context(), dir, "off")
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			if got, err := os.ReadFile(filepath.Join(dir, "sum", "sum.go")); err != nil || string(got) != sum {
				t.Errorf("the tree was touched: %v\n%s", err, got)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	for out, want := range map[string]string{
		"--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/one (0.00s)\n        --- FAIL: TestA/one/two (0.00s)\n--- FAIL: TestB (0.00s)\n": "TestA/one/two",
		"--- FAIL: TestA (0.00s)\n--- FAIL: TestB (0.00s)\n":                                                                           "TestA",
		"panic: test timed out after 2m0s\n":                                                                                           "a crash or a time-out",
	} {
		if got := verdict(out); got != want {
			t.Errorf("verdict = %q, want %q", got, want)
		}
	}
}

// A mutant that no longer fits its file shows nothing, and nobody would know
// before make mutants.
func TestEveryMutantFits(t *testing.T) {
	files, err := filepath.Glob("../../testdata/mutants/*.diff")
	if err != nil || len(files) == 0 {
		t.Fatalf("no mutants: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".diff"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			m, err := parse(file, string(text))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range m.files {
				source, err := os.ReadFile(filepath.Join("../..", f.path))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.apply(string(source)); err != nil {
					t.Errorf("%s: %v", f.path, err)
				}
			}
		})
	}
}
