package autodiscover

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// file returns a document of testdata/autodiscover.
func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "autodiscover", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// captured returns an answer of a real server, Gromox 3.10.
func captured(t testing.TB, name string) *http.Response {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "captures", name+".rsp.bin"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// unexported lets cmp look into the two document types.
var unexported = cmp.AllowUnexported(document{}, errorCode{})

var (
	contosoSettings = &Settings{
		DisplayName:  "Ann",
		LegacyDN:     "/o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=4f0c2a7be1-Ann",
		SMTPAddress:  "ann@contoso.test",
		DeploymentID: "6d2f2b0e-3f4a-4c2e-9b8d-0a1b2c3d4e5f",
		Protocols: []Protocol{
			{Type: "mapiHttp", Version: 1, TTL: time.Hour, MAPI: &MAPI{
				MailStore:   "https://mail.contoso.test/mapi/emsmdb/?MailboxId=0b7e6f54-1c2d-4e3f-8a9b-5c6d7e8f9a0b@contoso.test",
				AddressBook: "https://mx1.corp.contoso.test/mapi/nspi/?MailboxId=0b7e6f54-1c2d-4e3f-8a9b-5c6d7e8f9a0b@contoso.test",
			}},
			{Type: "WEB", TTL: 24 * time.Hour},
		},
		AlternativeMailboxes: []AlternativeMailbox{{Type: "Archive", DisplayName: "Archive - Ann", SMTPAddress: "ExchangeGuid+77c1f0aa-0000-4000-8000-1234567890ab@contoso.test"}},
	}
	fabrikamSettings = &Settings{
		DisplayName:  "Ann",
		LegacyDN:     "/o=Fabrikam/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=9e31d7c604-Ann",
		SMTPAddress:  "ann@fabrikam.test",
		DeploymentID: "0f5d3c1b-9a8e-4f7d-8c6b-5a4938271605",
		Protocols: []Protocol{
			{Type: "mapiHttp", Version: 1, TTL: time.Hour, MAPI: &MAPI{
				MailStore:   "https://mail.fabrikam.test/mapi/emsmdb/?MailboxId=b1a2c3d4-e5f6-4789-9abc-def012345678@fabrikam.test",
				AddressBook: "https://mail.fabrikam.test/mapi/nspi/?MailboxId=b1a2c3d4-e5f6-4789-9abc-def012345678@fabrikam.test",
			}},
		},
	}
	gromoxSettings = &Settings{
		DisplayName:  "Alice Peer",
		LegacyDN:     "/o=Gromox default/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=0100000001000000-alice",
		SMTPAddress:  "alice@peer.test",
		DeploymentID: "eeeeeeee-eeee-eeee-eeee-eeeeeeeeeeee",
		Protocols: []Protocol{
			{Type: "EXHTTP", Server: "localhost:8443", TTL: time.Hour},
			{Type: "mapiHttp", Version: 1, TTL: time.Hour, MAPI: &MAPI{
				MailStore:   "https://localhost:8443/mapi/emsmdb/?MailboxId=616c6963-6540-7065-6572-2e7401000000@peer.test",
				AddressBook: "https://localhost:8443/mapi/nspi/?MailboxId=616c6963-6540-7065-6572-2e7401000000@peer.test",
			}},
			{Type: "EXCH", Server: "616c6963-6540-7065-6572-2e7401000000@peer.test", TTL: time.Hour},
			{Type: "EXPR", Server: "localhost:8443", TTL: time.Hour},
		},
		AlternativeMailboxes: []AlternativeMailbox{{Type: "Delegate", DisplayName: "Carol Peer", SMTPAddress: "carol@peer.test"}},
	}
)

func TestParseDocuments(t *testing.T) {
	tests := []struct {
		file string
		want document
		said string
	}{
		{"settings.xml", document{settings: contosoSettings}, "settings"},
		{"settings-fabrikam.xml", document{settings: fabrikamSettings}, "settings"},
		{"settings-outlook-anywhere.xml", document{settings: &Settings{
			DisplayName:  "Ann",
			LegacyDN:     "/o=Contoso/ou=First Administrative Group/cn=Recipients/cn=ann",
			DeploymentID: "6d2f2b0e-3f4a-4c2e-9b8d-0a1b2c3d4e5f",
			Protocols: []Protocol{
				{Type: "EXCH", Server: "0b7e6f54-1c2d-4e3f-8a9b-5c6d7e8f9a0b@contoso.test", TTL: 0},
				{Type: "EXHTTP", Server: "mx1.corp.contoso.test", TTL: time.Hour},
				{Type: "EXHTTP", Server: "mail.contoso.test", TTL: time.Hour},
			},
		}}, "settings"},
		{"settings-imap.xml", document{settings: &Settings{Protocols: []Protocol{
			{Type: "IMAP", Server: "imap.contoso.test", TTL: time.Hour},
			{Type: "SMTP", Server: "smtp.contoso.test", TTL: time.Hour},
		}}}, "settings"},
		{"redirecturl.xml", document{redirectURL: "https://autodiscover.fabrikam.test/autodiscover/autodiscover.xml"},
			"RedirectUrl https://autodiscover.fabrikam.test/autodiscover/autodiscover.xml"},
		{"redirectaddr.xml", document{redirectAddr: "ann@mail.fabrikam.test"}, "RedirectAddr ann@mail.fabrikam.test"},
		{"error.xml", document{refusal: &errorCode{500, "The email address can't be found."}}, "ErrorCode 500: The email address can't be found."},
		{"error-in-account.xml", document{refusal: &errorCode{603, "Server Error"}}, "ErrorCode 603: Server Error"},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			got, err := parse(file(t, tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, unexported); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.String() != tt.said {
				t.Errorf("said %q, want %q", got, tt.said)
			}
		})
	}
}

func TestParseCaptures(t *testing.T) {
	tests := []struct {
		capture string
		want    document
	}{
		{"01-ad-settings", document{settings: gromoxSettings}},
		{"02-ad-unknown-user", document{refusal: &errorCode{404, "Not Found"}}},
		{"04-ad-legacydn-only", document{refusal: &errorCode{600, "Invalid Request"}}},
		{"05-ad-email-and-legacydn", document{settings: gromoxSettings}},
		{"06-ad-no-schema", document{refusal: &errorCode{601, "Provider is not available"}}},
		{"08-ad-bad-xml", document{refusal: &errorCode{600, "Invalid Request"}}},
		{"09-ad-other-user-noperm", document{refusal: &errorCode{501, "Bad Address (403 Permission Denied on bob@peer.test)"}}},
		{"22-ad-redirecturl", document{redirectURL: "https://localhost:8443/autodiscover/autodiscover.xml"}},
		{"23-ad-redirectaddr", document{redirectAddr: "alic@other.test"}}, // this server drops the last letter
	}
	for _, tt := range tests {
		t.Run(tt.capture, func(t *testing.T) {
			res := captured(t, tt.capture)
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != 200 {
				t.Fatal(res.Status, err)
			}
			got, err := parse(body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, unexported); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// answered wraps an Account's children in an answer.
func answered(children string) string {
	return "<Autodiscover><Response><Account>" + children + "</Account></Response></Autodiscover>"
}

// settled is an answer with settings of one mapiHttp block, and more.
func settled(user, protocols string) string {
	return "<Autodiscover><Response><User>" + user + "</User><Account><Action>settings</Action>" + protocols + "</Account></Response></Autodiscover>"
}

func TestParseTolerates(t *testing.T) {
	want := document{settings: &Settings{Protocols: []Protocol{{Type: "mapiHttp", Version: 1, TTL: time.Hour, MAPI: &MAPI{MailStore: "https://mx/"}}}}}
	block := `<Protocol Type="mapiHttp" Version="1"><MailStore><ExternalUrl>https://mx/</ExternalUrl></MailStore></Protocol>`
	for name, body := range map[string]string{
		"no declaration":                 settled("", block),
		"a declaration":                  `<?xml version="1.0"?>` + settled("", block),
		"UTF-8 in capitals":              `<?xml version="1.0" encoding="UTF-8"?>` + settled("", block),
		"a byte order mark":              "\ufeff" + `<?xml version="1.0" encoding="utf-8"?>` + settled("", block),
		"white space around":             "\n\n" + settled("", block) + "\n\n",
		"comments":                       "<!-- a -->" + settled("", "<!-- b -->"+block) + "<!-- c -->",
		"a wrong namespace":              strings.Replace(settled("", block), "<Autodiscover>", `<Autodiscover xmlns="https://elsewhere.test/schema">`, 1),
		"prefixes":                       strings.NewReplacer("<Account>", `<a:Account xmlns:a="urn:a">`, "</Account>", "</a:Account>").Replace(settled("", block)),
		"elements that we do not know":   settled("<Shoe/>", "<Hat><Band/></Hat>"+strings.Replace(block, "<MailStore>", "<New/><MailStore>", 1)),
		"attributes that we do not know": settled("", strings.Replace(block, "Version=", `Colour="red" Version=`, 1)),
		"an Action in other letters":     strings.Replace(settled("", block), "settings", "\n SETTINGS ", 1),
		"a Type in other letters":        settled("", strings.Replace(block, "mapiHttp", "MAPIHTTP", 1)),
		"no User":                        strings.Replace(settled("", block), "<User></User>", "", 1),
		"CDATA":                          settled("", strings.Replace(block, "https://mx/", "<![CDATA[https://mx/]]>", 1)),
		"an unusable ExternalUrl beside an InternalUrl": settled("", strings.Replace(block, "<ExternalUrl>https://mx/", "<ExternalUrl>http://mx/</ExternalUrl><InternalUrl>https://mx/</InternalUrl><ExternalUrl>", 1)),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parse([]byte(body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, unexported); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	ok := settled("", "")
	utf16 := "\xff\xfe"
	for _, r := range ok {
		utf16 += string([]byte{byte(r), 0})
	}
	for _, tt := range []struct{ name, body, want string }{
		{"nothing", "", "an empty answer"},
		{"white space", " \r\n ", "an empty answer"},
		{"a byte order mark alone", "\ufeff", "an empty answer"},
		{"a page of a web site", "<!DOCTYPE html>\n<html><head><title>Welcome</title></head></html>", "an HTML page"},
		{"a page without a document type", "\n <HTML><body>It works!</body></HTML>", "an HTML page"},
		{"a page of XHTML", `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>`, "XML that is not Autodiscover's"},
		{"text", "It works!", "text outside of the XML"},
		{"JSON", `{"Protocol":"AutodiscoverV1"}`, "text outside of the XML"},
		{"UTF-16", utf16, "not UTF-8"},
		{"an encoding that we do not read", `<?xml version="1.0" encoding="utf-16"?>` + ok, "not XML"},
		{"Latin-1", strings.Replace(ok, "settings", "settings\xe9", 1), "not UTF-8"},
		{"a document type", `<!DOCTYPE a [<!ENTITY b "c">]>` + ok, "document type"},
		{"a document type further down", strings.Replace(ok, "<Account>", "<!DOCTYPE a><Account>", 1), "document type"},
		{"an entity that nobody declared", strings.Replace(ok, "settings", "&bomb;", 1), "not XML"},
		{"entities in one another", `<!DOCTYPE z [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><z>&b;</z>`, "document type"},
		{"a style sheet", `<?xml version="1.0"?><?xml-stylesheet href="a"?>` + ok, "processing instruction"},
		{"a declaration further down", ok + `<?xml version="1.0"?>`, "processing instruction"},
		{"two roots", ok + ok, "2 root elements"},
		{"text after the root", ok + "more", "text outside"},
		{"a root of another name", "<autodiscover/>", "not Autodiscover's"},
		{"half of it", ok[:len(ok)/2], "not XML"},
		{"no Response", "<Autodiscover/>", "without Response"},
		{"no Account", "<Autodiscover><Response/></Autodiscover>", "without Account"},
		{"no Action", answered(""), `unknown Action ""`},
		{"an Action that we do not know", answered("<Action>dance</Action>"), `unknown Action "dance"`},
		{"a redirectUrl without its URL", answered("<Action>redirectUrl</Action>"), "without a usable RedirectUrl"},
		{"a redirectUrl of a path", answered("<Action>redirectUrl</Action><RedirectUrl>/autodiscover/</RedirectUrl>"), "without a usable RedirectUrl"},
		{"a redirectUrl that is none", answered("<Action>redirectUrl</Action><RedirectUrl>https://[x</RedirectUrl>"), "without a usable RedirectUrl"},
		{"a redirectAddr without its address", answered("<Action>redirectAddr</Action>"), "without a usable RedirectAddr"},
		{"a redirectAddr of a public suffix", answered("<Action>redirectAddr</Action><RedirectAddr>ann@co.uk</RedirectAddr>"), "without a usable RedirectAddr"},
		{"a redirectAddr of an IP address", answered("<Action>redirectAddr</Action><RedirectAddr>ann@[192.0.2.1]</RedirectAddr>"), "without a usable RedirectAddr"},
		{"a LegacyDN with a line end", settled("<LegacyDN>/o=Contoso\n/cn=ann</LegacyDN>", ""), "unusable LegacyDN"},
		{"a LegacyDN beyond ASCII", settled("<LegacyDN>/o=Contos\u00f6</LegacyDN>", ""), "unusable LegacyDN"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parse([]byte(tt.body))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("parse = %v, %v; want an error about %q", got, err, tt.want)
			}
		})
	}
}

// Every limit has a document just inside and one just outside of it.
func TestParseLimits(t *testing.T) {
	repeat := strings.Repeat
	nested := func(n int) string { // the account's depth is 3
		return settled("", repeat("<a>", n)+repeat("</a>", n))
	}
	elements := func(n int) string { // 5 of its own
		return settled("", repeat("<a/>", n-5))
	}
	attrs := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, ` a%d="b"`, i)
		}
		return settled("", "<a"+b.String()+"/>")
	}
	size := func(n int) string {
		const comment = "<!--" + "-->"
		return ok0 + "<!--" + repeat("x", n-len(ok0)-len(comment)) + "-->"
	}
	text := func(n int) string { return settled("<DisplayName>"+repeat("x", n)+"</DisplayName>", "") }
	split := func(n int) string {
		return settled("<DisplayName>"+repeat("x", n/2)+"<!-- --><![CDATA["+repeat("x", n-n/2)+"]]></DisplayName>", "")
	}
	value := func(n int) string { return settled("", `<a b="`+repeat("x", n)+`"/>`) }
	protocols := func(n int) string { return settled("", repeat("<Protocol/>", n)) }
	inner := func(n int) string {
		return settled("", "<Protocol><External>"+repeat("<Protocol/>", n-1)+"</External></Protocol>")
	}
	dn := func(n int) string { return settled("<LegacyDN>/"+repeat("x", n-1)+"</LegacyDN>", "") }
	redirect := func(n int) string {
		const start = "https://mx.contoso.test/"
		return answered("<Action>redirectUrl</Action><RedirectUrl>" + start + repeat("x", n-len(start)) + "</RedirectUrl>")
	}
	for _, tt := range []struct {
		name  string
		body  func(int) string
		limit int
		want  string
	}{
		{"bytes", size, 1 << 20, "more than 1048576 bytes"},
		{"levels", func(n int) string { return nested(n - 3) }, 16, "more than 16 levels"},
		{"elements", elements, 2000, "more than 2000 elements"},
		{"Protocol elements", protocols, 64, "more than 64 Protocol"},
		{"Protocol elements in one another", inner, 64, "more than 64 Protocol"},
		{"attributes", attrs, 16, "more than 16 attributes"},
		{"bytes of a text", text, 8192, "a text of more than 8192"},
		{"bytes of a text in pieces", split, 8192, "a text of more than 8192"},
		{"bytes of an attribute", value, 8192, "an attribute of more than 8192"},
		{"bytes of a LegacyDN", dn, 1024, "more than 1024 bytes"},
		{"bytes of a RedirectUrl", redirect, 2048, "without a usable RedirectUrl"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := parse([]byte(tt.body(tt.limit))); err != nil {
				t.Errorf("%d: %v", tt.limit, err)
			}
			if _, err := parse([]byte(tt.body(tt.limit + 1))); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%d: %v, want %q", tt.limit+1, err, tt.want)
			}
		})
	}
}

const ok0 = "<Autodiscover><Response><User></User><Account><Action>settings</Action></Account></Response></Autodiscover>"

func TestChooseURL(t *testing.T) {
	long := func(n int) string { return "https://mx.contoso.test/" + strings.Repeat("x", n-24) }
	for _, tt := range []struct{ name, store, want string }{
		{"both", "<InternalUrl>https://in.contoso.test/</InternalUrl><ExternalUrl>https://out.contoso.test/</ExternalUrl>", "https://out.contoso.test/"},
		{"the internal one alone", "<InternalUrl>https://in.contoso.test/</InternalUrl>", "https://in.contoso.test/"},
		{"the external one alone", "<ExternalUrl>https://out.contoso.test/</ExternalUrl>", "https://out.contoso.test/"},
		{"white space around", "<ExternalUrl>\n https://out.contoso.test/ \n</ExternalUrl>", "https://out.contoso.test/"},
		{"the query stays as it is", "<ExternalUrl>https://out.contoso.test/?MailboxId=A%40b&amp;c</ExternalUrl>", "https://out.contoso.test/?MailboxId=A%40b&c"},
		{"an external one over http is passed over", "<InternalUrl>https://in.contoso.test/</InternalUrl><ExternalUrl>http://out.contoso.test/</ExternalUrl>", "https://in.contoso.test/"},
		{"2048 bytes", "<ExternalUrl>" + long(2048) + "</ExternalUrl>", long(2048)},
		{"2049 bytes", "<ExternalUrl>" + long(2049) + "</ExternalUrl>", ""},
		{"a user name", "<ExternalUrl>https://ann@out.contoso.test/</ExternalUrl>", ""},
		{"a space", "<ExternalUrl>https://out.contoso.test/a b</ExternalUrl>", ""},
		{"no host", "<ExternalUrl>https:///mapi/</ExternalUrl>", ""},
		{"a path", "<ExternalUrl>/mapi/</ExternalUrl>", ""},
		{"nothing", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc, err := parse([]byte(settled("", `<Protocol Type="mapiHttp"><MailStore>`+tt.store+"</MailStore></Protocol>")))
			if err != nil {
				t.Fatal(err)
			}
			mapi, ok := doc.settings.MAPI()
			if mapi.MailStore != tt.want || ok != (tt.want != "") {
				t.Errorf("MAPI = %v, %v; want %q", mapi, ok, tt.want)
			}
		})
	}
}

func TestValuesThatCannotBeUsedAreAbsent(t *testing.T) {
	doc, err := parse([]byte(settled(
		"<DisplayName>Ann\u202e\n"+strings.Repeat("x", 300)+"</DisplayName><DeploymentId>a b</DeploymentId><AutoDiscoverSMTPAddress>ann</AutoDiscoverSMTPAddress>",
		`<Protocol Version="-1"><Type>a b</Type><Server>mx contoso</Server><TTL>-1</TTL></Protocol><Protocol Type="dav" Version="70000"><TTL>70000</TTL></Protocol>`+
			`<AlternativeMailbox><Type>Archive</Type><LegacyDN>/o=Contoso/cn=archive of ann</LegacyDN><Server>ex1.contoso.test</Server></AlternativeMailbox>`+
			"<AlternativeMailbox><Type>a b</Type><LegacyDN>/o=\u202e</LegacyDN><Server>ex 1</Server><SmtpAddress>ann</SmtpAddress></AlternativeMailbox>")))
	if err != nil {
		t.Fatal(err)
	}
	want := &Settings{
		DisplayName: "Ann  " + strings.Repeat("x", 194) + "…", // 200 characters
		Protocols:   []Protocol{{TTL: time.Hour}, {Type: "DAV", TTL: time.Hour}},
		AlternativeMailboxes: []AlternativeMailbox{
			{Type: "Archive", LegacyDN: "/o=Contoso/cn=archive of ann", Server: "ex1.contoso.test"},
			{},
		},
	}
	if diff := cmp.Diff(want, doc.settings); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestErrorCodes(t *testing.T) {
	for _, tt := range []struct {
		inner, said string
		busy        bool
	}{
		{"<ErrorCode>500</ErrorCode>", "ErrorCode 500", false},
		{"<ErrorCode>603</ErrorCode>", "ErrorCode 603", true},
		{"<ErrorCode>503</ErrorCode><Message>Internal</Message>", "ErrorCode 503: Internal", true},
		{"<ErrorCode>unknown</ErrorCode>", "ErrorCode 0", false},
		{"", "ErrorCode 0", false},
		{"<ErrorCode>500</ErrorCode><Message>a\nb\u001b" + "</Message>", "", false}, // a control character is no XML
		{"<ErrorCode>500</ErrorCode><Message>a\nb\u0085c</Message>", "ErrorCode 500: a b c", false},
	} {
		doc, err := parse([]byte("<Autodiscover><Response><Error>" + tt.inner + "</Error></Response></Autodiscover>"))
		if tt.said == "" {
			if err == nil {
				t.Errorf("%s: parsed", tt.inner)
			}
			continue
		}
		if err != nil || doc.refusal == nil || doc.refusal.Error() != tt.said || doc.refusal.busy() != tt.busy {
			t.Errorf("%s: %v, %v", tt.inner, doc, err)
		}
	}
}

// What parses is within the limits, and nothing panics.
func FuzzParse(f *testing.F) {
	names, err := filepath.Glob("../testdata/autodiscover/*.xml")
	if err != nil || len(names) == 0 {
		f.Fatal("no documents", err)
	}
	for _, name := range names {
		f.Add(file(f, filepath.Base(name)))
	}
	f.Add([]byte("<!DOCTYPE html><html></html>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, err := parse(body)
		if err != nil {
			if !cmp.Equal(doc, document{}, unexported, cmpopts.EquateEmpty()) {
				t.Errorf("a document beside the error %v", err)
			}
			return
		}
		if len(body) > maxBody+3 || len(doc.redirectURL) > maxURL || bytes.Contains(body, []byte("<!DOCTYPE")) && !bytes.Contains(body, []byte("<![CDATA[")) && !bytes.Contains(body, []byte("<!--")) {
			t.Error("beyond the limits")
		}
		for _, s := range []string{doc.String(), fmt.Sprint(doc.refusal)} {
			if strings.ContainsAny(s, "\x00\r\n\t\x1b") {
				t.Errorf("not printable: %q", s)
			}
		}
		if s := doc.settings; s != nil {
			if len(s.Protocols) > maxProtocols || len(s.LegacyDN) > maxLegacyDN || strings.ContainsAny(s.LegacyDN+s.DisplayName+s.SMTPAddress+s.DeploymentID, "\x00\r\n\t\x1b") {
				t.Errorf("beyond the limits: %+v", s)
			}
			for _, p := range s.Protocols {
				if p.MAPI == nil {
					continue
				}
				for _, u := range []string{p.MAPI.MailStore, p.MAPI.AddressBook} {
					if u != "" && (len(u) > maxURL || !strings.HasPrefix(strings.ToLower(u), "https://")) {
						t.Errorf("URL %q", u)
					}
				}
			}
		}
	})
}
