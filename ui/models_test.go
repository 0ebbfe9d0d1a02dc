package ui

import (
	"fmt"
	"time"

	"github.com/homing-mail/homing/profile"
)

var longHost = "a" + fmt.Sprintf("%0290d", 0) + ".tailspin.test"

// atHome and its like are mailboxes as Present makes them, by hand.
func atHome() Mailbox {
	return Mailbox{
		ID: "ann", Label: "ann@contoso.test", Address: "ann@contoso.test", Icon: AtHome,
		Sentence: "Your mailbox is at home on ex2.contoso.test.", Doing: "Looks again in 4 minutes.",
		Facts:   []Fact{{"Server", "ex2.contoso.test"}, {"Version", "15.2.1544.4"}, {"Since", "2 minutes ago"}},
		Actions: []Action{CheckNow}, Settled: true, Generation: 3, Journey: journey(),
	}
}

func journey() Journey {
	return Journey{
		Began: time.Date(2026, 3, 4, 9, 12, 30, 0, time.UTC), Took: "3.2 s",
		Stops: []Stop{{Host: "ex1.contoso.test", Failed: true}, {Host: "autodiscover.contoso.test", Directory: true}, {Host: "ex2.contoso.test", Home: true}},
		Hops: []Hop{
			{Reason: "does not know the mailbox", Took: "12 ms", Failed: true, Wire: []string{"POST https://ex1.contoso.test/mapi/emsmdb", "X-ResponseCode: 0", "ecUnknownUser (0x000003EB)"}},
			{Reason: "names another server", Took: "230 ms", Wire: []string{"POST https://autodiscover.contoso.test/autodiscover/autodiscover.xml", "200 OK"}},
			{Reason: "signed in", Took: "45 ms", Wire: []string{"POST https://ex2.contoso.test/mapi/emsmdb", "X-ResponseCode: 0"}},
		},
	}
}

func resting() Mailbox {
	b := atHome()
	b.Icon, b.Sentence, b.Doing, b.Actions = Resting, "Homing is paused.", "", []Action{Resume}
	return b
}

func looking() Mailbox {
	b := atHome()
	b.Icon, b.Sentence, b.Doing, b.Actions, b.Settled = Looking, "Looking for your mailbox.", "Asks around.", nil, false
	b.Live = []Look{{Done, "autodiscover.contoso.test", "answered in 20 ms"}, {Passed, "contoso.test", "nothing there"}, {Failed, "mx.contoso.test", "the certificate is another's"}, {UnderWay, "ex1.contoso.test", "is being asked"}}
	return b
}

func moving() Mailbox {
	b := atHome()
	b.Icon, b.Sentence, b.Doing, b.Settled = Moving, "Your mailbox is being moved. Mail will be back by itself.", "Looks again in 28 seconds.", true
	return b
}

func offline() Mailbox {
	b := atHome()
	b.Icon, b.Sentence, b.Doing = Offline, "There is no network.", "Looks again in 2 minutes."
	return b
}

func needsSignIn() Mailbox {
	b := atHome()
	b.Icon, b.Sentence, b.Doing = NeedsYou, "ex1.contoso.test wants your password.", ""
	b.Actions = []Action{SignIn, CheckNow}
	b.Need = &Need{Kind: NeedsSignIn, Host: "ex1.contoso.test", Realm: "*.contoso.test", User: "ann@contoso.test", Why: "the password was refused"}
	return b
}

func needsConsent() Mailbox {
	b := atHome()
	b.Icon, b.Sentence, b.Doing = NeedsYou, "Homing was sent to a server that it does not know yet: "+longHost, ""
	b.Actions = []Action{Allow, CheckNow}
	b.Facts = append(b.Facts, Fact{"Host", longHost})
	b.Need = &Need{Kind: NeedsConsent, Host: longHost}
	b.Journey.Stops = append(b.Journey.Stops, Stop{Host: longHost})
	b.Journey.Stops[2] = Stop{Host: "ex2.contoso.test"}
	b.Journey.Hops[2] = Hop{Reason: "redirect", Took: "1.4 s"}
	return b
}

// one is a Model with these mailboxes, of which the first is the most urgent.
func one(all ...Mailbox) Model {
	m := Model{Mailboxes: all, Icon: Looking, Sentence: "Homing starts."}
	if len(all) > 0 {
		m.Icon, m.Sentence = all[0].Icon, all[0].Sentence
	}
	return m
}

func ben() Mailbox {
	b := atHome()
	b.ID, b.Label, b.Address, b.Generation = "ben", "Ben at work", "ben@fabrikam.test", 1
	b.Sentence, b.Journey = "Your mailbox is at home on mx1.fabrikam.test.", Journey{}
	return b
}

// generations are n saved ones, the oldest first.
func generationsOf(n int) []profile.Generation {
	all := make([]profile.Generation, n)
	for i := range all {
		g := &all[i]
		g.Profile.ID, g.Profile.Generation = "ann", uint64(i+1)
		g.Profile.Saved = time.Date(2026, 2, 27, 9, 0, 90*i, 0, time.UTC)
		g.Reason.Text = fmt.Sprintf("ex%d.contoso.test said ecWrongServer", i)
		if i == 0 {
			g.Reason.Text = "set up"
		}
		old := fmt.Sprintf("ex%d.contoso.test", i)
		if i == 0 {
			old = ""
		}
		g.Changes = []profile.Change{
			{Field: "server", Old: old, New: fmt.Sprintf("ex%d.contoso.test", i+1)},
			{Field: "mailbox url", Old: "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=75e3a4c5-6a1b-4f0a-9a3b-51e7bdc4d9a0@contoso.test", New: "https://ex2.contoso.test/mapi/emsmdb/?MailboxId=75e3a4c5-6a1b-4f0a-9a3b-51e7bdc4d9a0@contoso.test"},
		}
	}
	return all
}

// twelve is a journey of 12 hops that meets some servers twice.
func twelve() Journey {
	j := Journey{Began: time.Date(2026, 3, 4, 9, 12, 30, 0, time.UTC), Took: "31 s"}
	for i := range 12 {
		j.Stops = append(j.Stops, Stop{Host: fmt.Sprintf("ex%d.contoso.test", i%5), Failed: i%3 == 0, Directory: i%3 == 1, Home: i == 11})
		j.Hops = append(j.Hops, Hop{Reason: "redirect", Took: fmt.Sprintf("%d ms", i), Failed: i%3 == 0, Wire: []string{fmt.Sprintf("line %d", i)}})
	}
	return j
}
