package mapi

import (
	"encoding/binary"
	"math/bits"
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
	d := decompression{
		r:      reader{message: "compressed payload", b: src},
		out:    slices.Grow(dst, size),
		start:  len(dst),
		end:    len(dst) + size,
		shared: -1,
	}
	d.fast()
	d.careful()
	if rest := src[d.r.off:]; d.r.err == nil && len(rest) == 4 && binary.LittleEndian.Uint32(rest) == 0xFFFFFFFF {
		d.r.off += 4
	}
	if err := d.r.end(); err != nil {
		return nil, err
	}
	return d.out, nil
}

// decompression is where a decoder stands between two tokens, which are
// literals and matches.
type decompression struct {
	r          reader // what is left to read
	out        []byte // with room up to end
	start, end int    // where in out the output begins and must end
	mask       uint32 // one bit a token, from the highest: 1 for a match
	bits       int    // how many of the bits are left
	shared     int    // where the length byte lies of which only the low half is used; -1: there is none
}

// careful reads to the end of the output, token by token, and says what is
// wrong and where.
func (d *decompression) careful() {
	r := &d.r
	for len(d.out) < d.end && r.err == nil {
		if d.bits == 0 {
			d.mask, d.bits = r.u32("mask"), 32
		}
		match := d.mask&(1<<31) != 0
		d.mask <<= 1
		d.bits--
		if !match {
			d.out = append(d.out, r.u8("literal"))
			continue
		}
		at := r.off
		distance, length := readMatch(r, &d.shared)
		if r.err == nil && distance > len(d.out)-d.start {
			r.failAt(at, "match", "it starts before the output")
		}
		if r.err == nil && length > d.end-len(d.out) {
			r.failAt(at, "match", "it runs over SizeActual")
		}
		if r.err == nil {
			n := len(d.out)
			d.out = d.out[:n+length]
			copyMatch(d.out, n, distance, length)
		}
	}
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

// copyMatch copies length bytes within out to n, from distance before. A match
// that overlaps what it produces repeats it: each copy doubles what is there to
// be copied.
func copyMatch(out []byte, n, distance, length int) {
	from := n - distance
	for length > 0 {
		k := copy(out[n:n+length], out[from:n])
		n += k
		length -= k
	}
}

// The fast decoder leaves the ends to the careful one: it goes on only where the
// input has a mask and the longest match, and the output has room for all the
// literals that a mask can announce.
const (
	fastInput  = 4 + 2 + 1 + 1 + 2
	fastOutput = 32
)

// fast reads while all is well. Before a token that it does not like it stops,
// for careful to read it again.
func (d *decompression) fast() {
	src, out := d.r.b, d.out[:d.end]
	in, n := d.r.off, len(d.out)
	mask, left, shared := d.mask, d.bits, d.shared
	for in <= len(src)-fastInput && n <= len(out)-fastOutput {
		if left == 0 {
			mask, left = binary.LittleEndian.Uint32(src[in:]), 32
			in += 4
		}
		if run := min(bits.LeadingZeros32(mask), left); run > 0 {
			if run > len(src)-in {
				break
			}
			copy(out[n:n+run], src[in:in+run])
			in += run
			n += run
			left -= run
			mask <<= run
			continue
		}
		m := int(binary.LittleEndian.Uint16(src[in:]))
		distance, length := m>>3+1, m&7+3
		after, half := in+2, shared
		if length == 10 {
			if half < 0 {
				half = after
				length += int(src[after] & 0x0F)
				after++
			} else {
				length += int(src[half] >> 4)
				half = -1
			}
			if length == 25 {
				length += int(src[after])
				after++
				if length == 280 {
					length = int(binary.LittleEndian.Uint16(src[after:])) + 3
					after += 2
					if length < 25 {
						break
					}
				}
			}
		}
		if distance > n-d.start || length > len(out)-n {
			break
		}
		copyMatch(out, n, distance, length)
		n += length
		in, shared = after, half
		left--
		mask <<= 1
	}
	d.r.off, d.out = in, out[:n]
	d.mask, d.bits, d.shared = mask, left, shared
}
