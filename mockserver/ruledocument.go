package mockserver

import (
	"bytes"
	"compress/gzip"
)

// What a rule does to a document of Autodiscover.

// isDocument reports whether an answer of Autodiscover has a body.
func isDocument(x *exchange, a *answer, _ *Fault) bool {
	return x.endpoint == EndpointAutodiscover && len(a.body) > 0
}

func isXML(x *exchange, a *answer, _ *Fault) bool {
	return x.endpoint == EndpointAutodiscover && bytes.HasPrefix(a.body, []byte("<?xml"))
}

// The lengths in bytes of bodies that are too long. A client that reads all of
// one finds a good document in it.
const (
	hugeSize = 2 << 20
	bombSize = 20 << 20
)

// blanks are what stands behind a document to make it of that size.
func blanks(document []byte, size int) []byte {
	return bytes.Repeat([]byte(" "), max(size-len(document), 0))
}

func doHuge(_ *exchange, a *answer, _ *Fault) {
	a.body = append(bytes.Clone(a.body), blanks(a.body, hugeSize)...)
}

func doBOM(_ *exchange, a *answer, _ *Fault) { a.body = append([]byte("\xEF\xBB\xBF"), a.body...) }

func doGzipBomb(_ *exchange, a *answer, _ *Fault) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write(a.body) // a bytes.Buffer takes all
	w.Write(blanks(a.body, bombSize))
	w.Close()
	a.header["Content-Encoding"], a.body = []string{"gzip"}, packed.Bytes()
}
