package mapi

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

func TestLZ77WithRoomDoesNotAllocate(t *testing.T) {
	text := prose(32 << 10)
	src := Compress(nil, text)
	run := unhex("ffffff7f 41 0700 0f 4a")
	dst := make([]byte, 0, len(text))
	for name, f := range map[string]func() ([]byte, error){
		"decompress a little": func() ([]byte, error) { return Decompress(dst, run, 100) },
		"decompress 32 KiB":   func() ([]byte, error) { return Decompress(dst, src, len(text)) },
		"compress 32 KiB":     func() ([]byte, error) { return Compress(dst, text), nil },
	} {
		var p []byte
		var err error
		if n := testing.AllocsPerRun(10, func() { p, err = f() }); n != 0 || err != nil || len(p) == 0 {
			t.Errorf("%s: %v allocations, want 0; %d bytes, %v", name, n, len(p), err)
		}
	}
	// Without room there is something to count.
	if n := testing.AllocsPerRun(10, func() { _, _ = Decompress(nil, src, len(text)) }); n == 0 {
		t.Error("into nothing it does not allocate")
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

// byToken is Decompress without its fast path.
func byToken(src []byte, size int) ([]byte, error) {
	d := decompression{r: reader{message: "compressed payload", b: src}, end: size, shared: -1}
	d.out = make([]byte, 0, size)
	d.careful()
	if rest := src[d.r.off:]; d.r.err == nil && bytes.Equal(rest, []byte{0xFF, 0xFF, 0xFF, 0xFF}) {
		d.r.off += 4
	}
	return d.out, d.r.end()
}

// The fast path goes as far as it can and no further: what it leaves is what
// the careful path would have met.
func TestDecompressIsTheSameWithAndWithoutItsFastPath(t *testing.T) {
	text := prose(1200)
	copy(text[400:], strings.Repeat("A", 500)) // a length of 16 bits
	copy(text[1000:], strings.Repeat("B", 90)) // a length of 8 bits
	src := Compress(nil, text)
	check := func(what string, at int, src []byte, size int) (refused bool) {
		got, err := Decompress([]byte("before"), src, size)
		want, wantErr := byToken(src, size)
		if diff := cmp.Diff(wantErr, err); diff != "" {
			t.Errorf("%s %d: -token by token +fast:\n%s", what, at, diff)
		}
		if err == nil && string(got) != "before"+string(want) {
			t.Errorf("%s %d: other bytes", what, at)
		}
		return err != nil
	}
	if check("whole, of", len(src), src, len(text)) {
		t.Error("the whole text is refused")
	}
	refused := 0
	for n := range src {
		if !check("cut at", n, src[:n], len(text)) {
			t.Errorf("cut at %d it is accepted", n)
		}
		for _, c := range []byte{0x01, 0x80, 0xFF} {
			broken := bytes.Clone(src)
			broken[n] ^= c
			if check("broken at", n, broken, len(text)) {
				refused++
			}
		}
	}
	if refused == 0 {
		t.Error("no broken input is refused")
	}
	for size := range len(text) {
		if !check("announced as", size, src, size) {
			t.Errorf("announced as %d bytes it is accepted", size)
		}
	}
}

func TestDecompressNamesThePlaceFarFromTheEnds(t *testing.T) {
	literals := strings.Repeat("a", 32)
	front := "\x00\x00\x00\x00" + literals // 36 bytes, 32 of output
	for name, tt := range map[string]struct {
		at   string // a mask and what follows it, at byte 36
		want string
	}{
		"a match that starts before the output":  {"\xff\xff\xff\xff\x00\x01", "malformed compressed payload: match at byte 40: it starts before the output"},
		"a match that runs over the end":         {"\xff\xff\xff\xff\x07\x00\x0f\xff\xff\xff", "malformed compressed payload: match at byte 40: it runs over SizeActual"},
		"a length of 16 bits that is too small":  {"\xff\xff\xff\xff\x07\x00\x0f\xff\x15\x00", "malformed compressed payload: match length at byte 44: too small for its form"},
		"the same, behind a match without fault": {"\xff\xff\xff\xff\x00\x00\x07\x00\x0f\xff\x15\x00", "malformed compressed payload: match length at byte 46: too small for its form"},
	} {
		src := []byte(front + tt.at + strings.Repeat(front, 4))
		// What was there is no place for a match to start.
		if _, err := Decompress([]byte("before"), src, 200); err == nil || err.Error() != tt.want {
			t.Errorf("%s: error %v, want %s", name, err, tt.want)
		}
	}
}
