package agent_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/mockserver"
)

// FuzzBothEnds lets the agent with its clients and the mock world play against
// each other: each pair of bytes of the script is something that happens in the
// world, faults on top of moves on top of outages, then time passes. When all of it
// is over and the person has answered who is asked, the mailbox is at home; and at
// no time is a place saved that was not proven, or does a host see credentials that
// may not.
func FuzzBothEnds(f *testing.F) {
	f.Add(uint8(0), []byte{0, 1})
	f.Add(uint8(1), []byte{0, 1, 1, 7, 0, 2, 6, 3, 0, 0})
	f.Add(uint8(2), []byte{1, 40, 0, 1, 2, 0, 0, 2, 5, 0, 1, 99})
	f.Add(uint8(3), []byte{4, 1, 0, 2, 7, 9, 3, 0, 1, 130, 0, 1})
	f.Add(uint8(4), []byte{1, 200, 1, 17, 1, 33, 0, 2, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, flavour uint8, script []byte) {
		synctest.Test(t, func(t *testing.T) { playBytes(t, flavour, script[:min(len(script), 24)&^1]) })
	})
}

// fuzzFlavours are products that speak MAPI/HTTP, or whose codes are played over
// it, and take a password.
var fuzzFlavours = []string{"exchange-se", "exchange-2013", "exchange-2010", "exchange-2016", "exchange-2007", "gromox"}

func playBytes(t *testing.T, flavour uint8, script []byte) {
	p := newPlayer(t, fmt.Sprintf(`
forest = [
    { name = "contoso.test", flavour = %q, server = [{ name = "ex1" }, { name = "ex2" }] },
    { name = "fabrikam.test", server = [{ name = "mx1" }] },
]
mailbox = [{ user = "ann", server = "ex1" }]
hostility = { seed = %d }
`, fuzzFlavours[int(flavour)%len(fuzzFlavours)], 1+int(flavour)))
	defer p.close()
	must := func(err error) {
		if err != nil {
			t.Errorf("%v\n%s", err, p.trace())
		}
	}
	must(p.play("policy *.fabrikam.test\nstart\nsetup ann@contoso.test\nawait online generation 1"))
	for i := 0; i < len(script) && !t.Failed(); i += 2 {
		line := happening(script[i], int(script[i+1]))
		p.note("", "> "+line)
		p.srv.Do(line) // what the world refuses does not happen
		<-time.After(time.Duration(script[i]/8) * time.Minute)
		p.settle()
		p.checkSight(t, false)
	}
	p.srv.MendAll()
	for _, host := range []string{"ex1", "ex2", "mx1", "autodiscover.contoso.test", "autodiscover.fabrikam.test"} {
		p.srv.On(host)
		p.srv.LimitRate(host, 0)
	}
	p.srv.Finish("ann")
	p.srv.Replicate("ann")
	for _, forest := range []string{"contoso.test", "fabrikam.test"} {
		p.srv.Outage(forest, false)
		p.srv.Enable("ann", forest)
	}
	at, err := p.srv.Where("ann")
	must(err)
	for began := time.Now(); !t.Failed(); {
		<-time.After(10 * time.Minute)
		p.settle()
		p.checkSight(t, true)
		switch m := p.status().Mailboxes[0]; {
		case m.State == agent.Online && strings.HasSuffix(m.Server, at.Forest): // by whichever front end

			return
		case time.Since(began) > 24*time.Hour:
			t.Errorf("it is not in %s after a day, but %s\n%s", at.Forest, shown(m), p.trace())
		case m.Needs != nil && m.Needs.Kind == agent.NeedSignIn:
			must(p.do(fmt.Sprintf("signin %s %s", m.Needs.Realm, worldPassword)))
		}
	}
}

// checkSight fails the test where a claim of the matrix is broken.
func (p *player) checkSight(t *testing.T, rested bool) {
	s := p.sight(p.status().Mailboxes[0])
	if !rested {
		s.state = agent.Waiting
	}
	for _, wrong := range s.broken(s.place, []string{".contoso.test", ".fabrikam.test"}) {
		t.Errorf("%s\n%s", wrong, p.trace())
	}
}

// happening is a line of the mock's script.
func happening(kind byte, n int) string {
	of := func(list ...string) string { return list[n%len(list)] }
	host := of("ex1.contoso.test", "ex2.contoso.test", "mx1.fabrikam.test", "autodiscover.contoso.test", "autodiscover.fabrikam.test")
	switch kind % 8 {
	case 0:
		return "move ann " + of("ex1", "ex2", "mx1", "ex2 lag", "mx1 lag", "mx1 no-x500", "ex1 invalidate=null", "mx1 invalidate=context")
	case 1:
		kinds := mockserver.FaultKinds()
		k := kinds[n%len(kinds)]
		f := mockserver.Fault{Do: k.Name, Times: []int{1, 3, mockserver.Always}[n%3]}
		if len(k.Samples) > 0 {
			f.With = k.Samples[n/3%len(k.Samples)]
		}
		if strings.HasPrefix(host, "ex") || strings.HasPrefix(host, "mx") || slices.Contains(k.Endpoints, mockserver.EndpointAutodiscover) {
			f.At = host
		}
		return "fault " + f.String()
	case 2:
		return "mend all"
	case 3:
		return "off " + host
	case 4:
		return "outage " + of("contoso.test on", "fabrikam.test on", "contoso.test off", "fabrikam.test off")
	case 5:
		return of("start ann ex2", "start ann mx1", "lock ann", "finish ann", "cancel ann", "replicate ann")
	case 6:
		return "on " + host
	}
	return of("disable ann contoso.test", "enable ann contoso.test", "rate ex1 1", "rate mx1 1", "notify ann", "disable ann fabrikam.test")
}
