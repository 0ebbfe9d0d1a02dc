package mockserver

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homing-mail/homing/internal/mapi"
)

func TestASlowAnswerSaysThatItIsPending(t *testing.T) {
	tests := []struct {
		name, flavour, rule, kind string
		want                      string // the tags, and when they came
		elapsed                   string
	}{
		{"each 30 seconds", FlavourExchangeSE, "slow=100s", "Connect", "PROCESSING 0s, PENDING 30s, PENDING 1m0s, PENDING 1m30s, DONE 1m40s", "100000"},
		{"each 15 seconds", FlavourExchange2016, "slow=40s", "Connect", "PROCESSING 0s, PENDING 15s, PENDING 30s, DONE 40s", "40000"},
		{"when it is time for one it is done", FlavourExchangeSE, "slow=60s", "Connect", "PROCESSING 0s, PENDING 30s, DONE 1m0s", "60000"},
		{"not within a period", FlavourExchangeSE, "slow=30s", "Connect", "PROCESSING 0s, DONE 30s", "30000"},
		{"each 27 seconds, and PROCESSING again", FlavourGromox, "slow=1m", "Connect", "PROCESSING 0s, PENDING 27s, PENDING 54s, PROCESSING 1m0s, DONE 1m0s", "60"},
		{"a PING of Gromox, which has a length else", FlavourGromox, "slow=1m type=PING", "PING", "PROCESSING 0s, PENDING 27s, PENDING 54s, PROCESSING 1m0s, DONE 1m0s", "60"},
		{"at the address book", FlavourExchangeSE, "slow=40s endpoint=nspi", "Bind", "PROCESSING 0s, PENDING 30s, DONE 40s", "40000"},
		{"nothing is slow", FlavourExchangeSE, "slow=40s endpoint=nspi", "Connect", "PROCESSING 0s, DONE 0s", "0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := Start(t, places("flavour = \""+tt.flavour+"\"\n"))
				v := newVictim(t, s, "connect")
				body := connectBody(v.dn)
				switch tt.kind {
				case "Bind":
					v.url, body = strings.Replace(v.url, "emsmdb", "nspi", 1), (&mapi.BindRequest{State: &mapi.Stat{CodePage: 1252}}).Append(nil)
				case "PING":
					v.see("connect")
					body = nil
				}
				do(t, s, "fault "+tt.rule)
				start := time.Now()
				a := v.send(tt.kind, body, nil)
				var got []string
				for i, tag := range a.tags {
					got = append(got, fmt.Sprint(tag, " ", a.at[i].Sub(start)))
				}
				if got := strings.Join(got, ", "); a.err != nil || got != tt.want {
					t.Errorf("%s (%v), want %s", got, a.err, tt.want)
				}
				if got := a.extra.Get("X-ElapsedTime"); got != tt.elapsed {
					t.Errorf("X-ElapsedTime %s, want %s", got, tt.elapsed)
				}
				if got := v.judge(tt.kind, a); got != "ecNone" && got != "empty" {
					t.Errorf("it says %s", got)
				}
				start = time.Now()
				if a := v.send(tt.kind, body, nil); a.err != nil || time.Since(start) != 0 {
					t.Errorf("the next one: %v after %v", a.err, time.Since(start))
				}
			})
		})
	}
}

func TestASlowAnswerIsOneInAHostileWorldToo(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			s := hostile(t, Hostility{Seed: seed + 1})
			v := newVictim(t, s, "connect")
			do(t, s, "fault slow=40s times=2")
			if got := newRawConn(t, s, "ex1.contoso.test").call("Connect", connectBody(v.dn)); strings.Contains(strings.ToLower(got), "content-length") {
				t.Errorf("seed %d: %q", seed+1, got)
			}
			start := time.Now()
			a := v.send("Connect", connectBody(v.dn), nil)
			if got := v.judge("Connect", a); got != "ecNone" || strings.Join(a.tags, " ") != "PROCESSING PENDING DONE" || time.Since(start) != 40*time.Second {
				t.Errorf("seed %d: %s with %q after %v", seed+1, got, a.tags, time.Since(start))
			}
		})
	}
}

// Its length leaves out a StatusCode, so nothing can stand before that.
func TestAnAnswerThatGromoxCutsIsNotSlow(t *testing.T) {
	s := Start(t, places("flavour = \"gromox\"\n"))
	v := newVictim(t, s, "logon")
	do(t, s, "fault slow=24h")
	var q mapi.ExecuteRequest
	if err := q.Parse(v.executeBody(logonRequest(v.dn))); err != nil {
		t.Fatal(err)
	}
	q.MaxRopOut = 1
	v.send("Execute", q.Append(nil), nil)
	if got := s.Faults()[0]; got.Acted != 0 {
		t.Errorf("%+v", got)
	}
}

func TestASlowPendingOfGromoxHasNoLineEnd(t *testing.T) {
	for flavour, want := range map[string]string{FlavourGromox: "\r\n7\r\nPENDING\r\n", FlavourExchangeSE: "\r\n9\r\nPENDING\r\n\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			s := Start(t, places("flavour = \""+flavour+"\"\n"))
			at, err := s.Where("ann")
			if err != nil {
				t.Fatal(err)
			}
			do(t, s, "fault slow=40s")
			if got := newRawConn(t, s, "ex1.contoso.test").call("Connect", connectBody(at.Objects[0].LegacyDN)); !strings.Contains(got, want) {
				t.Errorf("%s: %q", flavour, got)
			}
		})
	}
}

func TestADripIsAByteAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, calm)
		v := newVictim(t, s, "ask")
		do(t, s, "fault drip=500ms")
		start := time.Now()
		a, err := v.http.Do(v.asking(""))
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		if time.Since(start) != 0 {
			t.Errorf("the head came after %v", time.Since(start))
		}
		var all []byte
		for b := make([]byte, 100); err == nil; {
			var n int
			n, err = a.Body.Read(b)
			all = append(all, b[:n]...)
			// Behind 4096 bytes, framing and all, net/http reads now and then ahead.
			if want := time.Duration(len(all)) * 500 * time.Millisecond; (len(all) < 500 || err != nil) && time.Since(start) != want {
				t.Fatalf("%d bytes after %v, want %v", len(all), time.Since(start), want)
			}
		}
		if err != io.EOF || !strings.HasSuffix(string(all), "</Autodiscover>\n") {
			t.Errorf("%v behind %s", err, all)
		}
		start = time.Now()
		if got := v.see("ask"); got != "settings" || time.Since(start) != 0 {
			t.Errorf("the next one: %s after %v", got, time.Since(start))
		}
	})
}

func TestAnAnswerThatTakesTimeEndsWithWhoeverWaits(t *testing.T) {
	for _, tt := range []struct{ rule, step, host string }{
		{"slow=10m", "connect", "ex1.contoso.test"}, {"drip=10s", "ask", "autodiscover.contoso.test"},
	} {
		said := map[string]string{"connect": "gone in the middle: connected", "ask": "gone in the middle: settings ex1.contoso.test"}[tt.step]
		for name, end := range map[string]func(s *Server, v *victim){
			"the client goes":        func(_ *Server, v *victim) { v.http.Timeout = 45 * time.Second },
			"the host goes":          func(s *Server, _ *victim) { time.AfterFunc(45*time.Second, func() { s.Off(tt.host) }) },
			"the mock server closes": func(s *Server, _ *victim) { time.AfterFunc(45*time.Second, func() { s.Close() }) },
		} {
			t.Run(tt.rule+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := Start(t, calm)
					v := newVictim(t, s, tt.step)
					do(t, s, "fault "+tt.rule)
					end(s, v)
					start := time.Now()
					if got := v.see(tt.step); got == healthy[tt.step] || time.Since(start) != 45*time.Second {
						t.Errorf("%s after %v", got, time.Since(start))
					}
					synctest.Wait()
					list := s.Requests()
					if last := list[len(list)-1]; last.Said != said || last.Status != http.StatusOK || !last.Time.Equal(start) {
						t.Errorf("recorded %+v", last)
					}
				})
			})
		}
	}
}

// A web hoster does not read what it is asked.
func TestADripOfAWebHosterEndsWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, calm+"[[hoster]]\nhost = \"shop.contoso.test\"\n")
		do(t, s, "fault drip=10s")
		c := newClient(t, s, "")
		c.http.Timeout = 45 * time.Second
		a, err := c.http.Post("https://shop.contoso.test"+autodiscoverPath, "text/xml", strings.NewReader("<Autodiscover/>"))
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		if got, err := io.ReadAll(a.Body); err == nil || string(got) != "<?xm" {
			t.Errorf("%q, %v", got, err)
		}
		synctest.Wait()
		if got := s.Requests()[0].Said; got != "gone in the middle: settings of a web hoster" {
			t.Errorf("recorded %q", got)
		}
	})
}
