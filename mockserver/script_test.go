package mockserver

import (
	"fmt"
	"strings"
	"testing"
)

func TestContradictionsChangeNothing(t *testing.T) {
	tests := []struct {
		name, before, line, want string // want: part of the error
	}{
		{"to where it is", "", "move ann ex1", "ann is on ex1/db1 already"},
		{"to the database where it is", "", "start ann ex1/db1", "already"},
		{"a user that is not there", "", "move zoe ex2", `no user "zoe"`},
		{"a server that is not there", "", "move ann ex9", `no server "ex9": there are ex1, ex2, mx1`},
		{"a database that is not there", "", "move ann ex2/db9", `no database "db9": it has db1, db2`},
		{"an option that is not there", "", "move ann ex2 fast", `option "fast": want no-x500`},
		{"an option twice", "", "move ann mx1 no-x500 no-x500", "twice"},
		{"options that exclude each other", "", "move ann mx1 keep-guid new-guid", `option "new-guid"`},
		{"an invalidation that is not there", "", "move ann ex2 invalidate=soft", "object, null, context"},
		{"nothing left behind in the same forest", "", "move ann ex2 unconverted", "stays in contoso.test"},
		{"lock without start", "", "lock ann", "not being moved"},
		{"finish without start", "", "finish ann", "not being moved"},
		{"cancel without start", "", "cancel ann", "not being moved"},
		{"cancel twice", "start ann ex2\ncancel ann", "cancel ann", "not being moved"},
		{"finish twice", "start ann ex2\nfinish ann", "finish ann", "not being moved"},
		{"start twice", "start ann ex2", "start ann mx1", "being moved to ex2/db1"},
		{"lock twice", "start ann ex2\nlock ann", "lock ann", "locked already"},
		{"prestage at home", "", "prestage ann contoso.test", "already knows ann"},
		{"prestage twice", "prestage ann fabrikam.test", "prestage ann fabrikam.test", "already knows ann"},
		{"a forest that is not there", "", "prestage ann nowhere.test", "there are contoso.test, fabrikam.test"},
		{"off twice", "off ex1", "off ex1", "off already"},
		{"on without off", "", "on ex1", "on already"},
		{"a host that is not there", "", "vanish ex9.contoso.test", `no host or server "ex9.contoso.test"`},
		{"vanish twice", "vanish ex1", "vanish ex1", "vanished already"},
		{"appear without vanish", "", "appear ex1", "there already"},
		{"a certificate that is not there", "", "cert ex1 rotten", "valid, expired, wrong-name, unknown-issuer"},
		{"disable twice", "disable ann contoso.test", "disable ann contoso.test", "so already"},
		{"enable without disable", "", "enable ann contoso.test", "so already"},
		{"a domain that is none", "", "dns contoso fabrikam.test", "DNS name"},
		{"a domain that is a server", "", "dns ex1.contoso.test fabrikam.test", "host of server ex1"},
		{"a protocol that is not there", "", "protocol ann contoso.test imap", "none or mapi"},
		{"a claim where nobody knows ann", "", "claim ann mx1 ex1", "prestage first"},
		{"a claim with a letter that no DN has", "", "claim ann ex1 é", "printable"},
		{"unclaim without claim", "", "unclaim ann ex1", "truth"},
		{"a referral where nobody knows ann", "", "refer ann fabrikam.test https://x.test/", "prestage first"},
		{"a referral to nothing", "", "refer ann contoso.test elsewhere", "URL or an address"},
		{"unrefer without refer", "", "unrefer ann contoso.test", "truth"},
		{"a status that is none", "", "answer ex1 99", "200 to 599"},
		{"a status that is a word", "", "answer ex1 down", "200 to 599, or normal"},
		{"normal with a body", "", "answer ex1 normal html", "no body"},
		{"replicate without a lag", "", "replicate ann", "everybody knows already that ann is on ex1/db1"},
		{"replicate twice", "move ann ex2 lag\nreplicate ann", "replicate ann", "everybody knows already"},
		{"a move while the directories disagree", "move ann ex2 lag", "move ann mx1", "replicate first"},
		{"a lag that stays on its server", "", "move ann ex1/db2 lag", "knows its own databases"},
		{"an outage of no forest", "", "outage tailspin.test on", `no forest "tailspin.test": there are contoso.test, fabrikam.test`},
		{"an outage that is neither", "", "outage contoso.test maybe", "want on or off"},
		{"an outage twice", "outage contoso.test on", "outage contoso.test on", "away already"},
		{"the end of no outage", "", "outage contoso.test off", "there already"},
		{"a rate of nothing", "", "rate ex1 0", "want a number from 1, or off"},
		{"a rate that is a word", "", "rate ex1 slow", "want a number from 1, or off"},
		{"a rate of no host", "", "rate ex9 5", `no host or server "ex9"`},
		{"the end of no rate", "", "rate ex1 off", "has no limit already"},
		{"a fault that is none", "", "fault explode", `unknown key "explode"`},
		{"the end of no fault", "", "mend fault1", `no rule "fault1" in force: there are none`},
		{"a word that is not there", "", "teleport ann ex2", `unknown word "teleport": want one of prestage, start, lock`},
		{"too few arguments", "", "move ann", "want move USER SERVER[/DB]"},
		{"too many arguments", "", "cancel ann now", "want cancel USER"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, "acquisition")
			do(t, s, lines(tt.before)...)
			before := state(t, s)
			said, err := s.Do(tt.line)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%q, %v; want an error with %q", said, err, tt.want)
			}
			word, _, _ := strings.Cut(tt.line, " ")
			if rest, ok := strings.CutPrefix(err.Error(), word+": "); ok && strings.HasPrefix(strings.ReplaceAll(rest, ":", " "), word+" ") {
				t.Errorf("the word stands there twice: %v", err)
			}
			if after := state(t, s); after != before {
				t.Errorf("before %s\nafter %s", before, after)
			}
		})
	}
}

// state writes down all that a script may change.
func state(t *testing.T, s *Server) string {
	t.Helper()
	var b strings.Builder
	for _, user := range []string{"ann", "ben"} {
		line, err := s.Do("where " + user)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(line + "\n")
		w, _ := s.Where(user)
		for _, o := range w.Objects {
			b.WriteString(strings.Join([]string{o.Forest, o.Kind, o.Address, o.LegacyDN, o.Refers, strings.Join(o.X500, " ")}, "|") + "\n")
		}
		if past := s.dir.users[user].past; past != nil {
			for _, f := range s.dir.forests {
				if past.disabled[f] {
					b.WriteString("disabled in " + f.Name + "\n")
				}
				if past.noMAPI[f] {
					b.WriteString("no mapi in " + f.Name + "\n")
				}
			}
			for _, server := range s.dir.servers {
				b.WriteString("claim " + past.claims[server] + "\n")
			}
		}
	}
	for _, host := range s.Hosts() {
		at := s.dir.sites[host]
		b.WriteString(host + " " + at.forest.Name + " " + at.certificate)
		if at.off {
			b.WriteString(" off")
		}
		fmt.Fprintf(&b, " outage %t rate %d rules %d", at.forest.outage, at.rate.Limit, len(s.rules))
		if at.answer != nil {
			b.WriteString(" canned")
		}
		b.WriteString("\n")
	}
	// past is made by looking at it, and says nothing by being there.
	return strings.ReplaceAll(b.String(), "claim \n", "")
}

func TestDoAnswersInALine(t *testing.T) {
	s := Start(t, "acquisition")
	for _, tt := range []struct{ line, want string }{
		{"", ""},
		{"   ", ""},
		{"# a remark", ""},
		{"where ann", "ann is on ex1/db1 in contoso.test"},
		{"start ann mx1/db2", "ann is on ex1/db1 in contoso.test, moving to mx1/db2 in fabrikam.test"},
		{"lock ann", "ann is on ex1/db1 in contoso.test, moving to mx1/db2 in fabrikam.test, locked"},
		{"  finish   ann  ", "ann is on mx1/db2 in fabrikam.test"},
		{"off ex1", "ok"},
		{"notify ann", "0 sessions told"},
		{"forget", "ok"},
	} {
		if got, err := s.Do(tt.line); got != tt.want || err != nil {
			t.Errorf("%q: %q, %v; want %q", tt.line, got, err, tt.want)
		}
	}
}

func TestHelpNamesEveryWord(t *testing.T) {
	s := Start(t, "acquisition")
	said, err := s.Do("help")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range script {
		if !strings.Contains(said, w.name) {
			t.Errorf("%s is missing in %q", w.name, said)
		}
		if w.name == "" || w.does == "" || w.most >= 0 && w.most < w.least {
			t.Errorf("%+v", w)
		}
	}
}

func TestAMoveToAServerThatIsOffIsAllowed(t *testing.T) {
	s := Start(t, "acquisition")
	do(t, s, "off mx1", "move ann mx1")
	if line, _ := s.Do("where ann"); line != "ann is on mx1/db1 in fabrikam.test" {
		t.Error(line)
	}
}

// FuzzDo: no line panics, and what is refused has changed nothing.
func FuzzDo(f *testing.F) {
	for _, line := range []string{
		"move ann mx1 no-x500 unconverted keep-guid invalidate=null", "start ann ex2/db2", "lock ann", "finish ann", "cancel ann",
		"password ann contoso.test a b  c", "claim ann ex1 any text", "refer ann contoso.test a@b", "answer ex1 200 two words",
		"dns tailspin.test fabrikam.test", "cert ex1 expired", "password ann contoso.test\u00a0", "claim ann ex1",
		"move ann ex2 lag", "replicate ann", "outage contoso.test on", "rate ex1 5", "rate ex1 off", "faults",
		"fault status=503 retry-after=date+5 at ex1 type=Execute times=2 skip=1", "fault code=0x480 in=return user=ann name=a", "mend a", "mend all",
	} {
		f.Add(line)
	}
	w, err := OpenWorld("acquisition")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line string) {
		s, err := New(w)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		before := state(t, s)
		if _, err := s.Do(line); err != nil {
			if after := state(t, s); after != before {
				t.Errorf("%q was refused: %v\nbefore %s\nafter %s", line, err, before, after)
			}
		}
		s.Do(line)
		s.Do("finish ann")
		state(t, s)
	})
}
