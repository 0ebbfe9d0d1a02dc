package mockserver

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// MoveOptions say how a move is done. The zero value is a move as a careful
// administrator does it.
type MoveOptions struct {
	NoX500      bool   // the target does not get the former legacy DNs as X500 aliases
	Unconverted bool   // the source forest goes on to claim the mailbox; its servers refuse it
	GUID        string // GUIDKeep or GUIDNew; "": new for a move within a NameGUID forest, else kept
	Lag         bool   // until Replicate the target still believes the mailbox to be at the source, which knows better
	Invalidate  string // how live sessions notice: InvalidateObject ("" too), InvalidateNull, InvalidateContext
}

// What becomes of the mailbox GUID in a move.
const (
	GUIDKeep = "keep"
	GUIDNew  = "new"
)

// How a live session notices that its store objects are gone.
const (
	InvalidateObject  = "object"  // the next ROP on the logon handle: ecInvalidObject
	InvalidateNull    = "null"    // ecNullObject
	InvalidateContext = "context" // X-ResponseCode 10, Context Not Found
)

// move is a move that has been started and is not done.
type move struct {
	MoveOptions
	to     place
	locked bool
}

func (o MoveOptions) check() error {
	if err := choose("options", "guid", &o.GUID, []string{"", GUIDKeep, GUIDNew}); err != nil {
		return err
	}
	return choose("options", "invalidate", &o.Invalidate, []string{InvalidateObject, InvalidateNull, InvalidateContext})
}

// Prestage makes a mail user for user in forest, which leads back to the forest
// that has the mailbox and already knows the former legacy DNs.
func (s *Server) Prestage(user, forest string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, f, err := s.userAndForest(user, forest)
	if err != nil {
		return err
	}
	if m.object(f).kind != objectNone {
		return fmt.Errorf("%s already knows %s", f.Name, user)
	}
	m.prestage(f)
	return nil
}

func (m *mailbox) prestage(f *forest) {
	past := m.marks()
	if o := past.objects[f]; o != nil && o.kind != objectNone {
		return
	}
	past.objects[f] = &object{kind: objectMailUser, aliases: past.formerDNs(f, m.forest())}
}

// formerDNs lists the forests whose legacy DNs become aliases in f when the
// mailbox comes from the forest from.
func (p *marks) formerDNs(f, from *forest) []*forest {
	var list []*forest
	for _, of := range append(slices.Clone(p.former), from) {
		if of != f && !slices.Contains(list, of) {
			list = append(list, of)
		}
	}
	return list
}

// Begin starts a move of user to a server and a database of it ("": the first).
// Until [Server.Lock] the mailbox is used as before.
func (s *Server) Begin(user, server, database string, o MoveOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begin(user, server, database, o)
}

func (s *Server) begin(user, server, database string, o MoveOptions) error {
	m, err := s.user(user)
	if err != nil {
		return err
	}
	to, err := s.dir.place(server, database)
	if err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	if m.move != nil {
		return fmt.Errorf("%s is being moved to %s: finish or cancel that first", user, m.move.to)
	}
	if database == "" && to.server == m.home.server || to == m.home {
		return fmt.Errorf("%s is on %s already", user, m.home)
	}
	if o.Unconverted && to.server.forest == m.forest() {
		return fmt.Errorf("unconverted: %s stays in %s, nothing is left behind there", user, m.forest().Name)
	}
	if err := m.checkLag(o, to); err != nil {
		return err
	}
	m.prestage(to.server.forest)
	m.move = &move{MoveOptions: o, to: to}
	return nil
}

// Lock is the last part of a move: nobody can log on to the mailbox, at the
// source or at the target, and live logons are invalidated.
func (s *Server) Lock(user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.moving(user)
	if err != nil {
		return err
	}
	if m.move.locked {
		return fmt.Errorf("%s is locked already", user)
	}
	s.lock(m)
	return nil
}

func (s *Server) lock(m *mailbox) {
	m.move.locked = true
	s.contexts.invalidate(m, m.move.Invalidate)
}

// Finish ends a move at the target; it locks first if nobody did.
func (s *Server) Finish(user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.moving(user)
	if err != nil {
		return err
	}
	s.finish(m)
	return nil
}

func (s *Server) finish(m *mailbox) {
	s.lock(m) // again if it is: Gromox has let sessions in since
	done, past, from, to := m.move, m.marks(), m.home, m.move.to
	if done.Lag {
		past.lag = &lag{from: from, guid: m.guid}
	}
	source, target := from.server.forest, to.server.forest
	if source != target {
		left := &object{kind: objectMailUser}
		if done.Unconverted {
			left = &object{kind: objectStale, stale: from}
		}
		if o := past.objects[source]; o != nil {
			left.aliases = o.aliases
		}
		past.objects[source] = left

		arrived := &object{kind: objectMailbox}
		if !done.NoX500 {
			arrived.aliases = past.formerDNs(target, source)
		}
		if done.Lag {
			past.lag.arrived = arrived
		} else {
			past.objects[target] = arrived
		}

		past.former = past.formerDNs(target, source)
		source.latest = target
	}
	past.moves++
	fresh := done.GUID == GUIDNew || done.GUID == "" && source == target && source.ServerName == NameGUID && from.server != to.server
	if fresh {
		m.guid = s.dir.newGUID(m.user, past.moves)
		s.dir.guids[m.guid] = m
	}
	m.home, m.move = to, nil
}

// Cancel ends a move at the source: the mailbox is home again.
func (s *Server) Cancel(user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.moving(user)
	if err != nil {
		return err
	}
	m.move = nil
	return nil
}

// Move is Begin, Lock and Finish at once.
func (s *Server) Move(user, server, database string, o MoveOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(user, server, database, o); err != nil {
		return err
	}
	s.finish(s.dir.users[user])
	return nil
}

// moving finds a user whose mailbox is being moved. s.mu is held.
func (s *Server) moving(user string) (*mailbox, error) {
	m, err := s.user(user)
	if err != nil {
		return nil, err
	}
	if m.move == nil {
		return nil, fmt.Errorf("%s is not being moved: it is on %s; start a move first", user, m.home)
	}
	return m, nil
}

func (s *Server) user(name string) (*mailbox, error) {
	if m := s.dir.users[name]; m != nil {
		return m, nil
	}
	return nil, s.dir.noUser(name)
}

// noUser says that there is no such user, and who there is.
func (d *directory) noUser(name string) error {
	const few = 20
	if n := len(d.users); n > few {
		return absent("no user %q in the world %s: GET /mailboxes lists the %d that there are", cut(name, 40), d.name, n)
	}
	return absent("no user %q in the world %s: there are %s", cut(name, 40), d.name, strings.Join(slices.Sorted(maps.Keys(d.users)), ", "))
}

func (s *Server) userAndForest(user, forest string) (*mailbox, *forest, error) {
	m, err := s.user(user)
	if err != nil {
		return nil, nil, err
	}
	f, err := s.forest(forest)
	return m, f, err
}

func (s *Server) forest(name string) (*forest, error) {
	if f := s.dir.forest(name); f != nil {
		return f, nil
	}
	var names []string
	for _, f := range s.dir.forests {
		names = append(names, f.Name)
	}
	return nil, absent("no forest %q: there are %s", cut(name, 40), strings.Join(names, ", "))
}
