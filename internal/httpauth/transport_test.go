package httpauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/homing-mail/homing/internal/trust"
)

const password = "hunter2-Tr0ub4dor"

// leg is one request that reached the wire.
type leg struct {
	Method, URL, Auth, Body string
	Anchor                  string // X-AnchorMailbox: a header that names the user
}

// wire answers requests by a script and keeps them. Its zero reply is a 401.
type wire struct {
	legs    []leg
	replies []reply // by order; the last one stays
	err     error
	cert    *x509.Certificate // that it presents
}

type reply struct {
	status   int
	offers   []string // WWW-Authenticate
	location string
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	w.legs = append(w.legs, leg{req.Method, req.URL.String(), req.Header.Get("Authorization"), string(body), req.Header.Get("X-AnchorMailbox")})
	if w.err != nil {
		return nil, w.err
	}
	r := w.replies[min(len(w.legs), len(w.replies))-1]
	header := http.Header{}
	for _, offer := range r.offers {
		header.Add("WWW-Authenticate", offer)
	}
	if r.location != "" {
		header.Set("Location", r.location)
	}
	state := new(tls.ConnectionState)
	if w.cert != nil {
		state.PeerCertificates = []*x509.Certificate{w.cert}
	}
	return &http.Response{StatusCode: r.status, Header: header, Body: io.NopCloser(strings.NewReader("answer")), Request: req, TLS: state}, nil
}

// drawer answers one login until it is refused, as a profile does.
type drawer struct {
	login   trust.Login
	asked   int
	refused int
}

func (d *drawer) Login(_ context.Context, host string) (trust.Login, error) {
	d.asked++
	if d.refused > 0 {
		return trust.Login{}, &trust.NoLoginError{Host: host, Realm: d.login.Realm, User: d.login.User, Refused: true}
	}
	return d.login, nil
}

func (d *drawer) Refused(string, trust.Login) { d.refused++ }

const endpoint = "https://mx.contoso.test/mapi"

var (
	inside    = trust.Hop{MailDomain: "contoso.test", To: "mx.contoso.test:443", How: trust.FromDomain}
	outside   = trust.Hop{MailDomain: "contoso.test", To: "mx.fabrikam.test:443", How: trust.FromRedirectURL}
	basic     = "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:"+password))
	challenge = reply{status: 401, offers: []string{`Basic realm="contoso"`}}
	ok        = reply{status: 200}
)

// put sends a POST with a body and a header that names the user.
func put(t *testing.T, rt http.RoundTripper, url string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-AnchorMailbox", "ann@contoso.test")
	res, err := rt.RoundTrip(req)
	if err != nil {
		if strings.Contains(err.Error(), password) {
			t.Errorf("the error shows the password: %v", err)
		}
		return nil, err
	}
	res.Body.Close()
	return res, nil
}

// transport returns one that talks to w, with ann's password in the drawer.
func transport(w *wire, hop trust.Hop) (*Transport, *drawer) {
	d := &drawer{login: trust.Login{Realm: "*.contoso.test", User: "ann", Secret: trust.NewSecret(password)}}
	return &Transport{Base: w, Access: trust.Access{Hop: hop, Logins: d}}, d
}

var (
	bare     = leg{Method: "POST", URL: endpoint}
	unsigned = leg{Method: "POST", URL: endpoint, Body: "body", Anchor: "ann@contoso.test"}
	signed   = leg{Method: "POST", URL: endpoint, Body: "body", Anchor: "ann@contoso.test", Auth: basic}
)

func TestLegs(t *testing.T) {
	redirect := reply{status: 302, location: "https://mx2.contoso.test/mapi"}
	tests := []struct {
		name     string
		replies  []reply
		sends    int
		want     []leg
		statuses []int // of each send; 0: an error
		refused  int
	}{
		{"a host that challenges is asked bare once, then signed",
			[]reply{challenge, ok}, 3, []leg{bare, signed, signed, signed}, []int{200, 200, 200}, 0},
		{"a host that wants no sign-in never sees one",
			[]reply{ok}, 2, []leg{bare, unsigned, unsigned}, []int{200, 200}, 0},
		{"a redirect instead of a challenge is answered as it is, and the host is met again",
			[]reply{redirect}, 2, []leg{bare, bare}, []int{302, 302}, 0},
		{"a failure instead of a challenge is answered as it is, and the host is met again",
			[]reply{{status: 503}, challenge, ok}, 2, []leg{bare, bare, signed}, []int{503, 200}, 0},
		{"a 401 without WWW-Authenticate is answered as it is, and nothing is sent",
			[]reply{{status: 401}}, 2, []leg{bare, bare}, []int{401, 401}, 0},
		{"a redirect after the sign-in is answered as it is",
			[]reply{challenge, redirect}, 1, []leg{bare, signed}, []int{302}, 0},
		{"a refused secret is told once and not sent again",
			[]reply{challenge, challenge}, 3, []leg{bare, signed}, []int{401, 0, 0}, 1},
		{"a 401 without WWW-Authenticate refuses a secret too",
			[]reply{challenge, {status: 401}}, 2, []leg{bare, signed}, []int{401, 0}, 1},
		{"a scheme that a host offers no longer is no refusal",
			[]reply{challenge, {status: 401, offers: []string{"Negotiate"}}}, 1, []leg{bare, signed}, []int{401}, 0},
		{"a host that changes what it offers gets nothing that the login does not accept",
			[]reply{challenge, {status: 401, offers: []string{"Negotiate"}}}, 2, []leg{bare, signed}, []int{401, 0}, 0},
		{"a host that offers the old scheme beside a new one has refused",
			[]reply{challenge, {status: 401, offers: []string{"Negotiate", "Basic realm=x"}}}, 2, []leg{bare, signed}, []int{401, 0}, 1},
		{"a host that offers only what cannot be served gets nothing, and is met anew",
			[]reply{{status: 401, offers: []string{"NTLM", "Negotiate"}}}, 2, []leg{bare, bare}, []int{0, 0}, 0},
		{"a host that wanted no sign-in and now wants one is signed in to",
			[]reply{ok, ok, challenge, ok}, 3, []leg{bare, unsigned, unsigned, signed, signed}, []int{200, 200, 200}, 0},
		{"a host that wanted no sign-in and now refuses without a way in is answered as it is",
			[]reply{ok, ok, {status: 401}}, 2, []leg{bare, unsigned, unsigned}, []int{200, 401}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &wire{replies: tt.replies}
			rt, d := transport(w, inside)
			var statuses []int
			for range tt.sends {
				status := 0
				if res, err := put(t, rt, endpoint); err == nil {
					status = res.StatusCode
				}
				statuses = append(statuses, status)
			}
			if diff := cmp.Diff(tt.want, w.legs); diff != "" {
				t.Errorf("on the wire (-want +got):\n%s", diff)
			}
			if !slices.Equal(statuses, tt.statuses) || d.refused != tt.refused {
				t.Errorf("statuses %v, refusals %d; want %v, %d", statuses, d.refused, tt.statuses, tt.refused)
			}
		})
	}
}

func TestSharedChallengesSaveALeg(t *testing.T) {
	challenges := new(Challenges)
	w := &wire{replies: []reply{challenge, ok}}
	for range 2 {
		rt, _ := transport(w, inside)
		rt.Challenges = challenges
		if _, err := put(t, rt, endpoint); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]leg{bare, signed, signed}, w.legs); diff != "" {
		t.Errorf("on the wire (-want +got):\n%s", diff)
	}
	// The twin: a port away it is another host, which has to be met.
	hop := inside
	hop.To, hop.How = "mx.contoso.test:8443", trust.FromProfile
	rt, _ := transport(w, hop)
	rt.Challenges = challenges
	if _, err := put(t, rt, "https://mx.contoso.test:8443/mapi"); err != nil {
		t.Fatal(err)
	}
	if got := w.legs[3]; got.Auth != "" || got.Body != "" {
		t.Errorf("the first contact with another port carries %+v", got)
	}
}

func TestBearer(t *testing.T) {
	w := &wire{replies: []reply{{status: 401, offers: []string{"Basic realm=x", "Bearer"}}, ok}}
	rt, d := transport(w, inside)
	d.login.Bearer = true
	if _, err := put(t, rt, endpoint); err != nil {
		t.Fatal(err)
	}
	if got := w.legs[1].Auth; got != "Bearer "+password {
		t.Errorf("Authorization = %q", got)
	}
}

func TestNothingLeavesBeforeTheJudgement(t *testing.T) {
	stranger := "https://mx.fabrikam.test/mapi"
	tests := []struct {
		name    string
		hop     trust.Hop
		url     string
		want    []leg
		verdict trust.Verdict // of the *trust.UntrustedError; 9: another error
	}{
		{"over http nothing is sent", inside, "http://mx.contoso.test/mapi", nil, 9},
		{"to another host than the hop's nothing is sent", inside, "https://mx2.contoso.test/mapi", nil, 9},
		{"to another port than the hop's nothing is sent", inside, "https://mx.contoso.test:8443/mapi", nil, 9},
		{"to a host that nobody may allow nothing is sent", trust.Hop{MailDomain: "contoso.test", To: "192.0.2.1:443"}, "https://192.0.2.1/mapi", nil, trust.Refuse},
		{"to a host that is to be asked for only a bare request is sent", outside, stranger, []leg{{Method: "POST", URL: stranger}}, trust.Ask},
	}
	for _, tt := range tests {
		for _, first := range []reply{challenge, ok, {status: 302, location: tt.url}, {status: 404}, {status: 503}, {status: 401}} {
			t.Run(fmt.Sprintf("%s, which answers %d %v", tt.name, first.status, first.offers), func(t *testing.T) {
				w := &wire{replies: []reply{first, ok}}
				rt, d := transport(w, tt.hop)
				_, err := put(t, rt, tt.url)
				untrusted, is := trust.IsUntrusted(err)
				if err == nil || is != (tt.verdict != 9) || is && untrusted.Verdict != tt.verdict {
					t.Errorf("error = %v", err)
				}
				if diff := cmp.Diff(tt.want, w.legs, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("on the wire (-want +got):\n%s", diff)
				}
				if d.asked != 0 {
					t.Error("the secret was fetched")
				}
			})
		}
	}
	t.Run("the twin: a consent makes body and credentials go", func(t *testing.T) {
		w := &wire{replies: []reply{challenge, ok}}
		rt, _ := transport(w, outside)
		rt.Access.Rules.Consents = []trust.Consent{{MailDomain: "contoso.test", Host: "mx.fabrikam.test"}}
		if _, err := put(t, rt, stranger); err != nil {
			t.Fatal(err)
		}
		want := []leg{{Method: "POST", URL: stranger}, {Method: "POST", URL: stranger, Body: "body", Anchor: "ann@contoso.test", Auth: basic}}
		if diff := cmp.Diff(want, w.legs); diff != "" {
			t.Errorf("on the wire (-want +got):\n%s", diff)
		}
	})
}

func TestAnOfferThatCannotBeServedIsNotForEver(t *testing.T) {
	ntlm := reply{status: 401, offers: []string{"NTLM"}}
	w := &wire{replies: []reply{ntlm, challenge, ok}}
	var challenges Challenges
	ask := func() error {
		rt, _ := transport(w, inside)
		rt.Challenges = &challenges
		_, err := put(t, rt, endpoint)
		return err
	}
	if _, is := errors.AsType[*trust.SchemeError](ask()); !is {
		t.Error("NTLM was served")
	}
	if err := ask(); err != nil { // an administrator has added Basic
		t.Error(err)
	}
	if diff := cmp.Diff([]leg{bare, bare, signed}, w.legs); diff != "" {
		t.Errorf("on the wire (-want +got):\n%s", diff)
	}
}

func TestAStrangersCertificateIsShownEachTime(t *testing.T) {
	w := &wire{replies: []reply{challenge}, cert: &x509.Certificate{Subject: pkix.Name{CommonName: "mx.fabrikam.test"}}}
	var challenges Challenges
	for range 2 {
		rt, _ := transport(w, outside)
		rt.Challenges = &challenges
		_, err := put(t, rt, "https://mx.fabrikam.test/mapi")
		untrusted, is := trust.IsUntrusted(err)
		if !is || !strings.Contains(untrusted.Hop.Cert, "CN=mx.fabrikam.test") {
			t.Errorf("error = %+v, want the certificate in it", err)
		}
	}
}

func TestBodyThatCannotBeSentTwice(t *testing.T) {
	w := &wire{replies: []reply{challenge, ok}}
	rt, _ := transport(w, inside)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, io.MultiReader(strings.NewReader("body")))
	if _, err := rt.RoundTrip(req); err == nil || len(w.legs) != 0 {
		t.Errorf("error = %v after %d legs", err, len(w.legs))
	}
}

func TestErrorsOfTheNetworkComeThrough(t *testing.T) {
	cause := errors.New("no route")
	w := &wire{err: cause}
	rt, _ := transport(w, inside)
	if _, err := put(t, rt, endpoint); !errors.Is(err, cause) || len(w.legs) != 1 {
		t.Errorf("error = %v after %d legs", err, len(w.legs))
	}
}

func TestZeroGrantSignsNothing(t *testing.T) {
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, nil)
	if err := sign(req, trust.Grant{}); err == nil || len(req.Header) != 0 {
		t.Errorf("error = %v, header = %v", err, req.Header)
	}
	// The twin: a grant that the rules made.
	d := &drawer{login: trust.Login{User: "ann", Secret: trust.NewSecret(password)}}
	g, err := trust.Rules{}.Grant(t.Context(), inside, []string{"basic"}, d)
	if err != nil {
		t.Fatal(err)
	}
	if err := sign(req, g); err != nil || req.Header.Get("Authorization") != basic {
		t.Errorf("error = %v, header = %v", err, req.Header)
	}
}

func TestTheCallersRequestStaysUnsigned(t *testing.T) {
	w := &wire{replies: []reply{challenge, ok}}
	rt, _ := transport(w, inside)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader("body"))
	if _, err := rt.RoundTrip(req); err != nil {
		t.Fatal(err)
	}
	if got := req.Header.Get("Authorization"); got != "" {
		t.Errorf("Authorization = %q", got)
	}
}

func TestSchemes(t *testing.T) {
	tests := []struct {
		name   string
		values []string
		want   []string
	}{
		{"nothing", nil, nil},
		{"one header a scheme", []string{"Negotiate", "NTLM", `Basic realm="mx.contoso.test"`}, []string{"negotiate", "ntlm", "basic"}},
		{"several in one header", []string{`Negotiate, Basic realm="x"`}, []string{"negotiate", "basic"}},
		{"parameters are no schemes", []string{`Basic realm="msrpc realm", charset="utf-8"`}, []string{"basic"}},
		{"parameters between schemes", []string{`Bearer client_id="x", trusted_issuers="y", Basic realm="z"`}, []string{"bearer", "basic"}},
		{"a comma within quotes", []string{`Basic realm="mail, please sign in", charset="utf-8"`}, []string{"basic"}},
		{"a scheme within quotes", []string{`Basic realm="a, Bearer b"`}, []string{"basic"}},
		{"a quote within quotes", []string{`Basic realm="a \", Bearer b"`}, []string{"basic"}},
		{"quotes that do not end", []string{`Basic realm="a, Bearer b`}, []string{"basic"}},
		{"a token", []string{"Negotiate YIIB=="}, []string{"negotiate"}},
		{"empty parts", []string{", ,Basic", ""}, []string{"basic"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header := http.Header{"Www-Authenticate": tt.values}
			if got := Schemes(header); !slices.Equal(got, tt.want) {
				t.Errorf("schemes = %q, want %q", got, tt.want)
			}
		})
	}
}

// A certificate is the word of a stranger, and a person reads it at a terminal.
func TestCertificateIsOneLineThatCanBeShown(t *testing.T) {
	until := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, subject, issuer, want string
	}{
		{"plain", "mx.contoso.test", "Contoso CA", "CN=mx.contoso.test, issued by CN=Contoso CA, until 2027-03-01"},
		{"letters of other alphabets", "Zürich", "Москва", "CN=Zürich, issued by CN=Москва, until 2027-03-01"},
		{"what moves the cursor", "a\x1b[2Kb", "c\r\nd", "CN=a [2Kb, issued by CN=c  d, until 2027-03-01"},
		{"what turns the direction", "a\u202eb", "c\u0085d", "CN=a b, issued by CN=c d, until 2027-03-01"},
		{"no letters at all", "a\xffb", "c", "CN=a\ufffdb, issued by CN=c, until 2027-03-01"},
		{"long names", strings.Repeat("é", 1000), strings.Repeat("x", 297), "CN=" + strings.Repeat("é", 296) + "…, issued by CN=" + strings.Repeat("x", 297) + ", until 2027-03-01"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cert := &x509.Certificate{Subject: pkix.Name{CommonName: tt.subject}, Issuer: pkix.Name{CommonName: tt.issuer}, NotAfter: until}
			res := &http.Response{TLS: &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}}
			if got := Certificate(res); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// held is a body that gives nothing until it is closed, as that of a 101 is: the
// connection itself.
type held struct{ closed chan struct{} }

func (h held) Read([]byte) (int, error) { <-h.closed; return 0, io.EOF }
func (h held) Close() error             { close(h.closed); return nil }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestAnAnswerThatSwitchesProtocolsHasNoBody(t *testing.T) {
	for name, before := range map[string]int{"to the bare request": 0, "to the signed one": 1} {
		t.Run(name, func(t *testing.T) {
			legs := 0
			base := roundTrip(func(req *http.Request) (*http.Response, error) {
				if legs++; legs <= before {
					return (&wire{replies: []reply{challenge}}).RoundTrip(req)
				}
				return &http.Response{StatusCode: http.StatusSwitchingProtocols, Header: http.Header{}, Body: held{make(chan struct{})}, Request: req}, nil
			})
			rt := &Transport{Base: base, Access: trust.Access{Hop: inside, Logins: &drawer{login: trust.Login{Realm: "contoso.test", User: "ann", Secret: trust.NewSecret(password)}}}}
			res, err := put(t, rt, endpoint)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(res.Body); len(body) != 0 || err != nil || res.StatusCode != 101 {
				t.Errorf("status %d, body %q, %v; want 101 and nothing", res.StatusCode, body, err)
			}
		})
	}
}
