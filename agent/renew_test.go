package agent_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/servicetest"
	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

const askAnew = "discover ann at autodiscover.contoso.test"

// issued keeps Ann's profile at ex1 with settings that were issued before the
// beginning and hold for ttl hours.
func issued(t *testing.T, before time.Duration, ttl int, more ...func(*servicetest.World)) func(*servicetest.World) {
	return func(w *servicetest.World) {
		p := servicetest.Ann(ex1)
		p.Endpoint.Issued, p.Endpoint.TTL = time.Now().Add(-before).UTC(), ttl
		w.Keep(t, p)
		for _, f := range more {
			f(w)
		}
	}
}

func says(answers ...servicetest.Directory) func(*servicetest.World) {
	return func(w *servicetest.World) { w.Autodiscover(answers...) }
}

func hours(n int) time.Duration { return time.Duration(n) * time.Hour }

func TestSettingsThatHaveRunOutAreAskedForAnew(t *testing.T) {
	same := servicetest.Names(ex1, servicetest.AnnDN, servicetest.Issuer)
	for _, tt := range []struct {
		name   string
		before time.Duration // that they were issued
		ttl    int           // hours
		then   time.Duration // what the next ones hold
		pass   time.Duration
		want   int // questions
	}{
		{"not before their time", 0, 5, 0, hours(5) - time.Second, 0},
		{"when their time is over", 0, 5, 0, hours(5), 1},
		{"the time before the agent began counts", hours(4), 5, 0, hours(1), 1},
		{"what ran out long ago is asked for at once", hours(500), 5, 0, 0, 1},
		{"a clock that was ahead puts it off by no more than their time", -hours(500), 5, 0, hours(5), 1},
		{"each time anew", 0, 5, hours(5), hours(24), 4},
		{"the new ones say for how long they hold", 0, 5, hours(10), hours(24), 2},
		{"what holds until something fails is not asked for in a week", hours(500), 0, 0, hours(7 * 24), 0},
		{"nor any more when the new ones say so", 0, 5, 0, hours(7 * 24), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inHouse(t, issued(t, tt.before, tt.ttl, says(servicetest.Holds(tt.then, same))), nil, func(t *testing.T, h *house) {
				began := h.box()
				h.pass(tt.pass)
				if got := len(h.Calls("discover")); got != tt.want {
					t.Errorf("asked %d times, want %d", got, tt.want)
				}
				if diff := cmp.Diff(began, h.box()); diff != "" {
					t.Errorf("what is shown (-before +after):\n%s", diff)
				}
				h.wantCalls("logon ", "logon ex1.contoso.test")
				h.wantCalls("save")
			})
		})
	}
}

// What goes wrong on the way changes nothing, whatever it is, and is tried once
// more when the time is over again.
func TestARenewalThatFailsChangesNothing(t *testing.T) {
	elsewhere := servicetest.Names(ex2, servicetest.AnnDN, servicetest.Issuer)
	names := func(err error) func(*servicetest.World) {
		return func(w *servicetest.World) {
			w.Autodiscover(elsewhere)
			w.At(ex2, err)
		}
	}
	for _, tt := range []struct {
		name    string
		prepare func(*servicetest.World)
	}{
		{"nobody knows the mailbox", says(servicetest.Nobody)},
		{"nobody can be reached", says(servicetest.Silent)},
		{"busy", says(func(autodiscover.Query) (*autodiscover.Result, error) {
			return nil, &autodiscover.Error{Kind: autodiscover.Busy, After: time.Minute}
		})},
		{"no protocol of ours", says(func(q autodiscover.Query) (*autodiscover.Result, error) {
			return &autodiscover.Result{URL: servicetest.Issuer, Address: q.Address}, nil
		})},
		{"a stranger is named", says(servicetest.Names("mail.tailspin.test", servicetest.AnnDN, servicetest.Issuer))},
		{"the sign-in is refused", func(w *servicetest.World) { w.Password("autodiscover.contoso.test", "another") }},
		{"the server that is named does not know the mailbox", names(unknown)},
		{"it names the old one", names(servicetest.Moved("EX1"))},
		{"it is in transit", names(servicetest.Refusal(logonclient.InTransit, "ecMailboxInTransit"))},
		{"it denies", names(servicetest.Refusal(logonclient.Denied, "ecLoginPerm"))},
		{"it is gone", names(servicetest.Refusal(logonclient.Unreachable, "connection refused"))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inHouse(t, issued(t, 0, 1, tt.prepare), nil, func(t *testing.T, h *house) {
				began, stored := h.box(), h.stored(servicetest.AnnID)
				h.pass(2 * time.Hour)
				h.wantCalls("discover", askAnew, askAnew)
				if diff := cmp.Diff(began, h.box()); diff != "" {
					t.Errorf("what is shown (-before +after):\n%s", diff)
				}
				if diff := cmp.Diff(stored, h.stored(servicetest.AnnID)); diff != "" {
					t.Errorf("what is stored (-before +after):\n%s", diff)
				}
				h.wantCalls("close")
			})
		})
	}
}

func TestARefusedRenewalTakesNoSignInFromTheSession(t *testing.T) {
	inHouse(t, issued(t, 0, 1, func(w *servicetest.World) { w.Password("autodiscover.contoso.test", "another") }), nil, func(t *testing.T, h *house) {
		h.pass(5 * time.Hour)
		h.wantSent("ex1.contoso.test ann@contoso.test swordfish-4711", "autodiscover.contoso.test ann@contoso.test swordfish-4711")
		h.Session().Lose()
		h.pass(0)
		h.wantState(agent.Online)
	})
}

func TestSettingsThatLeadElsewhereAreFollowedBesideTheSession(t *testing.T) {
	inHouse(t, issued(t, 0, 1, says(servicetest.Names(ex2, servicetest.AnnDN, servicetest.Issuer))), nil, func(t *testing.T, h *house) {
		h.pass(2 * time.Hour)
		h.wantTrace(`
			0s starting -> connecting: found
			0s logon ex1.contoso.test
			0s connecting -> online: logged on
			1h0m0s discover ann at autodiscover.contoso.test
			1h0m0s logon ex2.contoso.test
			1h0m0s save 2: ex2.contoso.test
			1h0m0s online -> online: logged on
			1h0m0s close ex1.contoso.test`)
		box := h.box()
		if n := len(box.Journey); n != 2 || box.Journey[0].Host != ex2 || box.Journey[1].Step != "saved" || box.Server != ex2 || box.Generation != 2 || box.Problem != nil {
			t.Errorf("%+v, want a journey of a logon at %s and a save, and no problem", box, ex2)
		}
		history, err := h.History(t.Context(), servicetest.AnnID)
		if err != nil || len(history) != 2 {
			t.Fatalf("%d generations, %v; want 2", len(history), err)
		}
		want := profile.Reason{Text: "Autodiscover at autodiscover.contoso.test, asked by LegacyDN", Hops: []profile.Hop{{Host: ex2, Step: "logon", Said: "logged on"}}}
		if diff := cmp.Diff(want, history[1].Reason); diff != "" {
			t.Errorf("reason (-want +got):\n%s", diff)
		}
		h.Session().Lose()
		h.pass(0)
		h.wantCalls("logon ", "logon ex1.contoso.test", "logon ex2.contoso.test", "logon ex2.contoso.test")
	})
}

// What comes while Autodiscover is asked does not wait for its answer, and what
// the answer leads to then is let go.
func TestNobodyWaitsForARenewal(t *testing.T) {
	for _, tt := range []struct {
		name   string
		do     func(*house)
		want   agent.State
		logons []string
	}{
		{"nothing comes", func(*house) {}, agent.Online, []string{"logon ex1.contoso.test"}},
		{"somebody wants a look", func(h *house) { h.do(agent.Command{Op: agent.CheckNow}) }, agent.Online,
			[]string{"logon ex1.contoso.test", "logon ex2.contoso.test", "logon ex1.contoso.test"}},
		{"somebody pauses it", func(h *house) { h.do(agent.Command{Op: agent.Pause, Profile: servicetest.AnnID}) }, agent.Paused,
			[]string{"logon ex1.contoso.test", "logon ex2.contoso.test"}},
		{"the session is lost", func(h *house) { h.Session().Lose() }, agent.Online,
			[]string{"logon ex1.contoso.test", "logon ex2.contoso.test", "logon ex1.contoso.test"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inHouse(t, issued(t, 0, 1), func(c *agent.Config) {
				c.Discover = func(ctx ctx, q autodiscover.Query) (*autodiscover.Result, error) {
					<-ctx.Done() // and answers in spite of that
					return servicetest.Names(ex2, servicetest.AnnDN, servicetest.Issuer)(q)
				}
			}, func(t *testing.T, h *house) {
				h.pass(time.Hour)
				tt.do(h)
				h.pass(0)
				h.wantState(tt.want)
				h.wantCalls("logon ", tt.logons...)
				if open := map[agent.State]int{agent.Online: 1}[tt.want]; h.Open() != open {
					t.Errorf("%d sessions, want %d", h.Open(), open)
				}
				if got := h.stored(servicetest.AnnID).Generation; got != 1 {
					t.Errorf("generation %d, want 1", got)
				}
			})
		})
	}
}

func TestARenewalIsRecordedWithTheNextGeneration(t *testing.T) {
	same := servicetest.Holds(3*time.Hour, servicetest.Names(ex1, servicetest.AnnDN, servicetest.Issuer))
	inHouse(t, issued(t, 0, 1, says(same), func(w *servicetest.World) { w.At(ex1, nil, servicetest.Answer{Facts: otherFacts()}) }), nil, func(t *testing.T, h *house) {
		began := time.Now().UTC()
		h.pass(2 * time.Hour)
		if got := h.stored(servicetest.AnnID); got.Generation != 1 || !got.Endpoint.Issued.Equal(began) || got.Endpoint.TTL != 1 {
			t.Errorf("generation %d, issued %v for %d h; want 1, %v, 1", got.Generation, got.Endpoint.Issued, got.Endpoint.TTL, began)
		}
		h.Session().Lose() // the next logon tells of another database
		h.pass(0)
		if got := h.stored(servicetest.AnnID); got.Generation != 2 || !got.Endpoint.Issued.Equal(began.Add(time.Hour)) || got.Endpoint.TTL != 3 {
			t.Errorf("generation %d, issued %v for %d h; want 2, %v, 3", got.Generation, got.Endpoint.Issued, got.Endpoint.TTL, began.Add(time.Hour))
		}
	})
}

func TestARenewalThatCannotBeSaved(t *testing.T) {
	elsewhere := says(servicetest.Names(ex2, servicetest.AnnDN, servicetest.Issuer))
	t.Run("is tried again while the session stands", func(t *testing.T) {
		inHouse(t, issued(t, 0, 1, elsewhere, func(w *servicetest.World) { w.FailSaves(errors.New("no space left"), nil) }), nil, func(t *testing.T, h *house) {
			h.pass(time.Hour)
			if box := h.box(); box.State != agent.Online || box.Problem == nil || box.Server != ex1 {
				t.Errorf("%s at %s with problem %+v, want online at %s with one", box.State, box.Server, box.Problem, ex1)
			}
			h.pass(time.Hour)
			h.wantCalls("save", "save fails", "save 2: ex2.contoso.test")
			h.wantCalls("logon ", "logon ex1.contoso.test", "logon ex2.contoso.test")
			h.wantCalls("close", "close ex1.contoso.test")
		})
	})
	t.Run("gives way to who has saved meanwhile", func(t *testing.T) {
		inHouse(t, issued(t, 0, 1, elsewhere), nil, func(t *testing.T, h *house) {
			p := h.stored(servicetest.AnnID)
			p.Label = "Work"
			if _, err := h.Store.Save(t.Context(), p, 1, profile.Reason{Text: "by hand"}); err != nil {
				t.Fatal(err)
			}
			h.pass(time.Hour)
			if got := h.stored(servicetest.AnnID); got.Label != "Work" || h.box().Label != "Work" {
				t.Errorf("label %q, shown %q; want that of the other", got.Label, h.box().Label)
			}
			if h.Open() != 1 {
				t.Errorf("%d sessions, want 1", h.Open())
			}
		})
	})
}

// Who is told by a policy, a person or a clock that a host is not to be trusted
// any more is not asked to trust it by a session that has stood for days.
func TestARenewalGoesByTheRulesInForce(t *testing.T) {
	for _, tt := range []struct {
		name    string
		expires time.Duration // of the consent
		want    string
	}{
		{"a consent in force", 2 * time.Hour, fab},
		{"a consent that has expired", 30 * time.Minute, ex1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inHouse(t, issued(t, 0, 1, says(servicetest.Names(fab, servicetest.AnnDN, servicetest.Issuer))), func(c *agent.Config) {
				consent := trust.Consent{MailDomain: "contoso.test", Host: fab, Expires: time.Now().Add(tt.expires)}
				if err := c.Consents.Allow(t.Context(), consent); err != nil {
					t.Fatal(err)
				}
			}, func(t *testing.T, h *house) {
				h.pass(time.Hour)
				if got := h.box().Server; got != tt.want {
					t.Errorf("at %s, want %s", got, tt.want)
				}
			})
		})
	}
}
