package scp

import (
	"encoding/hex"
	"strings"
	"testing"
)

// netlogon is a NETLOGON_SAM_LOGON_RESPONSE_EX ([MS-ADTS] 6.3.1.9) with the names
// as domain controllers compress them: the domain points into the forest, the host
// into the domain, the second site at the first one.
var netlogon = strings.Join([]string{
	"1700",                       // Opcode LOGON_SAM_LOGON_RESPONSE_EX
	"0000",                       // Sbz
	"fd330000",                   // Flags
	strings.Repeat("11", 16),     // DomainGuid
	"07636f6e746f736f",           // 24: contoso
	"047465737400",               // 32: test
	"c018",                       // DnsDomainName: contoso.test
	"03646331c018",               // DnsHostName: dc1.contoso.test
	"07434f4e544f534f00",         // NetbiosDomainName
	"0344433100",                 // NetbiosComputerName
	"00",                         // UserName
	"0b5361696e742044656e697300", // 61: DcSiteName Saint Denis
	"055061726973" + "00",        // ClientSiteName Paris
	"05000000ffffffff",           // NtVersion, LmNtToken, Lm20Token
}, "")

func TestParseNetlogon(t *testing.T) {
	at := func(s, old, with string) string {
		if strings.Count(s, old) != 1 {
			t.Fatalf("%s does not stand once in the message", old)
		}
		return strings.Replace(s, old, with, 1)
	}
	client := "05506172697300"
	tests := []struct{ name, hex, want string }{
		{"a site of its own", netlogon, "Paris"},
		{"the site of the domain controller", at(netlogon, client, "c03d"), "Saint Denis"},
		{"no site", at(netlogon, client, "00"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := hex.DecodeString(tt.hex)
			if err != nil {
				t.Fatal(err)
			}
			if site, err := parseNetlogon(b); err != nil || site != tt.want {
				t.Errorf("%q, %v; want %q", site, err, tt.want)
			}
		})
	}
	for name, broken := range map[string]string{
		"nothing":                          "",
		"another message":                  at(netlogon, "17000000", "13000000"),
		"an end within the names":          netlogon[:2*50],
		"an end within a label":            netlogon[:2*64],
		"a pointer forwards":               at(netlogon, client, "c0ff"),
		"a pointer to itself":              at(netlogon, client, "c04a"),
		"a label of a kind that is no one": at(netlogon, client, "80"),
	} {
		t.Run(name, func(t *testing.T) {
			b, err := hex.DecodeString(broken)
			if err != nil {
				t.Fatal(err)
			}
			if site, err := parseNetlogon(b); err != errNetlogon {
				t.Errorf("%q, %v; want %v", site, err, errNetlogon)
			}
		})
	}
}

func FuzzParseNetlogon(f *testing.F) {
	b, err := hex.DecodeString(netlogon)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if site, err := parseNetlogon(b); err == nil && len(site) > len(b)*len(b) {
			t.Errorf("%d bytes became a site of %d", len(b), len(site))
		}
	})
}
