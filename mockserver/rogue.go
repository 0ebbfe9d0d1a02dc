package mockserver

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Rogue is a host of nobody's forest that answers Autodiscover in order to get at
// passwords: a look-alike, a domain that ran out, a hijacked redirect. Its
// certificate is as good as those of forests.
type Rogue struct {
	Host        string `toml:"host"`
	Serves      string `toml:"serves"`      // one of the Rogue constants; "": RogueChallenge
	To          string `toml:"to"`          // where RogueRedirect (verbatim; "": no Location) and RogueRefer lead
	Status      int    `toml:"status"`      // of RogueRedirect: 301, 302, 303, 307 or 308; 0: 302
	Certificate string `toml:"certificate"` // as of ServerSite
}

// What a [Rogue] answers. It knows no password, so that any is right.
const (
	RogueChallenge = "challenge" // 401 with Basic alone, and to any credentials settings for itself
	RogueSettings  = "settings"  // settings for itself, without any sign-in; 401 with Basic alone elsewhere
	RogueRedirect  = "redirect"  // an HTTP redirect
	RogueRefer     = "refer"     // RedirectUrl or RedirectAddr in an HTTP 200
	RogueSink      = "sink"      // HTTP 200 and nothing, whatever comes
)

var rogueServes = []string{RogueChallenge, RogueSettings, RogueRedirect, RogueRefer, RogueSink}

// Hijack puts a rogue in the place of whatever answers at its host at port 443,
// or at a host that the world does not have yet. The host of a server cannot be
// hijacked. [Server.Repoint] ends it for the hosts of a mail domain.
func (s *Server) Hijack(r Rogue) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := s.dir.givenAway(r.Host)
	if err != nil {
		return err
	}
	if at == nil {
		return s.dir.addRogue(r)
	}
	r.Certificate = cmp.Or(r.Certificate, at.certificate)
	if err := r.check(); err != nil {
		return err
	}
	at.rogue, at.forest, at.hoster, at.certificate = &r, nil, nil, r.Certificate
	s.hangUp(r.Host)
	return nil
}

// givenAway is the site at a host where somebody else is to answer; nil: the
// world does not have it yet.
func (d *directory) givenAway(host string) (*site, error) {
	at := d.sites[host]
	switch {
	case at == nil && d.dns.cnames[host] != "":
		return nil, fmt.Errorf("%s is an alias: name the host that it leads to", host)
	case at != nil && at.server != nil:
		return nil, fmt.Errorf("%s is the host of server %s", host, at.server.Name)
	}
	return at, nil
}

func (d *directory) addRogue(r Rogue) error {
	if err := r.check(); err != nil {
		return err
	}
	return d.addSite(&site{host: r.Host, rogue: &r, certificate: r.Certificate})
}

// check looks at r and fills in what it leaves out.
func (r *Rogue) check() error {
	of := "rogue " + r.Host
	if err := choose(of, "serves", &r.Serves, rogueServes); err != nil {
		return err
	}
	if err := choose(of, "certificate", &r.Certificate, certificates); err != nil {
		return err
	}
	if r.Serves == RogueRefer && r.To == "" {
		return refused("host", r.Host, "%s: refer needs a to: a URL or an address", of)
	}
	if err := checkTo(of, r.Serves, r.To, r.Status, RogueRedirect, RogueRefer); err != nil {
		return err
	}
	r.Status = cmp.Or(r.Status, http.StatusFound)
	return nil
}

// rogue answers as a rogue.
func (s *Server) rogue(x *exchange, r *Rogue) {
	body, _ := io.ReadAll(io.LimitReader(x.r.Body, maxAsk)) // it takes what it gets
	q, _ := readAsk(x, body)
	asked := strings.HasPrefix(strings.ToLower(x.r.URL.Path), "/autodiscover/")
	switch {
	case r.Serves == RogueRedirect:
		x.redirect(r.Status, r.To)
	case r.Serves == RogueSink:
		x.refuse(http.StatusOK, "sunk")
	case r.Serves == RogueRefer && asked:
		action, element := "redirectAddr", "RedirectAddr"
		if strings.Contains(r.To, "://") {
			action, element = "redirectUrl", "RedirectUrl"
		}
		x.sendFound(document(referralXML(action, element, r.To), element+" "+r.To))
	case asked && (x.Signed || r.Serves == RogueSettings):
		x.sendFound(s.rogueSettings(x.Host, q))
	default:
		x.w.Header()[headChallenge] = []string{`Basic realm="` + x.Host + `"`}
		x.refuse(http.StatusUnauthorized, "401")
	}
}

// rogueSettings offers host itself to whoever asks.
func (s *Server) rogueSettings(host string, q ask) found {
	id := s.dir.newGUID("rogue "+host, 0).String() + "@" + host
	dn := cmp.Or(q.Request.LegacyDN, "/o=Rogue/cn=Recipients/cn=nobody")
	base := "https://" + host + "/mapi/"
	return document(settingsXML(&settings{
		displayName: "nobody", legacyDN: dn, address: cmp.Or(q.Request.EMailAddress, "nobody@"+host),
		deploymentID: s.dir.newGUID("deployment of "+host, 0).String(), microsoftOnline: "False", mapi: true,
		host: host, store: base + "emsmdb/?MailboxId=" + id, book: base + "nspi/?MailboxId=" + id,
	}), "settings for itself")
}

// sendFound sends an answer of Autodiscover that needs nothing more.
func (x *exchange) sendFound(a found) {
	x.w.Header().Set("Content-Type", a.contentType)
	x.send(x.answer(a.status, a.said, a.body))
}
