package mapi

import (
	"encoding/binary"
	"unicode/utf16"
)

// Limits of what is read and written, in bytes where nothing else is said.
const (
	maxServerName   = 254  // the size with NUL is one byte ([MS-OXCROPS] 2.2.3.1.4)
	maxMessageClass = 255  // with NUL 256 ([MS-OXCSTOR] 2.2.1.2.1.2)
	maxDisplayName  = 1024 // UTF-16 units
	maxServerURL    = 4096 // UTF-16 units
	maxAux          = 64 << 10
	maxRopBuffer    = 0x40000 // [MS-OXCMAPIHTTP] 2.2.4.2.1
)

// grow makes room for n more bytes.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	return append(make([]byte, 0, len(b)+n), b...)
}

// cutASCII returns s up to limit bytes and up to the first byte that an ASCII
// field cannot hold.
func cutASCII(s string, limit int) string {
	s = s[:min(len(s), limit)]
	for i := range len(s) {
		if !printable(s[i]) {
			return s[:i]
		}
	}
	return s
}

// appendASCII adds s and a NUL.
func appendASCII(b []byte, s string, limit int) []byte {
	return append(append(b, cutASCII(s, limit)...), 0)
}

// appendUnicode adds s as UTF-16 and a NUL of two bytes.
func appendUnicode(b []byte, s string, limit int) []byte {
	n := 0
	for _, c := range s {
		if n += utf16.RuneLen(c); c == 0 || n > limit {
			break
		}
		if high, low := utf16.EncodeRune(c); utf16.RuneLen(c) == 2 {
			b = binary.LittleEndian.AppendUint16(b, uint16(high))
			b = binary.LittleEndian.AppendUint16(b, uint16(low))
		} else {
			b = binary.LittleEndian.AppendUint16(b, uint16(c))
		}
	}
	return append(b, 0, 0)
}

// appendSized adds the 32-bit length of p and p.
func appendSized(b, p []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(p))), p...)
}
