package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
)

const dir = "../../ui/icons"

// The pictures in the program are those of the sources. Rounding may differ from
// machine to machine by a shade.
func TestPicturesAreOfTheirSources(t *testing.T) {
	sources, err := filepath.Glob(filepath.Join(dir, "*.svg"))
	if err != nil {
		t.Fatal(err)
	}
	pictures, err := filepath.Glob(filepath.Join(dir, "*.png"))
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) != 7 || len(pictures) != 7 {
		t.Fatalf("%d sources and %d pictures, want 7 of each", len(sources), len(pictures))
	}
	for _, path := range sources {
		name := filepath.Base(path)
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := picture(name, source)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		data, err := os.ReadFile(path[:len(path)-len("svg")] + "png")
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if differ := differing(got, want); differ > 0 {
			t.Errorf("%s: %d pixels differ; run: go generate ./ui", name, differ)
		}
	}
}

func TestAnotherShapeIsAnotherPicture(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(dir, "at_home.svg"))
	if err != nil {
		t.Fatal(err)
	}
	before, err := picture("at_home.svg", source)
	if err != nil {
		t.Fatal(err)
	}
	after, err := picture("at_home.svg", bytes.Replace(source, []byte("M12 2 "), []byte("M12 4 "), 1))
	if err != nil {
		t.Fatal(err)
	}
	if differing(before, after) == 0 {
		t.Error("a lower roof changes nothing")
	}
}

// differing counts the pixels that differ by more than a shade.
func differing(a, b image.Image) (n int) {
	if a.Bounds() != b.Bounds() {
		return max(a.Bounds().Dx()*a.Bounds().Dy(), b.Bounds().Dx()*b.Bounds().Dy())
	}
	const shade = 2
	for i := range a.Bounds().Dx() * a.Bounds().Dy() {
		p := color.NRGBAModel.Convert(a.At(i%a.Bounds().Dx(), i/a.Bounds().Dx())).(color.NRGBA)
		q := color.NRGBAModel.Convert(b.At(i%a.Bounds().Dx(), i/a.Bounds().Dx())).(color.NRGBA)
		for _, d := range [...]int{int(p.R) - int(q.R), int(p.G) - int(q.G), int(p.B) - int(q.B), int(p.A) - int(q.A)} {
			if d > shade || d < -shade {
				n++
				break
			}
		}
	}
	return n
}

// On any panel something of a shape stands out: its ink or its outline.
func TestAShapeIsSeenOnEveryPanel(t *testing.T) {
	for name, panel := range map[string]color.NRGBA{"dark": {0x1b, 0x1d, 0x21, 0xff}, "light": {0xfa, 0xfa, 0xfb, 0xff}, "grey": {0x80, 0x80, 0x80, 0xff}} {
		if c := max(contrast(ink, panel), contrast(light, panel)); c < 3 {
			t.Errorf("on a %s panel the contrast is %.1f, want 3 (WCAG 2.2, 1.4.11)", name, c)
		}
	}
	if c := contrast(ink, color.NRGBA{0x1b, 0x1d, 0x21, 0xff}); c >= 3 {
		t.Errorf("ink alone stands out on a dark panel by %.1f: no outline is needed", c)
	}
}

// contrast is the ratio of WCAG 2.2.
func contrast(a, b color.NRGBA) float64 {
	x, y := luminance(a)+0.05, luminance(b)+0.05
	return max(x, y) / min(x, y)
}

func luminance(c color.NRGBA) float64 {
	linear := func(v uint8) float64 {
		s := float64(v) / 0xff
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}
