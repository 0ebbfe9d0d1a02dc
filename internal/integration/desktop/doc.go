// Package desktop plays a person at the desk: the real homing-tray on a display
// of its own, with a window manager, a session bus that has a tray, notifications
// and a keyring on it, and a mock world. It has nothing but tests, behind the build
// tag integration, since they need those programs installed. `make integration`
// installs them and runs the tests; a program that is missing fails them.
//
// The person has a keyboard and a mouse (xdotool) and sees the picture. What the
// program makes of it is awaited where others see it: at the socket of the agent,
// in the tray, in the notifications, in the log of the window.
//
// `make screenshots` plays the same story in light and in dark, and keeps a picture
// of each view in docs/screenshots.
package desktop
