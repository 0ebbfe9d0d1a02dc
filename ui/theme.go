package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Theme is Fyne's own with colours that can be told from their background also by
// who sees little: text that is greyed keeps a contrast of 4.5 to 1, and the frame of
// a field, and what has the focus, one of 3 to 1 (WCAG 2.2, 1.4.3 and 1.4.11).
type Theme struct {
	Scale float32 // of text, icons and distances; 0: 1
}

var colours = map[fyne.ThemeColorName][2]color.NRGBA{ // dark, light: fyne.ThemeVariant
	theme.ColorNameBackground:          {{0x1b, 0x1d, 0x21, 0xff}, {0xfa, 0xfa, 0xfb, 0xff}},
	theme.ColorNameForeground:          {{0xf1, 0xf2, 0xf4, 0xff}, {0x1f, 0x23, 0x29, 0xff}},
	theme.ColorNameDisabled:            {{0x9e, 0xa4, 0xad, 0xff}, {0x5f, 0x66, 0x70, 0xff}},
	theme.ColorNamePlaceHolder:         {{0x9e, 0xa4, 0xad, 0xff}, {0x5f, 0x66, 0x70, 0xff}},
	theme.ColorNamePrimary:             {{0x6c, 0xa8, 0xf7, 0xff}, {0x1a, 0x5f, 0xb4, 0xff}},
	theme.ColorNameForegroundOnPrimary: {{0x10, 0x18, 0x24, 0xff}, {0xff, 0xff, 0xff, 0xff}},
	theme.ColorNameHyperlink:           {{0x6c, 0xa8, 0xf7, 0xff}, {0x1a, 0x5f, 0xb4, 0xff}},
	theme.ColorNameButton:              {{0x31, 0x35, 0x3c, 0xff}, {0xe6, 0xe8, 0xec, 0xff}},
	theme.ColorNameDisabledButton:      {{0x25, 0x28, 0x2d, 0xff}, {0xf0, 0xf1, 0xf3, 0xff}},
	theme.ColorNameSeparator:           {{0x3a, 0x3f, 0x47, 0xff}, {0xd5, 0xd8, 0xdd, 0xff}},
	theme.ColorNameInputBackground:     {{0x25, 0x28, 0x2d, 0xff}, {0xff, 0xff, 0xff, 0xff}},
	theme.ColorNameInputBorder:         {{0x76, 0x7d, 0x88, 0xff}, {0x80, 0x87, 0x91, 0xff}},
	theme.ColorNameFocus:               {{0x6c, 0xa8, 0xf7, 0x88}, {0x1a, 0x5f, 0xb4, 0x66}},
}

// Color implements fyne.Theme.
func (Theme) Color(name fyne.ThemeColorName, variant fyne.ThemeVariant) color.Color {
	if c, ok := colours[name]; ok && int(variant) < len(c) {
		return c[variant]
	}
	return theme.DefaultTheme().Color(name, variant)
}

// Font implements fyne.Theme.
func (Theme) Font(style fyne.TextStyle) fyne.Resource { return theme.DefaultTheme().Font(style) }

// Icon implements fyne.Theme.
func (Theme) Icon(name fyne.ThemeIconName) fyne.Resource { return theme.DefaultTheme().Icon(name) }

// Size implements fyne.Theme.
func (t Theme) Size(name fyne.ThemeSizeName) float32 {
	size := theme.DefaultTheme().Size(name)
	if t.Scale > 0 {
		size *= t.Scale
	}
	return size
}

// colour is a colour of the theme that is in use.
func colour(name fyne.ThemeColorName) color.Color {
	if name == "" {
		return color.Transparent
	}
	return theme.Color(name)
}
