package ui

import (
	"log/slog"

	"fyne.io/fyne/v2"

	"github.com/homing-mail/homing/agent"
)

// Config is what a Window is made of.
type Config struct {
	Service agent.Service
	Desk    Desk
	Demo    []Move       // buttons that move the demo's mailbox; nil: no demo
	Log     *slog.Logger // nil discards
}

// Window is the one window of Homing.
type Window struct {
	Config
	win fyne.Window
}
