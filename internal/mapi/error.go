package mapi

import "fmt"

// SyntaxError says that bytes do not form the message that they should.
type SyntaxError struct {
	Message string // the message, such as "connect response"
	Field   string // the field, by its name in the specification
	Offset  int    // where, in bytes from the start of the message
	Why     string // what is wrong there
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("malformed %s: %s at byte %d: %s", e.Message, e.Field, e.Offset, e.Why)
}
