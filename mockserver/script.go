package mockserver

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// word is one line of a script: what [Server.Do] and the admin API understand.
type word struct {
	name, args, does string
	least            int                                                  // arguments that it needs
	most             int                                                  // arguments that it takes; -1: the last one is the rest of the line
	run              func(s *Server, a []string) (said string, err error) // nil: help
}

const moveArgs = "USER SERVER[/DB] [no-x500] [unconverted] [keep-guid|new-guid] [lag] [invalidate=object|null|context]"

var script = []word{
	{"prestage", "USER FOREST", "a mail user in the target forest that leads back to the source", 2, 2, func(s *Server, a []string) (string, error) {
		return s.where(a[0], s.Prestage(a[0], a[1]))
	}},
	{"start", moveArgs, "a move begins; the source still serves", 2, 7, func(s *Server, a []string) (string, error) {
		return s.doMove(s.Begin, a)
	}},
	{"lock", "USER", "the last part of the move: ecMailboxInTransit at both ends", 1, 1, func(s *Server, a []string) (string, error) {
		return s.where(a[0], s.Lock(a[0]))
	}},
	{"finish", "USER", "the move is done", 1, 1, func(s *Server, a []string) (string, error) {
		return s.where(a[0], s.Finish(a[0]))
	}},
	{"cancel", "USER", "the move is called off: home again", 1, 1, func(s *Server, a []string) (string, error) {
		return s.where(a[0], s.Cancel(a[0]))
	}},
	{"move", moveArgs, "start, lock and finish at once", 2, 7, func(s *Server, a []string) (string, error) {
		return s.doMove(s.Move, a)
	}},
	{"replicate", "USER", "everybody knows where the mailbox is: the lag of a move ends", 1, 1, func(s *Server, a []string) (string, error) {
		return s.where(a[0], s.Replicate(a[0]))
	}},
	{"where", "USER", "where the mailbox is", 1, 1, func(s *Server, a []string) (string, error) {
		return s.where(a[0], nil)
	}},
	{"notify", "USER", "an event in the mailbox, such as new mail", 1, 1, func(s *Server, a []string) (string, error) {
		told, err := s.Notify(a[0])
		return fmt.Sprintf("%d sessions told", told), err
	}},
	{"off", "SERVER|HOST", "connections are refused", 1, 1, one((*Server).Off)},
	{"on", "SERVER|HOST", "they are accepted again", 1, 1, one((*Server).On)},
	{"vanish", "HOST", "the name is unknown", 1, 1, one((*Server).Vanish)},
	{"appear", "HOST", "the name is known again", 1, 1, one((*Server).Appear)},
	{"cert", "HOST valid|expired|wrong-name|unknown-issuer", "another certificate", 2, 2, two((*Server).Certify)},
	{"disable", "USER FOREST", "the account gets 401", 2, 2, two((*Server).Disable)},
	{"enable", "USER FOREST", "the account is accepted again", 2, 2, two((*Server).Enable)},
	{"password", "USER FOREST NEW", "another password", 3, -1, three((*Server).SetPassword)},
	{"dns", "MAILDOMAIN FOREST", "the forest's Autodiscover answers for the domain", 2, 2, two((*Server).Repoint)},
	{"protocol", "USER FOREST none|mapi", "settings without, or with, MAPI over HTTP", 3, 3, func(s *Server, a []string) (string, error) {
		if a[2] != "none" && a[2] != "mapi" {
			return "", fmt.Errorf("%q is none: want none or mapi", cut(a[2], 40))
		}
		return "ok", s.OfferMAPI(a[0], a[1], a[2] == "mapi")
	}},
	{"claim", "USER SERVER NAME", "the server answers ecWrongServer and names NAME", 3, -1, three((*Server).Claim)},
	{"unclaim", "USER SERVER", "it tells the truth again", 2, 2, two((*Server).Unclaim)},
	{"refer", "USER FOREST URL|ADDRESS", "the forest's Autodiscover refers there", 3, 3, three((*Server).Refer)},
	{"unrefer", "USER FOREST", "it tells the truth again", 2, 2, two((*Server).Unrefer)},
	{"srv", "MAILDOMAIN TARGET|none [PORT [PRIORITY [WEIGHT]]]", "one more SRV record announces Autodiscover, or none does", 2, 5, (*Server).doSRV},
	{"cname", "NAME TARGET|none", "an alias of a host", 2, 2, (*Server).doCNAME},
	{"resolver", "NAME|all normal|silent|servfail|nxdomain|empty", "how the DNS answers", 2, 2, two((*Server).SetResolver)},
	{"scp", "DIRECTORY URL|LDAP://HOST|none [site=SITE] [domain=DOMAIN]", "one more service connection point, or none", 2, 4, (*Server).doSCP},
	{"clear", "HOST redirect|page|portal|nothing [TO [STATUS]]", "what the host answers without TLS", 2, 4, (*Server).doClear},
	{"hoster", "HOST imap|html", "a web hoster answers there", 2, 2, (*Server).doHoster},
	{"rogue", "HOST challenge|settings|redirect|refer|sink [TO [STATUS]]", "somebody else answers there, after passwords", 2, 4, (*Server).doRogue},
	{"hole", "SERVER|HOST drops|accepts|off", "connections are swallowed", 2, 2, two((*Server).Swallow)},
	{"answer", "HOST STATUS|normal|proxy|blocked|portal [html|empty|TEXT]", "Autodiscover of the host answers this", 2, -1, (*Server).doAnswer},
	{"outage", "FOREST on|off", "its directory is away, or there again", 2, 2, func(s *Server, a []string) (string, error) {
		if a[1] != "on" && a[1] != "off" {
			return "", fmt.Errorf("%q is none: want on or off", cut(a[1], 40))
		}
		return "ok", s.Outage(a[0], a[1] == "on")
	}},
	{"rate", "SERVER|HOST N|off", "more than N requests a second get 503", 2, 2, func(s *Server, a []string) (string, error) {
		if a[1] == "off" {
			return "ok", s.LimitRate(a[0], 0)
		}
		n, err := strconv.Atoi(a[1])
		if err != nil || n < 1 {
			return "", fmt.Errorf("%q: want a number from 1, or off", cut(a[1], 40))
		}
		return "ok", s.LimitRate(a[0], n)
	}},
	{"fault", "RULE", "a rule that breaks requests: status=503 at ex1 times=2", 1, -1, (*Server).doFault},
	{"mend", "NAME|all", "the rule, or every rule, is gone", 1, 1, func(s *Server, a []string) (string, error) {
		if a[0] == "all" {
			s.MendAll()
			return "ok", nil
		}
		return "ok", s.Mend(a[0])
	}},
	{"faults", "", "the rules, and how often each has met a request and acted on it", 0, 0, func(s *Server, _ []string) (string, error) {
		return s.sayFaults(), nil
	}},
	{"forget", "", "the record of requests is empty again", 0, 0, func(s *Server, _ []string) (string, error) {
		s.Forget()
		return "ok", nil
	}},
	{"help", "", "these words", 0, 0, nil},
}

func one(do func(*Server, string) error) func(*Server, []string) (string, error) {
	return func(s *Server, a []string) (string, error) { return "ok", do(s, a[0]) }
}

func two(do func(s *Server, a, b string) error) func(*Server, []string) (string, error) {
	return func(s *Server, a []string) (string, error) { return "ok", do(s, a[0], a[1]) }
}

func three(do func(s *Server, a, b, c string) error) func(*Server, []string) (string, error) {
	return func(s *Server, a []string) (string, error) { return "ok", do(s, a[0], a[1], a[2]) }
}

// Do runs one line of a script, such as "move ann mx1", and returns an answer of
// one line for people. Empty lines and those that start with # do nothing. A
// line that is refused has changed nothing; the error says what was expected.
// README.md lists the words; "help" does too.
func (s *Server) Do(line string) (string, error) {
	fields := strings.Fields(line)
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return "", nil
	}
	w := wordNamed(fields[0])
	if w == nil {
		return "", fmt.Errorf("unknown word %q: want one of %s", cut(fields[0], 40), words())
	}
	a := fields[1:]
	if w.most < 0 && len(a) > w.lastArg() {
		a = append(a[:w.lastArg():w.lastArg()], rest(line, w.lastArg()+1))
	}
	if len(a) < w.least || w.most >= 0 && len(a) > w.most {
		return "", fmt.Errorf("want %s", strings.TrimSpace(w.name+" "+w.args))
	}
	if w.run == nil {
		return words(), nil
	}
	said, err := w.run(s, a)
	if err != nil {
		return "", fmt.Errorf("%s: %w", w.name, err)
	}
	return said, nil
}

// lastArg is how many arguments stand before the one that is the rest of the line.
func (w *word) lastArg() int { return len(strings.Fields(w.args)) - 1 }

// rest is line without its first n fields.
func rest(line string, n int) string {
	line = strings.TrimSpace(line)
	for range n {
		i := strings.IndexFunc(line, isSpace)
		line = strings.TrimSpace(line[i:])
	}
	return line
}

func isSpace(r rune) bool { return strings.TrimSpace(string(r)) == "" }

func wordNamed(name string) *word {
	for i := range script {
		if script[i].name == name {
			return &script[i]
		}
	}
	return nil
}

// wordList is the script for those who explore the admin API.
func wordList() []map[string]string {
	var list []map[string]string
	for _, w := range script {
		list = append(list, map[string]string{"word": w.name, "args": w.args, "does": w.does})
	}
	return list
}

func words() string {
	var names []string
	for _, w := range script {
		names = append(names, w.name)
	}
	return strings.Join(names, ", ")
}

// doMove reads the arguments of a move.
func (s *Server) doMove(do func(user, server, database string, o MoveOptions) error, a []string) (string, error) {
	o, err := moveOptions(a[2:])
	if err != nil {
		return "", err
	}
	server, database, _ := strings.Cut(a[1], "/")
	return s.where(a[0], do(a[0], server, database, o))
}

func moveOptions(list []string) (o MoveOptions, err error) {
	for i, option := range list {
		switch {
		case slices.Contains(list[:i], option):
			return o, fmt.Errorf("%s stands there twice", option)
		case option == "no-x500":
			o.NoX500 = true
		case option == "unconverted":
			o.Unconverted = true
		case option == "lag":
			o.Lag = true
		case (option == "keep-guid" || option == "new-guid") && o.GUID == "":
			o.GUID = strings.TrimSuffix(option, "-guid")
		case strings.HasPrefix(option, "invalidate=") && o.Invalidate == "":
			o.Invalidate = strings.TrimPrefix(option, "invalidate=")
		default:
			return o, fmt.Errorf("option %q: want no-x500, unconverted, one of keep-guid, new-guid, lag, one of invalidate=object, invalidate=null, invalidate=context", cut(option, 40))
		}
	}
	return o, nil
}

// where says in a line where a mailbox is, unless err.
func (s *Server) where(user string, err error) (string, error) {
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.user(user)
	if err != nil {
		return "", err
	}
	line := fmt.Sprintf("%s is on %s in %s", user, m.home, m.forest().Name)
	if m.lag() != nil {
		line += ", not replicated"
	}
	if m.move != nil {
		line += fmt.Sprintf(", moving to %s in %s", m.move.to, m.move.to.server.forest.Name)
		if m.move.locked {
			line += ", locked"
		}
	}
	return line, nil
}

func (s *Server) doAnswer(a []string) (string, error) {
	if word := a[1]; word == "normal" || slices.Contains(middleboxes, word) {
		if len(a) > 2 {
			return "", fmt.Errorf("%s takes no body", word)
		}
		if word != "normal" {
			return "ok", s.Intercept(a[0], word)
		}
		return "ok", s.Answer(a[0], 0, "", nil)
	}
	status, err := strconv.Atoi(a[1])
	if err != nil || status == 0 {
		return "", fmt.Errorf("status %q: want a number from 200 to 599, or normal", cut(a[1], 40))
	}
	word := ""
	if len(a) > 2 {
		word = a[2]
	}
	contentType, body := answerBody(word)
	return "ok", s.Answer(a[0], status, contentType, body)
}

func (s *Server) doFault(a []string) (string, error) {
	f, err := ReadFault(a[0])
	if err != nil {
		return "", err
	}
	return s.Break(f)
}

func (s *Server) sayFaults() string {
	var list []string
	for _, f := range s.Faults() {
		list = append(list, fmt.Sprintf("%s: met %d, acted on %d", f.Fault, f.Matched, f.Acted))
	}
	if list == nil {
		return "none"
	}
	return strings.Join(list, "; ")
}
