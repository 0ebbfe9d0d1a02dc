package mapi

import (
	"errors"
	"reflect"
)

// message is a message as the tests of all of them see it.
type message struct {
	goType string // whose Append and Parse it goes through; empty for functions
	decode func(b []byte) (any, error)
	encode func(v any) []byte // nil bytes: v has no encoding here

	// measured returns for a benchmark how v is written, and how it is read.
	measured func(v any) (write func(b []byte) []byte, read func(b []byte) error)
}

// body is a message that fills a body.
func body[T any, P interface {
	*T
	Append([]byte) []byte
	Parse([]byte) error
}]() message {
	return message{
		goType: reflect.TypeFor[T]().Name(),
		decode: func(b []byte) (any, error) {
			var v T
			err := P(&v).Parse(b)
			return v, err
		},
		encode: func(v any) []byte {
			t := v.(T)
			return P(&t).Append(nil)
		},
		measured: func(v any) (func([]byte) []byte, func([]byte) error) {
			t := v.(T)
			return P(&t).Append, P(new(T)).Parse
		},
	}
}

// rop is a ROP, alone in its list.
func rop[T any, P interface {
	*T
	Append([]byte) []byte
	Parse([]byte) ([]byte, error)
}]() message {
	return message{
		goType: reflect.TypeFor[T]().Name(),
		decode: func(b []byte) (any, error) {
			var v T
			rest, err := P(&v).Parse(b)
			if err == nil && len(rest) > 0 {
				err = errors.New("bytes follow")
			}
			return v, err
		},
		encode: func(v any) []byte {
			t := v.(T)
			return P(&t).Append(nil)
		},
		measured: func(v any) (func([]byte) []byte, func([]byte) error) {
			t, again := v.(T), P(new(T))
			return P(&t).Append, func(b []byte) error {
				_, err := again.Parse(b)
				return err
			}
		},
	}
}

// What the functions of the package return, as one value each.
type (
	payload struct {
		Payload, Rest []byte
		Last          bool
	}
	ropBuffer struct {
		Rops    []byte
		Handles []uint32
	}
	responseList struct {
		List []RopResponse
		Rest []byte
	}
)

var messages = map[string]message{
	"connect request":                body[ConnectRequest](),
	"connect response":               body[ConnectResponse](),
	"execute request":                body[ExecuteRequest](),
	"execute response":               body[ExecuteResponse](),
	"disconnect request":             body[DisconnectRequest](),
	"disconnect response":            body[DisconnectResponse](),
	"notification wait request":      body[NotificationWaitRequest](),
	"notification wait response":     body[NotificationWaitResponse](),
	"bind request":                   body[BindRequest](),
	"bind response":                  body[BindResponse](),
	"unbind request":                 body[UnbindRequest](),
	"unbind response":                body[UnbindResponse](),
	"get mailbox url request":        body[GetMailboxURLRequest](),
	"get mailbox url response":       body[GetMailboxURLResponse](),
	"get address book url request":   body[GetAddressBookURLRequest](),
	"get address book url response":  body[GetAddressBookURLResponse](),
	"logon request":                  rop[LogonRequest](),
	"logon response":                 rop[LogonResponse](),
	"register notification request":  rop[RegisterNotificationRequest](),
	"register notification response": rop[RegisterNotificationResponse](),
	"get receive folder request":     rop[GetReceiveFolderRequest](),
	"get receive folder response":    rop[GetReceiveFolderResponse](),
	"release request":                rop[ReleaseRequest](),
	"backoff response":               rop[BackoffResponse](),
	"pending response":               rop[PendingResponse](),
	"buffer too small response":      rop[BufferTooSmallResponse](),
	"payload": {
		decode: func(b []byte) (any, error) {
			var v payload
			var err error
			v.Payload, v.Rest, v.Last, err = ReadPayload(b)
			return v, err
		},
		encode: func(v any) []byte {
			p := v.(payload)
			if !p.Last {
				return nil
			}
			return append(AppendPayload(nil, p.Payload), p.Rest...)
		},
		measured: func(v any) (func([]byte) []byte, func([]byte) error) {
			p := v.(payload)
			return func(b []byte) []byte { return AppendPayload(b, p.Payload) },
				func(b []byte) error { _, _, _, err := ReadPayload(b); return err }
		},
	},
	"rop buffer": {
		decode: func(b []byte) (any, error) {
			var v ropBuffer
			var err error
			v.Rops, v.Handles, err = ParseRopBuffer(b)
			return v, err
		},
		encode: func(v any) []byte {
			return AppendRopBuffer(nil, v.(ropBuffer).Rops, v.(ropBuffer).Handles)
		},
		measured: func(v any) (func([]byte) []byte, func([]byte) error) {
			one := v.(ropBuffer)
			return func(b []byte) []byte { return AppendRopBuffer(b, one.Rops, one.Handles) },
				func(b []byte) error { _, _, err := ParseRopBuffer(b); return err }
		},
	},
	"rop buffers": {
		decode: func(b []byte) (any, error) { return ParseRopBuffers(b) },
		encode: func(v any) []byte { return AppendRopBuffers(nil, v.([]RopBuffer), 0) },
		measured: func(v any) (func([]byte) []byte, func([]byte) error) {
			list := v.([]RopBuffer)
			return func(b []byte) []byte { return AppendRopBuffers(b, list, 0) },
				func(b []byte) error { _, err := ParseRopBuffers(b); return err }
		},
	},
	"rop list request": {
		decode: func(b []byte) (any, error) { return ParseRequests(b) },
		encode: func(v any) []byte {
			b := []byte{}
			for _, rop := range v.([]RopRequest) {
				b = rop.Append(b)
			}
			return b
		},
		measured: func(v any) (func([]byte) []byte, func([]byte) error) {
			list := v.([]RopRequest)
			return func(b []byte) []byte {
					for _, rop := range list {
						b = rop.Append(b)
					}
					return b
				},
				func(b []byte) error { _, err := ParseRequests(b); return err }
		},
	},
	"rop list response": {
		decode: func(b []byte) (any, error) {
			var v responseList
			var err error
			v.List, v.Rest, err = ParseResponses(b)
			return v, err
		},
		encode: func(v any) []byte {
			b := []byte{}
			for _, rop := range v.(responseList).List {
				b = rop.Append(b)
			}
			return append(b, v.(responseList).Rest...)
		},
		measured: func(v any) (func([]byte) []byte, func([]byte) error) {
			list := v.(responseList).List
			return func(b []byte) []byte {
					for _, rop := range list {
						b = rop.Append(b)
					}
					return b
				},
				func(b []byte) error { _, _, err := ParseResponses(b); return err }
		},
	},
	"auxiliary buffer": {
		goType: "AuxBlock",
		decode: func(b []byte) (any, error) {
			var list []AuxBlock
			for block, err := range AuxBlocks(b) {
				if err != nil {
					return nil, err
				}
				list = append(list, block)
			}
			return list, nil
		},
		encode: func(v any) []byte {
			var b []byte
			for _, block := range v.([]AuxBlock) {
				b = block.Append(b)
			}
			return AppendPayload(nil, b)
		},
		measured: func(v any) (func([]byte) []byte, func([]byte) error) {
			list := v.([]AuxBlock)
			var blocks []byte
			return func(b []byte) []byte {
					blocks = blocks[:0]
					for _, block := range list {
						blocks = block.Append(blocks)
					}
					return AppendPayload(b, blocks)
				},
				func(b []byte) error {
					for _, err := range AuxBlocks(b) {
						if err != nil {
							return err
						}
					}
					return nil
				}
		},
	},
}

// decompressed is a compressed payload that should give size bytes.
func decompressed(size int) message {
	return message{
		decode: func(b []byte) (any, error) {
			p, err := Decompress(nil, b, size)
			return string(p), err
		},
		encode: func(v any) []byte { return Compress(nil, []byte(v.(string))) },
	}
}
