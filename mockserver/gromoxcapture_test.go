package mockserver

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// peer is the installation that the captures in testdata/captures were taken
// from.
const peer = `
name = "peer"
password = "secret"
[hostility]
off = true
[[forest]]
name = "peer.test"
org = "Gromox default"
flavour = "gromox"
[[forest.server]]
name = "gx1"
host = "mail.peer.test"
[[mailbox]]
user = "alice"
display_name = "Alice Peer"
server = "gx1"
[[mailbox]]
user = "bob"
display_name = "Bob Peer"
server = "gx1"
[[mailbox]]
user = "carol"
display_name = "Carol Peer"
server = "gx1"
delegates = ["alice"]
[[mailbox]]
user = "dave"
display_name = "Dave Peer"
server = "gx1"
`

const peerHost = "mail.peer.test"

const aliceServer = "/o=Gromox default/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Configuration/cn=Servers/cn=616c6963-6540-7065-6572-2e7401000000@peer.test"

// The hosts of the installation; a host of the mock has no port.
var peerHosts = strings.NewReplacer("localhost:8443", peerHost, "localhost:8444", peerHost, "localhost:8445", peerHost, "localhost:8447", peerHost)

// shape is what two answers to a request have in common when a client cannot
// tell them apart.
type shape struct {
	Status string
	Head   []string // sorted: a client does not see the order
	Chunks []int    // their sizes; none: Content-Length
	Tags   []string // and additional headers, in their order
	Body   string
}

// What changes from one answer to the next, by name.
var volatile = []struct {
	name string
	seen *regexp.Regexp
	mark string
}{
	{"the clock", regexp.MustCompile(`(?m)^(Date|X-StartTime): \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT`), "$1: ***, ** *** **** **:**:** GMT"},
	{"the session", regexp.MustCompile(`(?m)^Set-Cookie: sid=[0-9a-z]{32}$`), "Set-Cookie: sid=*"},
	{"the sequence", regexp.MustCompile(`(?m)^Set-Cookie: sequence=[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`), "Set-Cookie: sequence=*"},
	{"time and machine of an error", regexp.MustCompile(`<Error Time="\d\d:\d\d:\d\d" Id="\d+">`), `<Error Time="*" Id="*">`},
}

func normal(text string) string {
	for _, v := range volatile {
		text = v.seen.ReplaceAllString(text, v.mark)
	}
	return text
}

// shapeOf takes an answer apart; wire is all that came over the connection.
func shapeOf(t *testing.T, wire []byte, alike func(body []byte)) shape {
	t.Helper()
	head, rest, ok := strings.Cut(string(wire), "\r\n\r\n")
	if !ok {
		t.Fatalf("no end of the headers in %q", wire)
	}
	lines := strings.Split(head, "\r\n")
	s := shape{Status: lines[0]}
	chunked, length := false, -1
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "Transfer-Encoding":
			chunked = value == "chunked"
		case "Content-Length": // told by the length of the body below
			length, _ = strconv.Atoi(value)
			line = name
		}
		s.Head = append(s.Head, normal(line))
	}
	slices.Sort(s.Head)
	body := rest
	if chunked {
		body = ""
		for {
			size, after, _ := strings.Cut(rest, "\r\n")
			n, err := strconv.ParseInt(size, 16, 32)
			if err != nil || int(n)+2 > len(after) {
				t.Fatalf("a chunk of %q in %q", size, wire)
			}
			if n == 0 {
				break
			}
			s.Chunks = append(s.Chunks, int(n))
			body, rest = body+after[:n], after[n+2:]
		}
	} else if length != len(body) {
		t.Errorf("Content-Length %d, body %d", length, len(body))
	}
	if strings.HasPrefix(body, "PROCESSING\r\n") {
		tags, after, ok := strings.Cut(body, "\r\n\r\n")
		if !ok {
			t.Fatalf("no end of the tags in %q", body)
		}
		s.Tags, body = strings.Split(normal(strings.ReplaceAll(tags, "\r\n", "\n")), "\n"), after
	}
	raw := []byte(body)
	if alike != nil {
		alike(raw)
	}
	s.Body = normal(string(raw))
	return s
}

// Where values that differ lie in a body, counted from its beginning.
const ropsAt = 16 + 8 + 2 // StatusCode to RopBufferSize, RPC_HEADER_EXT, RopSize

// logonAlike blanks the ids and times of a logon to a mailbox, and the handles.
func logonAlike(body []byte) {
	clear(body[ropsAt+112 : ropsAt+128]) // MailboxGuid
	clear(body[ropsAt+130 : ropsAt+146]) // ReplGuid
	clear(body[ropsAt+146 : ropsAt+162]) // LogonTime, GwartTime
	handlesAlike(body)
}

func publicLogonAlike(body []byte) {
	clear(body[ropsAt+113 : ropsAt+129]) // ReplGuid
	handlesAlike(body)
}

// handlesAlike blanks the handles that are given out, which go on from logon to
// logon in a session.
func handlesAlike(body []byte) {
	end := len(body) - 4 // the auxiliary buffer is empty
	size := int(binary.LittleEndian.Uint16(body[24:]))
	for at := 24 + size; at < end; at += 4 {
		if binary.LittleEndian.Uint32(body[at:]) != 0xFFFFFFFF {
			clear(body[at : at+4])
		}
	}
}

func bindAlike(body []byte) { clear(body[8:24]) } // ServerGuid

// replay sends the request of a capture, with the cookies given, and returns all
// that comes back.
func replay(t *testing.T, s *Server, name, cookies string) []byte {
	t.Helper()
	return sendRaw(t, s, request(t, name, cookies), false)
}

func capture(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "captures", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var cookieLine = regexp.MustCompile(`(?m)^Cookie: .*\r$`)

func request(t *testing.T, name, cookies string) []byte {
	t.Helper()
	head, body, _ := bytes.Cut(capture(t, name+".req.bin"), []byte("\r\n\r\n"))
	text := peerHosts.Replace(string(head)) + "\r\n"
	if cookies != "" {
		text = cookieLine.ReplaceAllString(text, "Cookie: "+cookies+"\r")
	}
	return append([]byte(text+"\r\n"), body...)
}

// sendRaw sends bytes over a connection of their own and reads the answer: to
// its end, or with toEnd until the server hangs up.
func sendRaw(t *testing.T, s *Server, request []byte, toEnd bool) []byte {
	t.Helper()
	plain, err := s.Dial(t.Context(), "tcp", peerHost+":443")
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(plain, &tls.Config{RootCAs: s.RootCAs(), ServerName: peerHost})
	defer conn.Close()
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	var wire []byte
	for piece := make([]byte, 4096); ; {
		n, err := conn.Read(piece)
		wire = append(wire, piece[:n]...)
		if err != nil && toEnd && (err == io.EOF || err == io.ErrUnexpectedEOF || err == net.ErrClosed) {
			return wire
		}
		if err != nil {
			t.Fatalf("%v after %q", err, wire)
		}
		if !toEnd && complete(wire) {
			return wire
		}
	}
}

// complete reports whether wire holds an answer to its end.
func complete(wire []byte) bool {
	head, body, ok := strings.Cut(string(wire), "\r\n\r\n")
	if !ok {
		return false
	}
	if strings.Contains(head, "\r\nTransfer-Encoding: chunked") {
		return strings.HasSuffix(body, "0\r\n\r\n")
	}
	var length int
	_, after, _ := strings.Cut(head, "\r\nContent-Length: ")
	fmt.Sscan(after, &length)
	return len(body) >= length
}

var setCookie = regexp.MustCompile(`(?m)^Set-Cookie: (\w+=[^\r]*)`)

// cookiesOf are the cookies of an answer, as a request sends them.
func cookiesOf(wire []byte) string {
	var list []string
	for _, m := range setCookie.FindAllSubmatch(wire, -1) {
		list = append(list, string(m[1]))
	}
	return strings.Join(list, "; ")
}

func TestGromoxAnswersAsInTheCaptures(t *testing.T) {
	connected := []string{"30-connect-ok"}
	tests := []struct {
		name    string
		capture string
		before  []string                    // captures that make the session, in their order
		set     func(*testing.T, *Server)   // the configuration of the installation
		alike   func(body []byte)           // blanks what may differ in a body of bytes
		differs func(capture []byte) []byte // makes of the capture what the mock says on purpose
	}{
		{name: "settings have EXHTTP, mapiHttp, EXCH and EXPR", capture: "01-ad-settings"},
		{name: "an address of nobody is ErrorCode 404", capture: "02-ad-unknown-user"},
		{name: "a LegacyDN alone is no request", capture: "04-ad-legacydn-only"},
		{name: "of both identities the address decides", capture: "05-ad-email-and-legacydn"},
		{name: "without a schema there is no provider", capture: "06-ad-no-schema"},
		{name: "half a document is no request", capture: "08-ad-bad-xml"},
		{name: "another one's address is ErrorCode 501", capture: "09-ad-other-user-noperm"},
		{name: "Autodiscover wants a sign-in", capture: "11-ad-noauth"},
		{name: "Autodiscover refuses a wrong password", capture: "12-ad-badpw"},
		{name: "a GET wants a sign-in", capture: "15-ad-get-noauth"},
		{name: "the JSON form wants none", capture: "20-ad-v2-json"},
		{name: "a RedirectUrl has no AccountType", capture: "22-ad-redirecturl", set: func(t *testing.T, s *Server) {
			referAlice(t, s, "https://"+peerHost+"/autodiscover/autodiscover.xml")
		}},
		{name: "a RedirectAddr loses the last letter of the local part", capture: "23-ad-redirectaddr", set: func(t *testing.T, s *Server) {
			referAlice(t, s, "alice@other.test")
		}},
		{name: "Connect comes in two chunks", capture: "30-connect-ok"},
		{name: "a DN that is none is ecRpcFailed", capture: "31-connect-garbage-dn"},
		{name: "the DN of another one is ecAccessDenied", capture: "33-connect-other-dn"},
		{name: "Connect wants a sign-in", capture: "36-connect-noauth"},
		{name: "Connect refuses a wrong password", capture: "37-connect-badpw"},
		{name: "a logon has the folders in another order", capture: "40-logon-ok", before: connected, alike: logonAlike},
		{name: "an Essdn of nobody is ecNotFound", capture: "41-logon-unknown-essdn", before: connected},
		{name: "a logon without the right is ecLoginPerm", capture: "43-logon-other-noperm", before: connected},
		{name: "a redirect is a success that is none", capture: "46-logon-altserver-own", before: connected},
		{name: "public folders can be logged on to", capture: "51-logon-public", before: connected, alike: publicLogonAlike},
		{name: "a logon is released without an answer", capture: "52-logon-plus-release", before: connected, alike: logonAlike},
		{name: "an unknown ROP is refused with the call", capture: "53-bad-rop-id", before: connected},
		{name: "PING has a Content-Length", capture: "60-ping", before: connected},
		{name: "an unknown request type is 8", capture: "61-wrong-requesttype", before: connected},
		{name: "a missing X-RequestId is 3", capture: "63-missing-requestid", before: connected},
		{name: "a missing cookie is 6", capture: "67-missing-cookie", before: connected},
		{name: "an unknown session is 2", capture: "69-invalid-session"},
		{name: "an old sequence is 7", capture: "70-stale-sequence", before: []string{"30-connect-ok", "40-logon-ok"}},
		{name: "Disconnect has the cookies once more", capture: "80-disconnect-ok", before: connected},
		{name: "a redirect as its encoder meant it", capture: "96-redirect", before: connected, set: func(t *testing.T, s *Server) {
			if err := s.Claim("alice", "gx1", aliceServer); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "Bind is echoed in lower case", capture: "a0-nspi-bind", alike: bindAlike},
		{name: "GetMailboxUrl makes a URL of a database's DN", capture: "a2-nspi-getmailboxurl-mdb", before: []string{"a0-nspi-bind"},
			// The installation names itself by its address, the mock by its host.
			differs: func(b []byte) []byte {
				b = bytes.Replace(b, wide("127.0.0.1"), wide(peerHost), 1)
				return bytes.Replace(b, []byte("\r\nbc\r\n"), []byte("\r\nc6\r\n"), 1) // five letters longer
			}},
		{name: "a session for a wait", capture: "c0-connect-for-notificationwait"},
		{name: "a registration in the same buffer", capture: "c0b-logon", before: []string{"c0-connect-for-notificationwait"}, alike: logonAlike},
	}
	names := []string{"c1-notificationwait"} // has a test of its own
	for _, tt := range tests {
		names = append(names, tt.capture)
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, peer)
			if tt.set != nil {
				tt.set(t, s)
			}
			stale := ""
			cookies := ""
			for _, before := range tt.before {
				stale = cookies
				if cookies = cookiesOf(replay(t, s, before, cookies)); cookies == "" {
					t.Fatalf("%s: no cookies", before)
				}
			}
			if tt.capture == "70-stale-sequence" {
				cookies = stale
			}
			got := replay(t, s, tt.capture, cookies)
			want := []byte(peerHosts.Replace(string(capture(t, tt.capture+".rsp.bin"))))
			if tt.differs != nil {
				want = tt.differs(want)
			}
			if diff := cmp.Diff(shapeOf(t, want, tt.alike), shapeOf(t, got, tt.alike)); diff != "" {
				t.Errorf("(-Gromox +mock)\n%s", diff)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join("..", "testdata", "captures", "*.req.bin"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".req.bin"); !slices.Contains(names, name) {
			t.Errorf("%s is left out", name)
		}
	}
}

func referAlice(t *testing.T, s *Server, to string) {
	t.Helper()
	if err := s.Refer("alice", "peer.test", to); err != nil {
		t.Fatal(err)
	}
}

func wide(text string) []byte {
	var b []byte
	for _, c := range []byte(text) {
		b = append(b, c, 0)
	}
	return b
}

// A wait of fourteen minutes: PENDING has no line end, and PROCESSING comes
// again at the end.
func TestGromoxWaitsAsInTheCapture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, peer)
		cookies := cookiesOf(replay(t, s, "c0-connect-for-notificationwait", ""))
		cookies = cookiesOf(replay(t, s, "c0b-logon", cookies))
		event := time.AfterFunc(852*time.Second, func() {
			if told, err := s.Notify("alice"); told != 1 || err != nil {
				t.Errorf("%d told, %v", told, err)
			}
		})
		defer event.Stop()
		got := replay(t, s, "c1-notificationwait", cookies)
		want := capture(t, "c1-notificationwait.rsp.bin")
		if diff := cmp.Diff(shapeOf(t, want, nil), shapeOf(t, got, nil)); diff != "" {
			t.Errorf("(-Gromox +mock)\n%s", diff)
		}
	})
}

// The body of a failure lies outside of Content-Length, up to its first zero
// byte.
func TestGromoxFailsBehindTheAnswer(t *testing.T) {
	s := Start(t, peer)
	cookies := cookiesOf(replay(t, s, "30-connect-ok", ""))
	q := request(t, "40-logon-ok", cookies)
	most := bytes.LastIndex(q, []byte{0x08, 0, 0x01, 0}) // MaxRopOut
	binary.LittleEndian.PutUint32(q[most:], 8)
	wire := sendRaw(t, s, q, true)
	head, body, _ := strings.Cut(string(wire), "\r\n\r\n")
	before, behind, ok := strings.Cut(body, "\r\n\r\n")
	if !ok || !strings.HasPrefix(before, "PROCESSING\r\nDONE\r\nX-ElapsedTime: 0\r\n") || behind != "\xf7\x06" {
		t.Errorf("body %q", body)
	}
	if want := fmt.Sprintf("Content-Length: %d\r\n", len(before)+4); !strings.Contains(head+"\r\n", want) {
		t.Errorf("want %q in %q", want, head)
	}
	if !strings.Contains(head, "X-ResponseCode: 0") {
		t.Errorf("head %q", head)
	}
}
