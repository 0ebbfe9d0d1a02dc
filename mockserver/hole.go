package mockserver

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Hole is a host that swallows connections, as behind a firewall that drops
// packets.
type Hole struct {
	Host    string `toml:"host"`
	Accepts bool   `toml:"accepts"` // connections come about, and nothing is ever said; false: none ever does
}

// How a host swallows connections.
const (
	HoleDrops   = "drops"   // a connection never comes about; on a loopback listener as HoleAccepts
	HoleAccepts = "accepts" // a connection comes about, and nothing is ever said
	HoleOff     = "off"     // it does not
)

// Swallow makes a server, by its name, or any host, which may be new, a black
// hole, at every port; how is one of the Hole constants. Open connections break.
func (s *Server) Swallow(name, how string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ways := []string{HoleDrops, HoleAccepts, HoleOff}
	at, err := s.site(name)
	switch {
	case !slices.Contains(ways, how):
		return fmt.Errorf("hole %q: want one of %s", cut(how, 40), strings.Join(ways, ", "))
	case err != nil && how != HoleOff && isHost(name) && s.dir.dns.cnames[name] == "":
		return s.dir.addHole(Hole{Host: name, Accepts: how == HoleAccepts})
	case err != nil:
		return err
	case how == HoleOff && at.hole == "":
		return fmt.Errorf("%s is none already", name)
	case how == HoleOff:
		at.hole = ""
	default:
		at.hole = how
	}
	s.hangUp(at.host)
	return nil
}

func (d *directory) addHole(h Hole) error {
	at := &site{host: h.Host, hole: HoleDrops}
	if h.Accepts {
		at.hole = HoleAccepts
	}
	return d.addSite(at)
}

// hang never answers: it ends when the client or the server goes.
func (x *exchange) hang() {
	x.Said = "swallowed"
	x.s.record.add(x.Request)
	select {
	case <-x.r.Context().Done():
	case <-x.s.done:
	}
	panic(http.ErrAbortHandler)
}

// swallow reads until the connection ends.
func swallow(c io.Reader) { io.Copy(io.Discard, c) }
