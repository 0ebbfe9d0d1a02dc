package agent

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

// From what a logon meets to the outcome and to the first decision on it, in a
// fresh cycle whose sign-in had never worked.
func TestEveryKindOfLogonErrorHasAnOutcomeAndANextState(t *testing.T) {
	type row struct {
		outcome Outcome
		next    State
	}
	want := map[logonclient.Kind]row{
		logonclient.WrongServer:    {WrongServer, Connecting},
		logonclient.Redirected:     {WrongServer, Connecting},
		logonclient.UnknownMailbox: {UnknownHere, Discovering},
		logonclient.LoginFailure:   {UnknownHere, Discovering}, // Exchange 2003 says ecLoginFailure for a mailbox that has left
		logonclient.InTransit:      {InTransit, Waiting},
		logonclient.Busy:           {Busy, Waiting},
		logonclient.SessionLost:    {SessionLost, Connecting},
		logonclient.Unauthorized:   {Unauthorized, NeedsYou},
		logonclient.Denied:         {Denied, NeedsYou},
		logonclient.Untrusted:      {Untrusted, NeedsYou},
		logonclient.Unreachable:    {Gone, Discovering},
		logonclient.BadCertificate: {Gone, Discovering},
		logonclient.Unsupported:    {Gone, Discovering},
		logonclient.Malformed:      {Gone, Discovering},
	}
	for _, kind := range logonclient.Kinds() {
		w, ok := want[kind]
		if !ok {
			t.Errorf("no row for %s", kind)
			continue
		}
		got := outcome(fmt.Errorf("logging on: %w", &logonclient.Error{Kind: kind}))
		verdict, _ := decide(Connecting, got, Budget{})
		if got != w.outcome || verdict.Next != w.next {
			t.Errorf("%s is %s and leads to %s; want %s, %s", kind, got, verdict.Next, w.outcome, w.next)
		}
		if _, listed := logonOutcomes[kind]; !listed {
			t.Errorf("%s has its outcome by accident: it is not in the table", kind)
		}
	}
}

func TestEveryKindOfDiscoveryErrorHasAnOutcomeAndANextState(t *testing.T) {
	type row struct {
		outcome Outcome
		next    State
	}
	want := map[autodiscover.Kind]row{
		autodiscover.NotFound:         {NothingBetter, Waiting},
		autodiscover.NoUsableProtocol: {NothingBetter, Waiting},
		autodiscover.Loop:             {NothingBetter, Waiting},
		autodiscover.Limit:            {NothingBetter, Waiting},
		autodiscover.BadAddress:       {NothingBetter, Waiting},
		autodiscover.Malformed:        {NothingBetter, Waiting},
		autodiscover.Unreachable:      {NoDirectory, Waiting},
		autodiscover.Busy:             {Busy, Waiting},
		autodiscover.Untrusted:        {Untrusted, NeedsYou},
		autodiscover.Unauthorized:     {Unauthorized, NeedsYou},
	}
	for _, kind := range autodiscover.Kinds() {
		w, ok := want[kind]
		if !ok {
			t.Errorf("no row for %s", kind)
			continue
		}
		got := outcome(&autodiscover.Error{Kind: kind})
		verdict, _ := decide(Discovering, got, Budget{Discoveries: 1})
		if got != w.outcome || verdict.Next != w.next {
			t.Errorf("%s is %s and leads to %s; want %s, %s", kind, got, verdict.Next, w.outcome, w.next)
		}
		if _, listed := discoveryOutcomes[kind]; !listed {
			t.Errorf("%s has its outcome by accident: it is not in the table", kind)
		}
	}
}

func TestOutcome(t *testing.T) {
	hop := trust.Hop{MailDomain: "contoso.test", To: "mail.fabrikam.test:443", How: trust.FromSettings}
	for _, tt := range []struct {
		name string
		err  error
		want Outcome
	}{
		{"no error is a logon", nil, LoggedOn},
		{"a cancellation inside a client does not end the machine", &logonclient.Error{Kind: logonclient.Unreachable, Err: context.Canceled}, Gone},
		{"a deadline is not the end", &logonclient.Error{Kind: logonclient.Unreachable, Err: context.DeadlineExceeded}, Gone},
		{"a host that a person may allow", &logonclient.Error{Kind: logonclient.Untrusted, Err: &trust.UntrustedError{Hop: hop, Verdict: trust.Ask}}, Untrusted},
		{"a host that nobody may allow", &logonclient.Error{Kind: logonclient.Untrusted, Err: &trust.UntrustedError{Hop: hop}}, NeverTrusted},
		{"a hop of a discovery that nobody may allow", &autodiscover.Error{Kind: autodiscover.Untrusted, Untrusted: &trust.UntrustedError{Hop: hop}}, NeverTrusted},
		{"a keyring that is locked", &logonclient.Error{Kind: logonclient.Unauthorized, Err: &trust.NoLoginError{Host: "ex1.contoso.test", Err: profile.ErrSecretLocked}}, NoSecret},
		{"a secret that is not there is a sign-in that is missing", &logonclient.Error{Kind: logonclient.Unauthorized, Err: &trust.NoLoginError{Host: "ex1.contoso.test", Err: profile.ErrSecretNotFound}}, Unauthorized},
		{"a sign-in that is missing", &trust.NoLoginError{Host: "ex1.contoso.test"}, Unauthorized},
		{"an error of nobody knows what", errors.New("the dog ate it"), Gone},
	} {
		if got := outcome(tt.err); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestAfterIsTheServersWish(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want time.Duration
	}{
		{&logonclient.Error{After: time.Minute}, time.Minute},
		{fmt.Errorf("asking: %w", &autodiscover.Error{After: time.Hour}), time.Hour},
		{errors.New("no wish"), 0},
		{nil, 0},
	} {
		if got := after(tt.err); got != tt.want {
			t.Errorf("after(%v) = %v, want %v", tt.err, got, tt.want)
		}
	}
}

func TestNeedHoldsWhatIsNeededForTheAnswer(t *testing.T) {
	hop := trust.Hop{MailDomain: "contoso.test", From: "a.contoso.test:443", To: "mail.fabrikam.test:443", How: trust.FromSettings, Cert: "CN=mail.fabrikam.test"}
	for _, tt := range []struct {
		name string
		o    Outcome
		err  error
		want *Need
	}{
		{
			"trust: the hop and the reason", Untrusted,
			&logonclient.Error{Kind: logonclient.Untrusted, Err: &trust.UntrustedError{Hop: hop, Verdict: trust.Ask, Why: "outside"}},
			&Need{Kind: NeedTrust, Hop: hop, Why: "outside"},
		},
		{
			"sign-in: what the logins say", Unauthorized,
			&logonclient.Error{Kind: logonclient.Unauthorized, Op: "Connect", Host: "ex1.contoso.test:443", Said: "no",
				Err: &trust.NoLoginError{Host: "ex1.contoso.test", Realm: "*.contoso.test", User: "ann"}},
			&Need{Kind: NeedSignIn, Host: "ex1.contoso.test", Realm: "*.contoso.test", User: "ann", Why: "Connect at ex1.contoso.test:443: no"},
		},
		{
			"sign-in: else what the logon says", Unauthorized,
			&logonclient.Error{Kind: logonclient.Unauthorized, Op: "Connect", Host: "ex1.contoso.test:443", Realm: "*.contoso.test", User: "ann", Said: "no"},
			&Need{Kind: NeedSignIn, Host: "ex1.contoso.test", Realm: "*.contoso.test", User: "ann", Why: "Connect at ex1.contoso.test:443: no"},
		},
		{
			"sign-in: else what the discovery says", Unauthorized,
			&autodiscover.Error{Kind: autodiscover.Unauthorized, Host: "a.contoso.test:443", Realm: "*.contoso.test", User: "ann"},
			&Need{Kind: NeedSignIn, Host: "a.contoso.test", Realm: "*.contoso.test", User: "ann", Why: "autodiscover at a.contoso.test:443: unauthorized"},
		},
		{
			"access: only the reason", Denied,
			&logonclient.Error{Kind: logonclient.Denied, Op: "Execute RopLogon", Host: "ex1.contoso.test:443", Said: "ecLoginPerm"},
			&Need{Kind: NeedAccess, Why: "Execute RopLogon at ex1.contoso.test:443: ecLoginPerm"},
		},
		{"nobody is needed for the rest", InTransit, &logonclient.Error{Kind: logonclient.InTransit}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, need(tt.o, tt.err)); diff != "" {
				t.Errorf("need (-want +got):\n%s", diff)
			}
		})
	}
}
