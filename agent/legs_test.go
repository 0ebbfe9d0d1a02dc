package agent_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/servicetest"
	"github.com/homing-mail/homing/logonclient"
)

// legs are the present journey: step, host, outcome, and whether it failed.
func legs(m agent.Mailbox) []string {
	var out []string
	for _, l := range m.Journey {
		line := strings.Join(strings.Fields(fmt.Sprintf("%s %s: %s", l.Step, l.Host, l.Outcome)), " ")
		if l.Failed {
			line += ", failed"
		}
		out = append(out, strings.ReplaceAll(line, " :", ":"))
	}
	return out
}

func TestEachLegSaysWhatItsStepCameTo(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(*servicetest.World)
		then    func(h *house)
		want    []string
	}{
		{"another server of the forest", func(w *servicetest.World) { w.At(ex1, servicetest.Moved("EX2")) }, nil,
			[]string{"logon ex1.contoso.test: wrong server, failed", "resolve ex2.contoso.test: found", "logon ex2.contoso.test: logged on", "saved: logged on"}},
		{"a server name that leads nowhere", func(w *servicetest.World) {
			w.At(ex1, servicetest.Moved("EX2"))
			w.Resolved = func(string) (string, error) { return "", errors.New("no such server") }
		}, nil,
			[]string{"logon ex1.contoso.test: wrong server, failed", "resolve: circle, failed", "wait: nothing better"}},
		{"a redirect to a login page", func(w *servicetest.World) {
			w.At(ex1, &logonclient.Error{Kind: logonclient.Redirected, URL: "https://ex1.contoso.test/owa/auth/logon.aspx", Said: "HTTP status 302"})
		}, nil,
			[]string{"logon ex1.contoso.test: gone, failed", "wait: nothing better"}},
		{"a redirect to another mailbox server", func(w *servicetest.World) {
			w.At(ex1, &logonclient.Error{Kind: logonclient.Redirected, URL: "https://ex2.contoso.test/mapi/emsmdb/", Said: "HTTP status 302"})
		}, nil,
			[]string{"logon ex1.contoso.test: wrong server, failed", "logon ex2.contoso.test: logged on", "saved: logged on"}},
		{"a mailbox that nobody knows", func(w *servicetest.World) { w.At(ex1, unknown) }, nil,
			[]string{"logon ex1.contoso.test: unknown here, failed", "wait: nothing better"}},
		{"a mailbox that is being moved", func(w *servicetest.World) { w.At(ex1, inTransit) }, nil,
			[]string{"logon ex1.contoso.test: in transit, failed", "wait: in transit"}},
		{"a sign-in that is refused", func(w *servicetest.World) { w.Password(ex1, "another") }, nil,
			[]string{"logon ex1.contoso.test: unauthorized, failed", "wait: unauthorized"}},
		{"a session that is lost", func(*servicetest.World) {}, func(h *house) {
			h.At(ex1, inTransit)
			h.Session().Lose()
		}, []string{"session ex1.contoso.test: session lost, failed", "logon ex1.contoso.test: in transit, failed", "wait: in transit"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inHouse(t, ann(t, tt.prepare), nil, func(t *testing.T, h *house) {
				if tt.then != nil {
					tt.then(h)
					h.pass(0)
				}
				if diff := cmp.Diff(tt.want, legs(h.box())); diff != "" {
					t.Errorf("legs (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// varying is what differs from one run to the next.
var varying = regexp.MustCompile(`\{[0-9A-F-]{36}\}:|\b\d+ ms$|, until .*`)

const allWell = "  HTTP 200, X-ResponseCode 0, StatusCode ecNone (0x00000000), ErrorCode ecNone (0x00000000)"

// A journey through two forests, with the clients of the real program.
func TestTheWireOfAJourney(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlayer(t, matrixWorld)
		defer p.close()
		if err := p.play("policy *.fabrikam.test\nstart\nsetup ann@contoso.test\nawait online generation 1\nsleep 2m\nworld move ann mx1\nsleep 1h"); err != nil {
			t.Fatalf("%v\n%s", err, p.trace())
		}
		var got []string
		for _, l := range p.status().Mailboxes[0].Journey {
			if l.Step == "wait" {
				continue
			}
			got = append(got, fmt.Sprintf("%s %s: %s", l.Step, l.Host, l.Outcome))
			for _, line := range l.Wire {
				got = append(got, varying.ReplaceAllString(line, "#"))
			}
		}
		want := []string{
			"session ex1.contoso.test: session lost",
			"Execute RopGetReceiveFolder at ex1.contoso.test, X-RequestId #5, #",
			allWell + ", ReturnValue ecInvalidObject (0x80040108)",
			"logon ex1.contoso.test: unknown here",
			"Connect at ex1.contoso.test, X-RequestId #1, #",
			"  HTTP 200, X-ResponseCode 0, StatusCode ecNone (0x00000000), ErrorCode ecUnknownUser (0x000003EB)",
			"discover autodiscover.contoso.test: wrong server",
			"POST https://autodiscover.contoso.test/autodiscover/autodiscover.xml by LegacyDN, with credentials, #",
			"  HTTP 200",
			"  RedirectUrl https://autodiscover.fabrikam.test/autodiscover/autodiscover.xml",
			"  certificate CN=autodiscover.contoso.test, issued by CN=Mock Root#",
			"  allow: the profile has logged on there before",
			"discover autodiscover.fabrikam.test: found",
			"POST https://autodiscover.fabrikam.test/autodiscover/autodiscover.xml by LegacyDN, with credentials, #",
			"  HTTP 200",
			"  settings",
			"  certificate CN=autodiscover.fabrikam.test, issued by CN=Mock Root#",
			"  allow: trusted by policy (*.fabrikam.test)",
			"logon mx1.fabrikam.test: logged on",
			"Connect at mx1.fabrikam.test, X-RequestId #1, #",
			allWell,
			"Execute RopLogon at mx1.fabrikam.test, X-RequestId #2, #",
			allWell + ", ReturnValue ecNone (0x00000000)",
			"saved : logged on",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("wire (-want +got):\n%s", diff)
		}
	})
}

func TestTheLegsOfARenewalSayTheSame(t *testing.T) {
	elsewhere := func(w *servicetest.World) { w.Autodiscover(servicetest.Names(ex2, "", servicetest.Issuer)) }
	inHouse(t, issued(t, 0, 1, elsewhere), nil, func(t *testing.T, h *house) {
		h.pass(3 * time.Hour)
		m := h.box()
		if diff := cmp.Diff([]string{"logon ex2.contoso.test: logged on", "saved: logged on"}, legs(m)); diff != "" {
			t.Fatalf("legs (-want +got):\n%s", diff)
		}
		if wire := m.Journey[0].Wire; len(wire) != 2 || wire[0] != "Execute RopLogon at ex2.contoso.test, X-RequestId {A1}:2, 0 ms" {
			t.Errorf("wire %q", wire)
		}
	})
}
