package mockserver

import (
	"cmp"
	"net/http"
)

// Hoster is a web hoster that answers at a host for a domain of which it knows
// the web site and nothing of its Exchange: the commonest false answer of
// Autodiscover.
type Hoster struct {
	Host        string `toml:"host"`        // such as contoso.test
	Serves      string `toml:"serves"`      // to an Autodiscover request: HosterIMAP ("" too), HosterHTML
	Certificate string `toml:"certificate"` // as of ServerSite
}

// What a [Hoster] answers to an Autodiscover request, whatever it asks.
const (
	HosterIMAP = "imap" // a document that offers IMAP, POP3 and SMTP
	HosterHTML = "html" // the page of every other path, with HTTP 200
)

const hosterXML = `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a">
    <Account>
      <AccountType>email</AccountType>
      <Action>settings</Action>
      <Protocol><Type>IMAP</Type><Server>imap.hoster.test</Server><Port>993</Port><SPA>off</SPA><SSL>on</SSL><AuthRequired>on</AuthRequired></Protocol>
      <Protocol><Type>POP3</Type><Server>pop.hoster.test</Server><Port>995</Port><SPA>off</SPA><SSL>on</SSL><AuthRequired>on</AuthRequired></Protocol>
      <Protocol><Type>SMTP</Type><Server>smtp.hoster.test</Server><Port>587</Port><SPA>off</SPA><Encryption>TLS</Encryption><AuthRequired>on</AuthRequired></Protocol>
    </Account>
  </Response>
</Autodiscover>
`

func (d *directory) addHoster(spec Hoster) error {
	if err := spec.check(); err != nil {
		return err
	}
	return d.addSite(&site{host: spec.Host, hoster: &spec, certificate: spec.Certificate})
}

// check looks at h and fills in what it leaves out.
func (h *Hoster) check() error {
	of := "hoster " + h.Host
	if err := choose(of, "serves", &h.Serves, []string{HosterIMAP, HosterHTML}); err != nil {
		return err
	}
	return choose(of, "certificate", &h.Certificate, certificates)
}

// ServeWebSite puts a web hoster in the place of whatever answers at its host at
// port 443, or at a host that the world does not have yet. The host of a server
// cannot be given away. [Server.Repoint] ends it for the hosts of a mail domain.
func (s *Server) ServeWebSite(h Hoster) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := s.dir.givenAway(h.Host)
	if err != nil {
		return err
	}
	if at == nil {
		return s.dir.addHoster(h)
	}
	h.Certificate = cmp.Or(h.Certificate, at.certificate)
	if err := h.check(); err != nil {
		return err
	}
	at.hoster, at.forest, at.rogue, at.certificate = &h, nil, nil, h.Certificate
	s.hangUp(h.Host)
	return nil
}

// webSite answers as a web hoster: nothing is looked at but the path, and nobody
// is asked to sign in.
func (x *exchange) webSite(h *Hoster, answer *canned, autodiscover bool) {
	contentType, body := answerBody("html")
	status, said := http.StatusOK, "a web site"
	switch {
	case autodiscover && answer != nil:
		status, contentType, body, said = answer.status, answer.contentType, answer.body, "as told"
		x.put(answer.header)
	case autodiscover && h.Serves == HosterIMAP:
		contentType, body, said = textXML, []byte(hosterXML), "settings of a web hoster"
	}
	x.w.Header().Set("Content-Type", contentType)
	x.send(x.answer(status, said, body))
}
