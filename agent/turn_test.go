package agent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/homing-mail/homing/agent"
)

// A session that is lost is replaced in its turn; whoever looks or pauses
// meanwhile is heard at once.
func TestALostSessionIsReplacedInItsTurn(t *testing.T) {
	const turn = 30 * time.Second
	for _, tt := range []struct {
		name   string
		turn   time.Duration
		then   agent.Op
		after  time.Duration
		logons int // in all
		want   agent.State
	}{
		{"without turns at once", -1, "", 0, 2, agent.Online},
		{"not at once", turn, "", 0, 1, agent.Waiting},
		{"before its turn is over", turn, "", turn, 2, agent.Online},
		{"at once when somebody wants a look", turn, agent.CheckNow, 0, 2, agent.Online},
		{"not while it is paused", turn, agent.Pause, turn, 1, agent.Paused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inHouse(t, ann(t), func(c *agent.Config) { c.Pace.Turn = tt.turn }, func(t *testing.T, h *house) {
				h.wantState(agent.Online)
				h.pass(2 * time.Minute)
				h.Session().Lose()
				h.pass(0) // it waits for its turn now
				if tt.then != "" {
					h.do(agent.Command{Op: tt.then, Profile: h.box().ID})
				}
				h.pass(tt.after)
				h.wantState(tt.want)
				if got := len(h.Calls("logon")); got != tt.logons {
					t.Errorf("%d logons, want %d", got, tt.logons)
				}
			})
		})
	}
}

// Who waits for a turn says so, and until when; a turn of no length is not told of.
func TestAWaitForATurnIsShown(t *testing.T) {
	const turn = 30 * time.Second
	for _, tt := range []struct {
		name    string
		turn    time.Duration
		state   agent.State
		problem bool
		journey string
	}{
		{"a turn", turn, agent.Waiting, true, "session wait"},
		{"a turn of no length", -1, agent.Online, false, "session logon"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inHouse(t, ann(t), func(c *agent.Config) { c.Pace.Turn = tt.turn }, func(t *testing.T, h *house) {
				h.pass(2 * time.Minute)
				h.Session().Lose()
				h.pass(0)
				box := h.box()
				if shown := box.Problem != nil && box.Problem.Outcome == agent.SessionLost; box.State != tt.state || shown != tt.problem {
					t.Errorf("%s with problem %+v, want %s, and the lost session as its problem: %v", box.State, box.Problem, tt.state, tt.problem)
				}
				if rest := time.Until(box.Next); tt.problem && (rest <= 0 || rest > turn) {
					t.Errorf("looks again in %v, want within %v", rest, turn)
				}
				var steps []string
				for _, leg := range box.Journey {
					steps = append(steps, leg.Step)
				}
				if got := strings.Join(steps, " "); got != tt.journey {
					t.Errorf("journey %q, want %q", got, tt.journey)
				}
				if last := box.Journey[len(box.Journey)-1]; tt.problem && last.Said != "for its turn" {
					t.Errorf("the last leg says %q, want %q", last.Said, "for its turn")
				}
			})
		})
	}
}
