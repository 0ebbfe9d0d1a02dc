package mapi

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestDecompressRefuses(t *testing.T) {
	run := unhex("ffffff7f 41 0700 0f ff") // "A", then a match whose 16 bits of length follow
	for name, tt := range map[string]struct {
		src   []byte
		size  int
		field string
	}{
		"a bomb: more than it announces":        {slices.Concat(run, []byte{0xFF, 0xFF}), 100, "match"},
		"one byte more than it announces":       {unhex("ffffff7f 41 0700 0f 4a"), 99, "match"},
		"one byte less than it announces":       {unhex("ffffff7f 41 0700 0f 4a"), 101, "match"},
		"a literal less than it announces":      {unhex("3f000000 61"), 2, "literal"},
		"literals left over":                    {unhex("3f000000 6162"), 1, "end"},
		"a size of 64 KiB":                      {run, 0x10000, "SizeActual"},
		"a negative size":                       {run, -1, "SizeActual"},
		"no input":                              {nil, 1, "mask"},
		"a match at the start":                  {unhex("ffffffff 0000"), 3, "match"},
		"a match that starts before the output": {unhex("ffffff7f 41 0800"), 4, "match"},
		"a length of 16 bits that is too small": {slices.Concat(run, []byte{0x15, 0x00}), 24, "match length"},
		"a length of 16 bits that announces 32": {slices.Concat(run, []byte{0x00, 0x00, 0x40, 0, 0, 0}), 65, "match length"},
		"an empty mask that is not of ones":     {unhex("ffffff7f 61 00000000"), 1, "end"},
		"two empty masks":                       {unhex("ffffff7f 61 ffffffff ffffffff"), 1, "end"},
		"something where nothing is announced":  {[]byte{1}, 0, "end"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Decompress(nil, tt.src, tt.size)
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Field != tt.field {
				t.Errorf("error %v, want a *SyntaxError for %s", err, tt.field)
			}
			if got != nil {
				t.Errorf("%d bytes beside the error", len(got))
			}
		})
	}
}

func TestDecompressTheLongestPayload(t *testing.T) {
	got, err := Decompress(nil, unhex("ffffff7f 41 0700 0f ff fbff"), 0xFFFF) // 1 + 0xFFFB + 3
	if err != nil || string(got) != strings.Repeat("A", 0xFFFF) {
		t.Errorf("%d bytes, error %v", len(got), err)
	}
}

func TestDecompressAppends(t *testing.T) {
	// A match reaches back into its own output only.
	got, err := Decompress([]byte("before "), unhex("ffffff11 414243 1000 444546"), 9)
	if err != nil || string(got) != "before ABCABCDEF" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := Decompress([]byte("before"), unhex("ffffffff 0000"), 3); err == nil {
		t.Errorf("a match that starts in what was there gives %q", got)
	}
	if got, err := Decompress([]byte("x"), nil, 0); err != nil || string(got) != "x" {
		t.Errorf("nothing gives %q, %v", got, err)
	}
}

func TestDecompressWithRoomDoesNotAllocate(t *testing.T) {
	src := unhex("ffffff7f 41 0700 0f 4a")
	dst := make([]byte, 0, 100)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := Decompress(dst, src, 100); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestReadPayloadDoesNotChangeItsInput(t *testing.T) {
	b := unhex("0000 0700 0900 6400 5a5a5ada e4 a2a5 aa ef")
	before := bytes.Clone(b)
	p, rest, last, err := ReadPayload(append(b, "next"...))
	if err != nil || string(p) != strings.Repeat("A", 100) || string(rest) != "next" || !last {
		t.Errorf("got %q, rest %q, last %t, %v", p, rest, last, err)
	}
	if !bytes.Equal(before, b) {
		t.Error("the input has changed")
	}
}
