package mapi

import (
	"maps"
	"slices"
	"testing"
)

// measured returns every message with its longest vector, which shows most of
// what it can carry.
func measured(tb testing.TB) map[string]vector {
	list := map[string]vector{}
	for name, m := range messages {
		for _, v := range vectors(tb) {
			if v.messageName == name && !v.decodeOnly && len(v.b) >= len(list[name].b) {
				list[name] = v
			}
		}
		if _, ok := list[name]; !ok || m.measured == nil {
			tb.Errorf("%s cannot be measured", name)
		}
	}
	return list
}

func TestEveryMessageIsMeasured(t *testing.T) {
	for name, v := range measured(t) {
		write, read := v.message.measured(v.want)
		if err := read(write(nil)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// BenchmarkMessages writes every message into a buffer that has room, and reads
// it.
func BenchmarkMessages(b *testing.B) {
	list := measured(b)
	for _, name := range slices.Sorted(maps.Keys(list)) {
		v := list[name]
		write, read := v.message.measured(v.want)
		buffer := write(nil)
		b.Run(name+"/append", func(b *testing.B) {
			b.SetBytes(int64(len(buffer)))
			b.ReportAllocs()
			for b.Loop() {
				buffer = write(buffer[:0])
			}
		})
		b.Run(name+"/parse", func(b *testing.B) {
			b.SetBytes(int64(len(buffer)))
			b.ReportAllocs()
			for b.Loop() {
				if err := read(buffer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
