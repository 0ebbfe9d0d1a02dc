package mockserver

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Off switches a server, by its name, or any host off: connections are refused,
// those that are open break, and the Session Contexts of a server are lost.
func (s *Server) Off(name string) error {
	return s.eachSite(name, func(at *site) error {
		if at.off {
			return fmt.Errorf("%s is off already", name)
		}
		at.off = true
		s.hangUp(at.host)
		if at.server != nil {
			s.contexts.endOn(at.server)
		}
		return nil
	})
}

// On switches a server or a host on again.
func (s *Server) On(name string) error {
	return s.eachSite(name, func(at *site) error {
		if !at.off {
			return fmt.Errorf("%s is on already", name)
		}
		at.off = false
		return nil
	})
}

// Vanish takes a host out of the DNS: new connections to it fail, open ones live
// on.
func (s *Server) Vanish(host string) error {
	return s.eachSite(host, func(at *site) error {
		if at.vanished {
			return fmt.Errorf("%s has vanished already", host)
		}
		at.vanished = true
		return nil
	})
}

// Appear takes a vanished host into the DNS again.
func (s *Server) Appear(host string) error {
	return s.eachSite(host, func(at *site) error {
		if !at.vanished {
			return fmt.Errorf("%s is there already", host)
		}
		at.vanished = false
		return nil
	})
}

// Certify gives a host another certificate for its next connections; kind is one
// of the Certificate constants.
func (s *Server) Certify(host, kind string) error {
	return s.eachSite(host, func(at *site) error {
		if kind == "" {
			return fmt.Errorf("certificate of %s: want one of %s", host, strings.Join(certificates, ", "))
		}
		if err := choose("host "+host, "certificate", &kind, certificates); err != nil {
			return err
		}
		at.certificate = kind
		return nil
	})
}

// eachSite runs do on the site with the host or the server name given.
func (s *Server) eachSite(name string, do func(*site) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := s.site(name)
	if err != nil {
		return err
	}
	return do(at)
}

// site finds a site by its host or the name of its server. s.mu is held.
func (s *Server) site(name string) (*site, error) {
	if at := s.dir.siteNamed(name); at != nil {
		return at, nil
	}
	return nil, absent("no host or server %q in the world %s: there are %s", cut(name, 40), s.dir.name, s.dir.siteNames())
}

// siteNamed finds a site by its host or the name of its server; nil: none.
func (d *directory) siteNamed(name string) *site {
	if server := d.server(name); server != nil {
		name = server.Host
	}
	return d.sites[name]
}

// siteNames are the hosts and, behind theirs, the names of servers.
func (d *directory) siteNames() string {
	var names []string
	for _, host := range slices.Sorted(maps.Keys(d.sites)) {
		if server := d.sites[host].server; server != nil {
			host += " (" + server.Name + ")"
		}
		names = append(names, host)
	}
	return strings.Join(names, ", ")
}

// Disable shuts an account: HTTP 401 from now on in that forest.
func (s *Server) Disable(user, name string) error { return s.disable(user, name, true) }

// Enable opens a disabled account again.
func (s *Server) Enable(user, name string) error { return s.disable(user, name, false) }

func (s *Server) disable(user, name string, disabled bool) error {
	return s.mark(user, name, func(past *marks, f *forest) error {
		if past.disabled[f] == disabled {
			return fmt.Errorf("the account of %s in %s is so already", user, name)
		}
		past.disabled[f] = disabled
		return nil
	})
}

// SetPassword gives an account another password.
func (s *Server) SetPassword(user, name, password string) error {
	return s.mark(user, name, func(past *marks, f *forest) error {
		if password == "" {
			return fmt.Errorf("the new password of %s in %s is empty", user, name)
		}
		past.password[f] = password
		return nil
	})
}

// OfferMAPI says whether the Autodiscover of a forest offers MAPI over HTTP to
// the user.
func (s *Server) OfferMAPI(user, name string, offer bool) error {
	return s.mark(user, name, func(past *marks, f *forest) error {
		past.noMAPI[f] = !offer
		return nil
	})
}

// Refer makes the Autodiscover of a forest send whoever asks for the user to a
// URL or a mail address, whatever the truth is.
func (s *Server) Refer(user, name, to string) error {
	return s.mark(user, name, func(past *marks, f *forest) error {
		switch {
		case !strings.Contains(to, "://") && !strings.Contains(to, "@"):
			return fmt.Errorf("referral of %s to %q: want a URL or an address", user, cut(to, 40))
		case !isPrintable(to) || len(to) > 2048:
			return fmt.Errorf("referral of %s: want at most 2048 printable characters", user)
		case s.dir.users[user].object(f).kind == objectNone:
			return fmt.Errorf("%s does not know %s: prestage first", name, user)
		}
		past.referred[f] = to
		return nil
	})
}

// Unrefer ends Refer.
func (s *Server) Unrefer(user, name string) error {
	return s.mark(user, name, func(past *marks, f *forest) error {
		if past.referred[f] == "" {
			return fmt.Errorf("%s tells the truth about %s already", name, user)
		}
		delete(past.referred, f)
		return nil
	})
}

// mark changes what is noted of a user in a forest.
func (s *Server) mark(user, name string, change func(*marks, *forest) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, f, err := s.userAndForest(user, name)
	if err != nil {
		return err
	}
	return change(m.marks(), f)
}

// Claim makes a server answer ecWrongServer to every logon of the user: a server
// that is out of date or lies. name is what it names: the name of a server,
// which it writes as its forest writes names, or any text of at most 254
// printable characters.
func (s *Server) Claim(user, server, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, at, err := s.userAndServer(user, server)
	switch {
	case err != nil:
		return err
	case name == "" || len(name) > 254 || !isPrintable(name):
		return fmt.Errorf("name %q: want 1 to 254 printable characters", cut(name, 40))
	case m.object(at.forest).kind == objectNone:
		return fmt.Errorf("%s does not know %s: prestage first", at.forest.Name, user)
	}
	if s.dir.server(name) != nil {
		name = at.forest.serverName(name)
	}
	m.marks().claims[at] = name
	return nil
}

// Unclaim ends Claim.
func (s *Server) Unclaim(user, server string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, at, err := s.userAndServer(user, server)
	if err != nil {
		return err
	}
	if m.claim(at) == "" {
		return fmt.Errorf("%s tells the truth about %s already", server, user)
	}
	delete(m.marks().claims, at)
	return nil
}

func (s *Server) userAndServer(user, name string) (*mailbox, *server, error) {
	m, err := s.user(user)
	if err != nil {
		return nil, nil, err
	}
	at := s.dir.server(name)
	if at == nil {
		return nil, nil, absent("no server %q: there are %s", cut(name, 40), s.dir.serverNames())
	}
	return m, at, nil
}

// Repoint makes a forest answer for a mail domain: as <domain> and as
// autodiscover.<domain>.
func (s *Server) Repoint(domain, forest string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.forest(forest)
	if err != nil {
		return err
	}
	if !isHost(domain) {
		return fmt.Errorf("mail domain %q: want a DNS name in lower case", domain)
	}
	hosts := autodiscoverHosts(domain)
	for _, host := range hosts {
		if at := s.dir.sites[host]; at != nil && at.server != nil {
			return fmt.Errorf("%s is the host of server %s", host, at.server.Name)
		}
	}
	for _, host := range hosts {
		delete(s.dir.dns.cnames, host)
		at := s.dir.sites[host]
		if at == nil {
			at = &site{host: host, certificate: CertificateValid}
			s.dir.sites[host] = at
		}
		at.forest, at.hoster, at.rogue = f, nil, nil
	}
	return nil
}

// autodiscoverHosts are the hosts that a client asks for a mail domain.
func autodiscoverHosts(domain string) []string { return []string{domain, "autodiscover." + domain} }

// Answer makes the Autodiscover of a host answer every request with an HTTP
// status and a body, without looking at it; status 0 ends that.
func (s *Server) Answer(host string, status int, contentType string, body []byte) error {
	return s.eachSite(host, func(at *site) error {
		switch {
		case status == 0:
			at.answer = nil
			return nil
		case status < 200 || status > 599:
			return fmt.Errorf("status %d: want 200 to 599", status)
		case !isPrintable(contentType):
			return fmt.Errorf("content type %q: want printable characters", contentType)
		}
		at.answer = &canned{status: status, contentType: contentType, body: body}
		return nil
	})
}

// Notify raises an event in the mailbox, such as new mail would: it completes
// the NotificationWait of whoever registered. told is how many did.
func (s *Server) Notify(user string) (told int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.user(user)
	if err != nil {
		return 0, err
	}
	return s.contexts.notify(m), nil
}

func isPrintable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7E }) < 0
}

const htmlPage = "<!DOCTYPE html><html><head><title>Welcome</title></head><body><p>This is a web site.</p></body></html>\n"

// answerBody is what the script calls html, empty, or text.
func answerBody(word string) (contentType string, body []byte) {
	switch word {
	case "", "html":
		return "text/html; charset=utf-8", []byte(htmlPage)
	case "empty":
		return "", nil
	}
	return http.DetectContentType([]byte(word)), []byte(word)
}
