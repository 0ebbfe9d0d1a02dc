package mockserver

import (
	"crypto/rand"
	"net/http"
	"strings"

	"github.com/homing-mail/homing/internal/mapi"
)

// frontEnd is the front end behind the host that the connection of c leads to,
// from 0.
func (c *call) frontEnd() int {
	return c.Conn % max(c.server.flavour.frontEnds, 1)
}

// reached reports whether a call finds its way to the front end that has ctx: it
// came over that one, or its X-BackEndCookie says where to go.
func (ctx *sessionContext) reached(by *call) bool {
	if ctx.frontEnd == by.frontEnd() {
		return true
	}
	value, _ := cookie(by.r, cookieBackEnd)
	return strings.HasSuffix(value, "~"+ctx.server.Name)
}

// trace adds the headers that tell which machines an answer came through.
func (c *call) trace(h http.Header) {
	if !c.server.flavour.traces {
		return
	}
	var id mapi.GUID
	rand.Read(id[:])
	h["request-id"] = []string{id.String()}
	h["X-FEServer"], h["X-BEServer"] = c.server.frontEnds[c.frontEnd()], c.server.backEnd
	h["X-CalculatedBETarget"], h["X-DiagInfo"] = []string{c.server.Host}, c.server.backEnd
	h["X-AspNet-Version"], h["X-Powered-By"] = []string{"4.0.30319"}, []string{"ASP.NET"}
	if c.kind == "Connect" {
		h["X-TunnelExpirationTime"] = []string{"1800000"}
	}
}
