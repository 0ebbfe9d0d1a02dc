package mockserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// The JSON form of Autodiscover, called V2, has no published specification. What
// stands here without a source is as seen from Exchange Online or read in the
// source of Gromox, commit 1892eb3d.

const v2Path = "/autodiscover/autodiscover.json"

// isV2 reports whether a path in lower case is that of the JSON form: the plain
// one, or the one that ends in an address.
func isV2(path string) bool {
	return path == v2Path || strings.HasPrefix(path, v2Path+"/v1.0/")
}

// maxRedirectCount is the RedirectCount from which on nobody is sent elsewhere:
// the one that Microsoft's pages ask with where an answer is wanted from the
// server asked.
const maxRedirectCount = 3

// v2Error is an error of the JSON form.
type v2Error struct{ ErrorCode, ErrorMessage string }

// autodiscoverV2 answers the JSON form, which nobody signs in to: where the other
// form is. Exchange Online says with 400 what Gromox says with 200, and sends on
// who asks for a mailbox that is in another forest; Gromox does not look at the
// address.
func (s *Server) autodiscoverV2(x *exchange, at *site, plays *flavour) {
	refused := http.StatusBadRequest
	if plays.gromoxFrame {
		refused = http.StatusOK
		x.w.Header()["Date"] = nil // it sends none here
	}
	address, protocol, count := readV2(x.r)
	x.Identity, x.Asked = "Email", cut(address, 1024)
	if address == "" {
		x.Identity = ""
	}
	switch {
	case protocol == "":
		x.sayV2(refused, "no protocol", v2Error{"MissingProtocol", "There is no Protocol in the query."})
	case address == "" && !plays.gromoxFrame:
		x.sayV2(refused, "no address", v2Error{"MandatoryParameterMissing", "There is no Email in the query."})
	case !strings.EqualFold(protocol, "AutodiscoverV1"):
		x.sayV2(refused, "no such protocol", v2Error{"ProtocolNotSupported", "Only AutodiscoverV1 is played."})
	default:
		if to := s.elsewhere(at.forest, address); to != "" && !plays.gromoxFrame && count < maxRedirectCount {
			to = "https://" + to + v2Path + "?Email=" + url.QueryEscape(address) + "&Protocol=" + url.QueryEscape(protocol) +
				"&RedirectCount=" + strconv.Itoa(count+1)
			x.w.Header().Set("Location", to)
			x.refuse(http.StatusFound, "302 → "+to)
			return
		}
		at := "https://" + x.Host + "/autodiscover/autodiscover.xml"
		x.sayV2(http.StatusOK, "URL "+at, struct{ Protocol, Url string }{"AutodiscoverV1", at})
	}
}

// readV2 reads a request. Names of parameters have no case; a RedirectCount that
// is no number counts as none.
func readV2(r *http.Request) (address, protocol string, count int) {
	if n := len(v2Path + "/v1.0/"); len(r.URL.Path) > n {
		address = r.URL.Path[n:]
	}
	for name, values := range r.URL.Query() {
		switch strings.ToLower(name) {
		case "email":
			address = values[0]
		case "protocol":
			protocol = values[0]
		case "redirectcount":
			count, _ = strconv.Atoi(values[0])
		}
	}
	return strings.TrimSpace(address), protocol, max(count, 0)
}

// elsewhere is the host of the Autodiscover that has the mailbox of a mail user
// of f; "": no such user.
func (s *Server) elsewhere(f *forest, address string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.dir.byAddress(f, address); m != nil && s.referral(f, m) != "" {
		return m.forest().host
	}
	return ""
}

func (x *exchange) sayV2(status int, said string, reply any) {
	text, err := json.Marshal(reply)
	if err != nil {
		panic(fmt.Sprintf("mockserver: %v", err)) // strings only
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.send(x.answer(status, said, text))
}
