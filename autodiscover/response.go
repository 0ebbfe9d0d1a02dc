package autodiscover

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/beevik/etree"

	"github.com/homing-mail/homing/internal/mailaddr"
)

// Limits on an answer. A usual one has 3 to 15 KiB.
const (
	maxBody      = 1 << 20 // bytes
	maxDepth     = 16      // elements in one another
	maxElements  = 2000
	maxProtocols = 64
	maxText      = 8 << 10 // bytes of one text or attribute value
	maxAttrs     = 16      // attributes of one element
	maxURL       = 2 << 10 // bytes
	maxLegacyDN  = 1024    // bytes
	maxMessage   = 200     // characters of a server's own words that are passed on
)

// document is what an answer with HTTP status 200 says: one of the four.
type document struct {
	settings     *Settings
	redirectURL  string     // absolute; not judged yet
	redirectAddr string     // a normalised address
	refusal      *errorCode // an Error document
}

// String says it in the words of Step.Said.
func (d document) String() string {
	switch {
	case d.redirectURL != "":
		return "RedirectUrl " + shown(d.redirectURL)
	case d.redirectAddr != "":
		return "RedirectAddr " + d.redirectAddr
	case d.refusal != nil:
		return d.refusal.Error()
	}
	return "settings"
}

// errorCode is an Error document ([MS-OXDSCLI] 2.2.4.1.1.3). Servers use codes
// beyond the specification's: Gromox answers 404 and 503.
type errorCode struct {
	code    int // 0 if it is no number
	message string
}

func (e *errorCode) Error() string {
	if e.message == "" {
		return fmt.Sprintf("ErrorCode %d", e.code)
	}
	return fmt.Sprintf("ErrorCode %d: %s", e.code, e.message)
}

// busy reports whether the server may answer better later: 603 is an internal
// error ([MS-OXDSCLI] 2.2.4.1.1.3.2), 503 is Gromox's word for it.
func (e *errorCode) busy() bool { return e.code == 603 || e.code == 503 }

// kind is the Kind of the failure that e is.
func (e *errorCode) kind() Kind {
	if e.busy() {
		return Busy
	}
	return NotFound
}

var (
	errEmpty = errors.New("an empty answer, which is not Autodiscover's")
	errHTML  = errors.New("an HTML page, which is not Autodiscover's")
)

// parse reads the body of an answer with HTTP status 200. Names are compared
// without their namespaces, and what is not known is skipped.
func parse(body []byte) (document, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if err := guard(body); err != nil {
		return document{}, err
	}
	doc := etree.NewDocument()
	doc.ReadSettings.MaxDepth = maxDepth
	if err := doc.ReadFromBytes(body); err != nil {
		return document{}, fmt.Errorf("an answer that is not XML: %w", err)
	}
	root := doc.Root()
	if root == nil || root.Tag != "Autodiscover" {
		return document{}, errors.New("XML that is not Autodiscover's")
	}
	response := root.SelectElement("Response")
	if response == nil {
		return document{}, errors.New("an Autodiscover answer without Response")
	}
	if refusal := response.SelectElement("Error"); refusal != nil {
		return document{refusal: parseError(refusal)}, nil
	}
	account := response.SelectElement("Account")
	if account == nil {
		return document{}, errors.New("an Autodiscover answer without Account")
	}
	if refusal := account.SelectElement("Error"); refusal != nil {
		return document{refusal: parseError(refusal)}, nil
	}
	switch action := text(account, "Action"); strings.ToLower(action) {
	case "settings":
		settings, err := parseSettings(response.SelectElement("User"), account)
		return document{settings: settings}, err
	case "redirecturl":
		target := text(account, "RedirectUrl")
		if u, err := url.Parse(target); err != nil || !u.IsAbs() || len(target) > maxURL {
			return document{}, errors.New("a redirectUrl without a usable RedirectUrl")
		}
		return document{redirectURL: target}, nil
	case "redirectaddr":
		local, domain, err := mailaddr.ParseAddress(text(account, "RedirectAddr"))
		if err != nil {
			return document{}, fmt.Errorf("a redirectAddr without a usable RedirectAddr: %w", err)
		}
		return document{redirectAddr: local + "@" + domain}, nil
	default:
		return document{}, fmt.Errorf("the unknown Action %q", printable(action))
	}
}

// guard walks body once and refuses what the limits do not allow, before a tree
// is built of it: it keeps nothing.
func guard(body []byte) error {
	switch {
	case len(body) > maxBody:
		return fmt.Errorf("an answer of more than %d bytes", maxBody)
	case len(bytes.TrimSpace(body)) == 0:
		return errEmpty
	case isHTML(body):
		return errHTML
	case !utf8.Valid(body):
		return errors.New("an answer that is not UTF-8")
	}
	var (
		dec                                    = xml.NewDecoder(bytes.NewReader(body))
		depth, elements, protocols, run, roots int
	)
	for first := true; ; first = false {
		token, err := dec.Token()
		switch {
		case err == io.EOF && roots == 1:
			return nil
		case err == io.EOF:
			return fmt.Errorf("XML with %d root elements", roots)
		case err != nil:
			return fmt.Errorf("an answer that is not XML: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			if t.Name.Local == "Protocol" {
				protocols++
			}
			depth, elements, run = depth+1, elements+1, 0
			switch {
			case depth > maxDepth:
				return fmt.Errorf("XML of more than %d levels", maxDepth)
			case elements > maxElements:
				return fmt.Errorf("XML of more than %d elements", maxElements)
			case protocols > maxProtocols:
				return fmt.Errorf("more than %d Protocol elements", maxProtocols)
			case len(t.Attr) > maxAttrs:
				return fmt.Errorf("an element of more than %d attributes", maxAttrs)
			}
			for _, a := range t.Attr {
				if len(a.Value) > maxText {
					return fmt.Errorf("an attribute of more than %d bytes", maxText)
				}
			}
		case xml.EndElement:
			depth, run = depth-1, 0
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(t)) > 0 {
				return errors.New("text outside of the XML")
			}
			if run += len(t); run > maxText {
				return fmt.Errorf("a text of more than %d bytes", maxText)
			}
		case xml.Directive:
			return errors.New("XML with a document type")
		case xml.ProcInst:
			if t.Target != "xml" || !first {
				return errors.New("XML with a processing instruction")
			}
		}
	}
}

// isHTML reports whether body is the page of a web site, the most frequent wrong
// answer of <domain>.
func isHTML(body []byte) bool {
	start := strings.ToLower(string(body[:min(len(body), 512)]))
	start = strings.TrimSpace(start)
	return strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
}

func parseError(e *etree.Element) *errorCode {
	code, _ := strconv.Atoi(text(e, "ErrorCode"))
	return &errorCode{code: code, message: printable(text(e, "Message"))}
}

// parseSettings reads User ([MS-OXDSCLI] 2.2.4.1.1.1) and Account
// ([MS-OXDSCLI] 2.2.4.1.1.2). A value that cannot be used is taken as absent,
// save the LegacyDN: to log on by another than the server meant would be wrong.
func parseSettings(user, account *etree.Element) (*Settings, error) {
	s := new(Settings)
	if user != nil {
		s.DisplayName = printable(text(user, "DisplayName"))
		s.LegacyDN = text(user, "LegacyDN")
		s.DeploymentID = token(text(user, "DeploymentId"), 64)
		if local, domain, err := mailaddr.ParseAddress(text(user, "AutoDiscoverSMTPAddress")); err == nil {
			s.SMTPAddress = local + "@" + domain
		}
	}
	if err := checkLegacyDN(s.LegacyDN); err != nil {
		return nil, fmt.Errorf("settings with an unusable LegacyDN: %w", err)
	}
	for _, e := range account.SelectElements("Protocol") {
		s.Protocols = append(s.Protocols, parseProtocol(e))
	}
	for _, e := range account.SelectElements("AlternativeMailbox") {
		s.AlternativeMailboxes = append(s.AlternativeMailboxes, parseAlternativeMailbox(e))
	}
	return s, nil
}

// parseAlternativeMailbox reads an AlternativeMailbox ([MS-OXDSCLI]
// 2.2.4.1.1.2.5).
func parseAlternativeMailbox(e *etree.Element) AlternativeMailbox {
	m := AlternativeMailbox{
		Type:        token(text(e, "Type"), 64),
		DisplayName: printable(text(e, "DisplayName")),
		Server:      token(text(e, "Server"), 512),
	}
	if dn := text(e, "LegacyDN"); checkLegacyDN(dn) == nil {
		m.LegacyDN = dn
	}
	if local, domain, err := mailaddr.ParseAddress(text(e, "SmtpAddress")); err == nil {
		m.SMTPAddress = local + "@" + domain
	}
	return m
}

// parseProtocol reads a Protocol block ([MS-OXDSCLI] 2.2.4.1.1.2.6). mapiHttp
// names itself in an attribute, every other type in a child that need not be the
// first.
func parseProtocol(e *etree.Element) Protocol {
	p := Protocol{
		Type:   strings.ToUpper(token(text(e, "Type"), 64)),
		Server: token(text(e, "Server"), 512),
		TTL:    ttl(text(e, "TTL")),
	}
	if version, err := strconv.ParseUint(e.SelectAttrValue("Version", ""), 10, 16); err == nil {
		p.Version = int(version)
	}
	switch attr := e.SelectAttrValue("Type", ""); {
	case strings.EqualFold(attr, mapiHTTP):
		p.Type = mapiHTTP
		p.MAPI = &MAPI{
			MailStore:   chooseURL(e.SelectElement("MailStore")),
			AddressBook: chooseURL(e.SelectElement("AddressBook")),
		}
	case p.Type == "":
		p.Type = strings.ToUpper(token(attr, 64))
	}
	return p
}

// ttl reads TTL, a count of hours; an absent one means 1 ([MS-OXDSCLI]
// 2.2.4.1.1.2.6).
func ttl(s string) time.Duration {
	hours, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return time.Hour
	}
	return time.Duration(hours) * time.Hour
}

func text(e *etree.Element, name string) string {
	if child := e.SelectElement(name); child != nil {
		return strings.TrimSpace(child.Text())
	}
	return ""
}

// token returns s if it is printable ASCII without spaces of at most limit
// bytes, else nothing.
func token(s string, limit int) string {
	if len(s) > limit || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return s
}

// printable returns a server's own words as one line that can be shown.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if words := []rune(s); len(words) > maxMessage {
		return string(words[:maxMessage-1]) + "…"
	}
	return s
}

// shown returns a URL as it may be shown: without a password.
func shown(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return printable(rawURL)
	}
	return u.Redacted()
}

// checkLegacyDN says why s cannot be a distinguished name that is sent or stored.
func checkLegacyDN(s string) error {
	switch {
	case len(s) > maxLegacyDN:
		return fmt.Errorf("it has more than %d bytes", maxLegacyDN)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }):
		return errors.New("it has characters other than printable ASCII")
	}
	return nil
}
