package ui

import (
	"embed"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

//go:generate go run ../internal/icons

// pictures are the icons: each as the SVG that it is drawn from, and as the PNG
// that go generate makes of it.
//
//go:embed icons
var pictures embed.FS

// name is what the files of an icon are called. What is no icon needs a person.
func (i Icon) name() string {
	names := [...]string{"at_home", "resting", "looking", "moving", "offline", "needs_you"}
	if int(i) >= len(names) {
		i = NeedsYou
	}
	return names[i]
}

// String is the key of the word of an icon.
func (i Icon) String() string { return "view.icon_" + i.name() }

// Resource is the picture of an icon for a window, in the colour of its theme.
func (i Icon) Resource() fyne.Resource { return theme.NewThemedResource(picture(i.name() + ".svg")) }

// PNG is the picture of an icon for a tray: 48 pixels square, with a light outline
// that is seen on a dark panel. The caller may keep and change it.
func (i Icon) PNG() []byte { return picture(i.name() + ".png").StaticContent }

// AppIcon is the picture of the program: 256 pixels square.
func AppIcon() fyne.Resource { return picture("homing.png") }

func picture(name string) *fyne.StaticResource {
	data, err := pictures.ReadFile("icons/" + name)
	if err != nil {
		panic(err) // not in the program
	}
	return fyne.NewStaticResource(name, data)
}
