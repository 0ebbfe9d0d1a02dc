package mockserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// autodiscoverV2 answers the JSON form of Autodiscover, which nobody signs in to:
// where the other form is. It does not look at the address. Gromox says with
// HTTP 200 what Exchange Online says with 400.
func (x *exchange) autodiscoverV2(plays *flavour) {
	status := http.StatusBadRequest
	if plays.gromoxFrame {
		status = http.StatusOK
		x.w.Header()["Date"] = nil // it sends none here
	}
	var reply any
	said := ""
	switch protocol := x.r.URL.Query().Get("Protocol"); {
	case strings.EqualFold(protocol, "AutodiscoverV1"):
		status = http.StatusOK
		url := "https://" + x.Host + "/autodiscover/autodiscover.xml"
		said, reply = "URL "+url, struct{ Protocol, Url string }{"AutodiscoverV1", url}
	case protocol == "":
		said, reply = "no protocol", struct{ ErrorCode, ErrorMessage string }{"MandatoryParameterMissing", "no Protocol in the query"}
	default:
		said, reply = "no such protocol", struct{ ErrorCode, ErrorMessage string }{"ProtocolNotSupported", "only AutodiscoverV1 is played"}
	}
	text, err := json.Marshal(reply)
	if err != nil {
		panic(fmt.Sprintf("mockserver: %v", err)) // strings only
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.send(x.answer(status, said, text))
}
