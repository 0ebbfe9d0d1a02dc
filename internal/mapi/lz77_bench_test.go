package mapi

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"testing"
	"time"
)

// words are the most frequent of English, by about their frequency.
var words = []string{
	"the", "of", "and", "to", "in", "a", "is", "that", "for", "it", "was", "as", "with", "on", "by", "be", "at", "this",
	"from", "have", "are", "which", "mailbox", "server", "not", "message", "folder", "meeting", "their", "would", "about",
	"people", "calendar", "tomorrow", "please", "attached", "regards", "between", "different", "administrator",
}

// prose returns n bytes of English-like text, the same on each call.
func prose(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var b []byte
	for sentence := 0; len(b) < n; {
		// The minimum of two draws: the first words come most often.
		b = append(b, words[min(random.IntN(len(words)), random.IntN(len(words)))]...)
		if sentence++; sentence%(7+random.IntN(9)) == 0 {
			b = append(b, ". "...)
		} else {
			b = append(b, ' ')
		}
	}
	return b[:n]
}

// The figure ratio is the time of compress/flate for the same text, divided by
// ours: both in turns, in one run, so that what else the machine does weighs on
// both.
func BenchmarkDecompress(b *testing.B) {
	text := prose(32 << 10)
	compressed := Compress(nil, text)
	var deflated bytes.Buffer
	w, err := flate.NewWriter(&deflated, flate.DefaultCompression)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	dst := make([]byte, 0, len(text))
	input := bytes.NewReader(nil)
	flater := flate.NewReader(input)
	var ours, theirs time.Duration
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		at := time.Now()
		got, err := Decompress(dst, compressed, len(text))
		ours += time.Since(at)

		b.StopTimer()
		at = time.Now()
		input.Reset(deflated.Bytes())
		if err := flater.(flate.Resetter).Reset(input, nil); err != nil {
			b.Fatal(err)
		}
		n, err2 := io.ReadFull(flater, dst[:len(text)])
		theirs += time.Since(at)
		b.StartTimer()
		if err != nil || err2 != nil || len(got) != n {
			b.Fatal(err, err2)
		}
	}
	ratio := theirs.Seconds() / ours.Seconds()
	b.ReportMetric(ratio, "ratio")
	b.ReportMetric(float64(len(compressed)), "compressed-B")
	b.ReportMetric(float64(deflated.Len()), "flate-B")
	if ratio < 1 {
		b.Errorf("compress/flate is faster: ratio %.2f", ratio)
	}
}

func BenchmarkCompress(b *testing.B) {
	text := prose(32 << 10)
	dst := make([]byte, 0, len(text))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if got := Compress(dst, text); len(got) == 0 {
			b.Fatal("nothing")
		}
	}
}
