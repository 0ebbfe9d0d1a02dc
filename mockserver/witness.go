package mockserver

// Witness tells what a host has seen of secrets since the start, whatever has
// been forgotten of the requests.
type Witness struct {
	Requests int `json:"requests"` // that came, LDAP operations too
	Signed   int `json:"signed"`   // of them with credentials: an Authorization header, or a bind with a password
	Cookies  int `json:"cookies"`  // of them with a cookie
	Exposed  int `json:"exposed"`  // of them with credentials or a cookie, and without TLS
}

// note counts a request.
func (w *Witness) note(r *Request) {
	w.Requests++
	if r.Signed {
		w.Signed++
	}
	if r.Cookie {
		w.Cookies++
	}
	if r.Clear && (r.Signed || r.Cookie) {
		w.Exposed++
	}
}

// Witness tells what a server, by its name, or any host has seen of secrets.
func (s *Server) Witness(name string) (w Witness, err error) {
	err = s.eachSite(name, func(at *site) error {
		w = at.witness
		return nil
	})
	return w, err
}
