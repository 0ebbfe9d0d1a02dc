package mapi

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestCompressFindsMatches(t *testing.T) {
	noise := make([]byte, 9000)
	random := rand.New(rand.NewPCG(3, 4))
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	for name, tt := range map[string]struct {
		src  []byte
		want int // bytes at most
	}{
		"nothing":                             {nil, 4},
		"a run of the longest payload":        {make([]byte, 0xFFFF), 4 + 1 + 2 + 1 + 1 + 2},
		"a match as far away as it may be":    {slices.Concat(noise[:8192], noise[:3]), 4 + 8192 + 8192/8 + 2},
		"a long match as far away as may be":  {slices.Concat(noise[:8192], noise[:300]), 4 + 8192 + 8192/8 + 6},
		"the longest of the matches":          {[]byte("abcd-abce-abcdef-abcdefg"), 4 + 5 + 2 + 2 + 2 + 3 + 2 + 1},
		"text is halved, at least":            {prose(32 << 10), 16 << 10},
		"a match that ends with the payload":  {[]byte("abcabc"), 4 + 3 + 2},
		"two bytes, too few for a match":      {[]byte("abab"), 4 + 4},
		"what cannot be made shorter, a bit":  {noise[:32], 4 + 32 + 4},
		"zeros that come back after 60 KiB":   {slices.Concat(make([]byte, 100), noise[:8000], make([]byte, 100)), 4 + 2*9 + 8000 + 8000/8 + 4},
		"the last byte of the longest source": {slices.Concat(make([]byte, 0xFFFE), []byte{1}), 4 + 1 + 6 + 1},
	} {
		got := Compress(nil, tt.src)
		if len(got) > tt.want {
			t.Errorf("%s: %d bytes become %d, want %d at most", name, len(tt.src), len(got), tt.want)
		}
		if again, err := Decompress(nil, got, len(tt.src)); err != nil || !bytes.Equal(again, tt.src) {
			t.Errorf("%s: %d bytes come back, %v", name, len(again), err)
		}
	}
}

// A match may begin 8192 bytes back and not one byte further: there the field of
// 13 bits would say another distance.
func TestCompressKeepsToItsWindow(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for distance := 8185; distance < 8200; distance++ {
		src := make([]byte, distance+40)
		for i := range src {
			src[i] = byte(random.Uint32())
		}
		copy(src[distance:], src[:40])
		got := Compress(nil, src)
		if again, err := Decompress(nil, got, len(src)); err != nil || !bytes.Equal(again, src) {
			t.Errorf("distance %d: %d bytes come back, %v", distance, len(again), err)
		}
		if found := len(got) < len(src)+len(src)/8-20; found != (distance <= 8192) {
			t.Errorf("distance %d: a match is found: %t", distance, found)
		}
	}
}

func TestAppendPayloadAs(t *testing.T) {
	run := []byte(strings.Repeat("A", 100))
	for name, tt := range map[string]struct {
		payload []byte
		flags   PayloadFlags
		want    []byte
	}{
		"plain":                               {[]byte("hi"), PayloadLast, unhex("0000 0400 0200 0200 6869")},
		"plain, one of several":               {[]byte("hi"), 0, unhex("0000 0000 0200 0200 6869")},
		"obfuscated":                          {[]byte("hi"), PayloadXorMagic | PayloadLast, unhex("0000 0600 0200 0200 cdcc")},
		"compressed":                          {run, PayloadCompressed | PayloadLast, unhex("0000 0500 0900 6400 ffffff7f 41 0700 0f 4a")},
		"compressed, one of several":          {run, PayloadCompressed, unhex("0000 0100 0900 6400 ffffff7f 41 0700 0f 4a")},
		"compressed, then obfuscated":         {run, PayloadCompressed | PayloadXorMagic | PayloadLast, unhex("0000 0700 0900 6400 5a5a5ada e4 a2a5 aa ef")},
		"too short to be compressed":          {[]byte("hi"), PayloadCompressed | PayloadLast, unhex("0000 0400 0200 0200 6869")},
		"as long compressed as it is":         {run[:8], PayloadCompressed | PayloadLast, unhex("0000 0500 0700 0800 ffffff7f 41 0400")},
		"too short, and obfuscated":           {[]byte("hi"), PayloadCompressed | PayloadXorMagic | PayloadLast, unhex("0000 0600 0200 0200 cdcc")},
		"nothing, with every flag":            {nil, PayloadCompressed | PayloadXorMagic | PayloadLast, unhex("0000 0600 0000 0000")},
		"seven bytes that would stay as many": {run[:7], PayloadCompressed | PayloadLast, unhex("0000 0400 0700 0700 41414141414141")},
	} {
		got := AppendPayloadAs([]byte("before"), tt.payload, tt.flags)
		if want := append([]byte("before"), tt.want...); !bytes.Equal(got, want) {
			t.Errorf("%s: got % x, want % x", name, got, want)
		}
	}
}

func TestAppendRopBuffersPacked(t *testing.T) {
	for _, v := range vectors(t) {
		if v.name == "rop-buffers-packed" {
			// Whether the caller asks for Last or not, only the last one has it.
			for _, last := range []PayloadFlags{0, PayloadLast} {
				if got := AppendRopBuffers(nil, v.want.([]RopBuffer), PayloadCompressed|PayloadXorMagic|last); !bytes.Equal(got, v.b) {
					t.Errorf("flags %d: got % x, want % x", last, got, v.b)
				}
			}
			return
		}
	}
	t.Error("the vector is missing")
}

// A compressed buffer of a list may be longer than 32 KiB only when it is alone.
func TestAppendRopBuffersAlone(t *testing.T) {
	long := []RopBuffer{{Rops: prose(40 << 10)}}
	got, err := ParseRopBuffers(AppendRopBuffers(nil, long, PayloadCompressed))
	if err != nil || len(got) != 1 || !bytes.Equal(got[0].Rops, long[0].Rops) {
		t.Errorf("%d buffers, %v", len(got), err)
	}
	if b := AppendRopBuffers([]byte("x"), nil, PayloadLast); string(b) != "x" {
		t.Errorf("no buffers give % x", b)
	}
}
