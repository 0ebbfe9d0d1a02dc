//go:build tray

// Command homing-tray is Homing at the desk: an icon in the tray, and a window.
package main

import (
	"fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/widget"
	"fyne.io/systray"
)

func main() {
	systray.SetTitle("Homing")
	w := app.New().NewWindow("Homing")
	w.SetContent(widget.NewLabel("Homing"))
	w.ShowAndRun()
}
