package mockserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/google/go-cmp/cmp"
)

// directories is a world in which a directory holds a URL of each rank and a
// pointer to another one, and a third one refers to the first.
const directories = good + `
[[directory]]
host = "dc1.contoso.test"
[[directory]]
host = "dc2.fabrikam.test"
anonymous = true
[[directory]]
host = "dc3.corp.contoso.test"
refers = "dc1.contoso.test"
[[scp]]
directory = "dc1.contoso.test"
url = "https://autodiscover.contoso.test/autodiscover/autodiscover.xml"
site = "HQ"
keywords = ["Site=Branch"]
[[scp]]
directory = "dc1.contoso.test"
url = "no url at all"
site = " elsewhere "
[[scp]]
directory = "dc1.contoso.test"
pointer = "dc2.fabrikam.test"
domain = "fabrikam.test"
[[scp]]
directory = "dc2.fabrikam.test"
pointer = "ldap://dc1.contoso.test:389"
`

const (
	configuration = "CN=Configuration,DC=contoso,DC=test"
	annDN         = "CN=ann,CN=Users,DC=contoso,DC=test"
)

func TestADirectorySaysWhereItsConfigurationIs(t *testing.T) {
	s := Start(t, directories)
	for host, want := range map[string]string{
		"dc1.contoso.test":      configuration,
		"dc3.corp.contoso.test": "CN=Configuration,DC=corp,DC=contoso,DC=test",
	} {
		// Nobody has to bind for that, not even with TLS.
		result, entries, _ := dialLDAP(t, s, host, "389").search("", 0, 0, present("objectClass"), "configurationNamingContext")
		if result != 0 || len(entries) != 1 || entries[0] != want {
			t.Errorf("%s: %d %q, want %s", host, result, entries, want)
		}
	}
}

func TestServiceConnectionPointsAreFound(t *testing.T) {
	all := []string{
		"77378F46-2C66-4aa9-A6A6-3E7A48B19596; Site=HQ; Site=Branch; https://autodiscover.contoso.test/autodiscover/autodiscover.xml",
		"77378F46-2C66-4aa9-A6A6-3E7A48B19596; Site= elsewhere ; no url at all",
		"67661d7F-8FC4-4fa7-BFAC-E1D7794C1F68; Domain=fabrikam.test; LDAP://dc2.fabrikam.test",
	}
	urls := all[:2]
	tests := []struct {
		name   string
		base   string
		scope  int64
		limit  int64
		filter *ber.Packet
		result int64
		want   []string
	}{
		{"by the class", configuration, 2, 0, scpFilter("objectClass"), 0, all},
		{"by the category", configuration, 2, 0, scpFilter("objectCategory"), 0, all},
		{"by another class", configuration, 2, 0, equality("objectClass", "user"), 0, nil},
		{"by the name of the service", configuration, 2, 0, equality("serviceClassName", "ms-Exchange-AutoDiscover-Service"), 0, all},
		{"by a site", configuration, 2, 0, equality("keywords", "site=hq"), 0, all[:1]},
		{"all but the pointers", configuration, 2, 0, combine(2, equality("keywords", scpPointer)), 0, urls},
		{"below the services", "cn=services, cn=configuration, dc=contoso, dc=test", 2, 0, scpFilter("objectClass"), 0, all},
		{"pointers where they are", "CN=Microsoft Exchange Autodiscover,CN=Services," + configuration, 1, 0, scpFilter("objectClass"), 0, all[2:]},
		{"one level is not deep enough", configuration, 1, 0, scpFilter("objectClass"), 0, nil},
		{"the base is no service connection point", configuration, 0, 0, scpFilter("objectClass"), 0, nil},
		{"one by its name", "CN=scp3,CN=Microsoft Exchange Autodiscover,CN=Services," + configuration, 0, 0, present("keywords"), 0, all[2:]},
		{"fewer than there are", configuration, 2, 2, scpFilter("objectClass"), 4, urls},
		{"as many as there are", configuration, 2, 3, scpFilter("objectClass"), 0, all},
		{"in a domain of somebody else", "CN=Configuration,DC=tailspin,DC=test", 2, 0, scpFilter("objectClass"), 32, nil},
		{"by a filter that nobody understands", configuration, 2, 0, ber.Encode(ber.ClassContext, ber.TypeConstructed, 9, nil, ""), 0, nil},
	}
	s := Start(t, directories)
	l := dialLDAP(t, s, "dc1.contoso.test", "636")
	if got := l.bind("ann@contoso.test", DefaultPassword); got != 0 {
		t.Fatalf("bind: %d", got)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result, entries, _ := l.search(tt.base, tt.scope, tt.limit, tt.filter, "keywords", "serviceBindingInformation")
			if result != tt.result || !slices.Equal(entries, tt.want) {
				t.Errorf("%d %q\nwant %d %q", result, entries, tt.result, tt.want)
			}
		})
	}
	if _, entries, _ := l.search(configuration, 2, 1, scpFilter("objectClass")); !strings.Contains(entries[0], "connectionPoint") {
		t.Errorf("without a list all attributes come: %q", entries)
	}
	if _, entries, _ := l.search(configuration, 2, 1, scpFilter("objectClass"), "1.1"); entries[0] != "" {
		t.Errorf("with 1.1 none comes: %q", entries)
	}
}

func TestTheScriptChangesWhatADirectoryHolds(t *testing.T) {
	s := Start(t, directories)
	l := dialLDAP(t, s, "dc2.fabrikam.test", "389")
	holds := func() []string {
		_, entries, _ := l.search("CN=Configuration,DC=fabrikam,DC=test", 2, 0, scpFilter("objectClass"), "keywords", "serviceBindingInformation")
		return entries
	}
	if got := holds(); !slices.Equal(got, []string{scpPointer + "; ldap://dc1.contoso.test:389"}) {
		t.Errorf("at first: %q", got)
	}
	do(t, s, "scp dc2.fabrikam.test none")
	if got := holds(); got != nil {
		t.Errorf("after none: %q", got)
	}
	do(t, s, "scp dc2.fabrikam.test https://x.test/ site=HQ", "scp dc2.fabrikam.test LDAP://dc1.contoso.test domain=brand.test")
	if got := holds(); !slices.Equal(got, []string{scpURL + "; Site=HQ; https://x.test/", scpPointer + "; Domain=brand.test; LDAP://dc1.contoso.test"}) {
		t.Errorf("at last: %q", got)
	}
}

func TestWhoMayBind(t *testing.T) {
	const right, wrong = DefaultPassword, "wrong"
	tests := []struct {
		name, script, user, password string
		bind, search                 int64
	}{
		{"a name", "", "ann@contoso.test", right, 0, 0},
		{"a name with its domain", "", `CONTOSO\ann`, right, 0, 0},
		{"a DN", "", annDN, right, 0, 0},
		{"a wrong password", "", "ann@contoso.test", wrong, 49, 1},
		{"a name of nobody", "", "zoe@contoso.test", right, 49, 1},
		{"a name of another forest", "", "ann@fabrikam.test", right, 49, 1},
		{"an account that is shut", "disable ann contoso.test", "ann@contoso.test", right, 49, 1},
		{"a name without a password is nobody", "", "ann@contoso.test", "", 0, 1},
		{"nobody", "", "", "", 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, directories)
			do(t, s, tt.script)
			l := dialLDAP(t, s, "dc1.contoso.test", "636")
			if got := l.bind(tt.user, tt.password); got != tt.bind {
				t.Errorf("bind: %d, want %d", got, tt.bind)
			}
			if got, _, _ := l.search(configuration, 2, 0, scpFilter("objectClass")); got != tt.search {
				t.Errorf("search: %d, want %d", got, tt.search)
			}
		})
	}
	t.Run("a second bind that fails ends the first", func(t *testing.T) {
		l := dialLDAP(t, Start(t, directories), "dc1.contoso.test", "636")
		l.bind("ann@contoso.test", right)
		l.bind("ann@contoso.test", wrong)
		if got, _, _ := l.search(configuration, 2, 0, scpFilter("objectClass")); got != 1 {
			t.Errorf("search: %d, want 1", got)
		}
	})
	t.Run("a directory for everybody", func(t *testing.T) {
		if got, _, _ := dialLDAP(t, Start(t, directories), "dc2.fabrikam.test", "389").search("CN=Configuration,DC=fabrikam,DC=test", 2, 0, scpFilter("objectClass")); got != 0 {
			t.Errorf("search: %d, want 0", got)
		}
	})
	t.Run("a mechanism", func(t *testing.T) {
		op := bindRequest("", "")
		sasl := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "")
		sasl.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "GSSAPI", ""))
		op.Children[2] = sasl
		op.Data = new(bytes.Buffer)
		for _, c := range op.Children {
			op.Data.Write(c.Bytes())
		}
		s := Start(t, directories)
		if got := code(dialLDAP(t, s, "dc1.contoso.test", "636").ask(op, 1)); got != 7 {
			t.Errorf("bind: %d, want 7", got)
		}
		if r := s.Requests()[0]; r.Scheme != "gssapi" || r.Signed {
			t.Errorf("%+v", r)
		}
	})
}

func TestAPasswordInClearIsRefusedAndRecorded(t *testing.T) {
	tests := []struct {
		name, port string
		startTLS   bool
		bind       int64
		want       Witness
	}{
		{"in clear", "389", false, 8, Witness{Requests: 1, Signed: 1, Exposed: 1}},
		{"behind StartTLS", "389", true, 0, Witness{Requests: 2, Signed: 1}},
		{"with LDAPS", "636", false, 0, Witness{Requests: 1, Signed: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, directories)
			l := dialLDAP(t, s, "dc1.contoso.test", tt.port)
			if tt.startTLS {
				if got := l.startTLS(); got != 0 {
					t.Fatalf("StartTLS: %d", got)
				}
				l.secure(s, "dc1.contoso.test")
			}
			if got := l.bind("ann@contoso.test", DefaultPassword); got != tt.bind {
				t.Errorf("bind: %d, want %d", got, tt.bind)
			}
			if got, err := s.Witness("dc1.contoso.test"); got != tt.want || err != nil {
				t.Errorf("%+v, %v; want %+v", got, err, tt.want)
			}
			list := s.Requests()
			last := list[len(list)-1]
			want := Request{
				Seq: last.Seq, Time: last.Time, Conn: 1, Host: "dc1.contoso.test", Method: "BIND", Signed: true, Scheme: "simple", User: "ann@contoso.test",
				Clear: tt.bind == 8, Code: uint32(tt.bind), Said: map[int64]string{0: "bound", 8: "a password without TLS"}[tt.bind],
			}
			if diff := cmp.Diff(want, last); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStartTLSIsForOneTime(t *testing.T) {
	s := Start(t, directories)
	if got := dialLDAP(t, s, "dc1.contoso.test", "636").startTLS(); got != 1 {
		t.Errorf("inside of TLS: %d, want 1", got)
	}
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 23, nil, "")
	op.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, "1.2.3", ""))
	if got := code(dialLDAP(t, s, "dc1.contoso.test", "389").ask(op, 24)); got != 2 {
		t.Errorf("another extension: %d, want 2", got)
	}
}

func TestADirectoryRefersToAnother(t *testing.T) {
	const there = "ldap://dc1.contoso.test/CN=Configuration,DC=contoso,DC=test"
	tests := []struct {
		name, script string
		result       int64
		entries      int
	}{
		{"which is all that it says", "", 10, 0},
		{"behind what it holds itself", "scp dc3.corp.contoso.test https://x.test/", 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, directories)
			do(t, s, tt.script)
			l := dialLDAP(t, s, "dc3.corp.contoso.test", "636")
			l.bind("ann@contoso.test", DefaultPassword)
			result, entries, referrals := l.search("CN=Configuration,DC=corp,DC=contoso,DC=test", 2, 0, scpFilter("objectClass"))
			if result != tt.result || len(entries) != tt.entries || !slices.Equal(referrals, []string{there}) {
				t.Errorf("%d, %d entries, %q", result, len(entries), referrals)
			}
		})
	}
}

func TestACriticalControlIsRefused(t *testing.T) {
	for critical, want := range map[bool]int64{true: 12, false: 0} {
		control := ber.NewSequence("")
		control.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "1.2.840.113556.1.4.319", ""))
		control.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, critical, ""))
		l := dialLDAP(t, Start(t, directories), "dc1.contoso.test", "389")
		if got := code(l.ask(searchRequest("", 0, 0, present("objectClass")), 5, control)); got != want {
			t.Errorf("critical %v: %d, want %d", critical, got, want)
		}
	}
}

func TestWhereADirectoryCanBeReached(t *testing.T) {
	tests := []struct {
		name, script, addr, want string
	}{
		{"LDAP", "", "dc1.contoso.test:389", "ok"},
		{"LDAPS", "", "dc1.contoso.test:636", "ok"},
		{"no web", "", "dc1.contoso.test:443", "refused"},
		{"no directory at another host", "", "ex1.contoso.test:389", "refused"},
		{"switched off", "off dc1.contoso.test", "dc1.contoso.test:636", "refused"},
		{"vanished", "vanish dc1.contoso.test", "dc1.contoso.test:636", "no such host"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, directories)
			do(t, s, tt.script)
			if got := reaches(t, s, tt.addr); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// reaches tells what becomes of a connection within a second.
func reaches(t *testing.T, s *Server, addr string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	c, err := s.Dial(ctx, "tcp", addr)
	var dns *net.DNSError
	switch {
	case err == nil:
		c.Close()
		return "ok"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, context.DeadlineExceeded):
		return "nothing"
	}
	return err.Error()
}

func TestTheCertificateOfADirectoryIsThatOfItsHost(t *testing.T) {
	for kind, want := range map[string]bool{"valid": true, "expired": false, "wrong-name": false, "unknown-issuer": false} {
		s := Start(t, strings.Replace(directories, `host = "dc1.contoso.test"`, `host = "dc1.contoso.test"`+"\ncertificate = \""+kind+`"`, 1))
		c, err := s.Dial(t.Context(), "tcp", "dc1.contoso.test:636")
		if err != nil {
			t.Fatal(err)
		}
		err = tls.Client(c, &tls.Config{RootCAs: s.RootCAs(), ServerName: "dc1.contoso.test"}).HandshakeContext(t.Context())
		if c.Close(); (err == nil) != want {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestListenLDAPServesBothFormsAtOnePort(t *testing.T) {
	s := Start(t, directories)
	if s.LDAPAddr("dc1.contoso.test") != "" {
		t.Error("an address before ListenLDAP")
	}
	if err := s.ListenLDAP("dc1.contoso.test", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	at := s.LDAPAddr("dc1.contoso.test")
	if diff := cmp.Diff([]string{"dc1.contoso.test:389:" + at, "dc1.contoso.test:636:" + at}, s.ConnectTo()); diff != "" {
		t.Errorf("ConnectTo, of a directory that listens beside two that do not (-want +have):\n%s", diff)
	}
	for host, addr := range map[string]string{"dc1.contoso.test": "127.0.0.1:0", "ex1.contoso.test": "127.0.0.1:0", "dc2.fabrikam.test": "0.0.0.0:0"} {
		if err := s.ListenLDAP(host, addr); err == nil {
			t.Errorf("%s at %s was accepted", host, addr)
		}
	}
	for _, secure := range []bool{true, false} {
		c, err := net.Dial("tcp", s.LDAPAddr("dc1.contoso.test"))
		if err != nil {
			t.Fatal(err)
		}
		l := &ldapClient{t: t, conn: c}
		if secure {
			l.secure(s, "dc1.contoso.test")
		}
		if got, want := l.bind("ann@contoso.test", DefaultPassword) == 0, secure; got != want {
			t.Errorf("TLS %v: bound %v", secure, got)
		}
		do(t, s, "off dc1.contoso.test")
		if n, err := l.conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("switched off it said %d bytes more", n)
		}
		do(t, s, "on dc1.contoso.test")
		c.Close()
	}
}

func TestAMessageThatIsNoneEndsTheConnection(t *testing.T) {
	tests := []struct {
		name string
		sent []byte
	}{
		{"a request of HTTP", []byte("GET / HTTP/1.1\r\n\r\n")},
		{"a length of 4 GiB", []byte{0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF}},
		{"a length over the limit", []byte{0x30, 0x83, 0x01, 0x00, 0x01}},
		{"a length without an end", []byte{0x30, 0x80, 0x02, 0x01, 0x01, 0x00, 0x00}},
		{"an empty message", []byte{0x30, 0x00}},
		{"an operation that is none", []byte{0x30, 0x05, 0x02, 0x01, 0x01, 0x04, 0x00}},
		{"an unbind", []byte{0x30, 0x05, 0x02, 0x01, 0x01, 0x42, 0x00}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, directories)
			c, err := s.Dial(t.Context(), "tcp", "dc1.contoso.test:389")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(10 * time.Second))
			c.Write(tt.sent)
			if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
				t.Errorf("%x, %v", b, err)
			}
		})
	}
}

func TestAnIdleConnectionToADirectoryEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, directories)
		c, err := s.Dial(t.Context(), "tcp", "dc1.contoso.test:389")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := c.Read(make([]byte, 1)); err != io.EOF || time.Since(start) != 15*time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// FuzzLDAP: no bytes panic, and what comes back are messages of LDAP.
func FuzzLDAP(f *testing.F) {
	message := func(op *ber.Packet) []byte {
		m := ber.NewSequence("")
		m.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, int64(1), ""))
		m.AppendChild(op)
		return m.Bytes()
	}
	f.Add(message(bindRequest("ann@contoso.test", "x")))
	f.Add(message(searchRequest("", 0, 0, present("objectClass"))))
	f.Add(message(searchRequest("CN=Configuration,DC=fabrikam,DC=test", 2, 1, scpFilter("objectClass"), "keywords")))
	f.Add([]byte{0x30, 0x05, 0x02, 0x01, 0x01, 0x42, 0x00})
	w, err := ReadWorld(strings.NewReader(directories))
	if err != nil {
		f.Fatal(err)
	}
	s, err := New(w)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	f.Fuzz(func(t *testing.T, sent []byte) {
		var got bytes.Buffer
		l := &ldapConn{s: s, at: s.dir.sites["dc2.fabrikam.test"], secure: true, net: &saidBefore{in: bytes.NewReader(sent), out: &got}}
		for l.serveOne() == nil {
		}
		for got.Len() > 0 {
			if p, err := ber.ReadPacket(&got); err != nil || len(p.Children) != 2 {
				t.Fatalf("%x: %v", sent, fmt.Sprint(err))
			}
		}
	})
}

// saidBefore is a connection over which all has been said beforehand.
type saidBefore struct {
	net.Conn
	in  io.Reader
	out io.Writer
}

func (c *saidBefore) Read(b []byte) (int, error)  { return c.in.Read(b) }
func (c *saidBefore) Write(b []byte) (int, error) { return c.out.Write(b) }
func (c *saidBefore) SetDeadline(time.Time) error { return nil }
func (c *saidBefore) Close() error                { return nil }
