//go:build unix

package mockserver_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/homing-mail/homing/mockserver"
)

// What the journey sends, written out here without the codec.

// octets is a byte string of hexadecimal digits.
func octets(digits string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// connectOctets is the body of a Connect ([MS-OXCMAPIHTTP] 2.2.4.1.1): UserDn,
// Flags, DefaultCodePage 1252, LcidSort and LcidString 0x0409, no auxiliary
// buffer.
func connectOctets(dn string) []byte {
	return append(append([]byte(dn), 0), octets("00000000 E4040000 09040000 09040000 00000000")...)
}

// executeOctets is the body of an Execute with one ROP ([MS-OXCMAPIHTTP]
// 2.2.4.2.1): Flags, the buffer behind its RPC_HEADER_EXT ([MS-OXCRPC]
// 2.2.2.1: version 0, the last one), MaxRopOut, no auxiliary buffer.
func executeOctets(rop []byte, handles string) []byte {
	list := append(binary.LittleEndian.AppendUint16(nil, uint16(2+len(rop))), rop...)
	payload := append(list, octets(handles)...)
	size := uint16(len(payload))
	buffer := binary.LittleEndian.AppendUint16(octets("0000 0400"), size)
	buffer = append(binary.LittleEndian.AppendUint16(buffer, size), payload...)
	b := binary.LittleEndian.AppendUint32(octets("03000000"), uint32(len(buffer)))
	return append(append(b, buffer...), octets("08000100 00000000")...)
}

// logonOctets is a RopLogon ([MS-OXCROPS] 2.2.3.1.1) into output handle 0:
// LogonFlags Private, OpenFlags USE_PER_MDB_REPLID_MAPPING, StoreState 0.
func logonOctets(dn string) []byte {
	b := binary.LittleEndian.AppendUint16(octets("FE 00 00 01 00000001 00000000"), uint16(len(dn)+1))
	return append(append(b, dn...), 0)
}

// ropOctets are the ROPs in the answer to an Execute, and the server object
// handles behind them: StatusCode, ErrorCode, Flags and RopBufferSize come first,
// then RPC_HEADER_EXT and RopSize.
func (c *curl) ropOctets(s curlStream) (rops, handles []byte) {
	c.t.Helper()
	if len(s.body) < 26 || !bytes.Equal(s.body[:8], make([]byte, 8)) {
		c.t.Fatalf("Execute: % X, want StatusCode and ErrorCode 0 and a buffer", s.body)
	}
	end := 24 + int(binary.LittleEndian.Uint16(s.body[24:]))
	return s.body[26:end], s.body[end : 24+binary.LittleEndian.Uint16(s.body[20:])]
}

const noHandles = "FFFFFFFF FFFFFFFF"

// journey is what one curl goes through.
type journey struct {
	*curl
	dn, store string // of the mailbox, from Autodiscover
	handle    string // of the logon, in hexadecimal digits
	met       map[string]bool
}

// The hostility that can be seen from a client. That of a stream of one piece
// would not be noticed.
const (
	metPending  = "PENDING before DONE"
	metUpper    = "header names in upper case"
	metLower    = "header names in lower case"
	metLength   = "a stream with Content-Length"
	metPieces   = "a small body in several chunks"
	metShuffled = "cookies in another order"
)

// call sends a request of MAPI and notes what hostility it met.
func (j *journey) call(kind string, body []byte, args ...string) (curlAnswer, curlStream) {
	j.t.Helper()
	a, s := j.mapi(j.store, kind, body, args...)
	j.met[metPending] = j.met[metPending] || slices.Contains(s.tags, "PENDING")
	j.met[metLength] = j.met[metLength] || a.head.Get("Content-Length") != ""
	for _, line := range a.lines {
		name, _, _ := strings.Cut(line, ": ")
		j.met[metUpper] = j.met[metUpper] || name == "X-RESPONSECODE"
		j.met[metLower] = j.met[metLower] || name == "x-responsecode"
	}
	if cookies := a.head.Values("Set-Cookie"); len(cookies) > 0 {
		j.met[metShuffled] = j.met[metShuffled] || !strings.HasPrefix(cookies[0], "MapiContext=")
	}
	return a, s
}

func (j *journey) connect() []byte {
	j.t.Helper()
	_, s := j.call("Connect", connectOctets(j.dn))
	return s.body[:8]
}

var stops = []struct {
	name string
	run  func(j *journey)
}{
	{"a GET without credentials gets 401 with a challenge and an empty body", func(j *journey) {
		a := j.answered("-u", ":", "--no-basic", "https://autodiscover.contoso.test"+autodiscoverPath)
		if a.exit != 0 || a.status != "401" || len(a.body) > 0 || !strings.HasPrefix(a.head.Get("WWW-Authenticate"), "Basic realm=") {
			j.t.Errorf("exit code %d, status %s, challenge %q, body %q", a.exit, a.status, a.head.Get("WWW-Authenticate"), a.body)
		}
	}},
	{"a wrong password gets 401", func(j *journey) {
		if a := j.answered("-u", "ann@contoso.test:wrong", "https://ex1.contoso.test/mapi/emsmdb/"); a.status != "401" {
			j.t.Errorf("status %s", a.status)
		}
	}},
	{"the address leads to settings", func(j *journey) {
		_, d := j.discover("autodiscover.contoso.test", "EMailAddress", "ann@contoso.test")
		if d.Action != "settings" || !strings.HasPrefix(d.Store, "https://ex1.contoso.test/mapi/emsmdb/?MailboxId=") || !strings.HasSuffix(d.LegacyDN, "-Ann") {
			j.t.Fatalf("%s at %q for %q", d.Action, d.Store, d.LegacyDN)
		}
		j.dn, j.store = d.LegacyDN, d.Store
	}},
	{"the LegacyDN leads to the same settings", func(j *journey) {
		if _, d := j.discover("autodiscover.contoso.test", "LegacyDN", j.dn); d.Action != "settings" || d.Store != j.store {
			j.t.Errorf("%s at %q, want %q", d.Action, d.Store, j.store)
		}
	}},
	{"PING succeeds without a session, in chunks that curl shows raw", func(j *journey) {
		a := j.answered(append(j.mapiArgs(j.store, "PING", nil), "--raw")...)
		if a.exit != 0 || a.head.Get("X-ResponseCode") != "0" {
			j.t.Fatalf("exit code %d, X-ResponseCode %q", a.exit, a.head.Get("X-ResponseCode"))
		}
		if a.head.Get("Content-Length") != "" {
			return
		}
		body, pieces := a.body, 0
		for {
			line, rest, _ := bytes.Cut(body, []byte("\r\n"))
			n, err := strconv.ParseUint(string(line), 16, 16)
			if err != nil || int(n) > len(rest)-2 {
				j.t.Fatalf("%q is no chunk: %v", body, err)
			}
			if n == 0 {
				break
			}
			body, pieces = rest[n+2:], pieces+1
		}
		j.met[metPieces] = j.met[metPieces] || pieces > 1
	}},
	{"Connect gives cookies for curl to keep", func(j *journey) {
		if got := j.connect(); !bytes.Equal(got, make([]byte, 8)) {
			j.t.Errorf("StatusCode and ErrorCode are % X", got)
		}
		for _, name := range []string{"MapiContext", "MapiSequence", "X-BackEndCookie"} {
			if jar := string(j.read("jar")); !strings.Contains(jar, "\t"+name+"\t") {
				j.t.Errorf("no cookie %s in\n%s", name, jar)
			}
		}
	}},
	{"RopLogon with these cookies succeeds", func(j *journey) {
		_, s := j.call("Execute", executeOctets(logonOctets(j.dn), noHandles))
		rops, handles := j.ropOctets(s)
		// RopId, OutputHandleIndex, ReturnValue, LogonFlags ([MS-OXCROPS] 2.2.3.1.2).
		if want := octets("FE 00 00000000 01"); !bytes.HasPrefix(rops, want) || len(handles) != 8 || bytes.HasPrefix(handles, octets("FFFFFFFF")) {
			j.t.Fatalf("% X with handles % X, want % X… and a handle", rops, handles, want)
		}
		j.handle = hex.EncodeToString(handles[:4])
	}},
	{"an event that the admin API makes ends a NotificationWait", func(j *journey) {
		// RopRegisterNotification ([MS-OXCROPS] 2.2.14.1.1): NewMail of the whole store.
		_, s := j.call("Execute", executeOctets(octets("29 00 00 01 02 00 01"), j.handle+"FFFFFFFF"))
		if rops, _ := j.ropOctets(s); !bytes.Equal(rops, octets("29 01 00000000")) {
			j.t.Fatalf("RopRegisterNotification: % X", rops)
		}
		ctx, cancel := context.WithTimeout(j.t.Context(), patience)
		defer cancel()
		args := append(j.mapiArgs(j.store, "NotificationWait", octets("00000000 00000000")), "-K", "mock.curl", "-D", "head", "-o", "body", "-w", "%{http_code}")
		wait := j.command(ctx, args...)
		var status bytes.Buffer
		wait.Stdout = &status
		if err := wait.Start(); err != nil {
			j.t.Fatal(err)
		}
		_, err := j.s.Await(ctx, func(r mockserver.Request) bool { return r.Said == "waiting" })
		if err == nil {
			if said := j.admin("POST", "/mailboxes/ann/notify", ""); !strings.Contains(said, "1 sessions told") {
				j.t.Errorf("notify: %s", said)
			}
		}
		if ended := wait.Wait(); err != nil || ended != nil {
			j.t.Fatalf("it never waited: %v; or curl failed: %v", err, ended)
		}
		// StatusCode, ErrorCode, EventPending ([MS-OXCMAPIHTTP] 2.2.4.4.2).
		s = j.stream("NotificationWait", j.look(curlAnswer{status: status.String()}))
		if want := octets("00000000 00000000 01000000"); !bytes.HasPrefix(s.body, want) {
			j.t.Errorf("% X, want % X…", s.body, want)
		}
	}},
	{"Disconnect ends the session, and the cookies with it", func(j *journey) {
		jar := j.read("jar")
		j.call("Disconnect", octets("00000000"))
		j.write("jar", jar)
		a := j.answered(j.mapiArgs(j.store, "Execute", executeOctets(logonOctets(j.dn), noHandles))...)
		if got := a.head.Get("X-ResponseCode"); got != "10" { // Context Not Found, [MS-OXCMAPIHTTP] 2.2.3.3.3
			j.t.Errorf("X-ResponseCode %q, want 10", got)
		}
		j.write("jar", nil)
	}},
	{"after a move to ex2, ex1 names ex2 at the logon", func(j *journey) {
		j.admin("POST", "/mailboxes/ann/move", `{"to":"ex2"}`)
		j.connect()
		_, s := j.call("Execute", executeOctets(logonOctets(j.dn), noHandles))
		rops, _ := j.ropOctets(s)
		// RopId, OutputHandleIndex, ReturnValue ecWrongServer, LogonFlags,
		// ServerNameSize, ServerName ([MS-OXCROPS] 2.2.3.1.3).
		name := "/o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Configuration/cn=Servers/cn=ex2\x00"
		want := append(append(octets("FE 00 78040000 01"), byte(len(name))), name...)
		if !bytes.Equal(rops, want) {
			j.t.Errorf("\n% X (%[1]q), want\n% X", rops, want)
		}
	}},
	{"after a move to mx1, Connect says ecUnknownUser", func(j *journey) {
		j.write("jar", nil)
		j.admin("POST", "/mailboxes/ann/move", `{"to":"mx1"}`)
		if got, want := j.connect(), octets("00000000 EB030000"); !bytes.Equal(got, want) {
			j.t.Errorf("StatusCode and ErrorCode are % X, want % X", got, want)
		}
	}},
	{"and the LegacyDN leads over a RedirectUrl to settings at mx1", func(j *journey) {
		_, d := j.discover("autodiscover.contoso.test", "LegacyDN", j.dn)
		if want := "https://autodiscover.fabrikam.test" + autodiscoverPath; d.Action != "redirectUrl" || d.URL != want {
			j.t.Fatalf("%s %q, want redirectUrl %s", d.Action, d.URL, want)
		}
		_, d = j.discover("autodiscover.fabrikam.test", "LegacyDN", j.dn)
		if !strings.HasPrefix(d.Store, "https://mx1.fabrikam.test/mapi/emsmdb/?MailboxId=") || d.LegacyDN == j.dn {
			j.t.Fatalf("%s at %q for %q", d.Action, d.Store, d.LegacyDN)
		}
		j.dn, j.store = d.LegacyDN, d.Store
	}},
	{"where the same curl logs on", func(j *journey) {
		j.write("jar", nil)
		j.connect()
		_, s := j.call("Execute", executeOctets(logonOctets(j.dn), noHandles))
		if rops, _ := j.ropOctets(s); !bytes.HasPrefix(rops, octets("FE 00 00000000 01")) {
			j.t.Errorf("% X", rops)
		}
	}},
}

// travel goes through all stops and returns the hostility that it met.
func travel(t *testing.T, h mockserver.Hostility) map[string]bool {
	j := &journey{curl: startCurl(t, "acquisition", h), met: map[string]bool{}}
	at := j.curl
	for _, stop := range stops {
		if !t.Run(stop.name, func(t *testing.T) {
			j.curl = at.on(t)
			stop.run(j)
			at.n = j.curl.n
		}) {
			break // what follows needs it
		}
	}
	return j.met
}

func TestCurlFollowsAMailboxThroughAnyHostility(t *testing.T) {
	met := map[string]bool{}
	for seed := range uint64(5) {
		t.Run(fmt.Sprintf("seed %d", seed+1), func(t *testing.T) {
			for what, ok := range travel(t, mockserver.Hostility{Seed: seed + 1}) {
				met[what] = met[what] || ok
			}
		})
	}
	for _, what := range []string{metPending, metUpper, metLower, metLength, metPieces, metShuffled} {
		if !met[what] {
			t.Errorf("no seed had %s: choose others", what)
		}
	}
}

func TestCurlMeetsNoHostilityInAPoliteWorld(t *testing.T) {
	for what, ok := range travel(t, mockserver.Hostility{Off: true}) {
		if ok {
			t.Errorf("met %s", what)
		}
	}
}
