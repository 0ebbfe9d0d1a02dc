//go:build unix

package mockserver_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/homing-mail/homing/mockserver"
)

// The exit codes of curl, from its manual.
const (
	curlOK          = 0
	curlPartial     = 18 // "a file was only partially transferred"
	curlRefused     = 22 // "HTTP page not retrieved", with --fail
	curlTimedOut    = 28
	curlHandshake   = 35 // "SSL connect error"
	curlNothing     = 52 // "the server did not reply anything"
	curlReceiving   = 56 // "failure in receiving network data"
	curlCertificate = 60 // "peer certificate cannot be authenticated"
)

// Each row breaks something by the admin API, and sends a Connect that has to
// end as curl's manual says. When the fault is mended, the same Connect succeeds.
func TestCurlNoticesWhatIsBroken(t *testing.T) {
	tests := []struct {
		name     string
		do, undo string
		args     []string
		exit     int
		requests int // that the record has of it
	}{
		{"a reset instead of the answer", "fault reset times=always", "mend all", nil, curlReceiving, 1},
		{"a reset in the middle of the answer", "fault reset=11 times=always", "mend all", nil, curlReceiving, 1},
		{"an answer that breaks off", "fault truncate=11", "mend all", nil, curlPartial, 1},
		{"a Content-Length that is too long", "fault length=content.long", "mend all", nil, curlPartial, 1},
		{"a connection that ends before the request is processed", "fault drop", "mend all", nil, curlNothing, 1},
		{"a connection that ends before the answer", "fault lose", "mend all", nil, curlNothing, 1},
		{"an answer that does not come", "fault delay=1h", "mend all", []string{"-m", "0.3"}, curlTimedOut, 1},
		{"an HTTP status, to a curl that was told to fail", "fault status=500", "mend all", []string{"--fail"}, curlRefused, 1},
		{"a sign-in that is not accepted any more", "fault unauthorized", "mend all", []string{"--fail"}, curlRefused, 1},
		{"503, to a curl that does not try again", "fault status=503 retry-after=1", "mend all", []string{"--fail"}, curlRefused, 1},
		// It would wait for the length of --retry-delay but for the header.
		{"503 with Retry-After, to a curl that tries again", "fault status=503 retry-after=1", "mend all", []string{"--fail", "--retry", "1", "--retry-delay", "3600"}, curlOK, 2},
		{"503 with a Retry-After beyond what curl would wait", "fault status=503 retry-after=3600", "mend all", []string{"--fail", "--retry", "1", "--retry-delay", "1", "--retry-max-time", "20"}, curlRefused, 1},
		{"the same as an HTTP date", "fault status=503 retry-after=date+3600", "mend all", []string{"--fail", "--retry", "1", "--retry-delay", "1", "--retry-max-time", "20"}, curlRefused, 1},
		{"a login page, to a curl that follows", "fault login-page=redirect", "mend all", []string{"--fail", "-L"}, curlRefused, 2},
		{"a server that is off", "off ex1", "on ex1", nil, curlHandshake, 0},
		{"a name that nothing answers to", "vanish ex1.contoso.test", "appear ex1.contoso.test", nil, curlHandshake, 0},
		{"a certificate that has expired", "cert ex1.contoso.test expired", "cert ex1.contoso.test valid", nil, curlCertificate, 0},
		{"a certificate with another name", "cert ex1.contoso.test wrong-name", "cert ex1.contoso.test valid", nil, curlCertificate, 0},
		{"a certificate of an unknown issuer", "cert ex1.contoso.test unknown-issuer", "cert ex1.contoso.test valid", nil, curlCertificate, 0},
	}
	c := startCurl(t, "acquisition", mockserver.Hostility{Seed: 1})
	_, d := c.discover("autodiscover.contoso.test", "EMailAddress", "ann@contoso.test")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := c.on(t)
			connect := func(args ...string) curlAnswer {
				c.write("jar", nil)
				return c.answered(append(c.mapiArgs(d.Store, "Connect", connectOctets(d.LegacyDN)), args...)...)
			}
			c.admin("POST", "/do", tt.do)
			c.admin("DELETE", "/requests", "")
			if a := connect(tt.args...); a.exit != tt.exit {
				t.Errorf("curl ended with %d, want %d: status %s, %q", a.exit, tt.exit, a.status, a.body)
			}
			c.await(tt.requests)
			if got := len(c.s.Requests()); got != tt.requests {
				t.Errorf("%d requests, want %d: %+v", got, tt.requests, c.s.Requests())
			}
			c.admin("POST", "/do", tt.undo)
			if a := connect(); a.exit != curlOK || a.head.Get("X-ResponseCode") != "0" {
				t.Errorf("mended: curl ended with %d, X-ResponseCode %q", a.exit, a.head.Get("X-ResponseCode"))
			}
		})
	}
}

func TestTheAdminAPITellsCurlWhatAFaultHasDone(t *testing.T) {
	c := startCurl(t, "acquisition", mockserver.Hostility{Off: true})
	url := "https://autodiscover.contoso.test" + autodiscoverPath
	c.admin("POST", "/faults", `{"status": 503, "at": "autodiscover.contoso.test", "skip": 1, "name": "once"}`)
	var statuses []string
	for range 3 {
		statuses = append(statuses, c.answered(url).status)
	}
	if want := []string{"200", "503", "200"}; !slices.Equal(statuses, want) {
		t.Errorf("statuses %q, want %q", statuses, want)
	}
	var rules []struct {
		Name           string
		Matched, Acted int
	}
	if err := json.Unmarshal([]byte(c.admin("GET", "/faults", "")), &rules); err != nil {
		t.Fatal(err)
	}
	// The first request is let pass, the second one is met; then the rule is used up.
	if len(rules) != 1 || rules[0].Name != "once" || rules[0].Matched != 2 || rules[0].Acted != 1 {
		t.Errorf("rules %+v, want one that has met 2 and acted once", rules)
	}
	if out, exit := c.run("--fail-with-body", "http://"+c.s.AdminAddr()+"/faults", "-d", `{"status": 99}`); exit != curlRefused || !strings.Contains(out, "200 to 599") {
		t.Errorf("a fault that is none: curl ended with %d and %s", exit, out)
	}
}

func TestCurlAndAReferralByHTTP302(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		status string
		signed []bool // of the requests, one after the other
		action string
	}{
		{"not followed, it is a 302", nil, "302", []bool{true}, ""},
		{"curl keeps the credentials to itself and is asked for them", []string{"-L", "--post302"}, "401", []bool{true, false}, ""},
		{"told to trust the other host, it gets settings there", []string{"--location-trusted", "--post302"}, "200", []bool{true, true}, "settings"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := startCurl(t, "three-forests", mockserver.Hostility{Seed: 1})
			c.admin("POST", "/mailboxes/ben/move", `{"to":"ex1"}`)
			a, d := c.discover("autodiscover.fabrikam.test", "EMailAddress", "ben@fabrikam.test", append(tt.args, "-u", "ben@fabrikam.test:"+mockserver.DefaultPassword)...)
			if a.exit != curlOK || a.status != tt.status || d.Action != tt.action {
				t.Errorf("curl ended with %d, status %s, %q, want 0, %s, %q", a.exit, a.status, d.Action, tt.status, tt.action)
			}
			var signed []bool
			for _, r := range c.s.Requests() {
				signed = append(signed, r.Signed)
			}
			if !slices.Equal(signed, tt.signed) {
				t.Errorf("credentials %v, want %v", signed, tt.signed)
			}
		})
	}
}

// Nobody signs in to the JSON form of Autodiscover.
func TestCurlAsksTheJSONFormOfAutodiscover(t *testing.T) {
	world := func(flavour string) string {
		return "[[forest]]\nname = \"contoso.test\"\nflavour = \"" + flavour + "\"\n[[forest.server]]\nname = \"ex1\"\n[[mailbox]]\nuser = \"ann\"\nserver = \"ex1\"\n" +
			"[[mailbox.account]]\nforest = \"contoso.test\"\ntoken = \"ann-token\"\n"
	}
	tests := []struct {
		name, flavour, protocol string
		status, want            string
	}{
		{"Exchange Online names the XML form", "exchange-online", "AutodiscoverV1", "200", `"https://autodiscover.contoso.test/autodiscover/autodiscover.xml"`},
		{"Exchange Online refuses another protocol", "exchange-online", "Ews", "400", `"ErrorCode":"ProtocolNotSupported"`},
		{"Gromox names the XML form", "gromox", "AutodiscoverV1", "200", `"https://autodiscover.contoso.test/autodiscover/autodiscover.xml"`},
		{"Exchange SE does not know it", "exchange-se", "AutodiscoverV1", "404", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := startCurl(t, world(tt.flavour), mockserver.Hostility{Seed: 1})
			a := c.answered("-u", ":", "--no-basic", "https://autodiscover.contoso.test/autodiscover/autodiscover.json?Email=ann@contoso.test&Protocol="+tt.protocol)
			if a.exit != curlOK || a.status != tt.status || !strings.Contains(string(a.body), tt.want) {
				t.Errorf("curl ended with %d, status %s, %q, want 0, %s, %q", a.exit, a.status, a.body, tt.status, tt.want)
			}
		})
	}
}
