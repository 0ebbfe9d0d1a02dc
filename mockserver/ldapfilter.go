package mockserver

import (
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// The choices of a filter (RFC 4511 4.5.1.7) that are understood; any other one
// meets nothing.
const (
	filterAnd      = 0
	filterOr       = 1
	filterNot      = 2
	filterEquality = 3
	filterPresent  = 7
)

// matches reports whether a filter meets e.
func matches(e *entry, filter *ber.Packet) bool {
	if filter == nil || filter.ClassType != ber.ClassContext {
		return false
	}
	switch filter.Tag {
	case filterAnd:
		for _, f := range filter.Children {
			if !matches(e, f) {
				return false
			}
		}
		return true
	case filterOr:
		for _, f := range filter.Children {
			if matches(e, f) {
				return true
			}
		}
	case filterNot:
		return len(filter.Children) == 1 && !matches(e, filter.Children[0])
	case filterPresent:
		name := text(filter)
		return strings.EqualFold(name, "objectClass") || len(e.values(name)) > 0
	case filterEquality:
		name, want := text(child(filter, 0)), text(child(filter, 1))
		for _, v := range e.values(name) {
			if strings.EqualFold(v, want) {
				return true
			}
		}
		// Active Directory takes the name of a class for its category.
		return strings.EqualFold(name, "objectCategory") && strings.EqualFold(want, "serviceConnectionPoint") && len(e.values(name)) > 0
	}
	return false
}
