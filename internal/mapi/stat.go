package mapi

import "encoding/binary"

// Stat is where the client stands in an address book container
// ([MS-OXNSPI] 2.2.8 STAT), 36 bytes:
//
//	SortType         4
//	ContainerID      4
//	CurrentRec       4
//	Delta            4   signed
//	NumPos           4
//	TotalRecs        4
//	CodePage         4
//	TemplateLocale   4
//	SortLocale       4
type Stat struct {
	SortType       uint32 // 0: by display name
	ContainerID    uint32 // 0: the global address list
	CurrentRec     uint32 // 0: the beginning of the table
	Delta          int32  // rows from CurrentRec
	NumPos         uint32 // about where CurrentRec is, in rows
	TotalRecs      uint32 // about how many rows there are
	CodePage       uint32 // such as 1252; a server refuses 1200, which is Unicode ([MS-OXNSPI] 3.1.4.1.1)
	TemplateLocale uint32 // such as 0x0409
	SortLocale     uint32 // such as 0x0409
}

func appendStat(b []byte, s *Stat) []byte {
	b = binary.LittleEndian.AppendUint32(b, s.SortType)
	b = binary.LittleEndian.AppendUint32(b, s.ContainerID)
	b = binary.LittleEndian.AppendUint32(b, s.CurrentRec)
	b = binary.LittleEndian.AppendUint32(b, uint32(s.Delta))
	b = binary.LittleEndian.AppendUint32(b, s.NumPos)
	b = binary.LittleEndian.AppendUint32(b, s.TotalRecs)
	b = binary.LittleEndian.AppendUint32(b, s.CodePage)
	b = binary.LittleEndian.AppendUint32(b, s.TemplateLocale)
	return binary.LittleEndian.AppendUint32(b, s.SortLocale)
}

func (r *reader) stat() *Stat {
	return &Stat{
		SortType:       r.u32("SortType"),
		ContainerID:    r.u32("ContainerID"),
		CurrentRec:     r.u32("CurrentRec"),
		Delta:          int32(r.u32("Delta")),
		NumPos:         r.u32("NumPos"),
		TotalRecs:      r.u32("TotalRecs"),
		CodePage:       r.u32("CodePage"),
		TemplateLocale: r.u32("TemplateLocale"),
		SortLocale:     r.u32("SortLocale"),
	}
}
