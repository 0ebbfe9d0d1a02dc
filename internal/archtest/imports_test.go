package archtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/homing-mail/homing"

// rule is one row of the table of imports.
type rule struct {
	of     []string // packages of the module: "agent", "agent/..." with everything below, "..." for all
	except []string // those that the rule does not bind
	not    []string // what they may not import: packages of the module, of the library, or "fyne.io/..."
	deep   bool     // not through others either
	why    string
}

var clients = []string{"profile/...", "autodiscover/...", "logonclient/...", "agent/...", "internal/trust", "internal/httpauth", "internal/program", "ui/..."}

var rules = []rule{
	{of: []string{"profile"}, not: []string{"autodiscover", "logonclient", "agent/..."}, deep: true,
		why: "leaves are libraries; the hub translates"},
	{of: []string{"autodiscover"}, not: []string{"profile", "logonclient", "agent/..."}, deep: true,
		why: "leaves are libraries; the hub translates"},
	{of: []string{"logonclient"}, not: []string{"profile", "autodiscover", "agent/..."}, deep: true,
		why: "leaves are libraries; the hub translates"},
	{of: []string{"agent"}, not: []string{"net", "net/http", "os", "os/exec", "internal/mapi", "internal/httpauth"},
		why: "the machine runs with fakes in a testing/synctest bubble"},
	{of: []string{"agent/...", "internal/program"}, not: []string{"cmd/...", "ui/..."}, deep: true,
		why: "the agent does not know who shows it"},
	{of: []string{"..."}, except: []string{"cmd/homing-tray"}, not: []string{"fyne.io/fyne/v2/app"}, deep: true,
		why: "that import is the gate to cgo and GL"},
	{of: []string{"..."}, except: []string{"cmd/homing-tray", "ui/..."}, not: []string{"fyne.io/..."}, deep: true,
		why: "a headless agent needs 8 MiB, a program with windows fifteen times that and libGL to start at all"},
	{of: []string{"ui/..."}, not: []string{"internal/program", "internal/desk", "agent/control", "autodiscover", "logonclient", "mockserver", "net", "net/http", "os/exec"},
		why: "a window knows an agent.Service, and not which one"},
	{of: []string{"internal/desk"}, not: []string{"ui/...", "mockserver", "internal/bustest"}, deep: true,
		why: "what a desktop offers has no looks"},
	{of: []string{"..."}, except: []string{"internal/scp", "internal/integration"}, not: []string{"github.com/go-ldap/...", "github.com/jcmturner/..."},
		why: "LDAP and Kerberos are the directory's business alone"},
	{of: []string{"..."}, except: []string{"cmd/...", "ui/..."}, not: []string{"text/template", "html/template"}, deep: true,
		why: "templates find methods by name, so that the linker keeps those of every type: 2 MB of the headless program"},
	{of: []string{"cmd/homing"}, not: []string{"text/template", "html/template"},
		why: "the same 2 MB; cobra, which has to be let through, links them only for who sets a template of its texts"},
	{of: []string{"mockserver"}, not: []string{"profile", "autodiscover", "logonclient", "agent/...", "internal/trust", "internal/httpauth", "internal/program"}, deep: true,
		why: "a mock that shares the client's code agrees with its bugs"},
	{of: clients, not: []string{"mockserver"}, deep: true,
		why: "only commands and tests play the server"},
	{of: []string{"internal/trust"}, not: []string{"os", "os/exec", "net/http", "crypto/tls", "syscall", "math/rand/v2"},
		why: "pure things stay pure: a judgement is a table, not an exchange"},
	{of: []string{"internal/mapi"}, not: []string{"os", "os/exec", "net", "net/http", "crypto/tls", "syscall", "context"},
		why: "pure things stay pure: the codec has no network below it"},
	{of: []string{"internal/mapi", "internal/trust", "internal/mailaddr"}, not: []string{module + "/..."}, deep: true,
		why: "the foundations stand on nothing of the house"},
}

// pkg is what go list tells of a package.
type pkg struct {
	ImportPath, Name, Dir string
	Imports, Deps         []string
}

// list returns the packages of the module in dir. What cannot be resolved stays
// in their imports.
func list(t *testing.T, dir string) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Name,Dir,Imports,Deps", "./...")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w: %s", err, failed.Stderr)
		}
		t.Fatal(err)
	}
	var pkgs []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) == 0 {
		t.Fatalf("no package in %s", dir)
	}
	return pkgs
}

// broken returns the imports that break r, each as a sentence.
func (r rule) broken(pkgs []pkg) []string {
	var found []string
	for _, p := range pkgs {
		if !among(p.ImportPath, r.of) || among(p.ImportPath, r.except) {
			continue
		}
		imports, how := p.Imports, "imports"
		if r.deep {
			imports, how = p.Deps, "reaches"
		}
		for _, i := range imports {
			if among(i, r.not) && i != p.ImportPath {
				found = append(found, fmt.Sprintf("%s %s %s: %s", short(p.ImportPath), how, short(i), r.why))
			}
		}
	}
	return found
}

// among reports whether a package is one of those that patterns name.
func among(importPath string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ours := path.Join(module, pattern)
		for _, pattern := range []string{pattern, ours} {
			if below, ok := strings.CutSuffix(pattern, "/..."); ok {
				if importPath == below || strings.HasPrefix(importPath, below+"/") {
					return true
				}
			} else if importPath == pattern {
				return true
			}
		}
		return false
	})
}

func short(importPath string) string { return strings.TrimPrefix(importPath, module+"/") }

func TestImports(t *testing.T) {
	pkgs := list(t, "../..")
	for _, r := range rules {
		if !slices.ContainsFunc(pkgs, func(p pkg) bool { return among(p.ImportPath, r.of) }) {
			t.Errorf("a rule for %v binds nobody", r.of)
		}
		for _, b := range r.broken(pkgs) {
			t.Error(b)
		}
	}
}

// Only programs play a server: this row is about the kind of a package, not
// about its name.
func TestOnlyProgramsImportTheMock(t *testing.T) {
	for _, b := range mockImporters(list(t, "../..")) {
		t.Error(b)
	}
}

func mockImporters(pkgs []pkg) []string {
	var found []string
	for _, p := range pkgs {
		if p.Name != "main" && slices.Contains(p.Imports, module+"/mockserver") {
			found = append(found, short(p.ImportPath)+" imports mockserver and is no program")
		}
	}
	return found
}

func TestEveryRuleFindsWhatBreaksIt(t *testing.T) {
	pkgs := list(t, planted(t))
	for _, r := range rules {
		if len(r.broken(pkgs)) == 0 {
			t.Errorf("nothing breaks the rule for %v against %v: %s", r.of, r.not, r.why)
		}
	}
	if got := mockImporters(pkgs); !slices.Equal(got, []string{"agent imports mockserver and is no program"}) {
		t.Errorf("importers of the mock: %q", got)
	}
	// An import that stands between two others is found as well, and only by the rules that go deep.
	deep := rule{of: []string{"internal/program"}, not: []string{"ui"}, deep: true}
	if len(deep.broken(pkgs)) == 0 {
		t.Error("internal/program reaches ui through agent, and nobody noticed")
	}
	deep.deep = false
	if got := deep.broken(pkgs); len(got) > 0 {
		t.Errorf("internal/program does not import ui itself: %q", got)
	}
}
