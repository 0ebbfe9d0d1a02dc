// Package mapi is the wire of MAPI/HTTP, in both directions: the request and
// response bodies of the mailbox endpoint ([MS-OXCMAPIHTTP] 2.2.4) and those of
// the address book endpoint that lead to a server (2.2.5), the answer stream
// around them (2.2.7), the ROP buffer, its header and its compression
// ([MS-OXCRPC] 2.2.2.1, 3.1.4.1.1, [MS-OXCROPS] 2.2.1), the few ROPs that a
// logon needs, and the codes that come back.
//
// It turns bytes into structures and structures into bytes and does nothing
// else: no network, no retry, no judgement beyond the class of a [Code].
//
// Every message type has a pair of methods:
//
//	Append(b []byte) []byte      // adds the message to b
//	Parse(b []byte) error        // bodies: b is the whole body
//	Parse(b []byte) (rest []byte, err error)  // ROPs: one after the other in a list
//
// Parse refuses what is cut short, what claims more than there is, and, for a
// body, what follows the end; the error is a [*SyntaxError]. It leaves the
// message as it was when it fails. Byte slices of a parsed message are parts
// of b, not copies. Integers are little-endian.
//
// Append has no error. It cuts a string at its limit and at the first character
// that its field cannot hold, so that Parse accepts what it wrote; a caller to
// whom that matters asks [CheckDN] first. The limits of byte slices are for the
// caller to keep.
package mapi
