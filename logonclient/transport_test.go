package logonclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/logonclient"
)

func TestAnAnswerMayComeByDribs(t *testing.T) {
	// Chunked, a tag and a body split anywhere, PENDING with and without its line end.
	answers := map[string]string{"RopLogon": done(cookie("MapiSequence=s2"), executed([]uint32{logonHandle}, logonOK()))}
	_, body, _ := strings.Cut(answers["RopLogon"], "DONE\r\n")
	inner := "PROCESSING\r\nPENDINGPENDING\r\nPROCESSING\r\nDONE\r\n" + body
	var chunks strings.Builder
	for _, b := range []byte(inner) {
		fmt.Fprintf(&chunks, "1\r\n%s\r\n", []byte{b})
	}
	answers["RopLogon"] = "HTTP/1.1 200 OK\r\nX-ResponseCode: 0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks.String() + "0\r\n\r\n"
	s := start(t, mailbox(answers))
	session := mustLogon(t, &logonclient.Client{Network: s.network()})
	if got := session.Facts().RootFolder; got != "0100000000000001" {
		t.Errorf("root folder %s", got)
	}
	session.Close(t.Context())
	if s.dials() != 1 {
		t.Errorf("%d connections", s.dials())
	}
}

func TestAnAnswerCutShortIsAnError(t *testing.T) {
	answers := map[string]string{
		"Connect":  done("", connectOK()),
		"RopLogon": done("", executed([]uint32{logonHandle}, logonOK())),
	}
	for key, whole := range answers {
		for n := range len(whole) {
			s := start(t, nil)
			good := mailbox(nil)
			s.answer = basic(func(w io.Writer, g got) bool {
				if g.requestType() == key || g.requestType() == "Execute" && key == "RopLogon" {
					io.WriteString(w, whole[:n])
					return false
				}
				return good(w, g)
			})
			c := &logonclient.Client{Network: s.network()}
			_, err := c.Logon(t.Context(), ann())
			e, ok := errors.AsType[*logonclient.Error](err)
			if !ok {
				t.Fatalf("%s cut at %d of %d: %v", key, n, len(whole), err)
			}
			want := logonclient.Unreachable
			if key == "RopLogon" {
				want = logonclient.SessionLost
			}
			if e.Kind != want {
				t.Errorf("%s cut at %d of %d: kind %v, want %v: %v", key, n, len(whole), e.Kind, want, err)
			}
		}
	}
	// The same body cut inside an answer that is whole as HTTP makes no sense.
	body := string(connectOK().Append(nil))
	for n := 1; n < len(body); n++ {
		s := start(t, mailbox(map[string]string{"Connect": done("", raw(body[:n]))}))
		_, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
		if e, ok := errors.AsType[*logonclient.Error](err); !ok || e.Kind != logonclient.Malformed {
			t.Errorf("Connect body cut at %d of %d: %v", n, len(body), err)
		}
	}
}

func TestAContextThatDiesBeforeRopLogonIsReplacedOnce(t *testing.T) {
	gone := page("200 OK", "X-ResponseCode: 10\r\n", "")
	for _, row := range []struct {
		name  string
		dead  int // how many Executes meet a dead context
		kind  logonclient.Kind
		types []string
	}{
		{"once: logged on", 1, 0, []string{"-", "Connect", "Execute", "Connect", "Execute"}},
		{"twice: given up", 2, logonclient.SessionLost, []string{"-", "Connect", "Execute", "Connect", "Execute"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dead := row.dead
			good := mailbox(nil)
			s := start(t, basic(func(w io.Writer, g got) bool {
				if g.requestType() == "Execute" && dead > 0 {
					dead--
					io.WriteString(w, gone)
					return true
				}
				return good(w, g)
			}))
			session, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
			if diff := cmp.Diff(row.types, s.types()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if c := s.requests()[3].Header.Get("Cookie"); c != "" {
				t.Errorf("the second Connect carried %q", c)
			}
			if row.kind == 0 {
				if err != nil {
					t.Fatal(err)
				}
				session.Close(t.Context())
			} else if e, ok := errors.AsType[*logonclient.Error](err); !ok || e.Kind != row.kind {
				t.Errorf("error %v", err)
			}
			if s.dials() != 1 {
				t.Errorf("%d connections", s.dials())
			}
		})
	}
}

func TestALostConnection(t *testing.T) {
	connectOnce := 0
	drop := func(kind string, times int) func(w io.Writer, g got) bool {
		connectOnce = times
		good := mailbox(nil)
		return func(w io.Writer, g got) bool {
			if g.requestType() == kind && connectOnce > 0 {
				connectOnce--
				return false
			}
			return good(w, g)
		}
	}
	for _, row := range []struct {
		name  string
		kind  string
		times int
		want  logonclient.Kind
		ok    bool
		types []string
	}{
		{"while the host is asked for its challenge: asked again", "", 1, 0, true, []string{"-", "-", "Connect", "Execute"}},
		{"twice there: unreachable", "", 2, logonclient.Unreachable, false, []string{"-", "-"}},
		{"after Connect went out: unreachable, not repeated", "Connect", 1, logonclient.Unreachable, false, []string{"-", "Connect"}},
		{"after RopLogon went out: never repeated, but a new context", "Execute", 1, 0, true, []string{"-", "Connect", "Execute", "Connect", "Execute"}},
		{"after RopLogon went out, twice: lost", "Execute", 2, logonclient.SessionLost, false, []string{"-", "Connect", "Execute", "Connect", "Execute"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := start(t, drop(row.kind, row.times))
			session, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
			if diff := cmp.Diff(row.types, s.types()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if row.ok {
				if err != nil {
					t.Fatal(err)
				}
				session.Close(t.Context())
			} else if e, ok := errors.AsType[*logonclient.Error](err); !ok || e.Kind != row.want {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestAConnectionThatTheServerClosedBetweenTwoRequests(t *testing.T) {
	for _, row := range []struct {
		name  string
		again bool // the host can be reached again
		types []string
	}{
		{"goes on with the same context on a new one", true, []string{"-", "Connect", "Execute", "Disconnect"}},
		{"and a host that is gone: unreachable, nothing was sent", false, []string{"-", "Connect"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				good := mailbox(nil)
				s := start(t, func(w io.Writer, g got) bool {
					return good(w, g) && g.requestType() != "Connect"
				})
				network := s.network()
				network.Dial = func(ctx context.Context, n, addr string) (net.Conn, error) {
					if s.dials() == 1 && !row.again {
						return nil, errors.New("no route to host")
					}
					return s.dial(ctx, n, addr)
				}
				c := &logonclient.Client{Network: network, Seen: func(logonclient.Exchange) { synctest.Wait() }} // the end is noticed
				session, err := c.Logon(t.Context(), ann())
				if row.again {
					if err != nil {
						t.Fatal(err)
					}
					session.Close(t.Context())
					if cookie := s.requests()[2].Header.Get("Cookie"); cookie != "MapiContext=c1; MapiSequence=s1" || s.dials() != 2 {
						t.Errorf("cookies %q, %d connections", cookie, s.dials())
					}
				} else if e, ok := errors.AsType[*logonclient.Error](err); !ok || e.Kind != logonclient.Unreachable || e.Op != "Execute RopLogon" {
					t.Errorf("error %v", err)
				}
				if diff := cmp.Diff(row.types, s.types()); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// halfway is a connection that fails when Connect is written to it.
type halfway struct {
	net.Conn
	writes int
}

func (h *halfway) Write(b []byte) (int, error) {
	// The hello, the end of the handshake, the request for the challenge.
	if h.writes++; h.writes == 4 {
		h.Conn.Close()
		return 0, errors.New("cable pulled")
	}
	return h.Conn.Write(b)
}

func TestARequestThatNeverWentOutIsSentAgain(t *testing.T) {
	s := start(t, mailbox(nil))
	network := s.network()
	dialled := 0
	network.Dial = func(ctx context.Context, n, addr string) (net.Conn, error) {
		conn, err := s.dial(ctx, n, addr)
		if dialled++; dialled == 1 {
			conn = &halfway{Conn: conn}
		}
		return conn, err
	}
	session := mustLogon(t, &logonclient.Client{Network: network})
	session.Close(t.Context())
	want := []string{"-", "Connect", "Execute", "Disconnect"}
	if diff := cmp.Diff(want, s.types()); diff != "" || dialled != 2 {
		t.Errorf("%d connections; requests (-want +got):\n%s", dialled, diff)
	}
	if id := s.requests()[1].Header.Get("X-RequestId"); !strings.HasSuffix(id, ":1") {
		t.Errorf("the repeated request has id %s", id)
	}
}

func TestAHostThatChangesItsSchemesIsAskedAgainOnce(t *testing.T) {
	asked := 0
	good := mailbox(nil)
	s := start(t, func(w io.Writer, g got) bool {
		scheme := "Basic realm=\"x\""
		if g.requestType() == "Connect" {
			if asked++; asked == 1 {
				scheme = "Bearer"
			} else {
				return good(w, g)
			}
		}
		if g.requestType() == "" || asked == 1 {
			io.WriteString(w, page("401 Unauthorized", "WWW-Authenticate: "+scheme+"\r\n", ""))
			return true
		}
		return good(w, g)
	})
	target := ann()
	target.Access.Logins = both{annLogins()}
	_, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), target)
	// The token is none that this server takes: what counts is that it was presented.
	if e, ok := errors.AsType[*logonclient.Error](err); !ok || e.Kind != logonclient.Unauthorized {
		t.Errorf("error %v", err)
	}
	if got := s.requests(); len(got) != 3 || !strings.HasPrefix(got[1].Header.Get("Authorization"), "Basic ") || !strings.HasPrefix(got[2].Header.Get("Authorization"), "Bearer ") {
		t.Errorf("requests %v", s.types())
	}
}

// both presents a password the first time and a token from then on.
type both struct{ *logins }

func (b both) Login(ctx context.Context, host string) (trust.Login, error) {
	login, err := b.logins.Login(ctx, host)
	b.logins.login.Bearer = true
	return login, err
}

func TestTimeoutAndCancellation(t *testing.T) {
	hang := func(kind string, release <-chan struct{}) func(w io.Writer, g got) bool {
		good := mailbox(nil)
		return func(w io.Writer, g got) bool {
			if g.requestType() == kind {
				<-release
				return false
			}
			return good(w, g)
		}
	}
	for _, row := range []struct {
		name   string
		kind   string
		limit  time.Duration
		cancel time.Duration
		took   time.Duration
		is     error
		said   string
	}{
		{name: "Connect, after a minute", kind: "Connect", took: time.Minute, said: "Connect at ex1.contoso.test:443: no answer within 1m0s"},
		{name: "RopLogon, after a minute", kind: "Execute", took: time.Minute, said: "Execute RopLogon at ex1.contoso.test:443: no answer within 1m0s"},
		{name: "Connect, after the time of the Client", kind: "Connect", limit: 3 * time.Second, took: 3 * time.Second,
			said: "Connect at ex1.contoso.test:443: no answer within 3s"},
		{name: "Connect, cancelled", kind: "Connect", cancel: time.Second, took: time.Second, is: context.Canceled, said: "Connect at ex1.contoso.test:443: context canceled"},
		{name: "RopLogon, cancelled", kind: "Execute", cancel: time.Second, took: time.Second, is: context.Canceled, said: "Execute RopLogon at ex1.contoso.test:443: context canceled"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				s := start(t, hang(row.kind, release))
				defer close(release)
				c := &logonclient.Client{Network: s.network(), Timeout: row.limit}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if row.cancel > 0 {
					time.AfterFunc(row.cancel, cancel)
				}
				began := time.Now()
				_, err := c.Logon(ctx, ann())
				e, ok := errors.AsType[*logonclient.Error](err)
				if !ok || e.Kind != logonclient.Unreachable || err.Error() != row.said {
					t.Errorf("error %v", err)
				}
				if row.is != nil && !errors.Is(err, row.is) || row.is == nil && errors.Is(err, context.Canceled) {
					t.Errorf("error %v: not %v", err, row.is)
				}
				if took := time.Since(began); took != row.took {
					t.Errorf("took %v, want %v", took, row.took)
				}
				for _, kind := range s.types() {
					if kind == "Disconnect" {
						t.Error("Disconnect to a server that does not answer")
					}
				}
			})
		})
	}
}

// The connection of a 101 is no longer HTTP's: nobody would end the wait for
// what comes next.
func TestAnAnswerThatSwitchesProtocolsIsNotWaitedFor(t *testing.T) {
	for _, kind := range []string{"", "Connect", "Execute"} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			good := mailbox(nil)
			s := start(t, func(w io.Writer, g got) bool {
				if g.requestType() == kind {
					io.WriteString(w, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: mapi\r\n\r\n")
					<-release
					return false
				}
				return good(w, g)
			})
			defer close(release)
			began := time.Now()
			_, err := (&logonclient.Client{Network: s.network()}).Logon(t.Context(), ann())
			if e, ok := errors.AsType[*logonclient.Error](err); !ok || e.Kind != logonclient.Malformed || e.HTTPStatus != 101 {
				t.Errorf("%q: error %v", kind, err)
			}
			if took := time.Since(began); took > disconnectTime {
				t.Errorf("%q: took %v", kind, took)
			}
		})
	}
}

// disconnectTime is what a server that does not answer Disconnect costs.
const disconnectTime = 5 * time.Second
