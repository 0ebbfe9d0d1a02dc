package mockserver

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// SOAP Autodiscover ([MS-OXWSADISC]): the one operation GetUserSettings, which
// knows mailboxes by address only and has no URL of MAPI over HTTP. What an
// `answer` makes of the other form does not concern it, so that a host can have
// this one alone.

const soapPath = "/autodiscover/autodiscover.svc"

// Namespaces of SOAP Autodiscover ([MS-OXWSADISC] 2.2.1).
const (
	envelopeSchema   = "http://schemas.xmlsoap.org/soap/envelope/"
	addressingSchema = "http://www.w3.org/2005/08/addressing"
	soapSchema       = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
)

// getUserSettings is the action of the operation ([MS-OXWSADISC] 3.1.4.4).
const getUserSettings = soapSchema + "/Autodiscover/GetUserSettings"

// soap reports whether v has SOAP Autodiscover: Exchange 2010 and later.
func (v *flavour) soap() bool {
	return !v.gromoxFrame && v.newer(findFlavour(FlavourExchange2007))
}

// envelope is a request of GetUserSettings ([MS-OXWSADISC] 3.1.4.4.2).
type envelope struct {
	XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
	Header  struct {
		RequestedServerVersion string `xml:"http://schemas.microsoft.com/exchange/2010/Autodiscover RequestedServerVersion"`
		Action                 string `xml:"http://www.w3.org/2005/08/addressing Action"`
		MessageID              string `xml:"http://www.w3.org/2005/08/addressing MessageID"`
	} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Header"`
	Body struct {
		Message struct {
			Request struct {
				Mailboxes []string `xml:"Users>User>Mailbox"`
				Settings  []string `xml:"RequestedSettings>Setting"`
			} `xml:"Request"`
		} `xml:"http://schemas.microsoft.com/exchange/2010/Autodiscover GetUserSettingsRequestMessage"`
	} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
}

// soapResponse is an answer of GetUserSettings.
type soapResponse struct {
	RelatesTo string // the MessageID of the request
	Version   [4]int
	Code      string // ErrorCode of the whole answer
	Message   string
	Users     []soapUser
	said      string // for the record
}

// soapUser is a UserResponse.
type soapUser struct {
	Code, Message, Target string
	Missing               []soapMissing
	Settings              []soapSetting
}

type soapSetting struct{ Name, Value string }

// soapMissing is a UserSettingError.
type soapMissing struct{ Name, Code string }

func soapXML(r *soapResponse) string {
	relates := ""
	if r.RelatesTo != "" {
		relates = `
    <a:RelatesTo>` + escape(r.RelatesTo) + `</a:RelatesTo>`
	}
	return `<s:Envelope xmlns:s="` + envelopeSchema + `" xmlns:a="` + addressingSchema + `">
  <s:Header>
    <a:Action s:mustUnderstand="1">` + getUserSettings + `Response</a:Action>
    <h:ServerVersionInfo xmlns:h="` + soapSchema + `">
      <h:MajorVersion>` + strconv.Itoa(r.Version[0]) + `</h:MajorVersion>
      <h:MinorVersion>` + strconv.Itoa(r.Version[1]) + `</h:MinorVersion>
      <h:MajorBuildNumber>` + strconv.Itoa(r.Version[2]) + `</h:MajorBuildNumber>
      <h:MinorBuildNumber>` + strconv.Itoa(r.Version[3]) + `</h:MinorBuildNumber>
    </h:ServerVersionInfo>` + relates + `
  </s:Header>
  <s:Body>
    <GetUserSettingsResponseMessage xmlns="` + soapSchema + `">
      <Response xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
        <ErrorCode>` + r.Code + `</ErrorCode>
        <ErrorMessage>` + escape(r.Message) + `</ErrorMessage>
        <UserResponses>` + eachXML(r.Users, soapUserXML) + `
        </UserResponses>
      </Response>
    </GetUserSettingsResponseMessage>
  </s:Body>
</s:Envelope>
`
}

func soapUserXML(u soapUser) string {
	target := `<RedirectTarget i:nil="true" />`
	if u.Target != "" {
		target = `<RedirectTarget>` + escape(u.Target) + `</RedirectTarget>`
	}
	return `
          <UserResponse>
            <ErrorCode>` + u.Code + `</ErrorCode>
            <ErrorMessage>` + escape(u.Message) + `</ErrorMessage>
            ` + target + `
            <UserSettingErrors>` + eachXML(u.Missing, soapMissingXML) + `
            </UserSettingErrors>
            <UserSettings>` + eachXML(u.Settings, soapSettingXML) + `
            </UserSettings>
          </UserResponse>`
}

func soapMissingXML(m soapMissing) string {
	name := escape(m.Name)
	return `
              <UserSettingError><ErrorCode>` + m.Code + `</ErrorCode><ErrorMessage>There is no ` + name + `.</ErrorMessage><SettingName>` + name + `</SettingName></UserSettingError>`
}

func soapSettingXML(v soapSetting) string {
	return `
              <UserSetting i:type="StringSetting"><Name>` + v.Name + `</Name><Value>` + escape(v.Value) + `</Value></UserSetting>`
}

func faultXML(code, message string) string {
	return `<s:Envelope xmlns:s="` + envelopeSchema + `" xmlns:a="` + addressingSchema + `">
  <s:Header>
    <a:Action s:mustUnderstand="1">` + addressingSchema + `/soap/fault</a:Action>
  </s:Header>
  <s:Body>
    <s:Fault>
      <faultcode>` + code + `</faultcode>
      <faultstring xml:lang="en">` + escape(message) + `</faultstring>
    </s:Fault>
  </s:Body>
</s:Envelope>
`
}

// soap answers SOAP Autodiscover for the forest of a host.
func (s *Server) soap(x *exchange, at *site, plays *flavour) {
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxAsk))
	if err != nil {
		var long *http.MaxBytesError
		if !errors.As(err, &long) {
			panic(http.ErrAbortHandler) // the client is gone
		}
		x.refuse(http.StatusRequestEntityTooLarge, "too long")
		return
	}
	var q envelope
	unread := xml.Unmarshal(body, &q)
	asked := q.Body.Message.Request
	if len(asked.Mailboxes) > 0 {
		x.Identity, x.Asked = "Mailbox", cut(asked.Mailboxes[0], 1024)
	}

	s.mu.Lock()
	f := at.forest
	who := s.signIn(x, f)
	var r soapResponse
	if who != nil {
		r = s.decideSOAP(f, plays, &q)
	}
	s.mu.Unlock()

	switch {
	case who == nil:
		x.w.Header().Set("X-SOAP-Enabled", "True")
		x.challenge(f)
	case x.Method != http.MethodPost: // a page about the service, where nobody has switched that off: not measured
		x.w.Header().Set("Allow", http.MethodPost)
		x.refuse(http.StatusMethodNotAllowed, "not a POST")
	case unread != nil:
		x.fault("s:Client", "The message cannot be read.")
	case strings.TrimSpace(q.Header.Action) != getUserSettings:
		x.fault("a:ActionNotSupported", "Nothing is done for this Action.")
	default:
		a := document(soapXML(&r), "")
		x.w.Header().Set("Content-Type", a.contentType)
		x.send(x.answer(a.status, r.said, a.body))
	}
}

// fault answers with a SOAP Fault (SOAP 1.1 4.4): HTTP 500.
func (x *exchange) fault(code, message string) {
	a := document(faultXML(code, message), "")
	x.w.Header().Set("Content-Type", a.contentType)
	x.send(x.answer(http.StatusInternalServerError, "fault "+code, a.body))
}

// decideSOAP is the answer to q, which has been read. s.mu is held.
func (s *Server) decideSOAP(f *forest, plays *flavour, q *envelope) soapResponse {
	asked := q.Body.Message.Request
	r := soapResponse{RelatesTo: q.Header.MessageID, Code: "NoError"}
	fmt.Sscanf(plays.version, "%d.%d.%d.%d", &r.Version[0], &r.Version[1], &r.Version[2], &r.Version[3])
	refuse := func(code, why string) soapResponse {
		r.Code, r.Message, r.said = code, why, code
		return r
	}
	switch {
	case f.outage:
		return refuse("InternalServerError", "The directory cannot be asked.")
	case q.Header.RequestedServerVersion == "":
		return refuse("InvalidRequest", "There is no RequestedServerVersion.")
	case len(asked.Mailboxes) == 0:
		return refuse("InvalidRequest", "There is no User.")
	case len(asked.Settings) == 0:
		return refuse("InvalidRequest", "There is no RequestedSettings.")
	}
	var said []string
	for _, address := range asked.Mailboxes {
		u, phrase := s.soapUser(f, plays, strings.TrimSpace(address), asked.Settings)
		r.Users, said = append(r.Users, u), append(said, phrase)
	}
	r.said = strings.Join(said, "; ")
	return r
}

// soapUser is the answer for one address, and that in a phrase. s.mu is held.
func (s *Server) soapUser(f *forest, plays *flavour, address string, settings []string) (soapUser, string) {
	m := s.dir.byAddress(f, address)
	if m == nil {
		return soapUser{Code: "InvalidUser", Message: "Nobody has this address."}, "InvalidUser"
	}
	to := s.referral(f, m)
	if lives := m.home.server; to == "" && plays.olderProtocols && m.forest() == f && lives.flavour.newer(plays) {
		to = "https://" + lives.Host + soapPath
	}
	switch {
	case strings.Contains(to, "://"):
		if before, ok := strings.CutSuffix(to, "/autodiscover/autodiscover.xml"); ok {
			to = before + soapPath
		}
		return soapUser{Code: "RedirectUrl", Message: "Ask elsewhere.", Target: to}, "RedirectUrl " + to
	case to != "":
		return soapUser{Code: "RedirectAddress", Message: "Ask for another address.", Target: to}, "RedirectAddress " + to
	}
	u := soapUser{Code: "NoError", Message: "No error."}
	host, values := s.userSettings(f, plays, m)
	for _, name := range settings {
		name = strings.TrimSpace(name)
		value, ok := values[name]
		switch {
		case value != "":
			u.Settings = append(u.Settings, soapSetting{name, value})
		case ok:
			u.Missing = append(u.Missing, soapMissing{name, "SettingIsNotAvailable"})
		default:
			u.Missing = append(u.Missing, soapMissing{name, "InvalidSetting"})
		}
	}
	return u, "SOAP settings " + host
}

// userSettings are the settings of m ([MS-OXWSADISC] 3.1.4.4.2, Setting) and the
// host of its server. One without a value is known and not there.
func (s *Server) userSettings(f *forest, plays *flavour, m *mailbox) (host string, values map[string]string) {
	at := m.home
	if o := m.object(f); o.kind == objectStale {
		at = o.stale
	}
	host = at.server.Host
	name, ews := m.mailboxID(f), "https://"+host+"/EWS/Exchange.asmx"
	if at.server.flavour.rpcOnly {
		name = at.server.Name
	}
	dn := f.serverDN(name)
	if at.server.flavour.rpcOnly {
		name = host
	}
	values = map[string]string{
		"UserDisplayName": m.displayName(), "UserDN": f.legacyDN(m), "AutoDiscoverSMTPAddress": m.address(f),
		"UserDeploymentId": s.dir.newGUID("deployment of "+f.Name, 0).String(),
		"UserMSOnline":     at.server.flavour.microsoftOnline,
		"MailboxDN":        dn + privateMDB, "MailboxVersion": at.server.Version, "CasVersion": plays.version,
		"InternalMailboxServer": name, "InternalMailboxServerDN": dn, "ExternalMailboxServer": host,
		"InternalEwsUrl": ews, "ExternalEwsUrl": ews,
	}
	for _, known := range [...]string{
		"AlternateMailboxes", "EwsSupportedSchemas", "ExternalImap4Connections", "ExternalOABUrl", "ExternalPop3Connections", "ExternalSmtpConnections",
		"GroupingInformation", "InternalImap4Connections", "InternalOABUrl", "InternalPop3Connections", "InternalSmtpConnections", "PublicFolderInformation",
	} {
		values[known] = ""
	}
	if !plays.rpcOnly { // which came with Exchange 2013 SP1, as MAPI over HTTP did
		values["MapiHttpEnabled"] = "True"
		if m.past != nil && m.past.noMAPI[f] || !at.server.mapi {
			values["MapiHttpEnabled"] = "False"
		}
	}
	return host, values
}
