package mapi

import (
	"encoding/binary"
	"slices"
)

// Decompress appends to dst the size bytes that src holds compressed by
// DIRECT2, the plain LZ77 of [MS-OXCRPC] 3.1.4.1.1.2 and [MS-XCA] 2.4. It does
// not allocate when dst has room for them. It refuses a size over
// [MaxPayload], a src that gives fewer bytes or more, and bytes left over in
// src, except for one mask of ones, with which an encoder ends that has filled
// its last mask.
func Decompress(dst, src []byte, size int) ([]byte, error) {
	if size < 0 || size > MaxPayload {
		return nil, &SyntaxError{Message: "compressed payload", Field: "SizeActual", Why: "not between 0 and 65535"}
	}
	r := reader{message: "compressed payload", b: src}
	start := len(dst)
	end := start + size
	dst = slices.Grow(dst, size)
	shared := -1 // where the length byte lies of which only the low half is used
	mask, bits := uint32(0), 0
	for len(dst) < end {
		if bits == 0 {
			mask, bits = r.u32("mask"), 32
		}
		match := mask&(1<<31) != 0
		mask <<= 1
		bits--
		if !match {
			dst = append(dst, r.u8("literal"))
		} else {
			at := r.off
			distance, length := readMatch(&r, &shared)
			switch {
			case r.err != nil:
			case distance > len(dst)-start:
				r.failAt(at, "match", "it starts before the output")
			case length > end-len(dst):
				r.failAt(at, "match", "it runs over SizeActual")
			}
			if r.err == nil {
				// Byte by byte: a match may overlap what it produces.
				for from := len(dst) - distance; length > 0; length-- {
					dst = append(dst, dst[from])
					from++
				}
			}
		}
		if r.err != nil {
			return nil, r.err
		}
	}
	if rest := src[r.off:]; len(rest) == 4 && binary.LittleEndian.Uint32(rest) == 0xFFFFFFFF {
		r.off += 4
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return dst, nil
}

// readMatch reads a match ([MS-OXCRPC] 3.1.4.1.1.2.2): 13 bits of distance and
// 3 bits of length, of which 7 means that more follows: half a byte, shared
// with the next match of the kind, then a byte, then 16 bits.
func readMatch(r *reader, shared *int) (distance, length int) {
	m := int(r.u16("match"))
	distance, length = m>>3+1, m&7
	if length < 7 {
		return distance, length + 3
	}
	if *shared < 0 {
		*shared = r.off
		length = int(r.u8("match length") & 0x0F)
	} else {
		length = int(r.b[*shared] >> 4)
		*shared = -1
	}
	if length < 15 {
		return distance, length + 10
	}
	if length = int(r.u8("match length")); length < 255 {
		return distance, length + 25
	}
	at := r.off
	if length = int(r.u16("match length")); length < 22 {
		// 22 and less have shorter forms; 0 would announce 32 bits.
		r.failAt(at, "match length", "too small for its form")
	}
	return distance, length + 3
}
