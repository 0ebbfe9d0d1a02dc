package mockserver

import (
	"strings"

	"github.com/homing-mail/homing/internal/mapi"
)

// The address book endpoint, so far as it tells where mailboxes are
// ([MS-OXCMAPIHTTP] 2.2.5, [MS-OXABREF]). Its contexts are its own.

// addressBook answers a request at the endpoint.
func (s *Server) addressBook(c *call) reply {
	switch c.kind {
	case "Bind":
		return s.bind(c)
	case "Unbind":
		return s.unbind(c)
	case "GetMailboxUrl":
		return s.getMailboxURL(c)
	case "GetAddressBookUrl":
		return s.getAddressBookURL(c)
	case "PING":
		return s.ping(c)
	}
	return s.unknownRequest(c)
}

// bind makes a context, unless the code page is none that an address book can
// write ([MS-OXNSPI] 3.1.4.1.1).
func (s *Server) bind(c *call) reply {
	var q mapi.BindRequest
	if err := q.Parse(c.body); err != nil {
		return failed(mapi.ResponseInvalidRequestBody)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, code := s.replaced(c)
	if code != mapi.ResponseSuccess {
		return failed(code)
	}
	answer := mapi.BindResponse{ErrorCode: c.bindCode(&q), ServerGUID: s.dir.newGUID("address book of "+c.forest.Name, 0)}
	r := reply{ec: answer.ErrorCode, expires: c.server.flavour.used}
	switch {
	case r.ec != mapi.EcNone:
		answer.ServerGUID = mapi.GUID{}
	case old != nil && c.gromox():
		r.context = old
	default:
		r.context = s.contexts.add(c)
	}
	if r.context != nil {
		r.context.next(c.server.flavour.used)
		r.said = "bound"
	}
	r.body = answer.Append(nil)
	return r
}

const (
	codePageUnicode = 1200
	bindAnonymous   = 0x20
)

func (c *call) bindCode(q *mapi.BindRequest) mapi.Code {
	switch {
	case q.Flags&bindAnonymous != 0 && c.gromox():
		return mapi.MAPIEFailOneProvider
	case q.State == nil && !c.server.flavour.stateOptional:
		return mapi.MAPIEUnknownCPID // read as code page 0
	case q.State == nil:
		return mapi.EcNone
	case q.State.CodePage == codePageUnicode, q.State.CodePage == 0 && c.gromox():
		return mapi.MAPIEUnknownCPID
	}
	return mapi.EcNone
}

// unbind ends a context. Its success is called UnbindSuccess.
func (s *Server) unbind(c *call) reply {
	var q mapi.UnbindRequest
	return s.inTurn(c, &q, func(ctx *sessionContext) reply {
		s.contexts.end(ctx)
		answer := mapi.UnbindResponse{ErrorCode: mapi.UnbindSuccess}
		return reply{body: answer.Append(nil), context: ctx, expires: c.server.flavour.used, said: "unbound"}
	})
}

// getMailboxURL answers with the URL of the mailbox endpoint of a server.
func (s *Server) getMailboxURL(c *call) reply {
	var q mapi.GetMailboxURLRequest
	return s.inTurn(c, &q, func(ctx *sessionContext) reply {
		url := s.mailboxURL(c, q.ServerDN)
		if c.gromox() {
			url = c.gromoxMailboxURL(q.ServerDN)
		}
		answer := mapi.GetMailboxURLResponse{ServerURL: url}
		if url == "" {
			answer.StatusCode = mapi.EcNotFound
		}
		return c.told(ctx, answer.StatusCode, answer.Append(nil), url)
	})
}

// getAddressBookURL answers with the URL of the address book for a user.
func (s *Server) getAddressBookURL(c *call) reply {
	var q mapi.GetAddressBookURLRequest
	return s.inTurn(c, &q, func(ctx *sessionContext) reply {
		m := s.dir.byLegacyDN(c.forest, q.UserDN)
		if c.gromox() { // for whoever asks
			m = c.who
		}
		var answer mapi.GetAddressBookURLResponse
		if m != nil && m.object(c.forest).kind == objectMailbox {
			answer.ServerURL = m.home.server.url(EndpointNSPI, m.mailboxID(c.forest))
		} else {
			answer.StatusCode = mapi.EcNotFound
		}
		return c.told(ctx, answer.StatusCode, answer.Append(nil), answer.ServerURL)
	})
}

// told is the answer with a URL, or with none.
func (c *call) told(ctx *sessionContext, status mapi.Code, body []byte, url string) reply {
	r := reply{body: body, context: ctx, expires: c.server.flavour.used, status: status, ec: status}
	if status == mapi.EcNone {
		r.said = "URL " + url
	}
	return r
}

// url is the URL of an endpoint of s.
func (s *server) url(endpoint, mailboxID string) string {
	return "https://" + s.Host + endpointPath(endpoint) + "/?MailboxId=" + mailboxID
}

func endpointPath(endpoint string) string {
	if endpoint == EndpointNSPI {
		return "/mapi/nspi"
	}
	return "/mapi/emsmdb"
}

// mailboxURL is where the mailbox endpoint of the server with that DN is: the DN
// of a server of the forest, or of a mailbox that stands for one, with or
// without that of a database behind it. "": there is none.
func (s *Server) mailboxURL(c *call, dn string) string {
	servers := c.forest.serverDN("")
	if n := len(dn) - len(privateMDB); n > 0 && strings.EqualFold(dn[n:], privateMDB) {
		dn = dn[:n]
	}
	if len(dn) <= len(servers) || !strings.EqualFold(dn[:len(servers)], servers) {
		return ""
	}
	name := strings.ToLower(dn[len(servers):])
	if text, domain, ok := strings.Cut(name, "@"); ok {
		guid, err := mapi.ParseGUID(text)
		m := s.dir.guids[guid]
		if err != nil || m == nil || !strings.EqualFold(domain, c.forest.Name) || m.guid != guid || m.object(c.forest).kind != objectMailbox {
			return ""
		}
		return m.home.server.url(EndpointMAPI, m.mailboxID(c.forest))
	}
	if at := s.dir.server(name); at != nil && at.forest == c.forest {
		return at.url(EndpointMAPI, c.url.mailboxID(c.forest))
	}
	return ""
}

// gromoxMailboxURL drops the last element of a DN without looking at it and
// takes the one before for the MailboxId: right for the DN of a database, and
// "Servers" for that of a server.
func (c *call) gromoxMailboxURL(dn string) string {
	const element = "/cn="
	last := strings.LastIndex(dn, element)
	if last < 0 {
		return c.server.url(EndpointNSPI, c.who.mailboxID(c.forest))
	}
	before := strings.LastIndex(dn[:last], element)
	if before < 0 {
		return c.server.url(EndpointNSPI, c.who.mailboxID(c.forest))
	}
	return c.server.url(EndpointMAPI, dn[before+len(element):last])
}
