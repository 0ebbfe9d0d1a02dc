package mockserver

import (
	crand "crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Hostility is what a server does to its answers that a client has to bear,
// since the specifications allow it. What it does to the n-th request to a host
// follows from Seed, so that a world with one client can be played again. The
// zero value is on, with a seed that is drawn.
type Hostility struct {
	Seed      uint64 `toml:"seed"`       // 0: that of the environment variable MOCKSERVER_SEED; where there is none, drawn
	Off       bool   `toml:"off"`        // nothing of what follows
	NoSplit   bool   `toml:"no_split"`   // bodies go out in one piece, else in pieces of random sizes, now and then byte by byte
	NoPending bool   `toml:"no_pending"` // no PENDING in an answer that is ready at once, else up to three
	NoShuffle bool   `toml:"no_shuffle"` // cookies come in the order of Exchange, else in any
	NoCase    bool   `toml:"no_case"`    // names of headers are spelled as in the specifications, else also in upper or in lower case
	NoLength  bool   `toml:"no_length"`  // streams come chunked, else also with Content-Length
}

// seedVariable is the environment variable that gives a seed to each world that
// has none.
const seedVariable = "MOCKSERVER_SEED"

// drawSeed fills in the seed.
func (h *Hostility) drawSeed() error {
	if text := os.Getenv(seedVariable); h.Seed == 0 && text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil || seed == 0 {
			return fmt.Errorf("%s=%q: want a number from 1", seedVariable, cut(text, 40))
		}
		h.Seed = seed
	}
	for h.Seed == 0 {
		var b [4]byte // short enough to be typed
		crand.Read(b[:])
		h.Seed = uint64(binary.LittleEndian.Uint32(b[:]))
	}
	return nil
}

// Seed is what the hostility of the server follows from. A world with this
// seed, or MOCKSERVER_SEED in the environment, plays it again.
func (s *Server) Seed() uint64 { return s.hostility.Seed }

// The streams of random numbers for a request.
const (
	forDelivery = iota
	forContext
	forReply
)

// random gives the numbers for one request, the same ones in every run with the
// same seed.
func (x *exchange) random(stream uint64) *rand.Rand {
	host := fnv.New64a()
	io.WriteString(host, x.Host)
	return rand.New(rand.NewPCG(x.s.hostility.Seed^host.Sum64(), uint64(x.number)<<2|stream))
}

// newContextID draws the id of a Session Context.
func newContextID(x *exchange) string {
	r := x.random(forContext)
	var id [16]byte
	binary.LittleEndian.PutUint64(id[:8], r.Uint64())
	binary.LittleEndian.PutUint64(id[8:], r.Uint64())
	return hex.EncodeToString(id[:])
}

// upset draws what becomes of an answer, does it to the head, and returns how
// many PENDING stand before DONE.
func (x *exchange) upset(a *answer) (pending int) {
	h := &x.s.hostility
	if h.Off {
		return 0
	}
	r := x.random(forDelivery)
	// All is drawn every time, so that a switch changes nothing but its own.
	mode, pending, length, spelling, order := r.IntN(8), r.IntN(4), r.IntN(4) == 0, r.IntN(4), r.Uint64()
	if !h.NoSplit {
		switch size := len(a.body); {
		case mode == 0 && size <= 600:
			x.pieces = pieces{r: r, most: 1}
		case mode < 6:
			x.pieces = pieces{r: r, most: max(16, size/4)}
		}
	}
	if !a.stream || h.NoPending {
		pending = 0
	}
	if !h.NoLength && length && a.part == partWhole {
		a.header["Content-Length"] = []string{""} // deliver knows it
	}
	if cookies := a.header["Set-Cookie"]; !h.NoShuffle && len(cookies) > 1 {
		rand.New(rand.NewPCG(order, 0)).Shuffle(len(cookies), func(i, j int) { cookies[i], cookies[j] = cookies[j], cookies[i] })
	}
	if !h.NoCase {
		switch spelling {
		case 1:
			respell(a.header, strings.ToLower)
		case 2:
			respell(a.header, strings.ToUpper)
		}
	}
	return pending
}

// framing are the headers that net/http writes itself and so has to find.
var framing = []string{"Content-Length", "Transfer-Encoding", "Connection"}

// respell gives the headers other names. net/http writes the names as they are
// in the map, and adds a Content-Type unless it finds one there.
func respell(h http.Header, spell func(string) string) {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	for _, name := range names {
		if values := h[name]; values != nil && !slices.Contains(framing, name) {
			delete(h, name)
			h[spell(name)] = values
		}
	}
	h["Content-Type"] = nil
}

// pieces cuts a body. The zero value leaves it whole.
type pieces struct {
	r    *rand.Rand
	most int // bytes of a piece
}

// next is the size of the next piece of n bytes.
func (p *pieces) next(n int) int {
	if p.most == 0 {
		return n
	}
	return min(1+p.r.IntN(p.most), n)
}
