// Command icons draws the pictures of the tray from their sources, the SVG files
// of ui/icons. It is run by go generate ./ui, in the directory of that package.
package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"

	"github.com/fyne-io/oksvg"
	"github.com/srwiley/rasterx"
)

// What is drawn, in pixels.
const (
	traySize = 48
	outline  = 2.5 // of light around each shape, so that it is seen on a dark panel
	appSize  = 256
)

var (
	ink   = color.NRGBA{0x1a, 0x4f, 0x9c, 0xff}
	light = color.NRGBA{0xff, 0xff, 0xff, 0xff}
)

func main() {
	if err := generate("icons"); err != nil {
		fmt.Fprintln(os.Stderr, "icons:", err)
		os.Exit(1)
	}
}

// generate draws a PNG beside each SVG in dir.
func generate(dir string) error {
	sources, err := filepath.Glob(filepath.Join(dir, "*.svg"))
	if err != nil {
		return err
	}
	for _, path := range sources {
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		picture, err := picture(filepath.Base(path), source)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		var out bytes.Buffer
		if err := png.Encode(&out, picture); err != nil {
			return err
		}
		if err := os.WriteFile(path[:len(path)-len(".svg")]+".png", out.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// picture is what is made of the SVG of that name.
func picture(name string, source []byte) (image.Image, error) {
	if name == "homing.svg" {
		return draw(source, appSize, 0)
	}
	shape, err := draw(source, traySize, math.Ceil(outline))
	if err != nil {
		return nil, err
	}
	return outlined(shape), nil
}

// draw rasterises a source as a square of size pixels with a margin on each side.
func draw(source []byte, size int, margin float64) (*image.NRGBA, error) {
	icon, err := oksvg.ReadIconStream(bytes.NewReader(source), oksvg.StrictErrorMode)
	if err != nil {
		return nil, err
	}
	side := float64(size) - 2*margin
	icon.SetTarget(margin, margin, side, side)
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	icon.Draw(rasterx.NewDasher(size, size, rasterx.NewScannerGV(size, size, img, img.Bounds())), 1)
	out := image.NewNRGBA(img.Bounds())
	for i := range size * size {
		out.Set(i%size, i/size, img.At(i%size, i/size))
	}
	return out, nil
}

// outlined is a shape in ink, in front of the same shape in light that is as much
// larger as the outline is wide.
func outlined(shape *image.NRGBA) image.Image {
	bounds := shape.Bounds()
	out := image.NewNRGBA(bounds)
	reach := int(math.Ceil(outline))
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			var around float64
			for dy := -reach; dy <= reach; dy++ {
				for dx := -reach; dx <= reach; dx++ {
					near := min(1, max(0, outline+0.5-math.Hypot(float64(dx), float64(dy))))
					around = max(around, near*float64(shape.NRGBAAt(x+dx, y+dy).A))
				}
			}
			over := float64(shape.NRGBAAt(x, y).A) / 0xff
			mix := func(front, back uint8) uint8 {
				return uint8(math.Round(over*float64(front) + (1-over)*float64(back)))
			}
			out.SetNRGBA(x, y, color.NRGBA{mix(ink.R, light.R), mix(ink.G, light.G), mix(ink.B, light.B), uint8(math.Round(around))})
		}
	}
	return out
}
