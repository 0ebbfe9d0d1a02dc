package autodiscover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/internal/trust"
)

// hangs meets everybody at once, and answers who signs in after d.
func hangs(d time.Duration, h http.HandlerFunc) http.HandlerFunc {
	return func(res http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "" {
			pass(req, d)
			if req.Context().Err() != nil { // nobody is there to hear it
				panic(http.ErrAbortHandler)
			}
		}
		h(res, req)
	}
}

// Lines on the wire, as memory.requests has them.
func bare(host string) string     { return "POST " + host + " bare" }
func signed(host string) string   { return "POST " + host + " by EMailAddress signed" }
func signedDN(host string) string { return "POST " + host + " by LegacyDN signed" }
func asks(hosts ...string) (lines []string) { // a first contact and a question each
	for _, host := range hosts {
		lines = append(lines, bare(host), signed(host))
	}
	return lines
}

// ofHost returns the steps about the place at host.
func ofHost(steps []Step, host string) []Step {
	return slices.DeleteFunc(ofPlaces(steps), func(s Step) bool { return s.URL != at(host) })
}

const putOffSaid = "put off after 2 s: another one answers"

// A place that hangs on the question holds another up by its hold, and is sent
// one question.
func TestAPlaceThatHangsIsPutOff(t *testing.T) {
	for name, hung := range map[string]http.HandlerFunc{
		"before it answers": hangs(time.Hour, home()),
		"in its answer": secured(func(res http.ResponseWriter, req *http.Request) {
			res.WriteHeader(http.StatusOK)
			http.NewResponseController(res).Flush()
			pass(req, time.Hour)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, map[string]http.HandlerFunc{auto: hung, root: home()}, func(t *testing.T, m *memory) {
				result, err, took := m.discover(t, m.client(), Query{Exclude: []Source{SourceHTTP}})
				// Met after 150 ms, held up for 2 s, a first contact of 150 ms and a question of 50 ms.
				if err != nil || result.URL != at(root) || took != 2350*time.Millisecond {
					t.Fatalf("%v, %v after %v", result, err, took)
				}
				if diff := cmp.Diff(asks(auto, root), m.requests()); diff != "" {
					t.Errorf("on the wire (-want +got):\n%s", diff)
				}
				steps := ofHost(result.Steps, auto)
				if len(steps) != 1 || steps[0].Err != putOffSaid || steps[0].Answer != Unasked || steps[0].Said != "" || !steps[0].Signed || steps[0].Verdict != "allow" || steps[0].Elapsed != 2300*time.Millisecond {
					t.Errorf("steps %+v", steps)
				}
				if b, err := json.Marshal(steps); err != nil || !strings.Contains(string(b), `"err":"`+putOffSaid+`"`) {
					t.Errorf("%s, %v", b, err)
				}
			})
		})
	}
}

// One that lives already is asked at the end of the hold.
func TestTheHoldEndsForOneThatLives(t *testing.T) {
	late := func(res http.ResponseWriter, req *http.Request) {
		pass(req, 250*time.Millisecond)
		hangs(time.Hour, home())(res, req)
	}
	inMemory(t, map[string]http.HandlerFunc{auto: late, root: home()}, func(t *testing.T, m *memory) {
		result, err, took := m.discover(t, m.client(), Query{Exclude: []Source{SourceHTTP}})
		// auto lives after 400 ms, root, which was begun at 300, after 450: 400 + 2000 + 50.
		if err != nil || result.URL != at(root) || took != 2450*time.Millisecond {
			t.Errorf("%v, %v after %v", result, err, took)
		}
	})
}

// The question keeps its time where nobody else lives, and its answer is taken
// also when the others have begun.
func TestASlowPlaceKeepsItsTime(t *testing.T) {
	for _, tt := range []struct {
		name string
		root http.HandlerFunc
	}{
		{"nobody answers at the other", nil},
		{"the other has no such service", fails(404)},
		{"the other is slower still", slowly(12*time.Second, home())},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inMemory(t, map[string]http.HandlerFunc{auto: hangs(10*time.Second, home()), root: tt.root}, func(t *testing.T, m *memory) {
				result, err, took := m.discover(t, m.client(), Query{Exclude: []Source{SourceHTTP}})
				if err != nil || result.URL != at(auto) || took != 10200*time.Millisecond {
					t.Fatalf("%v, %v after %v", result, err, took)
				}
				if !slices.Contains(m.dialled, root+":443") {
					t.Errorf("dialled %v", m.dialled)
				}
				if steps := ofHost(result.Steps, auto); len(steps) != 1 || steps[0].Said != "settings" || steps[0].Err != "" {
					t.Errorf("steps %+v", steps)
				}
			})
		})
	}
}

// One that was put off is asked again, with its full time, when the other has
// nothing; its second answer counts whatever it is.
func TestOneThatWasPutOffIsAskedAgain(t *testing.T) {
	refuses := secured(serves(string(file(t, "error.xml"))))
	for _, tt := range []struct {
		name  string
		other http.HandlerFunc
	}{
		{"the other knows nobody", refuses},
		{"the other has no settings that we speak", secured(serves(settled("", `<Protocol Type="EXCH"/>`)))},
		{"the other refuses the sign-in", fails(401, "WWW-Authenticate", `Basic realm="web site"`)},
		{"the other has no such service for who signs in", secured(fails(404))},
		{"the other leads to where nobody is", secured(sends(302, at("gone.contoso.test")))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inMemory(t, map[string]http.HandlerFunc{auto: hangs(14*time.Second, home()), root: tt.other}, func(t *testing.T, m *memory) {
				result, err, _ := m.discover(t, m.client(), Query{Exclude: []Source{SourceHTTP}})
				if err != nil || result.URL != at(auto) {
					t.Fatalf("%v, %v", result, err)
				}
				if diff := cmp.Diff(append(asks(auto, root), signed(auto)), m.requests()); diff != "" {
					t.Errorf("on the wire (-want +got):\n%s", diff)
				}
				steps := ofHost(result.Steps, auto)
				if len(steps) != 2 || steps[0].Answer != Unasked || steps[1].Answer != SettingsAnswer || steps[0].Err != putOffSaid || steps[1].Said != "settings" || steps[1].Err != "" || !steps[1].Signed ||
					steps[1].Verdict != "allow" || steps[1].Source != SourceAutodiscover || steps[1].Elapsed != 14150*time.Millisecond { // a connection of its own
					t.Errorf("steps %+v", steps)
				}
			})
		})
	}
	t.Run("it hangs again", func(t *testing.T) {
		inMemory(t, map[string]http.HandlerFunc{auto: hangs(time.Hour, home()), root: refuses}, func(t *testing.T, m *memory) {
			_, err, took := m.discover(t, m.client(), Query{Exclude: []Source{SourceHTTP}})
			// 15 s for the head of the answer, over a connection of 100 ms.
			if err == nil || err.Kind != NotFound || took != 2350*time.Millisecond+15100*time.Millisecond {
				t.Fatalf("%v after %v", err, took)
			}
			if diff := cmp.Diff(append(asks(auto, root), signed(auto)), m.requests()); diff != "" {
				t.Errorf("on the wire (-want +got):\n%s", diff)
			}
			if steps := ofHost(err.Steps, auto); len(steps) != 2 || !strings.Contains(steps[1].Err, "timeout awaiting response headers") {
				t.Errorf("steps %+v", steps)
			}
		})
	})
	t.Run("by the address, which the other has made the question", func(t *testing.T) {
		inMemory(t, map[string]http.HandlerFunc{auto: hangs(10*time.Second, home()), root: refuses}, func(t *testing.T, m *memory) {
			result, err, _ := m.discover(t, m.client(), Query{LegacyDN: legacyDN, Exclude: []Source{SourceHTTP}})
			if err != nil || result.URL != at(auto) || result.By != ByAddress {
				t.Fatalf("%v, %v", result, err)
			}
			want := []string{bare(auto), signedDN(auto), bare(root), signedDN(root), signed(root), signed(auto)}
			if diff := cmp.Diff(want, m.requests()); diff != "" {
				t.Errorf("on the wire (-want +got):\n%s", diff)
			}
		})
	})
}

// At most one question is under way. The twin: two discoveries have two.
func TestOneQuestionAtATime(t *testing.T) {
	for discoveries := range 3 {
		inMemory(t, map[string]http.HandlerFunc{}, func(t *testing.T, m *memory) {
			var flying, most atomic.Int64
			var first []Candidate
			for i := range 4 {
				host := fmt.Sprintf("h%d.contoso.test", i)
				h := hangs(time.Hour, home())
				m.hosts[host] = func(res http.ResponseWriter, req *http.Request) {
					if req.Header.Get("Authorization") != "" {
						most.Store(max(most.Load(), flying.Add(1)))
						defer flying.Add(-1)
					}
					h(res, req)
				}
				first = append(first, Candidate{URL: at(host), How: trust.FromConfiguration})
			}
			var all sync.WaitGroup
			for range discoveries {
				all.Go(func() { m.discover(t, m.client(), Query{First: first}) })
			}
			all.Wait()
			if most.Load() != int64(discoveries) {
				t.Errorf("%d discoveries: %d questions at a time", discoveries, most.Load())
			}
		})
	}
}

// A keyring that a person has to unlock is not the place's fault.
func TestTheHoldWaitsForTheSignIn(t *testing.T) {
	inMemory(t, map[string]http.HandlerFunc{auto: home(), root: home()}, func(t *testing.T, m *memory) {
		result, err, took := m.discover(t, m.client(), Query{Logins: locked{ann(), 20 * time.Second}, Exclude: []Source{SourceHTTP}})
		if err != nil || result.URL != at(auto) || took != 20200*time.Millisecond {
			t.Errorf("%v, %v after %v", result, err, took)
		}
		if diff := cmp.Diff(asks(auto), m.requests()); diff != "" {
			t.Errorf("on the wire (-want +got):\n%s", diff)
		}
	})
}

// locked are logins that take their time.
type locked struct {
	trust.Logins
	d time.Duration
}

func (l locked) Login(ctx context.Context, host string) (trust.Login, error) {
	select {
	case <-time.After(l.d):
		return l.Logins.Login(ctx, host)
	case <-ctx.Done():
		return trust.Login{}, &NoLoginError{Host: host, Err: ctx.Err()}
	}
}

// A place that has refused the sign-in has answered, even if the question is put
// off before that is heard.
func TestARefusalIsNotPutOff(t *testing.T) {
	refuses := fails(401, "WWW-Authenticate", `Basic realm="contoso"`)
	inMemory(t, map[string]http.HandlerFunc{auto: refuses, root: home()}, func(t *testing.T, m *memory) {
		_, err, _ := m.discover(t, m.client(), Query{Logins: hesitant{ann(), 3 * time.Second}, Exclude: []Source{SourceHTTP}})
		if err == nil || err.Kind != Unauthorized {
			t.Fatalf("%v", err)
		}
		if steps := ofHost(err.Steps, auto); len(steps) != 1 || steps[0].Err != "HTTP 401, the sign-in of ann was refused" {
			t.Errorf("steps %+v", steps)
		}
		if want := []string{bare(auto), signed(auto), bare(root)}; !slices.Equal(m.requests(), want) { // the realm is root's, too
			t.Errorf("on the wire %v, want %v", m.requests(), want)
		}
	})
}

// hesitant are logins that take their time over a refusal.
type hesitant struct {
	trust.Logins
	d time.Duration
}

func (h hesitant) Refused(host string, l trust.Login) {
	<-time.After(h.d)
	h.Logins.Refused(host, l)
}

// A referral of the one that is asked is followed before anybody else is heard,
// and nobody is started meanwhile.
func TestAReferralPausesTheRace(t *testing.T) {
	const mx = "autodiscover.fabrikam.test"
	inMemory(t, map[string]http.HandlerFunc{
		auto: secured(serves(string(file(t, "redirecturl.xml")))), mx: hangs(10*time.Second, home()), root: home(),
	}, func(t *testing.T, m *memory) {
		result, err, _ := m.discover(t, m.client(), Query{Rules: Rules{Trusted: []string{"*.fabrikam.test"}}, Exclude: []Source{SourceHTTP}})
		if err != nil || result.URL != at(mx) || slices.Contains(m.dialled, root+":443") {
			t.Errorf("%v, %v; dialled %v", result, err, m.dialled)
		}
	})
}

// A stranger of another domain ends the discovery, but not the question that is
// under way. The twin: where nothing comes of that, the stranger is the reason.
func TestAStrangerDoesNotEndTheQuestion(t *testing.T) {
	const trusted, rogue = "autodiscover.mail.fabrikam.test", "mail.fabrikam.test"
	for _, knows := range []bool{true, false} {
		answer := home()
		if !knows {
			answer = secured(serves(string(file(t, "error.xml"))))
		}
		inMemory(t, map[string]http.HandlerFunc{
			auto: secured(serves(string(file(t, "redirectaddr.xml")))), trusted: hangs(10*time.Second, answer), rogue: home(),
		}, func(t *testing.T, m *memory) {
			result, err, _ := m.discover(t, m.client(), Query{Rules: Rules{Trusted: []string{trusted}}, Exclude: []Source{SourceHTTP}})
			switch {
			case knows && (err != nil || result.URL != at(trusted)):
				t.Errorf("%v, %v", result, err)
			case !knows && (err == nil || err.Kind != Untrusted || err.Untrusted.Hop.To != rogue+":443"):
				t.Errorf("%v, %v", result, err)
			}
			if diff := cmp.Diff(append(asks(auto, trusted), bare(rogue)), m.requests()); diff != "" {
				t.Errorf("on the wire (-want +got):\n%s", diff)
			}
		})
	}
}

// The second question counts among the 32 requests.
func TestTheSecondQuestionIsCounted(t *testing.T) {
	for _, tt := range []struct {
		refuse   int // beside the one that hangs
		requests int
		found    bool
	}{{14, 31, true}, {15, 32, false}} {
		inMemory(t, map[string]http.HandlerFunc{auto: hangs(5*time.Second, home())}, func(t *testing.T, m *memory) {
			first := []Candidate{{URL: at(auto), How: trust.FromConfiguration}}
			for i := range tt.refuse {
				host := fmt.Sprintf("h%d.contoso.test", i)
				m.hosts[host] = secured(serves(string(file(t, "error.xml"))))
				first = append(first, Candidate{URL: at(host), How: trust.FromConfiguration})
			}
			result, err, _ := m.discover(t, m.client(), Query{First: first, Exclude: []Source{SourceAutodiscover, SourceRoot, SourceHTTP}})
			if n := len(m.requests()); n != tt.requests || tt.found != (err == nil && result.URL == at(auto)) || !tt.found && err.Kind != Limit {
				t.Errorf("%d others: %v, %v after %d requests", tt.refuse, result, err, n)
			}
		})
	}
}

// Whoever ends the discovery ends the question at once, in its hold, behind it and
// while it is asked again.
func TestTheEndOfADiscoveryEndsTheQuestion(t *testing.T) {
	for _, after := range []time.Duration{time.Second, 2200 * time.Millisecond, 5 * time.Second} {
		inMemory(t, map[string]http.HandlerFunc{auto: hangs(time.Hour, home()), root: secured(serves(string(file(t, "error.xml"))))}, func(t *testing.T, m *memory) {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			began := time.Now()
			_, err := m.client().Discover(ctx, Query{Address: "ann@contoso.test", Logins: ann(), Exclude: []Source{SourceHTTP}})
			e, _ := errors.AsType[*Error](err)
			if e == nil || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != after {
				t.Fatalf("%v after %v", err, time.Since(began))
			}
			steps := ofHost(e.Steps, auto)
			if last := steps[len(steps)-1]; last.Err != "context deadline exceeded" || !last.Signed {
				t.Errorf("after %v: steps %+v", after, steps)
			}
		})
	}
}
