package autodiscover

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// raw answers bytes instead of HTTP, and closes.
func raw(answer string) http.HandlerFunc {
	return func(res http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := res.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		fmt.Fprint(buffered, answer)
		buffered.Flush()
	}
}

func TestDiscoverSurvivesBrokenAnswers(t *testing.T) {
	long := strings.Repeat("x", 30<<10)
	for _, tt := range []struct{ name, answer, want string }{
		{"nothing", "", "EOF"},
		{"no HTTP", "220 mx.contoso.test ESMTP\r\n", "malformed HTTP"},
		{"a broken header is not quoted whole", "HTTP/1.1 200 OK\r\n" + long + "\r\n\r\n", "malformed MIME header"},
		{"headers without end", "HTTP/1.1 200 OK\r\nX: " + long + long + long + "\r\n\r\n", "exceeded"},
		{"half of a body", "HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n<Autodiscover>", "the answer broke off: unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// The first contact wants no sign-in, so that the answer itself is broken.
			w := newWorld(t, map[string]http.HandlerFunc{auto: func(res http.ResponseWriter, req *http.Request) {
				if req.ContentLength > 0 {
					raw(tt.answer)(res, req)
				}
			}})
			_, err := discover(t, w, Query{})
			if err == nil || err.Kind != Unreachable || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%v", err)
			}
			if n := len(err.Error()); n > 400 {
				t.Errorf("an error of %d bytes", n)
			}
			want := []string{"POST " + auto + " bare", "POST " + auto + " by EMailAddress"}
			if diff := cmp.Diff(want, w.lines()); diff != "" {
				t.Errorf("on the wire (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"120":                           2 * time.Minute,
		"-5":                            0,
		"soon":                          0,
		"86400":                         24 * time.Hour,
		"86401":                         24 * time.Hour,
		"99999999999999999999":          0,
		"Sun, 01 Mar 2026 12:01:30 GMT": 90 * time.Second,
		"Sun, 01 Mar 2026 11:00:00 GMT": 0,
		"Sun, 01 Mar 2037 12:00:00 GMT": 24 * time.Hour,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", value, got, want)
		}
	}
}

// A step says that credentials were sent where they were, and not where there was
// no connection to send them over.
func TestAStepSaysWhetherCredentialsWereSent(t *testing.T) {
	lost := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for _, tt := range []struct {
		name  string
		auto  http.HandlerFunc
		proxy string
		want  bool
	}{
		{"they are taken", home(), "", true},
		{"they are sent, and the answer is lost", lost, "", true},
		{"the proxy is gone", home(), "https://proxy.contoso.test:8080", false},
	} {
		inMemory(t, map[string]http.HandlerFunc{auto: home()}, func(t *testing.T, m *memory) {
			client := m.client()
			client.Challenges = new(Challenges)
			if _, err, _ := m.discover(t, client, Query{}); err != nil {
				t.Fatal(err)
			}
			m.hosts[auto] = tt.auto // whom we have met
			if tt.proxy != "" {
				client.Network.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(tt.proxy) }
			}
			result, err, _ := m.discover(t, client, Query{Exclude: []Source{SourceRoot, SourceHTTP}})
			if err != nil {
				result = &Result{Steps: err.Steps}
			}
			if s := stepOf(t, result.Steps, SourceAutodiscover); s.Signed != tt.want {
				t.Errorf("%s: %+v", tt.name, s)
			}
		})
	}
}
