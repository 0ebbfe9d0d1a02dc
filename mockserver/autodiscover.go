package mockserver

import (
	"encoding/xml"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Namespaces of POX Autodiscover ([MS-OXDSCLI] 2.2.1). They start with http.
const (
	requestSchema  = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
	responseSchema = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
)

// maxAsk is the length in bytes of the longest Autodiscover request.
const maxAsk = 64 << 10

// ask is an Autodiscover request ([MS-OXDSCLI] 2.2.3.1).
type ask struct {
	XMLName xml.Name `xml:"Autodiscover"`
	Request struct {
		EMailAddress             string
		LegacyDN                 string
		AcceptableResponseSchema string
	}
}

// The ErrorCodes of Autodiscover ([MS-OXDSCLI] 2.2.4.1.1.3.2).
const (
	errorUnknown   = 500
	errorNothing   = 501
	errorMalformed = 600
	errorSchema    = 601
	errorInternal  = 603
)

// autodiscover answers POX Autodiscover for the forest of a host.
func (s *Server) autodiscover(x *exchange, at *site, plays *flavour) {
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxAsk))
	if err != nil {
		var long *http.MaxBytesError
		if !errors.As(err, &long) {
			panic(http.ErrAbortHandler) // the client is gone
		}
		x.refuse(http.StatusRequestEntityTooLarge, "too long")
		return
	}
	q, wrong := readAsk(x, body)

	s.mu.Lock()
	f := at.forest
	who := s.signIn(x, f)
	a := s.decideAutodiscover(x, at, plays, who, q, wrong)
	s.mu.Unlock()

	if a.challenge {
		if !plays.gromoxFrame {
			x.w.Header().Set("X-SOAP-Enabled", "True")
		}
		x.challenge(f)
		return
	}
	x.put(a.header)
	if a.location != "" {
		x.w.Header().Set("Location", a.location)
	}
	if a.contentType != "" {
		x.w.Header().Set("Content-Type", a.contentType)
	}
	if plays.gromoxFrame {
		x.w.Header()["Date"] = nil                                    // it sends none here
		x.w.Header().Set("Content-Length", strconv.Itoa(len(a.body))) // net/http chunks a long body
		if x.w.Header().Get("Content-Type") == textXML {
			x.w.Header().Set("Content-Type", "text/xml")
		}
	}
	x.Code = uint32(a.errorCode)
	x.send(x.answer(a.status, a.said, a.body))
}

// readAsk reads a request, notes whom it asks for, and returns the ErrorCode for
// what it cannot read; 0: none.
func readAsk(x *exchange, body []byte) (q ask, wrong int) {
	switch err := xml.Unmarshal(body, &q); {
	case err != nil || q.XMLName.Space != requestSchema:
		return q, errorMalformed
	}
	// If both come, LegacyDN it is ([MS-OXDSCLI] 3.2.5).
	q.Request.LegacyDN, q.Request.EMailAddress = strings.TrimSpace(q.Request.LegacyDN), strings.TrimSpace(q.Request.EMailAddress)
	switch {
	case q.Request.LegacyDN != "":
		x.Identity, x.Asked = "LegacyDN", cut(q.Request.LegacyDN, 1024)
	case q.Request.EMailAddress != "":
		x.Identity, x.Asked = "EMailAddress", cut(q.Request.EMailAddress, 1024)
	default:
		return q, errorMalformed
	}
	if strings.TrimSpace(q.Request.AcceptableResponseSchema) != responseSchema {
		return q, errorSchema
	}
	return q, 0
}

// found is an answer of Autodiscover.
type found struct {
	challenge   bool
	status      int
	contentType string
	location    string
	header      http.Header // of a middlebox
	body        []byte
	errorCode   int
	said        string
}

// decideAutodiscover is the answer to q, for who has signed in. s.mu is held.
func (s *Server) decideAutodiscover(x *exchange, at *site, plays *flavour, who *mailbox, q ask, wrong int) found {
	f := at.forest
	var m *mailbox
	switch {
	case x.Identity == "LegacyDN":
		m = s.dir.byLegacyDN(f, q.Request.LegacyDN)
	case x.Identity == "EMailAddress":
		m = s.dir.byAddress(f, q.Request.EMailAddress)
	}
	switch {
	case at.answer != nil:
		a := at.answer
		return found{status: a.status, contentType: a.contentType, header: a.header, body: a.body, said: "as told: " + strconv.Itoa(a.status)}
	case who == nil && f.Referral == ReferAnonymous && x.Method == http.MethodPost && !f.outage:
		if to := s.anonymousReferral(f, m, wrong); to != "" {
			return refer(f, to)
		}
		return found{challenge: true}
	case who == nil:
		return found{challenge: true}
	case f.outage:
		return s.errorDocument(x, plays, plays.internal)
	case plays.gromoxFrame:
		return s.decideGromox(x, f, who, q, wrong)
	case x.Method != http.MethodPost:
		return s.errorDocument(x, plays, errorMalformed)
	case wrong != 0:
		return s.errorDocument(x, plays, wrong)
	case m == nil:
		return s.errorDocument(x, plays, plays.nobody)
	}
	if to := s.referral(f, m); to != "" {
		return refer(f, to)
	}
	if lives := m.home.server; plays.olderProtocols && m.forest() == f && lives.flavour.newer(plays) {
		to := "https://" + lives.Host + "/autodiscover/autodiscover.xml"
		return found{status: http.StatusFound, location: to, said: "302 → " + to}
	}
	return s.settings(x, f, m)
}

// referral is where f refers somebody who asks for m: a URL, an address, or ""
// when f has the mailbox, or believes so. s.mu is held.
func (s *Server) referral(f *forest, m *mailbox) string {
	if m.past != nil && m.past.referred[f] != "" {
		return m.past.referred[f]
	}
	if m.object(f).kind != objectMailUser {
		return ""
	}
	to := m.forest()
	if l := m.lag(); l != nil && to == f { // which does not know yet
		to = l.from.server.forest
	}
	if f.Referral == ReferAddress || to.host == "" {
		return m.address(to) // the targetAddress
	}
	return to.autodiscoverURL()
}

// anonymousReferral is where f refers somebody who has not signed in. A request
// that names nobody goes after the latest mailbox that left.
func (s *Server) anonymousReferral(f *forest, m *mailbox, wrong int) string {
	switch {
	case m != nil:
		return s.referral(f, m)
	case wrong != 0 && f.latest != nil:
		return f.latest.autodiscoverURL()
	}
	return ""
}

// refer sends the asker to a URL or an address, in the manner of f.
func refer(f *forest, to string) found {
	action := "redirectAddr"
	if strings.Contains(to, "://") {
		status := map[string]int{
			Refer301: 301, Refer302: 302, Refer303: 303, Refer307: 307, Refer308: 308, ReferAnonymous: 302,
		}[f.Referral]
		if status != 0 {
			return found{status: status, location: to, said: strconv.Itoa(status) + " → " + to}
		}
		action = "redirectUrl"
	}
	referral := referralXML
	if f.flavour.gromoxFrame {
		referral = gromoxReferralXML
		if action == "redirectAddr" {
			to = gromoxRedirectAddr(to)
		}
	}
	element := map[string]string{"redirectAddr": "RedirectAddr", "redirectUrl": "RedirectUrl"}[action]
	return document(referral(action, element, to), element+" "+to)
}

// settings describes the mailbox of m to a client ([MS-OXDSCLI] 3.2.5.1).
func (s *Server) settings(x *exchange, f *forest, m *mailbox) found {
	at := m.home
	if o := m.object(f); o.kind == objectStale {
		at = o.stale
	}
	host := at.server.Host
	d := &settings{
		displayName: m.displayName(), legacyDN: f.legacyDN(m), address: m.address(f),
		deploymentID: s.dir.newGUID("deployment of "+f.Name, 0).String(),
		host:         host, mailboxID: m.mailboxID(f), server: m.mailboxID(f),
		store: at.server.url(EndpointMAPI, m.mailboxID(f)), book: at.server.url(EndpointNSPI, m.mailboxID(f)),
		ttl:      f.TTL,
		serverDN: f.serverDN(m.mailboxID(f)), serverVersion: serverVersion(at.server.Version),
		microsoftOnline: at.server.flavour.microsoftOnline,
	}
	if at.server.flavour.rpcOnly {
		d.server, d.serverDN, d.microsoftOnline = host, f.serverDN(at.server.Name), "False"
	}
	capability, err := strconv.Atoi(strings.TrimSpace(x.r.Header.Get("X-MapiHttpCapability")))
	off := m.past != nil && m.past.noMAPI[f] || !at.server.mapi
	d.mapi = err == nil && capability > 0 && !off
	said := "settings " + host
	if off {
		said += " without mapiHttp"
	}
	if at.server.flavour.gromoxFrame {
		d.mapi, d.forest, d.delegated = !off, f.Name, s.dir.delegatedTo(f, m)
		return document(gromoxSettingsXML(d), said)
	}
	return document(settingsXML(d), said)
}

// serverVersion writes a version such as 15.02.2562.045 as ServerVersion: 4 bits
// 7, 6 bits major, 6 bits minor, a flag, 15 bits build.
func serverVersion(v string) string {
	var major, minor, build uint32
	fmt.Sscanf(v, "%d.%d.%d", &major, &minor, &build)
	return fmt.Sprintf("%08X", 7<<28|major&63<<22|minor&63<<16|1<<15|build&0x7FFF)
}

var messages = map[int]string{
	errorUnknown:   "The email address can't be found.",
	errorMalformed: "Invalid Request",
	errorSchema:    "Provider is not available",
}

// errorDocument is an error of Autodiscover: HTTP 200, another namespace.
func (s *Server) errorDocument(x *exchange, plays *flavour, code int) found {
	if plays.gromoxFrame {
		return s.errorSaying(x, plays, code, gromoxMessages[code])
	}
	return s.errorSaying(x, plays, code, messages[code])
}

func (s *Server) errorSaying(x *exchange, plays *flavour, code int, message string) found {
	text, clock := errorXML, "15:04:05.0000000"
	if plays.gromoxFrame {
		text, clock = gromoxErrorXML, "15:04:05"
	}
	id := fnv.New32a()
	io.WriteString(id, x.Host)
	a := document(text(time.Now().Format(clock), fmt.Sprint(id.Sum32()), strconv.Itoa(code), message), "ErrorCode "+strconv.Itoa(code))
	a.errorCode = code
	return a
}

const textXML = "text/xml; charset=utf-8"

func document(text, said string) found {
	return found{status: http.StatusOK, contentType: textXML, body: []byte(text), said: said}
}
