package ui

// Tray is the icon in the tray of a desktop. Its methods may be called from any
// goroutine.
type Tray interface {
	// Show changes icon, sentence and menu where they differ from what is shown.
	Show(TrayView)
}

// TrayView is what a tray shows: an icon, and a menu of the sentence, check now,
// open, pause or resume, quit.
type TrayView struct {
	Icon     Icon
	Sentence string
	Paused   bool // the menu offers to resume
	Idle     bool // there is nothing to check or to pause
}

// Tray is the view of m that a tray shows.
func (m Model) Tray() TrayView {
	return TrayView{Icon: m.Icon, Sentence: m.Sentence, Paused: m.AllPaused, Idle: len(m.Mailboxes) == 0 || m.Lost != ""}
}
