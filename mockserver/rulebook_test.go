package mockserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestADelayEndsWithItsTimeOrWithWhoeverWaits(t *testing.T) {
	const rule = "fault delay=2m type=Connect"
	t.Run("the request is answered when the time is over", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := Start(t, calm)
			v := newVictim(t, s, "connect")
			do(t, s, rule)
			start := time.Now()
			if got := v.see("connect"); got != "ecNone" || time.Since(start) != 2*time.Minute {
				t.Errorf("%s after %v", got, time.Since(start))
			}
			if got := v.see("connect"); got != "ecNone" || time.Since(start) != 2*time.Minute {
				t.Errorf("the second one: %s after %v", got, time.Since(start))
			}
		})
	})
	t.Run("a client that goes ends it, and nothing is processed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := Start(t, calm)
			v := newVictim(t, s, "connect")
			v.http.Timeout = time.Second
			do(t, s, rule)
			start := time.Now()
			v.see("connect")
			synctest.Wait()
			if got := s.Requests(); len(got) != 1 || got[0].Said != "gone while it was delayed" || got[0].Time.Sub(start) != time.Second || len(s.contexts.byID) != 0 {
				t.Errorf("%+v, %d contexts", got, len(s.contexts.byID))
			}
		})
	})
	t.Run("a server that closes ends it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := Start(t, calm)
			v := newVictim(t, s, "connect")
			do(t, s, rule)
			start := time.Now()
			go func() {
				<-time.After(time.Second)
				s.Close()
			}()
			if got := v.see("connect"); got != "hung up" || time.Since(start) != time.Second {
				t.Errorf("%s after %v", got, time.Since(start))
			}
		})
	})
}

func TestCookiesThatAreLostRenamedOrRotated(t *testing.T) {
	tests := []struct {
		name, rule string
		keep       string // prefix of the only cookies that the client sends from then on; "": all
		want       string // of the request behind the one whose answer had other cookies
	}{
		{"without the cookies of Connect nobody is known", "lose-cookies type=Connect", "", "code 13"},
		{"without new cookies the old sequence is stale", "lose-cookies type=Execute", "", "code 15"},
		{"who sends the newest of each name goes on", "rename-cookies type=Execute", "", healthy["probe"]},
		{"the old names do no longer count", "rename-cookies type=Execute", "Mapi", "code 15"},
		{"the new names are enough", "rename-cookies type=Execute", "Renamed-", healthy["probe"]},
		{"who takes every new value goes on", "rotate-cookies times=always", "", healthy["probe"]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := Start(t, calm)
				v := newVictim(t, s, "connect")
				do(t, s, "fault "+tt.rule)
				first := v.see("connect")
				second := v.see("logon")
				if strings.Contains(tt.rule, "type=Connect") {
					second = v.see("logon")
					if first != "ecNone" || second != tt.want {
						t.Errorf("%s, then %s, want %s", first, second, tt.want)
					}
					return
				}
				v.cookies = slices.DeleteFunc(v.cookies, func(c *http.Cookie) bool { return !strings.HasPrefix(c.Name, tt.keep) })
				if third := v.see("probe"); first != "ecNone" || second != healthy["logon"] || third != tt.want {
					t.Errorf("%s, then %s, then %s, want %s", first, second, third, tt.want)
				}
				if strings.Contains(tt.rule, "rename") && tt.want == healthy["probe"] {
					if fourth := v.see("probe"); fourth != tt.want {
						t.Errorf("the fourth one: %s", fourth)
					}
				}
			})
		})
	}
	t.Run("the value before a rotation is refused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := Start(t, calm)
			v := newVictim(t, s, "probe")
			do(t, s, "fault rotate-cookies")
			old := slices.Clone(v.cookies)
			if got := v.see("probe"); got != healthy["probe"] {
				t.Fatal(got)
			}
			fresh := v.cookies
			v.cookies = old
			if got := v.see("probe"); got != "code 10" {
				t.Errorf("with the old cookies: %s", got)
			}
			v.cookies = fresh
			if got := v.see("probe"); got != healthy["probe"] {
				t.Errorf("with the new ones: %s", got)
			}
		})
	})
}

func TestWhichRequestsARuleMeets(t *testing.T) {
	// The requests of each row: two Connects and a PING over one connection,
	// then an Autodiscover request over another one. Each meets a 503 or does not.
	tests := []struct {
		name  string
		rules []string
		want  string // of the four requests: the names of the rules that acted, or -
	}{
		{"any request, once", []string{"status=503 name=a"}, "a - - -"},
		{"twice", []string{"status=503 times=2 name=a"}, "a a - -"},
		{"always", []string{"status=503 times=always name=a"}, "a a a a"},
		{"behind one that passes", []string{"status=503 skip=1 name=a"}, "- a - -"},
		{"two, behind two that pass", []string{"status=503 skip=2 times=2 name=a"}, "- - a a"},
		{"at a server by its name", []string{"status=503 at ex1 times=always name=a"}, "a a a -"},
		{"at a host", []string{"status=503 at=autodiscover.contoso.test times=always name=a"}, "- - - a"},
		{"at another server", []string{"status=503 at ex2 times=always name=a"}, "- - - -"},
		{"at an endpoint", []string{"status=503 endpoint=autodiscover times=always name=a"}, "- - - a"},
		{"of a request type", []string{"status=503 type=PING times=always name=a"}, "- - a -"},
		{"of a user", []string{"status=503 user=ann times=always name=a"}, "a a a a"},
		{"of another user", []string{"status=503 user=ben times=always name=a"}, "- - - -"},
		{"the second one of a connection", []string{"status=503 nth=2 times=always name=a"}, "- a - -"},
		{"the first one of each connection", []string{"status=503 nth=1 times=always name=a"}, "a - - a"},
		{"the oldest rule acts, then the next one", []string{"status=503 name=a", "status=503 name=b"}, "a b - -"},
		{"a rule that lets requests pass leaves them to the next one", []string{"status=503 skip=1 name=a", "status=503 times=2 name=b"}, "b a b -"},
		{"one rule acts on one request", []string{"status=503 type=Connect name=a", "delay=1s times=always name=b"}, "a b b b"},
		{"what acts before a request is processed comes first", []string{"lose times=always name=a", "status=503 name=b"}, "b a a a"},
		{"an answer that has no such field is not met", []string{"backoff=1s name=a", "code=ecError name=b"}, "b - - -"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := Start(t, calm)
				v := newVictim(t, s, "connect")
				for _, rule := range tt.rules {
					do(t, s, "fault "+rule)
				}
				for _, step := range []string{"connect", "connect", "ping", "ask"} {
					v.see(step)
				}
				var got []string
				acted := map[string]int{}
				for _, r := range s.Requests() {
					acted[r.Fault]++
					if r.Fault == "" {
						r.Fault = "-"
					}
					got = append(got, r.Fault)
				}
				if got := strings.Join(got, " "); got != tt.want {
					t.Errorf("have %s, want %s", got, tt.want)
				}
				for _, f := range s.Faults() {
					if f.Acted != acted[f.Name] || f.Matched < f.Acted || f.Matched > f.Acted+f.Skip {
						t.Errorf("%s: matched %d, acted %d, recorded %d", f.Name, f.Matched, f.Acted, acted[f.Name])
					}
				}
			})
		})
	}
}

func TestAMendedRuleActsNoMore(t *testing.T) {
	s := Start(t, calm)
	v := newVictim(t, s, "connect")
	do(t, s, "fault status=503 times=always", "fault drop type=Execute name=later")
	if got := v.see("connect"); got != "503" {
		t.Fatal(got)
	}
	if said, err := s.Do("faults"); err != nil || said != "status=503 times=always name=fault1: met 1, acted on 1; drop type=Execute name=later: met 0, acted on 0" {
		t.Errorf("%q, %v", said, err)
	}
	do(t, s, "mend fault1")
	if got := v.see("connect"); got != "ecNone" {
		t.Errorf("mended: %s", got)
	}
	do(t, s, "mend all")
	if got := s.Faults(); len(got) != 0 {
		t.Errorf("all mended, and there are %v", got)
	}
	if name, err := s.Break(Fault{Do: "drop"}); err != nil || name != "fault2" {
		t.Errorf("a new rule is called %q, %v: the record may hold fault1 still", name, err)
	}
}

func TestARuleThatContradictsItselfIsRefused(t *testing.T) {
	tests := []struct {
		name, rule, want string
		key, value       string // what a world file has to point at; "": nothing
	}{
		{"no fault", "at=ex1", "no fault: want one of status, delay,", "", ""},
		{"a fault that is none", "explode at=ex1", `unknown key "explode": want one of status,`, "explode", "true"},
		{"two faults", "drop lose", "a rule does one thing, make two of it", "lose", "true"},
		{"a key twice", "drop skip=1 skip=2", "skip stands there twice", "", ""},
		{"a key without a value", "drop skip=", "skip= stands there without a value", "", ""},
		{"a status that is none", "status=99", `"99": want a number from 200 to 599`, "status", "99"},
		{"a status without a number", "status", `"": want a number`, "", ""},
		{"an argument for a fault that has none", "drop=1", "drop takes no argument", "drop", "1"},
		{"truncate without a number", "truncate", `truncate: "": want a number from 0`, "", ""},
		{"a delay that is no duration", "delay=20", "want a duration from 1ms to 24h, such as 20s", "delay", "20"},
		{"a delay of nothing", "delay=0s", "want a duration from 1ms", "delay", "0s"},
		{"times that are none", "drop times=0", `times "0": want a number from 1, or always`, "times", "0"},
		{"a skip below nothing", "drop skip=-1", `skip "-1": want a number from 0`, "skip", "-1"},
		{"the request before the first one", "drop nth=0", `nth "0": want a number from 1`, "nth", "0"},
		{"a host that is not there", "drop at=ex9", `no host or server "ex9": there are autodiscover.contoso.test,`, "at", "ex9"},
		{"a user who is not there", "drop user=zoe", `no user "zoe" in the world calm: there are ann, ben`, "user", "zoe"},
		{"an endpoint that is not there", "drop endpoint=imap", `endpoint "imap": want one of mapi, nspi, autodiscover`, "endpoint", "imap"},
		{"a type that is not there", "drop type=Logon", `type "Logon": want one of Connect, Execute,`, "type", "Logon"},
		{"a type of another endpoint", "drop endpoint=nspi type=Execute", `type "Execute": want one of Bind,`, "type", "Execute"},
		{"a type of Autodiscover, which has none", "drop endpoint=autodiscover type=Connect", "requests to autodiscover have none", "type", "Connect"},
		{"late at Autodiscover", "late=10 endpoint=autodiscover", "late has no meaning at autodiscover: want mapi or nspi", "endpoint", "autodiscover"},
		{"late at a host of Autodiscover", "late=10 at=autodiscover.contoso.test", "answers Autodiscover only: want a server, one of ex1, ex2, mx1", "at", "autodiscover.contoso.test"},
		{"a request type at a host of Autodiscover", "drop type=Connect at=autodiscover.contoso.test", "answers Autodiscover only", "at", "autodiscover.contoso.test"},
		{"backoff for a Connect", "backoff=1s type=Connect", `type "Connect": want one of Execute`, "type", "Connect"},
		{"a field that is not there", "malformed=connect.colour", `no field "connect.colour": want one of head.response-code,`, "malformed", "connect.colour"},
		{"a length that is not there", "length=long", `no field "long": want one of content.long,`, "length", "long"},
		{"a document at MAPI", "malformed=xml.error-code endpoint=mapi", "malformed=xml.error-code has no meaning at mapi: want autodiscover", "endpoint", "mapi"},
		{"a document for a request type", "malformed=xml.cut type=Execute", "requests to autodiscover have none", "type", "Execute"},
		{"a head of MAPI at Autodiscover", "malformed=head.request-type endpoint=autodiscover", "malformed=head.request-type has no meaning at autodiscover: want mapi or nspi", "endpoint", "autodiscover"},
		{"a field of Connect for Execute", "malformed=connect.display-name type=Execute", `malformed=connect.display-name has no meaning for type "Execute": want one of Connect`, "type", "Execute"},
		{"a field of Connect at a host of Autodiscover", "malformed=connect.display-name at=autodiscover.contoso.test", "malformed=connect.display-name has no meaning at autodiscover.contoso.test, which answers Autodiscover only", "at", "autodiscover.contoso.test"},
		{"a body of PING, which has none", "malformed=stream.no-body type=PING", `type "PING": want one of Connect, Execute`, "type", "PING"},
		{"a length of Connect at the address book", "length=connect.aux-long endpoint=nspi", "length=connect.aux-long has no meaning at nspi: want mapi", "endpoint", "nspi"},
		{"a length of Execute for Connect", "length=execute.rops-long type=Connect", `type "Connect": want one of Execute`, "type", "Connect"},
		{"a length of a redirect at a host of Autodiscover", "length=redirect.name-long at=autodiscover.contoso.test", "answers Autodiscover only", "at", "autodiscover.contoso.test"},
		{"a ReturnValue of Connect", "code=ecError in=return type=Connect", `code in=return has no meaning for type "Connect": want one of Execute`, "type", "Connect"},
		{"a ReturnValue at the address book", "code=ecError in=return endpoint=nspi", "code in=return has no meaning at nspi: want mapi", "endpoint", "nspi"},
		{"a code of PING, which has none", "code=ecError type=PING", `type "PING": want one of Connect, Execute`, "type", "PING"},
		{"a refusal behind the head of a wait", "refuse=6 type=NotificationWait", `type "NotificationWait": want one of Connect, Execute, Disconnect, PING, Bind`, "type", "NotificationWait"},
		{"a refusal of a type of the other endpoint", "refuse=6 endpoint=nspi type=Connect", `type "Connect": want one of Bind, Unbind`, "type", "Connect"},
		{"a wait that is slow as it is", "slow=20s type=NotificationWait", `type "NotificationWait": want one of Connect,`, "type", "NotificationWait"},
		{"a context that has ended gets no other cookies", "rotate-cookies type=Disconnect", `type "Disconnect": want one of Connect,`, "type", "Disconnect"},
		{"slow at Autodiscover", "slow=20s endpoint=autodiscover", "slow has no meaning at autodiscover: want mapi or nspi", "endpoint", "autodiscover"},
		{"slow without a duration", "slow=fast", "want a duration from 1ms to 24h", "slow", "fast"},
		{"a bomb at MAPI", "gzip-bomb endpoint=mapi", "gzip-bomb has no meaning at mapi: want autodiscover", "endpoint", "mapi"},
		{"a code that is none", "code=ecNobody", "want a name such as ecServerBusy, or a number such as 0x480", "code", "ecNobody"},
		{"the code of success", "code=0", `"0": want a name`, "code", "0"},
		{"a redirect without a name", "code=ecWrongServer", "use the word claim", "code", "ecWrongServer"},
		{"a place for a code that is none", "code=ecError in=head", `in "head": want one of status, error, return`, "in", "head"},
		{"a place for what is no code", "drop in=error", "drop has no in: that is for code", "in", "error"},
		{"patience without a status", "drop retry-after=5", "drop has no retry-after: that is for status", "retry-after", "5"},
		{"patience that is no time", "status=503 retry-after=soon", `retry-after "soon": want seconds, such as 5, or date+5`, "retry-after", "soon"},
		{"a login page that is none", "login-page=frame", "want one of redirect, page", "login-page", "frame"},
		{"a name that cannot be told from mend all", "drop name=all", "not all", "name", "all"},
		{"a name with other letters", "drop name=Slow!", "lower-case letters", "name", "Slow!"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, calm)
			if said, err := s.Do("fault " + tt.rule); err == nil || !strings.Contains(err.Error(), tt.want) || len(s.Faults()) != 0 {
				t.Errorf("the script: %q, %v; want %q", said, err, tt.want)
			}
			if tt.key == "" {
				return
			}
			object := map[string]any{}
			table := "[[fault]]\n"
			for word := range strings.FieldsSeq(tt.rule) {
				key, value, ok := strings.Cut(word, "=")
				object[key] = value
				if !ok {
					object[key], value = true, "true"
				} else {
					value = `"` + value + `"`
				}
				table += key + " = " + value + "\n"
			}
			text, err := json.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			w := admin(s, "POST", "/faults", string(text))
			var refusal struct{ Error string }
			if err := json.Unmarshal(w.Body.Bytes(), &refusal); err != nil || w.Code < 400 || w.Code > 404 || !strings.Contains(refusal.Error, tt.want) && tt.rule != "drop lose" || len(s.Faults()) != 0 {
				t.Errorf("JSON: %d %s", w.Code, w.Body)
			}
			_, err = ReadWorld(strings.NewReader(calm + table))
			lines := strings.Split(calm+table, "\n")
			line := len(lines)
			for !strings.HasPrefix(lines[line-1], tt.key+" = ") {
				line--
			}
			want := fmt.Sprintf("world: line %d, column %d: fault: ", line, len(tt.key)+len(" = ")+1)
			if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("TOML: %v\nwant %s%s", err, want, tt.want)
			}
		})
	}
	t.Run("a name that is there", func(t *testing.T) {
		s := Start(t, calm)
		do(t, s, "fault drop name=a")
		if _, err := s.Do("fault lose name=a"); err == nil || !strings.Contains(err.Error(), "a rule of that name is in force") || len(s.Faults()) != 1 {
			t.Error(err)
		}
		_, err := ReadWorld(strings.NewReader(calm + "[[fault]]\ndrop = true\nname = \"a\"\n[[fault]]\nlose = true\nname = \"a\"\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "world: line 25, column 8: fault: name \"a\" is there twice") {
			t.Error(err)
		}
	})
	t.Run("a rule that is not there", func(t *testing.T) {
		s := Start(t, calm)
		do(t, s, "fault drop name=a")
		if w := admin(s, "DELETE", "/faults/b", ""); w.Code != 404 || !strings.Contains(w.Body.String(), `no rule \"b\" in force: there are a`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w := admin(s, "DELETE", "/faults/a", ""); w.Code != 200 || len(s.Faults()) != 0 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	t.Run("a thousand and one rules", func(t *testing.T) {
		s := Start(t, calm)
		for range maxRules {
			do(t, s, "fault drop")
		}
		if _, err := s.Do("fault drop"); err == nil || !strings.Contains(err.Error(), "1000 rules are in force: mend some first") {
			t.Error(err)
		}
	})
}

func TestARuleReadsTheSameInEachForm(t *testing.T) {
	want := Fault{Name: "slow", Do: "status", With: "503", RetryAfter: "5", At: "ex1", Type: "Execute", User: "ann", Nth: 2, Skip: 1, Times: Always}
	const line = "status=503 retry-after=5 at=ex1 type=Execute user=ann nth=2 skip=1 times=always name=slow"
	const object = `{"status": 503, "retry-after": "5", "at": "ex1", "type": "Execute", "user": "ann", "nth": 2, "skip": 1, "times": "always", "name": "slow"}`
	const table = "[[fault]]\nstatus = 503\nretry-after = 5\nat = \"ex1\"\ntype = \"Execute\"\nuser = \"ann\"\nnth = 2\nskip = 1\ntimes = \"always\"\nname = \"slow\"\n"
	for _, text := range []string{line, strings.Replace(line, "at=", "at ", 1), "name=slow " + strings.TrimSuffix(line, " name=slow")} {
		if got, err := ReadFault(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	if got := want.String(); got != line {
		t.Errorf("written %s", got)
	}
	var got Fault
	if err := json.Unmarshal([]byte(object), &got); err != nil || got != want {
		t.Errorf("JSON: %+v, %v", got, err)
	}
	w, err := ReadWorld(strings.NewReader(calm + table))
	if err != nil || !cmp.Equal(w.Faults, []Fault{want}) {
		t.Errorf("TOML: %+v, %v", w.Faults, err)
	}
	s, err := New(w)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := s.Faults(); !cmp.Equal(got, []FaultState{{want, 0, 0}}) {
		t.Errorf("in force: %+v", got)
	}
	if got := admin(s, "GET", "/faults", "").Body.String(); !strings.Contains(got, `"matched": 0`) || !strings.Contains(got, `"status": 503`) {
		t.Errorf("told: %s", got)
	}
}

func TestEveryKindOfFaultHasArgumentsThatAreTaken(t *testing.T) {
	s := Start(t, calm)
	for _, k := range FaultKinds() {
		samples := k.Samples
		if k.With == "" {
			samples = []string{""}
		}
		if len(samples) == 0 || len(k.Endpoints) == 0 || k.Does == "" {
			t.Errorf("%+v", k)
		}
		for _, with := range samples {
			if _, err := s.Break(Fault{Do: k.Name, With: with}); err != nil {
				t.Errorf("%s=%s: %v", k.Name, with, err)
			}
		}
	}
}

// The twin of the contradictions about endpoints and request types.
func TestARuleIsTakenWhereItCanAct(t *testing.T) {
	for _, line := range []string{
		"malformed=xml.error-code endpoint=autodiscover", "malformed=xml.error-code at=autodiscover.contoso.test",
		"malformed=head.request-type endpoint=nspi type=Bind", "malformed=connect.display-name endpoint=mapi type=Connect at=ex1",
		"malformed=stream.no-body type=NotificationWait", "length=content.long endpoint=autodiscover", "length=execute.rops-long type=Execute",
		"code=ecError in=return type=Execute endpoint=mapi", "code=ecError in=error type=Bind endpoint=nspi", "code=ecError in=status type=NotificationWait",
		"refuse=6 type=PING", "slow=20s type=Bind", "gzip-bomb at=ex1",
	} {
		s := Start(t, calm)
		if _, err := s.Do("fault " + line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, tt := range []struct {
		f    Fault
		want string
	}{
		{Fault{Do: "drop"}, "mapi nspi autodiscover"}, {Fault{Do: "malformed", With: "xml.cut"}, "autodiscover"},
		{Fault{Do: "code", With: "ecError"}, "mapi nspi"}, {Fault{Do: "code", With: "ecError", In: InReturn}, "mapi"},
		{Fault{Do: "length", With: "long"}, ""}, {Fault{Do: "explode"}, ""},
	} {
		if got := strings.Join(tt.f.Endpoints(), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.f, got, tt.want)
		}
	}
}

func FuzzReadFault(f *testing.F) {
	for _, k := range FaultKinds() {
		for _, with := range append(k.Samples, "") {
			f.Add(Fault{Do: k.Name, With: with}.String() + " at ex1 type=Execute times=2 skip=1")
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		a, err := ReadFault(line)
		if err != nil {
			return
		}
		b, err := ReadFault(a.String())
		if err != nil || a != b {
			t.Errorf("%q: %+v\nread again: %+v, %v", line, a, b, err)
		}
	})
}

func FuzzFaultJSON(f *testing.F) {
	f.Add(`{"status": 503, "retry-after": "date+5", "at": "ex1"}`)
	f.Add(`{"drop": true, "times": "always", "nth": 1e3}`)
	f.Add(`{"code": "0x480", "in": "return", "skip": 0.5}`)
	f.Fuzz(func(t *testing.T, text string) {
		var a, b Fault
		if json.Unmarshal([]byte(text), &a) != nil {
			return
		}
		again, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(again, &b); err != nil || a != b {
			t.Errorf("%s: %+v\nread again from %s: %+v, %v", text, a, again, b, err)
		}
	})
}
