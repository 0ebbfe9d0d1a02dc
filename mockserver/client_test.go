package mockserver

import (
	"bytes"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// client is the smallest client that can follow a mailbox: it follows nothing by
// itself and has no pity with the server.
type client struct {
	t              testing.TB
	http           *http.Client
	user, password string
}

func newClient(t testing.TB, s *Server, user string) *client {
	t.Helper()
	transport := &http.Transport{DialContext: s.Dial, TLSClientConfig: &tls.Config{RootCAs: s.RootCAs()}}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t: t, user: user, password: DefaultPassword, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func do(t testing.TB, s *Server, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if _, err := s.Do(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
}

// pox is what a client reads of an Autodiscover answer.
type pox struct {
	Status    int         `xml:"-"`
	Head      http.Header `xml:"-"`
	Text      string      `xml:"-"`
	LegacyDN  string      `xml:"Response>User>LegacyDN"`
	Address   string      `xml:"Response>User>AutoDiscoverSMTPAddress"`
	Action    string      `xml:"Response>Account>Action"`
	URL       string      `xml:"Response>Account>RedirectUrl"`
	Addr      string      `xml:"Response>Account>RedirectAddr"`
	ErrorCode int         `xml:"Response>Error>ErrorCode"`
	Protocols []struct {
		Attr     string `xml:"Type,attr"`
		Type     string `xml:"Type"`
		Server   string `xml:"Server"`
		Store    string `xml:"MailStore>ExternalUrl"`
		Internal string `xml:"MailStore>InternalUrl"`
		Book     string `xml:"AddressBook>ExternalUrl"`
	} `xml:"Response>Account>Protocol"`
}

// store is the URL of the mailbox endpoint, "" without a mapiHttp block.
func (d *pox) store() string {
	for _, p := range d.Protocols {
		if p.Attr == "mapiHttp" {
			return p.Store
		}
	}
	return ""
}

func (d *pox) types() string {
	var list []string
	for _, p := range d.Protocols {
		list = append(list, p.Attr+p.Type)
	}
	return strings.Join(list, " ")
}

const autodiscoverPath = "/autodiscover/autodiscover.xml"

// ask sends an Autodiscover request to a URL; identity is EMailAddress or LegacyDN.
func (c *client) ask(url, identity, value string) *pox {
	c.t.Helper()
	body := `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>` +
		"<" + identity + ">" + value + "</" + identity + ">" +
		`<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`
	return c.post(url, body, map[string]string{"X-MapiHttpCapability": "1"})
}

func (c *client) post(url, body string, head map[string]string) *pox {
	c.t.Helper()
	q, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "text/xml; charset=utf-8")
	for k, v := range head {
		q.Header.Set(k, v)
	}
	if c.user != "" {
		q.SetBasicAuth(c.user, c.password)
	}
	a, err := c.http.Do(q)
	if err != nil {
		c.t.Fatalf("%s: %v", url, err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		c.t.Fatalf("%s: %v", url, err)
	}
	d := &pox{Status: a.StatusCode, Head: a.Header, Text: string(text)}
	if strings.HasPrefix(a.Header.Get("Content-Type"), "text/xml") {
		if err := xml.Unmarshal(text, d); err != nil {
			c.t.Fatalf("%s: %v", url, err)
		}
	}
	return d
}

// said is an answer of the mailbox endpoint.
type said struct {
	status int
	head   http.Header
	code   int // X-ResponseCode, the one after DONE if there is one
	body   []byte
	tags   []string
	at     []time.Time // when each of them came
	extra  mapi.Header
	err    error // reading the stream
}

// session is a Session Context as a client sees it.
type session struct {
	*client
	url     string
	cookies []*http.Cookie
	n       int
	handle  uint32
}

var requestHead = map[string]string{
	"Content-Type": "application/mapi-http", "X-ClientApplication": "Outlook/15.00.0847.4040",
	"X-ClientInfo": "{2F94A2BF-A2E6-4CCC-BF98-B5F22C542226}:1",
}

// send sends a request; head replaces headers, "" removes one.
func (c *session) send(kind string, body []byte, head map[string]string) said {
	c.t.Helper()
	a, err := c.try(kind, body, head)
	if err != nil {
		c.t.Fatalf("%s %s: %v", kind, c.url, err)
	}
	return a
}

func (c *session) try(kind string, body []byte, head map[string]string) (said, error) {
	c.n++
	q, err := http.NewRequest("POST", c.url, bytes.NewReader(body))
	if err != nil {
		return said{}, err
	}
	q.Header.Set("X-RequestType", kind)
	q.Header.Set("X-RequestId", fmt.Sprintf("{E2EA6C1C-E61B-49E9-9CFB-38184F907552}:%d", c.n))
	for _, m := range []map[string]string{requestHead, head} {
		for k, v := range m {
			if q.Header.Set(k, v); v == "" {
				q.Header.Del(k)
			}
		}
	}
	for _, k := range c.cookies {
		q.AddCookie(k)
	}
	if c.user != "" {
		q.SetBasicAuth(c.user, c.password)
	}
	a, err := c.http.Do(q)
	if err != nil {
		return said{}, err
	}
	defer a.Body.Close()
	r := said{status: a.StatusCode, head: a.Header}
	fmt.Sscan(a.Header.Get("X-ResponseCode"), &r.code)
	if a.StatusCode != 200 || a.Header.Get("X-ResponseCode") != "0" {
		r.body, r.err = io.ReadAll(a.Body)
		return r, nil
	}
	for _, fresh := range a.Cookies() {
		kept := []*http.Cookie{fresh}
		for _, k := range c.cookies {
			if k.Name != fresh.Name {
				kept = append(kept, k)
			}
		}
		c.cookies = kept
	}
	r.extra, r.body, r.err = mapi.ReadStream(a.Body, func(tag string) { r.tags, r.at = append(r.tags, tag), append(r.at, time.Now()) })
	if v := r.extra.Get("X-ResponseCode"); v != "" {
		fmt.Sscan(v, &r.code)
	}
	return r, nil
}

func (c *client) session(url string) *session {
	return &session{client: c, url: url, handle: mapi.NoHandle}
}

func (c *session) connect(dn string) mapi.ConnectResponse {
	c.t.Helper()
	q := mapi.ConnectRequest{UserDN: dn, CodePage: 1252, LCIDSort: 0x409, LCIDString: 0x409}
	r := c.send("Connect", q.Append(nil), nil)
	var a mapi.ConnectResponse
	if err := errors.Join(r.err, a.Parse(r.body)); err != nil || r.code != 0 {
		c.t.Fatalf("Connect: status %d, code %d, %v", r.status, r.code, err)
	}
	return a
}

// execute runs ROPs on two handle slots, the first one that of the logon.
func (c *session) execute(rops ...mapi.RopRequest) []mapi.RopResponse {
	c.t.Helper()
	r := c.send("Execute", c.executeBody(rops...), nil)
	return c.responses(r)
}

func (c *session) executeBody(rops ...mapi.RopRequest) []byte {
	var list []byte
	for _, rop := range rops {
		list = rop.Append(list)
	}
	q := mapi.ExecuteRequest{Flags: 3, RopBuffer: mapi.AppendRopBuffer(nil, list, []uint32{c.handle, mapi.NoHandle}), MaxRopOut: 0x10008}
	return q.Append(nil)
}

func (c *session) responses(r said) []mapi.RopResponse {
	c.t.Helper()
	var a mapi.ExecuteResponse
	if err := errors.Join(r.err, a.Parse(r.body)); err != nil || r.code != 0 || a.StatusCode != 0 || a.ErrorCode != 0 {
		c.t.Fatalf("Execute: status %d, code %d, %v %v, %v", r.status, r.code, a.StatusCode, a.ErrorCode, err)
	}
	list, handles, err := mapi.ParseRopBuffer(a.RopBuffer)
	if err != nil {
		c.t.Fatal(err)
	}
	got, rest, err := mapi.ParseResponses(list)
	if err != nil || len(rest) > 0 {
		c.t.Fatalf("responses: % x, %v", rest, err)
	}
	c.handle = handles[0]
	return got
}

func logonRequest(essdn string) *mapi.LogonRequest {
	return &mapi.LogonRequest{LogonFlags: mapi.LogonPrivate, OpenFlags: mapi.OpenFlagsDefault, Essdn: essdn}
}

// logon logs on to essdn on a connected session.
func (c *session) logon(essdn string) *mapi.LogonResponse {
	c.t.Helper()
	a := c.execute(logonRequest(essdn))
	l, ok := a[0].(*mapi.LogonResponse)
	if !ok || len(a) != 1 {
		c.t.Fatalf("logon: answered %T and %d in all", a[0], len(a))
	}
	return l
}

// probe is a ROP that needs a living logon.
func (c *session) probe() mapi.Code {
	c.t.Helper()
	a := c.execute(&mapi.GetReceiveFolderRequest{MessageClass: "IPM"})
	return a[0].(*mapi.GetReceiveFolderResponse).ReturnValue
}

func (c *session) register() mapi.Code {
	c.t.Helper()
	a := c.execute(&mapi.RegisterNotificationRequest{OutputHandleIndex: 1, NotificationTypes: mapi.NotifyNewMail, WantWholeStore: true})
	return a[0].(*mapi.RegisterNotificationResponse).ReturnValue
}

// enter connects to a URL and logs on, both with dn, and says in one word how
// far that went.
func (c *client) enter(url, dn string) (*session, string) {
	c.t.Helper()
	s := c.session(url)
	if a := s.connect(dn); a.ErrorCode != mapi.EcNone {
		return s, "connect " + a.ErrorCode.Name()
	}
	l := s.logon(dn)
	if l.ReturnValue != mapi.EcNone {
		return s, strings.TrimSpace("logon " + l.ReturnValue.Name() + " " + l.ServerName)
	}
	return s, "ok"
}

// settings asks an Autodiscover for an address and wants settings.
func (c *client) settings(host, address string) *pox {
	c.t.Helper()
	d := c.ask("https://"+host+autodiscoverPath, "EMailAddress", address)
	if d.Action != "settings" {
		c.t.Fatalf("%s: want settings for %s, have status %d: %s", host, address, d.Status, d.Text)
	}
	return d
}

// withoutPending are tags without those that hostility adds.
func withoutPending(tags []string) []string {
	return slices.DeleteFunc(slices.Clone(tags), func(tag string) bool { return tag == "PENDING" })
}

func lines(script string) []string { return strings.Split(script, "\n") }

func readAll(t testing.TB, a *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
