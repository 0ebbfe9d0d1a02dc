package logonclient

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestCookies(t *testing.T) {
	var many []string
	for i := range maxCookies + 10 {
		many = append(many, fmt.Sprintf("c%d=x", i))
	}
	for _, row := range []struct {
		name    string
		answers [][]string // Set-Cookie headers, answer by answer
		want    string
	}{
		{"none", nil, ""},
		{"attributes stay here", [][]string{{"a=1; path=/mapi; secure; HttpOnly", "b=2"}}, "a=1; b=2"},
		{"the newest value counts, whatever its path", [][]string{{"a=1; path=/mapi/", "b=2"}, {"a=3; path=/"}, {"a=4"}}, "a=4; b=2"},
		{"names differ by case", [][]string{{"a=1", "A=2"}}, "a=1; A=2"},
		{"a value is taken verbatim", [][]string{{`a="1=2"==`, "b="}}, `a="1=2"==; b=`},
		{"no name, no pair, control characters", [][]string{{"=1", "novalue", "a=\x01", "b=\u00e4", ";c=1"}}, ""},
		{"too long", [][]string{{"a=" + strings.Repeat("x", maxCookie), "b=1"}}, "b=1"},
		{"too many, yet the known ones are renewed", [][]string{many, {"c0=y", "new=1"}}, "c0=y; " + strings.Join(many[1:maxCookies], "; ")},
	} {
		t.Run(row.name, func(t *testing.T) {
			var c cookies
			for _, lines := range row.answers {
				c.keep(http.Header{"Set-Cookie": lines})
			}
			if got := c.header(); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}
