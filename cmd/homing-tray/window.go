//go:build tray

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/homing-mail/homing/agent/control"
)

// The process of the window is told on its standard input, and answers on its
// standard output, line by line. The end of its input is the end of its parent.
const (
	raiseLine  = "raise\n"  // open the window, or bring it to the front
	raisedLine = "raised\n" // it is there
)

// errClosing is control.ErrNotRunning: who asks may find another program soon.
var errClosing = fmt.Errorf("the program ends: %w", control.ErrNotRunning)

// window is the process of the window: at most one.
type window struct {
	command func() *exec.Cmd // what shows the window; its input, output and errors are ours
	ended   func(error)      // the process has ended: with an error, or as its window was closed
	errors  io.Writer        // where its standard error goes

	patience time.Duration // of Close; 0: 5 seconds
	turn     chan struct{} // held by the one Raise that is under way; made by newWindow
	mu       sync.Mutex
	child    *child // nil: none
	closed   bool
}

// child is one process.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	raised chan struct{} // one for each line that came
	ended  chan struct{} // closed when the process has ended
	err    error         // how, after ended
}

func newWindow(command func() *exec.Cmd, stderr io.Writer, ended func(error)) *window {
	return &window{command: command, ended: ended, errors: stderr, turn: make(chan struct{}, 1)}
}

// Raise opens the window, or brings it to the front, and returns when it is there.
func (w *window) Raise(ctx context.Context) error {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		c, fresh, err := w.process()
		if err != nil {
			return err
		}
		select {
		case <-c.raised: // too late for whoever had waited for it
		default:
		}
		io.WriteString(c.in, raiseLine) // fails where the process ends, which is seen below
		select {
		case <-c.raised:
			return nil
		case <-c.ended:
			if c.err != nil {
				return c.err
			}
			if fresh {
				return errors.New("the window was closed before it was open")
			}
		case <-ctx.Done():
			return fmt.Errorf("the window does not answer: %w", ctx.Err())
		}
	}
}

// process returns the process of the window, one that is started now where there
// is none.
func (w *window) process() (c *child, fresh bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, false, errClosing
	}
	if w.child != nil {
		return w.child, false, nil
	}
	c = &child{cmd: w.command(), raised: make(chan struct{}, 1), ended: make(chan struct{})}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, false, err
	}
	said := &tail{to: w.errors}
	c.cmd.Stdout, c.cmd.Stderr = answers(c.raised), said
	c.cmd.WaitDelay = patience // after its end, for what holds its output open
	if err := c.cmd.Start(); err != nil {
		return nil, false, fmt.Errorf("starting the window: %w", err)
	}
	w.child = c
	go func() {
		err := c.cmd.Wait()
		if err != nil {
			err = fmt.Errorf("the window has ended: %w%s", err, said.last())
		}
		w.mu.Lock()
		w.child, c.err = nil, err
		closed := w.closed
		w.mu.Unlock()
		if !closed {
			w.ended(err)
		}
		close(c.ended)
	}()
	return c, true, nil
}

// Open reports whether there is a process of the window.
func (w *window) Open() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.child != nil
}

// Close closes the window for good, and returns when its process has ended: by
// itself, or killed after the patience that it gets.
func (w *window) Close() {
	w.mu.Lock()
	w.closed = true
	c := w.child
	w.mu.Unlock()
	if c == nil {
		return
	}
	c.in.Close()
	select {
	case <-c.ended:
	case <-time.After(cmp.Or(w.patience, patience)):
		c.cmd.Process.Kill()
		<-c.ended
	}
}

// answers takes what the process of the window prints.
type answers chan<- struct{}

func (a answers) Write(p []byte) (int, error) {
	for range bytes.Count(p, []byte(raisedLine)) {
		select {
		case a <- struct{}{}:
		default:
		}
	}
	return len(p), nil
}

// tail passes on what a process says, and keeps the end of it.
type tail struct {
	to   io.Writer
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const most = 1 << 10
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(0, len(t.kept)-most):]
	return t.to.Write(p)
}

// last is the last line, after a colon.
func (t *tail) last() string {
	lines := strings.Split(strings.TrimSpace(string(t.kept)), "\n")
	if line := lines[len(lines)-1]; line != "" {
		return ": " + line
	}
	return ""
}
