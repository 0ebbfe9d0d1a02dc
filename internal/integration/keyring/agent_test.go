//go:build integration

package keyring

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/mockserver"
	"github.com/homing-mail/homing/profile"
)

// runAgent starts an agent over the paths, as the commands do, that reaches the world alone.
func runAgent(t *testing.T, paths program.Paths, world *mockserver.Server) *program.Running {
	t.Helper()
	config, err := program.LoadConfig(paths)
	must(t, err)
	p, err := program.Open(paths, config, nil)
	must(t, err)
	p.LogonClient.Network.Dial, p.LogonClient.Network.RootCAs = world.Dial, world.RootCAs()
	p.DiscoverClient.Network = p.LogonClient.Network
	running, err := p.Alone(t.Context(), func(c *agent.Config) { c.Once = false })
	must(t, err)
	return running
}

// becomes waits until the one mailbox is as it should be.
func becomes(t *testing.T, service agent.Service, what string, done func(agent.Mailbox) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var last agent.Status
	for status, err := range service.Watch(ctx) {
		if err != nil {
			break
		}
		if last = status; len(status.Mailboxes) == 1 && done(status.Mailboxes[0]) {
			return
		}
	}
	t.Fatalf("not %s after 30 s: %+v", what, last.Mailboxes)
}

func TestAnAgentComesBackByItselfWhenTheKeyringIsUnlocked(t *testing.T) { each(t, comesBack) }

func comesBack(t *testing.T, p *peer) {
	dir := t.TempDir()
	paths := program.Paths{Config: filepath.Join(dir, "config.toml"), Policy: filepath.Join(dir, "policy.toml")}.In(filepath.Join(dir, "state"))
	must(t, os.WriteFile(paths.Config, []byte("[secrets]\nbackend = 'keyring'\n[pace]\nnetwork = ['1s', '2s']\n"), 0o600))
	world := mockserver.Start(t, "acquisition")
	online := func(m agent.Mailbox) bool { return m.State == agent.Online }
	locked := func(m agent.Mailbox) bool {
		return m.State == agent.NeedsYou && m.Problem != nil && m.Problem.Outcome == agent.NoSecret
	}

	first := runAgent(t, paths, world)
	var id profile.ID
	var err error
	p.written(t, func() {
		id, err = first.Do(t.Context(), agent.Command{Op: agent.Add, Address: "ann@contoso.test", Secret: trust.NewSecret(mockserver.DefaultPassword)})
		must(t, err)
	})
	becomes(t, first, "online", online)
	must(t, first.Close())
	if got, err := p.look(string(id) + " *.contoso.test"); got != mockserver.DefaultPassword {
		t.Errorf("the daemon has %q, %v", got, err)
	}

	must(t, p.lock())
	read, prompts := p.count(t, "Item.GetSecret"), p.count(t, "Service.Unlock")
	from := len(world.Requests())
	second := runAgent(t, paths, world)
	becomes(t, second, "waiting for the keyring", locked)
	for _, r := range world.Requests()[from:] {
		if r.Signed {
			t.Errorf("%s saw credentials while the keyring was locked", r.Host)
		}
	}
	if n := p.count(t, "Service.Unlock") - prompts; n > 0 {
		t.Errorf("the agent asked to unlock %d times", n)
	}
	must(t, p.unlock())
	becomes(t, second, "online again", online)
	if n := p.count(t, "Item.GetSecret") - read; n == 0 {
		t.Error("the agent logged on without the secret of the daemon")
	}

	// A session that is open needs no keyring; the next logon does.
	must(t, p.daemon.end())
	_, err = second.Do(t.Context(), agent.Command{Op: agent.CheckNow})
	must(t, err)
	becomes(t, second, "waiting for the daemon", locked)
	must(t, p.start())
	becomes(t, second, "online once more", online)

	// A secret that is there and wrong is another matter.
	must(t, p.replace(string(id)+" *.contoso.test", "not hers"))
	_, err = second.Do(t.Context(), agent.Command{Op: agent.CheckNow})
	must(t, err)
	becomes(t, second, "refused", func(m agent.Mailbox) bool {
		return m.State == agent.NeedsYou && m.Problem != nil && m.Problem.Outcome == agent.Unauthorized
	})

	_, err = second.Do(t.Context(), agent.Command{Op: agent.Forget, Profile: id})
	must(t, err)
	if items, err := p.items(string(id) + " *.contoso.test"); len(items) > 0 || err != nil {
		t.Errorf("after Forget the daemon has %v, %v", items, err)
	}
	must(t, second.Close())
}
