package ui

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"

	"fyne.io/fyne/v2/lang"
)

// texts holds one file a language, named by its tag: a flat object from dotted
// keys to Go templates. Where a number decides about a word, the template says so.
//
//go:embed texts/*.json
var texts embed.FS

// Say returns the text of key, in one language, with data filled in: a map or a
// struct with the fields that the text names.
type Say func(key string, data any) string

// with is the data of a text.
type with = map[string]any

// Languages returns the tags of the languages that there are texts in, sorted.
func Languages() []string {
	files, err := texts.ReadDir("texts")
	if err != nil {
		panic(err) // they are part of the program
	}
	var tags []string
	for _, f := range files {
		tags = append(tags, strings.TrimSuffix(f.Name(), ".json"))
	}
	return tags
}

// Load hands the texts of every language to Fyne, and returns Say in the language
// of this desktop, or in English where there is none. It is called once, before
// anything is shown; what it returns is safe for concurrent use.
func Load() (Say, error) {
	if err := lang.AddTranslationsFS(texts, "texts"); err != nil {
		return nil, fmt.Errorf("loading the texts: %w", err)
	}
	return inFyne(string(lang.SystemLocale()))
}

// inFyne is Say for the locale that Fyne has chosen. Fyne speaks languages that
// there are no texts in; then it would complain about each of them.
func inFyne(locale string) (Say, error) {
	for _, tag := range Languages() {
		if base(tag) == base(locale) {
			return func(key string, data any) string { return lang.X(key, key, data) }, nil
		}
	}
	return In("en")
}

// base is the language of a tag, without script and region.
func base(tag string) string {
	if i := strings.IndexAny(tag, "-_"); i >= 0 {
		tag = tag[:i]
	}
	return strings.ToLower(tag)
}

// In returns the texts of one of the Languages, without Fyne. What it returns is
// safe for concurrent use; it answers a key that there is no text for with the
// key itself.
func In(language string) (Say, error) {
	raw, err := texts.ReadFile("texts/" + language + ".json")
	if err != nil {
		return nil, fmt.Errorf("there are no texts in %q", language)
	}
	var plain map[string]string
	if err := json.Unmarshal(raw, &plain); err != nil {
		return nil, fmt.Errorf("the texts in %s: %w", language, err)
	}
	templates := make(map[string]*template.Template)
	for key, text := range plain {
		if strings.Contains(text, "{{") {
			if templates[key], err = template.New(key).Parse(text); err != nil {
				return nil, fmt.Errorf("the texts in %s: %w", language, err)
			}
		}
	}
	return func(key string, data any) string {
		t, ok := templates[key]
		if !ok {
			if text, ok := plain[key]; ok {
				return text
			}
			return key
		}
		var b strings.Builder
		if err := t.Execute(&b, data); err != nil {
			return key
		}
		return b.String()
	}, nil
}
