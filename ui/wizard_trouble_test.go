package ui

import (
	"errors"
	"testing"
)

// What the wizard says where it cannot go on by itself.

func TestWizardSaysWhyAnAddressWasNotTaken(t *testing.T) {
	d, h := guided(t, Config{})
	h.fails = []error{errors.New("no agent is running")}
	d.begun("ann@contoso.test")
	d.reads("Where is your mailbox?", "no agent is running")
	if got := d.field(0).Text; got != "ann@contoso.test" {
		t.Errorf("the address is %q now", got)
	}
	h.told()
	d.tap("Next")
	h.wantTold(t, added)
	d.misses("no agent is running")
}

func TestWizardSaysThatTheAgentIsLost(t *testing.T) {
	d, _ := guided(t, Config{})
	d.begun("ann@contoso.test")
	m := one(after(1, seeking))
	d.see(m)
	m.Lost = "The agent does not answer."
	d.see(m)
	d.reads("The agent does not answer.", "Looking for ann@contoso.test")
	d.wantWhole()
	m.Lost = ""
	d.see(m)
	d.misses("The agent does not answer.")
}

func TestWizardOfAMailboxThatSomebodyForgets(t *testing.T) {
	d, h := guided(t, Config{})
	d.begun("ann@contoso.test")
	d.see(one(after(1, seeking)))
	d.see(Model{})
	d.reads("Where is your mailbox?")
	h.wantTold(t, added)
}

func TestWizardThatWaitsForAnAdministratorLooksAgain(t *testing.T) {
	d, h := guided(t, Config{})
	d.begun("ann@contoso.test")
	d.see(one(after(1, access)))
	d.wantWhole()
	d.tap("Copy")
	d.tap("Try again")
	h.wantTold(t, added, "check now "+string(annID))
	d.see(one(after(2, access)))
	d.reads("This is for your administrator")
}
