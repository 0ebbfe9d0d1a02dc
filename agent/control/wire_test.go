package control

import (
	"encoding/json"
	"errors"
	"testing"
)

func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"version":1,"op":"watch"}`, `{"version":1,"op":"history","profile":"a1"}`, `{"version":2}`, "", "[", "null",
		`{"version":1,"op":"do","command":{"op":"sign in","profile":"a1","secret":"s","expires":"2030-01-02T03:04:05Z","draft":{"id":"a1"}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		req, refusal := parseRequest(line)
		if refusal != nil {
			return
		}
		if req.Version != Version || req.Op == opDo && req.Command == nil {
			t.Fatalf("accepted: %+v", req)
		}
		again, err := json.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, refusal := parseRequest(again); refusal != nil {
			t.Fatalf("%s was accepted and %s is not: %v", line, again, refusal)
		}
	})
}

func TestEachSentinelHasItsCode(t *testing.T) {
	seen := make(map[Code]bool)
	for _, s := range sentinels {
		e := wireError(s.err)
		if e.Code != s.code {
			t.Errorf("%v has code %s, want %s", s.err, e.Code, s.code)
		}
		if !seen[s.code] && !errors.Is(e, s.err) { // the first row of a code is what it stands for
			t.Errorf("code %s stands for %v, want %v", s.code, e.Unwrap(), s.err)
		}
		seen[s.code] = true
	}
}
