package mapi

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// Types of auxiliary block that a logon may look at ([MS-OXCRPC] 2.2.2.2).
const (
	AuxClientControl        uint8 = 0x0A // AUX_CLIENT_CONTROL
	AuxExOrgInfo            uint8 = 0x17 // AUX_EXORGINFO
	AuxServerCapabilities   uint8 = 0x46 // AUX_SERVER_CAPABILITIES
	AuxEndpointCapabilities uint8 = 0x48 // AUX_ENDPOINT_CAPABILITIES
	AuxServerSessionInfo    uint8 = 0x4B // AUX_SERVER_SESSION_INFO
)

// AuxBlock is one block of an auxiliary buffer ([MS-OXCRPC] 2.2.2.2.1).
//
//	Size      2   with these four bytes
//	Version   1
//	Type      1
//	Payload   n
type AuxBlock struct {
	Version uint8
	Type    uint8
	Data    []byte
}

// Append adds the block to b. It panics when Data is longer than 65531 bytes.
func (a *AuxBlock) Append(b []byte) []byte {
	if len(a.Data) > MaxPayload-4 {
		panic(fmt.Sprintf("mapi: auxiliary block of %d bytes", len(a.Data)))
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(a.Data)+4))
	b = append(b, a.Version, a.Type)
	return append(b, a.Data...)
}

// AuxBlocks yields the blocks of the auxiliary buffer aux, which starts with an
// RPC_HEADER_EXT (see [AppendPayload]) or is empty. The reader skips the types
// that it does not know. An error is the last thing that is yielded.
func AuxBlocks(aux []byte) iter.Seq2[AuxBlock, error] {
	return func(yield func(AuxBlock, error) bool) {
		if len(aux) == 0 {
			return
		}
		payload, err := readOnly("auxiliary buffer", aux)
		if err != nil {
			yield(AuxBlock{}, err)
			return
		}
		r := reader{message: "auxiliary buffer", b: payload}
		for r.off < len(payload) {
			at := r.off
			size := int(r.u16("Size"))
			block := AuxBlock{Version: r.u8("Version"), Type: r.u8("Type")}
			if r.err == nil && size < 4 {
				r.failAt(at, "Size", fmt.Sprintf("%d is less than the four bytes of the block header", size))
			}
			if r.err == nil {
				block.Data = r.take("Payload", size-4)
			}
			if r.err != nil {
				yield(AuxBlock{}, r.err)
				return
			}
			if !yield(block, nil) {
				return
			}
		}
	}
}
