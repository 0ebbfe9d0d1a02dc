//go:build integration

package desktop

import (
	"testing"

	"github.com/homing-mail/homing/ui"
)

// What people see first: a world in the program itself, and a button for each move.
func TestTheDemo(t *testing.T) {
	s := newSession(t, "light")
	_, ended := s.open("--demo")
	s.item = receive(t, s.tray.Items)
	s.sees("the window shows", `sentence="Your mailbox is at home on ex1.contoso.test."`)
	s.shows(ui.AtHome, "Your mailbox is at home on ex1.contoso.test.")
	s.focused()
	s.key("shift+Tab", "shift+Tab", "space") // Move to ex2, before the last button
	s.shows(ui.Moving, "Your mailbox is being moved. Mail will be back by itself.")
	s.shows(ui.AtHome, "Your mailbox is at home on ex2.contoso.test.")
	s.told("Your mailbox has moved", "From ex1.contoso.test to ex2.contoso.test.")
	s.key("shift+Tab", "space") // Move to mx1, the last one
	s.shows(ui.NeedsYou, "Homing was sent to a server that it does not know yet.")
	s.told("Homing needs you", "Homing was sent to a server that it does not know yet.")
	s.chooses("Quit")
	if err := receive(t, ended); err != nil {
		t.Errorf("it ends with %v", err)
	}
	if left := s.processes(); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	s.silent()
}
