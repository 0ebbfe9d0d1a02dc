package agent

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
	"github.com/homing-mail/homing/profile"
)

// meaning is what an answer means, from the kind of the error to the first
// decision of a machine in a fresh cycle whose sign-in had never worked.
type meaning struct {
	kind    logonclient.Kind
	outcome Outcome
	next    State
}

// What the classes of the codes ask for.
var (
	redirect  = meaning{logonclient.WrongServer, WrongServer, Connecting}
	nowhere   = meaning{logonclient.WrongServer, Circle, Discovering} // a redirect without a name
	ask       = meaning{logonclient.UnknownMailbox, UnknownHere, Discovering}
	failure   = meaning{logonclient.LoginFailure, UnknownHere, Discovering}
	moving    = meaning{logonclient.InTransit, InTransit, Waiting}
	transient = meaning{logonclient.Busy, Busy, Waiting}
	lost      = meaning{logonclient.SessionLost, SessionLost, Connecting}
	fatal     = meaning{logonclient.Denied, Denied, NeedsYou}
	signIn    = meaning{logonclient.Unauthorized, Unauthorized, NeedsYou}
	protocol  = meaning{logonclient.Unsupported, Gone, Discovering}
	nonsense  = meaning{logonclient.Malformed, Gone, Discovering} // ours, or theirs: nobody here can put it right
	noProxy   = meaning{logonclient.Unreachable, Gone, Discovering}
)

// wantCodes is every error code that a logon can meet ([MS-OXCDATA] 2.4,
// [MS-OXCSTOR] 3.2.5.1.3 and 3.1.5.1, [MS-OXCRPC] 3.1.4.1). "Needs a person",
// "wait" and "ask Autodiscover" are by [MS-OXCSTOR] 3.1.5.1 for ecWrongServer,
// ecUnknownUser, ecLoginFailure and ecMailboxInTransit, by the name for the rest.
var wantCodes = []struct {
	value uint32
	name  string
	meaning
}{
	{0x0000011C, "ecProfileNotConfigured", fatal},
	{0x000003EA, "ecJetError", transient},
	{0x000003EB, "ecUnknownUser", ask},
	{0x000003ED, "ecExiting", transient},
	{0x000003EE, "ecBadConfig", protocol},
	{0x000003EF, "ecUnknownCodePage", nonsense},
	{0x000003F0, "ecServerOOM", transient},
	{0x000003F2, "ecLoginPerm", fatal},
	{0x0000044C, "ecNoFreeJses", transient},
	{0x00000454, "ecDatabaseError", transient},
	{0x00000476, "ecMDBNotInit", transient},
	{0x00000478, "ecWrongServer", redirect},
	{0x00000479, "WrongTenant", ask},
	{0x0000047D, "ecBufferTooSmall", nonsense},
	{0x0000047F, "ecServerPaused", transient},
	{0x00000480, "ecServerBusy", transient},
	{0x00000481, "ecNoSuchLogon", lost},
	{0x0000048B, "ecNotPrivateMDB", nonsense},
	{0x000004B6, "ecRpcFormat", nonsense},
	{0x000004B9, "ecNullObject", lost},
	{0x000004BC, "ecRpcAuthentication", fatal},
	{0x000004BD, "ecRpcBadAuthenticationLevel", protocol},
	{0x000004DE, "ecMaxObjsExceeded", transient},
	{0x000004DF, "ecClientVerDisallowed", protocol},
	{0x000004E0, "ecRpcHttpDisallowed", protocol},
	{0x000004E1, "ecCachedModeRequired", protocol},
	{0x0000050C, "ecMailboxInTransit", moving},
	{0x0000050D, "ecBackupInProgress", transient},
	{0x00000512, "ecRestoreInProgress", transient},
	{0x0000060E, "ecPaused", transient},
	{0x00000648, "ecWrongMailbox", ask},
	{0x0000064D, "ecPwdExpired", fatal},
	{0x0000064F, "ecInvLogonHrs", fatal},
	{0x00000650, "ecAcctDisabled", fatal},
	{0x000006BA, "RPC_S_SERVER_UNAVAILABLE", transient},
	{0x000006BB, "RPC_S_SERVER_TOO_BUSY", transient},
	{0x000006F7, "RPC_X_BAD_STUB_DATA", nonsense},
	{0x000007D8, "ecProtocolDisabled", protocol},
	{0x000007EE, "ecRejected", fatal},
	{0x0000089B, "ecUnknownMailbox", ask},
	{0x0000096C, "ecMailboxDisabled", fatal},
	{0x0000096E, "ecADUnavailable", transient},
	{0x0000096F, "ecADError", transient},
	{0x00000970, "ecNotEncrypted", protocol},
	{0x00000971, "ecADNotFound", ask},
	{0x00000973, "ecRpcServerTooBusy", transient},
	{0x00000977, "ecRpcServerUnavailable", transient},
	{0x0000097D, "ecSubsystemStopping", transient},
	{0x00000A2E, "RpcInvalidHandle", lost},
	{0x00000A31, "LowMdbSpace", transient},
	{0x00000A33, "MailboxQuarantined", transient},
	{0x00000A34, "MountInProgress", transient},
	{0x00000A35, "DismountInProgress", transient},
	{0x00000A4B, "MailboxSoftDeleted", ask},
	{0x00000A4D, "RpcInvalidSession", lost},
	{0x80004005, "ecError", transient},
	{0x80040102, "ecNotSupported", nonsense},
	{0x80040108, "ecInvalidObject", lost},
	{0x8004010B, "ecBusy", transient},
	{0x8004010E, "ecInsufficientResrc", transient},
	{0x8004010F, "ecNotFound", ask},
	{0x80040110, "ecVersion", protocol},
	{0x80040111, "ecLoginFailure", failure},
	{0x80040112, "ecTooManySessions", transient},
	{0x80040115, "ecRpcFailed", transient},
	{0x8004011C, "MAPI_E_UNCONFIGURED", protocol},
	{0x8004011D, "MAPI_E_FAILONEPROVIDER", fatal},
	{0x8004011E, "MAPI_E_UNKNOWN_CPID", nonsense},
	{0x80040121, "MAPI_E_PASSWORD_EXPIRED", fatal},
	{0x80040124, "MAPI_E_ACCOUNT_DISABLED", fatal},
	{0x80040200, "MAPI_E_END_OF_SESSION", lost},
	{0x80040401, "ecTimeout", transient},
	{0x80070005, "ecAccessDenied", fatal},
	{0x8007000E, "ecMAPIOOM", transient},
	{0x80070057, "ecInvalidParam", nonsense},
	// Nobody knows what a second try would do.
	{0x00000BAD, "", nonsense},
	{0xDEADBEEF, "", nonsense},
}

// wantResponseCodes is every X-ResponseCode ([MS-OXCMAPIHTTP] 2.2.3.3.3), with
// what Gromox 3.10 means by the number, as seen in its answers and its source.
// No meaning: Gromox has no such number.
var wantResponseCodes = []struct {
	number int
	name   string
	meaning
	gromox meaning
}{
	{1, "Unknown Failure", transient, nonsense},     // Gromox: invalid verb
	{2, "Invalid Verb", nonsense, lost},             // Gromox: invalid context cookie
	{3, "Invalid Path", ask, nonsense},              // Gromox: missing header
	{4, "Invalid Header", nonsense, fatal},          // Gromox: no privilege
	{5, "Invalid Request Type", nonsense, nonsense}, // Gromox: invalid request body
	{6, "Invalid Context Cookie", lost, lost},       // Gromox: missing cookie
	{7, "Missing Header", nonsense, lost},           // Gromox: invalid sequence
	{8, "Anonymous Not Allowed", signIn, nonsense},  // Gromox: invalid request type
	{9, "Too Large", nonsense, transient},           // Gromox: out of memory
	{10, "Context Not Found", lost, meaning{}},
	{11, "No Privilege", fatal, meaning{}},
	{12, "Invalid Request Body", nonsense, meaning{}},
	{13, "Missing Cookie", lost, meaning{}},
	{14, "", transient, meaning{}}, // reserved: as Unknown Failure
	{15, "Invalid Sequence", lost, meaning{}},
	{16, "Endpoint Disabled", protocol, meaning{}},
	{17, "Invalid Response", transient, meaning{}},
	{18, "Endpoint Shutting Down", transient, meaning{}},
	{19, "", nonsense, meaning{}}, // no number at all
}

// answer is one answer of the server, in the place of the usual one.
type answer struct {
	status int // 0: 200
	header map[string]string
	body   string
}

func (a answer) write(w http.ResponseWriter) {
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(cmp.Or(a.status, http.StatusOK))
	io.WriteString(w, a.body)
}

// mapiAnswer is an answer of MAPI: X-ResponseCode 0 and a stream of everything
// at once.
func mapiAnswer(body []byte) answer { return late("", string(body)) }

// late is an answer with additional headers behind DONE.
func late(header, body string) answer {
	return answer{header: map[string]string{"X-ResponseCode": "0", "Content-Type": "application/mapi-http"}, body: "PROCESSING\r\nDONE\r\n" + header + "\r\n" + body}
}

// connected, executed and returned carry one code each.
func connected(status, code uint32) answer {
	m := mapi.ConnectResponse{StatusCode: mapi.Code(status), ErrorCode: mapi.Code(code)}
	return mapiAnswer(m.Append(nil))
}

func executed(status, code uint32) answer {
	m := mapi.ExecuteResponse{StatusCode: mapi.Code(status), ErrorCode: mapi.Code(code)}
	return mapiAnswer(m.Append(nil))
}

func returned(code uint32) answer {
	handle := mapi.NoHandle
	m := mapi.LogonResponse{LogonFlags: mapi.LogonPrivate, ReturnValue: mapi.Code(code)}
	switch m.ReturnValue {
	case mapi.EcNone:
		handle = 42
		m.FolderIDs[mapi.FolderRoot] = mapi.FolderID{1, 0, 0, 0, 0, 0, 0, 1}
	case mapi.EcWrongServer:
		m.ServerName = "/o=Contoso/cn=Configuration/cn=Servers/cn=ex2"
	}
	e := mapi.ExecuteResponse{RopBuffer: mapi.AppendRopBuffer(nil, m.Append(nil), []uint32{handle})}
	return mapiAnswer(e.Append(nil))
}

// one is a server of one mailbox that says what it is told to, over TLS.
type one struct {
	server *httptest.Server
	client *logonclient.Client

	mu   sync.Mutex
	says map[string]answer // by request type; else the usual one
}

func newOne(t *testing.T) *one {
	o := new(one)
	usual := map[string]answer{"Connect": connected(0, 0), "Execute": returned(0), "Disconnect": mapiAnswer((&mapi.DisconnectResponse{}).Append(nil))}
	o.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		kind := r.Header.Get("X-RequestType")
		if kind == "" { // the first contact
			answer{status: 401, header: map[string]string{"WWW-Authenticate": "Basic"}}.write(w)
			return
		}
		o.mu.Lock()
		a, ok := o.says[kind]
		o.mu.Unlock()
		if !ok {
			a = usual[kind]
		}
		a.write(w)
	}))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"ex1.contoso.test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	o.server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	o.server.StartTLS()
	t.Cleanup(o.server.Close)
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	o.client = &logonclient.Client{Challenges: new(logonclient.Challenges), Network: logonclient.Network{RootCAs: roots,
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr != "ex1.contoso.test:443" {
				return nil, fmt.Errorf("no such host: %s", addr)
			}
			return new(net.Dialer).DialContext(ctx, network, o.server.Listener.Addr().String())
		}}}
	return o
}

// oneLogin is always at hand.
type oneLogin struct{}

func (oneLogin) Login(context.Context, string) (trust.Login, error) {
	return trust.Login{User: "ann", Secret: trust.NewSecret("secret of ann")}, nil
}
func (oneLogin) Refused(string, trust.Login) {}

// meet logs on while the server answers kind with a, and returns what a machine
// makes of it.
func (o *one) meet(t *testing.T, kind string, a answer) (meaning, error) {
	t.Helper()
	o.mu.Lock()
	o.says = map[string]answer{kind: a}
	o.mu.Unlock()
	m := newMachine(New(Config{Resolve: o.client.Resolve}), profile.Profile{ID: "ann", Address: "ann@contoso.test"})
	m.tried = make(map[string]bool)
	place := profile.Endpoint{MAPI: &profile.MAPI{MailStore: "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=1@contoso.test", LegacyDN: "/o=Contoso/cn=Recipients/cn=ann"}}
	if err := m.aim(place, "", trust.FromProfile, ""); err != nil {
		t.Fatal(err)
	}
	m.target.Access.Logins = oneLogin{}
	m.tried[targetKey(m.target.MailStore, m.target.LegacyDN)] = true
	session, err := o.client.Logon(t.Context(), m.target)
	if session != nil {
		session.Close(t.Context())
	}
	got := meaning{outcome: outcome(err)}
	if e, ok := errors.AsType[*logonclient.Error](err); ok {
		got.kind = e.Kind
	}
	if got.outcome == WrongServer {
		got.outcome, _ = m.follow(t.Context(), m.target, err)
	}
	verdict, _ := decide(Connecting, got.outcome, Budget{})
	got.next = verdict.Next
	return got, err
}

func TestEveryCodeLeadsWhereItShould(t *testing.T) {
	o := newOne(t)
	rows := map[uint32]bool{0: true}
	for _, row := range wantCodes {
		if name := mapi.Code(row.value).Name(); name != row.name || rows[row.value] {
			t.Errorf("0x%08X is called %q, want %q; twice: %v", row.value, name, row.name, rows[row.value])
		}
		rows[row.value] = true
		withoutName := row.meaning
		if withoutName == redirect { // only the answer to RopLogon has room for a name
			withoutName = nowhere
		}
		for _, place := range []struct {
			name, kind string
			answer     answer
			want       meaning
		}{
			{"StatusCode of Connect", "Connect", connected(row.value, 0), withoutName},
			{"ErrorCode of Connect", "Connect", connected(0, row.value), withoutName},
			{"StatusCode of Execute", "Execute", executed(row.value, 0), withoutName},
			{"ErrorCode of Execute", "Execute", executed(0, row.value), withoutName},
			{"ReturnValue of RopLogon", "Execute", returned(row.value), row.meaning},
		} {
			got, err := o.meet(t, place.kind, place.answer)
			if got != place.want {
				t.Errorf("0x%08X %s as %s: %s, %s, %s; want %s, %s, %s (%v)", row.value, row.name, place.name,
					got.kind, got.outcome, got.next, place.want.kind, place.want.outcome, place.want.next, err)
			}
			if e, ok := errors.AsType[*logonclient.Error](err); !ok || e.Code != row.value {
				t.Errorf("0x%08X as %s: %v", row.value, place.name, err)
			}
		}
	}
	for _, c := range mapi.Codes() {
		if !rows[uint32(c)] {
			t.Errorf("%v has no row", c)
		}
	}
	// The twin of all: ecNone everywhere.
	if got, err := o.meet(t, "", answer{}); err != nil || got.outcome != LoggedOn || got.next != Online {
		t.Errorf("without any code: %s, %s, %v", got.outcome, got.next, err)
	}
}

func TestEveryResponseCodeLeadsWhereItShould(t *testing.T) {
	o := newOne(t)
	const gromox = "<html><head><title>MAPI OVER HTTP ERROR</title></head><body><p>Sorry.</p></body></html>"
	seen := map[int]bool{}
	for _, row := range wantResponseCodes {
		seen[row.number] = true
		name := fmt.Sprintf("%s (%d)", row.name, row.number)
		if row.name == "" {
			name = fmt.Sprintf("X-ResponseCode %d", row.number)
		}
		if got := mapi.ResponseCode(row.number).String(); got != name {
			t.Errorf("%d is called %q, want %q", row.number, got, name)
		}
		head := answer{header: map[string]string{"X-ResponseCode": fmt.Sprint(row.number), "Content-Type": "text/html"}}
		behind := late(fmt.Sprintf("X-ResponseCode: %d\r\n", row.number), "")
		says := head
		says.body = gromox
		for _, place := range []struct {
			name, kind string
			answer     answer
			want       meaning
		}{
			{"in the head, at Connect", "Connect", head, row.meaning},
			{"in the head, at Execute", "Execute", head, row.meaning},
			{"behind DONE, at Connect", "Connect", behind, row.meaning},
			{"behind DONE, at Execute", "Execute", behind, row.meaning},
			{"of Gromox, at Connect", "Connect", says, row.gromox},
			{"of Gromox, at Execute", "Execute", says, row.gromox},
		} {
			if place.want == (meaning{}) {
				continue
			}
			got, err := o.meet(t, place.kind, place.answer)
			if e, ok := errors.AsType[*logonclient.Error](err); got != place.want || !ok || e.ResponseCode != row.number {
				t.Errorf("%d %s %s: %s, %s, %s; want %s, %s, %s (%v)", row.number, row.name, place.name,
					got.kind, got.outcome, got.next, place.want.kind, place.want.outcome, place.want.next, err)
			}
		}
	}
	for n := 1; n <= int(mapi.ResponseEndpointShuttingDown); n++ {
		if !seen[n] {
			t.Errorf("X-ResponseCode %d has no row", n)
		}
	}
}

// What the layers in front of a mailbox server have been seen to say.
func TestEveryStatusLeadsWhereItShould(t *testing.T) {
	o := newOne(t)
	to := func(url string) map[string]string { return map[string]string{"Location": url} }
	const there, login = "https://ex2.contoso.test/mapi/emsmdb/?MailboxId=1@contoso.test", "https://ex1.contoso.test/owa/auth/logon.aspx"
	redirected := meaning{logonclient.Redirected, WrongServer, Connecting}
	loginPage := meaning{logonclient.Redirected, Gone, Discovering}
	for _, row := range []struct {
		name    string
		answer  answer
		connect meaning
		execute meaning // where it differs; zero: as connect
	}{
		{"200 with a login page", answer{header: map[string]string{"Content-Type": "text/html"}, body: "<title>Sign in</title>"}, nonsense, meaning{}},
		{"200 with ProtocolDisabled", answer{body: "ProtocolDisabled"}, protocol, meaning{}},
		{"200 without a body where one is due", late("", ""), transient, meaning{}},
		{"301 to another mailbox server", answer{status: 301, header: to(there)}, redirected, meaning{}},
		{"302 to another mailbox server", answer{status: 302, header: to(there)}, redirected, meaning{}},
		{"303 to another mailbox server", answer{status: 303, header: to(there)}, redirected, meaning{}},
		{"307 to another mailbox server", answer{status: 307, header: to(there)}, redirected, meaning{}},
		{"308 to another mailbox server", answer{status: 308, header: to(there)}, redirected, meaning{}},
		{"302 to a login page", answer{status: 302, header: to(login)}, loginPage, meaning{}},
		{"302 to nowhere", answer{status: 302}, nonsense, meaning{}},
		{"400 without a body: the MailboxId", answer{status: 400}, ask, meaning{}},
		{"400 with a page: the request", answer{status: 400, body: "<p>Request Too Long</p>"}, nonsense, meaning{}},
		{"401", answer{status: 401, header: map[string]string{"WWW-Authenticate": "Basic"}}, signIn, meaning{}},
		{"403", answer{status: 403}, fatal, meaning{}},
		{"404: no MAPI", answer{status: 404}, protocol, meaning{}},
		{"405", answer{status: 405}, protocol, meaning{}},
		{"407: of a proxy", answer{status: 407}, noProxy, meaning{}},
		{"408", answer{status: 408}, transient, meaning{}},
		{"411", answer{status: 411}, nonsense, meaning{}},
		{"413", answer{status: 413}, nonsense, meaning{}},
		{"429", answer{status: 429}, transient, meaning{}},
		{"440: the forms of a gateway", answer{status: 440}, signIn, lost},
		{"456: another factor", answer{status: 456}, signIn, meaning{}},
		{"500", answer{status: 500}, transient, meaning{}},
		{"502", answer{status: 502}, transient, meaning{}},
		{"503", answer{status: 503}, transient, meaning{}},
		{"504", answer{status: 504}, transient, meaning{}},
	} {
		if row.execute == (meaning{}) {
			row.execute = row.connect
		}
		for kind, want := range map[string]meaning{"Connect": row.connect, "Execute": row.execute} {
			if got, err := o.meet(t, kind, row.answer); got != want {
				t.Errorf("%s at %s: %s, %s, %s; want %s, %s, %s (%v)", row.name, kind, got.kind, got.outcome, got.next, want.kind, want.outcome, want.next, err)
			}
		}
	}
}
