package mockserver

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const soapAt = "https://autodiscover.contoso.test/autodiscover/autodiscover.svc"

// soapAsk is a request of GetUserSettings, as [MS-OXWSADISC] 4 has them.
func soapAsk(mailboxes, settings []string) string {
	text := `<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:a="http://schemas.microsoft.com/exchange/2010/Autodiscover" xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
  <soap:Header>
    <a:RequestedServerVersion>Exchange2010</a:RequestedServerVersion>
    <wsa:MessageID>urn:uuid:00000000-0000-0000-0000-000000000001</wsa:MessageID>
    <wsa:Action>http://schemas.microsoft.com/exchange/2010/Autodiscover/Autodiscover/GetUserSettings</wsa:Action>
    <wsa:To>` + soapAt + `</wsa:To>
  </soap:Header>
  <soap:Body>
    <a:GetUserSettingsRequestMessage>
      <a:Request>
        <a:Users>`
	for _, mailbox := range mailboxes {
		text += "<a:User><a:Mailbox>" + mailbox + "</a:Mailbox></a:User>"
	}
	text += "</a:Users>\n        <a:RequestedSettings>"
	for _, setting := range settings {
		text += "<a:Setting>" + setting + "</a:Setting>"
	}
	return text + "</a:RequestedSettings>\n      </a:Request>\n    </a:GetUserSettingsRequestMessage>\n  </soap:Body>\n</soap:Envelope>"
}

// soapSaid is what a client reads of an answer.
type soapSaid struct {
	Status  int         `xml:"-"`
	Head    http.Header `xml:"-"`
	Text    string      `xml:"-"`
	Fault   string      `xml:"Body>Fault>faultcode"`
	Code    string      `xml:"Body>GetUserSettingsResponseMessage>Response>ErrorCode"`
	Answers []struct {
		Code     string `xml:"ErrorCode"`
		Target   string `xml:"RedirectTarget"`
		Settings []struct {
			Name, Value string
		} `xml:"UserSettings>UserSetting"`
		Missing []struct {
			Name string `xml:"SettingName"`
			Code string `xml:"ErrorCode"`
		} `xml:"UserSettingErrors>UserSettingError"`
	} `xml:"Body>GetUserSettingsResponseMessage>Response>UserResponses>UserResponse"`
}

// String is the answer in a phrase.
func (a soapSaid) String() string {
	if a.Fault != "" || a.Code == "" {
		return strings.TrimSpace(fmt.Sprintf("%d %s", a.Status, a.Fault))
	}
	list := []string{a.Code}
	for _, u := range a.Answers {
		list = append(list, strings.TrimSpace(u.Code+" "+u.Target))
	}
	return strings.Join(list, ", ")
}

func (c *client) soap(url, body string) soapSaid {
	c.t.Helper()
	q, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "text/xml; charset=utf-8")
	if c.user != "" {
		q.SetBasicAuth(c.user, c.password)
	}
	res, err := c.http.Do(q)
	if err != nil {
		c.t.Fatalf("%s: %v", url, err)
	}
	defer res.Body.Close()
	said := soapSaid{Status: res.StatusCode, Head: res.Header, Text: readAll(c.t, res)}
	if strings.HasPrefix(said.Head.Get("Content-Type"), "text/xml") {
		if err := xml.Unmarshal([]byte(said.Text), &said); err != nil {
			c.t.Fatalf("%s: %v", url, err)
		}
	}
	return said
}

func TestSOAPAnswersSettings(t *testing.T) {
	s := Start(t, flavoured(FlavourExchangeSE))
	c := withToken(t, s, "ann")
	w, err := s.Where("ann")
	if err != nil {
		t.Fatal(err)
	}
	pox := c.ask("https://autodiscover.contoso.test"+autodiscoverPath, "EMailAddress", "ann@contoso.test")
	deployment := regexp.MustCompile(`<DeploymentId>(.*)</DeploymentId>`).FindStringSubmatch(pox.Text)[1]
	got := c.soap(soapAt, soapAsk([]string{"ann@contoso.test"}, []string{
		"UserDN", "UserDeploymentId", "InternalMailboxServer", "MapiHttpEnabled", "ExternalEwsUrl", "ExternalImap4Connections", "Shoe",
	}))
	want := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="http://www.w3.org/2005/08/addressing">
  <s:Header>
    <a:Action s:mustUnderstand="1">http://schemas.microsoft.com/exchange/2010/Autodiscover/Autodiscover/GetUserSettingsResponse</a:Action>
    <h:ServerVersionInfo xmlns:h="http://schemas.microsoft.com/exchange/2010/Autodiscover">
      <h:MajorVersion>15</h:MajorVersion>
      <h:MinorVersion>2</h:MinorVersion>
      <h:MajorBuildNumber>2562</h:MajorBuildNumber>
      <h:MinorBuildNumber>45</h:MinorBuildNumber>
    </h:ServerVersionInfo>
    <a:RelatesTo>urn:uuid:00000000-0000-0000-0000-000000000001</a:RelatesTo>
  </s:Header>
  <s:Body>
    <GetUserSettingsResponseMessage xmlns="http://schemas.microsoft.com/exchange/2010/Autodiscover">
      <Response xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
        <ErrorCode>NoError</ErrorCode>
        <ErrorMessage></ErrorMessage>
        <UserResponses>
          <UserResponse>
            <ErrorCode>NoError</ErrorCode>
            <ErrorMessage>No error.</ErrorMessage>
            <RedirectTarget i:nil="true" />
            <UserSettingErrors>
              <UserSettingError><ErrorCode>SettingIsNotAvailable</ErrorCode><ErrorMessage>There is no ExternalImap4Connections.</ErrorMessage><SettingName>ExternalImap4Connections</SettingName></UserSettingError>
              <UserSettingError><ErrorCode>InvalidSetting</ErrorCode><ErrorMessage>There is no Shoe.</ErrorMessage><SettingName>Shoe</SettingName></UserSettingError>
            </UserSettingErrors>
            <UserSettings>
              <UserSetting i:type="StringSetting"><Name>UserDN</Name><Value>` + w.Objects[0].LegacyDN + `</Value></UserSetting>
              <UserSetting i:type="StringSetting"><Name>UserDeploymentId</Name><Value>` + deployment + `</Value></UserSetting>
              <UserSetting i:type="StringSetting"><Name>InternalMailboxServer</Name><Value>` + w.GUID + `@contoso.test</Value></UserSetting>
              <UserSetting i:type="StringSetting"><Name>MapiHttpEnabled</Name><Value>True</Value></UserSetting>
              <UserSetting i:type="StringSetting"><Name>ExternalEwsUrl</Name><Value>https://ex1.contoso.test/EWS/Exchange.asmx</Value></UserSetting>
            </UserSettings>
          </UserResponse>
        </UserResponses>
      </Response>
    </GetUserSettingsResponseMessage>
  </s:Body>
</s:Envelope>
`
	if diff := cmp.Diff(want, got.Text); diff != "" || got.Status != 200 || got.Head.Get("Content-Type") != "text/xml; charset=utf-8" {
		t.Errorf("status %d, %s (-want +got):\n%s", got.Status, got.Head.Get("Content-Type"), diff)
	}
}

func TestSOAPIsOfExchange2010AndLater(t *testing.T) {
	tests := []struct {
		flavour string
		want    string
		mapi    string // the value of MapiHttpEnabled, or why there is none
		server  string // InternalMailboxServer; "guid": GUID@contoso.test
	}{
		{FlavourExchange2007, "404", "", ""},
		{FlavourExchange2010, "NoError, NoError", "InvalidSetting", "ex1.contoso.test"},
		{FlavourExchange2013, "NoError, NoError", "True", "guid"},
		{FlavourExchange2016, "NoError, NoError", "True", "guid"},
		{FlavourExchangeSE, "NoError, NoError", "True", "guid"},
		{FlavourExchangeOnline, "NoError, NoError", "True", "guid"},
		{"", "NoError, NoError", "True", "guid"},
		{FlavourGromox, "404", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.flavour, func(t *testing.T) {
			s := Start(t, strings.Replace(flavoured(tt.flavour), `flavour = ""`, "", 1))
			got := withToken(t, s, "ann").soap(soapAt, soapAsk([]string{"ann@contoso.test"}, []string{"MapiHttpEnabled", "InternalMailboxServer"}))
			if got.String() != tt.want {
				t.Fatalf("%s, want %s", got, tt.want)
			}
			if tt.mapi == "" {
				return
			}
			values := map[string]string{}
			for _, v := range got.Answers[0].Settings {
				values[v.Name] = v.Value
			}
			for _, v := range got.Answers[0].Missing {
				values[v.Name] = v.Code
			}
			w, _ := s.Where("ann")
			server := strings.Replace(tt.server, "guid", w.GUID+"@contoso.test", 1)
			if diff := cmp.Diff(map[string]string{"MapiHttpEnabled": tt.mapi, "InternalMailboxServer": server}, values); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSOAPDecides(t *testing.T) {
	const svcOf = "https://autodiscover.fabrikam.test/autodiscover/autodiscover.svc"
	tests := []struct {
		name, script, referral string
		asked                  []string
		want                   string
	}{
		{"an address", "", "redirectUrl", []string{"ann@contoso.test"}, "NoError, NoError"},
		{"an address in capitals", "", "redirectUrl", []string{"ANN@Contoso.Test"}, "NoError, NoError"},
		{"an address of nobody", "", "redirectUrl", []string{"nobody@contoso.test"}, "NoError, InvalidUser"},
		{"several", "", "redirectUrl", []string{"ann@contoso.test", "nobody@contoso.test", "ben@contoso.test"}, "NoError, NoError, InvalidUser, NoError"},
		{"nobody at all", "", "redirectUrl", nil, "InvalidRequest"},
		{"a mailbox that has left", "move ann mx1", "redirectUrl", []string{"ann@contoso.test"}, "NoError, RedirectUrl " + svcOf},
		{"a mailbox that has left a forest with HTTP 302", "move ann mx1", "http302", []string{"ann@contoso.test"}, "NoError, RedirectUrl " + svcOf},
		{"a mailbox that has left a forest that names addresses", "move ann mx1", "redirectAddr", []string{"ann@contoso.test"}, "NoError, RedirectAddress ann@fabrikam.test"},
		{"one referred to a web site", "refer ann contoso.test https://mail.fabrikam.test/welcome", "redirectUrl", []string{"ann@contoso.test"}, "NoError, RedirectUrl https://mail.fabrikam.test/welcome"},
		{"the directory is away", "outage contoso.test on", "redirectUrl", []string{"ann@contoso.test"}, "InternalServerError"},
		{"what the other form is told to answer", "answer autodiscover.contoso.test 404", "redirectUrl", []string{"ann@contoso.test"}, "NoError, NoError"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			world := strings.Replace(flavoured(FlavourExchangeSE), "org = \"Contoso\"", "org = \"Contoso\"\nreferral = \""+tt.referral+"\"", 1)
			s := Start(t, world)
			if tt.script != "" {
				do(t, s, tt.script)
			}
			if got := withToken(t, s, "ann").soap(soapAt, soapAsk(tt.asked, []string{"UserDN"})); got.Status != 200 || got.String() != tt.want {
				t.Errorf("HTTP %d, %s, want 200, %s", got.Status, got, tt.want)
			}
		})
	}
}

func TestSOAPRefersToANewerServer(t *testing.T) {
	const world = `
[[forest]]
name = "contoso.test"
[[forest.server]]
name = "old"
flavour = "exchange-2010"
[[forest.server]]
name = "new"
flavour = "exchange-2016"
[[mailbox]]
user = "ann"
server = "new"
[[mailbox]]
user = "ben"
server = "old"
`
	c := newClient(t, Start(t, world), "ann@contoso.test")
	for address, want := range map[string]string{
		"ann@contoso.test": "NoError, RedirectUrl https://new.contoso.test/autodiscover/autodiscover.svc",
		"ben@contoso.test": "NoError, NoError",
	} {
		if got := c.soap("https://old.contoso.test/autodiscover/autodiscover.svc", soapAsk([]string{address}, []string{"UserDN"})); got.String() != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

func TestSOAPRefusesWhatItCannotRead(t *testing.T) {
	ok := soapAsk([]string{"ann@contoso.test"}, []string{"UserDN"})
	without := func(expression string) string { return regexp.MustCompile(expression).ReplaceAllString(ok, "") }
	tests := []struct{ name, body, want string }{
		{"a good request", ok, "NoError, NoError"},
		{"without a MessageID", without(`<wsa:MessageID>.*</wsa:MessageID>`), "NoError, NoError"},
		{"nothing", "", "500 s:Client"},
		{"half of it", ok[:len(ok)/2], "500 s:Client"},
		{"a namespace that starts with https", strings.Replace(ok, "http://schemas.xmlsoap.org", "https://schemas.xmlsoap.org", 1), "500 s:Client"},
		{"no Action", without(`<wsa:Action>.*</wsa:Action>`), "500 a:ActionNotSupported"},
		{"another operation", strings.Replace(ok, "Autodiscover/GetUserSettings<", "Autodiscover/GetDomainSettings<", 1), "500 a:ActionNotSupported"},
		{"no RequestedServerVersion", without(`<a:RequestedServerVersion>.*</a:RequestedServerVersion>`), "InvalidRequest"},
		{"no settings", soapAsk([]string{"ann@contoso.test"}, nil), "InvalidRequest"},
		{"more than 64 KiB", ok + strings.Repeat(" ", maxAsk), "413"},
	}
	s := Start(t, flavoured(FlavourExchangeSE))
	c := withToken(t, s, "ann")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := c.soap(soapAt, tt.body); got.String() != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestSOAPWantsASignIn(t *testing.T) {
	s := Start(t, flavoured(FlavourExchangeSE))
	body := soapAsk([]string{"ann@contoso.test"}, []string{"UserDN"})
	got := newClient(t, s, "").soap(soapAt, body)
	if got.Status != 401 || got.Head.Get("X-SOAP-Enabled") != "True" || len(got.Head["Www-Authenticate"]) == 0 || got.Text != "" {
		t.Errorf("without credentials: HTTP %d, %v, %q", got.Status, got.Head, got.Text)
	}
	if strings.Contains(fmt.Sprint(got.Head), "ann") {
		t.Errorf("the 401 knows somebody: %v", got.Head)
	}
	res, err := withToken(t, s, "ann").http.Get(soapAt)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 405 || res.Header.Get("Allow") != "POST" {
		t.Errorf("a GET: HTTP %d, Allow %q", res.StatusCode, res.Header.Get("Allow"))
	}
}

func TestSOAPIsRecorded(t *testing.T) {
	s := Start(t, flavoured(FlavourExchangeSE))
	withToken(t, s, "ann").soap(soapAt, soapAsk([]string{"nobody@contoso.test"}, []string{"UserDN"}))
	list := s.Requests()
	r := list[len(list)-1]
	if r.Path != soapPath || r.Identity != "Mailbox" || r.Asked != "nobody@contoso.test" || !r.Signed || r.Status != 200 || r.Said != "InvalidUser" {
		t.Errorf("%+v", r)
	}
}
