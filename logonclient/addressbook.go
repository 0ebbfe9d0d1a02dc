package logonclient

import (
	"context"
	"fmt"

	"github.com/homing-mail/homing/internal/mapi"
)

// addressBook is a Session Context with the address book endpoint, with cookies
// of its own ([MS-OXCMAPIHTTP] 3.1.5.1, 2.2.5).
type addressBook struct{ dialogue }

// open begins the Session Context at url. access was judged for it. Where
// knownHost, the host has taken the same sign-in at the mailbox endpoint: that
// the address book refuses it proves nothing against it.
func (c *Client) open(ctx context.Context, url string, access Access, knownHost bool) (*addressBook, *Error) {
	b := &addressBook{dialogue{client: c, url: url, host: access.Hop.To, line: c.newLine(access)}}
	if b.line.presented != nil {
		b.line.presented.silent = knownHost
		b.line.presented.client = c
	}
	b.begin()
	if err := b.bind(ctx); err != nil {
		b.line.close()
		return nil, err
	}
	return b, nil
}

// close ends the Session Context by Unbind, also when ctx has ended, and closes
// the connection. Its failure changes nothing.
func (b *addressBook) close(ctx context.Context) {
	if !b.gone {
		b.unbind(context.WithoutCancel(ctx))
	}
	b.line.close()
}

// bind is Bind ([MS-OXCMAPIHTTP] 2.2.5.1). The code page has to be one that is
// not Unicode ([MS-OXNSPI] 3.1.4.1.1); Gromox 3.10 refuses a Bind without State.
func (b *addressBook) bind(ctx context.Context) *Error {
	m := mapi.BindRequest{State: &mapi.Stat{CodePage: 1252, TemplateLocale: 0x0409, SortLocale: 0x0409}}
	return b.do(ctx, request{kind: "Bind", op: "Bind", body: m.Append(nil), read: func(body []byte, x *Exchange) *Error {
		var m mapi.BindResponse
		if err := m.Parse(body); err != nil {
			return malformed(err)
		}
		return b.codes(m.StatusCode, m.ErrorCode, x)
	}})
}

// mailboxURL asks for the URL of the mailbox endpoint of a server, by its
// distinguished name ([MS-OXCMAPIHTTP] 2.2.5.18).
func (b *addressBook) mailboxURL(ctx context.Context, serverDN string) (url string, err *Error) {
	m := mapi.GetMailboxURLRequest{ServerDN: serverDN}
	err = b.do(ctx, request{kind: "GetMailboxUrl", op: "GetMailboxUrl", body: m.Append(nil), read: func(body []byte, x *Exchange) *Error {
		var m mapi.GetMailboxURLResponse
		if err := m.Parse(body); err != nil {
			return malformed(err)
		}
		url = m.ServerURL
		return b.located(m.StatusCode, m.ErrorCode, url, "/emsmdb/", x)
	}})
	return url, err
}

// addressBookURL asks for the URL of the address book endpoint for a user, by
// the LegacyDN ([MS-OXCMAPIHTTP] 2.2.5.19).
func (b *addressBook) addressBookURL(ctx context.Context, userDN string) (url string, err *Error) {
	m := mapi.GetAddressBookURLRequest{UserDN: userDN}
	err = b.do(ctx, request{kind: "GetAddressBookUrl", op: "GetAddressBookUrl", body: m.Append(nil), read: func(body []byte, x *Exchange) *Error {
		var m mapi.GetAddressBookURLResponse
		if err := m.Parse(body); err != nil {
			return malformed(err)
		}
		url = m.ServerURL
		return b.located(m.StatusCode, m.ErrorCode, url, "/nspi/", x)
	}})
	return url, err
}

// located judges the answer to a question for the URL of an endpoint.
func (b *addressBook) located(status, code mapi.Code, url, path string, x *Exchange) *Error {
	if err := b.codes(status, code, x); err != nil {
		return err
	}
	if why := notEndpoint(url, path); why != "" {
		return &Error{Kind: Malformed, Said: fmt.Sprintf("an answer that is no URL of %s: %q: %s", path, printable(url, maxSaid), why)}
	}
	return nil
}

// unbind is Unbind ([MS-OXCMAPIHTTP] 2.2.5.2).
func (b *addressBook) unbind(ctx context.Context) *Error {
	var m mapi.UnbindRequest
	return b.do(ctx, request{kind: "Unbind", op: "Unbind", body: m.Append(nil), limit: disconnectLimit, read: func(body []byte, x *Exchange) *Error {
		var m mapi.UnbindResponse
		if err := m.Parse(body); err != nil {
			return malformed(err)
		}
		if m.ErrorCode == mapi.UnbindSuccess {
			m.ErrorCode = mapi.EcNone
		}
		return b.codes(m.StatusCode, m.ErrorCode, x)
	}})
}
