//go:build integration

package desktop

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// long ends a test that waits for what never comes.
const long = 30 * time.Second

// look is how often it is looked whether what is awaited has come, where nobody
// tells.
const look = 20 * time.Millisecond

// eventually waits until so returns no error.
func eventually(t *testing.T, what string, so func() error) {
	t.Helper()
	limit := time.After(long)
	for {
		err := so()
		if err == nil {
			return
		}
		select {
		case <-time.After(look):
		case <-limit:
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// peer starts a program that runs until the test ends. Its output is told if the
// test fails.
func peer(t *testing.T, env []string, stdin, name string, args ...string) *exec.Cmd {
	t.Helper()
	return start(t, env, stdin, nil, name, args...)
}

func start(t *testing.T, env []string, stdin string, extra []*os.File, name string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: make integration installs it", err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env, cmd.Stdin, cmd.ExtraFiles = env, strings.NewReader(stdin), extra
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its children go with it
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait() // says that it was killed
		if t.Failed() && said.Len() > 0 {
			t.Logf("%s: %s", name, said.String())
		}
	})
	return cmd
}

// screen is a display on which nothing else is, with a keyboard and a mouse.
type screen struct {
	t   *testing.T
	env []string
}

const screenWidth, screenHeight = 1280, 900

// openScreen starts a display with a window manager. env is of its programs.
func openScreen(t *testing.T, env []string) *screen {
	t.Helper()
	told, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	start(t, env, "", []*os.File{tell}, "Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", screenWidth, screenHeight), "-dpi", "96", "-noreset", "-nolisten", "tcp")
	tell.Close()
	told.SetReadDeadline(time.Now().Add(long))
	number, err := bufio.NewReader(told).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb says no display: %v", err)
	}
	s := &screen{t: t, env: append(slices.Clone(env), "DISPLAY=:"+strings.TrimSpace(number))}
	peer(t, s.env, "", "openbox", "--sm-disable")
	eventually(t, "the window manager", func() error {
		_, err := s.run("xdotool", "get_num_desktops")
		return err
	})
	return s
}

// run runs a program of the display to its end, and returns what it printed.
func (s *screen) run(name string, args ...string) ([]byte, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("%w: make integration installs it", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = s.env
	var wrong bytes.Buffer
	cmd.Stderr = &wrong
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w %s", name, strings.Join(args, " "), err, strings.TrimSpace(wrong.String()))
	}
	return out, nil
}

func (s *screen) xdotool(args ...string) {
	s.t.Helper()
	if _, err := s.run("xdotool", args...); err != nil {
		s.t.Fatal(err)
	}
}

// key presses keys, such as Tab or ctrl+2.
func (s *screen) key(keys ...string) {
	s.t.Helper()
	s.xdotool(append([]string{"key", "--delay", "20"}, keys...)...)
}

func (s *screen) types(text string) {
	s.t.Helper()
	s.xdotool("type", "--delay", "10", text)
}

// click clicks into a window, and takes the mouse out of the picture again.
func (s *screen) click(window string, at image.Point) {
	s.t.Helper()
	s.xdotool("mousemove", "--window", window, fmt.Sprint(at.X), fmt.Sprint(at.Y), "click", "1", "mousemove", fmt.Sprint(screenWidth-1), fmt.Sprint(screenHeight-1))
}

// window is the window that has the focus, if that is Homing's.
func (s *screen) window() (string, error) {
	out, err := s.run("xdotool", "getactivewindow")
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(out))
	name, err := s.run("xdotool", "getwindowname", id)
	if err != nil {
		return "", err
	}
	if got := strings.TrimSpace(string(name)); got != "Homing" {
		return "", fmt.Errorf("%q has the focus", got)
	}
	return id, nil
}

// focused waits until Homing's window has the focus.
func (s *screen) focused() (id string) {
	s.t.Helper()
	eventually(s.t, "a window of Homing", func() (err error) {
		id, err = s.window()
		return err
	})
	return id
}

// picture is what can be seen of the display, or of one window.
func (s *screen) picture(window string) (image.Image, error) {
	out, err := s.run("import", "-window", window, "png:-")
	if err != nil {
		return nil, err
	}
	return png.Decode(bytes.NewReader(out))
}

// calm is how long a picture stays as it is that is not about to change.
const calm = 400 * time.Millisecond

// still waits until the picture does not change any more.
func (s *screen) still(window string) (img image.Image) {
	s.t.Helper()
	since := time.Now()
	eventually(s.t, "a picture that does not change", func() error {
		now, err := s.picture(window)
		if err != nil {
			return err
		}
		if n := differing(img, now); n != 0 {
			img, since = now, time.Now()
			return fmt.Errorf("%d points differ", n)
		}
		if time.Since(since) < calm {
			return errors.New("it has just changed")
		}
		return nil
	})
	return img
}

// differing is how many points differ; all, where there is nothing to compare with.
func differing(a, b image.Image) (n int) {
	if a == nil || a.Bounds() != b.Bounds() {
		return b.Bounds().Dx() * b.Bounds().Dy()
	}
	for y := b.Bounds().Min.Y; y < b.Bounds().Max.Y; y++ {
		for x := b.Bounds().Min.X; x < b.Bounds().Max.X; x++ {
			if a.At(x, y) != b.At(x, y) {
				n++
			}
		}
	}
	return n
}

// area is the largest rectangle that is filled with a colour: a button, for example.
func area(img image.Image, want color.Color) (found image.Rectangle) {
	r, g, b, _ := want.RGBA()
	is := func(x, y int) bool {
		r2, g2, b2, _ := img.At(x, y).RGBA()
		return r>>8 == r2>>8 && g>>8 == g2>>8 && b>>8 == b2>>8
	}
	const apart = 16           // at most: there are letters in between
	var rows []image.Rectangle // runs of the colour
	bounds := img.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			from := x
			for x < bounds.Max.X && is(x, y) {
				x++
			}
			if x-from >= 20 {
				rows = append(rows, image.Rect(from, y, x, y+1))
			}
		}
	}
	for len(rows) > 0 {
		whole := rows[0]
		var rest []image.Rectangle
		for _, r := range rows[1:] {
			if r.Overlaps(whole.Inset(-apart)) {
				whole = whole.Union(r)
			} else {
				rest = append(rest, r)
			}
		}
		if whole.Dy() >= 20 && whole.Dx()*whole.Dy() > found.Dx()*found.Dy() {
			found = whole
		}
		rows = rest
	}
	return found
}

// keep keeps the picture of Homing's window, if they are to be kept.
func (s *session) keep(view string) {
	s.t.Helper()
	dir, name := *screenshots, view+"-"+s.theme
	if dir == "" {
		return
	}
	img := s.still(s.focused())
	var out bytes.Buffer
	if err := errors.Join((&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, opaque(img)), os.MkdirAll(dir, 0o755)); err != nil {
		s.t.Fatal(err)
	}
	const most = 120 << 10
	if out.Len() > most {
		s.t.Errorf("the picture of %s has %d bytes, want at most %d", name, out.Len(), most)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), out.Bytes(), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// opaque is a picture without what no eye sees: smaller as a file.
func opaque(img image.Image) image.Image {
	out := image.NewRGBA(img.Bounds().Sub(img.Bounds().Min))
	for y := range out.Bounds().Dy() {
		for x := range out.Bounds().Dx() {
			c := color.RGBAModel.Convert(img.At(img.Bounds().Min.X+x, img.Bounds().Min.Y+y)).(color.RGBA)
			c.A = 0xff
			out.SetRGBA(x, y, c)
		}
	}
	return out
}
