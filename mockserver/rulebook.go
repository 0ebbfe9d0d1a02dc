package mockserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/homing-mail/homing/internal/mapi"
)

// rule is a Fault in force. The mutex of the server guards it.
type rule struct {
	Fault
	kind    *kind
	host    string   // "": every host
	user    *mailbox // nil: anybody, and nobody
	matched int
	acted   int
}

// FaultState tells what became of a rule.
type FaultState struct {
	Fault
	Matched int // requests that it met while it was not used up, with those that it let pass
	Acted   int // requests that it acted on
}

// MarshalJSON writes the keys of the Fault, "matched" and "acted".
func (f FaultState) MarshalJSON() ([]byte, error) {
	object := f.object()
	object["matched"], object["acted"] = f.Matched, f.Acted
	return json.Marshal(object)
}

// maxRules is how many rules are in force at most.
const maxRules = 1000

// Break puts a rule into force and returns its name. Of the rules that meet a
// request and are not used up, the oldest one acts, and no other; those that act
// before a request is processed come before those that act on the answer. An
// error says what was expected instead; then nothing has changed.
func (s *Server) Break(f Fault) (name string, err error) {
	if _, err := f.check(); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.rules) >= maxRules {
		return "", fmt.Errorf("%d rules are in force: mend some first", maxRules)
	}
	r, _, err := s.dir.rule(f)
	switch {
	case err != nil:
		return "", err
	case f.Name == "":
		r.Name = s.freeName()
	case s.ruleNamed(f.Name) >= 0:
		return "", fmt.Errorf("name %q: a rule of that name is in force", f.Name)
	}
	s.rules = append(s.rules, r)
	return r.Name, nil
}

// rule looks up what f names; key is the key at fault.
func (d *directory) rule(f Fault) (r *rule, key string, err error) {
	r = &rule{Fault: f, kind: kindNamed(f.Do)}
	if f.At != "" {
		at := d.siteNamed(f.At)
		if at == nil {
			return nil, "at", absent("no host or server %q: there are %s", cut(f.At, 40), d.siteNames())
		}
		r.host = at.host
		if at.server == nil && !slices.Contains(f.Endpoints(), EndpointAutodiscover) {
			return nil, "at", fmt.Errorf("%s has no meaning at %s, which answers Autodiscover only: want a server, one of %s", f.deed(), f.At, d.serverNames())
		}
		if at.server == nil && (f.Endpoint == EndpointMAPI || f.Endpoint == EndpointNSPI || f.Type != "") {
			return nil, "at", fmt.Errorf("%s answers Autodiscover only: want a server, one of %s", f.At, d.serverNames())
		}
	}
	if f.User != "" {
		if r.user = d.users[f.User]; r.user == nil {
			return nil, "user", d.noUser(f.User)
		}
	}
	return r, "", nil
}

// checkFaults refuses the rules of a world that contradict it or each other.
func (d *directory) checkFaults(list []Fault) error {
	for i, f := range list {
		_, key, err := d.rule(f)
		if err == nil && f.Name != "" && slices.ContainsFunc(list[:i], func(other Fault) bool { return other.Name == f.Name }) {
			key, err = "name", fmt.Errorf("name %q is there twice", f.Name)
		}
		if err == nil {
			continue
		}
		for _, p := range f.pairs() {
			if p.key == key {
				return refused(p.key, p.value, "fault: %v", err)
			}
		}
		return refused("", "", "fault: %v", err)
	}
	return nil
}

// ruleNamed is the place of a rule, -1: there is none. s.mu is held.
func (s *Server) ruleNamed(name string) int {
	return slices.IndexFunc(s.rules, func(r *rule) bool { return r.Name == name })
}

// freeName is the first of fault1, fault2 … that no rule has had, so that a name
// in the record means one rule. s.mu is held.
func (s *Server) freeName() string {
	for {
		s.ruleSeq++
		if name := fmt.Sprintf("fault%d", s.ruleSeq); s.ruleNamed(name) < 0 {
			return name
		}
	}
}

// Mend ends a rule.
func (s *Server) Mend(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.ruleNamed(name)
	if i < 0 {
		var names []string
		for _, r := range s.rules {
			names = append(names, r.Name)
		}
		if names == nil {
			names = []string{"none"}
		}
		return absent("no rule %q in force: there are %s", cut(name, 40), strings.Join(names[:min(len(names), 20)], ", "))
	}
	s.rules = slices.Delete(s.rules, i, i+1)
	return nil
}

// MendAll ends all rules.
func (s *Server) MendAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
}

// Faults tells of the rules in force, also those that are used up, oldest first.
func (s *Server) Faults() []FaultState {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []FaultState{}
	for _, r := range s.rules {
		list = append(list, FaultState{r.Fault, r.matched, r.acted})
	}
	return list
}

// pick returns the rule that acts on a request now, if there is one: one of
// those that meets reports true for. It counts.
func (s *Server) pick(x *exchange, meets func(*rule) bool) *rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.rules) == 0 || x.Fault != "" {
		return nil
	}
	for _, r := range s.rules {
		if times := max(r.Times, 1); r.Times != Always && r.acted >= times {
			continue
		}
		if !r.concerns(x) || !meets(r) {
			continue
		}
		if r.matched++; r.matched <= r.Skip {
			continue
		}
		r.acted++
		x.Fault = r.Name
		return r
	}
	return nil
}

// concerns reports whether r is about a request.
func (r *rule) concerns(x *exchange) bool {
	switch {
	case r.host != "" && r.host != x.Host,
		r.Endpoint != "" && r.Endpoint != x.endpoint,
		!slices.Contains(r.kind.Endpoints, x.endpoint),
		r.Type != "" && r.Type != x.kind,
		r.Nth != 0 && r.Nth != x.nth,
		r.user != nil && r.user != x.s.dir.claimant(x):
		return false
	}
	return true
}

// claimant is whom the credentials of a request name, right or wrong. s.mu is
// held.
func (d *directory) claimant(x *exchange) *mailbox {
	at := d.sites[x.Host]
	if at == nil || at.forest == nil {
		return nil
	}
	if x.Scheme == "bearer" {
		_, token, _ := strings.Cut(x.r.Header.Get("Authorization"), " ")
		return at.forest.bearer(strings.TrimSpace(token))
	}
	name := strings.ToLower(x.User)
	if _, after, ok := strings.Cut(name, `\`); ok {
		name = after + "@" + at.forest.Name
	}
	return d.named(at.forest, name)
}

// early lets a rule act before the request is looked at, and reports whether it
// has been answered.
func (s *Server) early(x *exchange, at *site) bool {
	r := s.pick(x, func(r *rule) bool { return r.kind.front != nil })
	return r != nil && r.kind.front(x, at, &r.Fault)
}

// forced lets a rule act when somebody has signed in, and returns what to refuse
// the request with.
func (x *exchange) forced() (code mapi.ResponseCode) {
	r := x.s.pick(x, func(r *rule) bool {
		return r.kind.call != nil && (r.kind.meets == nil || r.kind.meets(x, nil, &r.Fault))
	})
	if r != nil {
		code = r.kind.call(x)
	}
	return code
}

// afflict lets a rule act on an answer.
func (x *exchange) afflict(a *answer) {
	r := x.s.pick(x, func(r *rule) bool { return r.kind.act != nil && r.kind.meets(x, a, &r.Fault) })
	if r != nil {
		r.kind.act(x, a, &r.Fault)
	}
}

// aborted records a request whose answer never goes out, and ends its
// connection.
func (x *exchange) aborted(said string) {
	x.Status, x.Said = 0, said
	x.s.record.add(x.Request)
	panic(http.ErrAbortHandler)
}
