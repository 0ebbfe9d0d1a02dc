package conformance

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// staged are the references of docs/hijacks.md: the package is autodiscover where
// none is written.
var staged = regexp.MustCompile("`(?:([a-z/]+) )?(Test\\w+)(?:/([^`]+))?`")

// checkHijacks returns what is wrong with the table of hijacks: a test that does
// not exist, or a story that is missing. files are the tests that tell stories.
func checkHijacks(text string, files []string, wrong func(reference) string) (complaints []string) {
	told := make(map[string]bool) // "function" and "function/row"
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		for _, m := range staged.FindAllStringSubmatch(line, -1) {
			r := reference{m[1], m[2], m[3]}
			if r.pkg == "" {
				r.pkg = "autodiscover"
			}
			if why := wrong(r); why != "" {
				complaints = append(complaints, fmt.Sprintf("%s: %s", r, why))
			}
			told[r.function], told[r.function+"/"+r.subtest] = true, true
		}
	}
	for _, file := range files {
		functions, rows, err := stories(file)
		if err != nil {
			return append(complaints, err.Error())
		}
		for _, f := range functions {
			if !told[f] {
				complaints = append(complaints, f+" is missing")
			}
		}
		for _, row := range rows {
			found := false
			for _, f := range functions {
				found = found || told[f+"/"+row]
			}
			if !found {
				complaints = append(complaints, fmt.Sprintf("%s: %q is missing", filepath.Base(file), row))
			}
		}
	}
	return complaints
}

// stories returns the tests of a file that stage hijacks, and the names of their
// rows: what stands after "name:", or first in a row whose fields have no names.
func stories(file string) (functions, rows []string, err error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, nil, err
	}
	text := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if name, err := strconv.Unquote(lit.Value); err == nil {
				rows = append(rows, name)
			}
		}
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			if !strings.HasPrefix(fn.Name.Name, "TestHijack") {
				continue
			}
			functions = append(functions, fn.Name.Name)
		}
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "name" {
					text(n.Value)
				}
			case *ast.CompositeLit: // a row has no type of its own
				if n.Type == nil && len(n.Elts) > 1 {
					text(n.Elts[0])
				}
			}
			return true
		})
	}
	return functions, rows, nil
}

func hijackFiles(t *testing.T) []string {
	files, err := filepath.Glob(filepath.Join(root, "autodiscover", "hijack_*_test.go"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files with stories, %v", len(files), err)
	}
	return files
}

func hijackTable(t *testing.T) string {
	text, err := os.ReadFile(filepath.Join(root, "docs", "hijacks.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryHijackIsInTheTable(t *testing.T) {
	for _, c := range checkHijacks(hijackTable(t), hijackFiles(t), tests{}.wrong) {
		t.Errorf("docs/hijacks.md: %s", c)
	}
	rows := 0
	for _, file := range hijackFiles(t) {
		_, names, err := stories(file)
		if err != nil {
			t.Fatal(err)
		}
		rows += len(names)
	}
	if rows < 150 {
		t.Errorf("%d rows are seen", rows)
	}
}

// The table made wrong: a row of each form taken away, and names that do not fit.
func TestWhatIsWrongWithTheTableOfHijacksIsNoticed(t *testing.T) {
	good, files, known := hijackTable(t), hijackFiles(t), tests{}
	for _, tt := range []struct{ name, old, new, want string }{
		{"a story is missing", "`TestHijackByDNS/a record of port 80`", "", `"a record of port 80" is missing`},
		{"a story of a row without field names is missing", "`TestHijackByABomb/of depth`", "", `"of depth" is missing`},
		{"a story outside of its function is missing", "`TestHijackByAReferral/the loopback`", "", `"the loopback" is missing`},
		{"a story stands under another file's function", "`TestHijackByABomb/of depth`", "`TestHijackByDNS/of depth`", `"of depth" is missing`},
		{"a test that is missing", "TestHijackByACertificate", "TestHijackByDNS", "TestHijackByACertificate is missing"},
		{"a story that is not staged", "TestHijackByDNS/a record of port 80", "TestHijackByDNS/a record of port 81", "its file has no row of that name"},
		{"a test that does not exist", "`TestDiscoverLogsNoSecret`", "`TestDiscoverLogsNothing`", "no such test"},
		{"a test of another package", "`internal/scp TestWhoSignsInWhere/never", "`internal/trust TestWhoSignsInWhere/never", "no such test"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.ReplaceAll(good, tt.old, tt.new)
			if text == good {
				t.Fatalf("%q is not in the table", tt.old)
			}
			if got := checkHijacks(text, files, known.wrong); !strings.Contains(strings.Join(got, "\n"), tt.want) {
				t.Errorf("complaints %q, want %q", got, tt.want)
			}
		})
	}
}
