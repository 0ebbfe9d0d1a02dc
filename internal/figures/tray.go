package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/internal/bustest"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/mockserver"
)

// tray measures the desktop program on a display and a session bus of its own,
// with a tray that shows its icon: what it needs at rest, how soon the icon
// follows the agent, and how soon the window is there.
func tray(rest time.Duration) (_ []figure, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), rest+10*time.Minute)
	defer cancel()
	w, err := mockserver.OpenWorld("acquisition")
	if err != nil {
		return nil, err
	}
	world, err := mockserver.New(w)
	if err != nil {
		return nil, err
	}
	defer world.Close()
	if err := world.Listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "homing-figures-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	h, err := build(ctx, dir, world)
	if err != nil {
		return nil, err
	}
	d := desk{house: h, binary: h.path("homing-tray")}
	if out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-tags", "tray,gles", "-o", d.binary, "./cmd/homing-tray").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building homing-tray: %w\n%s", err, out)
	}
	if err := h.homing(ctx, "setup", "ann@contoso.test", "--password-file", h.path("password")).Run(); err != nil {
		return nil, fmt.Errorf("homing setup: %w", err)
	}
	if d.bus, err = bustest.Start(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.bus.Close()) }()
	if d.screen, err = openScreen(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.screen.close()) }()
	resting, err := d.resting(ctx, rest)
	if err != nil {
		return nil, err
	}
	frame, err := d.firstFrame(ctx)
	return append(resting, frame), err
}

// desk is a house with a desktop.
type desk struct {
	house
	binary string
	bus    *bustest.Bus
	screen *screen
}

func (d desk) homingTray(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.binary, append([]string{"--config", d.path("config.toml"), "--state", d.path("state")}, args...)...)
	cmd.Env = []string{"DISPLAY=" + d.screen.display, "DBUS_SESSION_BUS_ADDRESS=" + d.bus.Addr, "HOME=" + d.dir, "LANG=en_US.UTF-8", "PATH=" + os.Getenv("PATH")}
	return cmd
}

// resting runs the process that stays, as a session starts it.
func (d desk) resting(ctx context.Context, rest time.Duration) (_ []figure, err error) {
	place, err := d.bus.Tray()
	if err != nil {
		return nil, err
	}
	defer place.Close()
	cmd := d.homingTray(ctx, "--background")
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		cmd.Process.Signal(os.Interrupt)
		if err = errors.Join(err, cmd.Wait()); err != nil {
			err = fmt.Errorf("homing-tray: %w\n%s", err, log.String())
		}
	}()
	var item *bustest.Item
	select {
	case item = <-place.Items:
	case <-time.After(time.Minute):
		return nil, errors.New("no icon has come")
	}
	defer item.Close()
	client := &control.Client{Path: program.Paths{}.In(d.path("state")).Socket}
	followed, err := followed(ctx, client, item)
	if err != nil {
		return nil, err
	}
	pid := cmd.Process.Pid
	before, err1 := cpu(pid)
	woken, err2 := switches(pid)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	select {
	case <-time.After(rest):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	after, err1 := cpu(pid)
	later, err2 := switches(pid)
	rss, err3 := field(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:")
	return []figure{
		{"VmRSS of homing-tray at rest, window closed", rss / 1024, "MiB", 64},
		{fmt.Sprintf("CPU of homing-tray at rest, watched for %s", rest), 100 * (after - before).Seconds() / rest.Seconds(), "%", 0.5},
		{"voluntary context switches of homing-tray a minute", (later - woken) / rest.Minutes(), "switches", 300},
		followed,
	}, errors.Join(err1, err2, err3)
}

// followed is how soon the icon follows a transition of the agent.
func followed(ctx context.Context, client *control.Client, item *bustest.Item) (figure, error) {
	const rounds = 21
	var times []float64
	var entered time.Time // the state that the icon is to show
	at := -1
	for status, err := range client.Watch(ctx) {
		if err != nil {
			return figure{}, err
		}
		if len(status.Mailboxes) == 0 {
			continue
		}
		m := status.Mailboxes[0]
		if want := [...]agent.State{agent.Online, agent.Paused}[(at+1)%2]; m.State != want || !m.Since.After(entered) {
			continue
		}
		entered = m.Since
		if at >= 0 {
			changed, err := first(ctx, item, entered)
			if err != nil {
				return figure{}, err
			}
			times = append(times, changed.Sub(entered).Seconds()*1000)
		}
		if at++; at == rounds {
			break
		}
		op := [...]agent.Op{agent.Pause, agent.Resume}[at%2]
		if _, err := client.Do(ctx, agent.Command{Op: op, Profile: m.ID}); err != nil {
			return figure{}, err
		}
	}
	if len(times) < rounds {
		return figure{}, fmt.Errorf("the agent ends: %w", context.Cause(ctx))
	}
	return figure{fmt.Sprintf("transition of the agent to icon (slowest of %d)", len(times)), slices.Max(times), "ms", 200}, nil
}

// first is the first change of the icon after a time.
func first(ctx context.Context, item *bustest.Item, after time.Time) (time.Time, error) {
	limit := time.After(10 * time.Second)
	for {
		select {
		case at := <-item.Changed:
			if at.After(after) {
				return at, nil
			}
		case <-limit:
			return time.Time{}, errors.New("the icon does not follow")
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		}
	}
}

// firstFrame opens windows, and looks when something is painted on the display.
func (d desk) firstFrame(ctx context.Context) (figure, error) {
	const rounds = 11
	var times []float64
	for i := range rounds + 1 {
		took, err := d.frame(ctx)
		if err != nil {
			return figure{}, err
		}
		if i > 0 { // the first one reads its files from the disk
			times = append(times, took.Seconds()*1000)
		}
	}
	slices.Sort(times)
	return figure{fmt.Sprintf("start of the window to its first frame (median of %d)", len(times)), times[len(times)/2], "ms", 500}, nil
}

func (d desk) frame(ctx context.Context) (took time.Duration, err error) {
	cmd := d.homingTray(ctx, "--window")
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	var log strings.Builder
	cmd.Stderr = &log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		in.Close()
		if err = errors.Join(err, cmd.Wait()); err != nil {
			err = fmt.Errorf("homing-tray --window: %w\n%s", err, log.String())
		}
	}()
	if _, err := io.WriteString(in, "raise\n"); err != nil {
		return 0, err
	}
	for time.Since(began) < 30*time.Second {
		painted, err := d.screen.painted()
		if err != nil || painted {
			return time.Since(began), err
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return 0, errors.New("nothing is painted")
}

// cpu is the time that the threads of a process have computed for.
func cpu(pid int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		return 0, errors.Join(err, errors.New("/proc tells nothing of the process: this needs Linux"))
	}
	var sum time.Duration
	for _, task := range tasks {
		stat, err := os.ReadFile(task) // nanoseconds on a processor, and two more
		if err != nil {
			return 0, err
		}
		ns, _, _ := strings.Cut(string(stat), " ")
		n, err := strconv.ParseInt(ns, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n)
	}
	return sum, nil
}
