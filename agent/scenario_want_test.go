package agent_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/profile"
)

// keywords are those of want. The lines of the first ones have to be exactly
// the facts, so that what is not there did not happen; the others count where a
// want names them, connections host by host. Requests are those since the mark.
//
//	server HOST                 where the profile on disk points, or nowhere
//	generation N                of the profile on disk, 0: there is none
//	state STATE                 of the mailbox
//	need KIND [OF]              what a person has to answer
//	problem OUTCOME             what is shown to be wrong
//	requests HOST N             each host that was asked
//	signed HOST…                the hosts that saw credentials
//	refusals N                  credentials that were answered 401
//	challenged HOST N           more than one 401 to nobody, of one host in one process
//	unproven HOST said WHAT     a save without a logon there
//	disagreement WHAT           what the agent shows is not what is on disk, or the
//	                            address book is not beside the mailbox
//
//	connections HOST N          how many of them the requests came over
//	asked HOST by IDENTITY      each Autodiscover request with a body, in order
//	changes FIELD, …            of the last generation
//	login REALM                 each login of the profile
//	saves N|nothing             since the mark
//
// Where there are several mailboxes the lines of each begin with its address
// and a colon.
var keywords = []struct {
	word   string
	always bool
}{
	{"server", true}, {"generation", true}, {"state", true}, {"need", true}, {"problem", true},
	{"requests", true}, {"signed", true}, {"refusals", true},
	{"challenged", true}, {"unproven", true}, {"disagreement", true},
	{"connections", false}, {"asked", false}, {"changes", false}, {"login", false}, {"saves", false},
}

// judge returns what is wrong with the facts, a line for each keyword.
func judge(want string, facts []string) []string {
	wanted := make(map[string][]string)
	var wrong []string
	for line := range strings.Lines(want) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			wanted[keyword(line)] = append(wanted[keyword(line)], line)
		}
	}
	got := make(map[string][]string)
	for _, line := range facts {
		got[keyword(line)] = append(got[keyword(line)], line)
	}
	for _, k := range keywords {
		want, got := wanted[k.word], got[k.word]
		if k.word != "asked" { // the order of the others means nothing
			slices.Sort(want)
			slices.Sort(got)
		}
		if k.word == "connections" {
			got = slices.DeleteFunc(got, func(line string) bool {
				host := strings.Fields(line)[1]
				return !slices.ContainsFunc(want, func(line string) bool { return strings.Contains(line, " "+host+" ") })
			})
		}
		if diff := cmp.Diff(want, got); diff != "" && (k.always || len(want) > 0) {
			wrong = append(wrong, fmt.Sprintf("%s (-want +got):\n%s", k.word, diff))
		}
		delete(wanted, k.word)
	}
	for _, word := range slices.Sorted(maps.Keys(wanted)) {
		wrong = append(wrong, fmt.Sprintf("want: unknown keyword %q", word))
	}
	return wrong
}

func keyword(line string) string {
	if mailbox, rest, ok := strings.Cut(line, ": "); ok && strings.Contains(mailbox, "@") {
		line = rest
	}
	word, _, _ := strings.Cut(line, " ")
	return word
}

// facts says what came of the script, in the words of want.
func (p *player) facts() []string {
	var facts []string
	add := func(format string, args ...any) { facts = append(facts, fmt.Sprintf(format, args...)) }
	boxes := p.status().Mailboxes
	for _, m := range boxes {
		of := ""
		if len(boxes) > 1 {
			of = m.Address + ": "
		}
		for _, fact := range p.mailbox(m) {
			add("%s%s", of, fact)
		}
	}
	requests, connections, signed, refusals := map[string]int{}, map[string]map[int]bool{}, map[string]bool{}, 0
	for _, r := range p.since() {
		requests[r.Host]++
		if connections[r.Host] == nil {
			connections[r.Host] = make(map[int]bool)
		}
		connections[r.Host][r.Conn] = true
		if r.Signed {
			signed[r.Host] = true
			if r.Status == http.StatusUnauthorized {
				refusals++
			}
		}
		if r.Identity != "" {
			add("asked %s by %s", r.Host, r.Identity)
		}
	}
	for host, n := range requests {
		add("requests %s %d", host, n)
		add("connections %s %d", host, len(connections[host]))
	}
	if len(signed) > 0 {
		add("signed %s", strings.Join(slices.Sorted(maps.Keys(signed)), " "))
	}
	if refusals > 0 {
		add("refusals %d", refusals)
	}
	for host, n := range p.challenges() {
		add("challenged %s %d", host, n)
	}
	for _, save := range p.store.unproven {
		add("unproven %s", save)
	}
	if n := p.store.count() - p.markSaves; n > 0 {
		add("saves %d", n)
	} else {
		add("saves nothing")
	}
	return facts
}

// mailbox says what is known of one mailbox: the disk counts, not what the
// agent shows.
func (p *player) mailbox(m agent.Mailbox) (facts []string) {
	add := func(format string, args ...any) { facts = append(facts, fmt.Sprintf(format, args...)) }
	var saved profile.Profile
	if history, err := p.store.History(context.Background(), m.ID); err == nil {
		last := history[len(history)-1]
		saved = last.Profile
		var fields []string
		for _, c := range last.Changes {
			fields = append(fields, c.Field)
		}
		add("changes %s", strings.Join(fields, ", "))
	}
	add("server %s", saved.Place())
	add("generation %d", saved.Generation)
	add("state %s", m.State)
	if m.Needs != nil {
		add("need %s", needed(m.Needs))
	}
	if m.Problem != nil {
		add("problem %s", m.Problem.Outcome)
	}
	for _, l := range saved.Logins {
		add("login %s", l.Realm)
	}
	if m.Generation != saved.Generation || m.Server != saved.Place() {
		add("disagreement %s generation %d shown as %s generation %d", saved.Place(), saved.Generation, m.Server, m.Generation)
	}
	if at := saved.Endpoint.MAPI; at != nil && at.AddressBook != strings.Replace(at.MailStore, "/emsmdb/", "/nspi/", 1) {
		add("disagreement address book %s beside %s", at.AddressBook, at.MailStore)
	}
	return facts
}

// challenges counts the requests without credentials that a host answered 401,
// for the process that met most, where there was more than one.
func (p *player) challenges() map[string]int {
	most := make(map[string]int)
	for i, from := range p.processes {
		met := make(map[string]int)
		for _, r := range p.srv.Requests() {
			if r.Seq > from && (i+1 == len(p.processes) || r.Seq <= p.processes[i+1]) && !r.Signed && r.Status == http.StatusUnauthorized {
				met[r.Host]++
			}
		}
		for host, n := range met {
			if n > 1 {
				most[host] = max(most[host], n)
			}
		}
	}
	return most
}
