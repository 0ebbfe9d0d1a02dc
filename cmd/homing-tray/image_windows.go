//go:build tray

package main

import (
	"encoding/binary"
	"slices"

	"github.com/homing-mail/homing/ui"
)

// image is a picture as the tray of this system takes it: an ICO file that holds
// one PNG, whose size Windows reads in the PNG itself.
func image(i ui.Icon) []byte {
	png := i.PNG()
	const header = 6 + 16
	le := binary.LittleEndian
	ico := le.AppendUint16(nil, 0)
	ico = le.AppendUint16(ico, 1)  // an icon
	ico = le.AppendUint16(ico, 1)  // one picture
	ico = append(ico, 0, 0, 0, 0)  // width, height: of the PNG; no palette
	ico = le.AppendUint16(ico, 1)  // planes
	ico = le.AppendUint16(ico, 32) // bits a pixel
	ico = le.AppendUint32(ico, uint32(len(png)))
	ico = le.AppendUint32(ico, header)
	return slices.Concat(ico, png)
}
