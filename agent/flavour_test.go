package agent_test

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// TestEveryGenerationIsFollowed moves a mailbox from each product that the mock
// plays and that takes a password to each other one, and within each, in four ways:
// at once, slowly with a lock, while the directories lag behind, and while the
// directory of the source is out for an hour. Exchange 2003 has no Autodiscover of
// its own: a newer member of its forest answers.
func TestEveryGenerationIsFollowed(t *testing.T) {
	products := []string{"exchange-2003", "exchange-2007", "exchange-2010", "exchange-2013", "exchange-2016", "exchange-se", "gromox"}
	for _, from := range products {
		for _, to := range products {
			for name, script := range map[string]string{
				"at once":                    "world move ann %s",
				"with a lock":                "world start ann %s\nsleep 2m\nworld lock ann\nsleep 7m\nworld finish ann",
				"while directories lag":      "world move ann %s lag\nsleep 20m\nworld replicate ann",
				"while the directory is out": "world outage contoso.test on\nworld move ann %s\nsleep 1h\nworld outage contoso.test off",
			} {
				t.Run(fmt.Sprintf("%s to %s %s", from, to, name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { moveBetween(t, from, to, fmt.Sprintf(script, "mx1")) })
				})
			}
		}
		t.Run(from+" within the forest", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { moveBetween(t, from, "exchange-se", "world move ann ex2") })
		})
	}
}

func moveBetween(t *testing.T, from, to, script string) {
	p := newPlayer(t, fmt.Sprintf(`
[[forest]]
name = "contoso.test"
flavour = %q
server = [{ name = "ex1" }, { name = "ex2" }%s]

[[forest]]
name = "fabrikam.test"
flavour = %q
server = [{ name = "mx1" }%s]

[[mailbox]]
user = "ann"
server = "ex1"
`, from, newer(from, "cas1"), to, newer(to, "cas2")))
	defer p.close()
	for _, part := range []string{"policy *.fabrikam.test\nstart\nsetup ann@contoso.test\nawait online generation 1\nsleep 2m", script, "sleep 3h\nawait online"} {
		if err := p.play(part); err != nil {
			t.Fatalf("%v\n%s", err, p.trace())
		}
	}
	at, err := p.srv.Where("ann")
	if err != nil {
		t.Fatal(err)
	}
	last := p.srv.Requests()[len(p.srv.Requests())-1]
	s := p.sight(p.status().Mailboxes[0])
	if len(s.unproven) > 0 || last.Said != "waiting" || last.Host[len(last.Host)-len(at.Forest):] != at.Forest {
		t.Errorf("the mailbox is on %s.%s; the profile points to %s, the last request got %q of %s; unproven %q\n%s",
			at.Server, at.Forest, s.place, last.Said, last.Host, s.unproven, p.trace())
	}
}

// newer is a member of the forest that has an Autodiscover, where the others have
// none.
func newer(product, name string) string {
	if product != "exchange-2003" {
		return ""
	}
	return fmt.Sprintf(", { name = %q, flavour = \"exchange-2007\" }", name)
}
