package ui

import (
	"bytes"
	"image"
	"image/draw"
	"image/png"
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"
)

var icons = []Icon{AtHome, Resting, Looking, Moving, Offline, NeedsYou}

func TestEachIconHasItsPictureAndItsWord(t *testing.T) {
	words := []string{"view.icon_at_home", "view.icon_resting", "view.icon_looking", "view.icon_moving", "view.icon_offline", "view.icon_needs_you"}
	for n, i := range icons {
		if i.String() != words[n] {
			t.Errorf("the word of icon %d is %s, want %s", n, i, words[n])
		}
		img, err := png.Decode(bytes.NewReader(i.PNG()))
		if err != nil {
			t.Errorf("%s: %v", i, err)
		} else if size := img.Bounds().Size(); size != image.Pt(48, 48) {
			t.Errorf("%s is of %v pixels", i, size)
		}
	}
	if got := Icon(6); got.String() != "view.icon_needs_you" {
		t.Errorf("what is no icon is called %s", got)
	}
}

// A shape is told from another by where it covers a pixel, whatever its colour.
func TestIconsDifferInShapeAtTheSizeOfAPanel(t *testing.T) {
	test.NewTempApp(t)
	const size = 22
	shapes := make([][]bool, len(icons))
	for n, i := range icons {
		shapes[n] = shape(i, size)
		if covered := count(shapes[n], make([]bool, size*size)); covered < size*size/6 {
			t.Errorf("%s covers %d of %d pixels", i, covered, size*size)
		}
	}
	for n := range icons {
		for m := range n {
			if differ := count(shapes[n], shapes[m]); differ < size*size/6 {
				t.Errorf("%s and %s differ in %d of %d pixels", icons[n], icons[m], differ, size*size)
			}
		}
	}
	if again := shape(AtHome, size); !slices.Equal(again, shapes[0]) {
		t.Error("an icon differs from itself: the measure says nothing")
	}
}

// shape is which pixels the window's picture of an icon covers.
func shape(i Icon, size int) []bool {
	c := software.NewCanvas()
	c.SetPadded(false)
	c.SetContent(canvas.NewImageFromResource(i.Resource()))
	c.Resize(fyne.NewSquareSize(float32(size)))
	shot := image.NewRGBA(image.Rect(0, 0, size, size))
	draw.Draw(shot, shot.Bounds(), c.Capture(), image.Point{}, draw.Src)
	r0, g0, b0, _ := shot.At(0, 0).RGBA()
	covered := make([]bool, size*size)
	for n := range covered {
		r, g, b, _ := shot.At(n%size, n/size).RGBA()
		covered[n] = apart(r, r0) || apart(g, g0) || apart(b, b0)
	}
	return covered
}

func apart(a, b uint32) bool { return max(a, b)-min(a, b) > 0x6000 }

func count(a, b []bool) (differ int) {
	for n := range a {
		if a[n] != b[n] {
			differ++
		}
	}
	return differ
}
