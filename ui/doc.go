// Package ui is the window of Homing: Fyne views over an agent.Service.
//
// A snapshot becomes words before it becomes widgets: Present is a pure function
// from an agent.Status to a Model, which says everything that the window and the
// tray show; the views do no more than lay a Model out. Window follows a Service
// and renders the latest Model; it never asks which agent is behind it, one of
// this process or one behind a socket.
//
// # Rules of the interface
//
// One sentence says how a mailbox stands. A button stands only where there is
// something to do. A question to a person shows all that is needed to answer it,
// and the safe answer is the default. Nothing is said by colour alone: each state
// has an icon of its own shape, and each icon its word. Everything can be reached
// by keyboard. A host name from the network is shown whole and as ASCII, so that
// no look-alike letter and no bidirectional mark can disguise it. No secret is
// ever in a Model.
//
// # Threads
//
// Render and everything below it run in the goroutine of Fyne. Follow runs beside
// it and hands each Model over by fyne.Do.
//
// # Words
//
// All words are in texts, one file a language; a further language is one more file.
// Say returns them: in the program from Load, by way of Fyne; in tests from In.
// What can stand still for long says times by the clock, what is counted down or
// listed says them relative to now.
// The package does not import fyne.io/fyne/v2/app, so it needs no GL, and no cgo but
// on macOS, where Fyne asks the system how its scroll bars behave.
package ui
