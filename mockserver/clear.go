package mockserver

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
)

// ClearSite is what a host answers without TLS, at port 80, to every path. A host
// that nothing else was said of has no other port. Whoever comes need not be
// asked to sign in; see [Request].Clear for who brought credentials.
type ClearSite struct {
	Host   string `toml:"host"`
	Serves string `toml:"serves"` // one of the Clear constants; "": ClearRedirect
	To     string `toml:"to"`     // Location of ClearRedirect, verbatim, and of ClearPortal; "": no such header, or a portal of its own
	Status int    `toml:"status"` // of ClearRedirect: 301, 302, 303, 307 or 308; 0: 302
}

// What a [ClearSite] serves.
const (
	ClearRedirect = "redirect" // a redirect ([MS-OXDISCO] 3.1.5.4)
	ClearPage     = "page"     // the page of a web site, with HTTP 200
	ClearPortal   = "portal"   // the redirect of a captive portal
	ClearNothing  = "nothing"  // nothing listens
)

var clearServes = []string{ClearRedirect, ClearPage, ClearPortal, ClearNothing}

const portalURL = "http://login.portal.test/?blocked=1"

// redirects are the statuses of a redirect.
var redirects = []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect}

// ServeClear says what a host answers without TLS. A host that the world does not
// have comes into being.
func (s *Server) ServeClear(c ClearSite) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dir.addClear(c, true)
}

// addClear gives a host, which may be new, a clear-text side; again: it may have
// one already.
func (d *directory) addClear(c ClearSite, again bool) error {
	if err := choose("clear "+c.Host, "serves", &c.Serves, clearServes); err != nil {
		return err
	}
	if err := checkTo("clear "+c.Host, c.Serves, c.To, c.Status, ClearRedirect, ClearPortal); err != nil {
		return err
	}
	c.Status = cmp.Or(c.Status, http.StatusFound)
	at := d.sites[c.Host]
	switch {
	case d.dns.cnames[c.Host] != "":
		return refused("host", c.Host, "clear %s is an alias: the host that it leads to answers", c.Host)
	case at == nil:
		at = &site{host: c.Host}
		if err := d.addSite(at); err != nil {
			return err
		}
	case at.clear != nil && !again:
		return refused("host", c.Host, "clear %s is there twice", c.Host)
	}
	at.clear = &c
	return nil
}

// checkTo looks at where a redirect leads and how; only those who serve one of
// with lead anywhere.
func checkTo(of, serves, to string, status int, with ...string) error {
	switch {
	case to != "" && !slices.Contains(with, serves):
		return refused("to", to, "%s: %s leads nowhere, so it has no to", of, serves)
	case !isPrintable(to) || len(to) > 4096:
		return refused("to", to, "%s: to %q: want at most 4096 printable characters", of, cut(to, 80))
	case status != 0 && (!slices.Contains(redirects, status) || serves != ClearRedirect):
		return refused("status", fmt.Sprint(status), "%s: status %d: want 301, 302, 303, 307 or 308, of a redirect", of, status)
	}
	return nil
}

// clearText answers a request that came without TLS.
func (x *exchange) clearText(c *ClearSite) {
	switch c.Serves {
	case ClearRedirect:
		x.redirect(c.Status, c.To)
	case ClearPortal:
		x.redirect(http.StatusFound, cmp.Or(c.To, portalURL))
	case ClearPage:
		contentType, body := answerBody("html")
		x.w.Header().Set("Content-Type", contentType)
		x.send(x.answer(http.StatusOK, "a web site", body))
	}
}

// redirect answers with a Location; to "": without one.
func (x *exchange) redirect(status int, to string) {
	if to != "" {
		x.w.Header().Set("Location", to)
	}
	x.refuse(status, strings.TrimSpace(fmt.Sprintf("%d → %s", status, to)))
}

// listensClear reports whether something listens at port 80.
func (at *site) listensClear() bool { return at.clear != nil && at.clear.Serves != ClearNothing }

// listensTLS reports whether something listens at port 443.
func (at *site) listensTLS() bool { return at.forest != nil || at.hoster != nil || at.rogue != nil }

// ListenClear serves what the hosts answer without TLS on one loopback listener,
// told apart by the Host header, such as "127.0.0.1:0". For a host without a
// clear-text side it hangs up.
func (s *Server) ListenClear(addr string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clearListener != nil {
		return fmt.Errorf("listen on %s: clear text is on %s already", addr, s.clearListener.Addr())
	}
	l, err := s.loopback(addr)
	if err != nil {
		return err
	}
	s.clearListener = l
	s.serveClear(l)
	return nil
}

// ClearAddr is the address of the listener, "" before [Server.ListenClear].
func (s *Server) ClearAddr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clearListener == nil {
		return ""
	}
	return s.clearListener.Addr().String()
}

// serveClear answers on l, without TLS, until it is closed.
func (s *Server) serveClear(l net.Listener) {
	s.serving.Go(func() {
		s.http.Serve(l) // ends with ErrServerClosed
	})
}
