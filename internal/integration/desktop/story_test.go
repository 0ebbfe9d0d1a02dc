//go:build integration

package desktop

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/mockserver"
	"github.com/homing-mail/homing/profile"
	"github.com/homing-mail/homing/ui"
)

// The company of a person is sold: from an empty desktop to a mailbox that has
// moved twice.
func TestAPersonAtTheDesk(t *testing.T) {
	play(t, "light", color.RGBA{0x1a, 0x5f, 0xb4, 0xff})
	if *screenshots != "" {
		play(t, "dark", color.RGBA{0x6c, 0xa8, 0xf7, 0xff})
	}
}

func play(t *testing.T, theme string, primary color.Color) {
	t.Run(theme, func(t *testing.T) {
		s := newSession(t, theme)
		s.primary = primary
		for _, step := range []struct {
			name string
			play func(*story)
		}{
			{"the wizard leads from an address as it was pasted to a mailbox that is at home", (*story).setUp},
			{"a move within the forest needs nobody", (*story).moveWithin},
			{"a move to another forest is followed once both of its hosts are allowed", (*story).moveAway},
			{"a wrong password is said to be wrong, and the right one lets in", (*story).signIn},
			{"a server that comes back is told of", (*story).outage},
			{"what was allowed before is not asked again", (*story).moveAgain},
			{"journey, history and settings show what has happened", (*story).views},
			{"a second start brings the window to the front", (*story).startAgain},
			{"the tray pauses, resumes and checks", (*story).fromTheTray},
			{"quit ends everything, and the profile is right", (*story).quit},
		} {
			began := time.Now()
			step.play((*story)(s))
			s.silent()
			if t.Failed() {
				t.Fatalf("this failed: %s", step.name)
			}
			t.Logf("%s (%s)", step.name, time.Since(began).Round(10*time.Millisecond))
		}
		s.measured()
	})
}

// story is a session with what a person does in it, step by step.
type story session

const (
	newPassword = "autumn-leaf-7"
)

func (st *story) setUp() {
	s := (*session)(st)
	s.pid, s.ended = s.open()
	s.sees("the window asks", "Where is your mailbox?")
	s.item = receive(s.t, s.tray.Items)
	s.focused()
	s.shows(ui.Resting, "No mailbox is set up yet.")
	s.types("Ann <ann@contoso.test> ")
	s.keep("wizard")
	s.key("Return")
	s.sees("the window asks", `title="Sign in"`)
	s.shows(ui.NeedsYou, "autodiscover.contoso.test wants your password.")
	s.told("Homing needs you", "autodiscover.contoso.test wants your password.")
	s.types(mockserver.DefaultPassword)
	s.key("Return")
	s.atHome("ex1.contoso.test")
	s.sees("the window asks", "Your mailbox is at home on ex1.contoso.test.")
	s.shows(ui.AtHome, "Your mailbox is at home on ex1.contoso.test.")
	s.key("Return")
	s.sees("the window opens", "view=Now")
}

func (st *story) moveWithin() {
	s := (*session)(st)
	s.does("start ann ex2")
	s.does("lock ann")
	s.follows(ui.Moving, "Your mailbox is being moved. Mail will be back by itself.", agent.Waiting)
	s.does("finish ann")
	s.follows(ui.AtHome, "Your mailbox is at home on ex2.contoso.test.", agent.Online)
	s.told("Your mailbox has moved", "From ex1.contoso.test to ex2.contoso.test.")
	s.keep("now")
}

func (st *story) moveAway() {
	s := (*session)(st)
	s.does("move ann mx1")
	s.follows(ui.NeedsYou, "Homing was sent to a server that it does not know yet.", agent.NeedsYou)
	s.told("Homing needs you", "Homing was sent to a server that it does not know yet.")
	s.asked("May this server have your password?") // Allow…
	s.keep("consent")
	asked := s.until("a question", func(m agent.Mailbox) bool { return m.Needs != nil }).Needs.Hop.To
	s.key("Tab", "space")
	// The host that answers where the mailbox is has sent on to the one that has it.
	next := s.until("a question about another host", func(m agent.Mailbox) bool { return m.Needs != nil && m.Needs.Hop.To != asked }).Needs.Hop.To
	if asked != "autodiscover.fabrikam.test:443" || next != "mx1.fabrikam.test:443" {
		s.t.Errorf("asked about %s and %s", asked, next)
	}
	s.told("Homing needs you", "Homing was sent to a server that it does not know yet.")
	s.sees("the window asks", "May this server have your password?") // by itself, so not at once
	s.sees("the window takes an answer", "")
	s.key("Tab", "space")
	s.follows(ui.AtHome, "Your mailbox is at home on mx1.fabrikam.test.", agent.Online)
	s.told("Your mailbox has moved", "From ex2.contoso.test to mx1.fabrikam.test.")
}

func (st *story) signIn() {
	s := (*session)(st)
	s.does("password ann fabrikam.test " + newPassword)
	s.does("off mx1")
	s.does("on mx1")
	s.follows(ui.NeedsYou, "autodiscover.fabrikam.test wants your password.", agent.NeedsYou)
	s.told("Homing needs you", "autodiscover.fabrikam.test wants your password.")
	s.asked(`title="Sign in"`) // Sign in…
	asked := s.until("a question", func(m agent.Mailbox) bool { return m.State == agent.NeedsYou })
	s.types("summer-rain")
	s.key("Return")
	s.until("a refusal", func(m agent.Mailbox) bool { return m.State == agent.NeedsYou && m.Looked.After(asked.Looked) })
	s.sees("the window asks", `title="Sign in"`) // for another host of the same realm
	s.keep("sign-in")
	s.types(newPassword)
	s.key("Return")
	s.follows(ui.AtHome, "Your mailbox is at home on mx1.fabrikam.test.", agent.Online)
}

func (st *story) outage() {
	s := (*session)(st)
	s.does("off mx1")
	s.follows(ui.Offline, "mx1.fabrikam.test cannot be reached.", agent.Waiting)
	s.does("on mx1")
	s.follows(ui.AtHome, "Your mailbox is at home on mx1.fabrikam.test.", agent.Online)
	s.told("Your mailbox can be reached again", "Your mailbox is at home on mx1.fabrikam.test.")
}

func (st *story) moveAgain() {
	s := (*session)(st)
	s.does("move ann ex1")
	s.follows(ui.AtHome, "Your mailbox is at home on ex1.contoso.test.", agent.Online)
	s.told("Your mailbox has moved", "From mx1.fabrikam.test to ex1.contoso.test.")
	s.does("move ann mx1")
	s.follows(ui.AtHome, "Your mailbox is at home on mx1.fabrikam.test.", agent.Online)
	s.told("Your mailbox has moved", "From ex1.contoso.test to mx1.fabrikam.test.")
}

func (st *story) views() {
	s := (*session)(st)
	s.key("ctrl+2")
	s.sees("the window opens", "view=Journey")
	s.keep("journey")
	s.key("ctrl+3")
	s.sees("the window opens", "view=History")
	s.keep("history")
	s.key("ctrl+4")
	s.sees("the window opens", "view=Settings")
	s.keep("settings")
	s.key("ctrl+1")
	s.sees("the window opens", "view=Now")
}

func (st *story) startAgain() {
	s := (*session)(st)
	id := s.focused()
	s.xdotool("windowminimize", id)
	eventually(s.t, "the window", func() error {
		if out, err := s.run("xdotool", "search", "--onlyvisible", "--name", "^Homing$"); err == nil {
			return fmt.Errorf("%s is to be seen", out)
		}
		return nil
	})
	raised := func() {
		_, ended := s.open()
		if err := receive(s.t, ended); err != nil {
			s.t.Errorf("the second one: %v", err)
		}
		if again := s.focused(); again != id {
			s.t.Errorf("window %s has come to the front, want %s", again, id)
		}
	}
	raised()
	// The same behind a window of somebody else.
	peer(s.t, s.env, "", "display", "-size", "1000x800", "xc:gray")
	eventually(s.t, "another window", func() error {
		if _, err := s.window(); err == nil {
			return errors.New("Homing's has the focus")
		}
		return nil
	})
	raised()
	if got := len(s.processes()); got != 2 {
		s.t.Errorf("%d processes, want the one that stays and its window", got)
	}
}

func (st *story) fromTheTray() {
	s := (*session)(st)
	s.chooses("Pause")
	s.follows(ui.Resting, "Homing pauses for this mailbox.", agent.Paused)
	s.chooses("Resume")
	s.follows(ui.AtHome, "Your mailbox is at home on mx1.fabrikam.test.", agent.Online)
	before := s.atHome("mx1.fabrikam.test")
	s.chooses("Check now")
	s.until("a look", func(m agent.Mailbox) bool { return m.State == agent.Online && m.Looked.After(before.Looked) })
}

func (st *story) quit() {
	s := (*session)(st)
	s.chooses("Quit")
	if err := receive(s.t, s.ended); err != nil {
		s.t.Errorf("it ends with %v", err)
	}
	if left := s.processes(); len(left) > 0 {
		s.t.Errorf("processes are left: %v", left)
	}
	if _, err := control.Dial(s.paths.Socket); !errors.Is(err, control.ErrNotRunning) {
		s.t.Errorf("the agent: %v", err)
	}
	files := &profile.Files{Dir: s.paths.State}
	ids, err := files.List(context.Background())
	if err != nil || len(ids) != 1 {
		s.t.Fatalf("the profiles are %v, %v", ids, err)
	}
	p, err := files.Load(context.Background(), ids[0])
	if err != nil {
		s.t.Fatal(err)
	}
	if m := p.Endpoint.MAPI; m == nil || !strings.HasPrefix(m.MailStore, "https://mx1.fabrikam.test/") || p.Address != "ann@contoso.test" || !p.Proven {
		s.t.Errorf("the profile is %+v", p)
	}
	for _, secret := range []string{mockserver.DefaultPassword, newPassword} {
		if strings.Contains(s.said.String(), secret) {
			s.t.Errorf("the log has the password %s", secret)
		}
	}
}

// asked brings up a question by a click on the important button, which is the
// largest area in the colour that nothing else has.
func (s *session) asked(title string) {
	s.t.Helper()
	id := s.focused()
	var clicked time.Time
	eventually(s.t, "the question", func() error {
		if _, ok := s.said.next("the window asks", title); ok {
			return nil
		}
		if time.Since(clicked) < time.Second {
			return errors.New("a click does not bring it up")
		}
		img, err := s.picture(id)
		if err != nil {
			return err
		}
		at := area(img, s.primary)
		if at.Empty() {
			return errors.New("there is no button")
		}
		s.click(id, image.Pt((at.Min.X+at.Max.X)/2, (at.Min.Y+at.Max.Y)/2))
		clicked = time.Now()
		return errors.New("it was clicked on")
	})
}

// limit is how soon a transition of the agent is to be seen.
const limit = 200 * time.Millisecond

// follows waits until the agent is in a state, and the tray and the window show it,
// and measures how soon they did.
func (s *session) follows(icon ui.Icon, sentence string, state agent.State) {
	s.t.Helper()
	seen := s.sees("the window shows", fmt.Sprintf("sentence=%q", sentence))
	s.shows(icon, sentence)
	entered := s.until(sentence, func(m agent.Mailbox) bool { return m.State == state }).Since
	if took := seen.at.Sub(entered); took > 0 { // it has been entered again meanwhile, if not
		s.toWindow = append(s.toWindow, took)
	}
	for changed := false; ; {
		select {
		case at := <-s.item.Changed:
			if took := at.Sub(entered); took > 0 && !changed {
				changed = true
				s.toTray = append(s.toTray, took)
			}
			continue
		default:
		}
		break
	}
}

// measured tells how soon what the agent did was seen.
func (s *session) measured() {
	s.t.Helper()
	for _, f := range []struct {
		where string
		took  []time.Duration
	}{{"window", s.toWindow}, {"tray", s.toTray}} {
		if len(f.took) == 0 {
			s.t.Fatalf("nothing was seen in the %s", f.where)
		}
		slices.Sort(f.took)
		n := len(f.took)
		s.t.Logf("a transition of the agent until the %s shows it (median of %d): %s, at most %s; the slowest %s", f.where, n, f.took[n/2].Round(time.Millisecond/10), limit, f.took[n-1].Round(time.Millisecond/10))
		if f.took[n/2] > limit {
			s.t.Errorf("the %s shows a transition after %s, want at most %s", f.where, f.took[n/2], limit)
		}
	}
}
