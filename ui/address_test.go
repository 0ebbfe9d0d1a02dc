package ui

import (
	"errors"
	"strings"
	"testing"

	"github.com/homing-mail/homing/internal/mailaddr"
)

func TestAddress(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"an address", "ann@contoso.test", "ann@contoso.test"},
		{"spaces around it", " \t ann@contoso.test \r\n", "ann@contoso.test"},
		{"a space that does not break", "\u00a0ann@contoso.test\u00a0", "ann@contoso.test"},
		{"characters without width, anywhere", "\ufeffann@\u200bcon\u00adtoso.test\u200d", "ann@contoso.test"},
		{"marks of direction around it", "\u202aann@contoso.test\u202c", "ann@contoso.test"},
		{"a link", "mailto:ann@contoso.test", "ann@contoso.test"},
		{"a link with a subject", "mailto:ann@contoso.test?subject=x", "ann@contoso.test"},
		{"a link in capitals", "MAILTO:ann@contoso.test", "ann@contoso.test"},
		{"an escaped link", "mailto:ann%2Bnews%40contoso.test", "ann+news@contoso.test"},
		{"a link in brackets", "<mailto:ann@contoso.test>", "ann@contoso.test"},
		{"a name", "Ann <ann@contoso.test>", "ann@contoso.test"},
		{"a quoted name", `"Ann" <ann@contoso.test>`, "ann@contoso.test"},
		{"a quoted name with a comma", `"Example, Ann" <ann@contoso.test>;`, "ann@contoso.test"},
		{"the address as its name", "ann@contoso.test <ann@contoso.test>", "ann@contoso.test"},
		{"a name and a remark", "Ann <ann@contoso.test> (at work)", "ann@contoso.test"},
		{"brackets", "<ann@contoso.test>", "ann@contoso.test"},
		{"half a bracket", "ann@contoso.test>", "ann@contoso.test"},
		{"square brackets", "[ann@contoso.test]", "ann@contoso.test"},
		{"quotes", `"ann@contoso.test"`, "ann@contoso.test"},
		{"German quotes", "„ann@contoso.test“", "ann@contoso.test"},
		{"the end of a sentence", "ann@contoso.test.", "ann@contoso.test"},
		{"a comma", "ann@contoso.test,", "ann@contoso.test"},
		{"a semicolon and a space", "ann@contoso.test; ", "ann@contoso.test"},
		{"an apostrophe inside", "o'neil@contoso.test", "o'neil@contoso.test"},
		{"an international domain", "ann@bücher.test", "ann@xn--bcher-kva.test"},
		{"capitals", "Ann@CONTOSO.test", "Ann@contoso.test"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := Address(tt.in); got != tt.want || err != nil {
				t.Errorf("Address(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
			}
		})
	}
}

func TestAddressRefuses(t *testing.T) {
	for _, tt := range []struct{ name, in, key string }{
		{"nothing", "", "address.empty"},
		{"spaces", " \u200b ", "address.empty"},
		{"a link to nobody", "mailto:?subject=x", "address.empty"},
		{"a name", "Ann", "address.no_at"},
		{"a domain", "contoso.test", "address.no_at"},
		{"two addresses", "ann@contoso.test, ben@contoso.test", "address.several"},
		{"two with names", "Ann <ann@contoso.test>, Ben <ben@contoso.test>", "address.several"},
		{"one with a name and one without", "Ann <ann@contoso.test>, ben@contoso.test", "address.several"},
		{"a link to two", "mailto:ann@contoso.test,ben@contoso.test", "address.several"},
		{"no name", "@contoso.test", "address.no_name"},
		{"no domain", "ann@", "address.no_domain"},
		{"half a domain", "ann@contoso", "address.no_domain"},
		{"a space inside", "ann @contoso.test", "address.unusable"},
		{"a turn of direction inside", "ann@contoso\u202e.test", "address.unusable"},
		{"a public suffix", "ann@co.uk", "address.unusable"},
		{"an IP address", "ann@192.0.2.1", "address.unusable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Address(tt.in)
			bad, ok := errors.AsType[*AddressError](err)
			if got != "" || !ok || bad.Key != tt.key {
				t.Fatalf("Address(%q) = %q, %#v; want %s", tt.in, got, err, tt.key)
			}
			if _, ok := errors.AsType[*mailaddr.AddressError](err); !ok || bad.Error() == "" {
				t.Errorf("the error is %v", err)
			}
			for _, language := range Languages() {
				if text := plain(t, language)[bad.Key]; text == "" || strings.Contains(text, "{{") {
					t.Errorf("%s in %s takes data, or is not there: %q", bad.Key, language, text)
				}
			}
		})
	}
}

// What Address returns is what it takes: an address as strict as Homing needs it,
// which pasted again is the same.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"ann@contoso.test", "mailto:mailto:a%40b.test?x", "<<a@b.test>>", `"a" <a@b.test>`, "a@b.test <c@d.test> e@f.test", "'\u200b'a@b.test'", "mailto:%3Cann@contoso.test%3E"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Address(s)
		if err != nil {
			if _, ok := errors.AsType[*AddressError](err); !ok || got != "" {
				t.Fatalf("Address(%q) = %q, %#v", s, got, err)
			}
			return
		}
		if local, domain, err := mailaddr.ParseAddress(got); err != nil || local+"@"+domain != got {
			t.Fatalf("Address(%q) = %q, which is none: %v", s, got, err)
		}
		if again, err := Address(got); again != got || err != nil {
			t.Errorf("Address(%q) = %q, and of that %q, %v", s, got, again, err)
		}
	})
}
