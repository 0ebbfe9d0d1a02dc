package mockserver

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestARecordTellsWhatWasSaid(t *testing.T) {
	s, c, d := home(t, "acquisition", "ann", "contoso.test")
	c.enter(d.store(), d.LegacyDN)
	do(t, s, "move ann ex2")
	c.enter(d.store(), d.LegacyDN)
	do(t, s, "move ann mx1")
	c.enter(d.store(), d.LegacyDN)
	c.ask("https://autodiscover.contoso.test"+autodiscoverPath, "LegacyDN", d.LegacyDN)
	c.ask("https://autodiscover.fabrikam.test"+autodiscoverPath, "EMailAddress", "nobody@fabrikam.test")
	(&client{t: t, http: c.http}).session(d.store()).send("PING", nil, nil)

	want := []string{
		"autodiscover.contoso.test EMailAddress ann@contoso.test 200 0 0 settings ex1.contoso.test",
		"ex1.contoso.test Connect 200 0 0 connected",
		"ex1.contoso.test Execute 200 0 0 logged on to ex1/db1",
		"ex1.contoso.test Connect 200 0 0 connected",
		"ex1.contoso.test Execute 200 0 478 ecWrongServer → " + contosoServer + "ex2",
		"ex1.contoso.test Connect 200 0 3eb ecUnknownUser",
		"autodiscover.contoso.test LegacyDN " + d.LegacyDN + " 200 0 0 RedirectUrl https://autodiscover.fabrikam.test/autodiscover/autodiscover.xml",
		"autodiscover.fabrikam.test EMailAddress nobody@fabrikam.test 200 0 1f4 ErrorCode 500",
		"ex1.contoso.test PING 401 0 0 401",
	}
	all := s.Requests()
	if len(all) != len(want) {
		t.Fatalf("%d requests, want %d", len(all), len(want))
	}
	for i, r := range all {
		what := r.RequestType
		if r.Identity != "" {
			what = r.Identity + " " + r.Asked
		}
		if got := fmt.Sprintf("%s %s %d %d %x %s", r.Host, what, r.Status, r.ResponseCode, r.Code, r.Said); got != want[i] {
			t.Errorf("%d: have %s\nwant %s", i, got, want[i])
		}
		signed := i < len(all)-1
		if r.Seq != i+1 || r.Conn == 0 || r.Method != "POST" || r.Signed != signed || signed && (r.User != "ann@contoso.test" || r.Scheme != "basic") {
			t.Errorf("%d: %+v", i, r)
		}
	}
}

func TestCredentialsAreNotedWhereverTheyCome(t *testing.T) {
	s, c, _ := home(t, "acquisition", "ann", "contoso.test")
	do(t, s, "answer autodiscover.contoso.test 503")
	s.Forget()
	c.session("https://ex1.contoso.test/owa/").send("PING", nil, nil)
	c.post("https://autodiscover.contoso.test"+autodiscoverPath, "", nil)
	for _, r := range s.Requests() {
		if !r.Signed || r.User != "ann@contoso.test" {
			t.Errorf("%+v", r)
		}
	}
}

func TestARecordHoldsNoSecret(t *testing.T) {
	s := Start(t, accountWorld)
	c := newClient(t, s, "ann@contoso.test")
	c.password = "planted-secret"
	const url = "https://autodiscover.contoso.test" + autodiscoverPath
	c.post(url, "", nil)
	c.post(url, "", map[string]string{"Authorization": "Bearer planted-secret"})
	c.post(url, "", map[string]string{"Authorization": "planted-secret"})
	text, err := json.Marshal(s.Requests())
	if err != nil {
		t.Fatal(err)
	}
	encoded := base64.StdEncoding.EncodeToString([]byte("ann@contoso.test:planted-secret"))
	if n := strings.Count(string(text), `"seq"`); n != 3 || !strings.Contains(string(text), "ann@contoso.test") {
		t.Fatalf("the record is not that of the three requests: %s", text)
	}
	for _, secret := range []string{"planted-secret", encoded} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%q is in %s", secret, text)
		}
	}
}

func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, d := home(t, "acquisition", "ann", "contoso.test")
		connect := func(r Request) bool { return r.RequestType == "Connect" }

		go func() {
			<-time.After(time.Hour)
			c.enter(d.store(), d.LegacyDN)
		}()
		start := time.Now()
		r, err := s.Await(t.Context(), connect)
		if err != nil || time.Since(start) != time.Hour || r.Seq != 2 {
			t.Errorf("one that comes: %+v, %v after %v", r, err, time.Since(start))
		}
		synctest.Wait()
		if r, err := s.Await(t.Context(), connect); err != nil || r.Seq != 2 {
			t.Errorf("one that came: %+v, %v", r, err)
		}
		s.Forget()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if r, err := s.Await(ctx, connect); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one that was forgotten: %+v, %v", r, err)
		}
	})
}

func TestTheRecordIsBounded(t *testing.T) {
	var c record
	for range maxRecord + 5 {
		c.add(Request{})
	}
	all := c.since(0)
	if len(all) != maxRecord || all[0].Seq != 6 || all[len(all)-1].Seq != maxRecord+5 {
		t.Errorf("%d records, from %d to %d", len(all), all[0].Seq, all[len(all)-1].Seq)
	}
	if last := c.since(maxRecord + 3); len(last) != 2 || last[0].Seq != maxRecord+4 {
		t.Errorf("since: %+v", last)
	}
	c.amend(Request{Seq: maxRecord + 1, Said: "amended"})
	c.amend(Request{Seq: 2, Said: "forgotten long ago"})
	for _, r := range c.since(0) {
		if (r.Said == "amended") != (r.Seq == maxRecord+1) || r.Said != "" && r.Said != "amended" {
			t.Errorf("%+v", r)
		}
	}
}
