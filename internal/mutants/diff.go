package main

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// mutant is a change that the tests of some packages have to notice.
type mutant struct {
	name  string
	kills []string // patterns of packages
	files []change
}

// change is what a diff does to one file.
type change struct {
	path  string // slashes, below the root
	hunks []hunk
}

// hunk takes old lines away and puts new ones in their place. Context is in both.
type hunk struct{ old, new []string }

// parse reads a unified diff with its header.
func parse(name, text string) (mutant, error) {
	m := mutant{name: name}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		inHunk := len(m.files) > 0 && len(m.files[len(m.files)-1].hunks) > 0
		switch {
		case strings.HasPrefix(line, "# kills:"):
			m.kills = append(m.kills, strings.Fields(strings.TrimPrefix(line, "# kills:"))...)
		case strings.HasPrefix(line, "--- "):
		case strings.HasPrefix(line, "+++ b/"):
			m.files = append(m.files, change{path: strings.TrimPrefix(line, "+++ b/")})
		case strings.HasPrefix(line, "@@"):
			if len(m.files) == 0 {
				return m, errors.New("a hunk before the name of its file")
			}
			f := &m.files[len(m.files)-1]
			f.hunks = append(f.hunks, hunk{})
		case inHunk:
			f := &m.files[len(m.files)-1]
			h := &f.hunks[len(f.hunks)-1]
			sign, rest := " ", ""
			if line != "" { // an editor may have taken the blank of an empty line
				sign, rest = line[:1], line[1:]
			}
			if strings.Contains(" -", sign) {
				h.old = append(h.old, rest)
			}
			if strings.Contains(" +", sign) {
				h.new = append(h.new, rest)
			}
			if !strings.Contains(" -+\\", sign) {
				return m, fmt.Errorf("neither context nor change: %q", line)
			}
		}
	}
	for _, f := range m.files {
		for _, h := range f.hunks {
			if len(h.old) == 0 || slices.Equal(h.old, h.new) {
				return m, fmt.Errorf("a hunk for %s changes nothing", f.path)
			}
		}
	}
	if len(m.files) == 0 {
		return m, errors.New("it changes no file")
	}
	if len(m.kills) == 0 {
		for _, f := range m.files {
			m.kills = append(m.kills, "./"+path.Dir(f.path))
		}
	}
	return m, nil
}

// apply returns text as it is after c.
func (c change) apply(text string) (string, error) {
	lines := strings.Split(text, "\n")
	for _, h := range c.hunks {
		at := -1
		for i := range len(lines) - len(h.old) + 1 {
			if !slices.Equal(lines[i:i+len(h.old)], h.old) {
				continue
			}
			if at >= 0 {
				return "", fmt.Errorf("what it changes stands twice in %s, in lines %d and %d: give it more context", c.path, at+1, i+1)
			}
			at = i
		}
		if at < 0 {
			return "", fmt.Errorf("what it changes does not stand in %s any more:\n\t%s", c.path, strings.Join(h.old, "\n\t"))
		}
		lines = slices.Concat(lines[:at], h.new, lines[at+len(h.old):])
	}
	return strings.Join(lines, "\n"), nil
}
