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
func FuzzPayload(f *testing.F)                  { fuzzDecode(f, "payload") }
func FuzzAuxiliaryBuffer(f *testing.F)          { fuzzDecode(f, "auxiliary buffer") }
func FuzzRopBuffer(f *testing.F)                { fuzzDecode(f, "rop buffer") }

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
