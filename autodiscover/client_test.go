package autodiscover

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/homing-mail/homing/internal/trust"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	auto  = "autodiscover.contoso.test"
	autoF = "autodiscover.fabrikam.test"
)

// The whole of a move: the forest that the mailbox has left refers by HTTP or by
// RedirectUrl to the one that it has gone to, which answers a new LegacyDN.
func TestDiscoverFollowsAMove(t *testing.T) {
	target := at(autoF)
	for _, status := range []int{200, 301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			source := sends(status, target)
			said := fmt.Sprintf("HTTP %d to %s", status, target)
			how := trust.FromHTTPRedirect
			if status == 200 {
				source, said, how = serves(string(file(t, "redirecturl.xml"))), "RedirectUrl "+target, trust.FromRedirectURL
			}
			w := newWorld(t, map[string]http.HandlerFunc{
				auto:  secured(source),
				autoF: secured(serves(string(file(t, "settings-fabrikam.xml")))),
			})
			var told []Step
			result, err := discover(t, w, Query{
				LegacyDN: legacyDN,
				First:    []Candidate{{URL: at(auto), How: trust.FromProfile}},
				Rules:    Rules{Trusted: []string{autoF}},
				Seen:     func(s Step) { told = append(told, s) },
			})
			if err != nil {
				t.Fatal(err)
			}
			want := &Result{
				URL: target, Address: "ann@contoso.test", By: ByLegacyDN, Settings: *fabrikamSettings,
				Steps: []Step{
					{URL: at(auto), How: trust.FromProfile, By: ByLegacyDN, HTTPStatus: status, Said: said, Signed: true,
						Source: SourceProfile, Verdict: "allow", Why: "the profile has logged on there before", Answer: ReferralAnswer},
					{URL: target, How: how, By: ByLegacyDN, HTTPStatus: 200, Said: "settings", Signed: true,
						Verdict: "allow", Why: "trusted by policy (autodiscover.fabrikam.test)", Answer: SettingsAnswer},
				},
			}
			times := cmpopts.IgnoreFields(Step{}, "Time", "Elapsed", "Cert")
			if diff := cmp.Diff(want, result, times); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(ofPlaces(told), result.Steps); diff != "" {
				t.Errorf("told (-) and returned (+) differ:\n%s", diff)
			}
			for _, s := range result.Steps {
				if s.Time.IsZero() || s.Elapsed <= 0 || !strings.Contains(s.Cert, "CN="+strings.Split(s.URL, "/")[2]+", issued by CN=authority") {
					t.Errorf("step %+v", s)
				}
			}
			lines := []string{
				"POST " + auto + " bare", "POST " + auto + " by LegacyDN signed",
				"POST " + autoF + " bare", "POST " + autoF + " by LegacyDN signed",
			}
			if diff := cmp.Diff(lines, w.lines()); diff != "" {
				t.Errorf("on the wire (-want +got):\n%s", diff)
			}
			if a, b := w.requests(auto)[1], w.requests(autoF)[1]; a.Body != b.Body || a.Method != "POST" || b.Method != "POST" || a.Path != b.Path {
				t.Errorf("sent %s %s, and again %s %s", a.Method, a.Body, b.Method, b.Body)
			}
		})
	}
}

func TestDiscoverFollowsARedirectAddr(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{
		auto:                              secured(serves(string(file(t, "redirectaddr.xml")))),
		"autodiscover.mail.fabrikam.test": secured(serves(string(file(t, "settings-fabrikam.xml")))),
	})
	result, err := discover(t, w, Query{LegacyDN: legacyDN, Rules: Rules{Trusted: []string{"*.fabrikam.test"}}})
	if err != nil {
		t.Fatal(err)
	}
	if result.Address != "ann@mail.fabrikam.test" || result.By != ByAddress || result.Settings.LegacyDN != fabrikamSettings.LegacyDN {
		t.Errorf("result = %+v", result)
	}
	last := w.requests("")[3]
	if last.Header.Get("X-AnchorMailbox") != "ann@mail.fabrikam.test" || !strings.Contains(last.Body, "<EMailAddress>ann@mail.fabrikam.test<") {
		t.Errorf("asked %+v", last)
	}
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:"+password)); last.Auth != want {
		t.Errorf("signed %q, want the sign-in of the query", last.Auth)
	}
}

func TestDiscoverFallsBackToTheAddress(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{
		auto: secured(byIdentity(serves(string(file(t, "error.xml"))), serves(string(file(t, "settings.xml"))))),
	})
	result, err := discover(t, w, Query{Address: " Ann@Contoso.TEST ", LegacyDN: legacyDN})
	if err != nil {
		t.Fatal(err)
	}
	if result.By != ByAddress || result.Address != " Ann@Contoso.TEST " || result.Steps[0].Said != "ErrorCode 500: The email address can't be found." {
		t.Errorf("result = %+v", result)
	}
	want := []string{"POST " + auto + " bare", "POST " + auto + " by LegacyDN signed", "POST " + auto + " by EMailAddress signed"}
	if diff := cmp.Diff(want, w.lines()); diff != "" {
		t.Errorf("on the wire (-want +got):\n%s", diff)
	}
}

// Answers of a real server, replayed as they are.
func TestDiscoverCaptures(t *testing.T) {
	replay := func(name string) http.HandlerFunc {
		return func(res http.ResponseWriter, _ *http.Request) {
			r := captured(t, name)
			for k, v := range r.Header {
				res.Header()[k] = v
			}
			res.WriteHeader(r.StatusCode)
			io.Copy(res, r.Body)
		}
	}
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		kind    Kind
		said    string // of the first step
	}{
		{"settings", replay("01-ad-settings"), NotFound, ""},
		{"the LegacyDN is refused by 600, the address answers settings", byIdentity(replay("04-ad-legacydn-only"), replay("01-ad-settings")), NotFound, ""},
		{"the user is not known", replay("02-ad-unknown-user"), NotFound, "ErrorCode 404: Not Found"},
		{"no schema", replay("06-ad-no-schema"), NotFound, "ErrorCode 601: Provider is not available"},
		{"no permission", replay("09-ad-other-user-noperm"), NotFound, "ErrorCode 501: Bad Address (403 Permission Denied on bob@peer.test)"},
		{"a RedirectUrl to a single label", replay("22-ad-redirecturl"), Untrusted, "RedirectUrl https://localhost:8443/autodiscover/autodiscover.xml"},
		{"a RedirectAddr to a domain that announces nothing", replay("23-ad-redirectaddr"), Unreachable, "RedirectAddr alic@other.test"},
		{"no sign-in", replay("11-ad-noauth"), Unauthorized, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, map[string]http.HandlerFunc{auto: tt.handler})
			result, err := discover(t, w, Query{LegacyDN: legacyDN})
			if strings.Contains(tt.name, "settings") {
				if err != nil || !cmp.Equal(result.Settings, *gromoxSettings) {
					t.Fatalf("%v, %v", result, err)
				}
				return
			}
			if err == nil || err.Kind != tt.kind || err.Steps[0].Said != tt.said {
				t.Errorf("%+v", err)
			}
		})
	}
}

func TestDiscoverTellsHowAnswersFail(t *testing.T) {
	settings := string(file(t, "settings.xml"))
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		kind    Kind
		after   time.Duration
		err     string // a part of the text
	}{
		{"an HTML page", serves("<html>Welcome</html>"), Malformed, 0, "an HTML page"},
		{"an empty answer", serves(""), Malformed, 0, "an empty answer"},
		{"a huge answer", serves("<!--" + strings.Repeat("x", 2<<20) + "-->" + settings), Malformed, 0, "more than 1048576 bytes"},
		{"settings without mapiHttp", serves(string(file(t, "settings-outlook-anywhere.xml"))), NoUsableProtocol, 0, "the settings offer EXCH, EXHTTP, EXHTTP"},
		{"settings without a protocol", serves(ok0), NoUsableProtocol, 0, "the settings offer no protocol"},
		{"settings with a mapiHttp that cannot be used", serves(settled("", `<Protocol Type="mapiHttp"/><Protocol/>`)), NoUsableProtocol, 0, "mapiHttp without a usable URL, a protocol without a Type"},
		{"an unknown user", serves(string(file(t, "error.xml"))), NotFound, 0, "ErrorCode 500: The email address can't be found."},
		{"ErrorCode 603", serves(string(file(t, "error-in-account.xml"))), Busy, 0, "ErrorCode 603: Server Error"},
		{"HTTP 410", fails(410), Malformed, 0, "HTTP 410"},
		{"HTTP 403", fails(403), Malformed, 0, "HTTP 403"},
		{"HTTP 300", fails(300, "Location", at(auto)), Malformed, 0, "HTTP 300"},
		{"HTTP 500", fails(500), Unreachable, 0, "HTTP 500"},
		{"HTTP 502", fails(502), Unreachable, 0, "HTTP 502"},
		{"HTTP 503", fails(503), Busy, 0, "HTTP 503"},
		{"HTTP 503 with seconds", fails(503, "Retry-After", "90"), Busy, 90 * time.Second, "HTTP 503"},
		{"HTTP 429", fails(429), Busy, 0, "HTTP 429"},
		{"HTTP 500 with seconds", fails(500, "Retry-After", "7"), Busy, 7 * time.Second, "HTTP 500"},
		{"no scheme that can be served", fails(401, "WWW-Authenticate", "NTLM"), Unauthorized, 0, "offers ntlm"},
		{"HTTP 401 without a challenge", fails(401), Unauthorized, 0, "HTTP 401 without a way to sign in"},
		{"a redirect without Location", sends(302, ""), Malformed, 0, "HTTP 302 without a usable Location"},
		{"a redirect to no URL", sends(302, "https://[x/autodiscover/"), Malformed, 0, "HTTP 302 without a usable Location"},
		{"a redirect to a very long URL", sends(302, "https://contoso.test/autodiscover/"+strings.Repeat("x", 2048)), Malformed, 0, "HTTP 302 without a usable Location"},
		{"a redirect to the start page", sends(302, "https://www.contoso.test/"), Malformed, 0, "HTTP 302 to a place that is not Autodiscover's"},
		{"a redirect to a login form elsewhere", sends(302, "https://login.tailspin.test/?u=/autodiscover/"), Malformed, 0, "HTTP 302 to a place that is not Autodiscover's"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, map[string]http.HandlerFunc{auto: tt.handler})
			_, err := discover(t, w, Query{})
			if err == nil {
				t.Fatal("found")
			}
			if err.Kind != tt.kind || err.After != tt.after || err.Host != auto+":443" || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%v: %+v; want %v, %q", err, err, tt.kind, tt.err)
			}
			if len(err.Steps) != 2 || err.Steps[0].HTTPStatus == 0 || err.Steps[1].HTTPStatus != 0 || !strings.Contains(err.Steps[1].Err, "no such host") {
				t.Errorf("steps %+v", err.Steps)
			}
			if s := err.Steps[0]; s.Kind != tt.kind || s.Answer != NoAnswer || err.Steps[1].Kind != Unreachable {
				t.Errorf("the steps are %v and %v of answer %v; want %v and unreachable, none", s.Kind, err.Steps[1].Kind, s.Answer, tt.kind)
			}
		})
	}
}

// A web site that answers at <domain> does not hide what the rest says.
func TestDiscoverSaysWhyInRank(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{auto: secured(serves(string(file(t, "error.xml")))), "contoso.test": serves("<html/>")})
	_, err := discover(t, w, Query{LegacyDN: legacyDN})
	if err == nil || err.Kind != NotFound || len(err.Steps) != 3 || err.Steps[2].Err != "an HTML page, which is not Autodiscover's" {
		t.Errorf("%+v", err)
	}
}

// Where a redirect leads that nobody has allowed, nothing but a bare request
// goes, and to some places not even that.
func TestDiscoverKeepsCredentialsFromStrangers(t *testing.T) {
	const file = "/autodiscover/autodiscover.xml"
	for _, tt := range []struct {
		name, location string
		host           string // that is met; empty: none is
		why            string
	}{
		{"another organisation", at("autodiscover.fabrikam.test"), "autodiscover.fabrikam.test", "outside the mail domain"},
		{"a name that ends alike", at("evil-contoso.test"), "evil-contoso.test", "outside the mail domain"},
		{"a name that begins alike", at("contoso.test.evil.test"), "contoso.test.evil.test", "outside the mail domain"},
		{"another port", "https://" + auto + ":8443" + file, auto + ":8443", "port 8443"},
		{"http", "http://" + auto + file, "", "https only"},
		{"an IP address", at("127.0.0.1"), "", "IP address"},
		{"an IPv6 address", at("[::1]"), "", "IP address"},
		{"a user name", "https://ann:" + "pw@" + auto + file, "", "user name"},
		{"autodiscover of the top level", at("autodiscover.test"), "", "whoever registered it"},
		{"a single label", at("localhost"), "", "single label"},
		{"a protocol-relative Location", "//autodiscover.fabrikam.test" + file, "autodiscover.fabrikam.test", "outside the mail domain"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			settings := secured(serves(string(settingsXML)))
			hosts := map[string]http.HandlerFunc{
				auto: func(res http.ResponseWriter, req *http.Request) {
					if strings.HasSuffix(req.Host, ":8443") {
						settings(res, req)
						return
					}
					secured(sends(302, tt.location))(res, req)
				},
				"contoso.test": settings,
			}
			for _, h := range []string{"autodiscover.fabrikam.test", "evil-contoso.test", "contoso.test.evil.test", "127.0.0.1", "::1", "localhost", "autodiscover.test"} {
				hosts[h] = settings
			}
			w := newWorld(t, hosts)
			_, err := discover(t, w, Query{LegacyDN: legacyDN})
			if err == nil || err.Kind != Untrusted || err.Untrusted == nil || !strings.Contains(err.Untrusted.Why, tt.why) {
				t.Fatalf("error = %v", err)
			}
			if untrusted, ok := trust.IsUntrusted(err); !ok || untrusted.Hop.From != auto+":443" || untrusted.Hop.How != trust.FromHTTPRedirect || untrusted.Hop.MailDomain != "contoso.test" {
				t.Errorf("untrusted = %+v", untrusted)
			}
			want := []string{"POST " + auto + " bare", "POST " + auto + " by LegacyDN signed"}
			dialled := []string{auto + ":443"}
			if tt.host != "" {
				want = append(want, "POST "+tt.host+" bare")
				host, port, err := net.SplitHostPort(tt.host)
				if err != nil {
					host, port = tt.host, "443"
				}
				dialled = append(dialled, host+":"+port)
			}
			if diff := cmp.Diff(want, w.lines()); diff != "" {
				t.Errorf("on the wire (-want +got):\n%s", diff)
			}
			if !slices.Equal(w.dialled, dialled) {
				t.Errorf("dialled %q, want %q", w.dialled, dialled)
			}
			for _, s := range w.requests("")[2:] {
				if s.Auth != "" || s.Body != "" || s.Header.Get("X-AnchorMailbox") != "" || s.Header.Get("Cookie") != "" {
					t.Errorf("the first contact carries %+v", s)
				}
			}
			last := err.Steps[len(err.Steps)-1]
			if met := tt.host != ""; met != (last.HTTPStatus == 401) || met != strings.Contains(err.Untrusted.Hop.Cert, "issued by CN=authority") || last.Signed || last.Err == "" || last.Kind != Untrusted || last.Answer != NoAnswer {
				t.Errorf("last step %+v, certificate %q", last, err.Untrusted.Hop.Cert)
			}

			// The twin: a consent, where one is possible, makes them go.
			if tt.host == "" {
				return
			}
			result, err := discover(t, w, Query{LegacyDN: legacyDN, Rules: Rules{Consents: []trust.Consent{{MailDomain: "contoso.test", Host: tt.host}}}})
			if err != nil || !strings.Contains(result.URL, tt.host) {
				t.Fatalf("with a consent: %v, %v", result, err)
			}
			if lines := w.lines(); lines[len(lines)-1] != "POST "+tt.host+" by LegacyDN signed" {
				t.Errorf("on the wire with a consent: %q", lines)
			}
		})
	}
}

var settingsXML = []byte(settled("<LegacyDN>/o=Contoso/cn=ann</LegacyDN>", `<Protocol Type="mapiHttp"><MailStore><ExternalUrl>https://mx.contoso.test/mapi/</ExternalUrl></MailStore></Protocol>`))

// Whatever a host that is to be asked for answers, it is asked for.
func TestDiscoverMeetsAndStops(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"settings for everybody": serves(string(settingsXML)),
		"a redirect back":        sends(302, at(auto)),
		"a failure":              fails(500),
		"nothing":                func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, map[string]http.HandlerFunc{auto: secured(sends(302, at(autoF))), autoF: handler, "contoso.test": serves(string(settingsXML))})
			client := Client{Network: w.network(), Challenges: new(Challenges)}
			for range 2 { // a host that has been met is met again: a person is to see its certificate each time
				_, err := client.Discover(t.Context(), Query{Address: "ann@contoso.test", Logins: ann()})
				e, ok := errors.AsType[*Error](err)
				if !ok || e.Kind != Untrusted || e.Host != autoF+":443" || (e.Untrusted.Hop.Cert == "") != (name == "nothing") {
					t.Errorf("%v", err)
				}
			}
			for _, s := range w.requests(autoF) {
				if s.Body != "" || s.Auth != "" {
					t.Errorf("the host was sent %+v", s)
				}
			}
		})
	}
}

func TestDiscoverResolvesARelativeLocation(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{auto: secured(func(res http.ResponseWriter, req *http.Request) {
		if strings.Contains(req.URL.Path, "ann") {
			serves(string(settingsXML))(res, req)
			return
		}
		res.Header().Set("Location", "/Autodiscover/ann@contoso.test/Autodiscover.xml")
		res.WriteHeader(302)
	})})
	result, err := discover(t, w, Query{})
	if err != nil || result.URL != "https://"+auto+"/Autodiscover/ann@contoso.test/Autodiscover.xml" {
		t.Fatalf("%v, %v", result, err)
	}
	if n := len(w.dialled); n != 1 {
		t.Errorf("%d connections to one host", n)
	}
}

func TestDiscoverTellsOfARefusedSignIn(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{auto: secured(serves(string(settingsXML))), "contoso.test": secured(serves(string(settingsXML)))})
	logins := &purse{pass: "an old one"}
	_, err := discover(t, w, Query{LegacyDN: legacyDN, Logins: logins})
	if err == nil || err.Kind != Unauthorized || err.Realm != "*.contoso.test" || err.User != "ann" || err.Host != auto+":443" {
		t.Errorf("%+v", err)
	}
	want := []string{"POST " + auto + " bare", "POST " + auto + " by LegacyDN signed", "POST contoso.test bare"}
	if diff := cmp.Diff(want, w.lines()); diff != "" || logins.refused["*.contoso.test"] != 1 {
		t.Errorf("told %v, on the wire (-want +got):\n%s", logins.refused, diff)
	}
}

func TestDiscoverWithoutLogins(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{auto: secured(serves(string(settingsXML)))})
	client := Client{Network: w.network()}
	_, err := client.Discover(t.Context(), Query{Address: "ann@contoso.test"})
	e, _ := errors.AsType[*Error](err)
	if e == nil || e.Kind != Unauthorized || e.Realm != "*.contoso.test" || e.User != "" {
		t.Fatalf("%v", err)
	}
	if _, ok := errors.AsType[*NoLoginError](err); !ok {
		t.Errorf("%v does not wrap a *NoLoginError", err)
	}
}

// A host that offers other schemes than before has not refused the secret.
func TestDiscoverTellsAChangedOfferFromARefusal(t *testing.T) {
	for _, tt := range []struct {
		offer   string
		refused int
	}{{"Negotiate", 0}, {"Basic realm=x", 1}} {
		before := newWorld(t, map[string]http.HandlerFunc{auto: secured(serves(string(settingsXML)))})
		after := newWorld(t, map[string]http.HandlerFunc{auto: fails(401, "WWW-Authenticate", tt.offer)})
		challenges, logins := new(Challenges), ann()
		if _, err := (&Client{Network: before.network(), Challenges: challenges}).Discover(t.Context(), Query{Address: "ann@contoso.test", Logins: logins}); err != nil {
			t.Fatal(err)
		}
		_, err := (&Client{Network: after.network(), Challenges: challenges}).Discover(t.Context(), Query{Address: "ann@contoso.test", Logins: logins})
		e, _ := errors.AsType[*Error](err)
		if e == nil || e.Kind != Unauthorized || logins.refused["*.contoso.test"] != tt.refused {
			t.Errorf("%s: %v, refusals told %v", tt.offer, err, logins.refused)
		}
		if diff := cmp.Diff([]string{"POST " + auto + " by EMailAddress signed"}, after.lines()); diff != "" {
			t.Errorf("%s: on the wire (-want +got):\n%s", tt.offer, diff)
		}
	}
}

func TestDiscoverRefusesAWrongCertificate(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{"wrong-name.contoso.test": serves(string(settingsXML))})
	_, err := discover(t, w, Query{First: []Candidate{{URL: at("wrong-name.contoso.test"), How: trust.FromConfiguration}}})
	if err == nil || err.Kind != Unreachable || !strings.Contains(err.Error(), "certificate is valid for other.test") || len(w.requests("")) != 0 {
		t.Errorf("%v after %v", err, w.lines())
	}
}

func TestDiscoverRefusesABadQuery(t *testing.T) {
	w := newWorld(t, nil)
	for _, q := range []Query{{Address: "ann"}, {Address: "ann@contoso.test", LegacyDN: "/o=\x00"}} {
		_, err := discover(t, w, q)
		if err == nil || err.Kind != BadAddress || err.Err == nil || len(w.dialled) != 0 {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func TestDiscoverEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("quitting")
		client := Client{Network: Network{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			cancel(cause)
			<-ctx.Done()
			return nil, ctx.Err()
		}}}
		_, err := client.Discover(ctx, Query{Address: "ann@contoso.test"})
		e, _ := errors.AsType[*Error](err)
		if e == nil || e.Kind != Unreachable || !errors.Is(err, cause) || len(ofPlaces(e.Steps)) != 1 {
			t.Errorf("%+v", err)
		}
	})
}

// The log has the domains of addresses and not their local parts; the steps, which
// are for who asks, have both.
func TestDiscoverLogsNoLocalPart(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{auto: secured(serves(string(file(t, "redirectaddr.xml"))))})
	var logged bytes.Buffer
	client := Client{Network: w.network(), Log: slog.New(slog.NewTextHandler(&logged, nil))}
	_, err := client.Discover(t.Context(), Query{Address: "ann@contoso.test", Logins: ann()})
	e, _ := errors.AsType[*Error](err)
	if e == nil || !slices.ContainsFunc(e.Steps, func(s Step) bool { return s.Said == "RedirectAddr ann@mail.fabrikam.test" }) {
		t.Fatalf("%+v", err)
	}
	if text := logged.String(); strings.Contains(text, "ann@") || !strings.Contains(text, "RedirectAddr ***@mail.fabrikam.test") {
		t.Errorf("logged %s", text)
	}
}

func TestDiscoverLogsNoSecret(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{auto: secured(sends(302, "https://ann:secret-in-url@"+auto+"/autodiscover/"))})
	var logged bytes.Buffer
	client := Client{Network: w.network(), Log: slog.New(slog.NewTextHandler(&logged, nil))}
	_, err := client.Discover(t.Context(), Query{Address: "ann@contoso.test", LegacyDN: legacyDN, Logins: ann()})
	text := logged.String() + fmt.Sprintf("%v %+v", err, err)
	for _, secret := range []string{password, base64.StdEncoding.EncodeToString([]byte("ann:" + password)), "secret-in-url"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is shown: %s", secret, text)
		}
	}
	if !strings.Contains(text, "endpoint="+at(auto)) || !strings.Contains(text, "HTTP 302 to https://***@autodiscover.contoso.test/") {
		t.Errorf("the log does not tell the way: %s", text)
	}
}
