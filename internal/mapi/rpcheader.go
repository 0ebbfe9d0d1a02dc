package mapi

import (
	"encoding/binary"
	"fmt"
)

// PayloadFlags are the Flags of RPC_HEADER_EXT ([MS-OXCRPC] 2.2.2.1).
type PayloadFlags uint16

const (
	PayloadCompressed PayloadFlags = 0x0001 // Compressed: by DIRECT2
	PayloadXorMagic   PayloadFlags = 0x0002 // XorMagic: obfuscated, each byte XOR 0xA5
	PayloadLast       PayloadFlags = 0x0004 // Last: no further payload follows
)

const xorMagic = 0xA5 // [MS-OXCRPC] 3.1.4.1.1.3

// MaxPayload is the length in bytes of the longest payload: its size is a
// 16-bit field.
const MaxPayload = 0xFFFF

// AppendPayload adds payload to b behind an RPC_HEADER_EXT that says: plain,
// the last one ([MS-OXCRPC] 2.2.2.1). It panics when payload is longer than
// [MaxPayload].
//
//	Version      2   0
//	Flags        2   Compressed 1, XorMagic 2, Last 4
//	Size         2   bytes that follow
//	SizeActual   2   bytes of the payload
func AppendPayload(b, payload []byte) []byte { return AppendPayloadAs(b, payload, PayloadLast) }

// AppendPayloadAs is [AppendPayload] in the form that flags ask for
// ([MS-OXCRPC] 3.1.4.1.1). It compresses, and says so in the header, only when
// that makes the payload shorter; then it obfuscates.
func AppendPayloadAs(b, payload []byte, flags PayloadFlags) []byte {
	if len(payload) > MaxPayload {
		panic(fmt.Sprintf("mapi: payload of %d bytes", len(payload)))
	}
	header := len(b)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	start := len(b)
	if flags&PayloadCompressed != 0 {
		b = Compress(b, payload)
		if len(b)-start >= len(payload) {
			b = b[:start]
			flags &^= PayloadCompressed
		}
	}
	if flags&PayloadCompressed == 0 {
		b = append(b, payload...)
	}
	if flags&PayloadXorMagic != 0 {
		for i := start; i < len(b); i++ {
			b[i] ^= xorMagic
		}
	}
	binary.LittleEndian.PutUint16(b[header+2:], uint16(flags))
	binary.LittleEndian.PutUint16(b[header+4:], uint16(len(b)-start))
	binary.LittleEndian.PutUint16(b[header+6:], uint16(len(payload)))
	return b
}

// ReadPayload reads one RPC_HEADER_EXT and the payload behind it, and returns
// what follows them in rest. It undoes XorMagic, then compression
// ([MS-OXCRPC] 3.1.4.1.1); a plain payload is a part of b, not a copy. last
// reports whether the header says that no further payload follows; the caller
// compares that with rest.
func ReadPayload(b []byte) (payload, rest []byte, last bool, err error) {
	r := reader{message: "rpc header", b: b}
	version := r.u16("Version")
	flags := PayloadFlags(r.u16("Flags"))
	size := int(r.u16("Size"))
	actual := int(r.u16("SizeActual"))
	if r.err == nil && version != 0 {
		r.failAt(0, "Version", fmt.Sprintf("want 0, have %d", version))
	}
	if r.err == nil && flags&PayloadCompressed == 0 && actual != size {
		r.failAt(6, "SizeActual", fmt.Sprintf("%d differs from Size %d of a payload that is not compressed", actual, size))
	}
	payload = r.take("payload", size)
	if r.err != nil {
		return nil, nil, false, r.err
	}
	if flags&PayloadXorMagic != 0 && size > 0 {
		plain := make([]byte, size)
		for i, c := range payload {
			plain[i] = c ^ xorMagic
		}
		payload = plain
	}
	if flags&PayloadCompressed != 0 {
		if payload, err = Decompress(nil, payload, actual); err != nil {
			return nil, nil, false, err
		}
	}
	return payload, b[r.off:], flags&PayloadLast != 0, nil
}

// readOnly reads the payload of a buffer that has exactly one.
func readOnly(message string, b []byte) ([]byte, error) {
	payload, rest, last, err := ReadPayload(b)
	if err != nil {
		return nil, err
	}
	if !last || len(rest) > 0 {
		return nil, &SyntaxError{
			Message: message, Field: "Flags", Offset: 2,
			Why: fmt.Sprintf("want one payload and the flag Last, have Last %t and %d bytes behind it", last, len(rest)),
		}
	}
	return payload, nil
}
