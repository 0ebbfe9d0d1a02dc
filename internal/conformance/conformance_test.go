package conformance

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// files are the tests whose rows are files: the name of a subtest is that of a
// file.
var files = map[string]string{
	"agent TestScenario":              "testdata/scenario/%s.txtar",
	"internal/mapi TestVectorsDecode": "testdata/mapi/%s.hex",
	"internal/mapi TestVectorsEncode": "testdata/mapi/%s.hex",
}

// tests are the test functions of the packages that have been asked for, each
// with the string literals of its file.
type tests map[string]map[string][]string

// wrong says what is wrong with a reference, "" if there is such a test.
func (all tests) wrong(r reference) string {
	if all[r.pkg] == nil {
		found, err := read(filepath.Join(root, filepath.FromSlash(r.pkg)))
		if err != nil {
			return err.Error()
		}
		all[r.pkg] = found
	}
	literals, ok := all[r.pkg][r.function]
	switch file := files[r.pkg+" "+r.function]; {
	case !ok:
		return "no such test"
	case r.subtest == "":
		return ""
	case file != "":
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(fmt.Sprintf(file, r.subtest)))); err != nil {
			return "no such file"
		}
	case !slices.Contains(literals, r.subtest):
		return "its file has no row of that name"
	}
	return ""
}

// read finds the test functions of the package in dir.
func read(dir string) (map[string][]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("no package with tests")
	}
	found := map[string][]string{}
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		var literals []string
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil {
					literals = append(literals, text)
				}
			}
			return true
		})
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				found[fn.Name.Name] = literals
			}
		}
	}
	return found, nil
}

func TestTheListIsWholeAndNamesTestsThatExist(t *testing.T) {
	ids, err := os.ReadFile(filepath.Join("testdata", "core.txt"))
	if err != nil {
		t.Fatal(err)
	}
	core, err := parseCore(string(ids))
	if err != nil {
		t.Fatal(err)
	}
	if len(core) < 200 {
		t.Fatalf("the core has %d requirements", len(core))
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range check(core, string(text), tests{}.wrong) {
		t.Errorf("docs/conformance.md: %s", c)
	}
}

// Each thing that is checked, made wrong in a small list that is right.
func TestWhatIsWrongWithAListIsNoticed(t *testing.T) {
	const row = "`internal/conformance TestWhatIsWrongWithAListIsNoticed/nothing`"
	core, err := parseCore("# ids\n[Frame]\nMS-A R1 R2\nMS-B R1\n[Logon]\nMS-A R3\n")
	if err != nil {
		t.Fatal(err)
	}
	good := strings.Join([]string{
		"# A list", "",
		"| topic | covered | client | server | both | with a reason |", "|---|---|---|---|---|---|",
		"| Frame | 2 | 2 | 0 | 0 | 1 |", "| Logon | 1 | 0 | 0 | 1 | 0 |", "| all | 3 | 2 | 0 | 1 | 1 |", "",
		"## Frame", "", tableHead, "|---|---|---|---|---|",
		"| MS-A_R1 | 2.1 | client | one thing | " + row + " |",
		"| MS-A_R2 | 2.2 | client | another | `agent TestScenario/server-restarts`, which takes ten seconds |",
		"| MS-B_R1 | 1 | server | a third | **deviation**: real servers do it otherwise, see `mockserver TestCookies` |", "",
		"## Logon", "", tableHead, "|---|---|---|---|---|",
		"| MS-A_R3 | 3 | both | a fourth | `internal/mapi TestVectorsDecode/logon-request` |", "",
	}, "\n")
	known := tests{}
	for _, tt := range []struct{ name, old, new, want string }{
		{"nothing", "", "", ""},
		{"an id is missing", "| MS-A_R3 |", "| id ", "MS-A_R3 is missing"},
		{"an id stands there twice", "| MS-A_R2 |", "| MS-A_R1 |", "MS-A_R1 stands there 2 times"},
		{"an id that is not of the core", "| MS-A_R2 |", "| MS-A_R22 |", "MS-A_R22 is not of the core"},
		{"an id under another topic", "## Logon", "## Frame", `MS-A_R3 stands under "Frame", want "Logon"`},
		{"a package that is not there", "`internal/conformance Test", "`internal/nothing Test", "no package with tests"},
		{"a test that is not there", "IsNoticed/nothing", "IsOverlooked/nothing", "no such test"},
		{"a test of another package", "`agent TestScenario/server-restarts`", "`mockserver TestScenario/server-restarts`", "no such test"},
		{"a subtest that is not there", "IsNoticed/nothing", "IsNoticed/" + "any" + "thing", "its file has no row of that name"},
		{"a part of the name of a subtest", "IsNoticed/nothing", "IsNoticed/" + "no" + "thin", "its file has no row of that name"},
		{"a file that is not there", "server-restarts", "server-rests", "no such file"},
		{"a test of a reason that is not there", "TestCookies", "TestBiscuits", "no such test"},
		{"neither a test nor a reason", row, "surely", "MS-A_R1 has neither a test nor a reason"},
		{"a test that is not marked as one", row, strings.Trim(row, "`"), "MS-A_R1 has neither a test nor a reason"},
		{"a reason that is none", "**deviation**", "**laziness**", "is no reason"},
		{"a label without a reason", "**deviation**: real servers do it otherwise, see `mockserver TestCookies`", "**gap**:", "is no reason"},
		{"no section", "| 2.1 |", "|  |", "MS-A_R1: section"},
		{"no words", "| one thing |", "|  |", "MS-A_R1: section"},
		{"a side that is none", "| both | a fourth |", "| left | a fourth |", "MS-A_R3: section"},
		{"a side that nothing tests", "| client | one thing |", "| server | one thing |", "MS-A_R1: no test of the side server"},
		{"both sides, and one that nothing tests", "| client | one thing |", "| both | one thing |", "MS-A_R1: no test of the side both"},
		{"a cell too few", "| client | one thing |", "| client |", "has 4 cells, want 5"},
		{"a sum that is wrong", "| Frame | 2 | 2 | 0 | 0 | 1 |", "| Frame | 3 | 3 | 0 | 0 | 0 |", `the first table lacks "| Frame | 2 | 2 | 0 | 0 | 1 |"`},
		{"a sum that is missing", "| all | 3 | 2 | 0 | 1 | 1 |", "", `the first table lacks "| all | 3 | 2 | 0 | 1 | 1 |"`},
		{"a side that the sums know otherwise", "| both | a fourth |", "| server | a fourth |", `the first table lacks "| Logon | 1 | 0 | 1 | 0 | 0 |"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(good, tt.old, tt.new, 1)
			if (text == good) != (tt.want == "") {
				t.Fatalf("%q is not in the list", tt.old)
			}
			got := check(core, text, known.wrong)
			if tt.want == "" && len(got) > 0 || tt.want != "" && !strings.Contains(strings.Join(got, "\n"), tt.want) {
				t.Errorf("complaints %q, want %q", got, tt.want)
			}
		})
	}
}

func TestACoreThatIsWrongIsRefused(t *testing.T) {
	for _, tt := range []struct{ name, text string }{
		{"an id twice", "[Frame]\nMS-A R1 R1\n"},
		{"an id under two topics", "[Frame]\nMS-A R1\n[Logon]\nMS-A R1\n"},
		{"an id under no topic", "MS-A R1\n"},
	} {
		if core, err := parseCore(tt.text); err == nil {
			t.Errorf("%s: %v", tt.name, core)
		}
	}
}
