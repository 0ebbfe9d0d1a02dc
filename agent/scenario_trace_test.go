package agent_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/homing-mail/homing/mockserver"
	"github.com/homing-mail/homing/profile"
)

// note is a line of the trace that is no request.
type note struct {
	after int // requests that came before it
	who   profile.ID
	text  string
}

func (p *player) note(who profile.ID, text string) {
	seq := p.lastSeq()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notes = append(p.notes, note{seq, who, text})
}

// trace is the script, line by line, with the states and the requests that came
// of each; two lines that come again and again stand there once. Where there are several mailboxes, whose steps mingle as they like,
// those of each stand together, behind what nobody signed.
func (p *player) trace() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	var block []entry
	flush := func() {
		if len(p.address) > 1 {
			slices.SortStableFunc(block, func(a, b entry) int { return strings.Compare(a.who, b.who) })
		}
		who := ""
		for i := 0; i < len(block); i++ {
			if n := comesAgain(block, i); n > 5 { // the rounds of a session that nothing happens to
				fmt.Fprintf(&b, "    … %d times more\n", n)
				i += 2*n - 1
				continue
			}
			e := block[i]
			if len(p.address) > 1 && e.who != who {
				who = e.who
				fmt.Fprintf(&b, "%s:\n", who)
			}
			b.WriteString(e.text + "\n")
		}
		block = nil
	}
	requests := p.srv.Requests()
	until := func(seq int) {
		for len(requests) > 0 && requests[0].Seq <= seq {
			block = append(block, entry{requests[0].User, request(requests[0])})
			requests = requests[1:]
		}
	}
	for _, n := range p.notes {
		until(n.after)
		if n.who == "" { // a line of the script
			flush()
			b.WriteString(n.text + "\n")
		} else {
			block = append(block, entry{p.address[n.who], n.text})
		}
	}
	until(p.lastSeq())
	flush()
	return b.String()
}

// entry is a line of the trace, and whose it is.
type entry struct{ who, text string }

// comesAgain returns how often the two entries before the i-th come again from there.
func comesAgain(all []entry, i int) (n int) {
	for i >= 2 && i+1 < len(all) && all[i] == all[i-2] && all[i+1] == all[i-1] {
		n, i = n+1, i+2
	}
	return n
}

// request writes a request as a line of the trace.
func request(r mockserver.Request) string {
	what := r.Method
	switch {
	case r.RequestType != "":
		what = r.RequestType
	case r.Identity == "LegacyDN":
		what = "LegacyDN " + strings.Join(strings.SplitN(r.Asked, "/", 3)[:2], "/") + "/…"
	case r.Identity != "":
		what = r.Identity + " " + r.Asked
	}
	who := "nobody"
	if r.Signed {
		who = r.User
	}
	said := ": " + r.Said
	if r.RequestType == "NotificationWait" { // how it ends is a race where the client hangs up
		said = ""
	}
	return fmt.Sprintf("    %s  %s by %s%s", r.Host, what, who, said)
}
