package mockserver

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// What stands between clients and a host and answers its Autodiscover requests,
// inside of TLS, as a proxy does that breaks it open.
const (
	MiddleboxProxy   = "proxy"   // 407 with Proxy-Authenticate: Basic, and a page
	MiddleboxBlocked = "blocked" // 403 and the page of a filter
	MiddleboxPortal  = "portal"  // 302 to the login page of a captive portal
)

var middleboxes = []string{MiddleboxProxy, MiddleboxBlocked, MiddleboxPortal}

const (
	proxyPage = "<!DOCTYPE html><html><head><title>407</title></head><body><p>The proxy wants to know who you are.</p></body></html>\n"
	blockPage = "<!DOCTYPE html><html><head><title>Blocked</title></head><body><p>This site is not allowed here.</p></body></html>\n"
)

// Intercept puts a middlebox in front of a server, by its name, or any host; how
// is one of the Middlebox constants. [Server.Answer] with status 0 ends it.
func (s *Server) Intercept(host, how string) error {
	const html = "text/html; charset=utf-8"
	var a canned
	switch how {
	case MiddleboxProxy:
		a = canned{http.StatusProxyAuthRequired, html, []byte(proxyPage), http.Header{
			"Proxy-Authenticate": {`Basic realm="proxy"`}, "Via": {"1.1 proxy"},
		}}
	case MiddleboxBlocked:
		a = canned{http.StatusForbidden, html, []byte(blockPage), http.Header{"Via": {"1.1 proxy"}}}
	case MiddleboxPortal:
		a = canned{http.StatusFound, "", nil, http.Header{"Location": {portalURL}}}
	default:
		return fmt.Errorf("middlebox %q: want one of %s", cut(how, 40), strings.Join(middleboxes, ", "))
	}
	return s.eachSite(host, func(at *site) error {
		at.answer = &a
		return nil
	})
}

// put adds headers to an answer.
func (x *exchange) put(h http.Header) {
	for name, values := range h {
		x.w.Header()[name] = slices.Clone(values)
	}
}
