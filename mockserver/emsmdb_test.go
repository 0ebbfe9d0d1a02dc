package mockserver

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

// home starts a world, and returns a client of user with the user's settings.
func home(t testing.TB, world, user, forest string) (*Server, *client, *pox) {
	t.Helper()
	s := Start(t, world)
	c := newClient(t, s, user+"@"+forest)
	return s, c, c.settings("autodiscover."+forest, user+"@"+forest)
}

func TestHeadersAreChecked(t *testing.T) {
	_, c, d := home(t, "acquisition", "ann", "contoso.test")
	body := (&mapi.ConnectRequest{UserDN: d.LegacyDN}).Append(nil)
	tests := []struct {
		name string
		head map[string]string
		body []byte
		want int
	}{
		{"all there", nil, body, 0},
		{"no X-RequestType", map[string]string{"X-RequestType": ""}, body, 7},
		{"no X-RequestId", map[string]string{"X-RequestId": ""}, body, 7},
		{"no X-ClientInfo", map[string]string{"X-ClientInfo": ""}, body, 7},
		{"no X-ClientApplication", map[string]string{"X-ClientApplication": ""}, body, 7},
		{"no Content-Type", map[string]string{"Content-Type": ""}, body, 7},
		{"text/plain", map[string]string{"Content-Type": "text/plain"}, body, 4},
		{"Microsoft's connectivity tester", map[string]string{"Content-Type": "application/octet-stream"}, body, 0},
		{"an unknown request type", map[string]string{"X-RequestType": "Bogus"}, body, 5},
		{"an address book request", map[string]string{"X-RequestType": "Bind"}, body, 5},
		{"half a body", nil, body[:len(body)/2], 12},
		{"no body", nil, nil, 12},
		{"a body too long", nil, make([]byte, maxBody+1), 9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := c.session(d.store()).send("Connect", tt.body, tt.head)
			if r.status != 200 || r.code != tt.want {
				t.Errorf("status %d, X-ResponseCode %d, want 200, %d", r.status, r.code, tt.want)
			}
			wantType := "application/mapi-http"
			if tt.want != 0 {
				wantType = "text/html"
			}
			if got := r.head.Get("Content-Type"); got != wantType {
				t.Errorf("Content-Type %q, want %q", got, wantType)
			}
		})
	}
}

func TestTheFrontRefusesByStatus(t *testing.T) {
	_, c, d := home(t, "acquisition", "ann", "contoso.test")
	bad := &client{t: t, http: c.http, user: c.user, password: "wrong"}
	nobody := &client{t: t, http: c.http}
	host, query, _ := strings.Cut(d.store(), "/mapi/emsmdb/?")
	tests := []struct {
		name   string
		client *client
		url    string
		want   int
	}{
		{"all right", c, d.store(), 200},
		{"no credentials", nobody, d.store(), 401},
		{"a wrong password", bad, d.store(), 401},
		{"a wrong password and no MailboxId", bad, host + "/mapi/emsmdb/", 401},
		{"no MailboxId", c, host + "/mapi/emsmdb/", 400},
		{"MailboxId in another case", c, host + "/mapi/emsmdb/?mailboxid=" + strings.TrimPrefix(query, "MailboxId="), 200},
		{"the path in another case", c, host + "/MAPI/EMSMDB/?" + query, 200},
		{"a MailboxId that is no GUID", c, host + "/mapi/emsmdb/?MailboxId=ann@contoso.test", 400},
		{"a MailboxId of another domain", c, strings.Replace(d.store(), "@contoso", "@fabrikam", 1), 400},
		{"a MailboxId of nobody", c, host + "/mapi/emsmdb/?MailboxId=00000000-0000-0000-0000-000000000001@contoso.test", 400},
		{"the address book", c, host + "/mapi/nspi/?" + query, 200},
		{"another path", c, host + "/owa/", 404},
		{"MAPI at an Autodiscover host", c, "https://autodiscover.contoso.test/mapi/emsmdb/?" + query, 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.client.session(tt.url).send("PING", nil, nil)
			if r.status != tt.want {
				t.Errorf("status %d, want %d", r.status, tt.want)
			}
			if tt.want != 200 && len(r.body) > 0 {
				t.Errorf("body %q, want none", r.body)
			}
			if tt.want == 401 && r.head.Get("WWW-Authenticate") != `Basic realm="ex1.contoso.test"` {
				t.Errorf("challenge %q", r.head.Get("WWW-Authenticate"))
			}
		})
	}
}

func TestAnswersEchoAndFlow(t *testing.T) {
	_, c, d := home(t, "acquisition", "ann", "contoso.test")
	s := c.session(d.store())
	r := s.send("Connect", (&mapi.ConnectRequest{UserDN: d.LegacyDN}).Append(nil), map[string]string{"X-RequestId": "no braces:7"})
	for name, want := range map[string]string{
		"X-RequestType": "Connect", "X-RequestId": "no braces:7", "X-ClientInfo": requestHead["X-ClientInfo"],
		"X-PendingPeriod": "30000", "X-ExpirationInfo": "300000", "X-ServerApplication": "Exchange/15.02.2562.045",
	} {
		if got := r.head.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !slices.Equal(withoutPending(r.tags), []string{"PROCESSING", "DONE"}) {
		t.Errorf("tags %q", r.tags)
	}
	if r.extra.Get("X-StartTime") == "" || r.extra.Get("X-ElapsedTime") == "" {
		t.Errorf("after DONE: %v", r.extra)
	}
	if r = s.send("Execute", s.executeBody(), nil); r.head.Get("X-ExpirationInfo") != "900000" {
		t.Errorf("X-ExpirationInfo of Execute: %q", r.head.Get("X-ExpirationInfo"))
	}
}

func TestConnectHasTheSizesSeenFromExchange(t *testing.T) {
	s, c, d := home(t, "acquisition", "ann", "contoso.test")
	a := c.session(d.store()).connect(d.LegacyDN)
	if a.PollsMax != 60000 || a.RetryCount != 6 || a.RetryDelay < 13000 || a.DisplayName != "Ann" || len(a.Aux) != 269 {
		t.Errorf("connected: %+v, %d bytes of aux", a, len(a.Aux))
	}
	for _, err := range mapi.AuxBlocks(a.Aux) {
		if err != nil {
			t.Error(err)
		}
	}
	do(t, s, "move ann mx1")
	session := c.session(d.store())
	r := session.send("Connect", (&mapi.ConnectRequest{UserDN: d.LegacyDN}).Append(nil), nil)
	if len(r.body) != 27+1438 {
		t.Errorf("refused: %d bytes, want 27 and 1438 of aux", len(r.body))
	}
	if len(session.cookies) != 3 {
		t.Errorf("refused: %d cookies, want 3 all the same", len(session.cookies))
	}
}

func TestCookies(t *testing.T) {
	_, c, d := home(t, "acquisition", "ann", "contoso.test")
	connected := func() *session {
		s := c.session(d.store())
		s.connect(d.LegacyDN)
		return s
	}
	value := func(s *session, name string) *http.Cookie {
		i := slices.IndexFunc(s.cookies, func(k *http.Cookie) bool { return k.Name == name })
		return s.cookies[i]
	}
	without := func(s *session, name string) {
		s.cookies = slices.DeleteFunc(s.cookies, func(k *http.Cookie) bool { return k.Name == name })
	}
	tests := []struct {
		name string
		make func() *session
		want int
	}{
		{"as handed out", connected, 0},
		{"none", func() *session { return c.session(d.store()) }, 13},
		{"no context cookie", func() *session { s := connected(); without(s, "MapiContext"); return s }, 13},
		{"no sequence cookie", func() *session { s := connected(); without(s, "MapiSequence"); return s }, 13},
		{"no back end cookie", func() *session { s := connected(); without(s, "X-BackEndCookie"); return s }, 0},
		{"the sequence of the answer before", func() *session {
			s := connected()
			old := slices.Clone(s.cookies)
			s.execute()
			s.cookies = old
			return s
		}, 15},
		{"the sequence of another context", func() *session {
			a, b := connected(), connected()
			value(a, "MapiSequence").Value = value(b, "MapiSequence").Value
			return a
		}, 15},
		{"a context that never was", func() *session {
			s := connected()
			value(s, "MapiContext").Value = strings.Repeat("0", 32)
			return s
		}, 10},
		{"a context cookie that is none", func() *session {
			s := connected()
			value(s, "MapiContext").Value = "hello"
			return s
		}, 6},
		{"of a context that Disconnect ended", func() *session {
			s := connected()
			s.send("Disconnect", (&mapi.DisconnectRequest{}).Append(nil), nil)
			return s
		}, 10},
		{"at another server", func() *session {
			s := connected()
			s.url = strings.Replace(s.url, "ex1", "ex2", 1)
			return s
		}, 10},
		{"with another identity", func() *session {
			s := connected()
			s.client = &client{t: t, http: c.http, user: "ben@contoso.test", password: DefaultPassword}
			return s
		}, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.make()
			if r := s.send("Execute", s.executeBody(), nil); r.code != tt.want {
				t.Errorf("X-ResponseCode %d, want %d", r.code, tt.want)
			}
		})
	}
}

func TestCookiesHavePaths(t *testing.T) {
	_, c, d := home(t, "acquisition", "ann", "contoso.test")
	s := c.session(d.store())
	s.connect(d.LegacyDN)
	for _, k := range s.cookies {
		want := map[string]string{"MapiContext": "/mapi/", "MapiSequence": "/mapi/emsmdb", "X-BackEndCookie": "/mapi"}[k.Name]
		if k.Path != want || !k.Secure || !k.HttpOnly {
			t.Errorf("%v: want path %q, secure, http only", k, want)
		}
	}
}

func TestReconnect(t *testing.T) {
	_, c, d := home(t, "acquisition", "ann", "contoso.test")
	s := c.session(d.store())
	s.connect(d.LegacyDN)
	old := slices.Clone(s.cookies)
	s.connect(d.LegacyDN) // with the old cookies
	s.execute()
	s.cookies = old
	if r := s.send("Execute", s.executeBody(), nil); r.code != 10 {
		t.Errorf("the old context: code %d, want 10", r.code)
	}
	if r := s.send("Connect", (&mapi.ConnectRequest{UserDN: d.LegacyDN}).Append(nil), nil); r.code != 10 {
		t.Errorf("Connect with dead cookies: code %d, want 10", r.code)
	}
	s.cookies = nil
	s.connect(d.LegacyDN)
}

func TestContextsExpire(t *testing.T) {
	const connected, used = 300 * time.Second, 900 * time.Second
	tests := []struct {
		name    string
		wait    time.Duration
		execute bool // once before
		ping    bool // in the middle
		want    int
	}{
		{"alive until the end of the first limit", connected - time.Second, false, false, 0},
		{"gone after it", connected + time.Second, false, false, 10},
		{"longer after an Execute", used - time.Second, true, false, 0},
		{"gone after that too", used + time.Second, true, false, 10},
		{"kept alive by PING", used + time.Second, true, true, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, c, d := home(t, "acquisition", "ann", "contoso.test")
				s := c.session(d.store())
				s.connect(d.LegacyDN)
				if tt.execute {
					s.execute()
				}
				<-time.After(tt.wait / 2)
				if tt.ping {
					s.send("PING", nil, nil)
				}
				<-time.After(tt.wait / 2)
				if r := s.send("Execute", s.executeBody(), nil); r.code != tt.want {
					t.Errorf("X-ResponseCode %d, want %d", r.code, tt.want)
				}
			})
		})
	}
}

func TestPingProvesNothing(t *testing.T) {
	_, c, d := home(t, "acquisition", "ann", "contoso.test")
	r := c.session(d.store()).send("PING", nil, nil)
	if r.code != 0 || len(r.body) != 0 || !slices.Equal(withoutPending(r.tags), []string{"PROCESSING", "DONE"}) {
		t.Errorf("before Connect: %+v", r)
	}
}

func TestAnExecuteThatIsRefusedAsAWhole(t *testing.T) {
	_, c, d := home(t, "acquisition", "ann", "contoso.test")
	logon := logonRequest(d.LegacyDN).Append(nil)
	plain := logonRequest(d.LegacyDN)
	plain.OpenFlags = 0
	buffer := func(rops []byte, handles ...uint32) []byte { return mapi.AppendRopBuffer(nil, rops, handles) }
	tests := []struct {
		name            string
		buffer          []byte
		max             uint32
		status, failure mapi.Code
	}{
		{"a logon", buffer(logon, mapi.NoHandle), 0x10008, 0, 0},
		{"an unknown rop", buffer([]byte{0xF7, 0, 0}, mapi.NoHandle), 0x10008, 0, mapi.EcRPCFormat},
		{"half a rop", buffer(logon[:20], mapi.NoHandle), 0x10008, 0, mapi.EcRPCFormat},
		{"no rop buffer", nil, 0x10008, 0, mapi.EcRPCFormat},
		{"too little room for the answer", buffer(logon, mapi.NoHandle), 20, mapi.EcBufferTooSmall, 0},
		{"the first logon without USE_PER_MDB_REPLID_MAPPING", buffer(plain.Append(nil), mapi.NoHandle), 0x10008, mapi.EcRPCFailed, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := c.session(d.store())
			s.connect(d.LegacyDN)
			q := mapi.ExecuteRequest{Flags: 3, RopBuffer: tt.buffer, MaxRopOut: tt.max}
			r := s.send("Execute", q.Append(nil), nil)
			var a mapi.ExecuteResponse
			if err := a.Parse(r.body); err != nil {
				t.Fatal(err)
			}
			if a.StatusCode != tt.status || a.ErrorCode != tt.failure {
				t.Errorf("StatusCode %v, ErrorCode %v, want %v, %v", a.StatusCode, a.ErrorCode, tt.status, tt.failure)
			}
		})
	}
}

func TestConnectDecides(t *testing.T) {
	s := Start(t, "three-forests")
	where := func(user string, object int) (url, dn string) {
		w, err := s.Where(user)
		if err != nil {
			t.Fatal(err)
		}
		o := w.Objects[object]
		return "https://" + w.Server + "." + w.Forest + "/mapi/emsmdb/?MailboxId=" + w.GUID + "@" + w.Forest, o.LegacyDN
	}
	cat, catDN := where("cat", 0)
	_, danDN := where("dan", 0)
	tests := []struct {
		name, user, url, dn string
		flags               uint32
		want                mapi.Code
	}{
		{"the owner", "cat@tailspin.test", cat, catDN, 0, mapi.EcNone},
		{"the owner, DN in capitals", "cat@tailspin.test", cat, strings.ToUpper(catDN), 0, mapi.EcNone},
		{"a delegate with the DN of the owner", "dan@tailspin.test", cat, catDN, 0, mapi.EcNone},
		{"a delegate with the own DN", "dan@tailspin.test", cat, danDN, 0, mapi.EcNone},
		{"the owner with the DN of the delegate", "cat@tailspin.test", cat, danDN, 0, mapi.EcLoginPerm},
		{"a stranger", "ann@tailspin.test", cat, catDN, 0, mapi.EcLoginPerm},
		{"an administrator", "cat@tailspin.test", cat, catDN, 1, mapi.EcLoginPerm},
		{"no DN", "cat@tailspin.test", cat, "", 0, mapi.EcAccessDenied},
		{"a DN of nobody", "cat@tailspin.test", cat, "/o=Tailspin/cn=nobody", 0, mapi.EcUnknownUser},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, s, tt.user).session(tt.url)
			q := mapi.ConnectRequest{UserDN: tt.dn, Flags: tt.flags}
			var a mapi.ConnectResponse
			if err := a.Parse(c.send("Connect", q.Append(nil), nil).body); err != nil {
				t.Fatal(err)
			}
			if a.StatusCode != 0 || a.ErrorCode != tt.want {
				t.Errorf("StatusCode %v, ErrorCode %v, want 0, %v", a.StatusCode, a.ErrorCode, tt.want)
			}
		})
	}
}

func TestRopLogonDecides(t *testing.T) {
	s := Start(t, "three-forests")
	get := func(user string) Whereabouts {
		w, err := s.Where(user)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	ann, ben, cat, dan := get("ann"), get("ben"), get("cat"), get("dan")
	do(t, s, "start dan ts1", "lock dan")
	at := func(server string, w Whereabouts) string {
		return "https://" + server + "." + w.Forest + "/mapi/emsmdb/?MailboxId=" + w.GUID + "@" + w.Forest
	}
	dn := func(w Whereabouts) string { return w.Objects[0].LegacyDN }
	tests := []struct {
		name, user, url, essdn string
		change                 func(*mapi.LogonRequest)
		want                   mapi.Code
		server                 string // tail of the ServerName
	}{
		{"the owner", "ann@contoso.test", at("ex1", ann), dn(ann), nil, mapi.EcNone, ""},
		{"a DN of nobody", "ann@contoso.test", at("ex1", ann), "/o=Contoso/cn=x", nil, mapi.EcUnknownUser, ""},
		{"no Essdn", "ann@contoso.test", at("ex1", ann), "", nil, mapi.EcUnknownUser, ""},
		{"public folders", "ann@contoso.test", at("ex1", ann), dn(ann), func(q *mapi.LogonRequest) { q.LogonFlags = 0 }, mapi.EcLoginFailure, ""},
		{"another server of the forest", "ann@contoso.test", at("ex2", ann), dn(ann), nil, mapi.EcWrongServer, "/cn=Servers/cn=ex1"},
		{"the mailbox of somebody else", "ben@fabrikam.test", at("mx1", ben), dn(ben), nil, mapi.EcNone, ""},
		{"another front end of a modern forest", "cat@tailspin.test", at("ts2", cat), dn(cat), nil, mapi.EcNone, ""},
		{"a delegate", "dan@tailspin.test", at("ts1", cat), dn(cat), nil, mapi.EcNone, ""},
		{"a mailbox in transit", "dan@tailspin.test", at("ts2", dan), dn(dan), nil, mapi.EcMailboxInTransit, ""},
		{"a URL of one mailbox, an Essdn of another", "dan@tailspin.test", at("ts2", dan), dn(cat), nil, mapi.EcWrongServer, "/cn=Servers/cn=" + cat.GUID + "@tailspin.test"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, s, tt.user).session(tt.url)
			user := map[string]Whereabouts{"ann": ann, "ben": ben, "cat": cat, "dan": dan}[tt.user[:3]]
			if a := c.connect(dn(user)); a.ErrorCode != 0 {
				t.Fatalf("Connect: %v", a.ErrorCode)
			}
			q := logonRequest(tt.essdn)
			if tt.change != nil {
				tt.change(q)
			}
			a := c.execute(q)[0].(*mapi.LogonResponse)
			if a.ReturnValue != tt.want || !strings.HasSuffix(a.ServerName, tt.server) || a.ServerName == "" != (tt.server == "") {
				t.Errorf("%v %q, want %v …%s", a.ReturnValue, a.ServerName, tt.want, tt.server)
			}
		})
	}
}

func TestASecondLogonWithoutTheFlag(t *testing.T) {
	_, c, d := home(t, "acquisition", "ann", "contoso.test")
	s, _ := c.enter(d.store(), d.LegacyDN)
	q := logonRequest(d.LegacyDN)
	q.OpenFlags = 0
	if a := s.execute(q)[0].(*mapi.LogonResponse); a.ReturnValue != mapi.EcInvalidParam {
		t.Errorf("%v, want ecInvalidParam", a.ReturnValue)
	}
}

func TestHandles(t *testing.T) {
	_, c, d := home(t, "acquisition", "ann", "contoso.test")
	s, _ := c.enter(d.store(), d.LegacyDN)
	if code := s.register(); code != mapi.EcNone {
		t.Errorf("register: %v", code)
	}
	logon := s.handle
	s.handle = logon + 100
	if code := s.probe(); code != mapi.EcNullObject {
		t.Errorf("a handle that never was: %v", code)
	}
	s.handle = logon
	a := s.execute(&mapi.GetReceiveFolderRequest{LogonID: 3, MessageClass: "IPM"})
	if code := a[0].(*mapi.GetReceiveFolderResponse).ReturnValue; code != mapi.EcAccessDenied {
		t.Errorf("the LogonId of another logon: %v", code)
	}
	s.handle = logon
	if a := s.execute(&mapi.ReleaseRequest{}); len(a) != 0 {
		t.Errorf("RopRelease was answered: %v", a)
	}
	s.handle = logon
	if code := s.probe(); code != mapi.EcInvalidObject {
		t.Errorf("a released handle: %v", code)
	}
}

func TestOneBufferMayLogOnAndUseTheHandle(t *testing.T) {
	_, c, d := home(t, "acquisition", "ann", "contoso.test")
	s := c.session(d.store())
	s.connect(d.LegacyDN)
	a := s.execute(logonRequest(d.LegacyDN), &mapi.GetReceiveFolderRequest{MessageClass: "IPM"}, &mapi.ReleaseRequest{})
	if len(a) != 2 {
		t.Fatalf("%d answers, want 2", len(a))
	}
	l, f := a[0].(*mapi.LogonResponse), a[1].(*mapi.GetReceiveFolderResponse)
	if l.ReturnValue != 0 || f.ReturnValue != 0 || f.FolderID != l.FolderIDs[mapi.FolderInbox] {
		t.Errorf("%v, %v %v", l.ReturnValue, f.ReturnValue, f.FolderID)
	}
}

func TestTheBodyOfALogonHasTheSizeSeenFromExchange(t *testing.T) {
	_, c, d := home(t, "acquisition", "ann", "contoso.test")
	s := c.session(d.store())
	s.connect(d.LegacyDN)
	q := mapi.ExecuteRequest{Flags: 3, MaxRopOut: 0x10008,
		RopBuffer: mapi.AppendRopBuffer(nil, logonRequest(d.LegacyDN).Append(nil), []uint32{mapi.NoHandle})}
	r := s.send("Execute", q.Append(nil), nil)
	if len(r.body) != 16+8+2+166+4+4 {
		t.Errorf("%s bytes, want 200", strconv.Itoa(len(r.body)))
	}
}
