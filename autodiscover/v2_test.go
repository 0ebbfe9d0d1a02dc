package autodiscover

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var v2Types = cmp.AllowUnexported(v2Answer{}, v2Error{})

func TestV2URL(t *testing.T) {
	for _, tt := range []struct{ name, address, want string }{
		{"the @ is escaped", "ann@contoso.test", "ann%40contoso.test"},
		{"and what would be a space", "ann+list@contoso.test", "ann%2Blist%40contoso.test"},
		{"and what would end the value", "a&b#c=d@contoso.test", "a%26b%23c%3Dd%40contoso.test"},
	} {
		want := "https://outlook.office365.com/autodiscover/autodiscover.json?Email=" + tt.want + "&Protocol=AutodiscoverV1&RedirectCount=1"
		got := v2URL("outlook.office365.com", tt.address)
		if got != want {
			t.Errorf("%s: %s, want %s", tt.name, got, want)
		}
		if u, err := url.Parse(got); err != nil || u.Query().Get("Email") != tt.address || u.Host != "outlook.office365.com" {
			t.Errorf("%s: a server reads %v, %v", tt.name, u, err)
		}
	}
}

func TestParseV2Documents(t *testing.T) {
	for _, tt := range []struct {
		name string
		body []byte
		want v2Answer
		said string
	}{
		{"v2-url.json", file(t, "v2-url.json"), v2Answer{url: "https://autodiscover.contoso.test/autodiscover/autodiscover.xml"},
			"V2: AutodiscoverV1 at https://autodiscover.contoso.test/autodiscover/autodiscover.xml"},
		{"v2-refusal.json", file(t, "v2-refusal.json"), v2Answer{refusal: &v2Error{"ProtocolNotSupported", "The protocol is not supported."}},
			"V2: ErrorCode ProtocolNotSupported: The protocol is not supported."},
		{"what Gromox was seen to say", capturedBody(t, "20-ad-v2-json"), v2Answer{url: "https://localhost:8443/autodiscover/autodiscover.xml"},
			"V2: AutodiscoverV1 at https://localhost:8443/autodiscover/autodiscover.xml"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseV2(tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, v2Types); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.String() != tt.said {
				t.Errorf("said %q, want %q", got, tt.said)
			}
		})
	}
}

func capturedBody(t *testing.T, name string) []byte {
	b, err := io.ReadAll(captured(t, name).Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// v2Says is an answer that names a URL.
func v2Says(url string) string { return `{"Protocol":"AutodiscoverV1","Url":"` + url + `"}` }

func TestParseV2Tolerates(t *testing.T) {
	const pox = "https://mx.contoso.test/autodiscover/autodiscover.xml"
	ok := v2Says(pox)
	for name, body := range map[string]string{
		"as it is":                    ok,
		"a byte order mark":           "\ufeff" + ok,
		"white space around":          "\r\n " + ok + "\n",
		"members that we do not know": strings.Replace(ok, "{", `{"Deep":{"er":[1,2]},`, 1),
		"a protocol in other letters": strings.Replace(ok, "AutodiscoverV1", "autodiscoverv1", 1),
		"no error":                    strings.Replace(ok, "{", `{"ErrorCode":null,`, 1),
		"escapes":                     strings.ReplaceAll(ok, "/", `\/`),
	} {
		got, err := parseV2([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(v2Answer{url: pox}, got, v2Types); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestParseV2Refuses(t *testing.T) {
	const start = "https://mx.contoso.test/autodiscover/"
	for _, tt := range []struct{ name, body, want string }{
		{"nothing", " \n", "an empty answer"},
		{"a page of a web site", "<html></html>", "an HTML page"},
		{"XML", "<Autodiscover/>", "not Autodiscover's JSON"},
		{"Latin-1", v2Says(start + "\xe9"), "not UTF-8"},
		{"a list", "[]", "not Autodiscover's JSON"},
		{"null", "null", "JSON that is not Autodiscover's"},
		{"an empty object", "{}", "JSON that is not Autodiscover's"},
		{"two objects", v2Says(start) + v2Says(start), "not Autodiscover's JSON"},
		{"an ErrorCode that is a number", `{"ErrorCode":500}`, "not Autodiscover's JSON"},
		{"no Url", `{"Protocol":"AutodiscoverV1"}`, "JSON that is not Autodiscover's"},
		{"no Protocol", `{"Url":"` + start + `"}`, "JSON that is not Autodiscover's"},
		{"another protocol", strings.Replace(v2Says(start), "AutodiscoverV1", "Ews", 1), `about the protocol "Ews"`},
		{"http", v2Says(strings.Replace(start, "https", "http", 1)), "without a usable Url"},
		{"a user name", v2Says(strings.Replace(start, "mx", "ann@mx", 1)), "without a usable Url"},
		{"a path alone", v2Says("/autodiscover/autodiscover.xml"), "without a usable Url"},
		{"a login page", v2Says("https://mx.contoso.test/login"), "without a usable Url"},
		{"a space", v2Says(start + " a"), "without a usable Url"},
		{"2049 bytes of a URL", v2Says(start + strings.Repeat("x", 2049-len(start))), "without a usable Url"},
		{"64 KiB and a byte", v2Says(start) + strings.Repeat(" ", 64<<10+1-len(v2Says(start))), "more than 65536 bytes"},
	} {
		got, err := parseV2([]byte(tt.body))
		if err == nil || !strings.Contains(err.Error(), tt.want) || got != (v2Answer{}) {
			t.Errorf("%s: %v, %v; want an error about %q", tt.name, got, err, tt.want)
		}
	}
	for name, body := range map[string]string{ // the twins just inside of the limits
		"2048 bytes of a URL": v2Says(start + strings.Repeat("x", 2048-len(start))),
		"64 KiB":              v2Says(start) + strings.Repeat(" ", 64<<10-len(v2Says(start))),
	} {
		if _, err := parseV2([]byte(body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoPrefixOfAHintIsOne(t *testing.T) {
	for _, name := range []string{"v2-url.json", "v2-refusal.json"} {
		whole := file(t, name)
		for n := range len(whole) {
			if got, err := parseV2(whole[:n]); err == nil {
				t.Fatalf("%s: %d bytes of it are %v", name, n, got)
			}
		}
	}
}

// v2Server answers one request and keeps it.
type v2Server struct {
	status   int
	body     io.Reader
	location string
	err      error
	seen     *http.Request
}

func (h *v2Server) RoundTrip(req *http.Request) (*http.Response, error) {
	if h.seen != nil {
		return nil, errors.New("a second request")
	}
	h.seen = req
	if h.err != nil {
		return nil, h.err
	}
	res := &http.Response{StatusCode: h.status, Header: http.Header{}, Body: io.NopCloser(h.body)}
	if h.location != "" {
		res.Header.Set("Location", h.location)
	}
	return res, nil
}

func TestAskV2(t *testing.T) {
	const pox = "https://autodiscover.contoso.test/autodiscover/autodiscover.xml"
	const unsupported = `{"ErrorCode":"ProtocolNotSupported","ErrorMessage":"no"}`
	for _, tt := range []struct {
		name       string
		host       v2Server
		want, fail string
	}{
		{"a URL", v2Server{status: 200, body: strings.NewReader(v2Says(pox))}, pox, ""},
		{"a refusal of Exchange Online", v2Server{status: 400, body: strings.NewReader(unsupported)}, "", "ErrorCode ProtocolNotSupported: no"},
		{"a refusal of Gromox", v2Server{status: 200, body: strings.NewReader(unsupported)}, "", "ErrorCode ProtocolNotSupported: no"},
		{"a URL that comes with a failure", v2Server{status: 404, body: strings.NewReader(v2Says(pox))}, "", "HTTP 404"},
		{"a filter against attacks", v2Server{status: 403, body: strings.NewReader("<html></html>")}, "", "HTTP 403"},
		{"a page", v2Server{status: 200, body: strings.NewReader("<html></html>")}, "", "an HTML page"},
		{"a redirect is not followed", v2Server{status: 302, body: strings.NewReader(""), location: "https://elsewhere.test/autodiscover/autodiscover.json"}, "", "HTTP 302"},
		{"no answer", v2Server{err: errors.New("no route")}, "", "no route"},
		{"one that breaks off", v2Server{status: 200, body: errReader{}}, "", "the answer broke off"},
		{"one without end", v2Server{status: 200, body: endless{}}, "", "more than 65536 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var step Step
			got, err := askV2(t.Context(), &tt.host, "outlook.office365.com", "Ann@Contoso.TEST", &step)
			if got != tt.want || (err == nil) != (tt.fail == "") || err != nil && !strings.Contains(err.Error(), tt.fail) {
				t.Errorf("%q, %v, want %q, %q", got, err, tt.want, tt.fail)
			}
			q := tt.host.seen
			want := http.Header{"Accept": {"application/json"}, "User-Agent": {"Microsoft Office/16.0 (Homing)"}}
			if diff := cmp.Diff(want, q.Header); diff != "" {
				t.Errorf("credentials or more (-want +got):\n%s", diff)
			}
			if q.Method != "GET" || q.Body != http.NoBody || q.URL.Scheme != "https" || q.URL.Host != "outlook.office365.com" || q.URL.Query().Get("Email") != "Ann@contoso.test" {
				t.Errorf("%s %s", q.Method, q.URL)
			}
			if step.HTTPStatus != tt.host.status {
				t.Errorf("the step has HTTP %d", step.HTTPStatus)
			}
		})
	}
	var h v2Server
	if _, err := askV2(t.Context(), &h, "outlook.office365.com", "ann", new(Step)); err == nil || h.seen != nil {
		t.Errorf("what is no address was asked for: %v", err)
	}
}

// What parses can be asked as a candidate, and nothing panics.
func FuzzParseV2(f *testing.F) {
	names, err := filepath.Glob("../testdata/autodiscover/v2-*.json")
	if err != nil || len(names) == 0 {
		f.Fatal("no documents", err)
	}
	for _, name := range names {
		f.Add(file(f, filepath.Base(name)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseV2(body)
		if err != nil {
			if got != (v2Answer{}) {
				t.Errorf("an answer beside the error %v", err)
			}
			return
		}
		if strings.ContainsAny(got.String(), "\x00\r\n\t\x1b") || len(body) > maxV2+3 {
			t.Errorf("not printable, or too long: %q", got)
		}
		if (got.url == "") == (got.refusal == nil) || got.url != "" && (!strings.HasPrefix(strings.ToLower(got.url), "https://") || len(got.url) > maxURL || bytes.ContainsRune([]byte(got.url), ' ')) {
			t.Errorf("unusable: %+v", got)
		}
	})
}
