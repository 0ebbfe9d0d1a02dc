// Command figures measures the figures of the README, each with its limit, and
// fails when one is missed. Times are ratios of two things done alternately in
// one run, since machines are noisy; the rest are counts and sizes.
//
//	go run ./internal/figures
//	go run ./internal/figures -tray   # those of the desktop program
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

// figure is one measured value.
type figure struct {
	name  string
	value float64
	unit  string
	limit float64 // the most that is allowed
}

func (f figure) missed() bool { return f.value > f.limit }

func main() {
	rest := flag.Duration("rest", time.Minute, "how long the resting agent is watched")
	desktop := flag.Bool("tray", false, "measure the desktop program, which needs Xvfb, dbus-daemon and the headers of X and GLES")
	flag.Parse()
	missed := false
	measures := []func() ([]figure, error){
		repair,
		func() ([]figure, error) { return binary(*rest) },
	}
	if *desktop {
		measures = []func() ([]figure, error){func() ([]figure, error) { return tray(*rest) }}
	}
	for _, measure := range measures {
		figures, err := measure()
		if err != nil {
			fmt.Fprintln(os.Stderr, "figures:", err)
			os.Exit(1)
		}
		for _, f := range figures {
			verdict := "ok"
			if f.missed() {
				verdict, missed = "MISSED", true
			}
			fmt.Printf("%-62s %9.2f %-8s at most %8.2f  %s\n", f.name, f.value, f.unit, f.limit, verdict)
		}
	}
	if missed {
		os.Exit(1)
	}
}
