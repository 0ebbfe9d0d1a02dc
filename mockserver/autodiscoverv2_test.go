package mockserver

import (
	"net/http"
	"strings"
	"testing"
)

func TestAutodiscoverInJSON(t *testing.T) {
	const own = `{"Protocol":"AutodiscoverV1","Url":"https://autodiscover.contoso.test/autodiscover/autodiscover.xml"}`
	const form = "/Autodiscover/Autodiscover.json"
	elsewhere := func(count string) string {
		return "https://autodiscover.fabrikam.test/autodiscover/autodiscover.json?Email=ann%40contoso.test&Protocol=AutodiscoverV1&RedirectCount=" + count
	}
	tests := []struct {
		name, flavour, script, path string
		status                      int
		want                        string // start of the body, or Location
	}{
		{"Exchange Online names its POX", FlavourExchangeOnline, "", form + "?Email=ann%40contoso.test&Protocol=autodiscoverv1", 200, own},
		{"the address may stand in the path", FlavourExchangeOnline, "", form + "/v1.0/ann@contoso.test?Protocol=AutodiscoverV1", 200, own},
		{"and be escaped there", FlavourExchangeOnline, "", form + "/v1.0/ann%40contoso.test?Protocol=AutodiscoverV1", 200, own},
		{"names of parameters have no case", FlavourExchangeOnline, "", form + "?email=ann@contoso.test&protocol=AutodiscoverV1&redirectcount=1", 200, own},
		{"nobody's address is answered as anybody's", FlavourExchangeOnline, "", form + "?Email=nobody@contoso.test&Protocol=AutodiscoverV1", 200, own},
		{"a RedirectCount that is no number is none", FlavourExchangeOnline, "", form + "?Email=ann@contoso.test&Protocol=AutodiscoverV1&RedirectCount=many", 200, own},
		{"who has left is sought elsewhere", FlavourExchangeOnline, "move ann mx1", form + "?Email=ann@contoso.test&Protocol=AutodiscoverV1", 302, elsewhere("1")},
		{"for the third time", FlavourExchangeOnline, "move ann mx1", form + "?Email=ann@contoso.test&Protocol=AutodiscoverV1&RedirectCount=2", 302, elsewhere("3")},
		{"and not for the fourth", FlavourExchangeOnline, "move ann mx1", form + "?Email=ann@contoso.test&Protocol=AutodiscoverV1&RedirectCount=3", 200, own},
		{"Exchange Online plays no other protocol", FlavourExchangeOnline, "", form + "?Email=ann@contoso.test&Protocol=Ews", 400, `{"ErrorCode":"ProtocolNotSupported"`},
		{"Exchange Online wants a protocol", FlavourExchangeOnline, "", form + "?Email=ann@contoso.test", 400, `{"ErrorCode":"MissingProtocol"`},
		{"Exchange Online wants an address", FlavourExchangeOnline, "", form + "?Protocol=AutodiscoverV1", 400, `{"ErrorCode":"MandatoryParameterMissing"`},
		{"Gromox names its POX", FlavourGromox, "", form + "?Email=ann@contoso.test&Protocol=AutodiscoverV1", 200, own},
		{"Gromox does not look at the address", FlavourGromox, "move ann mx1", form + "?Email=ann@contoso.test&Protocol=AutodiscoverV1", 200, own},
		{"Gromox refuses in HTTP 200", FlavourGromox, "", form + "?Protocol=Ews", 200, `{"ErrorCode":"ProtocolNotSupported"`},
		{"Gromox wants a protocol in HTTP 200", FlavourGromox, "", form + "?Email=ann@contoso.test", 200, `{"ErrorCode":"MissingProtocol"`},
		{"Exchange SE is not played with it", FlavourExchangeSE, "", form + "?Email=ann@contoso.test&Protocol=AutodiscoverV1", 404, ``},
		{"nor with its other path", FlavourExchangeSE, "", form + "/v1.0/ann@contoso.test?Protocol=AutodiscoverV1", 404, ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, flavoured(tt.flavour))
			if tt.script != "" {
				do(t, s, tt.script)
			}
			a, err := newClient(t, s, "").http.Get("https://autodiscover.contoso.test" + tt.path)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Body.Close()
			got := readAll(t, a)
			if a.StatusCode == http.StatusFound {
				got = a.Header.Get("Location")
			}
			if a.StatusCode != tt.status || !strings.HasPrefix(got, tt.want) {
				t.Errorf("HTTP %d %s, want %d %s", a.StatusCode, got, tt.status, tt.want)
			}
		})
	}
}

func TestTheJSONFormIsRecorded(t *testing.T) {
	s := Start(t, flavoured(FlavourExchangeOnline))
	a, err := newClient(t, s, "").http.Get("https://autodiscover.contoso.test/autodiscover/autodiscover.json?Email=ann%40contoso.test&Protocol=AutodiscoverV1")
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	r := s.Requests()[0]
	if r.Identity != "Email" || r.Asked != "ann@contoso.test" || r.Signed || r.Said != "URL https://autodiscover.contoso.test/autodiscover/autodiscover.xml" {
		t.Errorf("%+v", r)
	}
}
