package agent_test

import (
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
		{"not at once", turn, "", 0, 1, agent.Connecting},
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
