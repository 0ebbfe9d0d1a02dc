package mockserver

import "slices"

// Whereabouts is what the admin API tells about a mailbox.
type Whereabouts struct {
	User        string   `json:"user"`
	DisplayName string   `json:"display_name"`
	Forest      string   `json:"forest"`
	Server      string   `json:"server"`
	Database    string   `json:"database"`
	GUID        string   `json:"guid"`
	State       string   `json:"state"`         // "home", "moving" or "locked"
	To          string   `json:"to,omitempty"`  // SERVER/DB while it is being moved
	Lag         bool     `json:"lag,omitempty"` // the target of the latest move does not know of it yet
	Objects     []Object `json:"objects"`       // one for each forest that knows the user
}

// Object is what the directory of one forest holds of a user.
type Object struct {
	Forest   string   `json:"forest"`
	Kind     string   `json:"kind"` // "mailbox", "mail user" or "stale"
	Address  string   `json:"address"`
	LegacyDN string   `json:"legacy_dn"`
	X500     []string `json:"x500,omitempty"`
	Refers   string   `json:"refers,omitempty"` // where its Autodiscover refers to
}

// Where tells where the mailbox of user is and which forests know the user.
func (s *Server) Where(user string) (Whereabouts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.user(user)
	if err != nil {
		return Whereabouts{}, err
	}
	w := Whereabouts{
		User: m.user, DisplayName: m.displayName(), Forest: m.forest().Name,
		Server: m.home.server.Name, Database: m.home.server.Databases[m.home.database],
		GUID: m.guid.String(), State: "home",
	}
	w.Lag = m.lag() != nil
	if m.move != nil {
		w.State, w.To = "moving", m.move.to.String()
		if m.move.locked {
			w.State = "locked"
		}
	}
	for _, f := range s.dir.forests {
		o := m.object(f)
		if o.kind == objectNone {
			continue
		}
		seen := Object{
			Forest: f.Name, Address: m.address(f), LegacyDN: f.legacyDN(m), Refers: s.referral(f, m),
			Kind: map[objectKind]string{objectMailbox: "mailbox", objectMailUser: "mail user", objectStale: "stale"}[o.kind],
		}
		for _, of := range o.aliases {
			seen.X500 = append(seen.X500, of.legacyDN(m))
		}
		w.Objects = append(w.Objects, seen)
	}
	return w, nil
}

// maxUsers is how many users one answer lists.
const maxUsers = 1000

// userList is a part of the users, sorted.
type userList struct {
	Count int      `json:"count"` // of all users of the world
	Users []string `json:"users"` // at most maxUsers
}

// usersAfter lists the first users whose names sort after after.
func (s *Server) usersAfter(after string) userList {
	s.mu.Lock()
	list := userList{Count: len(s.dir.users), Users: []string{}}
	for user := range s.dir.users {
		if user > after {
			list.Users = append(list.Users, user)
		}
	}
	s.mu.Unlock()
	slices.Sort(list.Users)
	list.Users = list.Users[:min(len(list.Users), maxUsers)]
	return list
}

// worldView is what the admin API tells about the world.
type worldView struct {
	Name      string          `json:"name"`
	Forests   []forestView    `json:"forests"`
	userList                  // as GET /mailboxes
	Hosts     []string        `json:"hosts"`      // that have not vanished
	ConnectTo []string        `json:"connect_to"` // as of ConnectTo
	Rates     map[string]Rate `json:"rates"`      // by host, of those that were asked
	Seed      uint64          `json:"seed"`       // as of Seed
	announcedView
}

type forestView struct {
	Name         string       `json:"name"`
	Org          string       `json:"org"`
	Autodiscover []string     `json:"autodiscover"` // hosts that answer for it now
	Servers      []serverView `json:"servers"`
}

type serverView struct {
	Name      string   `json:"name"`
	Host      string   `json:"host"`
	Databases []string `json:"databases"`
	Off       bool     `json:"off"`
}

func (s *Server) view() worldView {
	v := worldView{announcedView: s.announced(), userList: s.usersAfter(""), Hosts: s.Hosts(), ConnectTo: s.ConnectTo(), Rates: map[string]Rate{}, Seed: s.Seed()}
	s.mu.Lock()
	defer s.mu.Unlock()
	v.Name = s.dir.name
	for host, at := range s.dir.sites {
		if at.rate.Rate != (Rate{}) {
			v.Rates[host] = at.rate.Rate
		}
	}
	for _, f := range s.dir.forests {
		of := forestView{Name: f.Name, Org: f.Org, Autodiscover: []string{}}
		for host, at := range s.dir.sites {
			if at.forest == f && at.server == nil {
				of.Autodiscover = append(of.Autodiscover, host)
			}
		}
		slices.Sort(of.Autodiscover)
		for _, server := range f.servers {
			of.Servers = append(of.Servers, serverView{
				Name: server.Name, Host: server.Host, Databases: server.Databases, Off: s.dir.sites[server.Host].off,
			})
		}
		v.Forests = append(v.Forests, of)
	}
	return v
}
