package agent_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/servicetest"
	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

var (
	unknown   = servicetest.Refusal(logonclient.UnknownMailbox, "ecUnknownUser")
	inTransit = servicetest.Refusal(logonclient.InTransit, "ecMailboxInTransit")
	gone      = servicetest.Refusal(logonclient.Unreachable, "")
)

// The whole trace of a machine: calls and transitions, in their order, with the
// virtual time at which they happen.
func TestTraces(t *testing.T) {
	patient := servicetest.Refusal(logonclient.InTransit, "ecMailboxInTransit")
	patient.After = 10 * time.Minute
	for _, tt := range []struct {
		name    string
		prepare func(*servicetest.World)
		pass    time.Duration
		want    string
	}{
		{
			"the server that the profile remembers is tried first and is enough",
			func(w *servicetest.World) {},
			10 * time.Minute,
			`0s starting -> connecting: found
			 0s logon ex1.contoso.test
			 0s connecting -> online: logged on`,
		},
		{
			"a wrong server is followed, and saved after the logon",
			func(w *servicetest.World) { w.At(ex1, servicetest.Moved("EX2")) },
			time.Minute,
			`0s starting -> connecting: found
			 0s logon ex1.contoso.test
			 0s resolve EX2
			 0s connecting -> connecting: wrong server
			 0s logon ex2.contoso.test
			 0s save 2: ex2.contoso.test
			 0s connecting -> online: logged on`,
		},
		{
			"a wrong server whose successor refuses is not saved",
			func(w *servicetest.World) {
				w.At(ex1, servicetest.Moved("EX2"))
				w.At(ex2, unknown)
			},
			time.Minute,
			`0s starting -> connecting: found
			 0s logon ex1.contoso.test
			 0s resolve EX2
			 0s connecting -> connecting: wrong server
			 0s logon ex2.contoso.test
			 0s connecting -> discovering: unknown here
			 0s discover ann at autodiscover.contoso.test
			 0s discovering -> waiting: nothing better`,
		},
		{
			"two moves at once are followed in one cycle",
			func(w *servicetest.World) {
				w.At(ex1, servicetest.Moved("EX2"))
				w.At(ex2, servicetest.Moved("EX3"))
			},
			time.Minute,
			`0s starting -> connecting: found
			 0s logon ex1.contoso.test
			 0s resolve EX2
			 0s connecting -> connecting: wrong server
			 0s logon ex2.contoso.test
			 0s resolve EX3
			 0s connecting -> connecting: wrong server
			 0s logon ex3.contoso.test
			 0s save 2: ex3.contoso.test
			 0s connecting -> online: logged on`,
		},
		{
			"a move that is cancelled ends at home: the waits grow from 30 s to 5 min, the server's own wish is honoured, nobody is asked and nothing saved",
			func(w *servicetest.World) {
				w.At(ex1, inTransit, inTransit, inTransit, inTransit, inTransit, patient, nil)
			},
			time.Hour,
			`0s starting -> connecting: found
			 0s logon ex1.contoso.test
			 0s connecting -> waiting: in transit
			 30s waiting -> connecting: found
			 30s logon ex1.contoso.test
			 30s connecting -> waiting: in transit
			 1m30s waiting -> connecting: found
			 1m30s logon ex1.contoso.test
			 1m30s connecting -> waiting: in transit
			 3m30s waiting -> connecting: found
			 3m30s logon ex1.contoso.test
			 3m30s connecting -> waiting: in transit
			 7m30s waiting -> connecting: found
			 7m30s logon ex1.contoso.test
			 7m30s connecting -> waiting: in transit
			 12m30s waiting -> connecting: found
			 12m30s logon ex1.contoso.test
			 12m30s connecting -> waiting: in transit
			 22m30s waiting -> connecting: found
			 22m30s logon ex1.contoso.test
			 22m30s connecting -> online: logged on`,
		},
		{
			"a mailbox that left the forest is found by Autodiscover, under its new name",
			func(w *servicetest.World) {
				w.Trusted = []string{"*.fabrikam.test"}
				w.At(ex1, unknown)
				w.Autodiscover(servicetest.Names(fab, fabDN, fabIssuer))
			},
			time.Minute,
			`0s starting -> connecting: found
			 0s logon ex1.contoso.test
			 0s connecting -> discovering: unknown here
			 0s discover ann at autodiscover.contoso.test
			 0s discovering -> connecting: found
			 0s logon mail.fabrikam.test as /o=Fabrikam/ou=Second/cn=Recipients/cn=ann
			 0s save 2: mail.fabrikam.test
			 0s connecting -> online: logged on`,
		},
		{
			"Autodiscover that names the place that has just refused changes nothing",
			func(w *servicetest.World) {
				w.At(ex1, unknown)
				w.Autodiscover(servicetest.Names(ex1, servicetest.AnnDN, servicetest.Issuer))
			},
			16 * time.Minute,
			`0s starting -> connecting: found
			 0s logon ex1.contoso.test
			 0s connecting -> discovering: unknown here
			 0s discover ann at autodiscover.contoso.test
			 0s discovering -> waiting: nothing better
			 5m0s waiting -> connecting: found
			 5m0s logon ex1.contoso.test
			 5m0s connecting -> discovering: unknown here
			 5m0s discover ann at autodiscover.contoso.test
			 5m0s discovering -> waiting: nothing better
			 15m0s waiting -> connecting: found
			 15m0s logon ex1.contoso.test
			 15m0s connecting -> discovering: unknown here
			 15m0s discover ann at autodiscover.contoso.test
			 15m0s discovering -> waiting: nothing better`,
		},
		{
			"two servers that name each other lead to one discovery, and the next cycle heals",
			func(w *servicetest.World) {
				w.At(ex1, servicetest.Moved("EX2"), nil)
				w.At(ex2, servicetest.Moved("EX1"))
			},
			time.Hour,
			`0s starting -> connecting: found
			 0s logon ex1.contoso.test
			 0s resolve EX2
			 0s connecting -> connecting: wrong server
			 0s logon ex2.contoso.test
			 0s resolve EX1
			 0s connecting -> discovering: circle
			 0s discover ann at autodiscover.contoso.test
			 0s discovering -> waiting: nothing better
			 5m0s waiting -> connecting: found
			 5m0s logon ex1.contoso.test
			 5m0s connecting -> online: logged on`,
		},
		{
			"three redirects are followed, the fourth asks Autodiscover",
			func(w *servicetest.World) {
				w.At(ex1, servicetest.Moved("EX2"))
				w.At(ex2, servicetest.Moved("EX3"))
				w.At(ex3, servicetest.Moved("EX4"))
				w.At("ex4.contoso.test", servicetest.Moved("EX5"))
			},
			time.Minute,
			`0s starting -> connecting: found
			 0s logon ex1.contoso.test
			 0s resolve EX2
			 0s connecting -> connecting: wrong server
			 0s logon ex2.contoso.test
			 0s resolve EX3
			 0s connecting -> connecting: wrong server
			 0s logon ex3.contoso.test
			 0s resolve EX4
			 0s connecting -> connecting: wrong server
			 0s logon ex4.contoso.test
			 0s resolve EX5
			 0s connecting -> discovering: wrong server
			 0s discover ann at autodiscover.contoso.test
			 0s discovering -> waiting: nothing better`,
		},
		{
			"without a network the waits are those for a network",
			func(w *servicetest.World) {
				w.At(ex1, gone, gone, nil)
				w.Autodiscover(servicetest.Silent)
			},
			time.Minute,
			`0s starting -> connecting: found
			 0s logon ex1.contoso.test
			 0s connecting -> discovering: gone
			 0s discover ann at autodiscover.contoso.test
			 0s discovering -> waiting: no directory
			 15s waiting -> connecting: found
			 15s logon ex1.contoso.test
			 15s connecting -> discovering: gone
			 15s discover ann at autodiscover.contoso.test
			 15s discovering -> waiting: no directory
			 45s waiting -> connecting: found
			 45s logon ex1.contoso.test
			 45s connecting -> online: logged on`,
		},
		{
			"an http redirect to a mailbox endpoint is followed",
			func(w *servicetest.World) {
				e := servicetest.Refusal(logonclient.Redirected, "")
				e.HTTPStatus, e.URL = 302, "https://ex3.contoso.test/mapi/emsmdb/"
				w.At(ex1, e)
			},
			time.Minute,
			`0s starting -> connecting: found
			 0s logon ex1.contoso.test
			 0s connecting -> connecting: wrong server
			 0s logon ex3.contoso.test
			 0s save 2: ex3.contoso.test
			 0s connecting -> online: logged on`,
		},
		{
			"an http redirect to a login page is not",
			func(w *servicetest.World) {
				e := servicetest.Refusal(logonclient.Redirected, "")
				e.HTTPStatus, e.URL = 302, "https://ex3.contoso.test/owa/auth/logon.aspx"
				w.At(ex1, e)
			},
			10 * time.Second,
			`0s starting -> connecting: found
			 0s logon ex1.contoso.test
			 0s connecting -> discovering: gone
			 0s discover ann at autodiscover.contoso.test
			 0s discovering -> waiting: nothing better`,
		},
		{
			"a server name that leads nowhere asks Autodiscover",
			func(w *servicetest.World) {
				w.At(ex1, servicetest.Moved("EX2"))
				w.Resolved = func(string) (string, error) {
					return "", servicetest.Refusal(logonclient.Unsupported, "no such server")
				}
			},
			time.Minute,
			`0s starting -> connecting: found
			 0s logon ex1.contoso.test
			 0s resolve EX2
			 0s connecting -> discovering: circle
			 0s discover ann at autodiscover.contoso.test
			 0s discovering -> waiting: nothing better`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inHouse(t, ann(t, tt.prepare), nil, func(t *testing.T, h *house) {
				h.pass(tt.pass)
				h.wantTrace(tt.want)
			})
		})
	}
}

func TestAnotherDatabaseOfTheServerIsRecordedAndChangesNoSetting(t *testing.T) {
	facts := servicetest.Facts()
	facts.ReplGUID = "db2"
	inHouse(t, ann(t, func(w *servicetest.World) { w.At(ex1, servicetest.Answer{Facts: facts}) }), nil, func(t *testing.T, h *house) {
		h.wantTrace(`
			0s starting -> connecting: found
			0s logon ex1.contoso.test
			0s save 2: ex1.contoso.test
			0s connecting -> online: logged on`)
		got := h.stored(servicetest.AnnID)
		if diff := cmp.Diff(servicetest.Place(ex1, servicetest.AnnDN), got.Endpoint); diff != "" {
			t.Errorf("endpoint (-want +got):\n%s", diff)
		}
		if got.Identity.ReplGUID != "db2" || got.Generation != 2 {
			t.Errorf("stored: ReplGUID %q in generation %d, want db2 in 2", got.Identity.ReplGUID, got.Generation)
		}
		history, err := h.History(t.Context(), servicetest.AnnID)
		if err != nil || len(history) != 2 {
			t.Fatalf("History = %d generations, %v; want 2", len(history), err)
		}
		if want := []profile.Change{{Field: "repl guid", Old: "db1", New: "db2"}}; !cmp.Equal(want, history[1].Changes) {
			t.Errorf("changes %v, want %v", history[1].Changes, want)
		}
	})
}

func TestAMoveIsSavedWithItsReasonAndItsWay(t *testing.T) {
	inHouse(t, ann(t, func(w *servicetest.World) { w.At(ex1, servicetest.Moved("EX2")) }), nil, func(t *testing.T, h *house) {
		history, err := h.History(t.Context(), servicetest.AnnID)
		if err != nil || len(history) != 2 {
			t.Fatalf("History = %d generations, %v; want 2", len(history), err)
		}
		want := profile.Reason{Text: "ex1.contoso.test said ecWrongServer", Hops: []profile.Hop{
			{Host: ex1, Step: "logon", Said: "ecWrongServer -> EX2"},
			{Host: ex2, Step: "resolve", Said: "EX2"},
			{Host: ex2, Step: "logon", Said: "logged on"},
		}}
		if diff := cmp.Diff(want, history[1].Reason); diff != "" {
			t.Errorf("reason (-want +got):\n%s", diff)
		}
		var steps []string
		for _, leg := range h.box().Journey {
			steps = append(steps, leg.Step+" "+leg.Host)
		}
		if want := []string{"logon " + ex1, "resolve " + ex2, "logon " + ex2, "saved "}; !cmp.Equal(want, steps) {
			t.Errorf("journey %q, want %q", steps, want)
		}
	})
}

func TestAfterAMoveToAnotherForestItsAutodiscoverIsAskedFirst(t *testing.T) {
	inHouse(t, ann(t, func(w *servicetest.World) {
		w.Trusted = []string{"*.fabrikam.test"}
		w.At(ex1, unknown)
		w.At(fab, nil, unknown)
		w.Autodiscover(servicetest.Names(fab, fabDN, fabIssuer))
	}), nil, func(t *testing.T, h *house) {
		got := h.stored(servicetest.AnnID).Endpoint
		if diff := cmp.Diff(profile.Endpoint{
			MAPI:         &profile.MAPI{MailStore: "https://mail.fabrikam.test/mapi/emsmdb/", LegacyDN: fabDN},
			Autodiscover: fabIssuer,
			Issued:       time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), // when the bubble begins
		}, got); diff != "" {
			t.Errorf("endpoint (-want +got):\n%s", diff)
		}
		h.pass(time.Hour)
		h.Session().Lose()
		synctest.Wait()
		h.wantCalls("discover ", "discover ann at autodiscover.contoso.test", "discover "+fabDN+" at autodiscover.fabrikam.test")
	})
}

func TestALostSessionBeginsACycleAtTheServerOfTheProfile(t *testing.T) {
	inHouse(t, ann(t), nil, func(t *testing.T, h *house) {
		h.pass(time.Hour)
		h.At(ex1, servicetest.Moved("EX2"))
		h.Session().Lose()
		h.pass(0)
		h.wantTrace(`
			0s starting -> connecting: found
			0s logon ex1.contoso.test
			0s connecting -> online: logged on
			1h0m0s online -> waiting: session lost
			1h0m0s close ex1.contoso.test
			1h0m0s waiting -> connecting: found
			1h0m0s logon ex1.contoso.test
			1h0m0s resolve EX2
			1h0m0s connecting -> connecting: wrong server
			1h0m0s logon ex2.contoso.test
			1h0m0s save 2: ex2.contoso.test
			1h0m0s connecting -> online: logged on`)
	})
}

func TestSessionsThatDieYoungAreNotReplacedWithoutAPause(t *testing.T) {
	lost := servicetest.Answer{Lost: servicetest.Refusal(logonclient.SessionLost, "ecInvalidObject")}
	inHouse(t, ann(t, func(w *servicetest.World) { w.At(ex1, lost) }), nil, func(t *testing.T, h *house) {
		h.pass(time.Minute)
		h.wantCalls("logon ", // at 0, 0, 5, 15 and 35 s
			"logon ex1.contoso.test", "logon ex1.contoso.test", "logon ex1.contoso.test", "logon ex1.contoso.test", "logon ex1.contoso.test")
		h.At(ex1, nil)
		h.pass(time.Hour)
		h.wantState(agent.Online)

		h.At(ex1, lost, nil) // after an hour of peace the count begins anew
		h.Session().Lose()
		h.pass(0)
		h.wantState(agent.Online)
	})
}

func TestAfterAnHourOfPeaceTheWaitsBeginAnew(t *testing.T) {
	inHouse(t, ann(t, func(w *servicetest.World) { w.At(ex1, inTransit, inTransit, nil, inTransit, nil) }), nil, func(t *testing.T, h *house) {
		h.pass(time.Hour)
		h.Session().Lose()
		h.pass(time.Hour)
		h.wantTrace(`
			0s starting -> connecting: found
			0s logon ex1.contoso.test
			0s connecting -> waiting: in transit
			30s waiting -> connecting: found
			30s logon ex1.contoso.test
			30s connecting -> waiting: in transit
			1m30s waiting -> connecting: found
			1m30s logon ex1.contoso.test
			1m30s connecting -> online: logged on
			1h0m0s online -> waiting: session lost
			1h0m0s close ex1.contoso.test
			1h0m0s waiting -> connecting: found
			1h0m0s logon ex1.contoso.test
			1h0m0s connecting -> waiting: in transit
			1h0m30s waiting -> connecting: found
			1h0m30s logon ex1.contoso.test
			1h0m30s connecting -> online: logged on`)
	})
}

func TestTheAddressThatAutodiscoverKnowsTheMailboxByIsKept(t *testing.T) {
	for by, want := range map[string]string{"ann@fabrikam.test": "ann@fabrikam.test", "Ann@Contoso.test": ""} {
		inHouse(t, ann(t, func(w *servicetest.World) {
			w.At(ex1, unknown)
			w.Autodiscover(func(q autodiscover.Query) (*autodiscover.Result, error) {
				result, err := servicetest.Names(ex2, "", servicetest.Issuer)(q)
				result.Address = by
				return result, err
			})
		}), nil, func(t *testing.T, h *house) {
			got := h.stored(servicetest.AnnID)
			if got.Endpoint.Routing != want || got.Address != "ann@contoso.test" || got.Place() != ex2 {
				t.Errorf("found by %s: stored as %s, routing %q, at %s", by, got.Address, got.Endpoint.Routing, got.Place())
			}
		})
	}
}
