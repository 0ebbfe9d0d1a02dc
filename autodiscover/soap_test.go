package autodiscover

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// soapTypes lets cmp look into the answers.
var soapTypes = cmp.AllowUnexported(soapAnswer{}, soapError{})

const svc = "https://autodiscover.contoso.test/autodiscover/autodiscover.svc"

func TestSOAPRequest(t *testing.T) {
	const head = `<?xml version="1.0" encoding="utf-8"?>` + "\n" +
		`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:w="http://www.w3.org/2005/08/addressing" xmlns:a="http://schemas.microsoft.com/exchange/2010/Autodiscover">` +
		`<s:Header><a:RequestedServerVersion>Exchange2010</a:RequestedServerVersion>` +
		`<w:Action>http://schemas.microsoft.com/exchange/2010/Autodiscover/Autodiscover/GetUserSettings</w:Action><w:To>`
	const middle = `</w:To></s:Header><s:Body><a:GetUserSettingsRequestMessage><a:Request><a:Users><a:User><a:Mailbox>`
	const tail = `</a:Mailbox></a:User></a:Users><a:RequestedSettings>` +
		`<a:Setting>UserDisplayName</a:Setting><a:Setting>UserDN</a:Setting><a:Setting>UserDeploymentId</a:Setting>` +
		`<a:Setting>AutoDiscoverSMTPAddress</a:Setting><a:Setting>InternalMailboxServer</a:Setting><a:Setting>MapiHttpEnabled</a:Setting>` +
		`<a:Setting>ExternalEwsUrl</a:Setting><a:Setting>InternalEwsUrl</a:Setting>` +
		`</a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage></s:Body></s:Envelope>`
	for _, tt := range []struct{ name, address, endpoint, want string }{
		{"an address", "ann@contoso.test", svc, head + svc + middle + "ann@contoso.test" + tail},
		{"escaped", "a&b<c>@contoso.test", svc + "?a&b", head + svc + "?a&amp;b" + middle + "a&amp;b&lt;c&gt;@contoso.test" + tail},
	} {
		if diff := cmp.Diff(tt.want, string(soapRequest(tt.address, tt.endpoint))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestSOAPPost(t *testing.T) {
	req, err := soapPost(t.Context(), svc, "ann@contoso.test")
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Content-Type":    {"text/xml; charset=utf-8"},
		"Accept":          {"text/xml"},
		"Soapaction":      {`"http://schemas.microsoft.com/exchange/2010/Autodiscover/Autodiscover/GetUserSettings"`},
		"User-Agent":      {"Microsoft Office/16.0 (Homing)"},
		"X-Anchormailbox": {"ann@contoso.test"},
	}
	if diff := cmp.Diff(want, req.Header); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if req.Method != "POST" || req.URL.String() != svc || req.GetBody == nil {
		t.Errorf("%s %s", req.Method, req.URL)
	}
}

func TestSOAPAndPOXStandBesideOneAnother(t *testing.T) {
	const pox = "https://autodiscover.contoso.test/autodiscover/autodiscover.xml"
	for _, tt := range []struct{ name, got, want string }{
		{"the SOAP of a POX", soapURL(pox), svc},
		{"of one further down the path, with a query", soapURL("https://autodiscover.contoso.test:443/Autodiscover/ann/Autodiscover.xml?a=b#c"), "https://autodiscover.contoso.test:443/autodiscover/autodiscover.svc"},
		{"the POX of a SOAP", poxURL(svc), pox},
		{"of a SOAP for signed messages", poxURL("https://autodiscover.contoso.test/AutoDiscover/AutoDiscover.svc/WSSecurity?a=b"), pox},
		{"a POX stays", poxURL(pox + "?a=b"), pox + "?a=b"},
		{"any other stays", poxURL("https://contoso.test/login"), "https://contoso.test/login"},
		{"http stays http, to be refused", poxURL("http://autodiscover.contoso.test/autodiscover/autodiscover.svc"), "http://autodiscover.contoso.test/autodiscover/autodiscover.xml"},
		{"a user stays, to be refused", poxURL("https://ann@autodiscover.contoso.test/autodiscover/autodiscover.svc"), "https://ann@autodiscover.contoso.test/autodiscover/autodiscover.xml"},
		{"a port stays, to be judged", poxURL("https://autodiscover.contoso.test:8443/autodiscover/autodiscover.svc"), "https://autodiscover.contoso.test:8443/autodiscover/autodiscover.xml"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

func TestWhatLacksPOX(t *testing.T) {
	for status, want := range map[int]bool{
		200: false, 302: false, 400: false, 401: false, 403: false, 404: true, 405: true, 407: false, 410: false,
		500: false, 501: true, 502: false, 503: false,
	} {
		if lacksPOX(status) != want {
			t.Errorf("%d: %v, want %v", status, !want, want)
		}
	}
}

var soapAnn = &soapSettings{
	DisplayName:  "Ann",
	UserDN:       "/o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=4f0c2a7be1-Ann",
	DeploymentID: "6d2f2b0e-3f4a-4c2e-9b8d-0a1b2c3d4e5f",
	Server:       "0b7e6f54-1c2d-4e3f-8a9b-5c6d7e8f9a0b@contoso.test",
	EWS:          "https://mail.contoso.test/EWS/Exchange.asmx",
	MAPIHTTP:     true,
	Missing:      []soapMissing{{"AutoDiscoverSMTPAddress", "SettingIsNotAvailable"}},
}

func TestParseSOAPDocuments(t *testing.T) {
	tests := []struct {
		file string
		want soapAnswer
		said string
		// What it means to the chase.
		url, addr string
		kind      Kind
	}{
		{file: "soap-settings.xml", want: soapAnswer{settings: soapAnn},
			said: "SOAP settings, MapiHttpEnabled true, web services at https://mail.contoso.test/EWS/Exchange.asmx", kind: NoUsableProtocol},
		{file: "soap-redirecturl.xml", want: soapAnswer{redirectURL: "https://autodiscover.fabrikam.test/autodiscover/autodiscover.svc"},
			said: "SOAP RedirectUrl https://autodiscover.fabrikam.test/autodiscover/autodiscover.svc",
			url:  "https://autodiscover.fabrikam.test/autodiscover/autodiscover.xml"},
		{file: "soap-redirectaddress.xml", want: soapAnswer{redirectAddr: "ann@mail.fabrikam.test"},
			said: "SOAP RedirectAddress ann@mail.fabrikam.test", addr: "ann@mail.fabrikam.test"},
		{file: "soap-invaliduser.xml", want: soapAnswer{refusal: &soapError{code: "InvalidUser", message: "Nobody has this address."}},
			said: "SOAP ErrorCode InvalidUser: Nobody has this address.", kind: NotFound},
		{file: "soap-serverbusy.xml", want: soapAnswer{refusal: &soapError{code: "ServerBusy", message: "Come back later."}},
			said: "SOAP ErrorCode ServerBusy: Come back later.", kind: Busy},
		{file: "soap-fault.xml", want: soapAnswer{refusal: &soapError{code: "InternalServiceFault", message: "The service failed.", fault: true}},
			said: "SOAP Fault InternalServiceFault: The service failed.", kind: Unreachable},
		{file: "soap-fault-12.xml", want: soapAnswer{refusal: &soapError{code: "ActionNotSupported", message: "Nothing is done for this action.", fault: true}},
			said: "SOAP Fault ActionNotSupported: Nothing is done for this action.", kind: Unreachable},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			got, err := parseSOAP(file(t, tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, soapTypes); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.String() != tt.said {
				t.Errorf("said %q, want %q", got, tt.said)
			}
			ans := got.answer()
			if ans.redirectURL != tt.url || ans.redirectAddr != tt.addr || ans.settings != nil || ans.location != "" {
				t.Errorf("to the chase: %v, want %q %q", ans.document, tt.url, tt.addr)
			}
			switch failed := tt.url == "" && tt.addr == ""; {
			case failed != (ans.failure != nil):
				t.Errorf("to the chase: the failure %v", ans.failure)
			case failed && ans.failure.Kind != tt.kind:
				t.Errorf("to the chase: %v, want %v", ans.failure.Kind, tt.kind)
			}
		})
	}
}

// No settings of SOAP are settings to log on with, whatever they hold.
func TestSOAPSettingsAreNoPlaceToLogOnTo(t *testing.T) {
	for _, e := range []string{"<Name>MapiHttpEnabled</Name><Value>True</Value>", "<Name>MailStore</Name><Value>https://mx.contoso.test/mapi/emsmdb/</Value>"} {
		got, err := parseSOAP([]byte(enveloped(user("<UserSettings><UserSetting>" + e + "</UserSetting></UserSettings>"))))
		if err != nil {
			t.Fatal(err)
		}
		if ans := got.answer(); ans.settings != nil || ans.failure == nil || ans.failure.Kind != NoUsableProtocol {
			t.Errorf("%s: %+v", e, ans)
		}
	}
}

// enveloped wraps the children of a Response in an answer, and user those of a
// UserResponse in such children.
func enveloped(children string) string {
	return "<Envelope><Body><GetUserSettingsResponseMessage><Response>" + children + "</Response></GetUserSettingsResponseMessage></Body></Envelope>"
}

func user(children string) string {
	return "<ErrorCode>NoError</ErrorCode><UserResponses><UserResponse>" + children + "</UserResponse></UserResponses>"
}

func TestParseSOAPTolerates(t *testing.T) {
	want := soapAnswer{settings: &soapSettings{EWS: "https://mx/", MAPIHTTP: true}}
	on := "<UserSetting><Name>MapiHttpEnabled</Name><Value>true</Value></UserSetting>"
	ews := "<UserSetting><Name>ExternalEwsUrl</Name><Value>https://mx/</Value></UserSetting>"
	inner := strings.NewReplacer("External", "Internal")
	ok := enveloped(user("<UserSettings>" + on + ews + "</UserSettings>"))
	for name, body := range map[string]string{
		"no namespace":                      ok,
		"a declaration":                     `<?xml version="1.0" encoding="utf-8"?>` + ok,
		"a byte order mark":                 "\ufeff" + ok,
		"an ErrorCode":                      enveloped(user("<ErrorCode>NoError</ErrorCode><UserSettings>" + on + ews + "</UserSettings>")),
		"no ErrorCode at all":               strings.Replace(ok, "<ErrorCode>NoError</ErrorCode>", "", 1),
		"the settings in another order":     enveloped(user("<UserSettings>" + ews + on + "</UserSettings>")),
		"elements that we do not know":      strings.NewReplacer("<Body>", "<Body><New/>", "<UserSetting>", "<UserSetting><New/>").Replace(ok),
		"settings that were not asked for":  enveloped(user("<UserSettings>" + on + "<UserSetting><Name>CasVersion</Name><Value>15</Value></UserSetting>" + ews + "</UserSettings>")),
		"a type":                            strings.ReplaceAll(ok, "<UserSetting>", `<UserSetting i:type="StringSetting" xmlns:i="urn:i">`),
		"the internal URL alone":            inner.Replace(ok),
		"an unusable URL beside a good one": enveloped(user("<UserSettings>" + on + strings.Replace(ews, "https", "http", 1) + inner.Replace(ews) + "</UserSettings>")),
		"the internal URL first":            enveloped(user("<UserSettings>" + on + strings.Replace(inner.Replace(ews), "mx", "in", 1) + ews + "</UserSettings>")),
		"True in other letters":             strings.Replace(ok, ">true<", "> TRUE\n<", 1),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseSOAP([]byte(body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, soapTypes); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The ErrorCode of the whole answer decides before that of the user, and that
// before the settings.
func TestSOAPErrorCodesHaveThreeLevels(t *testing.T) {
	const settings = "<UserSettingErrors><UserSettingError><SettingName>UserDN</SettingName><ErrorCode>InvalidSetting</ErrorCode></UserSettingError></UserSettingErrors>"
	level := func(whole, one string) string {
		return enveloped("<ErrorCode>" + whole + "</ErrorCode><UserResponses><UserResponse><ErrorCode>" + one + "</ErrorCode>" + settings + "</UserResponse></UserResponses>")
	}
	for _, tt := range []struct {
		name, whole, one, want string
		kind                   Kind
	}{
		{"the whole answer", "InvalidRequest", "InvalidUser", "InvalidRequest", NotFound},
		{"the user", "NoError", "InvalidUser", "InvalidUser", NotFound},
		{"the user, of another domain", "NoError", "InvalidDomain", "InvalidDomain", NotFound},
		{"a busy server", "ServerBusy", "NoError", "ServerBusy", Busy},
		{"a broken server", "NoError", "InternalServerError", "InternalServerError", Busy},
		{"a code that we do not know", "NoError", "Dance", "Dance", NotFound},
		{"a code that could not be shown", "NoError", "a b", "", NotFound},
		{"a setting", "NoError", "NoError", "settings", NoUsableProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseSOAP([]byte(level(tt.whole, tt.one)))
			if err != nil {
				t.Fatal(err)
			}
			said := "settings"
			if got.refusal != nil {
				said = got.refusal.code
			} else if diff := cmp.Diff([]soapMissing{{"UserDN", "InvalidSetting"}}, got.settings.Missing); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if kind := got.answer().failure.Kind; said != tt.want || kind != tt.kind {
				t.Errorf("%q, %v, want %q, %v", said, kind, tt.want, tt.kind)
			}
		})
	}
}

func TestParseSOAPRefuses(t *testing.T) {
	ok := enveloped(user("<UserSettings/>"))
	redirect := func(code, target string) string {
		return enveloped(user("<ErrorCode>" + code + "</ErrorCode><RedirectTarget>" + target + "</RedirectTarget>"))
	}
	dn := func(dn string) string {
		return enveloped(user("<UserSettings><UserSetting><Name>UserDN</Name><Value>" + dn + "</Value></UserSetting></UserSettings>"))
	}
	for _, tt := range []struct{ name, body, want string }{
		{"nothing", "", "an empty answer"},
		{"a page of a web site", "<!DOCTYPE html><html></html>", "an HTML page"},
		{"a document type", "<!DOCTYPE a>" + ok, "document type"},
		{"an entity that nobody declared", strings.Replace(ok, "NoError", "&bomb;", 1), "not XML"},
		{"half of it", ok[:len(ok)/2], "not XML"},
		{"JSON", `{"Protocol":"AutodiscoverV1"}`, "text outside of the XML"},
		{"plain-old-XML", settled("", ""), "not SOAP's"},
		{"no Body", "<Envelope/>", "without Body"},
		{"an empty Body", "<Envelope><Body/></Envelope>", "answers no GetUserSettings"},
		{"the answer of another operation", strings.ReplaceAll(ok, "GetUserSettings", "GetDomainSettings"), "answers no GetUserSettings"},
		{"no user", enveloped("<ErrorCode>NoError</ErrorCode>"), "0 mailboxes"},
		{"two users", strings.Replace(ok, "<UserResponse>", "<UserResponse/><UserResponse>", 1), "2 mailboxes"},
		{"a RedirectUrl without its target", enveloped(user("<ErrorCode>RedirectUrl</ErrorCode>")), "without a usable RedirectTarget"},
		{"a RedirectUrl of a path", redirect("RedirectUrl", "/autodiscover/"), "without a usable RedirectTarget"},
		{"a RedirectUrl that is none", redirect("RedirectUrl", "https://[x"), "without a usable RedirectTarget"},
		{"a RedirectAddress without its target", enveloped(user("<ErrorCode>RedirectAddress</ErrorCode>")), "without a usable RedirectTarget"},
		{"a RedirectAddress of a public suffix", redirect("RedirectAddress", "ann@co.uk"), "without a usable RedirectTarget"},
		{"a RedirectAddress of a URL", redirect("RedirectAddress", "https://mx.contoso.test/"), "without a usable RedirectTarget"},
		{"a UserDN with a line end", dn("/o=Contoso\n/cn=ann"), "unusable UserDN"},
		{"a UserDN of 1025 bytes", dn("/" + strings.Repeat("x", 1024)), "more than 1024 bytes"},
		{"a RedirectUrl of 2049 bytes", redirect("RedirectUrl", "https://mx.contoso.test/"+strings.Repeat("x", 2025)), "without a usable RedirectTarget"},
		{"more than a MiB", ok + "<!--" + strings.Repeat("x", 1<<20) + "-->", "more than 1048576 bytes"},
		{"17 levels", enveloped(strings.Repeat("<a>", 13) + strings.Repeat("</a>", 13)), "more than 16 levels"},
		{"2001 elements", enveloped(strings.Repeat("<a/>", 1997)), "more than 2000 elements"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseSOAP([]byte(tt.body))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("parseSOAP = %v, %v; want an error about %q", got, err, tt.want)
			}
		})
	}
	for name, body := range map[string]string{ // the twins just inside of the limits
		"a UserDN of 1024 bytes":      dn("/" + strings.Repeat("x", 1023)),
		"a RedirectUrl of 2048 bytes": redirect("RedirectUrl", "https://mx.contoso.test/"+strings.Repeat("x", 2024)),
		"one user":                    ok,
	} {
		if _, err := parseSOAP([]byte(body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever is cut off, what is left is no answer: never another one.
func TestNoPrefixOfAnAnswerIsOne(t *testing.T) {
	for _, name := range []string{"soap-settings.xml", "soap-redirecturl.xml", "soap-fault.xml"} {
		whole := bytes.TrimSpace(file(t, name))
		for n := range len(whole) {
			if got, err := parseSOAP(whole[:n]); err == nil {
				t.Fatalf("%s: %d bytes of it are %v", name, n, got)
			}
		}
		if _, err := parseSOAP(whole); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadSOAP(t *testing.T) {
	cut := io.MultiReader(strings.NewReader("<Envelope>"), errReader{})
	for _, tt := range []struct {
		name   string
		status int
		body   io.Reader
		want   string
		kind   Kind
		said   bool
	}{
		{"settings", 200, bytes.NewReader(file(t, "soap-settings.xml")), "SOAP Autodiscover alone, which names no place to log on to", NoUsableProtocol, true},
		{"a Fault", 500, bytes.NewReader(file(t, "soap-fault.xml")), "SOAP Fault InternalServiceFault: The service failed.", Unreachable, true},
		{"a page in HTTP 200", 200, strings.NewReader("<html></html>"), "an HTML page", Malformed, false},
		{"a page in HTTP 500", 500, strings.NewReader("<html></html>"), "HTTP 500", Unreachable, false},
		{"one that breaks off", 200, cut, "the answer broke off", Unreachable, false},
		{"one without end", 200, endless{}, "more than 1048576 bytes", Malformed, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !isSOAP(tt.status) {
				t.Fatalf("HTTP %d is not read", tt.status)
			}
			var step Step
			ans := readSOAP(t.Context(), &http.Response{StatusCode: tt.status, Body: io.NopCloser(tt.body)}, &step)
			if ans.failure == nil || ans.failure.Kind != tt.kind || !strings.Contains(ans.failure.Error(), tt.want) {
				t.Errorf("%v, want %v, %q", ans.failure, tt.kind, tt.want)
			}
			if (step.Said != "") != tt.said {
				t.Errorf("said %q", step.Said)
			}
		})
	}
	for _, status := range []int{201, 302, 400, 401, 404, 503} {
		if isSOAP(status) {
			t.Errorf("HTTP %d is read", status)
		}
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("reset") }

// endless is a body of spaces.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte(" "), len(p))), nil }

// What parses is within the limits and can be shown, and nothing panics.
func FuzzParseSOAP(f *testing.F) {
	names, err := filepath.Glob("../testdata/autodiscover/soap-*.xml")
	if err != nil || len(names) == 0 {
		f.Fatal("no documents", err)
	}
	for _, name := range names {
		f.Add(file(f, filepath.Base(name)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseSOAP(body)
		if err != nil {
			if got.redirectURL != "" || got.redirectAddr != "" || got.refusal != nil {
				t.Errorf("an answer beside the error %v", err)
			}
			return
		}
		ans := got.answer()
		if ans.settings != nil || ans.location != "" {
			t.Error("settings to log on with")
		}
		for _, s := range []string{got.String(), fmt.Sprint(ans.failure)} {
			if strings.ContainsAny(s, "\x00\r\n\t\x1b") {
				t.Errorf("not printable: %q", s)
			}
		}
		if len(got.redirectURL) > maxURL {
			t.Error("a long RedirectTarget")
		}
		if s := got.settings; s != nil {
			if len(s.UserDN) > maxLegacyDN || len(s.EWS) > maxURL || s.EWS != "" && !strings.HasPrefix(strings.ToLower(s.EWS), "https://") ||
				strings.ContainsAny(s.UserDN+s.DisplayName+s.SMTPAddress+s.DeploymentID+s.Server, "\x00\r\n\t\x1b") {
				t.Errorf("beyond the limits: %+v", s)
			}
		}
	})
}
