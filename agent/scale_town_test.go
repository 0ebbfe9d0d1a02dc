package agent_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/mockserver"
	"github.com/homing-mail/homing/profile"
)

// town is a number of people at their own machines, each with an agent and one
// mailbox, before one mock world in one bubble. Nothing is shared between the
// agents but the network.
type town struct {
	t       *testing.T
	srv     *mockserver.Server
	network logonclient.Network
	pace    agent.Pace
	began   time.Time
	people  []*resident

	asked map[string][]time.Duration // when each host was
	calls map[int]*caller            // by connection
	seq   int                        // of the last request that was read
}

// resident is one person's machine.
type resident struct {
	user     string
	agent    *agent.Agent
	store    *profile.Memory
	id       profile.ID
	stop     func()        // ends the agent and waits for it
	home     time.Duration // when it was set up
	requests int           // over all its connections; counted when the town is closed
}

// caller is a connection: the requests over it, and whose they are.
type caller struct {
	user     string
	requests int
}

// townWorld is contoso.test, whose ex1 holds the mailboxes of a population, with
// another server there and one in fabrikam.test.
func townWorld(population int) mockserver.World {
	return mockserver.World{
		Forests: []mockserver.Forest{
			{Name: "contoso.test", Servers: []mockserver.ServerSite{{Name: "ex1"}, {Name: "ex2"}}},
			{Name: "fabrikam.test", Servers: []mockserver.ServerSite{{Name: "mx1"}}},
		},
		Populations: []mockserver.Population{{Count: population, Server: "ex1"}},
	}
}

// target is the server that the i-th mailbox of a town moves to.
func target(i int) string { return []string{"ex2", "mx1"}[i%2] }

func hostOf(server string) string {
	return map[string]string{"ex2": "ex2.contoso.test", "mx1": "mx1.fabrikam.test"}[server]
}

// newTown makes a town for the last n of a population.
func newTown(t *testing.T, population, n int) *town {
	t.Helper()
	srv, err := mockserver.New(townWorld(population))
	if err != nil {
		t.Fatal(err)
	}
	w := &town{
		t: t, srv: srv, network: logonclient.Network{Dial: srv.Dial, RootCAs: srv.RootCAs()},
		began: time.Now(), asked: make(map[string][]time.Duration), calls: make(map[int]*caller),
	}
	for i := range n {
		w.people = append(w.people, &resident{user: fmt.Sprintf("u%06d", population-n+i+1), stop: func() {}})
	}
	t.Cleanup(w.end) // of a test that failed half-way
	return w
}

// moveIn sets up r's mailbox with an agent of its own, and with a name to sign in
// that is good in both forests.
func (w *town) moveIn(r *resident) {
	w.t.Helper()
	challenges := new(logonclient.Challenges)
	logon := &logonclient.Client{Network: w.network, Challenges: challenges}
	discover := &autodiscover.Client{Network: w.network, Challenges: challenges}
	r.store, r.home = new(profile.Memory), w.now()
	r.agent = agent.New(agent.Config{
		Store:    r.store,
		Secrets:  &profile.SecretStore{Enabled: []string{"memory"}},
		Consents: &people{trusted: []string{"*.fabrikam.test"}},
		Logon: func(ctx context.Context, t logonclient.Target) (agent.Session, error) {
			s, err := logon.Logon(ctx, t)
			if err != nil {
				return nil, err
			}
			return s, nil
		},
		Resolve:   logon.Resolve,
		Discover:  discover.Discover,
		Pace:      w.pace,
		SecretRef: func(id profile.ID, realm string) string { return fmt.Sprintf("memory:%s %s", id, realm) },
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.agent.Run(ctx) }()
	r.stop = func() {
		r.stop = func() {}
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("the agent of %s ended: %v", r.user, err)
		}
	}
	var err error
	r.id, err = r.agent.Do(ctx, agent.Command{Op: agent.Add, Address: r.user + "@contoso.test",
		User: `TOWN\` + r.user, Secret: trust.NewSecret(mockserver.DefaultPassword)})
	if err != nil {
		w.t.Fatal(err)
	}
}

// move moves the i-th mailbox to its target, at once.
func (w *town) move(i int) {
	w.t.Helper()
	if err := w.srv.Move(w.people[i].user, target(i), "", mockserver.MoveOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

// now is the virtual time since the town was made.
func (w *town) now() time.Duration { return time.Since(w.began) }

// until lets virtual time pass, and reads the record on the way.
func (w *town) until(at time.Duration) {
	w.t.Helper()
	for w.now() < at {
		<-time.After(min(at-w.now(), 10*time.Second))
		synctest.Wait()
		w.read()
	}
}

// read takes over the record of the mock, so that it never overflows.
func (w *town) read() {
	w.t.Helper()
	for _, r := range w.srv.Requests() {
		if w.seq++; r.Seq != w.seq {
			w.t.Fatalf("request %d follows on %d: the record has overflowed", r.Seq, w.seq-1)
		}
		w.asked[r.Host] = append(w.asked[r.Host], r.Time.Sub(w.began))
		c := w.calls[r.Conn]
		if c == nil {
			c = new(caller)
			w.calls[r.Conn] = c
		}
		c.requests++
		if r.User != "" {
			c.user = strings.TrimPrefix(r.User, `TOWN\`)
		}
	}
	w.srv.Forget()
}

// forget starts the count of each host anew.
func (w *town) forget() { clear(w.asked) }

// wantHome checks that r is online at host with that generation, on the screen
// and in the store.
func (w *town) wantHome(r *resident, host string, generation uint64) {
	w.t.Helper()
	var got string
	for status, err := range r.agent.Watch(context.Background()) {
		if err != nil || len(status.Mailboxes) != 1 {
			w.t.Fatalf("%s: %+v, %v; want one mailbox", r.user, status, err)
		}
		m := status.Mailboxes[0]
		got = fmt.Sprintf("%s at %s", shown(m), m.Server)
		break
	}
	if want := fmt.Sprintf("online generation %d at %s", generation, host); got != want {
		w.t.Fatalf("%s: %s, want %s", r.user, got, want)
	}
	p, err := r.store.Load(context.Background(), r.id)
	if err != nil || p.Place() != host || p.Generation != generation || !p.Proven {
		w.t.Fatalf("%s: the profile points at %s, generation %d, proven %v, %v; want %s, generation %d", r.user, p.Place(), p.Generation, p.Proven, err, host, generation)
	}
}

// end ends the agents and the world.
func (w *town) end() {
	for _, r := range w.people {
		r.stop()
	}
	if err := w.srv.Close(); err != nil {
		w.t.Error(err)
	}
}

// close ends the agents and the world, and counts whose requests there were.
func (w *town) close() {
	w.t.Helper()
	w.end()
	w.read()
	of := make(map[string]*resident)
	for _, r := range w.people {
		of[r.user] = r
	}
	for n, c := range w.calls {
		if of[c.user] == nil {
			w.t.Fatalf("connection %d is nobody's: %+v", n, c)
		}
		of[c.user].requests += c.requests
	}
}

// overrun returns what each host got more than it was given, sorted.
func (w *town) overrun(given map[string]rate) (found []string) {
	for host, at := range w.asked {
		for _, window := range []time.Duration{time.Second, 10 * time.Second} {
			if broken := given[host].broken(at, window); broken != "" {
				found = append(found, host+": "+broken)
			}
		}
	}
	slices.Sort(found)
	return found
}
