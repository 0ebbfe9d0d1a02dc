package agent_test

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/homing-mail/homing/agent"
)

// TestScenarioOverLoopback plays a move of each kind over sockets of the
// machine and in real time: the bubbles have neither. How often a host is asked
// depends on the clock here, so that requests are not counted.
func TestScenarioOverLoopback(t *testing.T) {
	const world = `
forest = [
    { name = "contoso.test", server = [{ name = "ex1" }, { name = "ex2" }] },
    { name = "fabrikam.test", server = [{ name = "mx1" }] },
]
mailbox = [{ user = "ann", server = "ex1" }]
`
	for _, tt := range []struct{ name, script, want string }{
		{"to another server of the forest", `
start
setup ann@contoso.test
await online generation 1
world move ann ex2
await online generation 2
`, `
server ex2.contoso.test
generation 2
state online
signed autodiscover.contoso.test ex1.contoso.test ex2.contoso.test
changes server, mailbox url, address book, repl guid
saves 2
`},
		{"to another forest", `
policy *.fabrikam.test
start
setup ann@contoso.test
await online generation 1
world move ann mx1
await online generation 2
`, `
server mx1.fabrikam.test
generation 2
state online
signed autodiscover.contoso.test autodiscover.fabrikam.test ex1.contoso.test mx1.fabrikam.test
changes server, mailbox url, address book, legacy dn, autodiscover, repl guid
saves 2
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			p := newPlayer(t, world)
			defer p.close()
			if err := p.srv.Listen("127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			p.network.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, p.srv.Addr())
			}
			p.pace = agent.Pace{Probe: time.Millisecond, Turn: -1}
			p.settle = func() {} // await watches
			p.patience = 30 * time.Second
			if err := p.play(tt.script); err != nil {
				t.Errorf("%v\n%s", err, p.trace())
			}
			facts := slices.DeleteFunc(p.facts(), func(fact string) bool { return keyword(fact) == "requests" })
			for _, wrong := range judge(tt.want, facts) {
				t.Error(wrong)
			}
		})
	}
}
