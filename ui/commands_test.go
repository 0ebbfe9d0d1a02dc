package ui

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/homing-mail/homing/agent"
)

func TestCommands(t *testing.T) {
	for _, row := range []struct {
		name string
		show Mailbox
		tab  int
		taps []string
		want []string
	}{
		{"check now", atHome(), 0, []string{"Check now"}, []string{"check now ann"}},
		{"resume", resting(), 0, []string{"Resume"}, []string{"resume ann"}},
		{"going back asks first", atHome(), 2, []string{"Go back to this one"}, nil},
		{"going back can be declined", atHome(), 2, []string{"Go back to this one", "No"}, nil},
		{"go back", atHome(), 2, []string{"Go back to this one", "Go back"}, []string{"rollback ann to 2"}},
		{"forgetting can be declined", atHome(), 3, []string{"Forget…", "No"}, nil},
		{"forget", atHome(), 3, []string{"Forget…", "Forget"}, []string{"forget ann"}},
		{"removing can be declined", atHome(), 3, []string{"Remove…", "No"}, nil},
		{"remove", atHome(), 3, []string{"Remove…", "Remove"}, []string{"distrust  " + longHost + " for contoso.test"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := open(t, Config{Desk: full()})
			d.generations = generationsOf(3)
			d.see(one(row.show))
			d.Window.show(row.tab)
			d.settle()
			if row.tab == 2 {
				d.pick(1)
			}
			for _, label := range row.taps {
				d.tap(label)
			}
			d.commanded(row.want...)
		})
	}
}

// What a server has said stands in errors: it pretends nothing.
func TestAnErrorIsShownWithEverythingInIt(t *testing.T) {
	d := open(t, Config{})
	d.see(one(atHome()))
	d.fails = errors.Join(errors.New("ex1 says \u202eon"), errors.New("\x1band\x00"))
	d.Window.show(0)
	d.order(agent.Command{Op: agent.CheckNow}, nil)
	d.settle()
	d.reads("ex1 says \\u202eon; \\x1band\\x00")
}

func TestNoIsTheDefault(t *testing.T) {
	for _, key := range []fyne.KeyName{fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace, fyne.KeyEscape} {
		t.Run(string(key), func(t *testing.T) {
			d := open(t, Config{})
			d.see(one(atHome()))
			d.Window.show(3)
			d.settle()
			d.tap("Forget…")
			d.reads("Forget this mailbox?", "ann@contoso.test")
			d.press(key)
			d.commanded()
			d.misses("Forget this mailbox?")
		})
	}
	t.Run("yes is one tab away", func(t *testing.T) {
		d := open(t, Config{})
		d.see(one(atHome()))
		d.Window.show(3)
		d.settle()
		d.tap("Forget…")
		d.win.Canvas().FocusNext()
		d.press(fyne.KeyReturn)
		d.commanded("forget ann")
	})
}

func TestErrorsAreShownInTheirOwnWords(t *testing.T) {
	d := open(t, Config{})
	d.fails = errNoSuch
	d.see(one(atHome()))
	d.tap("Check now")
	d.reads("That did not work", errNoSuch.Error())
	d.press(fyne.KeyEscape)
	d.misses(errNoSuch.Error())
	if d.find("Check now").Disabled() {
		t.Error("one cannot try again")
	}
}

// A command that takes its time blocks nobody, and cannot be given twice.
func TestBusy(t *testing.T) {
	d := open(t, Config{})
	d.gate = make(chan struct{})
	d.Render(one(atHome()))
	b := d.find("Check now")
	test.Tap(b)
	test.Tap(b)
	later := atHome()
	later.Doing = "Looks again in 3 minutes."
	d.Render(one(later))
	if d.find("Check now") != b || !b.Disabled() {
		t.Error("it can be asked for again meanwhile")
	}
	close(d.gate)
	d.settle()
	d.commanded("check now ann")
	if b.Disabled() {
		t.Error("it cannot be asked for any more")
	}
}

// Close waits for what has begun, and shows nothing of it any more.
func TestCloseWaits(t *testing.T) {
	d := open(t, Config{})
	d.gate = make(chan struct{}) // never opened: the end of the window ends the command
	d.Render(one(atHome()))
	test.Tap(d.find("Check now"))
	d.Window.Close()
	d.commanded()
	if len(d.handed) != 0 {
		t.Error("something is shown after the end")
	}
}

func TestDemoMoves(t *testing.T) {
	var moved []string
	move := func(name string, err error) Move {
		return Move{name, func(context.Context) error { moved = append(moved, name); return err }}
	}
	d := open(t, Config{Demo: []Move{move("Move to ex2", nil), move("Move to ex3", errors.New("ex3 is full"))}})
	d.see(one(atHome()))
	d.tap("Move to ex2")
	d.tap("Move to ex3")
	d.reads("ex3 is full")
	if want := []string{"Move to ex2", "Move to ex3"}; !slices.Equal(moved, want) {
		t.Errorf("moved %q, want %q", moved, want)
	}
	d = open(t, Config{})
	d.see(one(atHome()))
	d.misses("Demo")
}

func TestLostAgent(t *testing.T) {
	d := open(t, Config{})
	m := one(atHome())
	m.Lost = "The agent does not answer."
	d.see(m)
	d.reads("The agent does not answer.", "at home on ex2.contoso.test")
	if !d.find("Check now").Disabled() {
		t.Error("a lost agent can be asked")
	}
	d.see(one(atHome()))
	d.misses("The agent does not answer.")
	if d.find("Check now").Disabled() {
		t.Error("an agent that is back cannot be asked")
	}
}

func TestSeveralMailboxes(t *testing.T) {
	t.Run("one needs no choice", func(t *testing.T) {
		d := open(t, Config{})
		d.see(one(atHome()))
		if d.chooser.Visible() {
			t.Error("there is a choice of one")
		}
	})
	t.Run("the most urgent is shown first and the choice stays", func(t *testing.T) {
		d := open(t, Config{})
		m := Model{Icon: Moving, Mailboxes: []Mailbox{ben(), moving()}}
		d.see(m)
		d.reads("Mail will be back by itself", "ann@contoso.test: Moving")
		d.chooser.SetSelectedIndex(0)
		d.settle()
		d.reads("mx1.fabrikam.test", "Ben at work (ben@fabrikam.test): At home")
		m.Mailboxes = []Mailbox{moving(), ben()}
		d.see(m)
		d.reads("mx1.fabrikam.test")
		d.tap("Check now")
		d.commanded("check now ben")
	})
	t.Run("one that is forgotten makes room for its neighbour", func(t *testing.T) {
		d := open(t, Config{})
		carl := ben()
		carl.ID, carl.Label, carl.Sentence = "carl", "Carl", "Your mailbox is at home on mx9.fabrikam.test."
		m := Model{Mailboxes: []Mailbox{atHome(), ben(), carl}}
		d.see(m)
		d.chooser.SetSelectedIndex(1)
		d.settle()
		d.see(Model{Mailboxes: []Mailbox{atHome(), carl}})
		d.reads("mx9.fabrikam.test")
	})
	t.Run("a question about a forgotten one is closed", func(t *testing.T) {
		d := open(t, Config{})
		d.see(one(atHome(), ben()))
		d.Window.show(3)
		d.settle()
		d.tap("Forget…") // the last one: ben's
		d.reads("ben@fabrikam.test")
		d.see(one(atHome(), ben()))
		d.reads("Forget this mailbox?")
		d.see(one(atHome()))
		d.misses("Forget this mailbox?")
		d.commanded()
	})
	t.Run("two of one name are two choices", func(t *testing.T) {
		d := open(t, Config{})
		twin := atHome()
		twin.ID, twin.Sentence = "ann2", "The other one."
		d.see(one(atHome(), twin))
		d.chooser.SetSelectedIndex(1)
		d.settle()
		d.reads("The other one.")
	})
}

func TestNoMailbox(t *testing.T) {
	t.Run("the wizard is shown and stays until it ends", func(t *testing.T) {
		d := open(t, Config{})
		d.see(Model{Icon: Looking})
		if d.setUp.Hidden || d.usual.Visible() {
			t.Fatal("there is no wizard")
		}
		d.see(one(atHome()))
		if d.setUp.Hidden {
			t.Error("it went away by itself")
		}
		d.endWizard("ann")
		d.settle()
		d.reads("at home on ex2.contoso.test")
	})
	t.Run("a lost agent is no reason to set one up", func(t *testing.T) {
		d := open(t, Config{})
		d.see(Model{Icon: Offline, Sentence: "The agent cannot be seen.", Lost: "no agent is running"})
		if d.setUp.Visible() {
			t.Error("the wizard is shown")
		}
		d.reads("The agent cannot be seen.", "no agent is running")
	})
	t.Run("another one is added from the settings", func(t *testing.T) {
		d := open(t, Config{})
		d.see(one(atHome()))
		d.Window.show(3)
		d.settle()
		d.tap("Add a mailbox…")
		if d.setUp.Hidden {
			t.Error("there is no wizard")
		}
	})
}

func TestListeners(t *testing.T) {
	d := open(t, Config{})
	var first, second int
	var stop func()
	stop = d.listen(func(Model) { first++; stop() })
	d.listen(func(Model) { second++ })
	d.see(one(atHome()))
	d.see(one(moving()))
	if first != 1 || second != 2 {
		t.Errorf("heard %d and %d, want 1 and 2", first, second)
	}
}

func TestSettings(t *testing.T) {
	on := func(d *desk) {
		d.see(one(atHome()))
		d.Window.show(3)
		d.settle()
	}
	v := func(d *desk) *settingsView { return d.tabs[3].view.(*settingsView) }
	t.Run("say what the desktop says", func(t *testing.T) {
		d := open(t, Config{Desk: full()})
		on(d)
		d.reads("mx1.fabrikam.test", "For contoso.test, allowed by you on 2026-03-01, until 2026-03-31", "allowed by the policy of this computer",
			"5 minutes", "In the keyring", "The keyring is locked", "Homing v0.3.0")
		if !v(d).login.Checked || v(d).tells.Checked {
			t.Error("the switches stand wrong")
		}
	})
	t.Run("offer nothing that the desktop has not", func(t *testing.T) {
		d := open(t, Config{})
		on(d)
		d.misses("Trusted", "Look every", "Start at login", "Passwords", "report", "Version")
	})
	t.Run("turn a switch", func(t *testing.T) {
		desktop := full()
		d := open(t, Config{Desk: desktop})
		on(d)
		test.Tap(v(d).tells)
		d.settle()
		if !desktop.Notices.(*flip).on || !v(d).tells.Checked || v(d).tells.Disabled() {
			t.Error("it was not turned")
		}
	})
	t.Run("show how a switch stands that does not turn", func(t *testing.T) {
		desktop := full()
		desktop.Notices = &flip{err: errors.New("the policy of this computer says no")}
		d := open(t, Config{Desk: desktop})
		on(d)
		test.Tap(v(d).tells)
		d.settle()
		d.reads("the policy of this computer says no")
		if v(d).tells.Checked {
			t.Error("it looks as if it were on")
		}
	})
	t.Run("say why a switch cannot be read", func(t *testing.T) {
		desktop := full()
		desktop.Autostart = &flip{hidden: errors.New("the autostart directory is somebody else's")}
		d := open(t, Config{Desk: desktop})
		on(d)
		d.reads("the autostart directory is somebody else's")
		if !v(d).login.Disabled() || v(d).tells.Disabled() {
			t.Error("the wrong switch can be turned")
		}
	})
	t.Run("change how often", func(t *testing.T) {
		desktop := full()
		d := open(t, Config{Desk: desktop})
		on(d)
		v(d).pace.SetSelected("30 minutes")
		d.settle()
		if got := desktop.Interval.(*every).d; got != 30*time.Minute {
			t.Errorf("it looks every %v", got)
		}
	})
	t.Run("know a pace of one's own", func(t *testing.T) {
		for d, want := range map[time.Duration]string{7 * time.Minute: "7 minutes", 2 * time.Hour: "2 hours", 30 * time.Second: "30 seconds", time.Second: "second", time.Hour: "hour"} {
			desktop := full()
			desktop.Interval = &every{d: d}
			w := open(t, Config{Desk: desktop})
			on(w)
			if got := v(w).pace.Selected; got != want {
				t.Errorf("%v is shown as %q, want %q", d, got, want)
			}
			if !slices.IsSorted(v(w).paces) {
				t.Errorf("the choices are %v", v(w).paces)
			}
		}
	})
	t.Run("cannot change what is fixed", func(t *testing.T) {
		desktop := full()
		desktop.Interval = &every{5 * time.Minute, "config.toml"}
		d := open(t, Config{Desk: desktop})
		on(d)
		d.reads("Set by config.toml.")
		if !v(d).pace.Disabled() {
			t.Error("it can be changed")
		}
	})
	t.Run("a host that was removed is gone", func(t *testing.T) {
		desktop := full()
		hosts, _ := desktop.Consents(t.Context())
		left := hosts[:2]
		desktop.Consents = func(context.Context) ([]Consent, error) { return left, nil }
		d := open(t, Config{Desk: desktop})
		on(d)
		d.tap("Remove…") // the last one
		left = hosts[:1]
		d.tap("Remove")
		d.commanded("distrust  " + longHost + " for contoso.test")
		d.misses(longHost)
		d.reads("mx1.fabrikam.test")
	})
	t.Run("say why hosts cannot be read", func(t *testing.T) {
		desktop := full()
		desktop.Consents = func(context.Context) ([]Consent, error) { return nil, errors.New("consents.json is damaged") }
		d := open(t, Config{Desk: desktop})
		on(d)
		d.reads("consents.json is damaged")
		d.misses("None.")
	})
	t.Run("say why passwords cannot be kept", func(t *testing.T) {
		desktop := full()
		desktop.Secrets = func(context.Context) (Secrets, error) { return Secrets{}, errors.New("there is no keyring") }
		d := open(t, Config{Desk: desktop})
		on(d)
		d.reads("there is no keyring")
	})
	for name, save := range map[string]func(d *desk){"tap": func(d *desk) { d.tap("Save") }, "Enter": func(d *desk) { d.press(fyne.KeyReturn) }} {
		t.Run("save a report by "+name, func(t *testing.T) {
			home := t.TempDir()
			t.Setenv("HOME", home)
			d := open(t, Config{Desk: full()})
			on(d)
			d.tap("Save a report…")
			save(d)
			to := filepath.Join(home, "homing-report-2026-03-01.txt")
			if got, err := os.ReadFile(to); string(got) != "report" {
				t.Errorf("%q was written: %v", got, err)
			}
			d.reads("The report is in " + to + ".")
		})
	}
	t.Run("escape saves no report", func(t *testing.T) {
		home := t.TempDir()
		t.Setenv("HOME", home)
		d := open(t, Config{Desk: full()})
		on(d)
		d.tap("Save a report…")
		d.press(fyne.KeyEscape)
		d.misses("Where shall it go?")
		if all, err := os.ReadDir(home); len(all) != 0 || err != nil {
			t.Errorf("%v was written: %v", all, err)
		}
	})
	t.Run("a report takes no other file's place", func(t *testing.T) {
		home := t.TempDir()
		t.Setenv("HOME", home)
		to := filepath.Join(home, "homing-report-2026-03-01.txt")
		if err := os.WriteFile(to, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		d := open(t, Config{Desk: full()})
		on(d)
		d.tap("Save a report…")
		d.tap("Save")
		d.reads("file exists")
		if got, err := os.ReadFile(to); string(got) != "mine" {
			t.Errorf("%q stands there: %v", got, err)
		}
	})
	t.Run("half a report is none", func(t *testing.T) {
		home := t.TempDir()
		t.Setenv("HOME", home)
		desktop := full()
		desktop.Report = func(_ context.Context, w io.Writer) error {
			io.WriteString(w, "half")
			return errors.New("the log cannot be read")
		}
		d := open(t, Config{Desk: desktop})
		on(d)
		d.tap("Save a report…")
		d.tap("Save")
		d.reads("the log cannot be read")
		d.misses("The report is in")
		if all, err := os.ReadDir(home); len(all) != 0 || err != nil {
			t.Errorf("%v was left: %v", all, err)
		}
	})
}
