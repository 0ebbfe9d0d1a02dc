package mockserver

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// wire is what Autodiscover answers, as it is on the wire, to a client that
// asks for no encoding.
func wire(t *testing.T, v *victim) (encoding, body string) {
	t.Helper()
	v.http.Transport.(*http.Transport).DisableCompression = true
	a, err := v.http.Do(v.asking(""))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.Header.Get("Content-Encoding"), string(text)
}

func TestWhatStandsAroundADocument(t *testing.T) {
	unzipped := func(t *testing.T, body string) string {
		if len(body) > 1<<20 {
			t.Errorf("%d bytes on the wire", len(body))
		}
		r, err := gzip.NewReader(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	plain := func(_ *testing.T, body string) string { return body }
	for _, tt := range []struct {
		rule, encoding string
		read           func(*testing.T, string) string
		before         string
		size           int // of all; 0: of the document and what stands before it
	}{
		{"huge", "", plain, "", 2097152},
		{"bom", "", plain, "\xEF\xBB\xBF", 0},
		{"gzip-bomb", "gzip", unzipped, "", 20971520},
	} {
		for name, extra := range map[string]string{"Exchange": "", "Gromox, which sends a length": "flavour = \"gromox\"\n"} {
			t.Run(tt.rule+" of "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { // one moment for both
					s := Start(t, places(extra))
					v := newVictim(t, s, "ask")
					do(t, s, "fault "+tt.rule)
					encoding, body := wire(t, v)
					if encoding != tt.encoding {
						t.Errorf("Content-Encoding %q, want %q", encoding, tt.encoding)
					}
					got := []byte(tt.read(t, body))
					encoding, want := wire(t, v) // the twin
					if encoding != "" || !strings.HasSuffix(want, "</Autodiscover>\n") && !strings.HasSuffix(want, "</Autodiscover>") {
						t.Fatalf("afterwards: %q, %s", encoding, want)
					}
					rest, ok := bytes.CutPrefix(got, []byte(tt.before+want))
					if !ok {
						t.Fatalf("%.100q, want %.100q", got, tt.before+want)
					}
					if len(bytes.Trim(rest, " ")) > 0 || tt.size == 0 && len(rest) > 0 || tt.size > 0 && len(got) != tt.size {
						t.Errorf("%d bytes, %.40q behind the document", len(got), rest)
					}
				})
			})
		}
	}
}
