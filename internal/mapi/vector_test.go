package mapi

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vector is one file of testdata/mapi: header lines, then hexadecimal digits.
// From # to the end of a line is comment.
type vector struct {
	name        string
	message     message
	messageName string
	decodeOnly  bool
	b           []byte
	want        any
}

const vectorDir = "../../testdata/mapi"

func vectors(t testing.TB) []vector {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(vectorDir, "*.hex"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	var list []vector
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".hex")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, ok := wants[name]
		if !ok {
			t.Fatalf("%s: nobody says what it should decode to: add it to wants", file)
		}
		v, err := parseVector(string(text), want)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		v.name = name
		list = append(list, v)
	}
	if len(list) != len(wants) {
		t.Fatalf("%d vectors, %d wants", len(list), len(wants))
	}
	return list
}

func parseVector(text string, want any) (v vector, err error) {
	v.want = want
	header := map[string]string{}
	var digits strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ := strings.Cut(line, "#")
		if key, value, ok := strings.Cut(line, ":"); ok {
			header[key] = strings.TrimSpace(value)
			continue
		}
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	if v.b, err = hex.DecodeString(digits.String()); err != nil {
		return v, err
	}
	if header["source"] == "" || header["direction"] == "" {
		return v, errors.New("the header needs message, direction and source")
	}
	v.decodeOnly = strings.Contains(header["direction"], "decode only")
	v.messageName = header["message"]
	if v.messageName == "compressed payload" {
		v.message = decompressed(len(want.(string)))
		return v, nil
	}
	m, ok := messages[v.messageName]
	if !ok {
		return v, fmt.Errorf("unknown message %q", v.messageName)
	}
	v.message = m
	return v, nil
}

func TestVectorsDecode(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) {
			before := bytes.Clone(v.b)
			got, err := v.message.decode(v.b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(v.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !bytes.Equal(before, v.b) {
				t.Errorf("decoding changed the bytes")
			}
		})
	}
}

func TestVectorsEncode(t *testing.T) {
	for _, v := range vectors(t) {
		if v.decodeOnly {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			if diff := cmp.Diff(hex.Dump(v.b), hex.Dump(v.message.encode(v.want))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// tolerated lists the lengths at which a vector may be cut and is still a
// message, each for a reason.
var tolerated = map[string][]int{
	// A failure may end after StatusCode.
	"connect-response-failure":           {4},
	"execute-response-failure":           {4},
	"disconnect-response-failure":        {4},
	"notification-wait-response-failure": {4},

	"bind-response-failure":                 {4},
	"unbind-response-failure":               {4},
	"get-mailbox-url-response-failure":      {4},
	"get-address-book-url-response-failure": {4},
	// It takes all that there is.
	"buffer-too-small-response": {3, 4, 5},
	// There may be no auxiliary buffer.
	"auxiliary-buffer": {0},
	// A list ends where RopSize says; what follows an unknown RopId is not read.
	"rop-list-request":            {0, 48, 55},
	"rop-list-response":           {0, 6, 24, 30, 31, 32, 33, 34, 35, 36, 37},
	"rop-list-response-backoff":   {0},
	"rop-list-response-strangers": {0, 3, 9, 18, 21, 22, 23},
	// The empty mask at the end is not needed.
	"lz77-empty-mask": {36},
}

func TestEveryStrictPrefixOfAVectorFails(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) {
			for n := range v.b {
				_, err := v.message.decode(v.b[:n])
				if slices.Contains(tolerated[v.name], n) {
					if err != nil {
						t.Errorf("the first %d of %d bytes: %v, should be tolerated", n, len(v.b), err)
					}
					continue
				}
				var syntax *SyntaxError
				if !errors.As(err, &syntax) {
					t.Errorf("the first %d of %d bytes: error %v, want a *SyntaxError", n, len(v.b), err)
				}
			}
		})
	}
}

func TestWhatFollowsABodyIsRefused(t *testing.T) {
	for _, v := range vectors(t) {
		switch v.want.(type) {
		case ConnectRequest, ConnectResponse, ExecuteRequest, ExecuteResponse, DisconnectRequest,
			DisconnectResponse, NotificationWaitRequest, NotificationWaitResponse, BindRequest, BindResponse,
			UnbindRequest, UnbindResponse, GetMailboxURLRequest, GetMailboxURLResponse, GetAddressBookURLRequest,
			GetAddressBookURLResponse, ropBuffer, []RopBuffer, string:
			if _, err := v.message.decode(append(bytes.Clone(v.b), 0)); err == nil {
				t.Errorf("%s: a byte behind the end is accepted", v.name)
			}
		}
	}
}

func TestAMessageThatDoesNotParseIsLeftAsItWas(t *testing.T) {
	m := ConnectResponse{ErrorCode: EcLoginPerm, DisplayName: "ann"}
	if err := m.Parse([]byte{0, 0, 0, 0, 1, 0, 0, 0}); err == nil {
		t.Fatal("a cut body is accepted")
	}
	if diff := cmp.Diff(ConnectResponse{ErrorCode: EcLoginPerm, DisplayName: "ann"}, m); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	rop := LogonResponse{ServerName: "/o=contoso"}
	if _, err := rop.Parse([]byte{0xFE, 0, 0x78, 4, 0, 0, 1, 9}); err == nil {
		t.Fatal("a cut rop is accepted")
	}
	if diff := cmp.Diff(LogonResponse{ServerName: "/o=contoso"}, rop); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// withoutVector returns the types among declared that no message with a vector
// goes through, and the messages that have no vector.
func withoutVector(declared []string, list []vector) []string {
	covered, used := map[string]bool{}, map[string]bool{}
	for _, v := range list {
		covered[v.message.goType] = true
		used[reflect.TypeOf(v.want).String()] = true
	}
	var missing []string
	for _, name := range declared {
		if !covered[name] {
			missing = append(missing, name)
		}
	}
	for name, m := range messages {
		v, _ := m.decode(nil)
		if m.goType == "" && !used[reflect.TypeOf(v).String()] {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return missing
}

func TestEveryMessageHasAVector(t *testing.T) {
	declared := messageTypes(t)
	if len(declared) < 27 {
		t.Fatalf("found only the types %v", declared)
	}
	list := vectors(t)
	if missing := withoutVector(declared, list); len(missing) > 0 {
		t.Errorf("without a vector in %s: %v", vectorDir, missing)
	}
	// It notices what is missing.
	fewer := slices.DeleteFunc(list, func(v vector) bool { return v.message.goType == "ReleaseRequest" })
	if missing := withoutVector(declared, fewer); !slices.Equal(missing, []string{"ReleaseRequest"}) {
		t.Errorf("with the vector of ReleaseRequest away: %v is missing, want [ReleaseRequest]", missing)
	}
}

// messageTypes returns the types of this package with a method Append.
func messageTypes(t *testing.T) []string {
	t.Helper()
	var types []string
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || fn.Name.Name != "Append" {
				continue
			}
			recv := fn.Recv.List[0].Type
			if star, ok := recv.(*ast.StarExpr); ok {
				recv = star.X
			}
			types = append(types, recv.(*ast.Ident).Name)
		}
	}
	return types
}
