package mapi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The meta-tags of the answer stream ([MS-OXCMAPIHTTP] 2.2.7).
const (
	TagProcessing = "PROCESSING" // the server has taken the request
	TagPending    = "PENDING"    // it still works on it, once per X-PendingPeriod
	TagDone       = "DONE"       // additional headers and the body follow
)

const (
	maxBeforeDone = 64 << 10
	maxHeaderLine = 8 << 10
	maxStream     = 3 << 19 // 1.5 MiB, tags and headers included
)

// Header holds the additional headers of an answer, those between DONE and the
// body. The keys are in lower case; of two headers of one name the last counts.
type Header map[string]string

// Get returns the value of the header name, in any case; "" if it is not there.
func (h Header) Get(name string) string { return h[strings.ToLower(name)] }

// ReadStream reads to its end the answer stream r, which has no chunk framing
// any more, and returns the additional headers and the body
// ([MS-OXCMAPIHTTP] 2.2.7):
//
//	PROCESSING CRLF
//	PENDING CRLF            any number of them
//	DONE CRLF
//	Name: value CRLF        any number of them
//	CRLF
//	body
//
// It calls onTag, unless that is nil, with each tag as soon as the last letter
// of it has come. Before DONE the tags may come in any order and without their
// CRLF: after five minutes Gromox 3.10 has written PENDING PENDING PROCESSING
// in one line.
//
// At most 64 KiB may come before DONE and 1.5 MiB in all. The error is a
// [*SyntaxError]; io.ErrUnexpectedEOF when the stream ends before the body, so
// that the answer is lost; or what r returned.
func ReadStream(r io.Reader, onTag func(tag string)) (Header, []byte, error) {
	s := streamReader{r: bufio.NewReader(r)}
	for {
		tag, err := s.tag()
		if err != nil {
			return nil, nil, err
		}
		if onTag != nil {
			onTag(tag)
		}
		if tag == TagDone {
			break
		}
	}
	header, err := s.header()
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(io.LimitReader(s.r, int64(maxStream-s.n)+1))
	if err != nil {
		return nil, nil, err
	}
	if len(body) > maxStream-s.n {
		return nil, nil, s.errorf("body", "the stream is longer than %d bytes", maxStream)
	}
	return header, body, nil
}

// streamReader counts what it reads of an answer stream.
type streamReader struct {
	r    *bufio.Reader
	n    int
	open bool // a tag has been read, but no CRLF after it
}

func (s *streamReader) errorf(field, format string, args ...any) error {
	return &SyntaxError{Message: "answer stream", Field: field, Offset: s.n, Why: fmt.Sprintf(format, args...)}
}

// byte reads one byte in front of the body, where the end has no place.
func (s *streamReader) byte() (byte, error) {
	c, err := s.r.ReadByte()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		s.n++
	}
	return c, err
}

// tag reads the next tag, and the CRLF of the one before if there is one. It
// asks for no byte behind the tag: that may be long in coming.
func (s *streamReader) tag() (string, error) {
	var word []byte
	for {
		if s.n == maxBeforeDone {
			return "", s.errorf("tag", "no DONE within %d bytes", maxBeforeDone)
		}
		c, err := s.byte()
		if err != nil {
			return "", err
		}
		if c == '\r' && s.open && len(word) == 0 {
			if err := s.lineFeed(); err != nil {
				return "", err
			}
			s.open = false
			continue
		}
		word = append(word, c)
		switch string(word) {
		case TagProcessing, TagPending, TagDone:
			s.open = true
			return string(word), nil
		}
		if w := string(word); !strings.HasPrefix(TagProcessing, w) && !strings.HasPrefix(TagPending, w) && !strings.HasPrefix(TagDone, w) {
			return "", s.errorf("tag", "%q begins none of PROCESSING, PENDING, DONE", w)
		}
	}
}

func (s *streamReader) lineFeed() error {
	c, err := s.byte()
	if err == nil && c != '\n' {
		err = s.errorf("line end", "want LF after CR, have 0x%02x", c)
	}
	return err
}

// header reads the end of the line of DONE and the additional headers.
func (s *streamReader) header() (Header, error) {
	line, err := s.line()
	if err == nil && line != "" {
		err = s.errorf(TagDone, "%q stands in the same line", line)
	}
	if err != nil {
		return nil, err
	}
	h := Header{}
	for start := s.n; ; {
		line, err := s.line()
		if err != nil || line == "" {
			return h, err
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || checkASCII([]byte(name)) != "" || s.n-start > maxBeforeDone {
			return nil, s.errorf("additional header", "%.40q has no name, or there are over %d bytes of them", line, maxBeforeDone)
		}
		h[strings.ToLower(name)] = strings.TrimSpace(value)
	}
}

// line reads up to CRLF and returns what stands before it.
func (s *streamReader) line() (string, error) {
	var line []byte
	for {
		c, err := s.byte()
		if err != nil {
			return "", err
		}
		if c == '\r' {
			return string(line), s.lineFeed()
		}
		if len(line) == maxHeaderLine {
			return "", s.errorf("additional header", "a line of over %d bytes", maxHeaderLine)
		}
		line = append(line, c)
	}
}
