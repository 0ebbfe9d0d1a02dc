package mockserver

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"github.com/homing-mail/homing/internal/mapi"
)

func TestExchangeOnlineTakesTokensOnly(t *testing.T) {
	s := Start(t, flavoured(FlavourExchangeOnline))
	url, _ := ex1Of(t, s, "ann")
	r := newClient(t, s, "ann@contoso.test").session(url).send("PING", nil, nil) // the right password
	challenges := r.head["Www-Authenticate"]
	if r.status != 401 || len(challenges) != 1 {
		t.Fatalf("HTTP %d, %q", r.status, challenges)
	}
	for _, want := range []string{
		`Bearer client_id="00000002-0000-0ff1-ce00-000000000000"`, `trusted_issuers="`, `authorization_uri="https://login.contoso.test/common/oauth2/authorize"`,
	} {
		if !strings.Contains(challenges[0], want) {
			t.Errorf("%s lacks %s", challenges[0], want)
		}
	}
	if r := withToken(t, s, "ann").session(url).send("PING", nil, nil); r.status != 200 {
		t.Errorf("with a token: HTTP %d", r.status)
	}
	if r := withToken(t, s, "nobody").session(url).send("PING", nil, nil); r.status != 401 {
		t.Errorf("with a token of nobody: HTTP %d", r.status)
	}
}

// A context lives on one front end of three; X-BackEndCookie leads to it.
func TestExchangeOnlineHasManyFrontEnds(t *testing.T) {
	tests := []struct {
		name    string
		flavour string
		conns   int  // new connections until the next request
		cookie  bool // X-BackEndCookie goes along
		want    int
	}{
		{"the same connection without the cookie", FlavourExchangeOnline, 0, false, 0},
		{"another front end with the cookie", FlavourExchangeOnline, 1, true, 0},
		{"another front end without the cookie", FlavourExchangeOnline, 1, false, 10},
		{"the third front end without the cookie", FlavourExchangeOnline, 2, false, 10},
		{"the same front end again without the cookie", FlavourExchangeOnline, 3, false, 0},
		{"Exchange SE without the cookie", FlavourExchangeSE, 1, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, flavoured(tt.flavour))
			url, dn := ex1Of(t, s, "ann")
			connection := func() *client {
				c := withToken(t, s, "ann")
				transport := &http.Transport{DialContext: s.Dial, TLSClientConfig: &tls.Config{RootCAs: s.RootCAs()}}
				t.Cleanup(transport.CloseIdleConnections)
				c.http.Transport = bearer{transport, "token-of-ann"}
				return c
			}
			session := connection().session(url)
			first := session.send("Connect", (&mapi.ConnectRequest{UserDN: dn}).Append(nil), nil).head.Get("X-FEServer")
			for range tt.conns {
				session.client = connection()
				session.client.session(url).send("PING", nil, nil)
			}
			if !tt.cookie {
				for i, c := range session.cookies {
					if c.Name == cookieBackEnd {
						session.cookies = append(session.cookies[:i], session.cookies[i+1:]...)
						break
					}
				}
			}
			r := session.send("Execute", session.executeBody(), nil)
			if r.code != tt.want {
				t.Errorf("X-ResponseCode %d, want %d", r.code, tt.want)
			}
			if same := r.head.Get("X-FEServer") == first; same != (tt.flavour == FlavourExchangeSE || tt.conns%3 == 0) {
				t.Errorf("X-FEServer %q after %q", r.head.Get("X-FEServer"), first)
			}
		})
	}
}
