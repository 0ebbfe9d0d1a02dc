// Package desk is what a desktop offers to Homing besides its window: a tray that
// shows an icon, notifications, a display, a start at login; and what a person
// hands on from the desk to the help desk, the redacted report.
//
// It opens no window and starts no service: where a session has no bus, there is
// no tray and nobody notifies, and both say so.
package desk
