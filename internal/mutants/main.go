// Command mutants breaks the code on purpose, one line at a time, and fails when
// the tests do not notice.
//
//	go run ./internal/mutants                 all of testdata/mutants
//	go run ./internal/mutants -run trust      those whose name matches
//
// A mutant is a unified diff. A line "# kills: ./agent/... ./profile" before it
// names the packages whose tests have to fail with it; without one they are those
// that it changes. The tree itself is not touched (go test -overlay), and the
// line numbers of a diff do not matter: what it takes away has to stand in its
// file once. The tests are those of the desktop program, too (-tags tray,ci).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	run := flag.String("run", "", "only the mutants whose name matches the `regexp`")
	root := flag.String("C", ".", "`directory` of the module")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := hunt(ctx, *root, *run); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// hunt tries every mutant below root whose name matches and returns an error if
// one survives, does not fit or does not compile.
func hunt(ctx context.Context, root, run string) error {
	wanted, err := regexp.Compile(run)
	if err != nil {
		return err
	}
	if root, err = filepath.Abs(root); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(root, "testdata", "mutants", "*.diff"))
	if err != nil {
		return err
	}
	var mutants []mutant
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(filepath.Base(file), ".diff")
		if !wanted.MatchString(name) {
			continue
		}
		m, err := parse(name, string(data))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		mutants = append(mutants, m)
	}
	if len(mutants) == 0 {
		return fmt.Errorf("no mutant below %s matches %q", root, run)
	}
	if err := healthy(ctx, root, mutants); err != nil {
		return err
	}
	failed := 0
	for _, m := range mutants {
		by, err := m.kill(ctx, root)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed++
			fmt.Printf("FAIL    %-40s %v\n", m.name, err)
			continue
		}
		fmt.Printf("killed  %-40s %s\n", m.name, by)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d mutants were not killed", failed, len(mutants))
	}
	return nil
}
