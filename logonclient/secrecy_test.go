package logonclient_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/homing-mail/homing/logonclient"
)

// shows returns which part of secret, of at least 16 characters or all of it,
// stands in text.
func shows(text, secret string) string {
	for n := len(secret); n >= min(16, len(secret)); n-- {
		for i := 0; i+n <= len(secret); i++ {
			if strings.Contains(text, secret[i:i+n]) {
				return secret[i : i+n]
			}
		}
	}
	return ""
}

func TestWhatAServerRepeatsOfACredentialIsNotShown(t *testing.T) {
	credential := base64.StdEncoding.EncodeToString([]byte("ann:" + annPassword))
	pad := strings.Repeat("x", 180)
	for _, row := range []struct{ name, answer string }{
		{"in an X-ResponseCode, of which the beginning is quoted", page("200 OK", "X-ResponseCode: you sent "+credential+"\r\n", "")},
		{"behind DONE, in a line without a colon", stream("", "DONE\r\nyou sent Basic "+credential+"\r\n\r\n")},
		{"in the line of DONE", stream("", "DONE "+credential+"\r\n\r\n")},
		{"in a Location, of which the beginning is quoted", page("302 Found", "Location: https://ex1.contoso.test/mapi/"+pad[:150]+credential+"\r\n", "")},
		{"in a page, with comments between its letters", page("403 Forbidden", "", "<title>"+pad+"</title><p>"+strings.Join(strings.Split(credential, ""), "<!-- -->")+"</p>")},
		{"in a page, with an entity in it", page("403 Forbidden", "", "<p>"+pad+"&#"+fmt.Sprint(credential[0])+";"+credential[1:]+"</p>")},
		{"in a page, as the password", page("403 Forbidden", "", "<p>wrong password for ann: "+annPassword+"</p>")},
	} {
		t.Run(row.name, func(t *testing.T) {
			var log bytes.Buffer
			s := start(t, basic(func(w io.Writer, g got) bool { io.WriteString(w, row.answer); return true }))
			c := &logonclient.Client{Network: s.network(), Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
			var lines []string
			_, err := c.Logon(logonclient.WithSeen(t.Context(), func(x logonclient.Exchange) { lines = append(lines, x.Lines()...) }), ann())
			text := fmt.Sprintf("%v %#v %v %s %q", err, err, errors.Unwrap(err), log.String(), lines)
			if err == nil || len(lines) == 0 || shows(text, credential) != "" || shows(text, annPassword) != "" {
				t.Errorf("%q and %q are shown in %s", shows(text, credential), shows(text, annPassword), text)
			}
		})
	}
}

func TestFactsHoldNoCredential(t *testing.T) {
	credential := base64.StdEncoding.EncodeToString([]byte("ann:" + annPassword))
	ok := connectOK()
	ok.DisplayName = "Ann " + credential
	version := func(answer string) string {
		return strings.Replace(answer, "Exchange/15.02.2562.045", "X "+credential, 1)
	}
	s := start(t, mailbox(map[string]string{
		"Connect":  version(done(cookie("MapiContext=c1"), ok)),
		"RopLogon": version(done("", executed([]uint32{logonHandle}, logonOK()))),
	}))
	session := mustLogon(t, &logonclient.Client{Network: s.network()})
	defer session.Close(t.Context())
	if facts := fmt.Sprintf("%+v", session.Facts()); shows(facts, credential) != "" || !strings.Contains(facts, "Ann [redacted]") {
		t.Errorf("facts %s", facts)
	}
}

func TestTheNamesInACertificateAreShownInOneLine(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"\x1b]0;owned\x07\x1b[2J.tailspin.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			c.(*tls.Conn).Handshake()
			c.Close()
		}
	}()
	c := &logonclient.Client{Network: logonclient.Network{Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, listener.Addr().String())
	}}}
	_, err = c.Logon(t.Context(), ann())
	e, ok := errors.AsType[*logonclient.Error](err)
	if !ok || e.Kind != logonclient.BadCertificate {
		t.Fatalf("error %v", err)
	}
	if said := e.Err.Error(); strings.ContainsFunc(said, func(r rune) bool { return !unicode.IsPrint(r) }) || !strings.Contains(said, "tailspin.test") {
		t.Errorf("the cause is %q", said)
	}
}

func TestASecretThatTheAddressBookRefusedIsNotSentThereAgain(t *testing.T) {
	refused := 0
	s := start(t, basic(func(w io.Writer, g got) bool {
		refused++
		io.WriteString(w, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"contoso\"\r\nContent-Length: 0\r\n\r\n")
		return true
	}))
	from, c := ann(), &logonclient.Client{Network: s.network(), Challenges: new(logonclient.Challenges)}
	for range 5 {
		if _, err := c.Resolve(t.Context(), from, ex2DN); err != nil {
			t.Fatal(err) // the guess beside the present host is left
		}
	}
	if told := len(from.Access.Logins.(*logins).refused); refused != 1 || told != 0 {
		t.Errorf("sent %d times, told %d times; want once and never: the mailbox endpoint takes it", refused, told)
	}
}

// Each way to answer that has no end, at each request of a session and of a
// look-up: nobody is held for longer than the limits say.
func TestNoAnswerHoldsAClientForEver(t *testing.T) {
	drip := func(head, piece string, every time.Duration) func(w io.Writer) {
		return func(w io.Writer) {
			io.WriteString(w, head)
			for {
				if _, err := io.WriteString(w, piece); err != nil {
					return
				}
				<-time.After(every)
			}
		}
	}
	ok := "HTTP/1.1 200 OK\r\nX-ResponseCode: 0\r\nX-PendingPeriod: 300000\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, way := range []struct {
		name   string
		answer func(io.Writer)
	}{
		{"PENDING and never DONE", drip(ok, "7\r\nPENDING\r\n", 14*time.Second)},
		{"PENDING now and then", drip(ok, "7\r\nPENDING\r\n", 14*time.Minute)},
		{"a head that drips", drip("HTTP/1.1 200 OK\r\nX-A: ", "a", time.Second)},
		{"100 Continue for ever", drip("", "HTTP/1.1 100 Continue\r\n\r\n", time.Second)},
		{"a body that drips", drip(ok+"A\r\nDONE\r\n\r\nab\r\n", "1\r\na\r\n", time.Second)},
		{"a body without end", drip(ok+"8\r\nDONE\r\n\r\n\r\n", fmt.Sprintf("%x\r\n%s\r\n", 32<<10, strings.Repeat("a", 32<<10)), time.Millisecond)},
		{"a page that drips", drip("HTTP/1.1 403 Forbidden\r\n\r\n", "a", time.Second)},
		{"another protocol", drip("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "a", time.Second)},
		{"a challenge that drips", drip("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", time.Second)},
		{"trailers that drip", drip(ok+"8\r\nDONE\r\n\r\n\r\n0\r\n", "X-A: b\r\n", time.Second)},
	} {
		for _, at := range []string{"Connect", "RopLogon", "Disconnect", "RopGetReceiveFolder", "NotificationWait", "Bind", "GetMailboxUrl", "GetAddressBookUrl", "Unbind"} {
			t.Run(way.name+" at "+at, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { heldAt(t, at, way.answer) })
			})
		}
	}
}

// heldAt lets the request at be answered by answer, and everything else well.
func heldAt(t *testing.T, at string, answer func(io.Writer)) {
	lookUp := strings.HasPrefix(at, "Get") || strings.HasSuffix(at, "ind")
	good := mailbox(nil)
	if lookUp {
		good = book(nil)
	}
	s := start(t, func(w io.Writer, g got) bool {
		kind := g.requestType()
		if kind == "Execute" {
			kind = ropOf(g.body)
		}
		if kind != at {
			return good(w, g)
		}
		answer(w)
		return false
	})
	defer s.stop()
	c := &logonclient.Client{Network: s.network()}
	began := time.Now()
	if lookUp {
		c.Resolve(t.Context(), ann(), ex2DN)
	} else if session, err := c.Logon(t.Context(), ann()); err == nil {
		if at == "NotificationWait" {
			session.Wait(t.Context())
		} else {
			session.Probe(t.Context())
		}
		session.Close(t.Context())
	}
	limit := 5*time.Minute + 10*time.Second // one exchange and a goodbye
	if at == "NotificationWait" {
		limit = 31 * time.Minute
	}
	if took := time.Since(began); took > limit {
		t.Errorf("held for %v, want at most %v", took, limit)
	}
}
