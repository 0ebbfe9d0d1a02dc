package mockserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"
)

// Whereabouts is what the admin API tells about a mailbox.
type Whereabouts struct {
	User        string   `json:"user"`
	DisplayName string   `json:"display_name"`
	Forest      string   `json:"forest"`
	Server      string   `json:"server"`
	Database    string   `json:"database"`
	GUID        string   `json:"guid"`
	State       string   `json:"state"`        // "home", "moving" or "locked"
	To          string   `json:"to,omitempty"` // SERVER/DB while it is being moved
	Objects     []Object `json:"objects"`      // one for each forest that knows the user
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
			Forest: f.Name, Address: m.address(f), LegacyDN: f.legacyDN(m.user), Refers: s.referral(f, m),
			Kind: map[objectKind]string{objectMailbox: "mailbox", objectMailUser: "mail user", objectStale: "stale"}[o.kind],
		}
		for _, of := range o.aliases {
			seen.X500 = append(seen.X500, of.legacyDN(m.user))
		}
		w.Objects = append(w.Objects, seen)
	}
	return w, nil
}

// ListenAdmin serves [Server.Admin] without TLS on addr, which must be a loopback
// address, such as "127.0.0.1:0".
func (s *Server) ListenAdmin(addr string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.admin != nil {
		return fmt.Errorf("listen on %s: the admin api is on %s already", addr, s.adminAddr)
	}
	l, err := s.loopback(addr)
	if err != nil {
		return err
	}
	s.adminAddr = l.Addr().String()
	s.admin = &http.Server{Handler: s.Admin(), ErrorLog: log.New(io.Discard, "", 0), ConnState: s.connState}
	s.serving.Go(func() {
		s.admin.Serve(l) // ends with ErrServerClosed
	})
	return nil
}

// AdminAddr is the address of the admin API, "" before [Server.ListenAdmin].
func (s *Server) AdminAddr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.adminAddr
}

// Admin is the admin API. Requests that come from web pages, which carry an
// Origin, are refused.
//
//	POST   /do                      a line of a script as the body
//	POST   /mailboxes/USER/WORD     the same, the arguments as JSON, such as {"to":"mx1"}
//	GET    /mailboxes/USER          Whereabouts
//	GET    /requests[?since=SEQ]    the record, as a JSON array of Request
//	DELETE /requests                forget it
//	GET    /world                   hosts, --connect-to lines and users
//	GET    /ca.pem                  the certificate authority
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /do", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAsk))
		if err != nil {
			reply400(w, err)
			return
		}
		s.replyDo(w, strings.TrimSpace(string(body)))
	})
	mux.HandleFunc("POST /mailboxes/{user}/{word}", func(w http.ResponseWriter, r *http.Request) {
		line, err := lineOf(r.PathValue("word"), r.PathValue("user"), http.MaxBytesReader(w, r.Body, maxAsk))
		if err != nil {
			reply400(w, err)
			return
		}
		s.replyDo(w, line)
	})
	mux.HandleFunc("GET /mailboxes/{user}", func(w http.ResponseWriter, r *http.Request) {
		at, err := s.Where(r.PathValue("user"))
		if err != nil {
			replyJSON(w, http.StatusNotFound, map[string]string{"error": err.Error()})
			return
		}
		replyJSON(w, http.StatusOK, at)
	})
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, r *http.Request) {
		since := 0
		if v := r.FormValue("since"); v != "" {
			var err error
			if since, err = strconv.Atoi(v); err != nil || since < 0 {
				reply400(w, fmt.Errorf("since %q: want the seq of a request", cut(v, 40)))
				return
			}
		}
		replyJSON(w, http.StatusOK, s.record.since(since))
	})
	mux.HandleFunc("DELETE /requests", func(w http.ResponseWriter, r *http.Request) {
		s.replyDo(w, "forget")
	})
	mux.HandleFunc("GET /world", func(w http.ResponseWriter, r *http.Request) {
		replyJSON(w, http.StatusOK, map[string]any{"hosts": s.Hosts(), "connect_to": s.ConnectTo()})
	})
	mux.HandleFunc("GET /ca.pem", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-pem-file")
		w.Write(s.CertificatePEM())
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "" {
			http.Error(w, "no web pages here", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) replyDo(w http.ResponseWriter, line string) {
	if strings.ContainsAny(line, "\r\n") {
		reply400(w, errors.New("want one line"))
		return
	}
	said, err := s.Do(line)
	if err != nil {
		reply400(w, err)
		return
	}
	replyJSON(w, http.StatusOK, map[string]string{"said": said})
}

// lineOf makes the line of a script from a request for a mailbox.
func lineOf(name, user string, body io.Reader) (string, error) {
	var a struct {
		To          string `json:"to"` // SERVER[/DB] of a move; URL or address of refer
		Forest      string `json:"forest"`
		Server      string `json:"server"` // of claim
		Name        string `json:"name"`   // of claim
		Password    string `json:"password"`
		Protocol    string `json:"protocol"`   // none or mapi
		GUID        string `json:"guid"`       // keep or new
		Invalidate  string `json:"invalidate"` // object, null or context
		NoX500      bool   `json:"no_x500"`
		Unconverted bool   `json:"unconverted"`
	}
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil && err != io.EOF {
		return "", fmt.Errorf("%s: %w", cut(name, 40), err)
	}
	w := wordNamed(name)
	if w == nil || !strings.HasPrefix(w.args, "USER") {
		return "", fmt.Errorf("unknown word %q for a mailbox", cut(name, 40))
	}
	if strings.ContainsFunc(user, isSpace) {
		return "", fmt.Errorf("no user %q", cut(user, 40))
	}
	line := []string{name, user}
	for _, v := range []string{a.Server, a.Forest, a.To, a.Name, a.Password, a.Protocol} {
		if v != "" {
			line = append(line, v)
		}
	}
	if a.NoX500 {
		line = append(line, "no-x500")
	}
	if a.Unconverted {
		line = append(line, "unconverted")
	}
	if a.GUID != "" {
		line = append(line, a.GUID+"-guid")
	}
	if a.Invalidate != "" {
		line = append(line, "invalidate="+a.Invalidate)
	}
	return strings.Join(line, " "), nil
}

func reply400(w http.ResponseWriter, err error) {
	replyJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
}

func replyJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	e.Encode(v)
}
