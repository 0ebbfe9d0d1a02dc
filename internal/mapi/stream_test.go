package mapi

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

const twelveBytes = "body\r\nDONE\r\n"

var streams = []struct {
	name   string
	in     string
	tags   []string
	header Header
	body   string
}{
	{
		name:   "the shortest answer of Exchange",
		in:     "PROCESSING\r\nDONE\r\nX-StartTime: 0\r\nX-ElapsedTime: 0\r\n\r\n" + twelveBytes,
		tags:   []string{"PROCESSING", "DONE"},
		header: Header{"x-starttime": "0", "x-elapsedtime": "0"},
		body:   twelveBytes,
	},
	{
		name:   "an answer that took a while",
		in:     "PROCESSING\r\nPENDING\r\nPENDING\r\nDONE\r\nX-StartTime: Thu, 20 Nov 2025 22:35:00 GMT\r\nX-ElapsedTime: 31012\r\n\r\n" + twelveBytes,
		tags:   []string{"PROCESSING", "PENDING", "PENDING", "DONE"},
		header: Header{"x-starttime": "Thu, 20 Nov 2025 22:35:00 GMT", "x-elapsedtime": "31012"},
		body:   twelveBytes,
	},
	{
		name:   "PENDING without line end and PROCESSING again",
		in:     "PROCESSING\r\nPENDINGPENDINGPROCESSING\r\nDONE\r\nX-ElapsedTime: 852\r\n\r\n" + twelveBytes,
		tags:   []string{"PROCESSING", "PENDING", "PENDING", "PROCESSING", "DONE"},
		header: Header{"x-elapsedtime": "852"},
		body:   twelveBytes,
	},
	{
		name:   "a failure that was noticed late",
		in:     "PROCESSING\r\nDONE\r\nX-ResponseCode: 10\r\nContent-Type:text/html\r\n\r\n<html>",
		tags:   []string{"PROCESSING", "DONE"},
		header: Header{"x-responsecode": "10", "content-type": "text/html"},
		body:   "<html>",
	},
	{
		name:   "a PING without additional headers and without a body",
		in:     "PROCESSING\r\nDONE\r\n\r\n",
		tags:   []string{"PROCESSING", "DONE"},
		header: Header{},
	},
	{
		name:   "DONE alone",
		in:     "DONE\r\n\r\nx",
		tags:   []string{"DONE"},
		header: Header{},
		body:   "x",
	},
	{
		name:   "a header that comes twice",
		in:     "DONE\r\nX-ResponseCode: 0\r\nx-responsecode: 6\r\n\r\n",
		tags:   []string{"DONE"},
		header: Header{"x-responsecode": "6"},
	},
}

func TestReadStream(t *testing.T) {
	for _, tt := range streams {
		t.Run(tt.name, func(t *testing.T) {
			check := func(how string, r io.Reader) {
				t.Helper()
				var tags []string
				header, body, err := ReadStream(r, func(tag string) { tags = append(tags, tag) })
				if err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				if !slices.Equal(tags, tt.tags) {
					t.Errorf("%s: tags %q, want %q", how, tags, tt.tags)
				}
				if diff := cmp.Diff(tt.header, header); diff != "" {
					t.Errorf("%s: header -want +got:\n%s", how, diff)
				}
				if string(body) != tt.body {
					t.Errorf("%s: body %q, want %q", how, body, tt.body)
				}
			}
			check("in one piece", strings.NewReader(tt.in))
			check("byte by byte", iotest.OneByteReader(strings.NewReader(tt.in)))
			check("with the end in the last read", iotest.DataErrReader(strings.NewReader(tt.in)))
			for n := range tt.in {
				check("in two pieces", io.MultiReader(strings.NewReader(tt.in[:n]), strings.NewReader(tt.in[n:])))
			}
			if _, _, err := ReadStream(strings.NewReader(tt.in), nil); err != nil {
				t.Errorf("without onTag: %v", err)
			}
		})
	}
}

func TestAnAnswerThatEndsBeforeItsBodyIsLost(t *testing.T) {
	for _, tt := range streams {
		before := len(tt.in) - len(tt.body)
		for n := range tt.in {
			_, _, err := ReadStream(strings.NewReader(tt.in[:n]), nil)
			if n < before && err != io.ErrUnexpectedEOF {
				t.Errorf("%s: after %q: error %v, want io.ErrUnexpectedEOF", tt.name, tt.in[:n], err)
			}
			if n >= before && err != nil {
				t.Errorf("%s: after %q: error %v, want none: the body has its own lengths", tt.name, tt.in[:n], err)
			}
		}
	}
}

func TestReadStreamRefuses(t *testing.T) {
	line := strings.Repeat("a", 8<<10)
	for name, tt := range map[string]struct{ in, field string }{
		"a login page":                        {"<html>", "tag"},
		"tags in lower case":                  {"processing\r\ndone\r\n\r\n", "tag"},
		"a line end in front of the tags":     {"\r\nPROCESSING\r\nDONE\r\n\r\n", "tag"},
		"two line ends after a tag":           {"PROCESSING\r\n\r\nDONE\r\n\r\n", "tag"},
		"a bare line feed":                    {"PROCESSING\nDONE\r\n\r\n", "tag"},
		"a bare carriage return":              {"PROCESSING\rDONE\r\n\r\n", "line end"},
		"a tag that starts like one":          {"PROCESSED\r\n", "tag"},
		"a tag in the line of DONE":           {"DONE PENDING\r\n\r\n", "DONE"},
		"a header without colon":              {"DONE\r\nX-StartTime\r\n\r\n", "additional header"},
		"a header whose name is not ascii":    {"DONE\r\nX-\xff: 1\r\n\r\n", "additional header"},
		"a header without name":               {"DONE\r\n: 1\r\n\r\n", "additional header"},
		"a carriage return within a header":   {"DONE\r\nX-A: b\rc\r\n\r\n", "line end"},
		"a header line over 8 KiB":            {"DONE\r\nX:" + line + "\r\n\r\n", "additional header"},
		"headers over 64 KiB":                 {"DONE\r\n" + strings.Repeat("X:"+line[:8000]+"\r\n", 9) + "\r\n", "additional header"},
		"DONE ends a byte after 64 KiB":       {strings.Repeat("PENDING\r\n", 3) + strings.Repeat("PENDING", 9358) + "DONE\r\n\r\n", "tag"},
		"more than 1.5 MiB":                   {"DONE\r\n\r\n" + strings.Repeat("x", 3<<19-8+1), "body"},
		"more than 1.5 MiB with tags counted": {"PROCESSING\r\nDONE\r\n\r\n" + strings.Repeat("x", 3<<19-8), "body"},
	} {
		t.Run(name, func(t *testing.T) {
			_, body, err := ReadStream(strings.NewReader(tt.in), nil)
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Field != tt.field {
				t.Fatalf("error %v, want a *SyntaxError for %s", err, tt.field)
			}
			if body != nil {
				t.Errorf("%d bytes of body beside the error", len(body))
			}
		})
	}
}

func TestReadStreamAcceptsWhatIsAtTheLimit(t *testing.T) {
	for name, in := range map[string]string{
		"DONE ends at 64 KiB":    strings.Repeat("PENDING\r\n", 6) + strings.Repeat("PENDING", 9354) + "DONE\r\n\r\n",
		"1.5 MiB":                "DONE\r\n\r\n" + strings.Repeat("x", 3<<19-8),
		"a header line of 8 KiB": "DONE\r\nX:" + strings.Repeat("a", 8<<10-2) + "\r\n\r\n",
	} {
		if _, _, err := ReadStream(strings.NewReader(in), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// parts are read one by one; before part n is read, n tags must have been told.
type parts struct {
	t    *testing.T
	list []string
	read int
	told int
}

func (p *parts) Read(b []byte) (int, error) {
	if p.read == len(p.list) {
		return 0, io.EOF
	}
	if p.told != p.read {
		p.t.Errorf("part %d is read when %d tags were told", p.read, p.told)
	}
	p.read++
	return copy(b, p.list[p.read-1]), nil
}

func TestATagIsToldBeforeAnythingElseIsRead(t *testing.T) {
	p := &parts{t: t, list: []string{"PROCESSING", "\r\nPENDING", "\r\nDONE", "\r\n\r\n"}}
	if _, _, err := ReadStream(p, func(string) { p.told++ }); err != nil || p.told != 3 {
		t.Errorf("%d tags told, want 3; error %v", p.told, err)
	}
}

func TestReadStreamReturnsTheErrorOfItsReader(t *testing.T) {
	broken := errors.New("connection reset")
	for _, in := range []string{"", "PROC", "PROCESSING\r\n", "DONE\r\nX-A: b", "DONE\r\n\r\nbody"} {
		r := io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken))
		if _, _, err := ReadStream(r, nil); !errors.Is(err, broken) {
			t.Errorf("after %q: error %v, want %v", in, err, broken)
		}
	}
}

func TestHeaderGetIgnoresCase(t *testing.T) {
	h := Header{"x-elapsedtime": "5"}
	if got := h.Get("X-ElapsedTime"); got != "5" {
		t.Errorf("got %q", got)
	}
	if got := Header(nil).Get("X-ElapsedTime"); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}
