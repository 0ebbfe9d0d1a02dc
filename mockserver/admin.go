package mockserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

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

// Admin is the admin API; GET / lists its routes and the words of a script. Every
// refusal is a JSON object with the key "error". Requests that come from web
// pages are refused with 403: those with an Origin, and those whose Host is
// neither "localhost" nor a loopback address, to which a page comes by a DNS name
// that it has pointed here.
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.HandleFunc(r.Method+" "+r.pattern(), r.serve)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch _, pattern := mux.Handler(r); {
		case r.Header.Get("Origin") != "":
			replyError(w, http.StatusForbidden, "no web pages here")
		case !isLoopback(r.Host):
			replyError(w, http.StatusForbidden, fmt.Sprintf("host %q: want localhost or a loopback address", cut(r.Host, 80)))
		case pattern == "":
			refuseRoute(w, r, mux)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// isLoopback reports whether the Host of a request, with or without a port,
// means this machine without any DNS.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// refuseRoute answers for a path that is none, or none for its method.
func refuseRoute(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	var allowed []string
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodPost} {
		if _, pattern := mux.Handler(&http.Request{Method: method, Host: r.Host, URL: r.URL}); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		replyError(w, http.StatusNotFound, fmt.Sprintf("no path %q: GET / lists them", cut(r.URL.Path, 80)))
		return
	}
	list := strings.Join(allowed, ", ")
	w.Header().Set("Allow", list)
	replyError(w, http.StatusMethodNotAllowed, fmt.Sprintf("%q takes %s", cut(r.URL.Path, 80), list))
}

// route is one of the admin API.
type route struct {
	Method string `json:"method"`
	Path   string `json:"path"` // what is in capitals stands for something
	Does   string `json:"does"`
	serve  http.HandlerFunc
}

// pattern is r as a pattern of http.ServeMux.
func (r route) pattern() string {
	path, _, _ := strings.Cut(r.Path, "?")
	if path == "/" {
		return "/{$}"
	}
	return strings.NewReplacer("USER", "{user}", "WORD", "{word}", "NAME", "{name}").Replace(path)
}

func (s *Server) routes() []route {
	var routes []route
	routes = []route{
		{"GET", "/", "these routes, the words of a script, and what a fault can do", func(w http.ResponseWriter, r *http.Request) {
			replyJSON(w, http.StatusOK, map[string]any{"routes": routes, "words": wordList(), "faults": FaultKinds()})
		}},
		{"POST", "/do", "a line of a script as the body", s.serveDo},
		{"GET", "/mailboxes?after=USER", "how many users there are, and the names of the first 1000 after USER", func(w http.ResponseWriter, r *http.Request) {
			replyJSON(w, http.StatusOK, s.usersAfter(r.URL.Query().Get("after")))
		}},
		{"GET", "/mailboxes/USER", "where the mailbox is, and which forests know the user", func(w http.ResponseWriter, r *http.Request) {
			at, err := s.Where(r.PathValue("user"))
			if err != nil {
				refuse(w, err)
				return
			}
			replyJSON(w, http.StatusOK, at)
		}},
		{"POST", "/mailboxes/USER/WORD", "a line of a script, its arguments as JSON, such as {\"to\":\"mx1\"}", s.serveWord},
		{"GET", "/requests?since=SEQ", "the record, oldest first; with since what came after that one", s.serveRequests},
		{"DELETE", "/requests", "empties the record", func(w http.ResponseWriter, r *http.Request) {
			s.replyDo(w, "forget")
		}},
		{"GET", "/faults", "the rules in force, and how often each has met a request and acted on it", func(w http.ResponseWriter, r *http.Request) {
			replyJSON(w, http.StatusOK, s.Faults())
		}},
		{"POST", "/faults", "a rule, such as {\"status\":503,\"at\":\"ex1\"}", s.serveBreak},
		{"DELETE", "/faults/NAME", "the rule is gone; all: every rule", func(w http.ResponseWriter, r *http.Request) {
			s.replyDo(w, "mend "+r.PathValue("name"))
		}},
		{"GET", "/world", "forests, servers, databases, users, hosts and --connect-to lines", func(w http.ResponseWriter, r *http.Request) {
			replyJSON(w, http.StatusOK, s.view())
		}},
		{"GET", "/ca.pem", "the certificate authority", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/x-pem-file")
			w.Write(s.CertificatePEM())
		}},
	}
	return routes
}

func (s *Server) serveDo(w http.ResponseWriter, r *http.Request) {
	body, err := readAdmin(w, r)
	if err != nil {
		refuse(w, err)
		return
	}
	line := strings.TrimSpace(string(body))
	if line == "" {
		refuse(w, errors.New("want a line of a script as the body, such as: move ann mx1"))
		return
	}
	s.replyDo(w, line)
}

func (s *Server) serveWord(w http.ResponseWriter, r *http.Request) {
	name, user := r.PathValue("word"), r.PathValue("user")
	if do := wordNamed(name); do == nil || !strings.HasPrefix(do.args, "USER") {
		refuse(w, absent("no word %q for a mailbox: GET / lists them", cut(name, 40)))
		return
	}
	if _, err := s.Where(user); err != nil {
		refuse(w, err)
		return
	}
	body, err := readAdmin(w, r)
	if err != nil {
		refuse(w, err)
		return
	}
	line, err := lineOf(name, user, body)
	if err != nil {
		refuse(w, err)
		return
	}
	s.replyDo(w, line)
}

func (s *Server) serveBreak(w http.ResponseWriter, r *http.Request) {
	body, err := readAdmin(w, r)
	if err != nil {
		refuse(w, err)
		return
	}
	var f Fault
	if err = f.UnmarshalJSON(body); err == nil {
		f.Name, err = s.Break(f)
	}
	if err != nil {
		refuse(w, fmt.Errorf("fault: %w", err))
		return
	}
	replyJSON(w, http.StatusOK, map[string]string{"said": f.Name})
}

func (s *Server) serveRequests(w http.ResponseWriter, r *http.Request) {
	since := 0
	if v := r.URL.Query().Get("since"); v != "" {
		var err error
		if since, err = strconv.Atoi(v); err != nil || since < 0 {
			refuse(w, fmt.Errorf("since %q: want the seq of a request", cut(v, 40)))
			return
		}
	}
	replyJSON(w, http.StatusOK, s.record.since(since))
}

func (s *Server) replyDo(w http.ResponseWriter, line string) {
	if strings.ContainsAny(line, "\r\n") {
		refuse(w, errors.New("want one line"))
		return
	}
	said, err := s.Do(line)
	if err != nil {
		refuse(w, err)
		return
	}
	replyJSON(w, http.StatusOK, map[string]string{"said": said})
}

// maxAdmin is the length in bytes of the longest body for the admin API.
const maxAdmin = 64 << 10

var errLong = fmt.Errorf("the body is longer than %d KiB", maxAdmin>>10)

func readAdmin(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAdmin))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, errLong
	case err != nil:
		return nil, errors.New("the body ends too early")
	}
	return body, nil
}

// arguments are the JSON keys for the arguments of a word, in the order of a
// line, with what stands there for a value. A form without %s is for true.
var arguments = []struct{ key, form string }{
	{"server", "%s"}, // of claim
	{"forest", "%s"},
	{"to", "%s"},   // SERVER[/DB] of a move; URL or address of refer
	{"name", "%s"}, // of claim
	{"password", "%s"},
	{"protocol", "%s"}, // none or mapi
	{"no_x500", "no-x500"},
	{"unconverted", "unconverted"},
	{"guid", "%s-guid"}, // keep or new
	{"lag", "lag"},
	{"invalidate", "invalidate=%s"}, // object, null or context
}

// lineOf makes the line of a script from a request for a mailbox. body may be
// empty, else it is one JSON object.
func lineOf(name, user string, body []byte) (string, error) {
	given := map[string]any{}
	if strings.TrimSpace(string(body)) != "" && (json.Unmarshal(body, &given) != nil || given == nil) {
		return "", errors.New(`the body is no JSON object: want one such as {"to":"mx1"}`)
	}
	line := []string{name, user}
	var keys []string
	for _, a := range arguments {
		keys = append(keys, a.key)
		v, ok := given[a.key]
		delete(given, a.key)
		if !ok {
			continue
		}
		before, after, takesText := strings.Cut(a.form, "%s")
		text, isText := v.(string)
		yes, isYes := v.(bool)
		switch {
		case takesText != isText || !takesText && !isYes:
			return "", fmt.Errorf("key %q: want %s", a.key, map[bool]string{true: "a string", false: "true or false"}[takesText])
		case a.key != "name" && a.key != "password" && strings.ContainsFunc(text, isSpace):
			return "", fmt.Errorf("key %q: want one word", a.key)
		case text != "":
			line = append(line, before+text+after)
		case yes:
			line = append(line, a.form)
		}
	}
	if len(given) > 0 {
		unknown := slices.Sorted(maps.Keys(given))[0]
		return "", fmt.Errorf("unknown key %q: want %s", cut(unknown, 40), strings.Join(keys, ", "))
	}
	return strings.Join(line, " "), nil
}

// absentError is about something that is not in the world.
type absentError struct{ why string }

func (e *absentError) Error() string { return e.why }

func absent(format string, args ...any) error {
	return &absentError{why: fmt.Sprintf(format, args...)}
}

// refuse answers with an error: 404 for what is not there, 413 for a body that
// is too long, 400 for everything else.
func refuse(w http.ResponseWriter, err error) {
	var none *absentError
	switch {
	case errors.As(err, &none):
		replyError(w, http.StatusNotFound, err.Error())
	case errors.Is(err, errLong):
		replyError(w, http.StatusRequestEntityTooLarge, err.Error())
	default:
		replyError(w, http.StatusBadRequest, err.Error())
	}
}

func replyError(w http.ResponseWriter, status int, why string) {
	replyJSON(w, status, map[string]string{"error": why})
}

func replyJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	e.Encode(v)
}
