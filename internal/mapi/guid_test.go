package mapi

import (
	"strings"
	"testing"
)

func TestGUIDHasItsFirstThreeFieldsLittleEndian(t *testing.T) {
	wire := GUID{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	const text = "00112233-4455-6677-8899-aabbccddeeff"
	if got := wire.String(); got != text {
		t.Errorf("String: got %s, want %s", got, text)
	}
	for _, s := range []string{text, strings.ToUpper(text), "{" + text + "}"} {
		if got, err := ParseGUID(s); err != nil || got != wire {
			t.Errorf("ParseGUID(%q): got %x, %v", s, got, err)
		}
	}
}

func TestParseGUIDRefuses(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":                "",
		"a digit too few":        "00112233-4455-6677-8899-aabbccddeef",
		"a digit too many":       "00112233-4455-6677-8899-aabbccddeeff0",
		"no hyphens":             "00112233445566778899aabbccddeeff",
		"a hyphen out of place":  "001122334-455-6677-8899-aabbccddeeff",
		"a letter that is none":  "00112233-4455-6677-8899-aabbccddeefg",
		"one brace only":         "{00112233-4455-6677-8899-aabbccddeeff",
		"a hyphen for a digit":   "0011223--4455-6677-8899-aabbccddeeff",
		"braces around nothing":  "{}",
		"a single brace":         "{",
		"a guid after a newline": "\n00112233-4455-6677-8899-aabbccddeeff",
	} {
		if g, err := ParseGUID(s); err == nil {
			t.Errorf("%s: %q gives %v", name, s, g)
		}
	}
}

func TestFolderIDString(t *testing.T) {
	if got := (FolderID{1, 0, 0, 0, 0, 0, 0, 0xd}).String(); got != "010000000000000d" {
		t.Errorf("got %s", got)
	}
}
