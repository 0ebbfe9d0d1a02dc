package ui

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"text/template/parse"

	"fyne.io/fyne/v2/lang"
	"github.com/google/go-cmp/cmp"
)

// plain are the texts of a language as they stand in its file.
func plain(t *testing.T, language string) map[string]string {
	t.Helper()
	raw, err := texts.ReadFile("texts/" + language + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]string
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLanguages(t *testing.T) {
	for _, want := range []string{"de", "en"} {
		if !slices.Contains(Languages(), want) {
			t.Errorf("Languages() = %v, without %s", Languages(), want)
		}
	}
	if _, err := In("tlh"); err == nil {
		t.Error("there are texts in a language without a file")
	}
}

// A text that is missing, empty, or names other data in one language is found here.
func TestEveryLanguageSaysTheSame(t *testing.T) {
	english := plain(t, "en")
	for _, language := range Languages() {
		got := plain(t, language)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(english)), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("keys of en and %s (-en +%[1]s):\n%s", language, diff)
		}
		for key, text := range got {
			if strings.TrimSpace(text) != text || text == "" {
				t.Errorf("%s in %s is %q", key, language, text)
			}
			if diff := cmp.Diff(data(t, english[key]), data(t, text)); diff != "" {
				t.Errorf("data of %s (-en +%s):\n%s", key, language, diff)
			}
		}
	}
}

func TestTheTextsAreSorted(t *testing.T) {
	for _, language := range Languages() {
		raw, _ := texts.ReadFile("texts/" + language + ".json")
		var keys []string
		for _, m := range regexp.MustCompile(`(?m)^  "([^"]+)": `).FindAllSubmatch(raw, -1) {
			keys = append(keys, string(m[1]))
		}
		if !slices.IsSorted(keys) || len(slices.Compact(slices.Clone(keys))) != len(keys) || len(keys) != len(plain(t, language)) {
			t.Errorf("texts/%s.json is not one key a line, each once and in order", language)
		}
	}
}

// One thing has one name, wherever it is read.
func TestGermanHasOneWordForAPassword(t *testing.T) {
	all := plain(t, "de")
	if !strings.Contains(all["ask.signin_password"], "Passwort") {
		t.Errorf("it is called %q where it is typed", all["ask.signin_password"])
	}
	for key, text := range all {
		if strings.Contains(strings.ToLower(text), "kennw") {
			t.Errorf("%s: %q", key, text)
		}
	}
}

// data are the fields that a template names.
func data(t *testing.T, text string) []string {
	t.Helper()
	tree, err := template.New("").Parse(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	found := map[string]bool{}
	var walk func(parse.Node)
	walk = func(n parse.Node) {
		switch n := n.(type) {
		case *parse.ListNode:
			if n != nil {
				for _, n := range n.Nodes {
					walk(n)
				}
			}
		case *parse.ActionNode:
			walk(n.Pipe)
		case *parse.IfNode:
			walk(n.Pipe)
			walk(n.List)
			walk(n.ElseList)
		case *parse.PipeNode:
			for _, c := range n.Cmds {
				for _, a := range c.Args {
					walk(a)
				}
			}
		case *parse.FieldNode:
			found[strings.Join(n.Ident, ".")] = true
		}
	}
	walk(tree.Root)
	return slices.Sorted(maps.Keys(found))
}

// sections are the keys that Present and its neighbours use.
var sections = regexp.MustCompile(`^(address|fact|history|journey|need|notice|now|problem|when)\.[a-z0-9_]+$`)

func TestEveryKeyIsUsedAndEveryUsedKeyIsThere(t *testing.T) {
	used := map[string]bool{}
	for _, file := range []string{"address.go", "entries.go", "legs.go", "notice.go", "present.go", "when.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if key, _ := strconv.Unquote(lit.Value); sections.MatchString(key) {
					used[key] = true
				}
			}
			return true
		})
	}
	there := map[string]bool{}
	for key := range plain(t, "en") {
		if sections.MatchString(key) {
			there[key] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(there))); diff != "" {
		t.Errorf("keys (-used +there):\n%s", diff)
	}
}

func TestInFillsIn(t *testing.T) {
	for _, tt := range []struct {
		language, key string
		data          any
		want          string
	}{
		{"en", "now.none", nil, "No mailbox is set up yet."},
		{"en", "now.at_home", with{"Server": "ex2.contoso.test"}, "Your mailbox is at home on ex2.contoso.test."},
		{"de", "now.at_home", struct{ Server string }{"ex2.contoso.test"}, "Ihr Postfach ist zu Hause auf ex2.contoso.test."},
		{"de", "when.in_minutes", with{"N": 1}, "in 1 Minute"},
		{"de", "when.in_minutes", with{"N": 2}, "in 2 Minuten"},
		{"en", "no.such_key", nil, "no.such_key"},
	} {
		say, err := In(tt.language)
		if err != nil {
			t.Fatal(err)
		}
		if got := say(tt.key, tt.data); got != tt.want {
			t.Errorf("%s in %s: %q, want %q", tt.key, tt.language, got, tt.want)
		}
	}
}

// What Fyne makes of the texts is what the reader of the tests makes of them, also
// where the desktop speaks a language that there are no texts in.
func TestFyneSaysTheSame(t *testing.T) {
	if err := lang.AddTranslationsFS(texts, "texts"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ locale, language string }{
		{"en-US-Latn", "en"}, {"en", "en"}, {"fr-FR", "en"}, {"", "en"}, {"defunct", "en"},
	} {
		say, err := inFyne(tt.locale)
		if err != nil {
			t.Fatal(err)
		}
		want, err := In(tt.language)
		if err != nil {
			t.Fatal(err)
		}
		data := with{"Server": "ex2.contoso.test", "N": 2}
		for _, key := range []string{"now.at_home", "when.in_seconds", "now.none"} {
			if got := say(key, data); got != want(key, data) {
				t.Errorf("%s for %q: %q, want %q", key, tt.locale, got, want(key, data))
			}
		}
	}
}

func TestBase(t *testing.T) {
	for tag, want := range map[string]string{"de": "de", "de-AT": "de", "pt_BR": "pt", "DE": "de", "zh-Hans-CN": "zh", "": "", "-": ""} {
		if got := base(tag); got != want {
			t.Errorf("base(%q) = %q, want %q", tag, got, want)
		}
	}
}
