package servicetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

// patience ends a test that waits for what never comes.
const patience = 10 * time.Second

// suite is one agent in a World.
type suite struct {
	*World
	agent.Service
	t *testing.T
}

// Run runs the suite. open starts an agent with cfg and returns it as its
// callers see it; what it starts has to end with t.
func Run(t *testing.T, open func(t *testing.T, cfg agent.Config) agent.Service) {
	for _, tt := range []struct {
		name    string
		prepare func(*World)
		test    func(t *testing.T, s *suite)
	}{
		{"Watch yields the present status and each later state", atHome, testWatch},
		{"Watch ends with its context", atHome, testWatchEnds},
		{"two watchers see the same", atHome, testTwoWatchers},
		{"a status survives whole", needsTrust, testWholeStatus},
		{"a journey survives whole", moved, testJourney},
		{"a secret arrives as it was given", refused, testSecret},
		{"Add returns the id of the new profile", nowhere, testAdd},
		{"Import takes a whole profile", nowhere, testImport},
		{"History returns the generations, the oldest first", moved, testHistory},
		{"errors keep what callers decide by", atHome, testErrors},
		{"a command whose context has ended is not waited for", atHome, testEndedContext},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := new(World)
			tt.prepare(w)
			tt.test(t, &suite{World: w, Service: open(t, w.Config()), t: t})
		})
	}
}

func atHome(w *World) {
	w.SetSecret(AnnRef, AnnSecret)
	if _, err := w.Store.Save(context.Background(), Ann("ex1.contoso.test"), 0, profile.Reason{Text: "first logon"}); err != nil {
		panic(err)
	}
}

func moved(w *World) {
	atHome(w)
	w.At("ex1.contoso.test", Moved("EX2"))
}

func needsTrust(w *World) {
	atHome(w)
	w.At("ex1.contoso.test", Refusal(logonclient.UnknownMailbox, "ecUnknownUser"))
	w.Autodiscover(Names("mail.fabrikam.test", "", Issuer))
}

func refused(w *World) {
	atHome(w)
	w.Password("ex1.contoso.test", difficult)
	w.Password("autodiscover.contoso.test", difficult)
}

func nowhere(w *World) {
	w.SetSecret(AnnRef, AnnSecret)
	w.Autodiscover(Names("ex1.contoso.test", AnnDN, Issuer))
}

// difficult is a secret in which every layer finds something to quote.
const difficult = "p\u00e4\"s\\s<&>\n\u2028\x7f 100%"

// await watches until the only mailbox fits.
func (s *suite) await(fits func(agent.Mailbox) bool) agent.Mailbox {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var last agent.Status
	for status, err := range s.Watch(ctx) {
		if err != nil {
			s.t.Fatalf("Watch yields %v", err)
		}
		last = status
		if len(status.Mailboxes) == 1 && fits(status.Mailboxes[0]) {
			return status.Mailboxes[0]
		}
	}
	s.t.Fatalf("what was awaited has not come; the last status is %+v", last)
	return agent.Mailbox{}
}

func (s *suite) awaitState(state agent.State) agent.Mailbox {
	s.t.Helper()
	return s.await(func(m agent.Mailbox) bool { return m.State == state })
}

func (s *suite) do(c agent.Command) profile.ID {
	s.t.Helper()
	id, err := s.Do(s.t.Context(), c)
	if err != nil {
		s.t.Fatalf("Do(%s) = %v", c.Op, err)
	}
	return id
}

func testWatch(t *testing.T, s *suite) {
	s.awaitState(agent.Online)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var seq uint64
	paused := false
	for status, err := range s.Watch(ctx) {
		switch {
		case err != nil:
			t.Fatalf("Watch yields %v", err)
		case status.Version != agent.StatusVersion:
			t.Errorf("version %d, want %d", status.Version, agent.StatusVersion)
		case status.Seq <= seq:
			t.Errorf("seq %d after %d", status.Seq, seq)
		}
		seq = status.Seq
		if !paused {
			if got := status.Mailboxes[0].State; got != agent.Online {
				t.Errorf("the first status says %s, want online", got)
			}
			paused = true
			if id := s.do(agent.Command{Op: agent.Pause, Profile: AnnID}); id != AnnID {
				t.Errorf("Do returns %q, want the profile's id", id)
			}
		}
		if status.Mailboxes[0].State == agent.Paused {
			return
		}
	}
	t.Error("the pause is not seen")
}

func testWatchEnds(t *testing.T, s *suite) {
	s.awaitState(agent.Online)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, err := range s.Watch(ctx) {
		if err != nil {
			t.Errorf("Watch yields %v", err)
		}
		cancel()
	}
	n := 0
	for _, err := range s.Watch(ctx) {
		if n++; err != nil {
			t.Errorf("with an ended context Watch yields %v", err)
		}
	}
	if n > 1 {
		t.Errorf("with an ended context Watch yields %d times", n)
	}
}

func testTwoWatchers(t *testing.T, s *suite) {
	one := s.awaitState(agent.Online)
	two := s.awaitState(agent.Online)
	if diff := cmp.Diff(one, two); diff != "" {
		t.Errorf("they differ (-one +two):\n%s", diff)
	}
}

func testWholeStatus(t *testing.T, s *suite) {
	got := s.awaitState(agent.NeedsYou)
	if got.Since.IsZero() || got.Next.Sub(got.Since).Round(time.Second) != time.Hour || got.Problem == nil || got.Problem.First.IsZero() || got.Problem.Text == "" {
		t.Errorf("since %v, next %v, problem %+v: want times, an hour between, and a problem", got.Since, got.Next, got.Problem)
	}
	want := &agent.Need{
		Kind: agent.NeedTrust,
		Hop:  trust.Hop{MailDomain: "contoso.test", From: "autodiscover.contoso.test:443", To: "mail.fabrikam.test:443", How: trust.FromSettings},
		Why:  "mail.fabrikam.test is outside the mail domain contoso.test and no policy names it",
	}
	if diff := cmp.Diff(want, got.Needs); diff != "" {
		t.Errorf("needs (-want +got):\n%s", diff)
	}
	if got.Problem.Outcome != agent.Untrusted || got.Problem.Count != 1 || got.Label != "Ann" || got.Address != AnnAddress || got.Server != "ex1.contoso.test" || got.Generation != 1 {
		t.Errorf("mailbox %+v with problem %+v", got, got.Problem)
	}
	s.do(agent.Command{Op: agent.Trust, Profile: AnnID, Host: "mail.fabrikam.test"})
	s.awaitState(agent.Online)
}

func testJourney(t *testing.T, s *suite) {
	type leg struct {
		Step, Host string
		Outcome    agent.Outcome
		Failed     bool
		Wire       []string
	}
	var got []leg
	for _, l := range s.awaitState(agent.Online).Journey {
		got = append(got, leg{l.Step, l.Host, l.Outcome, l.Failed, l.Wire})
		if l.Time.IsZero() || l.Said == "" {
			t.Errorf("leg %+v: want a time and what was said", l)
		}
	}
	const codes = "  HTTP 200, X-ResponseCode 0, StatusCode ecNone (0x00000000), ErrorCode ecNone (0x00000000), ReturnValue ecNone (0x00000000)"
	want := []leg{
		{"logon", "ex1.contoso.test", agent.WrongServer, true, []string{
			"Execute RopLogon at ex1.contoso.test, X-RequestId {A1}:2, 0 ms", codes, "  ServerName EX2", "  Execute RopLogon at server: ecWrongServer",
		}},
		{"resolve", "ex2.contoso.test", agent.Found, false, nil},
		{"logon", "ex2.contoso.test", agent.LoggedOn, false, []string{"Execute RopLogon at ex2.contoso.test, X-RequestId {A1}:2, 0 ms", codes}},
		{"saved", "", agent.LoggedOn, false, nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("journey (-want +got):\n%s", diff)
	}
}

func testSecret(t *testing.T, s *suite) {
	needs := s.awaitState(agent.NeedsYou).Needs
	if needs == nil || needs.Realm != AnnRealm || needs.User != AnnAddress {
		t.Fatalf("needs %+v, want a sign-in of %s for %s", needs, AnnAddress, AnnRealm)
	}
	s.do(agent.Command{Op: agent.SignIn, Profile: AnnID, Realm: needs.Realm, User: `CONTOSO\ann`, Secret: trust.NewSecret(difficult)})
	s.awaitState(agent.Online)
	if got := s.Secret("keyring:" + string(AnnID) + "/" + AnnRealm); got != difficult {
		t.Errorf("stored %q, want %q", got, difficult)
	}
}

func testAdd(t *testing.T, s *suite) {
	id := s.do(agent.Command{Op: agent.Add, Address: AnnAddress, Label: "Work", User: "ann", SecretRef: AnnRef})
	got := s.awaitState(agent.Online)
	if got.ID != id || id == "" || got.Label != "Work" || got.Generation != 1 {
		t.Errorf("added %q, online is %+v", id, got)
	}
}

func testImport(t *testing.T, s *suite) {
	draft := Ann("ex1.contoso.test")
	if id := s.do(agent.Command{Op: agent.Import, Draft: &draft}); id != AnnID {
		t.Errorf("Do returns %q, want %q", id, AnnID)
	}
	if m := s.awaitState(agent.NeedsYou); m.Needs == nil || m.Needs.Kind != agent.NeedSignIn {
		t.Errorf("an import needs %+v, want a sign-in", m.Needs)
	}
	s.do(agent.Command{Op: agent.SignIn, Profile: AnnID, Realm: "*.contoso.test", SecretRef: AnnRef})
	s.awaitState(agent.Online)
	stored, err := s.Store.Load(t.Context(), AnnID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Ann("ex1.contoso.test").Endpoint, stored.Endpoint); diff != "" {
		t.Errorf("endpoint (-want +got):\n%s", diff)
	}
	if _, err := s.Do(t.Context(), agent.Command{Op: agent.Import, Draft: &draft}); !errors.Is(err, profile.ErrConflict) {
		t.Errorf("the same again: %v, want ErrConflict", err)
	}
}

func testHistory(t *testing.T, s *suite) {
	s.awaitState(agent.Online)
	got, err := s.History(t.Context(), AnnID)
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.Store.History(t.Context(), AnnID)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Profile.Generation != 1 || got[1].Profile.Generation != 2 {
		t.Errorf("%d generations, want 1 and 2", len(got))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history (-stored +got):\n%s", diff)
	}
}

func testErrors(t *testing.T, s *suite) {
	s.awaitState(agent.Online)
	const nobody profile.ID = "00000000000000b2"
	if _, err := s.History(t.Context(), nobody); !errors.Is(err, profile.ErrNotFound) {
		t.Errorf("History of nobody: %v, want ErrNotFound", err)
	}
	if _, err := s.Do(t.Context(), agent.Command{Op: agent.Pause, Profile: nobody}); !errors.Is(err, profile.ErrNotFound) {
		t.Errorf("Do for nobody: %v, want ErrNotFound", err)
	}
	if _, err := s.Do(t.Context(), agent.Command{Op: agent.Rollback, Profile: AnnID, Generation: 7}); !errors.Is(err, profile.ErrNotFound) {
		t.Errorf("rollback to nothing: %v, want ErrNotFound", err)
	}
	_, err := s.Do(t.Context(), agent.Command{Op: "dance", Profile: AnnID})
	if err == nil || errors.Is(err, profile.ErrNotFound) || errors.Is(err, profile.ErrConflict) {
		t.Errorf("an unknown command: %v, want an error of its own", err)
	}
}

func testEndedContext(t *testing.T, s *suite) {
	s.awaitState(agent.Online)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.History(ctx, AnnID); !errors.Is(err, context.Canceled) {
		t.Errorf("History = %v, want context.Canceled", err)
	}
}
