package mapi

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The law of every decoder: it does not panic and does not change its input,
// and what it accepts it can write, read again, and find the same.
func fuzzDecode(f *testing.F, name string) {
	m := messages[name]
	for _, v := range vectors(f) {
		f.Add(v.b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		got, err := m.decode(b)
		if !bytes.Equal(before, b) {
			t.Fatal("decoding changed the bytes")
		}
		if err != nil {
			return
		}
		again := m.encode(got)
		if again == nil {
			return
		}
		twice, err := m.decode(again)
		if err != nil {
			t.Fatalf("%+v does not come back from % x: %v", got, again, err)
		}
		if diff := cmp.Diff(got, twice); diff != "" {
			t.Fatalf("-first +second:\n%s", diff)
		}
	})
}

func FuzzConnectRequest(f *testing.F)           { fuzzDecode(f, "connect request") }
func FuzzConnectResponse(f *testing.F)          { fuzzDecode(f, "connect response") }
func FuzzExecuteRequest(f *testing.F)           { fuzzDecode(f, "execute request") }
func FuzzExecuteResponse(f *testing.F)          { fuzzDecode(f, "execute response") }
func FuzzDisconnectRequest(f *testing.F)        { fuzzDecode(f, "disconnect request") }
func FuzzDisconnectResponse(f *testing.F)       { fuzzDecode(f, "disconnect response") }
func FuzzNotificationWaitRequest(f *testing.F)  { fuzzDecode(f, "notification wait request") }
func FuzzNotificationWaitResponse(f *testing.F) { fuzzDecode(f, "notification wait response") }
func FuzzBindRequest(f *testing.F)              { fuzzDecode(f, "bind request") }
func FuzzBindResponse(f *testing.F)             { fuzzDecode(f, "bind response") }
func FuzzUnbindRequest(f *testing.F)            { fuzzDecode(f, "unbind request") }
func FuzzUnbindResponse(f *testing.F)           { fuzzDecode(f, "unbind response") }
func FuzzMailboxURLRequest(f *testing.F)        { fuzzDecode(f, "get mailbox url request") }
func FuzzMailboxURLResponse(f *testing.F)       { fuzzDecode(f, "get mailbox url response") }
func FuzzAddressBookURLRequest(f *testing.F)    { fuzzDecode(f, "get address book url request") }
func FuzzAddressBookURLResponse(f *testing.F)   { fuzzDecode(f, "get address book url response") }
func FuzzPayload(f *testing.F)                  { fuzzDecode(f, "payload") }
func FuzzAuxiliaryBuffer(f *testing.F)          { fuzzDecode(f, "auxiliary buffer") }
func FuzzRopBuffer(f *testing.F)                { fuzzDecode(f, "rop buffer") }
func FuzzRopBuffers(f *testing.F)               { fuzzDecode(f, "rop buffers") }

// The lists reach every ROP.
func FuzzRopRequests(f *testing.F)  { fuzzDecode(f, "rop list request") }
func FuzzRopResponses(f *testing.F) { fuzzDecode(f, "rop list response") }

func FuzzDecompress(f *testing.F) {
	for _, v := range vectors(f) {
		if want, ok := v.want.(string); ok {
			f.Add(v.b, len(want))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		got, err := Decompress([]byte("before"), b, size)
		if size >= 0 && size <= MaxPayload {
			want, wantErr := byToken(b, size)
			if diff := cmp.Diff(wantErr, err); diff != "" {
				t.Fatalf("-token by token +fast:\n%s", diff)
			}
			if err == nil && string(got) != "before"+string(want) {
				t.Fatalf("got %q, token by token %q", got, want)
			}
		}
		if err != nil {
			if got != nil {
				t.Fatalf("%d bytes beside %v", len(got), err)
			}
			return
		}
		if len(got) != len("before")+size || !bytes.HasPrefix(got, []byte("before")) {
			t.Fatalf("%d bytes, want %d behind what was there", len(got), size)
		}
		alone, err := Decompress(nil, b, size)
		if err != nil || !bytes.Equal(alone, got[len("before"):]) {
			t.Fatalf("into nothing: %d bytes, %v: not the same", len(alone), err)
		}
	})
}

// What Compress writes, Decompress reads; and it grows by no more than it says.
func FuzzCompress(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.b)
		if want, ok := v.want.(string); ok {
			f.Add([]byte(want))
		}
	}
	f.Add(prose(20000))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), MaxPayload)]
		compressed := Compress([]byte("before"), b)
		after, ok := bytes.CutPrefix(compressed, []byte("before"))
		if !ok || len(after) > len(b)+len(b)/8+4 {
			t.Fatalf("%d bytes become %d", len(b), len(after))
		}
		got, err := Decompress(nil, after, len(b))
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("% x comes back as % x, %v", b, got, err)
		}
		for flags := range PayloadLast << 1 {
			packed := AppendPayloadAs([]byte("before"), b, flags)
			p, rest, last, err := ReadPayload(packed[len("before"):])
			if err != nil || !bytes.Equal(p, b) || len(rest) > 0 || last != (flags&PayloadLast != 0) {
				t.Fatalf("flags %d: % x comes back as % x, rest % x, last %t, %v", flags, b, p, rest, last, err)
			}
			if size := len(packed) - len("before"); size > 8+len(b) {
				t.Fatalf("flags %d: %d bytes become %d", flags, len(b), size)
			}
		}
	})
}

// What ReadStream accepts is, written in the plain form, the same answer.
func FuzzStream(f *testing.F) {
	for _, tt := range streams {
		f.Add([]byte(tt.in))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var tags []string
		header, body, err := ReadStream(bytes.NewReader(b), func(tag string) { tags = append(tags, tag) })
		if err != nil {
			return
		}
		if !bytes.HasSuffix(b, body) {
			t.Fatalf("the body %q does not end the stream", body)
		}
		var plain strings.Builder
		for _, tag := range tags {
			plain.WriteString(tag + "\r\n")
		}
		for name, value := range header {
			plain.WriteString(name + ":" + value + "\r\n")
		}
		plain.WriteString("\r\n" + string(body))
		var tags2 []string
		header2, body2, err := ReadStream(strings.NewReader(plain.String()), func(tag string) { tags2 = append(tags2, tag) })
		if err != nil {
			t.Fatalf("%q: %v", plain.String(), err)
		}
		if diff := cmp.Diff([]any{tags, header, body}, []any{tags2, header2, body2}); diff != "" {
			t.Fatalf("-first +second:\n%s", diff)
		}
	})
}
