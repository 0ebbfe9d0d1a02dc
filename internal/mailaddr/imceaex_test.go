package mailaddr

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParseIMCEAEX(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"a slash is written as an underscore", "IMCEAEX-_o=Contoso_cn=ann@contoso.test", "/o=Contoso/cn=ann"},
		{"a space and brackets as their numbers", "IMCEAEX-_O=CONTOSO_OU=EXCHANGE+20ADMINISTRATIVE+20GROUP+20+28FYDIBOHF23SPDLT+29_CN=RECIPIENTS_CN=ANN@contoso.test",
			"/O=CONTOSO/OU=EXCHANGE ADMINISTRATIVE GROUP (FYDIBOHF23SPDLT)/CN=RECIPIENTS/CN=ANN"},
		{"so are a comma, a dot, a question mark, an @, an underscore and a plus", "IMCEAEX-_o=C+2C+2E+3F+40+5F+2B@contoso.test", "/o=C,.?@_+"},
		{"numbers in small letters", "IMCEAEX-_o=C+2c+5f@contoso.test", "/o=C,_"},
		{"a slash as its number", "IMCEAEX-+2Fo=Contoso@contoso.test", "/o=Contoso"},
		{"only two digits belong to a plus", "IMCEAEX-_o=C+204@contoso.test", "/o=C 4"},
		{"a hyphen stays", "IMCEAEX-_o=Contoso_cn=ann-b@contoso.test", "/o=Contoso/cn=ann-b"},
		{"the prefix in small letters", "imceaex-_o=Contoso@contoso.test", "/o=Contoso"},
		{"space and brackets around it are dropped", " <IMCEAEX-_o=Contoso@contoso.test>\n", "/o=Contoso"},
		{"the domain is missing", "IMCEAEX-_o=Contoso", "/o=Contoso"},
		{"a name of 1,024 bytes", "IMCEAEX-_o=" + strings.Repeat("a", 1021), "/o=" + strings.Repeat("a", 1021)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := ParseIMCEAEX(tt.in); err != nil || got != tt.want {
				t.Errorf("ParseIMCEAEX(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
			}
		})
	}
}

func TestParseIMCEAEXRefuses(t *testing.T) {
	for _, tt := range []struct{ name, in, why string }{
		{"nothing", "", "begin with"},
		{"a usual address", "ann@contoso.test", "begin with"},
		{"another address type", "IMCEAFAX-1234@contoso.test", "begin with"},
		{"no name", "IMCEAEX-@contoso.test", "no distinguished name"},
		{"a name without a slash", "IMCEAEX-o=Contoso@contoso.test", "no distinguished name"},
		{"a name that is none", "IMCEAEX-_Contoso@contoso.test", "no distinguished name"},
		{"a plus at the end", "IMCEAEX-_o=C+@contoso.test", "two hexadecimal digits"},
		{"a plus with one digit", "IMCEAEX-_o=C+2@contoso.test", "two hexadecimal digits"},
		{"a plus with other letters", "IMCEAEX-_o=C+2G@contoso.test", "two hexadecimal digits"},
		{"a line break in a number", "IMCEAEX-_o=C+0D+0A@contoso.test", "printable ASCII"},
		{"a letter of another alphabet in a number", "IMCEAEX-_o=C+E4@contoso.test", "printable ASCII"},
		{"a line break", "IMCEAEX-_o=Con\r\ntoso@contoso.test", "in one line"},
		{"a report that was cut", "IMCEAEX-_o=Con…", "in one line"},
		{"two domains", "IMCEAEX-_o=C@contoso.test@fabrikam.test", "exactly one @"},
		{"a domain that is none", "IMCEAEX-_o=C@contoso", "single label"},
		{"a name of 1,025 bytes", "IMCEAEX-_o=" + strings.Repeat("a", 1022), "1024 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseIMCEAEX(tt.in)
			e, ok := errors.AsType[*AddressError](err)
			if !ok || !strings.Contains(e.Why, tt.why) {
				t.Errorf("ParseIMCEAEX(%q) = %q, %v; want an error with %q", tt.in, got, err, tt.why)
			}
		})
	}
}

// encapsulate writes a LegacyDN as [MS-OXCMAIL] 2.1.3.1.8 has it.
func encapsulate(dn, domain string) string {
	var b strings.Builder
	for _, c := range []byte(dn) {
		switch {
		case c == '/':
			b.WriteByte('_')
		case strings.IndexByte("-=0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "+%02X", c)
		}
	}
	return "IMCEAEX-" + b.String() + "@" + domain
}

// What is read can be written again, and is then read as the same.
func FuzzParseIMCEAEX(f *testing.F) {
	for _, seed := range []string{
		"IMCEAEX-_o=Contoso_ou=First+20Group+20+28X+29_cn=Recipients_cn=ann@contoso.test", "imceaex-+2fo=+2B+5F", "IMCEAEX-_o=C+2", "ann@contoso.test", "<IMCEAEX-_o=C>",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		dn, err := ParseIMCEAEX(s)
		if err != nil {
			if _, ok := errors.AsType[*AddressError](err); !ok || dn != "" {
				t.Fatalf("ParseIMCEAEX(%q) = %q, %T", s, dn, err)
			}
			return
		}
		if len(dn) > 1024 || dn[0] != '/' || strings.ContainsFunc(dn, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("ParseIMCEAEX(%q) = %q", s, dn)
		}
		if again, err := ParseIMCEAEX(encapsulate(dn, "contoso.test")); err != nil || again != dn {
			t.Fatalf("%q is read again as %q, %v", dn, again, err)
		}
	})
}
