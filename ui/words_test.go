package ui

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	quotedKey = regexp.MustCompile(`"(view\.[a-z0-9_]*[a-z0-9])"`)
	field     = regexp.MustCompile(`\{\{[^}]*\.([A-Z]\w*)`)
)

// The words of the views are there in each language, with the same fields, and no
// others are.
func TestWordsOfTheViews(t *testing.T) {
	used := map[string]bool{}
	for i := range Icon(6) {
		used[i.String()] = true
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range quotedKey.FindAllStringSubmatch(string(raw), -1) {
			used[m[1]] = true
		}
	}
	if len(used) < 50 {
		t.Fatalf("only %d keys were found", len(used))
	}
	files, err := filepath.Glob("texts/*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("texts: %q, %v", files, err)
	}
	fields := map[string]string{} // by key, of the language before
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var texts map[string]string
		if err := json.Unmarshal(raw, &texts); err != nil {
			t.Fatal(err)
		}
		for key := range used {
			text := texts[key]
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s has no text for %s", name, key)
				continue
			}
			var names []string
			for _, m := range field.FindAllStringSubmatch(text, -1) {
				names = append(names, m[1])
			}
			slices.Sort(names)
			all := strings.Join(slices.Compact(names), " ")
			if before, ok := fields[key]; ok && before != all {
				t.Errorf("%s: %s has the fields %q, and %q elsewhere", name, key, all, before)
			}
			fields[key] = all
		}
		for key := range texts {
			if strings.HasPrefix(key, "view.") && !used[key] {
				t.Errorf("%s: nobody uses %s", name, key)
			}
		}
	}
}
