package mockserver

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// hostile is calm with other hostility.
func hostile(t testing.TB, h Hostility) *Server {
	t.Helper()
	w, err := ReadWorld(strings.NewReader(calm))
	if err != nil {
		t.Fatal(err)
	}
	w.Hostility = h
	s, err := New(w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// rawConn is a connection on which whole requests are written by hand, and that
// keeps each byte that comes back.
type rawConn struct {
	t    testing.TB
	s    *Server
	host string
	conn net.Conn
	in   *bufio.Reader
	all  strings.Builder
}

func newRawConn(t testing.TB, s *Server, host string) *rawConn {
	t.Helper()
	c, err := s.Dial(t.Context(), "tcp", host+":443")
	if err != nil {
		t.Fatal(err)
	}
	w := &rawConn{t: t, s: s, host: host, conn: tls.Client(c, &tls.Config{RootCAs: s.RootCAs(), ServerName: host})}
	t.Cleanup(func() { w.conn.Close() })
	w.in = bufio.NewReader(io.TeeReader(w.conn, &w.all))
	return w
}

// exchange sends a request and returns the bytes of its answer, framing and all.
func (w *rawConn) exchange(path, head string, body []byte) string {
	w.t.Helper()
	from := w.all.Len() - w.in.Buffered()
	fmt.Fprintf(w.conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nContent-Length: %d\r\n%s\r\n%s",
		path, w.host, base64.StdEncoding.EncodeToString([]byte("ann@contoso.test:"+DefaultPassword)), len(body), head, body)
	a, err := http.ReadResponse(w.in, &http.Request{Method: "POST"})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, a.Body); err != nil {
		w.t.Fatal(err)
	}
	return w.all.String()[from : w.all.Len()-w.in.Buffered()]
}

func (w *rawConn) call(kind string, body []byte) string {
	w.t.Helper()
	at, err := w.s.Where("ann")
	if err != nil {
		w.t.Fatal(err)
	}
	return w.exchange("/mapi/emsmdb/?MailboxId="+at.GUID+"@contoso.test",
		"Content-Type: application/mapi-http\r\nX-RequestType: "+kind+"\r\nX-RequestId: {E2EA6C1C-E61B-49E9-9CFB-38184F907552}:1\r\n"+
			"X-ClientInfo: {2F94A2BF-A2E6-4CCC-BF98-B5F22C542226}:1\r\nX-ClientApplication: Outlook/15.00.0847.4040\r\n", body)
}

// answers are those to n Connects and n PINGs in turns, as they are on the wire.
func answers(t testing.TB, s *Server, n int) []string {
	t.Helper()
	at, err := s.Where("ann")
	if err != nil {
		t.Fatal(err)
	}
	w := newRawConn(t, s, "ex1.contoso.test")
	var list []string
	for range n {
		list = append(list, w.call("Connect", connectBody(at.Objects[0].LegacyDN)), w.call("PING", nil))
	}
	return list
}

func TestTheSameSeedIsTheSameBytes(t *testing.T) {
	play := func(seed uint64) (list []string) {
		synctest.Test(t, func(t *testing.T) {
			s := hostile(t, Hostility{Seed: seed})
			if s.Seed() != seed {
				t.Errorf("seed %d, want %d", s.Seed(), seed)
			}
			list = answers(t, s, 20)
		})
		return list
	}
	first := play(7)
	if again := play(7); !slices.Equal(first, again) {
		t.Errorf("seed 7 again gave other bytes")
	}
	other := play(8)
	if same := slices.Equal(first, other); same {
		t.Errorf("seeds 7 and 8 gave the same bytes")
	}
}

// The n-th answer of a host is the same, whatever the others were asked.
func TestTheSeedCountsTheRequestsToAHost(t *testing.T) {
	play := func(others int) (list []string) {
		synctest.Test(t, func(t *testing.T) {
			s := hostile(t, Hostility{Seed: 7})
			for range others {
				newRawConn(t, s, "ex2.contoso.test").call("PING", nil)
			}
			list = answers(t, s, 20)
		})
		return list
	}
	if !slices.Equal(play(0), play(3)) {
		t.Error("what another host was asked changes the answers of this one")
	}
}

// A switch ends its own hostility and leaves the others as they were, so that a
// failure of a client is found by switching off one after the other.
func TestASwitchChangesNothingButItsOwn(t *testing.T) {
	play := func(h Hostility) (list []string) {
		h.Seed = 7
		synctest.Test(t, func(t *testing.T) {
			for _, a := range answers(t, hostile(t, h), 20) {
				list = append(list, unchunked(t, a))
			}
		})
		return list
	}
	want := play(Hostility{})
	for name, h := range map[string]Hostility{
		"no_split": {NoSplit: true}, "no_shuffle": {NoShuffle: true}, "no_case": {NoCase: true}, "no_length": {NoLength: true},
	} {
		if !slices.Equal(play(h), want) {
			t.Errorf("%s changes what the answers say, and where PENDING stands", name)
		}
	}
}

func TestTheEnvironmentGivesASeedWhereTheWorldGivesNone(t *testing.T) {
	t.Setenv(seedVariable, "4711")
	if got := hostile(t, Hostility{}).Seed(); got != 4711 {
		t.Errorf("seed %d", got)
	}
	if got := hostile(t, Hostility{Seed: 9}).Seed(); got != 9 {
		t.Errorf("the seed of the world: %d", got)
	}
	for _, text := range []string{"0", "-1", "x"} {
		t.Setenv(seedVariable, text)
		w, _ := ReadWorld(strings.NewReader(calm))
		if _, err := New(w); err == nil || !strings.Contains(err.Error(), "want a number from 1") {
			t.Errorf("%q: %v", text, err)
		}
	}
	t.Setenv(seedVariable, "")
	a, b := hostile(t, Hostility{}).Seed(), hostile(t, Hostility{}).Seed()
	if a == b || a == 0 {
		t.Errorf("two drawn seeds: %d, %d", a, b)
	}
}

// What a hostile answer looks like on the wire.
func isSplit(a string) bool {
	_, body, _ := strings.Cut(a, "\r\n\r\n")
	if !strings.Contains(strings.ToLower(a), "transfer-encoding: chunked") {
		return false
	}
	first, _, _ := strings.Cut(body, "\r\n")
	var size int
	fmt.Sscanf(first, "%x", &size)
	return !strings.HasSuffix(a, "\r\n0\r\n\r\n") || strings.Index(body, "\r\n")+2+size+len("\r\n0\r\n\r\n") < len(body)
}

func byteByByte(a string) bool { return strings.Contains(a, "\r\n\r\n1\r\nP\r\n1\r\nR\r\n1\r\nO\r\n") }

// unchunked is the body of an answer.
func unchunked(t testing.TB, a string) string {
	t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(a)), &http.Request{Method: "POST"})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestEachSwitchEndsItsHostility(t *testing.T) {
	cookiesMoved := func(_ testing.TB, a string) bool {
		low := strings.ToLower(a)
		i, j, k := strings.Index(low, "mapicontext="), strings.Index(low, "mapisequence="), strings.Index(low, "x-backendcookie=")
		return i >= 0 && (i > j || j > k)
	}
	tests := []struct {
		name string
		off  Hostility
		sign func(t testing.TB, a string) bool
	}{
		{"bodies in pieces", Hostility{NoSplit: true}, func(_ testing.TB, a string) bool { return isSplit(a) }},
		{"small bodies byte by byte", Hostility{NoSplit: true}, func(_ testing.TB, a string) bool { return byteByByte(a) }},
		{"PENDING", Hostility{NoPending: true}, func(t testing.TB, a string) bool { return strings.Contains(unchunked(t, a), tagPending) }},
		{"three times PENDING", Hostility{NoPending: true}, func(t testing.TB, a string) bool { return strings.Count(unchunked(t, a), tagPending) == 3 }},
		{"cookies in another order", Hostility{NoShuffle: true}, cookiesMoved},
		{"names in lower case", Hostility{NoCase: true}, func(_ testing.TB, a string) bool { return strings.Contains(a, "\r\nx-responsecode: ") }},
		{"names in upper case", Hostility{NoCase: true}, func(_ testing.TB, a string) bool { return strings.Contains(a, "\r\nCONTENT-TYPE: ") }},
		{"Content-Length", Hostility{NoLength: true}, func(_ testing.TB, a string) bool { return strings.Contains(a, "\r\nContent-Length: ") }},
	}
	const k = 60
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, seed := range []uint64{1, 2, 3} {
				seen := func(h Hostility) (n int) {
					h.Seed = seed
					for _, a := range answers(t, hostile(t, h), k) {
						if tt.sign(t, a) {
							n++
						}
					}
					return n
				}
				if seen(Hostility{}) == 0 {
					t.Errorf("seed %d: never seen in %d answers", seed, 2*k)
				}
				if n := seen(tt.off); n > 0 {
					t.Errorf("seed %d: switched off, and seen in %d of %d answers", seed, n, 2*k)
				}
				if n := seen(Hostility{Off: true}); n > 0 {
					t.Errorf("seed %d: all is off, and it was seen in %d of %d answers", seed, n, 2*k)
				}
			}
		})
	}
}

func TestHostilityChangesNothingThatIsSaid(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		s := hostile(t, Hostility{Seed: seed})
		v := newVictim(t, s, "connect")
		for _, step := range []string{"ask", "connect", "ping", "logon", "register", "probe", "disconnect"} {
			if got := v.see(step); got != healthy[step] {
				t.Errorf("seed %d, %s: %s", seed, step, got)
			}
		}
	}
}

func TestStartTellsTheSeed(t *testing.T) {
	said := &listener{TB: t}
	s := Start(said, calm+"\n")
	if said.text != "" {
		t.Errorf("hostility is off, and it says %q", said.text)
	}
	s = Start(said, "acquisition")
	if want := fmt.Sprintf("mockserver: MOCKSERVER_SEED=%d", s.Seed()); said.text != want {
		t.Errorf("it says %q, want %q", said.text, want)
	}
}

type listener struct {
	testing.TB
	text string
}

func (l *listener) Logf(format string, args ...any) { l.text = fmt.Sprintf(format, args...) }

func TestAWorldFileSwitchesHostility(t *testing.T) {
	w, err := ReadWorld(strings.NewReader(strings.Replace(calm, "off = true", "seed = 5\nno_split = true\nno_pending = true\nno_shuffle = true\nno_case = true\nno_length = true", 1)))
	if want := (Hostility{Seed: 5, NoSplit: true, NoPending: true, NoShuffle: true, NoCase: true, NoLength: true}); err != nil || w.Hostility != want {
		t.Errorf("%+v, %v", w.Hostility, err)
	}
}
