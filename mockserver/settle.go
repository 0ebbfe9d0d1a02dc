package mockserver

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/homing-mail/homing/internal/mapi"
)

// settle works out what s does: the keys of its forest win over its flavour.
func (s *server) settle() {
	told := s.forest.told
	s.names = cmp.Or(told.ServerName, s.flavour.serverName)
	s.refuseAt = cmp.Or(told.RefuseAt, s.flavour.refuseAt)
	s.unknown = mapi.EcUnknownUser
	if cmp.Or(told.Unknown, s.flavour.unknown) == "ecLoginFailure" {
		s.unknown = mapi.EcLoginFailure
	}
	s.mapi = !s.flavour.rpcOnly || s.forest.MAPI == MAPIStandIn
	s.product = []string{"Exchange/" + s.Version}
	s.period = []string{fmt.Sprint(s.flavour.pendingPeriod.Milliseconds())}
	if s.flavour.traces {
		label := strings.ToUpper(s.Name)
		s.backEnd = []string{label}
		for i := range max(s.flavour.frontEnds, 1) {
			s.frontEnds = append(s.frontEnds, []string{label + "-FE" + fmt.Sprint(i+1)})
		}
	}
}

// settle works out which product answers as the Autodiscover of f, and at which
// hosts, once its servers are there.
func (f *forest) settle() error {
	var oldest bool
	for _, s := range f.servers {
		oldest = oldest || s.flavour.rpcOnly
		if !s.flavour.noAutodiscover && (f.autodiscover == nil || s.flavour.newer(f.autodiscover)) {
			f.autodiscover = s.flavour
		}
	}
	if f.told.MAPI != "" && !oldest {
		return refused("mapi", f.MAPI, "forest %s: mapi says what servers before 2013 do, and none of its servers is one", f.Name)
	}
	if f.autodiscover == nil {
		if len(f.Autodiscover) > 0 {
			return refused("host", f.Autodiscover[0].Host,
				"forest %s: Exchange 2003 has no Autodiscover to answer at %s: add a server of a later flavour to the forest, or leave [[forest.autodiscover]] out",
				f.Name, f.Autodiscover[0].Host)
		}
		return nil
	}
	if len(f.Autodiscover) == 0 {
		f.Autodiscover = []Autodiscover{{Host: "autodiscover." + f.Name}}
	}
	f.host = f.Autodiscover[0].Host
	return nil
}

// plays returns the product that answers as Autodiscover at a host; nil: none
// does.
func (at *site) plays() *flavour {
	switch {
	case at.server == nil:
		return at.forest.autodiscover
	case at.server.flavour.noAutodiscover:
		return nil
	}
	return at.server.flavour
}

// checkSignIns refuses a forest that nobody can sign in to.
func (d *directory) checkSignIns() error {
	for _, f := range d.forests {
		if !f.flavour.basic && f.tokens == nil {
			return refused("flavour", f.told.Flavour,
				"forest %s: %s takes Bearer tokens only, and nobody has one here: give a mailbox an [[mailbox.account]] with forest = %q and a token",
				f.Name, f.flavour.system, f.Name)
		}
	}
	return nil
}
