package logonclient_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
	"github.com/homing-mail/homing/logonclient"
	"go.uber.org/goleak"
)

// spoiled answers the nth request of a healthy server with other bytes, in which
// CREDENTIAL stands for the credential that came with it, and hangs up.
func spoiled(t *testing.T, n uint8, answer []byte, healthy func(w io.Writer, g got) bool) *server {
	return start(t, func(w io.Writer, g got) bool {
		if n--; n != 0xFF {
			return healthy(w, g)
		}
		_, credential, _ := strings.Cut(g.Header.Get("Authorization"), " ")
		w.Write(bytes.ReplaceAll(answer, []byte("CREDENTIAL"), []byte(credential)))
		return false
	})
}

// proper fails the test where an error is not an *Error, or tells a secret.
func proper(t *testing.T, c *logonclient.Client, shown *bytes.Buffer, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err == nil {
			continue
		}
		e, ok := errors.AsType[*logonclient.Error](err)
		if !ok || e != err || e.Op == "" || e.Host == "" || int(e.Kind) >= len(logonclient.Kinds()) {
			t.Errorf("error %#v", err)
		}
		fmt.Fprintf(shown, "%v\n%+v\n%#v\n", err, e, e)
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			fmt.Fprintln(shown, cause)
		}
	}
	if containsAny(shown.Bytes(), forms("ann", annPassword)) {
		t.Errorf("a secret was shown:\n%s", shown)
	}
}

func answerSeeds(f *testing.F, requests uint8) {
	n := uint8(0)
	for _, row := range refusals() {
		for _, answer := range row.answers {
			f.Add(n%requests, []byte(answer))
			n++
		}
	}
	for at := range requests {
		f.Add(at, []byte(nil))
		f.Add(at, []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"))
		f.Add(at, []byte("CREDENTIAL"))
		f.Add(at, []byte(page("302 Found", "Location: https://ex2.contoso.test/mapi/emsmdb/?MailboxId=CREDENTIAL\r\n", "")))
		f.Add(at, []byte(page("403 CREDENTIAL", "", "<title>CREDENTIAL</title>")))
		f.Add(at, []byte(stream("", "DONE CREDENTIAL\r\n")))
		f.Add(at, []byte(stream("", "PROCESSING\r\nDONE\r\n\r\n"+string(executed([]uint32{1}, raw(pendingRop+backoffRop)).Append(nil)))))
	}
}

// FuzzAnswer spoils one answer in the life of a session.
func FuzzAnswer(f *testing.F) {
	answerSeeds(f, 7)
	f.Add(uint8(2), []byte(done("", executed([]uint32{logonHandle}, logonOK()))))
	f.Add(uint8(2), []byte(done("", executed([]uint32{mapi.NoHandle}, &mapi.LogonResponse{ReturnValue: mapi.EcWrongServer, ServerName: "CREDENTIAL"}))))
	f.Fuzz(func(t *testing.T, n uint8, answer []byte) {
		before := goleak.IgnoreCurrent()
		s := spoiled(t, n, answer, mailbox(nil))
		var shown bytes.Buffer
		c := &logonclient.Client{Network: s.network(), Timeout: 10 * time.Second, Seen: func(x logonclient.Exchange) { fmt.Fprintf(&shown, "%+v\n", x) }}
		session, err := c.Logon(t.Context(), ann())
		errs := []error{err}
		if session != nil {
			_, err := session.Wait(t.Context())
			errs = append(errs, err, session.Probe(t.Context()), session.Close(t.Context()))
		}
		proper(t, c, &shown, errs...)
		s.stop()
		if err := goleak.Find(before); err != nil {
			t.Error(err)
		}
	})
}

// FuzzAddressBook spoils one answer of the look-up of a server.
func FuzzAddressBook(f *testing.F) {
	answerSeeds(f, 5)
	for _, url := range []string{ex2URL, ex2Book, annURL, "https://1/emsmdb/?mailboxid=@", "https://ex2.contoso.test/mapi/emsmdb/?MailboxId=CREDENTIAL@contoso.test", "CREDENTIAL"} {
		f.Add(uint8(2), []byte(mailboxAt(url)))
		f.Add(uint8(3), []byte(mailboxAt(url)))
	}
	f.Fuzz(func(t *testing.T, n uint8, answer []byte) {
		before := goleak.IgnoreCurrent()
		s := spoiled(t, n, answer, book(nil))
		var shown bytes.Buffer
		c := &logonclient.Client{Network: s.network(), Timeout: 10 * time.Second, Seen: func(x logonclient.Exchange) { fmt.Fprintf(&shown, "%+v\n", x) }}
		for _, name := range []string{ex2DN, strings.Replace(ex2DN, "=ex2", "=EX 2", 1)} {
			to, err := c.Resolve(t.Context(), ann(), name)
			proper(t, c, &shown, err)
			usable := strings.HasPrefix(to.MailStore, "https://") && strings.Contains(strings.ToLower(to.MailStore), "/emsmdb/") && to.MailStore != annURL && to.Access.Hop.To != ""
			if err == nil && !usable {
				t.Errorf("%q leads to %+v", name, to)
			}
		}
		if len(s.requests()) > 12 {
			t.Errorf("requests %v", s.types())
		}
		s.stop()
		if err := goleak.Find(before); err != nil {
			t.Error(err)
		}
	})
}
