package mockserver

import (
	"fmt"

	"github.com/homing-mail/homing/internal/mapi"
)

// Outage takes the directory of a forest away, or gives it back. Without it a
// server serves the mailboxes that it holds, and no more: what would be a
// redirect or an unknown user is ecLoginFailure ([MS-OXCSTOR] 3.2.5.1.1), and
// Autodiscover answers with ErrorCode 603.
func (s *Server) Outage(forest string, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.forest(forest)
	if err != nil {
		return err
	}
	if f.outage == on {
		return fmt.Errorf("the directory of %s is %s already", forest, map[bool]string{true: "away", false: "there"}[on])
	}
	f.outage = on
	return nil
}

// withoutDirectory is what becomes of the answer to a logon when the forest has
// an outage: only a mailbox of the server asked is found without the directory.
func (f *forest) withoutDirectory(at *server, m *mailbox, code mapi.Code, name string) (*mailbox, mapi.Code, string) {
	switch {
	case !f.outage:
	case code == mapi.EcWrongServer, code == mapi.EcUnknownUser, code == mapi.EcNone && m != nil && m.home.server != at:
		return nil, mapi.EcLoginFailure, ""
	}
	return m, code, name
}

// lag is what a move has left behind until the directories agree: the target
// still believes in the source, which already knows better.
type lag struct {
	from    place
	guid    mapi.GUID // of the mailbox there
	arrived *object   // what the target forest will hold; nil: it is the forest of the source
}

// Replicate ends the lag of a move: everybody knows where the mailbox is.
func (s *Server) Replicate(user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.user(user)
	if err != nil {
		return err
	}
	l := m.lag()
	if l == nil {
		return fmt.Errorf("everybody knows already that %s is on %s", user, m.home)
	}
	if l.arrived != nil {
		m.past.objects[m.forest()] = l.arrived
	}
	m.past.lag = nil
	return nil
}

func (m *mailbox) lag() *lag {
	if m.past == nil {
		return nil
	}
	return m.past.lag
}

// believed is the ServerName with which a server sends a logon to m back to
// where it believes it to be; "": it knows better. A forest whose redirects name
// mailboxes believes in the former one.
func (m *mailbox) believed(at *server, url mapi.GUID) string {
	l := m.lag()
	switch {
	case l == nil || l.arrived != nil:
		return ""
	case at.names == NameGUID && url == m.guid:
		return at.forest.serverDN(l.guid.String() + "@" + at.forest.Name)
	case at.names != NameGUID && at == m.home.server:
		return at.serverName(l.from.server)
	}
	return ""
}

// checkLag refuses a lag that nobody would notice.
func (m *mailbox) checkLag(o MoveOptions, to place) error {
	switch {
	case m.lag() != nil:
		return fmt.Errorf("not everybody knows yet that %s is on %s: replicate first", m.user, m.home)
	case o.Lag && to.server == m.home.server:
		return fmt.Errorf("lag: %s stays on %s, which knows its own databases", m.user, to.server.Name)
	case o.Lag && to.server.forest == m.forest() && to.server.names == NameGUID && o.GUID == GUIDKeep:
		return fmt.Errorf("lag: redirects in %s name mailboxes, and with keep-guid it is the same one", m.forest().Name)
	}
	return nil
}
