package agent_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/agent/servicetest"
	"github.com/homing-mail/homing/logonclient"
)

// What servers and Autodiscover may say, by the names that a failed run prints.
var (
	hosts = []string{ex1, ex2, ex3, fab}

	logonAnswers = map[string]error{
		"in": nil, "EX1": servicetest.Moved("EX1"), "EX2": servicetest.Moved("EX2"), "EX3": servicetest.Moved("EX3"),
		"unknown": unknown, "transit": inTransit, "gone": gone,
		"busy":    servicetest.Refusal(logonclient.Busy, "ecServerBusy"),
		"denied":  servicetest.Refusal(logonclient.Denied, "ecLoginPerm"),
		"lost":    servicetest.Refusal(logonclient.SessionLost, "ecInvalidObject"),
		"flicker": servicetest.Answer{Lost: servicetest.Refusal(logonclient.SessionLost, "ecInvalidObject")},
	}
	directoryAnswers = map[string]servicetest.Directory{
		"nobody": servicetest.Nobody, "silent": servicetest.Silent,
		ex1: servicetest.Names(ex1, servicetest.AnnDN, servicetest.Issuer),
		ex2: servicetest.Names(ex2, servicetest.AnnDN, servicetest.Issuer),
		fab: servicetest.Names(fab, fabDN, fabIssuer),
	}
	logonNames     = []string{"in", "in", "EX1", "EX2", "EX3", "unknown", "transit", "gone", "busy", "denied", "lost", "flicker"}
	directoryNames = []string{"nobody", "silent", ex1, ex2, fab}
)

// Whatever the servers say, in whatever order: the promises of the package.
func TestNoScriptBreaksAPromise(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		servers := make(map[string][]string)
		picky := make(map[string]bool)
		for _, host := range hosts {
			servers[host] = rapid.SliceOfN(rapid.SampledFrom(logonNames), 1, 6).Draw(rt, host)
			picky[host] = rapid.IntRange(0, 4).Draw(rt, host+" refuses the password") == 0
		}
		directory := rapid.SliceOfN(rapid.SampledFrom(directoryNames), 1, 4).Draw(rt, "autodiscover")
		trusted := rapid.Bool().Draw(rt, "fabrikam is trusted")
		proven := rapid.Bool().Draw(rt, "proven")
		events := rapid.SliceOfN(rapid.SampledFrom([]string{"look", "lose", "pass"}), 0, 8).Draw(rt, "events")

		prepare := func(w *servicetest.World) {
			p := servicetest.Ann(ex1)
			p.Proven = proven
			w.Keep(t, p)
			if trusted {
				w.Trusted = []string{fabRealm}
			}
			for host, names := range servers {
				var answers []error
				for _, name := range names {
					answers = append(answers, logonAnswers[name])
				}
				w.At(host, answers...)
				if picky[host] {
					w.Password(host, "another")
				}
			}
			var answers []servicetest.Directory
			for _, name := range directory {
				answers = append(answers, directoryAnswers[name])
			}
			w.Autodiscover(answers...)
		}
		inHouse(t, prepare, nil, func(t *testing.T, h *house) {
			for _, event := range events {
				switch {
				case event == "look":
					h.do(agent.Command{Op: agent.CheckNow})
				case event == "lose" && h.Open() > 0:
					h.Session().Lose()
				}
				h.pass(17 * time.Minute)
			}
			if box := h.box(); !box.State.Settled() {
				rt.Errorf("the last cycle does not end: %s", box.State)
			}
			trace := h.Trace()
			for _, broken := range []error{
				onlyProvenPlacesAreSaved(trace), budgetsHold(trace), nobodyIsAskedInTransit(trace), refusedSecretsStay(h.Sent(), picky),
			} {
				if broken != nil {
					rt.Errorf("%v; trace:\n%s", broken, strings.Join(trace, "\n"))
				}
			}
		})
	})
}

// onlyProvenPlacesAreSaved: a save follows the logon at the same host, and
// leads to online.
func onlyProvenPlacesAreSaved(trace []string) error {
	for i, line := range trace {
		if _, call, _ := strings.Cut(line, " "); strings.HasPrefix(call, "save ") {
			_, host, _ := strings.Cut(call, ": ")
			if i == 0 || !strings.Contains(trace[i-1], " logon "+host) {
				return fmt.Errorf("%q does not follow a logon there", line)
			}
			if i+1 == len(trace) || !strings.HasSuffix(trace[i+1], " connecting -> online: logged on") {
				return fmt.Errorf("%q is not the way online", line)
			}
		}
	}
	return nil
}

// budgetsHold: in one cycle at most one discovery; at most three redirects
// followed, one repeated logon and one place of Autodiscover, so six logons.
func budgetsHold(trace []string) error {
	logons, discoveries := 0, 0
	for _, line := range trace {
		_, call, _ := strings.Cut(line, " ")
		switch from, _, transition := strings.Cut(call, " -> "); {
		case transition && (from == "starting" || from == "waiting" || from == "needs you" || from == "online"):
			logons, discoveries = 0, 0
		case strings.HasPrefix(call, "logon "):
			logons++
		case strings.HasPrefix(call, "discover "):
			discoveries++
		}
		if logons > 6 || discoveries > 1 {
			return fmt.Errorf("%d logons and %d discoveries in one cycle, at %q", logons, discoveries, line)
		}
	}
	return nil
}

// nobodyIsAskedInTransit: what follows ecMailboxInTransit is waiting.
func nobodyIsAskedInTransit(trace []string) error {
	for i, line := range trace {
		if strings.HasSuffix(line, ": in transit") && (!strings.Contains(line, " connecting -> waiting: ") || !strings.Contains(trace[i-1], " logon ")) {
			return fmt.Errorf("%q after %q", line, trace[i-1])
		}
	}
	return nil
}

// refusedSecretsStay: the one secret that there is goes to no host of a realm
// that has refused it.
func refusedSecretsStay(sent []string, picky map[string]bool) error {
	refused := make(map[string]string)
	for _, line := range sent {
		host, _, _ := strings.Cut(line, " ")
		_, realm, _ := strings.Cut(host, ".")
		if by, ok := refused[realm]; ok {
			return fmt.Errorf("sent to %s after %s had refused it", host, by)
		}
		if picky[host] {
			refused[realm] = host
		}
	}
	return nil
}

// The checks above see what they are there to see.
func TestABrokenPromiseIsSeen(t *testing.T) {
	cycle := "0s starting -> connecting: found"
	many := []string{cycle}
	for range 7 {
		many = append(many, "0s logon ex1.contoso.test")
	}
	for _, tt := range []struct {
		name   string
		broken error
	}{
		{"saved without a logon", onlyProvenPlacesAreSaved([]string{cycle, "0s save 2: ex2.contoso.test", "0s connecting -> online: logged on"})},
		{"saved after a logon elsewhere", onlyProvenPlacesAreSaved([]string{"0s logon ex1.contoso.test", "0s save 2: ex2.contoso.test", "0s connecting -> online: logged on"})},
		{"saved and not online", onlyProvenPlacesAreSaved([]string{"0s logon ex2.contoso.test", "0s save 2: ex2.contoso.test", "0s connecting -> waiting: busy"})},
		{"two discoveries", budgetsHold([]string{cycle, "0s discover ann at a", "0s logon b", "0s discover ann at a"})},
		{"seven logons", budgetsHold(many)},
		{"a discovery in transit", nobodyIsAskedInTransit([]string{"0s logon ex1.contoso.test", "0s connecting -> discovering: in transit"})},
		{"a secret after its refusal", refusedSecretsStay([]string{ex1 + " ann x", ex2 + " ann x"}, map[string]bool{ex1: true})},
	} {
		if tt.broken == nil {
			t.Errorf("%s: nobody notices", tt.name)
		}
	}
}
