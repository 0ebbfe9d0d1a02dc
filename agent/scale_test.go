package agent_test

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/mockserver"
)

var scale = flag.Int("scale.n", 100, "how many agents live through a cut-over; 10000 without -race, see make scale")

// The requests of one agent, by hand. Every agent is a process of its own, so
// that each host challenges it once.
const (
	// Autodiscover: challenge, settings. The server: challenge, Connect,
	// RopLogon, RopRegisterNotification, NotificationWait.
	setup = 2 + 5
	// The old server: probe (ecInvalidObject), Connect, RopLogon
	// (ecWrongServer), Disconnect. Its address book: Bind, GetMailboxUrl,
	// GetAddressBookUrl, Unbind. The new server: challenge, Connect, RopLogon,
	// RopRegisterNotification, NotificationWait.
	withinForest = 4 + 4 + 5
	// The old server: probe, Connect (ecUnknownUser). Its Autodiscover:
	// RedirectUrl. The other one: challenge, settings. The new server: five.
	acrossForests = 2 + 1 + 2 + 5
	goodbye       = 1 // Disconnect
)

// stride goes through all agents in an order that has nothing to do with that in
// which they came.
const stride = 7919

// round is how long a NotificationWait stays open ([MS-OXCMAPIHTTP] 3.2.5.5);
// then come a probe and the next one.
const round = 5 * time.Minute

// clock is what an agent asks by the clock that is online for d.
func clock(d time.Duration) int { return 2 * int(d/round) }

// The settings of this town do not say how long they hold, which means an hour;
// then they are asked for anew, within a quarter of one. The same place costs one
// request. A move that Autodiscover tells of before the session shows it, within a
// minute, is followed twice: once beside the session, in vain (the question, at
// most the challenge and settings of another forest, three requests of the logon
// and a Disconnect), and once more as always.
const (
	ttl    = time.Hour
	spread = ttl / 4
	inVain = 1 + 2 + 3 + 1
)

// renewals bounds what an agent asks on account of settings that were issued at
// home, and where the move led to another forest again when it was noticed.
func renewals(home, moved, noticed time.Duration, across bool) (least, most int) {
	back := noticed + agent.DefaultPace().Turn
	if !across && max(home+ttl, back)+spread <= evening || across && home+ttl+spread <= moved {
		least = 1
	}
	if issued := home - time.Second; issued+ttl <= noticed || !across && issued+ttl <= evening || across && noticed+ttl <= evening {
		most = 1
		if issued+ttl <= noticed && home+ttl+spread > moved && noticed > moved {
			most += inVain
		}
	}
	return least, most
}

// noticed is when an agent that has been online since home sees a move: at once,
// but not within a minute of its latest probe (Pace.Probe).
func noticed(home, move time.Duration) time.Duration {
	if rounds := (move - home) / round; rounds > 0 {
		return max(move, home+rounds*round+time.Minute)
	}
	return move
}

// The cut-over: people come to work within five minutes, and within an hour
// each mailbox is moved. No two of these moments are whole rounds of the clock
// apart.
const (
	arrival = 5 * time.Minute
	cutover = 10*time.Minute + 7123457*time.Microsecond
	hour    = time.Hour
	evening = cutover + hour + 7*time.Minute + 1234567*time.Microsecond
)

// givenAtArrival and givenAtCutover are what n agents may ask of each host: two
// requests of Autodiscover and five of the server within five minutes; then two
// each five minutes where the mailbox is, and within the hour eight or two where
// it was, five where it comes to, and for every other agent one and two of
// Autodiscover, which is asked once more by everybody within the quarter of an hour
// in which the settings of a morning run out, and by those whose new ones do. A fifth more is given, and a burst of agents that meet: each takes
// its turn at random, and the burst is some six times the spread of that.
func givenAtArrival(n int) map[string]rate {
	return map[string]rate{
		"autodiscover.contoso.test": {10, 2. / 300 * 1.2 * float64(n)},
		"ex1.contoso.test":          {10, 5. / 300 * 1.2 * float64(n)},
	}
}

func givenAtCutover(n int) map[string]rate {
	return map[string]rate{
		"ex1.contoso.test":           {70, (2./300 + 5./3600) * 1.2 * float64(n)},
		"ex2.contoso.test":           {70, (1./300 + 2.5/3600) * 1.2 * float64(n)},
		"mx1.fabrikam.test":          {70, (1./300 + 2.5/3600) * 1.2 * float64(n)},
		"autodiscover.contoso.test":  {40, (.5/3600 + 1./900) * 1.2 * float64(n)},
		"autodiscover.fabrikam.test": {40, (1. + .5) / 3600 * 1.2 * float64(n)},
	}
}

// cost is what a cut-over of n agents took.
type cost struct {
	n         int
	real, cpu time.Duration
	held      int64 // bytes of heap and stacks while all are at home
	allocated int64 // bytes, in all
	requests  int
	busiest   int // requests to one host in one second, at the cut-over
}

// TestACutOver: n agents, each a process of its own in memory, live through the
// cut-over of all their mailboxes within an hour, half of them to another server
// of the forest and half to another forest. All of them come home, each by the
// requests that were counted by hand, no server is asked faster than it was
// given, and n agents cost n times what one costs. A bubble that ends proves
// that no goroutine was left.
func TestACutOver(t *testing.T) {
	var all []cost
	for _, n := range []int{30, 100, 300, 1000, 3000, 10_000} {
		if n <= *scale {
			all = append(all, cutOver(t, n))
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%8s%10s%10s%14s%14s%18s%18s%14s\n", "agents", "real s", "cpu s", "cpu ms/agent", "KiB/agent", "alloc KiB/agent", "requests/agent", "most in 1 s")
	for _, c := range all {
		n := float64(c.n)
		fmt.Fprintf(&table, "%8d%10.1f%10.1f%14.2f%14.1f%18.1f%18.4f%14d\n", c.n, c.real.Seconds(), c.cpu.Seconds(), c.cpu.Seconds()*1000/n,
			float64(c.held)/1024/n, float64(c.allocated)/1024/n, float64(c.requests)/n, c.busiest)
	}
	t.Logf("\n%s", table.String())
	last := all[len(all)-1]
	for _, c := range all[:len(all)-1] {
		c.atMost(t, 1.05, "requests", last, func(c cost) int64 { return int64(c.requests) }) // those by the clock depend on who moves when
		if c.n >= 1000 || last.n <= 1000 {
			c.atMost(t, 1.3, "bytes held", last, func(c cost) int64 { return c.held })
			c.atMost(t, 1.3, "bytes allocated", last, func(c cost) int64 { return c.allocated })
		}
		if c.n >= 1000 { // a smaller number is over in no time
			c.atMost(t, 2, "time of the processor", last, func(c cost) int64 { return int64(c.cpu) })
		}
	}
}

// atMost checks that an agent among as many as last has costs at most times
// what it costs among as many as c has.
func (c cost) atMost(t *testing.T, times float64, what string, last cost, of func(cost) int64) {
	t.Helper()
	if few, many := float64(of(c))/float64(c.n), float64(of(last))/float64(last.n); many > times*few {
		t.Errorf("%s an agent: %.0f among %d, %.0f among %d, more than %.1f times", what, few, c.n, many, last.n, times)
	}
}

func cutOver(t *testing.T, n int) cost {
	c := cost{n: n}
	began, cpu, allocated := time.Now(), processorTime(), totalAlloc()
	synctest.Test(t, func(t *testing.T) {
		empty := held()
		w := newTown(t, n, n)
		step := func(d time.Duration, i int) time.Duration { return d * time.Duration(i) / time.Duration(n) }
		for i, r := range w.people {
			w.until(step(arrival, i))
			w.moveIn(r)
		}
		w.until(arrival)
		for _, broken := range w.overrun(givenAtArrival(n)) {
			t.Error("at arrival: " + broken)
		}
		w.forget()

		w.until(cutover)
		for _, r := range w.people {
			w.wantHome(r, "ex1.contoso.test", 1)
		}
		c.held = held() - empty
		moved := make([]time.Duration, n)
		for k := range n {
			i := k * stride % n
			w.until(cutover + step(hour, k))
			w.move(i)
			moved[i] = w.now()
		}
		w.until(evening)
		for i, r := range w.people {
			w.wantHome(r, hostOf(target(i)), 2)
		}
		for _, broken := range w.overrun(givenAtCutover(n)) {
			t.Error("at the cut-over: " + broken)
		}
		for _, at := range w.asked {
			_, most := busiest(at, time.Second)
			c.busiest = max(c.busiest, most)
		}
		w.close()
		for i, r := range w.people {
			before, after := clock(moved[i]-r.home), evening-noticed(r.home, moved[i])
			least, most := renewals(r.home, moved[i], noticed(r.home, moved[i]), target(i) == "mx1")
			least += setup + repair(i) + before + clock(after-agent.DefaultPace().Turn) + goodbye
			most += setup + repair(i) + before + clock(after) + goodbye
			if r.requests < least || r.requests > most {
				t.Errorf("%s asked %d times, want %d to %d", r.user, r.requests, least, most)
			}
			c.requests += r.requests
		}
	})
	c.real, c.cpu, c.allocated = time.Since(began), processorTime()-cpu, totalAlloc()-allocated
	return c
}

// repair is what follows on the move of the i-th mailbox.
func repair(i int) int { return []int{withinForest, acrossForests}[i%2] }

// TestAHerdIsSpread: half as many people, and all their mailboxes are moved in
// one instant, as when a database is mounted elsewhere. Each probes its session at
// once and then waits for its turn, so that the new servers are asked by at most
// twice the even share of a second; without turns no host escapes notice.
func TestAHerdIsSpread(t *testing.T) {
	n := *scale / 2
	given := map[string]rate{
		"ex1.contoso.test":           {40 + n, 9. / 2 / 30 * 2 * float64(n)},
		"ex2.contoso.test":           {60, 5. / 2 / 30 * 2 * float64(n)},
		"mx1.fabrikam.test":          {60, 5. / 2 / 30 * 2 * float64(n)},
		"autodiscover.contoso.test":  {18, 1. / 2 / 30 * 2 * float64(n)},
		"autodiscover.fabrikam.test": {24, 2. / 2 / 30 * 2 * float64(n)},
	}
	for _, broken := range herd(t, n, agent.Pace{}, given) {
		t.Error(broken)
	}
	overrun := strings.Join(herd(t, n, agent.Pace{Turn: -1}, given), "\n")
	for host := range given {
		if !strings.Contains(overrun, host+": ") {
			t.Errorf("%d mailboxes moved in one instant, nobody waits for a turn, and %s is not said to be overrun", n, host)
		}
	}
}

// herd plays the move of n mailboxes in one instant, and returns what each host
// got more than it was given.
func herd(t *testing.T, n int, pace agent.Pace, given map[string]rate) (broken []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, n, n)
		w.pace = pace
		for i, r := range w.people {
			w.until(arrival * time.Duration(i) / time.Duration(n))
			w.moveIn(r)
		}
		w.until(cutover)
		w.forget()
		for i := range n {
			w.move(i)
		}
		w.until(cutover + 2*time.Minute)
		for i, r := range w.people {
			w.wantHome(r, hostOf(target(i)), 2)
		}
		for host, at := range w.asked {
			_, most := busiest(at, time.Second)
			t.Logf("%d agents, turn %v: %s is asked %d times in a second", n, pace.Turn, host, most)
		}
		broken = w.overrun(given)
		w.close() // all of them say goodbye at once
	})
	return broken
}

// TestALargeWorld: a hundred mailboxes for each agent, at scale a million. It
// starts with at most 256 bytes a mailbox, and in it a mailbox is followed by as
// many requests as in a small one.
func TestALargeWorld(t *testing.T) {
	population := 100 * *scale
	began, before := time.Now(), held()
	srv, err := mockserver.New(townWorld(population))
	if err != nil {
		t.Fatal(err)
	}
	took, each := time.Since(began), float64(held()-before)/float64(population)
	srv.Close()
	t.Logf("%d mailboxes start in %.2f s with %.0f bytes each", population, took.Seconds(), each)
	if each > 256 {
		t.Errorf("%.0f bytes a mailbox, want at most 256", each)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, population, 2)
		for i, r := range w.people {
			w.moveIn(r)
			w.until(w.now() + time.Second)
			w.move(i)
			w.until(w.now() + time.Minute)
			w.wantHome(r, hostOf(target(i)), 2)
		}
		w.close()
		for i, r := range w.people {
			if want := setup + repair(i) + goodbye; r.requests != want {
				t.Errorf("%s asked %d times, want %d", r.user, r.requests, want)
			}
		}
	})
}

// held is how many bytes the heap and the stacks hold.
func held() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

func totalAlloc() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.TotalAlloc)
}
