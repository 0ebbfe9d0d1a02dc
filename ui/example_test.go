package ui_test

import (
	"fmt"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/ui"
)

// What a window and a tray show while a mailbox is being moved.
func ExamplePresent() {
	say, err := ui.In("en")
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	status := agent.Status{Mailboxes: []agent.Mailbox{{
		Address: "ann@contoso.test",
		State:   agent.Waiting,
		Next:    now.Add(28 * time.Second),
		Server:  "ex1.contoso.test",
		Problem: &agent.Problem{Outcome: agent.InTransit, Text: "Execute RopLogon at ex1.contoso.test: ecMailboxInTransit"},
		Journey: []agent.Leg{
			{Time: now, Elapsed: 12 * time.Millisecond, Step: "logon", Outcome: agent.InTransit, Host: "ex1.contoso.test", Said: "ecMailboxInTransit", Failed: true},
		},
		Generation: 1,
	}}}
	m := ui.Present(status, nil, now, say)
	box := m.Mailboxes[0]
	fmt.Println(m.Sentence)
	fmt.Println(box.Doing)
	fmt.Println(box.Journey.Stops[0].Host, box.Journey.Hops[0].Reason, "·", box.Journey.Hops[0].Took)
	fmt.Println(box.Icon == ui.Moving, box.Actions[0] == ui.CheckNow)
	// Output:
	// Your mailbox is being moved. Mail will be back by itself.
	// Looks again in 28 seconds.
	// ex1.contoso.test is moving the mailbox · 12 ms
	// true true
}
