package mockserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"
)

// announced is a world that announces Autodiscover by every record of the DNS.
const announced = good + `
[[srv]]
domain = "contoso.test"
target = "mail.contoso.test."
priority = 10
weight = 5
[[srv]]
domain = "contoso.test"
target = "ex1.contoso.test"
port = 8443
[[srv]]
domain = "tailspin.test"
target = "."
[[cname]]
name = "autodiscover.brand.test"
target = "autodiscover.contoso.test"
[[cname]]
name = "www.brand.test"
target = "autodiscover.brand.test"
[[directory]]
host = "dc1.contoso.test"
`

// overTheWire is a resolver of the system that asks the DNS of the world.
func overTheWire(t *testing.T, s *Server) *net.Resolver {
	t.Helper()
	if err := s.ListenDNS("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.DNSAddr())
	}}
}

// dnsSaid puts an answer into a line.
func dnsSaid(records []*net.SRV, err error) string {
	var e *net.DNSError
	switch {
	case errors.As(err, &e) && e.IsNotFound:
		return "not found"
	case errors.As(err, &e) && e.IsTimeout:
		return "timeout"
	case err != nil:
		return "fails"
	}
	var list []string
	for _, r := range records {
		list = append(list, fmt.Sprintf("%s:%d %d %d", r.Target, r.Port, r.Priority, r.Weight))
	}
	return strings.Join(list, ", ")
}

func TestSRVRecordsAreFoundInMemoryAndOverTheWire(t *testing.T) {
	tests := []struct {
		name, script, service, domain, want string
		sorted                              string // by RFC 2782, as a resolver of the system has them; "": as want
	}{
		{"in the order of the world", "", "autodiscover", "contoso.test", "mail.contoso.test.:443 10 5, ex1.contoso.test.:8443 0 0", "ex1.contoso.test.:8443 0 0, mail.contoso.test.:443 10 5"},
		{"with the name in capitals and a dot", "", "autodiscover", "CONTOSO.test.", "mail.contoso.test.:443 10 5, ex1.contoso.test.:8443 0 0", "ex1.contoso.test.:8443 0 0, mail.contoso.test.:443 10 5"},
		{"a service that is not offered", "", "autodiscover", "tailspin.test", ".:443 0 0", ""},
		{"a domain without any", "", "autodiscover", "fabrikam.test", "not found", ""},
		{"a domain that nobody has", "", "autodiscover", "nobody.test", "not found", ""},
		{"one more by script", "srv fabrikam.test mx1.fabrikam.test 80 7 9", "autodiscover", "fabrikam.test", "mx1.fabrikam.test.:80 7 9", ""},
		{"none by script", "srv contoso.test none", "autodiscover", "contoso.test", "not found", ""},
		{"a directory of the domain", "", "ldap", "dc._msdcs.contoso.test", "dc1.contoso.test.:389 0 100", ""},
		{"a name without such records", "", "autodiscover", "brand.test", "not found", ""},
		{"a server that fails", "resolver _autodiscover._tcp.contoso.test servfail", "autodiscover", "contoso.test", "fails", ""},
		{"a server that fails for everybody", "resolver all servfail", "autodiscover", "contoso.test", "fails", ""},
		{"a server that fails for another", "resolver contoso.test servfail", "autodiscover", "tailspin.test", ".:443 0 0", ""},
		{"a name that is denied", "resolver _autodiscover._tcp.contoso.test nxdomain", "autodiscover", "contoso.test", "not found", ""},
		{"an answer without records", "resolver _autodiscover._tcp.contoso.test empty", "autodiscover", "contoso.test", "not found", ""},
		{"a server that is well again", "resolver all servfail\nresolver all normal", "autodiscover", "tailspin.test", ".:443 0 0", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, announced)
			do(t, s, lines(tt.script)...)
			if got := dnsSaid(s.LookupSRV(t.Context(), tt.service, "tcp", tt.domain)); got != tt.want {
				t.Errorf("in memory: %s\nwant %s", got, tt.want)
			}
			want := tt.want
			if tt.sorted != "" {
				want = tt.sorted
			}
			_, records, err := overTheWire(t, s).LookupSRV(t.Context(), tt.service, "tcp", tt.domain)
			if got := dnsSaid(records, err); got != want {
				t.Errorf("over the wire: %s\nwant %s", got, want)
			}
		})
	}
}

func TestLookupSRVTakesAWholeName(t *testing.T) {
	s := Start(t, announced)
	if got := dnsSaid(s.LookupSRV(t.Context(), "", "", "_autodiscover._tcp.tailspin.test")); got != ".:443 0 0" {
		t.Error(got)
	}
}

func TestASilentDNSTakesAsLongAsTheClientWaits(t *testing.T) {
	for script, want := range map[string]time.Duration{"resolver all silent": 3 * time.Second, "resolver all silent\nresolver all normal": 0} {
		synctest.Test(t, func(t *testing.T) {
			s := Start(t, announced)
			do(t, s, lines(script)...)
			for what, look := range map[string]func(context.Context) error{
				"LookupSRV": func(ctx context.Context) error {
					_, err := s.LookupSRV(ctx, "autodiscover", "tcp", "contoso.test")
					return err
				},
				"Dial": func(ctx context.Context) error {
					c, err := s.Dial(ctx, "tcp", "ex1.contoso.test:443")
					if err == nil {
						c.Close()
					}
					return err
				},
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				start := time.Now()
				err := look(ctx)
				cancel()
				if got := time.Since(start); got != want || (want > 0) != errors.Is(err, context.DeadlineExceeded) || want > 0 && dnsSaid(nil, err) != "timeout" {
					t.Errorf("%s after %q: %v after %v, want %v", what, script, err, got, want)
				}
			}
		})
	}
}

func TestASilentDNSSaysNothingOverTheWire(t *testing.T) {
	for script, want := range map[string]bool{"resolver ex1.contoso.test silent": false, "": true} {
		s := Start(t, announced)
		do(t, s, script)
		if got := s.answerDNS(query(t, "ex1.contoso.test.", dnsmessage.TypeA, 0), true) != nil; got != want {
			t.Errorf("%q: answered %v, want %v", script, got, want)
		}
	}
}

// query is a question as it is sent; size is that of EDNS, 0: without it.
func query(t testing.TB, name string, qtype dnsmessage.Type, size uint16) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 0xBEEF, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: qtype, Class: dnsmessage.ClassINET}},
	}
	if size > 0 {
		m.Additionals = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("."), Class: dnsmessage.Class(size)}, Body: &dnsmessage.OPTResource{}}}
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheDNSAnswers(t *testing.T) {
	tests := []struct {
		name, script, qname string
		qtype               dnsmessage.Type
		listen              string
		want                string
	}{
		{"the address of a host", "", "ex1.contoso.test.", dnsmessage.TypeA, "", "RCodeSuccess: ex1.contoso.test. 127.0.0.1"},
		{"in any case", "", "EX1.contoso.TEST.", dnsmessage.TypeA, "", "RCodeSuccess: EX1.contoso.TEST. 127.0.0.1"},
		{"a host without an address of IPv6", "", "ex1.contoso.test.", dnsmessage.TypeAAAA, "", "RCodeSuccess:"},
		{"the address of another listener", "", "ex1.contoso.test.", dnsmessage.TypeA, "127.0.0.2", "RCodeSuccess: ex1.contoso.test. 127.0.0.2"},
		{"the address of a listener of IPv6", "", "ex1.contoso.test.", dnsmessage.TypeAAAA, "::1", "RCodeSuccess: ex1.contoso.test. ::1"},
		{"a host without an address of IPv4", "", "ex1.contoso.test.", dnsmessage.TypeA, "::1", "RCodeSuccess:"},
		{"a chain of aliases", "", "www.brand.test.", dnsmessage.TypeA, "", "RCodeSuccess: www.brand.test. → autodiscover.brand.test., autodiscover.brand.test. → autodiscover.contoso.test., autodiscover.contoso.test. 127.0.0.1"},
		{"an alias", "", "www.brand.test.", dnsmessage.TypeCNAME, "", "RCodeSuccess: www.brand.test. → autodiscover.brand.test."},
		{"an alias whose target has vanished", "vanish autodiscover.contoso.test", "autodiscover.brand.test.", dnsmessage.TypeA, "", "RCodeNameError: autodiscover.brand.test. → autodiscover.contoso.test."},
		{"an alias that is gone", "cname www.brand.test none", "www.brand.test.", dnsmessage.TypeA, "", "RCodeNameError:"},
		{"a name that is not there", "", "ex9.contoso.test.", dnsmessage.TypeA, "", "RCodeNameError:"},
		{"a name with others below it", "", "contoso.test.", dnsmessage.TypeA, "", "RCodeSuccess:"},
		{"the parent of a service", "", "_tcp.tailspin.test.", dnsmessage.TypeSRV, "", "RCodeSuccess:"},
		{"a host that has vanished", "vanish ex1", "ex1.contoso.test.", dnsmessage.TypeA, "", "RCodeNameError:"},
		{"a host that is off", "off ex1", "ex1.contoso.test.", dnsmessage.TypeA, "", "RCodeSuccess: ex1.contoso.test. 127.0.0.1"},
		{"a type that nothing has", "", "ex1.contoso.test.", dnsmessage.TypeTXT, "", "RCodeSuccess:"},
		{"a failure", "resolver ex1.contoso.test servfail", "ex1.contoso.test.", dnsmessage.TypeA, "", "RCodeServerFailure:"},
		{"a denial", "resolver ex1.contoso.test nxdomain", "ex1.contoso.test.", dnsmessage.TypeA, "", "RCodeNameError:"},
		{"an empty answer", "resolver ex1.contoso.test empty", "ex1.contoso.test.", dnsmessage.TypeA, "", "RCodeSuccess:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, announced)
			do(t, s, lines(tt.script)...)
			if tt.listen != "" {
				s.listener = listensAt{ip: net.ParseIP(tt.listen)}
			}
			m := unpack(t, s.answerDNS(query(t, tt.qname, tt.qtype, 0), true))
			if m.ID != 0xBEEF || !m.Response || !m.RecursionDesired || len(m.Questions) != 1 || m.Questions[0].Name.String() != tt.qname {
				t.Errorf("head %+v, questions %v", m.Header, m.Questions)
			}
			var list []string
			for _, r := range m.Answers {
				owner := r.Header.Name.String()
				switch b := r.Body.(type) {
				case *dnsmessage.CNAMEResource:
					list = append(list, owner+" → "+b.CNAME.String())
				case *dnsmessage.AResource:
					list = append(list, owner+" "+net.IP(b.A[:]).String())
				case *dnsmessage.AAAAResource:
					list = append(list, owner+" "+net.IP(b.AAAA[:]).String())
				}
			}
			if got := strings.TrimSpace(m.RCode.String() + ": " + strings.Join(list, ", ")); got != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
		})
	}
}

// listensAt is a listener at an address that this machine need not have.
type listensAt struct {
	net.Listener
	ip net.IP
}

func (l listensAt) Addr() net.Addr { return &net.TCPAddr{IP: l.ip, Port: 443} }

func unpack(t testing.TB, answer []byte) (m dnsmessage.Message) {
	t.Helper()
	if err := m.Unpack(answer); err != nil {
		t.Fatalf("%x: %v", answer, err)
	}
	return m
}

func TestAnAnswerThatIsTooLongForUDPComesByTCP(t *testing.T) {
	s := Start(t, good)
	for i := range 200 {
		if err := s.AddSRV(SRV{Domain: "contoso.test", Target: fmt.Sprintf("mail%d.contoso.test", i)}); err != nil {
			t.Fatal(err)
		}
	}
	_, records, err := overTheWire(t, s).LookupSRV(t.Context(), "autodiscover", "tcp", "contoso.test")
	if err != nil || len(records) != 200 {
		t.Errorf("%d records, %v", len(records), err)
	}
	if n := s.Lookups()["SRV _autodiscover._tcp.contoso.test"]; n != 2 {
		t.Errorf("asked %d times, want by UDP and by TCP", n)
	}
	for _, tt := range []struct {
		name      string
		records   int
		size      uint16
		udp       bool
		truncated bool
	}{
		{"nine by UDP", 9, 0, true, false},
		{"fifteen by UDP", 15, 0, true, true},
		{"fifteen by UDP with EDNS", 15, 4096, true, false},
		{"fifteen by UDP with an EDNS that is too small to be one", 15, 100, true, true},
		{"two hundred by UDP with EDNS", 200, 65535, true, true},
		{"two hundred by TCP", 200, 0, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, good)
			for i := range tt.records {
				if err := s.AddSRV(SRV{Domain: "contoso.test", Target: fmt.Sprintf("mail%d.contoso.test", i)}); err != nil {
					t.Fatal(err)
				}
			}
			m := unpack(t, s.answerDNS(query(t, "_autodiscover._tcp.contoso.test.", dnsmessage.TypeSRV, tt.size), tt.udp))
			want := tt.records
			if tt.truncated {
				want = 0
			}
			if m.Truncated != tt.truncated || len(m.Answers) != want {
				t.Errorf("truncated %v, %d answers", m.Truncated, len(m.Answers))
			}
		})
	}
}

func TestQueriesOverTCPFollowEachOther(t *testing.T) {
	s := Start(t, announced)
	overTheWire(t, s)
	c, err := net.Dial("tcp", s.DNSAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		q := query(t, "ex1.contoso.test.", dnsmessage.TypeA, 0)
		c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(q))), q...))
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, answer); err != nil {
			t.Fatal(err)
		}
		if m := unpack(t, answer); len(m.Answers) != 1 {
			t.Errorf("%+v", m)
		}
	}
}

func TestAnAliasLeadsToAHostWithAnotherCertificate(t *testing.T) {
	shake := func(s *Server, name string) error {
		c, err := s.Dial(t.Context(), "tcp", name+":443")
		if err != nil {
			return err
		}
		defer c.Close()
		return tls.Client(c, &tls.Config{RootCAs: s.RootCAs(), ServerName: name}).HandshakeContext(t.Context())
	}
	s := Start(t, announced)
	var wrong x509.HostnameError
	if err := shake(s, "www.brand.test"); !errors.As(err, &wrong) || wrong.Certificate.DNSNames[0] != "autodiscover.contoso.test" {
		t.Errorf("by the alias: %v", err)
	}
	if err := shake(s, "autodiscover.contoso.test"); err != nil {
		t.Errorf("by its name: %v", err)
	}
	do(t, s, "dns brand.test contoso.test")
	if err := shake(s, "autodiscover.brand.test"); err != nil {
		t.Errorf("when the forest answers as that name: %v", err)
	}
}

func TestLookupsAreCounted(t *testing.T) {
	s := Start(t, announced)
	for range 2 {
		s.LookupSRV(t.Context(), "autodiscover", "tcp", "contoso.test")
	}
	s.answerDNS(query(t, "nobody.test.", dnsmessage.TypeAAAA, 0), true)
	want := map[string]int{"SRV _autodiscover._tcp.contoso.test": 2, "AAAA nobody.test": 1}
	if diff := cmp.Diff(want, s.Lookups()); diff != "" {
		t.Error(diff)
	}
	s.Forget()
	if n := len(s.Lookups()); n != 0 {
		t.Errorf("%d after Forget", n)
	}
	for i := range maxLookups + 5 {
		s.LookupSRV(t.Context(), "", "", fmt.Sprintf("n%d.test", i))
	}
	if n := len(s.Lookups()); n != maxLookups {
		t.Errorf("%d different ones are counted, want %d", n, maxLookups)
	}
}

// FuzzAnswerDNS: no query panics, and every answer can be read.
func FuzzAnswerDNS(f *testing.F) {
	for _, name := range []string{"ex1.contoso.test.", "www.brand.test.", "_autodiscover._tcp.contoso.test.", "."} {
		for _, qtype := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeSRV, dnsmessage.TypeCNAME} {
			f.Add(query(f, name, qtype, 1232))
		}
	}
	f.Add([]byte{0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0})
	w, err := ReadWorld(strings.NewReader(announced))
	if err != nil {
		f.Fatal(err)
	}
	s, err := New(w)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	f.Fuzz(func(t *testing.T, query []byte) {
		for _, udp := range []bool{true, false} {
			answer := s.answerDNS(query, udp)
			if answer == nil {
				continue
			}
			if m := unpack(t, answer); !m.Response || udp && len(answer) > maxUDP {
				t.Errorf("%d bytes, %+v", len(answer), m.Header)
			}
		}
	})
}
