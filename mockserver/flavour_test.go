package mockserver

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/internal/mapi"
)

// flavoured is a world whose first forest plays a flavour: ann and ben are well,
// cat's database is offline, dan's mailbox is disabled.
func flavoured(flavour string) string {
	world := `
[hostility]
off = true
[[forest]]
name = "contoso.test"
org = "Contoso"
flavour = "` + flavour + `"
[[forest.server]]
name = "ex1"
offline = ["db2"]
[[forest.server]]
name = "ex2"
[[forest]]
name = "fabrikam.test"
org = "Fabrikam"
[[forest.server]]
name = "mx1"
`
	for _, m := range []string{"ann", "ben", "cat\"\ndatabase = \"db2", "dan\"\ndisabled = true\ndisplay_name = \"Dan"} {
		user, _, _ := strings.Cut(m, `"`)
		world += "[[mailbox]]\nserver = \"ex1\"\nuser = \"" + m + "\"\n"
		for _, forest := range []string{"contoso.test", "fabrikam.test"} {
			world += "[[mailbox.account]]\nforest = \"" + forest + "\"\ntoken = \"token-of-" + user + "\"\n"
		}
	}
	return world
}

// bearer signs in with a token whatever it sends.
type bearer struct {
	http.RoundTripper
	token string
}

func (b bearer) RoundTrip(q *http.Request) (*http.Response, error) {
	q = q.Clone(q.Context())
	q.Header.Set("Authorization", "Bearer "+b.token)
	return b.RoundTripper.RoundTrip(q)
}

// withToken is a client that signs in with the token of user.
func withToken(t testing.TB, s *Server, user string) *client {
	c := newClient(t, s, "")
	c.http.Transport = bearer{c.http.Transport, "token-of-" + user}
	return c
}

// ex1Of is the mailbox endpoint of ex1 for user, and the user's legacy DN, as they
// are now.
func ex1Of(t testing.TB, s *Server, user string) (url, dn string) {
	t.Helper()
	w, err := s.Where(user)
	if err != nil {
		t.Fatal(err)
	}
	return "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=" + w.GUID + "@contoso.test", w.Objects[0].LegacyDN
}

// tell connects with a DN and logs on to it with the OpenFlags given, and says
// where and how that ended.
func (c *client) tell(url, dn string, openFlags uint32) string {
	c.t.Helper()
	s := c.session(url)
	a := s.connect(dn)
	switch {
	case a.StatusCode != mapi.EcNone:
		return "connect fails, " + a.StatusCode.Name()
	case a.ErrorCode != mapi.EcNone:
		return "connect says " + a.ErrorCode.Name()
	}
	q := logonRequest(dn)
	q.OpenFlags = openFlags
	r := s.send("Execute", s.executeBody(q), nil)
	var e mapi.ExecuteResponse
	if err := errors.Join(r.err, e.Parse(r.body)); err != nil {
		c.t.Fatal(err)
	}
	if e.StatusCode != mapi.EcNone {
		return "logon fails, " + e.StatusCode.Name()
	}
	l := s.responses(r)[0].(*mapi.LogonResponse)
	switch {
	case l.ReturnValue == mapi.EcWrongServer:
		return "logon says ecWrongServer, " + l.ServerName[strings.LastIndexByte(l.ServerName, '=')+1:]
	case l.ReturnValue != mapi.EcNone:
		return "logon says " + l.ReturnValue.Name()
	}
	if code := s.probe(); code != mapi.EcNone {
		return "logged on, then " + code.Name()
	}
	return "logged on"
}

func TestFlavoursRefuseInTheirOwnWay(t *testing.T) {
	none := mapi.OpenHomeLogon | mapi.OpenTakeOwnership
	// What happens, in the order of the columns below.
	rows := []struct {
		name   string
		script []string
		user   string // who logs on, to the mailbox of ann unless it is cat or dan
		flags  uint32
	}{
		{"at home", nil, "ann", mapi.OpenFlagsDefault},
		{"moved to another forest", []string{"move ann mx1"}, "ann", mapi.OpenFlagsDefault},
		{"moved within the forest", []string{"move ann ex2"}, "ann", mapi.OpenFlagsDefault},
		{"in transit", []string{"start ann mx1", "lock ann"}, "ann", mapi.OpenFlagsDefault},
		{"mailbox disabled", nil, "dan", mapi.OpenFlagsDefault},
		{"database offline", nil, "cat", mapi.OpenFlagsDefault},
		{"no right to the mailbox", nil, "ben", mapi.OpenFlagsDefault},
		{"USE_PER_MDB_REPLID_MAPPING missing", nil, "ann", none},
	}
	want := map[string][]string{
		FlavourExchange2003: {
			"logged on", "logon says ecLoginFailure", "logon says ecWrongServer, ex2", "logon says ecMailboxInTransit",
			"logon says ecMailboxDisabled", "logon says ecLoginFailure", "logon says ecAccessDenied", "logged on"},
		FlavourExchange2007: {
			"logged on", "logon says ecUnknownUser", "logon says ecWrongServer, ex2", "logon says ecMailboxInTransit",
			"logon says ecLoginFailure", "logon says ecLoginFailure", "logon says ecAccessDenied", "logged on"},
		FlavourExchange2010: {
			"logged on", "logon says ecUnknownUser", "logon says ecWrongServer, ex2", "logon says ecMailboxInTransit",
			"logon says ecUnknownUser", "logon fails, RPC_S_SERVER_UNAVAILABLE", "logon says ecLoginPerm", "logon says ecWrongServer, ex1"},
		FlavourExchange2013: {
			"logged on", "connect fails, ecUnknownUser", "logon says ecWrongServer, GUID@contoso.test", "logon says ecMailboxInTransit",
			"logon says ecUnknownUser", "logon fails, RPC_S_SERVER_UNAVAILABLE", "logged on, then ecAccessDenied", "logon fails, ecRpcFailed"},
		FlavourExchange2016: {
			"logged on", "connect fails, ecUnknownUser", "logon says ecWrongServer, GUID@contoso.test", "logon says ecMailboxInTransit",
			"logon says ecUnknownUser", "logon says ecLoginFailure", "logged on, then ecAccessDenied", "logon fails, ecRpcFailed"},
		FlavourExchangeSE: {
			"logged on", "connect says ecUnknownUser", "logon says ecWrongServer, GUID@contoso.test", "logon says ecMailboxInTransit",
			"logon says ecUnknownUser", "logon says ecLoginFailure", "connect says ecLoginPerm", "logon fails, ecRpcFailed"},
		FlavourExchangeOnline: {
			"logged on", "connect says ecUnknownUser", "logon says ecWrongServer, GUID@contoso.test", "logon says ecMailboxInTransit",
			"logon says ecUnknownUser", "logon says ecLoginFailure", "connect says ecLoginPerm", "logon fails, ecRpcFailed"},
		FlavourGromox: {
			"logged on", "connect says ecUnknownUser", "logged on", "logged on",
			"logon says ecUnknownUser", "logon says ecLoginFailure", "connect says ecAccessDenied", "logon says ecInvalidParam"},
	}
	for _, flavour := range flavours[1:] {
		for i, row := range rows {
			t.Run(flavour.name+", "+row.name, func(t *testing.T) {
				s := Start(t, flavoured(flavour.name))
				whose := row.user
				if whose == "ben" {
					whose = "ann"
				}
				url, dn := ex1Of(t, s, whose)
				do(t, s, row.script...)
				got := withToken(t, s, row.user).tell(url, dn, row.flags)
				w, _ := s.Where("ann")
				if got = strings.Replace(got, w.GUID, "GUID", 1); got != want[flavour.name][i] {
					t.Errorf("%s, want %s", got, want[flavour.name][i])
				}
			})
		}
	}
}

func TestADisabledMailboxOfExchange2007IsForgottenAfterFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, flavoured(FlavourExchange2007))
		url, dn := ex1Of(t, s, "dan")
		c := withToken(t, s, "dan")
		for _, want := range []string{"logon says ecLoginFailure", "logon says ecUnknownUser"} {
			if got := c.tell(url, dn, mapi.OpenFlagsDefault); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			<-time.After(5 * time.Minute)
		}
	})
}

func TestTooManyTriesPauseTheServer(t *testing.T) {
	for _, tt := range []struct{ flavour, want string }{
		{FlavourExchange2003, "logon says ecServerPaused"},
		{FlavourExchange2007, "logon says ecServerPaused"},
		{FlavourExchange2010, "logon says ecServerPaused"},
		{"", "logon says ecWrongServer, ex2"}, // a forest without the key is patient
	} {
		t.Run(tt.flavour, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := Start(t, flavoured(tt.flavour))
				url, dn := ex1Of(t, s, "ann")
				do(t, s, "move ann ex2")
				c := withToken(t, s, "ann")
				for i := range 5 {
					if got := c.tell(url, dn, mapi.OpenFlagsDefault); got != "logon says ecWrongServer, ex2" {
						t.Errorf("try %d: %s", i+1, got)
					}
				}
				if got := c.tell(url, dn, mapi.OpenFlagsDefault); got != tt.want {
					t.Errorf("try 6: %s, want %s", got, tt.want)
				}
				<-time.After(11 * time.Second)
				if got := c.tell(url, dn, mapi.OpenFlagsDefault); got != "logon says ecWrongServer, ex2" {
					t.Errorf("later: %s", got)
				}
			})
		})
	}
}

func TestFlavoursHaveTheirOwnHeaders(t *testing.T) {
	tests := []struct {
		flavour, server, period string
		traces                  bool
		cookies                 string
	}{
		{FlavourExchange2003, "Exchange/06.05.7638.001", "30000", false, "MapiContext MapiSequence X-BackEndCookie"},
		{FlavourExchange2007, "Exchange/08.03.0083.006", "30000", false, "MapiContext MapiSequence X-BackEndCookie"},
		{FlavourExchange2010, "Exchange/14.03.0123.004", "30000", false, "MapiContext MapiSequence X-BackEndCookie"},
		{FlavourExchange2013, "Exchange/15.00.0847.032", "15000", true, "MapiContext MapiRouting MapiSequence X-BackEndCookie"},
		{FlavourExchange2016, "Exchange/15.01.0225.042", "15000", true, "MapiContext MapiRouting MapiSequence X-BackEndCookie"},
		{FlavourExchangeSE, "Exchange/15.02.2562.045", "30000", true, "MapiContext MapiRouting MapiSequence X-BackEndCookie"},
		{FlavourExchangeOnline, "Exchange/15.20.8534.048", "30000", true, "MapiContext MapiRouting MapiSequence X-BackEndCookie"},
		{FlavourGromox, "Exchange/15.00.0847.4040", "30000", false, "sequence sid"},
		{"", "Exchange/15.02.2562.045", "30000", false, "MapiContext MapiSequence X-BackEndCookie"},
	}
	for _, tt := range tests {
		t.Run(tt.flavour, func(t *testing.T) {
			s := Start(t, flavoured(tt.flavour))
			url, dn := ex1Of(t, s, "ann")
			session := withToken(t, s, "ann").session(url)
			r := session.send("Connect", (&mapi.ConnectRequest{UserDN: dn}).Append(nil), nil)
			var cookies []string
			for _, c := range session.cookies {
				cookies = append(cookies, c.Name)
			}
			slices.Sort(cookies)
			got := fmt.Sprint(r.head.Get("X-ServerApplication"), " ", r.head.Get("X-PendingPeriod"), " ", strings.Join(cookies, " "))
			if want := tt.server + " " + tt.period + " " + tt.cookies; got != want {
				t.Errorf("%s, want %s", got, want)
			}
			for _, name := range []string{"request-id", "X-FEServer", "X-BEServer", "X-CalculatedBETarget", "X-DiagInfo", "X-TunnelExpirationTime"} {
				if got := r.head.Get(name) != ""; got != tt.traces {
					t.Errorf("%s is there: %v, want %v", name, got, tt.traces)
				}
			}
			if r := session.send("PING", nil, nil); r.head.Get("X-TunnelExpirationTime") != "" {
				t.Error("X-TunnelExpirationTime in other answers than that of Connect")
			}
		})
	}
}

func TestFlavoursOfferTheirOwnProtocols(t *testing.T) {
	const capable, not = "1", ""
	tests := []struct {
		name, flavour, mapi, capability string
		types, server                   string // of EXCH
		online                          string
	}{
		{"Exchange 2007 stands in", FlavourExchange2007, MAPIStandIn, capable, "mapiHttp WEB", "", "False"},
		{"Exchange 2007 as it was", FlavourExchange2007, MAPINever, capable, "EXCH EXPR WEB", "ex1.contoso.test", "False"},
		{"Exchange 2010 to an older client", FlavourExchange2010, MAPIStandIn, not, "EXCH EXPR WEB", "ex1.contoso.test", "False"},
		{"Exchange 2010 as it was", FlavourExchange2010, MAPINever, capable, "EXCH EXPR WEB", "ex1.contoso.test", "False"},
		{"Exchange 2013", FlavourExchange2013, "", capable, "mapiHttp WEB", "", "False"},
		{"Exchange 2013 to an older client", FlavourExchange2013, "", not, "EXCH EXPR WEB", "GUID@contoso.test", "False"},
		{"Exchange 2016", FlavourExchange2016, "", capable, "mapiHttp WEB", "", "False"},
		{"Exchange SE", FlavourExchangeSE, "", capable, "mapiHttp WEB", "", "False"},
		{"Exchange Online", FlavourExchangeOnline, "", capable, "mapiHttp WEB", "", "True"},
		{"Gromox does not ask", FlavourGromox, "", not, "EXHTTP mapiHttp EXCH EXPR", "616e6e40-636f-6e74-6f73-6f2e01000000@contoso.test", "False"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			world := flavoured(tt.flavour)
			if tt.mapi != "" {
				world = strings.Replace(world, "org = \"Contoso\"", "org = \"Contoso\"\nmapi = \""+tt.mapi+"\"", 1)
			}
			s := Start(t, world)
			body := `<Autodiscover xmlns="` + requestSchema + `"><Request><EMailAddress>ann@contoso.test</EMailAddress><AcceptableResponseSchema>` + responseSchema + `</AcceptableResponseSchema></Request></Autodiscover>`
			d := withToken(t, s, "ann").post("https://autodiscover.contoso.test"+autodiscoverPath, body, map[string]string{"X-MapiHttpCapability": tt.capability})
			w, _ := s.Where("ann")
			server := ""
			for _, p := range d.Protocols {
				if p.Type == "EXCH" {
					server = strings.Replace(p.Server, w.GUID, "GUID", 1)
				}
			}
			if d.types() != tt.types || server != tt.server || !strings.Contains(d.Text, "<MicrosoftOnline>"+tt.online+"<") {
				t.Errorf("%s, EXCH at %q, want %s, %q: %s", d.types(), server, tt.types, tt.server, d.Text)
			}
			url, _ := ex1Of(t, s, "ann")
			wantStatus := 200
			if tt.mapi == MAPINever {
				wantStatus = 404
			}
			if r := withToken(t, s, "ann").session(url).send("PING", nil, nil); r.status != wantStatus {
				t.Errorf("PING: HTTP %d, want %d", r.status, wantStatus)
			}
		})
	}
}

func TestExchange2003HasNoAutodiscoverOfItsOwn(t *testing.T) {
	s := Start(t, flavoured(FlavourExchange2003))
	c := withToken(t, s, "ann")
	if d := c.ask("https://ex1.contoso.test"+autodiscoverPath, "EMailAddress", "ann@contoso.test"); d.Status != 404 {
		t.Errorf("at the server: HTTP %d, want 404", d.Status)
	}
	if got := s.Hosts(); slices.Contains(got, "autodiscover.contoso.test") {
		t.Errorf("hosts %q", got)
	}
	// Another forest can refer to it by an address only.
	do(t, s, "move ann mx1", "move ann ex2")
	if d := c.ask("https://autodiscover.fabrikam.test"+autodiscoverPath, "EMailAddress", "ann@fabrikam.test"); d.Addr != "ann@contoso.test" {
		t.Errorf("referred: %s", d.Text)
	}
	// With a newer server in the forest there is one, and it offers the stand-in.
	s = Start(t, strings.Replace(flavoured(FlavourExchange2003), `name = "ex2"`, "name = \"ex2\"\nflavour = \"exchange-2010\"", 1))
	c = withToken(t, s, "ann")
	for host, want := range map[string]string{"autodiscover.contoso.test": "mapiHttp WEB", "ex2.contoso.test": "mapiHttp WEB", "ex1.contoso.test": ""} {
		if d := c.ask("https://"+host+autodiscoverPath, "EMailAddress", "ann@contoso.test"); d.types() != want {
			t.Errorf("%s: %q, want %q", host, d.types(), want)
		}
	}
}

func TestExchange2007SendsToANewerServer(t *testing.T) {
	s := Start(t, strings.Replace(flavoured(FlavourExchange2007), `name = "ex2"`, "name = \"ex2\"\nflavour = \"exchange-2010\"", 1))
	c := withToken(t, s, "ann")
	ask := func(host string) *pox {
		return c.ask("https://"+host+autodiscoverPath, "EMailAddress", "ann@contoso.test")
	}
	if d := ask("ex1.contoso.test"); d.Status != 200 || d.Action != "settings" {
		t.Errorf("the mailbox on 2007: HTTP %d", d.Status)
	}
	do(t, s, "move ann ex2")
	d := ask("ex1.contoso.test")
	if diff := cmp.Diff("302 https://ex2.contoso.test/autodiscover/autodiscover.xml", fmt.Sprint(d.Status, " ", d.Head.Get("Location"))); diff != "" {
		t.Error(diff)
	}
	if d := ask("autodiscover.contoso.test"); d.Action != "settings" {
		t.Errorf("the newest server answers for the forest: HTTP %d", d.Status)
	}
}

func TestEveryFlavourIsIntroduced(t *testing.T) {
	const never = "never spoke MAPI/HTTP: its codes stand in for RPC"
	list := Flavours()
	if len(list) != 8 || list[0].Name != FlavourExchange2003 || list[7].Name != FlavourGromox {
		t.Fatalf("%+v", list)
	}
	for i, v := range list {
		if v.About == "" || strings.Contains(v.About, never) != (i < 3) {
			t.Errorf("%s: %q", v.Name, v.About)
		}
	}
}
