package agent_test

import (
	"testing"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/servicetest"
	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
)

// What answers for a server that is gone may be busy for ever, or lose every
// session: Autodiscover, which knows better, is asked beside it.
func TestAServerThatNeverServesIsNotWaitedForAlone(t *testing.T) {
	for name, refusal := range map[string]error{
		"busy for ever":       servicetest.Refusal(logonclient.Busy, "HTTP status 503"),
		"loses every session": servicetest.Refusal(logonclient.SessionLost, "Invalid Sequence (15)"),
	} {
		t.Run(name, func(t *testing.T) {
			inHouse(t, ann(t, func(w *servicetest.World) {
				w.At(ex1, refusal)
				w.Autodiscover(servicetest.Names(ex2, "", servicetest.Issuer))
			}), nil, func(t *testing.T, h *house) {
				h.pass(5 * time.Minute)
				if n := len(h.Calls("discover")); n != 0 {
					t.Fatalf("%d discoveries within five minutes", n)
				}
				h.pass(time.Hour)
				h.wantState(agent.Online)
			})
		})
	}
}

// Whoever is asked beside a busy server decides nothing about waiting for it.
func TestABusyServerIsWaitedForWhateverAutodiscoverSays(t *testing.T) {
	for name, answer := range map[string]servicetest.Directory{
		"it knows nobody": servicetest.Nobody,
		"it wants a sign-in": func(autodiscover.Query) (*autodiscover.Result, error) {
			return nil, &autodiscover.Error{Kind: autodiscover.Unauthorized, Host: "autodiscover.contoso.test:443"}
		},
		"it is nobody's friend": func(autodiscover.Query) (*autodiscover.Result, error) {
			return nil, &autodiscover.Error{Kind: autodiscover.Untrusted, Untrusted: &trust.UntrustedError{Verdict: trust.Ask}}
		},
		"it names a stranger": servicetest.Names(fab, "", servicetest.Issuer),
	} {
		t.Run(name, func(t *testing.T) {
			busy := servicetest.Refusal(logonclient.Busy, "HTTP status 503")
			inHouse(t, ann(t, func(w *servicetest.World) {
				w.At(ex1, busy, busy, busy, busy, busy, busy, busy, busy, busy, nil) // back after the ninth
				w.Autodiscover(answer)
			}), nil, func(t *testing.T, h *house) {
				h.pass(20 * time.Minute)
				if len(h.Calls("discover")) == 0 {
					t.Fatal("Autodiscover was not asked")
				}
				h.wantState(agent.Online)
			})
		})
	}
}
