package mapi

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestEveryCodeHasItsClass(t *testing.T) {
	want := map[Class][]Code{
		ClassNone:     {0},
		ClassRedirect: {0x478},
		ClassAutodiscover: {
			0x3EB, 0x479, 0x648, 0x89B, 0x971, 0xA4B, 0x8004010F, 0x80040111,
		},
		ClassTransient: {
			0x3EA, 0x3ED, 0x3F0, 0x44C, 0x454, 0x476, 0x47F, 0x480, 0x4DE, 0x50C, 0x50D, 0x512, 0x60E,
			0x6BA, 0x6BB, 0x96E, 0x96F, 0x973, 0x977, 0x97D, 0xA31, 0xA33, 0xA34, 0xA35, 0x80004005,
			0x8004010B, 0x8004010E, 0x80040112, 0x80040115, 0x80040401, 0x8007000E,
		},
		ClassSessionLost: {0x481, 0x4B9, 0xA2E, 0xA4D, 0x80040108, 0x80040200},
		ClassFatal: {
			0x11C, 0x3F2, 0x4BC, 0x64D, 0x64F, 0x650, 0x7EE, 0x96C, 0x8004011D, 0x80040121, 0x80040124, 0x80070005,
		},
		ClassBug: {0x3EF, 0x47D, 0x48B, 0x4B6, 0x6F7, 0x80040102, 0x8004011E, 0x80070057},
		ClassProtocol: {
			0x3EE, 0x4BD, 0x4DF, 0x4E0, 0x4E1, 0x7D8, 0x970, 0x80040110, 0x8004011C,
		},
	}
	n := 0
	for class, codes := range want {
		n += len(codes)
		for _, c := range codes {
			if got := c.Class(); got != class {
				t.Errorf("%v has the class %v, want %v", c, got, class)
			}
			if c.Name() == "" {
				t.Errorf("0x%08X has no name", uint32(c))
			}
		}
	}
	if got := len(Codes()); got != n {
		t.Errorf("%d codes have a name, this test knows %d", got, n)
	}
}

func TestCodesAreSortedAndDistinct(t *testing.T) {
	codes := Codes()
	names := map[string]Code{}
	for i, c := range codes {
		if i > 0 && codes[i-1] >= c {
			t.Errorf("%v stands behind %v", c, codes[i-1])
		}
		if other, ok := names[c.Name()]; ok {
			t.Errorf("%v and %v have one name", other, c)
		}
		names[c.Name()] = c
	}
	codes[0] = 99
	if Codes()[0] != EcNone {
		t.Error("a caller can change the table")
	}
}

func TestCodeString(t *testing.T) {
	for _, tt := range []struct {
		code Code
		want string
	}{
		{EcNone, "ecNone (0x00000000)"},
		{EcWrongServer, "ecWrongServer (0x00000478)"},
		{EcLoginFailure, "ecLoginFailure (0x80040111)"},
		{RPCSServerTooBusy, "RPC_S_SERVER_TOO_BUSY (0x000006BB)"},
		{0x12345, "0x00012345"},
	} {
		if got := tt.code.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
		if got := tt.code.Error(); got != tt.want {
			t.Errorf("as an error %q, want %q", got, tt.want)
		}
	}
	if got := Code(0x12345).Class(); got != ClassFatal {
		t.Errorf("a code without a name has the class %v, want fatal", got)
	}
	if err := fmt.Errorf("log on: %w", EcMailboxInTransit); !errors.Is(err, EcMailboxInTransit) {
		t.Error("a wrapped code is not found")
	}
}

func TestEveryClassHasAName(t *testing.T) {
	var got []string
	for c := ClassNone; c <= ClassProtocol+1; c++ {
		got = append(got, c.String())
	}
	want := []string{"none", "redirect", "autodiscover", "transient", "session lost", "fatal", "bug", "protocol", "class 8"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestResponseCodeString(t *testing.T) {
	want := map[int]string{
		-1: "X-ResponseCode -1",
		0:  "Success (0)",
		1:  "Unknown Failure (1)",
		2:  "Invalid Verb (2)",
		3:  "Invalid Path (3)",
		4:  "Invalid Header (4)",
		5:  "Invalid Request Type (5)",
		6:  "Invalid Context Cookie (6)",
		7:  "Missing Header (7)",
		8:  "Anonymous Not Allowed (8)",
		9:  "Too Large (9)",
		10: "Context Not Found (10)",
		11: "No Privilege (11)",
		12: "Invalid Request Body (12)",
		13: "Missing Cookie (13)",
		14: "X-ResponseCode 14",
		15: "Invalid Sequence (15)",
		16: "Endpoint Disabled (16)",
		17: "Invalid Response (17)",
		18: "Endpoint Shutting Down (18)",
		19: "X-ResponseCode 19",
	}
	for c, s := range want {
		if got := ResponseCode(c).String(); got != s {
			t.Errorf("%d: got %q, want %q", c, got, s)
		}
	}
}

func TestRopIDString(t *testing.T) {
	want := map[RopID]string{
		0x01: "RopRelease (0x01)",
		0x27: "RopGetReceiveFolder (0x27)",
		0x29: "RopRegisterNotification (0x29)",
		0x2A: "RopNotify (0x2A)",
		0x6E: "RopPending (0x6E)",
		0xF9: "RopBackoff (0xF9)",
		0xFE: "RopLogon (0xFE)",
		0xFF: "RopBufferTooSmall (0xFF)",
		0xF7: "unknown rop (0xF7)",
	}
	for id, s := range want {
		if got := id.String(); got != s {
			t.Errorf("got %q, want %q", got, s)
		}
	}
}

func TestGromoxResponseCode(t *testing.T) {
	for n, want := range map[int]ResponseCode{
		-1: 1, // Unknown Failure
		0:  0,
		1:  2,  // invalid verb
		2:  6,  // invalid context cookie
		3:  7,  // missing header
		4:  11, // no privilege
		5:  12, // invalid request body
		6:  13, // missing cookie
		7:  15, // invalid sequence
		8:  5,  // invalid request type
		9:  1,  // out of memory
		10: 1,
	} {
		if got := GromoxResponseCode(n); got != want {
			t.Errorf("%d of Gromox is %v, want %v", n, got, want)
		}
	}
}
