package ui

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
)

// since makes a mailbox enter its state a time after noon.
func since(after time.Duration) func(*agent.Mailbox) {
	return func(b *agent.Mailbox) { b.Since = noon.Add(after) }
}

// told plays statuses of one mailbox, and says which notices came with which.
func told(t *testing.T, boxes ...agent.Mailbox) []string {
	t.Helper()
	var seen Seen
	var lines []string
	for i, b := range boxes {
		var notices []Notice
		seen, notices = Notices(seen, agent.Status{Mailboxes: []agent.Mailbox{b}}, noon, in(t, "en"))
		for _, n := range notices {
			if n.Mailbox != b.ID {
				t.Errorf("a notice about %q", n.Mailbox)
			}
			lines = append(lines, fmt.Sprintf("%d: %s: %s", i, n.Title, n.Body))
		}
	}
	return lines
}

const (
	movedThere = "Your mailbox has moved: From ex1.contoso.test to ex2.contoso.test. Mail works again; there is nothing to do."
	movedBack  = "Your mailbox has moved: From ex2.contoso.test to ex1.contoso.test. Mail works again; there is nothing to do."
	backThere  = "Your mailbox can be reached again: Your mailbox is at home on ex1.contoso.test."
	asksMX1    = "Homing needs you: Homing was sent to a server that it does not know yet."
	asksSignIn = "Homing needs you: ex1.contoso.test wants your password."
)

func TestNotices(t *testing.T) {
	home := func(after time.Duration, server string, more ...func(*agent.Mailbox)) agent.Mailbox {
		return box(agent.Online, append([]func(*agent.Mailbox){on(server), since(after)}, more...)...)
	}
	gone := box(agent.Waiting, problem(agent.Gone), since(time.Minute))
	moving := func(after time.Duration) agent.Mailbox {
		return box(agent.Waiting, problem(agent.InTransit), since(after))
	}
	connecting := func(after time.Duration, server string) agent.Mailbox {
		return box(agent.Connecting, on(server), since(after))
	}
	signIn := needing(agent.Need{Kind: agent.NeedSignIn, Host: ex1, Realm: "*.contoso.test"})
	refused := needing(agent.Need{Kind: agent.NeedSignIn, Host: ex2, Realm: "*.contoso.test", User: "ann"})
	other := fabrikam
	other.Hop.To = "mx2.fabrikam.test:443"
	asking := func(after time.Duration, of func(*agent.Mailbox), o agent.Outcome) agent.Mailbox {
		return box(agent.NeedsYou, of, problem(o), since(after))
	}
	saved := by(leg(time.Hour, "logon", ex2, agent.LoggedOn), leg(2*time.Hour, "saved", "", agent.LoggedOn))
	draft := func(state agent.State) agent.Mailbox {
		return box(state, func(b *agent.Mailbox) { b.Server, b.Generation = "nowhere", 0 })
	}
	for _, tt := range []struct {
		name  string
		boxes []agent.Mailbox
		want  []string
	}{
		{"at home at the start", []agent.Mailbox{home(0, ex1)}, nil},
		{"offline at the start", []agent.Mailbox{gone}, nil},
		{"a question at the start", []agent.Mailbox{asking(0, needing(fabrikam), agent.Untrusted)}, []string{"0: " + asksMX1}},
		{"a first logon", []agent.Mailbox{draft(agent.Starting), draft(agent.Discovering), connecting(0, ex1), home(0, ex1)}, nil},
		{"a first logon, seen at its end", []agent.Mailbox{draft(agent.Discovering), home(0, ex1)}, nil},
		{"a first logon that leads elsewhere", []agent.Mailbox{draft(agent.Connecting), home(0, ex2)}, nil},
		{"moved", []agent.Mailbox{home(0, ex1), moving(time.Second), connecting(2*time.Second, ex1), connecting(2*time.Second, ex2), home(3*time.Second, ex2), home(3*time.Second, ex2)},
			[]string{"4: " + movedThere}},
		{"moved, and nothing was seen of it", []agent.Mailbox{home(0, ex1), home(time.Second, ex2)}, []string{"1: " + movedThere}},
		{"moved while the computer was off", []agent.Mailbox{box(agent.Starting), home(time.Second, ex2)}, []string{"1: " + movedThere}},
		{"moved there and back", []agent.Mailbox{home(0, ex1), home(1, ex2), home(2, ex1)}, []string{"1: " + movedThere, "2: " + movedBack}},
		{"moved after it was offline: one notice", []agent.Mailbox{home(0, ex1), gone, home(time.Hour, ex2)}, []string{"2: " + movedThere}},
		{"not at home yet", []agent.Mailbox{home(0, ex1), connecting(1, ex2)}, nil},
		{"moved, and the profile could not be saved until later", []agent.Mailbox{home(0, ex1),
			home(1, ex1, problem(agent.LoggedOn), by(leg(time.Hour, "logon", ex2, agent.LoggedOn))), home(1, ex2, saved)}, []string{"1: " + movedThere}},
		{"a save made good without a word of it before", []agent.Mailbox{home(0, ex1), home(0, ex2, saved)}, []string{"1: " + movedThere}},
		{"another generation was written underneath, which leads nowhere", []agent.Mailbox{home(0, ex2, saved), home(0, ex1, saved), connecting(1, ex1), home(2, ex2, saved)}, nil},
		{"back after it was offline", []agent.Mailbox{home(0, ex1), gone, connecting(2, ex1), home(time.Hour, ex1), home(time.Hour, ex1)}, []string{"3: " + backThere}},
		{"a connection that was lost for a moment", []agent.Mailbox{home(0, ex1), connecting(1, ex1), home(2, ex1)}, nil},
		{"a lost session that waited for its turn", []agent.Mailbox{home(0, ex1), box(agent.Waiting, problem(agent.SessionLost), since(1)), connecting(30*time.Second, ex1), home(31*time.Second, ex1)}, nil},
		{"a move that was called off soon", []agent.Mailbox{home(0, ex1), moving(0), home(4*time.Minute, ex1)}, nil},
		{"a move that was called off late", []agent.Mailbox{home(0, ex1), moving(0), moving(3 * time.Minute), home(5*time.Minute, ex1)}, []string{"3: " + backThere}},
		{"offline for a moment at the start", []agent.Mailbox{gone, home(2*time.Minute, ex1)}, nil},
		{"offline for long since the start", []agent.Mailbox{gone, home(time.Hour, ex1)}, []string{"1: " + backThere}},
		{"a pause is no absence", []agent.Mailbox{home(0, ex1), gone, box(agent.Paused), connecting(time.Hour, ex1), home(time.Hour, ex1)}, nil},
		{"asked once, however often it is looked", []agent.Mailbox{home(0, ex1), asking(1, signIn, agent.Unauthorized), connecting(2, ex1), asking(3, signIn, agent.Unauthorized)},
			[]string{"1: " + asksSignIn}},
		{"a refused answer is the same question", []agent.Mailbox{asking(1, signIn, agent.Unauthorized), connecting(2, ex1), asking(3, refused, agent.Unauthorized)}, []string{"0: " + asksSignIn}},
		{"another question", []agent.Mailbox{asking(1, signIn, agent.Unauthorized), asking(2, needing(fabrikam), agent.Untrusted), asking(3, needing(other), agent.Untrusted), asking(4, needing(fabrikam), agent.Untrusted)},
			[]string{"0: " + asksSignIn, "1: " + asksMX1, "2: " + asksMX1}},
		{"the same question after it was answered", []agent.Mailbox{asking(1, signIn, agent.Unauthorized), home(2, ex1), asking(3, signIn, agent.Unauthorized)},
			[]string{"0: " + asksSignIn, "2: " + asksSignIn}},
		{"answered, however late", []agent.Mailbox{home(0, ex1), asking(1, signIn, agent.Unauthorized), connecting(time.Hour, ex1), home(time.Hour, ex1)}, []string{"1: " + asksSignIn}},
		{"a keyring that is locked is another question than a refusal", []agent.Mailbox{asking(1, signIn, agent.NoSecret), asking(2, signIn, agent.Unauthorized)},
			[]string{"0: Homing needs you: Your password cannot be read at the moment.", "1: " + asksSignIn}},
		{"a profile that cannot be read", []agent.Mailbox{box(agent.Waiting, problem(agent.Unreadable)), box(agent.Waiting, problem(agent.Unreadable))},
			[]string{"0: Homing needs you: The settings of this mailbox cannot be read."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, told(t, tt.boxes...)); diff != "" {
				t.Errorf("notices (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoticesOfSeveralMailboxes(t *testing.T) {
	ann, ben := box(agent.Online), box(agent.Online)
	ben.ID, ben.Label = "00000000000000b1", "ben@contoso.test"
	seen, notices := Notices(nil, agent.Status{Mailboxes: []agent.Mailbox{ann, ben}}, noon, in(t, "en"))
	if len(notices) != 0 {
		t.Errorf("at the start: %v", notices)
	}
	before := fmt.Sprint(seen)
	ben.Server, ben.Since = ex2, noon
	_, notices = Notices(seen, agent.Status{Mailboxes: []agent.Mailbox{ann, ben}}, noon, in(t, "de"))
	want := []Notice{{Moved, ben.ID, "ben@contoso.test: Ihr Postfach ist umgezogen", "Von ex1.contoso.test nach ex2.contoso.test. E-Mails kommen wieder an; Sie müssen nichts tun."}}
	if diff := cmp.Diff(want, notices); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
	if fmt.Sprint(seen) != before {
		t.Error("what was seen has been changed")
	}
	// A mailbox that is forgotten is not remembered.
	seen, _ = Notices(seen, agent.Status{Mailboxes: []agent.Mailbox{ann}}, noon, in(t, "en"))
	if len(seen) != 1 {
		t.Errorf("remembered: %v", seen)
	}
}
