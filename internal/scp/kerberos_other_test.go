//go:build !windows

package scp

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

const krb5conf = `[libdefaults]
default_realm = CONTOSO.TEST
unknown_directive = true
[realms]
CONTOSO.TEST = {
  kdc = kdc.contoso.test:88
}
`

// cacheOf is a cache of version 4 with one ticket-granting ticket of
// ann@CONTOSO.TEST that ends at a time.
func cacheOf(end time.Time) []byte {
	var b []byte
	number := func(n int) { b = binary.BigEndian.AppendUint32(b, uint32(n)) }
	data := func(s string) { number(len(s)); b = append(b, s...) }
	principal := func(kind int, names ...string) {
		number(kind)
		number(len(names))
		data("CONTOSO.TEST")
		for _, n := range names {
			data(n)
		}
	}
	b = append(b, 5, 4, 0, 0) // version, length of the header
	principal(1, "ann")
	principal(1, "ann")
	principal(2, "krbtgt", "CONTOSO.TEST")
	b = append(b, 0, 18) // aes256-cts-hmac-sha1-96
	data(strings.Repeat("k", 32))
	for range 2 { // authtime, starttime
		number(int(end.Add(-10 * time.Hour).Unix()))
	}
	number(int(end.Unix()))
	number(0)        // renew till
	b = append(b, 0) // is_skey
	number(0)        // flags
	number(0)        // addresses
	number(0)        // authdata
	data("no ticket at all")
	data("")
	return b
}

func TestKerberosThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	keys := keytab.New()
	if err := keys.AddEntry("ann", "CONTOSO.TEST", "secret", time.Unix(0, 0), 1, 18); err != nil {
		t.Fatal(err)
	}
	b, err := keys.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	conf, table := write("krb5.conf", []byte(krb5conf)), write("keytab", b)
	old := time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC) // before the clock of a bubble begins
	refusal := messages.NewKRBError(types.NewPrincipalName(2, "krbtgt/CONTOSO.TEST"), "CONTOSO.TEST", 6, "no such user")
	refused, err := refusal.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	length := func(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

	tests := []struct {
		name     string
		kerberos Kerberos
		kdc      []byte // what it answers; nil: it is silent
		want     string
	}{
		{"a cache that is no file", Kerberos{CCache: "KEYRING:persistent:1000"}, nil, "tickets are read from a file (FILE:PATH), not from KEYRING:persistent:1000"},
		{"a cache that is not there", Kerberos{CCache: "FILE:" + filepath.Join(dir, "gone")}, nil, "kinit gets one"},
		{"a cache that lies about a length", Kerberos{CCache: write("lie", append(cacheOf(old), "\x00\x00\x00\x01\x00\x00\x00\x01\x7f\xff\xff\xff"...))}, nil, "unusable Kerberos file or answer"},
		{"a cache that is empty", Kerberos{CCache: write("empty", nil)}, nil, "unusable Kerberos file or answer"},
		{"a ticket that has expired", Kerberos{CCache: write("old", cacheOf(old))}, nil, "the ticket for krbtgt/CONTOSO.TEST expired at 1999-12-31T"},
		{"a ticket that is none", Kerberos{CCache: write("odd", cacheOf(old.AddDate(5, 0, 0)))}, nil, "GSSAPI bind"},
		{"no krb5.conf", Kerberos{Config: filepath.Join(dir, "gone")}, nil, "reading the Kerberos configuration"},
		{"a keytab of somebody else", Kerberos{Keytab: table, Principal: "ben"}, nil, "has no key of ben@CONTOSO.TEST that krb5.conf permits"},
		{"a realm without a KDC", Kerberos{Keytab: table, Principal: "ann@CONTOSO.TEST", Config: write("none.conf", []byte("[libdefaults]\ndefault_realm = CONTOSO.TEST\n"))}, nil, "neither krb5.conf nor DNS names a KDC of CONTOSO.TEST"},
		{"a KDC that is silent", Kerberos{Keytab: table, Principal: "ann"}, nil, "the directories did not answer within 10s"},
		{"a KDC that announces four gigabytes", Kerberos{Keytab: table, Principal: "ann"}, length(1<<32 - 1), "it announces an answer of 4294967295 bytes"},
		{"a KDC that ends in the middle", Kerberos{Keytab: table, Principal: "ann"}, append(length(100), "x"...), "unexpected EOF"},
		{"a KDC that knows nobody of the name", Kerberos{Keytab: table, Principal: "ann"}, append(length(len(refused)), refused...), "KDC_ERR_C_PRINCIPAL_UNKNOWN"},
		{"a KDC that answers nonsense", Kerberos{Keytab: table, Principal: "ann"}, append(length(3), "abc"...), "GSSAPI bind"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					if addr != "kdc.contoso.test:88" {
						return w.network.dial(ctx, network, addr)
					}
					here, there := net.Pipe()
					go func() {
						defer there.Close()
						request := make([]byte, 64<<10)
						there.Read(request[:4])
						io.ReadFull(there, request[:binary.BigEndian.Uint32(request)])
						if tt.kdc == nil {
							there.Read(request) // until the client goes
						}
						there.Write(tt.kdc)
					}()
					return here, nil
				}
				if tt.kerberos.Config == "" {
					tt.kerberos.Config = conf
				}
				w.Bind = Bind{Kerberos: &tt.kerberos, Name: "ann@contoso.test"}
				began := time.Now()
				_, err := w.Lookup(t.Context(), "contoso.test")
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %v, want %q", err, tt.want)
				}
				if took := time.Since(began); took > maxTime {
					t.Errorf("it took %v", took)
				}
				if _, binds := w.one.told(); len(binds) > 0 {
					t.Errorf("the directory saw %q", binds)
				}
			})
		})
	}
}

func TestMachineDomain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "krb5.conf")
	t.Setenv("KRB5_CONFIG", file)
	if got := MachineDomain(); got != "" {
		t.Errorf("%q without a krb5.conf, want none", got)
	}
	if err := os.WriteFile(file, []byte(krb5conf), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := MachineDomain(); got != "contoso.test" {
		t.Errorf("%q, want contoso.test", got)
	}
}
