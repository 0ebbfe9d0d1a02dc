//go:build wayland

package desk

// speaksWayland is whether the window is built for Wayland (Fyne's tag).
const speaksWayland = true
