package mapi

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

func TestASuccessThatHoldsNoLogonIsRefused(t *testing.T) {
	good := aliceLogon.Append(nil)
	if _, err := new(LogonResponse).Parse(good); err != nil {
		t.Fatal(err)
	}
	const logonTime, root = 146, 7
	for name, tt := range map[string]struct {
		at    int
		put   []byte
		field string
	}{
		"no time at all":         {logonTime, make([]byte, 8), "LogonTime"},
		"text where the time is": {logonTime, []byte("r.test\x00\x00"), "LogonTime"},
		"60 seconds":             {logonTime, []byte{60, 0, 0, 0, 1, 1, 0xEA, 7}, "LogonTime"},
		"60 minutes":             {logonTime, []byte{0, 60, 0, 0, 1, 1, 0xEA, 7}, "LogonTime"},
		"24 hours":               {logonTime, []byte{0, 0, 24, 0, 1, 1, 0xEA, 7}, "LogonTime"},
		"day 0":                  {logonTime, []byte{0, 0, 0, 0, 0, 1, 0xEA, 7}, "LogonTime"},
		"30 February":            {logonTime, []byte{0, 0, 0, 0, 30, 2, 0xEA, 7}, "LogonTime"},
		"month 13":               {logonTime, []byte{0, 0, 0, 0, 1, 13, 0xEA, 7}, "LogonTime"},
		"no root folder":         {root, make([]byte, 8), "FolderIds"},
	} {
		b := bytes.Clone(good)
		copy(b[tt.at:], tt.put)
		m := LogonResponse{}
		_, err := m.Parse(b)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Field != tt.field {
			t.Errorf("%s: error %v, want a *SyntaxError for %s", name, err, tt.field)
		}
		if m != (LogonResponse{}) {
			t.Errorf("%s: parsed to %+v", name, m)
		}
	}
	b := publicLogon.Append(nil)
	copy(b[root:], make([]byte, 8))
	if _, err := new(LogonResponse).Parse(b); err == nil {
		t.Error("a public logon without a root folder is accepted")
	}
}

func TestTheDayOfTheWeekIsNotLookedAt(t *testing.T) {
	b := aliceLogon.Append(nil)
	if b[146+3] != 5 { // 2026-11-20 is a Friday
		t.Errorf("DayOfWeek is %d, want 5", b[149])
	}
	b[146+3] = 0
	var m LogonResponse
	if _, err := m.Parse(b); err != nil || !m.LogonTime.Equal(aliceLogon.LogonTime) {
		t.Errorf("got %v, %v", m.LogonTime, err)
	}
}

func TestLogonTimeIsWrittenInUTC(t *testing.T) {
	m := aliceLogon
	m.LogonTime = m.LogonTime.In(time.FixedZone("", 3600))
	if !bytes.Equal(m.Append(nil), aliceLogon.Append(nil)) {
		t.Error("the zone of LogonTime changes the bytes")
	}
}

func TestSizesOfALogonResponse(t *testing.T) {
	for name, tt := range map[string]struct {
		m    LogonResponse
		want int
	}{
		"mailbox":                 {aliceLogon, 166},
		"public folders":          {publicLogon, 145},
		"redirect to 56 letters":  {LogonResponse{ReturnValue: EcWrongServer, ServerName: serverDN}, 8 + 57},
		"redirect without a name": {LogonResponse{ReturnValue: EcWrongServer}, 8 + 1},
		"failure":                 {LogonResponse{ReturnValue: EcUnknownUser}, 6},
	} {
		if got := len(tt.m.Append(nil)); got != tt.want {
			t.Errorf("%s: %d bytes, want %d", name, got, tt.want)
		}
	}
}

func TestEveryOtherCodeOfALogonIsSixBytes(t *testing.T) {
	for _, c := range Codes() {
		if c == EcNone || c == EcWrongServer {
			continue
		}
		b := (&LogonResponse{OutputHandleIndex: 3, ReturnValue: c}).Append(nil)
		var m LogonResponse
		rest, err := m.Parse(append(b, 0x2A))
		if len(b) != 6 || err != nil || !bytes.Equal(rest, []byte{0x2A}) || m != (LogonResponse{OutputHandleIndex: 3, ReturnValue: c}) {
			t.Errorf("%v: %d bytes, decoded to %+v, rest % x, error %v", c, len(b), m, rest, err)
		}
	}
}

func TestLogonAllocatesAtMostOnce(t *testing.T) {
	redirect := LogonResponse{ReturnValue: EcWrongServer, LogonFlags: LogonPrivate, ServerName: serverDN}
	request, private, public, away := alLogon.Append(nil), aliceLogon.Append(nil), publicLogon.Append(nil), redirect.Append(nil)
	buf := make([]byte, 0, 256)
	for name, tt := range map[string]struct {
		want float64
		run  func()
	}{
		"encode a request":           {1, func() { alLogon.Append(nil) }},
		"encode a request into room": {0, func() { alLogon.Append(buf) }},
		"decode a request":           {1, func() { mustParse(t, new(LogonRequest), request) }},
		"encode a mailbox logon":     {1, func() { aliceLogon.Append(nil) }},
		"encode it into room":        {0, func() { aliceLogon.Append(buf) }},
		"encode a public logon":      {1, func() { publicLogon.Append(nil) }},
		"encode a redirect":          {1, func() { redirect.Append(nil) }},
		"decode a mailbox logon":     {0, func() { var m LogonResponse; parseLogon(t, &m, private) }},
		"decode a public logon":      {0, func() { var m LogonResponse; parseLogon(t, &m, public) }},
		"decode a redirect":          {1, func() { var m LogonResponse; parseLogon(t, &m, away) }},
	} {
		if got := testing.AllocsPerRun(100, tt.run); got > tt.want {
			t.Errorf("%s: %v allocations, want at most %v", name, got, tt.want)
		}
	}
}

func mustParse(t testing.TB, m *LogonRequest, b []byte) {
	if _, err := m.Parse(b); err != nil {
		t.Fatal(err)
	}
}

func parseLogon(t testing.TB, m *LogonResponse, b []byte) {
	if _, err := m.Parse(b); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkLogonRequest(b *testing.B) {
	wire := alLogon.Append(nil)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			alLogon.Append(nil)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m LogonRequest
			mustParse(b, &m, wire)
		}
	})
}

func BenchmarkLogonResponse(b *testing.B) {
	wire := aliceLogon.Append(nil)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			aliceLogon.Append(nil)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m LogonResponse
			parseLogon(b, &m, wire)
		}
	})
}
