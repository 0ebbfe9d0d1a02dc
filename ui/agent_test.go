package ui

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/servicetest"
	"github.com/homing-mail/homing/logonclient"
)

// What a person sees and hears of a real agent: a short outage, a move, a way back
// that leads nowhere, and a move to a host that has to be allowed.
func TestTheWordsOfAnAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(servicetest.World)
		w.Keep(t, servicetest.Ann(ex1))
		cfg := w.Config()
		cfg.Pace.Turn = 30 * time.Second
		a := agent.New(cfg)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.Run(ctx) }()

		say := in(t, "en")
		var sentences, heard []string // since the last step; a sentence where it changes
		var last string
		var shown Model
		go func() {
			var seen Seen
			for s, err := range a.Watch(ctx) {
				if err != nil {
					return
				}
				shown = Present(s, nil, time.Now(), say)
				if len(shown.Mailboxes) > 0 && shown.Mailboxes[0].Settled && shown.Sentence != last {
					last = shown.Sentence
					sentences = append(sentences, last)
				}
				var notices []Notice
				seen, notices = Notices(seen, s, time.Now(), say)
				for _, n := range notices {
					heard = append(heard, "* "+n.Title+": "+n.Body)
				}
			}
		}()
		step := func(want ...string) {
			t.Helper()
			<-time.After(2 * time.Hour) // of the bubble
			synctest.Wait()
			if diff := cmp.Diff(want, append(sentences, heard...)); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
			sentences, heard = nil, nil
		}
		do := func(c agent.Command) {
			t.Helper()
			c.Profile = servicetest.AnnID
			if _, err := a.Do(ctx, c); err != nil {
				t.Fatal(err)
			}
		}
		const (
			atEx1 = "Your mailbox is at home on ex1.contoso.test."
			atEx2 = "Your mailbox is at home on ex2.contoso.test."
			lost  = "ex1.contoso.test ended the connection."
		)
		step(atEx1)

		unreachable := servicetest.Refusal(logonclient.Unreachable, "connection refused")
		w.At(ex1, unreachable, unreachable, nil)
		w.Autodiscover(servicetest.Silent)
		w.Session().Lose()
		step(lost, "ex1.contoso.test cannot be reached.", atEx1, "* "+backThere)

		w.At(ex1, servicetest.Refusal(logonclient.InTransit, "ecMailboxInTransit"), servicetest.Moved("EX2"))
		w.Session().Lose()
		step(lost, "Your mailbox is being moved. Mail will be back by itself.", atEx2, "* "+movedThere)
		stops := []string{}
		for _, s := range shown.Mailboxes[0].Journey.Stops {
			stops = append(stops, s.Host)
			if s.Home != (s.Host == ex2) {
				t.Errorf("home is %+v", s)
			}
		}
		if diff := cmp.Diff([]string{ex1, ex2}, stops); diff != "" {
			t.Errorf("stops (-want +got):\n%s", diff)
		}

		do(agent.Command{Op: agent.Rollback, Generation: 1}) // ex1 sends it on to ex2 again
		<-time.After(time.Hour)
		synctest.Wait()
		if last != atEx2 || len(heard) > 0 {
			t.Errorf("after a way back that leads nowhere: %q, and %q", last, heard)
		}
		sentences = nil // in between, the profile names ex1

		w.At(ex2, servicetest.Refusal(logonclient.UnknownMailbox, "ecUnknownUser"))
		w.Autodiscover(servicetest.Names("mx1.fabrikam.test", "", servicetest.Issuer))
		w.Session().Lose()
		step("ex2.contoso.test ended the connection.", "Homing was sent to a server that it does not know yet.", "* "+asksMX1)
		need := shown.Mailboxes[0].Need
		if need == nil || need.Kind != NeedsConsent || need.Host != "mx1.fabrikam.test" || need.Facts[1].Value != auto {
			t.Fatalf("need %+v", need)
		}
		do(agent.Command{Op: agent.Trust, Host: strings.TrimSuffix(need.Hop.To, ":443"), MailDomain: need.Hop.MailDomain})
		step("Your mailbox is at home on mx1.fabrikam.test.",
			"* Your mailbox has moved: From ex2.contoso.test to mx1.fabrikam.test. Mail works again; there is nothing to do.")

		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
