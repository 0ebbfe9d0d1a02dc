package mapi

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf16"
)

// reader reads the fields of one message. After the first failure every read
// returns zero, and err tells what it was: check it once, at the end.
type reader struct {
	message string
	b       []byte
	off     int
	err     error
}

// failAt notes the first failure, at byte off.
func (r *reader) failAt(off int, field, why string) {
	if r.err == nil {
		r.err = &SyntaxError{Message: r.message, Field: field, Offset: off, Why: why}
	}
}

// take returns the next n bytes, or nil when n is 0 or there are not as many.
func (r *reader) take(field string, n int) []byte {
	if r.err != nil {
		return nil
	}
	if left := len(r.b) - r.off; n > left {
		r.failAt(r.off, field, fmt.Sprintf("need %d bytes, have %d", n, left))
		return nil
	}
	if n == 0 {
		return nil
	}
	p := r.b[r.off : r.off+n : r.off+n]
	r.off += n
	return p
}

func (r *reader) u8(field string) uint8 {
	if p := r.take(field, 1); p != nil {
		return p[0]
	}
	return 0
}

func (r *reader) u16(field string) uint16 {
	if p := r.take(field, 2); p != nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

func (r *reader) u32(field string) uint32 {
	if p := r.take(field, 4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (r *reader) u64(field string) uint64 {
	if p := r.take(field, 8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

func (r *reader) code(field string) Code { return Code(r.u32(field)) }

func (r *reader) guid(field string) (g GUID) {
	copy(g[:], r.take(field, len(g)))
	return g
}

func (r *reader) folderID(field string) (id FolderID) {
	copy(id[:], r.take(field, len(id)))
	return id
}

// ropID reads the RopId that a ROP starts with.
func (r *reader) ropID(want RopID) {
	off := r.off
	if id := RopID(r.u8("RopId")); r.err == nil && id != want {
		r.failAt(off, "RopId", fmt.Sprintf("want %v, have %v", want, id))
	}
}

// sized reads a 32-bit length of at most limit and as many bytes.
func (r *reader) sized(field string, limit uint32) []byte {
	off := r.off
	n := r.u32(field)
	if n > limit {
		r.failAt(off, field, fmt.Sprintf("length %d is over the limit of %d", n, limit))
	}
	return r.take(field, int(n))
}

func (r *reader) aux() []byte { return r.sized("AuxiliaryBuffer", maxAux) }

// ascii reads an ASCII string of at most limit bytes and its NUL.
func (r *reader) ascii(field string, limit int) string {
	if r.err != nil {
		return ""
	}
	left := r.b[r.off:]
	n := bytes.IndexByte(left[:min(len(left), limit+1)], 0)
	if n < 0 {
		r.failAt(r.off, field, fmt.Sprintf("no final NUL within %d bytes", min(len(left), limit+1)))
		return ""
	}
	if why := checkASCII(left[:n]); why != "" {
		r.failAt(r.off, field, why)
		return ""
	}
	r.off += n + 1
	return string(left[:n])
}

// unicode reads a UTF-16 string of at most limit units and its NUL. A lone
// surrogate becomes U+FFFD.
func (r *reader) unicode(field string, limit int) string {
	if r.err != nil {
		return ""
	}
	off := r.off
	var units []uint16
	for {
		u := r.u16(field)
		if r.err != nil {
			return ""
		}
		if u == 0 {
			return string(utf16.Decode(units))
		}
		if len(units) == limit {
			r.failAt(off, field, fmt.Sprintf("no final NUL within %d units", limit+1))
			return ""
		}
		units = append(units, u)
	}
}

// end returns the first failure. A body must have been read to its last byte.
func (r *reader) end() error {
	if r.err == nil && r.off < len(r.b) {
		r.failAt(r.off, "end", fmt.Sprintf("%d bytes follow", len(r.b)-r.off))
	}
	return r.err
}

// rest returns what follows a ROP in its list, or the first failure.
func (r *reader) rest() ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	return r.b[r.off:], nil
}
