package agent_test

import (
	"testing"
	"time"

	"github.com/homing-mail/homing/agent/servicetest"
	"github.com/homing-mail/homing/logonclient"
)

// A server that stays busy makes Autodiscover asked at every eighth wait, not at
// every one: a busy forest is not asked twice as often.
func TestABusyServerIsDoubtedNowAndThen(t *testing.T) {
	busy := func(w *servicetest.World) {
		ann(t)(w)
		w.At(ex1, servicetest.Refusal(logonclient.Busy, "ecServerBusy"))
	}
	inHouse(t, busy, nil, func(t *testing.T, h *house) {
		h.pass(48 * time.Hour)
		logons, asked := len(h.Calls("logon ")), len(h.Calls("discover "))
		if want := (logons - 1) / 8; logons < 100 || asked != want {
			t.Errorf("%d logons, Autodiscover was asked %d times, want %d", logons, asked, want)
		}
	})
}
