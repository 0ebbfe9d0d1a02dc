package main

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/homing-mail/homing/autodiscover"
	"github.com/homing-mail/homing/internal/trust"
)

// finding is what one check has come to.
type finding struct {
	Check    string   `json:"check"`
	Title    string   `json:"title"`
	State    string   `json:"state"` // fine, wrong, not checked
	Evidence []string `json:"evidence,omitempty"`
	Remedy   string   `json:"remedy,omitempty"` // of what is wrong
}

// diagnosis is what a check says: evidence and remedy of what is wrong, or why it could not
// be looked at. The zero value is fine.
type diagnosis struct {
	evidence []string
	remedy   string
	unseen   string
}

// check is a row of the failure catalogue.
type check struct {
	name, title string
	judge       func(facts) diagnosis
}

// checks is the failure catalogue, so far as a workstation can see it.
var checks = []check{
	{"home", "the mailbox is where the profile points", checkHome},
	{"found", "somebody knows where the mailbox is", checkFound},
	{"stale-scp", "no service connection point is left over from a former server", checkStaleSCP},
	{"still-claimed", "no former server still claims the mailbox", checkStillClaimed},
	{"x500", "the mailbox knows all of its former names", checkX500},
	{"loop", "the referrals come to an end", checkLoop},
	{"web-hoster", "no web hoster answers for the domain", checkHoster},
	{"untrusted-issuer", "every certificate is of an issuer that this machine trusts", checkIssuer},
	{"wrong-name", "every certificate has the name of its host", checkName},
	{"expired", "every certificate is in force", checkExpired},
	{"dropped-letter", "redirects keep the whole address", checkDroppedLetter},
	{"guid", "the profile has the mailbox's GUID@domain of today", checkGUID},
	{"clear-only", "the service is announced otherwise than in clear text", checkClearOnly},
	{"no-service", "the service is announced at all", checkNoService},
	{"closed-port", "what is announced is reachable", checkClosedPort},
	{"two-mailboxes", "one mailbox has the address, not two", checkTwoMailboxes},
	{"direct-connect", "Microsoft 365 has no other mailbox of the same address", checkDirectConnect},
	{"other-mailboxes", "no archive or shared mailbox has the name of a former organisation", checkOtherMailboxes},
	{"stranger", "nobody sends us to a host that nobody has allowed", checkStranger},
	{"sign-in", "the sign-in is accepted", checkSignIn},
	{"secrets", "the secrets of the profile can be had", checkSecrets},
	{"clock", "the clock of this machine is right", checkClock},
	{"dns", "DNS answers", checkDNS},
	{"directory", "the directory answers", checkDirectory},
}

// unseen are the rows of the catalogue that cannot be seen from a workstation.
var unseen = []finding{
	{Check: "outlook-profile", Title: "Outlook's own last known good URL, local XML and policies", Evidence: []string{"they are in the registry of Outlook's user; homing discover --as-outlook takes policies as values"}},
	{Check: "outlook-prompts", Title: "Outlook's prompt for each redirect (RedirectServers)", Evidence: []string{"it is a value of Outlook's registry"}},
	{Check: "early-scp", Title: "this machine has joined the target's domain before the mailbox has moved", Evidence: []string{"only who plans the move knows its state"}},
	{Check: "archive-link", Title: "an archive link that a move has left behind", Evidence: []string{"msExchArchiveDatabaseLink is in the directory of the source"}},
	{Check: "favourites", Title: "favourites that point at the former mailbox", Evidence: []string{"they are in the mailbox, which Homing does not read"}},
	{Check: "server-caches", Title: "caches of the servers, which hold old answers for up to 12 hours", Evidence: []string{"they are inside the servers"}},
	{Check: "attributes", Title: "attributes of the mail user that are missing (mail, proxyAddresses, mailNickname)", Evidence: []string{"they are in the directory of the source"}},
	{Check: "other-logons", Title: "whether archives and shared mailboxes can be opened", Evidence: []string{"a service names their addresses, and nobody is sent credentials on its word alone; look at each with: homing doctor ADDRESS"}},
	{Check: "split-dns", Title: "names that other networks answer otherwise", Evidence: []string{"this machine asks one resolver"}},
}

func (c check) examine(f facts) finding {
	d := c.judge(f)
	one := finding{Check: c.name, Title: c.title, State: "fine"}
	switch {
	case len(d.evidence) > 0:
		one.State, one.Evidence, one.Remedy = "wrong", d.evidence, d.remedy
	case d.unseen != "":
		one.State, one.Evidence = "not checked", []string{d.unseen}
	}
	return one
}

// examineBounce looks at the address of a message that bounced, and asks nobody:
// the message was for any mailbox.
func examineBounce(address string) []finding {
	i := slices.IndexFunc(checks, func(c check) bool { return c.name == "x500" })
	return []finding{checks[i].examine(facts{Address: address, Bounced: address})}
}

// examine runs every check, and lists those that cannot be run.
func examine(f facts) []finding {
	var out []finding
	for _, c := range checks {
		out = append(out, c.examine(f))
	}
	for _, u := range unseen {
		u.State = "not checked"
		out = append(out, u)
	}
	return out
}

func notChecked(format string, args ...any) diagnosis {
	return diagnosis{unseen: fmt.Sprintf(format, args...)}
}

// claim is a service that has answered settings for the mailbox.
type claim struct {
	source   autodiscover.Source
	service  string // URL
	store    string // host of the mailbox endpoint
	legacyDN string
}

func (c claim) String() string {
	return fmt.Sprintf("%s (%s) answers settings for a mailbox at %s, %s", c.service, c.source, c.store, c.legacyDN)
}

// claims are the settings that were answered, each mailbox once a service.
func claims(f facts) []claim {
	var out []claim
	for _, p := range f.Asked {
		if p.Result == nil {
			continue
		}
		mapi, _ := p.Result.Settings.MAPI()
		out = append(out, claim{p.Source, p.Result.URL, brief(mapi.MailStore), p.Result.Settings.LegacyDN})
	}
	return out
}

// same reports whether two claims are of one mailbox. A mailbox that moves within
// its forest keeps its name, one that moves between forests gets another.
func (c claim) same(of claim) bool { return strings.EqualFold(c.legacyDN, of.legacyDN) }

// loggedOn is the mailbox that the profile has just logged on to.
func loggedOn(f facts) (claim, bool) {
	if !f.HomeTried || f.Home != nil {
		return claim{}, false
	}
	mapi := f.Profile.Endpoint.MAPI
	return claim{store: brief(mapi.MailStore), legacyDN: mapi.LegacyDN}, true
}

func checkHome(f facts) diagnosis {
	switch {
	case f.Profile == nil:
		return notChecked("there is no profile for %s", f.Address)
	case !f.HomeTried:
		return notChecked("nobody has logged on: %s", cmp.Or(f.Silent, "the profile points nowhere yet"))
	case f.Home == nil:
		return diagnosis{}
	}
	return diagnosis{
		evidence: []string{fmt.Sprintf("a logon at %s: %v", brief(f.Profile.Endpoint.MAPI.MailStore), f.Home)},
		remedy:   "let Homing look for it: homing check " + f.Address,
	}
}

func checkFound(f facts) diagnosis {
	if _, atHome := loggedOn(f); atHome || len(claims(f)) > 0 {
		return diagnosis{}
	}
	if f.Silent != "" {
		return notChecked("nobody was asked: %s", f.Silent)
	}
	var evidence []string
	refused := false
	for _, p := range f.Asked {
		e, ok := asDiscovery(p.Err)
		if p.Err == nil {
			continue
		}
		refused = refused || ok && e.Kind == autodiscover.NotFound
		evidence = appendNew(evidence, fmt.Sprintf("by way of %s: %v", p.Source, p.Err))
	}
	switch {
	case len(evidence) == 0:
		return diagnosis{evidence: []string{"no service answers that may receive credentials"}, remedy: "see no-service and stranger, which say what each source has answered"}
	case !refused:
		return diagnosis{evidence: evidence, remedy: "nobody has said that the mailbox does not exist: mend what else is wrong here, then ask again"}
	}
	return diagnosis{evidence: evidence, remedy: "see whether the address is written right; if it is, an administrator looks who has it (Get-Recipient " + f.Address + "): no recipient does, or one that has neither a mailbox nor a targetAddress that leads to it"}
}

func checkStaleSCP(f facts) diagnosis {
	i := slices.IndexFunc(f.Probes, func(p probe) bool { return p.Source == autodiscover.SourceSCP })
	if !f.HasDirectory || i < 0 {
		return notChecked("this machine has no directory")
	}
	const remedy = `an administrator of that directory removes it: Set-ClientAccessService -Identity SERVER -AutoDiscoverServiceInternalUri $null (before Exchange 2016: Set-ClientAccessServer); until then: discovery.exclude = ["scp-lookup"]`
	var evidence []string
	others := slices.ContainsFunc(f.Probes, func(p probe) bool {
		_, ok := living(p)
		return ok && p.Source != autodiscover.SourceSCP
	})
	for _, s := range f.Probes[i].Steps {
		if s.By != "" && s.Source == autodiscover.SourceSCP && !s.Skipped && s.HTTPStatus == 0 && s.Err != "" && others {
			evidence = append(evidence, fmt.Sprintf("the directory announces %s, where nobody answers: %s", s.URL, s.Err))
		}
	}
	at, atHome := loggedOn(f)
	for _, c := range claims(f) {
		if c.source == autodiscover.SourceSCP && atHome && !c.same(at) {
			evidence = append(evidence, fmt.Sprintf("the directory announces it: %v; the profile has logged on at %s", c, at.store))
		}
	}
	return diagnosis{evidence: evidence, remedy: remedy}
}

func checkStillClaimed(f facts) diagnosis {
	at, ok := loggedOn(f)
	switch {
	case f.Profile == nil:
		return notChecked("there is no profile for %s, so that nobody knows which server is a former one", f.Address)
	case !ok:
		return notChecked("it takes a logon where the profile points: %s", cmp.Or(f.Silent, "there was none"))
	}
	var evidence []string
	for _, c := range claims(f) {
		if !c.same(at) {
			evidence = append(evidence, fmt.Sprintf("%v; the profile has logged on at %s, %s", c, at.store, at.legacyDN))
		}
	}
	return diagnosis{evidence: evidence, remedy: "an administrator of the former forest converts the mailbox there to a mail user whose targetAddress is the mailbox of today (after a move to Microsoft 365: to a remote mailbox), so that its service refers instead"}
}

// failed are the probes, with and without credentials, that ended in a kind of failure.
func failed(f facts, kind autodiscover.Kind) []*autodiscover.Error {
	var out []*autodiscover.Error
	for _, p := range slices.Concat(f.Asked, f.Probes) {
		if e, ok := asDiscovery(p.Err); ok && e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

func checkLoop(f facts) diagnosis {
	var evidence []string
	for _, e := range failed(f, autodiscover.Loop) {
		for _, s := range e.Steps {
			if s.By != "" && s.Said != "" {
				evidence = appendNew(evidence, fmt.Sprintf("%s (by %s) said %s", s.URL, s.By, s.Said))
			}
		}
		evidence = appendNew(evidence, e.Error())
	}
	if len(evidence) == 0 && len(f.Asked) == 0 {
		return notChecked("referrals are told to those who sign in: %s", cmp.Or(f.Silent, "no service answers"))
	}
	return diagnosis{evidence: evidence, remedy: "the mail users at both ends refer to each other: an administrator sets the targetAddress of the one that is not the mailbox. Directories replicate, so that it may end by itself"}
}

func checkDroppedLetter(f facts) diagnosis {
	if len(f.Asked) == 0 {
		return notChecked("referrals are told to those who sign in: %s", cmp.Or(f.Silent, "no service answers"))
	}
	local, _, _ := strings.Cut(f.Address, "@")
	var evidence []string
	for _, s := range stepsOf(f.Asked) {
		to, ok := strings.CutPrefix(s.Said, "RedirectAddr ")
		name, _, _ := strings.Cut(to, "@")
		if ok && len(name) == len(local)-1 && strings.EqualFold(name, local[:len(local)-1]) {
			evidence = appendNew(evidence, fmt.Sprintf("%s, asked for %s, refers to %s", s.URL, f.Address, to))
		}
	}
	return diagnosis{evidence: evidence, remedy: "Gromox up to 3.10 takes the last letter off the address of a redirect: update it, or let it redirect by URL"}
}

func checkGUID(f facts) diagnosis {
	if f.Profile == nil || f.Profile.Endpoint.MAPI == nil {
		return notChecked("there is no profile for %s that points anywhere", f.Address)
	}
	old, answered := mailboxID(f.Profile.Endpoint.MAPI.MailStore), false
	var evidence []string
	for _, p := range f.Asked {
		if p.Result == nil || !strings.EqualFold(p.Result.Settings.LegacyDN, f.Profile.Endpoint.MAPI.LegacyDN) {
			continue
		}
		mapi, _ := p.Result.Settings.MAPI()
		answered = true
		if now := mailboxID(mapi.MailStore); old != "" && now != "" && !strings.EqualFold(old, now) {
			evidence = appendNew(evidence, fmt.Sprintf("the profile has %s, %s answers %s", old, p.Result.URL, now))
		}
	}
	if !answered || old == "" {
		return notChecked("no service has answered settings for the mailbox of the profile, or it has no GUID@domain: %s", cmp.Or(f.Silent, "nothing to compare"))
	}
	return diagnosis{evidence: evidence, remedy: "let Homing look for it: homing check " + f.Address + ". GUID@domain is the name of a mailbox and not of a host; where Outlook looks it up in DNS, its profile is the old one"}
}

// mailboxID is the MailboxId of the URL of a mailbox endpoint ([MS-OXCMAPIHTTP]
// 2.2.2.1), empty if it has none.
func mailboxID(mailStore string) string {
	u, err := url.Parse(mailStore)
	if err != nil {
		return ""
	}
	return u.Query().Get("MailboxId")
}

func checkTwoMailboxes(f facts) diagnosis {
	all := claims(f)
	if len(all) == 0 {
		return notChecked("no service has answered settings: %s", cmp.Or(f.Silent, "none knows the mailbox"))
	}
	if !slices.ContainsFunc(all, func(c claim) bool { return !c.same(all[0]) }) {
		return diagnosis{}
	}
	var evidence []string
	for _, c := range all {
		evidence = appendNew(evidence, c.String())
	}
	return diagnosis{evidence: evidence, remedy: "mail is split between two mailboxes: an administrator decides which one stays, and disables the other or makes it a mail user"}
}

func checkStranger(f facts) diagnosis {
	const refused = "no consent helps where a rule refuses: if you know the place, whoever announces it names it by https and by a full host name; if nobody knows it, somebody may be after passwords"
	var evidence, remedies []string
	for _, s := range stepsOf(slices.Concat(f.Probes, f.Asked)) {
		if s.Skipped && s.Verdict == trust.Refuse.String() && s.How != trust.FromDomain { // autodiscover.<domain> and <domain> are guesses, which nobody announces
			evidence, remedies = appendNew(evidence, s.URL+": "+s.Err), appendNew(remedies, refused)
		}
	}
	for _, e := range failed(f, autodiscover.Untrusted) {
		switch {
		case e.Untrusted == nil || e.Untrusted.Hop.How == trust.FromDomain && e.Untrusted.Verdict == trust.Refuse:
		case slices.ContainsFunc(evidence, func(line string) bool { return strings.HasSuffix(line, e.Untrusted.Error()) }):
		case e.Untrusted.Verdict == trust.Ask:
			evidence, remedies = append(evidence, e.Untrusted.Error()), appendNew(remedies, allow(e.Untrusted.Hop))
		default:
			evidence, remedies = append(evidence, e.Untrusted.Error()), appendNew(remedies, refused)
		}
	}
	return diagnosis{evidence: evidence, remedy: strings.Join(remedies, "; ")}
}

func checkSignIn(f facts) diagnosis {
	if f.Silent != "" || len(f.Asked) == 0 && !f.HomeTried {
		return notChecked("nobody was asked: %s", cmp.Or(f.Silent, "no service answers"))
	}
	var evidence []string
	for _, e := range failed(f, autodiscover.Unauthorized) {
		if refusedSignIn(e) {
			evidence = appendNew(evidence, e.Error())
		}
	}
	return diagnosis{evidence: evidence, remedy: "sign in anew with: homing setup " + f.Address}
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
