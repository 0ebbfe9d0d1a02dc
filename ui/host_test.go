package ui

import (
	"strings"
	"testing"

	"golang.org/x/net/idna"
)

func TestHost(t *testing.T) {
	long := strings.Repeat("a.", 145) + "fabrikam.test"
	for _, tt := range []struct{ name, in, want string }{
		{"a host", "ex1.contoso.test", "ex1.contoso.test"},
		{"nothing", "", ""},
		{"capitals are folded", "EX1.Contoso.Test", "ex1.contoso.test"},
		{"a last dot is dropped", "ex1.contoso.test.", "ex1.contoso.test"},
		{"but not two", "ex1.contoso.test..", "ex1.contoso.test."},
		{"the root is a dot", ".", "."},
		{"the usual port is dropped", "ex1.contoso.test:443", "ex1.contoso.test"},
		{"with the dot before it", "ex1.contoso.test.:443", "ex1.contoso.test"},
		{"another port is shown", "ex1.contoso.test:8443", "ex1.contoso.test:8443"},
		{"a port that only ends like the usual one", "ex1.contoso.test:1443", "ex1.contoso.test:1443"},
		{"a port without a host", ":443", ":443"},
		{"an IPv6 address that ends in 443", "2001:db8::443", "2001:db8::443"},
		{"an IPv6 address with the usual port", "[2001:db8::1]:443", "[2001:db8::1]"},
		{"an IPv6 address with another", "[2001:db8::1]:8443", "[2001:db8::1]:8443"},
		{"300 characters are shown whole", long, long},
		{"an international name", "mx.bücher.test", "mx.xn--bcher-kva.test"},
		{"with a port", "mx.bücher.test:8443", "mx.xn--bcher-kva.test:8443"},
		{"one of 300 characters", strings.Repeat("b.", 143) + "bücher.test", strings.Repeat("b.", 143) + "xn--bcher-kva.test"},
		{"a name in punycode stays", "xn--bcher-kva.test", "xn--bcher-kva.test"},
		{"a Cyrillic letter is seen to be one", "c\u043entoso.test", "xn--cntoso-wqf.test"},
		{"a sharp s is no double s", "stra\u00dfe.test", "xn--strae-oqa.test"},
		{"a capital that punycode would fold", "B\u00dcCHER.test", `b\u00dccher.test`},
		{"a letter that folds to ASCII", "\u212aim.test", `\u212aim.test`},
		{"a full-width letter", "\uff43ontoso.test", `\uff43ontoso.test`},
		{"an ideographic full stop", "contoso\u3002test", `contoso\u3002test`},
		{"text that turns its direction", "contoso\u202etset.test", `contoso\u202etset.test`},
		{"an isolate", "\u2066contoso.test\u2069", `\u2066contoso.test\u2069`},
		{"a space without width", "con\u200btoso.test", `con\u200btoso.test`},
		{"a soft hyphen", "con\u00adtoso.test", `con\u00adtoso.test`},
		{"a tag beyond the first plane", "contoso\U000e0041.test", `contoso\U000e0041.test`},
		{"a line break", "contoso.test\n\nevil.test", `contoso.test\x0a\x0aevil.test`},
		{"a NUL", "contoso\x00.test", `contoso\x00.test`},
		{"a byte that is no UTF-8", "contoso\xff.test", `contoso\xff.test`},
		{"the replacement character itself", "contoso\ufffd.test", `contoso\ufffd.test`},
		{"an escape that was sent as one", `contoso\u202e.test`, `contoso\x5cu202e.test`},
		{"a slash", "contoso.test/evil.test", `contoso.test\x2fevil.test`},
		{"a user name", "contoso.test@evil.test", `contoso.test\x40evil.test`},
		{"a space", "contoso.test evil.test", `contoso.test\x20evil.test`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Host(tt.in); got != tt.want {
				t.Errorf("Host(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

// What is shown is printable ASCII and leads back to the host, so no other looks the
// same: only letter case, a last dot and the usual port are gone.
func FuzzHost(f *testing.F) {
	for _, s := range []string{"ex1.contoso.test:443", "[::1]:443", "bücher.test.", "c\u043entoso.test:8443", `a\u202e`, "a\u202e", "a\xff:443", "xn--bcher-kva.b\u00fccher", "a.:443", ".:443", "..:", "\\"} {
		f.Add(s, s+"\u200b")
		f.Add(s, `\`+s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, s := range []string{a, b} {
			got := Host(s)
			if strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Fatalf("Host(%q) = %q", s, got)
			}
			name, port := spelt(s)
			if back := unescape(t, got); back != name+port && back != ascii(name)+port {
				t.Fatalf("Host(%q) = %q, which leads back to %q", s, got, back)
			}
		}
		an, ap := spelt(a)
		bn, bp := spelt(b)
		same := ap == bp && (an == bn || an == ascii(bn) || ascii(an) == bn)
		if looks := Host(a) == Host(b); looks != same && (looks || an == bn && ap == bp) {
			t.Errorf("Host(%q) = %q, Host(%q) = %q", a, Host(a), b, Host(b))
		}
	})
}

// spelt is s without what may differ in the spelling of one host.
func spelt(s string) (name, port string) {
	name = s
	if i := strings.LastIndex(s, ":"); i > 0 && (strings.Count(s, ":") == 1 || s[i-1] == ']') {
		if name, port = name[:i], name[i:]; port == ":443" {
			port = ""
		}
	}
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; c >= 'A' && c <= 'Z' {
			b.WriteByte(c | 0x20)
		} else {
			b.WriteByte(c)
		}
	}
	if name = b.String(); name != "." {
		name = strings.TrimSuffix(name, ".")
	}
	return name, port
}

// ascii is the punycode of a name that is in its normal form, and else the name.
func ascii(name string) string {
	short, err := idna.Punycode.ToASCII(name)
	if err != nil {
		return name
	}
	if back, err := idna.Punycode.ToUnicode(short); err != nil || back != name {
		return name
	}
	return short
}

func unescape(t *testing.T, s string) string {
	t.Helper()
	var b strings.Builder
	for s != "" {
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}
		if s[0] != '\\' {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		if len(s) < 2 || digits[s[1]] == 0 || len(s) < 2+digits[s[1]] {
			t.Fatalf("%q is half an escape", s)
		}
		n := digits[s[1]]
		var v rune
		for _, c := range s[2 : 2+n] {
			v = v<<4 | rune(strings.IndexRune("0123456789abcdef", c))
		}
		if s[1] == 'x' {
			b.WriteByte(byte(v))
		} else {
			b.WriteRune(v)
		}
		s = s[2+n:]
	}
	return b.String()
}

func TestVisible(t *testing.T) {
	for _, tt := range []struct{ name, in, text, ascii string }{
		{"words", "CN=Müller, O=Contoso", "CN=Müller, O=Contoso", `CN=M\u00fcller, O=Contoso`},
		{"a line break", "a\nb", `a\x0ab`, `a\x0ab`},
		{"a turn", "a\u202eb", `a\u202eb`, `a\u202eb`},
		{"a backslash", `a\b`, `a\b`, `a\x5cb`},
	} {
		if got := visible(tt.in); got != tt.text {
			t.Errorf("%s: visible = %q, want %q", tt.name, got, tt.text)
		}
		if got := visibleASCII(tt.in); got != tt.ascii {
			t.Errorf("%s: visibleASCII = %q, want %q", tt.name, got, tt.ascii)
		}
	}
}
