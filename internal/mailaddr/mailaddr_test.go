package mailaddr

import (
	"errors"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for _, tt := range []struct{ name, in, local, domain string }{
		{"a plain address", "ann@contoso.test", "ann", "contoso.test"},
		{"space around it is dropped", " \tann@contoso.test\r\n", "ann", "contoso.test"},
		{"the domain is lowered, the local part is not", "Ann.B@CONTOSO.Test", "Ann.B", "contoso.test"},
		{"one trailing dot is dropped", "ann@contoso.test.", "ann", "contoso.test"},
		{"an international domain becomes ASCII", "ann@bücher.test", "ann", "xn--bcher-kva.test"},
		{"so does one in capitals", "ann@BÜCHER.test", "ann", "xn--bcher-kva.test"},
		{"an ideographic full stop is a dot", "ann@contoso。test", "ann", "contoso.test"},
		{"and is dropped at the end", "ann@contoso.test。", "ann", "contoso.test"},
		{"full-width letters are letters", "ann@ｃontoso.test", "ann", "contoso.test"},
		{"an international local part stays", "änn@contoso.test", "änn", "contoso.test"},
		{"a subaddress", "ann+news@mail.contoso.test", "ann+news", "mail.contoso.test"},
		{"a name below a public suffix of two labels", "ann@contoso.co.uk", "ann", "contoso.co.uk"},
		{"64 bytes before the @", strings.Repeat("a", 64) + "@contoso.test", strings.Repeat("a", 64), "contoso.test"},
		{"a label of 63 bytes", "ann@" + strings.Repeat("a", 63) + ".test", "ann", strings.Repeat("a", 63) + ".test"},
		{"a domain of 253 bytes", "ann@" + strings.Repeat("a.", 124) + "atest", "ann", strings.Repeat("a.", 124) + "atest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			local, domain, err := ParseAddress(tt.in)
			if err != nil || local != tt.local || domain != tt.domain {
				t.Errorf("ParseAddress(%q) = %q, %q, %v; want %q, %q", tt.in, local, domain, err, tt.local, tt.domain)
			}
		})
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for _, tt := range []struct{ name, in, why string }{
		{"nothing", "", "exactly one @"},
		{"no @", "contoso.test", "exactly one @"},
		{"two of them", "ann@fabrikam.test@contoso.test", "exactly one @"},
		{"a quoted local part", `"ann b"@contoso.test`, "quoted"},
		{"a quoted @", `"ann@fabrikam.test"@contoso.test`, "exactly one @"},
		{"a quote inside", `an"n@contoso.test`, "alone"},
		{"no local part", "@contoso.test", "before the @"},
		{"65 bytes before the @", strings.Repeat("a", 65) + "@contoso.test", "64 bytes"},
		{"a display name", "Ann <ann@contoso.test>", "space"},
		{"angle brackets", "<ann@contoso.test>", "alone"},
		{"a line break inside", "ann@contoso.test\r\nHost: x.test", "control character"},
		{"a NUL", "an\x00n@contoso.test", "control character"},
		{"a space in the domain", "ann@con toso.test", "space"},
		{"text that turns its direction", "ann@contoso\u202e.test", "control character"},
		{"a byte that is no UTF-8", "ann@contoso\xff.test", "control character"},
		{"no domain", "ann@", "empty label"},
		{"a dot alone", "ann@.", "empty label"},
		{"an empty first label", "ann@.contoso.test", "empty label"},
		{"an empty label inside", "ann@contoso..test", "empty label"},
		{"two trailing dots", "ann@contoso.test..", "empty label"},
		{"an IPv4 address", "ann@192.0.2.1", "IP address"},
		{"an IPv4 address in full-width digits", "ann@１９２.0.2.１", "IP address"},
		{"an IPv4 address written short", "ann@127.1", "IP address"},
		{"an IPv4 address in hexadecimal", "ann@0x7f.0x1", "IP address"},
		{"an IPv4 address as one number", "ann@2130706433", "IP address"},
		{"an address literal", "ann@[192.0.2.1]", "IP address"},
		{"an IPv6 literal", "ann@[IPv6:2001:db8::1]", "IP address"},
		{"an IPv6 address", "ann@2001:db8::1", "IP address"},
		{"a port", "ann@contoso.test:443", "IP address"},
		{"a single label", "ann@localhost", "single label"},
		{"a public suffix", "ann@co.uk", "public suffix"},
		{"a private suffix", "ann@github.io", "public suffix"},
		{"a path", "ann@contoso.test/x", "host name"},
		{"an underscore", "ann@con_toso.test", "host name"},
		{"broken punycode", "ann@xn--a.test", "host name"},
		{"a label of 64 bytes", "ann@" + strings.Repeat("a", 64) + ".test", "63 bytes"},
		{"a domain of 254 bytes", "ann@" + strings.Repeat("a.", 124) + "aatest", "253 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			local, domain, err := ParseAddress(tt.in)
			var bad *AddressError
			if !errors.As(err, &bad) || !strings.Contains(bad.Why, tt.why) || local != "" || domain != "" {
				t.Errorf("ParseAddress(%q) = %q, %q, %v; want an error about %q", tt.in, local, domain, err, tt.why)
			}
		})
	}
}

func TestErrorsStayShort(t *testing.T) {
	_, _, err := ParseAddress(strings.Repeat("x", 1<<16))
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("Parse = %.400v, want a short error", err)
	}
}

// What ParseAddress accepts is in its final form, and can be part of a URL and of a
// header line.
func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"ann@contoso.test", "Ann@BÜCHER.test.", "a@１.2.3.4", `"a"@b.c`, "a@b@c", "ann@[::1]", "ann@contoso.test\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		local, domain, err := ParseAddress(s)
		if err != nil {
			return
		}
		l, d, err := ParseAddress(local + "@" + domain)
		if err != nil || l != local || d != domain {
			t.Errorf("%q: Parse again = %q, %q, %v; want %q, %q", s, l, d, err, local, domain)
		}
		if strings.Trim(domain, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" || !strings.Contains(domain, ".") || strings.Contains(domain, "..") {
			t.Errorf("%q: domain %q is not a host name", s, domain)
		}
		if strings.ContainsAny(local, "@\"\r\n\x00 ") {
			t.Errorf("%q: local part %q is not plain", s, local)
		}
	})
}
