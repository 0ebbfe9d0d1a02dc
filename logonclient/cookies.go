package logonclient

import (
	"net/http"
	"strings"
)

// cookies are those of one Session Context: the newest value of each name, in
// the order in which the names came. All of them go back with every request;
// path and lifetime are the server's own affair ([MS-OXCMAPIHTTP] 3.1.5.1). They
// are never shared: the cookies of two contexts must not mix (3.2.5.6).
type cookies struct {
	names  []string
	values map[string]string
}

// Limits on what a server may make us carry.
const (
	maxCookies = 50
	maxCookie  = 4 << 10 // name and value, in bytes (RFC 6265 6.1)
)

// keep takes over the cookies of an answer.
func (c *cookies) keep(h http.Header) {
	for _, line := range h.Values("Set-Cookie") {
		pair, _, _ := strings.Cut(line, ";")
		pair = strings.TrimSpace(pair)
		name, value, ok := strings.Cut(pair, "=")
		_, known := c.values[name]
		odd := strings.ContainsFunc(pair, func(r rune) bool { return r < ' ' || r > '~' })
		if !ok || name == "" || odd || len(pair) > maxCookie || !known && len(c.names) == maxCookies {
			continue
		}
		if !known {
			c.names = append(c.names, name)
		}
		if c.values == nil {
			c.values = make(map[string]string)
		}
		c.values[name] = value
	}
}

func (c *cookies) has(name string) bool {
	_, ok := c.values[name]
	return ok
}

// header returns the value of the Cookie header; "" if there are none.
func (c *cookies) header() string {
	pairs := make([]string, len(c.names))
	for i, name := range c.names {
		pairs[i] = name + "=" + c.values[name]
	}
	return strings.Join(pairs, "; ")
}
