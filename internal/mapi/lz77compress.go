package mapi

import (
	"encoding/binary"
	"fmt"
)

const (
	window   = 8192 // how far back a match may begin: 13 bits
	minMatch = 3
	maxTries = 32 // how many earlier places are looked at for the longest match
	hashBits = 13
)

// Compress appends src to dst compressed by DIRECT2, the plain LZ77 of
// [MS-OXCRPC] 3.1.4.1.1.2 and [MS-XCA] 2.3, for [Decompress]. It allocates
// nothing when dst has room: src grows by an eighth and four bytes at most. It
// panics when src is longer than [MaxPayload].
func Compress(dst, src []byte) []byte {
	if len(src) > MaxPayload {
		panic(fmt.Sprintf("mapi: compression of %d bytes", len(src)))
	}
	// A place is kept as the place behind it, so that 0 is none.
	var latest [1 << hashBits]uint16 // the latest place of each hash
	var earlier [window]uint16       // of each place in the window, the one before with the same hash
	enter := func(at int) {
		if at+minMatch <= len(src) {
			h := hash(src[at:])
			earlier[at%window] = latest[h]
			latest[h] = uint16(at + 1)
		}
	}
	var (
		maskAt = len(dst)
		mask   uint32
		bits   = 32 // of the mask, not yet used
		shared = -1 // where the length byte lies of which only the low half is used
	)
	dst = append(dst, 0, 0, 0, 0)
	for at := 0; at < len(src); {
		distance, length := 0, 0
		if at+minMatch <= len(src) {
			place := int(latest[hash(src[at:])])
			for tries := maxTries; place > 0 && at-(place-1) <= window && tries > 0; tries-- {
				from := place - 1
				if n := common(src[from:], src[at:], length); n > length {
					distance, length = at-from, n
				}
				place = int(earlier[from%window])
			}
		}
		mask <<= 1
		bits--
		if length < minMatch {
			enter(at)
			dst = append(dst, src[at])
			at++
		} else {
			mask |= 1
			dst = appendMatch(dst, distance, length, &shared)
			for end := at + length; at < end; at++ {
				enter(at)
			}
		}
		if bits == 0 {
			binary.LittleEndian.PutUint32(dst[maskAt:], mask)
			maskAt, mask, bits = len(dst), 0, 32
			dst = append(dst, 0, 0, 0, 0)
		}
	}
	// The end has no other mark than a mask that is full of ones.
	binary.LittleEndian.PutUint32(dst[maskAt:], mask<<bits|(1<<bits-1))
	return dst
}

// hash maps the three bytes that p starts with.
func hash(p []byte) uint32 {
	return (uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16) * 0x9E3779B1 >> (32 - hashBits)
}

// common returns how many bytes a and b, the later and so the shorter of two
// tails, start with in common; or 0 if that cannot be more than best.
func common(a, b []byte, best int) int {
	if best >= len(b) || a[best] != b[best] {
		return 0
	}
	n := 0
	for n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// appendMatch adds a match in the form that [readMatch] reads.
func appendMatch(b []byte, distance, length int, shared *int) []byte {
	n := length - minMatch
	b = binary.LittleEndian.AppendUint16(b, uint16((distance-1)<<3|min(n, 7)))
	if n < 7 {
		return b
	}
	half := byte(min(n-7, 15))
	if *shared < 0 {
		*shared = len(b)
		b = append(b, half)
	} else {
		b[*shared] |= half << 4
		*shared = -1
	}
	if half < 15 {
		return b
	}
	if n < 7+15+255 {
		return append(b, byte(n-7-15))
	}
	return binary.LittleEndian.AppendUint16(append(b, 255), uint16(n))
}
