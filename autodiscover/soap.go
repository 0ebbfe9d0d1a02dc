package autodiscover

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/beevik/etree"

	"github.com/homing-mail/homing/internal/mailaddr"
)

// SOAP Autodiscover ([MS-OXWSADISC]) is the second question to a host that has
// no plain-old-XML Autodiscover: one that answers HTTP 404, 405 or 501 for
// autodiscover.xml, whether or not it says X-SOAP-Enabled: True. Its
// autodiscover.svc is asked once, where all candidates have led nowhere, as the
// same hop and so under the same grant, and first without credentials as every
// host is.
//
// It knows no LegacyDN, and no setting of it holds the URLs of MAPI over HTTP: a
// mailbox is not found by it. What it gains is a referral (RedirectAddress,
// RedirectUrl), which goes on as one of plain-old-XML does, and an explanation:
// that the mailbox is known there, whether MapiHttpEnabled, and where its web
// services are. Exchange 2010 and later have it; Exchange 2007 and Gromox do not.

// soapPath is where a host serves SOAP Autodiscover.
const soapPath = "/autodiscover/autodiscover.svc"

// Namespaces of a SOAP message: SOAP 1.1, WS-Addressing 1.0, and that of every
// element of Autodiscover ([MS-OXWSADISC] 2.2.1).
const (
	envelopeSchema   = "http://schemas.xmlsoap.org/soap/envelope/"
	addressingSchema = "http://www.w3.org/2005/08/addressing"
	soapSchema       = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
)

// getUserSettings is the action of the one operation that is used
// ([MS-OXWSADISC] 3.1.4.4).
const getUserSettings = soapSchema + "/Autodiscover/GetUserSettings"

// soapServer is the RequestedServerVersion ([MS-OXWSADISC] 3.1.4.4.2): the
// oldest one, which every server knows.
const soapServer = "Exchange2010"

// Names of the settings that are asked for ([MS-OXWSADISC] 3.1.4.4.2, Setting).
const (
	soapDisplayName  = "UserDisplayName"
	soapUserDN       = "UserDN"
	soapDeploymentID = "UserDeploymentId"
	soapAddress      = "AutoDiscoverSMTPAddress"
	soapServerName   = "InternalMailboxServer"
	soapMAPIHTTP     = "MapiHttpEnabled"
	soapExternalEWS  = "ExternalEwsUrl"
	soapInternalEWS  = "InternalEwsUrl"
)

// soapRequest returns the GetUserSettings request ([MS-OXWSADISC] 3.1.4.4) for
// the mailbox of address, to be sent to endpoint.
func soapRequest(address, endpoint string) []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?>` + "\n")
	b.WriteString(`<s:Envelope xmlns:s="` + envelopeSchema + `" xmlns:w="` + addressingSchema + `" xmlns:a="` + soapSchema + `"><s:Header>`)
	b.WriteString(`<a:RequestedServerVersion>` + soapServer + `</a:RequestedServerVersion>`)
	b.WriteString(`<w:Action>` + getUserSettings + `</w:Action><w:To>`)
	xml.EscapeText(&b, []byte(endpoint)) // a bytes.Buffer does not fail
	b.WriteString(`</w:To></s:Header><s:Body><a:GetUserSettingsRequestMessage><a:Request><a:Users><a:User><a:Mailbox>`)
	xml.EscapeText(&b, []byte(address))
	b.WriteString(`</a:Mailbox></a:User></a:Users><a:RequestedSettings>`)
	for _, name := range [...]string{
		soapDisplayName, soapUserDN, soapDeploymentID, soapAddress, soapServerName, soapMAPIHTTP, soapExternalEWS, soapInternalEWS,
	} {
		b.WriteString(`<a:Setting>` + name + `</a:Setting>`)
	}
	b.WriteString(`</a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage></s:Body></s:Envelope>`)
	return b.Bytes()
}

// soapPost returns the POST that asks endpoint for the mailbox of address.
func soapPost(ctx context.Context, endpoint, address string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(soapRequest(address, endpoint)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("Accept", "text/xml")
	req.Header.Set("SOAPAction", `"`+getUserSettings+`"`) // SOAP 1.1 6.1.1
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("X-AnchorMailbox", address)
	return req, nil
}

// soapURL returns where the host of rawURL would serve SOAP Autodiscover.
func soapURL(rawURL string) string { return withPath(rawURL, soapPath) }

// poxURL returns where the host of a RedirectTarget or a Location serves plain-old-XML
// Autodiscover, which alone leads to a mailbox; a target that is no SOAP endpoint
// stays as it is. Scheme, port and user are left to whoever judges the hop.
func poxURL(target string) string {
	if u, err := url.Parse(target); err != nil || !strings.Contains(strings.ToLower(u.Path), soapPath) {
		return target
	}
	return withPath(target, path)
}

func withPath(rawURL, to string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rawURL
	}
	u.Path, u.RawPath, u.RawQuery, u.Fragment, u.RawFragment = to, "", "", "", ""
	return u.String()
}

// lacksPOX reports whether an answer with this HTTP status says that there is no
// plain-old-XML Autodiscover at the place, rather than that something is amiss
// with it.
func lacksPOX(status int) bool {
	switch status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}

// soapAnswer is what an answer of GetUserSettings says: one of the four.
type soapAnswer struct {
	settings     *soapSettings
	redirectURL  string     // absolute; not judged yet
	redirectAddr string     // a normalised address
	refusal      *soapError // an ErrorCode, or a Fault
}

// soapSettings are the settings of interest: an explanation, and nothing to log
// on with.
type soapSettings struct {
	DisplayName  string
	UserDN       string // the LegacyDN
	SMTPAddress  string
	DeploymentID string
	Server       string // InternalMailboxServer; may be GUID@domain, never to be dialled
	EWS          string // ExternalEwsUrl, or InternalEwsUrl where that is the only usable one
	MAPIHTTP     bool   // MapiHttpEnabled
	Missing      []soapMissing
}

// soapMissing is a setting that the server did not answer: a UserSettingError.
type soapMissing struct {
	Name string
	Code string // InvalidSetting, SettingIsNotAvailable, …
}

// soapError is an ErrorCode other than NoError and those of a referral, of the
// whole answer or of the user ([MS-OXWSADISC] 3.1.4.4.2), or a SOAP Fault.
type soapError struct {
	code    string // ASCII, without its namespace prefix; empty if there is none that could be shown
	message string
	fault   bool
}

func (e *soapError) Error() string {
	s := "SOAP ErrorCode "
	if e.fault {
		s = "SOAP Fault "
	}
	s += cmp.Or(e.code, "without a name")
	if e.message != "" {
		s += ": " + e.message
	}
	return s
}

// kind is the Kind of the failure that e is. A Fault is one of the service, not
// of the mailbox.
func (e *soapError) kind() Kind {
	switch {
	case e.fault:
		return Unreachable
	case e.code == "ServerBusy" || e.code == "InternalServerError":
		return Busy
	}
	return NotFound
}

// String says it in the words of Step.Said.
func (a soapAnswer) String() string {
	switch {
	case a.redirectURL != "":
		return "SOAP RedirectUrl " + shown(a.redirectURL)
	case a.redirectAddr != "":
		return "SOAP RedirectAddress " + a.redirectAddr
	case a.refusal != nil:
		return a.refusal.Error()
	}
	return "SOAP " + a.settings.String()
}

func (s *soapSettings) String() string {
	out := fmt.Sprintf("settings, MapiHttpEnabled %v", s.MAPIHTTP)
	if s.EWS != "" {
		out += ", web services at " + s.EWS
	}
	return out
}

// answer is what a means to the chase. Settings end nothing: the mailbox is
// known, and the place where it is not.
func (a soapAnswer) answer() answer {
	switch {
	case a.redirectURL != "":
		return answer{document: document{redirectURL: poxURL(a.redirectURL)}}
	case a.redirectAddr != "":
		return answer{document: document{redirectAddr: a.redirectAddr}}
	case a.refusal != nil:
		return answer{failure: &Error{Kind: a.refusal.kind(), Err: a.refusal}}
	}
	return answer{failure: &Error{Kind: NoUsableProtocol, Err: fmt.Errorf("SOAP Autodiscover alone, which names no place to log on to: %v", a.settings)}}
}

// isSOAP reports whether an answer with this HTTP status has a SOAP message: a
// Fault comes with HTTP 500 (SOAP 1.1 6.2).
func isSOAP(status int) bool {
	return status == http.StatusOK || status == http.StatusInternalServerError
}

// readSOAP reads an answer whose status isSOAP.
func readSOAP(ctx context.Context, res *http.Response, step *Step) answer {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil {
		return answer{failure: &Error{Kind: Unreachable, Err: fmt.Errorf("the answer broke off: %w", broken(ctx, err))}}
	}
	said, err := parseSOAP(body)
	switch {
	case err != nil && res.StatusCode == http.StatusOK:
		return answer{failure: &Error{Kind: Malformed, Err: err}}
	case err != nil:
		return answer{failure: &Error{Kind: Unreachable, Err: fmt.Errorf("HTTP %d", res.StatusCode)}}
	}
	step.Said = said.String()
	return said.answer()
}

// parseSOAP reads an answer of GetUserSettings ([MS-OXWSADISC] 3.1.4.4), within
// the limits of every answer. Names are compared without their namespaces, and
// what is not known is skipped.
func parseSOAP(body []byte) (soapAnswer, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if err := guard(body); err != nil {
		return soapAnswer{}, err
	}
	doc := etree.NewDocument()
	doc.ReadSettings.MaxDepth = maxDepth
	if err := doc.ReadFromBytes(body); err != nil {
		return soapAnswer{}, fmt.Errorf("an answer that is not XML: %w", err)
	}
	root := doc.Root()
	if root == nil || root.Tag != "Envelope" {
		return soapAnswer{}, errors.New("XML that is not SOAP's")
	}
	content := root.SelectElement("Body")
	if content == nil {
		return soapAnswer{}, errors.New("a SOAP message without Body")
	}
	if fault := content.SelectElement("Fault"); fault != nil {
		return soapAnswer{refusal: parseFault(fault)}, nil
	}
	response := child(content, "GetUserSettingsResponseMessage", "Response")
	if response == nil {
		return soapAnswer{}, errors.New("a SOAP message that answers no GetUserSettings")
	}
	if answer, ok, err := parseErrorCode(response); ok || err != nil {
		return answer, err
	}
	var users []*etree.Element
	if list := response.SelectElement("UserResponses"); list != nil {
		users = list.SelectElements("UserResponse")
	}
	if len(users) != 1 {
		return soapAnswer{}, fmt.Errorf("an answer for %d mailboxes in place of one", len(users))
	}
	if answer, ok, err := parseErrorCode(users[0]); ok || err != nil {
		return answer, err
	}
	settings, err := parseUserSettings(users[0])
	return soapAnswer{settings: settings}, err
}

// parseErrorCode reads the ErrorCode of a Response or of a UserResponse, which
// have the same elements for it, and whether it is the answer: NoError, or none,
// is not.
func parseErrorCode(e *etree.Element) (a soapAnswer, ok bool, err error) {
	code, target := text(e, "ErrorCode"), text(e, "RedirectTarget")
	switch code {
	case "", "NoError":
		return soapAnswer{}, false, nil
	case "RedirectUrl":
		if u, err := url.Parse(target); err != nil || !u.IsAbs() || len(target) > maxURL {
			return soapAnswer{}, false, errors.New("a RedirectUrl without a usable RedirectTarget")
		}
		return soapAnswer{redirectURL: target}, true, nil
	case "RedirectAddress":
		local, domain, err := mailaddr.ParseAddress(target)
		if err != nil {
			return soapAnswer{}, false, fmt.Errorf("a RedirectAddress without a usable RedirectTarget: %w", err)
		}
		return soapAnswer{redirectAddr: local + "@" + domain}, true, nil
	}
	return soapAnswer{refusal: &soapError{code: token(code, 64), message: printable(text(e, "ErrorMessage"))}}, true, nil
}

// parseFault reads a Fault of SOAP 1.1 (4.4), or of 1.2 (5.4).
func parseFault(e *etree.Element) *soapError {
	code, message := text(e, "faultcode"), text(e, "faultstring")
	if v := child(e, "Code"); v != nil {
		code = text(v, "Value")
		if inner := child(v, "Subcode"); inner != nil {
			code = cmp.Or(text(inner, "Value"), code)
		}
	}
	if v := child(e, "Reason"); v != nil {
		message = text(v, "Text")
	}
	return &soapError{code: token(code[strings.LastIndexByte(code, ':')+1:], 64), message: printable(message), fault: true}
}

// parseUserSettings reads UserSettings and UserSettingErrors. A value that cannot
// be used is taken as absent, save the UserDN, as in plain-old-XML.
func parseUserSettings(user *etree.Element) (*soapSettings, error) {
	s, external, internal := new(soapSettings), "", ""
	if list := user.SelectElement("UserSettings"); list != nil {
		for _, e := range list.SelectElements("UserSetting") {
			switch value := text(e, "Value"); text(e, "Name") {
			case soapDisplayName:
				s.DisplayName = printable(value)
			case soapUserDN:
				s.UserDN = value
			case soapDeploymentID:
				s.DeploymentID = token(value, 64)
			case soapServerName:
				s.Server = token(value, 512)
			case soapMAPIHTTP:
				s.MAPIHTTP = strings.EqualFold(value, "true")
			case soapAddress:
				if local, domain, err := mailaddr.ParseAddress(value); err == nil {
					s.SMTPAddress = local + "@" + domain
				}
			case soapExternalEWS:
				if usableURL(value) {
					external = value
				}
			case soapInternalEWS:
				if usableURL(value) {
					internal = value
				}
			}
		}
	}
	s.EWS = cmp.Or(external, internal)
	if err := checkLegacyDN(s.UserDN); err != nil {
		return nil, fmt.Errorf("settings with an unusable UserDN: %w", err)
	}
	if list := user.SelectElement("UserSettingErrors"); list != nil {
		for _, e := range list.SelectElements("UserSettingError") {
			s.Missing = append(s.Missing, soapMissing{Name: token(text(e, "SettingName"), 64), Code: token(text(e, "ErrorCode"), 64)})
		}
	}
	return s, nil
}

// child returns the element that names lead to, or nil.
func child(e *etree.Element, names ...string) *etree.Element {
	for _, name := range names {
		if e = e.SelectElement(name); e == nil {
			return nil
		}
	}
	return e
}
