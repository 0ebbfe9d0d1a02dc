package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// healthy runs the tests that are to kill without any mutant: they have to pass,
// or their failure would prove nothing.
func healthy(ctx context.Context, root string, mutants []mutant) error {
	var packages []string
	for _, m := range mutants {
		packages = append(packages, m.kills...)
	}
	slices.Sort(packages)
	out, err := goTest(ctx, root, slices.Compact(packages)...)
	if err != nil {
		return fmt.Errorf("the tests fail without any mutant:\n%s", out)
	}
	return nil
}

// kill runs the tests with m in the tree and returns the first that fails. The
// error says that none did, or why they could not run.
func (m mutant) kill(ctx context.Context, root string) (by string, err error) {
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for i, f := range m.files {
		original := filepath.Join(root, filepath.FromSlash(f.path))
		text, err := os.ReadFile(original)
		if err != nil {
			return "", err
		}
		changed, err := f.apply(string(text))
		if err != nil {
			return "", err
		}
		mutated := filepath.Join(dir, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(mutated, []byte(changed), 0o600); err != nil {
			return "", err
		}
		overlay.Replace[original] = mutated
	}
	data, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return "", err
	}
	out, err := goTest(ctx, root, slices.Concat([]string{"-overlay", file, "-failfast", "-timeout", "2m"}, m.kills)...)
	switch _, failed := errors.AsType[*exec.ExitError](err); {
	case err == nil:
		return "", fmt.Errorf("survived the tests of %s", strings.Join(m.kills, " "))
	case !failed:
		return "", err
	case notCompiled.MatchString(out):
		return "", fmt.Errorf("does not compile:\n%s", out)
	}
	return verdict(out), nil
}

var (
	notCompiled = regexp.MustCompile(`\[(build|setup) failed\]`)
	failedTest  = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)
)

// verdict is the innermost test among the first that failed.
func verdict(out string) string {
	found := failedTest.FindAllStringSubmatch(out, -1)
	if len(found) == 0 {
		return "a crash or a time-out"
	}
	by := found[0][1]
	for _, f := range found[1:] {
		if !strings.HasPrefix(f[1], by+"/") {
			break
		}
		by = f[1]
	}
	return by
}

// goTest runs tests, also those of the desktop program, which needs no screen for them.
func goTest(ctx context.Context, root string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-tags", "tray,ci"}, args...)...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	return string(out), err
}
