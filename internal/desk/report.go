package desk

import (
	"bufio"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/homing-mail/homing/agent"
	"github.com/homing-mail/homing/internal/program"
	"github.com/homing-mail/homing/internal/trust"
	"github.com/homing-mail/homing/profile"
)

// Report is what the help desk wants to know of this desk. It is plain data; what
// WriteTo writes of it is redacted.
type Report struct {
	Version string    // of the program
	Time    time.Time // of the report
	System  []Fact    // of the machine and the desktop
	Files   []Fact    // that Homing reads and writes, and whether they are there

	Config      []program.Value
	ConfigErr   error // why there is none
	Secrets     string
	Consents    []trust.Consent
	ConsentsErr error

	Status     *agent.Status // of the agent; nil: none answers
	StatusErr  error         // why
	Profiles   []Kept
	ProfileErr error // of those that cannot be read

	Log    []string // the last lines
	LogErr error

	Home  string   // directory of this user
	Names []string // of this user
}

// Fact is a line of two columns.
type Fact struct{ Name, Value string }

// Kept is a profile on disk.
type Kept struct {
	Profile profile.Profile
	History []profile.Generation // the oldest first
	Err     error                // of the history
}

// shownGenerations are the latest ones, which a report shows.
const shownGenerations = 10

// WriteTo implements io.WriterTo.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	names := slices.Clone(r.Names)
	for _, k := range r.Profiles {
		names = append(names, namesOf(k.Profile)...)
		for _, g := range k.History {
			names = append(names, namesOf(g.Profile)...)
		}
	}
	if r.Status != nil {
		for _, m := range r.Status.Mailboxes {
			names = append(names, m.Label, m.Address)
			if m.Needs != nil {
				names = append(names, m.Needs.User)
			}
		}
	}
	return r.write(w, newRedactor(r.Home, names))
}

// page writes a report. Nothing but headings, names of rows and words of enumerations
// gets there without the redactor.
type page struct {
	*redactor
	w *bufio.Writer
	n int64
}

func (p *page) line(format string, args ...any) {
	n, _ := fmt.Fprintf(p.w, format+"\n", args...) // Flush tells
	p.n += int64(n)
}

func (p *page) heading(format string, args ...any) { p.line("\n== "+format, args...) }
func (p *page) row(name, value string)             { p.pair(name, p.text(value)) }
func (p *page) place(name, value string)           { p.pair(name, p.host(value)) }

// pair is a row, unless there is nothing to say.
func (p *page) pair(name, value string) {
	if value != "" {
		p.line("%-24s %s", name, value)
	}
}

func (p *page) failure(name string, err error) {
	if err != nil {
		for _, text := range strings.Split(err.Error(), "\n") {
			p.row(name, text)
		}
	}
}

func (r *Report) write(w io.Writer, red *redactor) (int64, error) {
	p := &page{redactor: red, w: bufio.NewWriter(w)}
	p.line("Report of Homing, %s\n", stamp(r.Time))
	if !red.open {
		p.line("%s", strings.TrimSpace(redacted))
	}
	p.heading("program")
	p.row("version", r.Version)
	p.row("system", runtime.GOOS+" "+runtime.GOARCH+", "+runtime.Version())
	for _, f := range r.System {
		p.row(f.Name, f.Value)
	}
	p.heading("files")
	for _, f := range r.Files {
		p.row(f.Name, f.Value)
	}
	p.heading("configuration")
	p.failure("it cannot be read", r.ConfigErr)
	for _, v := range r.Config {
		p.line("%-24s %-36s %s", v.Key, p.value(v), p.text(v.Origin))
	}
	if r.Secrets != "" {
		p.row("a typed secret goes to", r.Secrets)
	}
	p.heading("hosts that a person has allowed")
	p.failure("they cannot be read", r.ConsentsErr)
	for _, c := range r.Consents {
		until := ""
		if !c.Expires.IsZero() {
			until = ", until " + stamp(c.Expires)
		}
		p.place(p.host(c.Host), fmt.Sprintf("for %s, since %s%s", c.MailDomain, stamp(c.Given), until))
	}
	p.heading("agent")
	p.failure("none answers", r.StatusErr)
	if r.Status != nil {
		p.row("it runs", fmt.Sprintf("%d mailboxes, change %d", len(r.Status.Mailboxes), r.Status.Seq))
		for _, m := range r.Status.Mailboxes {
			p.mailbox(m)
		}
	}
	p.failure("a profile cannot be read", r.ProfileErr)
	for _, k := range r.Profiles {
		p.kept(k)
	}
	p.heading("the last lines of the log")
	p.failure("it cannot be read", r.LogErr)
	if len(r.Log) == 0 {
		p.line("none are kept: homing-tray keeps its own, homing run logs to its standard error")
	}
	for _, l := range r.Log {
		p.line("%s", p.text(l))
	}
	return p.n, p.w.Flush()
}

// mailbox is what the agent knows of one.
func (p *page) mailbox(m agent.Mailbox) {
	p.heading("mailbox %s, %s", p.text(m.Address), p.text(string(m.ID)))
	p.row("label", m.Label)
	p.line("%-24s %s since %s", "state", m.State, stamp(m.Since))
	p.place("server", strings.TrimSpace(m.Server+" "+m.Version))
	p.row("looked", stamp(m.Looked))
	p.row("looks again", stamp(m.Next))
	p.row("generation", fmt.Sprint(m.Generation))
	if n := m.Needs; n != nil {
		p.line("%-24s %s", "needs", n.Kind)
		p.place("  of", strings.TrimSpace(n.Host+" "+n.Realm))
		p.row("  user", n.User)
		p.row("  why", n.Why)
		if n.Hop.To != "" {
			p.row("  hop", fmt.Sprintf("for %s, from %s to %s (%v)", n.Hop.MailDomain, n.Hop.From, n.Hop.To, n.Hop.How))
		}
	}
	if b := m.Problem; b != nil {
		p.line("%-24s %v, %d times from %s to %s", "problem", b.Outcome, b.Count, stamp(b.First), stamp(b.Last))
		p.row("  text", b.Text)
	}
	for i, leg := range m.Journey {
		failed := ""
		if leg.Failed {
			failed = ", failed"
		}
		p.line("journey %-3d %s %8s  %-8s %s: %s (%v%s)", i+1, leg.Time.UTC().Format("15:04:05.000"), leg.Elapsed.Round(time.Millisecond),
			p.text(leg.Step), p.host(leg.Host), p.text(leg.Said), leg.Outcome, failed)
		for _, said := range leg.Wire {
			p.line("    %s", p.text(said))
		}
	}
}

// kept is a profile with its latest generations.
func (p *page) kept(k Kept) {
	of := k.Profile
	p.heading("profile %s, %s", p.text(of.Address), p.text(string(of.ID)))
	p.row("generation", fmt.Sprintf("%d, proven: %v, saved %s", of.Generation, of.Proven, stamp(of.Saved)))
	if m := of.Endpoint.MAPI; m != nil {
		p.place("mail store", m.MailStore)
		p.place("address book", m.AddressBook)
		p.row("legacy dn", m.LegacyDN)
	}
	p.place("autodiscover", of.Endpoint.Autodiscover)
	p.row("routing address", of.Endpoint.Routing)
	for _, l := range of.Logins {
		kind, _, _ := strings.Cut(l.Secret, ":")
		p.line("%-24s %s as %s, at least %s, secret in: %s", "sign-in", p.host(l.Realm), p.text(l.User), p.text(l.Weakest), p.text(kind))
	}
	p.row("server version", of.Identity.ServerVersion)
	p.failure("its history", k.Err)
	if older := len(k.History) - shownGenerations; older > 0 {
		p.line("%-24s %d, not shown", "older generations", older)
	}
	for _, g := range k.History[max(0, len(k.History)-shownGenerations):] {
		p.line("%-24s %s: %s", fmt.Sprintf("generation %d", g.Profile.Generation), stamp(g.Profile.Saved), p.text(g.Reason.Text))
		for _, h := range g.Reason.Hops {
			p.line("  %s %s: %s", p.text(h.Step), p.host(h.Host), p.text(h.Said))
		}
		for _, c := range g.Changes {
			p.line("  %s: %s -> %s", p.text(c.Field), p.text(c.Old), p.text(c.New))
		}
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}
