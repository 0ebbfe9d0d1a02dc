package autodiscover

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	head = `<?xml version="1.0" encoding="utf-8"?>` + "\n" +
		`<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>`
	tail = `<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`
)

func TestRequestBody(t *testing.T) {
	for _, tt := range []struct {
		name  string
		by    Identity
		value string
		want  string
	}{
		{"by address", ByAddress, "ann@contoso.test", "<EMailAddress>ann@contoso.test</EMailAddress>"},
		{"by LegacyDN", ByLegacyDN, "/o=Contoso/cn=ann", "<LegacyDN>/o=Contoso/cn=ann</LegacyDN>"},
		{"escaped", ByAddress, `a&b<c>@contoso.test`, "<EMailAddress>a&amp;b&lt;c&gt;@contoso.test</EMailAddress>"},
		{"an element that would add the other identity", ByLegacyDN, "</LegacyDN><EMailAddress>", "<LegacyDN>&lt;/LegacyDN&gt;&lt;EMailAddress&gt;</LegacyDN>"},
	} {
		if diff := cmp.Diff(head+tt.want+tail, string(requestBody(tt.by, tt.value))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// The requests that a real server has understood, save for their line end.
func TestRequestBodyIsTheCapturedOne(t *testing.T) {
	for capture, a := range map[string]ask{
		"01-ad-settings":      {by: ByAddress, address: "alice@peer.test"},
		"02-ad-unknown-user":  {by: ByAddress, address: "nobody@peer.test"},
		"04-ad-legacydn-only": {by: ByLegacyDN, legacyDN: "/o=Gromox default/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=0100000001000000-alice"},
	} {
		b, err := os.ReadFile(filepath.Join("..", "testdata", "captures", capture+".req.bin"))
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(req.Body)
		if err != nil {
			t.Fatal(err)
		}
		want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))
		if diff := cmp.Diff(string(want), string(requestBody(a.by, a.value()))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", capture, diff)
		}
	}
}

func TestRequestHeaders(t *testing.T) {
	for _, a := range []ask{
		{url: at(auto), by: ByAddress, address: "ann@contoso.test"},
		{url: at(auto), by: ByLegacyDN, address: "ann@contoso.test", legacyDN: "/o=Contoso"},
	} {
		req, err := a.request(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := http.Header{
			"Content-Type":         {"text/xml; charset=utf-8"},
			"Accept":               {"text/xml, */*"},
			"User-Agent":           {"Microsoft Office/16.0 (Homing)"},
			"X-Mapihttpcapability": {"1"},
			"X-Anchormailbox":      {"ann@contoso.test"},
		}
		if diff := cmp.Diff(want, req.Header); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if req.Method != "POST" || req.URL.String() != at(auto) || req.GetBody == nil || req.ContentLength != int64(len(requestBody(a.by, a.value()))) {
			t.Errorf("%s %s of %d bytes", req.Method, req.URL, req.ContentLength)
		}
	}
}
