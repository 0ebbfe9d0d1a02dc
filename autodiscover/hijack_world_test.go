package autodiscover

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/internal/trust"
)

const (
	stranger    = "mx.tailspin.test" // belongs to nobody whom ann knows
	mx          = "mx.contoso.test"
	bearerToken = "t0ken-of-ann-4711"
)

// scene is a network in which somebody is after ann's sign-in.
type scene struct {
	hosts   map[string]http.HandlerFunc // as in memory
	records func(context.Context, string) ([]*net.SRV, error)
	scp     []Candidate
	certs   map[string]certificate // what hosts present instead of a good one
	proxy   string                 // URL of the proxy that everything goes by
	visits  int                    // that ann pays; 0: one
	query   Query                  // for ann@contoso.test with her password, if nothing else is said
}

// certificate makes what a host presents; the authority is the one that is trusted.
type certificate func(t *testing.T, authority *tls.Certificate) *tls.Certificate

// story is one attempt, how it ends, and its twin: the same scene, in which one
// thing has been made legitimate, where the sign-in arrives.
type story struct {
	name   string
	stage  func(s *scene)
	found  string        // host that has the mailbox; empty: it ends with kind
	kind   Kind          // of the error
	why    string        // what is said of the attempt, in the error or in a step
	signed []string      // everybody whom a sign-in, a cookie or a token reaches, by name
	silent []string      // host:port of whom nobody even dials
	within time.Duration // it takes; 0: at most 30 seconds
	legit  func(s *scene)
	there  string // host that the sign-in of the twin reaches; if it is in signed, that has the mailbox then
}

// tell plays a story and its twin.
func tell(t *testing.T, stories []story) {
	t.Helper()
	for _, tt := range stories {
		t.Run(tt.name, func(t *testing.T) {
			tt.play(t)
			tt.twin(t)
		})
	}
}

func (tt story) play(t *testing.T) {
	s := newScene(tt.stage)
	inMemory(t, s.hosts, func(t *testing.T, m *memory) {
		result, err, took := s.discover(t, m)
		m.mu.Lock()
		defer m.mu.Unlock()
		switch {
		case tt.found == "" && (err == nil || err.Kind != tt.kind):
			t.Fatalf("%v, %v; want %v", result, err, tt.kind)
		case tt.found != "" && (err != nil || hostname(result.URL) != tt.found):
			t.Fatalf("%v, %v; want it found at %s", result, err, tt.found)
		}
		if limit := tt.within; took > limit && (limit > 0 || took > 30*time.Second) {
			t.Errorf("it took %v", took)
		}
		var said strings.Builder
		if err != nil {
			fmt.Fprintln(&said, err)
			result = &Result{Steps: err.Steps}
		}
		for _, step := range result.Steps {
			fmt.Fprintf(&said, "%s: %s; %s; %s\n", step.URL, step.Said, step.Err, step.Why)
		}
		if tt.why == "" || !strings.Contains(said.String(), tt.why) {
			t.Errorf("nothing is said of %q in\n%s", tt.why, &said)
		}
		if strings.Contains(said.String(), password) || strings.Contains(said.String(), bearerToken) {
			t.Errorf("the secret is shown in\n%s", &said)
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(tt.signed)), receivers(m.seen)); diff != "" {
			t.Errorf("whom the sign-in reached (-want +got):\n%s", diff)
		}
		for _, addr := range tt.silent {
			if slices.Contains(m.dialled, addr) {
				t.Errorf("%s was dialled", addr)
			}
		}
		for _, fault := range faults(m.seen, s.query, tt.signed) {
			t.Error(fault)
		}
	})
}

func (tt story) twin(t *testing.T) {
	s := newScene(tt.stage)
	tt.legit(s)
	inMemory(t, s.hosts, func(t *testing.T, m *memory) {
		result, err, _ := s.discover(t, m)
		m.mu.Lock()
		defer m.mu.Unlock()
		if got := receivers(m.seen); !slices.Contains(got, tt.there) {
			t.Errorf("the twin: the sign-in reaches %v and not %s; %v, %v", got, tt.there, result, err)
		}
		if slices.Contains(tt.signed, tt.there) && (err != nil || !strings.Contains(result.URL, "//"+tt.there+"/")) {
			t.Errorf("the twin: %v, %v; want it found at %s", result, err, tt.there)
		}
	})
}

func newScene(stage func(*scene)) *scene {
	s := &scene{hosts: make(map[string]http.HandlerFunc), certs: make(map[string]certificate)}
	stage(s)
	return s
}

// discover pays ann's visits, and returns how the last one went.
func (s *scene) discover(t *testing.T, m *memory) (result *Result, err *Error, took time.Duration) {
	t.Helper()
	m.records = s.records
	for host, present := range s.certs {
		m.issued[host] = present(t, m.authority)
	}
	client := m.client()
	client.Challenges = new(Challenges)
	if s.scp != nil {
		client.SCP = func(context.Context, string) ([]Candidate, error) { return slices.Clone(s.scp), nil }
	}
	if s.proxy != "" {
		u, err := url.Parse(s.proxy)
		if err != nil {
			t.Fatal(err)
		}
		client.Network.Proxy = http.ProxyURL(u)
	}
	if s.query.Logins == nil {
		s.query.Logins = ann()
	}
	for range max(1, s.visits) {
		result, err, took = m.discover(t, client, s.query)
	}
	return result, err, took
}

// secrets are what must not be seen anywhere, in any form that travels.
var secrets = []string{password, bearerToken, base64.StdEncoding.EncodeToString([]byte("ann:" + password)), base64.StdEncoding.EncodeToString([]byte("ann:" + bearerToken))}

// carries reports whether a request has anything in it by which ann signs in, or
// a cookie.
func carries(s seen) bool {
	for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie"} {
		if len(s.Header[name]) > 0 {
			return true
		}
	}
	text := fmt.Sprint(s)
	return slices.ContainsFunc(secrets, func(secret string) bool { return strings.Contains(text, secret) })
}

// receivers returns the hosts that ann's sign-in has reached, by name; of those in
// the clear with http:// before it.
func receivers(requests []seen) []string {
	var out []string
	for _, s := range requests {
		if carries(s) && !slices.Contains(out, s.Host) {
			out = append(out, s.Host)
		}
	}
	slices.Sort(out)
	return out
}

// faults returns what is wrong with requests, whatever the story: the first that a
// host sees is bare, and strangers and clear text see no more than that there is
// somebody.
func faults(requests []seen, q Query, signed []string) []string {
	var out []string
	met := make(map[string]bool)
	domain := "contoso.test"
	if q.Address != "" {
		domain = q.Address[strings.LastIndex(q.Address, "@")+1:]
	}
	for _, s := range requests {
		what := fmt.Sprintf("%s was sent %+v", s.Host, s)
		if !met[s.Host] && (carries(s) || s.Body != "") {
			out = append(out, "at first contact "+what)
		}
		met[s.Host] = true
		if len(s.Header["Referer"]) > 0 || len(s.Header["From"]) > 0 {
			out = append(out, what)
		}
		plain := strings.HasPrefix(s.Host, "http://")
		name, _, _ := strings.Cut(s.Host, ":")
		familiar := !plain && (name == domain || strings.HasSuffix(name, "."+domain) || slices.Contains(signed, s.Host) ||
			q.Microsoft365 && slices.Contains(trust.Microsoft365(), name))
		if !familiar && (s.Body != "" || s.Query != "" || s.Header.Get("X-Anchormailbox") != "" || strings.Contains(fmt.Sprint(s.Header), "ann@")) {
			out = append(out, "though a stranger, "+what)
		}
		if plain && s.Method != http.MethodGet {
			out = append(out, "in the clear, "+what)
		}
	}
	return out
}

// The recorder sees what the stories say is not there: this sends it.
func TestTheRecorderSeesASignIn(t *testing.T) {
	nothing := func(http.ResponseWriter, *http.Request) {}
	for _, tt := range []struct {
		name, url, header, value, body string
	}{
		{"Basic in the clear", "http://autodiscover.contoso.test" + path, "Authorization", "Basic x", ""},
		{"a cookie in the clear", "http://autodiscover.contoso.test" + path, "Cookie", "a=b", ""},
		{"a token by TLS", at("autodiscover.test"), "Authorization", "Bearer x", ""},
		{"a proxy's", at("evil.test"), "Proxy-Authorization", "Basic x", ""},
		{"a cookie", at("evil.test"), "Cookie", "a=b", ""},
		{"a password in a header of another name", at("evil.test"), "X-Pass", password, ""},
		{"a password in a body", at("evil.test"), "X-None", "", "pass=" + password},
		{"a password in a query", at("evil.test") + "?pass=" + password, "X-None", "", ""},
		{"a pair as Basic encodes it", at("evil.test"), "X-None", "", secrets[2]},
		{"a token in a path", "https://evil.test/autodiscover/" + bearerToken, "X-None", "", ""},
		{"an IP address in the clear", "http://192.0.2.1" + path, "Authorization", "Basic x", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u, err := url.Parse(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			host := u.Host
			if u.Scheme == "http" {
				host = "http://" + host
			}
			for _, sent := range []bool{true, false} {
				inMemory(t, map[string]http.HandlerFunc{host: nothing}, func(t *testing.T, m *memory) {
					req, err := http.NewRequest(http.MethodGet, "https://evil.test/", nil)
					if sent {
						req, err = http.NewRequest(http.MethodPost, tt.url, strings.NewReader(tt.body))
						req.Header.Set(tt.header, tt.value)
					} else {
						m.hosts["evil.test"] = nothing
					}
					if err != nil {
						t.Fatal(err)
					}
					transport := Network{Dial: m.dial, RootCAs: m.roots}.Transport()
					defer transport.CloseIdleConnections()
					res, err := transport.RoundTrip(req)
					if err != nil {
						t.Fatal(err)
					}
					io.Copy(io.Discard, res.Body)
					res.Body.Close()
					if got := receivers(m.seen); slices.Contains(got, host) != sent || (len(faults(m.seen, Query{}, nil)) > 0) != sent {
						t.Errorf("sent %v: the recorder saw %v, %v", sent, got, faults(m.seen, Query{}, nil))
					}
				})
			}
		})
	}
}

// allow makes a host legitimate: a person has said yes to it.
func allow(host string) func(*scene) {
	return func(s *scene) {
		s.query.Rules.Consents = append(s.query.Rules.Consents, trust.Consent{MailDomain: "contoso.test", Host: host})
	}
}

// opens makes a host legitimate that has not been there, or has been another's.
func opens(host string) func(*scene) {
	return func(s *scene) { s.hosts[host] = home() }
}

// wallet has one login a realm, and no other.
type wallet map[string]trust.Login

func (w wallet) Login(_ context.Context, host string) (trust.Login, error) {
	realm := trust.Realm(host)
	login, ok := w[realm]
	if !ok {
		return trust.Login{}, &NoLoginError{Host: host, Realm: realm}
	}
	login.Realm = realm
	return login, nil
}

func (w wallet) Refused(host string, _ trust.Login) { delete(w, trust.Realm(host)) }

// withPassword is ann's password for the given realms.
func withPassword(realms ...string) wallet {
	w := make(wallet)
	for _, realm := range realms {
		w[realm] = trust.Login{User: "ann", Secret: trust.NewSecret(password)}
	}
	return w
}

// withToken is ann's token for the mail domain.
func withToken() wallet {
	return wallet{"*.contoso.test": {User: "ann", Secret: trust.NewSecret(bearerToken), Bearer: true, Weakest: trust.Bearer}}
}
