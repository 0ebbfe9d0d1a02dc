package archtest

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// maxLines is how long a file may be that is no test.
const maxLines = 500

// source is one Go file of the module, whatever its build constraints are.
type source struct {
	path  string // slashes, below the root
	lines int
	*ast.File
}

func (s source) dir() string  { return filepath.ToSlash(filepath.Dir(s.path)) }
func (s source) base() string { return filepath.Base(s.path) }

// test reports whether s is a test, or part of a suite of tests.
func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") || s.imports("testing") }

func (s source) imports(path string) bool {
	return slices.ContainsFunc(s.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote(path) })
}

// sources parses every Go file below root that is not test data.
func sources(t *testing.T, root string) []source {
	t.Helper()
	files := token.NewFileSet()
	var all []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		f, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		all = append(all, source{filepath.ToSlash(below), files.File(f.Pos()).LineCount(), f})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// manners are what no compiler checks. Each returns its complaints.
var manners = map[string]func([]source) []string{
	"a file that is no test is short":                    longFiles,
	"certificates are verified":                          unverified,
	"no test waits for the clock on the wall":            sleepers,
	"no test is skipped":                                 skipped,
	"what a package holds for all is written by nobody":  mutated,
	"a public package is explained and shown in use":     unexplained,
	"only the desktop program has windows, in any build": windowed,
}

func TestManners(t *testing.T) {
	all := sources(t, "../..")
	for name, complaints := range manners {
		t.Run(name, func(t *testing.T) {
			for _, c := range complaints(all) {
				t.Error(c)
			}
		})
	}
}

func longFiles(all []source) (found []string) {
	for _, s := range all {
		if s.lines > maxLines && !s.test() {
			found = append(found, fmt.Sprintf("%s has %d lines, more than %d", s.path, s.lines, maxLines))
		}
	}
	return found
}

func unverified(all []source) (found []string) {
	for _, s := range all {
		ast.Inspect(s.File, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Name == "InsecureSkipVerify" && !s.test() {
				found = append(found, s.path+" names InsecureSkipVerify")
			}
			return true
		})
	}
	return found
}

// sleepers finds time.Sleep in tests: in a bubble of testing/synctest a channel
// says what is waited for, and outside of one nothing should wait.
func sleepers(all []source) (found []string) {
	for _, s := range all {
		if s.test() && calls(s, func(on, name string) bool { return on == "time" && name == "Sleep" }) {
			found = append(found, s.path+" calls time.Sleep")
		}
	}
	return found
}

func skipped(all []source) (found []string) {
	for _, s := range all {
		if s.test() && calls(s, func(_, name string) bool { return name == "Skip" || name == "Skipf" || name == "SkipNow" }) {
			found = append(found, s.path+" skips a test")
		}
	}
	return found
}

// calls reports whether s calls on.name.
func calls(s source, is func(on, name string) bool) (found bool) {
	ast.Inspect(s.File, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
				if on, ok := sel.X.(*ast.Ident); ok {
					found = found || is(on.Name, sel.Sel.Name)
				}
			}
		}
		return true
	})
	return found
}

// mutated finds package-level variables that a function writes to. Names that a
// function declares itself hide them.
func mutated(all []source) (found []string) {
	vars := map[string]bool{} // dir and name
	for _, s := range all {
		for _, d := range s.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR && !s.test() {
				for _, spec := range g.Specs {
					for _, id := range spec.(*ast.ValueSpec).Names {
						vars[s.dir()+" "+id.Name] = true
					}
				}
			}
		}
	}
	for _, s := range all {
		if s.test() {
			continue
		}
		complain := func(e ast.Expr) {
			id := root(e)
			if id == nil || id.Name == "_" || !vars[s.dir()+" "+id.Name] {
				return
			}
			if id.Obj != nil { // declared in this file: is it the package's?
				if _, ok := id.Obj.Decl.(*ast.ValueSpec); !ok || s.Scope.Lookup(id.Name) != id.Obj {
					return
				}
			}
			found = append(found, fmt.Sprintf("%s writes to %s, which the whole package holds", s.path, id.Name))
		}
		for _, d := range s.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.AssignStmt:
					for _, e := range n.Lhs {
						if n.Tok != token.DEFINE {
							complain(e)
						}
					}
				case *ast.IncDecStmt:
					complain(n.X)
				case *ast.CallExpr:
					if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "delete" || id.Name == "clear") && len(n.Args) > 0 {
						complain(n.Args[0])
					}
				}
				return true
			})
		}
	}
	return found
}

// root returns the variable that an expression writes into, if it has a name.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// unexplained finds public packages without doc.go or without an example whose
// output is checked. A suite of tests may be explained, and needs no example.
func unexplained(all []source) (found []string) {
	type state struct{ public, doc, example bool }
	dirs := map[string]*state{}
	for _, s := range all {
		d := dirs[s.dir()]
		if d == nil {
			d = new(state)
			dirs[s.dir()] = d
		}
		if s.test() {
			for _, e := range doc.Examples(s.File) {
				d.example = d.example || s.base() == "example_test.go" && (e.Output != "" || e.EmptyOutput)
			}
			continue
		}
		internal := slices.Contains(strings.Split(s.dir(), "/"), "internal")
		d.public = d.public || s.Name.Name != "main" && s.base() != "doc.go" && !internal
		d.doc = d.doc || s.base() == "doc.go" && s.Doc != nil
	}
	for dir, d := range dirs {
		if d.public && !d.doc {
			found = append(found, dir+" has no doc.go that explains it")
		}
		if d.public && !d.example {
			found = append(found, dir+" has no example with an output in example_test.go")
		}
	}
	slices.Sort(found)
	return found
}

// windowed finds the toolkit in files that other builds than this one compile,
// which go list does not see.
func windowed(all []source) (found []string) {
	for _, s := range all {
		for _, i := range s.Imports {
			inApp := s.dir() == "cmd/homing-tray"
			inUI := s.dir() == "ui" || strings.HasPrefix(s.dir(), "ui/")
			path := strings.Trim(i.Path.Value, `"`)
			if path == "fyne.io/fyne/v2/app" && !inApp || strings.HasPrefix(path, "fyne.io/") && !inApp && !inUI {
				found = append(found, s.path+" imports "+path)
			}
		}
	}
	return found
}

// planted unpacks a module that breaks every rule, and returns its directory.
func planted(t *testing.T) string {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", "planted.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range archive.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if f.Name == "autodiscover/long.go" {
			f.Data = slices.Concat(f.Data, []byte(strings.Repeat("\n", maxLines)))
		}
		if err := os.WriteFile(path, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEveryMannerFindsWhatIsMissing(t *testing.T) {
	all := sources(t, planted(t))
	want := map[string][]string{
		"a file that is no test is short":         {"autodiscover/long.go has 501 lines, more than 500"},
		"certificates are verified":               {"logonclient/logonclient.go names InsecureSkipVerify"},
		"no test waits for the clock on the wall": {"logonclient/slow_test.go calls time.Sleep"},
		"no test is skipped":                      {"logonclient/slow_test.go skips a test"},
		"what a package holds for all is written by nobody": {
			"profile/other.go writes to table, which the whole package holds",
			"profile/profile.go writes to table, which the whole package holds",
			"profile/profile.go writes to count, which the whole package holds",
			"profile/profile.go writes to table, which the whole package holds",
		},
		"a public package is explained and shown in use": {
			"agent has no doc.go that explains it", "agent has no example with an output in example_test.go",
			"autodiscover has no example with an output in example_test.go",
			"logonclient has no doc.go that explains it", "logonclient has no example with an output in example_test.go",
			"mockserver has no doc.go that explains it", "mockserver has no example with an output in example_test.go",
			"profile has no doc.go that explains it", "profile has no example with an output in example_test.go",
			"ui has no doc.go that explains it", "ui has no example with an output in example_test.go",
		},
		"only the desktop program has windows, in any build": {
			"autodiscover/window_windows.go imports fyne.io/fyne/v2", "ui/ui.go imports fyne.io/fyne/v2/app",
		},
	}
	for name, complaints := range manners {
		t.Run(name, func(t *testing.T) {
			if got := complaints(all); !slices.Equal(got, want[name]) {
				t.Errorf("found %q,\nwant %q", got, want[name])
			}
		})
	}
}
