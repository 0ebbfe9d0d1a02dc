package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/control"
	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

func TestEveryOutcomeEndsACommandInItsWay(t *testing.T) {
	want := map[agent.Outcome]int{
		agent.LoggedOn: 0, agent.Found: 0,
		agent.Cancelled:    1,
		agent.Unauthorized: 3, agent.NoSecret: 3,
		agent.Untrusted: 4, agent.NeverTrusted: 4,
		agent.NothingBetter: 5, agent.NoDirectory: 5,
		agent.WrongServer: 6, agent.Circle: 6, agent.UnknownHere: 6, agent.Gone: 6, agent.Busy: 6, agent.SessionLost: 6, agent.Denied: 6,
		agent.InTransit:  7,
		agent.Unreadable: 8,
	}
	for o := agent.LoggedOn; o <= agent.Cancelled; o++ {
		t.Run(o.String(), func(t *testing.T) {
			e, ok := endings[o]
			if !ok {
				t.Fatal("no ending")
			}
			if e.code != want[o] {
				t.Errorf("exit code %d, want %d", e.code, want[o])
			}
			if quiet := o == agent.LoggedOn || o == agent.Found || o == agent.Cancelled; quiet != (e.hint == "") {
				t.Errorf("hint %q", e.hint)
			}
			if o == agent.Unreadable && strings.Contains(e.hint, "rollback") {
				t.Errorf("hint %q: it may be the file of a newer homing, or no profile at all", e.hint)
			}
		})
	}
	if len(want) != int(agent.Cancelled)+1 {
		t.Errorf("%d outcomes are known here, %d exist", len(want), agent.Cancelled+1)
	}
}

func TestErrorsEndACommand(t *testing.T) {
	ask := &trust.UntrustedError{Hop: trust.Hop{MailDomain: "contoso.test", To: "mx1.fabrikam.test:443"}, Verdict: trust.Ask}
	never := &trust.UntrustedError{Hop: trust.Hop{MailDomain: "contoso.test", To: "10.9.8.7:443"}, Verdict: trust.Refuse}
	for _, tc := range []struct {
		name string
		err  error
		code int
		hint string // a part of it; empty: none
	}{
		{"wrong usage", usage(errors.New("no")), 2, ""},
		{"a refused sign-in", &logonclient.Error{Kind: logonclient.Unauthorized}, 3, ""},
		{"a host that may be allowed", ask, 4, "homing trust add mx1.fabrikam.test --domain contoso.test"},
		{"another port of it", &trust.UntrustedError{Hop: trust.Hop{MailDomain: "contoso.test", To: "mx1.fabrikam.test:8443"}, Verdict: trust.Ask}, 4, "homing trust add mx1.fabrikam.test:8443 --domain contoso.test"},
		{"the same from a discovery", &autodiscover.Error{Kind: autodiscover.Untrusted, Untrusted: ask}, 4, "homing trust add mx1.fabrikam.test --domain contoso.test"},
		{"a host that may not", never, 4, "can never be trusted"},
		{"nobody knows the mailbox", &autodiscover.Error{Kind: autodiscover.NotFound}, 5, ""},
		{"no directory answers", &autodiscover.Error{Kind: autodiscover.Unreachable}, 5, ""},
		{"an unknown mailbox", &logonclient.Error{Kind: logonclient.UnknownMailbox}, 6, ""},
		{"a move", &logonclient.Error{Kind: logonclient.InTransit}, 7, ""},
		{"a damaged profile", &profile.CorruptError{Err: errors.New("cut short")}, 8, ""},
		{"a profile of a newer homing", &profile.NewerError{Version: 99}, 8, ""},
		{"another agent", program.ErrOtherAgent, 9, ""},
		{"no agent", control.ErrNotRunning, 1, "start it with: homing run"},
		{"a profile that was changed meanwhile", profile.ErrConflict, 1, "try again"},
		{"an interrupt", context.Canceled, 1, ""},
		{"anything else", errors.New("disk full"), 1, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, err := range []error{tc.err, fmt.Errorf("around it: %w", tc.err), errors.Join(nil, tc.err, errors.New("and more"))} {
				code, hint := classify(err)
				if code != tc.code || !strings.Contains(hint, tc.hint) || (tc.hint == "") != (hint == "") {
					t.Errorf("classify(%q) = %d, %q, want %d, %q", err, code, hint, tc.code, tc.hint)
				}
			}
		})
	}
}

// Nobody is asked where nobody sits: whichever way a host became known, the
// command ends with the one that allows it, and that one takes it.
func TestUnattendedEveryWayEndsWithTheCommandThatAllows(t *testing.T) {
	for _, how := range []trust.How{
		trust.FromUnproven, trust.FromHTTPRedirect, trust.FromRedirectURL, trust.FromRedirectAddr, trust.FromSettings, trust.FromServerName,
		trust.FromUnsealedDirectory, trust.FromSRV, trust.FromClearRedirect, trust.FromMicrosoft365,
	} {
		t.Run(string(how), func(t *testing.T) {
			hop := trust.Hop{MailDomain: "contoso.test", To: "mx1.fabrikam.test:443", How: how}
			untrusted, ok := trust.IsUntrusted(trust.Access{Hop: hop}.Judge())
			if !ok {
				t.Fatal("it is allowed as it is")
			}
			const want = "homing trust add mx1.fabrikam.test --domain contoso.test"
			for _, err := range []error{untrusted, &autodiscover.Error{Kind: autodiscover.Untrusted, Untrusted: untrusted}, &logonclient.Error{Kind: logonclient.Untrusted, Err: untrusted}} {
				if code, hint := classify(err); code != exitNeedsTrust || !strings.HasSuffix(hint, want) {
					t.Errorf("%v: ends with %d and %q, want %d and %q", err, code, hint, exitNeedsTrust, want)
				}
			}
			var out, errOut bytes.Buffer
			a := inDirectory(t.TempDir(), nil, &out, &errOut)
			if code := a.main(t.Context(), strings.Fields(want)[1:]); code != exitOK {
				t.Fatalf("the command ends with %d: %s", code, errOut.String())
			}
			p, err := a.open()
			if err != nil {
				t.Fatal(err)
			}
			rules, err := p.Consents.Rules(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := (trust.Access{Rules: rules, Hop: hop}).Judge(); err != nil {
				t.Errorf("after the command: %v", err)
			}
		})
	}
}

func TestAnErrorIsPrintedWithItsHint(t *testing.T) {
	var out, errOut bytes.Buffer
	a := inDirectory(t.TempDir(), nil, &out, &errOut)
	if got := a.exit(&codeError{exitInTransit, "wait", errors.New("it moves")}); got != exitInTransit {
		t.Errorf("exit code %d, want %d", got, exitInTransit)
	}
	if got, want := errOut.String(), "homing: it moves\nhoming: hint: wait\n"; got != want || out.Len() > 0 {
		t.Errorf("printed %q and %q, want %q on standard error", out.String(), got, want)
	}
	errOut.Reset()
	if got := a.exit(nil); got != exitOK || errOut.Len() > 0 {
		t.Errorf("without an error: %d, %q", got, errOut.String())
	}
}

func TestAMailboxThatIsOnlineWithAProblemEndsACommandWithAFailure(t *testing.T) {
	m := agent.Mailbox{Label: "Ann", State: agent.Online}
	if err := verdict(m); err != nil {
		t.Errorf("online: %v", err)
	}
	m.Problem = &agent.Problem{Outcome: agent.LoggedOn, Text: "the profile cannot be saved: no space left on device"}
	if code, _ := classify(verdict(m)); code != exitFailure {
		t.Errorf("online, not saved: exit code %d, want %d", code, exitFailure)
	}
}
