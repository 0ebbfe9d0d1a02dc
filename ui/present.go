package ui

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// Present says in words what s is, at the time and in the time zone of now. lost is
// why the agent cannot be seen any more, nil if it can; then s is the last that was
// seen of it, and there is nothing to be done about any mailbox. It is pure.
func Present(s agent.Status, lost error, now time.Time, say Say) Model {
	p := presenter{now, say}
	m := Model{Icon: Resting, Sentence: say("now.none", nil)}
	paused := 0
	for i, b := range s.Mailboxes {
		box := p.mailbox(b)
		if lost != nil {
			box.Actions = nil
		}
		m.Mailboxes = append(m.Mailboxes, box)
		if i == 0 || box.Icon > m.Icon {
			m.Icon, m.Sentence = box.Icon, box.Sentence
			if len(s.Mailboxes) > 1 {
				m.Sentence = say("now.of", with{"Label": box.Label, "Sentence": box.Sentence})
			}
		}
		if b.State == agent.Paused {
			paused++
		}
	}
	m.AllPaused = paused > 0 && paused == len(s.Mailboxes)
	if n := len(s.Mailboxes); n > 1 && m.Icon == AtHome {
		m.Sentence = say("now.all_at_home", with{"N": n})
	} else if n > 1 && m.AllPaused {
		m.Sentence = say("now.all_paused", with{"N": n})
	}
	if lost != nil {
		m.Icon, m.Sentence = Offline, say("now.lost", nil)
		m.Lost = say("now.lost_why", with{"Why": visible(lost.Error())})
	}
	return m
}

type presenter struct {
	now time.Time
	say Say
}

func (p presenter) mailbox(b agent.Mailbox) Mailbox {
	st, host := p.standing(b)
	box := Mailbox{
		ID:         b.ID,
		Label:      visible(b.Label),
		Address:    visible(b.Address),
		Icon:       st.icon,
		Facts:      p.facts(b),
		Actions:    actions(b),
		Journey:    p.journey(b),
		Live:       p.live(b),
		Settled:    b.State.Settled(),
		Looked:     b.Looked,
		Generation: b.Generation,
	}
	if box.Label == "" {
		box.Label = box.Address
	}
	data := with{"Server": p.named(host), "Address": box.Address}
	box.Sentence = p.say(st.sentence, data)
	if st.doing == "problem.by_itself" && b.Generation == 0 {
		st.doing = "" // there was no mail yet that could be back
	}
	if st.doing != "" {
		box.Doing = p.say(st.doing, data)
	}
	if next := b.Next; !next.IsZero() && (b.State == agent.Waiting || b.State == agent.NeedsYou) {
		box.Doing = strings.TrimSpace(box.Doing + " " + p.say("now.looks_again", with{"When": until(next, p.now, p.say)}))
	} else if !b.State.Settled() && b.Problem != nil {
		box.Doing = p.say("now.looks", nil)
	}
	if b.State == agent.NeedsYou && b.Needs != nil {
		box.Need = p.need(b)
	}
	return box
}

// standing is how a mailbox stands: its icon, and the keys of a sentence and of what
// Homing or a person does about it. Both may name the Server and the Address.
type standing struct {
	icon     Icon
	sentence string
	doing    string
}

// states has one row a state, for where nothing is wrong.
var states = [...]standing{
	agent.Starting:    {Looking, "now.starting", ""},
	agent.Discovering: {Looking, "now.discovering", ""},
	agent.Connecting:  {Looking, "now.connecting", ""},
	agent.Online:      {AtHome, "now.at_home", ""},
	agent.Waiting:     {Looking, "now.waiting", ""},
	agent.NeedsYou:    {NeedsYou, "now.needs_you", ""},
	agent.Paused:      {Resting, "now.paused", "now.paused_doing"},
	agent.Stopped:     {Offline, "now.stopped", ""},
}

var (
	followed = standing{Moving, "now.following", ""}
	undone   = standing{AtHome, "now.at_home", "problem.logged_on_doing"}
	nameless = standing{AtHome, "now.at_home_somewhere", ""}
)

// problems has one row an outcome, for where it is what a mailbox waits for.
var problems = [...]standing{
	agent.LoggedOn:      {AtHome, "problem.logged_on", "problem.logged_on_doing"},
	agent.WrongServer:   {Looking, "problem.wrong_server", ""},
	agent.Circle:        {Looking, "problem.circle", ""},
	agent.UnknownHere:   {Looking, "problem.unknown_here", ""},
	agent.Gone:          {Offline, "problem.gone", "problem.by_itself"},
	agent.InTransit:     {Moving, "problem.in_transit", ""},
	agent.Busy:          {Offline, "problem.busy", "problem.by_itself"},
	agent.SessionLost:   {Looking, "problem.session_lost", "problem.by_itself"},
	agent.Unauthorized:  {NeedsYou, "problem.unauthorized", ""},
	agent.NoSecret:      {NeedsYou, "problem.no_secret", "problem.no_secret_doing"},
	agent.Denied:        {NeedsYou, "problem.denied", "problem.denied_doing"},
	agent.Untrusted:     {NeedsYou, "problem.untrusted", ""},
	agent.NeverTrusted:  {Looking, "problem.never_trusted", "problem.never_trusted_doing"},
	agent.Found:         {Looking, "problem.found", ""},
	agent.NothingBetter: {Looking, "problem.nothing_better", ""},
	agent.NoDirectory:   {Offline, "problem.no_directory", "problem.by_itself"},
	agent.Unreadable:    {NeedsYou, "problem.unreadable", "problem.unreadable_doing"},
	agent.Cancelled:     {Looking, "problem.cancelled", ""},
}

// needs has one row a kind of question.
var needs = map[agent.NeedKind]standing{
	agent.NeedSignIn: {NeedsYou, "problem.unauthorized", "need.sign_in_doing"},
	agent.NeedTrust:  {NeedsYou, "problem.untrusted", "need.trust_doing"},
	agent.NeedAccess: {NeedsYou, "problem.denied", "problem.denied_doing"},
}

// standing chooses the row of b, and the host that its words are about.
func (p presenter) standing(b agent.Mailbox) (standing, string) {
	if int(b.State) >= len(states) {
		return states[agent.Waiting], at(b)
	}
	switch {
	case b.State == agent.Online && p.home(b) == "":
		return nameless, ""
	case b.State == agent.Online && b.Problem != nil:
		return undone, p.home(b)
	case b.State == agent.Online, b.State == agent.Paused, b.State == agent.Stopped:
		return states[b.State], p.home(b)
	case b.State == agent.NeedsYou && b.Needs != nil:
		host := asking(b)
		if row, ok := needs[b.Needs.Kind]; ok && wrong(b) != agent.NoSecret {
			return row, host
		} else if ok {
			return problems[agent.NoSecret], host
		}
		return states[agent.NeedsYou], host
	case follows(b):
		return followed, at(b)
	case b.Problem != nil && int(wrong(b)) < len(problems):
		row := problems[wrong(b)]
		if b.State.Settled() || row.icon != NeedsYou { // what needed a person is being tried again
			return row, culprit(b)
		}
	}
	return states[b.State], at(b)
}

// at is the host of the profile's server as people see it, empty if it has none.
func at(b agent.Mailbox) string {
	if b.Server == (profile.Profile{}).Place() {
		return ""
	}
	return Host(b.Server)
}

// home is the host where b is online. Where its profile could not be saved that is
// the one of the last logon.
func (p presenter) home(b agent.Mailbox) string {
	if b.State == agent.Online && b.Problem != nil {
		for _, l := range slices.Backward(b.Journey) {
			if l.Step == "logon" && !l.Failed && l.Host != "" {
				return Host(l.Host)
			}
		}
	}
	return at(b)
}

// named is a host in a sentence.
func (p presenter) named(host string) string {
	if host == "" {
		return p.say("now.some_server", nil)
	}
	return host
}

// wrong is what is wrong with b. That no directory knows better, or answers, is not
// the news where the server itself cannot be reached.
func wrong(b agent.Mailbox) agent.Outcome {
	if b.Problem == nil {
		return agent.Cancelled
	}
	o := b.Problem.Outcome
	if o == agent.NothingBetter || o == agent.NoDirectory {
		for _, l := range slices.Backward(b.Journey) {
			if l.Step == "logon" {
				if l.Failed && l.Outcome == agent.Gone {
					return agent.Gone
				}
				break
			}
		}
	}
	return o
}

// culprit is the host that what is wrong with b is about: a server rather than a
// directory.
func culprit(b agent.Mailbox) string {
	host, o := "", wrong(b)
	for _, l := range slices.Backward(b.Journey) {
		if l.Outcome != o || !l.Failed || l.Host == "" {
			continue
		}
		if l.Step != "discover" {
			return Host(l.Host)
		}
		if host == "" {
			host = Host(l.Host)
		}
	}
	return cmp.Or(host, at(b))
}

// asking is the host that a question to a person is about.
func asking(b agent.Mailbox) string {
	switch {
	case b.Needs.Kind == agent.NeedTrust:
		return Host(b.Needs.Hop.To)
	case b.Needs.Host != "":
		return Host(b.Needs.Host)
	}
	return culprit(b)
}

// follows reports whether b is on its way to a place that this cycle has found.
func follows(b agent.Mailbox) bool {
	return b.State == agent.Connecting && b.Generation > 0 && slices.ContainsFunc(cycle(b), func(l agent.Leg) bool {
		return l.Step == "logon" && l.Outcome == agent.WrongServer || l.Step == "discover" && l.Outcome == agent.Found
	})
}

// actions are what a person can do about b: buttons stand only where there is
// something to do.
func actions(b agent.Mailbox) []Action {
	switch b.State {
	case agent.NeedsYou:
		if b.Needs != nil {
			switch b.Needs.Kind {
			case agent.NeedSignIn:
				return []Action{SignIn, CheckNow}
			case agent.NeedTrust:
				return []Action{Allow, CheckNow}
			case agent.NeedAccess:
				return []Action{Tell, CheckNow}
			}
		}
		return []Action{CheckNow}
	case agent.Waiting:
		return []Action{CheckNow}
	case agent.Online:
		if b.Problem != nil {
			return []Action{CheckNow}
		}
	case agent.Paused:
		return []Action{Resume}
	}
	return nil
}

// facts are for whoever wants to know. They stay true while they are shown: no time
// in them is relative.
func (p presenter) facts(b agent.Mailbox) []Fact {
	var facts []Fact
	add := func(key, value string) {
		if value != "" {
			facts = append(facts, Fact{p.say(key, nil), value})
		}
	}
	when := func(key string, t time.Time) {
		if !t.IsZero() {
			add(key, clock(t, p.now, p.say))
		}
	}
	add("fact.address", visible(b.Address))
	add("fact.server", at(b))
	add("fact.version", visible(b.Version))
	when("fact.since", b.Since)
	when("fact.looked", b.Looked)
	if b.Problem != nil {
		add("fact.problem", visible(b.Problem.Text))
		if b.Problem.Count > 1 {
			add("fact.problem_count", p.say("fact.times", with{"N": b.Problem.Count, "When": clock(b.Problem.First, p.now, p.say)}))
		}
	}
	return facts
}

// need says what b asks of a person.
func (p presenter) need(b agent.Mailbox) *Need {
	n := b.Needs
	out := &Need{Kind: NeedsAdministrator, Host: p.named(asking(b))}
	data := with{"Host": out.Host, "Address": visible(b.Address), "User": visible(n.User)}
	switch n.Kind {
	case agent.NeedSignIn:
		out.Kind, out.Realm, out.User = NeedsSignIn, n.Realm, n.User
		key := "need.why_sign_in"
		switch {
		case wrong(b) == agent.NoSecret:
			key, out.Locked = "need.why_locked", true
		case n.User != "":
			key = "need.why_not_accepted"
		}
		out.Why = p.say(key, data)
		if out.User == "" {
			out.User = b.Address
		}
	case agent.NeedTrust:
		out.Kind, out.Hop = NeedsConsent, n.Hop
		data["MailDomain"] = Host(n.Hop.MailDomain)
		key := "need.why_trust"
		if strings.LastIndexByte(out.Host, ':') > strings.LastIndexByte(out.Host, ']') {
			key = "need.why_port"
		}
		out.Why, out.Facts = p.say(key, data), p.consent(b)
	default:
		out.Why = p.say("need.why_access", data)
	}
	return out
}

// consent is all that is needed to answer whether the host of a hop may receive a
// sign-in, in characters that nobody can disguise anything with.
func (p presenter) consent(b agent.Mailbox) []Fact {
	hop := b.Needs.Hop
	from, cert := p.say("need.from_nobody", nil), p.say("need.no_certificate", nil)
	if hop.From != "" {
		from = Host(hop.From)
	}
	if hop.Cert != "" {
		cert = visibleASCII(hop.Cert)
	}
	how, ok := learned[hop.How]
	if !ok {
		how = "need.how_other"
	}
	return []Fact{
		{p.say("fact.address", nil), visible(b.Address)},
		{p.say("need.from", nil), from},
		{p.say("need.to", nil), p.named(Host(hop.To))},
		{p.say("need.how", nil), p.say(how, nil)},
		{p.say("need.certificate", nil), cert},
	}
}

// learned says how the host of a hop became known.
var learned = map[trust.How]string{
	trust.FromProfile:           "need.how_profile",
	trust.FromUnproven:          "need.how_unproven",
	trust.FromConfiguration:     "need.how_configuration",
	trust.FromDomain:            "need.how_domain",
	trust.FromHTTPRedirect:      "need.how_http_redirect",
	trust.FromRedirectURL:       "need.how_redirect_url",
	trust.FromRedirectAddr:      "need.how_redirect_addr",
	trust.FromSettings:          "need.how_settings",
	trust.FromServerName:        "need.how_server_name",
	trust.FromDirectory:         "need.how_directory",
	trust.FromUnsealedDirectory: "need.how_unsealed_directory",
	trust.FromSRV:               "need.how_srv",
	trust.FromClearRedirect:     "need.how_clear_redirect",
	trust.FromMicrosoft365:      "need.how_microsoft365",
}
